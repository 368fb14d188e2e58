#include "keepone/stage/progress.h"

#include "keepone/base/clock.h"
#include "keepone/base/log.h"
#include "support/messages.h"
#include "support/test.h"

/* 2026-01-01T00:00:00Z */
#define START_US UINT64_C(1767225600000000)

static void
set_clock_ms(uint64_t ms)
{
    ko_clock_set_us(START_US + ms * 1000);
}

static struct ko_progress
begin(enum ko_progress_mode mode, uint64_t expected)
{
    struct ko_progress progress = {.mode = mode};

    set_clock_ms(0);
    ko_progress_begin(&progress, "read", "items", expected);
    return progress;
}

/* Shows so much after so long, as the first time. */
static void
check_shown(uint64_t expected, uint64_t ms, uint64_t done, const char *line)
{
    struct ko_progress progress = begin(KO_PROGRESS_TTY, expected);

    messages_begin();
    set_clock_ms(ms);
    ko_progress_show(&progress, done);
    ko_log_live(NULL);
    ko_clock_set_us(0);
    CHECK_TEXT(messages_end(), line);
}

static void
a_line_says_how_much_how_fast_and_how_long(void)
{
    check_shown(60000000, 1000, 41200000,
                "read: 41.2 M of 60.0 M items, 41.2 M/s, 0 s left\r\033[K");
    check_shown(60000000, 100000, 20000000,
                "read: 20.0 M of 60.0 M items, 200.0 k/s, 3 min left\r\033[K");
    check_shown(5000, 1000, 1, "read: 1 of 5.0 k items, 1/s, 83 min left\r\033[K");
    check_shown(100000, 1000, 1, "read: 1 of 100.0 k items, 1/s, 27 h left\r\033[K");
    check_shown(0, 2000, 3000, "read: 3.0 k items, 1.5 k/s\r\033[K");
    check_shown(10, 1000, 0, "read: 0 items, 0/s\r\033[K");
    check_shown(10, 1000, 12, "read: 12 items, 12/s\r\033[K");
}

static void
plain_lines_come_every_ten_seconds(void)
{
    struct ko_progress progress = begin(KO_PROGRESS_PLAIN, 100);

    messages_begin();
    for (uint64_t ms = 1; ms <= 26000; ms += 5001) {
        set_clock_ms(ms);
        ko_progress_show(&progress, ms / 1000);
    }
    ko_progress_end(&progress);
    ko_clock_set_us(0);
    CHECK_TEXT(messages_end(),
               "2026-01-01T00:00:10.003Z INFO  R000 read: 10 of 100 items, 0/s, 90 s left\n"
               "2026-01-01T00:00:20.005Z INFO  R000 read: 20 of 100 items, 0/s, 80 s left\n");
}

static void
a_live_line_replaces_itself_and_goes_at_the_end(void)
{
    struct ko_progress progress = begin(KO_PROGRESS_TTY, 0);

    messages_begin();
    for (uint64_t ms = 0; ms <= 450; ms += 150) {
        set_clock_ms(ms);
        ko_progress_show(&progress, ms);
    }
    ko_progress_end(&progress);
    ko_clock_set_us(0);
    CHECK_TEXT(messages_end(), "read: 300 items, 1.0 k/s\r\033[K");
}

static void
without_progress_nothing_is_shown(void)
{
    struct ko_progress progress = begin(KO_PROGRESS_NONE, 10);

    messages_begin();
    set_clock_ms(60000);
    ko_progress_show(&progress, 5);
    ko_progress_end(&progress);
    ko_clock_set_us(0);
    CHECK_TEXT(messages_end(), "");
}

static void
count_pulse(void *self)
{
    ++*(int *) self;
}

/* Renewing a lease must not depend on what is shown. */
static void
every_call_is_a_pulse(void)
{
    int n_pulses = 0;
    struct ko_progress progress = begin(KO_PROGRESS_NONE, 10);

    progress.pulse = count_pulse;
    progress.pulse_self = &n_pulses;
    ko_progress_show(&progress, 5);
    ko_progress_show(&progress, 5);
    ko_clock_set_us(0);
    assert_int_equal(n_pulses, 2);
}

static void
quantities_have_a_digit_behind_the_point_from_a_thousand_on(void)
{
    static const struct {
        uint64_t n;
        const char *text;
    } quantities[] = {
        {0, "0"},
        {999, "999"},
        {1000, "1.0 k"},
        {999949, "999.9 k"},
        {999950, "1.0 M"},
        {41200000, "41.2 M"},
        {2000000000, "2.0 G"},
        {3000000000000, "3.0 T"},
        {4000000000000000, "4.0 P"},
        {UINT64_MAX, "18.4 E"},
    };

    for (size_t i = 0; i < sizeof quantities / sizeof quantities[0]; i++) {
        char text[KO_QUANTITY_BYTES];

        CHECK_TEXT(ko_quantity(quantities[i].n, text), quantities[i].text);
    }
}

CASES = {
    CASE(a_line_says_how_much_how_fast_and_how_long),
    CASE(plain_lines_come_every_ten_seconds),
    CASE(a_live_line_replaces_itself_and_goes_at_the_end),
    CASE(without_progress_nothing_is_shown),
    CASE(every_call_is_a_pulse),
    CASE(quantities_have_a_digit_behind_the_point_from_a_thousand_on),
};
RUN_CASES
