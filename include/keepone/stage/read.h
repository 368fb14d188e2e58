/*
 * Read: every item of a source into the intakes of all ranks, claims handed out by rank 0.
 *
 * Thread use: one thread per rank.  MPI: collective over the world.
 */
#ifndef KEEPONE_STAGE_READ_H
#define KEEPONE_STAGE_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/stage/intake.h"
#include "keepone/stage/progress.h"
#include "keepone/stage/source.h"

struct ko_world;

struct ko_read_config {
    struct ko_source source;
    struct ko_intake *intake;
    uint64_t n_claims;

    /* A claim beside those that are handed out, which only this rank can read; it comes first. */
    bool has_own_claim;
    uint64_t own_claim;

    struct ko_progress *progress;
    uint64_t expected_items; /* of the whole source, for progress */
};

/* Collective: afterwards every claim was read to its end by exactly one rank. */
enum ko_code ko_read_run(const struct ko_read_config *config, struct ko_world *world,
                         struct ko_error *err);

#endif
