/*
 * S3, inside: calls, which are requests with their retries, and buckets, which know their region.
 *
 * A call belongs to whoever made it, which looks at its state: nobody is called back but `prepare`,
 * `piece` and `is_whole`.
 */
#ifndef KEEPONE_AWS_S3_PRIV_H
#define KEEPONE_AWS_S3_PRIV_H

#include "keepone/aws/http.h"
#include "keepone/aws/retry.h"
#include "keepone/aws/s3.h"
#include "keepone/aws/sigv4.h"
#include "keepone/format/digest.h"

enum { KO_S3_HEADERS_MAX = 4, KO_S3_CALL_WAIT_US = 100 * 1000 };

/* Where a bucket is, as far as is known. */
struct ko_s3_bucket {
    char name[KO_S3_BUCKET_BYTES];
    struct ko_endpoint endpoint;
    struct ko_sigv4_signer signer;
    struct ko_s3_bucket *next;
};

struct ko_s3 {
    struct ko_aws *aws;
    char *endpoint_option; /* NULL = none */
    char *region_option;   /* NULL = none */
    struct ko_http *http;
    struct ko_s3_bucket *buckets;
    struct ko_retry_quota quota;
    uint64_t throttle_limit_us;
    uint32_t stall_timeout_ms;
    unsigned n_attempts_max;
    uint64_t n_loads; /* how often credentials were given up as expired */
    int64_t clock_offset_us;
    bool has_answered;
    bool (*is_stop_wanted)(void *self); /* NULL = never */
    void *stop_self;
    bool is_stopping; /* it was, once */

    struct ko_s3_call *first; /* in the order they were started */
    struct ko_s3_call *last;

    uint64_t read_ahead_bytes;
    unsigned n_downloads;
    struct ko_s3_upload *later; /* to be finished by ko_s3_sync() */
    unsigned n_later;
};

enum ko_s3_state { KO_S3_IDLE, KO_S3_WAITING, KO_S3_RUNNING, KO_S3_DONE };

struct ko_s3_call {
    /* The request; what is borrowed stays until the call is done. */
    const char *method;
    const struct ko_s3_location *at; /* borrowed */
    bool is_of_bucket;               /* the key is no part of the address */
    struct ko_buf query;             /* encoded, without "?" */
    struct ko_header headers[KO_S3_HEADERS_MAX];
    size_t n_headers;
    struct ko_slice body;   /* borrowed; absent = none */
    bool acts_once;         /* a repeat is answered differently: never repeated behind our back */
    bool has_checksum;      /* the body's SHA-256 goes along, to be kept by S3 */
    bool is_refused_in_200; /* a reply 200 may hold an <Error> */
    void *owner;

    void (*prepare)(struct ko_s3_call *call);  /* before each attempt; NULL = nothing to do */
    ko_http_piece_fn *piece;                   /* self is the call; NULL = collected in reply */
    bool (*is_whole)(struct ko_s3_call *call); /* after a 2xx; NULL = always */

    /* Set by piece where it returns false: what is wrong, in words, and its class. */
    const char *unwanted;
    enum ko_fault unwanted_fault;

    /* The outcome, once the state is KO_S3_DONE. */
    enum ko_s3_state state;
    enum ko_fault fault; /* KO_FAULT_NONE: 2xx */
    int status;          /* 0 = no HTTP reply */
    struct ko_s3_fault said;
    struct ko_buf headers_text;
    struct ko_buf reply;
    unsigned n_attempts;
    bool may_have_acted;   /* an attempt before the last one got no clear answer */
    struct ko_error start; /* why an attempt could not even start */

    /* Inside. */
    struct ko_s3 *client;
    struct ko_s3_bucket *bucket;
    struct ko_s3_call *next;
    struct ko_s3_call *previous;
    uint64_t http_id;
    uint64_t wake_us;
    uint64_t n_loads;
    unsigned n_moves;
    struct ko_retry_state retry;
    char body_hash[KO_SHA256_HEX_BYTES];
    struct ko_buf checksum; /* the same in base64, with has_checksum */
};

/* Starts the call, whose client is set and whose request is filled in; its outcome is forgotten. */
void ko_s3_start(struct ko_s3_call *call);

/* Starts it and waits until it is done.  False on failure of any kind. */
bool ko_s3_run(struct ko_s3_call *call);

/* Waits until it is done; an idle one is. */
void ko_s3_finish(struct ko_s3_call *call);

/* The call is idle afterwards; what it sent may act. */
void ko_s3_cancel(struct ko_s3_call *call);

/* Cancels and frees what the call owns. */
void ko_s3_clear(struct ko_s3_call *call);

/* A header of the reply; absent if none. */
struct ko_slice ko_s3_header(const struct ko_s3_call *call, const char *name);

/* True if S3 itself has said that the object is not there; others say 404, too. */
bool ko_s3_is_missing(const struct ko_s3_call *call);

/* Fails for a call that is done and failed; `doing` is "reading". */
enum ko_code ko_s3_fail(const struct ko_s3_call *call, const char *doing, struct ko_error *err);

/* The bucket's entry, made if there is none. */
enum ko_code ko_s3_bucket_find(struct ko_s3 *client, const char *name, struct ko_s3_bucket **bucket,
                               struct ko_error *err);

/* The bucket is in this region from here on. */
enum ko_code ko_s3_bucket_move(struct ko_s3 *client, struct ko_s3_bucket *bucket,
                               const char *region, struct ko_error *err);

/* Signs and sends an attempt. */
enum ko_code ko_s3_send(struct ko_s3_call *call, ko_http_done_fn *done, struct ko_error *err);

#endif
