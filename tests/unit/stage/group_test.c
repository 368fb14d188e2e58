#include "keepone/stage/group.h"

#include <stdlib.h>

#include "support/lines.h"
#include "support/test.h"

/* Rules and lines in any order; what the group is once the records were added in theirs. */
struct grouping {
    const char *keep;
    const char *same;
    const char *ttl; /* items expire before 100 */
    uint64_t max_group;
    const char *lines;
    const char *expected;
};

enum { RECORDS_MAX = 16 };

static int
compare_records(const void *a, const void *b)
{
    return ko_record_compare(*(const struct ko_slice *) a, *(const struct ko_slice *) b);
}

/* The records of the lines in the plan's order, in the arena; returns their number. */
static size_t
make_records(const struct ko_rules *rules, const char *lines, struct ko_arena *arena,
             struct ko_slice records[RECORDS_MAX])
{
    struct ko_error err = {0};
    struct line_reader *reader;
    struct ko_source source = line_source(ko_slice_of(lines), rules, &reader, &err);
    struct ko_slice values[KO_LOOKED_MAX];
    struct ko_buf bytes = {0};
    bool has_item = true;
    size_t n = 0;

    (void) source.ops->begin(source.self, 0, &err);
    while (has_item) {
        (void) source.ops->next(source.self, values, &has_item, &err);
        CHECK_OK(err);
        if (!has_item)
            break;
        assert_true(n < RECORDS_MAX);
        ko_buf_reset(&bytes);
        (void) ko_record_add(rules, values, &bytes, &err);
        records[n++] = ko_arena_copy(arena, ko_buf_slice(&bytes), &err);
        CHECK_OK(err);
    }
    qsort(records, n, sizeof records[0], compare_records);
    ko_buf_clear(&bytes);
    source.ops->free(source.self);
    return n;
}

/* Adds "doubt keeper/members+folded" of a finished group. */
static void
describe(const struct ko_group *group, const struct ko_rules *rules, struct ko_buf *out)
{
    struct ko_error err = {0};
    struct ko_record keeper;
    struct ko_buf primary_key = {0};

    (void) ko_record_decode(ko_buf_slice(&group->keeper), &keeper, &err);
    (void) ko_record_add_primary_key(rules, &keeper, &primary_key, &err);
    CHECK_OK(err);
    ko_buf_add_format(out, "%s%s %.*s/%llu", out->n == 0 ? "" : ", ", ko_doubt_name(group->doubt),
                      (int) primary_key.n - 15, primary_key.data + 12,
                      (unsigned long long) group->n_members);
    ko_buf_clear(&primary_key);
    if (group->n_folded > 0)
        ko_buf_add_format(out, "+%llu", (unsigned long long) group->n_folded);
}

/* Groups all records, one after the other. */
static void
group_all(const struct ko_rules *rules, const struct ko_slice *records, size_t n,
          struct ko_buf *out)
{
    struct ko_error err = {0};
    struct ko_group group = {0};

    for (size_t i = 0; i < n; i++) {
        enum ko_group_step step = KO_GROUP_OTHER;
        struct ko_record record;

        (void) ko_record_decode(records[i], &record, &err);
        if (i > 0)
            (void) ko_group_add(&group, rules, &record, &step, &err);
        if (i > 0 && step == KO_GROUP_OTHER)
            describe(&group, rules, out);
        if (step == KO_GROUP_OTHER)
            (void) ko_group_begin(&group, rules, &record, &err);
        CHECK_OK(err);
    }
    describe(&group, rules, out);
    ko_group_clear(&group);
}

static void
check_grouping(const struct grouping *grouping)
{
    const struct ko_rules_options options = {.hash_name = KO_SLICE("pk"),
                                             .key = KO_SLICE("k"),
                                             .keep = ko_slice_of(grouping->keep),
                                             .same = ko_slice_of(grouping->same),
                                             .ttl = ko_slice_of(grouping->ttl),
                                             .as_of_s = 100,
                                             .max_group = grouping->max_group};
    struct ko_error err = {0};
    struct ko_rules *rules = ko_rules_new(&options, &err);
    struct ko_arena *arena = ko_arena_new(0, &err);
    struct ko_slice records[RECORDS_MAX];
    struct ko_buf out = {0};

    CHECK_OK(err);
    group_all(rules, records, make_records(rules, grouping->lines, arena, records), &out);
    CHECK_SLICE(ko_buf_slice(&out), grouping->expected);
    ko_buf_clear(&out);
    ko_arena_free(arena);
    ko_rules_free(rules);
}

#define CHECK_GROUPINGS(groupings)                                            \
    do {                                                                      \
        for (size_t i = 0; i < sizeof(groupings) / sizeof(groupings)[0]; i++) \
            check_grouping(&(groupings)[i]);                                  \
    } while (0)

static void
the_first_record_is_the_keeper(void)
{
    static const struct grouping groupings[] = {
        {.keep = "oldest:t", .lines = "a k=x t=#1\n", .expected = "none a/1"},
        {.keep = "oldest:t",
         .lines = "b k=x t=#2\nc k=x t=#1\na k=x t=#3\n",
         .expected = "none c/3"},
        {.keep = "newest:t",
         .lines = "b k=x t=#2\nc k=x t=#1\na k=x t=#3\n",
         .expected = "none a/3"},
        {.keep = "any", .lines = "b k=x\nc k=x\na k=x\n", .expected = "none a/3"},
    };

    CHECK_GROUPINGS(groupings);
}

static void
equal_records_fold_into_one(void)
{
    static const struct grouping groupings[] = {
        {.keep = "any", .lines = "a k=x\na k=x\na k=x\n", .expected = "none a/1+2"},
        {.keep = "any", .lines = "b k=x\na k=x\nb k=x\na k=x\n", .expected = "none a/2+2"},
        /* What is not looked at does not count, what is does. */
        {.keep = "any", .lines = "a k=x z=1\na k=x z=2\n", .expected = "none a/1+1"},
        {.keep = "oldest:t", .lines = "a k=x t=#1\na k=x t=#2\n", .expected = "none a/2"},
        {.keep = "oldest:t", .lines = "a k=x t=#1\na k=x t=#1.0\n", .expected = "none a/1+1"},
    };

    CHECK_GROUPINGS(groupings);
}

static void
a_record_of_another_key_is_of_another_group(void)
{
    static const struct grouping groupings[] = {
        {.keep = "any",
         .lines = "a k=x\nb k=y\nc k=x\nd k=y\nd k=y\n",
         .expected = "none a/2, none b/2+1"},
        {.keep = "any", .lines = "a k=1\nb k=#1\n", .expected = "none a/1, none b/1"},
    };

    CHECK_GROUPINGS(groupings);
}

/* Fingerprints may collide: keys are compared by their bytes. */
static void
equal_fingerprints_do_not_make_a_group(void)
{
    const struct ko_rules_options options = {
        .hash_name = KO_SLICE("pk"), .key = KO_SLICE("k"), .keep = KO_SLICE("any")};
    struct ko_error err = {0};
    struct ko_rules *rules = ko_rules_new(&options, &err);
    struct ko_arena *arena = ko_arena_new(0, &err);
    struct ko_slice records[RECORDS_MAX];
    struct ko_group group = {0};
    struct ko_record first;
    struct ko_record second;
    enum ko_group_step step = KO_GROUP_MEMBER;

    assert_int_equal(make_records(rules, "a k=x\nb k=y\n", arena, records), 2);
    (void) ko_record_decode(records[0], &first, &err);
    (void) ko_record_decode(records[1], &second, &err);
    second.fingerprint = first.fingerprint;
    (void) ko_group_begin(&group, rules, &first, &err);
    (void) ko_group_add(&group, rules, &second, &step, &err);
    CHECK_OK(err);
    assert_int_equal(step, KO_GROUP_OTHER);
    ko_group_clear(&group);
    ko_arena_free(arena);
    ko_rules_free(rules);
}

static void
a_walk_that_only_follows_takes_the_same_steps_and_doubts_nothing(void)
{
    const struct ko_rules_options options = {
        .hash_name = KO_SLICE("pk"), .key = KO_SLICE("k"), .keep = KO_SLICE("any"), .max_group = 1};
    static const enum ko_group_step steps[] = {KO_GROUP_MEMBER, KO_GROUP_FOLDED, KO_GROUP_OTHER};
    struct ko_error err = {0};
    struct ko_rules *rules = ko_rules_new(&options, &err);
    struct ko_arena *arena = ko_arena_new(0, &err);
    struct ko_slice records[RECORDS_MAX];
    struct ko_group group = {0};
    struct ko_record record;

    assert_int_equal(make_records(rules, "a k=x\nb k=x\nb k=x\nc k=y\n", arena, records), 4);
    (void) ko_record_decode(records[0], &record, &err);
    (void) ko_group_begin(&group, rules, &record, &err);
    for (size_t i = 0; i < 3; i++) {
        enum ko_group_step step;

        (void) ko_record_decode(records[i + 1], &record, &err);
        (void) ko_group_follow(&group, &record, &step, &err);
        CHECK_OK(err);
        assert_int_equal(step, steps[i]);
    }
    assert_int_equal(group.n_members, 2);
    assert_int_equal(group.doubt, KO_DOUBT_NONE);
    ko_group_clear(&group);
    ko_arena_free(arena);
    ko_rules_free(rules);
}

/* Each reason alone, beside a group that just has it not. */
static void
every_doubt_is_raised_by_its_own_reason(void)
{
    static const struct grouping groupings[] = {
        {.keep = "any",
         .max_group = 3,
         .lines = "a k=x\nb k=x\nc k=x\nc k=x\n",
         .expected = "none a/3+1"},
        {.keep = "any",
         .max_group = 2,
         .lines = "a k=x\nb k=x\nc k=x\n",
         .expected = "max_group a/3"},

        {.keep = "any",
         .ttl = "e",
         .lines = "a k=x e=#99\nb k=x e=#99\n",
         .expected = "expired a/2"},
        {.keep = "any", .ttl = "e", .lines = "a k=x e=#99\nb k=x e=#100\n", .expected = "none b/2"},
        {.keep = "any", .ttl = "e", .lines = "a k=x e=99\nb k=x e=#99\n", .expected = "none a/2"},

        {.keep = "oldest:t", .lines = "a k=x t=soon\nb k=x\n", .expected = "unusable a/2"},
        {.keep = "oldest:t", .lines = "a k=x t=soon\nb k=x t=#1\n", .expected = "none b/2"},
        {.keep = "oldest:t,any", .lines = "a k=x t=soon\nb k=x\n", .expected = "none a/2"},
        {.keep = "has:t,oldest:t", .lines = "a k=x\nb k=x\n", .expected = "none a/2"},
        {.keep = "min:t", .lines = "a k=x t=~\nb k=x\n", .expected = "unusable a/2"},

        {.keep = "min:t", .lines = "a k=x t=1\nb k=x t=#1\n", .expected = "mixed_types b/2"},
        {.keep = "max:t", .lines = "a k=x t=1\nb k=x t=#1\n", .expected = "mixed_types a/2"},
        {.keep = "min:t", .lines = "a k=x t=1\nb k=x t=~\nc k=x\n", .expected = "none a/3"},
        {.keep = "has:o,max:t",
         .lines = "a k=x t=1\nb k=x t=#1 o=1\n",
         .expected = "mixed_types b/2"},
        {.keep = "oldest:t", .lines = "a k=x t=1970-01-01\nb k=x t=#1\n", .expected = "none a/2"},

        {.keep = "any", .same = "p", .lines = "a k=x p=1\nb k=x p=2\n", .expected = "same a/2"},
        {.keep = "any", .same = "p", .lines = "a k=x p=1\nb k=x p=#1\n", .expected = "same a/2"},
        {.keep = "any", .same = "p", .lines = "a k=x p=~\nb k=x\n", .expected = "same a/2"},
        {.keep = "any", .same = "p", .lines = "a k=x\nb k=x\n", .expected = "none a/2"},
        {.keep = "any",
         .same = "p,q",
         .lines = "a k=x p=1 q=2\nb k=x q=2 p=1\n",
         .expected = "none a/2"},
        {.keep = "any", .same = "p,q", .lines = "a k=x p=1\nb k=x q=1\n", .expected = "same a/2"},

        {.keep = "any", .ttl = "e", .lines = "a k=x e=#200\nb k=x\n", .expected = "ttl a/2"},
        {.keep = "any", .ttl = "e", .lines = "a k=x e=#200\nb k=x e=#201\n", .expected = "ttl a/2"},
        {.keep = "any",
         .ttl = "e",
         .lines = "a k=x e=#200\nb k=x e=#200\n",
         .expected = "none a/2"},
        {.keep = "any", .ttl = "e", .lines = "a k=x\nb k=x e=#200\n", .expected = "none a/2"},

        /* Five years after its time an item does not expire any more. */
        {.keep = "any",
         .ttl = "e",
         .lines = "a k=x e=#-155001500\nb k=x e=#200\n",
         .expected = "none b/2"},
        {.keep = "any",
         .ttl = "e",
         .lines = "a k=x e=#-155001501\nb k=x e=#200\n",
         .expected = "ttl b/2"},
        {.keep = "any",
         .ttl = "e",
         .lines = "a k=x e=#-158111900\nb k=x e=#200\n",
         .expected = "ttl b/2"},
        {.keep = "any",
         .ttl = "e",
         .lines = "a k=x e=#-158111900\nb k=x\n",
         .expected = "none b/2"},
        {.keep = "any",
         .ttl = "e",
         .lines = "a k=x e=#-158111901\nb k=x e=#200\n",
         .expected = "none a/2"},
    };

    CHECK_GROUPINGS(groupings);
}

/* All of them at once, then without the first that held. */
static void
of_several_doubts_the_first_is_told(void)
{
    static const char expired[] = "a k=x t=1 p=1 e=#50\nb k=x t=#1 p=2 e=#60\nc k=x e=#60\n";
    static const char unusable[] = "a k=x p=1 e=#200\nb k=x t=~ p=2\n";
    static const char mixed[] = "a k=x t=1 p=1 e=#300\nb k=x t=#1 p=2 e=#200\n";
    static const char other[] = "a k=x t=1 p=1 e=#200\nb k=x t=2 p=2\n";
    static const struct grouping groupings[] = {
        {.keep = "min:t",
         .same = "p",
         .ttl = "e",
         .max_group = 2,
         .lines = expired,
         .expected = "max_group b/3"},
        {.keep = "min:t", .same = "p", .ttl = "e", .lines = expired, .expected = "expired b/3"},
        {.keep = "min:t", .same = "p", .ttl = "e", .lines = unusable, .expected = "unusable a/2"},
        {.keep = "min:t", .same = "p", .ttl = "e", .lines = mixed, .expected = "mixed_types b/2"},
        {.keep = "min:t", .same = "p", .ttl = "e", .lines = other, .expected = "same a/2"},
        {.keep = "min:t", .ttl = "e", .lines = other, .expected = "ttl a/2"},
    };

    CHECK_GROUPINGS(groupings);
}

static void
doubts_have_the_names_of_review_lines(void)
{
    static const char *const names[] = {"primary_key", "max_group", "expired", "unusable",
                                        "mixed_types", "same",      "ttl"};

    for (int i = 0; i < 7; i++)
        CHECK_TEXT(ko_doubt_name((enum ko_doubt)(KO_DOUBT_PRIMARY_KEY + i)), names[i]);
    CHECK_TEXT(ko_doubt_name(KO_DOUBT_NONE), "none");
}

static void
a_group_that_cannot_be_kept_is_an_error(void)
{
    const struct ko_rules_options options = {
        .hash_name = KO_SLICE("pk"), .key = KO_SLICE("k"), .keep = KO_SLICE("any")};
    struct ko_error err = {0};
    struct ko_rules *rules = ko_rules_new(&options, &err);
    struct ko_arena *arena = ko_arena_new(0, &err);
    struct ko_slice records[RECORDS_MAX];
    struct ko_group group = {0};
    struct ko_record first;
    struct ko_record second;
    enum ko_group_step step;

    assert_int_equal(make_records(rules, "a k=x\nb k=x\n", arena, records), 2);
    (void) ko_record_decode(records[0], &first, &err);
    (void) ko_record_decode(records[1], &second, &err);
    CHECK_OK(err);
    ko_mem_fail_nth(1);
    (void) ko_group_begin(&group, rules, &first, &err);
    CHECK_CODE(err, KO_E_MEMORY);
    err = (struct ko_error){0};
    (void) ko_group_begin(&group, rules, &first, &err);
    CHECK_OK(err);
    ko_mem_fail_nth(1);
    (void) ko_group_add(&group, rules, &second, &step, &err);
    CHECK_CODE(err, KO_E_MEMORY);
    ko_group_clear(&group);
    ko_arena_free(arena);
    ko_rules_free(rules);
}

CASES = {
    CASE(the_first_record_is_the_keeper),
    CASE(equal_records_fold_into_one),
    CASE(a_record_of_another_key_is_of_another_group),
    CASE(equal_fingerprints_do_not_make_a_group),
    CASE(a_walk_that_only_follows_takes_the_same_steps_and_doubts_nothing),
    CASE(every_doubt_is_raised_by_its_own_reason),
    CASE(of_several_doubts_the_first_is_told),
    CASE(doubts_have_the_names_of_review_lines),
    CASE(a_group_that_cannot_be_kept_is_an_error),
};
RUN_CASES
