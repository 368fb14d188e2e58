/*
 * A set of 64-bit values below 2^64 - 1: what ko_repeats_has() asks, millions of times.
 *
 * Open addressing, with a small filter before it: most questions are about values that are not in
 * the set, and end in the filter without a cache miss.
 *
 * Thread use: one set, one thread.  MPI: none.
 */
#ifndef KEEPONE_STAGE_VALUE_SET_PRIV_H
#define KEEPONE_STAGE_VALUE_SET_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/base/error.h"

/* {0} is an empty set; clear with ko_value_set_clear(). */
struct ko_value_set {
    uint64_t *table; /* values + 1; 0 = free */
    uint64_t *filter;
    size_t size; /* of the table, a power of two; 0 before the first value */
    uint64_t n_values;
};

/* Adds a value; one that is in the set already changes nothing.  KO_E_MEMORY. */
enum ko_code ko_value_set_add(struct ko_value_set *set, uint64_t value, struct ko_error *err);

bool ko_value_set_has(const struct ko_value_set *set, uint64_t value);

/* Brings what _has will look at into the cache. */
void ko_value_set_prefetch(const struct ko_value_set *set, uint64_t value);

/* Memory in use. */
uint64_t ko_value_set_bytes(const struct ko_value_set *set);

void ko_value_set_clear(struct ko_value_set *set);

#endif
