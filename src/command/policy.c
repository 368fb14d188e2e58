/* keepone policy: what finding and applying may do, as IAM policies.  Asks nobody. */
#include "policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keepone/aws/endpoint.h"
#include "keepone/aws/table.h"
#include "keepone/base/file.h"
#include "keepone/base/mount.h"
#include "keepone/format/json.h"
#include "keepone/store/run.h"

enum { ARN_BYTES = 1200, ACTIONS_MAX = 8 };

/* What a job works on. */
struct scope {
    const struct ko_job *job;
    struct ko_run *run;        /* of the job, if it is there and can be read; or NULL */
    char partition[16];        /* "aws" */
    char table_arn[ARN_BYTES]; /* "" = no table */
    bool has_placeholders;
};

/* A policy under construction. */
struct policy {
    struct ko_buf *out;
    unsigned n_statements;
};

static const char *
region_of(const struct ko_job *job)
{
    const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};

    for (size_t i = 0; job->region == NULL && i < sizeof names / sizeof names[0]; i++) {
        const char *const value = getenv(names[i]);

        if (value != NULL && value[0] != '\0')
            return value;
    }
    return job->region;
}

static void
set_table_arn(struct scope *scope)
{
    const struct ko_run_facts *facts = scope->run == NULL ? NULL : &scope->run->facts;
    const char *const table = scope->job->table;
    const char *const region = region_of(scope->job);

    (void) snprintf(scope->partition, sizeof scope->partition, "%s",
                    region == NULL ? "aws" : ko_region_partition(region));
    if (table != NULL && strncmp(table, "arn:", 4) == 0) {
        (void) snprintf(scope->table_arn, sizeof scope->table_arn, "%s", table);
        (void) sscanf(table, "arn:%15[^:]", scope->partition);
    } else if (facts != NULL && facts->table_arn.data != NULL) {
        (void) snprintf(scope->table_arn, sizeof scope->table_arn, "%.*s",
                        KO_SLICE_ARG(facts->table_arn));
        (void) sscanf(scope->table_arn, "arn:%15[^:]", scope->partition);
    } else if (table != NULL || scope->job->verb == KO_VERB_APPLY ||
               scope->job->verb == KO_VERB_UNDO || scope->job->verb == KO_VERB_VERIFY) {
        (void) snprintf(scope->table_arn, sizeof scope->table_arn,
                        "arn:%s:dynamodb:%s:${AccountId}:table/%s", scope->partition,
                        region == NULL ? "${Region}" : region,
                        table == NULL ? "${TableName}" : table);
        scope->has_placeholders = true;
    }
}

/* ---- statements ---- */

static void
begin_policy(struct policy *policy, const char *name)
{
    ko_buf_add_format(policy->out, "\n\"%s\": {\"Statement\": [", name);
    policy->n_statements = 0;
}

static void
end_policy(struct policy *policy)
{
    ko_buf_add_text(policy->out, "],\n \"Version\": \"2012-10-17\"}");
}

/* Up to the closing brace.  actions end with NULL. */
static void
open_statement(struct policy *policy, const char *sid, const char *const *actions)
{
    ko_buf_add_text(policy->out, policy->n_statements++ == 0 ? "\n  {" : ",\n  {");
    ko_buf_add_text(policy->out, "\"Action\":[");
    for (size_t i = 0; actions[i] != NULL; i++)
        ko_buf_add_format(policy->out, "%s\"%s\"", i == 0 ? "" : ",", actions[i]);
    ko_buf_add_format(policy->out, "],\"Effect\":\"Allow\",\"Sid\":\"%s\",\"Resource\":", sid);
}

static void
add_statement(struct policy *policy, const char *sid, const char *const *actions,
              const char *resource)
{
    open_statement(policy, sid, actions);
    ko_json_add_string(policy->out, ko_slice_of(resource));
    ko_buf_add_char(policy->out, '}');
}

/* s3://bucket/prefix/ in its parts; no slash behind the prefix. */
struct place {
    struct ko_slice bucket;
    struct ko_slice prefix;
};

static struct place
place_of(const char *url)
{
    const char *const bucket = url + strlen("s3://");
    const size_t n = strcspn(bucket, "/");
    struct ko_slice prefix = ko_slice_of(bucket + n + (bucket[n] == '/'));

    while (prefix.n > 0 && prefix.data[prefix.n - 1] == '/')
        prefix.n--;
    return (struct place){{bucket, n}, prefix};
}

/* Text that a policy takes as it is: its wildcards and variables are written as variables. */
static void
add_literal(struct ko_buf *out, struct ko_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        const char c = text.data[i];

        if (c == '*' || c == '?' || c == '$')
            ko_buf_add_format(out, "${%c}", c);
        else
            ko_buf_add_char(out, c);
    }
}

/* Adds "<before><bucket and prefix, as far as given><behind>" as a JSON string. */
static void
add_place(struct policy *policy, const char *before, struct ko_slice bucket, struct ko_slice prefix,
          const char *behind)
{
    struct ko_buf text = {0};

    ko_buf_add_text(&text, before);
    add_literal(&text, bucket);
    add_literal(&text, prefix);
    ko_buf_add_text(&text, behind);
    policy->out->failed = policy->out->failed || text.failed;
    ko_json_add_string(policy->out, ko_buf_slice(&text));
    ko_buf_clear(&text);
}

static void
add_objects(struct policy *policy, const struct scope *scope, const char *sid, const char *url,
            const char *const *actions)
{
    const struct place place = place_of(url);
    const struct ko_slice bucket = {place.bucket.data, place.bucket.n + 1}; /* with its slash */
    char before[32];

    (void) snprintf(before, sizeof before, "arn:%s:s3:::", scope->partition);
    open_statement(policy, sid, actions);
    if (place.prefix.n > 0)
        add_place(policy, before, bucket, place.prefix, "/*");
    else
        add_place(policy, before, place.bucket, KO_SLICE(""), "/*");
    ko_buf_add_char(policy->out, '}');
}

/*
 * Names below the prefix.  A request for one object names no prefix; without the right to list, S3
 * answers "forbidden" where it should say that there is no such object: hence IfExists.
 */
static void
add_listing(struct policy *policy, const struct scope *scope, const char *sid, const char *url)
{
    static const char *const list[] = {"s3:ListBucket", NULL};
    const struct place place = place_of(url);
    char before[32];

    (void) snprintf(before, sizeof before, "arn:%s:s3:::", scope->partition);
    open_statement(policy, sid, list);
    add_place(policy, before, place.bucket, KO_SLICE(""), "");
    if (place.prefix.n > 0) {
        ko_buf_add_text(policy->out, ",\"Condition\":{\"StringLikeIfExists\":{\"s3:prefix\":");
        add_place(policy, "", place.prefix, KO_SLICE(""), "*");
        ko_buf_add_text(policy->out, "}}");
    }
    ko_buf_add_char(policy->out, '}');
}

/* Bytes up to and with AWSDynamoDB/ above an export's own folder; 0 if that is not in the path. */
static size_t
above_export(const char *url)
{
    static const char mark[] = "/AWSDynamoDB/";
    const char *const at = strstr(url, mark);
    const size_t n = at == NULL ? 0 : (size_t) (at - url) + sizeof mark - 1;

    return url[n] == '\0' ? 0 : n;
}

/* The files of all incremental exports of a prefix are in one folder, AWSDynamoDB/data. */
static void
add_shared_data(struct policy *policy, const struct scope *scope, size_t index,
                const char *const *actions)
{
    const struct ko_text_list *changes = &scope->job->catch_up;
    const char *const url = changes->texts[index];
    const size_t n = above_export(url);
    char folder[KO_PATH_BYTES];
    char sid[48];

    if (n == 0)
        return;
    for (size_t i = 0; i < index; i++) {
        if (above_export(changes->texts[i]) == n && memcmp(changes->texts[i], url, n) == 0)
            return;
    }
    (void) snprintf(folder, sizeof folder, "%.*sdata", (int) n, url);
    (void) snprintf(sid, sizeof sid, "KeeponeChangesData%zu", index + 1);
    add_objects(policy, scope, sid, folder, actions);
    (void) snprintf(sid, sizeof sid, "KeeponeChangesDataNames%zu", index + 1);
    add_listing(policy, scope, sid, folder);
}

/* ---- what keepone sends ---- */

static const char *const describe[] = {"dynamodb:DescribeContinuousBackups",
                                       "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive",
                                       NULL};

static void
add_places(struct policy *policy, const struct scope *scope)
{
    static const char *const read[] = {"s3:GetObject", NULL};
    static const char *const keep[] = {"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject",
                                       "s3:PutObject", NULL};
    const struct ko_job *job = scope->job;
    char sid[48];

    if (job->export_folder != NULL && ko_path_is_remote(job->export_folder)) {
        add_objects(policy, scope, "KeeponeExport", job->export_folder, read);
        add_listing(policy, scope, "KeeponeExportNames", job->export_folder);
    }
    for (size_t i = 0; i < job->catch_up.n; i++) {
        if (!ko_path_is_remote(job->catch_up.texts[i]))
            continue;
        (void) snprintf(sid, sizeof sid, "KeeponeChanges%zu", i + 1);
        add_objects(policy, scope, sid, job->catch_up.texts[i], read);
        (void) snprintf(sid, sizeof sid, "KeeponeChangesNames%zu", i + 1);
        add_listing(policy, scope, sid, job->catch_up.texts[i]);
        add_shared_data(policy, scope, i, read);
    }
    if (job->run != NULL && ko_path_is_remote(job->run)) {
        add_objects(policy, scope, "KeeponeRun", job->run, keep);
        add_listing(policy, scope, "KeeponeRunNames", job->run);
    }
}

/* find, verify, estimate, export: nothing of the table changes. */
static void
add_finding(struct policy *policy, const struct scope *scope)
{
    static const char *const scan[] = {"dynamodb:Scan", NULL};
    static const char *const start[] = {"dynamodb:ExportTableToPointInTime", NULL};
    static const char *const wait[] = {"dynamodb:DescribeExport", NULL};
    static const char *const write[] = {"s3:AbortMultipartUpload", "s3:PutObject",
                                        "s3:PutObjectAcl", NULL};
    const struct ko_job *job = scope->job;

    if (job->arn != NULL) { /* of an export that was started before */
        add_statement(policy, "KeeponeWaitForExport", wait, job->arn);
        return;
    }
    if (scope->table_arn[0] != '\0')
        add_statement(policy, "KeeponeDescribe", describe, scope->table_arn);
    if (job->verb == KO_VERB_EXPORT) {
        char exports[ARN_BYTES + 16];

        (void) snprintf(exports, sizeof exports, "%s/export/*", scope->table_arn);
        add_statement(policy, "KeeponeStartExport", start, scope->table_arn);
        add_statement(policy, "KeeponeWaitForExport", wait, exports);
        if (job->to != NULL)
            add_objects(policy, scope, "KeeponeExportTarget", job->to, write);
    } else if (scope->table_arn[0] != '\0' && job->export_folder == NULL) {
        add_statement(policy, "KeeponeScan", scan, scope->table_arn);
    }
    add_places(policy, scope);
}

/* apply and undo.  The statements of a transaction are authorised one by one. */
static void
add_applying(struct policy *policy, const struct scope *scope)
{
    static const char *const checked[] = {"dynamodb:BatchGetItem", "dynamodb:DeleteItem",
                                          "dynamodb:PartiQLDelete", "dynamodb:PutItem", NULL};
    static const char *const transact[] = {"dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem",
                                           "dynamodb:DeleteItem", "dynamodb:PutItem", NULL};
    const bool transacts = scope->job->safety == KO_JOB_SAFETY_TRANSACT;

    add_statement(policy, "KeeponeDescribe", describe, scope->table_arn);
    add_statement(policy, "KeeponeDelete", transacts ? transact : checked, scope->table_arn);
    add_places(policy, scope);
}

static void
explain(const struct scope *scope)
{
    if (scope->has_placeholders)
        (void) fprintf(stderr, "keepone: replace ${AccountId} and the like: the job does not say "
                               "them; --table takes a table's ARN, too\n");
    (void) fprintf(stderr,
                   "keepone: a table or bucket with a KMS key of your own also needs "
                   "kms:Decrypt%s on that key\n",
                   scope->job->run != NULL && ko_path_is_remote(scope->job->run)
                       ? " and kms:GenerateDataKey"
                       : "");
}

static bool
is_about_aws(const struct scope *scope)
{
    const struct ko_job *job = scope->job;

    return scope->table_arn[0] != '\0' || job->arn != NULL ||
           (job->export_folder != NULL && ko_path_is_remote(job->export_folder)) ||
           (job->run != NULL && ko_path_is_remote(job->run));
}

/* A job of apply says only where its run is; the run knows its table. */
static enum ko_code
open_run(struct scope *scope, struct ko_error *err)
{
    const struct ko_job *job = scope->job;
    char path[KO_PATH_BYTES];
    bool is_there = false;

    if (job->run == NULL || ko_path_is_remote(job->run))
        return KO_OK;
    KO_TRY(ko_path_join(path, err, job->run, "run.json"));
    KO_TRY(ko_file_exists(path, &is_there, err));
    if (is_there)
        KO_TRY(ko_run_open(job->run, &scope->run, err));

done:
    return err->code;
}

enum ko_code
ko_policy_add(const struct ko_job *job, struct ko_buf *out, struct ko_error *err)
{
    static const char *const assume[] = {"sts:AssumeRole", NULL};
    struct scope scope = {.job = job};
    struct policy policy = {.out = out};
    const char *before = "{";

    KO_TRY(open_run(&scope, err));
    set_table_arn(&scope);
    if (!is_about_aws(&scope)) {
        (void) ko_fail(err, KO_E_OPTION, "a job of '%s' on local files needs no AWS permission",
                       ko_verb_info_of(job->verb)->name);
        ko_hint(err, "name the table with --table to see what applying to it would need.");
        goto done;
    }
    if (scope.table_arn[0] != '\0' && job->verb != KO_VERB_EXPORT) {
        ko_buf_add_text(out, before);
        begin_policy(&policy, "applying");
        add_applying(&policy, &scope);
        end_policy(&policy);
        before = ",";
    }
    if (job->assume_role != NULL) {
        ko_buf_add_text(out, before);
        begin_policy(&policy, "calling");
        add_statement(&policy, "KeeponeAssumeRole", assume, job->assume_role);
        end_policy(&policy);
        before = ",";
    }
    ko_buf_add_text(out, before);
    begin_policy(&policy, "finding");
    add_finding(&policy, &scope);
    end_policy(&policy);
    ko_buf_add_text(out, "\n}\n");
    KO_TRY(ko_buf_finish(out, err));
    explain(&scope);

done:
    ko_run_free(scope.run);
    return err->code;
}
