#include "keepone/stage/sample.h"

#include <stdlib.h>

#include "keepone/base/random.h"

#include "support/test.h"

enum { ITEMS_MAX = 40000, SEGMENTS = 1000, TRIALS = 300 };

/* "a1 a2 b1": key and partition of each item. */
static struct ko_sample_counts
count_of(const char *text)
{
    struct ko_sample_item items[64];
    struct ko_sample_counts counts;
    size_t n = 0;

    for (; *text != '\0'; text += text[2] == ' ' ? 3 : 2)
        items[n++] =
            (struct ko_sample_item){.key = (uint64_t) text[0], .partition = (uint64_t) text[1]};
    ko_sample_count(items, n, &counts);
    return counts;
}

static void
repeats_are_counted_by_key_and_partition(void)
{
    static const struct {
        const char *items;
        const char *expected; /* items keys repeated, inside, pairs, triples as events:sum */
    } rows[] = {
        {"", "0 0 0, 0:0 0:0 0:0"},
        {"a1 b1 c2", "3 3 0, 0:0 0:0 0:0"},
        {"a1 b9 a2", "3 2 1, 0:0 1:1 0:0"},
        {"a1 a1 a1", "3 1 1, 1:2 0:0 0:0"},
        {"a1 a1 a2 a3", "4 1 1, 1:1 1:3 1:1"},
        {"a1 b1 a1 b1 c2 c2", "6 3 3, 2:3 0:0 0:0"}, /* two keys of partition 1: one event */
        {"a1 a2 a3 a4 b1 b2", "6 2 2, 0:0 2:7 1:4"},
        {"a1 a2 b1 b2", "4 2 2, 0:0 1:2 0:0"}, /* the same partition keys: one event */
        {"a1 a2 a3 b1 b2 b3 b3", "7 2 2, 1:1 1:6 1:2"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_sample_counts counts = count_of(rows[i].items);
        char line[128];

        (void) snprintf(line, sizeof line, "%d %d %d, %d:%g %d:%g %d:%g", (int) counts.n_items,
                        (int) counts.n_keys, (int) counts.n_repeated_keys, (int) counts.inside.n,
                        counts.inside.sum, (int) counts.pairs.n, counts.pairs.sum,
                        (int) counts.triples.n, counts.triples.sum);
        CHECK_TEXT(line, rows[i].expected);
    }
}

static void
a_whole_table_gives_the_exact_number(void)
{
    const struct ko_sample_counts counts = count_of("a1 a1 a2 b1 c3 c4 c5 c6");
    const struct ko_sample_estimate estimate = ko_sample_estimate(&counts, 1, 8);

    assert_true(estimate.is_exact);
    assert_false(estimate.is_too_small);
    assert_true(estimate.losers == 5 && estimate.low == 5 && estimate.high == 5);
    assert_true(estimate.groups == 2);
}

/* No repeat among the items: fewer than 3.69 pairs / p^2, and too small a sample to say more. */
static void
a_sample_without_repeats_has_an_upper_limit(void)
{
    const struct ko_sample_counts counts = count_of("a1 b2 c3");
    const struct ko_sample_estimate estimate = ko_sample_estimate(&counts, 0.1, 1e9);

    assert_true(estimate.is_too_small);
    assert_true(estimate.losers == 0 && estimate.low == 0);
    assert_true(estimate.high > 368 && estimate.high < 370);
}

static void
a_sample_of_no_items_says_nothing(void)
{
    const struct ko_sample_counts counts = count_of("");
    const struct ko_sample_estimate estimate = ko_sample_estimate(&counts, 0.1, 1e9);

    assert_true(estimate.is_too_small);
    assert_true(estimate.losers == 0 && estimate.low == 0 && estimate.high > 368);
}

/* 100 items of a tenant may all be copies of another tenant's, and none of the pairs was seen. */
static void
large_partitions_may_hide_large_events(void)
{
    struct ko_sample_item items[200];
    struct ko_sample_counts counts;
    struct ko_sample_estimate estimate;

    for (size_t i = 0; i < 200; i++)
        items[i] = (struct ko_sample_item){.key = i, .partition = i % 2};
    ko_sample_count(items, 200, &counts);
    estimate = ko_sample_estimate(&counts, 0.1, 1e9);
    assert_int_equal(counts.most_in_partition, 100);
    assert_true(estimate.is_too_small);
    assert_true(estimate.high > 36800 && estimate.high < 37000);
}

static void
no_more_losers_than_items_are_possible(void)
{
    const struct ko_sample_counts counts = count_of("a1 a2 b1 b2");
    const struct ko_sample_estimate estimate = ko_sample_estimate(&counts, 0.001, 4000);

    assert_true(estimate.losers == 4000 && estimate.high == 4000);
}

static void
sizes_are_rounded_up_item_by_item(void)
{
    static char json[6000];
    struct ko_sample_sizes sizes = {0};
    struct ko_error err = {0};

    (void) ko_sample_add_size(&sizes, KO_SLICE("{\"pk\":{\"S\":\"a\"}}"), &err);
    (void) snprintf(json, sizeof json, "{\"pk\":{\"S\":\"%04500d\"}}", 7);
    (void) ko_sample_add_size(&sizes, ko_slice_of(json), &err);
    CHECK_OK(err);
    assert_true(sizes.n == 2);
    assert_true(sizes.bytes == 3 + 4502);
    assert_true(sizes.write_units == 1 + 5);
    assert_true(sizes.read_units == 1 + 2);
    assert_true(sizes.json_bytes == 2 * 10 + 16 + strlen(json));
}

static void
segments_follow_from_fraction_and_size(void)
{
    static const struct {
        double fraction;
        uint64_t bytes;
        uint64_t n;
        uint64_t total;
    } rows[] = {{0.01, 0, 10, 1000},
                {1, 0, 1000, 1000},
                {1e-9, 0, 1, 1000},
                {0.01, 10ULL << 30, 103, 10240},
                {0.5, 100ULL << 40, 500000, 1000000}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t n;
        uint64_t total;

        ko_sample_choose(rows[i].fraction, rows[i].bytes, &n, &total);
        assert_int_equal(n, rows[i].n);
        assert_int_equal(total, rows[i].total);
    }
}

/* A table of groups: n_groups of `size` items each, and unique items; how many copies share their
 * partition. */
struct shape {
    const char *name;
    unsigned n_unique;
    unsigned n_groups;
    unsigned size;
    unsigned n_large; /* of these groups, how many are of large_size instead */
    unsigned large_size;
    bool is_inside; /* copies share their partition key */
    double p;
};

struct result {
    double mean; /* of the estimates, over the truth */
    unsigned n_covered;
    unsigned n_below; /* the truth is below the interval */
};

/* A table anew for each trial, every partition key in a segment by lot, m segments of M read. */
static double
sample_table(const struct shape *shape, struct ko_sample_item *items, size_t *n)
{
    static bool is_drawn[SEGMENTS];
    uint64_t partition = 1;
    double losers = 0;
    unsigned n_drawn = 0;

    memset(is_drawn, 0, sizeof is_drawn);
    while (n_drawn < (unsigned) (shape->p * SEGMENTS + 0.5)) {
        bool *const segment = &is_drawn[ko_random(SEGMENTS)];

        n_drawn += !*segment;
        *segment = true;
    }
    *n = 0;
    for (unsigned key = 0; key < shape->n_unique + shape->n_groups; key++) {
        const unsigned size = key < shape->n_large    ? shape->large_size
                              : key < shape->n_groups ? shape->size
                                                      : 1;
        bool is_in = is_drawn[ko_random(SEGMENTS)];

        losers += size - 1;
        for (unsigned i = 0; i < size; i++) {
            if (i > 0 && !shape->is_inside) {
                is_in = is_drawn[ko_random(SEGMENTS)];
                partition++;
            }
            if (is_in && *n < ITEMS_MAX)
                items[(*n)++] = (struct ko_sample_item){.key = key, .partition = partition};
        }
        partition++;
    }
    return losers;
}

static struct result
simulate(const struct shape *shape)
{
    struct ko_sample_item *const items = calloc(ITEMS_MAX, sizeof *items);
    struct result result = {0};

    assert_non_null(items);
    for (int trial = 0; trial < TRIALS; trial++) {
        struct ko_sample_counts counts;
        struct ko_sample_estimate estimate;
        size_t n;
        const double truth = sample_table(shape, items, &n);

        ko_sample_count(items, n, &counts);
        estimate = ko_sample_estimate(&counts, shape->p, 1e9);
        result.mean += estimate.losers / truth / TRIALS;
        result.n_covered += estimate.low <= truth && truth <= estimate.high;
        result.n_below += truth < estimate.low;
    }
    free(items);
    return result;
}

static void
the_interval_holds_the_truth_in_simulations(void)
{
    static const struct shape shapes[] = {
        {"pairs", 6000, 1000, 2, 0, 0, false, 0.1},
        {"pairs, few seen", 6000, 300, 2, 0, 0, false, 0.1},
        {"pairs, half of the table", 3000, 300, 2, 0, 0, false, 0.5},
        {"pairs within a partition", 6000, 1000, 2, 0, 0, true, 0.05},
        {"groups of 5", 6000, 400, 5, 0, 0, false, 0.1},
        {"groups of 20 within a partition", 2000, 100, 20, 0, 0, true, 0.1},
        {"pairs and some of 40", 4000, 600, 2, 10, 40, false, 0.1},
    };

    ko_random_seed(7);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const struct result result = simulate(&shapes[i]);

        /* 95 % of 300 trials, less four standard deviations of the simulation itself. */
        if (result.n_covered < 270 || result.n_below > 15)
            fail_msg("%s: the interval holds the truth in %u of %d, lies above it in %u",
                     shapes[i].name, result.n_covered, (int) TRIALS, result.n_below);
    }
}

static void
the_estimate_has_no_bias_where_none_is_claimed(void)
{
    static const struct shape shapes[] = {
        {"pairs", 6000, 2000, 2, 0, 0, false, 0.1},
        {"pairs within a partition", 6000, 1000, 2, 0, 0, true, 0.05},
        {"groups of 20 within a partition", 2000, 100, 20, 0, 0, true, 0.1},
        {"groups of 8", 0, 1000, 8, 0, 0, false, 0.3},
    };

    ko_random_seed(11);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const struct result result = simulate(&shapes[i]);

        if (result.mean < 0.95 || result.mean > 1.05)
            fail_msg("%s: the estimates are %.3f of the truth", shapes[i].name, result.mean);
    }
}

/* Mixed sizes: too low on average, as the header says, never too high. */
static void
the_estimate_of_mixed_groups_errs_to_the_low_side(void)
{
    static const struct shape mixed = {"mixed", 4000, 1500, 2, 20, 40, false, 0.2};
    struct result result;

    ko_random_seed(13);
    result = simulate(&mixed);
    assert_true(result.mean < 1);
    assert_true(result.n_covered >= 270);
}

CASES = {
    CASE(repeats_are_counted_by_key_and_partition),
    CASE(a_whole_table_gives_the_exact_number),
    CASE(a_sample_without_repeats_has_an_upper_limit),
    CASE(a_sample_of_no_items_says_nothing),
    CASE(large_partitions_may_hide_large_events),
    CASE(no_more_losers_than_items_are_possible),
    CASE(sizes_are_rounded_up_item_by_item),
    CASE(segments_follow_from_fraction_and_size),
    CASE(the_interval_holds_the_truth_in_simulations),
    CASE(the_estimate_has_no_bias_where_none_is_claimed),
    CASE(the_estimate_of_mixed_groups_errs_to_the_low_side),
};
RUN_CASES
