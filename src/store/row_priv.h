/*
 * Rows, what only the row file needs: how long the next row is.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_STORE_ROW_PRIV_H
#define KEEPONE_STORE_ROW_PRIV_H

#include "keepone/store/row_file.h"

enum { KO_ROW_HEAD_BYTES_MAX = 9 };

/* Returns the bytes of the row's length at the front of `in`, 0 if they are cut; sets the length.
 */
size_t ko_row_head(struct ko_slice in, uint64_t *n_rest);

#endif
