/*
 * gzip: inflating a stream of one or more members, CRC and length of each member checked.
 *
 * Output goes straight to the caller's buffer: give large ones (256 KiB), for each call pays for
 * the 32 KiB of history that the next one may look back to.
 *
 * Thread use: one stream, one thread.  MPI: none.
 */
#ifndef KEEPONE_FORMAT_GZIP_H
#define KEEPONE_FORMAT_GZIP_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

struct ko_gunzip; /* opaque; owned by the caller of _new */

/* NULL with KO_E_MEMORY. */
struct ko_gunzip *ko_gunzip_new(struct ko_error *err);
void ko_gunzip_free(struct ko_gunzip *gunzip);

/* Ready for another stream, as after _new. */
void ko_gunzip_reset(struct ko_gunzip *gunzip);

/*
 * Inflates from *in (which moves past what was used) into at most n bytes at `to`.
 * *n_written < n with *in empty: more input is wanted.  Members follow each other without a gap;
 * zero bytes of padding behind the last are skipped.
 * KO_E_CORRUPT says what is wrong ("not gzip", "wrong CRC or length", ...) and at which byte of
 * the compressed stream; the stream is then only good for _reset and _free.
 */
enum ko_code ko_gunzip_next(struct ko_gunzip *gunzip, struct ko_slice *in, char *to, size_t n,
                            size_t *n_written, struct ko_error *err);

/*
 * Call at the end of input, when ko_gunzip_next() has written less than it could: KO_E_CORRUPT
 * ("gzip data is cut") if the stream stops inside a member.  No input at all is fine.
 */
enum ko_code ko_gunzip_end(const struct ko_gunzip *gunzip, struct ko_error *err);

/* Adds content to out as one gzip member (level 1), in one call: for tests and small files. */
enum ko_code ko_gzip_add(struct ko_buf *out, struct ko_slice content, struct ko_error *err);

#endif
