/* Claims: rank 0 gives each out exactly once, works too, and says when there are no more. */
#include "keepone/comm/phase.h"

#include "support/mpi_test.h"

enum { N_CLAIMS = 200, OUTSTANDING = 2 };

/* A stage that keeps two claims asked for until it hears that there are none. */
struct taker {
    struct ko_error *err;
    uint64_t n_asked;
    uint64_t n_answered;
    uint64_t n_taken;
    uint64_t last_index;
    bool is_none;
    uint8_t n_given[N_CLAIMS]; /* how often each was given to this rank */
};

static enum ko_code
taker_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct taker *const taker = self;

    while (!taker->is_none && taker->n_asked - taker->n_answered < OUTSTANDING) {
        KO_TRY(ko_phase_ask(phase, err));
        taker->n_asked++;
    }
    *state =
        taker->is_none && taker->n_answered == taker->n_asked ? KO_PHASE_DONE : KO_PHASE_WAITING;
done:
    return err->code;
}

static enum ko_code
taker_claim(void *self, struct ko_phase *phase, bool is_none, uint64_t claim_index,
            struct ko_error *phase_err)
{
    struct taker *const taker = self;
    struct ko_error *const err = taker->err;

    (void) phase;
    taker->n_answered++;
    taker->is_none = taker->is_none || is_none;
    if (is_none)
        return phase_err->code;
    CHECK(claim_index < N_CLAIMS);
    CHECK(taker->n_taken == 0 || claim_index > taker->last_index);
    taker->last_index = claim_index;
    taker->n_taken++;
    if (claim_index < N_CLAIMS)
        taker->n_given[claim_index]++;
    return phase_err->code;
}

static void
run_taker(struct ko_world *world, struct taker *taker, uint64_t n_claims, struct ko_error *err)
{
    static const struct ko_phase_ops ops = {.step = taker_step, .claim = taker_claim};

    taker->err = err;
    (void) ko_phase_run(world,
                        &(struct ko_phase_options){
                            .name = "take", .ops = &ops, .self = taker, .n_claims = n_claims},
                        NULL, err);
    CHECK(taker->is_none && taker->n_answered == taker->n_asked);
}

static void
each_claim_is_given_once(struct ko_world *world, struct ko_error *err)
{
    struct taker taker = {0};
    uint64_t n_given[N_CLAIMS];

    run_taker(world, &taker, N_CLAIMS, err);
    for (size_t i = 0; i < N_CLAIMS; i++)
        n_given[i] = taker.n_given[i];
    (void) ko_world_sum(world, n_given, N_CLAIMS, err);
    for (size_t i = 0; i < N_CLAIMS; i++)
        CHECK(n_given[i] == 1);
}

static void
without_claims_the_answer_is_none(struct ko_world *world, struct ko_error *err)
{
    struct taker taker = {0};

    run_taker(world, &taker, 0, err);
    CHECK(taker.n_taken == 0);
}

static void
a_single_claim_goes_to_one_rank(struct ko_world *world, struct ko_error *err)
{
    struct taker taker = {0};
    uint64_t n_taken;

    run_taker(world, &taker, 1, err);
    n_taken = taker.n_taken;
    (void) ko_world_sum(world, &n_taken, 1, err);
    CHECK(n_taken == 1);
}

/* Rank 0 has no memory for an answer: it fails, and whoever asked is not left waiting. */
static enum ko_code
hungry_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    (void) self;
    (void) phase;
    ko_mem_fail_nth(1);
    *state = KO_PHASE_DONE;
    return err->code;
}

static void
an_answer_without_memory_fails_the_phase(struct ko_world *world, struct ko_error *err)
{
    static const struct ko_phase_ops hungry = {.step = hungry_step, .claim = taker_claim};
    static const struct ko_phase_ops plain = {.step = taker_step, .claim = taker_claim};
    struct taker taker = {.err = err};
    struct ko_error error = {0};

    if (ko_world_size(world) == 1)
        return; /* it answers itself without any memory */
    (void) ko_phase_run(
        world,
        &(struct ko_phase_options){.name = "take",
                                   .ops = ko_world_rank(world) == 0 ? &hungry : &plain,
                                   .self = &taker,
                                   .n_claims = N_CLAIMS},
        NULL, &error);
    ko_mem_fail_nth(0);
    CHECK_CODE(error, KO_E_MEMORY);
    CHECK_ERROR_SAYS(error, "(rank 0 of ");
}

CASES = {
    CASE(each_claim_is_given_once),
    CASE(without_claims_the_answer_is_none),
    CASE(a_single_claim_goes_to_one_rank),
    CASE(an_answer_without_memory_fails_the_phase),
};
RUN_CASES
