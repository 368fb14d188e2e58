/*
 * Repeats: which 64-bit fingerprints occur at least twice over all ranks?
 *
 * Each rank adds its fingerprints; ko_repeats_find() asks their owners; then ko_repeats_next()
 * tells of each one, in the order in which they were added, whether it is repeated anywhere.  Of a
 * fingerprint 49 bits are compared, so that even of 10^11 unique ones only one in 4,000 is reported
 * as repeated by chance: a repeated one is never missed, and everything decided later is decided
 * by exact keys.
 *
 * On the wire a unique fingerprint costs 5 bytes and one bit: a rank sends the distinct values of
 * a partition to its owner, who answers one bit each.  Memory: 7 bytes per fingerprint added, but
 * at least 6 MiB; beyond half of memory_bytes they are spilled to `folder`, and where they are many
 * the answers, too.  Partitions whose tables would be too large are compared slice by slice, which
 * reads what was spilled of them once more for each.  So 7.5 MiB are enough for 10^10 of a rank and
 * 10^12 of all.  All of it but messages under way is counted.  The cost does not depend on how
 * often one fingerprint occurs.
 *
 * Thread use: one thread per rank.  MPI: collective where said.
 */
#ifndef KEEPONE_STAGE_REPEATS_H
#define KEEPONE_STAGE_REPEATS_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"

struct ko_world;
struct ko_repeats; /* opaque; owned by the caller of _new */

struct ko_repeats_stats {
    uint64_t n_added;      /* by this rank */
    uint64_t n_sent;       /* distinct ones sent to owners by this rank */
    uint64_t n_wire_bytes; /* sent by this rank, to itself included, both ways */
    uint64_t n_spilled_bytes;
    uint64_t peak_bytes;
};

struct ko_repeats_options {
    const char *name;      /* of its phase and in messages: "fingerprint"; borrowed */
    const char *folder;    /* for spills; borrowed; NULL: nothing is spilled */
    uint64_t memory_bytes; /* more than this is KO_E_MEMORY with a hint */
    unsigned n_eighths;    /* of --memory that are this, for the message; 0 = 8 */
    bool is_exact;         /* compare all bits but the last: nothing is reported by chance */
};

struct ko_repeats *ko_repeats_new(const struct ko_repeats_options *options, struct ko_error *err);
void ko_repeats_free(struct ko_repeats *repeats);

/* Local.  KO_E_MEMORY, KO_E_IO. */
enum ko_code ko_repeats_add(struct ko_repeats *repeats, uint64_t fingerprint, struct ko_error *err);

/* The same for something without a fingerprint, which is never repeated: it takes its turn. */
enum ko_code ko_repeats_add_none(struct ko_repeats *repeats, struct ko_error *err);

/*
 * Collective.  Afterwards ko_repeats_next() answers; nothing can be added any more.  Checked before
 * it returns: fingerprints sent = received, bits back = fingerprints sent, over all ranks.
 */
enum ko_code ko_repeats_find(struct ko_repeats *repeats, struct ko_world *world,
                             struct ko_repeats_stats *stats, struct ko_error *err);

/* How many of the fingerprints that this rank added are repeated. */
uint64_t ko_repeats_count(const struct ko_repeats *repeats);

/* What is known of one that was added. */
struct ko_repeats_answer {
    bool is_none;
    bool is_repeated;
    unsigned partition; /* of the fingerprint: a check on whoever reads a second time */
};

/*
 * Local, after a find: goes behind those that are next and not repeated, `most` at most.
 * *n_passed: how many that were, of them *n_none without a fingerprint.  The caller knows that so
 * many were added.  Errors as in _next.
 */
enum ko_code ko_repeats_pass(struct ko_repeats *repeats, uint64_t most, uint64_t *n_passed,
                             uint64_t *n_none, struct ko_error *err);

/* Local, after a find: of the first one added, then of the next one, ...; as often as was added.
 * KO_E_IO, KO_E_CORRUPT (spills). */
enum ko_code ko_repeats_next(struct ko_repeats *repeats, struct ko_repeats_answer *answer,
                             struct ko_error *err);

#endif
