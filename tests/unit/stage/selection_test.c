#include "keepone/stage/selection.h"

#include "unit/store/temp_folder.h"

#define KEY "{\"pk\":{\"S\":\"z\"},\"sk\":{\"N\":\"1\"}}"

/* A plan line of the loser {"pk":{"S":"<pk>"},"sk":{"N":"<sk>"}} with the key {"c":{"S":"<c>"}}. */
static bool
meets(struct ko_selection *selection, const char *pk, const char *sk, const char *c)
{
    char primary_key[128];
    char key[128];
    struct ko_plan_line line;

    (void) snprintf(primary_key, sizeof primary_key,
                    "{\"pk\":{\"S\":\"%s\"},\"sk\":{\"N\":\"%s\"}}", pk, sk);
    (void) snprintf(key, sizeof key, "{\"c\":{\"S\":\"%s\"}}", c);
    line = (struct ko_plan_line){.key = ko_slice_of(key),
                                 .delete_primary_key = ko_slice_of(primary_key)};
    return ko_selection_meet(selection, &line);
}

/* The selection of a file with this content; NULL if *err says why not. */
static struct ko_selection *
selection_of(struct ko_slice content, struct ko_error *err)
{
    struct ko_selection *selection = NULL;

    file_write("ids.jsonl", content);
    (void) ko_selection_read(file_at("ids.jsonl"), KO_SLICE(KEY), &selection, err);
    return selection;
}

static struct ko_selection *
good_selection(const char *content)
{
    struct ko_error err = {0};
    struct ko_selection *selection = selection_of(ko_slice_of(content), &err);

    CHECK_OK(err);
    return selection;
}

static void
a_primary_key_names_one_item(void)
{
    struct ko_error err = {0};
    struct ko_selection *selection;

    folder_begin();
    selection = good_selection("{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"}}\n");
    assert_false(meets(selection, "a", "2", "x"));
    assert_false(meets(selection, "b", "1", "x"));
    CHECK_CODE((ko_selection_check_met(selection, &err), err), KO_E_OPTION);
    assert_true(meets(selection, "a", "1", "x"));
    err = (struct ko_error){0};
    CHECK_CODE((ko_selection_check_met(selection, &err), err), KO_OK);
    ko_selection_free(selection);
    folder_end();
}

static void
entries_are_made_canonical(void)
{
    struct ko_selection *selection;

    folder_begin();
    selection = good_selection(
        "  { \"sk\" : {\"N\":\"1.50\"} , \"pk\":{\"S\":\"\\u0061\\/\\u00e9\"}}  \r\n");
    assert_true(meets(selection, "a/\xc3\xa9", "1.5", "x"));
    ko_selection_free(selection);
    folder_end();
}

static void
a_key_names_every_line_of_its_group(void)
{
    struct ko_selection *selection;

    folder_begin();
    selection = good_selection("{\"key\":{\"c\":{\"S\":\"x\"}}}");
    assert_true(meets(selection, "a", "1", "x"));
    assert_true(meets(selection, "b", "7", "x"));
    assert_false(meets(selection, "a", "1", "y"));
    ko_selection_free(selection);
    folder_end();
}

static void
an_attribute_named_key_is_not_a_group(void)
{
    const struct ko_plan_line item = {.key = KO_SLICE("{\"S\":{\"S\":\"x\"}}"),
                                      .delete_primary_key = KO_SLICE("{\"key\":{\"S\":\"x\"}}")};
    const struct ko_plan_line group = {.key = item.key,
                                       .delete_primary_key = KO_SLICE("{\"key\":{\"S\":\"y\"}}")};
    struct ko_selection *selection = NULL;
    struct ko_error err = {0};

    folder_begin();
    file_write("a", KO_SLICE("{\"key\":{\"S\":\"x\"}}\n"));
    file_write("b", KO_SLICE("{\"key\":{\"S\":{\"S\":\"x\"}}}\n"));
    (void) ko_selection_read(file_at("a"), item.delete_primary_key, &selection, &err);
    CHECK_OK(err);
    assert_true(ko_selection_meet(selection, &item));
    assert_false(ko_selection_meet(selection, &group));
    ko_selection_free(selection);
    (void) ko_selection_read(file_at("b"), item.delete_primary_key, &selection, &err);
    CHECK_OK(err);
    assert_true(ko_selection_meet(selection, &group));
    ko_selection_free(selection);
    folder_end();
}

static void
empty_lines_and_repetitions_do_no_harm(void)
{
    struct ko_error err = {0};
    struct ko_selection *selection;

    folder_begin();
    selection = good_selection("\n \t\r\n" KEY "\n\n" KEY "\r\n" KEY);
    assert_true(meets(selection, "z", "1", "x"));
    (void) ko_selection_check_met(selection, &err);
    CHECK_OK(err);
    ko_selection_free(selection);
    folder_end();
}

static void
a_bad_line_is_named(void)
{
    static const char *const rows[][2] = {
        {"{", "line 2: byte 1"},
        {"[]", "line 2: byte 0"},
        {"7", "line 2: byte 0"},
        {KEY " x", "line 2: byte"},
        {"{\"pk\":{\"S\":1},\"sk\":{\"N\":\"1\"}}", "line 2: byte"},
        {"{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"one\"}}", "line 2: byte"},
        {"{\"pk\":{\"S\":\"\xff\"},\"sk\":{\"N\":\"1\"}}", "line 2: byte"},
        {"{\"pk\":\"a\",\"sk\":\"1\"}", "line 2: byte"},
        {"{}", "line 2: it has the attributes , a primary key here has pk, sk"},
        {"{\"pk\":{\"S\":\"a\"}}", "has the attributes pk, a primary key here has pk, sk"},
        {"{\"sk\":{\"N\":\"1\"}}", "has the attributes sk,"},
        {"{\"pk\":{\"S\":\"a\"},\"x\":{\"N\":\"1\"}}", "has the attributes pk, x,"},
        {"{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"},\"x\":{\"N\":\"1\"}}",
         "attributes pk, sk, x,"},
        {"{\"key\":{}}", "line 2: byte"},
        {"{\"key\":{\"c\":{\"S\":\"x\"}},\"delete\":{}}", "line 2: byte"},
    };

    folder_begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_error err = {0};
        char content[256];

        (void) snprintf(content, sizeof content, KEY "\n%s\n" KEY "\n", rows[i][0]);
        assert_null(selection_of(ko_slice_of(content), &err));
        CHECK_CODE(err, KO_E_OPTION);
        CHECK_ERROR_SAYS(err, "ids.jsonl' ");
        CHECK_ERROR_SAYS(err, rows[i][1]);
    }
    folder_end();
}

static void
a_line_without_end_is_refused_before_memory_is(void)
{
    struct ko_error err = {0};
    struct ko_buf content = {0};

    folder_begin();
    ko_buf_add_text(&content, KEY "\n");
    for (int i = 0; i < 3 * 1024 * 1024; i++)
        ko_buf_add_char(&content, '[');
    assert_null(selection_of(ko_buf_slice(&content), &err));
    CHECK_CODE(err, KO_E_OPTION);
    CHECK_ERROR_SAYS(err, "line 2: the line is longer than 1048576 bytes");
    ko_buf_clear(&content);
    folder_end();
}

static void
a_file_that_names_nothing_is_refused(void)
{
    static const char *const contents[] = {"", "\n\n", " \r\n"};
    struct ko_selection *selection = NULL;

    folder_begin();
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        struct ko_error err = {0};

        assert_null(selection_of(ko_slice_of(contents[i]), &err));
        CHECK_CODE(err, KO_E_OPTION);
        CHECK_ERROR_SAYS(err, "names no item");
    }
    {
        struct ko_error err = {0};

        (void) ko_selection_read(file_at("absent"), KO_SLICE(KEY), &selection, &err);
        CHECK_CODE(err, KO_E_OPTION);
        CHECK_ERROR_SAYS(err, "absent");
    }
    folder_end();
}

static void
what_is_not_in_the_plan_is_counted_and_the_first_is_named(void)
{
    struct ko_error err = {0};
    struct ko_selection *selection;

    folder_begin();
    selection = good_selection("{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"}}\n\n"
                               "{\"pk\":{\"S\":\"b\"},\"sk\":{\"N\":\"1\"}}\n"
                               "{\"key\":{\"c\":{\"S\":\"x\"}}}\n"
                               "{\"pk\":{\"S\":\"c\"},\"sk\":{\"N\":\"1\"}}\n");
    assert_true(meets(selection, "a", "1", "y"));
    (void) ko_selection_check_met(selection, &err);
    CHECK_CODE(err, KO_E_OPTION);
    CHECK_ERROR_SAYS(err, "line 3 of '");
    CHECK_ERROR_SAYS(err, "an item that is not in the plan: {\"pk\":{\"S\":\"b\"}");
    assert_non_null(strstr(err.hint, "3 lines"));

    err = (struct ko_error){0};
    assert_true(meets(selection, "b", "1", "y"));
    assert_true(meets(selection, "c", "1", "y"));
    (void) ko_selection_check_met(selection, &err);
    CHECK_ERROR_SAYS(err, "line 4 of '");
    CHECK_ERROR_SAYS(err, "a group that is not in the plan: {\"c\":{\"S\":\"x\"}}");
    ko_selection_free(selection);
    folder_end();
}

static void
many_entries_are_all_found(void)
{
    struct ko_error err = {0};
    struct ko_buf content = {0};
    struct ko_selection *selection;
    char sk[16];

    folder_begin();
    for (int i = 0; i < 5000; i++)
        ko_buf_add_format(&content, "{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"%d\"}}\n", 2 * i);
    selection = selection_of(ko_buf_slice(&content), &err);
    CHECK_OK(err);
    for (int i = 0; i < 10000; i++) {
        (void) snprintf(sk, sizeof sk, "%d", i);
        assert_int_equal(meets(selection, "a", sk, "x"), i % 2 == 0);
    }
    (void) ko_selection_check_met(selection, &err);
    CHECK_OK(err);
    ko_selection_free(selection);
    ko_buf_clear(&content);
    folder_end();
}

static void
without_memory_it_fails_and_leaks_nothing(void)
{
    enum ko_code code = KO_E_MEMORY;

    folder_begin();
    file_write("ids.jsonl", KO_SLICE(KEY "\n{\"key\":{\"c\":{\"S\":\"x\"}}}\n"));
    for (uint64_t nth = 1; code == KO_E_MEMORY; nth++) {
        const uint64_t live = ko_mem_live();
        struct ko_selection *selection = NULL;
        struct ko_error err = {0};

        ko_mem_fail_nth(nth);
        code = ko_selection_read(file_at("ids.jsonl"), KO_SLICE(KEY), &selection, &err);
        ko_mem_fail_nth(0);
        ko_selection_free(selection);
        assert_int_equal(ko_mem_live(), live);
        assert_true(code == KO_E_MEMORY || nth > 6);
    }
    assert_int_equal(code, KO_OK);
    folder_end();
}

CASES = {
    CASE(a_primary_key_names_one_item),
    CASE(entries_are_made_canonical),
    CASE(a_key_names_every_line_of_its_group),
    CASE(an_attribute_named_key_is_not_a_group),
    CASE(empty_lines_and_repetitions_do_no_harm),
    CASE(a_bad_line_is_named),
    CASE(a_line_without_end_is_refused_before_memory_is),
    CASE(a_file_that_names_nothing_is_refused),
    CASE(what_is_not_in_the_plan_is_counted_and_the_first_is_named),
    CASE(many_entries_are_all_found),
    CASE(without_memory_it_fails_and_leaks_nothing),
};
RUN_CASES
