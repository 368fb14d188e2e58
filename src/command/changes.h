/*
 * Changes: the exports of --catch-up, from their folders to a caught-up source.
 *
 * Thread use: one thread per rank.  MPI: collective over the world where said.
 */
#ifndef KEEPONE_COMMAND_CHANGES_H
#define KEEPONE_COMMAND_CHANGES_H

#include "search.h"

/* Local: opens the exports that the job names and chains them to search->export; does nothing after
 * a failure. */
enum ko_code ko_changes_open(const struct ko_session *session, struct ko_search *search,
                             struct ko_error *err);

/* The time of search->export, or the end of its last change, in seconds since 1970. */
int64_t ko_changes_until_s(const struct ko_search *search);

/* Adds which changes these are, for telling runs apart; nothing without changes. */
void ko_changes_add_identity(const struct ko_search *search, struct ko_buf *out);

/*
 * Collective: catches up and puts the caught-up source in the place of search->find.source, which
 * is made already (a rank that failed before comes with err).
 */
enum ko_code ko_changes_catch_up(struct ko_session *session, struct ko_search *search,
                                 struct ko_find_stats *stats, struct ko_error *err);

/* After the source is freed. */
void ko_changes_clear(struct ko_search *search);

#endif
