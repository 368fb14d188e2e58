/*
 * S3: objects of buckets, read and written as streams, with retries inside.
 *
 * Every call waits until it is done, but those of a download that say otherwise; whatever else the
 * client has in flight makes progress meanwhile.  Every request may be repeated, so the rules are
 * those of a read in aws/dynamodb.h: throttling (503 SlowDown) is waited out until
 * throttle_limit_s have passed, faults are tried again, credentials are loaded anew once, a clock
 * that is off is corrected once.  A bucket of another region is found there.
 *
 * What is read belongs to one version of the object: its ETag is asked for again with each range.
 * What is written is there as a whole or not at all.
 *
 * Thread use: one client, one thread.  MPI: none, every call is local.
 */
#ifndef KEEPONE_AWS_S3_H
#define KEEPONE_AWS_S3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/aws/context.h"
#include "keepone/aws/s3_text.h"
#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

struct ko_s3; /* opaque; owned by whoever called _open */

struct ko_s3_options {
    struct ko_aws *aws;          /* borrowed until close */
    const char *endpoint;        /* --s3-endpoint; NULL = as aws/context.h finds it; copied */
    const char *region;          /* before the context's; NULL = not given; copied */
    uint32_t max_in_flight;      /* 0 = 32 */
    uint32_t throttle_limit_s;   /* 0 = 300 */
    uint32_t connect_timeout_ms; /* 0 = 3,000 */
    uint32_t stall_timeout_ms;   /* nothing moves for so long: 0 = 20,000 */
    uint64_t read_ahead_bytes;   /* of all downloads together; 0 = 128 MiB */

    /*
     * True once the user wants an end: from then on what fails is tried again for some seconds
     * only.  Asked in every step, so that it may act itself.  NULL = never.
     */
    bool (*is_stop_wanted)(void *self);
    void *stop_self;
};

/*
 * What calls fail with, each naming the object, the service's code, the HTTP status and the request
 * id, with a hint:
 *   KO_E_IO         no such object, replaced while it was read, archived
 *   KO_E_ACCESS     permissions, credentials, signature, clock, no such bucket
 *   KO_E_THROTTLED  still throttled at the limit
 *   KO_E_MEMORY     no memory
 *   KO_E_AWS        everything else: faults, endpoint not reachable, TLS
 */

/* Sends nothing.  KO_E_OPTION, KO_E_MEMORY, KO_E_AWS. */
enum ko_code ko_s3_open(const struct ko_s3_options *options, struct ko_s3 **client,
                        struct ko_error *err);

/* Accepts NULL.  Downloads and uploads are closed before. */
void ko_s3_close(struct ko_s3 *client);

/* Is the object there, and how large is it?  *exists = false is certain. */
enum ko_code ko_s3_stat(struct ko_s3 *client, const struct ko_s3_location *at, bool *exists,
                        uint64_t *size_bytes, struct ko_error *err);

/* Adds the whole object to out; one over max_bytes is KO_E_CORRUPT. */
enum ko_code ko_s3_read(struct ko_s3 *client, const struct ko_s3_location *at, uint64_t max_bytes,
                        struct ko_buf *out, struct ko_error *err);

/* Writes the object, over one that is there. */
enum ko_code ko_s3_put(struct ko_s3 *client, const struct ko_s3_location *at,
                       struct ko_slice content, struct ko_error *err);

/*
 * Writes the object unless there is one: *created = false then.  Exclusive where the server knows
 * `If-None-Match`, as S3 does; elsewhere only as far as one look before it goes.
 */
enum ko_code ko_s3_create(struct ko_s3 *client, const struct ko_s3_location *at,
                          struct ko_slice content, bool *created, struct ko_error *err);

/* Removes the object; one that is not there is no error. */
enum ko_code ko_s3_remove(struct ko_s3 *client, const struct ko_s3_location *at,
                          struct ko_error *err);

/* Removes every object whose key starts with the location's key. */
enum ko_code ko_s3_remove_below(struct ko_s3 *client, const struct ko_s3_location *at,
                                struct ko_error *err);

/*
 * Calls `entry` for every object whose key starts with the location's key, in the order of the
 * keys; with by_folder, what has a "/" behind that is told once as a folder, "/" at its end.
 */
enum ko_code ko_s3_list(struct ko_s3 *client, const struct ko_s3_location *at, bool by_folder,
                        ko_s3_entry_fn *entry, void *self, struct ko_error *err);

/* A download: one object from start to end, in ranges that are fetched ahead. */
struct ko_s3_download;

/* Begins the fetch; waits for nothing. */
enum ko_code ko_s3_download_open(struct ko_s3 *client, const struct ko_s3_location *at,
                                 struct ko_s3_download **download, struct ko_error *err);

/* Up to n bytes, waiting for the first; *n_read = 0 at the end. */
enum ko_code ko_s3_download_read(struct ko_s3_download *download, void *to, size_t n,
                                 size_t *n_read, struct ko_error *err);

/* Makes progress without waiting; true if _read() would not wait. */
bool ko_s3_download_is_ready(struct ko_s3_download *download);

/* Waits until _is_ready() may be true, max_us at most. */
void ko_s3_download_wait(struct ko_s3_download *download, uint64_t max_us);

/* Accepts NULL. */
void ko_s3_download_close(struct ko_s3_download *download);

/* An upload: one object; a large one goes out in parts while it is written. */
struct ko_s3_upload;

enum ko_code ko_s3_upload_open(struct ko_s3 *client, const struct ko_s3_location *at,
                               struct ko_s3_upload **upload, struct ko_error *err);
enum ko_code ko_s3_upload_add(struct ko_s3_upload *upload, struct ko_slice content,
                              struct ko_error *err);

/* The object is there after KO_OK; on failure nothing is.  Frees the upload in any case. */
enum ko_code ko_s3_upload_finish(struct ko_s3_upload *upload, struct ko_error *err);

/*
 * The same, but the object need not be there before ko_s3_sync(); a few are under way at a time.
 * An earlier one's failure may be this call's.
 */
enum ko_code ko_s3_upload_finish_later(struct ko_s3_upload *upload, struct ko_error *err);

/* Frees it; nothing is left, as far as the server can be reached.  Accepts NULL. */
void ko_s3_upload_abandon(struct ko_s3_upload *upload);

/* Waits for all uploads that were to finish later; fails with the first that failed. */
enum ko_code ko_s3_sync(struct ko_s3 *client, struct ko_error *err);

/* Makes progress on everything in flight.  KO_E_AWS: of the HTTP library itself. */
enum ko_code ko_s3_step(struct ko_s3 *client, struct ko_error *err);

/* Waits until the next step has something to do, max_us at most; a signal ends the wait. */
void ko_s3_wait(struct ko_s3 *client, uint64_t max_us);

#endif
