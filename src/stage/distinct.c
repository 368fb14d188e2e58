#include "distinct_priv.h"

#include <string.h>

#include "keepone/base/mem.h"

_Static_assert(KO_DISTINCT_VALUE_BYTES == sizeof(uint64_t) + 2 * sizeof(uint32_t) + 1,
               "a value, two slots and a mark");

/* Of many equal values there are few distinct ones: a large partition begins with a part. */
enum { FIRST_MIN = 1024, FIRST_MAX = 64 * 1024, VALUES_MAX = 1 << 30 };

/* Slots for n values, all free. */
static enum ko_code
make_slots(struct ko_distinct *distinct, size_t n, struct ko_error *err)
{
    uint64_t *values;
    uint32_t *slots;
    unsigned char *marks;

    if (n > VALUES_MAX)
        return ko_fail(err, KO_E_MEMORY, "a partition has more than %d distinct keys", VALUES_MAX);
    if (n > distinct->capacity) {
        values = ko_realloc(distinct->values, n * sizeof *values, err);
        if (values == NULL)
            return err->code;
        distinct->values = values;
        slots = ko_realloc(distinct->slots, n * 2 * sizeof *slots, err);
        if (slots == NULL)
            return err->code;
        distinct->slots = slots;
        marks = ko_realloc(distinct->marks, n, err);
        if (marks == NULL)
            return err->code;
        distinct->marks = marks;
        distinct->capacity = n;
    }
    distinct->n_slots = n * 2;
    memset(distinct->slots, 0, distinct->n_slots * sizeof *distinct->slots);
    return KO_OK;
}

enum ko_code
ko_distinct_begin(struct ko_distinct *distinct, uint64_t n_expected, struct ko_error *err)
{
    size_t n = FIRST_MIN;

    while (n < n_expected && n < FIRST_MAX)
        n *= 2;
    distinct->n_values = 0;
    return make_slots(distinct, n, err);
}

enum ko_code
ko_distinct_grow(struct ko_distinct *distinct, struct ko_error *err)
{
    KO_TRY(make_slots(distinct, distinct->n_slots, err));
    for (size_t i = 0; i < distinct->n_values; i++) {
        size_t slot = (size_t) distinct->values[i] & (distinct->n_slots - 1);

        while (distinct->slots[slot] != 0)
            slot = (slot + 1) & (distinct->n_slots - 1);
        distinct->slots[slot] = (uint32_t) i + 1;
    }

done:
    return err->code;
}

uint64_t
ko_distinct_bytes(const struct ko_distinct *distinct)
{
    return (uint64_t) distinct->capacity * KO_DISTINCT_VALUE_BYTES;
}

void
ko_distinct_clear(struct ko_distinct *distinct)
{
    ko_free(distinct->values);
    ko_free(distinct->slots);
    ko_free(distinct->marks);
    *distinct = (struct ko_distinct){0};
}
