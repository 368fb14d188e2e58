#include "keepone/base/clock.h"

#include "support/test.h"

static void
wall_times_are_written_in_utc(void)
{
    static const struct {
        int64_t wall_us;
        const char *text;
    } times[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {INT64_C(1769860800123456), "2026-01-31T12:00:00.123Z"},
        {INT64_C(1709210096000999), "2024-02-29T12:34:56.000Z"},
        {INT64_C(4102444799999999), "2099-12-31T23:59:59.999Z"},
    };

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char text[KO_CLOCK_TEXT_BYTES];

        ko_wall_text(times[i].wall_us, text);
        CHECK_TEXT(text, times[i].text);
    }
}

static void
the_clock_goes_on_and_never_back(void)
{
    const uint64_t start_us = ko_clock_us();
    uint64_t last_us = start_us;

    ko_sleep_us(1500);
    for (int i = 0; i < 1000; i++) {
        const uint64_t now_us = ko_clock_us();

        assert_true(now_us >= last_us);
        last_us = now_us;
    }
    assert_true(last_us - start_us >= 1500);
    assert_true(ko_clock_ms() >= last_us / 1000);
}

static void
the_wall_clock_is_of_this_century(void)
{
    const int64_t year_2024_us = INT64_C(1704067200000000);

    assert_true(ko_wall_us() > year_2024_us);
}

static void
a_test_sets_both_clocks_until_it_sets_them_free(void)
{
    ko_clock_set_us(5000001);
    assert_int_equal(ko_clock_us(), 5000001);
    assert_int_equal(ko_clock_ms(), 5000);
    assert_int_equal(ko_wall_us(), 5000001);
    ko_clock_set_us(0);
    assert_true(ko_wall_us() > 5000001);
}

CASES = {
    CASE(wall_times_are_written_in_utc),
    CASE(the_clock_goes_on_and_never_back),
    CASE(the_wall_clock_is_of_this_century),
    CASE(a_test_sets_both_clocks_until_it_sets_them_free),
};
RUN_CASES
