/*
 * Random numbers: jitter for waits and names that must not collide.  Not for secrets,
 * and never for anything that decides what is deleted.
 *
 * Thread use: one thread per rank.  MPI: none.
 */
#ifndef KEEPONE_BASE_RANDOM_H
#define KEEPONE_BASE_RANDOM_H

#include <stdint.h>

/* A number in [0, bound); 0 if bound is 0.  Seeded from the system at first use. */
uint64_t ko_random(uint64_t bound);

/* Tests: the same numbers every time from here on. */
void ko_random_seed(uint64_t seed);

/* Writes n hexadecimal digits of fresh randomness and a NUL: text has n + 1 bytes. */
void ko_random_hex(char *text, unsigned n);

#endif
