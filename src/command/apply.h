/*
 * What dedup uses of apply, and apply and undo of each other.
 *
 * Thread use: one thread per rank.  MPI: collective over the world where said.
 */
#ifndef KEEPONE_COMMAND_APPLY_H
#define KEEPONE_COMMAND_APPLY_H

#include "keepone/stage/apply.h"
#include "session.h"

struct ko_plan_manifest;

/* Adds a line with the units used, and how many per second; nothing if there were none. */
void ko_add_units(struct ko_buf *out, const struct ko_apply_stats *stats);

/* Collective: applies the plan of session->run, whose lease is held. */
enum ko_code ko_apply_planned(struct ko_session *session, struct ko_error *err);

/*
 * Collective: connects to the run's own table and refuses any other: the name is the run's, and the
 * id must be the one that was found with.  table is set on every rank.
 */
enum ko_code ko_session_bind_table(struct ko_session *session, struct ko_table *table,
                                   struct ko_error *err);

/*
 * Collective: KO_OK if the user said yes: --yes, or "yes" on a terminal of a single process.
 * question: without line end.  KO_E_REFUSED otherwise; KO_E_STOPPED after a signal.  The lease is
 * kept while nobody answers.
 */
enum ko_code ko_session_confirm(struct ko_session *session, const char *question,
                                struct ko_error *err);

/* Renews the lease; for ko_apply_config.pulse: self is the session.  KO_E_REFUSED if it is lost. */
enum ko_code ko_session_pulse(void *self, struct ko_error *err);

/* Collective, before the first write: the lease is still ours, and the run's state is told. */
enum ko_code ko_session_begin_writing(struct ko_session *session, enum ko_run_state state,
                                      struct ko_error *err);

/* Collective: the run's state is told to the disk, before the first write and after the last. */
enum ko_code ko_session_set_state(struct ko_session *session, enum ko_run_state state,
                                  struct ko_error *err);

/* Collective: rank 0's number of the next attempt, told to all. */
enum ko_code ko_session_next_attempt(struct ko_session *session, uint32_t *attempt,
                                     struct ko_error *err);

#endif
