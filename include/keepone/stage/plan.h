/*
 * Plan: decided groups in, plan parts and review lines out.
 *
 * Each rank writes the parts of the partitions it owns; the bytes do not depend on the
 * number of ranks.  The plan exists when rank 0 has written its manifest, after a gate that every
 * part passed.
 *
 * A review line, canonical JSON on one line; items in the plan's order, the first would be the
 * keeper:
 *
 *     {"items":[{"primary_key":{...},"seen":{...}},...],"key":{...},"n_items":3,"reason":"same"}
 *
 * At most 1,000 items or 8 MiB of a group are listed; n_items counts all.
 *
 * Thread use: one thread per rank.  MPI: collective over the world.
 */
#ifndef KEEPONE_STAGE_PLAN_H
#define KEEPONE_STAGE_PLAN_H

#include "keepone/base/error.h"
#include "keepone/stage/counts.h"
#include "keepone/stage/resolve.h"

struct ko_run;
struct ko_world;

/*
 * Collective: writes plan and review of a run in state reading.  run: rank 0's is used for the
 * folder's set-up, every rank's for its path.  digest (rank 0 only): the plan's. totals are summed
 * counts, compared with what was written.
 */
enum ko_code ko_plan_run(struct ko_resolve *resolve, struct ko_world *world,
                         const struct ko_run *run, const struct ko_counts *totals, char digest[65],
                         struct ko_error *err);

#endif
