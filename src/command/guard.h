/*
 * Guard: what a write to this table triggers and costs, said before the question.
 *
 * Only what is there is said: streams, replicas, secondary indexes, deletion protection; units,
 * money and time where the table is one that is paid for.
 *
 * Thread use: one thread per rank.  MPI: local; rank 0 speaks.
 */
#ifndef KEEPONE_COMMAND_GUARD_H
#define KEEPONE_COMMAND_GUARD_H

#include "keepone/base/buf.h"
#include "session.h"

struct ko_guard {
    bool is_undo;     /* items are put back, else deleted */
    uint64_t n_items; /* at most */
    uint64_t n_groups;
};

/* KO_E_REFUSED for a table that has no point-in-time recovery, unless --no-pitr-check. */
enum ko_code ko_guard_check_pitr(const struct ko_session *session, const struct ko_table *table,
                                 struct ko_error *err);

/* Rank 0: prints it on stderr, and adds the same facts as a JSON object to *json. */
void ko_guard_show(struct ko_session *session, const struct ko_table *table,
                   const struct ko_guard *guard, struct ko_buf *json);

#endif
