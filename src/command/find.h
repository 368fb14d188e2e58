/*
 * What other verbs use of find.
 *
 * Thread use: one thread.  MPI: collective where said.
 */
#ifndef KEEPONE_COMMAND_FIND_H
#define KEEPONE_COMMAND_FIND_H

#include "keepone/base/buf.h"
#include "keepone/stage/counts.h"
#include "keepone/stage/find.h"
#include "session.h"

/*
 * Collective: is there a plan already, by an earlier start of the same job?  Then it is the one to
 * go on with; one of another job is refused.
 */
enum ko_code ko_find_look_for_plan(struct ko_session *session, bool *has_plan,
                                   struct ko_error *err);

/* Collective: reads and plans, or goes on with that; the run is open on rank 0. */
ko_command_fn ko_find_make_plan;

/* Adds the counts, one per line, for people. */
void ko_find_add_summary(struct ko_buf *out, const struct ko_counts *counts);

/* Adds a line with the units used, if a table was read. */
void ko_find_add_units(struct ko_buf *out, const struct ko_find_stats *stats);

/* Adds what --catch-up did; nothing without it. */
void ko_find_add_catch_up(struct ko_buf *out, const struct ko_find_stats *stats);

#endif
