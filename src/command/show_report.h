/*
 * The report that show prints for people, piece by piece.
 *
 * Thread use: one thread.  MPI: none.
 */
#ifndef KEEPONE_COMMAND_SHOW_REPORT_H
#define KEEPONE_COMMAND_SHOW_REPORT_H

#include "show.h"

struct ko_show_report {
    struct ko_show *show;
    struct ko_buf text;
};

/* "Table      ", to be followed by the fact. */
void ko_show_add_label(struct ko_show_report *report, const char *label);

/* A line of its own, with an empty one before it. */
void ko_show_add_heading(struct ko_show_report *report, const char *heading);

/* A line "  planned          91,077  losers"; meaning may be "". */
void ko_show_add_row(struct ko_show_report *report, const char *name, uint64_t n,
                     const char *meaning);

/* A text that comes from outside, of any width; see ko_show_add_short(). */
void ko_show_add_harmless(struct ko_show_report *report, struct ko_slice text);

/* The plan: its lines, groups, differences, times and samples. */
enum ko_code ko_show_add_survey(struct ko_show_report *report, struct ko_error *err);

#endif
