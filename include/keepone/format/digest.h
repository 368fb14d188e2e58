/*
 * Digests: SHA-256, MD5 and SHA-1 piece by piece, HMAC-SHA-256, CRC-32, fingerprints of 64 and 128
 * bits; hex and base64. The only place that calls OpenSSL's hashes, xxHash and ISA-L's CRC.
 *
 * Thread use: one digest, one thread.  MPI: none.
 */
#ifndef KEEPONE_FORMAT_DIGEST_H
#define KEEPONE_FORMAT_DIGEST_H

#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

enum {
    KO_SHA256_BYTES = 32,
    KO_MD5_BYTES = 16,
    KO_SHA1_BYTES = 20,
    KO_DIGEST_BYTES_MAX = 32,
    KO_SHA256_HEX_BYTES = 65
};

enum ko_digest_kind { KO_SHA256, KO_MD5, KO_SHA1 };

struct ko_digest; /* opaque */

/* KO_E_MEMORY, or KO_E_REFUSED where the system's policy (FIPS) forbids the kind. */
struct ko_digest *ko_digest_new(enum ko_digest_kind kind, struct ko_error *err);
void ko_digest_free(struct ko_digest *digest);
void ko_digest_add(struct ko_digest *digest, struct ko_slice content);

/* Writes 32, 16 or 20 bytes; the digest is then as new. */
void ko_digest_end(struct ko_digest *digest, unsigned char out[KO_DIGEST_BYTES_MAX]);

void ko_sha256(struct ko_slice content, unsigned char out[KO_SHA256_BYTES]);
void ko_sha256_hex(struct ko_slice content, char hex[KO_SHA256_HEX_BYTES]);
void ko_hmac_sha256(struct ko_slice key, struct ko_slice content,
                    unsigned char out[KO_SHA256_BYTES]);

/* Writes 2 n lower-case digits and a NUL. */
void ko_hex(const unsigned char *bytes, size_t n, char *text);

/* Standard alphabet with padding. */
void ko_base64_add(struct ko_buf *out, struct ko_slice bytes);

/* Strict: canonical padding, no white space, unused bits zero; otherwise KO_E_CORRUPT. */
enum ko_code ko_base64_decode(struct ko_slice text, struct ko_buf *out, struct ko_error *err);

/* CRC-32 of zlib and of x-amz-crc32. */
uint32_t ko_crc32(struct ko_slice content);

/* XXH3, 64 bits, seed 0: stable over versions and machines. */
uint64_t ko_fingerprint(struct ko_slice content);

/* XXH3, 128 bits, seed 0: for sets so large that 64 bits would collide. */
struct ko_wide_fingerprint {
    uint64_t high, low;
};

struct ko_wide_fingerprint ko_wide_fingerprint(struct ko_slice content);

#endif
