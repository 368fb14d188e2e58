#include "value_set_priv.h"

#include "keepone/base/mem.h"

/* Bits of the filter per place of the table: with more it lets less through, and fits the caches
 * less. */
enum { FIRST_SIZE = 4096, FILTER_BITS = 4 };

/* Fibonacci hashing: the places of table and filter are bits of the same product. */
static uint64_t
hash(uint64_t value)
{
    return value * 0x9e3779b97f4a7c15U;
}

static size_t
first_slot(const struct ko_value_set *set, uint64_t value)
{
    return (size_t) (hash(value) >> 20) & (set->size - 1);
}

static size_t
filter_bit(const struct ko_value_set *set, uint64_t value)
{
    return (size_t) (hash(value) >> 17) & (set->size * FILTER_BITS - 1);
}

/* The value's place, or the free one where it belongs. */
static size_t
find_slot(const struct ko_value_set *set, uint64_t value)
{
    size_t slot = first_slot(set, value);

    while (set->table[slot] != 0 && set->table[slot] != value + 1)
        slot = (slot + 1) & (set->size - 1);
    return slot;
}

static void
put(struct ko_value_set *set, uint64_t value)
{
    const size_t slot = find_slot(set, value);
    const size_t bit = filter_bit(set, value);

    set->n_values += set->table[slot] == 0;
    set->table[slot] = value + 1;
    set->filter[bit / 64] |= (uint64_t) 1 << bit % 64;
}

static enum ko_code
grow(struct ko_value_set *set, struct ko_error *err)
{
    const size_t size = set->size == 0 ? FIRST_SIZE : set->size * 2;
    struct ko_value_set grown = {.size = size};

    grown.table = ko_alloc_array(size, sizeof *grown.table, err);
    grown.filter = ko_alloc_array(size * FILTER_BITS / 64, sizeof *grown.filter, err);
    if (err->code != KO_OK) {
        ko_value_set_clear(&grown);
        return err->code;
    }
    for (size_t i = 0; i < set->size; i++)
        if (set->table[i] != 0)
            put(&grown, set->table[i] - 1);
    ko_value_set_clear(set);
    *set = grown;
    return KO_OK;
}

enum ko_code
ko_value_set_add(struct ko_value_set *set, uint64_t value, struct ko_error *err)
{
    KO_ASSERT(value != UINT64_MAX);
    if (set->n_values >= set->size / 2)
        KO_TRY(grow(set, err));
    put(set, value);

done:
    return err->code;
}

bool
ko_value_set_has(const struct ko_value_set *set, uint64_t value)
{
    size_t bit;

    if (set->size == 0)
        return false;
    bit = filter_bit(set, value);
    if ((set->filter[bit / 64] >> bit % 64 & 1) == 0)
        return false;
    return set->table[find_slot(set, value)] != 0;
}

void
ko_value_set_prefetch(const struct ko_value_set *set, uint64_t value)
{
    if (set->size == 0)
        return;
    __builtin_prefetch(&set->filter[filter_bit(set, value) / 64]);
    __builtin_prefetch(&set->table[first_slot(set, value)]);
}

uint64_t
ko_value_set_bytes(const struct ko_value_set *set)
{
    return set->size * (sizeof *set->table + FILTER_BITS / 8);
}

void
ko_value_set_clear(struct ko_value_set *set)
{
    ko_free(set->table);
    ko_free(set->filter);
    *set = (struct ko_value_set){0};
}
