/*
 * Scratch: a temporary file of one rank, for what memory has no room for.
 *
 * Bytes are added at its end and read back, or written again, at any place.  The file has no name:
 * it is gone when it is closed, whatever ends this process.
 *
 * Thread use: one thread.  MPI: none, every call is local.
 */
#ifndef KEEPONE_STORE_SCRATCH_H
#define KEEPONE_STORE_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"

struct ko_scratch; /* opaque; owned by the caller of _open */

/* folder: an existing one, borrowed until _close.  KO_E_IO; then *scratch is NULL. */
enum ko_code ko_scratch_open(const char *folder, struct ko_scratch **scratch, struct ko_error *err);
void ko_scratch_close(struct ko_scratch *scratch);

/* Adds bytes at the end.  KO_E_IO, with a hint where the disk is full. */
enum ko_code ko_scratch_add(struct ko_scratch *scratch, struct ko_slice bytes,
                            struct ko_error *err);

/* Writes other bytes in the place of some that were added.  KO_E_IO. */
enum ko_code ko_scratch_rewrite(struct ko_scratch *scratch, uint64_t offset, struct ko_slice bytes,
                                struct ko_error *err);

/* How many bytes were added. */
uint64_t ko_scratch_bytes(const struct ko_scratch *scratch);

/* Reads n bytes from `offset` on; KO_E_CORRUPT if the file ends before. */
enum ko_code ko_scratch_read(const struct ko_scratch *scratch, uint64_t offset, void *to, size_t n,
                             struct ko_error *err);

/* KO_E_CORRUPT: what was read is not what was added. */
enum ko_code ko_scratch_fail_changed(const struct ko_scratch *scratch, struct ko_error *err);

#endif
