/*
 * Repeats in two parts: what this rank added, sorted (repeats.c), and the exchange with the others
 * (repeats_exchange.c).
 *
 * Thread use: one thread per rank.  MPI: see repeats.h.
 */
#ifndef KEEPONE_STAGE_REPEATS_PRIV_H
#define KEEPONE_STAGE_REPEATS_PRIV_H

#include "keepone/base/buf.h"
#include "keepone/base/mem.h"
#include "keepone/record/record.h"
#include "keepone/stage/repeats.h"
#include "value_set_priv.h"

enum {
    KO_REPEATS_CHUNK_VALUES = 511,     /* with its link a chunk is 4 KiB */
    KO_REPEATS_CHUNKS_PER_BLOCK = 511, /* chunks are taken from the system 2 MiB at a time */
};

struct ko_repeats_chunk {
    struct ko_repeats_chunk *next; /* the chunk filled before this one */
    uint64_t values[KO_REPEATS_CHUNK_VALUES];
};

/* Of one partition.  What each addition looks at fits the nearest cache. */
struct ko_repeats_bucket {
    struct ko_repeats_chunk *last;
    size_t n_last; /* values in it; those before it are full */
};

struct ko_repeats_block {
    struct ko_repeats_block *next;
    struct ko_repeats_chunk chunks[KO_REPEATS_CHUNKS_PER_BLOCK];
};

_Static_assert(sizeof(struct ko_repeats_block) <= KO_PAGES_BYTES, "a block fills its pages");

/* Owner's side: the lists of one partition, one per rank, until all have come. */
struct ko_repeats_arrival {
    uint64_t *values; /* n_values of them, list after list in order of arrival */
    size_t n_values;
    size_t capacity;
    size_t *list_ends; /* by order of arrival */
    int *list_sources;
    int n_lists;
};

struct ko_repeats {
    struct ko_repeats_options options;
    uint64_t used_bytes;
    uint64_t peak_bytes;
    struct ko_repeats_block *blocks;
    size_t n_block_chunks; /* chunks of the newest block that are in use */
    struct ko_repeats_bucket buckets[KO_PARTITIONS];
    uint64_t n_added;
    unsigned n_bits;

    /* Sender's side: sorted distinct values of each partition, from sending to the answer. */
    uint64_t *sent[KO_PARTITIONS];
    size_t n_sent_values[KO_PARTITIONS];
    unsigned *next_partition; /* by owner: the next to be sent */
    unsigned *n_unanswered;   /* by owner */
    uint64_t n_partitions_answered;

    struct ko_repeats_arrival *arrivals; /* of the partitions this rank owns */
    unsigned first_owned;
    unsigned n_owned;
    struct ko_world *world;
    struct ko_buf message;
    struct ko_buf scratch_a;
    struct ko_buf scratch_b;

    struct ko_value_set repeated;

    uint64_t n_fingerprints_sent;
    uint64_t n_fingerprints_received;
    uint64_t n_bits_sent;
    uint64_t n_bits_received;
};

/* Counts memory that is taken; KO_E_MEMORY beyond what was given. */
enum ko_code ko_repeats_take(struct ko_repeats *repeats, uint64_t bytes, struct ko_error *err);

/* The fingerprints as they were added are needed no more. */
void ko_repeats_free_added(struct ko_repeats *repeats);

/* Ends the exchange, whether it began or not. */
void ko_repeats_free_exchange(struct ko_repeats *repeats);

/* Room for n values, and for one more, in a buffer of the repeats; NULL without memory. */
uint64_t *ko_repeats_scratch(struct ko_repeats *repeats, struct ko_buf *buf, size_t n,
                             struct ko_error *err);

/*
 * Sets *values to what was added of a partition: cut to the bits below the partition's, of n_bits
 * in all, and sorted; borrowed until the scratch is used again.
 */
enum ko_code ko_repeats_sort(struct ko_repeats *repeats, unsigned partition, uint64_t **values,
                             size_t *n_values, struct ko_error *err);

#endif
