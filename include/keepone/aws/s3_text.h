/*
 * S3's texts: paths, addresses, listings, errors and ranges, without a network.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_AWS_S3_TEXT_H
#define KEEPONE_AWS_S3_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/aws/endpoint.h"
#include "keepone/aws/fault.h"
#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

enum { KO_S3_BUCKET_BYTES = 256, KO_S3_KEY_BYTES = 1025, KO_S3_ETAG_BYTES = 128 };

/* What a path "s3://bucket/key" names. */
struct ko_s3_location {
    char bucket[KO_S3_BUCKET_BYTES];
    char key[KO_S3_KEY_BYTES]; /* "" = the bucket itself */
};

/* KO_E_OPTION, with a hint: no "s3://", no bucket or none that S3 knows, a key over 1,024 bytes. */
enum ko_code ko_s3_locate(const char *path, struct ko_s3_location *location, struct ko_error *err);

/* Adds the text with each byte outside A-Za-z0-9-_.~ as %XX; a path keeps its slashes. */
void ko_s3_add_path(struct ko_buf *out, struct ko_slice text);
void ko_s3_add_value(struct ko_buf *out, struct ko_slice text);

/*
 * Is the bucket a part of the path, not of the host's name?  True for an endpoint that was given,
 * and for names that no host (or, with a dot, no certificate) has.
 */
bool ko_s3_is_path_style(const struct ko_endpoint *endpoint, const char *bucket);

/* What "bytes 0-9/20" says: n bytes from `first` on, of an object of total_bytes. */
struct ko_s3_range {
    uint64_t first;
    uint64_t n;
    uint64_t total_bytes;
};

/* False for anything else, such as a total that is not known or a range that is not inside. */
bool ko_s3_read_range(struct ko_slice content_range, struct ko_s3_range *range);

/*
 * True for "bytes 0-0/0" and the like: the object has no bytes.  Not every server
 * answers 416 then.
 */
bool ko_s3_is_of_nothing(struct ko_slice content_range);

/* A whole decimal number; false if it is none or over 64 bits. */
bool ko_s3_read_number(struct ko_slice text, uint64_t *number);

/* What <Error> says; texts end in NUL and are cut if longer, "" if absent. */
struct ko_s3_fault {
    struct ko_fault_text text;
    char request_id[128];
    char region[KO_REGION_BYTES]; /* where the bucket is, if that is what is wrong; "" = not said */
};

/* Never fails; true if the body is an <Error>. */
bool ko_s3_read_fault(struct ko_slice body, struct ko_s3_fault *fault);

/* Borrowed for the call.  A folder (CommonPrefixes) has no size. */
struct ko_s3_entry {
    struct ko_slice key;
    uint64_t size_bytes;
    bool is_folder;
};

typedef enum ko_code ko_s3_entry_fn(void *self, const struct ko_s3_entry *entry,
                                    struct ko_error *err);

/*
 * Reads one page of ListObjectsV2 and calls `entry` for each object and folder, decoded.  The
 * token replaces next's content, which is empty after the last page.  KO_E_CORRUPT: no such page,
 * an entry without key or size, more pages without a token; KO_E_MEMORY; what `entry` returned.
 */
enum ko_code ko_s3_read_page(struct ko_slice body, ko_s3_entry_fn *entry, void *self,
                             struct ko_buf *next, struct ko_error *err);

#endif
