/*
 * Times: what parses is what the C library's calendar says, and the ordered bytes of two times
 * (one per line) have their order.
 */
#include "keepone/record/time.h"

#include <stdio.h>
#include <time.h>

#include "keepone/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Writes the time by the C library and reads it by ours. */
static void
check_calendar(const struct ko_time *time)
{
    const time_t seconds = (time_t) time->seconds;
    char text[96];
    struct tm tm;
    struct ko_time again;

    KO_ASSERT(time->attoseconds < 1000000000000000000U);
    if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
        return;
    (void) snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%018lluZ", tm.tm_year + 1900,
                    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                    (unsigned long long) time->attoseconds);
    KO_ASSERT(ko_time_parse(ko_slice_of(text), &again));
    KO_ASSERT(again.seconds == time->seconds && again.attoseconds == time->attoseconds);
}

static int
compare(const struct ko_time *a, const struct ko_time *b)
{
    if (a->seconds != b->seconds)
        return a->seconds < b->seconds ? -1 : 1;
    return (a->attoseconds > b->attoseconds) - (a->attoseconds < b->attoseconds);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct ko_slice text = {(const char *) data, n};
    const char *end = n == 0 ? NULL : memchr(data, '\n', n);
    const size_t first_n = end == NULL ? n : (size_t) (end - text.data);
    struct ko_time a;
    struct ko_time b;
    unsigned char ordered_a[16];
    unsigned char ordered_b[16];
    int order;

    if (!ko_time_parse((struct ko_slice){text.data, first_n}, &a))
        return 0;
    check_calendar(&a);
    if (end == NULL || !ko_time_parse((struct ko_slice){end + 1, n - first_n - 1}, &b))
        return 0;
    ko_time_ordered(&a, ordered_a);
    ko_time_ordered(&b, ordered_b);
    order = memcmp(ordered_a, ordered_b, sizeof ordered_a);
    KO_ASSERT((order > 0) - (order < 0) == compare(&a, &b));
    return 0;
}
