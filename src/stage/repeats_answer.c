#include <string.h>

#include "repeats_unit_priv.h"

/* Bits from the distinct values of a unit to those of its partition that were added. */
struct answer {
    struct ko_slice of_distinct;
    unsigned partition;
    uint64_t n_values; /* of the partition */
    unsigned char *bits;
    uint64_t first; /* values whose bits are at `bits`: all, or those of the window */
    uint64_t end;
    bool is_first;   /* of the partition's slices, whose bits the others find in the scratch file */
    bool is_changed; /* the window is */
    unsigned char window[KO_REPEATS_BITS_BYTES];
};

static enum ko_code
spill_window(struct ko_repeats *repeats, const struct answer *answer, struct ko_error *err)
{
    const uint64_t end = answer->end < answer->n_values ? answer->end : answer->n_values;
    const struct ko_slice bytes = {(const char *) answer->window, (end - answer->first + 7) / 8};

    if (answer->is_first)
        return ko_scratch_add(repeats->scratch, bytes, err);
    if (!answer->is_changed)
        return KO_OK;
    return ko_scratch_rewrite(repeats->scratch,
                              repeats->untold[answer->partition].offset + answer->first / 8, bytes,
                              err);
}

static enum ko_code
next_window(struct ko_repeats *repeats, struct answer *answer, struct ko_error *err)
{
    const struct ko_repeats_extent *const all = &repeats->untold[answer->partition];
    uint64_t n_left;

    KO_TRY(spill_window(repeats, answer, err));
    n_left = all->n - answer->end / 8;
    answer->first = answer->end;
    answer->end += (uint64_t) KO_REPEATS_BITS_BYTES * 8;
    answer->is_changed = false;
    if (answer->is_first)
        memset(answer->window, 0, sizeof answer->window);
    else
        KO_TRY(ko_scratch_read(
            repeats->scratch, all->offset + answer->first / 8, answer->window,
            n_left < KO_REPEATS_BITS_BYTES ? (size_t) n_left : KO_REPEATS_BITS_BYTES, err));

done:
    return err->code;
}

static enum ko_code
begin_answer(struct ko_repeats *repeats, struct answer *answer, struct ko_error *err)
{
    struct ko_repeats_told *const told = &repeats->told[answer->partition];
    struct ko_repeats_extent *const untold = &repeats->untold[answer->partition];
    const uint64_t n_bytes = (answer->n_values + 7) / 8;

    if (repeats->is_spilling_bits) {
        answer->bits = answer->window;
        answer->is_first = untold->n == 0;
        if (answer->is_first)
            *untold = (struct ko_repeats_extent){ko_scratch_bytes(repeats->scratch), n_bytes};
        return KO_OK;
    }
    if (told->bits == NULL) {
        KO_TRY(ko_repeats_take(repeats, n_bytes + 1, err));
        told->bits = ko_alloc(n_bytes + 1, err);
        KO_TRY(err->code);
        told->n = answer->n_values;
    }
    answer->bits = told->bits;
    answer->end = answer->n_values;

done:
    return err->code;
}

static enum ko_code
expand_bit(struct ko_repeats *repeats, uint64_t i, uint32_t index, bool is_new, void *self,
           struct ko_error *err)
{
    struct answer *answer = self;
    unsigned char *byte;
    unsigned bit;

    (void) is_new;
    KO_ASSERT(index / 8 < answer->of_distinct.n);
    bit = (unsigned char) answer->of_distinct.data[index / 8] >> index % 8 & 1;
    while (i >= answer->end)
        KO_TRY(next_window(repeats, answer, err));
    byte = &answer->bits[(i - answer->first) / 8];
    *byte = (unsigned char) (*byte | bit << (i - answer->first) % 8);
    answer->is_changed |= bit != 0;
    repeats->n_repeated += bit;

done:
    return err->code;
}

/* What is behind the first unit's last value has bits, too. */
static enum ko_code
end_answer(struct ko_repeats *repeats, struct answer *answer, struct ko_error *err)
{
    if (!repeats->is_spilling_bits)
        return KO_OK;
    while (answer->is_first && answer->end < answer->n_values)
        KO_TRY(next_window(repeats, answer, err));
    KO_TRY(spill_window(repeats, answer, err));

done:
    return err->code;
}

enum ko_code
ko_repeats_receive_bits(struct ko_repeats *repeats, uint64_t unit, int source, struct ko_slice bits,
                        struct ko_error *err)
{
    const unsigned partition = ko_repeats_partition_of(repeats, unit);
    struct answer answer = {.of_distinct = bits,
                            .partition = partition,
                            .n_values = ko_repeats_n_values(repeats, partition)};

    KO_TRY(begin_answer(repeats, &answer, err));
    KO_TRY(ko_repeats_index_unit(repeats, unit, expand_bit, &answer, err));
    KO_TRY(end_answer(repeats, &answer, err));
    KO_ASSERT(bits.n == (repeats->distinct.n_values + 7) / 8);
    repeats->n_bits_received += repeats->distinct.n_values;
    repeats->n_unanswered[source]--;
    repeats->n_units_answered++;

done:
    return err->code;
}

enum ko_code
ko_repeats_begin_telling(struct ko_repeats *repeats, struct ko_error *err)
{
    const uint64_t n_bytes = (uint64_t) KO_PARTITIONS * KO_REPEATS_BITS_BYTES;

    if (!repeats->is_spilling_bits)
        return KO_OK;
    KO_TRY(ko_repeats_take(repeats, n_bytes, err));
    repeats->told_bits = ko_alloc(n_bytes, err);
    if (repeats->told_bits == NULL)
        return err->code;
    for (unsigned p = 0; p < KO_PARTITIONS; p++)
        repeats->told[p].bits = repeats->told_bits + (size_t) p * KO_REPEATS_BITS_BYTES;

done:
    return err->code;
}
