/* keepone export: starts exports of a table to S3, and waits for them.  Reads no item. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "keepone/aws/table_export.h"
#include "keepone/base/clock.h"
#include "keepone/base/log.h"
#include "keepone/base/mem.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"
#include "keepone/format/json.h"
#include "keepone/record/time.h"
#include "session.h"

enum {
    FIRST_POLL_MS = 500,
    SLOWEST_POLL_MS = 20 * 1000,
    NAP_US = 100 * 1000,
    SHOW_EVERY_MS = 60 * 1000,
    OLD_S = 60
};

/* The exports of one call: one, or several that follow each other without a gap. */
struct exporting {
    struct ko_session *session;
    struct ko_table_export_stop stop;
    struct ko_table_export *exports;
    size_t n_exports;
    size_t n_done; /* the first ones are complete */
    uint64_t began_ms;
    uint64_t shown_ms;
};

static bool
is_stop_wanted(void *self)
{
    struct exporting *exporting = self;

    return ko_world_stop_wanted(exporting->session->world);
}

/* The option's text was checked with the job. */
static int64_t
seconds_of(const char *text)
{
    struct ko_time time = {.seconds = 0};

    if (text != NULL)
        KO_ASSERT(ko_time_parse(ko_slice_of(text), &time));
    return time.seconds;
}

/* ---- starting ---- */

/* Splits s3://bucket/prefix/ in place into bucket and prefix. */
static void
split_target(char *target, struct ko_table_export_request *request)
{
    char *const bucket = target + strlen("s3://");
    char *const slash = strchr(bucket, '/');

    for (size_t n = strlen(target); target[n - 1] == '/'; n--)
        target[n - 1] = '\0';
    request->bucket = bucket;
    if (slash == NULL || *slash == '\0')
        return;
    *slash = '\0';
    request->prefix = slash + 1;
}

/* The table's ARN; refuses what the service would refuse later. */
static enum ko_code
find_table(struct exporting *exporting, struct ko_table *table, struct ko_error *err)
{
    const struct ko_job *job = &exporting->session->job;

    KO_TRY(ko_table_describe(exporting->session->client, job->table, table, err));
    if (table->arn[0] == '\0')
        return ko_fail(err, KO_E_AWS, "the endpoint gives no ARN for table '%s'", job->table);
    if (table->pitr == KO_PITR_DISABLED) {
        (void) ko_fail(err, KO_E_REFUSED,
                       "table '%s' has no point-in-time recovery, so it cannot "
                       "be exported",
                       job->table);
        ko_hint(err, "switch point-in-time recovery on; exports reach back to that moment.");
    }

done:
    return err->code;
}

/* The service may answer with what the same command has started before: that is said. */
static void
tell_start(const struct ko_table_export *export)
{
    const int64_t now_s = ko_wall_us() / 1000000;
    char started[KO_CLOCK_TEXT_BYTES];

    if (export->started_s == 0 || now_s - export->started_s < OLD_S) {
        ko_log(KO_LOG_INFO, "export: started %s", export->arn);
        return;
    }
    ko_wall_text(export->started_s * 1000000, started);
    ko_log(KO_LOG_WARN,
           "export: going on with %s, which the same command started at %s; another one needs "
           "another --at or --to",
           export->arn, started);
}

/* More than a day of changes is exported in equal parts. */
static enum ko_code
start_exports(struct exporting *exporting, struct ko_table_export_request *request,
              struct ko_error *err)
{
    const int64_t from_s = request->from_s;
    const int64_t span_s = request->until_s - from_s;
    const int64_t n = (span_s + KO_EXPORT_WINDOW_MAX_S - 1) / KO_EXPORT_WINDOW_MAX_S;

    exporting->n_exports = request->until_s == 0 ? 1 : (size_t) n;
    exporting->exports = ko_alloc_array(exporting->n_exports, sizeof *exporting->exports, err);
    KO_TRY(err->code);
    for (size_t i = 0; i < exporting->n_exports; i++) {
        if (request->until_s != 0) {
            request->from_s = from_s + span_s * (int64_t) i / n;
            request->until_s = from_s + span_s * ((int64_t) i + 1) / n;
        }
        KO_TRY(ko_table_export_start(exporting->session->client, request, &exporting->stop,
                                     &exporting->exports[i], err));
        tell_start(&exporting->exports[i]);
    }

done:
    if (err->code == KO_E_STOPPED)
        ko_hint(err, "run the same command again: what is started already is not started twice.");
    return err->code;
}

static enum ko_code
start(struct exporting *exporting, struct ko_error *err)
{
    const struct ko_job *job = &exporting->session->job;
    struct ko_table_export_request request = {.bucket_owner = job->bucket_owner,
                                              .kms_key = job->sse_kms_key,
                                              .at_s = seconds_of(job->at),
                                              .from_s = seconds_of(job->from),
                                              .until_s = seconds_of(job->until)};
    struct ko_table table;
    char *const target = ko_copy_text(ko_slice_of(job->to), err);

    KO_TRY(err->code);
    split_target(target, &request);
    KO_TRY(find_table(exporting, &table, err));
    request.table_arn = table.arn;
    KO_TRY(start_exports(exporting, &request, err));

done:
    ko_free(target);
    return err->code;
}

/* The export of --arn takes the place of one that was started. */
static enum ko_code
find_export(struct exporting *exporting, struct ko_error *err)
{
    exporting->exports = ko_alloc(sizeof *exporting->exports, err);
    KO_TRY(err->code);
    exporting->n_exports = 1;
    KO_TRY(ko_table_export_describe(exporting->session->client, exporting->session->job.arn,
                                    &exporting->stop, &exporting->exports[0], err));

done:
    return err->code;
}

/* ---- waiting ---- */

static void
show_wait(struct exporting *exporting)
{
    const uint64_t now_ms = ko_clock_ms();

    if (exporting->session->job.progress == KO_JOB_PROGRESS_NONE ||
        now_ms - exporting->shown_ms < SHOW_EVERY_MS)
        return;
    exporting->shown_ms = now_ms;
    ko_log(KO_LOG_INFO, "export: %zu of %zu complete after %" PRIu64 " min", exporting->n_done,
           exporting->n_exports, (now_ms - exporting->began_ms) / 60000);
}

static enum ko_code
fail_stopped(const struct ko_table_export *export, struct ko_error *err)
{
    *err = (struct ko_error){0};
    (void) ko_fail(err, KO_E_STOPPED, "stopped waiting; the export goes on without keepone");
    ko_hint(err, "keepone export --arn %s waits for it again.", export->arn);
    return err->code;
}

/* Sleeps in naps, so that a stop is noticed. */
static enum ko_code
sleep_ms(struct exporting *exporting, uint64_t ms, const struct ko_table_export *export,
         struct ko_error *err)
{
    const uint64_t until_ms = ko_clock_ms() + ms;

    while (ko_clock_ms() < until_ms) {
        if (is_stop_wanted(exporting))
            return fail_stopped(export, err);
        ko_sleep_us(NAP_US);
    }
    return KO_OK;
}

static enum ko_code
check_status(const struct ko_table_export *export, bool *is_complete, struct ko_error *err)
{
    *is_complete = strcmp(export->status, "COMPLETED") == 0;
    if (*is_complete && export->path[0] == '\0')
        return ko_fail(err, KO_E_AWS, "the export %s is complete, but has no manifest",
                       export->arn);
    if (*is_complete || strcmp(export->status, "IN_PROGRESS") == 0)
        return KO_OK;
    (void) ko_fail(err, KO_E_AWS, "the export %s is %s: %s: %s", export->arn, export->status,
                   export->failure_code, export->failure_message);
    ko_hint(err, "check the bucket, its policy, --bucket-owner and --sse-kms-key; a failed export "
                 "can be started again with another --at or --to.");
    return err->code;
}

/* Until all are complete, each asked for seldomer the longer it takes. */
static enum ko_code
wait_for_all(struct exporting *exporting, struct ko_error *err)
{
    uint64_t poll_ms = FIRST_POLL_MS;

    exporting->began_ms = ko_clock_ms();
    exporting->shown_ms = exporting->began_ms;
    while (exporting->n_done < exporting->n_exports) {
        struct ko_table_export *export = &exporting->exports[exporting->n_done];
        bool is_complete;

        KO_TRY(check_status(export, &is_complete, err));
        if (is_complete) {
            exporting->n_done++;
            continue;
        }
        KO_TRY(sleep_ms(exporting, poll_ms, export, err));
        poll_ms = poll_ms * 3 / 2 < SLOWEST_POLL_MS ? poll_ms * 3 / 2 : SLOWEST_POLL_MS;
        if (ko_table_export_describe(exporting->session->client, export->arn, &exporting->stop,
                                     export, err) == KO_E_STOPPED)
            KO_TRY(fail_stopped(export, err));
        KO_TRY(err->code);
        show_wait(exporting);
    }

done:
    return err->code;
}

/* ---- the result ---- */

static void
add_time(struct ko_buf *out, const char *name, int64_t seconds)
{
    char text[KO_CLOCK_TEXT_BYTES];

    if (seconds == 0)
        return;
    ko_wall_text(seconds * 1000000, text);
    ko_buf_add_format(out, ",\"%s\":\"%s\"", name, text);
}

static void
add_json(struct ko_buf *out, const struct ko_table_export *export)
{
    ko_buf_add_text(out, "{\"arn\":");
    ko_json_add_string(out, ko_slice_of(export->arn));
    add_time(out, "at", export->at_s);
    ko_buf_add_format(out, ",\"billed_bytes\":%" PRIu64, export->billed_bytes);
    add_time(out, "from", export->from_s);
    ko_buf_add_format(out, ",\"items\":%" PRIu64, export->n_items);
    if (export->path[0] != '\0') {
        ko_buf_add_text(out, ",\"path\":");
        ko_json_add_string(out, ko_slice_of(export->path));
    }
    ko_buf_add_text(out, ",\"status\":");
    ko_json_add_string(out, ko_slice_of(export->status));
    add_time(out, "until", export->until_s);
    ko_buf_add_char(out, '}');
}

/* The paths that --export and --catch-up take, or the ARNs of what was only started. */
static enum ko_code
print_result(const struct exporting *exporting, struct ko_error *err)
{
    const struct ko_job *job = &exporting->session->job;
    struct ko_buf out = {0};

    if (job->json)
        ko_buf_add_text(&out, "{\"exports\":[");
    for (size_t i = 0; i < exporting->n_exports; i++) {
        const struct ko_table_export *export = &exporting->exports[i];

        if (job->json && i > 0)
            ko_buf_add_char(&out, ',');
        if (job->json)
            add_json(&out, export);
        else
            ko_buf_add_format(&out, "%s\n", job->no_wait ? export->arn : export->path);
    }
    if (job->json)
        ko_buf_add_text(&out, "]}\n");
    KO_TRY(ko_buf_finish(&out, err));
    ko_session_print(exporting->session, ko_buf_slice(&out));

done:
    ko_buf_clear(&out);
    return err->code;
}

static enum ko_code
export_table(struct ko_session *session, struct ko_error *err)
{
    struct exporting exporting = {.session = session};

    exporting.stop = (struct ko_table_export_stop){is_stop_wanted, &exporting};
    KO_TRY(ko_session_connect(session, NULL, NULL, err));
    KO_TRY(session->job.arn != NULL ? find_export(&exporting, err) : start(&exporting, err));
    if (!session->job.no_wait)
        KO_TRY(wait_for_all(&exporting, err));
    KO_TRY(print_result(&exporting, err));

done:
    ko_free(exporting.exports);
    return err->code;
}

enum ko_code
ko_command_export(struct ko_session *session, struct ko_error *err)
{
    if (ko_session_is_first(session))
        (void) export_table(session, err);
    KO_TRY(ko_gate(session->world, err));

done:
    return err->code;
}
