#include "keepone/base/log.h"

#include "keepone/base/clock.h"
#include "support/messages.h"
#include "support/test.h"

/* 2026-01-31T12:00:00.123Z */
#define NOW_US UINT64_C(1769860800123456)

/* Everything that a rank logs at every level. */
static const char *
log_all(int rank, enum ko_log_level level)
{
    const char *text;

    messages_begin();
    ko_clock_set_us(NOW_US);
    ko_log_init(rank, level);
    ko_log(KO_LOG_ERROR, "failed %d", 1);
    ko_log(KO_LOG_WARN, "careful");
    ko_log(KO_LOG_INFO, "done %s", "something");
    ko_log(KO_LOG_DEBUG, "detail");
    text = messages_end();
    ko_clock_set_us(0);
    ko_log_init(0, KO_LOG_INFO);
    return text;
}

static void
a_line_has_time_level_and_rank(void)
{
    CHECK_TEXT(log_all(0, KO_LOG_INFO), "2026-01-31T12:00:00.123Z ERROR R000 failed 1\n"
                                        "2026-01-31T12:00:00.123Z WARN  R000 careful\n"
                                        "2026-01-31T12:00:00.123Z INFO  R000 done something\n");
}

static void
info_is_told_once_for_the_job(void)
{
    CHECK_TEXT(log_all(12, KO_LOG_INFO), "2026-01-31T12:00:00.123Z ERROR R012 failed 1\n"
                                         "2026-01-31T12:00:00.123Z WARN  R012 careful\n");
}

static void
debug_is_told_by_every_rank_when_asked_for(void)
{
    CHECK_TEXT(log_all(12, KO_LOG_DEBUG), "2026-01-31T12:00:00.123Z ERROR R012 failed 1\n"
                                          "2026-01-31T12:00:00.123Z WARN  R012 careful\n"
                                          "2026-01-31T12:00:00.123Z DEBUG R012 detail\n");
}

static void
lower_levels_can_be_left_out(void)
{
    CHECK_TEXT(log_all(0, KO_LOG_ERROR), "2026-01-31T12:00:00.123Z ERROR R000 failed 1\n");
}

static void
a_live_line_makes_room_for_others_and_goes(void)
{
    messages_begin();
    ko_clock_set_us(NOW_US);
    ko_log_live("1 %");
    ko_log_live("2 %");
    ko_log(KO_LOG_WARN, "careful");
    ko_log_live("3 %");
    ko_log_live(NULL);
    ko_log_live(NULL);
    ko_clock_set_us(0);
    CHECK_TEXT(messages_end(), "1 %\r\033[K2 %\r\033[K"
                               "2026-01-31T12:00:00.123Z WARN  R000 careful\n"
                               "3 %\r\033[K");
}

static void
only_rank_0_has_a_live_line(void)
{
    messages_begin();
    ko_log_init(1, KO_LOG_INFO);
    ko_log_live("1 %");
    ko_log_live(NULL);
    ko_log_init(0, KO_LOG_INFO);
    CHECK_TEXT(messages_end(), "");
}

static void
a_long_line_is_cut(void)
{
    char large[3000];
    const char *text;

    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    messages_begin();
    ko_log(KO_LOG_WARN, "%s", large);
    text = messages_end();
    assert_in_range(strlen(text), 1000, 1100);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

CASES = {
    CASE(a_line_has_time_level_and_rank),
    CASE(info_is_told_once_for_the_job),
    CASE(debug_is_told_by_every_rank_when_asked_for),
    CASE(lower_levels_can_be_left_out),
    CASE(a_live_line_makes_room_for_others_and_goes),
    CASE(only_rank_0_has_a_live_line),
    CASE(a_long_line_is_cut),
};
RUN_CASES
