/*
 * Line files: lines of text, compressed with zstd.  Plan parts, the review, journals.
 *
 * There are two ways to write one.  A *whole file* is written under a temporary name and
 * becomes visible only when it is closed: complete, durable, or not there at all.
 * A *journal* has its name at once and grows by commits: each commit ends a zstd frame and is
 * durable when it returns, so a crash can only damage what was added after the last commit.
 *
 * Memory is constant, whatever the number of lines, but for the line in hand (up to 64 MiB).
 *
 * Thread use: one writer or reader, one thread.  MPI: none, every call is local.
 */
#ifndef KEEPONE_STORE_LINE_FILE_H
#define KEEPONE_STORE_LINE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"
#include "keepone/format/digest.h"

enum { KO_LINE_BYTES_MAX = 64 * 1024 * 1024 };

/* What a file holds.  The digest is over the uncompressed bytes: each line and its newline. */
struct ko_line_totals {
    uint64_t n_lines;
    uint64_t n_bytes;
    char sha256[KO_SHA256_HEX_BYTES]; /* lower-case hex; "" where none was made */
};

struct ko_line_writer; /* opaque; owned by whoever called _open, until _close or _abandon */

/*
 * Starts a whole file.  Until _close() there is only "<path>.<8 hex digits>.tmp" beside it;
 * a crash may leave that behind, and nobody reads it.  level as in zstd, 0 = 1.
 * On failure *writer is NULL.  Errors: KO_E_IO, KO_E_MEMORY.
 */
enum ko_code ko_line_writer_open(const char *path, int level, struct ko_line_writer **writer,
                                 struct ko_error *err);

/* Like _open, for one of many: _close() leaves it to ko_disk_sync() to make them durable together.
 */
enum ko_code ko_line_writer_open_one_of_many(const char *path, int level,
                                             struct ko_line_writer **writer, struct ko_error *err);

/* Starts a journal at level 1.  A file that is there already is KO_E_IO and stays as it is. */
enum ko_code ko_line_writer_open_journal(const char *path, struct ko_line_writer **writer,
                                         struct ko_error *err);

/*
 * Adds one line; line holds no newline (KO_E_BUG) and is at most KO_LINE_BYTES_MAX long.
 * Nothing is promised about the disk before _commit() or _close().
 * After a failure the writer is only good for _abandon() (or a _close() that fails).
 */
enum ko_code ko_line_writer_add(struct ko_line_writer *writer, struct ko_slice line,
                                struct ko_error *err);

/* Journals only: all that was added before is durable.  Cheap if nothing was added. */
enum ko_code ko_line_writer_commit(struct ko_line_writer *writer, struct ko_error *err);

/* Bytes added since the last commit, uncompressed: for group commit. */
uint64_t ko_line_writer_pending_bytes(const struct ko_line_writer *writer);

/*
 * Makes the file durable and visible, and sets *totals (may be NULL; a journal has no digest).
 * The writer is freed in any case.  If this fails, what stood at the path of a whole file before
 * still stands (or, if only its folder could not be made durable, the new file), and a journal
 * holds what was committed.
 */
enum ko_code ko_line_writer_close(struct ko_line_writer *writer, struct ko_line_totals *totals,
                                  struct ko_error *err);

/* Throws a whole file away, or leaves a journal at its last commit.  Accepts NULL. */
void ko_line_writer_abandon(struct ko_line_writer *writer);

struct ko_line_reader; /* opaque; owned by whoever called _open */

struct ko_line_reader_options {
    bool with_digest;       /* make the SHA-256 of what is read */
    bool tolerate_cut_tail; /* journals: lines behind the last whole frame do not count */
};

/*
 * Opens a file of either kind; options may be NULL.
 *
 * With tolerate_cut_tail the file is first checked from end to end: lines come from whole frames
 * with right checksums only.  What a crash leaves behind the last of them is passed over, and
 * ko_line_reader_was_cut() tells.  A damaged frame with a whole one behind it is no crash:
 * KO_E_CORRUPT.  Lines added to the file after _open are not seen.
 *
 * Errors: KO_E_IO, KO_E_MEMORY, KO_E_CORRUPT.  On failure *reader is NULL.
 */
enum ko_code ko_line_reader_open(const char *path, const struct ko_line_reader_options *options,
                                 struct ko_line_reader **reader, struct ko_error *err);

/*
 * Sets *line to the next line without its newline, or to an absent slice at the end.
 * The line is borrowed: valid until the next call on this reader.
 * Without tolerate_cut_tail a frame's checksum is only seen at its end: bytes are certain once the
 * end was reached.  KO_E_CORRUPT names the file and the line; also for a last line without newline,
 * a line over KO_LINE_BYTES_MAX, a cut file, and a file of no bytes (which no writer leaves).
 */
enum ko_code ko_line_reader_next(struct ko_line_reader *reader, struct ko_slice *line,
                                 struct ko_error *err);

/* Number of the line last returned, from 1; 0 before the first. */
uint64_t ko_line_reader_line_number(const struct ko_line_reader *reader);

/* True if tolerate_cut_tail passed over something. */
bool ko_line_reader_was_cut(const struct ko_line_reader *reader);

/* Puts "'<path>' line <n>: " in front of a failure that the caller found in the last line. */
void ko_line_reader_context(const struct ko_line_reader *reader, struct ko_error *err);

/*
 * Reads what is left and sets *totals to what the file holds; the digest is "" without with_digest.
 * To be called once, as the last.
 */
enum ko_code ko_line_reader_totals(struct ko_line_reader *reader, struct ko_line_totals *totals,
                                   struct ko_error *err);

/* The same, and compares it with what is expected (needs with_digest): KO_E_CORRUPT shows both. */
enum ko_code ko_line_reader_check(struct ko_line_reader *reader,
                                  const struct ko_line_totals *expected, struct ko_error *err);

void ko_line_reader_close(struct ko_line_reader *reader);

#endif
