/*
 * Pace: how fast calls may start, in capacity units per second.
 *
 * A cap is of the whole job.  Each rank has a token bucket per resource (read and write units) that
 * fills at its share of the rate and holds 150 ms of it at most, so nothing bursts at a start or
 * after an idle time.  A call is charged what it is expected to cost when it starts, and the
 * difference when its reply says what it did cost; debt is paid before the next call starts, so
 * calls may cost many seconds' worth.  In any time t, rate * t units start, and at most one call of
 * each rank or 150 ms of the rate more.
 *
 *     shares    At each pulse of a phase every rank says how much it wants, and computes its own
 *               share from the sums alone.  A rank that waits for units gets a growing part of what
 *               the others leave; one that does not keeps what it uses and a little more.  A larger
 *               share holds one pulse later than a smaller one, so that the shares in use never add
 *               up to more than the rate, also while some ranks have read a pulse and others have
 *               not.
 *     throttles A throttle anywhere, while the whole rate is asked for and less than 95 % of it is
 *               served, cuts the rate of the whole job to 3/4 of what is served: once a second at
 *               most, and not below 3/4 of the best second of late, nor below 50 (calls that were
 *               refused back off on their own, too).  It grows back in 4 s, slowly
 *               around what was served, and then ever faster.  Without a cap there is no limit
 *               until a fifth of what is asked for is refused.
 *     hot keys  A throttle of a key range changes no rate.  The calls of its lane (a segment) are
 *               spaced out, and closed up again as they succeed.
 *
 * Thread use: one pace, one thread.  MPI: none; sums come from a phase's pulse (comm/phase.h).
 */
#ifndef KEEPONE_AWS_PACE_H
#define KEEPONE_AWS_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"

struct ko_pace; /* opaque; owned by whoever called _new */

enum ko_pace_resource {
    KO_PACE_READ,
    KO_PACE_WRITE,
    KO_PACE_RESOURCES,
    KO_PACE_NONE = KO_PACE_RESOURCES /* control plane: not paced */
};

/* Unlimited, for one rank.  NULL with KO_E_MEMORY. */
struct ko_pace *ko_pace_new(struct ko_error *err);
void ko_pace_free(struct ko_pace *pace);

/* Units per second of the whole job; 0 = no cap.  The same on all ranks, before a phase. */
void ko_pace_set_cap(struct ko_pace *pace, enum ko_pace_resource resource, double cap);
double ko_pace_cap(const struct ko_pace *pace, enum ko_pace_resource resource);

/* ---- calls ---- */

/* What one call costs. {0} costs nothing. */
struct ko_pace_charge {
    enum ko_pace_resource resource;
    unsigned operation; /* in the table of operations */
    double weight;
    double expected; /* units */
    bool is_open;    /* charged, not settled */
};

/*
 * A call of an operation ("Scan") that moves `weight` (keys, kilobytes, whatever its caller counts
 * in; 0 = 1): its cost is learned per operation and weight.  expected_units > 0 is a better guess
 * of the caller's.  Charges nothing yet.
 */
struct ko_pace_charge ko_pace_charge_of(const char *operation, double weight,
                                        double expected_units);

/* How long the call has to wait; 0 = it may start now.  A wait tells the ranks that this one wants
 * more. */
uint64_t ko_pace_wait_us(struct ko_pace *pace, struct ko_pace_charge *charge, uint64_t now_us);

/* The call starts. */
void ko_pace_start(struct ko_pace *pace, struct ko_pace_charge *charge, uint64_t now_us);

/*
 * It ended: units as the reply told; if there is no number, it is charged what calls of its
 * operation and weight cost so far, or usually (a unit per kilobyte written, per key read).
 */
#define KO_PACE_UNKNOWN (-1.0) /* the reply was lost, or an error that may have consumed */
#define KO_PACE_UNTOLD  (-2.0) /* served, by an endpoint that does not tell */
void ko_pace_settle(struct ko_pace *pace, struct ko_pace_charge *charge, double units);

/* A call, or a part of it, was throttled for want of capacity; not of a key range. */
void ko_pace_throttled(struct ko_pace *pace, enum ko_pace_resource resource);

/*
 * What one call should cost at most, so that the rate is met in every second: a twentieth of this
 * rank's share of one second (2 units with small shares).  INFINITY without a cap.
 */
double ko_pace_call_units(const struct ko_pace *pace, enum ko_pace_resource resource);

/* How much weight a call of this operation may have for that, at least 1 and at most `most`. */
uint64_t ko_pace_call_weight(const struct ko_pace *pace, const char *operation, uint64_t most);

/* Units consumed by this rank so far, as the replies told. */
double ko_pace_consumed(const struct ko_pace *pace, enum ko_pace_resource resource);

/* ---- lanes: calls in sequence that meet the same keys ---- */

/* {0} is a lane without throttles. */
struct ko_pace_lane {
    uint64_t gap_us;  /* between the starts of its calls */
    uint64_t next_us; /* when the next may start */
};

void ko_pace_lane_started(struct ko_pace_lane *lane, uint64_t now_us);
void ko_pace_lane_throttled(struct ko_pace_lane *lane);
void ko_pace_lane_succeeded(struct ko_pace_lane *lane);

/* ---- ranks ---- */

/* What a rank gives to a pulse: numbers to be added up over the ranks. */
enum { KO_PACE_VALUES = 13 };

/* A phase begins on all ranks, which have no call in flight: equal shares. */
void ko_pace_begin(struct ko_pace *pace, unsigned rank, unsigned n_ranks);

/* The phase is over: equal shares again, for calls outside of phases. */
void ko_pace_rest(struct ko_pace *pace);

/* Before a pulse.  is_idle: this rank has no call, under way or waiting. */
void ko_pace_give(struct ko_pace *pace, bool is_idle, uint64_t values[KO_PACE_VALUES]);

/* After it: what this rank gave to it, and the sums over all ranks. */
void ko_pace_take(struct ko_pace *pace, const uint64_t mine[KO_PACE_VALUES],
                  const uint64_t sums[KO_PACE_VALUES]);

/* Units per second: of this rank now, and of the whole job.  INFINITY without limit. */
double ko_pace_share(const struct ko_pace *pace, enum ko_pace_resource resource);
double ko_pace_rate(const struct ko_pace *pace, enum ko_pace_resource resource);

/* Units per second that all ranks consumed, over the last second or so; after a pulse. */
double ko_pace_measured(const struct ko_pace *pace, enum ko_pace_resource resource);

#endif
