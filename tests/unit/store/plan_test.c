#include "keepone/store/plan.h"

#include "run_support.h"

#define LINE(key, loser, loser_seen, keeper, keeper_seen)                         \
    "{\"key\":" key ",\"delete\":{\"primary_key\":" loser ",\"seen\":" loser_seen \
    "},\"keep\":{\"primary_key\":" keeper ",\"seen\":" keeper_seen "}}"

static void
a_line_has_exactly_one_form(void)
{
    const struct ko_plan_line line = {.key = KO_SLICE("{\"c\":{\"S\":\"x\"}}"),
                                      .delete_primary_key = KO_SLICE("{\"pk\":{\"S\":\"1\"}}"),
                                      .delete_seen = KO_SLICE("{\"c\":{\"S\":\"x\"}}"),
                                      .keep_primary_key = KO_SLICE("{\"pk\":{\"S\":\"2\"}}"),
                                      .keep_seen = KO_SLICE("{\"c\":null}")};
    struct ko_error err = {0};
    struct ko_plan_line again = {0};
    struct ko_buf text = {0};

    ko_plan_line_encode(&line, &text);
    CHECK_SLICE(ko_buf_slice(&text),
                "{\"key\":{\"c\":{\"S\":\"x\"}},\"delete\":{\"primary_key\":{\"pk\":{\"S\":\"1\"}},"
                "\"seen\":{\"c\":{\"S\":\"x\"}}},\"keep\":{\"primary_key\":{\"pk\":{\"S\":\"2\"}},"
                "\"seen\":{\"c\":null}}}");
    (void) ko_plan_line_decode(ko_buf_slice(&text), &again, &err);
    CHECK_OK(err);
    CHECK_SLICE(again.key, "{\"c\":{\"S\":\"x\"}}");
    CHECK_SLICE(again.delete_primary_key, "{\"pk\":{\"S\":\"1\"}}");
    CHECK_SLICE(again.delete_seen, "{\"c\":{\"S\":\"x\"}}");
    CHECK_SLICE(again.keep_primary_key, "{\"pk\":{\"S\":\"2\"}}");
    CHECK_SLICE(again.keep_seen, "{\"c\":null}");
    ko_buf_clear(&text);
}

static void
another_form_is_no_line(void)
{
    static const char *const broken[][2] = {
        {"", "expected an object"},
        {"[]", "expected an object"},
        {"{}", "'key' is missing"},
        {"{\"key\":7}", "'key' is not an object"},
        {"{\"delete\":{},\"key\":{}}", "'key' is missing"},
        {"{\"key\":{},\"delete\":{}", "byte"},
        {"{\"key\":{},\"delete\":{}}", "'keep' is missing"},
        {"{\"key\":{},\"delete\":{},\"keep\":{}}", "'primary_key' is missing"},
        {LINE("{}", "{}", "{}", "{}", "null"), "'seen' is not an object"},
        {LINE("{}", "{}", "{},\"x\":1", "{}", "{}"), "'x' does not belong"},
    };

    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct ko_error err = {0};
        struct ko_plan_line line;

        (void) ko_plan_line_decode(ko_slice_of(broken[i][0]), &line, &err);
        CHECK_CODE(err, KO_E_CORRUPT);
        CHECK_ERROR_SAYS(err, broken[i][1]);
    }
}

static void
parts_travel_as_bytes(void)
{
    struct ko_plan_part part = {.part = 1023, .n_lines = UINT64_MAX, .n_bytes = 1ULL << 40};
    struct ko_plan_part again;
    struct ko_error err = {0};
    struct ko_buf bytes = {0};
    struct ko_slice rest;

    ko_sha256_hex(KO_SLICE("x"), part.sha256);
    ko_plan_part_encode(&part, &bytes);
    ko_plan_part_encode(&part, &bytes);
    rest = ko_buf_slice(&bytes);
    (void) ko_plan_part_decode(&rest, &again, &err);
    (void) ko_plan_part_decode(&rest, &again, &err);
    CHECK_OK(err);
    assert_int_equal(rest.n, 0);
    assert_memory_equal(&part, &again, sizeof part);
    (void) ko_plan_part_decode(&rest, &again, &err);
    CHECK_CODE(err, KO_E_CORRUPT);

    err = (struct ko_error){0};
    bytes.data[1] = 4; /* part 1279 */
    rest = ko_buf_slice(&bytes);
    (void) ko_plan_part_decode(&rest, &again, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    ko_buf_clear(&bytes);
}

/* All lines of a part as "1:a 2:b ", then "!" and the error. */
static const char *
read_part(const char *plan_name, const struct ko_plan_part *part)
{
    static char text[1600];
    struct ko_plan_reader *reader = NULL;
    struct ko_plan_line line;
    struct ko_error err = {0};
    size_t n = 0;

    text[0] = '\0';
    KO_TRY(ko_plan_reader_open(temp_folder, plan_name, part, &reader, &err));
    for (;;) {
        KO_TRY(ko_plan_reader_next(reader, &line, &err));
        if (line.text.data == NULL)
            break;
        n += (size_t) snprintf(text + n, sizeof text - n, "%llu:%.*s ",
                               (unsigned long long) line.line_number, 1,
                               line.key.data + strlen("{\"c\":{\"S\":\""));
    }
    KO_TRY(ko_plan_reader_next(reader, &line, &err));
    assert_null(line.text.data);

done:
    ko_plan_reader_close(reader);
    if (err.code != KO_OK)
        (void) snprintf(text + n, sizeof text - n, "!%s: %s", ko_code_name(err.code), err.text);
    return text;
}

static void
a_plan_reads_back_as_it_was_written(void)
{
    struct ko_error err = {0};
    struct ko_run *run;
    struct ko_plan_manifest *written;
    struct ko_plan_manifest *manifest = NULL;

    folder_begin();
    run = run_begin();
    written = plan_write(run);
    (void) ko_plan_open(run, &manifest, &err);
    CHECK_OK(err);
    assert_int_equal(manifest->n_lines, 4);
    assert_int_equal(manifest->n_parts, 2);
    assert_int_equal(manifest->parts[0].part, 3);
    assert_int_equal(manifest->parts[1].part, 1023);
    CHECK_TEXT(manifest->digest, written->digest);
    CHECK_TEXT(manifest->table_name, "t");
    assert_null(ko_plan_manifest_find(manifest, 7));
    assert_false(file_exists("plan/part-0007.jsonl.zst"));
    for (size_t i = 0; i < 2; i++)
        (void) ko_plan_check(temp_folder, "plan", &manifest->parts[i], &err);
    CHECK_OK(err);
    CHECK_TEXT(read_part("plan", &manifest->parts[0]), "1:a 2:b 3:c ");
    CHECK_TEXT(read_part("plan", &manifest->parts[1]), "1:d ");
    ko_plan_manifest_free(manifest);
    ko_plan_manifest_free(written);
    ko_run_free(run);
    folder_end();
}

static void
the_digest_is_of_parts_and_their_digests_in_order(void)
{
    struct ko_error err = {0};
    const struct ko_run_facts facts = {0};
    struct ko_plan_manifest *manifest = ko_plan_manifest_new(&facts, &err);
    struct ko_plan_part parts[2] = {{.part = 12, .n_lines = 5}, {.part = 2, .n_lines = 1}};
    struct ko_buf text = {0};
    char a[KO_SHA256_HEX_BYTES];
    char expected[256];

    ko_sha256_hex(KO_SLICE("a"), a);
    for (int i = 0; i < 2; i++) {
        memcpy(parts[i].sha256, a, sizeof a);
        (void) ko_plan_manifest_add(manifest, &parts[i], &err);
    }
    (void) ko_plan_manifest_encode(manifest, &text, &err);
    CHECK_OK(err);
    (void) snprintf(expected, sizeof expected, "part-0002 %s 1\npart-0012 %s 5\n", a, a);
    ko_sha256_hex(ko_slice_of(expected), a);
    CHECK_TEXT(manifest->digest, a);
    (void) ko_plan_manifest_add(manifest, &parts[1], &err);
    CHECK_CODE(err, KO_E_BUG);
    ko_buf_clear(&text);
    ko_plan_manifest_free(manifest);
}

static void
an_empty_plan_is_a_plan(void)
{
    const struct ko_run_totals totals = {.read = 1, .unique = 1};
    struct ko_error err = {0};
    struct ko_run *run;
    struct ko_plan_manifest *manifest;

    folder_begin();
    run = run_begin();
    (void) ko_plan_begin(run, KO_PLAN_NAME, &err);
    manifest = ko_plan_manifest_new(&run->facts, &err);
    (void) ko_plan_manifest_write(temp_folder, KO_PLAN_NAME, manifest, &err);
    (void) ko_run_finish_reading(run, &totals, manifest->digest, &err);
    ko_plan_manifest_free(manifest);
    (void) ko_plan_open(run, &manifest, &err);
    CHECK_OK(err);
    assert_int_equal(manifest->n_lines, 0);
    CHECK_TEXT(manifest->digest,
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ko_plan_manifest_free(manifest);
    ko_run_free(run);
    folder_end();
}

static void
an_unfinished_attempt_leaves_nothing_in_the_plan(void)
{
    struct ko_error err = {0};
    struct ko_run *run;
    struct ko_plan_manifest *manifest;

    folder_begin();
    run = run_begin();
    (void) ko_plan_begin(run, KO_PLAN_NAME, &err);
    (void) part_write(KO_PLAN_NAME, 5, "x");
    (void) ko_plan_begin(run, KO_PLAN_NAME, &err);
    CHECK_OK(err);
    assert_false(file_exists("plan/part-0005.jsonl.zst"));
    manifest = plan_write(run);
    (void) ko_plan_begin(run, KO_PLAN_NAME, &err);
    CHECK_CODE(err, KO_E_BUG);
    assert_true(file_exists("plan/part-0003.jsonl.zst"));
    ko_plan_manifest_free(manifest);
    ko_run_free(run);
    folder_end();
}

/* Writes part 3 of the plan anew, as somebody with an editor would. */
static void
rewrite_part(const char *words)
{
    (void) part_write(KO_PLAN_NAME, 3, words);
}

static void
an_edited_part_is_refused_before_use(void)
{
    static const char *const edits[] = {"abX", "ab", "abcd", "bac", "Abc"};
    struct ko_run *run;
    struct ko_plan_manifest *manifest;

    folder_begin();
    run = run_begin();
    manifest = plan_write(run);
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        struct ko_error err = {0};

        rewrite_part(edits[i]);
        (void) ko_plan_check(temp_folder, KO_PLAN_NAME, &manifest->parts[0], &err);
        CHECK_CODE(err, KO_E_CORRUPT);
        CHECK_ERROR_SAYS(err, "part-0003");
        CHECK_TEXT(err.hint,
                   "make the plan again with keepone find; subsets are made with keepone plan.");
        assert_non_null(strstr(read_part(KO_PLAN_NAME, &manifest->parts[0]), "!corrupt"));
    }
    ko_plan_manifest_free(manifest);
    ko_run_free(run);
    folder_end();
}

static void
every_flipped_byte_of_a_part_is_noticed(void)
{
    struct ko_run *run;
    struct ko_plan_manifest *manifest;
    struct ko_buf bytes = {0};

    folder_begin();
    run = run_begin();
    manifest = plan_write(run);
    file_read("plan/part-0003.jsonl.zst", &bytes);
    for (size_t i = 0; i < bytes.n; i++) {
        struct ko_error err = {0};

        bytes.data[i] ^= 0x20;
        file_write("plan/part-0003.jsonl.zst", ko_buf_slice(&bytes));
        bytes.data[i] ^= 0x20;
        (void) ko_plan_check(temp_folder, KO_PLAN_NAME, &manifest->parts[0], &err);
        /* zstd may find that the content is the same after all; then nothing was edited. */
        assert_true(err.code == KO_E_CORRUPT || err.code == KO_OK);
        if (err.code == KO_OK)
            CHECK_TEXT(read_part(KO_PLAN_NAME, &manifest->parts[0]), "1:a 2:b 3:c ");
    }
    ko_buf_clear(&bytes);
    ko_plan_manifest_free(manifest);
    ko_run_free(run);
    folder_end();
}

static void
a_missing_part_is_corrupt(void)
{
    struct ko_error err = {0};
    struct ko_run *run;
    struct ko_plan_manifest *manifest;

    folder_begin();
    run = run_begin();
    manifest = plan_write(run);
    assert_int_equal(unlink(file_at("plan/part-1023.jsonl.zst")), 0);
    (void) ko_plan_check(temp_folder, KO_PLAN_NAME, &manifest->parts[1], &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, "part-1023.jsonl.zst' is missing");
    ko_plan_manifest_free(manifest);
    ko_run_free(run);
    folder_end();
}

/* The error of reading the manifest after replacing the first `from` in it. */
static struct ko_error
edited_manifest(const struct ko_run *run, const char *from, const char *to)
{
    struct ko_error err = {0};
    struct ko_plan_manifest *manifest = NULL;
    struct ko_buf old = {0};
    struct ko_buf new = {0};
    const char *at;

    file_read("plan/manifest.json", &old);
    ko_buf_add_char(&old, '\0');
    at = strstr(old.data, from);
    assert_non_null(at);
    ko_buf_add(&new, old.data, (size_t) (at - old.data));
    ko_buf_add_text(&new, to);
    ko_buf_add_text(&new, at + strlen(from));
    file_write("plan/manifest.json", ko_buf_slice(&new));
    (void) ko_plan_open(run, &manifest, &err);
    assert_true((manifest == NULL) == (err.code != KO_OK));
    ko_plan_manifest_free(manifest);
    old.n--;
    file_write("plan/manifest.json", ko_buf_slice(&old));
    ko_buf_clear(&old);
    ko_buf_clear(&new);
    return err;
}

static void
an_edited_manifest_is_refused(void)
{
    static const char *const edits[][3] = {
        {"\"lines\":4", "\"lines\":5", "member 'lines' is 5, but the parts have 4"},
        {"\"lines\":3", "\"lines\":2", "member 'lines' is 4, but the parts have 3"},
        {"\"lines\":1,", "\"lines\":0,", "part 1023 has no lines"},
        {"\"lines\":1,", "\"lines\":18446744073709551615,", "too many lines"},
        {"\"part\":3", "\"part\":4", "member 'digest' does not fit the parts"},
        {"\"part\":3", "\"part\":1024", "there is no part 1024"},
        {"\"part\":3", "\"part\":1023", "part 1023 is out of order"},
        {"\"digest\":\"", "\"digest\":\"x", "member 'digest' is no SHA-256"},
        {"\"sha256\":\"", "\"sha256\":\"x", "member 'sha256' is no SHA-256"},
        {"\"parts\":[", "\"part\":[", "member 'parts': expected a list"},
        {"\"format\":1", "\"form\":1", "member 'format' is missing"},
        {"\"table\":\"t\"", "\"table\":\"u\"", "is of another table"},
        {"\"table_id\":\"0", "\"table_id\":\"1", "is of another table"},
        {"\"table_id\":\"0", "\"table_ix\":\"0", "is of another table"},
    };
    struct ko_run *run;
    struct ko_error err;

    folder_begin();
    run = run_begin();
    ko_plan_manifest_free(plan_write(run));
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        err = edited_manifest(run, edits[i][0], edits[i][1]);
        CHECK_CODE(err, KO_E_CORRUPT);
        CHECK_ERROR_SAYS(err, edits[i][2]);
        CHECK_ERROR_SAYS(err, "manifest.json");
        assert_true(err.hint[0] != '\0');
    }
    err = edited_manifest(run, "\"format\":1", "\"format\":2");
    CHECK_CODE(err, KO_E_REFUSED);
    CHECK_ERROR_SAYS(err, "its format is 2; this keepone knows format 1");
    err = edited_manifest(run, "\"format\":1,", "\"format\":1,\"later\":[],");
    CHECK_OK(err);
    ko_run_free(run);
    folder_end();
}

static void
a_plan_that_is_not_the_one_of_run_json_is_refused(void)
{
    struct ko_error err = {0};
    struct ko_run *run;
    struct ko_plan_manifest *manifest;
    struct ko_plan_manifest *opened = NULL;

    folder_begin();
    run = run_begin();
    (void) ko_plan_open(run, &opened, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    err = (struct ko_error){0};
    manifest = plan_write(run);
    manifest->n_parts = 1;
    (void) ko_plan_manifest_write(temp_folder, KO_PLAN_NAME, manifest, &err);
    CHECK_OK(err);
    (void) ko_plan_open(run, &opened, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, "is not the plan of run.json");
    assert_null(opened);
    ko_plan_manifest_free(manifest);
    ko_run_free(run);
    folder_end();
}

/* Wants the lines whose letter is in the text; "!" fails. */
static enum ko_code
choose(void *self, const struct ko_plan_line *line, bool *wanted, struct ko_error *err)
{
    const char *letters = self;
    const char letter = line->key.data[strlen("{\"c\":{\"S\":\"")];

    if (letters[0] == '!' && letter == 'b')
        return ko_fail(err, KO_E_OPTION, "no");
    *wanted = strchr(letters, letter) != NULL;
    return KO_OK;
}

static enum ko_code
make_subset(const struct ko_run *run, const char *letters, char name[KO_PLAN_NAME_BYTES],
            struct ko_plan_manifest **manifest, struct ko_error *err)
{
    char text[16];
    const struct ko_plan_filter filter = {.fn = choose, .self = text};

    (void) snprintf(text, sizeof text, "%s", letters);
    return ko_plan_subset(run, &filter, name, manifest, err);
}

static void
a_subset_is_a_plan_of_the_next_free_name(void)
{
    struct ko_error err = {0};
    struct ko_run *run;
    struct ko_plan_manifest *subset = NULL;
    char name[KO_PLAN_NAME_BYTES];

    folder_begin();
    run = run_begin();
    ko_plan_manifest_free(plan_write(run));
    (void) make_subset(run, "ac", name, &subset, &err);
    CHECK_OK(err);
    CHECK_TEXT(name, "plan-2");
    assert_int_equal(subset->n_lines, 2);
    assert_int_equal(subset->n_parts, 1);
    CHECK_TEXT(read_part("plan-2", &subset->parts[0]), "1:a 2:c ");
    (void) ko_run_choose_plan(run, name, subset->digest, &err);
    ko_plan_manifest_free(subset);

    (void) make_subset(run, "cd", name, &subset, &err);
    CHECK_OK(err);
    CHECK_TEXT(name, "plan-3");
    CHECK_TEXT(read_part("plan-3", &subset->parts[0]), "1:c ");
    ko_plan_manifest_free(subset);
    (void) make_subset(run, "", name, &subset, &err);
    CHECK_OK(err);
    assert_int_equal(subset->n_lines, 0);
    ko_plan_manifest_free(subset);
    ko_run_free(run);
    folder_end();
}

static void
a_subset_that_fails_does_not_count(void)
{
    struct ko_error err = {0};
    struct ko_run *run;
    struct ko_plan_manifest *subset = NULL;
    char name[KO_PLAN_NAME_BYTES];

    folder_begin();
    run = run_begin();
    ko_plan_manifest_free(plan_write(run));
    (void) make_subset(run, "!", name, &subset, &err);
    CHECK_CODE(err, KO_E_OPTION);
    assert_null(subset);
    assert_false(file_exists("plan-2/manifest.json"));

    rewrite_part("abX");
    err = (struct ko_error){0};
    (void) make_subset(run, "d", name, &subset, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    rewrite_part("abc");
    err = (struct ko_error){0};
    (void) make_subset(run, "d", name, &subset, &err);
    CHECK_OK(err);
    CHECK_TEXT(name, "plan-2");
    assert_false(file_exists("plan-2/part-0003.jsonl.zst"));
    ko_plan_manifest_free(subset);
    ko_run_free(run);
    folder_end();
}

static enum ko_code
read_all(const struct ko_run *run, struct ko_error *err)
{
    struct ko_plan_manifest *manifest = NULL;
    struct ko_plan_manifest *subset = NULL;
    char name[KO_PLAN_NAME_BYTES];

    KO_TRY(ko_plan_open(run, &manifest, err));
    KO_TRY(ko_plan_check(run->dir, KO_PLAN_NAME, &manifest->parts[0], err));
    KO_TRY(make_subset(run, "abd", name, &subset, err));

done:
    ko_plan_manifest_free(subset);
    ko_plan_manifest_free(manifest);
    return err->code;
}

static void
running_out_of_memory_leaves_nothing_behind(void)
{
    struct ko_error err = {0};
    struct ko_run *run;

    folder_begin();
    run = run_begin();
    ko_plan_manifest_free(plan_write(run));
    TORTURE(err, read_all(run, &err));
    ko_run_free(run);
    folder_end();
}

static void
the_golden_plan_reads_forever(void)
{
    struct ko_error err = {0};
    struct ko_run *run = NULL;
    struct ko_plan_manifest *manifest = NULL;
    struct ko_plan_reader *reader = NULL;
    struct ko_plan_line line;

    (void) ko_run_open(golden_run(), &run, &err);
    CHECK_OK(err);
    (void) ko_plan_open(run, &manifest, &err);
    CHECK_OK(err);
    assert_int_equal(manifest->n_lines, 4);
    (void) ko_plan_reader_open(run->dir, run->plan_name.data, &manifest->parts[1], &reader, &err);
    (void) ko_plan_reader_next(reader, &line, &err);
    CHECK_OK(err);
    CHECK_SLICE(line.text,
                LINE("{\"c\":{\"S\":\"d\"}}", "{\"pk\":{\"S\":\"dd\"}}", "{\"c\":{\"S\":\"d\"}}",
                     "{\"pk\":{\"S\":\"kd\"}}", "{\"c\":null}"));
    (void) ko_plan_reader_next(reader, &line, &err);
    CHECK_OK(err);
    assert_null(line.text.data);
    ko_plan_reader_close(reader);
    ko_plan_manifest_free(manifest);
    ko_run_free(run);
}

CASES = {
    CASE(a_line_has_exactly_one_form),
    CASE(another_form_is_no_line),
    CASE(parts_travel_as_bytes),
    CASE(a_plan_reads_back_as_it_was_written),
    CASE(the_digest_is_of_parts_and_their_digests_in_order),
    CASE(an_empty_plan_is_a_plan),
    CASE(an_unfinished_attempt_leaves_nothing_in_the_plan),
    CASE(an_edited_part_is_refused_before_use),
    CASE(every_flipped_byte_of_a_part_is_noticed),
    CASE(a_missing_part_is_corrupt),
    CASE(an_edited_manifest_is_refused),
    CASE(a_plan_that_is_not_the_one_of_run_json_is_refused),
    CASE(a_subset_is_a_plan_of_the_next_free_name),
    CASE(a_subset_that_fails_does_not_count),
    CASE(running_out_of_memory_leaves_nothing_behind),
    CASE(the_golden_plan_reads_forever),
};
RUN_CASES
