/*
 * Progress: how far a stage is, how fast it goes and when it will be done.
 *
 * Rank 0 alone shows it, on stderr: a log line every few seconds, or one live line.
 *
 * Thread use: one thread.  MPI: none; the totals come from a phase's pulse.
 */
#ifndef KEEPONE_STAGE_PROGRESS_H
#define KEEPONE_STAGE_PROGRESS_H

#include <stdint.h>

enum ko_progress_mode { KO_PROGRESS_NONE, KO_PROGRESS_PLAIN, KO_PROGRESS_TTY };

/* {0} shows nothing. */
struct ko_progress {
    enum ko_progress_mode mode;
    const char *stage; /* "read" */
    const char *unit;  /* "items", "bytes" */
    uint64_t expected; /* the total to come, or 0 if not known */
    uint64_t started_ms;
    uint64_t shown_ms;
    char note[128]; /* to be shown behind the rate, such as ", 50 of 50 write units/s" */

    /* Called at every _show, whatever is shown: to renew a lease; NULL = nothing. */
    void (*pulse)(void *self);
    void *pulse_self;
};

/* A stage begins. */
void ko_progress_begin(struct ko_progress *progress, const char *stage, const char *unit,
                       uint64_t expected);

/* Shows `done` units if it is time to. */
void ko_progress_show(struct ko_progress *progress, uint64_t done);

/* The stage is over: the live line goes. */
void ko_progress_end(struct ko_progress *progress);

enum { KO_QUANTITY_BYTES = 32 };

/* "41.2 M": a count for people. */
const char *ko_quantity(uint64_t n, char text[KO_QUANTITY_BYTES]);

#endif
