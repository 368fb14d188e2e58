#include <stdio.h>

#include "s3_priv.h"

/*
 * A look at an object is a GET of its first byte, not a HEAD: an error then has a body that says
 * whether the token has expired, the clock is off or the service wants us to slow down.
 */
struct look {
    struct ko_s3_call call;
    bool is_known;
    uint64_t size_bytes;
};

static bool
take_size(void *self, const struct ko_http_response *head, struct ko_slice piece)
{
    struct look *const look = ((struct ko_s3_call *) self)->owner;
    const struct ko_slice content_range = ko_http_header(head, "Content-Range");
    struct ko_s3_range range = {0};

    (void) piece;
    if (head->status == 206)
        look->is_known =
            ko_s3_is_of_nothing(content_range) || ko_s3_read_range(content_range, &range);
    else
        look->is_known =
            ko_s3_read_number(ko_http_header(head, "Content-Length"), &range.total_bytes);
    look->size_bytes = range.total_bytes;
    return head->status == 206 && range.n == 1; /* or more is coming than was asked for */
}

static struct ko_s3_call
make_call(struct ko_s3 *client, const char *method, const struct ko_s3_location *at)
{
    return (struct ko_s3_call){.client = client, .method = method, .at = at};
}

enum ko_code
ko_s3_stat(struct ko_s3 *client, const struct ko_s3_location *at, bool *exists,
           uint64_t *size_bytes, struct ko_error *err)
{
    struct look look = {.call = make_call(client, "GET", at)};
    bool is_empty;

    look.call.owner = &look;
    look.call.piece = take_size;
    look.call.headers[look.call.n_headers++] =
        (struct ko_header){KO_SLICE("Range"), KO_SLICE("bytes=0-0")};
    (void) ko_s3_run(&look.call);
    is_empty = look.call.status == 416 ||
               (look.call.fault == KO_FAULT_NONE && !look.is_known &&
                ko_slice_equal(ko_s3_header(&look.call, "Content-Length"), KO_SLICE("0")));
    *exists = look.is_known || is_empty;
    *size_bytes = look.is_known ? look.size_bytes : 0;
    if (!*exists && look.call.fault == KO_FAULT_NONE)
        (void) ko_fail(err, KO_E_AWS, "the size of 's3://%s/%s' is not told", at->bucket, at->key);
    else if (!*exists && !ko_s3_is_missing(&look.call))
        (void) ko_s3_fail(&look.call, "looking at", err);
    ko_s3_clear(&look.call);
    return err->code;
}

enum ko_code
ko_s3_read(struct ko_s3 *client, const struct ko_s3_location *at, uint64_t max_bytes,
           struct ko_buf *out, struct ko_error *err)
{
    enum { PIECE_BYTES = 256 * 1024 };
    struct ko_s3_download *download = NULL;
    uint64_t n_total = 0;
    size_t n = 1;

    KO_TRY(ko_s3_download_open(client, at, &download, err));
    while (n > 0) {
        char *const room = ko_buf_reserve(out, PIECE_BYTES);

        if (room == NULL)
            KO_TRY(ko_buf_finish(out, err));
        KO_TRY(ko_s3_download_read(download, room, PIECE_BYTES, &n, err));
        ko_buf_commit(out, n);
        n_total += n;
        if (n_total > max_bytes)
            KO_TRY(ko_fail(err, KO_E_CORRUPT, "'s3://%s/%s' is larger than %llu bytes", at->bucket,
                           at->key, (unsigned long long) max_bytes));
    }

done:
    ko_s3_download_close(download);
    return err->code;
}

enum ko_code
ko_s3_put(struct ko_s3 *client, const struct ko_s3_location *at, struct ko_slice content,
          struct ko_error *err)
{
    struct ko_s3_call call = make_call(client, "PUT", at);

    call.body = content.data == NULL ? KO_SLICE("") : content;
    call.has_checksum = true;
    if (!ko_s3_run(&call))
        (void) ko_s3_fail(&call, "writing", err);
    ko_s3_clear(&call);
    return err->code;
}

/* After our own attempt without an answer: is what stands there ours? */
static enum ko_code
compare_content(struct ko_s3 *client, const struct ko_s3_location *at, struct ko_slice content,
                bool *is_ours, struct ko_error *err)
{
    struct ko_buf found = {0};

    if (ko_s3_read(client, at, content.n, &found, err) == KO_OK)
        *is_ours = ko_slice_equal(ko_buf_slice(&found), content);
    else if (err->code == KO_E_CORRUPT) /* larger, and so another's */
        *err = (struct ko_error){0};
    ko_buf_clear(&found);
    return err->code;
}

enum ko_code
ko_s3_create(struct ko_s3 *client, const struct ko_s3_location *at, struct ko_slice content,
             bool *created, struct ko_error *err)
{
    struct ko_s3_call call = make_call(client, "PUT", at);
    uint64_t size_bytes;
    bool exists = true;

    *created = false;
    call.body = content.data == NULL ? KO_SLICE("") : content;
    call.has_checksum = true;
    call.acts_once = true;
    call.headers[call.n_headers++] = (struct ko_header){KO_SLICE("If-None-Match"), KO_SLICE("*")};
    KO_TRY(ko_s3_stat(client, at, &exists, &size_bytes, err));
    if (exists)
        goto done;
    *created = ko_s3_run(&call);
    if (!*created && call.fault != KO_FAULT_CONDITION)
        (void) ko_s3_fail(&call, "creating", err);
    else if (!*created && call.may_have_acted)
        (void) compare_content(client, at, call.body, created, err);

done:
    ko_s3_clear(&call);
    return err->code;
}
