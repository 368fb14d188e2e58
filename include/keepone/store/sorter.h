/*
 * Sorter: any number of byte records in order, within a memory budget.
 *
 * A record is bytes and a 64-bit prefix.  The prefix is compared first, as a number; records of
 * equal prefix are compared by the caller's function.  Records are kept in buckets by ranges of
 * prefixes: what is sorted and walked at a time is near to each other.  What fits the budget is
 * sorted in memory; otherwise sorted runs are spilled and merged.  Spill files have no name:
 * they are gone when the sorter is freed, and after any crash.
 *
 *     new - add, add, ... - finish - next, next, ... [- rewind - next, ...] - free
 *
 * Thread use: one sorter, one thread.  MPI: none, every call is local.
 */
#ifndef KEEPONE_STORE_SORTER_H
#define KEEPONE_STORE_SORTER_H

#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"

struct ko_sorter; /* opaque; owned by the caller of _new */

/* The order of two records with the same prefix: <0, 0, >0. */
typedef int ko_sorter_compare_fn(struct ko_slice a, struct ko_slice b);

/*
 * A part of the record by whose bytes, in unsigned order, records of equal prefix are ordered
 * before anything else is looked at; no text is the start of another.  It may be given so that
 * millions of records of one prefix are not compared with one another.
 */
typedef struct ko_slice ko_sorter_text_fn(struct ko_slice record);

struct ko_sorter_options {
    uint64_t memory_bytes;         /* the budget; 0 = 64 MiB, at least 64 KiB */
    const char *folder;            /* for spills; borrowed; NULL = memory only */
    ko_sorter_compare_fn *compare; /* NULL = ko_slice_compare() */
    ko_sorter_text_fn *text;       /* NULL = none */

    /* Most prefixes are in this range and spread over it; others cost time alone.  0, 0 = all. */
    uint64_t prefix_first;
    uint64_t prefix_last;
};

/* Takes almost no memory yet: it is taken in blocks, as records come.  NULL with KO_E_MEMORY. */
struct ko_sorter *ko_sorter_new(const struct ko_sorter_options *options, struct ko_error *err);
void ko_sorter_free(struct ko_sorter *sorter);

/*
 * Adds a copy of the record.  A record larger than the budget gets memory of its own.
 * Errors: KO_E_MEMORY (with folder = NULL also: the budget is used up), KO_E_IO (a spill could not
 * be written); the sorter is then only good for _free.
 */
enum ko_code ko_sorter_add(struct ko_sorter *sorter, uint64_t prefix, struct ko_slice record,
                           struct ko_error *err);

/* What one _add may take, in seconds: a full budget is sorted and spilled, to a slow disk.  NULL:
 * 0. */
unsigned ko_sorter_slowest_add_s(const struct ko_sorter *sorter);

/* Ends adding; the first _next gives the smallest record.  Errors as in _add, and KO_E_CORRUPT. */
enum ko_code ko_sorter_finish(struct ko_sorter *sorter, struct ko_error *err);

/*
 * Sets *record to the next record in order, or to an absent slice at the end.
 * The record is borrowed: valid until the next call.  Records that compare equal come in the order
 * they were added in.  prefix may be NULL.
 * Errors: KO_E_IO, KO_E_MEMORY, KO_E_CORRUPT (a spill does not read back as it was written).
 */
enum ko_code ko_sorter_next(struct ko_sorter *sorter, uint64_t *prefix, struct ko_slice *record,
                            struct ko_error *err);

/* The next _next gives the smallest record again.  Any number of times.  Errors as in _next. */
enum ko_code ko_sorter_rewind(struct ko_sorter *sorter, struct ko_error *err);

uint64_t ko_sorter_n_records(const struct ko_sorter *sorter);

/* The most memory taken at any time so far, and the bytes written to spills. */
uint64_t ko_sorter_peak_bytes(const struct ko_sorter *sorter);
uint64_t ko_sorter_spilled_bytes(const struct ko_sorter *sorter);

#endif
