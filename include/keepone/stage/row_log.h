/*
 * Row log: what a rank keeps in memory of the items it reads, until it is known which are wanted.
 *
 * First rows are added, then they are taken out in the same order and their memory is released.  Of
 * a value only those bytes are kept that differ from its neighbours: items of one partition key
 * follow each other, and one attribute often ends as another does.  So a log is about a third of
 * its rows, and fresh memory is what a log costs most.
 *
 * Thread use: one thread.  MPI: none, every call is local.
 */
#ifndef KEEPONE_STAGE_ROW_LOG_H
#define KEEPONE_STAGE_ROW_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"

struct ko_row_log; /* opaque; owned by the caller of _new */

/* A log of rows of n_values (KO_LOOKED_MAX at most); limit_bytes: what its memory may reach. */
struct ko_row_log *ko_row_log_new(size_t n_values, uint64_t limit_bytes, struct ko_error *err);
void ko_row_log_free(struct ko_row_log *log);

/* Adds a row, copied; false if the limit, or the system, has no room for it. */
bool ko_row_log_add(struct ko_row_log *log, const struct ko_slice *values);

/* Remembers the end of the log; take_back drops what was added since. */
void ko_row_log_mark(struct ko_row_log *log);
void ko_row_log_take_back(struct ko_row_log *log);

/* Moves to the next row, the first one at first, and frees the memory of those before it, block by
 * block; false at the end.  Nothing can be added any more. */
bool ko_row_log_next(struct ko_row_log *log);

/* The same n times: so many rows must be there. */
void ko_row_log_skip(struct ko_row_log *log, uint64_t n);

/* Sets values[n_values] of the row, borrowed until the next call of either function. */
enum ko_code ko_row_log_values(struct ko_row_log *log, struct ko_slice *values,
                               struct ko_error *err);

/* Memory in use; it is largest before the first row is taken. */
uint64_t ko_row_log_bytes(const struct ko_row_log *log);

#endif
