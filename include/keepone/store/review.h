/*
 * Review: the groups that a person must look at, review.jsonl.zst, one line of JSON per group.
 *
 * Each rank writes a line file of its own, rank 0 puts them together in rank order.
 *
 * Thread use: one thread.  MPI: none; the caller waits for all ranks before ko_review_merge().
 */
#ifndef KEEPONE_STORE_REVIEW_H
#define KEEPONE_STORE_REVIEW_H

#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/store/line_file.h"

/* This rank's file, also if it has no line to add; ko_line_writer_close() finishes it. */
enum ko_code ko_review_writer_open(const char *dir, uint32_t rank, struct ko_line_writer **writer,
                                   struct ko_error *err);

/*
 * Joins the files of ranks 0 to n_ranks - 1 to review.jsonl.zst, durably, and removes them and
 * those that an earlier start left.  KO_E_IO if one is missing.
 */
enum ko_code ko_review_merge(const char *dir, uint32_t n_ranks, struct ko_error *err);

/* Reads review.jsonl.zst with ko_line_reader_next(). */
enum ko_code ko_review_reader_open(const char *dir, struct ko_line_reader **reader,
                                   struct ko_error *err);

#endif
