#include "keepone/aws/retry.h"

#include "keepone/base/random.h"

uint64_t
ko_retry_wait_max_us(uint64_t base_us, unsigned i)
{
    const uint64_t wait_us = i < 32 ? base_us << i : KO_RETRY_WAIT_MAX_US;

    return wait_us < KO_RETRY_WAIT_MAX_US ? wait_us : KO_RETRY_WAIT_MAX_US;
}

/* The server's hint is taken if it is longer than our own wait, within bounds. */
static uint64_t
choose_wait_us(uint64_t base_us, unsigned i, uint64_t hint_us)
{
    const uint64_t own_us = ko_random(ko_retry_wait_max_us(base_us, i) + 1);

    if (hint_us <= own_us)
        return own_us;
    return hint_us - own_us < KO_RETRY_HINT_EXTRA_US ? hint_us : own_us + KO_RETRY_HINT_EXTRA_US;
}

/* False, with nothing taken, if there are not as many. */
static bool
take(struct ko_retry_quota *quota, struct ko_retry_state *state, unsigned n_tokens)
{
    const bool has_enough = KO_RETRY_QUOTA_TOKENS - quota->n_taken >= n_tokens;

    state->n_tokens = has_enough ? n_tokens : 0;
    quota->n_taken += state->n_tokens;
    return has_enough;
}

void
ko_retry_succeed(struct ko_retry_quota *quota, const struct ko_retry_state *state)
{
    const unsigned n_tokens = state->n_tokens > 0 ? state->n_tokens : 1;

    quota->n_taken -= quota->n_taken < n_tokens ? quota->n_taken : n_tokens;
}

/* The last attempt is made at the limit itself, not given up before it. */
static struct ko_retry_verdict
after_throttle(const struct ko_retry_limits *limits, struct ko_retry_quota *quota,
               struct ko_retry_state *state, const struct ko_retry_event *event)
{
    uint64_t passed_us;
    uint64_t wait_us;

    if (state->n_throttles == 0)
        state->throttled_since_us = event->now_us;
    passed_us = event->now_us - state->throttled_since_us;
    if (passed_us >= limits->throttle_us)
        return (struct ko_retry_verdict){.action = KO_RETRY_IS_FAILED};
    (void) take(quota, state, KO_RETRY_THROTTLE_COST);
    wait_us = choose_wait_us(KO_RETRY_THROTTLE_BASE_US, state->n_throttles, event->hint_us);
    if (wait_us > limits->throttle_us - passed_us)
        wait_us = limits->throttle_us - passed_us;
    state->n_throttles++;
    return (struct ko_retry_verdict){.action = KO_RETRY_WAIT, .wait_us = wait_us};
}

static struct ko_retry_verdict
after_fault(const struct ko_retry_limits *limits, struct ko_retry_quota *quota,
            struct ko_retry_state *state, const struct ko_retry_event *event)
{
    const unsigned i = state->n_faults++;
    uint64_t base_us =
        limits->fault_base_us != 0 ? limits->fault_base_us : (uint64_t) KO_RETRY_FAULT_BASE_US;

    if (state->n_faults >= limits->n_faults)
        return (struct ko_retry_verdict){.action = KO_RETRY_IS_FAILED};
    if (!take(quota, state, KO_RETRY_FAULT_COST))
        base_us = KO_RETRY_WAIT_MAX_US;
    return (struct ko_retry_verdict){.action = KO_RETRY_WAIT,
                                     .wait_us = choose_wait_us(base_us, i, event->hint_us)};
}

static struct ko_retry_verdict
once(bool *was_done, enum ko_retry_action action)
{
    const struct ko_retry_verdict verdict = {.action = *was_done ? KO_RETRY_IS_FAILED : action};

    *was_done = true;
    return verdict;
}

struct ko_retry_verdict
ko_retry_decide(const struct ko_retry_limits *limits, struct ko_retry_quota *quota,
                struct ko_retry_state *state, const struct ko_retry_event *event)
{
    switch (event->fault) {
    case KO_FAULT_THROTTLED:
        return after_throttle(limits, quota, state, event);
    case KO_FAULT_NOT_SENT:
        return after_fault(limits, quota, state, event);
    case KO_FAULT_TRANSIENT:
        if (event->is_write)
            return (struct ko_retry_verdict){.action = KO_RETRY_IS_UNKNOWN};
        return after_fault(limits, quota, state, event);
    case KO_FAULT_TOO_LARGE:
    case KO_FAULT_MEMORY:
        /* The request was answered, and the answer is lost. */
        if (event->is_write)
            return (struct ko_retry_verdict){.action = KO_RETRY_IS_UNKNOWN};
        break;
    case KO_FAULT_CREDENTIALS:
        return once(&state->reloaded_credentials, KO_RETRY_RELOAD);
    case KO_FAULT_SIGNATURE:
        if (event->is_clock)
            return once(&state->corrected_clock, KO_RETRY_CLOCK);
        break;
    default:
        break;
    }
    return (struct ko_retry_verdict){.action = KO_RETRY_IS_FAILED};
}
