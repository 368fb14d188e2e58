#include "keepone/aws/pace.h"

#include <math.h>
#include <string.h>

#include "keepone/base/clock.h"
#include "keepone/base/mem.h"
#include "pace_priv.h"

/* Parts of a second's share. */
#define FULL_S     0.15  /* what the bucket holds at most */
#define START_S    0.05  /* what it must hold for a call to start, if the call costs as much */
#define CALL_S     0.05  /* what a call should cost */
#define CALL_MAX_S 0.12  /* or this, if that is less than SMALL_UNITS */
#define STAGGER_S  2     /* over which ranks spread their first calls, if those cost as much */
#define MARGIN     0.995 /* of the cap: replies and servers are late by different times */

static const double small_units = 2;

/*
 * Costs per weight that are not known are taken for large ones: an item of 400 KB to read; a table
 * with three indexes for each kilobyte to write.  The first reply knows better.
 */
static const double unknown_units[KO_PACE_RESOURCES] = {100, 4};

/* How fast an average follows.  A cost below it may be that of a batch that was refused in part. */
static const double learning_up = 0.1;
static const double learning_down = 0.02;

enum {
    NEVER_US = 600 * 1000 * 1000, /* while there is no share */
    LANE_FIRST_US = 50 * 1000,
    LANE_MOST_US = 5 * 1000 * 1000,
    LANE_LEAST_US = 10 * 1000
};

static const struct {
    const char *name;
    enum ko_pace_resource resource;
    double usual_units; /* per weight: keys to read, kilobytes to write */
} operations[KO_PACE_OPERATIONS] = {
    {"Scan", KO_PACE_READ, 128},
    {"Query", KO_PACE_READ, 128},
    {"GetItem", KO_PACE_READ, 1},
    {"BatchGetItem", KO_PACE_READ, 1},
    {"TransactGetItems", KO_PACE_READ, 2},
    {"DeleteItem", KO_PACE_WRITE, 1},
    {"PutItem", KO_PACE_WRITE, 1},
    {"UpdateItem", KO_PACE_WRITE, 1},
    {"BatchWriteItem", KO_PACE_WRITE, 1},
    {"ExecuteStatement", KO_PACE_WRITE, 1},
    {"BatchExecuteStatement", KO_PACE_WRITE, 1},
    {"ExecuteTransaction", KO_PACE_WRITE, 2},
    {"TransactWriteItems", KO_PACE_WRITE, 2},
};

/* ---- the bucket ---- */

static void
fill(struct ko_bucket *bucket, uint64_t now_us)
{
    const double seconds =
        bucket->at_us == 0 || now_us < bucket->at_us ? 0 : (double) (now_us - bucket->at_us) / 1e6;

    bucket->at_us = now_us;
    if (isinf(bucket->rate))
        return;
    bucket->balance += seconds * bucket->rate;
    if (bucket->balance > bucket->rate * FULL_S)
        bucket->balance = bucket->rate * FULL_S;
}

void
ko_bucket_set_rate(struct ko_bucket *bucket, double rate, uint64_t now_us)
{
    fill(bucket, now_us);
    /* While there was no limit nothing was saved and nothing is owed. */
    if (isinf(bucket->rate))
        bucket->balance = 0;
    bucket->rate = rate;
}

/* ---- calls ---- */

static unsigned
find_operation(const char *name)
{
    unsigned i = 0;

    while (i < KO_PACE_OPERATIONS && strcmp(operations[i].name, name) != 0)
        i++;
    return i;
}

struct ko_pace_charge
ko_pace_charge_of(const char *operation, double weight, double expected_units)
{
    const unsigned i = find_operation(operation);

    return (struct ko_pace_charge){
        .resource = i == KO_PACE_OPERATIONS ? KO_PACE_NONE : operations[i].resource,
        .operation = i,
        .weight = expected_units > 0 ? 0
                  : weight > 0       ? weight
                                     : 1,
        .expected = expected_units,
    };
}

static double
average_of(const struct ko_pace *pace, unsigned operation)
{
    const double average = pace->averages[operation];

    return average > 0 ? average : unknown_units[operations[operation].resource];
}

/*
 * Before the first call of a phase nothing is saved up, and it waits a part of the time that lies
 * between two calls: else ranks of equal shares would start theirs at the same moments for ever.
 */
static void
begin_calls(struct ko_pace_side *side, double expected)
{
    if (!side->is_fresh)
        return;
    side->is_fresh = false;
    side->bucket.balance = fmin(side->bucket.balance, 0) -
                           side->stagger * fmin(expected, side->bucket.rate * STAGGER_S);
}

uint64_t
ko_pace_wait_us(struct ko_pace *pace, struct ko_pace_charge *charge, uint64_t now_us)
{
    struct ko_pace_side *side;
    double needed;
    double wait_us;

    if (charge->resource == KO_PACE_NONE)
        return 0;
    side = &pace->sides[charge->resource];
    if (charge->weight > 0)
        charge->expected = charge->weight * average_of(pace, charge->operation);
    fill(&side->bucket, now_us);
    if (isinf(side->bucket.rate))
        return 0;
    begin_calls(side, charge->expected);
    needed = fmin(charge->expected, side->bucket.rate * START_S);
    if (side->bucket.rate > 0 && side->bucket.balance >= needed)
        return 0;
    side->was_held = true;
    wait_us = (needed - side->bucket.balance) / side->bucket.rate * 1e6;
    return wait_us < NEVER_US ? (uint64_t) wait_us + 1 : NEVER_US;
}

void
ko_pace_start(struct ko_pace *pace, struct ko_pace_charge *charge, uint64_t now_us)
{
    struct ko_pace_side *side;

    if (charge->resource == KO_PACE_NONE)
        return;
    KO_ASSERT(!charge->is_open);
    side = &pace->sides[charge->resource];
    fill(&side->bucket, now_us);
    if (!isinf(side->bucket.rate))
        side->bucket.balance -= charge->expected;
    side->charged += charge->expected;
    charge->is_open = true;
}

static void
learn(struct ko_pace *pace, const struct ko_pace_charge *charge, double units)
{
    double *const average = &pace->averages[charge->operation];
    const double now = units / charge->weight;

    if (*average > 0)
        *average += (now > *average ? learning_up : learning_down) * (now - *average);
    else
        *average = now;
}

/* What a call cost, or would have, as far as is known by now. */
static double
likely_units(const struct ko_pace *pace, const struct ko_pace_charge *charge)
{
    const double average = pace->averages[charge->operation];

    if (charge->weight <= 0)
        return charge->expected;
    return charge->weight * (average > 0 ? average : operations[charge->operation].usual_units);
}

void
ko_pace_settle(struct ko_pace *pace, struct ko_pace_charge *charge, double units)
{
    struct ko_pace_side *side;
    double likely;
    double charged;

    if (!charge->is_open)
        return;
    charge->is_open = false;
    side = &pace->sides[charge->resource];
    likely = likely_units(pace, charge);
    charged = units < 0 ? likely : units;
    if (!isinf(side->bucket.rate))
        side->bucket.balance -= charged - charge->expected;
    side->charged += charged - charge->expected;
    side->attempted += fmax(units, likely); /* what a batch was refused, too */
    if (units > 0)
        side->consumed += units;
    if (units != KO_PACE_UNKNOWN)
        side->served += charged;
    if (charge->weight > 0 && (units > 0 || units == KO_PACE_UNTOLD))
        learn(pace, charge, charged);
}

void
ko_pace_throttled(struct ko_pace *pace, enum ko_pace_resource resource)
{
    if (resource != KO_PACE_NONE)
        pace->sides[resource].n_throttles++;
}

double
ko_pace_call_units(const struct ko_pace *pace, enum ko_pace_resource resource)
{
    const double rate = pace->sides[resource].bucket.rate;

    /* A rate that throttles taught is no promise; small calls would keep it from growing back. */
    if (isinf(pace->sides[resource].job.cap))
        return INFINITY;
    return fmax(rate * CALL_S, fmin(rate * CALL_MAX_S, small_units));
}

uint64_t
ko_pace_call_weight(const struct ko_pace *pace, const char *operation, uint64_t most)
{
    const unsigned i = find_operation(operation);
    double weight;

    KO_ASSERT(i < KO_PACE_OPERATIONS);
    weight = ko_pace_call_units(pace, operations[i].resource) / average_of(pace, i);
    return weight >= (double) most ? most : weight < 1 ? 1 : (uint64_t) weight;
}

double
ko_pace_consumed(const struct ko_pace *pace, enum ko_pace_resource resource)
{
    return pace->sides[resource].consumed;
}

/* ---- lanes ---- */

void
ko_pace_lane_started(struct ko_pace_lane *lane, uint64_t now_us)
{
    lane->next_us = now_us + lane->gap_us;
}

void
ko_pace_lane_throttled(struct ko_pace_lane *lane)
{
    lane->gap_us = lane->gap_us == 0 ? LANE_FIRST_US : lane->gap_us * 2;
    if (lane->gap_us > LANE_MOST_US)
        lane->gap_us = LANE_MOST_US;
}

void
ko_pace_lane_succeeded(struct ko_pace_lane *lane)
{
    lane->gap_us -= lane->gap_us / 8;
    if (lane->gap_us < LANE_LEAST_US)
        lane->gap_us = 0;
}

/* ---- beginning and end ---- */

static void
share_equally(struct ko_pace *pace)
{
    const uint64_t now_us = ko_clock_us();

    for (int i = 0; i < KO_PACE_RESOURCES; i++) {
        struct ko_pace_side *side = &pace->sides[i];
        const double share = side->job.rate / pace->n_ranks;

        side->share = isinf(share) ? UINT64_MAX : (uint64_t) (share * 1e6);
        ko_bucket_set_rate(&side->bucket, share, now_us);
    }
}

struct ko_pace *
ko_pace_new(struct ko_error *err)
{
    struct ko_pace *pace = ko_alloc(sizeof *pace, err);

    if (pace == NULL)
        return NULL;
    pace->n_ranks = 1;
    for (int i = 0; i < KO_PACE_RESOURCES; i++) {
        pace->sides[i].is_fresh = true;
        pace->sides[i].bucket.rate = INFINITY;
        pace->sides[i].job.cap = INFINITY;
        pace->sides[i].job.rate = INFINITY;
    }
    share_equally(pace);
    return pace;
}

void
ko_pace_free(struct ko_pace *pace)
{
    ko_free(pace);
}

void
ko_pace_set_cap(struct ko_pace *pace, enum ko_pace_resource resource, double cap)
{
    struct ko_job_rate *job = &pace->sides[resource].job;

    job->cap = cap > 0 ? cap * MARGIN : INFINITY;
    job->rate = job->cap;
    job->is_cut = false;
    share_equally(pace);
}

double
ko_pace_cap(const struct ko_pace *pace, enum ko_pace_resource resource)
{
    const double cap = pace->sides[resource].job.cap;

    return isinf(cap) ? 0 : cap / MARGIN;
}

void
ko_pace_begin(struct ko_pace *pace, unsigned rank, unsigned n_ranks)
{
    pace->n_ranks = n_ranks;
    pace->is_begun = false;
    for (int i = 0; i < KO_PACE_RESOURCES; i++) {
        pace->sides[i].is_fresh = true;
        pace->sides[i].stagger = (double) rank / n_ranks;
    }
    share_equally(pace);
}

void
ko_pace_rest(struct ko_pace *pace)
{
    share_equally(pace);
}

double
ko_pace_share(const struct ko_pace *pace, enum ko_pace_resource resource)
{
    return pace->sides[resource].bucket.rate;
}

double
ko_pace_rate(const struct ko_pace *pace, enum ko_pace_resource resource)
{
    return pace->sides[resource].job.rate;
}

double
ko_pace_measured(const struct ko_pace *pace, enum ko_pace_resource resource)
{
    return pace->sides[resource].job.measured;
}
