#include "keepone/aws/pace.h"

#include <math.h>

#include "keepone/base/clock.h"
#include "keepone/base/random.h"
#include "support/test.h"

enum { SECOND_US = 1000 * 1000 };

static uint64_t now_us;

static void
move_clock(uint64_t by_us)
{
    now_us += by_us;
    ko_clock_set_us(now_us);
}

static struct ko_pace *
pace_of(double read_cap, double write_cap)
{
    struct ko_error err = {0};
    struct ko_pace *pace;

    now_us = 1000 * SECOND_US;
    ko_clock_set_us(now_us);
    pace = ko_pace_new(&err);
    CHECK_OK(err);
    ko_pace_set_cap(pace, KO_PACE_READ, read_cap);
    ko_pace_set_cap(pace, KO_PACE_WRITE, write_cap);
    return pace;
}

static void
free_pace(struct ko_pace *pace)
{
    ko_pace_free(pace);
    ko_clock_set_us(0);
}

/* Starts calls of this cost as they may, settled at once, for so many seconds in steps of step_us.
 */
static double
spend(struct ko_pace *pace, double units, double seconds, uint64_t step_us)
{
    const uint64_t end_us = now_us + (uint64_t) (seconds * SECOND_US);
    double spent = 0;

    while (now_us < end_us) {
        struct ko_pace_charge charge = ko_pace_charge_of("Scan", 0, units);

        while (ko_pace_wait_us(pace, &charge, now_us) == 0) {
            ko_pace_start(pace, &charge, now_us);
            ko_pace_settle(pace, &charge, units);
            spent += units;
        }
        move_clock(step_us);
    }
    return spent;
}

static void
a_cap_is_used_and_not_exceeded(void)
{
    static const struct {
        double cap;
        double units; /* of a call */
        double seconds;
        uint64_t step_us;
    } rows[] = {{0.5, 1, 1000, 1000},    {50, 0.5, 20, 1000},   {50, 50, 200, 1000},
                {1000, 0.5, 20, 1000},   {1000, 25, 20, 1000},  {1000, 3000, 300, 1000},
                {50000, 128, 20, 1000},  {50000, 128, 20, 90},  {50000, 1, 20, 1000},
                {50000, 2500, 20, 7000}, {50000, 50, 20, 45000}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_pace *pace = pace_of(rows[i].cap, 0);
        const double allowed = rows[i].cap * rows[i].seconds;
        const double spent = spend(pace, rows[i].units, rows[i].seconds, rows[i].step_us);

        if (spent < allowed * 0.99 - rows[i].units || spent > allowed + rows[i].units)
            fail_msg("row %zu: %.1f of %.1f", i, spent, allowed);
        free_pace(pace);
    }
}

/* Any 10 seconds: the cap and one call, or 150 ms of the cap. */
static void
an_idle_time_is_not_made_up_for(void)
{
    struct ko_pace *pace = pace_of(1000, 0);
    double burst;

    assert_true(spend(pace, 10, 0.009, 1000) == 0); /* nothing at the start */
    (void) spend(pace, 10, 5, 1000);
    move_clock(60 * SECOND_US);
    burst = spend(pace, 10, 0.001, 1000);
    assert_true(burst >= 100 && burst <= 150);
    assert_true(spend(pace, 10, 10, 1000) <= 10 * 1000);
    free_pace(pace);
}

/* Waits as long as it must. */
static void
start(struct ko_pace *pace, struct ko_pace_charge *charge)
{
    uint64_t wait_us;

    while ((wait_us = ko_pace_wait_us(pace, charge, now_us)) > 0)
        move_clock(wait_us);
    ko_pace_start(pace, charge, now_us);
}

static void
what_a_reply_tells_is_settled_before_the_next_start(void)
{
    struct ko_pace *pace = pace_of(100, 0);
    struct ko_pace_charge cheap = ko_pace_charge_of("Scan", 0, 5);
    struct ko_pace_charge dear = ko_pace_charge_of("Scan", 0, 5);
    uint64_t wait_us;

    start(pace, &dear);
    ko_pace_settle(pace, &dear, 305); /* 3 s of the cap more than expected */
    wait_us = ko_pace_wait_us(pace, &cheap, now_us);
    assert_in_range(wait_us, 2.8 * SECOND_US, 3.1 * SECOND_US);
    move_clock(wait_us);
    assert_int_equal(ko_pace_wait_us(pace, &cheap, now_us), 0);

    ko_pace_start(pace, &cheap, now_us);
    ko_pace_settle(pace, &cheap, 0); /* refused: it has cost nothing */
    assert_int_equal(ko_pace_wait_us(pace, &cheap, now_us), 0);
    assert_true(ko_pace_consumed(pace, KO_PACE_READ) == 305);
    free_pace(pace);
}

static void
a_cost_that_nobody_told_stays_charged(void)
{
    struct ko_pace *pace = pace_of(0, 100);
    struct ko_pace_charge charge = ko_pace_charge_of("DeleteItem", 0, 200);

    start(pace, &charge);
    ko_pace_settle(pace, &charge, KO_PACE_UNKNOWN);
    assert_in_range(ko_pace_wait_us(pace, &charge, now_us), 1.8 * SECOND_US, 2.1 * SECOND_US);
    assert_true(ko_pace_consumed(pace, KO_PACE_WRITE) == 0);
    free_pace(pace);
}

static void
a_first_cost_that_nobody_told_is_the_usual_one(void)
{
    static const struct {
        const char *operation;
        double weight;
        double usual;
    } rows[] = {{"BatchExecuteStatement", 25, 25},
                {"TransactWriteItems", 100, 200},
                {"BatchGetItem", 50, 50},
                {"PutItem", 400, 400}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_pace *pace = pace_of(100, 100);
        struct ko_pace_charge charge = ko_pace_charge_of(rows[i].operation, rows[i].weight, 0);
        const double usual_us = rows[i].usual / 100 * SECOND_US;

        start(pace, &charge);
        ko_pace_settle(pace, &charge, KO_PACE_UNKNOWN);
        charge = ko_pace_charge_of(rows[i].operation, 0, 5);
        assert_in_range(ko_pace_wait_us(pace, &charge, now_us), usual_us - 0.1 * SECOND_US,
                        usual_us + 0.1 * SECOND_US);
        free_pace(pace);
    }
}

/* DynamoDB Local tells nothing of BatchExecuteStatement. */
static void
an_endpoint_that_tells_no_costs_is_paced_by_the_usual_ones(void)
{
    struct ko_pace *pace = pace_of(0, 100);
    const uint64_t begin_us = now_us;

    for (int i = 0; i < 100; i++) {
        struct ko_pace_charge charge = ko_pace_charge_of("BatchExecuteStatement", 10, 0);

        start(pace, &charge);
        ko_pace_settle(pace, &charge, KO_PACE_UNTOLD);
    }
    assert_in_range(now_us - begin_us, 9.8 * SECOND_US, 10.2 * SECOND_US);
    assert_true(ko_pace_consumed(pace, KO_PACE_WRITE) == 0);
    free_pace(pace);
}

static void
costs_are_learned_per_operation_and_weight(void)
{
    struct ko_pace *pace = pace_of(0, 1000);
    struct ko_pace_charge charge = ko_pace_charge_of("BatchExecuteStatement", 10, 0);

    assert_int_equal(ko_pace_call_weight(pace, "BatchExecuteStatement", 25), 12); /* a guess */
    start(pace, &charge);
    ko_pace_settle(pace, &charge, 25);
    charge = ko_pace_charge_of("BatchExecuteStatement", 4, 0);
    (void) ko_pace_wait_us(pace, &charge, now_us);
    assert_true(charge.expected == 10);
    assert_int_equal(ko_pace_call_weight(pace, "BatchExecuteStatement", 25), 19); /* 50 ms */
    assert_int_equal(ko_pace_call_weight(pace, "BatchExecuteStatement", 7), 7);
    assert_int_equal(ko_pace_call_weight(pace, "BatchGetItem", 50), 50); /* no cap on reads */
    free_pace(pace);
}

static void
reads_writes_and_the_control_plane_do_not_hold_each_other_up(void)
{
    struct ko_pace *pace = pace_of(1, 1);
    struct ko_pace_charge read = ko_pace_charge_of("BatchGetItem", 0, 50);
    struct ko_pace_charge write = ko_pace_charge_of("PutItem", 0, 1);
    struct ko_pace_charge other = ko_pace_charge_of("DescribeTable", 0, 0);

    assert_int_equal(other.resource, KO_PACE_NONE);
    (void) ko_pace_wait_us(pace, &write, now_us);
    start(pace, &read);
    assert_true(ko_pace_wait_us(pace, &read, now_us) > 0);
    assert_int_equal(ko_pace_wait_us(pace, &write, now_us), 0);
    assert_int_equal(ko_pace_wait_us(pace, &other, now_us), 0);
    free_pace(pace);
}

static void
a_hot_lane_is_slowed_and_closes_up_again(void)
{
    struct ko_pace_lane lane = {0};

    ko_pace_lane_started(&lane, 100);
    assert_int_equal(lane.next_us, 100);
    ko_pace_lane_throttled(&lane);
    ko_pace_lane_throttled(&lane);
    ko_pace_lane_started(&lane, 100);
    assert_int_equal(lane.next_us, 100 + 100 * 1000);
    for (int i = 0; i < 50; i++)
        ko_pace_lane_throttled(&lane);
    assert_int_equal(lane.gap_us, 5 * SECOND_US);
    for (int i = 0; i < 50; i++)
        ko_pace_lane_succeeded(&lane);
    assert_int_equal(lane.gap_us, 0);
}

/* ---- ranks ---- */

enum { RANKS_MAX = 32 };

/* Ranks that live in one process: their pulses are added up here. */
struct ranks {
    unsigned n;
    struct ko_pace *paces[RANKS_MAX];
    double wants[RANKS_MAX]; /* units per second that the rank could use; of calls of one unit */
    double carry[RANKS_MAX];
    double served[RANKS_MAX];
    double throttle_above;     /* units per second of all ranks; 0 = never */
    unsigned throttle_percent; /* of calls, whatever the rate */
    double most_share;         /* of all shares in use at one moment, also while a pulse is read */
};

static struct ranks
ranks_of(unsigned n, double cap)
{
    struct ranks ranks = {.n = n};

    for (unsigned i = 0; i < n; i++) {
        ranks.paces[i] = pace_of(cap, 0);
        ko_pace_begin(ranks.paces[i], i, n);
        ranks.wants[i] = INFINITY;
    }
    return ranks;
}

static void
free_ranks(struct ranks *ranks)
{
    for (unsigned i = 0; i < ranks->n; i++)
        free_pace(ranks->paces[i]);
}

static double
sum_of_shares(const struct ranks *ranks)
{
    double sum = 0;

    for (unsigned i = 0; i < ranks->n; i++)
        sum += ko_pace_share(ranks->paces[i], KO_PACE_READ);
    return sum;
}

/* A pulse that the ranks read one after the other, in an order that changes. */
static void
pulse(struct ranks *ranks)
{
    uint64_t mine[RANKS_MAX][KO_PACE_VALUES];
    uint64_t sums[KO_PACE_VALUES] = {0};
    const unsigned first = (unsigned) ko_random(ranks->n);

    for (unsigned i = 0; i < ranks->n; i++) {
        ko_pace_give(ranks->paces[i], ranks->wants[i] == 0, mine[i]);
        for (unsigned k = 0; k < KO_PACE_VALUES; k++)
            sums[k] += mine[i][k];
    }
    for (unsigned i = 0; i < ranks->n; i++) {
        const unsigned rank = (first + i) % ranks->n;

        ko_pace_take(ranks->paces[rank], mine[rank], sums);
        ranks->most_share = fmax(ranks->most_share, sum_of_shares(ranks));
    }
}

/* So many pulses of 200 ms, during which each rank uses what it wants and may. */
static void
run(struct ranks *ranks, unsigned n_pulses)
{
    for (unsigned p = 0; p < n_pulses; p++) {
        double served = 0;

        for (unsigned ms = 0; ms < 200; ms++) {
            for (unsigned i = 0; i < ranks->n; i++) {
                struct ko_pace_charge charge = ko_pace_charge_of("Scan", 0, 1);

                ranks->carry[i] = fmin(ranks->carry[i] + ranks->wants[i] / 1000, 1000);
                while (ranks->carry[i] >= 1 &&
                       ko_pace_wait_us(ranks->paces[i], &charge, now_us) == 0) {
                    const bool is_refused =
                        (ranks->throttle_above > 0 && served >= ranks->throttle_above / 5) ||
                        ko_random(100) < ranks->throttle_percent;

                    ko_pace_start(ranks->paces[i], &charge, now_us);
                    ko_pace_settle(ranks->paces[i], &charge, is_refused ? 0 : 1);
                    if (is_refused)
                        ko_pace_throttled(ranks->paces[i], KO_PACE_READ);
                    if (is_refused)
                        break;
                    ranks->carry[i] -= 1;
                    ranks->served[i] += 1;
                    served += 1;
                }
            }
            move_clock(1000);
        }
        pulse(ranks);
    }
}

static double
served_by_all(struct ranks *ranks)
{
    double sum = 0;

    for (unsigned i = 0; i < ranks->n; i++) {
        sum += ranks->served[i];
        ranks->served[i] = 0;
    }
    return sum;
}

static void
shares_never_add_up_to_more_than_the_cap(void)
{
    for (unsigned n = 1; n <= RANKS_MAX; n = n * 2 + 1) {
        struct ranks ranks = ranks_of(n, 1000);

        for (int round = 0; round < 30; round++) {
            for (unsigned i = 0; i < n; i++)
                ranks.wants[i] = ko_random(3) == 0   ? INFINITY
                                 : ko_random(2) == 0 ? 0
                                                     : (double) ko_random(800);
            run(&ranks, 1 + (unsigned) ko_random(5));
        }
        if (ranks.most_share > 1000)
            fail_msg("%u ranks have %.3f units/s of 1000", n, ranks.most_share);
        free_ranks(&ranks);
    }
}

static void
what_some_leave_the_others_use(void)
{
    struct ranks ranks = ranks_of(4, 1000);
    double served;

    ranks.wants[0] = 100;
    ranks.wants[1] = 0;
    run(&ranks, 15); /* 3 s to settle */
    (void) served_by_all(&ranks);
    run(&ranks, 50);
    assert_true(ranks.served[0] > 980);
    assert_true(fabs(ranks.served[2] - ranks.served[3]) < 200);
    served = served_by_all(&ranks);
    if (served < 0.97 * 10000 || served > 10000)
        fail_msg("%.0f of 10000 units in 10 s", served);
    free_ranks(&ranks);
}

static void
a_rank_that_comes_late_gets_its_share(void)
{
    struct ranks ranks = ranks_of(3, 300);

    ranks.wants[2] = 0;
    run(&ranks, 20);
    assert_true(ko_pace_share(ranks.paces[2], KO_PACE_READ) < 1);
    ranks.wants[2] = INFINITY;
    run(&ranks, 40); /* 8 s */
    assert_true(ko_pace_share(ranks.paces[2], KO_PACE_READ) > 80);
    free_ranks(&ranks);
}

static void
a_small_cap_is_used_by_many_ranks(void)
{
    struct ranks ranks = ranks_of(RANKS_MAX, 50);
    double served;

    run(&ranks, 10);
    (void) served_by_all(&ranks);
    run(&ranks, 100);
    served = served_by_all(&ranks);
    if (served < 0.97 * 1000 || served > 1.02 * 1000)
        fail_msg("%.0f of 1000 units in 20 s", served);
    free_ranks(&ranks);
}

static void
a_throttle_cuts_the_rate_once_and_it_grows_back(void)
{
    struct ranks ranks = ranks_of(4, 1000);
    double rate;

    run(&ranks, 10);
    ranks.throttle_above = 500;
    run(&ranks, 1);
    rate = ko_pace_rate(ranks.paces[0], KO_PACE_READ);
    assert_true(rate < 760 && rate > 370); /* 3/4 of the best so far */
    for (unsigned i = 1; i < 4; i++)
        assert_true(ko_pace_rate(ranks.paces[i], KO_PACE_READ) == rate);
    run(&ranks, 2); /* throttles of the same event */
    assert_true(ko_pace_rate(ranks.paces[0], KO_PACE_READ) >= rate);
    run(&ranks, 150); /* finds the 500 */
    (void) served_by_all(&ranks);
    run(&ranks, 100);
    assert_true(served_by_all(&ranks) > 0.8 * 500 * 20);
    ranks.throttle_above = 0;
    run(&ranks, 60); /* 12 s */
    assert_true(ko_pace_rate(ranks.paces[0], KO_PACE_READ) > 990);
    assert_true(sum_of_shares(&ranks) <= 1000);
    free_ranks(&ranks);
}

static void
without_a_cap_throttles_teach_a_rate(void)
{
    struct ranks ranks = ranks_of(2, 0);

    ranks.wants[0] = ranks.wants[1] = 2000;
    run(&ranks, 10);
    assert_true(isinf(ko_pace_rate(ranks.paces[0], KO_PACE_READ)));
    assert_true(isinf(ko_pace_share(ranks.paces[0], KO_PACE_READ)));
    ranks.throttle_above = 1000;
    run(&ranks, 250);
    (void) served_by_all(&ranks);
    run(&ranks, 100);
    assert_true(served_by_all(&ranks) > 0.8 * 1000 * 20);
    ranks.throttle_above = 0;
    run(&ranks, 100);
    (void) served_by_all(&ranks);
    run(&ranks, 10);
    assert_true(served_by_all(&ranks) > 0.95 * 4000 * 2);
    free_ranks(&ranks);
}

static void
without_a_cap_a_few_throttles_set_no_rate(void)
{
    struct ranks ranks = ranks_of(2, 0);

    ranks.wants[0] = ranks.wants[1] = 500;
    ranks.throttle_percent = 10;
    run(&ranks, 300);
    assert_true(isinf(ko_pace_rate(ranks.paces[0], KO_PACE_READ)));
    free_ranks(&ranks);
}

static void
a_rate_that_throttles_taught_makes_no_call_smaller(void)
{
    struct ranks ranks = ranks_of(2, 0);

    ranks.wants[0] = ranks.wants[1] = 500;
    run(&ranks, 10);
    ranks.throttle_percent = 100;
    run(&ranks, 10);
    assert_true(!isinf(ko_pace_rate(ranks.paces[0], KO_PACE_READ)));
    assert_int_equal(ko_pace_call_weight(ranks.paces[0], "BatchGetItem", 100), 100);
    free_ranks(&ranks);
}

static void
throttles_whatever_the_rate_do_not_slow_the_job_down(void)
{
    struct ranks ranks = ranks_of(2, 0);

    ranks.wants[0] = ranks.wants[1] = 500;
    ranks.throttle_percent = 30;
    run(&ranks, 100);
    (void) served_by_all(&ranks);
    run(&ranks, 300);
    assert_true(served_by_all(&ranks) > 0.5 * 1000 * 60);
    free_ranks(&ranks);
}

static void
a_rate_that_is_not_served_at_all_ends_at_a_floor(void)
{
    struct ranks ranks = ranks_of(2, 1600);

    run(&ranks, 20);
    ranks.throttle_percent = 100;
    run(&ranks, 10); /* 2 s: one bad moment */
    assert_true(ko_pace_rate(ranks.paces[0], KO_PACE_READ) > 0.7 * 1600);
    run(&ranks, 1500); /* 300 s */
    assert_true(ko_pace_rate(ranks.paces[0], KO_PACE_READ) >= 50);
    assert_true(ko_pace_rate(ranks.paces[0], KO_PACE_READ) < 60);
    free_ranks(&ranks);
}

CASES = {
    CASE(a_cap_is_used_and_not_exceeded),
    CASE(an_idle_time_is_not_made_up_for),
    CASE(what_a_reply_tells_is_settled_before_the_next_start),
    CASE(a_cost_that_nobody_told_stays_charged),
    CASE(a_first_cost_that_nobody_told_is_the_usual_one),
    CASE(an_endpoint_that_tells_no_costs_is_paced_by_the_usual_ones),
    CASE(costs_are_learned_per_operation_and_weight),
    CASE(reads_writes_and_the_control_plane_do_not_hold_each_other_up),
    CASE(a_hot_lane_is_slowed_and_closes_up_again),
    CASE(shares_never_add_up_to_more_than_the_cap),
    CASE(what_some_leave_the_others_use),
    CASE(a_rank_that_comes_late_gets_its_share),
    CASE(a_small_cap_is_used_by_many_ranks),
    CASE(a_throttle_cuts_the_rate_once_and_it_grows_back),
    CASE(without_a_cap_throttles_teach_a_rate),
    CASE(without_a_cap_a_few_throttles_set_no_rate),
    CASE(a_rate_that_throttles_taught_makes_no_call_smaller),
    CASE(throttles_whatever_the_rate_do_not_slow_the_job_down),
    CASE(a_rate_that_is_not_served_at_all_ends_at_a_floor),
};
RUN_CASES
