/* Rates: a number per second, or a part of what the table has. */
#include "job_support.h"

static void
a_rate_is_a_number_or_a_percentage(void)
{
    static const struct {
        const char *text;
        struct ko_job_rate rate;
        const char *canonical;
    } rows[] = {
        {"1", {.n = 1}, "\"read-units\":\"1\""},
        {"1000000000", {.n = 1000000000}, "\"read-units\":\"1000000000\""},
        {"50%", {.ppm = 500000}, "\"read-units\":\"50%\""},
        {"100%", {.ppm = 1000000}, "\"read-units\":\"100%\""},
        {"0.25%", {.ppm = 2500}, "\"read-units\":\"0.25%\""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_job job = {0};
        struct ko_job again = {0};
        struct ko_buf text = {0};
        struct ko_error err = {0};
        char line[LINE_BYTES];

        (void) snprintf(line, sizeof line,
                        "find --table t --run r --key a --keep any --read-units %s", rows[i].text);
        parse_line(line, &job, &text, &err);
        CHECK_OK(err);
        assert_memory_equal(&job.read_units, &rows[i].rate, sizeof rows[i].rate);
        (void) ko_job_encode(&job, &text, &err);
        ko_buf_add_char(&text, '\0');
        if (strstr(text.data, rows[i].canonical) == NULL)
            fail_msg("'%s' has no %s", text.data, rows[i].canonical);
        text.n--;
        if (ko_job_init(&again, &err) == KO_OK)
            (void) ko_job_decode(ko_buf_slice(&text), &again, &err);
        CHECK_OK(err);
        assert_memory_equal(&again.read_units, &rows[i].rate, sizeof rows[i].rate);
        ko_buf_clear(&text);
        ko_job_clear(&job);
        ko_job_clear(&again);
    }
}

static void
a_job_file_writes_it_with_quotes_or_without(void)
{
    struct ko_job job = {0};
    struct ko_error err = {0};

    if (ko_job_init(&job, &err) == KO_OK)
        (void) ko_job_parse_text(KO_SLICE("verb: dedup\ntable: t\nrun: r\nkey: a\nkeep: any\n"
                                          "read-units: \"50%\"\nwrite-units: 500\n"),
                                 "job.yaml", &job, &err);
    CHECK_OK(err);
    assert_int_equal(job.read_units.ppm, 500000);
    assert_int_equal(job.write_units.n, 500);
    ko_job_clear(&job);
}

static void
what_is_no_rate_is_told(void)
{
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        {"0", "'0' is out of range"},
        {"0%", "'0%' is out of range"},
        {"100.5%", "'100.5%' is out of range"},
        {"1000000001", "is out of range"},
        {"fast", "'fast' is neither a number of units nor a percentage"},
        {"%", "neither"},
        {"-5", "neither"},
        {"5.5", "neither"},
        {"50%%", "neither"},
        {"0.00001%", "neither"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_job job = {0};
        struct ko_buf print = {0};
        struct ko_error err = {0};
        char line[LINE_BYTES];

        (void) snprintf(line, sizeof line, "undo r --write-units %s", rows[i].text);
        parse_line(line, &job, &print, &err);
        CHECK_CODE(err, KO_E_OPTION);
        CHECK_ERROR_SAYS(err, "--write-units: ");
        CHECK_ERROR_SAYS(err, rows[i].says);
        assert_true(err.hint[0] != '\0');
        ko_buf_clear(&print);
        ko_job_clear(&job);
    }
}

static void
an_export_is_read_without_units(void)
{
    struct ko_job job = {0};
    struct ko_buf print = {0};
    struct ko_error err = {0};

    parse_line("find --export e --primary-key pk --run r --key a --keep any --read-units 5", &job,
               &print, &err);
    CHECK_CODE(err, KO_E_OPTION);
    CHECK_ERROR_SAYS(err, "--read-units is about a live table");
    ko_buf_clear(&print);
    ko_job_clear(&job);
}

CASES = {
    CASE(a_rate_is_a_number_or_a_percentage),
    CASE(a_job_file_writes_it_with_quotes_or_without),
    CASE(what_is_no_rate_is_told),
    CASE(an_export_is_read_without_units),
};
RUN_CASES
