/*
 * All rounds of find: what is planned, what goes to review, and how everything is counted, whatever
 * the number of ranks and claims, with and without a log.
 */
#include "support/trial.h"

enum { SMALL_BYTES = 6 * 1024 * 1024, LARGER_BYTES = 12 * 1024 * 1024 };

struct expectation {
    const char *plan;
    const char *review;
    const char *counts;
};

static void
compare(const struct outcome *outcome, const struct expectation *expected, struct ko_error *err)
{
    CHECK_OK(outcome->error);
    CHECK_SLICE(ko_buf_slice(&outcome->plan), expected->plan);
    CHECK_SLICE(ko_buf_slice(&outcome->review), expected->review);
    CHECK_SLICE(ko_buf_slice(&outcome->counts), expected->counts);
}

/* Runs the trial in three ways, which must all give what is expected, and the same plan. */
static void
expect(struct ko_world *world, struct trial trial, const char *plan, const char *review,
       const char *counts, struct ko_error *err)
{
    const struct expectation expected = {plan, review, counts};
    const struct {
        uint64_t n_claims;
        bool is_reversed;
        bool is_unlogged;
    } ways[] = {{3, false, false}, {7, true, false}, {2, false, true}};
    char digest[65] = "";

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct outcome outcome;

        trial.n_claims = ways[i].n_claims;
        trial.is_reversed = ways[i].is_reversed;
        trial.is_unlogged = ways[i].is_unlogged && trial.key[0] == 'k';
        trial.memory_bytes = SMALL_BYTES;
        (void) run_trial(world, &trial, &outcome, err);
        compare(&outcome, &expected, err);
        if (i == 0 && outcome.digest.n == 64)
            memcpy(digest, outcome.digest.data, 64);
        CHECK_SLICE(ko_buf_slice(&outcome.digest), digest);
        clear_outcome(&outcome);
    }
}

/* The trial must fail like this on every rank, and leave a run that has no plan. */
static void
expect_failure(struct ko_world *world, const struct trial *trial, enum ko_code code,
               const char *text, const char *hint, struct ko_error *err)
{
    struct outcome outcome;

    (void) run_trial(world, trial, &outcome, err);
    CHECK_CODE(outcome.error, code);
    CHECK_ERROR_SAYS(outcome.error, text);
    if (strstr(outcome.error.hint, hint) == NULL)
        ko_fail(err, KO_E_BUG, "the hint '%s' does not say '%s'", outcome.error.hint, hint);
    CHECK(outcome.state == KO_RUN_READING);
    clear_outcome(&outcome);
}

/* ---- keys ---- */

static void
keys_are_compared_by_type_and_value(struct ko_world *world, struct ko_error *err)
{
    const struct trial numbers = {.key = "k",
                                  .keep = "any",
                                  .items = "a k=#1\nb k=#1.0\nc k=#1e0\nd k=1\ne k=1.0\n"
                                           "f k={\"B\":\"MQ==\"}\ng k={\"BOOL\":true}\n"};
    const struct trial escapes = {.key = "k",
                                  .keep = "any",
                                  .items = "a k=x/y\nb k=\\u0078\\/y\nc k=x\\\\/y\n"
                                           "d k=\\ud83d\\ude00\ne k=\xf0\x9f\x98\x80\n"};
    const struct trial sets = {.key = "k",
                               .keep = "any",
                               .items =
                                   "a k={\"SS\":[\"x\",\"y\"]}\nb k={\"SS\":[\"y\",\"x\"]}\n"
                                   "c k={\"L\":[{\"S\":\"x\"},{\"S\":\"y\"}]}\n"
                                   "d k={\"L\":[{\"S\":\"y\"},{\"S\":\"x\"}]}\n"
                                   "e k={\"M\":{\"p\":{\"N\":\"1\"},\"q\":{\"N\":\"2\"}}}\n"
                                   "f k={\"M\":{\"q\":{\"N\":\"2.0\"},\"p\":{\"N\":\"1\"}}}\n"};

    expect(world, numbers, "b>a c>a", "", "read=7 unique=4 keepers=1 planned=2", err);
    expect(world, escapes, "b>a e>d", "", "read=5 unique=1 keepers=2 planned=2", err);
    expect(world, sets, "b>a f>e", "", "read=6 unique=2 keepers=2 planned=2", err);
}

static void
composite_keys_do_not_run_together(struct ko_world *world, struct ko_error *err)
{
    const struct trial two = {.key = "handle:lower:trim,message",
                              .keep = "any",
                              .items = "a handle=ab message=c\nb handle=a message=bc\n"
                                       "c handle=AB\\u0020 message=c\nd handle=ab\n"};
    const struct trial nested = {
        .key = "m.x,l[1]",
        .keep = "any",
        .items = "a m={\"M\":{\"x\":{\"S\":\"1\"}}} l={\"L\":[{\"S\":\"0\"},{\"S\":\"2\"}]}\n"
                 "b m={\"M\":{\"x\":{\"S\":\"1\"}}} l={\"L\":[{\"S\":\"9\"},{\"S\":\"2\"}]}\n"
                 "c m={\"M\":{\"x\":{\"S\":\"1\"}}} l={\"L\":[{\"S\":\"2\"}]}\n"
                 "d m.x=1 l=2\n"};

    expect(world, two, "c>a", "", "read=4 missing=1 unique=1 keepers=1 planned=1", err);
    expect(world, nested, "b>a", "", "read=4 missing=2 keepers=1 planned=1", err);
}

static void
items_without_a_key_are_never_grouped(struct ko_world *world, struct ko_error *err)
{
    struct trial trial = {.key = "k:trim",
                          .keep = "any",
                          .items = "a\nb\nc k=~\nd k=~\ne k=\nf k=\ng k=\\u0020\nh k=\\u0009\n"
                                   "i k={\"B\":\"\"}\nj k={\"L\":[]}\nk k=x\n"};
    struct trial none = trial;

    expect(world, trial, "", "", "read=11 missing=10 unique=1", err);
    trial.missing_key = KO_MISSING_GROUP;
    expect(world, trial, "b>a c>a d>a e>a f>a g>a h>a i>a j>a", "",
           "read=11 unique=1 keepers=1 planned=9", err);
    trial.missing_key = KO_MISSING_ERROR;
    expect_failure(world, &trial, KO_E_REFUSED, "10 of 11 items have no key", "--missing-key skip",
                   err);
    none.items = "";
    expect(world, none, "", "", "", err);
}

static void
an_attribute_that_no_item_has_is_refused(struct ko_world *world, struct ko_error *err)
{
    struct trial trial = {.key = "kay", .keep = "any", .items = "a k=x t=1\nb k=x t=2\n"};

    expect_failure(world, &trial, KO_E_OPTION, "--key: no item of 2 has the attribute 'kay'",
                   "spelling", err);
    trial.key = "k";
    trial.keep = "oldest:tt";
    expect_failure(world, &trial, KO_E_OPTION, "--keep: no item of 2 has the attribute 'tt'",
                   "spelling", err);
    trial.keep = "oldest:t";
    trial.same = "t.x";
    expect_failure(world, &trial, KO_E_OPTION, "--same: no item of 2 has the attribute 't.x'",
                   "spelling", err);
    trial.same = NULL;
    /* A table may expire items of which it has none yet; what the user names must be there. */
    trial.ttl = "expires";
    expect(world, trial, "b>a", "", "read=2 keepers=1 planned=1", err);
    trial.ttl_is_given = true;
    expect_failure(world, &trial, KO_E_OPTION, "--ttl: no item of 2 has the attribute 'expires'",
                   "spelling", err);
}

static void
a_broken_item_fails_all_ranks(struct ko_world *world, struct ko_error *err)
{
    struct trial trial = {.key = "k",
                          .keep = "oldest:t",
                          .n_claims = 4,
                          .items = "a k=x t=1\nb k=x t=2\nc k={\"Q\":1} t=3\nd k=x t=4\n"};

    expect_failure(world, &trial, KO_E_CORRUPT, "unknown type tag", "", err);
    trial.items = "a k=x t=1\nb k=x t=2\nc k=y t={\"N\":\"1x\"}\nd k=y t=4\n";
    expect_failure(world, &trial, KO_E_CORRUPT, "attribute 't'", "", err);
}

/* ---- keepers ---- */

static void
ties_end_in_the_primary_key(struct ko_world *world, struct ko_error *err)
{
    const struct trial strings = {.key = "k",
                                  .keep = "oldest:t",
                                  .items = "c k=x t=#5\na k=x t=#5\n"
                                           "b k=x t=#5.0\n"};
    const struct trial numbers = {.key = "k",
                                  .keep = "oldest:t",
                                  .range = "sk",
                                  .items = "p/10 k=x t=#5\np/9 k=x t=#5\np/-1 k=x t=#5\n"};

    expect(world, strings, "b>a c>a", "", "read=3 keepers=1 planned=2", err);
    expect(world, numbers, "p/10>p/-1 p/9>p/-1", "", "read=3 keepers=1 planned=2", err);
}

static void
ranked_rules_choose_the_keeper(struct ko_world *world, struct ko_error *err)
{
    struct trial trial = {.key = "k",
                          .keep = "has:o,equals:s=\"ok\",newest:t",
                          .items = "a k=x t=#9 s=ok\nb k=x t=#1 o=1\nc k=x t=#2 o=1\n"
                                   "d k=x t=#1 o=~ s=ok\ne k=x t=#1 o=1 s=ok\n"};

    expect(world, trial, "a>e b>e c>e d>e", "", "read=5 keepers=1 planned=4", err);
    trial.keep = "max:t";
    expect(world, trial, "b>a c>a d>a e>a", "", "read=5 keepers=1 planned=4", err);
    trial.keep = "newest:t,has:o";
    expect(world, trial, "b>a c>a d>a e>a", "", "read=5 keepers=1 planned=4", err);
}

static void
a_date_that_does_not_parse_loses(struct ko_world *world, struct ko_error *err)
{
    struct trial trial = {.key = "k",
                          .keep = "oldest:t",
                          .items = "a k=x t=soon\nb k=x\nc k=x t=2024-05-06T09:00:00+02:00\n"
                                   "d k=x t=2024-05-06T08:00:00\ne k=x t=#1714978800001\n"
                                   "f k=y t=soon\ng k=y\n"};

    expect(world, trial, "a>c b>c d>c e>c", "unusable(f g)",
           "read=7 keepers=1 planned=4 review=2 groups=1", err);
    trial.keep = "newest:t";
    expect(world, trial, "a>d b>d c>d e>d", "unusable(f g)",
           "read=7 keepers=1 planned=4 review=2 groups=1", err);
    trial.keep = "newest:t,any";
    expect(world, trial, "a>d b>d c>d e>d g>f", "", "read=7 keepers=2 planned=5", err);
}

/* ---- doubt ---- */

static void
groups_in_doubt_go_to_review_whole(struct ko_world *world, struct ko_error *err)
{
    const struct trial same = {.key = "k",
                               .keep = "oldest:t",
                               .same = "p",
                               .items = "a k=x t=#1 p=1\nb k=x t=#2 p=1\nc k=x t=#3 p=2\n"
                                        "d k=y t=#1\ne k=y t=#2\nf k=z t=#1\ng k=z t=#2 p=~\n"};
    const struct trial large = {.key = "k",
                                .keep = "oldest:t",
                                .max_group = 2,
                                .items = "a k=x t=#1\nb k=x t=#2\nc k=x t=#3\n"
                                         "d k=y t=#1\ne k=y t=#2\nd k=y t=#1\n"};
    const struct trial types = {.key = "k",
                                .keep = "min:t",
                                .items = "a k=x t=#1\nb k=x t=1\nc k=x t=~\n"
                                         "d k=y t=#1\ne k=y t=~\n"};

    expect(world, same, "e>d", "same(a b c) same(f g)",
           "read=7 keepers=1 planned=1 review=5 groups=2", err);
    expect(world, large, "e>d", "max_group(a b c)",
           "read=6 folded=1 keepers=1 planned=1 review=3 groups=1", err);
    expect(world, types, "e>d", "mixed_types(a b c)",
           "read=5 keepers=1 planned=1 review=3 groups=1", err);
}

static void
items_that_expire_are_no_keepers(struct ko_world *world, struct ko_error *err)
{
    const struct trial trial = {
        .key = "k",
        .keep = "oldest:t",
        .ttl = "e",
        .as_of_s = 100,
        .items = "a k=v t=#1 e=#99\nb k=v t=#2 e=#100\nc k=v t=#3 e=#100\n" /* a is expired */
                 "d k=w t=#1 e=#200\ne k=w t=#2\n"           /* the keeper expires first */
                 "f k=x t=#1 e=#50\ng k=x t=#2 e=#60\n"      /* all are expired */
                 "h k=y t=#1\ni k=y t=#2 e=#200\n"           /* the loser expires first */
                 "j k=z t=#1 e=soon\nk k=z t=#2 e=#99.9\n"}; /* a text is no TTL */

    expect(world, trial, "a>b c>b i>h k>j", "expired(f g) ttl(d e)",
           "read=11 keepers=3 planned=4 review=4 groups=2", err);
}

static void
an_item_met_twice_counts_once(struct ko_world *world, struct ko_error *err)
{
    const struct trial folding = {.key = "k",
                                  .keep = "oldest:t",
                                  .items = "a k=x t=#1\nb k=x t=#2\na k=x t=#1.0\nb t=#2 k=x\n"
                                           "c k=y t=#1\nc k=y t=#1\nc k=y t=#1\n"};
    const struct trial conflict = {.key = "k",
                                   .keep = "oldest:t",
                                   .items = "a k=x t=#1\nb k=x t=#2\na k=y t=#1\nc k=y t=#2\n"
                                            "d k=z t=#1\ne k=z t=#2\n"
                                            "f k=w t=#1\nf k=w t=#2\n"
                                            "g k=u t=#1\nh k=u t=#2\ng k=v t=#1\n"};
    const struct trial both = {.key = "k",
                               .keep = "oldest:t",
                               .same = "p",
                               .items = "a k=x t=#1 p=1\nb k=x t=#2 p=2\na k=y t=#1\nc k=y t=#2\n"
                                        "d k=z t=#1 p=1\ne k=z t=#2 p=2\n"};

    expect(world, folding, "b>a", "", "read=7 folded=4 unique=1 keepers=1 planned=1", err);
    /* The second content of g is alone with its key, so nothing of it could be deleted. */
    expect(world, conflict, "e>d h>g", "primary_key(a b) primary_key(a c) primary_key(f f)",
           "read=11 unique=1 keepers=2 planned=2 review=6 groups=3", err);
    expect(world, both, "", "primary_key(a b) primary_key(a c) same(d e)",
           "read=6 review=6 groups=3", err);
}

/* ---- size ---- */

static void
filtered_items_are_counted(struct ko_world *world, struct ko_error *err)
{
    const struct trial trial = {
        .key = "k", .keep = "any", .n_filtered = 10, .n_claims = 2, .items = "a k=x\nb k=x\nc\n"};
    struct outcome outcome;

    (void) run_trial(world, &trial, &outcome, err);
    CHECK_OK(outcome.error);
    CHECK_SLICE(ko_buf_slice(&outcome.counts), "read=23 filtered=20 missing=1 keepers=1 planned=1");
    clear_outcome(&outcome);
}

/* n items of one key, and as many of keys of their own. */
static void
one_hot_key_only_makes_its_owner_slower(struct ko_world *world, struct ko_error *err)
{
    enum { N = 6000 };
    struct ko_buf lines = {0};
    struct trial trial = {.key = "k", .keep = "newest:t", .max_group = 1000, .n_claims = 16};
    struct outcome outcome;

    for (int i = 0; i < N; i++)
        ko_buf_add_format(&lines, "p%d k=hot t=#%d\nq%d k=%d t=#0\n", i, i * 7919 % N, i, i);
    ko_buf_add_char(&lines, '\0');
    CHECK(ko_buf_finish(&lines, err) == KO_OK);
    trial.items = lines.data;
    (void) run_trial(world, &trial, &outcome, err);
    CHECK_SLICE(ko_buf_slice(&outcome.counts), "read=12000 unique=6000 review=6000 groups=1");
    clear_outcome(&outcome);
    trial.max_group = 0;
    (void) run_trial(world, &trial, &outcome, err);
    CHECK_SLICE(ko_buf_slice(&outcome.counts), "read=12000 unique=6000 keepers=1 planned=5999");
    clear_outcome(&outcome);
    ko_buf_clear(&lines);
}

static void
add_many_line(struct ko_buf *lines, int i)
{
    ko_buf_add_format(lines, "i%d", i % 1480);
    if (i % 11 != 0)
        ko_buf_add_format(lines, " k=%s%d", i % 3 == 0 ? "#" : "", i % 500);
    if (i % 13 != 0)
        ko_buf_add_format(lines, " t=#%d", i * 7 % 100);
    ko_buf_add_format(lines, " p=%d\n", i % 17 == 0);
}

/* About 1,500 items of 1,000 keys with trouble of every kind: the same item twice, a primary key
 * with two contents, no key, no date, another p. */
static void
add_many_lines(struct ko_buf *lines)
{
    for (int i = 0; i < 1500; i++) {
        add_many_line(lines, i);
        if (i % 97 == 0)
            add_many_line(lines, i);
    }
    ko_buf_add_char(lines, '\0');
}

/* The digest is a constant of the plan's format: any other one means that plans have changed. */
static void
the_plan_does_not_depend_on_ranks_claims_or_memory(struct ko_world *world, struct ko_error *err)
{
    static const char digest[] = "7572516cfb953931f858322681b85665339ee661b787c4a294bf99dbf19b528b";
    const uint64_t claims[] = {1, 2, 8};
    struct ko_buf lines = {0};

    add_many_lines(&lines);
    CHECK(ko_buf_finish(&lines, err) == KO_OK);
    for (size_t i = 0; i < 6; i++) {
        const struct trial trial = {.key = "k",
                                    .keep = "oldest:t",
                                    .same = "p",
                                    .items = lines.data,
                                    .is_reversed = i % 2 == 1,
                                    .n_claims = claims[i % 3],
                                    .is_unlogged = i >= 3,
                                    .memory_bytes = LARGER_BYTES};
        struct outcome outcome;

        (void) run_trial(world, &trial, &outcome, err);
        CHECK_OK(outcome.error);
        CHECK_SLICE(ko_buf_slice(&outcome.counts), "read=1516 folded=14 missing=139 unique=545 "
                                                   "keepers=355 planned=355 review=108 groups=54");
        CHECK_SLICE(ko_buf_slice(&outcome.digest), digest);
        CHECK(outcome.state == KO_RUN_PLANNED || ko_world_rank(world) != 0);
        clear_outcome(&outcome);
    }
    ko_buf_clear(&lines);
}

/* Rows of 256 KiB: on few ranks some claims fit into the log, and some are read again. */
static void
claims_that_do_not_fit_the_log_are_read_again(struct ko_world *world, struct ko_error *err)
{
    enum { N = 40, BIG_BYTES = 256 * 1024 };
    struct ko_buf lines = {0};
    struct trial trial = {
        .key = "k", .keep = "has:big,oldest:t", .n_claims = 20, .memory_bytes = LARGER_BYTES};
    struct outcome outcome;
    char *big;

    for (int i = 0; i < N; i++) {
        ko_buf_add_format(&lines, "p%02d k=%d t=#%d big=", i, i / 8, N - i);
        big = ko_buf_reserve(&lines, BIG_BYTES);
        if (big != NULL) {
            memset(big, 'x', BIG_BYTES);
            big[BIG_BYTES / 2] = (char) ('a' + i % 20); /* not the value of the row before */
        }
        ko_buf_commit(&lines, big == NULL ? 0 : BIG_BYTES);
        ko_buf_add_char(&lines, '\n');
    }
    ko_buf_add_char(&lines, '\0');
    CHECK(ko_buf_finish(&lines, err) == KO_OK);
    trial.items = lines.data;
    (void) run_trial(world, &trial, &outcome, err);
    CHECK_OK(outcome.error);
    CHECK_SLICE(ko_buf_slice(&outcome.counts), "read=40 keepers=5 planned=35");
    CHECK(outcome.stats.n_candidates == N);
    CHECK(ko_world_size(world) > 1 ||
          (outcome.stats.n_claims_read_again > 0 && outcome.stats.n_claims_read_again < 20));
    CHECK_SLICE(ko_buf_slice(&outcome.digest),
                "77a75136d7b32e707370648320ccb6e3378dee0561d6bb7f8236dfb7d6e708a9");
    clear_outcome(&outcome);
    ko_buf_clear(&lines);
}

CASES = {
    CASE(claims_that_do_not_fit_the_log_are_read_again),
    CASE(keys_are_compared_by_type_and_value),
    CASE(composite_keys_do_not_run_together),
    CASE(items_without_a_key_are_never_grouped),
    CASE(an_attribute_that_no_item_has_is_refused),
    CASE(a_broken_item_fails_all_ranks),
    CASE(ties_end_in_the_primary_key),
    CASE(ranked_rules_choose_the_keeper),
    CASE(a_date_that_does_not_parse_loses),
    CASE(groups_in_doubt_go_to_review_whole),
    CASE(items_that_expire_are_no_keepers),
    CASE(an_item_met_twice_counts_once),
    CASE(filtered_items_are_counted),
    CASE(one_hot_key_only_makes_its_owner_slower),
    CASE(the_plan_does_not_depend_on_ranks_claims_or_memory),
};
RUN_CASES
