#include "keepone/store/run.h"

#include "keepone/base/clock.h"
#include "keepone/format/digest.h"
#include "run_support.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct ko_run_totals totals_of_ten = {.read = 10,
                                                   .folded = 1,
                                                   .filtered = 1,
                                                   .missing = 1,
                                                   .unique = 2,
                                                   .keepers = 2,
                                                   .planned = 2,
                                                   .review = 1};

/* Opens the case's folder; the code of what came of it, the text in `said`. */
static char said[KO_ERROR_TEXT_BYTES];

static enum ko_code
open_code(void)
{
    struct ko_run *run = NULL;
    struct ko_error err = {0};

    (void) ko_run_open(temp_folder, &run, &err);
    assert_true((run == NULL) == (err.code != KO_OK));
    ko_run_free(run);
    (void) snprintf(said, sizeof said, "%s", err.text);
    return err.code;
}

static enum ko_code
create_code(const struct ko_run_facts *facts, bool *resumed)
{
    struct ko_run *run = NULL;
    struct ko_error err = {0};

    (void) ko_run_create(temp_folder, facts, &run, resumed, &err);
    assert_true((run == NULL) == (err.code != KO_OK));
    ko_run_free(run);
    (void) snprintf(said, sizeof said, "%s", err.text);
    return err.code;
}

static void
check_said(const char *part)
{
    if (strstr(said, part) == NULL)
        fail_msg("'%s' does not say '%s'", said, part);
}

/* Replaces the first `from` in run.json; with_digest: and makes its last member fit again. */
static void
edit(const char *from, const char *to, bool with_digest)
{
    struct ko_buf old = {0};
    struct ko_buf new = {0};
    char hex[KO_SHA256_HEX_BYTES];
    const char *at;
    size_t n_before;

    file_read("run.json", &old);
    ko_buf_add_char(&old, '\0');
    at = strstr(old.data, from);
    assert_non_null(at);
    n_before = (size_t) (at - old.data);
    ko_buf_add(&new, old.data, n_before);
    ko_buf_add_text(&new, to);
    ko_buf_add_text(&new, at + strlen(from));
    ko_buf_add_char(&new, '\0');
    at = strstr(new.data, "\"sha256\"");
    new.n--;
    if (with_digest && at != NULL) {
        new.n = (size_t) (at - new.data);
        ko_sha256_hex(ko_buf_slice(&new), hex);
        ko_buf_add_format(&new, "\"sha256\":\"%s\"\n}\n", hex);
    }
    file_write("run.json", ko_buf_slice(&new));
    ko_buf_clear(&old);
    ko_buf_clear(&new);
}

static void
a_run_reads_back_as_it_was_started(void)
{
    struct ko_error err = {0};
    struct ko_run *run;
    struct ko_run *again = NULL;
    struct ko_buf text = {0};
    struct ko_buf text_again = {0};

    folder_begin();
    run = run_begin();
    (void) ko_run_encode(run, &text, &err);
    (void) ko_run_open(temp_folder, &again, &err);
    CHECK_OK(err);
    (void) ko_run_encode(again, &text_again, &err);
    CHECK_OK(err);
    assert_true(ko_slice_equal(ko_buf_slice(&text), ko_buf_slice(&text_again)));
    file_read("run.json", &text_again);
    assert_true(ko_slice_equal(ko_buf_slice(&text), ko_buf_slice(&text_again)));
    CHECK_SLICE(again->facts.table_name, "t");
    CHECK_SLICE(again->facts.primary_key[1].name, "s\"k");
    CHECK_SLICE(again->facts.options, "{\"key\":[\"cause\"],\"keep\":[\"any\"]}");
    assert_null(again->facts.endpoint.data);
    assert_int_equal(again->facts.as_of_s, 1767225600);
    assert_int_equal(again->state, KO_RUN_READING);
    ko_buf_clear(&text);
    ko_buf_clear(&text_again);
    ko_run_free(run);
    ko_run_free(again);
    folder_end();
}

static void
an_equal_unfinished_run_is_resumed_with_its_first_facts(void)
{
    struct ko_run_facts facts = facts_of_table("t");
    struct ko_error err = {0};
    struct ko_run *run;
    bool resumed = false;

    folder_begin();
    ko_run_free(run_begin());
    facts.as_of_s = 1999999999;
    facts.total_segments = 2;
    (void) ko_run_create(temp_folder, &facts, &run, &resumed, &err);
    CHECK_OK(err);
    assert_true(resumed);
    assert_int_equal(run->facts.as_of_s, 1767225600);
    assert_int_equal(run->facts.total_segments, 64);
    ko_run_free(run);
    folder_end();
}

static void
another_run_is_refused_and_says_what_differs(void)
{
    struct ko_run_facts facts[8];
    const char *const names[8] = {"table",  "table id", "region",      "endpoint",
                                  "source", "export",   "primary key", "second attribute"};
    bool resumed = false;

    for (int i = 0; i < 8; i++)
        facts[i] = facts_of_table("t");
    facts[0].table_name = KO_SLICE("other");
    facts[1].table_id = KO_SLICE("other");
    facts[2].region = KO_SLICE("other");
    facts[3].endpoint = KO_SLICE("other");
    facts[4].source = KO_RUN_EXPORT;
    facts[5].export_path = KO_SLICE("other");
    facts[6].primary_key[0].name = KO_SLICE("other");
    facts[7].primary_key[1] = (struct ko_run_key){0};
    facts[7].n_primary_key = 1;
    folder_begin();
    ko_run_free(run_begin());
    for (int i = 0; i < 8; i++) {
        assert_int_equal(create_code(&facts[i], &resumed), KO_E_REFUSED);
        check_said(names[i]);
    }
    folder_end();
}

static void
one_export_may_be_reached_by_two_paths(void)
{
    struct ko_run_facts facts = facts_of_table("t");
    bool resumed = true;

    folder_begin();
    facts.source = KO_RUN_EXPORT;
    facts.export_path = KO_SLICE("a");
    facts.export_arn = KO_SLICE("arn:1");
    assert_int_equal(create_code(&facts, &resumed), KO_OK);
    facts.export_path = KO_SLICE("/x/a");
    assert_int_equal(create_code(&facts, &resumed), KO_OK);
    assert_true(resumed);
    facts.export_arn = KO_SLICE("arn:2");
    assert_int_equal(create_code(&facts, &resumed), KO_E_REFUSED);
    facts.export_arn = (struct ko_slice){NULL, 0};
    facts.export_path = KO_SLICE("a");
    assert_int_equal(create_code(&facts, &resumed), KO_OK);
    facts.as_of_s += 86400;
    assert_int_equal(create_code(&facts, &resumed), KO_E_REFUSED);
    check_said("export time");
    folder_end();
}

static void
other_rules_are_refused_and_the_option_is_named(void)
{
    struct ko_run_facts facts = facts_of_table("t");
    bool resumed = false;

    folder_begin();
    ko_run_free(run_begin());
    facts.options = KO_SLICE("{\"key\":[\"cause\"],\"memory\":1}");
    assert_int_equal(create_code(&facts, &resumed), KO_OK);
    facts.rules_digest = KO_SLICE("r2");
    facts.options = KO_SLICE("{\"key\":[\"handle\"],\"keep\":[\"any\"]}");
    assert_int_equal(create_code(&facts, &resumed), KO_E_REFUSED);
    check_said("option key is '[\"cause\"]', not '[\"handle\"]'");
    facts.options = KO_SLICE("{\"key\":[\"cause\"],\"keep\":[\"any\"]}");
    assert_int_equal(create_code(&facts, &resumed), KO_E_REFUSED);
    check_said("digest of rules");
    folder_end();
}

static void
a_finished_plan_is_not_found_again(void)
{
    const struct ko_run_facts facts = facts_of_table("t");
    struct ko_error err = {0};
    struct ko_run *run;
    bool resumed = false;

    folder_begin();
    run = run_begin();
    (void) ko_run_finish_reading(run, &totals_of_ten, HEX, &err);
    CHECK_OK(err);
    ko_run_free(run);
    assert_int_equal(create_code(&facts, &resumed), KO_E_REFUSED);
    check_said("finished plan");
    folder_end();
}

static void
a_folder_of_other_things_is_refused(void)
{
    const struct ko_run_facts facts = facts_of_table("t");
    bool resumed = false;

    folder_begin();
    assert_int_equal(open_code(), KO_E_REFUSED);
    check_said("no run.json");
    file_write("photo.jpg", KO_SLICE("x"));
    assert_int_equal(create_code(&facts, &resumed), KO_E_REFUSED);
    check_said("photo.jpg");
    assert_false(file_exists("run.json"));
    folder_end();
}

static void
what_a_crash_leaves_before_run_json_does_not_count(void)
{
    const struct ko_run_facts facts = facts_of_table("t");
    bool resumed = true;

    folder_begin();
    file_write("lease.json", KO_SLICE("x"));
    file_write("run.json.0123abcd.tmp", KO_SLICE("x"));
    file_write(".hidden", KO_SLICE("x"));
    assert_int_equal(create_code(&facts, &resumed), KO_OK);
    assert_false(resumed);
    folder_end();
}

/* A run in the given state, as if run.json said so. */
static struct ko_run *
run_in(enum ko_run_state state)
{
    struct ko_run *run = run_begin();
    struct ko_error err = {0};

    if (state >= KO_RUN_PLANNED)
        (void) ko_run_finish_reading(run, &totals_of_ten, HEX, &err);
    for (int next = KO_RUN_APPLYING; next <= (int) state; next++)
        (void) ko_run_set_state(run, (enum ko_run_state) next, &err);
    CHECK_OK(err);
    return run;
}

static void
a_state_goes_only_where_it_may(void)
{
    /* By state: reading planned applying applied undoing undone; "=" itself, "!" only with a plan.
     */
    static const char *const allowed[] = {"=!....", ".=+...", "..=++.",
                                          "...=+.", "....=+", ".....="};

    for (int from = KO_RUN_READING; from <= KO_RUN_UNDONE; from++) {
        for (int to = KO_RUN_READING; to <= KO_RUN_UNDONE; to++) {
            const char may = allowed[from][to];
            struct ko_error err = {0};
            struct ko_run *run;

            folder_begin();
            run = run_in((enum ko_run_state) from);
            (void) ko_run_set_state(run, (enum ko_run_state) to, &err);
            CHECK_CODE(err, may == '.' ? KO_E_REFUSED : may == '!' ? KO_E_BUG : KO_OK);
            assert_true(err.code != KO_E_REFUSED || err.hint[0] != '\0');
            assert_int_equal(run->state, may == '+' ? to : from);
            ko_run_free(run);
            err = (struct ko_error){0};
            (void) ko_run_open(temp_folder, &run, &err);
            CHECK_OK(err);
            assert_int_equal(run->state, may == '+' ? to : from);
            ko_run_free(run);
            folder_end();
        }
    }
}

static void
a_state_that_cannot_be_written_is_not_reached(void)
{
    struct ko_error err = {0};
    struct ko_run *run;

    folder_begin();
    run = run_in(KO_RUN_PLANNED);
    disk_limit(16);
    (void) ko_run_set_state(run, KO_RUN_APPLYING, &err);
    disk_limit(0);
    CHECK_CODE(err, KO_E_IO);
    assert_int_equal(run->state, KO_RUN_PLANNED);
    assert_int_equal(open_code(), KO_OK);
    ko_run_free(run);
    folder_end();
}

static void
counts_that_do_not_add_up_make_no_plan(void)
{
    struct ko_run_totals totals = totals_of_ten;
    struct ko_error err = {0};
    struct ko_run *run;

    folder_begin();
    run = run_begin();
    totals.planned++;
    (void) ko_run_finish_reading(run, &totals, HEX, &err);
    CHECK_CODE(err, KO_E_BUG);
    assert_int_equal(run->state, KO_RUN_READING);
    ko_run_free(run);
    folder_end();
}

static void
another_plan_is_chosen_before_apply_only(void)
{
    struct ko_error err = {0};
    struct ko_run *run;

    folder_begin();
    run = run_in(KO_RUN_PLANNED);
    (void) ko_run_choose_plan(run, "plan-2", HEX, &err);
    (void) ko_run_set_state(run, KO_RUN_APPLYING, &err);
    CHECK_OK(err);
    (void) ko_run_choose_plan(run, "plan", HEX, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    ko_run_free(run);
    err = (struct ko_error){0};
    (void) ko_run_open(temp_folder, &run, &err);
    CHECK_OK(err);
    CHECK_SLICE(run->plan_name, "plan-2");
    ko_run_free(run);
    folder_end();
}

static void
every_changed_byte_is_noticed(void)
{
    struct ko_buf text = {0};

    folder_begin();
    ko_run_free(run_in(KO_RUN_APPLIED));
    file_read("run.json", &text);
    for (size_t i = 0; i < text.n; i++) {
        text.data[i] ^= 1;
        file_write("run.json", ko_buf_slice(&text));
        if (open_code() != KO_E_CORRUPT && strstr(said, "its format is 0") == NULL)
            fail_msg("byte %zu may be changed", i);
        text.data[i] ^= 1;
    }
    for (size_t n = 0; n + 1 < text.n; n++) {
        file_write("run.json", (struct ko_slice){text.data, n});
        assert_int_equal(open_code(), KO_E_CORRUPT);
        check_said("run.json");
    }
    ko_buf_clear(&text);
    folder_end();
}

static void
a_broken_member_is_named(void)
{
    static const struct {
        const char *from, *to, *says;
    } edits[] = {
        {"\"applied\"", "\"gone\"", "member 'state'"},
        {"\"state\"", "\"stat\"", "member 'state' is missing"},
        {"\"source\":\"table\"", "\"source\":7", "member 'source'"},
        {"\"table\":\"t\"", "\"table\":1", "member 'table'"},
        {"\"region\"", "\"table\"", "member 'table' is there twice"},
        {"\"type\":\"N\"", "\"type\":\"BOOL\"", "member 'primary_key'"},
        {"\"primary_key\":[", "\"primary_key\":[{\"name\":\"x\"},", "member 'primary_key'"},
        {"[{\"name\":\"pk\",\"type\":\"S\"},", "[{\"type\":\"S\"},", "member 'primary_key'"},
        {"1024", "512", "member 'partitions'"},
        {"\"segments\":64", "\"segments\":4294967296", "member 'segments'"},
        {"1767225600", "9223372036854775808", "member 'as_of'"},
        {"1767225600", "-5", "member 'as_of'"},
        {"\"rules\":\"r1\"", "\"rules\":\"\"", "member 'rules'"},
        {"\"options\":{", "\"options\":[{", "run.json"},
        {"\"options\":{\"key\":[\"cause\"],\"keep\":[\"any\"]}", "\"options\":[]",
         "member 'options'"},
        {"\"plan\":\"plan\"", "\"plan\":\"../plan\"", "member 'plan'"},
        {"\"plan\":\"plan\"", "\"plan\":\"plan-\"", "member 'plan'"},
        {"\"plan_digest\":\"0", "\"plan_digest\":\"X", "member 'plan_digest'"},
        {"\"state\":\"applied\"", "\"state\":\"reading\"", "member 'plan_digest'"},
        {"\"read\":10", "\"read\":11", "member 'totals'"},
        {"\"folded\":1", "\"folded\":18446744073709551615", "member 'totals'"},
        {"\"missing\":1", "\"missing\":\"1\"", "member 'totals'"},
        {"\"format\":1", "\"format\":\"1\"", "member 'format'"},
    };

    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        folder_begin();
        ko_run_free(run_in(KO_RUN_APPLIED));
        edit(edits[i].from, edits[i].to, true);
        assert_int_equal(open_code(), KO_E_CORRUPT);
        check_said("run.json");
        check_said(edits[i].says);
        folder_end();
    }
}

static void
an_edit_by_hand_is_refused(void)
{
    folder_begin();
    ko_run_free(run_begin());
    edit("\"table\":\"t\"", "\"table\":\"u\"", false);
    assert_int_equal(open_code(), KO_E_CORRUPT);
    check_said("member 'sha256'");
    folder_end();
}

static void
nothing_may_stand_behind_the_digest(void)
{
    folder_begin();
    ko_run_free(run_begin());
    edit("\"\n}\n", "\",\"x\":1}", false);
    assert_int_equal(open_code(), KO_E_CORRUPT);
    check_said("member 'x' stands behind");
    folder_end();
}

static void
a_newer_format_is_refused(void)
{
    folder_begin();
    ko_run_free(run_begin());
    edit("\"format\":1", "\"format\":2", true);
    assert_int_equal(open_code(), KO_E_REFUSED);
    check_said("its format is 2; this keepone knows format 1");
    folder_end();
}

static void
unknown_members_are_kept(void)
{
    struct ko_error err = {0};
    struct ko_buf text = {0};
    struct ko_run *run = NULL;

    folder_begin();
    ko_run_free(run_in(KO_RUN_PLANNED));
    edit("\"totals\"", "\"colour\":{\"of\":[1,2]},\n\"totals\"", true);
    (void) ko_run_open(temp_folder, &run, &err);
    (void) ko_run_set_state(run, KO_RUN_APPLYING, &err);
    CHECK_OK(err);
    ko_run_free(run);
    assert_int_equal(open_code(), KO_OK);
    file_read("run.json", &text);
    ko_buf_add_char(&text, '\0');
    assert_non_null(strstr(text.data, "\n\"colour\":{\"of\":[1,2]},\n"));
    ko_buf_clear(&text);
    folder_end();
}

static void
a_path_that_json_cannot_hold_is_refused_at_the_start(void)
{
    struct ko_run_facts facts = facts_of_table("t");
    bool resumed = false;

    folder_begin();
    facts.export_path = KO_SLICE("a\xff");
    assert_int_equal(create_code(&facts, &resumed), KO_E_OPTION);
    check_said("UTF-8");
    folder_end();
}

static void
a_nonce_is_seen_by_those_who_share_the_folder(void)
{
    struct ko_error err = {0};

    folder_begin();
    (void) ko_run_nonce_write(temp_folder, "abc123", &err);
    (void) ko_run_nonce_check(temp_folder, "abc123", &err);
    CHECK_OK(err);
    (void) ko_run_nonce_check(temp_folder, "def456", &err);
    CHECK_CODE(err, KO_E_REFUSED);
    assert_non_null(strstr(err.hint, "--run"));
    err = (struct ko_error){0};
    (void) ko_run_nonce_remove(temp_folder, "abc123", &err);
    CHECK_OK(err);
    CHECK_TEXT(folder_names(), "");
    folder_end();
}

static void
the_report_is_replaced_as_a_whole(void)
{
    struct ko_error err = {0};
    struct ko_buf text = {0};
    struct ko_run *run;
    char path[KO_PATH_BYTES];

    folder_begin();
    run = run_begin();
    (void) ko_run_write_report(run, KO_SLICE("{\"a\":1}"), &err);
    (void) ko_run_write_report(run, KO_SLICE("{\"b\":2}"), &err);
    (void) ko_run_path(run, path, &err, "report.%s", "json");
    CHECK_OK(err);
    CHECK_TEXT(path, file_at("report.json"));
    file_read("report.json", &text);
    CHECK_SLICE(ko_buf_slice(&text), "{\"b\":2}\n");
    CHECK_TEXT(folder_names(), "report.json run.json ");
    ko_buf_clear(&text);
    ko_run_free(run);
    folder_end();
}

static enum ko_code
open_and_free(struct ko_error *err)
{
    struct ko_run *run = NULL;

    (void) ko_run_open(temp_folder, &run, err);
    ko_run_free(run);
    return err->code;
}

static enum ko_code
create_and_free(struct ko_error *err)
{
    const struct ko_run_facts facts = facts_of_table("t");
    struct ko_run *run = NULL;
    bool resumed;

    (void) ko_run_create(temp_folder, &facts, &run, &resumed, err);
    ko_run_free(run);
    return err->code;
}

static void
running_out_of_memory_leaves_nothing_behind(void)
{
    struct ko_error err = {0};

    folder_begin();
    TORTURE(err, create_and_free(&err));
    edit("\"totals\"", "\"colour\":7,\n\"totals\"", true);
    TORTURE(err, open_and_free(&err));
    folder_end();
}

static void
the_golden_run_reads_forever(void)
{
    struct ko_error err = {0};
    struct ko_run *run = NULL;
    struct ko_buf text = {0};
    struct ko_buf file = {0};
    char path[KO_PATH_BYTES];

    (void) ko_run_open(golden_run(), &run, &err);
    CHECK_OK(err);
    assert_int_equal(run->state, KO_RUN_APPLYING);
    CHECK_SLICE(run->facts.table_name, "space-diff");
    CHECK_SLICE(run->facts.endpoint, "http://localhost:8000");
    CHECK_SLICE(run->started, "2026-01-31T12:00:00.123Z");
    assert_int_equal(run->totals.planned, 4);
    (void) ko_run_path(run, path, &err, "run.json");
    (void) ko_file_read(path, 4096, &file, &err);
    (void) ko_run_encode(run, &text, &err);
    CHECK_OK(err);
    assert_true(ko_slice_equal(ko_buf_slice(&text), ko_buf_slice(&file)));
    ko_buf_clear(&text);
    ko_buf_clear(&file);
    ko_run_free(run);
}

CASES = {
    CASE(a_run_reads_back_as_it_was_started),
    CASE(an_equal_unfinished_run_is_resumed_with_its_first_facts),
    CASE(another_run_is_refused_and_says_what_differs),
    CASE(one_export_may_be_reached_by_two_paths),
    CASE(other_rules_are_refused_and_the_option_is_named),
    CASE(a_finished_plan_is_not_found_again),
    CASE(a_folder_of_other_things_is_refused),
    CASE(what_a_crash_leaves_before_run_json_does_not_count),
    CASE(a_state_goes_only_where_it_may),
    CASE(a_state_that_cannot_be_written_is_not_reached),
    CASE(counts_that_do_not_add_up_make_no_plan),
    CASE(another_plan_is_chosen_before_apply_only),
    CASE(every_changed_byte_is_noticed),
    CASE(a_broken_member_is_named),
    CASE(an_edit_by_hand_is_refused),
    CASE(nothing_may_stand_behind_the_digest),
    CASE(a_newer_format_is_refused),
    CASE(unknown_members_are_kept),
    CASE(a_path_that_json_cannot_hold_is_refused_at_the_start),
    CASE(a_nonce_is_seen_by_those_who_share_the_folder),
    CASE(the_report_is_replaced_as_a_whole),
    CASE(running_out_of_memory_leaves_nothing_behind),
    CASE(the_golden_run_reads_forever),
};
RUN_CASES
