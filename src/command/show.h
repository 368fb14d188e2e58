/*
 * Show: what is known about a run, and the ways to print it.  All on rank 0.
 *
 * Thread use: one thread.  MPI: none.
 */
#ifndef KEEPONE_COMMAND_SHOW_H
#define KEEPONE_COMMAND_SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "keepone/base/buf.h"
#include "keepone/stage/group.h"
#include "keepone/stage/survey.h"
#include "keepone/store/journal.h"
#include "session.h"

enum { KO_SHOW_DOUBTS = KO_DOUBT_TTL + 1, KO_SHOW_COLUMNS = 100 };

/* ---- stdout ---- */

/*
 * A reader that has seen enough closes its end (| head): that is no error, and what follows is not
 * written.
 */
struct ko_show_output {
    bool is_closed;
    bool has_style; /* bold headings */
};

/* From here on a closed stdout is seen as such and does not end the program. */
void ko_show_output_open(struct ko_show_output *output, const struct ko_session *session);

/* KO_E_IO if stdout takes no more for another reason. */
enum ko_code ko_show_output_add(struct ko_show_output *output, struct ko_slice text,
                                struct ko_error *err);

/* Nothing is left in buffers. */
enum ko_code ko_show_output_end(struct ko_show_output *output, struct ko_error *err);

/* ---- what is shown ---- */

/* Of the groups left for review. */
struct ko_show_review {
    uint64_t n_groups;
    uint64_t n_of[KO_SHOW_DOUBTS]; /* by enum ko_doubt */
};

/* While find is reading there is no plan: manifest and survey are NULL. */
struct ko_show {
    struct ko_session *session;
    const struct ko_run *run;
    struct ko_job found_by; /* the job of find */
    struct ko_plan_manifest *manifest;
    struct ko_survey *survey;
    struct ko_show_review review;
    bool has_journal;
    struct ko_ledger ledger; /* without a journal every line is left */
    struct ko_show_output output;
};

/* Reads all of it; the whole plan is compared with its digests on the way. */
enum ko_code ko_show_gather(struct ko_show *show, struct ko_error *err);

/* Accepts {0}. */
void ko_show_clear(struct ko_show *show);

enum ko_code ko_show_print_text(struct ko_show *show, struct ko_error *err);
enum ko_code ko_show_print_json(struct ko_show *show, struct ko_error *err);

/* Adds the sample groups of the survey, keeper and losers side by side. */
enum ko_code ko_show_add_samples(struct ko_show *show, struct ko_buf *out, struct ko_error *err);

/* ---- texts ---- */

/* Adds 1234567 as "1,234,567", right-aligned in width. */
void ko_show_add_count(struct ko_buf *out, uint64_t n, int width);

/* Adds the share as "12.3 %", right-aligned in width; only all is 100 %, and only none is 0 %. */
void ko_show_add_percent(struct ko_buf *out, uint64_t n, uint64_t of, int width);

/*
 * Adds a text out of a table in at most width characters (0 = any); what could steer a terminal
 * becomes '?'.  A text that is too long loses its middle; but if that would hide where it differs
 * from its neighbours, with which it has n_common characters in common, that place is shown.
 */
void ko_show_add_short(struct ko_buf *out, struct ko_slice text, size_t width, size_t n_common);

/* The same with n_common = 0, filled up to width with spaces. */
void ko_show_add_padded(struct ko_buf *out, struct ko_slice text, size_t width);

/* In UTF-8 characters. */
size_t ko_show_width(struct ko_slice text);
size_t ko_show_common_width(struct ko_slice a, struct ko_slice b);

#endif
