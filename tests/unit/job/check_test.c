#include "unit/job/job_support.h"

#define RULES " --key a --keep any --run r"

static void
required_options_are_asked_for(void)
{
    CHECK_LINES(
        {"find --table t --keep any --run r",
         "option: 'find' needs --key LIST | it is the attributes that two items share when they "
         "are copies of one another, each as attr[:normaliser...], such as cause or "
         "handle:lower:trim,meta.parts[0]; normalisers are trim, space, lower, nfkc."},
        {"find --table t --key a --run r",
         "option: 'find' needs --keep LIST | it is which of the copies stays, by ranked rules: "
         "oldest:attr, newest:attr, min:attr, max:attr, has:attr, equals:attr=value, any."},
        {"find --table t --key a --keep any",
         "option: 'find' needs --run DIR | it is the run directory, shared by all ranks; plan, "
         "journal and report are in it."},
        {"apply", "option: 'apply' needs a run directory | usage: keepone apply RUN [OPTION]..."},
        {"run", "option: 'run' needs a job file | usage: keepone run JOB.yaml [--check] "
                "[OPTION]..."});
}

static void
there_is_exactly_one_source(void)
{
    CHECK_LINES(
        {"find" RULES, "option: there is nothing to read: no --table and no --export | name a live "
                       "table with --table NAME, or an export with --export DIR."},
        {"find --export e --table t" RULES,
         "{\"export\":\"e\",\"keep\":[\"any\"],\"key\":[\"a\"],\"run\":\"r\",\"table\":\"t\","
         "\"verb\":\"find\"}"},
        {"find --export e" RULES,
         "option: an export does not say what its primary key is | add --primary-key PK[,SK], or "
         "--table NAME to ask the table."},
        {"find --export e --table t --primary-key pk" RULES,
         "option: both --table and --primary-key say what the export's primary key is | leave one "
         "of them out."},
        {"find --export e --primary-key a,b,c" RULES,
         "option: --primary-key: a primary key has one or two attributes | write PK, or PK,SK with "
         "the sort key second."});
}

static void
runs_and_exports_may_be_on_s3_and_nothing_else(void)
{
    CHECK_LINES(
        {"find --export s3://b --table t" RULES,
         "{\"export\":\"s3://b\",\"keep\":[\"any\"],\"key\":[\"a\"],\"run\":\"r\","
         "\"table\":\"t\",\"verb\":\"find\"}"},
        {"apply s3://b/a/r/", "{\"run\":\"s3://b/a/r/\",\"verb\":\"apply\"}"},
        {"apply s3://b/", "option: --run: a whole bucket cannot be a run directory | add a prefix: "
                          "s3://BUCKET/PREFIX."},
        {"apply s3://b/a//r",
         "option: --run: 's3://b/a//r' is no place on S3 | leave out the slash "
         "that follows another."},
        {"find --export s3:///e --table t" RULES, "option: --export: 's3:///e' is no place on S3 | "
                                                  "write s3://BUCKET/PREFIX, or name a local "
                                                  "folder."},
        {"apply gs://b/r",
         "option: --run: 'gs://b/r' is no place on S3 | write s3://BUCKET/PREFIX, "
         "or name a local folder."},
        {"plan r --only s3://b/ids",
         "option: --only: a file on S3 is not read from there | copy it "
         "to a local file and name that."},
        {"run s3://b/job.yaml", "option: the job file 's3://b/job.yaml' is not on this machine | "
                                "copy it to a local file and name that."});
}

static void
options_of_a_live_scan_are_refused_for_an_export(void)
{
    CHECK_LINES(
        {"find --export e --primary-key pk --where 'a = 1'" RULES,
         "option: --where filters a live scan; an export is read whole | leave --where out, or "
         "scan the table."},
        {"find --export e --primary-key pk --segments 4" RULES,
         "option: --segments divides a live scan; an export is read file by file | leave "
         "--segments out, or scan the table."},
        {"find --export e --primary-key pk --consistent" RULES,
         "option: --consistent is about a live scan; an export does not change | leave "
         "--consistent out, or scan the table."},
        {"find --table t --primary-key pk" RULES,
         "option: --primary-key is for exports; a live table says itself what its key is | leave "
         "--primary-key out."},
        {"find --table t --no-md5" RULES,
         "option: --no-md5 is about the files of an export; a live table has none | leave --no-md5 "
         "out."});
}

static void
verify_takes_a_run_or_rules_but_not_both(void)
{
    CHECK_LINES(
        {"verify", "option: 'verify' needs a run directory, or a source and a key | name the run, "
                   "or give --table NAME (or --export DIR) and --key LIST."},
        {"verify --table t", "option: 'verify' without a run needs --key LIST | add the attributes "
                             "that no two items may share, such as --key cause."},
        {"verify r --table t", "option: --table stands beside a run, which has its own rules | "
                               "leave it out, or verify without naming a run."},
        {"verify r --missing-key skip",
         "option: --missing-key stands beside a run, which has its own rules | leave it out, or "
         "verify without naming a run."},
        {"verify --export e --key a",
         "option: an export does not say what its primary key is | add --primary-key PK[,SK], or "
         "--table NAME to ask the table."});
}

static void
an_estimate_needs_a_key_only_to_look_for_copies(void)
{
    CHECK_LINES(
        {"estimate --table t", "{\"table\":\"t\",\"verb\":\"estimate\"}"},
        {"estimate --table t --duplicates 2.5",
         "{\"duplicates\":2.5,\"table\":\"t\",\"verb\":\"estimate\"}"},
        {"estimate --table t --sample 0.01 --key a",
         "{\"key\":[\"a\"],\"sample\":0.01,\"table\":\"t\",\"verb\":\"estimate\"}"},
        {"estimate --table t --sample 1", "option: --sample looks for copies and needs --key LIST "
                                          "| add the attributes that copies share, such as --key "
                                          "cause."},
        {"estimate --table t --key a --sample 1 --sample-items 5",
         "option: both --sample and --sample-items say how much to read | leave one of them out."},
        {"estimate --export e --primary-key pk",
         "option: an export is searched for copies and needs --key LIST | add the attributes that "
         "copies share, such as --key cause."},
        {"estimate --export e --primary-key pk --key a --sample 1",
         "option: --sample is about a live table; an export is read whole | leave --sample out: "
         "reading an export costs no read units."},
        {"estimate --table t --key a --sample 1 --duplicates 1",
         "option: --duplicates assumes what a sample or an export would tell | leave --duplicates "
         "out, or estimate from --table alone."},
        {"policy", "option: 'policy' needs a job file | usage: keepone policy JOB.yaml "
                   "[OPTION]..."});
}

static void
options_that_exclude_each_other_are_refused(void)
{
    CHECK_LINES(
        {"plan r", "option: 'plan' needs --exclude FILE or --only FILE | say which items to leave "
                   "out of the new plan, or to take into it."},
        {"plan r --only a --exclude b",
         "option: both --exclude and --only are given | leave one of them out."},
        {"show r --plan --json", "option: only one of --plan, --review and --json can be shown | "
                                 "leave the others out."});
}

static void
a_failure_about_the_content_says_where_it_was_written(void)
{
    struct ko_job job = {0};
    struct ko_error err = {0};

    assert_int_equal(ko_job_init(&job, &err), KO_OK);
    assert_int_equal(ko_job_parse_text(KO_SLICE("run: r\n\nkey: 'a:loud'\ntable: t\nkeep: any\n"),
                                       "dir/j.yaml", &job, &err),
                     KO_OK);
    (void) ko_fail(&err, KO_E_OPTION, "no normaliser 'loud'");
    ko_job_context(&job, KO_OPTION_KEY, &err);
    CHECK_TEXT(err.text, "dir/j.yaml:3: key: no normaliser 'loud'");

    err = (struct ko_error){0};
    (void) ko_fail(&err, KO_E_OPTION, "empty");
    ko_job_context(&job, KO_OPTION_WHERE, &err);
    CHECK_TEXT(err.text, "--where: empty");
    ko_job_clear(&job);
}

static void
a_role_to_assume_is_named_by_its_arn(void)
{
    CHECK_LINES(
        {"apply r --profile p --assume-role arn:aws:iam::123456789012:role/keepone",
         "{\"assume-role\":\"arn:aws:iam::123456789012:role/keepone\",\"profile\":\"p\",\"run\":"
         "\"r\",\"verb\":\"apply\"}"},
        {"apply r --assume-role keepone",
         "option: --assume-role: this is not the ARN of a role | it looks like "
         "arn:aws:iam::123456789012:role/NAME."},
        {"apply r --assume-role arn:aws:iam::123456789012:user/keepone",
         "option: --assume-role: this is not the ARN of a role | it looks like "
         "arn:aws:iam::123456789012:role/NAME."});
}

CASES = {
    CASE(required_options_are_asked_for),
    CASE(a_role_to_assume_is_named_by_its_arn),
    CASE(there_is_exactly_one_source),
    CASE(runs_and_exports_may_be_on_s3_and_nothing_else),
    CASE(options_of_a_live_scan_are_refused_for_an_export),
    CASE(verify_takes_a_run_or_rules_but_not_both),
    CASE(an_estimate_needs_a_key_only_to_look_for_copies),
    CASE(options_that_exclude_each_other_are_refused),
    CASE(a_failure_about_the_content_says_where_it_was_written),
};
RUN_CASES
