/*
 * What the files of run.h share, and small checks that plan needs too.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_STORE_RUN_PRIV_H
#define KEEPONE_STORE_RUN_PRIV_H

#include <stdbool.h>

#include "keepone/store/run.h"

/* An empty run of this directory; NULL with KO_E_MEMORY. */
struct ko_run *ko_run_new(const char *dir, struct ko_error *err);

/* Replaces run.json durably. */
enum ko_code ko_run_write(const struct ko_run *run, struct ko_error *err);

/* True if read is the sum of the other counts. */
bool ko_run_totals_add_up(const struct ko_run_totals *totals);

/* True for "plan" and "plan-<n>". */
bool ko_run_is_plan_name(struct ko_slice name);

/* True for 64 lower-case hexadecimal digits. */
bool ko_is_sha256_hex(struct ko_slice text);

#endif
