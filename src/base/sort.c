#include "keepone/base/sort.h"

#include <string.h>

enum { DIGIT_BITS = 11, N_DIGITS = 1 << DIGIT_BITS, SMALL = 48 };

static void
sort_small(uint64_t *values, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const uint64_t value = values[i];
        size_t k = i;

        for (; k > 0 && values[k - 1] > value; k--)
            values[k] = values[k - 1];
        values[k] = value;
    }
}

/* One stable pass by the digit at `shift`. */
static void
distribute(const uint64_t *from, uint64_t *to, size_t n, unsigned shift)
{
    size_t offsets[N_DIGITS] = {0};
    size_t sum = 0;

    for (size_t i = 0; i < n; i++)
        offsets[from[i] >> shift & (N_DIGITS - 1)]++;
    for (size_t d = 0; d < N_DIGITS; d++) {
        const size_t count = offsets[d];

        offsets[d] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[offsets[from[i] >> shift & (N_DIGITS - 1)]++] = from[i];
}

void
ko_sort_u64(uint64_t *values, uint64_t *scratch, size_t n, unsigned n_bits)
{
    uint64_t *from = values;
    uint64_t *to = scratch;

    if (n <= SMALL) {
        sort_small(values, n);
        return;
    }
    for (unsigned shift = 0; shift < n_bits; shift += DIGIT_BITS) {
        uint64_t *const swapped = from;

        distribute(from, to, n, shift);
        from = to;
        to = swapped;
    }
    if (from != values)
        memcpy(values, from, n * sizeof *values);
}
