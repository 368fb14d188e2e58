/*
 * Candidates: the records of repeated fingerprints travel to the owners of their partitions.
 *
 * Each rank looks a second time at what it has read: at the row log for the claims that are in it,
 * at the source for the others.
 *
 * Thread use: one thread per rank.  MPI: collective over the world.
 */
#ifndef KEEPONE_STAGE_CANDIDATE_H
#define KEEPONE_STAGE_CANDIDATE_H

#include "keepone/base/error.h"
#include "keepone/record/rules.h"
#include "keepone/stage/intake.h"
#include "keepone/stage/progress.h"
#include "keepone/stage/source.h"

struct ko_sorter;
struct ko_world;

struct ko_candidate_config {
    const struct ko_rules *rules;
    struct ko_intake *intake; /* finished */
    struct ko_source source;  /* for claims that are not in the log */
    struct ko_sorter *sorter; /* takes what this rank owns, and is finished at the end */
    struct ko_progress *progress;
};

struct ko_candidate_stats {
    uint64_t n_sent;       /* records sent by this rank */
    uint64_t n_received;   /* records this rank owns */
    uint64_t n_read_again; /* claims that were read a second time */
    uint64_t n_wire_bytes;
};

/* Collective.  Checked before it returns: records sent = received over all ranks. */
enum ko_code ko_candidate_run(const struct ko_candidate_config *config, struct ko_world *world,
                              struct ko_candidate_stats *stats, struct ko_error *err);

#endif
