/*
 * Find when something fails: in each round, on the first and the last rank.  All ranks leave with
 * the same error, nothing is half done, and the same find again makes the same plan.
 */
#include "support/trial.h"

/* Every round has work to do: m is met with two contents, so that there is a conflict round. */
static const struct trial all_rounds = {.key = "k",
                                        .keep = "oldest:t",
                                        .items = "a k=x t=1\nb k=x t=2\nc k=y t=1\nd k=y t=2\n"
                                                 "m k=z t=1\nn k=z t=2\nm k=w t=1\no k=w t=2\n"
                                                 "u k=1 t=1\n"};

static const char *const rounds[] = {"read",    "fingerprint", "candidate", "resolve",
                                     "primary", "conflict",    "plan"};

enum { N_ROUNDS = sizeof rounds / sizeof rounds[0] };

static void
set_fault(const char *round, int rank, const char *kind)
{
    char text[64];

    (void) snprintf(text, sizeof text, "%s:%d:%s", round, rank, kind);
    (void) setenv("KEEPONE_FAULT", text, 1);
}

static void
check_plan(const struct outcome *outcome, struct ko_error *err)
{
    CHECK_OK(outcome->error);
    CHECK_SLICE(ko_buf_slice(&outcome->plan), "b>a d>c");
    CHECK_SLICE(ko_buf_slice(&outcome->review), "primary_key(m n) primary_key(m o)");
    CHECK_SLICE(ko_buf_slice(&outcome->counts),
                "read=9 unique=1 keepers=2 planned=2 review=4 groups=2");
}

/* The fault, then the same run directory without it. */
static void
fail_and_go_on(struct ko_world *world, const char *round, int rank, struct ko_error *err)
{
    char folder[KO_PATH_BYTES] = "";
    struct outcome outcome;

    if (make_trial_folder(world, folder, err) != KO_OK)
        return;
    set_fault(round, rank, "fail");
    (void) run_trial_in(world, folder, &all_rounds, &outcome, err);
    (void) unsetenv("KEEPONE_FAULT");
    CHECK_CODE(outcome.error, KO_E_IO);
    CHECK_ERROR_SAYS(outcome.error, "injected fault");
    CHECK(outcome.state == KO_RUN_READING);
    clear_outcome(&outcome);
    (void) run_trial_in(world, folder, &all_rounds, &outcome, err);
    check_plan(&outcome, err);
    clear_outcome(&outcome);
    remove_trial_folder(world, folder, err);
    if (err->code != KO_OK)
        ko_context(err, "%s:%d", round, rank);
}

static void
a_failure_in_any_round_fails_all_ranks_alike(struct ko_world *world, struct ko_error *err)
{
    for (size_t i = 0; i < N_ROUNDS; i++) {
        fail_and_go_on(world, rounds[i], 0, err);
        fail_and_go_on(world, rounds[i], ko_world_size(world) - 1, err);
    }
}

/* Each allocation of the last rank fails once: find fails with that everywhere, or does without. */
static void
a_failed_allocation_fails_all_ranks_alike(struct ko_world *world, struct ko_error *err)
{
    /* Beside others a failure takes until the next pulse. */
    const uint64_t stride = ko_world_size(world) == 1 ? 64 : 4;
    unsigned n_good_in_a_row = 0;
    unsigned n_failed = 0;

    for (uint64_t nth = 1; n_good_in_a_row < 4 && err->code == KO_OK; nth += 1 + nth / stride) {
        struct trial trial = all_rounds;
        struct outcome outcome;

        trial.fail_rank = ko_world_size(world) - 1;
        trial.fail_nth = nth;
        (void) run_trial(world, &trial, &outcome, err);
        n_good_in_a_row++;
        if (outcome.error.code == KO_OK) {
            check_plan(&outcome, err);
        } else {
            CHECK_CODE(outcome.error, KO_E_MEMORY);
            n_good_in_a_row = 0;
            n_failed++;
        }
        clear_outcome(&outcome);
        if (err->code != KO_OK)
            ko_context(err, "allocation %llu", (unsigned long long) nth);
    }
    CHECK(n_failed > 15);
}

static void
a_full_disk_on_one_rank_fails_all(struct ko_world *world, struct ko_error *err)
{
    for (int rank = 0; rank < ko_world_size(world); rank++) {
        struct trial trial = all_rounds;
        struct outcome outcome;

        trial.is_disk_full = true;
        trial.fail_rank = rank;
        (void) run_trial(world, &trial, &outcome, err);
        CHECK_CODE(outcome.error, KO_E_IO);
        CHECK_ERROR_SAYS(outcome.error, "cannot write");
        CHECK(outcome.state == KO_RUN_READING);
        clear_outcome(&outcome);
    }
}

static void
too_little_memory_is_told_before_any_plan(struct ko_world *world, struct ko_error *err)
{
    struct trial trial = all_rounds;
    struct outcome outcome;

    trial.memory_bytes = 1024 * 1024;
    (void) run_trial(world, &trial, &outcome, err);
    CHECK_CODE(outcome.error, KO_E_MEMORY);
    CHECK_ERROR_SAYS(outcome.error, "fingerprint");
    CHECK(strstr(outcome.error.hint, "--memory") != NULL);
    CHECK(outcome.state == KO_RUN_READING);
    clear_outcome(&outcome);
}

static void
a_claim_that_changes_between_its_readings_is_refused(struct ko_world *world, struct ko_error *err)
{
    static const struct {
        const char *items;
        const char *items_again;
    } changes[] = {
        {"a k=x t=1\nb k=x t=2\nu k=1 t=1\n", "a k=x t=1\nb k=q t=2\nu k=1 t=1\n"},
        {"a k=x t=1\nb k=x t=2\nu k=1 t=1\n", "a k=x t=1\nb k=x t=2\n"},
        {"u k=1 t=1\na k=x t=1\nb k=x t=2\n", "u k=1 t=1\na k=x t=1\n"},
        {"u k=1 t=1\na k=x t=1\nb k=x t=2\n", "u k=1 t=1\na k=x t=1\nb k=x t=2\nv k=x t=3\n"},
    };

    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const struct trial trial = {.key = "k",
                                    .keep = "oldest:t",
                                    .items = changes[i].items,
                                    .items_again = changes[i].items_again,
                                    .n_claims = 1,
                                    .is_unlogged = true,
                                    .memory_bytes = 16 * 1024 * 1024};
        struct outcome outcome;

        (void) run_trial(world, &trial, &outcome, err);
        CHECK_CODE(outcome.error, KO_E_CORRUPT);
        CHECK_ERROR_SAYS(outcome.error, "a line: is not what it was when it was read first");
        CHECK(outcome.state == KO_RUN_READING);
        clear_outcome(&outcome);
        if (err->code != KO_OK)
            ko_context(err, "change %zu", i);
    }
}

/* A stop stays wanted as long as the program runs, so this is the last case. */
static void
a_stop_stops_all_ranks(struct ko_world *world, struct ko_error *err)
{
    struct outcome outcome;

    ko_world_catch_signals(world);
    set_fault("candidate", ko_world_size(world) - 1, "stop");
    (void) run_trial(world, &all_rounds, &outcome, err);
    (void) unsetenv("KEEPONE_FAULT");
    CHECK_CODE(outcome.error, KO_E_STOPPED);
    CHECK(outcome.state == KO_RUN_READING);
    clear_outcome(&outcome);
}

CASES = {
    CASE(a_failure_in_any_round_fails_all_ranks_alike),
    CASE(a_failed_allocation_fails_all_ranks_alike),
    CASE(a_full_disk_on_one_rank_fails_all),
    CASE(too_little_memory_is_told_before_any_plan),
    CASE(a_claim_that_changes_between_its_readings_is_refused),
    CASE(a_stop_stops_all_ranks),
};
RUN_CASES
