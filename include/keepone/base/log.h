/*
 * Log: what operators read on stderr.  The only global mutable state of the program.
 *
 * A line: "2026-01-31T12:00:00.123Z INFO  R000 apply: 41.2 M of 60.0 M deleted".
 * Info appears once per event for the job (rank 0 only); errors and warnings from any
 * rank; debug only when asked for.  Never log an item's contents at info or above.
 *
 * Thread use: one thread per rank.  MPI: none (the rank's number is told at start).
 */
#ifndef KEEPONE_BASE_LOG_H
#define KEEPONE_BASE_LOG_H

#include "keepone/base/error.h"

enum ko_log_level { KO_LOG_ERROR, KO_LOG_WARN, KO_LOG_INFO, KO_LOG_DEBUG };

/* Until called: rank 0, level info. */
void ko_log_init(int rank, enum ko_log_level level);

void ko_log(enum ko_log_level level, const char *format, ...) KO_FORMAT(2, 3);

/* A line that replaces itself, without stamp, for `--progress tty`; NULL ends it. Rank 0 only. */
void ko_log_live(const char *line);

#endif
