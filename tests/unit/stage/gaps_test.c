#include "keepone/stage/gaps.h"

#include "support/test.h"

static struct ko_time
time_of(const char *text)
{
    struct ko_time time;

    assert_true(ko_time_parse(ko_slice_of(text), &time));
    return time;
}

static const char *
print_duration(uint64_t us)
{
    static char text[64];
    struct ko_buf out = {0};

    ko_duration_add(&out, us);
    (void) snprintf(text, sizeof text, "%.*s", KO_SLICE_ARG(ko_buf_slice(&out)));
    ko_buf_clear(&out);
    return text;
}

/* n times: their distances to `from`, as "n: min median max, equal". */
static const char *
gaps_from(const char *from, const char *const *times, size_t n)
{
    static char text[256];
    const struct ko_time start = time_of(from);
    struct ko_gaps_summary summary;
    struct ko_error err = {0};
    struct ko_gaps *gaps = ko_gaps_new(&err);

    CHECK_OK(err);
    for (size_t i = 0; i < n; i++) {
        const struct ko_time time = time_of(times[i]);

        ko_gaps_add(gaps, &start, &time);
    }
    ko_gaps_summarize(gaps, &summary);
    ko_gaps_free(gaps);
    (void) snprintf(text, sizeof text, "%llu: %llu %llu %llu, %llu", (unsigned long long) summary.n,
                    (unsigned long long) summary.min_us, (unsigned long long) summary.median_us,
                    (unsigned long long) summary.max_us, (unsigned long long) summary.n_equal);
    return text;
}

#define GAPS(from, ...)                                 \
    gaps_from(from, (const char *const[]){__VA_ARGS__}, \
              sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void
no_times_give_zeros(void)
{
    CHECK_TEXT(gaps_from("0", NULL, 0), "0: 0 0 0, 0");
}

static void
small_gaps_are_exact(void)
{
    CHECK_TEXT(GAPS("2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000007Z",
                    "2024-01-01T00:00:00.002047Z", "2024-01-01T00:00:00.000019Z"),
               "3: 7 19 2047, 0");
}

static void
direction_does_not_matter(void)
{
    CHECK_TEXT(GAPS("10", "7", "9.999998", "10.000003"), "3: 2 3 3000000, 0");
    CHECK_TEXT(GAPS("-0.5", "0.25", "-1.25"), "2: 750000 750000 750000, 0");
}

static void
equal_instants_are_counted_to_the_attosecond(void)
{
    CHECK_TEXT(GAPS("2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00",
                    "2024-01-01T00:00:00.000000000000000001Z", "1704067200"),
               "3: 0 0 0, 2");
}

static void
the_median_of_an_even_number_is_the_lower_one(void)
{
    CHECK_TEXT(GAPS("0", "0.000004", "0.000001", "0.000003", "0.000002"), "4: 1 2 4, 0");
}

static void
large_gaps_have_a_median_within_a_thousandth(void)
{
    struct ko_error err = {0};

    for (unsigned bits = 11; bits < 53; bits++) {
        const uint64_t us = ((uint64_t) 1 << bits) + ((uint64_t) 1 << bits) / 3;
        const struct ko_time times[] = {
            {0, 0},
            {(int64_t) (us / 1000000), us % 1000000 * UINT64_C(1000000000000)},
            {(int64_t) (us / 500000) + 1, 0}};
        struct ko_gaps *gaps = ko_gaps_new(&err);
        struct ko_gaps_summary summary;
        uint64_t off;

        for (size_t i = 0; i < 3; i++)
            ko_gaps_add(gaps, &times[0], &times[i]);
        ko_gaps_summarize(gaps, &summary);
        ko_gaps_free(gaps);
        off = summary.median_us > us ? summary.median_us - us : us - summary.median_us;
        assert_true(off <= us / 1000);
    }
}

static void
the_largest_distance_does_not_overflow(void)
{
    const struct ko_time first = {INT64_MIN, 0};
    const struct ko_time last = {INT64_MAX, UINT64_C(999999999999999999)};
    struct ko_gaps_summary summary;
    struct ko_error err = {0};
    struct ko_gaps *gaps = ko_gaps_new(&err);

    ko_gaps_add(gaps, &last, &first);
    ko_gaps_summarize(gaps, &summary);
    ko_gaps_free(gaps);
    assert_true(summary.min_us == UINT64_MAX && summary.median_us == UINT64_MAX);
}

static void
durations_are_rounded_to_two_units_at_most(void)
{
    static const struct {
        uint64_t us;
        const char *text;
    } rows[] = {
        {0, "0 s"},
        {999, "999 us"},
        {1499, "1 ms"},
        {1500, "2 ms"},
        {999499, "999 ms"},
        {999500, "1.00 s"},
        {4214999, "4.21 s"},
        {9994999, "9.99 s"},
        {9995001, "10.0 s"},
        {59949999, "59.9 s"},
        {59950000, "1 min"},
        {125499999, "2 min 5 s"},
        {3599499999, "59 min 59 s"},
        {3599500000, "1 h"},
        {11520000000, "3 h 12 min"},
        {86400000000 - 30500001, "23 h 59 min"},
        {86400000000 - 30500000, "1 day"},
        {90000000000, "1 day 1 h"},
        {UINT64_C(86400000000) * 364, "364 days"},
        {UINT64_C(86400000000) * 365, "1 year"},
        {UINT64_C(86400000000) * 800, "2 years 70 days"},
        {UINT64_MAX, "584942 years 152 days"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_TEXT(print_duration(rows[i].us), rows[i].text);
}

CASES = {
    CASE(no_times_give_zeros),
    CASE(small_gaps_are_exact),
    CASE(direction_does_not_matter),
    CASE(equal_instants_are_counted_to_the_attosecond),
    CASE(the_median_of_an_even_number_is_the_lower_one),
    CASE(large_gaps_have_a_median_within_a_thousandth),
    CASE(the_largest_distance_does_not_overflow),
    CASE(durations_are_rounded_to_two_units_at_most),
};
RUN_CASES
