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
         "the sort key second."},
        {"find --export s3://b/e --table t" RULES,
         "option: --export: exports are not read from S3 yet | copy the export to a local folder "
         "and name that."},
        {"apply s3://b/r", "option: --run: run directories cannot be on S3 yet | name a folder "
                           "that all ranks share."});
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

CASES = {
    CASE(required_options_are_asked_for),
    CASE(there_is_exactly_one_source),
    CASE(options_of_a_live_scan_are_refused_for_an_export),
    CASE(verify_takes_a_run_or_rules_but_not_both),
    CASE(options_that_exclude_each_other_are_refused),
    CASE(a_failure_about_the_content_says_where_it_was_written),
};
RUN_CASES
