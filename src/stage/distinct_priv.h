/*
 * The distinct values of one partition: each gets an index, in the order in which they were met
 * first.
 *
 * A partition is small enough for the caches, which is why fingerprints are looked at partition by
 * partition.  Values are bits of a hash, so their own low bits choose the place.
 *
 * Thread use: one thread.  MPI: none.
 */
#ifndef KEEPONE_STAGE_DISTINCT_PRIV_H
#define KEEPONE_STAGE_DISTINCT_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/base/error.h"

enum { KO_DISTINCT_VALUE_BYTES = 17 }; /* of memory for each value there is room for */

/* {0} is empty; clear with ko_distinct_clear(). */
struct ko_distinct {
    uint32_t *slots; /* index + 1; 0 = free */
    size_t n_slots;  /* in use: a power of two, twice n_values at least */
    uint64_t *values;
    unsigned char *marks; /* of values: the caller's, 0 at first */
    size_t n_values;
    size_t capacity; /* values that there is memory for */
};

/* Empties it and makes room for what is expected; it grows beyond that. */
enum ko_code ko_distinct_begin(struct ko_distinct *distinct, uint64_t n_expected,
                               struct ko_error *err);
void ko_distinct_clear(struct ko_distinct *distinct);

/* Memory in use. */
uint64_t ko_distinct_bytes(const struct ko_distinct *distinct);

/* Of ko_distinct_index(): makes room for one value more.  KO_E_MEMORY. */
enum ko_code ko_distinct_grow(struct ko_distinct *distinct, struct ko_error *err);

/* Sets *index to the value's, and *is_new if it was not met before. */
static inline enum ko_code
ko_distinct_index(struct ko_distinct *distinct, uint64_t value, uint32_t *index, bool *is_new,
                  struct ko_error *err)
{
    size_t slot = (size_t) value & (distinct->n_slots - 1);

    for (; distinct->slots[slot] != 0; slot = (slot + 1) & (distinct->n_slots - 1)) {
        *index = distinct->slots[slot] - 1;
        if (distinct->values[*index] == value) {
            *is_new = false;
            return KO_OK;
        }
    }
    *is_new = true;
    if (distinct->n_values == distinct->n_slots / 2) {
        if (ko_distinct_grow(distinct, err) != KO_OK)
            return err->code;
        return ko_distinct_index(distinct, value, index, is_new, err);
    }
    *index = (uint32_t) distinct->n_values;
    distinct->marks[distinct->n_values] = 0;
    distinct->values[distinct->n_values++] = value;
    distinct->slots[slot] = *index + 1;
    return KO_OK;
}

#endif
