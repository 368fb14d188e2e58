/*
 * Find: all rounds from the first item read to the plan.
 *
 *     read, fingerprint, candidate, resolve, plan
 *
 * Each round ends in a gate; what holds when it opens is said in the round's own header.  With a
 * run the plan and review are written; without one (verify) the counts are the result.
 *
 * Thread use: one thread per rank.  MPI: collective over the world.
 */
#ifndef KEEPONE_STAGE_FIND_H
#define KEEPONE_STAGE_FIND_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/record/rules.h"
#include "keepone/stage/catch_up.h"
#include "keepone/stage/counts.h"
#include "keepone/stage/progress.h"
#include "keepone/stage/scan.h"
#include "keepone/stage/source.h"

struct ko_run;
struct ko_world;

struct ko_find_config {
    const struct ko_rules *rules;
    struct ko_source source; /* an export, or the row files of a scan */
    uint64_t n_claims;       /* exports: files */

    /* Exports: NULL, or what source (then a caught-up one, whose own claim is n_claims) is of. */
    struct ko_catch_up *catch_up;
    uint64_t expected_items; /* exports: of all files, for progress */
    struct ko_scan_config
        *scan;             /* tables: all but intake, source and progress set; NULL for exports */
    uint64_t memory_bytes; /* of this rank */
    const char *spill_folder; /* local scratch space; exists */
    struct ko_run *run;       /* rank 0's is finished with the totals; NULL = no plan */
    struct ko_progress progress;

    /* Attributes of the rules that no item has are no error: they stood on losers that are gone. */
    bool may_lack_attributes;
};

/* Summed over the ranks unless said otherwise; the same on all ranks. */
struct ko_find_stats {
    struct ko_counts counts;
    uint64_t n_superseded; /* items of the full export with a newer state; not in counts */
    struct ko_catch_up_stats catch_up; /* set by the caller; zero without */
    double catch_up_seconds;           /* the same */
    uint64_t n_claims_read_again;      /* files read a second time for lack of memory */
    uint64_t n_candidates;
    uint64_t fingerprint_wire_bytes;
    uint64_t candidate_wire_bytes;
    uint64_t peak_bytes; /* resident, of all ranks */
    double read_units;
    uint64_t n_segments_resumed;
    double read_seconds, fingerprint_seconds, candidate_seconds, resolve_seconds, plan_seconds;
    char plan_digest[65]; /* rank 0 */
};

enum ko_code ko_find_run(struct ko_find_config *config, struct ko_world *world,
                         struct ko_find_stats *stats, struct ko_error *err);

/* Adds the stats' members to a canonical JSON object: "counts":{...},"peak_bytes":..., no braces.
 */
void ko_find_stats_add_json(struct ko_buf *out, const struct ko_find_stats *stats);

#endif
