/*
 * What the tests of run, plan, journal and review share: a run of a small table, and torture.
 */
#ifndef KEEPONE_TESTS_UNIT_STORE_RUN_SUPPORT_H
#define KEEPONE_TESTS_UNIT_STORE_RUN_SUPPORT_H

#include "keepone/store/plan.h"
#include "keepone/store/run.h"
#include "temp_folder.h"

/* Calls body, an expression of enum ko_code on a clean err, with the 1st, 2nd, ... allocation
 * failing. */
#define TORTURE(err, body)                                           \
    do {                                                             \
        enum ko_code torture_code = KO_E_MEMORY;                     \
        for (uint64_t nth = 1; torture_code == KO_E_MEMORY; nth++) { \
            const uint64_t live = ko_mem_live();                     \
            (err) = (struct ko_error){0};                            \
            ko_mem_fail_nth(nth);                                    \
            torture_code = (body);                                   \
            ko_mem_fail_nth(0);                                      \
            assert_int_equal(ko_mem_live(), live);                   \
            assert_true(torture_code == KO_E_MEMORY || nth > 1);     \
        }                                                            \
        CHECK_OK(err);                                               \
    } while (0)

static inline struct ko_run_facts
facts_of_table(const char *name)
{
    return (struct ko_run_facts){
        .source = KO_RUN_TABLE,
        .table_name = ko_slice_of(name),
        .table_arn = KO_SLICE("arn:aws:dynamodb:eu-west-1:123456789012:table/t"),
        .table_id = KO_SLICE("0f5a8e3c-1111-4222-8333-444444444444"),
        .region = KO_SLICE("eu-west-1"),
        .primary_key = {{.name = KO_SLICE("pk"), .type = KO_SLICE("S")},
                        {.name = KO_SLICE("s\"k"), .type = KO_SLICE("N")}},
        .n_primary_key = 2,
        .n_partitions = 1024,
        .total_segments = 64,
        .as_of_s = 1767225600,
        .rules_digest = KO_SLICE("r1"),
        .options = KO_SLICE("{\"key\":[\"cause\"],\"keep\":[\"any\"]}"),
    };
}

/* A run of "t" in the case's folder. */
static inline struct ko_run *
run_begin(void)
{
    const struct ko_run_facts facts = facts_of_table("t");
    struct ko_error err = {0};
    struct ko_run *run = NULL;
    bool resumed = true;

    (void) ko_run_create(temp_folder, &facts, &run, &resumed, &err);
    CHECK_OK(err);
    assert_false(resumed);
    return run;
}

/* Writes the line {"key":{"c":"<word>"},...} of losers "d<word>" and keepers "k<word>". */
static inline void
plan_add(struct ko_plan_writer *writer, const char *word)
{
    struct ko_error err = {0};
    char texts[3][64];
    struct ko_plan_line line;

    (void) snprintf(texts[0], sizeof texts[0], "{\"c\":{\"S\":\"%s\"}}", word);
    (void) snprintf(texts[1], sizeof texts[1], "{\"pk\":{\"S\":\"d%s\"}}", word);
    (void) snprintf(texts[2], sizeof texts[2], "{\"pk\":{\"S\":\"k%s\"}}", word);
    line = (struct ko_plan_line){.key = ko_slice_of(texts[0]),
                                 .delete_primary_key = ko_slice_of(texts[1]),
                                 .delete_seen = ko_slice_of(texts[0]),
                                 .keep_primary_key = ko_slice_of(texts[2]),
                                 .keep_seen = KO_SLICE("{\"c\":null}")};
    (void) ko_plan_writer_add(writer, &line, &err);
    CHECK_OK(err);
}

/* Writes one part, a line for each letter of words. */
static inline struct ko_plan_part
part_write(const char *plan_name, uint32_t number, const char *words)
{
    struct ko_plan_writer *writer = NULL;
    struct ko_plan_part part;
    struct ko_error err = {0};

    (void) ko_plan_writer_open(temp_folder, plan_name, number, &writer, &err);
    CHECK_OK(err);
    for (; *words != '\0'; words++) {
        const char word[2] = {*words, '\0'};

        plan_add(writer, word);
    }
    (void) ko_plan_writer_close(writer, &part, &err);
    CHECK_OK(err);
    return part;
}

/* Writes the plan: part 3 of the lines a b c, part 1023 of d, part 7 without lines; the run is
 * planned. */
static inline struct ko_plan_manifest *
plan_write(struct ko_run *run)
{
    const struct ko_run_totals totals = {.read = 9, .unique = 1, .keepers = 4, .planned = 4};
    struct ko_error err = {0};
    struct ko_plan_manifest *manifest;
    struct ko_plan_part parts[3];

    (void) ko_plan_begin(run, KO_PLAN_NAME, &err);
    CHECK_OK(err);
    parts[0] = part_write(KO_PLAN_NAME, 1023, "d");
    parts[1] = part_write(KO_PLAN_NAME, 7, "");
    parts[2] = part_write(KO_PLAN_NAME, 3, "abc");
    manifest = ko_plan_manifest_new(&run->facts, &err);
    for (int i = 0; i < 3; i++)
        (void) ko_plan_manifest_add(manifest, &parts[i], &err);
    (void) ko_plan_manifest_write(temp_folder, KO_PLAN_NAME, manifest, &err);
    (void) ko_run_finish_reading(run, &totals, manifest->digest, &err);
    CHECK_OK(err);
    return manifest;
}

static inline const char *
golden_run(void)
{
    static char path[1024];
    const char *tests = getenv("KEEPONE_TESTS_DIR");

    (void) snprintf(path, sizeof path, "%s/golden/run/format-1", tests == NULL ? "tests" : tests);
    return path;
}

#endif
