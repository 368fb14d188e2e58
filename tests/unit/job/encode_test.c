#include "unit/job/job_support.h"

static void
defaults_are_written_out(void)
{
    struct ko_job job = {0};
    struct ko_buf out = {0};
    struct ko_error err = {0};

    parse_line("find --table t --key a --keep any --run r", &job, &out, &err);
    CHECK_OK(err);
    (void) ko_job_encode(&job, &out, &err);
    CHECK_SLICE(ko_buf_slice(&out),
                "{\"in-flight\":32,\"keep\":[\"any\"],\"key\":[\"a\"],\"log-level\":\"info\","
                "\"max-group\":1000,\"missing-key\":\"skip\",\"progress\":\"auto\",\"run\":\"r\","
                "\"table\":\"t\",\"verb\":\"find\"}");
    ko_buf_clear(&out);
    ko_job_clear(&job);
}

static void
check_round_trip(const char *line)
{
    struct ko_job job = {0};
    struct ko_job decoded = {0};
    struct ko_buf texts[2] = {{0}, {0}};
    struct ko_error err = {0};

    parse_line(line, &job, &texts[0], &err);
    CHECK_OK(err);
    (void) ko_job_encode(&job, &texts[0], &err);
    (void) ko_job_init(&decoded, &err);
    (void) ko_job_decode(ko_buf_slice(&texts[0]), &decoded, &err);
    (void) ko_job_encode(&decoded, &texts[1], &err);
    CHECK_OK(err);
    if (!ko_slice_equal(ko_buf_slice(&texts[0]), ko_buf_slice(&texts[1])))
        fail_msg("'%.*s' became '%.*s'", KO_SLICE_ARG(ko_buf_slice(&texts[0])),
                 KO_SLICE_ARG(ko_buf_slice(&texts[1])));
    assert_int_equal(job.verb, decoded.verb);
    (void) ko_job_check_same_plan(&job, &decoded, &err);
    for (size_t i = 0; i < 2; i++)
        ko_buf_clear(&texts[i]);
    ko_job_clear(&job);
    ko_job_clear(&decoded);
}

static void
a_decoded_job_is_the_job_that_was_encoded(void)
{
    check_round_trip("find --table t --key a --keep any --run r");
    check_round_trip("find --export e --primary-key pk,sk --key 'h:lower,m\\,x' --keep oldest:d "
                     "--same 'p q,\"r\"' --missing-key group --max-group 0 --ttl x --no-md5 "
                     "--run \xc3\xa9t\xc3\xa9 --memory 513M --progress tty --json --in-flight 1");
    check_round_trip("find --table t --key a --keep any --run r --where 'a = \"b\\c\" AND d > 1' "
                     "--segments 7 --consistent --endpoint https://h --region r");
    check_round_trip("show r --plan --samples 0");
    check_round_trip("plan r --exclude f");
    check_round_trip("apply r --safety transact --unchanged --yes --max-delete "
                     "18446744073709551615 --max-delete-percent 0.0625 --no-pitr-check");
    check_round_trip("verify --table t --key a --log-level error");
    check_round_trip("undo r");
    check_round_trip("dedup --table t --key a --keep any --run r");
}

static void
fields_arrive_in_the_units_that_their_comments_say(void)
{
    struct ko_job job = {0};
    struct ko_error err = {0};

    if (ko_job_init(&job, &err) == KO_OK)
        (void) ko_job_decode(KO_SLICE(" {\"run\":\"r\", \"verb\":\"apply\", \"yes\":true, "
                                      "\"memory\":12582912, \"safety\":\"transact\", "
                                      "\"max-delete-percent\":12.5} "),
                             &job, &err);
    CHECK_OK(err);
    assert_int_equal(job.verb, KO_VERB_APPLY);
    CHECK_TEXT(job.run, "r");
    assert_true(job.yes);
    assert_true(job.memory_bytes == 12582912);
    assert_true(job.max_delete_ppm == 125000);
    assert_int_equal(job.safety, KO_JOB_SAFETY_TRANSACT);
    assert_true(job.in_flight == 32);
    ko_job_clear(&job);
}

static void
check_corrupt(const char *text, const char *says)
{
    struct ko_job job = {0};
    struct ko_error err = {0};

    if (ko_job_init(&job, &err) == KO_OK)
        (void) ko_job_decode(ko_slice_of(text), &job, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, says);
    CHECK_TEXT(err.hint, "");
    ko_job_clear(&job);
}

static void
a_text_that_is_no_job_is_corrupt(void)
{
    check_corrupt("", "the stored job");
    check_corrupt("[]", "the stored job");
    check_corrupt("{\"run\":\"r\"}", "verb");
    check_corrupt("{\"verb\":\"run\"}", "no verb 'run'");
    check_corrupt("{\"verb\":\"purge\"}", "no verb 'purge'");
    check_corrupt("{\"verb\":\"undo\",\"colour\":1}", "colour: no option of 'undo'");
    check_corrupt("{\"verb\":\"undo\",\"key\":[\"a\"]}", "key: no option of 'undo'");
    check_corrupt("{\"verb\":\"undo\",\"in-flight\":0}", "in-flight: '0' is out of range");
    check_corrupt("{\"verb\":\"undo\",\"in-flight\":\"8\"}", "'\"8\"' is not a number");
    check_corrupt("{\"verb\":\"undo\",\"yes\":1}", "'1' is neither true nor false");
    check_corrupt("{\"verb\":\"undo\",\"run\":7}", "run");
    check_corrupt("{\"verb\":\"undo\",\"run\":\"a\",\"run\":\"b\"}", "run: given twice");
    check_corrupt("{\"verb\":\"find\",\"key\":\"a\"}", "key");
    check_corrupt("{\"verb\":\"find\",\"key\":[]}", "key: an empty list");
    check_corrupt("{\"verb\":\"find\",\"key\":[7]}", "key");
    check_corrupt("{\"verb\":\"find\",\"key\":[\"a\"],\"key\":[\"b\"]}", "key: given twice");
}

static void
a_failed_allocation_leaks_nothing(void)
{
    for (uint64_t n = 1;; n++) {
        struct ko_job job = {0};
        struct ko_buf out = {0};
        struct ko_error err = {0};

        ko_mem_fail_nth(n);
        if (ko_job_init(&job, &err) == KO_OK &&
            ko_job_decode(KO_SLICE("{\"key\":[\"a\",\"b\"],\"run\":\"r\",\"verb\":\"find\"}"), &job,
                          &err) == KO_OK)
            (void) ko_job_encode(&job, &out, &err);
        ko_mem_fail_nth(0);
        ko_job_clear(&job);
        ko_buf_clear(&out);
        if (err.code == KO_OK) {
            assert_true(n > 3);
            break;
        }
        CHECK_CODE(err, KO_E_MEMORY);
    }
}

CASES = {
    CASE(defaults_are_written_out),
    CASE(a_decoded_job_is_the_job_that_was_encoded),
    CASE(fields_arrive_in_the_units_that_their_comments_say),
    CASE(a_text_that_is_no_job_is_corrupt),
    CASE(a_failed_allocation_leaks_nothing),
};
RUN_CASES
