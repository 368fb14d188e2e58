/*
 * The parts of the sorter: batches (records in memory), spills (sorted runs in a file), merges.
 *
 * A record is the same bytes in a batch's blocks and in a spill's:
 *   u64 prefix, u32 n, n bytes.
 * A spill is runs, a run is blocks, a block is u32 n, u64 ko_fingerprint() of what follows, n bytes
 * of records; records never span blocks, so a run is read with one block in memory.
 *
 * Thread use: one sorter, one thread.  MPI: none.
 */
#ifndef KEEPONE_STORE_SORTER_PRIV_H
#define KEEPONE_STORE_SORTER_PRIV_H

#include <stdbool.h>

#include "keepone/base/buf.h"
#include "keepone/store/sorter.h"

enum { KO_SORTER_HEAD_BYTES = 12 };

/* What the parts have taken together. */
struct ko_sorter_memory {
    uint64_t budget_bytes;
    uint64_t n_bytes;
    uint64_t peak_bytes;
};

void ko_sorter_memory_add(struct ko_sorter_memory *memory, size_t n);

/* Resizes an array (NULL at first) from n_old to n bytes; the content is kept, new bytes are not
 * zeroed. */
enum ko_code ko_sorter_memory_resize(struct ko_sorter_memory *memory, void **block, size_t n_old,
                                     size_t n, struct ko_error *err);
void ko_sorter_memory_free(struct ko_sorter_memory *memory, void *block, size_t n);

struct ko_sorter_entry {
    uint64_t prefix;
    const char *record; /* at its u32 n */
};

static inline struct ko_slice
ko_sorter_record(const char *record)
{
    return (struct ko_slice){record + 4, ko_read_u32(record)};
}

/* The order of records with equal prefix. */
struct ko_sorter_rule {
    ko_sorter_compare_fn *compare;
    ko_sorter_text_fn *text; /* or NULL */
};

/* Sorts n entries; scratch has room for as many.  Equal ones stay in their order. */
void ko_sorter_order(struct ko_sorter_entry *entries, struct ko_sorter_entry *scratch, size_t n,
                     const struct ko_sorter_rule *rule);

enum { KO_SORTER_BUCKETS = 256 };

struct ko_sorter_chunk;
struct ko_sorter_block;

/* The records of a range of prefixes. */
struct ko_sorter_bucket {
    struct ko_sorter_block *first;
    struct ko_sorter_block *last; /* records are added here */
};

struct ko_sorter_batch {
    struct ko_sorter_memory *memory;
    struct ko_sorter_rule rule;
    uint64_t prefix_first;
    unsigned bucket_shift; /* bucket = (prefix - prefix_first) >> bucket_shift */
    size_t n_buckets;
    size_t chunk_bytes; /* of memory that is not taken for one large record */
    size_t block_bytes;
    struct ko_sorter_chunk *chunks;
    struct ko_sorter_chunk *current; /* blocks are cut off it; chunks behind it are free */
    size_t n_cut;                    /* bytes */
    uint64_t chunks_bytes;
    size_t n_records;
    struct ko_sorter_entry *entries; /* sorted; the upper half is scratch */
    size_t capacity;                 /* of entries without the scratch */
    size_t next;
    uint64_t prefetch_bytes; /* of a record, before it is given out */
    struct ko_sorter_bucket buckets[KO_SORTER_BUCKETS];
};

void ko_sorter_batch_init(struct ko_sorter_batch *batch, struct ko_sorter_memory *memory,
                          const struct ko_sorter_options *options);

/* True if a record of n bytes can be added within the budget. */
bool ko_sorter_batch_has_room(struct ko_sorter_batch *batch, uint64_t prefix, size_t n);
enum ko_code ko_sorter_batch_add(struct ko_sorter_batch *batch, uint64_t prefix,
                                 struct ko_slice record, struct ko_error *err);

/* Sorts; _next gives the smallest record first and false at the end. */
enum ko_code ko_sorter_batch_sort(struct ko_sorter_batch *batch, struct ko_error *err);
bool ko_sorter_batch_next(struct ko_sorter_batch *batch, uint64_t *prefix, struct ko_slice *record);

/* Empty again; memory is kept for the next records. */
void ko_sorter_batch_reset(struct ko_sorter_batch *batch);
void ko_sorter_batch_clear(struct ko_sorter_batch *batch);

struct ko_sorter_run {
    uint64_t offset;
    uint64_t end_offset;
};

struct ko_sorter_spill {
    struct ko_sorter_memory *memory;
    struct ko_scratch *file;
    size_t block_bytes;
    struct ko_buf block; /* the open one */
    uint64_t run_offset; /* of the open run */
    struct ko_sorter_run *runs;
    size_t n_runs;
};

/* On failure *spill is NULL. */
enum ko_code ko_sorter_spill_open(const char *folder, size_t block_bytes,
                                  struct ko_sorter_memory *memory, struct ko_sorter_spill **spill,
                                  struct ko_error *err);
void ko_sorter_spill_close(struct ko_sorter_spill *spill);

/* Adds a record to the open run; in order. */
enum ko_code ko_sorter_spill_add(struct ko_sorter_spill *spill, uint64_t prefix,
                                 struct ko_slice record, struct ko_error *err);
enum ko_code ko_sorter_spill_end_run(struct ko_sorter_spill *spill, struct ko_error *err);

/* A place in a run: the record at it, and the block that holds it. */
struct ko_sorter_run_reader {
    struct ko_sorter_run left; /* blocks not read yet */
    uint64_t prefix;
    struct ko_slice record; /* absent at the end */
    char *block;
    size_t capacity;
    size_t n;
    size_t next;
};

/* Moves to the next record of the run. */
enum ko_code ko_sorter_spill_read(struct ko_sorter_spill *spill,
                                  struct ko_sorter_run_reader *reader, struct ko_error *err);

struct ko_sorter_merge {
    struct ko_sorter_spill *spill; /* borrowed */
    ko_sorter_compare_fn *compare;
    struct ko_sorter_run_reader *readers;
    size_t n_readers;
    size_t *heap; /* of reader indexes; [0] has the smallest record */
    size_t n_heap;
    bool is_started; /* the record of heap[0] was given out */
};

/* Opens runs first_run .. first_run + n_runs - 1.  merge is {0}, or cleared before. */
enum ko_code ko_sorter_merge_open(struct ko_sorter_merge *merge, struct ko_sorter_spill *spill,
                                  size_t first_run, size_t n_runs, ko_sorter_compare_fn *compare,
                                  struct ko_error *err);
enum ko_code ko_sorter_merge_next(struct ko_sorter_merge *merge, uint64_t *prefix,
                                  struct ko_slice *record, struct ko_error *err);
void ko_sorter_merge_clear(struct ko_sorter_merge *merge);

#endif
