/*
 * The mount of S3: paths that start with "s3://" in base/file.h and base/stream.h.
 *
 * Thread use: one thread per rank.  MPI: none, every rank opens its own.
 */
#ifndef KEEPONE_AWS_S3_MOUNT_H
#define KEEPONE_AWS_S3_MOUNT_H

#include "keepone/aws/s3.h"
#include "keepone/base/error.h"

struct ko_s3_mount; /* opaque; owned by whoever called _open */

/* "s3://" is mounted from here on; sends nothing.  Errors: those of ko_s3_open(). */
enum ko_code ko_s3_mount_open(const struct ko_s3_options *options, struct ko_s3_mount **mount,
                              struct ko_error *err);

/* Takes it away.  Accepts NULL.  Streams are closed before. */
void ko_s3_mount_close(struct ko_s3_mount *mount);

#endif
