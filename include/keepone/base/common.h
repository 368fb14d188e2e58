/*
 * What two slices have in common at their start or at their end, a block of bytes at a time, and
 * never a byte outside them.  Absent counts as empty.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_BASE_COMMON_H
#define KEEPONE_BASE_COMMON_H

#include <stddef.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/slice.h"

/* How blocks are compared: n bytes, of which each has n_bits in what `differing` returns; they are
 * 0 if the byte is the same, the first byte's are the lowest. */
struct ko_common_way {
    size_t n;
    unsigned n_bits;
    uint64_t (*differing)(const char *a, const char *b);
};

static inline uint64_t
ko_common_differing_8(const char *a, const char *b)
{
    return ko_read_u64(a) ^ ko_read_u64(b);
}

#define KO_COMMON_8 ((struct ko_common_way){8, 8, ko_common_differing_8})

#ifdef __SSE2__
#include <immintrin.h>

static inline uint64_t
ko_common_differing_16(const char *a, const char *b)
{
    const __m128i left = _mm_loadu_si128((const __m128i *) (const void *) a);
    const __m128i right = _mm_loadu_si128((const __m128i *) (const void *) b);

    return 0xFFFFU ^ (unsigned) _mm_movemask_epi8(_mm_cmpeq_epi8(left, right));
}

#define KO_COMMON_USUAL ((struct ko_common_way){16, 1, ko_common_differing_16})
#elif defined(__aarch64__)
#include <arm_neon.h>

/* Four bits of each byte. */
static inline uint64_t
ko_common_nibbles(uint8x16_t bytes)
{
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(bytes), 4)), 0);
}

static inline uint64_t
ko_common_differing_16(const char *a, const char *b)
{
    return ~ko_common_nibbles(
        vceqq_u8(vld1q_u8((const uint8_t *) a), vld1q_u8((const uint8_t *) b)));
}

#define KO_COMMON_USUAL ((struct ko_common_way){16, 4, ko_common_differing_16})
#else
#define KO_COMMON_USUAL KO_COMMON_8
#endif

/* For the functions below alone: the way is a constant where they are called. */
#define KO_COMMON __attribute__((always_inline)) static inline

KO_COMMON size_t
ko_common_start_by(struct ko_common_way way, struct ko_slice a, struct ko_slice b)
{
    const size_t n = a.n < b.n ? a.n : b.n;
    uint64_t differing;
    size_t i = 0;

    for (; i + way.n <= n; i += way.n) {
        differing = way.differing(a.data + i, b.data + i);
        if (differing != 0)
            return i + (size_t) __builtin_ctzll(differing) / way.n_bits;
    }
    /* The last bytes together with some that are known to be the same. */
    if (i < n && n > way.n) {
        differing = way.differing(a.data + n - way.n, b.data + n - way.n);
        if (differing != 0)
            return n - way.n + (size_t) __builtin_ctzll(differing) / way.n_bits;
        return n;
    }
    while (i < n && a.data[i] == b.data[i])
        i++;
    return i;
}

KO_COMMON size_t
ko_common_end_by(struct ko_common_way way, struct ko_slice a, struct ko_slice b, size_t most_n)
{
    const size_t n_unused = 64 - way.n * way.n_bits; /* bits above the last byte's */
    const size_t n_shorter = a.n < b.n ? a.n : b.n;
    const size_t n = n_shorter < most_n ? n_shorter : most_n;
    const char *const end_a = n == 0 ? NULL : a.data + a.n;
    const char *const end_b = n == 0 ? NULL : b.data + b.n;
    uint64_t differing;
    size_t i = 0;

    for (; i + way.n <= n; i += way.n) {
        differing = way.differing(end_a - i - way.n, end_b - i - way.n);
        if (differing != 0)
            return i + ((size_t) __builtin_clzll(differing) - n_unused) / way.n_bits;
    }
    if (i < n && n > way.n) {
        differing = way.differing(end_a - n, end_b - n);
        if (differing != 0)
            return n - way.n + ((size_t) __builtin_clzll(differing) - n_unused) / way.n_bits;
        return n;
    }
    while (i < n && a.data[a.n - 1 - i] == b.data[b.n - 1 - i])
        i++;
    return i;
}

/* How many bytes a and b have in common from their start. */
static inline size_t
ko_common_start(struct ko_slice a, struct ko_slice b)
{
    return ko_common_start_by(KO_COMMON_USUAL, a, b);
}

/* How many bytes a and b have in common at their end, most_n of them at most. */
static inline size_t
ko_common_end(struct ko_slice a, struct ko_slice b, size_t most_n)
{
    return ko_common_end_by(KO_COMMON_USUAL, a, b, most_n);
}

#endif
