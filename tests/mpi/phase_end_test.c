/* Phases that end early: a failure or stop on any rank ends them on all, and the next one works. */
#include "keepone/comm/phase.h"

#include <signal.h>
#include <stdlib.h>

#include "support/mpi_test.h"

enum { MESSAGE_BYTES = 300, STEPS = 400, PER_STEP = 20, CLAIMS = 1000 };

enum trouble { TROUBLE_NONE, TROUBLE_STEP, TROUBLE_RECEIVE, TROUBLE_CLAIM, TROUBLE_STOP };

/* A stage that asks and sends all the time; one rank of it gets into trouble half-way. */
struct victim {
    int n_ranks;
    enum trouble trouble; /* what happens on this rank */
    unsigned n_steps;
    unsigned n_receives;
    unsigned n_claims;
};

static enum ko_code
victim_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    static const char bytes[MESSAGE_BYTES];
    struct victim *const victim = self;

    victim->n_steps++;
    if (victim->trouble == TROUBLE_STEP && victim->n_steps == STEPS / 2)
        return ko_fail(err, KO_E_IO, "trouble in a step");
    if (victim->trouble == TROUBLE_STOP && victim->n_steps == STEPS / 2)
        (void) raise(SIGUSR1);
    for (int i = 0; i < PER_STEP && victim->n_steps <= STEPS; i++)
        KO_TRY(
            ko_phase_send(phase, i % victim->n_ranks, (struct ko_slice){bytes, sizeof bytes}, err));
    if (victim->n_steps <= STEPS)
        KO_TRY(ko_phase_ask(phase, err));
    *state = victim->n_steps < STEPS ? KO_PHASE_BUSY : KO_PHASE_DONE;
done:
    return err->code;
}

static enum ko_code
victim_receive(void *self, struct ko_phase *phase, int source, struct ko_slice content,
               struct ko_error *err)
{
    struct victim *const victim = self;

    (void) phase;
    (void) source;
    if (content.n != MESSAGE_BYTES)
        return ko_fail(err, KO_E_BUG, "a message of another phase");
    victim->n_receives++;
    if (victim->trouble == TROUBLE_RECEIVE && victim->n_receives == STEPS / 2)
        return ko_fail(err, KO_E_IO, "trouble in a receive");
    return err->code;
}

static enum ko_code
victim_claim(void *self, struct ko_phase *phase, bool is_none, uint64_t claim_index,
             struct ko_error *err)
{
    struct victim *const victim = self;

    (void) phase;
    (void) is_none;
    (void) claim_index;
    victim->n_claims++;
    if (victim->trouble == TROUBLE_CLAIM && victim->n_claims == STEPS / 4)
        return ko_fail(err, KO_E_IO, "trouble in a claim");
    return err->code;
}

static struct ko_error
run_victim(struct ko_world *world, enum trouble trouble, int troubled_rank)
{
    static const struct ko_phase_ops ops = {
        .step = victim_step, .receive = victim_receive, .claim = victim_claim};
    struct victim victim = {.n_ranks = ko_world_size(world)};
    struct ko_error error = {0};

    if (ko_world_rank(world) == troubled_rank)
        victim.trouble = trouble;
    (void) ko_phase_run(world,
                        &(struct ko_phase_options){.name = "suffer",
                                                   .ops = &ops,
                                                   .self = &victim,
                                                   .n_claims = CLAIMS,
                                                   .buffer_bytes = 4096},
                        NULL, &error);
    return error;
}

static void
check_trouble_on_each_rank(struct ko_world *world, enum trouble trouble, const char *text,
                           struct ko_error *err)
{
    for (int rank = 0; rank < ko_world_size(world); rank++) {
        const struct ko_error error = run_victim(world, trouble, rank);
        char place[64] = "";
        struct ko_error next;

        if (ko_world_size(world) > 1)
            (void) snprintf(place, sizeof place, "%s (rank %d of %d on ", text, rank,
                            ko_world_size(world));
        CHECK_CODE(error, KO_E_IO);
        CHECK_ERROR_SAYS(error, text);
        CHECK_ERROR_SAYS(error, place);
        next = run_victim(world, TROUBLE_NONE, rank);
        CHECK_OK(next);
    }
}

static void
a_failed_step_ends_the_phase_on_all(struct ko_world *world, struct ko_error *err)
{
    check_trouble_on_each_rank(world, TROUBLE_STEP, "trouble in a step", err);
}

static void
a_failed_receive_ends_the_phase_on_all(struct ko_world *world, struct ko_error *err)
{
    check_trouble_on_each_rank(world, TROUBLE_RECEIVE, "trouble in a receive", err);
}

static void
a_failed_claim_ends_the_phase_on_all(struct ko_world *world, struct ko_error *err)
{
    check_trouble_on_each_rank(world, TROUBLE_CLAIM, "trouble in a claim", err);
}

static void
with_a_rank_that_comes_in_failed_nothing_begins(struct ko_world *world, struct ko_error *err)
{
    const bool is_last = ko_world_rank(world) == ko_world_size(world) - 1;
    static const struct ko_phase_ops ops = {
        .step = victim_step, .receive = victim_receive, .claim = victim_claim};
    struct victim victim = {.n_ranks = ko_world_size(world)};
    struct ko_error error = {0};

    if (is_last)
        ko_fail(&error, KO_E_CORRUPT, "came in failed");
    (void) ko_phase_run(world,
                        &(struct ko_phase_options){.name = "suffer", .ops = &ops, .self = &victim},
                        NULL, &error);
    CHECK_CODE(error, KO_E_CORRUPT);
    CHECK(victim.n_steps + victim.n_receives + victim.n_claims == 0);
}

static void
a_signal_to_one_rank_stops_all(struct ko_world *world, struct ko_error *err)
{
    for (int rank = 0; rank < ko_world_size(world); rank++) {
        struct ko_error error;

        ko_world_catch_signals(world);
        error = run_victim(world, TROUBLE_STOP, rank);
        CHECK_CODE(error, KO_E_STOPPED);
        CHECK_TEXT(error.text, "suffer was stopped by a signal");
        CHECK_TEXT(error.hint, "run the same command again to continue.");
        CHECK(ko_world_stop_wanted(world) == (ko_world_rank(world) == rank));
    }
    ko_world_catch_signals(world);
    (void) ko_gate(world, err);
    CHECK(run_victim(world, TROUBLE_NONE, 0).code == KO_OK);
}

/* ---- finish_on_stop: what is in flight comes home ---- */

/* Keeps requests in flight to the next rank, and starts no new one once the phase is ending. */
struct finisher {
    int rank;
    int n_ranks;
    bool raises_signal;
    bool fails;
    unsigned n_steps;
    uint64_t n_asked;
    uint64_t n_answered;
    uint64_t n_requests;
    uint64_t n_replies;
    bool has_claim_after_end;
};

static enum ko_code
finisher_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct finisher *const finisher = self;
    const int next = (finisher->rank + 1) % finisher->n_ranks;

    finisher->n_steps++;
    if (finisher->n_steps == STEPS && finisher->fails)
        return ko_fail(err, KO_E_IO, "trouble in a step");
    if (finisher->n_steps == STEPS && finisher->raises_signal)
        (void) raise(SIGUSR1);
    if (ko_phase_is_ending(phase)) {
        *state = finisher->n_replies == finisher->n_requests ? KO_PHASE_DONE : KO_PHASE_WAITING;
        return err->code;
    }
    KO_TRY(ko_phase_send(phase, next, KO_SLICE("request"), err));
    finisher->n_requests++;
    if (finisher->n_asked++ == finisher->n_answered)
        KO_TRY(ko_phase_ask(phase, err));
    else
        finisher->n_asked--;
    *state = KO_PHASE_BUSY; /* without a stop it would go on forever */
done:
    return err->code;
}

static enum ko_code
finisher_receive(void *self, struct ko_phase *phase, int source, struct ko_slice content,
                 struct ko_error *err)
{
    struct finisher *const finisher = self;

    if (ko_slice_equal(content, KO_SLICE("request")))
        return ko_phase_send(phase, source, KO_SLICE("reply"), err);
    finisher->n_replies++;
    return err->code;
}

static enum ko_code
finisher_claim(void *self, struct ko_phase *phase, bool is_none, uint64_t claim_index,
               struct ko_error *err)
{
    struct finisher *const finisher = self;

    (void) claim_index;
    finisher->n_answered++;
    if (!is_none && finisher->rank == 0 && ko_phase_is_ending(phase))
        finisher->has_claim_after_end = true;
    return err->code;
}

static struct ko_error
run_finisher(struct ko_world *world, struct finisher *finisher)
{
    static const struct ko_phase_ops ops = {
        .step = finisher_step, .receive = finisher_receive, .claim = finisher_claim};
    struct ko_error error = {0};

    finisher->rank = ko_world_rank(world);
    finisher->n_ranks = ko_world_size(world);
    (void) ko_phase_run(world,
                        &(struct ko_phase_options){.name = "finish",
                                                   .ops = &ops,
                                                   .self = finisher,
                                                   .n_claims = UINT64_MAX,
                                                   .finish_on_stop = true},
                        NULL, &error);
    return error;
}

static void
after_a_stop_replies_under_way_arrive(struct ko_world *world, struct ko_error *err)
{
    const bool is_last = ko_world_rank(world) == ko_world_size(world) - 1;
    struct finisher finisher = {.raises_signal = is_last};
    struct ko_error error;

    ko_world_catch_signals(world);
    error = run_finisher(world, &finisher);
    ko_world_catch_signals(world);
    CHECK_CODE(error, KO_E_STOPPED);
    CHECK(finisher.n_requests > 0 && finisher.n_replies == finisher.n_requests);
    CHECK(!finisher.has_claim_after_end);
}

/* The one before the failed rank gets no replies from it, so it must not wait for them. */
static enum ko_code
neighbour_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    const struct finisher *const finisher = self;

    KO_TRY(finisher_step(self, phase, state, err));
    if (ko_phase_is_ending(phase) && finisher->rank == 0)
        *state = KO_PHASE_DONE;
done:
    return err->code;
}

static void
after_a_failure_the_others_finish(struct ko_world *world, struct ko_error *err)
{
    static const struct ko_phase_ops ops = {
        .step = neighbour_step, .receive = finisher_receive, .claim = finisher_claim};
    const int failing = 1 % ko_world_size(world);
    struct finisher finisher = {.rank = ko_world_rank(world), .n_ranks = ko_world_size(world)};
    struct ko_error error = {0};

    finisher.fails = finisher.rank == failing;
    (void) ko_phase_run(
        world,
        &(struct ko_phase_options){
            .name = "finish", .ops = &ops, .self = &finisher, .finish_on_stop = true},
        NULL, &error);
    CHECK_CODE(error, KO_E_IO);
    CHECK_ERROR_SAYS(error, "trouble in a step");
    CHECK(finisher.rank == failing || finisher.rank == 0 ||
          finisher.n_replies == finisher.n_requests);
}

/* ---- memory ---- */

/*
 * The last rank lacks memory at its n-th allocation, wherever that is: the first ones prepare the
 * phase, later ones are for what it sends, receives or answers.
 */
static void
wherever_memory_ends_the_phase_fails_on_all(struct ko_world *world, struct ko_error *err)
{
    const int last = ko_world_size(world) - 1;

    for (uint64_t nth = 1; nth <= 12; nth++) {
        struct ko_error error;

        if (ko_world_rank(world) == last)
            ko_mem_fail_nth(nth);
        error = run_victim(world, TROUBLE_NONE, 0);
        ko_mem_fail_nth(0);
        CHECK_CODE(error, KO_E_MEMORY);
    }
    CHECK(run_victim(world, TROUBLE_NONE, 0).code == KO_OK);
}

/* Every rank sends the last one a message in many pieces; it has no memory to put them together. */
static enum ko_code
glutton_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    enum { N = 300000 };
    const int *const last = self;
    char *const bytes = ko_alloc(N, err);

    *state = KO_PHASE_DONE;
    if (bytes != NULL)
        (void) ko_phase_send(phase, *last, (struct ko_slice){bytes, N}, err);
    ko_free(bytes);
    return err->code;
}

static enum ko_code
glutton_receive(void *self, struct ko_phase *phase, int source, struct ko_slice content,
                struct ko_error *err)
{
    (void) self;
    (void) phase;
    (void) source;
    (void) content;
    return err->code;
}

static void
a_long_message_without_memory_fails_the_phase(struct ko_world *world, struct ko_error *err)
{
    enum { PREPARING = 9, OWN_PIECES = 74, ASSEMBLING = 5 };
    static const struct ko_phase_ops ops = {.step = glutton_step, .receive = glutton_receive};
    int last = ko_world_size(world) - 1;
    struct ko_error error = {0};

    if (ko_world_rank(world) == last)
        ko_mem_fail_nth(PREPARING + 1 + OWN_PIECES + ASSEMBLING);
    (void) ko_phase_run(
        world,
        &(struct ko_phase_options){.name = "eat", .ops = &ops, .self = &last, .buffer_bytes = 4096},
        NULL, &error);
    ko_mem_fail_nth(0);
    CHECK_CODE(error, KO_E_MEMORY);
    CHECK_ERROR_SAYS(error, "no memory for a message of over ");
    CHECK(run_victim(world, TROUBLE_NONE, 0).code == KO_OK);
}

/* ---- injected faults ---- */

static struct ko_error
run_with_fault(struct ko_world *world, const char *fault)
{
    struct ko_error error;

    (void) setenv("KEEPONE_FAULT", fault, 1);
    error = run_victim(world, TROUBLE_NONE, 0);
    (void) unsetenv("KEEPONE_FAULT");
    return error;
}

static void
an_injected_fault_strikes_its_phase_and_rank(struct ko_world *world, struct ko_error *err)
{
    const int last = ko_world_size(world) - 1;
    char fault[64];
    struct ko_error error;

    (void) snprintf(fault, sizeof fault, "suffer:%d:fail:%d", last, STEPS / 2);
    error = run_with_fault(world, fault);
    CHECK_CODE(error, KO_E_IO);
    CHECK_ERROR_SAYS(error, "injected fault");
    CHECK(run_with_fault(world, "other:0:fail").code == KO_OK);
    CHECK(run_with_fault(world, "suffer:99:kill").code == KO_OK);
    CHECK(run_with_fault(world, "suffer:0:kill:99999").code ==
          KO_OK); /* so many steps there are not */
    ko_world_catch_signals(world);
    CHECK(run_with_fault(world, "suffer:0:stop").code == KO_E_STOPPED);
    ko_world_catch_signals(world);
}

static void
a_fault_of_another_shape_is_an_option_error(struct ko_world *world, struct ko_error *err)
{
    static const char *const faults[] = {"suffer",           "suffer:0",        "suffer:x:fail",
                                         "suffer:0:explode", "suffer:0:fail:",  "suffer:0:fail:1:2",
                                         "suffer::fail",     "suffer:0:fail:-1"};

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const struct ko_error error = run_with_fault(world, faults[i]);

        CHECK_CODE(error, KO_E_OPTION);
        CHECK_ERROR_SAYS(error, faults[i]);
    }
}

CASES = {
    CASE(a_failed_step_ends_the_phase_on_all),
    CASE(a_failed_receive_ends_the_phase_on_all),
    CASE(a_failed_claim_ends_the_phase_on_all),
    CASE(with_a_rank_that_comes_in_failed_nothing_begins),
    CASE(a_signal_to_one_rank_stops_all),
    CASE(after_a_stop_replies_under_way_arrive),
    CASE(after_a_failure_the_others_finish),
    CASE(wherever_memory_ends_the_phase_fails_on_all),
    CASE(a_long_message_without_memory_fails_the_phase),
    CASE(an_injected_fault_strikes_its_phase_and_rank),
    CASE(a_fault_of_another_shape_is_an_option_error),
};
RUN_CASES
