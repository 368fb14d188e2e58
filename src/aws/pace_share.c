#include <math.h>

#include "keepone/base/clock.h"
#include "pace_priv.h"

/* ---- the rate of the whole job ---- */

static const double cut_to = 0.75;       /* of what was served */
static const double cut_every_s = 1;     /* throttles on their way belong to the last cut */
static const double served_part = 0.95;  /* of what was offered; less is too fast */
static const double granted_part = 0.8;  /* of what was asked for, while nothing limits it */
static const double regrow_s = 4;        /* until the rate is back at where it was cut */
static const double memory_s = 1;        /* of what is measured */
static const double best_fades_s = 40;   /* how long the best of it counts */
static const double least_units = 50;    /* per second; below, back-off of calls is enough */
static const double uncapped_factor = 2; /* no growth beyond what is used, times this */

static void
measure(struct ko_job_rate *job, double dt_s, double consumed, double attempted)
{
    double part;

    if (dt_s <= 0)
        return;
    job->observed_s += dt_s;
    /* A mean at first, one that forgets after that. */
    part = fmin(1, dt_s / fmin(job->observed_s, fmax(memory_s, dt_s)));
    job->measured += (consumed / dt_s - job->measured) * part;
    job->attempted += (attempted / dt_s - job->attempted) * part;
    job->offered += ((isinf(job->rate) ? consumed / dt_s : job->rate) - job->offered) * part;
    job->best -= job->best * fmin(1, dt_s / best_fades_s);
    if (job->observed_s >= memory_s)
        job->best = fmax(job->best, job->measured);
}

/*
 * Throttles alone do not mean that the rate is too high: a service that refuses some calls and
 * still serves the rate has the capacity, and where less than the rate was asked for it is not the
 * rate that matters.  Calls that were refused back off on their own; without a rate that is
 * enough as long as most of them are served.
 */
static bool
is_too_fast(const struct ko_job_rate *job, double now_s)
{
    if (job->observed_s < memory_s || (job->is_cut && now_s - job->cut_s < cut_every_s))
        return false;
    if (isinf(job->rate))
        return job->measured < granted_part * job->attempted;
    return job->attempted >= served_part * job->offered &&
           job->measured < served_part * job->offered;
}

static void
cut(struct ko_job_rate *job, double now_s)
{
    const double served = fmin(job->measured, job->rate);
    /* One bad second is no reason to crawl. */
    const double least = fmax(least_units, cut_to * job->best);

    job->is_cut = true;
    job->cut_s = now_s;
    job->cut_from = fmax(served, least);
    job->rate = fmin(job->rate, fmax(cut_to * served, least));
}

/* A cubic: fast to where the throttles came, slow around it, and faster beyond. */
static void
grow(struct ko_job_rate *job, double now_s)
{
    const double x = (now_s - job->cut_s - regrow_s) / regrow_s;
    double rate = job->cut_from * (1 + (1 - cut_to) * x * x * x);

    if (isinf(job->cap))
        rate = fmin(rate, uncapped_factor * job->measured);
    if (rate > job->rate)
        job->rate = fmin(rate, job->cap);
    job->is_cut = job->rate < job->cap;
}

void
ko_job_rate_adapt(struct ko_job_rate *job, double now_s, const struct ko_job_news *news)
{
    measure(job, news->dt_s, news->consumed, news->attempted);
    if (news->n_throttled > 0 && is_too_fast(job, now_s))
        cut(job, now_s);
    else if (job->is_cut)
        grow(job, now_s);
}

/* ---- shares ---- */

/* What each resource gives to a pulse; after those of all comes the clock. */
enum {
    GIVE_HUNGRY,    /* 1: calls wait for units */
    GIVE_WEIGHT,    /* hungry: the share so far, in millionths */
    GIVE_RESERVE,   /* else: what it keeps, in millionths */
    GIVE_THROTTLES, /* since ever */
    GIVE_CONSUMED,  /* thousandths of units, since ever */
    GIVE_ATTEMPTED, /* the same of calls that were refused, too */
    GIVE_VALUES,
    GIVE_CLOCK_US = GIVE_VALUES * KO_PACE_RESOURCES
};

_Static_assert(GIVE_CLOCK_US + 1 == KO_PACE_VALUES, "as the header says");

/* Of what is free, the part that the hungry get alike; the rest goes by what they had. */
enum { EQUAL_PERCENT = 15 };

/* What a rank that is not hungry keeps beyond its use, so that noise does not make it hungry. */
static const double headroom = 1.05;

static const double micro = 1e6;

static void
measure_use(struct ko_pace_side *side, double dt_s)
{
    if (dt_s <= 0)
        return;
    side->use[1] = side->use[0];
    side->use[0] = (side->charged - side->charged_before) / dt_s;
    side->charged_before = side->charged;
}

void
ko_pace_give(struct ko_pace *pace, bool is_idle, uint64_t values[KO_PACE_VALUES])
{
    const uint64_t now_us = ko_clock_us();
    const double dt_s = pace->given_us == 0 ? 0 : (double) (now_us - pace->given_us) / 1e6;

    pace->given_us = now_us;
    for (int i = 0; i < KO_PACE_RESOURCES; i++) {
        struct ko_pace_side *side = &pace->sides[i];
        uint64_t *const give = values + i * GIVE_VALUES;
        double reserve;

        measure_use(side, dt_s);
        reserve = is_idle ? 0 : fmax(0, fmax(side->use[0], side->use[1]) * headroom * micro);
        give[GIVE_HUNGRY] = !is_idle && (side->was_held || reserve > (double) side->share);
        give[GIVE_WEIGHT] = give[GIVE_HUNGRY] != 0 && side->share != UINT64_MAX ? side->share : 0;
        give[GIVE_RESERVE] = give[GIVE_HUNGRY] != 0 ? 0 : (uint64_t) reserve;
        give[GIVE_THROTTLES] = side->n_throttles;
        give[GIVE_CONSUMED] = (uint64_t) (side->served * 1000);
        give[GIVE_ATTEMPTED] = (uint64_t) (side->attempted * 1000);
        side->was_held = false;
    }
    values[GIVE_CLOCK_US] = now_us;
}

/* n * numerator / denominator, rounded down. */
static uint64_t
part_of(uint64_t n, uint64_t numerator, uint64_t denominator)
{
    return (uint64_t) (__extension__(unsigned __int128) n * numerator / denominator);
}

/*
 * One rank's share of the rate, in millionths.  All terms are rounded down, so that the shares of
 * all ranks add up to the rate at most.
 */
static uint64_t
compute_share(uint64_t rate, const uint64_t *mine, const uint64_t *sums, unsigned n_ranks)
{
    const uint64_t kept = sums[GIVE_RESERVE];
    const uint64_t n_hungry = sums[GIVE_HUNGRY];
    const uint64_t free_rate = kept < rate ? rate - kept : 0;
    const uint64_t equal = part_of(free_rate, EQUAL_PERCENT, 100);

    if (mine[GIVE_HUNGRY] == 0) {
        const uint64_t reserve =
            kept > rate ? part_of(mine[GIVE_RESERVE], rate, kept) : mine[GIVE_RESERVE];

        return reserve + (n_hungry == 0 ? free_rate / n_ranks : 0);
    }
    if (sums[GIVE_WEIGHT] == 0)
        return free_rate / n_hungry;
    return equal / n_hungry + part_of(free_rate - equal, mine[GIVE_WEIGHT], sums[GIVE_WEIGHT]);
}

/*
 * The rank that reads this pulse first may be one pulse ahead of the others, not more: a pulse ends
 * only when all have read the one before.  So whoever takes the smaller one of its last two shares
 * stays within the earlier pulse, which all have read.
 */
static void
take_share(struct ko_pace *pace, struct ko_pace_side *side, const uint64_t *mine,
           const uint64_t *sums, uint64_t now_us)
{
    const uint64_t before = side->share;

    if (isinf(side->job.rate)) {
        side->share = UINT64_MAX;
        ko_bucket_set_rate(&side->bucket, INFINITY, now_us);
        return;
    }
    side->share = compute_share((uint64_t) (side->job.rate * micro), mine, sums, pace->n_ranks);
    ko_bucket_set_rate(&side->bucket,
                       (double) (before < side->share ? before : side->share) / micro, now_us);
}

void
ko_pace_take(struct ko_pace *pace, const uint64_t mine[KO_PACE_VALUES],
             const uint64_t sums[KO_PACE_VALUES])
{
    const double clock_s = (double) (sums[GIVE_CLOCK_US] / pace->n_ranks) / 1e6;
    const double dt_s = pace->is_begun ? clock_s - pace->last_clock_s : 0;
    const uint64_t now_us = ko_clock_us();

    for (int i = 0; i < KO_PACE_RESOURCES; i++) {
        struct ko_pace_side *side = &pace->sides[i];
        const uint64_t *const sum = sums + i * GIVE_VALUES;
        const struct ko_job_news news = {
            .dt_s = dt_s,
            .consumed = (double) (sum[GIVE_CONSUMED] - side->last_consumed) / 1000,
            .n_throttled = sum[GIVE_THROTTLES] - side->last_throttles,
            .attempted = (double) (sum[GIVE_ATTEMPTED] - side->last_attempted) / 1000,
        };

        ko_job_rate_adapt(&side->job, clock_s, &news);
        side->last_consumed = sum[GIVE_CONSUMED];
        side->last_attempted = sum[GIVE_ATTEMPTED];
        side->last_throttles = sum[GIVE_THROTTLES];
        take_share(pace, side, mine + i * GIVE_VALUES, sum, now_us);
    }
    pace->is_begun = true;
    pace->last_clock_s = clock_s;
}
