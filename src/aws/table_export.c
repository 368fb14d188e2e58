#include "keepone/aws/table_export.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "keepone/format/digest.h"
#include "keepone/format/json.h"
#include "keepone/record/time.h"
#include "table_priv.h"

enum { CALL_WAIT_US = 100 * 1000 };

/* ---- requests ---- */

static void
add_text(struct ko_buf *out, const char *name, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    ko_buf_add_format(out, ",\"%s\":", name);
    ko_json_add_string(out, ko_slice_of(text));
}

static void
add_members(const struct ko_table_export_request *request, struct ko_buf *out)
{
    ko_buf_add_text(out, "{\"TableArn\":");
    ko_json_add_string(out, ko_slice_of(request->table_arn));
    add_text(out, "S3Bucket", request->bucket);
    add_text(out, "S3Prefix", request->prefix);
    add_text(out, "S3BucketOwner", request->bucket_owner);
    if (request->kms_key != NULL)
        add_text(out, "S3SseAlgorithm", "KMS");
    add_text(out, "S3SseKmsKeyId", request->kms_key);
    add_text(out, "ExportFormat", "DYNAMODB_JSON");
    if (request->until_s == 0) {
        add_text(out, "ExportType", "FULL_EXPORT");
        if (request->at_s != 0)
            ko_buf_add_format(out, ",\"ExportTime\":%" PRId64, request->at_s);
    } else {
        add_text(out, "ExportType", "INCREMENTAL_EXPORT");
        ko_buf_add_format(out,
                          ",\"IncrementalExportSpecification\":{\"ExportFromTime\":%" PRId64
                          ",\"ExportToTime\":%" PRId64 ",\"ExportViewType\":\"NEW_IMAGE\"}",
                          request->from_s, request->until_s);
    }
}

void
ko_table_export_add_request(const struct ko_table_export_request *request, struct ko_buf *out)
{
    const size_t start = out->n;
    char token[KO_SHA256_HEX_BYTES] = "";

    add_members(request, out);
    if (out->failed)
        return;
    ko_sha256_hex((struct ko_slice){out->data + start, out->n - start}, token);
    token[KO_EXPORT_TOKEN_BYTES - 1] = '\0';
    add_text(out, "ClientToken", token);
    ko_buf_add_char(out, '}');
}

/* ---- replies ---- */

/* A time in seconds, with or without a fraction; 0 if there is none. */
static enum ko_code
read_time(struct ko_slice object, const char *name, int64_t *seconds, struct ko_error *err)
{
    struct ko_slice value = {NULL, 0};
    struct ko_time time;

    *seconds = 0;
    if (ko_table_open(object, name, &value, err) != KO_OK || value.data == NULL)
        return err->code;
    if (!ko_time_parse(value, &time))
        return ko_fail(err, KO_E_CORRUPT, "'%s' is %.*s, which is no time", name,
                       value.n > 40 ? 40 : (int) value.n, value.data);
    *seconds = time.seconds;
    return KO_OK;
}

/* What others wrote goes to terminals. */
static void
make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char) *text < ' ' || *text == 0x7f)
            *text = ' ';
    }
}

/* A text of which only the beginning matters. */
static enum ko_code
read_long_text(struct ko_slice object, const char *name, char to[KO_EXPORT_FAILURE_BYTES],
               struct ko_error *err)
{
    struct ko_slice value = {NULL, 0};
    struct ko_buf text = {0};

    KO_TRY(ko_table_open(object, name, &value, err));
    if (value.data == NULL)
        goto done;
    KO_TRY(ko_json_decode_string(value, &text, err));
    KO_TRY(ko_buf_finish(&text, err));
    (void) snprintf(to, KO_EXPORT_FAILURE_BYTES, "%.*s", KO_SLICE_ARG(ko_buf_slice(&text)));
    make_printable(to);

done:
    ko_buf_clear(&text);
    return err->code;
}

/*
 * The folder of the manifest, which the service names by its key as soon as the export is complete.
 * Some samples of replies show keys without the prefix.
 */
static enum ko_code
read_path(struct ko_slice description, struct ko_table_export *export, struct ko_error *err)
{
    char bucket[KO_EXPORT_BUCKET_BYTES];
    char prefix[KO_EXPORT_KEY_BYTES];
    char key[KO_EXPORT_KEY_BYTES];
    char *slash;
    size_t n;
    bool has_prefix;

    KO_TRY(ko_table_text(description, "S3Bucket", bucket, sizeof bucket, err));
    KO_TRY(ko_table_text(description, "S3Prefix", prefix, sizeof prefix, err));
    KO_TRY(ko_table_text(description, "ExportManifest", key, sizeof key, err));
    slash = strrchr(key, '/');
    if (slash == NULL || bucket[0] == '\0')
        return KO_OK;
    *slash = '\0';
    for (n = strlen(prefix); n > 0 && prefix[n - 1] == '/'; n--)
        prefix[n - 1] = '\0';
    has_prefix = n == 0 || (strncmp(key, prefix, n) == 0 && key[n] == '/');
    if (snprintf(export->path, sizeof export->path, "s3://%s/%s%s%s", bucket,
                 has_prefix ? "" : prefix, has_prefix ? "" : "/", key) >= (int) sizeof export->path)
        return ko_fail(err, KO_E_CORRUPT, "the path of the manifest is too long");
    make_printable(export->path);

done:
    return err->code;
}

static enum ko_code
read_window(struct ko_slice description, struct ko_table_export *export, struct ko_error *err)
{
    struct ko_slice window = {NULL, 0};

    KO_TRY(ko_table_open(description, "IncrementalExportSpecification", &window, err));
    export->is_incremental = window.data != NULL;
    if (!export->is_incremental)
        return read_time(description, "ExportTime", &export->at_s, err);
    KO_TRY(read_time(window, "ExportFromTime", &export->from_s, err));
    KO_TRY(read_time(window, "ExportToTime", &export->until_s, err));

done:
    return err->code;
}

enum ko_code
ko_table_export_read(struct ko_slice reply, struct ko_table_export *export, struct ko_error *err)
{
    struct ko_slice description = {NULL, 0};

    *export = (struct ko_table_export){.n_items = 0};
    KO_TRY(ko_table_member(reply, "ExportDescription", &description, err));
    KO_TRY(ko_table_required(description, "ExportArn", export->arn, sizeof export->arn, err));
    KO_TRY(
        ko_table_required(description, "ExportStatus", export->status, sizeof export->status, err));
    make_printable(export->arn);
    make_printable(export->status);
    KO_TRY(read_path(description, export, err));
    KO_TRY(read_window(description, export, err));
    KO_TRY(read_time(description, "StartTime", &export->started_s, err));
    KO_TRY(ko_table_count(description, "ItemCount", &export->n_items, err));
    KO_TRY(ko_table_count(description, "BilledSizeBytes", &export->billed_bytes, err));
    KO_TRY(read_long_text(description, "FailureCode", export->failure_code, err));
    KO_TRY(read_long_text(description, "FailureMessage", export->failure_message, err));

done:
    return err->code;
}

/* ---- calls ---- */

/* Failures that only exports have, each with what to do. */
static const struct {
    const char *error_code;
    enum ko_code code;
    const char *hint;
} failures[] = {
    {"PointInTimeRecoveryUnavailableException", KO_E_REFUSED,
     "switch point-in-time recovery on for the table; exports reach back to that moment."},
    {"InvalidExportTimeException", KO_E_OPTION,
     "give times at which point-in-time recovery was on, within its period, not in the future."},
    {"ExportConflictException", KO_E_REFUSED,
     "an export with the same token and other values is under way; give another --at, --from or "
     "--to, or wait for it with --arn."},
    {"ExportNotFoundException", KO_E_OPTION,
     "check --arn, --region and --endpoint; an export is named "
     "arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/export/ID."},
    {"LimitExceededException", KO_E_THROTTLED,
     "too many exports of this account are under way; run the same command again when some are "
     "done."},
};

/* Where a call waits for its reply. */
struct waiter {
    const char *what;
    struct ko_table_export *export;
    bool is_done;
    struct ko_error err;
};

static void
fail_reply(const struct ko_dynamodb_reply *reply, const char *what, struct ko_error *err)
{
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        if (strcmp(reply->error_code, failures[i].error_code) != 0)
            continue;
        (void) ko_fail(err, failures[i].code, "%s: %s: %s", what, reply->error_code,
                       reply->message);
        ko_hint(err, "%s", failures[i].hint);
        return;
    }
    if (reply->fault == KO_FAULT_UNKNOWN_OPERATION) {
        (void) ko_fail(err, KO_E_REFUSED, "%s: %s knows no exports", what, reply->endpoint->url);
        ko_hint(err, "DynamoDB Local and most servers for tests have none; scan the table.");
        return;
    }
    (void) ko_dynamodb_reply_error(reply, what, err);
}

static enum ko_code
end_waiting(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    struct waiter *waiter = self;

    (void) err;
    waiter->is_done = true;
    if (reply->kind != KO_REPLY_OK)
        fail_reply(reply, waiter->what, &waiter->err);
    else if (ko_table_export_read(reply->body, waiter->export, &waiter->err) != KO_OK)
        ko_context(&waiter->err, "%s: the reply", waiter->what);
    return KO_OK;
}

/*
 * A start is no write here: what is sent twice has the same token.  After a failure of the client,
 * or a stop, the call may still be under way: the client is then only good for its close.
 */
static enum ko_code
call(struct ko_dynamodb *client, const char *operation, struct ko_slice body, const char *what,
     const struct ko_table_export_stop *stop, struct ko_table_export *export, struct ko_error *err)
{
    struct waiter waiter = {.what = what, .export = export};
    const struct ko_dynamodb_call request = {
        .operation = operation, .body = body, .done = end_waiting, .self = &waiter};

    KO_TRY(ko_dynamodb_send(client, &request, err));
    while (!waiter.is_done) {
        KO_TRY(ko_dynamodb_step(client, err));
        if (waiter.is_done)
            break;
        if (stop->is_wanted(stop->self))
            return ko_fail(err, KO_E_STOPPED, "%s: stopped", what);
        ko_dynamodb_wait(client, CALL_WAIT_US);
    }
    if (waiter.err.code != KO_OK)
        *err = waiter.err;

done:
    return err->code;
}

enum ko_code
ko_table_export_start(struct ko_dynamodb *client, const struct ko_table_export_request *request,
                      const struct ko_table_export_stop *stop, struct ko_table_export *export,
                      struct ko_error *err)
{
    struct ko_buf body = {0};

    ko_table_export_add_request(request, &body);
    KO_TRY(ko_buf_finish(&body, err));
    KO_TRY(call(client, "ExportTableToPointInTime", ko_buf_slice(&body), "starting the export",
                stop, export, err));

done:
    ko_buf_clear(&body);
    return err->code;
}

enum ko_code
ko_table_export_describe(struct ko_dynamodb *client, const char *arn,
                         const struct ko_table_export_stop *stop, struct ko_table_export *export,
                         struct ko_error *err)
{
    struct ko_buf body = {0};

    ko_buf_add_text(&body, "{\"ExportArn\":");
    ko_json_add_string(&body, ko_slice_of(arn));
    ko_buf_add_char(&body, '}');
    KO_TRY(ko_buf_finish(&body, err));
    KO_TRY(call(client, "DescribeExport", ko_buf_slice(&body), "asking how the export is", stop,
                export, err));

done:
    ko_buf_clear(&body);
    return err->code;
}
