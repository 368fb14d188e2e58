/*
 * Streams: a file read from its start to its end, a file written as a whole.
 *
 * Local files and mounts (mount.h) look the same here.  A local reader is a plain read() into the
 * caller's buffer, and always ready.
 *
 * Thread use: one reader or writer, one thread.  MPI: none, every call is local.
 */
#ifndef KEEPONE_BASE_STREAM_H
#define KEEPONE_BASE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"

struct ko_file_reader; /* opaque; owned by whoever called _open */

/* Errors: KO_E_IO, KO_E_MEMORY, and what mounts have.  On failure *reader is NULL. */
enum ko_code ko_file_reader_open(const char *path, struct ko_file_reader **reader,
                                 struct ko_error *err);

/* Reads up to n bytes, waiting for the first; *n_read = 0 at the end. */
enum ko_code ko_file_reader_next(struct ko_file_reader *reader, void *to, size_t n, size_t *n_read,
                                 struct ko_error *err);

bool ko_file_reader_is_local(const struct ko_file_reader *reader);

/* True if _next would not wait for a network.  Drives the network; never waits. */
bool ko_file_reader_is_ready(struct ko_file_reader *reader);

/* Waits until _is_ready may be true, max_us at most. */
void ko_file_reader_wait(struct ko_file_reader *reader, unsigned max_us);

/* Goes on at this byte.  Local files only: KO_E_BUG on a mount. */
enum ko_code ko_file_reader_seek(struct ko_file_reader *reader, uint64_t offset,
                                 struct ko_error *err);
const char *ko_file_reader_path(const struct ko_file_reader *reader);

/* Accepts NULL. */
void ko_file_reader_close(struct ko_file_reader *reader);

struct ko_file_writer; /* opaque; owned by whoever called _open, until _close or _abandon */

struct ko_file_writer_options {
    bool sync_later; /* one of many: durable, on a mount visible, only after ko_disk_sync() */
};

/*
 * Starts a file that is there, whole and durable, when it is closed.  Until then a local one is
 * "<path>.<8 hex digits>.tmp", which a crash may leave behind.  options may be NULL.
 * On failure *writer is NULL.
 */
enum ko_code ko_file_writer_open(const char *path, const struct ko_file_writer_options *options,
                                 struct ko_file_writer **writer, struct ko_error *err);

/* After a failure the writer is only good for _abandon() (or a _close() that fails). */
enum ko_code ko_file_writer_add(struct ko_file_writer *writer, struct ko_slice content,
                                struct ko_error *err);

/*
 * Frees in any case.  If this fails, what stood at the path before still stands (or, if only its
 * folder could not be made durable, the new file).
 */
enum ko_code ko_file_writer_close(struct ko_file_writer *writer, struct ko_error *err);

/* Throws the file away and frees.  Accepts NULL. */
void ko_file_writer_abandon(struct ko_file_writer *writer);

#endif
