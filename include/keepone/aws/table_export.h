/*
 * Table exports: starts ExportTableToPointInTime and looks how an export is getting on.
 *
 * A start can be repeated without harm: its ClientToken is made from the request, and for eight
 * hours the service answers the same request with the export that it has started already.
 *
 * Thread use: one client, one thread.  MPI: none; rank 0 alone exports.
 */
#ifndef KEEPONE_AWS_TABLE_EXPORT_H
#define KEEPONE_AWS_TABLE_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/aws/dynamodb.h"
#include "keepone/base/buf.h"
#include "keepone/base/error.h"

enum {
    KO_EXPORT_ARN_BYTES = 1025,
    KO_EXPORT_BUCKET_BYTES = 256,
    KO_EXPORT_KEY_BYTES = 1025,
    KO_EXPORT_STATUS_BYTES = 32,
    KO_EXPORT_FAILURE_BYTES = 512,
    KO_EXPORT_PATH_BYTES = 1536,
    KO_EXPORT_TOKEN_BYTES = 33
};

/* The longest window of an incremental export; the shortest is 15 minutes. */
enum { KO_EXPORT_WINDOW_MAX_S = 24 * 60 * 60 };

/* Texts are borrowed; NULL = not given.  Times are seconds since 1970; 0 = not given. */
struct ko_table_export_request {
    const char *table_arn;
    const char *bucket;
    const char *prefix;
    const char *bucket_owner;
    const char *kms_key;
    int64_t at_s;    /* full: the state of this moment; 0 = now */
    int64_t from_s;  /* incremental: the window, until_s not included */
    int64_t until_s; /* 0 = a full export */
};

/* Fixed size, no pointers: may be copied.  Texts are "" if the service did not say. */
struct ko_table_export {
    char arn[KO_EXPORT_ARN_BYTES];
    char status[KO_EXPORT_STATUS_BYTES]; /* IN_PROGRESS, COMPLETED or FAILED */
    char path[KO_EXPORT_PATH_BYTES];     /* s3://bucket/.../AWSDynamoDB/<id>; "" while not known */
    char failure_code[KO_EXPORT_FAILURE_BYTES];
    char failure_message[KO_EXPORT_FAILURE_BYTES];
    bool is_incremental;
    int64_t at_s;      /* full: the moment; 0 = not said */
    int64_t from_s;    /* incremental */
    int64_t until_s;   /* incremental */
    int64_t started_s; /* 0 = not said */
    uint64_t n_items;
    uint64_t billed_bytes;
};

/*
 * A wait that is asked now and then whether it should end, with KO_E_STOPPED.  The client is then
 * only good for its close.
 */
struct ko_table_export_stop {
    bool (*is_wanted)(void *self);
    void *self;
};

/* Adds the request's JSON with its ClientToken, which it is the same for. */
void ko_table_export_add_request(const struct ko_table_export_request *request, struct ko_buf *out);

/* Reads a reply with an ExportDescription; control characters in texts become spaces. */
enum ko_code ko_table_export_read(struct ko_slice reply, struct ko_table_export *export,
                                  struct ko_error *err);

/*
 * Starts the export, or finds the one that the same request has started.
 * Errors: KO_E_REFUSED (no point-in-time recovery, a conflict), KO_E_OPTION (a time outside the
 * time that can be restored, other values), KO_E_STOPPED, and as ko_dynamodb_reply_error().
 */
enum ko_code ko_table_export_start(struct ko_dynamodb *client,
                                   const struct ko_table_export_request *request,
                                   const struct ko_table_export_stop *stop,
                                   struct ko_table_export *export, struct ko_error *err);

/* Asks about the export of this ARN.  KO_E_OPTION if there is none; the others as above. */
enum ko_code ko_table_export_describe(struct ko_dynamodb *client, const char *arn,
                                      const struct ko_table_export_stop *stop,
                                      struct ko_table_export *export, struct ko_error *err);

#endif
