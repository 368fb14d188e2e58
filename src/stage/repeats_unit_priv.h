/*
 * Units of repeats (repeats_priv.h): what is sent and answered together, a partition or a slice of
 * one.  Private to the exchange and its answers.
 *
 * Thread use: one thread per rank.  MPI: none, every call is local.
 */
#ifndef KEEPONE_STAGE_REPEATS_UNIT_PRIV_H
#define KEEPONE_STAGE_REPEATS_UNIT_PRIV_H

#include "repeats_priv.h"

static inline unsigned
ko_repeats_partition_of(const struct ko_repeats *repeats, uint64_t unit)
{
    return (unsigned) (unit >> repeats->slice_bits);
}

/* Of the n values of a partition, in each of its units.  Where many are equal, few are distinct: no
 * partition should have many more of them than the others. */
static inline uint64_t
ko_repeats_expected_distinct(const struct ko_repeats *repeats, uint64_t n)
{
    const uint64_t most = repeats->n_added / KO_PARTITIONS * 2;

    return (n < most ? n : most) >> repeats->slice_bits;
}

/* A value of a unit: the i-th of its partition, with this index among the distinct ones. */
typedef enum ko_code ko_repeats_visit_fn(struct ko_repeats *repeats, uint64_t i, uint32_t index,
                                         bool is_new, void *self, struct ko_error *err);

/* Visits the values of a unit; the indexes are the same ones each time. */
static inline enum ko_code
ko_repeats_index_unit(struct ko_repeats *repeats, uint64_t unit, ko_repeats_visit_fn *visit,
                      void *self, struct ko_error *err)
{
    struct ko_distinct *const distinct = &repeats->distinct;
    const unsigned partition = ko_repeats_partition_of(repeats, unit);
    const uint64_t slice = unit & (((uint64_t) 1 << repeats->slice_bits) - 1);
    const unsigned shift = repeats->value_bits - repeats->slice_bits;
    struct ko_repeats_walk walk = ko_repeats_walk_of(repeats, partition);
    const uint64_t before_bytes = ko_distinct_bytes(distinct);
    const uint64_t n_values = ko_repeats_n_values(repeats, partition);
    const unsigned char *bytes;
    uint64_t n_walked = 0;
    size_t n = 1;

    KO_TRY(ko_distinct_begin(distinct, ko_repeats_expected_distinct(repeats, n_values), err));
    while (n > 0) {
        KO_TRY(ko_repeats_walk_next(&walk, &bytes, &n, err));
        if (n > n_values - n_walked || (n == 0 && n_walked < n_values))
            return ko_scratch_fail_changed(repeats->scratch, err);
        for (size_t i = 0; i < n; i++) {
            const uint64_t value = ko_repeats_value(repeats, bytes, i);
            uint32_t index = 0;
            bool is_new;

            if (value >> shift != slice)
                continue;
            KO_TRY(ko_distinct_index(distinct, value, &index, &is_new, err));
            KO_TRY(visit(repeats, n_walked + i, index, is_new, self, err));
        }
        n_walked += n;
    }
    KO_TRY(ko_repeats_take(repeats, ko_distinct_bytes(distinct) - before_bytes, err));

done:
    return err->code;
}

/* ---- repeats_answer.c ---- */

/* The bits of the distinct values of a unit, from its owner, become those of all its values. */
enum ko_code ko_repeats_receive_bits(struct ko_repeats *repeats, uint64_t unit, int source,
                                     struct ko_slice bits, struct ko_error *err);

/* After the last answer: makes room for the bits that are read of each partition. */
enum ko_code ko_repeats_begin_telling(struct ko_repeats *repeats, struct ko_error *err);

#endif
