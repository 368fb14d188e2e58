#include "keepone/base/mount.h"
#include "keepone/store/review.h"
#include "keepone/store/row_file.h"
#include "run_support.h"
#include "support/trial_mount.h"

/* What is in a run directory, all of it on a mount. */

static void
case_begin(void)
{
    mount_begin();
    (void) snprintf(temp_folder, sizeof temp_folder, "test://b/run");
}

/* Objects live in tracked memory: what leaks is seen when they are gone. */
static void
case_end(void)
{
    mount_end();
}

static const char *
state_of(void)
{
    struct ko_error err = {0};
    struct ko_run *run = NULL;
    const char *name;

    if (ko_run_open(temp_folder, &run, &err) != KO_OK)
        return ko_code_name(err.code);
    name = ko_run_state_name(run->state);
    ko_run_free(run);
    return name;
}

static enum ko_code
create_run(struct ko_error *err)
{
    const struct ko_run_facts facts = facts_of_table("t");
    struct ko_run *run = NULL;
    bool resumed;

    (void) ko_run_create(temp_folder, &facts, &run, &resumed, err);
    ko_run_free(run);
    return err->code;
}

static void
a_run_is_made_and_resumed(void)
{
    const struct ko_run_facts facts = facts_of_table("t");
    struct ko_error err = {0};
    struct ko_run *run = NULL;
    bool resumed = false;

    case_begin();
    CHECK_TEXT(state_of(), "refused");
    MOUNT_TORTURE(err, mount_clear(), create_run(&err), CHECK_TEXT(mount_names("test://b"), ""));
    CHECK_TEXT(mount_names("test://b"), "run/run.json ");
    CHECK_TEXT(state_of(), "reading");
    (void) ko_run_create(temp_folder, &facts, &run, &resumed, &err);
    CHECK_OK(err);
    assert_true(resumed);
    ko_run_free(run);
    case_end();
}

static void
a_place_that_cannot_be_looked_at_is_not_taken_for_an_empty_one(void)
{
    struct ko_error err = {0};

    case_begin();
    (void) create_run(&err);
    CHECK_OK(err);
    mount_fail_nth(1);
    (void) create_run(&err);
    CHECK_CODE(err, KO_E_AWS);
    mount_fail_nth(1);
    CHECK_TEXT(state_of(), ko_code_name(KO_E_AWS));
    case_end();
}

static void
a_folder_with_other_things_is_refused(void)
{
    struct ko_error err = {0};

    case_begin();
    mount_put("test://b/run/lease-000007.json", KO_SLICE(""));
    mount_put("test://b/run/holiday.jpg", KO_SLICE(""));
    (void) create_run(&err);
    CHECK_CODE(err, KO_E_REFUSED);
    CHECK_ERROR_SAYS(err, "holiday.jpg");
    mount_remove("test://b/run/holiday.jpg");
    err = (struct ko_error){0};
    (void) create_run(&err);
    CHECK_OK(err);
    case_end();
}

static enum ko_code
start_applying(struct ko_error *err)
{
    struct ko_run *run = NULL;

    KO_TRY(ko_run_open(temp_folder, &run, err));
    KO_TRY(ko_run_set_state(run, KO_RUN_APPLYING, err));

done:
    ko_run_free(run);
    return err->code;
}

static void
plan_of_case(void)
{
    struct ko_run *run;

    mount_clear();
    run = run_begin();
    ko_plan_manifest_free(plan_write(run));
    ko_run_free(run);
}

static void
a_state_is_the_old_one_or_the_new_one(void)
{
    struct ko_error err = {0};

    case_begin();
    MOUNT_TORTURE(err, plan_of_case(), start_applying(&err), CHECK_TEXT(state_of(), "planned"));
    CHECK_TEXT(state_of(), "applying");
    case_end();
}

static void
a_plan_is_whole_objects(void)
{
    case_begin();
    plan_of_case();
    CHECK_TEXT(mount_names("test://b"), "run/plan/manifest.json run/plan/part-0003.jsonl.zst "
                                        "run/plan/part-1023.jsonl.zst run/run.json ");
    CHECK_TEXT(state_of(), "planned");
    case_end();
}

static enum ko_code
want_d(void *self, const struct ko_plan_line *line, bool *wanted, struct ko_error *err)
{
    (void) self;
    *wanted = ko_slice_equal(line->delete_primary_key, KO_SLICE("{\"pk\":{\"S\":\"dd\"}}"));
    return err->code;
}

static enum ko_code
make_subset(struct ko_error *err)
{
    const struct ko_plan_filter filter = {.fn = want_d};
    struct ko_plan_manifest *manifest = NULL;
    struct ko_run *run = NULL;
    char name[KO_PLAN_NAME_BYTES];

    KO_TRY(ko_run_open(temp_folder, &run, err));
    KO_TRY(ko_plan_subset(run, &filter, name, &manifest, err));
    KO_TRY(ko_run_choose_plan(run, name, manifest->digest, err));

done:
    ko_plan_manifest_free(manifest);
    ko_run_free(run);
    return err->code;
}

/* The lines of the run's plan, or the name of an error. */
static uint64_t
count_plan_lines(void)
{
    struct ko_plan_manifest *manifest = NULL;
    struct ko_error err = {0};
    struct ko_run *run = NULL;
    uint64_t n = 0;

    KO_TRY(ko_run_open(temp_folder, &run, &err));
    KO_TRY(ko_plan_open(run, &manifest, &err));
    for (size_t i = 0; i < manifest->n_parts; i++)
        KO_TRY(ko_plan_check(temp_folder, run->plan_name.data, &manifest->parts[i], &err));
    n = manifest->n_lines;

done:
    CHECK_OK(err);
    ko_plan_manifest_free(manifest);
    ko_run_free(run);
    return n;
}

static void
a_smaller_plan_is_there_whole_or_not_chosen(void)
{
    struct ko_error err = {0};

    case_begin();
    MOUNT_TORTURE(err, plan_of_case(), make_subset(&err), assert_int_equal(count_plan_lines(), 4));
    assert_int_equal(count_plan_lines(), 1);
    case_end();
}

static void
a_part_that_is_gone_is_noticed(void)
{
    struct ko_plan_manifest *manifest = NULL;
    struct ko_error err = {0};
    struct ko_run *run = NULL;

    case_begin();
    plan_of_case();
    mount_remove("test://b/run/plan/part-0003.jsonl.zst");
    (void) ko_run_open(temp_folder, &run, &err);
    (void) ko_plan_open(run, &manifest, &err);
    CHECK_OK(err);
    (void) ko_plan_check(temp_folder, KO_PLAN_NAME, &manifest->parts[0], &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, "part-0003.jsonl.zst' is missing");
    ko_plan_manifest_free(manifest);
    ko_run_free(run);
    case_end();
}

/* ---- row files ---- */

static const struct ko_row_kind kind = {.n_values = 1, .identity = {"t", 1}};
enum { ROWS = 3000 };

static enum ko_code
write_rows(struct ko_error *err)
{
    const uint64_t counters[KO_ROW_COUNTERS] = {ROWS};
    struct ko_row_writer *writer = NULL;

    KO_TRY(ko_row_writer_open(file_at("read/r"), &kind, &writer, err));
    for (uint64_t i = 0; i < ROWS; i++) {
        char text[512];
        struct ko_slice value = {text, sizeof text};

        for (size_t k = 0; k < sizeof text; k++)
            text[k] = (char) (i * 7919 + k * k * 31 + (i >> (k % 7)));
        KO_TRY(ko_row_writer_add(writer, &value, err));
    }
    return ko_row_writer_close(writer, counters, err);

done:
    ko_row_writer_abandon(writer);
    return err->code;
}

/* Reads only when ready, as an event loop does. */
static enum ko_code
read_rows(struct ko_error *err)
{
    struct ko_row_reader *reader = NULL;
    struct ko_slice value;
    uint64_t n_rows = 0;
    bool has_row = true;

    KO_TRY(ko_row_reader_open(file_at("read/r"), &kind, &reader, err));
    while (has_row) {
        bool is_ready;

        KO_TRY(ko_row_reader_is_ready(reader, &is_ready, err));
        if (!is_ready)
            continue;
        KO_TRY(ko_row_reader_next(reader, &value, &has_row, err));
        n_rows += has_row;
    }
    assert_int_equal(n_rows, ROWS);
    assert_int_equal(ko_row_reader_counters(reader)[0], ROWS);

done:
    ko_row_reader_close(reader);
    return err->code;
}

static void
a_row_file_is_there_whole_or_not_at_all(void)
{
    struct ko_error err = {0};

    case_begin();
    MOUNT_TORTURE(err, mount_clear(), write_rows(&err), CHECK_TEXT(mount_names("test://b"), ""));
    mount.read_bytes = 40000;
    MOUNT_TORTURE(err, (void) 0, read_rows(&err), (void) 0);
    assert_true(mount.n_unready > 1);
    case_end();
}

/* ---- the review ---- */

static enum ko_code
write_review(uint32_t rank, const char *line, struct ko_error *err)
{
    struct ko_line_writer *writer = NULL;

    KO_TRY(ko_review_writer_open(temp_folder, rank, &writer, err));
    KO_TRY(ko_line_writer_add(writer, ko_slice_of(line), err));
    return ko_line_writer_close(writer, NULL, err);

done:
    ko_line_writer_abandon(writer);
    return err->code;
}

static enum ko_code
make_review(struct ko_error *err)
{
    KO_TRY(write_review(0, "one", err));
    KO_TRY(write_review(1, "two", err));
    KO_TRY(ko_review_merge(temp_folder, 2, err));

done:
    return err->code;
}

static void
the_review_is_joined_and_its_parts_go_away(void)
{
    struct ko_line_reader *reader = NULL;
    struct ko_error err = {0};
    struct ko_slice line;

    case_begin();
    MOUNT_TORTURE(err, (void) 0, make_review(&err), (void) 0);
    CHECK_TEXT(mount_names(temp_folder), "review.jsonl.zst ");
    (void) ko_review_reader_open(temp_folder, &reader, &err);
    (void) ko_line_reader_next(reader, &line, &err);
    CHECK_SLICE(line, "one");
    (void) ko_line_reader_next(reader, &line, &err);
    CHECK_SLICE(line, "two");
    (void) ko_line_reader_next(reader, &line, &err);
    assert_null(line.data);
    CHECK_OK(err);
    ko_line_reader_close(reader);
    case_end();
}

/* ---- the nonce ---- */

static void
the_nonce_tells_whether_all_see_the_same_place(void)
{
    struct ko_error err = {0};

    case_begin();
    (void) ko_run_nonce_write(temp_folder, "abc123", &err);
    (void) ko_run_nonce_check(temp_folder, "abc123", &err);
    CHECK_OK(err);
    (void) ko_run_nonce_check("test://b/other", "abc123", &err);
    CHECK_CODE(err, KO_E_REFUSED);
    err = (struct ko_error){0};
    mount_fail_nth(1);
    (void) ko_run_nonce_check(temp_folder, "abc123", &err);
    CHECK_CODE(err, KO_E_AWS);
    err = (struct ko_error){0};
    (void) ko_run_nonce_remove(temp_folder, "abc123", &err);
    CHECK_OK(err);
    CHECK_TEXT(mount_names("test://b"), "");
    case_end();
}

static void
a_place_that_nobody_mounted_is_no_folder(void)
{
    struct ko_error err = {0};

    (void) snprintf(temp_folder, sizeof temp_folder, "test://b/run");
    (void) create_run(&err);
    CHECK_CODE(err, KO_E_OPTION);
    CHECK_ERROR_SAYS(err, "test://b/run");
}

CASES = {
    CASE(a_run_is_made_and_resumed),
    CASE(a_place_that_cannot_be_looked_at_is_not_taken_for_an_empty_one),
    CASE(a_folder_with_other_things_is_refused),
    CASE(a_state_is_the_old_one_or_the_new_one),
    CASE(a_plan_is_whole_objects),
    CASE(a_smaller_plan_is_there_whole_or_not_chosen),
    CASE(a_part_that_is_gone_is_noticed),
    CASE(a_row_file_is_there_whole_or_not_at_all),
    CASE(the_review_is_joined_and_its_parts_go_away),
    CASE(the_nonce_tells_whether_all_see_the_same_place),
    CASE(a_place_that_nobody_mounted_is_no_folder),
};
RUN_CASES
