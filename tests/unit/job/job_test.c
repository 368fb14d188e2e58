#include "unit/job/job_support.h"

#define FIND "find --table t --key a --keep any --run r"

/* says: "" if the second job may continue the first one's run. */
static void
check_same_plan(const char *stored_line, const char *now_line, const char *says)
{
    struct ko_job stored = {0};
    struct ko_job now = {0};
    struct ko_buf print = {0};
    struct ko_error err = {0};

    parse_line(stored_line, &stored, &print, &err);
    CHECK_OK(err);
    parse_line(now_line, &now, &print, &err);
    CHECK_OK(err);
    (void) ko_job_check_same_plan(&stored, &now, &err);
    CHECK_CODE(err, says[0] == '\0' ? KO_OK : KO_E_REFUSED);
    CHECK_TEXT(err.text, says);
    ko_job_clear(&stored);
    ko_job_clear(&now);
}

static void
a_run_continues_with_the_options_that_made_it(void)
{
    check_same_plan(FIND, FIND, "");
    check_same_plan(FIND, FIND " --max-group 1000", "");
    check_same_plan(
        FIND, "dedup --table t --key a --keep any --run r --yes --memory 1G --in-flight 2", "");
    check_same_plan(FIND, FIND " --key b",
                    "the run was started with --key 'a', not with --key 'a,b'");
    check_same_plan(FIND, FIND " --where 'b = 1'",
                    "the run was started without --where, not with --where 'b = 1'");
    check_same_plan(FIND " --same p", FIND,
                    "the run was started with --same 'p', not without --same");
    check_same_plan(FIND, FIND " --max-group 7",
                    "the run was started with --max-group '1000', not with --max-group '7'");
    check_same_plan(FIND, FIND " --missing-key group",
                    "the run was started with --missing-key 'skip', not with --missing-key "
                    "'group'");
    check_same_plan(FIND, "find --export e --primary-key t --key a --keep any --run r",
                    "the run was started with --table 't', not without --table");
}

static void
a_fresh_job_holds_the_defaults(void)
{
    struct ko_job job = {0};
    struct ko_error err = {0};

    (void) ko_job_init(&job, &err);
    CHECK_OK(err);
    assert_true(job.max_group == 1000);
    assert_true(job.in_flight == 32);
    assert_true(job.max_delete_ppm == 500000);
    assert_true(job.memory_bytes == 0);
    assert_true(job.n_samples == 3);
    assert_int_equal(job.log_level, KO_LOG_INFO);
    assert_null(job.table);
    for (size_t id = 0; id < KO_OPTION_COUNT; id++)
        assert_false(job.origin[id].is_given);
    ko_job_clear(&job);
    ko_job_clear(&job);
}

CASES = {
    CASE(a_run_continues_with_the_options_that_made_it),
    CASE(a_fresh_job_holds_the_defaults),
};
RUN_CASES
