#include <stdio.h>

#include "job_priv.h"

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
                            id == KO_OPTION_JOB ? "job file" : "run directory");
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
    if (strncmp(job->export_folder, "s3://", 5) == 0)
        return fail_at(job, KO_OPTION_EXPORT, err, "--export: exports are not read from S3 yet",
                       "copy the export to a local folder and name that.");
    return KO_OK;
}

static enum ko_code
check_table(const struct ko_job *job, struct ko_error *err)
{
    if (job->primary_key.n > 0)
        return fail_at(job, KO_OPTION_PRIMARY_KEY, err,
                       "--primary-key is for exports; a live table says itself what its key is",
                       "leave --primary-key out.");
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
        KO_OPTION_TABLE, KO_OPTION_EXPORT,      KO_OPTION_PRIMARY_KEY, KO_OPTION_WHERE,
        KO_OPTION_KEY,   KO_OPTION_MISSING_KEY, KO_OPTION_NO_MD5};

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

enum ko_code
ko_job_check(const struct ko_job *job, struct ko_error *err)
{
    KO_TRY(check_required(job, err));
    if (job->run != NULL && strncmp(job->run, "s3://", 5) == 0) {
        return fail_at(job, KO_OPTION_RUN, err, "--run: run directories cannot be on S3 yet",
                       "name a folder that all ranks share.");
    }
    switch (job->verb) {
    case KO_VERB_FIND:
    case KO_VERB_DEDUP:
        return check_source(job, err);
    case KO_VERB_VERIFY:
        return check_verify(job, err);
    case KO_VERB_SHOW:
        return check_show(job, err);
    case KO_VERB_PLAN:
        return check_plan(job, err);
    case KO_VERB_APPLY:
    case KO_VERB_UNDO:
    case KO_VERB_RUN:
    case KO_VERB_COUNT:
        break;
    }

done:
    return err->code;
}
