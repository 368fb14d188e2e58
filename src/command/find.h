/*
 * What other verbs use of find.
 *
 * Thread use: one thread.  MPI: none.
 */
#ifndef KEEPONE_COMMAND_FIND_H
#define KEEPONE_COMMAND_FIND_H

#include "keepone/base/buf.h"
#include "keepone/stage/counts.h"
#include "keepone/stage/find.h"

/* Adds the counts, one per line, for people. */
void ko_find_add_summary(struct ko_buf *out, const struct ko_counts *counts);

/* Adds a line with the units used, if a table was read. */
void ko_find_add_units(struct ko_buf *out, const struct ko_find_stats *stats);

/* Adds what --catch-up did; nothing without it. */
void ko_find_add_catch_up(struct ko_buf *out, const struct ko_find_stats *stats);

#endif
