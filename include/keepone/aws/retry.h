/*
 * Retries: what follows a failed attempt.  Decisions only: no clock, no waiting, no network.
 *
 * Waits are those of the SDKs' standard mode of 2026: the wait before retry i is a random part of
 * min(base * 2^i, 20 s), with a base of 1 s after throttling, 25 ms (DynamoDB) or 50 ms after a
 * fault; the server's x-amz-retry-after may lengthen it by 5 s at most.
 *
 * Limits are those of a bulk job.  Throttling is flow control: limited by time, not by
 * attempts.  Faults are limited by attempts.  A write that may have acted is never repeated.
 *
 * The quota is a bucket that all calls of a client share.  In an SDK an empty one ends the call;
 * here, with hundreds of calls under way, that would end a job for a hiccup of a second.  So
 * an empty bucket slows down: a retry after a fault that it cannot pay for waits as if all waits
 * before had been used up (a random part of 20 s).  Retries after throttling draw on it, too,
 * but neither wait for it nor end by it: their rate is the business of the throttled.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_AWS_RETRY_H
#define KEEPONE_AWS_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/aws/fault.h"

enum {
    KO_RETRY_DYNAMODB_BASE_US = 25 * 1000,
    KO_RETRY_FAULT_BASE_US = 50 * 1000, /* of other services */
    KO_RETRY_THROTTLE_BASE_US = 1000 * 1000,
    KO_RETRY_WAIT_MAX_US = 20 * 1000 * 1000,
    KO_RETRY_HINT_EXTRA_US = 5 * 1000 * 1000,
    KO_RETRY_QUOTA_TOKENS = 500,
    KO_RETRY_FAULT_COST = 14,
    KO_RETRY_THROTTLE_COST = 5
};

/* Of one client; {0} is full. */
struct ko_retry_quota {
    unsigned n_taken;
};

struct ko_retry_limits {
    uint64_t throttle_us;   /* from the first throttled attempt to the last */
    unsigned n_faults;      /* attempts that may end in a fault */
    uint64_t fault_base_us; /* 0 = KO_RETRY_FAULT_BASE_US */
};

/* Of one call; {0} at its start. */
struct ko_retry_state {
    unsigned n_faults;
    unsigned n_throttles;
    uint64_t throttled_since_us;
    unsigned n_tokens; /* that the last retry took from the quota */
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

/* Decides, counts the event in state, and takes from the quota what a retry costs. */
struct ko_retry_verdict ko_retry_decide(const struct ko_retry_limits *limits,
                                        struct ko_retry_quota *quota, struct ko_retry_state *state,
                                        const struct ko_retry_event *event);

/* After a success: the quota gets back what its last retry took, or one token. */
void ko_retry_succeed(struct ko_retry_quota *quota, const struct ko_retry_state *state);

/* The longest wait before retry number i (0 = the first). */
uint64_t ko_retry_wait_max_us(uint64_t base_us, unsigned i);

#endif
