/*
 * The plan's files, byte for byte: what is written of decided groups, whatever the number of ranks.
 */
#include "keepone/stage/plan.h"

#include <stdlib.h>

#include "keepone/base/file.h"
#include "keepone/store/plan.h"
#include "keepone/store/review.h"
#include "keepone/store/run.h"
#include "support/candidates.h"
#include "support/mpi_test.h"
#include "support/trial.h"

enum { MEMORY_BYTES = 8 * 1024 * 1024 };

/* What a case has open on a rank. */
struct planning {
    char folder[KO_PATH_BYTES];
    struct ko_rules *rules;
    struct ko_sorter *sorter;
    struct ko_resolve *resolve;
    struct ko_run *run;
    struct ko_counts counts;
    char digest[65];
};

/* Collective: the lines are resolved and a run is there. */
static enum ko_code
begin_planning(struct ko_world *world, const char *keep, const char *lines,
               struct planning *planning, struct ko_error *err)
{
    const struct trial trial = {.key = "k", .keep = keep, .same = "p"};
    char dir[KO_PATH_BYTES];

    *planning = (struct planning){.rules = trial_rules(&trial, err)};
    if (planning->rules != NULL)
        planning->sorter = new_candidates(world, planning->rules, lines, err);
    if (planning->sorter != NULL)
        planning->resolve =
            ko_resolve_new(planning->sorter, planning->rules, MEMORY_BYTES, NULL, err);
    KO_TRY(ko_gate(world, err));
    KO_TRY(make_trial_folder(world, planning->folder, err));
    KO_TRY(ko_path_join(dir, err, planning->folder, "run"));
    KO_TRY(open_trial_run(world, dir, &planning->run, err));
    KO_TRY(ko_resolve_run(planning->resolve, world, &planning->counts, err));
    KO_TRY(ko_counts_sum(world, &planning->counts, err));

done:
    return err->code;
}

static void
end_planning(struct ko_world *world, struct planning *planning, struct ko_error *err)
{
    ko_run_free(planning->run);
    ko_resolve_free(planning->resolve);
    ko_sorter_free(planning->sorter);
    ko_rules_free(planning->rules);
    remove_trial_folder(world, planning->folder, err);
}

/* Adds the lines of a part, and their line feeds. */
static enum ko_code
add_part_lines(const char *dir, const struct ko_plan_part *part, struct ko_buf *out,
               struct ko_error *err)
{
    struct ko_plan_reader *reader = NULL;
    struct ko_plan_line line;

    KO_TRY(ko_plan_reader_open(dir, KO_PLAN_NAME, part, &reader, err));
    for (;;) {
        KO_TRY(ko_plan_reader_next(reader, &line, err));
        if (line.text.data == NULL)
            break;
        ko_buf_add_slice(out, line.text);
        ko_buf_add_char(out, '\n');
    }

done:
    ko_plan_reader_close(reader);
    return err->code;
}

static enum ko_code
add_plan_lines(const char *dir, struct ko_buf *out, struct ko_error *err)
{
    struct ko_plan_manifest *manifest = NULL;

    KO_TRY(ko_plan_manifest_read(dir, KO_PLAN_NAME, &manifest, err));
    for (size_t i = 0; i < manifest->n_parts; i++)
        KO_TRY(add_part_lines(dir, &manifest->parts[i], out, err));

done:
    ko_plan_manifest_free(manifest);
    return err->code;
}

static enum ko_code
add_review_lines(const char *dir, struct ko_buf *out, struct ko_error *err)
{
    struct ko_line_reader *reader = NULL;
    struct ko_slice line;

    KO_TRY(ko_review_reader_open(dir, &reader, err));
    for (;;) {
        KO_TRY(ko_line_reader_next(reader, &line, err));
        if (line.data == NULL)
            break;
        ko_buf_add_slice(out, line);
        ko_buf_add_char(out, '\n');
    }

done:
    ko_line_reader_close(reader);
    return err->code;
}

static void
lines_are_canonical_and_in_order(struct ko_world *world, struct ko_error *err)
{
    struct planning planning;
    struct ko_buf plan = {0};
    struct ko_buf review = {0};

    (void) begin_planning(world, "oldest:t",
                          "b k=x t=#2.50 p=1\na k=x t=#1e0 p=1\nc k=x t=#3\n"
                          "d k=#7 t=#1 p=\\u0041\ne k=#7.0 t=soon p=A\nf k=#7 p=A\n",
                          &planning, err);
    if (err->code == KO_OK)
        (void) ko_plan_run(planning.resolve, world, planning.run, &planning.counts, planning.digest,
                           err);
    if (err->code == KO_OK && ko_world_rank(world) == 0) {
        (void) add_plan_lines(planning.run->dir, &plan, err);
        (void) add_review_lines(planning.run->dir, &review, err);
        CHECK_SLICE(ko_buf_slice(&plan),
                    "{\"key\":{\"k\":{\"N\":\"7\"}},\"delete\":{\"primary_key\":{\"pk\":{\"S\":"
                    "\"e\"}},\"seen\":{\"k\":{\"N\":\"7\"},\"p\":{\"S\":\"A\"},\"t\":{\"S\":"
                    "\"soon\"}}},\"keep\":{\"primary_key\":{\"pk\":{\"S\":\"d\"}},\"seen\":{\"k\":"
                    "{\"N\":\"7\"},\"p\":{\"S\":\"A\"},\"t\":{\"N\":\"1\"}}}}\n"
                    "{\"key\":{\"k\":{\"N\":\"7\"}},\"delete\":{\"primary_key\":{\"pk\":{\"S\":"
                    "\"f\"}},\"seen\":{\"k\":{\"N\":\"7\"},\"p\":{\"S\":\"A\"},\"t\":null}},"
                    "\"keep\":{\"primary_key\":{\"pk\":{\"S\":\"d\"}},\"seen\":{\"k\":"
                    "{\"N\":\"7\"},\"p\":{\"S\":\"A\"},\"t\":{\"N\":\"1\"}}}}\n");
        CHECK_SLICE(ko_buf_slice(&review),
                    "{\"items\":[{\"primary_key\":{\"pk\":{\"S\":\"a\"}},\"seen\":{\"k\":{\"S\":"
                    "\"x\"},\"p\":{\"S\":\"1\"},\"t\":{\"N\":\"1\"}}},{\"primary_key\":{\"pk\":"
                    "{\"S\":\"b\"}},\"seen\":{\"k\":{\"S\":\"x\"},\"p\":{\"S\":\"1\"},\"t\":"
                    "{\"N\":\"2.5\"}}},{\"primary_key\":{\"pk\":{\"S\":\"c\"}},\"seen\":{\"k\":"
                    "{\"S\":\"x\"},\"p\":null,\"t\":{\"N\":\"3\"}}}],\"key\":{\"k\":{\"S\":"
                    "\"x\"}},\"n_items\":3,\"reason\":\"same\"}\n");
    }
    ko_buf_clear(&plan);
    ko_buf_clear(&review);
    end_planning(world, &planning, err);
}

static void
no_groups_make_an_empty_plan(struct ko_world *world, struct ko_error *err)
{
    struct planning planning;
    struct ko_buf lines = {0};

    (void) begin_planning(world, "any", "a k=x\n", &planning, err);
    if (err->code == KO_OK)
        (void) ko_plan_run(planning.resolve, world, planning.run, &planning.counts, planning.digest,
                           err);
    if (err->code == KO_OK && ko_world_rank(world) == 0) {
        (void) add_plan_lines(planning.run->dir, &lines, err);
        (void) add_review_lines(planning.run->dir, &lines, err);
        /* The digest of no text at all. */
        CHECK_TEXT(planning.digest,
                   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
    CHECK(lines.n == 0);
    ko_buf_clear(&lines);
    end_planning(world, &planning, err);
}

/* n items of one key that disagree on p, which is so long, and does not become smaller by much. */
static void
add_group(struct ko_buf *lines, int n, size_t p_bytes)
{
    uint64_t random = 1;

    for (int i = 0; i < n; i++) {
        char *room;

        ko_buf_add_format(lines, "i%05d k=x p=%d", i, i);
        room = ko_buf_reserve(lines, p_bytes);
        if (room == NULL)
            return;
        for (size_t k = 0; k < p_bytes; k++) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            room[k] = (char) ('A' + (random >> 33) % 26);
        }
        ko_buf_commit(lines, p_bytes);
        ko_buf_add_char(lines, '\n');
    }
    ko_buf_add_char(lines, '\0');
}

static size_t
count(struct ko_slice text, const char *word)
{
    const size_t n = strlen(word);
    size_t n_found = 0;

    for (size_t i = 0; i + n <= text.n; i++)
        n_found += memcmp(text.data + i, word, n) == 0;
    return n_found;
}

/* A group of n items is written with n_listed of them. */
static void
check_listed(struct ko_world *world, int n, size_t p_bytes, size_t n_listed, struct ko_error *err)
{
    struct planning planning;
    struct ko_buf lines = {0};
    struct ko_buf review = {0};
    char end[64];

    add_group(&lines, n, p_bytes);
    (void) begin_planning(world, "any", lines.data, &planning, err);
    if (err->code == KO_OK)
        (void) ko_plan_run(planning.resolve, world, planning.run, &planning.counts, planning.digest,
                           err);
    if (err->code == KO_OK && ko_world_rank(world) == 0) {
        (void) add_review_lines(planning.run->dir, &review, err);
        (void) snprintf(end, sizeof end, "],\"key\":{\"k\":{\"S\":\"x\"}},\"n_items\":%d,", n);
        CHECK(count(ko_buf_slice(&review), "\"primary_key\"") == n_listed);
        CHECK(count(ko_buf_slice(&review), end) == 1);
        CHECK(ko_json_check(ko_buf_slice(&review), err) == KO_OK);
    }
    ko_buf_clear(&lines);
    ko_buf_clear(&review);
    end_planning(world, &planning, err);
}

static void
a_large_group_is_not_listed_whole(struct ko_world *world, struct ko_error *err)
{
    check_listed(world, 1000, 0, 1000, err);
    check_listed(world, 1100, 0, 1000, err);
    /* 8 MiB of 300 KiB each: the item that reaches it is the last. */
    check_listed(world, 40, 300 * 1024, 28, err);
}

static void
what_is_written_must_be_what_was_counted(struct ko_world *world, struct ko_error *err)
{
    for (int i = 0; i < 2; i++) {
        struct planning planning;
        struct ko_error failure = {0};

        (void) begin_planning(world, "any", "a k=x\nb k=x\nc k=y p=1\nd k=y p=2\n", &planning, err);
        planning.counts.planned += i == 0;
        planning.counts.review_groups += i == 1;
        if (err->code == KO_OK)
            (void) ko_plan_run(planning.resolve, world, planning.run, &planning.counts,
                               planning.digest, &failure);
        CHECK_CODE(failure, KO_E_BUG);
        CHECK_ERROR_SAYS(failure, "1 losers and 1 review groups written");
        end_planning(world, &planning, err);
    }
}

/* One rank writes a line that is larger than what its writer holds back. */
static void
a_review_that_does_not_fit_on_the_disk_fails_all_ranks(struct ko_world *world, struct ko_error *err)
{
    struct planning planning;
    struct ko_error failure = {0};
    struct ko_buf lines = {0};

    add_group(&lines, 40, 300 * 1024);
    lines.n--;
    ko_buf_add_text(&lines, "y k=y p=1\nz k=y p=2\n");
    ko_buf_add_char(&lines, '\0');
    (void) begin_planning(world, "any", lines.data, &planning, err);
    limit_files(true);
    if (err->code == KO_OK)
        (void) ko_plan_run(planning.resolve, world, planning.run, &planning.counts, planning.digest,
                           &failure);
    limit_files(false);
    CHECK_CODE(failure, KO_E_IO);
    CHECK_ERROR_SAYS(failure, "cannot write");
    ko_buf_clear(&lines);
    end_planning(world, &planning, err);
}

/* Each allocation of rank 0, which alone writes the manifest. */
static void
a_failed_allocation_leaves_no_manifest(struct ko_world *world, struct ko_error *err)
{
    unsigned n_good_in_a_row = 0;

    for (uint64_t nth = 1; n_good_in_a_row < 3 && err->code == KO_OK; nth += 1 + nth / 16) {
        struct planning planning;
        struct ko_error failure = {0};
        char path[KO_PATH_BYTES];
        bool is_there = false;

        (void) begin_planning(world, "any", "a k=x\nb k=x\nc k=y p=1\nd k=y p=2\n", &planning, err);
        if (ko_world_rank(world) == 0)
            ko_mem_fail_nth(nth);
        if (err->code == KO_OK)
            (void) ko_plan_run(planning.resolve, world, planning.run, &planning.counts,
                               planning.digest, &failure);
        ko_mem_fail_nth(0);
        n_good_in_a_row = failure.code == KO_OK ? n_good_in_a_row + 1 : 0;
        CHECK_CODE(failure, failure.code == KO_OK ? KO_OK : KO_E_MEMORY);
        (void) ko_path_join(path, err, planning.folder, "run/plan/manifest.json");
        CHECK(ko_file_exists(path, &is_there, err) == KO_OK && is_there == (failure.code == KO_OK));
        end_planning(world, &planning, err);
    }
}

/* Collectives start as gates. */
static void
counts_of_a_failed_rank_are_not_summed(struct ko_world *world, struct ko_error *err)
{
    struct ko_counts counts = {.read = 7};
    struct ko_error failure = {0};

    if (ko_world_rank(world) == ko_world_size(world) - 1)
        (void) ko_fail(&failure, KO_E_CORRUPT, "broken");
    (void) ko_counts_sum(world, &counts, &failure);
    CHECK_CODE(failure, KO_E_CORRUPT);
    CHECK(counts.read == 7);
}

CASES = {
    CASE(lines_are_canonical_and_in_order),
    CASE(no_groups_make_an_empty_plan),
    CASE(a_large_group_is_not_listed_whole),
    CASE(what_is_written_must_be_what_was_counted),
    CASE(a_review_that_does_not_fit_on_the_disk_fails_all_ranks),
    CASE(a_failed_allocation_leaves_no_manifest),
    CASE(counts_of_a_failed_rank_are_not_summed),
};
RUN_CASES
