/*
 * Clock: monotonic time for waits, wall time for stamps, and a seam for tests.
 *
 * Thread use: one thread per rank.  MPI: none.
 */
#ifndef KEEPONE_BASE_CLOCK_H
#define KEEPONE_BASE_CLOCK_H

#include <stdint.h>

/* Microseconds since an arbitrary start; never goes back. */
uint64_t ko_clock_us(void);

/* Milliseconds of the same clock. */
uint64_t ko_clock_ms(void);

/* Microseconds since 1970-01-01T00:00:00Z. */
int64_t ko_wall_us(void);

/* Tests: both clocks return what is set here until it is set again; 0 = the real clocks. */
void ko_clock_set_us(uint64_t fixed_us);

enum { KO_CLOCK_TEXT_BYTES = 80 };

/* Writes "2026-01-31T12:00:00.123Z". */
void ko_wall_text(int64_t wall_us, char text[KO_CLOCK_TEXT_BYTES]);

/* Sleeps; returns early on a signal. */
void ko_sleep_us(uint64_t us);

#endif
