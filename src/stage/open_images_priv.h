/*
 * Open images: what earlier attempts wrote of items whose lines they left open, or failed at.
 *
 * Thread use: one thread.  MPI: none.
 */
#ifndef KEEPONE_STAGE_OPEN_IMAGES_PRIV_H
#define KEEPONE_STAGE_OPEN_IMAGES_PRIV_H

#include "keepone/store/journal.h"

struct open_images; /* opaque; owned by whoever called _read */

/* Reads them from the journal; n: of how many lines at most.  On failure *images is NULL. */
enum ko_code open_images_read(const struct ko_journal_index *index, uint64_t n,
                              struct open_images **images, struct ko_error *err);

/* The last image of the line, borrowed; absent if there is none.  images may be NULL. */
struct ko_slice open_images_find(const struct open_images *images, uint32_t part, uint64_t line);

void open_images_free(struct open_images *images);

#endif
