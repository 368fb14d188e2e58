#include "support/mpi_test.h"

/* Gates with this code on this rank; "" as text when the code is KO_OK. */
static struct ko_error
gate_with(struct ko_world *world, enum ko_code code, const char *text)
{
    struct ko_error error = {0};

    if (code != KO_OK) {
        ko_fail(&error, code, "%s", text);
        ko_hint(&error, "try %s.", text);
    }
    (void) ko_gate(world, &error);
    return error;
}

/* " (rank R of N on HOST; K ranks failed)", or nothing for a single rank. */
static void
suffix_of(struct ko_world *world, int rank, int n_failed, char suffix[600])
{
    suffix[0] = '\0';
    if (ko_world_size(world) > 1)
        (void) snprintf(suffix, 600, " (rank %d of %d on %s; %d rank%s failed)", rank,
                        ko_world_size(world), ko_world_host(world), n_failed,
                        n_failed == 1 ? "" : "s");
}

static void
a_gate_of_clean_ranks_is_clean(struct ko_world *world, struct ko_error *err)
{
    const struct ko_error error = gate_with(world, KO_OK, "");

    CHECK_OK(error);
    CHECK_TEXT(error.text, "");
}

static void
each_single_failure_reaches_every_rank(struct ko_world *world, struct ko_error *err)
{
    for (int failing = 0; failing < ko_world_size(world); failing++) {
        const bool is_mine = failing == ko_world_rank(world);
        const struct ko_error error = gate_with(world, is_mine ? KO_E_IO : KO_OK, "no disk");
        char expected[700];
        char suffix[600];

        suffix_of(world, failing, 1, suffix);
        (void) snprintf(expected, sizeof expected, "no disk%s", suffix);
        CHECK_CODE(error, KO_E_IO);
        CHECK_TEXT(error.text, expected);
        CHECK_TEXT(error.hint, "try no disk.");
    }
}

static void
the_largest_code_explains_most(struct ko_world *world, struct ko_error *err)
{
    const int last = ko_world_size(world) - 1;
    const bool is_last = ko_world_rank(world) == last;
    const struct ko_error error =
        gate_with(world, is_last ? KO_E_CORRUPT : KO_E_THROTTLED, is_last ? "bad" : "slow");
    char expected[700];
    char suffix[600];

    suffix_of(world, last, ko_world_size(world), suffix);
    (void) snprintf(expected, sizeof expected, "bad%s", suffix);
    CHECK_CODE(error, KO_E_CORRUPT);
    CHECK_TEXT(error.text, expected);
}

static void
ties_go_to_the_lowest_rank(struct ko_world *world, struct ko_error *err)
{
    const int lowest = ko_world_size(world) > 2 ? 1 : 0;
    const int rank = ko_world_rank(world);
    struct ko_error error;
    char text[700];
    char suffix[600];

    (void) snprintf(text, sizeof text, "rank %d", rank);
    error = gate_with(world, rank >= lowest ? KO_E_AWS : KO_OK, text);
    suffix_of(world, lowest, ko_world_size(world) - lowest, suffix);
    (void) snprintf(text, sizeof text, "rank %d%s", lowest, suffix);
    CHECK_CODE(error, KO_E_AWS);
    CHECK_TEXT(error.text, text);
}

static void
a_second_gate_adds_nothing(struct ko_world *world, struct ko_error *err)
{
    struct ko_error error = gate_with(world, KO_E_IO, "no disk");
    struct ko_error first = error;

    (void) ko_gate(world, &error);
    CHECK_TEXT(error.text, first.text);
    ko_context(&error, "planning");
    ko_context(&first, "planning");
    (void) ko_gate(world, &error);
    CHECK_TEXT(error.text, first.text);
}

static void
a_stop_is_nobodys_fault(struct ko_world *world, struct ko_error *err)
{
    const struct ko_error error = gate_with(world, KO_E_STOPPED, "stopped");

    CHECK_CODE(error, KO_E_STOPPED);
    CHECK_TEXT(error.text, "stopped");
}

/* 2 bytes per character: the cut must not leave half of one. */
static void
a_long_text_is_cut_before_the_rank(struct ko_world *world, struct ko_error *err)
{
    char text[KO_ERROR_TEXT_BYTES];
    struct ko_error error;
    const char *suffix;

    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\303\244", 3);
    error = gate_with(world, KO_E_BUG, text);
    suffix = strstr(error.text, " (rank 0 of ");
    CHECK((suffix != NULL) == (ko_world_size(world) > 1));
    CHECK(suffix == NULL || strstr(suffix, " ranks failed)") != NULL);
    CHECK(suffix == NULL || (suffix - error.text) % 2 == 0);
}

CASES = {
    CASE(a_gate_of_clean_ranks_is_clean),     CASE(each_single_failure_reaches_every_rank),
    CASE(the_largest_code_explains_most),     CASE(ties_go_to_the_lowest_rank),
    CASE(a_second_gate_adds_nothing),         CASE(a_stop_is_nobodys_fault),
    CASE(a_long_text_is_cut_before_the_rank),
};
RUN_CASES
