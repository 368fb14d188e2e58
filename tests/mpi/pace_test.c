/* Shares of a cap over real ranks and pulses: never above it, and used while there is work. */
#include "keepone/aws/pace.h"

#include "keepone/base/clock.h"
#include "keepone/comm/phase.h"
#include "support/mpi_test.h"

enum { CALL_UNITS = 1, PULSE_MS = 20 };

/* A stage whose calls cost a unit each and are answered at once. */
struct spender {
    struct ko_pace *pace;
    uint64_t values[KO_PACE_VALUES];
    uint64_t start_us;
    double n_left;
    double n_spent;
};

static enum ko_code
spend(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct spender *const spender = self;
    struct ko_pace_charge charge = ko_pace_charge_of("Scan", 0, CALL_UNITS);
    const uint64_t now_us = ko_clock_us();

    (void) phase;
    if (spender->start_us == 0)
        spender->start_us = now_us;
    while (spender->n_left > 0 && ko_pace_wait_us(spender->pace, &charge, now_us) == 0) {
        ko_pace_start(spender->pace, &charge, now_us);
        ko_pace_settle(spender->pace, &charge, CALL_UNITS);
        spender->n_left -= CALL_UNITS;
        spender->n_spent += CALL_UNITS;
    }
    *state = spender->n_left > 0 ? KO_PHASE_WAITING : KO_PHASE_DONE;
    return err->code;
}

static void
before_pulse(void *self)
{
    struct spender *const spender = self;

    ko_pace_give(spender->pace, spender->n_left <= 0, spender->values);
}

static void
after_pulse(void *self, const uint64_t *mine, const uint64_t *totals)
{
    struct spender *const spender = self;

    ko_pace_take(spender->pace, mine, totals);
}

/* Units that all ranks spent, and the seconds from the first rank's start to the end. */
static double
run_spenders(struct ko_world *world, struct spender *spender, double *seconds, struct ko_error *err)
{
    const struct ko_phase_ops ops = {
        .step = spend, .before_pulse = before_pulse, .after_pulse = after_pulse};
    const struct ko_phase_options options = {.name = "spend",
                                             .ops = &ops,
                                             .self = spender,
                                             .pulse_ms = PULSE_MS,
                                             .counters = spender->values,
                                             .n_counters = KO_PACE_VALUES};
    uint64_t first_us;
    uint64_t last_us;
    uint64_t n_spent;

    ko_pace_begin(spender->pace, (unsigned) ko_world_rank(world), (unsigned) ko_world_size(world));
    (void) ko_phase_run(world, &options, NULL, err);
    first_us = spender->start_us;
    last_us = ko_clock_us();
    n_spent = (uint64_t) spender->n_spent;
    (void) ko_world_min(world, &first_us, 1, err);
    (void) ko_world_max(world, &last_us, 1, err);
    (void) ko_world_sum(world, &n_spent, 1, err);
    ko_pace_rest(spender->pace);
    *seconds = (double) (last_us - first_us) / 1e6;
    return (double) n_spent;
}

static void
check_rate(struct ko_world *world, double cap, unsigned n_calls, struct ko_error *err)
{
    struct spender spender = {.pace = ko_pace_new(err), .n_left = n_calls};
    double seconds = 0;
    double spent;

    if (spender.pace != NULL)
        ko_pace_set_cap(spender.pace, KO_PACE_READ, cap);
    spent = run_spenders(world, &spender, &seconds, err);
    /* One call of each rank beyond the rate, or what 150 ms have saved. */
    CHECK(spent <= cap * (seconds + 0.15) + CALL_UNITS * ko_world_size(world));
    CHECK(spent >= cap * seconds * 0.4); /* of a machine that many share */
    CHECK(spender.n_spent == n_calls || err->code != KO_OK);
    ko_pace_free(spender.pace);
}

static void
all_ranks_together_keep_to_the_cap(struct ko_world *world, struct ko_error *err)
{
    check_rate(world, 1000, 1000 / (unsigned) ko_world_size(world), err);
}

static void
what_a_finished_rank_leaves_goes_to_the_others(struct ko_world *world, struct ko_error *err)
{
    const bool is_last = ko_world_rank(world) == ko_world_size(world) - 1;

    check_rate(world, 1000, is_last ? 1000 : 10, err);
}

static void
a_rank_without_work_takes_nothing(struct ko_world *world, struct ko_error *err)
{
    check_rate(world, 200, ko_world_rank(world) == 0 ? 200 : 0, err);
}

static void
shares_below_one_unit_are_enough(struct ko_world *world, struct ko_error *err)
{
    check_rate(world, 4, 1, err);
}

CASES = {
    CASE(all_ranks_together_keep_to_the_cap),
    CASE(what_a_finished_rank_leaves_goes_to_the_others),
    CASE(a_rank_without_work_takes_nothing),
    CASE(shares_below_one_unit_are_enough),
};
RUN_CASES
