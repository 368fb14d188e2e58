/*
 * zstd: frames with checksums, written piece by piece and read piece by piece.
 *
 * Frames that follow each other are one stream.  A file may be cut by a crash: the reader says
 * where its last whole frame ends.  Blocks are the other way to use it: one call, one frame,
 * for data that is in memory as a whole; they need no window of their own.
 *
 * Thread use: one stream, one thread.  MPI: none.
 */
#ifndef KEEPONE_FORMAT_ZSTD_H
#define KEEPONE_FORMAT_ZSTD_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

struct ko_zstd_writer; /* opaque; owned by the caller of _new */

/* level as in zstd, up to 19, negative = faster; 0 = 1.  NULL with KO_E_MEMORY. */
struct ko_zstd_writer *ko_zstd_writer_new(int level, struct ko_error *err);
void ko_zstd_writer_free(struct ko_zstd_writer *writer);

/*
 * Compresses content into the current frame; what is ready is added to out.  Opens a frame if none
 * is open, even for empty content.  Errors: KO_E_MEMORY; the writer is then only good for _free.
 */
enum ko_code ko_zstd_writer_add(struct ko_zstd_writer *writer, struct ko_slice content,
                                struct ko_buf *out, struct ko_error *err);

/*
 * Ends the frame (content checksum included) and adds the rest to out; the next add opens another.
 * Does nothing if no frame is open.
 */
enum ko_code ko_zstd_writer_end(struct ko_zstd_writer *writer, struct ko_buf *out,
                                struct ko_error *err);

struct ko_zstd_reader; /* opaque; owned by the caller of _new */

/* NULL with KO_E_MEMORY. */
struct ko_zstd_reader *ko_zstd_reader_new(struct ko_error *err);
void ko_zstd_reader_free(struct ko_zstd_reader *reader);

/* Ready for another stream, as after _new. */
void ko_zstd_reader_reset(struct ko_zstd_reader *reader);

/*
 * Decompresses from *in (which moves past what was used) into at most n bytes at `to`.
 * *n_written < n with *in empty: more input is wanted.
 * KO_E_CORRUPT on a bad frame or checksum, naming the byte of the compressed stream.
 */
enum ko_code ko_zstd_reader_next(struct ko_zstd_reader *reader, struct ko_slice *in, char *to,
                                 size_t n, size_t *n_written, struct ko_error *err);

/* True between frames: the end of input here means that nothing is cut. */
bool ko_zstd_reader_is_between_frames(const struct ko_zstd_reader *reader);

/* Compressed bytes up to the end of the last whole frame, 0 if there is none yet. */
uint64_t ko_zstd_reader_frame_end_offset(const struct ko_zstd_reader *reader);

#endif
