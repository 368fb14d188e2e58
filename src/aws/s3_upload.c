#include <stdio.h>

#include "keepone/aws/xml.h"
#include "keepone/base/mem.h"
#include "s3_priv.h"

/*
 * Up to one part's bytes are kept and go out in one PUT at the end.  More begin a multipart upload:
 * while one buffer is on its way, the other is filled.
 */
enum {
    PART_BYTES = 8 * 1024 * 1024,
    PARTS_MAX = 10000, /* S3's limit */
    LATER_MAX = 8

};

struct ko_s3_upload {
    struct ko_s3 *client;
    struct ko_s3_location at;
    struct ko_buf buffers[2];
    unsigned filling; /* which of them; the other one may be on its way */
    struct ko_s3_call call;
    struct ko_buf id; /* as a value in a query; empty = no multipart upload */
    struct ko_buf parts;
    unsigned n_parts;   /* sent, or on their way */
    unsigned n_settled; /* in `parts` */
    uint64_t n_bytes;

    bool is_later; /* in the client's list */
    struct ko_s3_upload *next;
};

enum ko_code
ko_s3_upload_open(struct ko_s3 *client, const struct ko_s3_location *at,
                  struct ko_s3_upload **upload, struct ko_error *err)
{
    struct ko_s3_upload *made = ko_alloc(sizeof *made, err);

    if (made == NULL)
        return err->code;
    made->client = client;
    made->at = *at;
    made->call.client = client;
    made->call.at = &made->at;
    *upload = made;
    return KO_OK;
}

static void
free_upload(struct ko_s3_upload *upload)
{
    ko_s3_clear(&upload->call);
    for (unsigned i = 0; i < 2; i++)
        ko_buf_clear(&upload->buffers[i]);
    ko_buf_clear(&upload->id);
    ko_buf_clear(&upload->parts);
    ko_free(upload);
}

static void
set_request(struct ko_s3_upload *upload, const char *method, struct ko_slice body)
{
    struct ko_s3_call *const call = &upload->call;

    KO_ASSERT(call->state == KO_S3_IDLE || call->state == KO_S3_DONE);
    call->method = method;
    call->body = body;
    call->has_checksum = strcmp(method, "PUT") == 0;
    call->is_refused_in_200 = false;
    call->acts_once = false;
    call->n_headers = 0;
    ko_buf_reset(&call->query);
}

static void
add_upload_id(struct ko_s3_upload *upload)
{
    ko_buf_add_text(&upload->call.query, "uploadId=");
    ko_buf_add_slice(&upload->call.query, ko_buf_slice(&upload->id));
}

static enum ko_code
begin_parts(struct ko_s3_upload *upload, struct ko_error *err)
{
    struct ko_buf id = {0};
    bool found = false;

    set_request(upload, "POST", KO_SLICE(""));
    ko_buf_add_text(&upload->call.query, "uploads=");
    upload->call.headers[upload->call.n_headers++] =
        (struct ko_header){KO_SLICE("X-Amz-Checksum-Algorithm"), KO_SLICE("SHA256")};
    if (!ko_s3_run(&upload->call))
        KO_TRY(ko_s3_fail(&upload->call, "writing", err));
    KO_TRY(ko_xml_find(ko_buf_slice(&upload->call.reply), "InitiateMultipartUploadResult/UploadId",
                       &id, &found, err));
    if (id.n == 0)
        KO_TRY(ko_fail(err, KO_E_AWS, "writing 's3://%s/%s': the server gives no upload id",
                       upload->at.bucket, upload->at.key));
    ko_s3_add_value(&upload->id, ko_buf_slice(&id));
    KO_TRY(ko_buf_finish(&upload->id, err));

done:
    ko_buf_clear(&id);
    return err->code;
}

/* Waits for the part on its way, and notes its ETag. */
static enum ko_code
settle_part(struct ko_s3_upload *upload, struct ko_error *err)
{
    struct ko_slice etag;

    if (upload->n_settled == upload->n_parts)
        return KO_OK;
    ko_s3_finish(&upload->call);
    if (upload->call.fault != KO_FAULT_NONE)
        return ko_s3_fail(&upload->call, "writing", err);
    etag = ko_s3_header(&upload->call, "ETag");
    if (etag.n == 0 || memchr(etag.data, '<', etag.n) != NULL ||
        memchr(etag.data, '&', etag.n) != NULL)
        return ko_fail(err, KO_E_AWS, "writing 's3://%s/%s': a part has no ETag", upload->at.bucket,
                       upload->at.key);
    ko_buf_add_format(&upload->parts,
                      "<Part><PartNumber>%u</PartNumber><ETag>%.*s</ETag>"
                      "<ChecksumSHA256>%.*s</ChecksumSHA256></Part>",
                      upload->n_parts, KO_SLICE_ARG(etag),
                      KO_SLICE_ARG(ko_buf_slice(&upload->call.checksum)));
    upload->n_settled++;
    return ko_buf_finish(&upload->parts, err);
}

/* The filled buffer goes out; the other one is filled next. */
static enum ko_code
send_part(struct ko_s3_upload *upload, struct ko_error *err)
{
    if (upload->id.n == 0)
        KO_TRY(begin_parts(upload, err));
    KO_TRY(settle_part(upload, err));
    if (upload->n_parts == PARTS_MAX)
        KO_TRY(ko_fail(err, KO_E_IO, "writing 's3://%s/%s': more than %d parts of %d MiB",
                       upload->at.bucket, upload->at.key, PARTS_MAX, PART_BYTES / 1024 / 1024));
    set_request(upload, "PUT", ko_buf_slice(&upload->buffers[upload->filling]));
    ko_buf_add_format(&upload->call.query, "partNumber=%u&", ++upload->n_parts);
    add_upload_id(upload);
    ko_s3_start(&upload->call);
    upload->filling = 1 - upload->filling;
    ko_buf_reset(&upload->buffers[upload->filling]);
    KO_TRY(ko_s3_step(upload->client, err));

done:
    return err->code;
}

enum ko_code
ko_s3_upload_add(struct ko_s3_upload *upload, struct ko_slice content, struct ko_error *err)
{
    while (content.n > 0) {
        struct ko_buf *const buffer = &upload->buffers[upload->filling];
        const size_t room = PART_BYTES - buffer->n;
        const size_t n = content.n < room ? content.n : room;

        if (n == 0) { /* the last part, which may be small, is not known before there is more */
            KO_TRY(send_part(upload, err));
            continue;
        }
        ko_buf_add(buffer, content.data, n);
        KO_TRY(ko_buf_finish(buffer, err));
        content.data += n;
        content.n -= n;
        upload->n_bytes += n;
    }

done:
    return err->code;
}

/* After a completion without an answer, the upload is not known any more where it has acted. */
static bool
is_completed(struct ko_s3_upload *upload)
{
    struct ko_error ignored = {0};
    uint64_t size_bytes = 0;
    bool exists = false;

    return upload->call.may_have_acted && upload->call.fault == KO_FAULT_NOT_FOUND &&
           ko_s3_stat(upload->client, &upload->at, &exists, &size_bytes, &ignored) == KO_OK &&
           exists && size_bytes == upload->n_bytes;
}

static enum ko_code
complete_parts(struct ko_s3_upload *upload, struct ko_error *err)
{
    struct ko_buf body = {0};

    KO_TRY(send_part(upload, err));
    KO_TRY(settle_part(upload, err));
    ko_buf_add_text(&body, "<CompleteMultipartUpload>");
    ko_buf_add_slice(&body, ko_buf_slice(&upload->parts));
    ko_buf_add_text(&body, "</CompleteMultipartUpload>");
    KO_TRY(ko_buf_finish(&body, err));
    set_request(upload, "POST", ko_buf_slice(&body));
    upload->call.is_refused_in_200 = true;
    upload->call.acts_once = true;
    add_upload_id(upload);
    if (!ko_s3_run(&upload->call) && !is_completed(upload))
        (void) ko_s3_fail(&upload->call, "writing", err);

done:
    ko_s3_cancel(&upload->call);
    ko_buf_clear(&body);
    return err->code;
}

enum ko_code
ko_s3_upload_finish(struct ko_s3_upload *upload, struct ko_error *err)
{
    if (upload->id.n > 0) {
        KO_TRY(complete_parts(upload, err));
    } else {
        set_request(upload, "PUT", ko_buf_slice(&upload->buffers[0]));
        if (!ko_s3_run(&upload->call))
            KO_TRY(ko_s3_fail(&upload->call, "writing", err));
    }
    free_upload(upload);
    return KO_OK;

done:
    ko_s3_upload_abandon(upload);
    return err->code;
}

static void
leave_later(struct ko_s3_upload *upload)
{
    struct ko_s3_upload **at = &upload->client->later;

    while (*at != upload)
        at = &(*at)->next;
    *at = upload->next;
    upload->client->n_later--;
    upload->is_later = false;
}

void
ko_s3_upload_abandon(struct ko_s3_upload *upload)
{
    if (upload == NULL)
        return;
    if (upload->is_later)
        leave_later(upload);
    ko_s3_cancel(&upload->call);
    if (upload->id.n > 0) {
        set_request(upload, "DELETE", (struct ko_slice){NULL, 0});
        add_upload_id(upload);
        (void) ko_s3_run(&upload->call); /* else a rule of the bucket removes it */
    }
    free_upload(upload);
}

/* Waits for the oldest. */
static enum ko_code
finish_oldest(struct ko_s3 *client, struct ko_error *err)
{
    struct ko_s3_upload *const upload = client->later;

    ko_s3_finish(&upload->call);
    if (upload->call.fault != KO_FAULT_NONE)
        (void) ko_s3_fail(&upload->call, "writing", err);
    leave_later(upload);
    free_upload(upload);
    return err->code;
}

enum ko_code
ko_s3_upload_finish_later(struct ko_s3_upload *upload, struct ko_error *err)
{
    struct ko_s3 *const client = upload->client;
    struct ko_s3_upload **last = &client->later;

    if (upload->id.n > 0)
        return ko_s3_upload_finish(upload, err);
    if (client->n_later == LATER_MAX)
        KO_TRY(finish_oldest(client, err));
    set_request(upload, "PUT", ko_buf_slice(&upload->buffers[0]));
    ko_s3_start(&upload->call);
    while (*last != NULL)
        last = &(*last)->next;
    *last = upload;
    upload->is_later = true;
    client->n_later++;
    return ko_s3_step(client, err);

done:
    ko_s3_upload_abandon(upload);
    return err->code;
}

enum ko_code
ko_s3_sync(struct ko_s3 *client, struct ko_error *err)
{
    struct ko_error second = {0};

    while (client->later != NULL)
        (void) finish_oldest(client, err->code == KO_OK ? err : &second);
    return err->code;
}
