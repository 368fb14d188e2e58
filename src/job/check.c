#include <stdio.h>

#include "job_priv.h"
#include "keepone/aws/table_arn.h"
#include "keepone/base/mount.h"
#include "keepone/record/time.h"

/* Windows of changes: what DynamoDB exports at least, and more than it can look back. */
enum { WINDOW_MIN_S = 15 * 60, WINDOWS_MAX_S = 36 * 24 * 60 * 60 };

#define TIME_MAX_S INT64_C(100000000000) /* the year 5138 */

static bool
is_given(const struct ko_job *job, enum ko_option_id id)
{
    return job->origin[id].is_given;
}

/* Fails with where the option stands, if that is in a job file. */
static enum ko_code
fail_at(const struct ko_job *job, enum ko_option_id id, struct ko_error *err, const char *text,
        const char *hint)
{
    (void) ko_fail(err, KO_E_OPTION, "%s", text);
    ko_hint(err, "%s", hint);
    if (job->origin[id].file_line != 0)
        ko_context(err, "%s:%u", job->job_file, job->origin[id].file_line);
    return err->code;
}

/* Fails about something that stands nowhere. */
static enum ko_code
fail_missing(const struct ko_job *job, struct ko_error *err, const char *text, const char *hint)
{
    (void) ko_fail(err, KO_E_OPTION, "%s", text);
    ko_hint(err, "%s", hint);
    if (job->job_file != NULL)
        ko_context(err, "%s", job->job_file);
    return err->code;
}

static enum ko_code
check_required(const struct ko_job *job, struct ko_error *err)
{
    const struct ko_verb_info *verb = ko_verb_info_of(job->verb);
    char text[128];
    char hint[KO_ERROR_HINT_BYTES];

    for (unsigned i = 0; i < KO_OPTION_COUNT; i++) {
        const enum ko_option_id id = (enum ko_option_id) i;
        const struct ko_option *option = ko_option_of(id);

        if ((option->required_by & KO_VERB_BIT(job->verb)) == 0 || is_given(job, id))
            continue;
        if (verb->positional == id && job->job_file == NULL) {
            (void) snprintf(text, sizeof text, "'%s' needs a %s", verb->name,
                            id == KO_OPTION_JOB    ? "job file"
                            : id == KO_OPTION_BASE ? "folder"
                                                   : "run directory");
            (void) snprintf(hint, sizeof hint, "usage: keepone %s", verb->usage);
        } else {
            (void) snprintf(text, sizeof text, "'%s' needs --%s %s", verb->name, option->name,
                            option->value);
            (void) snprintf(hint, sizeof hint, "it is %s.", option->help);
        }
        return fail_missing(job, err, text, hint);
    }
    return KO_OK;
}

/* Options that belong to one kind of source. */
static enum ko_code
check_export(const struct ko_job *job, struct ko_error *err)
{
    if (is_given(job, KO_OPTION_WHERE))
        return fail_at(job, KO_OPTION_WHERE, err,
                       "--where filters a live scan; an export is read whole",
                       "leave --where out, or scan the table.");
    if (is_given(job, KO_OPTION_SEGMENTS))
        return fail_at(job, KO_OPTION_SEGMENTS, err,
                       "--segments divides a live scan; an export is read file by file",
                       "leave --segments out, or scan the table.");
    if (is_given(job, KO_OPTION_READ_UNITS) && job->verb != KO_VERB_DEDUP)
        return fail_at(job, KO_OPTION_READ_UNITS, err,
                       "--read-units is about a live table; reading an export costs it nothing",
                       "leave --read-units out, or scan the table.");
    if (job->consistent)
        return fail_at(job, KO_OPTION_CONSISTENT, err,
                       "--consistent is about a live scan; an export does not change",
                       "leave --consistent out, or scan the table.");
    if (job->table != NULL && job->primary_key.n > 0)
        return fail_at(job, KO_OPTION_PRIMARY_KEY, err,
                       "both --table and --primary-key say what the export's primary key is",
                       "leave one of them out.");
    if (job->table == NULL && job->primary_key.n == 0)
        return fail_missing(job, err, "an export does not say what its primary key is",
                            "add --primary-key PK[,SK], or --table NAME to ask the table.");
    return KO_OK;
}

static enum ko_code
check_table(const struct ko_job *job, struct ko_error *err)
{
    if (job->primary_key.n > 0)
        return fail_at(job, KO_OPTION_PRIMARY_KEY, err,
                       "--primary-key is for exports; a live table says itself what its key is",
                       "leave --primary-key out.");
    if (job->catch_up.n > 0)
        return fail_at(job, KO_OPTION_CATCH_UP, err,
                       "--catch-up brings an export up to date; a live table is",
                       "leave --catch-up out, or add --export DIR with a full export.");
    if (job->no_md5)
        return fail_at(job, KO_OPTION_NO_MD5, err,
                       "--no-md5 is about the files of an export; a live table has none",
                       "leave --no-md5 out.");
    return KO_OK;
}

static enum ko_code
check_source(const struct ko_job *job, struct ko_error *err)
{
    if (job->table == NULL && job->export_folder == NULL)
        return fail_missing(job, err, "there is nothing to read: no --table and no --export",
                            "name a live table with --table NAME, or an export with --export DIR.");
    if (job->primary_key.n > 2)
        return fail_at(job, KO_OPTION_PRIMARY_KEY, err,
                       "--primary-key: a primary key has one or two attributes",
                       "write PK, or PK,SK with the sort key second.");
    if (job->export_folder != NULL)
        return check_export(job, err);
    return check_table(job, err);
}

/* With a run its own rules hold; without one they must be given. */
static enum ko_code
check_verify(const struct ko_job *job, struct ko_error *err)
{
    static const enum ko_option_id of_the_run[] = {
        KO_OPTION_TABLE,    KO_OPTION_EXPORT, KO_OPTION_PRIMARY_KEY, KO_OPTION_WHERE,
        KO_OPTION_CATCH_UP, KO_OPTION_KEY,    KO_OPTION_MISSING_KEY, KO_OPTION_NO_MD5};

    if (job->run == NULL && job->table == NULL && job->export_folder == NULL)
        return fail_missing(job, err, "'verify' needs a run directory, or a source and a key",
                            "name the run, or give --table NAME (or --export DIR) and --key LIST.");
    if (job->run == NULL && job->key.n == 0)
        return fail_missing(job, err, "'verify' without a run needs --key LIST",
                            "add the attributes that no two items may share, such as --key cause.");
    if (job->run == NULL)
        return check_source(job, err);
    for (size_t i = 0; i < sizeof of_the_run / sizeof of_the_run[0]; i++) {
        char text[128];

        if (!is_given(job, of_the_run[i]))
            continue;
        (void) snprintf(text, sizeof text, "--%s stands beside a run, which has its own rules",
                        ko_option_of(of_the_run[i])->name);
        return fail_at(job, of_the_run[i], err, text,
                       "leave it out, or verify without naming a run.");
    }
    return KO_OK;
}

static enum ko_code
check_show(const struct ko_job *job, struct ko_error *err)
{
    if (job->show_plan + job->show_review + job->json > 1)
        return fail_missing(job, err, "only one of --plan, --review and --json can be shown",
                            "leave the others out.");
    return KO_OK;
}

static enum ko_code
check_plan(const struct ko_job *job, struct ko_error *err)
{
    if (job->exclude == NULL && job->only == NULL)
        return fail_missing(job, err, "'plan' needs --exclude FILE or --only FILE",
                            "say which items to leave out of the new plan, or to take into it.");
    if (job->exclude != NULL && job->only != NULL)
        return fail_at(job, KO_OPTION_ONLY, err, "both --exclude and --only are given",
                       "leave one of them out.");
    return KO_OK;
}

/* An estimate needs a key only to look for copies. */
static enum ko_code
check_estimate(const struct ko_job *job, struct ko_error *err)
{
    const bool samples = is_given(job, KO_OPTION_SAMPLE) || is_given(job, KO_OPTION_SAMPLE_ITEMS);

    if (is_given(job, KO_OPTION_SAMPLE) && is_given(job, KO_OPTION_SAMPLE_ITEMS))
        return fail_at(job, KO_OPTION_SAMPLE_ITEMS, err,
                       "both --sample and --sample-items say how much to read",
                       "leave one of them out.");
    if (is_given(job, KO_OPTION_DUPLICATES) && (samples || job->export_folder != NULL))
        return fail_at(job, KO_OPTION_DUPLICATES, err,
                       "--duplicates assumes what a sample or an export would tell",
                       "leave --duplicates out, or estimate from --table alone.");
    if (samples && job->export_folder != NULL)
        return fail_missing(job, err, "--sample is about a live table; an export is read whole",
                            "leave --sample out: reading an export costs no read units.");
    if (samples && job->key.n == 0)
        return fail_missing(job, err, "--sample looks for copies and needs --key LIST",
                            "add the attributes that copies share, such as --key cause.");
    if (job->export_folder != NULL && job->key.n == 0)
        return fail_missing(job, err, "an export is searched for copies and needs --key LIST",
                            "add the attributes that copies share, such as --key cause.");
    return check_source(job, err);
}

static enum ko_code
check_role(const struct ko_job *job, struct ko_error *err)
{
    const char *const role = job->assume_role;

    if (role == NULL || (strncmp(role, "arn:", 4) == 0 && strstr(role, ":role/") != NULL))
        return KO_OK;
    return fail_at(job, KO_OPTION_ASSUME_ROLE, err, "--assume-role: this is not the ARN of a role",
                   "it looks like arn:aws:iam::123456789012:role/NAME.");
}

/* Where a path may lead. */
static enum ko_code
check_place(const struct ko_job *job, enum ko_option_id id, const char *path, struct ko_error *err)
{
    const bool may_be_on_s3 = id == KO_OPTION_RUN || id == KO_OPTION_BASE ||
                              id == KO_OPTION_EXPORT || id == KO_OPTION_CATCH_UP;
    const char *const name = ko_option_of(id)->name;
    const char *key;
    char text[256];

    if (path == NULL || !ko_path_is_remote(path))
        return KO_OK;
    if (!may_be_on_s3) {
        (void) snprintf(text, sizeof text, "--%s: a file on S3 is not read from there", name);
        return fail_at(job, id, err, text, "copy it to a local file and name that.");
    }
    (void) snprintf(text, sizeof text, "--%s: '%.128s' is no place on S3", name, path);
    if (strncmp(path, "s3://", 5) != 0 || path[5] == '/' || path[5] == '\0')
        return fail_at(job, id, err, text, "write s3://BUCKET/PREFIX, or name a local folder.");
    key = strchr(path + 5, '/');
    if (id == KO_OPTION_RUN && (key == NULL || key[strspn(key, "/")] == '\0'))
        return fail_at(job, id, err, "--run: a whole bucket cannot be a run directory",
                       "add a prefix: s3://BUCKET/PREFIX.");
    if (strstr(path + 5, "//") != NULL)
        return fail_at(job, id, err, text, "leave out the slash that follows another.");
    return KO_OK;
}

static enum ko_code
check_places(const struct ko_job *job, struct ko_error *err)
{
    const struct {
        enum ko_option_id id;
        const char *path;
    } places[] = {
        {KO_OPTION_BASE, job->base},
        {KO_OPTION_RUN, job->run},
        {KO_OPTION_EXPORT, job->export_folder},
        {KO_OPTION_EXCLUDE, job->exclude},
        {KO_OPTION_ONLY, job->only},
    };

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        KO_TRY(check_place(job, places[i].id, places[i].path, err));
    for (size_t i = 0; i < job->catch_up.n; i++)
        KO_TRY(check_place(job, KO_OPTION_CATCH_UP, job->catch_up.texts[i], err));

done:
    return err->code;
}

/* Sets *seconds of an option that is a time, or leaves it if the option is not given. */
static enum ko_code
check_time(const struct ko_job *job, enum ko_option_id id, const char *text, int64_t *seconds,
           struct ko_error *err)
{
    struct ko_time time;
    char sentence[KO_ERROR_TEXT_BYTES];

    if (text == NULL)
        return KO_OK;
    if (ko_time_parse(ko_slice_of(text), &time) && time.attoseconds == 0 && time.seconds > 0 &&
        time.seconds < TIME_MAX_S) {
        *seconds = time.seconds;
        return KO_OK;
    }
    (void) snprintf(sentence, sizeof sentence, "--%s: '%s' is no time in whole seconds",
                    ko_option_of(id)->name, text);
    return fail_at(job, id, err, sentence,
                   "write it as 2026-01-31T12:00:00Z; without an offset it is UTC.");
}

static enum ko_code
check_window(const struct ko_job *job, struct ko_error *err)
{
    int64_t at_s = 0;
    int64_t from_s = 0;
    int64_t until_s = 0;

    KO_TRY(check_time(job, KO_OPTION_AT, job->at, &at_s, err));
    KO_TRY(check_time(job, KO_OPTION_FROM, job->from, &from_s, err));
    KO_TRY(check_time(job, KO_OPTION_UNTIL, job->until, &until_s, err));
    if ((job->from == NULL) != (job->until == NULL))
        return fail_missing(job, err, "--from and --until go together: they begin and end a window",
                            "give both, or neither for a full export.");
    if (job->from == NULL)
        return KO_OK;
    if (job->at != NULL)
        return fail_at(job, KO_OPTION_AT, err, "--at is for full exports, --from for changes",
                       "leave one of them out.");
    if (until_s - from_s < WINDOW_MIN_S)
        return fail_at(job, KO_OPTION_UNTIL, err,
                       "--until: the window is shorter than 15 minutes, the least that is exported",
                       "give a later --until or an earlier --from; windows may overlap.");
    if (until_s - from_s > WINDOWS_MAX_S)
        return fail_at(job, KO_OPTION_FROM, err,
                       "--from: the window is longer than 36 days, and no table can be exported as "
                       "it was more than 35 days ago",
                       "give a later --from, or make a new full export.");

done:
    return err->code;
}

/* With an ARN there is nothing to start. */
static enum ko_code
check_export_verb(const struct ko_job *job, struct ko_error *err)
{
    static const enum ko_option_id of_a_start[] = {
        KO_OPTION_TABLE, KO_OPTION_TO,      KO_OPTION_AT,           KO_OPTION_FROM,
        KO_OPTION_UNTIL, KO_OPTION_NO_WAIT, KO_OPTION_BUCKET_OWNER, KO_OPTION_SSE_KMS_KEY};

    for (size_t i = 0; job->arn != NULL && i < sizeof of_a_start / sizeof of_a_start[0]; i++) {
        char text[128];

        if (!is_given(job, of_a_start[i]))
            continue;
        (void) snprintf(text, sizeof text, "--%s stands beside --arn, an export that was started",
                        ko_option_of(of_a_start[i])->name);
        return fail_at(job, of_a_start[i], err, text, "leave it out, or leave --arn out.");
    }
    if (job->arn != NULL)
        return KO_OK;
    if (job->table == NULL || job->to == NULL)
        return fail_missing(job, err, "'export' needs --table NAME and --to s3://BUCKET[/PREFIX]",
                            "or --arn ARN to wait for an export that was started before.");
    if (strncmp(job->to, "s3://", 5) != 0 || job->to[5] == '\0' || job->to[5] == '/')
        return fail_at(job, KO_OPTION_TO, err, "--to: DynamoDB exports to S3 alone",
                       "write s3://BUCKET or s3://BUCKET/PREFIX.");
    return check_window(job, err);
}

static enum ko_code
check_ttl(const struct ko_job *job, struct ko_error *err)
{
    if (job->no_ttl && job->ttl_attribute != NULL)
        return fail_at(job, KO_OPTION_NO_TTL, err, "both --ttl and --no-ttl are given",
                       "leave one of them out.");
    return KO_OK;
}

/* The region of a table in another account is in its ARN. */
static enum ko_code
check_table_arn(const struct ko_job *job, struct ko_error *err)
{
    char region[KO_REGION_BYTES];
    char text[KO_REGION_BYTES * 2 + 64];

    if (job->table == NULL || !ko_table_is_arn(ko_slice_of(job->table)))
        return KO_OK;
    if (ko_table_arn_check(job->table, region, err) != KO_OK) {
        ko_job_context(job, KO_OPTION_TABLE, err);
        return err->code;
    }
    if (job->region == NULL || strcmp(job->region, region) == 0)
        return KO_OK;
    (void) snprintf(text, sizeof text, "--region is %.63s, and the table's ARN says %s",
                    job->region, region);
    return fail_at(job, KO_OPTION_REGION, err, text, "leave --region out.");
}

enum ko_code
ko_job_check(const struct ko_job *job, struct ko_error *err)
{
    KO_TRY(check_required(job, err));
    KO_TRY(check_table_arn(job, err));
    KO_TRY(check_role(job, err));
    KO_TRY(check_ttl(job, err));
    KO_TRY(check_places(job, err));
    switch (job->verb) {
    case KO_VERB_FIND:
    case KO_VERB_DEDUP:
        return check_source(job, err);
    case KO_VERB_VERIFY:
        return check_verify(job, err);
    case KO_VERB_ESTIMATE:
        return check_estimate(job, err);
    case KO_VERB_SHOW:
        return check_show(job, err);
    case KO_VERB_PLAN:
        return check_plan(job, err);
    case KO_VERB_EXPORT:
        return check_export_verb(job, err);
    case KO_VERB_APPLY:
    case KO_VERB_UNDO:
    case KO_VERB_RUNS:
    case KO_VERB_RUN:
    case KO_VERB_POLICY:
    case KO_VERB_COUNT:
        break;
    }

done:
    return err->code;
}
