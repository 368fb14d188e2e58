/*
 * What other verbs use of find.
 *
 * Thread use: one thread.  MPI: none.
 */
#ifndef KEEPONE_COMMAND_FIND_H
#define KEEPONE_COMMAND_FIND_H

#include "keepone/base/buf.h"
#include "keepone/stage/counts.h"

/* Adds the counts, one per line, for people. */
void ko_find_add_summary(struct ko_buf *out, const struct ko_counts *counts);

#endif
