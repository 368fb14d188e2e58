/*
 * Counts: every item that was read ends in exactly one of them.
 *
 *     read = folded + filtered + missing + unique + keepers + planned + review
 *
 * Thread use: any.  MPI: collective where said.
 */
#ifndef KEEPONE_STAGE_COUNTS_H
#define KEEPONE_STAGE_COUNTS_H

#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"

struct ko_world;

struct ko_counts {
    uint64_t read;          /* items met */
    uint64_t folded;        /* met again, equal to one met before */
    uint64_t filtered;      /* did not match --where */
    uint64_t missing;       /* without a key */
    uint64_t unique;        /* alone with its key */
    uint64_t keepers;       /* kept of its group */
    uint64_t planned;       /* losers: lines of the plan */
    uint64_t review;        /* in groups that a person has to look at */
    uint64_t review_groups; /* not part of the sum */
};

/* Collective: each count becomes its sum over the ranks. */
enum ko_code ko_counts_sum(struct ko_world *world, struct ko_counts *counts, struct ko_error *err);

/* KO_E_BUG, with all counts in the text, unless they add up. */
enum ko_code ko_counts_check(const struct ko_counts *counts, struct ko_error *err);

/* Adds {"filtered":0,...,"unique":0}: canonical JSON, names as above. */
void ko_counts_add_json(struct ko_buf *out, const struct ko_counts *counts);

#endif
