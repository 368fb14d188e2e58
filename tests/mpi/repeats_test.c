#include "keepone/stage/repeats.h"

#include "keepone/record/record.h"
#include "support/mpi_test.h"

enum { MIB = 1024 * 1024 };

/* Mixes the bits of i: different for different i. */
static uint64_t
fingerprint_of(uint64_t i)
{
    uint64_t z = i + 0x9e3779b97f4a7c15U;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/*
 * The data of a case: number i of n belongs to a rank and is a value.  Value v occurs
 * n_of_value(v) times over all ranks.
 */
struct data {
    uint64_t n;
    int (*rank_of)(uint64_t i, int n_ranks);
    uint64_t (*value_of)(uint64_t i);
    bool (*is_repeated)(uint64_t value);
};

static int
scattered(uint64_t i, int n_ranks)
{
    return (int) (fingerprint_of(i + 77) % (uint64_t) n_ranks);
}

static int
all_on_the_last(uint64_t i, int n_ranks)
{
    (void) i;
    return n_ranks - 1;
}

/* Values 0 to 9,999 once, 10,000 to 19,999 twice, 20,000 to 20,099 a hundred times. */
static uint64_t
mixed_value(uint64_t i)
{
    if (i < 20000)
        return i;
    return i < 30000 ? i - 10000 : 20000 + i % 100;
}

static bool
is_mixed_repeated(uint64_t value)
{
    return value >= 10000;
}

static uint64_t
own_value(uint64_t i)
{
    return i;
}

/* As mixed_value(), and behind it values that occur once. */
static uint64_t
mixed_or_own_value(uint64_t i)
{
    return i < 40000 ? mixed_value(i) : i;
}

static bool
is_mixed_or_own_repeated(uint64_t value)
{
    return value < 40000 && is_mixed_repeated(value);
}

static bool
is_never_repeated(uint64_t value)
{
    (void) value;
    return false;
}

static uint64_t
one_value(uint64_t i)
{
    (void) i;
    return 42;
}

static bool
is_always_repeated(uint64_t value)
{
    (void) value;
    return true;
}

/* Every other one is 42. */
static uint64_t
half_equal_value(uint64_t i)
{
    return i % 2 == 0 ? 42 : i;
}

static bool
is_42(uint64_t value)
{
    return value == 42;
}

static const struct data mixed = {40000, scattered, mixed_value, is_mixed_repeated};
static const struct data on_one_rank = {40000, all_on_the_last, mixed_value, is_mixed_repeated};
static const struct data unique = {200000, scattered, own_value, is_never_repeated};
static const struct data all_equal = {30000, scattered, one_value, is_always_repeated};

/* Collective: adds this rank's part of the data and finds the repeats; NULL after a failure. */
static struct ko_repeats *
find_repeats(struct ko_world *world, const struct data *data,
             const struct ko_repeats_options *options, struct ko_repeats_stats *stats,
             struct ko_error *err)
{
    const int rank = ko_world_rank(world);
    struct ko_repeats *repeats = ko_repeats_new(options, err);

    for (uint64_t i = 0; i < data->n && err->code == KO_OK; i++)
        if (data->rank_of(i, ko_world_size(world)) == rank)
            (void) ko_repeats_add(repeats, fingerprint_of(data->value_of(i)), err);
    if (repeats != NULL)
        (void) ko_repeats_find(repeats, world, stats, err);
    else
        (void) ko_gate(world, err);
    if (err->code == KO_OK)
        return repeats;
    ko_repeats_free(repeats);
    return NULL;
}

struct tally {
    uint64_t n_missed;
    uint64_t n_by_chance;
    uint64_t n_repeated;
    uint64_t n_strange; /* an answer to another question */
    uint64_t n_own;
};

/* Asks for every fingerprint of this rank; every other one is passed over if that can be. */
static struct tally
ask_for_all(struct ko_repeats *repeats, const struct data *data, struct ko_world *world,
            struct ko_error *err)
{
    struct tally tally = {0};

    for (uint64_t i = 0; i < data->n && err->code == KO_OK; i++) {
        const uint64_t value = data->value_of(i);
        struct ko_repeats_answer answer = {.partition = ko_partition_of(fingerprint_of(value))};
        uint64_t n_passed = 0;
        uint64_t n_none = 0;

        if (data->rank_of(i, ko_world_size(world)) != ko_world_rank(world))
            continue;
        if (tally.n_own++ % 2 == 0)
            (void) ko_repeats_pass(repeats, 1, &n_passed, &n_none, err);
        if (n_passed == 0)
            (void) ko_repeats_next(repeats, &answer, err);
        tally.n_repeated += answer.is_repeated;
        tally.n_missed += data->is_repeated(value) && !answer.is_repeated;
        tally.n_by_chance += !data->is_repeated(value) && answer.is_repeated;
        tally.n_strange += answer.is_none || n_none > 0 ||
                           answer.partition != ko_partition_of(fingerprint_of(value));
    }
    return tally;
}

/* Nothing is missed, at most so many are reported by chance, and nothing was lost on the way. */
static void
check_data(struct ko_world *world, const struct data *data, bool is_exact, uint64_t by_chance_max,
           struct ko_error *err)
{
    const struct ko_repeats_options options = {
        .name = "fingerprint", .memory_bytes = 64 * MIB, .is_exact = is_exact};
    struct ko_repeats_stats stats = {0};
    struct ko_repeats *repeats = find_repeats(world, data, &options, &stats, err);
    struct tally tally = {0};

    if (repeats != NULL)
        tally = ask_for_all(repeats, data, world, err);
    CHECK(tally.n_missed == 0);
    CHECK(tally.n_strange == 0);
    CHECK(repeats == NULL || tally.n_repeated == ko_repeats_count(repeats));
    CHECK(tally.n_by_chance <= by_chance_max);
    CHECK(stats.n_added == tally.n_own);
    CHECK(stats.n_sent <= stats.n_added);
    CHECK(stats.peak_bytes <= 64 * MIB);
    ko_repeats_free(repeats);
}

static void
no_repeat_is_missed(struct ko_world *world, struct ko_error *err)
{
    check_data(world, &mixed, false, 20, err);
    check_data(world, &on_one_rank, false, 20, err);
    check_data(world, &all_equal, false, 0, err);
    check_data(world, &unique, false, 200, err);
}

static void
exact_mode_reports_nothing_by_chance(struct ko_world *world, struct ko_error *err)
{
    check_data(world, &mixed, true, 0, err);
    check_data(world, &on_one_rank, true, 0, err);
    check_data(world, &all_equal, true, 0, err);
    check_data(world, &unique, true, 0, err);
}

static void
ranks_without_anything_take_part(struct ko_world *world, struct ko_error *err)
{
    const struct data nothing = {0, scattered, own_value, is_never_repeated};
    const struct data one = {1, all_on_the_last, own_value, is_never_repeated};
    const struct data two_alike = {2, all_on_the_last, one_value, is_always_repeated};

    check_data(world, &nothing, false, 0, err);
    check_data(world, &one, false, 0, err);
    check_data(world, &two_alike, false, 0, err);
}

/* Distinct fingerprints travel once, however often they occur. */
static void
what_was_sent_and_found_is_counted(struct ko_world *world, struct ko_error *err)
{
    const struct ko_repeats_options options = {
        .name = "fingerprint", .memory_bytes = 64 * MIB, .is_exact = true};
    struct ko_repeats_stats stats = {0};
    struct ko_repeats *repeats = find_repeats(world, &on_one_rank, &options, &stats, err);
    uint64_t sums[3] = {stats.n_added, stats.n_sent, 0};

    if (repeats != NULL)
        sums[2] = ko_repeats_count(repeats);
    (void) ko_world_sum(world, sums, 3, err);
    CHECK(sums[0] == 40000);
    CHECK(sums[1] == 20100);
    CHECK(sums[2] == 30000);
    ko_repeats_free(repeats);
}

/* The first rank adds the values and asks for each: + is repeated. */
static void
check_values(struct ko_world *world, const uint64_t *values, size_t n, const char *expected,
             struct ko_error *err)
{
    const struct ko_repeats_options options = {
        .name = "primary", .memory_bytes = 64 * MIB, .is_exact = true};
    struct ko_repeats *repeats = ko_repeats_new(&options, err);
    struct ko_repeats_stats stats;
    char answers[16] = "";

    /* Only the first rank has them, so that none is repeated by being on two ranks. */
    for (size_t i = 0; i < n && ko_world_rank(world) == 0 && err->code == KO_OK; i++)
        (void) ko_repeats_add(repeats, values[i], err);
    (void) ko_repeats_find(repeats, world, &stats, err);
    for (size_t i = 0; i < n && ko_world_rank(world) == 0 && err->code == KO_OK; i++) {
        struct ko_repeats_answer answer = {0};

        (void) ko_repeats_next(repeats, &answer, err);
        answers[i] = answer.is_repeated ? '+' : '-';
    }
    if (ko_world_rank(world) == 0)
        CHECK_TEXT(answers, expected);
    ko_repeats_free(repeats);
}

static void
the_smallest_and_largest_fingerprints_are_told_apart(struct ko_world *world, struct ko_error *err)
{
    const uint64_t ends[] = {0, 2, UINT64_MAX, UINT64_MAX - 2, UINT64_C(1) << 63};
    const uint64_t twice[] = {0, UINT64_MAX, 0, UINT64_MAX, 4};
    const uint64_t near[] = {8, 9, 10, 12}; /* the last bit is not compared */

    check_values(world, ends, 5, "-----", err);
    check_values(world, twice, 5, "++++-", err);
    check_values(world, near, 4, "++--", err);
}

static void
a_unique_fingerprint_costs_few_bytes(struct ko_world *world, struct ko_error *err)
{
    const struct ko_repeats_options options = {.name = "fingerprint", .memory_bytes = 64 * MIB};
    struct ko_repeats_stats stats = {0};
    struct ko_repeats *repeats = find_repeats(world, &unique, &options, &stats, err);
    uint64_t wire_bytes = stats.n_wire_bytes;

    (void) ko_world_sum(world, &wire_bytes, 1, err);
    if (ko_world_rank(world) == 0)
        (void) fprintf(stderr, "%.2f bytes for each of %llu fingerprints on %d ranks\n",
                       (double) wire_bytes / (double) unique.n, (unsigned long long) unique.n,
                       ko_world_size(world));
    CHECK(wire_bytes * 10 <= unique.n * 82);
    ko_repeats_free(repeats);
}

/* All ranks must have failed for lack of memory, told as the case of the one that had. */
static void
check_short_memory(struct ko_world *world, const struct data *data, uint64_t memory_bytes,
                   const char *text, struct ko_error *err)
{
    const bool is_small = ko_world_rank(world) == ko_world_size(world) - 1;
    const struct ko_repeats_options options = {.name = "fingerprint",
                                               .memory_bytes = is_small ? memory_bytes : 64 * MIB};
    struct ko_repeats_stats stats;
    struct ko_error failure = {0};
    struct ko_repeats *repeats = find_repeats(world, data, &options, &stats, &failure);

    CHECK(repeats == NULL);
    CHECK_CODE(failure, KO_E_MEMORY);
    CHECK_ERROR_SAYS(failure, text);
    CHECK(strstr(failure.hint, "--memory") != NULL);
}

static void
too_little_memory_on_one_rank_fails_all(struct ko_world *world, struct ko_error *err)
{
    /* Not even a first block; no room beside the blocks for finding what is repeated. */
    check_short_memory(world, &on_one_rank, MIB, "need more than the 1 MiB given", err);
    check_short_memory(world, &on_one_rank, 6 * MIB, "need more than the 6 MiB given", err);
}

static void
check_spilled(struct ko_world *world, const struct data *data,
              const struct ko_repeats_options *options, struct ko_error *err)
{
    struct ko_repeats_stats stats = {0};
    struct ko_repeats *repeats = find_repeats(world, data, options, &stats, err);
    struct tally tally = {0};

    if (repeats != NULL)
        tally = ask_for_all(repeats, data, world, err);
    CHECK(tally.n_missed == 0);
    CHECK(tally.n_strange == 0);
    CHECK(!options->is_exact || tally.n_by_chance == 0);
    CHECK(repeats == NULL || tally.n_repeated == ko_repeats_count(repeats));
    CHECK(tally.n_own == stats.n_added);
    CHECK(options->folder == NULL || stats.n_added < 1400000 || stats.n_spilled_bytes > 0);
    CHECK(stats.peak_bytes <= options->memory_bytes);
    ko_repeats_free(repeats);
}

/* What memory has no room for is spilled, values and turns, and every answer is the same. */
static void
what_is_spilled_gets_its_answers(struct ko_world *world, struct ko_error *err)
{
    const struct data many = {3000000, scattered, mixed_or_own_value, is_mixed_or_own_repeated};
    const struct ko_repeats_options options = {
        .name = "fingerprint", .folder = ".", .memory_bytes = 12 * MIB};

    check_spilled(world, &many, &options, err);
}

/* Beside the blocks there is no room for the answers, nor for the tables of whole partitions. */
static void
the_least_memory_is_enough_for_many(struct ko_world *world, struct ko_error *err)
{
    const struct ko_repeats_options options = {
        .name = "primary", .folder = ".", .memory_bytes = 7 * MIB + 300 * 1024, .is_exact = true};
    const struct data on_all = {5000000, scattered, mixed_or_own_value, is_mixed_or_own_repeated};
    const struct data on_one = {5000000, all_on_the_last, mixed_or_own_value,
                                is_mixed_or_own_repeated};
    const struct data equal = {5000000, all_on_the_last, one_value, is_always_repeated};
    const struct data fewer = {800000, all_on_the_last, one_value, is_always_repeated};

    check_spilled(world, &on_all, &options, err);
    check_spilled(world, &on_one, &options, err);
    check_spilled(world, &equal, &options, err);
    check_spilled(world, &fewer, &options, err); /* which the blocks have room for */
}

/* A third is the last rank's, the others are the first one's. */
static int
on_two(uint64_t i, int n_ranks)
{
    return i % 3 == 0 ? n_ranks - 1 : 0;
}

/* On the last rank values, turns and answers need 10,400 KiB, which leaves no room for the tables
 * of whole partitions; the first one spills its answers slice by slice. */
static void
slices_get_their_answers(struct ko_world *world, struct ko_error *err)
{
    const bool is_last = ko_world_rank(world) == ko_world_size(world) - 1;
    const struct data data = {ko_world_size(world) == 1 ? 1050000 : 3150000, on_two,
                              half_equal_value, is_42};
    const struct ko_repeats_options options = {.name = "primary",
                                               .folder = is_last ? NULL : ".",
                                               .memory_bytes =
                                                   is_last ? 10450 * 1024 : 7 * MIB + 300 * 1024,
                                               .is_exact = true};

    check_spilled(world, &data, &options, err);
}

/* Things without a fingerprint take their turn. */
static void
none_is_never_repeated(struct ko_world *world, struct ko_error *err)
{
    const struct ko_repeats_options options = {.name = "fingerprint", .memory_bytes = 64 * MIB};
    struct ko_repeats *repeats = ko_repeats_new(&options, err);
    struct ko_repeats_stats stats;
    char answers[8] = "";

    for (uint64_t i = 0; i < 6 && err->code == KO_OK; i++) {
        if (i % 3 == 0)
            (void) ko_repeats_add_none(repeats, err);
        else
            (void) ko_repeats_add(repeats, fingerprint_of(i % 3), err);
    }
    (void) ko_repeats_find(repeats, world, &stats, err);
    for (size_t i = 0; i < 6 && err->code == KO_OK; i++) {
        struct ko_repeats_answer answer = {0};

        (void) ko_repeats_next(repeats, &answer, err);
        answers[i] = answer.is_none ? 'n' : answer.is_repeated ? '+' : '-';
    }
    CHECK_TEXT(answers, "n++n++");
    ko_repeats_free(repeats);
}

CASES = {
    CASE(no_repeat_is_missed),
    CASE(exact_mode_reports_nothing_by_chance),
    CASE(ranks_without_anything_take_part),
    CASE(what_was_sent_and_found_is_counted),
    CASE(the_smallest_and_largest_fingerprints_are_told_apart),
    CASE(a_unique_fingerprint_costs_few_bytes),
    CASE(too_little_memory_on_one_rank_fails_all),
    CASE(what_is_spilled_gets_its_answers),
    CASE(the_least_memory_is_enough_for_many),
    CASE(slices_get_their_answers),
    CASE(none_is_never_repeated),
};
RUN_CASES
