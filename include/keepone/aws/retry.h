/*
 * Retries: what follows a failed attempt.  Decisions only: no clock, no waiting, no network.
 *
 * Back-off is exponential with full jitter: the wait before retry i is a random part of
 * min(base * 2^i, 20 s).  Throttling is flow control, so it is limited by time and not by
 * attempts; faults are limited by attempts.  A write that may have acted is never repeated.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_AWS_RETRY_H
#define KEEPONE_AWS_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/aws/fault.h"

enum {
    KO_RETRY_FAULT_BASE_US = 25 * 1000,
    KO_RETRY_THROTTLE_BASE_US = 100 * 1000,
    KO_RETRY_WAIT_MAX_US = 20 * 1000 * 1000,
    KO_RETRY_HINT_EXTRA_US = 5 * 1000 * 1000
};

struct ko_retry_limits {
    uint64_t throttle_us; /* from the first throttled attempt to the last */
    unsigned n_faults;    /* attempts that may end in a fault */
};

/* Of one call; {0} at its start. */
struct ko_retry_state {
    unsigned n_faults;
    unsigned n_throttles;
    uint64_t throttled_since_us;
    bool reloaded_credentials;
    bool corrected_clock;
};

/* How an attempt ended. */
struct ko_retry_event {
    enum ko_fault fault;
    bool is_write;
    bool is_clock;    /* with KO_FAULT_SIGNATURE: the clock is off */
    uint64_t hint_us; /* x-amz-retry-after; 0 = none */
    uint64_t now_us;
};

enum ko_retry_action {
    KO_RETRY_WAIT,       /* wait_us, then again */
    KO_RETRY_RELOAD,     /* again with credentials loaded anew */
    KO_RETRY_CLOCK,      /* again with the clock corrected */
    KO_RETRY_IS_UNKNOWN, /* not again: a write that may have acted */
    KO_RETRY_IS_FAILED   /* not again */
};

struct ko_retry_verdict {
    enum ko_retry_action action;
    uint64_t wait_us;
};

/* Decides, and counts the event in state. */
struct ko_retry_verdict ko_retry_decide(const struct ko_retry_limits *limits,
                                        struct ko_retry_state *state,
                                        const struct ko_retry_event *event);

/* The longest wait before retry number i (0 = the first). */
uint64_t ko_retry_wait_max_us(uint64_t base_us, unsigned i);

#endif
