/*
 * Times in items: ISO 8601 texts and epoch numbers, exactly, never by way of a double.
 *
 * Texts: 2024-05-06, 2024-05-06T07:08[:09[.fraction]] with T, t or one space; Z, ±hh:mm, ±hhmm or
 * ±hh, no offset means UTC; up to 18 digits of fraction; real dates only (no 30 February; second 60
 * is refused).  A text that is a plain number is an epoch like a number.  Epoch numbers: below 1e11
 * in absolute value seconds, from there on milliseconds; fractions allowed down to the attosecond.
 * What may be meant as a date does not parse: plain numbers of 8 or 14 digits, and of 12 such as
 * 202405060708.  Nor does what is outside of the years 0 to 9999, as epochs in micro- or
 * nanoseconds are, or finer: nothing is rounded.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_RECORD_TIME_H
#define KEEPONE_RECORD_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/slice.h"

/* The first and last second: 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z. */
#define KO_TIME_FIRST_S INT64_C(-62167219200)
#define KO_TIME_LAST_S  INT64_C(253402300799)

struct ko_time {
    int64_t seconds;      /* since 1970-01-01T00:00:00Z; floor */
    uint64_t attoseconds; /* 0 .. 1e18 - 1 */
};

/* text: decoded string, or the text of an N.  False if it does not parse. */
bool ko_time_parse(struct ko_slice text, struct ko_time *time);

/* Writes 16 bytes whose unsigned order is the order of time. */
void ko_time_ordered(const struct ko_time *time, unsigned char out[16]);

#endif
