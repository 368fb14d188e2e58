#include "keepone/record/time.h"

#include "support/test.h"

struct row {
    const char *text;
    int64_t seconds;
    uint64_t attoseconds;
};

static const uint64_t second = 1000000000000000000U; /* in attoseconds */

static void
check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct ko_time time = {0};

        if (!ko_time_parse(ko_slice_of(rows[i].text), &time))
            fail_msg("'%s' does not parse", rows[i].text);
        if (time.seconds != rows[i].seconds || time.attoseconds != rows[i].attoseconds)
            fail_msg("'%s' is %lld s %llu as", rows[i].text, (long long) time.seconds,
                     (unsigned long long) time.attoseconds);
    }
}

/* Expected values from an independent calendar (Python's datetime). */
static void
dates_are_days_of_the_real_calendar(void)
{
    static const struct row rows[] = {
        {"1970-01-01", 0, 0},
        {"1969-12-31", -86400, 0},
        {"2024-05-06", 1714953600, 0},
        {"2024-02-29", 1709164800, 0},
        {"2024-03-01", 1709251200, 0},
        {"2000-02-29", 951782400, 0},
        {"1900-03-01", -2203891200, 0},
        {"0001-01-01", -62135596800, 0},
        {"0000-12-31", -62135683200, 0},
        {"0000-02-29", -62162121600, 0},
        {"9999-12-31", 253402214400, 0},
    };

    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void
a_clock_time_without_offset_is_utc(void)
{
    static const struct row rows[] = {
        {"2024-05-06T07:08", 1714979280, 0},
        {"2024-05-06T07:08:09", 1714979289, 0},
        {"2024-05-06t07:08:09z", 1714979289, 0},
        {"2024-05-06 07:08:09", 1714979289, 0},
        {"2024-05-06T07:08:09Z", 1714979289, 0},
        {"2024-05-06T07:08:09.5Z", 1714979289, 500000000000000000},
        {"2024-05-06T07:08:09.000000000000000001", 1714979289, 1},
        {"1969-12-31T23:59:59.25Z", -1, 250000000000000000},
        {"2024-05-06T00:00:00Z", 1714953600, 0},
        {"2024-05-06T23:59:59Z", 1715039999, 0},
    };

    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void
offsets_are_taken_away(void)
{
    static const struct row rows[] = {
        {"2024-05-06T07:08:09+02:00", 1714972089, 0},
        {"2024-05-06T07:08:09+0200", 1714972089, 0},
        {"2024-05-06T07:08:09+02", 1714972089, 0},
        {"2024-05-06T07:08:09-03:30", 1714991889, 0},
        {"2024-05-06T07:08:09-00:00", 1714979289, 0},
        {"2024-05-06T07:08+05:45", 1714958580, 0},
        {"2024-01-01T00:00:00.5+01:00", 1704063600, 500000000000000000},
        {"2024-05-06T07:08:09+23:59", 1714892949, 0},
    };

    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void
epoch_numbers_turn_to_milliseconds_at_1e11(void)
{
    static const struct row rows[] = {
        {"0", 0, 0},
        {"-0", 0, 0},
        {"1714979289", 1714979289, 0},
        {"1.714979289E9", 1714979289, 0},
        {"99999999999", 99999999999, 0},
        {"100000000000", 100000000, 0},
        {"1714979289123", 1714979289, 123000000000000000},
        {"1714979289123.5", 1714979289, 123500000000000000},
        {"1714979289.25", 1714979289, 250000000000000000},
        {"0.000000000000000001", 0, 1},
        {"-1", -1, 0},
        {"-0.25", -1, 750000000000000000},
        {"-1.5", -2, 500000000000000000},
        {"-62167219200", KO_TIME_FIRST_S, 0},
        {"-100000000000", -100000000, 0},
        {"-100000000001", -100000001, 999000000000000000},
        {"253402300799999.5", KO_TIME_LAST_S, 999500000000000000},
        {"190013010000", 190013010, 0}, /* no date to the minute: a month 13 */
        {"210001010000", 210001010, 0},
    };

    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void
what_is_no_real_time_does_not_parse(void)
{
    static const char *const texts[] = {
        "",
        "yesterday",
        "2024-05",
        "2024-5-6",
        "24-05-06",
        "2024-00-06",
        "2024-13-06",
        "2024-05-00",
        "2024-05-32",
        "2024-04-31",
        "2023-02-29",
        "1900-02-29",
        "2024-02-30",
        "2024-05-06T",
        "2024-05-06Z",
        "2024-05-06T07",
        "2024-05-06T07:0",
        "2024-05-06T7:08",
        "2024-05-06T24:00",
        "2024-05-06T07:60",
        "2024-05-06T07:08:60",
        "2024-05-06T07:08:9",
        "2024-05-06T07:08:09.",
        "2024-05-06T07:08:09.Z",
        "2024-05-06T07:08:09.1234567890123456789",
        "2024-05-06  07:08:09",
        "2024-05-06T07:08:09 Z",
        "2024-05-06T07:08:09+2",
        "2024-05-06T07:08:09+02:",
        "2024-05-06T07:08:09+02:0",
        "2024-05-06T07:08:09+24:00",
        "2024-05-06T07:08:09+02:60",
        "2024-05-06T07:08:09Zx",
        "2024-05-06T07:08:09*02",
        " 2024-05-06",
        "2024-05-06 ",
        "2024/05/06",
        "0x10",
        "1e30",
        "9999999999999999999999",
        "-99999999999",
        "253402300800000",
        "1714970000123456",    /* microseconds */
        "1714970000123456789", /* nanoseconds */
        "20240506070809123",
        "202405060708",
        "0.0000000000000000001",
        "nan",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct ko_time time;

        if (ko_time_parse(ko_slice_of(texts[i]), &time))
            fail_msg("'%s' parses", texts[i]);
    }
}

static void
a_nul_byte_ends_no_text(void)
{
    struct ko_time time;

    assert_false(ko_time_parse(KO_SLICE("2024-05-06\0"), &time));
    assert_false(ko_time_parse(KO_SLICE("2024-05-06\0"
                                        "07:08"),
                               &time));
}

static void
ordered_bytes_have_the_order_of_time(void)
{
    static const char *const ascending[] = {
        "0000-01-01T00:00:00+01:00",
        "0000-01-01",
        "1969-12-31T23:59:59",
        "-0.000000000000000001",
        "0",
        "0.5",
        "1",
        "2024-05-06T07:08:09+02:00",
        "2024-05-06T07:08:09Z",
        "1714979289.000000000000000001",
        "1714979289001",
        "9999-12-31T23:59:59.999",
    };
    unsigned char before[16] = {0};

    for (size_t i = 0; i < sizeof ascending / sizeof ascending[0]; i++) {
        unsigned char bytes[16];
        struct ko_time time;

        assert_true(ko_time_parse(ko_slice_of(ascending[i]), &time));
        assert_true(time.attoseconds < second);
        ko_time_ordered(&time, bytes);
        if (memcmp(before, bytes, sizeof bytes) >= 0)
            fail_msg("'%s' is not above the one before", ascending[i]);
        memcpy(before, bytes, sizeof bytes);
    }
}

static void
digits_that_may_be_a_date_decide_nothing(void)
{
    struct ko_time time;

    assert_false(ko_time_parse(KO_SLICE("20240506"), &time));
    assert_false(ko_time_parse(KO_SLICE("20240506070809"), &time));
    assert_true(ko_time_parse(KO_SLICE("2024050"), &time));
    assert_true(ko_time_parse(KO_SLICE("202405060"), &time));
    assert_true(ko_time_parse(KO_SLICE("-0240506"), &time));
}

CASES = {
    CASE(digits_that_may_be_a_date_decide_nothing),
    CASE(dates_are_days_of_the_real_calendar),
    CASE(a_clock_time_without_offset_is_utc),
    CASE(offsets_are_taken_away),
    CASE(epoch_numbers_turn_to_milliseconds_at_1e11),
    CASE(what_is_no_real_time_does_not_parse),
    CASE(a_nul_byte_ends_no_text),
    CASE(ordered_bytes_have_the_order_of_time),
};
RUN_CASES
