/*
 * Finding the end of the easy part of a JSON string: the next quote, backslash, control
 * character or byte above 0x7f.  Four ways that give the same answer: 8 bytes at a time in
 * plain C, and 64 with SSE2, AVX2 or NEON.
 *
 * ko_stop_*(at, begin, end) returns the first such byte in [at, end), or end.  The text starts at
 * begin: near its end a vector is read that starts before `at`, but never outside [begin, end).
 *
 * ko_easy_*(at, n) tells whether all of the n bytes (1 or more) are easy; KO_EASY_BYTES from the
 * last of them on must be readable.
 *
 * ko_same_*(text, n, at) compares the first n bytes (1 to 32) of two places of which 32 can be
 * read.
 */
#ifndef KEEPONE_FORMAT_STOP_PRIV_H
#define KEEPONE_FORMAT_STOP_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "keepone/base/common.h"

enum { KO_STOP_BLOCK = 64, KO_SAME_BYTES = 32, KO_EASY_BYTES = 32 };

static inline bool
ko_stop_is(char c)
{
    return (signed char) c < 0x20 || c == '"' || c == '\\';
}

static inline const char *
ko_stop_bytewise(const char *at, const char *end)
{
    while (at < end && !ko_stop_is(*at))
        at++;
    return at;
}

static inline uint64_t
ko_load_u64(const void *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

static inline const char *
ko_stop_plain(const char *at, const char *begin, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);

    (void) begin;
    for (; end - at >= 8; at += 8) {
        const uint64_t word = ko_load_u64(at);
        const uint64_t quote = word ^ (ones * '"');
        const uint64_t backslash = word ^ (ones * '\\');
        const uint64_t below_space = (word - ones * 0x20) & ~word;
        const uint64_t stop =
            word | below_space | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash);

        /* A borrow can mark a byte wrongly, but only behind one that is marked rightly. */
        if ((stop & (ones * 0x80)) != 0)
            break;
    }
    return ko_stop_bytewise(at, end);
}

static inline bool
ko_easy_plain(const char *at, size_t n)
{
    return ko_stop_plain(at, at, at + n) == at + n;
}

static inline bool
ko_same_plain(const char *text, unsigned n, const char *at)
{
    return memcmp(text, at, n) == 0;
}

/* The loop around a 64-byte test; the last block overlaps what was tested before, if there is as
 * much. */
#define KO_STOP_LOOP(stops)                                                                   \
    do {                                                                                      \
        for (; end - at >= KO_STOP_BLOCK; at += KO_STOP_BLOCK) {                              \
            const uint64_t mask = stops(at);                                                  \
            if (mask != 0)                                                                    \
                return at + __builtin_ctzll(mask);                                            \
        }                                                                                     \
        if (at == end)                                                                        \
            return end;                                                                       \
        if (end - begin >= KO_STOP_BLOCK) {                                                   \
            const uint64_t mask = stops(end - KO_STOP_BLOCK) >> (KO_STOP_BLOCK - (end - at)); \
            return mask == 0 ? end : at + __builtin_ctzll(mask);                              \
        }                                                                                     \
        return ko_stop_plain(at, begin, end);                                                 \
    } while (0)

#if defined(__x86_64__)
#define KO_HAS_X86 1
#include <immintrin.h>

static inline uint64_t
ko_stops_sse2_16(const char *at)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *) (const void *) at);
    /* Signed: bytes above 0x7f are negative, so one comparison finds them and control characters.
     */
    const __m128i odd = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
    const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));

    return (uint64_t) (unsigned) _mm_movemask_epi8(
        _mm_or_si128(odd, _mm_or_si128(quote, backslash)));
}

static inline uint64_t
ko_stops_sse2(const char *at)
{
    return ko_stops_sse2_16(at) | ko_stops_sse2_16(at + 16) << 16 |
           ko_stops_sse2_16(at + 32) << 32 | ko_stops_sse2_16(at + 48) << 48;
}

static inline const char *
ko_stop_sse2(const char *at, const char *begin, const char *end)
{
    KO_STOP_LOOP(ko_stops_sse2);
}

static inline bool
ko_easy_sse2(const char *at, size_t n)
{
    const char *const last = at + (n - 1) / 16 * 16;
    uint64_t stops = ko_stops_sse2_16(last) << (63 - (n - 1) % 16);

    for (; at < last; at += 16)
        stops |= ko_stops_sse2_16(at);
    return stops == 0;
}

static inline bool
ko_same_sse2(const char *text, unsigned n, const char *at)
{
    const __m128i *const a = (const void *) text;
    const __m128i *const b = (const void *) at;
    const unsigned low =
        (unsigned) _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(a), _mm_loadu_si128(b)));
    const unsigned high = (unsigned) _mm_movemask_epi8(
        _mm_cmpeq_epi8(_mm_loadu_si128(a + 1), _mm_loadu_si128(b + 1)));

    return (uint64_t) ~(low | high << 16) << (64 - n) == 0;
}

#define KO_AVX2 __attribute__((target("avx2")))

/* All bits of a byte that is not easy. */
KO_AVX2 static inline __m256i
ko_stop_bytes_avx2(const char *at)
{
    const __m256i bytes = _mm256_loadu_si256((const __m256i *) (const void *) at);
    const __m256i odd = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), bytes);
    const __m256i quote = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"'));
    const __m256i backslash = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'));

    return _mm256_or_si256(odd, _mm256_or_si256(quote, backslash));
}

KO_AVX2 static inline uint64_t
ko_stops_avx2_32(const char *at)
{
    return (uint64_t) (unsigned) _mm256_movemask_epi8(ko_stop_bytes_avx2(at));
}

KO_AVX2 static inline uint64_t
ko_stops_avx2(const char *at)
{
    return ko_stops_avx2_32(at) | ko_stops_avx2_32(at + 32) << 32;
}

KO_AVX2 static inline const char *
ko_stop_avx2(const char *at, const char *begin, const char *end)
{
    KO_STOP_LOOP(ko_stops_avx2);
}

KO_AVX2 static inline bool
ko_easy_avx2(const char *at, size_t n)
{
    const char *const last = at + (n - 1) / 32 * 32;
    const uint64_t last_stops = ko_stops_avx2_32(last) << (63 - (n - 1) % 32);
    __m256i stops = _mm256_setzero_si256();

    for (; at < last; at += 32)
        stops = _mm256_or_si256(stops, ko_stop_bytes_avx2(at));
    return last_stops == 0 && _mm256_testz_si256(stops, stops) != 0;
}

KO_AVX2 static inline bool
ko_same_avx2(const char *text, unsigned n, const char *at)
{
    const __m256i a = _mm256_loadu_si256((const __m256i *) (const void *) text);
    const __m256i b = _mm256_loadu_si256((const __m256i *) (const void *) at);
    const unsigned same = (unsigned) _mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b));

    return (uint64_t) ~same << (64 - n) == 0;
}

#elif defined(__aarch64__)
#define KO_HAS_NEON 1
#include <arm_neon.h>

/* All bits of a byte that is not easy. */
static inline uint8x16_t
ko_stop_bytes_neon(const char *at)
{
    const int8x16_t bytes = vld1q_s8((const int8_t *) at);
    const uint8x16_t odd = vcltq_s8(bytes, vdupq_n_s8(0x20));
    const uint8x16_t quote = vceqq_s8(bytes, vdupq_n_s8('"'));
    const uint8x16_t backslash = vceqq_s8(bytes, vdupq_n_s8('\\'));

    return vorrq_u8(odd, vorrq_u8(quote, backslash));
}

/* One bit per byte of 64: each keeps another bit of its own, then neighbours are added up. */
static inline uint64_t
ko_stops_neon(const char *at)
{
    static const uint8_t bit[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t own = vld1q_u8(bit);
    const uint8x16_t low = vpaddq_u8(vandq_u8(ko_stop_bytes_neon(at), own),
                                     vandq_u8(ko_stop_bytes_neon(at + 16), own));
    const uint8x16_t high = vpaddq_u8(vandq_u8(ko_stop_bytes_neon(at + 32), own),
                                      vandq_u8(ko_stop_bytes_neon(at + 48), own));
    const uint8x16_t pairs = vpaddq_u8(low, high);

    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(pairs, pairs)), 0);
}

static inline const char *
ko_stop_neon(const char *at, const char *begin, const char *end)
{
    KO_STOP_LOOP(ko_stops_neon);
}

static inline bool
ko_easy_neon(const char *at, size_t n)
{
    const char *const last = at + (n - 1) / 16 * 16;
    const uint64_t last_stops = ko_common_nibbles(ko_stop_bytes_neon(last))
                                << (60 - 4 * ((n - 1) % 16));
    uint8x16_t stops = vdupq_n_u8(0);

    for (; at < last; at += 16)
        stops = vorrq_u8(stops, ko_stop_bytes_neon(at));
    return last_stops == 0 && vmaxvq_u8(stops) == 0;
}

static inline bool
ko_same_neon(const char *text, unsigned n, const char *at)
{
    const uint64_t low = ko_common_differing_16(text, at); /* four bits per byte */
    const uint64_t high = ko_common_differing_16(text + 16, at + 16);

    return n <= 16 ? low << (64 - 4 * n) == 0 : low == 0 && high << (128 - 4 * n) == 0;
}
#endif

/* What every machine of this kind can do. */
static inline const char *
ko_stop(const char *at, const char *begin, const char *end)
{
#ifdef KO_HAS_X86
    return ko_stop_sse2(at, begin, end);
#elif defined(KO_HAS_NEON)
    return ko_stop_neon(at, begin, end);
#else
    return ko_stop_plain(at, begin, end);
#endif
}

#endif
