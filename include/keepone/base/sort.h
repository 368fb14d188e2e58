/*
 * Sorting 64-bit numbers by radix, in time linear in their count.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_BASE_SORT_H
#define KEEPONE_BASE_SORT_H

#include <stddef.h>
#include <stdint.h>

/* Sorts values ascending by their lowest n_bits; higher bits must be zero.  scratch: room for n
 * values. */
void ko_sort_u64(uint64_t *values, uint64_t *scratch, size_t n, unsigned n_bits);

#endif
