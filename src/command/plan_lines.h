/*
 * Plan lines: one pass over a whole plan on rank 0, for verbs that look at it.
 *
 * Thread use: one thread.  MPI: none; rank 0 alone walks while the others wait at a gate.
 */
#ifndef KEEPONE_COMMAND_PLAN_LINES_H
#define KEEPONE_COMMAND_PLAN_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/store/plan.h"
#include "session.h"

/* Called with each line in the plan's order; *enough = true ends the walk without a failure. */
typedef enum ko_code ko_plan_lines_fn(void *self, uint32_t part, const struct ko_plan_line *line,
                                      bool *enough, struct ko_error *err);

/*
 * Walks over the plan of session->run.  Every part that was read to its end has been compared with
 * its digest.  A KO_E_CORRUPT of fn gets the part's file and the line in front.  Now and then the
 * lease, if one is held, is renewed.  KO_E_STOPPED if a stop was asked for.
 */
enum ko_code ko_plan_lines_walk(struct ko_session *session, const struct ko_plan_manifest *manifest,
                                ko_plan_lines_fn *fn, void *self, struct ko_error *err);

/* What the walk does now and then. */
enum ko_code ko_plan_lines_pause(struct ko_session *session, struct ko_error *err);

#endif
