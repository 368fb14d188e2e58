/*
 * What two slices have in common at their start or at their end: 8 bytes at a time, and never a
 * byte outside them.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_BASE_COMMON_H
#define KEEPONE_BASE_COMMON_H

#include <stddef.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/slice.h"

/* Of the 8 bytes at a and b, how many are the same before the first, or behind the last, that
 * differs. */
static inline size_t
ko_common_start_8(const char *a, const char *b)
{
    const uint64_t differing = ko_read_u64(a) ^ ko_read_u64(b);

    return differing == 0 ? 8 : (size_t) __builtin_ctzll(differing) / 8;
}

static inline size_t
ko_common_end_8(const char *a, const char *b)
{
    const uint64_t differing = ko_read_u64(a) ^ ko_read_u64(b);

    return differing == 0 ? 8 : (size_t) __builtin_clzll(differing) / 8;
}

/* How many bytes a and b have in common from their start.  Absent counts as empty. */
static inline size_t
ko_common_start(struct ko_slice a, struct ko_slice b)
{
    const size_t n = a.n < b.n ? a.n : b.n;
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        const size_t n_same = ko_common_start_8(a.data + i, b.data + i);

        if (n_same < 8)
            return i + n_same;
    }
    /* The last ones together with some that are known to be the same. */
    if (i < n && n > 8)
        return n - 8 + ko_common_start_8(a.data + n - 8, b.data + n - 8);
    while (i < n && a.data[i] == b.data[i])
        i++;
    return i;
}

/* How many bytes a and b have in common at their end, most_n of them at most. */
static inline size_t
ko_common_end(struct ko_slice a, struct ko_slice b, size_t most_n)
{
    const size_t n_shorter = a.n < b.n ? a.n : b.n;
    const size_t n = n_shorter < most_n ? n_shorter : most_n;
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        const size_t n_same = ko_common_end_8(a.data + a.n - i - 8, b.data + b.n - i - 8);

        if (n_same < 8)
            return i + n_same;
    }
    if (i < n && n > 8)
        return n - 8 + ko_common_end_8(a.data + a.n - n, b.data + b.n - n);
    while (i < n && a.data[a.n - 1 - i] == b.data[b.n - 1 - i])
        i++;
    return i;
}

#endif
