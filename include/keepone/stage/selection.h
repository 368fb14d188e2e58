/*
 * Selection: items and groups that a person names in a file, to be looked up in a plan.
 *
 * The file is JSON Lines.  An entry is a primary key, {"pk":{"S":"x"},"sk":{"N":"1"}}, and stands
 * for one item; or {"key":{"cause":{"S":"x"}}} and stands for the group of that key.  Entries are
 * made canonical before they are compared, so 1.0 names the item 1.  Empty lines are passed over;
 * an entry may be there twice.
 *
 * Memory: the canonical texts of the entries and 32 bytes for each.
 *
 * Thread use: one thread.  MPI: none.
 */
#ifndef KEEPONE_STAGE_SELECTION_H
#define KEEPONE_STAGE_SELECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"
#include "keepone/store/plan.h"

enum { KO_SELECTION_LINE_BYTES_MAX = 1024 * 1024 };

struct ko_selection; /* opaque; owned by whoever called _read */

/*
 * Reads the file.  primary_key is any primary key of the table, canonical: entries must have its
 * attributes; absent = not known, then all are accepted.
 *
 * KO_E_OPTION, naming file and line: a line that is no such entry, or too long; a file without
 * entries.  Others: KO_E_IO, KO_E_MEMORY.  On failure *selection is NULL.
 */
enum ko_code ko_selection_read(const char *path, struct ko_slice primary_key,
                               struct ko_selection **selection, struct ko_error *err);

/* Accepts NULL. */
void ko_selection_free(struct ko_selection *selection);

/*
 * True if an entry names the line's loser or its group.  The entries that do are met from here on.
 */
bool ko_selection_meet(struct ko_selection *selection, const struct ko_plan_line *line);

/*
 * KO_E_OPTION, with their number and the first in the file, if entries have not been met: they
 * name nothing that is in the plan.
 */
enum ko_code ko_selection_check_met(const struct ko_selection *selection, struct ko_error *err);

#endif
