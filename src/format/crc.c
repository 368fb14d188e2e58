#include "crc_priv.h"

#include <isa-l/crc.h>

static uint32_t
crc_any(uint32_t crc, const char *at, size_t n)
{
    return crc32_gzip_refl(crc, (const unsigned char *) at, n);
}

#if defined(__x86_64__)
#include <immintrin.h>

enum { VECTOR = 32, LANES = 4, BLOCK = LANES * VECTOR, WORTHWHILE_BYTES = 4 * BLOCK };

#define CRC_TARGET __attribute__((target("avx2,vpclmulqdq")))

/* x^(d + 32) and x^(d - 32) modulo gzip's polynomial, bits reversed: what moves 8 bytes by d bits.
 */
#define MOVE_BY_BLOCK  0x1e88ef372, 0x14a7fe880
#define MOVE_BY_VECTOR 0x0f1da05aa, 0x15a546366

CRC_TARGET static inline __m256i
both_halves(int64_t low, int64_t high)
{
    return _mm256_set_epi64x(high, low, high, low);
}

CRC_TARGET static inline __m256i
load(const char *at)
{
    return _mm256_loadu_si256((const __m256i *) (const void *) at);
}

/* Bytes that leave the same remainder as `bytes` moved in front of `next`, and next. */
CRC_TARGET static inline __m256i
fold(__m256i bytes, __m256i move, __m256i next)
{
    return _mm256_xor_si256(next, _mm256_xor_si256(_mm256_clmulepi64_epi128(bytes, move, 0x00),
                                                   _mm256_clmulepi64_epi128(bytes, move, 0x11)));
}

/* Folds all blocks into 32 bytes with the same remainder, of which, as of the rest, is the CRC. */
CRC_TARGET static uint32_t
crc_wide(uint32_t crc, const char *at, size_t n)
{
    const __m256i by_block = both_halves(MOVE_BY_BLOCK);
    const __m256i by_vector = both_halves(MOVE_BY_VECTOR);
    const char *const end = at + n;
    __m256i lanes[LANES];
    char folded[VECTOR];

    for (int i = 0; i < LANES; i++)
        lanes[i] = load(at + VECTOR * i);
    lanes[0] = _mm256_xor_si256(lanes[0], _mm256_set_epi32(0, 0, 0, 0, 0, 0, 0, (int) ~crc));
    for (at += BLOCK; end - at >= BLOCK; at += BLOCK)
        for (int i = 0; i < LANES; i++)
            lanes[i] = fold(lanes[i], by_block, load(at + VECTOR * i));
    for (int i = 1; i < LANES; i++)
        lanes[i] = fold(lanes[i - 1], by_vector, lanes[i]);
    _mm256_storeu_si256((__m256i *) (void *) folded, lanes[LANES - 1]);
    crc = crc_any(UINT32_MAX, folded, VECTOR); /* the CRC so far is in them */
    return crc_any(crc, at, (size_t) (end - at));
}

uint32_t
ko_crc32_add(uint32_t crc, struct ko_slice bytes)
{
    if (bytes.n >= WORTHWHILE_BYTES && __builtin_cpu_supports("avx2") != 0 &&
        __builtin_cpu_supports("vpclmulqdq") != 0)
        return crc_wide(crc, bytes.data, bytes.n);
    return crc_any(crc, bytes.data, bytes.n);
}
#else
uint32_t
ko_crc32_add(uint32_t crc, struct ko_slice bytes)
{
    return crc_any(crc, bytes.data, bytes.n);
}
#endif
