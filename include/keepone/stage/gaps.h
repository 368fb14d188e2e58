/*
 * Gaps: how far the times of copies lie apart, in constant memory.
 *
 * Smallest and largest gap are exact (to the microsecond), the median is within 0.1 %: gaps are
 * counted in buckets whose width grows with the gap, about 450 KB in all.
 *
 * Thread use: one thread.  MPI: none.
 */
#ifndef KEEPONE_STAGE_GAPS_H
#define KEEPONE_STAGE_GAPS_H

#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/record/time.h"

struct ko_gaps; /* opaque; owned by whoever called _new */

/* NULL with KO_E_MEMORY. */
struct ko_gaps *ko_gaps_new(struct ko_error *err);

/* Accepts NULL. */
void ko_gaps_free(struct ko_gaps *gaps);

/* Adds the distance of two times; which of them is the later one does not matter. */
void ko_gaps_add(struct ko_gaps *gaps, const struct ko_time *a, const struct ko_time *b);

/* All zero if nothing was added. */
struct ko_gaps_summary {
    uint64_t n;
    uint64_t n_equal; /* the same instant */
    uint64_t min_us;
    uint64_t median_us; /* of an even number the lower one */
    uint64_t max_us;
};

void ko_gaps_summarize(const struct ko_gaps *gaps, struct ko_gaps_summary *summary);

/* Adds a duration for people, two units at most: "350 us", "12 ms", "4.21 s", "3 h 12 min". */
void ko_duration_add(struct ko_buf *out, uint64_t us);

#endif
