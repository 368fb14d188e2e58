/*
 * XXH3 is compiled in: a call into the shared library costs as much as hashing a short key.
 * The result is the same on every machine, whatever vector unit it is compiled for.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "crc_priv.h"
#include "keepone/base/mem.h"
#include "keepone/format/digest.h"

struct ko_digest {
    EVP_MD *method;
    EVP_MD_CTX *context;
};

void
ko_digest_free(struct ko_digest *digest)
{
    if (digest == NULL)
        return;
    EVP_MD_CTX_free(digest->context);
    EVP_MD_free(digest->method);
    ko_free(digest);
}

struct ko_digest *
ko_digest_new(enum ko_digest_kind kind, struct ko_error *err)
{
    static const char *const names[] = {
        [KO_SHA256] = "SHA256", [KO_MD5] = "MD5", [KO_SHA1] = "SHA1"};
    const char *const name = names[kind];
    struct ko_digest *digest = ko_alloc(sizeof *digest, err);

    if (digest == NULL)
        return NULL;
    digest->method = EVP_MD_fetch(NULL, name, NULL);
    digest->context = EVP_MD_CTX_new();
    if (digest->context == NULL)
        (void) ko_fail(err, KO_E_MEMORY, "cannot allocate a digest");
    else if (digest->method == NULL ||
             EVP_DigestInit_ex2(digest->context, digest->method, NULL) != 1)
        (void) ko_fail(err, KO_E_REFUSED, "OpenSSL on this machine does not offer %s", name);
    if (err->code == KO_OK)
        return digest;
    ko_digest_free(digest);
    return NULL;
}

void
ko_digest_add(struct ko_digest *digest, struct ko_slice content)
{
    KO_ASSERT(EVP_DigestUpdate(digest->context, content.data, content.n) == 1);
}

void
ko_digest_end(struct ko_digest *digest, unsigned char out[KO_DIGEST_BYTES_MAX])
{
    KO_ASSERT(EVP_DigestFinal_ex(digest->context, out, NULL) == 1);
    KO_ASSERT(EVP_DigestInit_ex2(digest->context, NULL, NULL) == 1);
}

void
ko_sha256(struct ko_slice content, unsigned char out[KO_SHA256_BYTES])
{
    KO_ASSERT(EVP_Digest(content.data, content.n, out, NULL, EVP_sha256(), NULL) == 1);
}

void
ko_sha256_hex(struct ko_slice content, char hex[KO_SHA256_HEX_BYTES])
{
    unsigned char digest[KO_SHA256_BYTES];

    ko_sha256(content, digest);
    ko_hex(digest, sizeof digest, hex);
}

void
ko_hmac_sha256(struct ko_slice key, struct ko_slice content, unsigned char out[KO_SHA256_BYTES])
{
    KO_ASSERT(key.n <= INT32_MAX);
    /* A NULL key would mean "the key of the last call" to OpenSSL. */
    KO_ASSERT(HMAC(EVP_sha256(), key.data == NULL ? "" : key.data, (int) key.n,
                   (const unsigned char *) content.data, content.n, out, NULL) != NULL);
}

void
ko_hex(const unsigned char *bytes, size_t n, char *text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * n] = '\0';
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
ko_base64_add(struct ko_buf *out, struct ko_slice bytes)
{
    const unsigned char *in = (const unsigned char *) bytes.data;
    const size_t n_text = (bytes.n / 3 + (bytes.n % 3 != 0)) * 4;
    char *to = ko_buf_reserve(out, n_text);

    if (to == NULL)
        return;
    for (size_t i = 0; i < bytes.n; i += 3) {
        const size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
        const uint32_t bits = (uint32_t) in[i] << 16 | (n > 1 ? (uint32_t) in[i + 1] << 8 : 0) |
                              (n > 2 ? (uint32_t) in[i + 2] : 0);

        *to++ = base64_digits[bits >> 18];
        *to++ = base64_digits[bits >> 12 & 63];
        *to++ = '=';
        *to++ = '=';
        if (n > 1)
            to[-2] = base64_digits[bits >> 6 & 63];
        if (n > 2)
            to[-1] = base64_digits[bits & 63];
    }
    ko_buf_commit(out, n_text);
}

/* The value of a base64 digit, or -1. */
static int
base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Collects n digits, high bits first; *bad = the index of the first that is none, or n. */
static uint32_t
base64_bits(const char *text, size_t n, size_t *bad)
{
    uint32_t bits = 0;

    for (*bad = 0; *bad < n; (*bad)++) {
        const int value = base64_value(text[*bad]);

        if (value < 0)
            break;
        bits = bits << 6 | (uint32_t) value;
    }
    return bits;
}

enum ko_code
ko_base64_decode(struct ko_slice text, struct ko_buf *out, struct ko_error *err)
{
    if (text.n % 4 != 0)
        return ko_fail(err, KO_E_CORRUPT, "base64 of %zu characters is not a multiple of 4",
                       text.n);
    for (size_t i = 0; i < text.n; i += 4) {
        const char *in = text.data + i;
        const bool is_last = i + 4 == text.n;
        const size_t n = is_last && in[3] == '=' ? (in[2] == '=' ? 2 : 3) : 4;
        const unsigned n_unused = n == 4 ? 0 : n == 3 ? 2 : 4;
        size_t bad;
        const uint32_t bits = base64_bits(in, n, &bad);

        if (bad < n)
            return ko_fail(err, KO_E_CORRUPT, "character %zu is not base64", i + bad);
        if ((bits & ((1U << n_unused) - 1)) != 0)
            return ko_fail(err, KO_E_CORRUPT, "the last base64 digit has bits that mean nothing");
        for (unsigned shift = 6 * (unsigned) n; shift >= n_unused + 8; shift -= 8)
            ko_buf_add_char(out, (char) (unsigned char) (bits >> (shift - 8)));
    }
    return ko_buf_finish(out, err);
}

uint32_t
ko_crc32(struct ko_slice content)
{
    return ko_crc32_add(0, content);
}

uint64_t
ko_fingerprint(struct ko_slice content)
{
    return XXH3_64bits(content.data, content.n);
}

struct ko_wide_fingerprint
ko_wide_fingerprint(struct ko_slice content)
{
    const XXH128_hash_t hash = XXH3_128bits(content.data, content.n);

    return (struct ko_wide_fingerprint){hash.high64, hash.low64};
}
