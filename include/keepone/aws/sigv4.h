/*
 * SigV4: signs requests to any AWS service, in the four named steps of AWS's description.
 *
 *   canonical request   method, path, query, headers, body hash in one agreed form
 *   string to sign      time, scope and the hash of the canonical request
 *   signing key         from secret, day, region and service; kept while these stay the same
 *   authorization       the header's value, with the signature
 *
 * Each step can be called alone, and the signer keeps all texts of the last request, so that
 * a refused signature can be explained.  Only the signing key is secret.
 *
 * Thread use: one signer, one thread.  MPI: none.
 */
#ifndef KEEPONE_AWS_SIGV4_H
#define KEEPONE_AWS_SIGV4_H

#include <stdint.h>

#include "keepone/aws/credentials.h"
#include "keepone/aws/header.h"
#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"
#include "keepone/format/digest.h"

enum { KO_SIGV4_TIME_BYTES = 17, KO_SIGV4_HEADERS_MAX = 32, KO_SIGV4_PARAMETERS_MAX = 64 };

enum ko_sigv4_path {
    KO_SIGV4_PATH_NORMALISED, /* "." and ".." resolved, empty segments dropped, encoded once more */
    KO_SIGV4_PATH_AS_SENT     /* S3 */
};

struct ko_sigv4_request {
    struct ko_slice method;
    struct ko_slice path;  /* as sent; empty = "/" */
    struct ko_slice query; /* as sent, without "?" */

    /*
     * As sent, `host` and `x-amz-date` included.  Those that proxies and HTTP libraries
     * change (connection, user-agent, expect, ...) may be among them and are not signed.
     */
    const struct ko_header *headers;
    size_t n_headers;

    struct ko_slice body_hash; /* SHA-256 of the body in hex, or UNSIGNED-PAYLOAD (S3) */
};

/* Writes "20260131T120000Z", the value of x-amz-date. */
void ko_sigv4_time_text(int64_t wall_us, char text[KO_SIGV4_TIME_BYTES]);

/*
 * Adds the canonical request to out, and the names of the signed headers ("host;x-amz-date") to
 * signed_headers.  Errors: KO_E_BUG for more headers or parameters than the limits above,
 * KO_E_MEMORY.
 */
enum ko_code ko_sigv4_add_canonical_request(struct ko_buf *out, struct ko_buf *signed_headers,
                                            enum ko_sigv4_path path,
                                            const struct ko_sigv4_request *request,
                                            struct ko_error *err);

/* Adds "20260131/eu-west-1/dynamodb/aws4_request". */
void ko_sigv4_add_scope(struct ko_buf *out, const char *time_text, const char *region,
                        const char *service);

/* Adds the string to sign. */
void ko_sigv4_add_string_to_sign(struct ko_buf *out, const char *time_text, struct ko_slice scope,
                                 struct ko_slice canonical_request);

/* Computes the signing key.  prefixed_secret is "AWS4" and the secret. */
void ko_sigv4_signing_key(struct ko_slice prefixed_secret, const char *time_text,
                          struct ko_slice region, struct ko_slice service,
                          unsigned char key[KO_SHA256_BYTES]);

/* One region and service, whatever the credentials.  {0} with region and service set is ready. */
struct ko_sigv4_signer {
    const char *region;  /* borrowed */
    const char *service; /* borrowed */
    enum ko_sigv4_path path;

    /* Of the last request. */
    struct ko_buf canonical_request;
    struct ko_buf signed_headers;
    struct ko_buf scope;
    struct ko_buf string_to_sign;
    struct ko_buf authorization; /* the value of the header */

    /* The signing key and what it was made from. */
    struct ko_buf key_secret; /* "AWS4" and the secret */
    char key_day[9];
    unsigned char key[KO_SHA256_BYTES];
};

/*
 * Signs: signer->authorization is the value of the Authorization header.  time_text must
 * be the value of the x-amz-date header among the request's.  A token is a header like any
 * other (x-amz-security-token); the caller adds it.
 * Errors: KO_E_MEMORY, KO_E_BUG.
 */
enum ko_code ko_sigv4_sign(struct ko_sigv4_signer *signer, const struct ko_sigv4_request *request,
                           const struct ko_credentials *credentials, const char *time_text,
                           struct ko_error *err);

/* Overwrites the key and frees everything; region and service stay. */
void ko_sigv4_signer_clear(struct ko_sigv4_signer *signer);

#endif
