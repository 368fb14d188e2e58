#include "keepone/base/sort.h"

#include <stdlib.h>

#include "keepone/base/mem.h"
#include "support/test.h"

enum { N_MAX = 3000 };

static int
compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *) a;
    const uint64_t y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}

static uint64_t
next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

struct arrays {
    uint64_t values[N_MAX];
    uint64_t expected[N_MAX];
    uint64_t scratch[N_MAX];
};

static void
check_sorted(struct arrays *arrays, size_t n, unsigned n_bits)
{
    memcpy(arrays->expected, arrays->values, n * sizeof arrays->values[0]);
    qsort(arrays->expected, n, sizeof arrays->expected[0], compare);
    ko_sort_u64(arrays->values, arrays->scratch, n, n_bits);
    if (memcmp(arrays->values, arrays->expected, n * sizeof arrays->values[0]) != 0)
        fail_msg("%zu values of %u bits are not sorted", n, n_bits);
}

static void
numbers_are_sorted_like_by_qsort(void)
{
    struct ko_error err = {0};
    struct arrays *arrays = ko_alloc(sizeof *arrays, &err);
    uint64_t state = 1;

    /* Every size and every width is met; not every one with every other. */
    for (size_t n = 0; n <= N_MAX; n++) {
        const unsigned n_bits = (unsigned) (n * 7 % 64) + 1;

        for (size_t i = 0; i < n; i++)
            arrays->values[i] = next_random(&state) >> (64 - n_bits);
        check_sorted(arrays, n, n_bits);
    }
    ko_free(arrays);
}

static void
orders_and_repeats_make_no_difference(void)
{
    struct ko_error err = {0};
    struct arrays *arrays = ko_alloc(sizeof *arrays, &err);
    uint64_t state = 2;

    for (size_t n = 40; n <= 2500; n += 60) {
        for (unsigned kind = 0; kind < 5; kind++) {
            for (size_t i = 0; i < n; i++)
                arrays->values[i] = kind == 0   ? i
                                    : kind == 1 ? UINT64_MAX - i
                                    : kind == 2 ? 7
                                    : kind == 3 ? next_random(&state) % 3 << 62
                                                : (i % 2 == 0 ? 0 : UINT64_MAX);
            check_sorted(arrays, n, 64);
        }
    }
    ko_free(arrays);
}

CASES = {
    CASE(numbers_are_sorted_like_by_qsort),
    CASE(orders_and_repeats_make_no_difference),
};
RUN_CASES
