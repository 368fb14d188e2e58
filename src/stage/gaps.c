#include "keepone/stage/gaps.h"

#include <stdbool.h>

#include "keepone/base/mem.h"

/*
 * Bucket i below 2,048 holds the gap of i microseconds; above, each doubling has 1,024 buckets:
 * shift * 1024 + (gap >> shift), where the shifted gap has 11 bits.
 */
enum {
    STEP_BITS = 10,
    STEPS = 1 << STEP_BITS,
    SHIFT_MAX = 64 - STEP_BITS - 1,
    N_BUCKETS = (SHIFT_MAX + 2) * STEPS
};

#define US_PER_SECOND      UINT64_C(1000000)
#define ATTOSECONDS_PER_US UINT64_C(1000000000000)
#define ATTOSECONDS        UINT64_C(1000000000000000000)

struct ko_gaps {
    uint64_t n;
    uint64_t n_equal;
    uint64_t min_us;
    uint64_t max_us;
    uint64_t buckets[N_BUCKETS];
};

struct ko_gaps *
ko_gaps_new(struct ko_error *err)
{
    struct ko_gaps *gaps = ko_alloc(sizeof *gaps, err);

    if (gaps != NULL)
        gaps->min_us = UINT64_MAX;
    return gaps;
}

void
ko_gaps_free(struct ko_gaps *gaps)
{
    ko_free(gaps);
}

static bool
is_before(const struct ko_time *a, const struct ko_time *b)
{
    if (a->seconds != b->seconds)
        return a->seconds < b->seconds;
    return a->attoseconds < b->attoseconds;
}

/* What does not fit counts as the largest gap there is, 584,542 years. */
static uint64_t
distance_us(const struct ko_time *early, const struct ko_time *late)
{
    uint64_t seconds = (uint64_t) late->seconds - (uint64_t) early->seconds;
    uint64_t attoseconds = late->attoseconds;

    if (attoseconds < early->attoseconds) {
        seconds--;
        attoseconds += ATTOSECONDS;
    }
    attoseconds -= early->attoseconds;
    if (seconds >= UINT64_MAX / US_PER_SECOND)
        return UINT64_MAX;
    return seconds * US_PER_SECOND + attoseconds / ATTOSECONDS_PER_US;
}

static size_t
bucket_of(uint64_t us)
{
    const unsigned n_bits = us == 0 ? 0 : 64 - (unsigned) __builtin_clzll(us);
    const unsigned shift = n_bits > STEP_BITS + 1 ? n_bits - STEP_BITS - 1 : 0;

    return (size_t) shift * STEPS + (size_t) (us >> shift);
}

/* The middle of a bucket. */
static uint64_t
us_of(size_t bucket)
{
    const unsigned shift = bucket < 2 * STEPS ? 0 : (unsigned) (bucket / STEPS) - 1;
    const uint64_t first = (uint64_t) (bucket - (size_t) shift * STEPS) << shift;

    return first + (((uint64_t) 1 << shift) - 1) / 2;
}

void
ko_gaps_add(struct ko_gaps *gaps, const struct ko_time *a, const struct ko_time *b)
{
    const uint64_t us = is_before(a, b) ? distance_us(a, b) : distance_us(b, a);

    gaps->n++;
    if (a->seconds == b->seconds && a->attoseconds == b->attoseconds)
        gaps->n_equal++;
    if (us < gaps->min_us)
        gaps->min_us = us;
    if (us > gaps->max_us)
        gaps->max_us = us;
    gaps->buckets[bucket_of(us)]++;
}

static uint64_t
median_us(const struct ko_gaps *gaps)
{
    uint64_t n_before = 0;
    size_t bucket = 0;
    uint64_t us;

    while (n_before + gaps->buckets[bucket] < (gaps->n + 1) / 2)
        n_before += gaps->buckets[bucket++];
    us = us_of(bucket);
    if (us < gaps->min_us)
        return gaps->min_us;
    return us > gaps->max_us ? gaps->max_us : us;
}

void
ko_gaps_summarize(const struct ko_gaps *gaps, struct ko_gaps_summary *summary)
{
    *summary = (struct ko_gaps_summary){0};
    if (gaps->n == 0)
        return;
    *summary = (struct ko_gaps_summary){.n = gaps->n,
                                        .n_equal = gaps->n_equal,
                                        .min_us = gaps->min_us,
                                        .median_us = median_us(gaps),
                                        .max_us = gaps->max_us};
}

/* "3 h 12 min"; the smaller unit is left out when it is 0. */
static void
add_two_units(struct ko_buf *out, uint64_t n, uint64_t per_large, const char *large,
              const char *small)
{
    ko_buf_add_format(out, "%llu %s", (unsigned long long) (n / per_large), large);
    if (n % per_large != 0)
        ko_buf_add_format(out, " %llu %s", (unsigned long long) (n % per_large), small);
}

/* Rounded at each step, so that no unit is ever full: 59.96 s is "1 min". */
void
ko_duration_add(struct ko_buf *out, uint64_t us)
{
    const uint64_t seconds = us / US_PER_SECOND + (us % US_PER_SECOND >= US_PER_SECOND / 2);
    const uint64_t minutes = (seconds + 30) / 60;
    const uint64_t hours = (minutes + 30) / 60;
    const uint64_t days = (hours + 12) / 24;

    if (us == 0)
        ko_buf_add_text(out, "0 s");
    else if (us < 1000)
        ko_buf_add_format(out, "%llu us", (unsigned long long) us);
    else if (us < 999500)
        ko_buf_add_format(out, "%llu ms", (unsigned long long) (us + 500) / 1000);
    else if (us < 9995000)
        ko_buf_add_format(out, "%.2f s", (double) us / 1e6);
    else if (us < 59950000)
        ko_buf_add_format(out, "%.1f s", (double) us / 1e6);
    else if (seconds < 3600)
        add_two_units(out, seconds, 60, "min", "s");
    else if (minutes < 24 * 60)
        add_two_units(out, minutes, 60, "h", "min");
    else if (hours < 365 * 24)
        add_two_units(out, hours, 24, hours < 48 ? "day" : "days", "h");
    else
        add_two_units(out, days, 365, days < 2 * 365 ? "year" : "years", "days");
}
