/*
 * Repeats in parts: what this rank adds (repeats.c), what of it memory has no room for
 * (repeats_spill.c), the distinct values of a unit (distinct_priv.h, repeats_unit_priv.h), the
 * exchange with the others (repeats_exchange.c), and what they answer (repeats_answer.c).
 *
 * A value is what is compared of a fingerprint below its partition's bits.  Values lie in chunks,
 * per partition and in the order of addition; the turns, one per addition, say whose partition's
 * next value it was.
 *
 * What is sent and answered together is a *unit*: a partition or, where memory has no room for the
 * tables of one, a slice of it, by the first bits of its values.  Units are numbered partition by
 * partition.
 *
 * Thread use: one thread per rank.  MPI: see repeats.h.
 */
#ifndef KEEPONE_STAGE_REPEATS_PRIV_H
#define KEEPONE_STAGE_REPEATS_PRIV_H

#include "distinct_priv.h"
#include "keepone/base/buf.h"
#include "keepone/base/mem.h"
#include "keepone/record/record.h"
#include "keepone/stage/repeats.h"
#include "keepone/store/scratch.h"

enum {
    KO_REPEATS_CHUNK_BYTES = 4096 - sizeof(void *),
    KO_REPEATS_CHUNKS_PER_BLOCK = 511,  /* chunks are taken from the system 2 MiB at a time */
    KO_REPEATS_PENDING = 4096,          /* fits the nearest cache beside what it is sorted into */
    KO_REPEATS_TURNS = 16 * 1024 - 8,   /* per block: with its head 32 KiB */
    KO_REPEATS_NO_TURN = KO_PARTITIONS, /* of something without a fingerprint */
    KO_REPEATS_AHEAD = 8,               /* lists sent to an owner but not yet answered, at most */
    KO_REPEATS_BITS_BYTES = 512 /* per partition, of bits that were spilled: read at a time */
};

struct ko_repeats_chunk {
    struct ko_repeats_chunk *next;
    unsigned char bytes[KO_REPEATS_CHUNK_BYTES]; /* values of value_bytes each */
};

/* Of one partition, in memory. */
struct ko_repeats_bucket {
    struct ko_repeats_chunk *first;
    struct ko_repeats_chunk *last;
    uint32_t n_last; /* values in the last chunk; those before it are full */
    uint32_t n_chunks;
};

struct ko_repeats_block {
    struct ko_repeats_block *next;
    struct ko_repeats_chunk chunks[KO_REPEATS_CHUNKS_PER_BLOCK];
};

_Static_assert(sizeof(struct ko_repeats_block) <= KO_PAGES_BYTES, "a block fills its pages");

struct ko_repeats_turns {
    struct ko_repeats_turns *next;
    size_t n;
    uint16_t partitions[KO_REPEATS_TURNS]; /* or KO_REPEATS_NO_TURN */
};

/* Bytes of the scratch file. */
struct ko_repeats_extent {
    uint64_t offset;
    uint64_t n;
};

/* What is told of the values of one partition: a bit each, in the order of addition. */
struct ko_repeats_told {
    unsigned char *bits; /* all of them, or those that were read last of the scratch file */
    uint64_t next;       /* of them */
    uint64_t n;          /* that are at `bits` */
};

/* Owner's side: the lists of one unit, one per rank, until all have come. */
struct ko_repeats_arrival {
    uint64_t unit;
    struct ko_buf values; /* value_bytes each, list after list in order of arrival */
    size_t *list_ends;    /* in values; by order of arrival */
    int *list_sources;
    int n_lists;
};

struct ko_repeats {
    struct ko_repeats_options options;
    unsigned value_bits;
    unsigned value_bytes; /* that hold a value and, on the wire, a mark below it */
    uint64_t used_bytes;
    uint64_t peak_bytes;
    uint64_t n_added;

    /* Adding. */
    uint64_t pending[KO_REPEATS_PENDING]; /* partition and value, or NONE */
    size_t n_pending;
    struct ko_repeats_bucket buckets[KO_PARTITIONS];
    struct ko_repeats_block *blocks;
    size_t n_blocks;
    size_t n_block_chunks;          /* chunks of the newest block that are in use */
    struct ko_repeats_chunk *spare; /* chunks whose values were spilled */
    struct ko_repeats_turns *turns;
    struct ko_repeats_turns *last_turns;
    struct ko_scratch *scratch; /* NULL until something is spilled */
    uint64_t *run_offsets;      /* where the offsets of each run stand in it */
    size_t n_runs;
    uint64_t n_spilled[KO_PARTITIONS];      /* values */
    struct ko_repeats_extent *turn_extents; /* of turns in the scratch file, in their order */
    size_t n_turn_extents;

    /* Finding. */
    struct ko_distinct distinct;
    unsigned slice_bits;
    unsigned n_ahead;       /* lists sent to an owner but not yet answered, as memory has room */
    uint64_t *next_unit;    /* by owner: the next to be sent */
    unsigned *n_unanswered; /* by owner */
    uint64_t n_units_answered;
    struct ko_repeats_arrival arrivals[KO_REPEATS_AHEAD]; /* by unit, in turn */
    bool is_spilling_bits;
    struct ko_world *world;
    struct ko_buf message;
    uint64_t n_fingerprints_sent;
    uint64_t n_fingerprints_received;
    uint64_t n_bits_sent;
    uint64_t n_bits_received;

    /* Telling. */
    struct ko_repeats_told told[KO_PARTITIONS];
    struct ko_repeats_extent untold[KO_PARTITIONS]; /* bits that were spilled; */
    unsigned char *told_bits;                       /* those that were read of all partitions */
    uint64_t n_repeated;
    size_t next_turn;        /* in the first block of turns */
    size_t next_turn_extent; /* to be read; what was read is taken off its front */
};

/* Counts memory that is taken; KO_E_MEMORY beyond what was given. */
enum ko_code ko_repeats_take(struct ko_repeats *repeats, uint64_t bytes, struct ko_error *err);
void ko_repeats_give_back(struct ko_repeats *repeats, uint64_t bytes);

/* Moves what is pending into chunks and turns. */
enum ko_code ko_repeats_settle(struct ko_repeats *repeats, struct ko_error *err);

/* Frees the values that are in memory: none of them is needed there any more. */
void ko_repeats_free_blocks(struct ko_repeats *repeats);

/* Frees the values, in memory and spilled; the turns stay. */
void ko_repeats_free_values(struct ko_repeats *repeats);

/* Ends the exchange, whether it began or not. */
void ko_repeats_free_exchange(struct ko_repeats *repeats);

/* ---- repeats_spill.c ---- */

/* Opens the scratch file, if that was not done before. */
enum ko_code ko_repeats_open_scratch(struct ko_repeats *repeats, struct ko_error *err);

/* Spills all chunks as one run, one partition behind the other; they are spare then. */
enum ko_code ko_repeats_spill_values(struct ko_repeats *repeats, struct ko_error *err);

/* Spills the last block of turns, which is full, and empties it. */
enum ko_code ko_repeats_spill_turns(struct ko_repeats *repeats, struct ko_error *err);

/* Reads the next spilled block of turns into `turns`. */
enum ko_code ko_repeats_read_turns(struct ko_repeats *repeats, struct ko_repeats_turns *turns,
                                   struct ko_error *err);

/* Reads the next bits of a partition that were spilled. */
enum ko_code ko_repeats_read_bits(struct ko_repeats *repeats, unsigned partition,
                                  struct ko_error *err);

/* A walk over the values of a partition in the order of addition, piece by piece. */
struct ko_repeats_walk {
    const struct ko_repeats *repeats;
    unsigned partition;
    size_t next_run;
    uint64_t run_offset; /* what is left of the run before next_run */
    uint64_t run_end;
    const struct ko_repeats_chunk *chunk;
    unsigned char spilled[KO_REPEATS_CHUNK_BYTES];
};

struct ko_repeats_walk ko_repeats_walk_of(const struct ko_repeats *repeats, unsigned partition);

/* *n_values values at *bytes, borrowed until the next call; 0 at the end. */
enum ko_code ko_repeats_walk_next(struct ko_repeats_walk *walk, const unsigned char **bytes,
                                  size_t *n_values, struct ko_error *err);

/* How many values a partition has. */
uint64_t ko_repeats_n_values(const struct ko_repeats *repeats, unsigned partition);

/* Values are read and written 8 bytes at a time: behind the last one these must be there. */
enum { KO_REPEATS_SLACK = 8 };

static inline size_t
ko_repeats_chunk_values(const struct ko_repeats *repeats)
{
    return (KO_REPEATS_CHUNK_BYTES - KO_REPEATS_SLACK) / repeats->value_bytes;
}

/* Value i of those at `bytes`; with the mark below it, if they come from the wire. */
static inline uint64_t
ko_repeats_value(const struct ko_repeats *repeats, const void *bytes, size_t i)
{
    return ko_read_u64((const char *) bytes + i * repeats->value_bytes) &
           (((uint64_t) 1 << (8 * repeats->value_bytes)) - 1);
}

#endif
