/*
 * Survey: what a plan looks like, learnt from one pass over its lines in constant memory.
 *
 * Lines of one key stand together in a plan; they are a group of one keeper and that many losers.
 * Groups are counted by size, the largest are remembered, and some places are chosen, spread
 * evenly, from which samples can be read again.  For every attribute that was looked at the
 * survey counts in how many lines loser and keeper differ, and how far their times lie apart.
 *
 *     struct ko_survey *survey = ko_survey_new(&options, err);
 *     for each line of the plan, in order:  ko_survey_add(survey, part, &line, err)
 *     ko_survey_finish(survey, err)
 *
 * Thread use: one thread.  MPI: none.
 */
#ifndef KEEPONE_STAGE_SURVEY_H
#define KEEPONE_STAGE_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/record/rules.h"
#include "keepone/stage/gaps.h"
#include "keepone/store/plan.h"

/* Classes of group sizes, the keeper counted: 2, 3, 4, 5-9, 10-99, 100 and more. */
enum { KO_SURVEY_SIZES = 6, KO_SURVEY_LARGEST = 5 };

/* The name of a class: "5-9". */
const char *ko_survey_size_name(size_t size_class);

struct ko_survey_options {
    const struct ko_slice *time_paths; /* canonical path texts: the times to compare */
    size_t n_time_paths;
    size_t n_samples; /* groups; at most 1,000 */
};

/* An attribute of `seen`. */
struct ko_survey_path {
    struct ko_slice name; /* as it stands in the plan, JSON's escapes not decoded */
    uint64_t n_differ;    /* lines in which loser and keeper differ */
    struct ko_gaps *gaps; /* of its times; NULL unless asked for */
    uint64_t n_without;   /* lines in which one of the two is no time */
};

struct ko_survey_group {
    struct ko_buf key; /* canonical text */
    uint64_t n_losers;
};

/* Where a group starts. */
struct ko_survey_place {
    uint32_t part;
    uint64_t line;
    uint64_t group_index; /* in the plan, from 0 */
};

/* To be read after ko_survey_finish(); owned by whoever called _new. */
struct ko_survey {
    uint64_t n_lines;
    uint64_t n_groups;
    uint64_t sizes[KO_SURVEY_SIZES];                   /* groups of each class */
    struct ko_survey_group largest[KO_SURVEY_LARGEST]; /* of equal ones the first in the plan */
    size_t n_largest;
    struct ko_survey_path paths[KO_LOOKED_MAX]; /* in the order of the lines */
    size_t n_paths;
    struct ko_survey_place *samples; /* in the order of the plan */
    size_t n_samples;                /* fewer than asked for if there are fewer groups */
    struct ko_survey_state *state;   /* of the pass */
};

/* NULL with KO_E_MEMORY.  The options are copied. */
struct ko_survey *ko_survey_new(const struct ko_survey_options *options, struct ko_error *err);

/* Accepts NULL. */
void ko_survey_free(struct ko_survey *survey);

/* KO_E_CORRUPT, without a place in its text: the line's `seen` has not the form that find writes.
 */
enum ko_code ko_survey_add(struct ko_survey *survey, uint32_t part, const struct ko_plan_line *line,
                           struct ko_error *err);

enum ko_code ko_survey_finish(struct ko_survey *survey, struct ko_error *err);

#endif
