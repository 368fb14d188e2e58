/*
 * Resolve: candidates in, decided groups out.  A result is one text over all ranks: as every rank
 * owns a contiguous run of partitions, it does not depend on their number.
 *
 *     a<b<c     a is kept, b and c are losers
 *     same/2?d?e   d and e are in doubt
 */
#include "keepone/stage/resolve.h"

#include "keepone/format/json.h"
#include "support/candidates.h"
#include "support/mpi_test.h"

enum { MEMORY_BYTES = 8 * 1024 * 1024 };

static struct ko_rules *
new_rules(struct ko_error *err)
{
    const struct ko_rules_options options = {.hash_name = KO_SLICE("pk"),
                                             .key = KO_SLICE("k"),
                                             .keep = KO_SLICE("oldest:t"),
                                             .same = KO_SLICE("p")};

    return ko_rules_new(&options, err);
}

/* The groups that the rank decided, as text. */
static enum ko_code
add_groups(struct ko_resolve *resolve, struct ko_buf *out, struct ko_error *err)
{
    static const char *const marks[] = {
        [KO_RESOLVED_LOSER] = "<", [KO_RESOLVED_DOUBT] = "?", [KO_RESOLVED_DOUBT_MEMBER] = "?"};
    struct ko_resolved resolved;
    struct ko_buf primary_key = {0};

    for (;;) {
        KO_TRY(ko_resolve_next(resolve, &resolved, err));
        if (resolved.kind == KO_RESOLVED_END)
            break;
        if (resolved.kind == KO_RESOLVED_DOUBT)
            ko_buf_add_format(out, " %s/%llu", ko_doubt_name(resolved.doubt),
                              (unsigned long long) resolved.n_members);
        ko_buf_add_text(out, resolved.kind == KO_RESOLVED_KEEPER ? " " : marks[resolved.kind]);
        /* {"pk":{"S":"a"}} */
        ko_buf_reset(&primary_key);
        KO_TRY(ko_record_add_primary_key(ko_resolve_rules(resolve), &resolved.record, &primary_key,
                                         err));
        ko_buf_add(out, primary_key.data + 12, primary_key.n - 15);
    }

done:
    ko_buf_clear(&primary_key);
    return err->code;
}

/* Collective: the texts of all ranks one behind the other, on all ranks. */
static enum ko_code
join_texts(struct ko_world *world, struct ko_buf *text, struct ko_error *err)
{
    struct ko_buf parts = {0};
    struct ko_buf all = {0};

    KO_TRY(ko_world_gather(world, ko_buf_slice(text), &parts, err));
    for (size_t at = 0; at < parts.n;) {
        const size_t n = ko_read_u32(parts.data + at);

        ko_buf_add(&all, parts.data + at + 4, n);
        at += 4 + n;
    }
    KO_TRY(ko_world_share(world, &all, err));
    ko_buf_reset(text);
    ko_buf_add_slice(text, ko_buf_slice(&all));

done:
    ko_buf_clear(&parts);
    ko_buf_clear(&all);
    return err->code;
}

/* Collective: resolves the lines; groups and counts are the same on all ranks. */
static enum ko_code
resolve_lines(struct ko_world *world, const char *lines, uint64_t memory_bytes,
              struct ko_buf *groups, struct ko_counts *counts, struct ko_error *err)
{
    struct ko_rules *rules = new_rules(err);
    struct ko_sorter *sorter = rules == NULL ? NULL : new_candidates(world, rules, lines, err);
    struct ko_resolve *resolve = NULL;

    *counts = (struct ko_counts){0};
    if (sorter != NULL)
        resolve = ko_resolve_new(sorter, rules, memory_bytes, NULL, err);
    KO_TRY(ko_gate(world, err));
    KO_TRY(ko_resolve_run(resolve, world, counts, err));
    (void) add_groups(resolve, groups, err);
    KO_TRY(join_texts(world, groups, err));
    KO_TRY(ko_counts_sum(world, counts, err));

done:
    ko_resolve_free(resolve);
    ko_sorter_free(sorter);
    ko_rules_free(rules);
    return err->code;
}

static void
expect(struct ko_world *world, const char *lines, const char *expected_groups,
       const char *expected_counts, struct ko_error *err)
{
    struct ko_buf groups = {0};
    struct ko_buf text = {0};
    struct ko_counts counts;

    (void) resolve_lines(world, lines, MEMORY_BYTES, &groups, &counts, err);
    CHECK_SLICE(ko_buf_slice(&groups), expected_groups);
    ko_counts_add_json(&text, &counts);
    CHECK_SLICE(ko_buf_slice(&text), expected_counts);
    ko_buf_clear(&groups);
    ko_buf_clear(&text);
}

#define COUNTS(folded, keepers, planned, review, groups, unique)             \
    "{\"filtered\":0,\"folded\":" #folded ",\"keepers\":" #keepers           \
    ",\"missing\":0,\"planned\":" #planned ",\"read\":0,\"review\":" #review \
    ",\"review_groups\":" #groups ",\"unique\":" #unique "}"

static void
each_group_keeps_exactly_one(struct ko_world *world, struct ko_error *err)
{
    expect(world,
           "a k=x t=#3\nb k=x t=#1\nc k=x t=#2\n"
           "d k=y t=#1\ne k=y t=#2\n"
           "f k=z t=#1\n",
           " b<c<a d<e", COUNTS(0, 2, 3, 0, 0, 1), err);
}

static void
repeated_records_are_one(struct ko_world *world, struct ko_error *err)
{
    expect(world,
           "a k=x t=#1\na k=x t=#1\nb k=x t=#2\na k=x t=#1\nb k=x t=#2\n"
           "c k=y t=#1\nc k=y t=#1\n",
           " a<b", COUNTS(4, 1, 1, 0, 0, 1), err);
}

static void
a_group_in_doubt_comes_out_whole(struct ko_world *world, struct ko_error *err)
{
    expect(world,
           "a k=x t=#1 p=1\nb k=x t=#2 p=2\nc k=x t=#3 p=1\n"
           "d k=y\ne k=y t=soon\n"
           "f k=z t=#1\ng k=z t=#2\n",
           " f<g same/3?a?b?c unusable/2?d?e", COUNTS(0, 1, 1, 5, 2, 0), err);
}

/* b is in x and in y, and e is in doubt already; c, in z alone with its key, is in no conflict. */
static void
a_primary_key_with_two_contents_sends_all_its_groups_to_review(struct ko_world *world,
                                                               struct ko_error *err)
{
    expect(world,
           "a k=x t=#1\nb k=x t=#2\n"
           "b k=y t=#1\nc k=y t=#2\n"
           "c k=z t=#1\n"
           "d k=u t=#1\ne k=u t=#2\n"
           "e k=v t=#1 p=1\nf k=v t=#2 p=2\n"
           "g k=w t=#1\nh k=w t=#2\nh k=w t=#3\n"
           "i k=1 t=#1 p=1\nj k=1 t=#1 p=2\n"
           "m k=2 t=#1\nn k=2 t=#1\n",
           " primary_key/2?e?f same/2?i?j m<n primary_key/3?g?h?h primary_key/2?d?e"
           " primary_key/2?a?b primary_key/2?b?c",
           COUNTS(0, 1, 1, 13, 6, 1), err);
}

static void
no_candidates_are_no_groups(struct ko_world *world, struct ko_error *err)
{
    expect(world, "", "", COUNTS(0, 0, 0, 0, 0, 0), err);
}

/* More records than a slice of the walk takes, and more groups in doubt than there is room at
 * first. */
static void
large_and_many_groups_are_resolved(struct ko_world *world, struct ko_error *err)
{
    struct ko_buf lines = {0};
    struct ko_buf groups = {0};
    struct ko_counts counts;

    for (int i = 0; i < 10000; i++)
        ko_buf_add_format(&lines, "h%d k=hot t=#%d\n", i, i);
    for (int i = 0; i < 300; i++)
        ko_buf_add_format(&lines, "d%d k=%d t=#%d p=%d\n", i, i / 2, i, i % 2);
    ko_buf_add_char(&lines, '\0');
    CHECK(ko_buf_finish(&lines, err) == KO_OK);
    (void) resolve_lines(world, lines.data, MEMORY_BYTES, &groups, &counts, err);
    CHECK(counts.keepers == 1 && counts.planned == 9999);
    CHECK(counts.review == 300 && counts.review_groups == 150);
    CHECK(counts.folded == 0 && counts.unique == 0);
    ko_buf_clear(&lines);
    ko_buf_clear(&groups);
}

static void
too_little_memory_for_the_check_fails_all_ranks(struct ko_world *world, struct ko_error *err)
{
    struct ko_error failure = {0};
    struct ko_buf groups = {0};
    struct ko_counts counts;

    (void) resolve_lines(world, "a k=x t=#1\nb k=x t=#1\n", 1024, &groups, &counts, &failure);
    CHECK_CODE(failure, KO_E_MEMORY);
    CHECK_ERROR_SAYS(failure, "items of this rank need more than the 0 MiB");
    ko_buf_clear(&groups);
}

/* On one rank: on several each has too few. */
static void
too_many_groups_for_review_are_an_error(struct ko_world *world, struct ko_error *err)
{
    struct ko_error failure = {0};
    struct ko_buf groups = {0};
    struct ko_buf lines = {0};
    struct ko_counts counts;

    if (ko_world_size(world) > 1)
        return;
    for (int i = 0; i < 132000; i++)
        ko_buf_add_format(&lines, "d%d k=%d t=#%d p=%d\n", i, i / 2, i, i % 2);
    ko_buf_add_char(&lines, '\0');
    CHECK(ko_buf_finish(&lines, err) == KO_OK);
    (void) resolve_lines(world, lines.data, 12 << 20, &groups, &counts, &failure);
    CHECK_CODE(failure, KO_E_MEMORY);
    CHECK_ERROR_SAYS(failure, "65536 groups for review need more than 2 MiB");
    ko_buf_clear(&groups);
    ko_buf_clear(&lines);
}

/* Each allocation of the last rank fails once; with a hundred groups in doubt. */
static void
a_failed_allocation_fails_all_ranks(struct ko_world *world, struct ko_error *err)
{
    const bool is_last = ko_world_rank(world) == ko_world_size(world) - 1;
    /* Beside others a failure takes until the next pulse. */
    const uint64_t stride = ko_world_size(world) == 1 ? 16 : 3;
    struct ko_rules *rules = new_rules(err);
    struct ko_buf lines = {0};
    unsigned n_good_in_a_row = 0;

    for (int i = 0; i < 800; i++)
        ko_buf_add_format(&lines, "d%d k=%d t=#%d p=%d\n", i, i / 2, i, i % 2);
    ko_buf_add_char(&lines, '\0');
    for (uint64_t nth = 1; n_good_in_a_row < 3 && err->code == KO_OK; nth += 1 + nth / stride) {
        struct ko_error failure = {0};
        struct ko_counts counts = {0};
        struct ko_sorter *sorter = new_candidates(world, rules, lines.data, err);
        struct ko_resolve *resolve;

        if (is_last)
            ko_mem_fail_nth(nth);
        resolve = ko_resolve_new(sorter, rules, MEMORY_BYTES, NULL, &failure);
        if (ko_gate(world, &failure) == KO_OK)
            (void) ko_resolve_run(resolve, world, &counts, &failure);
        ko_mem_fail_nth(0);
        n_good_in_a_row = failure.code == KO_OK ? n_good_in_a_row + 1 : 0;
        CHECK_CODE(failure, failure.code == KO_OK ? KO_OK : KO_E_MEMORY);
        ko_resolve_free(resolve);
        ko_sorter_free(sorter);
        (void) ko_gate(world, err);
    }
    ko_buf_clear(&lines);
    ko_rules_free(rules);
}

/* The last rank has a record that is none. */
static void
a_broken_record_fails_all_ranks(struct ko_world *world, struct ko_error *err)
{
    const struct ko_sorter_options options = {.compare = compare_candidates};
    struct ko_error failure = {0};
    struct ko_rules *rules = new_rules(err);
    struct ko_sorter *sorter = ko_sorter_new(&options, err);
    struct ko_resolve *resolve = NULL;
    struct ko_counts counts = {0};

    if (ko_world_rank(world) == ko_world_size(world) - 1)
        (void) ko_sorter_add(sorter, 7, KO_SLICE("no record"), err);
    (void) ko_sorter_finish(sorter, err);
    resolve = ko_resolve_new(sorter, rules, MEMORY_BYTES, NULL, err);
    KO_TRY(ko_gate(world, err));
    (void) ko_resolve_run(resolve, world, &counts, &failure);
    CHECK_CODE(failure, KO_E_CORRUPT);

done:
    ko_resolve_free(resolve);
    ko_sorter_free(sorter);
    ko_rules_free(rules);
}

CASES = {
    CASE(each_group_keeps_exactly_one),
    CASE(repeated_records_are_one),
    CASE(a_group_in_doubt_comes_out_whole),
    CASE(a_primary_key_with_two_contents_sends_all_its_groups_to_review),
    CASE(no_candidates_are_no_groups),
    CASE(large_and_many_groups_are_resolved),
    CASE(too_little_memory_for_the_check_fails_all_ranks),
    CASE(too_many_groups_for_review_are_an_error),
    CASE(a_failed_allocation_fails_all_ranks),
    CASE(a_broken_record_fails_all_ranks),
};
RUN_CASES
