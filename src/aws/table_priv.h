/*
 * Table: members of the replies that describe one.
 *
 * A member that is null counts as one that is not there.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_AWS_TABLE_PRIV_H
#define KEEPONE_AWS_TABLE_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "keepone/aws/table.h"

/* The member's text; absent if there is none. */
enum ko_code ko_table_open(struct ko_slice object, const char *name, struct ko_slice *value,
                           struct ko_error *err);

/* The member, which must be there. */
enum ko_code ko_table_member(struct ko_slice object, const char *name, struct ko_slice *value,
                             struct ko_error *err);

/* Writes the member's text into to, "" if there is no such member. */
enum ko_code ko_table_text(struct ko_slice object, const char *name, char *to, size_t size,
                           struct ko_error *err);

/* The same of one that must be there and not be empty. */
enum ko_code ko_table_required(struct ko_slice object, const char *name, char *to, size_t size,
                               struct ko_error *err);

/* A number; 0 if there is none, or one below 0, by which the service says "no limit". */
enum ko_code ko_table_count(struct ko_slice object, const char *name, uint64_t *count,
                            struct ko_error *err);

/* All that ko_table_read_description() finds beside name, id, status, size and key. */
enum ko_code ko_table_read_traits(struct ko_slice table_text, struct ko_table *table,
                                  struct ko_error *err);

#endif
