#include "keepone/aws/retry.h"

#include "keepone/base/random.h"

#include "support/test.h"

static const struct ko_retry_limits limits = {
    .throttle_us = 600ULL * 1000000, .n_faults = 10, .fault_base_us = KO_RETRY_DYNAMODB_BASE_US};

/* With a full quota. */
static struct ko_retry_verdict
decide(struct ko_retry_state *state, enum ko_fault fault, bool is_write, uint64_t now_us)
{
    const struct ko_retry_event event = {
        .fault = fault, .is_write = is_write, .is_clock = true, .now_us = now_us};
    struct ko_retry_quota quota = {0};

    return ko_retry_decide(&limits, &quota, state, &event);
}

static void
each_fault_is_decided_for_reads_and_writes(void)
{
    static const struct {
        enum ko_fault fault;
        enum ko_retry_action read;
        enum ko_retry_action write;
    } rows[] = {
        {KO_FAULT_THROTTLED, KO_RETRY_WAIT, KO_RETRY_WAIT},
        {KO_FAULT_TRANSIENT, KO_RETRY_WAIT, KO_RETRY_IS_UNKNOWN},
        {KO_FAULT_NOT_SENT, KO_RETRY_WAIT, KO_RETRY_WAIT},
        {KO_FAULT_CONDITION, KO_RETRY_IS_FAILED, KO_RETRY_IS_FAILED},
        {KO_FAULT_CANCELLED, KO_RETRY_IS_FAILED, KO_RETRY_IS_FAILED},
        {KO_FAULT_CREDENTIALS, KO_RETRY_RELOAD, KO_RETRY_RELOAD},
        {KO_FAULT_SIGNATURE, KO_RETRY_CLOCK, KO_RETRY_CLOCK},
        {KO_FAULT_ACCESS, KO_RETRY_IS_FAILED, KO_RETRY_IS_FAILED},
        {KO_FAULT_NOT_FOUND, KO_RETRY_IS_FAILED, KO_RETRY_IS_FAILED},
        {KO_FAULT_INVALID, KO_RETRY_IS_FAILED, KO_RETRY_IS_FAILED},
        {KO_FAULT_UNKNOWN_OPERATION, KO_RETRY_IS_FAILED, KO_RETRY_IS_FAILED},
        {KO_FAULT_UNTRUSTED, KO_RETRY_IS_FAILED, KO_RETRY_IS_FAILED},
        {KO_FAULT_TOO_LARGE, KO_RETRY_IS_FAILED, KO_RETRY_IS_UNKNOWN},
        {KO_FAULT_MEMORY, KO_RETRY_IS_FAILED, KO_RETRY_IS_UNKNOWN},
        {KO_FAULT_OTHER, KO_RETRY_IS_FAILED, KO_RETRY_IS_FAILED},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_retry_state state[2] = {0};

        assert_int_equal(decide(&state[0], rows[i].fault, false, 1).action, rows[i].read);
        assert_int_equal(decide(&state[1], rows[i].fault, true, 1).action, rows[i].write);
    }
}

static void
waits_double_up_to_twenty_seconds(void)
{
    static const struct {
        unsigned i;
        uint64_t wait_us;
    } rows[] = {{0, 25000},     {1, 50000},     {9, 12800000},  {10, 20000000},
                {31, 20000000}, {32, 20000000}, {64, 20000000}, {4000000000U, 20000000}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(ko_retry_wait_max_us(KO_RETRY_DYNAMODB_BASE_US, rows[i].i),
                         rows[i].wait_us);
}

/* The longest of many first waits is close to the base. */
static void
the_base_depends_on_service_and_fault(void)
{
    static const struct {
        enum ko_fault fault;
        uint64_t fault_base_us;
        uint64_t base_us;
    } rows[] = {
        {KO_FAULT_TRANSIENT, KO_RETRY_DYNAMODB_BASE_US, 25000},
        {KO_FAULT_NOT_SENT, KO_RETRY_DYNAMODB_BASE_US, 25000},
        {KO_FAULT_TRANSIENT, 0, 50000},
        {KO_FAULT_THROTTLED, KO_RETRY_DYNAMODB_BASE_US, 1000000},
        {KO_FAULT_THROTTLED, 0, 1000000},
    };

    ko_random_seed(7);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_retry_limits own = {
            .throttle_us = UINT64_MAX, .n_faults = 2, .fault_base_us = rows[i].fault_base_us};
        const struct ko_retry_event event = {.fault = rows[i].fault, .now_us = 1};
        uint64_t longest_us = 0;

        for (int n = 0; n < 200; n++) {
            struct ko_retry_state state = {0};
            struct ko_retry_quota quota = {0};
            const uint64_t wait_us = ko_retry_decide(&own, &quota, &state, &event).wait_us;

            longest_us = wait_us > longest_us ? wait_us : longest_us;
        }
        assert_in_range(longest_us, rows[i].base_us * 9 / 10, rows[i].base_us);
    }
}

static unsigned
tokens_left(const struct ko_retry_quota *quota)
{
    return KO_RETRY_QUOTA_TOKENS - quota->n_taken;
}

static void
retries_draw_on_a_quota_that_successes_fill_up(void)
{
    const struct ko_retry_event fault = {.fault = KO_FAULT_TRANSIENT, .now_us = 1};
    const struct ko_retry_event throttle = {.fault = KO_FAULT_THROTTLED, .now_us = 1};
    const struct ko_retry_state first_time_right = {0};
    struct ko_retry_quota quota = {0};
    struct ko_retry_state state[2] = {0};

    (void) ko_retry_decide(&limits, &quota, &state[0], &fault);
    assert_int_equal(tokens_left(&quota), 486);
    (void) ko_retry_decide(&limits, &quota, &state[0], &fault);
    assert_int_equal(tokens_left(&quota), 472);
    (void) ko_retry_decide(&limits, &quota, &state[1], &throttle);
    assert_int_equal(tokens_left(&quota), 467);
    ko_retry_succeed(&quota, &state[0]); /* the last retry's tokens; those before it are gone */
    assert_int_equal(tokens_left(&quota), 481);
    ko_retry_succeed(&quota, &state[1]);
    assert_int_equal(tokens_left(&quota), 486);
    for (int i = 0; i < 20; i++)
        ko_retry_succeed(&quota, &first_time_right);
    assert_int_equal(tokens_left(&quota), 500);
}

/* 35 faults at once leave 10 tokens, which pay for no more. */
static void
an_empty_quota_slows_down_and_ends_nothing(void)
{
    const struct ko_retry_event fault = {.fault = KO_FAULT_TRANSIENT, .now_us = 1};
    const struct ko_retry_event throttle = {.fault = KO_FAULT_THROTTLED, .now_us = 1};
    struct ko_retry_quota quota = {0};
    uint64_t longest_us = 0;

    ko_random_seed(7);
    for (int i = 0; i < 35; i++) {
        struct ko_retry_state state = {0};

        assert_in_range(ko_retry_decide(&limits, &quota, &state, &fault).wait_us, 0, 25000);
    }
    assert_int_equal(tokens_left(&quota), 10);
    for (int i = 0; i < 100; i++) {
        struct ko_retry_state state = {0};
        const struct ko_retry_verdict verdict = ko_retry_decide(&limits, &quota, &state, &fault);

        assert_int_equal(verdict.action, KO_RETRY_WAIT);
        longest_us = verdict.wait_us > longest_us ? verdict.wait_us : longest_us;
    }
    assert_in_range(longest_us, 15000000, 20000000);
    assert_int_equal(tokens_left(&quota), 10);
    for (int i = 0; i < 100; i++) {
        struct ko_retry_state state = {0};
        const struct ko_retry_verdict verdict = ko_retry_decide(&limits, &quota, &state, &throttle);

        assert_int_equal(verdict.action, KO_RETRY_WAIT);
        assert_in_range(verdict.wait_us, 0, 1000000);
    }
    assert_int_equal(tokens_left(&quota), 0);
}

/* Full jitter: anything from nothing to the whole wait, both ends in reach. */
static void
waits_are_spread_over_the_whole_range(void)
{
    uint64_t shortest_us = UINT64_MAX;
    uint64_t longest_us = 0;

    ko_random_seed(7);
    for (int i = 0; i < 200; i++) {
        struct ko_retry_state state = {0};
        const uint64_t wait_us = decide(&state, KO_FAULT_TRANSIENT, false, 1).wait_us;

        shortest_us = wait_us < shortest_us ? wait_us : shortest_us;
        longest_us = wait_us > longest_us ? wait_us : longest_us;
    }
    assert_in_range(shortest_us, 0, 2500);
    assert_in_range(longest_us, 22500, 25000);
}

static void
faults_are_limited_by_attempts(void)
{
    struct ko_retry_state state = {0};

    for (int i = 1; i < 10; i++)
        assert_int_equal(decide(&state, KO_FAULT_NOT_SENT, true, 1).action, KO_RETRY_WAIT);
    assert_int_equal(decide(&state, KO_FAULT_NOT_SENT, true, 1).action, KO_RETRY_IS_FAILED);
}

static void
throttling_is_limited_by_time_alone(void)
{
    struct ko_retry_state state = {0};
    struct ko_retry_verdict verdict;

    for (int i = 0; i < 1000; i++)
        assert_int_equal(decide(&state, KO_FAULT_THROTTLED, true, 5).action, KO_RETRY_WAIT);
    verdict = decide(&state, KO_FAULT_THROTTLED, true, 5 + 600ULL * 1000000 - 3);
    assert_int_equal(verdict.action, KO_RETRY_WAIT);
    assert_in_range(verdict.wait_us, 0, 3);
    verdict = decide(&state, KO_FAULT_THROTTLED, true, 5 + 600ULL * 1000000);
    assert_int_equal(verdict.action, KO_RETRY_IS_FAILED);
}

static void
credentials_and_clock_get_one_more_chance(void)
{
    struct ko_retry_state state = {0};

    assert_int_equal(decide(&state, KO_FAULT_CREDENTIALS, false, 1).action, KO_RETRY_RELOAD);
    assert_int_equal(decide(&state, KO_FAULT_SIGNATURE, false, 1).action, KO_RETRY_CLOCK);
    assert_int_equal(decide(&state, KO_FAULT_CREDENTIALS, false, 1).action, KO_RETRY_IS_FAILED);
    assert_int_equal(decide(&state, KO_FAULT_SIGNATURE, false, 1).action, KO_RETRY_IS_FAILED);
}

static void
a_wrong_signature_is_not_tried_again(void)
{
    struct ko_retry_state state = {0};
    struct ko_retry_quota quota = {0};
    const struct ko_retry_event event = {.fault = KO_FAULT_SIGNATURE, .is_clock = false};

    assert_int_equal(ko_retry_decide(&limits, &quota, &state, &event).action, KO_RETRY_IS_FAILED);
}

/* The server's hint lengthens the wait, by five seconds at most. */
static void
the_server_can_ask_for_a_longer_wait(void)
{
    static const struct {
        uint64_t hint_us;
        uint64_t from_us;
        uint64_t to_us;
    } rows[] = {
        {0, 0, 1000000},
        {1, 1, 1000000},
        {3000000, 3000000, 3000000},
        {60000000, 5000000, 6000000},
        {UINT64_MAX, 5000000, 6000000},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_retry_state state = {0};
        struct ko_retry_quota quota = {0};
        const struct ko_retry_event event = {
            .fault = KO_FAULT_THROTTLED, .hint_us = rows[i].hint_us, .now_us = 1};

        assert_in_range(ko_retry_decide(&limits, &quota, &state, &event).wait_us, rows[i].from_us,
                        rows[i].to_us);
    }
}

CASES = {
    CASE(each_fault_is_decided_for_reads_and_writes),
    CASE(waits_double_up_to_twenty_seconds),
    CASE(the_base_depends_on_service_and_fault),
    CASE(retries_draw_on_a_quota_that_successes_fill_up),
    CASE(an_empty_quota_slows_down_and_ends_nothing),
    CASE(waits_are_spread_over_the_whole_range),
    CASE(faults_are_limited_by_attempts),
    CASE(throttling_is_limited_by_time_alone),
    CASE(credentials_and_clock_get_one_more_chance),
    CASE(a_wrong_signature_is_not_tried_again),
    CASE(the_server_can_ask_for_a_longer_wait),
};
RUN_CASES
