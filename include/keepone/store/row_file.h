/*
 * Rows: a fixed number of values each, absent ones included; in memory and in files.
 *
 * One row format serves the log in memory and the `read/` files of a live scan:
 *   row    varint bytes of the rest, then per value: varint n + 1 (0 = absent), n bytes
 * A row file is a zstd stream of
 *   head   "KOROWS1\n", u32 values per row, u32 n, n bytes that say whose rows these are
 *   rows, a byte 0, u64 rows, 8 x u64 counters of the caller
 * Numbers are little-endian, varints have 7 bits per byte, low bits first.  A file is there
 * complete and durable, or not at all.
 *
 * Thread use: one buffer, writer or reader, one thread.  MPI: none, every call is local.
 */
#ifndef KEEPONE_STORE_ROW_FILE_H
#define KEEPONE_STORE_ROW_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

enum { KO_ROW_COUNTERS = 8, KO_ROW_BYTES_MAX = 16 * 1024 * 1024 };

/* Adds a row of n values, n > 0.  Sticky, like all additions to a buffer. */
void ko_row_add(struct ko_buf *out, const struct ko_slice *values, size_t n);

/*
 * Takes the row at the front of *in (not empty), which moves behind it, and sets n values; they
 * borrow from *in.  KO_E_CORRUPT if the bytes are no row of n values; *in stays where it was.
 */
enum ko_code ko_row_next(struct ko_slice *in, struct ko_slice *values, size_t n,
                         struct ko_error *err);

/* What a file must be for the reader to accept it. */
struct ko_row_kind {
    size_t n_values;
    struct ko_slice identity; /* such as "6f1b7c1e segment 12 of 4096"; what depends on the job */
};

struct ko_row_writer; /* opaque; owned by whoever called _open, until _close or _abandon */

/* Until _close() there is only "<path>.<8 hex digits>.tmp".  On failure *writer is NULL. */
enum ko_code ko_row_writer_open(const char *path, const struct ko_row_kind *kind,
                                struct ko_row_writer **writer, struct ko_error *err);

/*
 * values: as many as the kind says.  Errors: KO_E_IO, KO_E_MEMORY, KO_E_BUG for a row over
 * KO_ROW_BYTES_MAX; after one the writer is only good for _abandon() (or a _close() that fails).
 */
enum ko_code ko_row_writer_add(struct ko_row_writer *writer, const struct ko_slice *values,
                               struct ko_error *err);

/* Makes the file durable and visible, or fails and leaves none.  Frees the writer in any case. */
enum ko_code ko_row_writer_close(struct ko_row_writer *writer,
                                 const uint64_t counters[KO_ROW_COUNTERS], struct ko_error *err);

/* Throws the file away.  Accepts NULL. */
void ko_row_writer_abandon(struct ko_row_writer *writer);

struct ko_row_reader; /* opaque; owned by whoever called _open */

/* Errors: KO_E_CORRUPT for a file of another kind; KO_E_IO, KO_E_MEMORY; *reader is NULL then. */
enum ko_code ko_row_reader_open(const char *path, const struct ko_row_kind *kind,
                                struct ko_row_reader **reader, struct ko_error *err);

/*
 * Sets the values of the next row, borrowed until the next call; *has_row = false at the end, which
 * is only reached if the file is whole and has as many rows as it says.
 * KO_E_CORRUPT names the file and the row.
 */
enum ko_code ko_row_reader_next(struct ko_row_reader *reader, struct ko_slice *values,
                                bool *has_row, struct ko_error *err);

/*
 * Takes in what has arrived.  *is_ready: _next would not wait long for a network; a local file is
 * always ready.  The row last returned becomes invalid.  Errors as in _next.
 */
enum ko_code ko_row_reader_is_ready(struct ko_row_reader *reader, bool *is_ready,
                                    struct ko_error *err);

/* Waits until more has arrived, max_us at most. */
void ko_row_reader_wait(struct ko_row_reader *reader, unsigned max_us);

/* After the end: what the writer was given at its close. */
const uint64_t *ko_row_reader_counters(const struct ko_row_reader *reader);

/* Number of the row last returned, from 1; uncompressed bytes read so far. */
uint64_t ko_row_reader_row_number(const struct ko_row_reader *reader);
uint64_t ko_row_reader_bytes(const struct ko_row_reader *reader);

/* Puts "'<path>' row <n>: " in front of a failure that the caller found in the last row. */
void ko_row_reader_context(const struct ko_row_reader *reader, struct ko_error *err);

void ko_row_reader_close(struct ko_row_reader *reader);

#endif
