/*
 * Repeats: which 64-bit fingerprints occur at least twice over all ranks?
 *
 * Each rank adds its fingerprints; ko_repeats_find() then tells each rank which of *its own*
 * are repeated anywhere.  A fingerprint is cut to `n_bits` leading bits, chosen from the total
 * count so that one in about 4,000 unique ones is reported as repeated by chance: a
 * repeated one is never missed, and everything decided later is decided by exact keys.
 *
 * On the wire a unique fingerprint costs two to three bytes and one bit: each rank sorts a
 * partition's fingerprints and sends the differences to the partition's owner, who answers
 * one bit per distinct fingerprint.  Memory: 8 bytes per fingerprint added but at least 6 MiB, plus
 * a few partitions under way; all of it but one message is counted.  The cost does not depend on
 * how often one fingerprint occurs.
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
    uint64_t peak_bytes;
};

struct ko_repeats_options {
    const char *name;      /* of its phase and in messages: "fingerprint"; borrowed */
    uint64_t memory_bytes; /* more than this is KO_E_MEMORY with a hint */
    unsigned n_eighths;    /* of --memory that are this, for the message; 0 = 8 */
    bool is_exact;         /* compare all bits but the last: nothing is reported by chance */
};

struct ko_repeats *ko_repeats_new(const struct ko_repeats_options *options, struct ko_error *err);
void ko_repeats_free(struct ko_repeats *repeats);

/* Local. */
enum ko_code ko_repeats_add(struct ko_repeats *repeats, uint64_t fingerprint, struct ko_error *err);

/*
 * Collective.  Afterwards ko_repeats_has() answers; nothing can be added any more.  Checked before
 * it returns: fingerprints sent = received, bits back = fingerprints sent, over all ranks.
 */
enum ko_code ko_repeats_find(struct ko_repeats *repeats, struct ko_world *world,
                             struct ko_repeats_stats *stats, struct ko_error *err);

/* Local: is this fingerprint, one that this rank added, repeated?  False after a find without any.
 */
bool ko_repeats_has(const struct ko_repeats *repeats, uint64_t fingerprint);

/* After a find: says that this fingerprint will be asked for soon. */
void ko_repeats_prefetch(const struct ko_repeats *repeats, uint64_t fingerprint);

/* How many distinct fingerprints of this rank are repeated. */
uint64_t ko_repeats_count(const struct ko_repeats *repeats);

#endif
