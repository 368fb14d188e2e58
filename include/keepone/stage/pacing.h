/*
 * Pacing: what a stage that calls DynamoDB does in a phase so that the ranks share out the units.
 *
 * The stage's counters for the phase are these, its own progress first:
 *
 *     ko_pacing_begin(&pacing, client, world);      before ko_phase_run()
 *     .counters = pacing.counters, .n_counters = KO_PACING_COUNTERS
 *     ko_pacing_before(&pacing, n_done);            in ops.before_pulse
 *     ko_pacing_after(&pacing, mine, totals);       in ops.after_pulse
 *     ko_pacing_show(&pacing, progress, totals);    in ops.progress
 *     ko_pacing_end(&pacing);                       after ko_phase_run()
 *
 * Thread use: one thread per rank.  MPI: none; the sums come from the phase's pulse.
 */
#ifndef KEEPONE_STAGE_PACING_H
#define KEEPONE_STAGE_PACING_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/aws/pace.h"
#include "keepone/stage/progress.h"

struct ko_dynamodb;
struct ko_world;

enum { KO_PACING_COUNTERS = 1 + KO_PACE_VALUES };

struct ko_pacing {
    struct ko_dynamodb *client;
    struct ko_pace *pace; /* the client's */
    uint64_t counters[KO_PACING_COUNTERS];
    double begun[KO_PACE_RESOURCES]; /* units consumed by this rank before this phase */
    uint64_t pulse_us;               /* when the last pulse was read */
};

void ko_pacing_begin(struct ko_pacing *pacing, struct ko_dynamodb *client,
                     const struct ko_world *world);
void ko_pacing_before(struct ko_pacing *pacing, uint64_t n_done);
void ko_pacing_after(struct ko_pacing *pacing, const uint64_t *mine, const uint64_t *totals);
void ko_pacing_show(struct ko_pacing *pacing, struct ko_progress *progress, const uint64_t *totals);
void ko_pacing_end(struct ko_pacing *pacing);

/*
 * False while no pulse has been read for a third of a lease: rank 0 may be gone, and another job on
 * the run once the lease has expired.  Who writes sends nothing then.
 */
bool ko_pacing_may_write(const struct ko_pacing *pacing);

/* Units that this rank consumed since _begin. */
double ko_pacing_consumed(const struct ko_pacing *pacing, enum ko_pace_resource resource);

#endif
