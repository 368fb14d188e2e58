#include "keepone/stage/progress.h"

#include <stdio.h>

#include "keepone/base/clock.h"
#include "keepone/base/log.h"

enum { PLAIN_EVERY_MS = 10000, TTY_EVERY_MS = 200 };

const char *
ko_quantity(uint64_t n, char text[KO_QUANTITY_BYTES])
{
    static const char *const units[] = {"", " k", " M", " G", " T", " P", " E"};
    double value = (double) n;
    int unit = 0;

    while (value >= 999.95 && unit < 6) {
        value /= 1000;
        unit++;
    }
    (void) snprintf(text, KO_QUANTITY_BYTES, unit == 0 ? "%.0f%s" : "%.1f%s", value, units[unit]);
    return text;
}

static const char *
duration(uint64_t seconds, char text[KO_QUANTITY_BYTES])
{
    if (seconds < 120)
        (void) snprintf(text, KO_QUANTITY_BYTES, "%llu s", (unsigned long long) seconds);
    else if (seconds < 7200)
        (void) snprintf(text, KO_QUANTITY_BYTES, "%llu min", (unsigned long long) seconds / 60);
    else
        (void) snprintf(text, KO_QUANTITY_BYTES, "%llu h", (unsigned long long) seconds / 3600);
    return text;
}

void
ko_progress_begin(struct ko_progress *progress, const char *stage, const char *unit,
                  uint64_t expected)
{
    progress->stage = stage;
    progress->unit = unit;
    progress->expected = expected;
    progress->started_ms = ko_clock_ms();
    progress->shown_ms = progress->started_ms;
    progress->note[0] = '\0';
}

void
ko_progress_show(struct ko_progress *progress, uint64_t done)
{
    const uint64_t now_ms = ko_clock_ms();
    const uint64_t every_ms = progress->mode == KO_PROGRESS_TTY ? TTY_EVERY_MS : PLAIN_EVERY_MS;
    const double seconds = (double) (now_ms - progress->started_ms) / 1000;
    const double rate = seconds > 0 ? (double) done / seconds : 0;
    char quantities[3][KO_QUANTITY_BYTES];
    char left[KO_QUANTITY_BYTES];
    char line[512];

    if (progress->pulse != NULL)
        progress->pulse(progress->pulse_self);
    if (progress->mode == KO_PROGRESS_NONE || now_ms - progress->shown_ms < every_ms)
        return;
    progress->shown_ms = now_ms;
    if (progress->expected > done && rate > 0)
        (void) snprintf(line, sizeof line, "%s: %s of %s %s, %s/s%s, %s left", progress->stage,
                        ko_quantity(done, quantities[0]),
                        ko_quantity(progress->expected, quantities[1]), progress->unit,
                        ko_quantity((uint64_t) rate, quantities[2]), progress->note,
                        duration((uint64_t) ((double) (progress->expected - done) / rate), left));
    else
        (void) snprintf(line, sizeof line, "%s: %s %s, %s/s%s", progress->stage,
                        ko_quantity(done, quantities[0]), progress->unit,
                        ko_quantity((uint64_t) rate, quantities[2]), progress->note);
    if (progress->mode == KO_PROGRESS_TTY)
        ko_log_live(line);
    else
        ko_log(KO_LOG_INFO, "%s", line);
}

void
ko_progress_end(struct ko_progress *progress)
{
    if (progress->mode == KO_PROGRESS_TTY)
        ko_log_live(NULL);
}
