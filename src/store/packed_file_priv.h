/*
 * Packed files: one stream of bytes in a zstd file, written durably, read piece by piece.
 * What line files and row files have in common; private to store.
 *
 * Thread use: one writer or reader, one thread.  MPI: none.
 */
#ifndef KEEPONE_STORE_PACKED_FILE_PRIV_H
#define KEEPONE_STORE_PACKED_FILE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/file.h"
#include "keepone/base/slice.h"
#include "keepone/format/digest.h"

struct ko_packed_writer; /* opaque; owned by whoever called _open, until _close or _abandon */

struct ko_packed_options {
    int level;        /* of zstd; 0 = 1 */
    bool is_journal;  /* grows by commits; otherwise there is nothing before _close */
    bool with_digest; /* SHA-256 of the uncompressed bytes */
    bool sync_later;  /* whole files: durable only after the caller's ko_disk_sync() */
};

/*
 * A local journal has its name at once, and each commit adds to it.  On a mount, where nothing can
 * be added to, each commit makes one more file, its piece: see ko_packed_piece_path().
 * A journal whose path, or the path of whose piece, is taken is KO_E_IO.
 * On failure *writer is NULL.
 */
enum ko_code ko_packed_writer_open(const char *path, const struct ko_packed_options *options,
                                   struct ko_packed_writer **writer, struct ko_error *err);

/* "a/b.x.y" -> "a/b-000012.x.y"; pieces count from 1. */
enum ko_code ko_packed_piece_path(char piece_path[KO_PATH_BYTES], const char *path, uint32_t piece,
                                  struct ko_error *err);

/* After a failure of any call nothing more is written, and _close fails. */
enum ko_code ko_packed_writer_add(struct ko_packed_writer *writer, struct ko_slice content,
                                  struct ko_error *err);

/* As if a call had failed: the caller could not add what it had to. */
void ko_packed_writer_spoil(struct ko_packed_writer *writer);

/* Ends the frame and makes it durable; nothing to do if nothing was added. */
enum ko_code ko_packed_writer_commit(struct ko_packed_writer *writer, struct ko_error *err);

/* Bytes added in all, and since the last commit. */
uint64_t ko_packed_writer_bytes(const struct ko_packed_writer *writer);
uint64_t ko_packed_writer_pending_bytes(const struct ko_packed_writer *writer);

/* Frees the writer in any case; sha256 may be NULL, and is "" without a digest. */
enum ko_code ko_packed_writer_close(struct ko_packed_writer *writer,
                                    char sha256[KO_SHA256_HEX_BYTES], struct ko_error *err);

/* Accepts NULL. */
void ko_packed_writer_abandon(struct ko_packed_writer *writer);

struct ko_packed_reader; /* opaque; owned by whoever called _open */

/*
 * With `whole_frames` (not NULL; local files only) the file is checked first and read up to the end
 * of its last whole frame; *whole_frames = false if something is behind it.  A whole frame behind a
 * damaged one is KO_E_CORRUPT. On failure *reader is NULL.
 */
enum ko_code ko_packed_reader_open(const char *path, bool *whole_frames,
                                   struct ko_packed_reader **reader, struct ko_error *err);

/*
 * Reads up to n bytes; *n_read = 0 at the end.  KO_E_CORRUPT on damage, on a file that is cut or
 * has no bytes at all; such texts do not name the file: the caller knows the line or row, too.
 */
enum ko_code ko_packed_reader_next(struct ko_packed_reader *reader, char *to, size_t n,
                                   size_t *n_read, struct ko_error *err);

bool ko_packed_reader_is_local(const struct ko_packed_reader *reader);

/* True if _next would not wait for a network, as far as can be told. */
bool ko_packed_reader_is_ready(struct ko_packed_reader *reader);
void ko_packed_reader_wait(struct ko_packed_reader *reader, unsigned max_us);
const char *ko_packed_reader_path(const struct ko_packed_reader *reader);
void ko_packed_reader_close(struct ko_packed_reader *reader);

#endif
