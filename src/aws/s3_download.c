#include <stdio.h>

#include "keepone/base/mem.h"
#include "s3_priv.h"

/*
 * Ranges are fetched side by side, because one connection to S3 is slower than a network, and
 * because what is in flight is then bounded without ever holding a connection back.  The first
 * is small: many objects are.  Each later one is twice as large, up to the download's share of
 * what all downloads may hold.
 */
enum {
    RANGES = 4,
    FIRST_RANGE_BYTES = 256 * 1024,
    RANGE_BYTES_MAX = 8 * 1024 * 1024,
    RANGE_TEXT_BYTES = 64
};

struct range {
    struct ko_s3_call call;
    struct ko_s3_download *download;
    char *data;
    size_t capacity;
    uint64_t first; /* offset in the object */
    size_t n;       /* wanted */
    size_t n_received;
    size_t n_before; /* received before the attempt */
    bool has_head;   /* of the attempt */
    char text[RANGE_TEXT_BYTES];
};

/* Ranges lie in a ring, in the order of the object. */
struct ko_s3_download {
    struct ko_s3 *client;
    struct ko_s3_location at;
    char etag[KO_S3_ETAG_BYTES]; /* "" = not known */
    bool has_size;
    uint64_t size_bytes;
    uint64_t offset;      /* of the next byte for the reader */
    uint64_t next_offset; /* of the next range */
    size_t range_bytes;   /* of the next range */
    struct range ranges[RANGES];
    unsigned first;
    unsigned n_ranges;
};

static struct range *
range_at(struct ko_s3_download *download, unsigned i)
{
    return &download->ranges[(download->first + i) % RANGES];
}

/* What was received stays: an attempt asks for the rest alone, and of the same version. */
static void
prepare_range(struct ko_s3_call *call)
{
    struct range *const range = call->owner;
    const char *const etag = range->download->etag;
    const int n = snprintf(range->text, sizeof range->text, "bytes=%llu-%llu",
                           (unsigned long long) range->first + range->n_received,
                           (unsigned long long) range->first + range->n - 1);

    if (range->n_received > range->n_before)
        call->retry.n_faults = 0;
    range->n_before = range->n_received;
    range->has_head = false;
    call->headers[0] = (struct ko_header){KO_SLICE("Range"), {range->text, (size_t) n}};
    call->headers[1] = (struct ko_header){KO_SLICE("If-Match"), ko_slice_of(etag)};
    call->n_headers = etag[0] != '\0' ? 2 : 1;
}

/* The object's size and version, from the first reply. */
static bool
learn_object(struct range *range, const struct ko_http_response *head, uint64_t total_bytes)
{
    struct ko_s3_download *const download = range->download;
    const struct ko_slice etag = ko_http_header(head, "ETag");

    if (download->has_size)
        return total_bytes == download->size_bytes &&
               (download->etag[0] == '\0' || ko_slice_equal(etag, ko_slice_of(download->etag)));
    download->has_size = true;
    download->size_bytes = total_bytes;
    if (etag.n > 0 && etag.n < sizeof download->etag && etag.data[0] == '"')
        (void) snprintf(download->etag, sizeof download->etag, "%.*s", KO_SLICE_ARG(etag));
    if (total_bytes < range->n)
        range->n = (size_t) total_bytes;
    download->next_offset = range->n;
    return true;
}

/* Is this the rest of the range that was asked for? */
static bool
check_head(struct range *range, const struct ko_http_response *head)
{
    const struct ko_slice content_range = ko_http_header(head, "Content-Range");
    const uint64_t first = range->first + range->n_received;
    struct ko_s3_range told = {0};

    if (head->status == 206 && !range->download->has_size && ko_s3_is_of_nothing(content_range)) {
        range->download->has_size = true;
        range->call.unwanted = "the object has no bytes";
        return false;
    }
    if (head->status == 200 && first == 0 &&
        ko_s3_read_number(ko_http_header(head, "Content-Length"), &told.total_bytes) &&
        told.total_bytes <= range->n) {
        told.n = told.total_bytes;
    } else if (head->status != 206 || !ko_s3_read_range(content_range, &told) ||
               told.first != first) {
        range->call.unwanted = "the server does not answer with the range that was asked for";
        return false;
    }
    if (!learn_object(range, head, told.total_bytes)) {
        range->call.unwanted = "its ETag or size has changed";
        range->call.unwanted_fault = KO_FAULT_CONDITION;
        return false;
    }
    range->has_head = true;
    return true;
}

static bool
take_piece(void *self, const struct ko_http_response *head, struct ko_slice piece)
{
    struct range *const range = ((struct ko_s3_call *) self)->owner;

    if (!range->has_head && !check_head(range, head))
        return false;
    if (piece.n > range->n - range->n_received) {
        range->call.unwanted = "the reply is longer than the range that was asked for";
        return false;
    }
    memcpy(range->data + range->n_received, piece.data, piece.n);
    range->n_received += piece.n;
    return true;
}

static bool
is_whole(struct ko_s3_call *call)
{
    struct range *const range = call->owner;
    const struct ko_http_response head = {.status = call->status,
                                          .headers = ko_buf_slice(&call->headers_text)};

    /* No piece has come: of an object of no bytes, none does. */
    if (!range->has_head && !check_head(range, &head))
        return false;
    call->unwanted = "the reply is shorter than it says";
    return range->n_received == range->n;
}

/* What this download may hold in one range. */
static size_t
range_bytes_max(const struct ko_s3_download *download)
{
    const struct ko_s3 *const client = download->client;
    const uint64_t share = client->read_ahead_bytes / client->n_downloads / RANGES;

    if (share >= RANGE_BYTES_MAX)
        return RANGE_BYTES_MAX;
    return share > FIRST_RANGE_BYTES ? (size_t) share : FIRST_RANGE_BYTES;
}

/* A buffer is kept from range to range unless that holds twice what is needed. */
static enum ko_code
make_room(struct range *range, size_t n, struct ko_error *err)
{
    if (range->capacity >= n && range->capacity / 2 <= n)
        return KO_OK;
    ko_free(range->data);
    range->data = ko_alloc(n, err);
    range->capacity = range->data == NULL ? 0 : n;
    return err->code;
}

static enum ko_code
start_range(struct ko_s3_download *download, size_t n, struct ko_error *err)
{
    struct range *const range = range_at(download, download->n_ranges);

    KO_TRY(make_room(range, n, err));
    range->download = download;
    range->first = download->next_offset;
    range->n = n;
    range->n_received = 0;
    range->n_before = 0;
    range->call.client = download->client;
    range->call.method = "GET";
    range->call.at = &download->at;
    range->call.owner = range;
    range->call.prepare = prepare_range;
    range->call.piece = take_piece;
    range->call.is_whole = is_whole;
    ko_s3_start(&range->call);
    download->next_offset += n;
    download->n_ranges++;

done:
    return err->code;
}

static enum ko_code
start_ranges(struct ko_s3_download *download, struct ko_error *err)
{
    while (download->has_size && download->n_ranges < RANGES &&
           download->next_offset < download->size_bytes) {
        const uint64_t left = download->size_bytes - download->next_offset;
        const size_t most = range_bytes_max(download);

        download->range_bytes = download->range_bytes < most / 2 ? 2 * download->range_bytes : most;
        KO_TRY(start_range(
            download, left < download->range_bytes ? (size_t) left : download->range_bytes, err));
    }

done:
    return err->code;
}

enum ko_code
ko_s3_download_open(struct ko_s3 *client, const struct ko_s3_location *at,
                    struct ko_s3_download **download, struct ko_error *err)
{
    struct ko_s3_download *made = ko_alloc(sizeof *made, err);

    if (made == NULL)
        return err->code;
    client->n_downloads++;
    made->client = client;
    made->at = *at;
    made->range_bytes = FIRST_RANGE_BYTES;
    KO_TRY(start_range(made, FIRST_RANGE_BYTES, err));
    KO_TRY(ko_s3_step(client, err));
    *download = made;
    return KO_OK;

done:
    ko_s3_download_close(made);
    return err->code;
}

void
ko_s3_download_close(struct ko_s3_download *download)
{
    if (download == NULL)
        return;
    for (unsigned i = 0; i < RANGES; i++) {
        if (download->ranges[i].call.client != NULL)
            ko_s3_clear(&download->ranges[i].call);
        ko_free(download->ranges[i].data);
    }
    download->client->n_downloads--;
    ko_free(download);
}

/* Bytes that the reader can have now. */
static size_t
n_readable(struct ko_s3_download *download)
{
    const struct range *const range = range_at(download, 0);

    return download->n_ranges == 0 || !download->has_size
               ? 0
               : (size_t) (range->first + range->n_received - download->offset);
}

static bool
is_at_end(const struct ko_s3_download *download)
{
    return download->has_size && download->offset == download->size_bytes;
}

/* An object of no bytes has no first byte to ask for. */
static bool
is_empty(const struct ko_s3_download *download, const struct ko_s3_call *call)
{
    return download->has_size ? download->size_bytes == 0 : call->status == 416;
}

/* Drops the first range once all of it was read. */
static void
drop_range(struct ko_s3_download *download)
{
    const struct range *const range = range_at(download, 0);

    if (download->n_ranges == 0 || !download->has_size || range->call.state != KO_S3_DONE ||
        range->call.fault != KO_FAULT_NONE || download->offset != range->first + range->n)
        return;
    download->first = (download->first + 1) % RANGES;
    download->n_ranges--;
}

/* Looks at what has come; starts what may be started. */
static enum ko_code
advance(struct ko_s3_download *download, struct ko_error *err)
{
    const struct range *range;

    KO_TRY(ko_s3_step(download->client, err));
    drop_range(download);
    range = range_at(download, 0);
    if (download->n_ranges > 0 && range->call.state == KO_S3_DONE) {
        if (is_empty(download, &range->call)) {
            download->has_size = true;
            download->n_ranges = 0;
        } else if (range->call.fault != KO_FAULT_NONE && n_readable(download) == 0) {
            KO_TRY(ko_s3_fail(&range->call, "reading", err));
        }
    }
    KO_TRY(start_ranges(download, err));

done:
    return err->code;
}

bool
ko_s3_download_is_ready(struct ko_s3_download *download)
{
    struct ko_error err = {0};

    return advance(download, &err) != KO_OK || n_readable(download) > 0 || is_at_end(download);
}

/* Gives the reader what it can have of the first range. */
static size_t
take(struct ko_s3_download *download, void *to, size_t n)
{
    const struct range *const range = range_at(download, 0);
    const size_t readable = n_readable(download);

    if (n > readable)
        n = readable;
    memcpy(to, range->data + (download->offset - range->first), n);
    download->offset += n;
    return n;
}

enum ko_code
ko_s3_download_read(struct ko_s3_download *download, void *to, size_t n, size_t *n_read,
                    struct ko_error *err)
{
    *n_read = 0;
    for (;;) {
        KO_TRY(advance(download, err));
        if (is_at_end(download))
            break;
        if (n_readable(download) > 0) {
            *n_read = take(download, to, n);
            break;
        }
        ko_s3_wait(download->client, KO_S3_CALL_WAIT_US);
    }

done:
    return err->code;
}

void
ko_s3_download_wait(struct ko_s3_download *download, uint64_t max_us)
{
    ko_s3_wait(download->client, max_us);
}
