#include "keepone/base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t fixed_now_us;

static uint64_t
read_clock_us(clockid_t id)
{
    struct timespec now;

    if (fixed_now_us != 0)
        return fixed_now_us;
    (void) clock_gettime(id, &now);
    return (uint64_t) now.tv_sec * 1000000U + (uint64_t) now.tv_nsec / 1000U;
}

uint64_t
ko_clock_us(void)
{
    return read_clock_us(CLOCK_MONOTONIC);
}

uint64_t
ko_clock_ms(void)
{
    return ko_clock_us() / 1000U;
}

int64_t
ko_wall_us(void)
{
    return (int64_t) read_clock_us(CLOCK_REALTIME);
}

void
ko_clock_set_us(uint64_t fixed_us)
{
    fixed_now_us = fixed_us;
}

void
ko_wall_text(int64_t wall_us, char text[KO_CLOCK_TEXT_BYTES])
{
    const time_t seconds = (time_t) (wall_us / 1000000);
    struct tm parts;

    (void) gmtime_r(&seconds, &parts);
    (void) snprintf(text, KO_CLOCK_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                    (parts.tm_year + 1900) % 10000, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                    parts.tm_min, parts.tm_sec, (int) (wall_us / 1000 % 1000));
}

void
ko_sleep_us(uint64_t us)
{
    const struct timespec wait = {.tv_sec = (time_t) (us / 1000000U),
                                  .tv_nsec = (long) (us % 1000000U * 1000U)};

    (void) nanosleep(&wait, NULL);
}
