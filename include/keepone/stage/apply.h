/*
 * Apply: deletes what the plan names, each delete conditional, each reply accounted for.
 *
 * Every rank works on the plan parts of its own partitions, in the plan's order, many batches in
 * flight.  For a line, in this order:
 *
 *     1. one consistent read of loser and keeper: is the loser as seen, does its keeper stand?
 *     2. the loser's image and the intent are durable in the journal
 *     3. the delete, under a condition on everything seen
 *     4. checked: one more consistent read of the keeper; if it went away meanwhile, the loser is
 *        put back from its image.  transact: the keeper's condition is in the delete's transaction
 *     5. the outcome is in the journal
 *
 * A lost reply is settled by reading, never assumed.  What an earlier attempt left open is
 * settled first.  Each line ends in exactly one outcome (store/journal.h).
 *
 * Thread use: one thread per rank.  MPI: collective over the world.
 */
#ifndef KEEPONE_STAGE_APPLY_H
#define KEEPONE_STAGE_APPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/stage/progress.h"
#include "keepone/store/journal.h"
#include "keepone/store/plan.h"

struct ko_dynamodb;
struct ko_world;

enum ko_safety { KO_SAFETY_CHECKED, KO_SAFETY_TRANSACT };

struct ko_apply_config {
    struct ko_dynamodb *client;
    const char *dir; /* of the run */
    const char *plan_name;
    const struct ko_plan_manifest *manifest;
    struct ko_slice table_name;
    uint32_t attempt; /* of the journal; the same on all ranks */
    enum ko_safety safety;
    bool unchanged;        /* condition on every attribute of the image */
    uint64_t memory_bytes; /* of this rank: bounds the batches in flight, which hold images */
    struct ko_progress *progress;

    /* Collective, once plan and journal are known to be whole: may the first write come? */
    enum ko_code (*begin)(void *self, struct ko_error *err);

    /* Called on rank 0 at each pulse, to renew the lease; a failure ends the work. */
    enum ko_code (*pulse)(void *self, struct ko_error *err);
    void *self; /* of both */
};

/*
 * A request whose sender died, or has not heard of it, may act for so long.  What it was to delete
 * and is there is looked at again after that.
 */
enum { KO_LATE_US = 10 * 1000000 };

struct ko_apply_stats {
    struct ko_ledger ledger; /* of the whole plan, summed over the ranks */
    double read_units;       /* of this attempt, summed */
    double write_units;
    double seconds;
};

/* 0 in no time. */
static inline double
ko_per_second(double n, double seconds)
{
    return seconds > 0 ? n / seconds : 0;
}

/*
 * Collective.  First every part is compared with its digest, on all ranks, and the journal read; of
 * a run without client (it is applied) it must account for every line.  Then lines are worked on.
 * stats->ledger is set whenever the journal could be read, also after a stop or failure. Errors:
 * KO_E_CORRUPT (plan or journal), KO_E_STOPPED, KO_E_THROTTLED, KO_E_ACCESS, KO_E_AWS, KO_E_IO. The
 * same call with the next attempt goes on.
 */
enum ko_code ko_apply_run(const struct ko_apply_config *config, struct ko_world *world,
                          struct ko_apply_stats *stats, struct ko_error *err);

/* Adds "ledger" members: {"changed":0,"deleted":...}, canonical JSON. */
void ko_ledger_add_json(struct ko_buf *out, const struct ko_ledger *ledger);

/* Collective: sums each number over the ranks. */
enum ko_code ko_ledger_sum(struct ko_world *world, struct ko_ledger *ledger, struct ko_error *err);

#endif
