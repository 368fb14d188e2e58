#include "keepone/record/path.h"

#include "items.h"

/* Prints the steps, names in <>, and the canonical text; or the error. */
static void
print_path(const char *text, struct ko_buf *out)
{
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(0, &err);
    struct ko_path path;

    ko_buf_reset(out);
    if (ko_path_parse(ko_slice_of(text), arena, &path, &err) != KO_OK) {
        assert_int_equal(err.code, KO_E_OPTION);
        ko_buf_add_text(out, err.text);
    } else {
        for (size_t i = 0; i < path.n_steps; i++) {
            if (path.steps[i].name.data != NULL)
                ko_buf_add_format(out, "<%.*s>", KO_SLICE_ARG(path.steps[i].name));
            else
                ko_buf_add_format(out, "%zu", path.steps[i].list_index);
            ko_buf_add_char(out, ' ');
        }
        ko_buf_add_slice(out, path.text);
    }
    ko_arena_free(arena);
}

static void
check_paths(const char *const (*rows)[2], size_t n)
{
    struct ko_buf out = {0};

    for (size_t i = 0; i < n; i++) {
        print_path(rows[i][0], &out);
        CHECK_SLICE(ko_buf_slice(&out), rows[i][1]);
    }
    ko_buf_clear(&out);
}

static void
dots_go_into_maps_and_brackets_into_lists(void)
{
    static const char *const rows[][2] = {
        {"cause", "<cause> cause"},
        {"meta.cause", "<meta> <cause> meta.cause"},
        {"parts[2].sum", "<parts> 2 <sum> parts[2].sum"},
        {"a[0][10]", "<a> 0 10 a[0][10]"},
        {"a[007]", "<a> 7 a[7]"},
        {"a[999999999]", "<a> 999999999 a[999999999]"},
        {"two words", "<two words> two words"},
        {"\xC3\xA9t\xC3\xA9", "<\xC3\xA9t\xC3\xA9> \xC3\xA9t\xC3\xA9"},
    };

    check_paths(rows, sizeof rows / sizeof rows[0]);
}

static void
a_backslash_makes_any_character_part_of_a_name(void)
{
    static const char *const rows[][2] = {
        {"a\\.b", "<a.b> a\\.b"},
        {"a\\[0\\]", "<a[0]> a\\[0\\]"},
        {"a\\:b\\,c\\=d", "<a:b,c=d> a\\:b\\,c\\=d"},
        {"a\\\\b", "<a\\b> a\\\\b"},
        {"\\and", "<and> and"},
        {"a\\ b", "<a b> a b"},
    };

    check_paths(rows, sizeof rows / sizeof rows[0]);
}

static void
a_broken_path_is_refused_at_the_character(void)
{
    static const char *const rows[][2] = {
        {"", "attribute path '': a name is empty at character 1"},
        {".a", "attribute path '.a': a name is empty at character 1"},
        {"a..b", "attribute path 'a..b': a name is empty at character 3"},
        {"\xC3\xA9..b", "attribute path '\xC3\xA9..b': a name is empty at character 3"},
        {"a.", "attribute path 'a.': a name is empty at character 3"},
        {"[0]", "attribute path '[0]': a name is empty at character 1"},
        {"a[0]b", "attribute path 'a[0]b': a character that needs a backslash at character 5"},
        {"a:b", "attribute path 'a:b': a character that needs a backslash at character 2"},
        {"a]", "attribute path 'a]': a character that needs a backslash at character 2"},
        {"a[",
         "attribute path 'a[': a list index is not a whole number in brackets at character 3"},
        {"a[]",
         "attribute path 'a[]': a list index is not a whole number in brackets at character 3"},
        {"a[-1]",
         "attribute path 'a[-1]': a list index is not a whole number in brackets at character 3"},
        {"a[1x]",
         "attribute path 'a[1x]': a list index is not a whole number in brackets at character 4"},
        {"a[1",
         "attribute path 'a[1': a list index is not a whole number in brackets at character 4"},
        {"a[1000000000]",
         "attribute path 'a[1000000000]': the list index is too large at character 3"},
        {"a\\", "attribute path 'a\\': nothing behind the backslash at character 2"},
        {"a\xFF", "attribute path is not valid UTF-8 at byte 2"},
    };

    check_paths(rows, sizeof rows / sizeof rows[0]);
}

static void
a_plain_name_is_one_step_whatever_it_contains(void)
{
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(0, &err);
    struct ko_path path;

    CHECK_CODE(err, ko_path_of_name(KO_SLICE("a.b[0]"), arena, &path, &err));
    assert_int_equal(path.n_steps, 1);
    CHECK_SLICE(path.steps[0].name, "a.b[0]");
    CHECK_SLICE(path.text, "a\\.b\\[0\\]");
    (void) ko_path_of_name(KO_SLICE(""), arena, &path, &err);
    CHECK_CODE(err, KO_E_OPTION);
    err = (struct ko_error){0};
    (void) ko_path_of_name(KO_SLICE("\xC0"), arena, &path, &err);
    CHECK_CODE(err, KO_E_OPTION);
    ko_arena_free(arena);
}

static void
following_a_path_ends_at_its_value_or_at_nothing(void)
{
    static const char value[] = "{\"M\":{\"b\":{\"L\":[{\"N\":\"1\"},{\"M\":{\"c\":{\"S\":\"x\"}}}]"
                                "},\"d.e\":{\"S\":\"y\"}}}";
    static const char *const rows[][2] = {
        {"a", value},
        {"a.b[0]", "{\"N\":\"1\"}"},
        {"a.b[1].c", "{\"S\":\"x\"}"},
        {"a.d\\.e", "{\"S\":\"y\"}"},
        {"a.b[2]", NULL},
        {"a.x", NULL},
        {"a.x.y[3]", NULL},
        {"a[0]", NULL},
        {"a.b.c", NULL},
        {"a.b[0].c", NULL},
    };
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(0, &err);
    struct ko_path path;
    struct ko_slice found;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void) ko_path_parse(ko_slice_of(rows[i][0]), arena, &path, &err);
        (void) ko_path_follow(&path, KO_SLICE(value), &found, &err);
        CHECK_OK(err);
        assert_true(ko_slice_equal(found, ko_slice_of(rows[i][1])));
    }
    (void) ko_path_follow(&path, (struct ko_slice){0}, &found, &err);
    CHECK_OK(err);
    assert_null(found.data);
    ko_arena_free(arena);
}

static void
following_a_path_through_a_broken_value_names_the_attribute(void)
{
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(0, &err);
    struct ko_path path;
    struct ko_slice found;

    (void) ko_path_parse(KO_SLICE("a.b"), arena, &path, &err);
    (void) ko_path_follow(&path, KO_SLICE("{\"X\":{}}"), &found, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, "attribute 'a.b'");
    ko_arena_free(arena);
}

static void
a_path_is_written_for_partiql_and_for_expressions(void)
{
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(0, &err);
    struct ko_buf out = {0};
    struct ko_path path;

    (void) ko_path_parse(KO_SLICE("a.b\"c[2][3].d\\.e"), arena, &path, &err);
    CHECK_OK(err);
    ko_path_add_partiql(&out, &path);
    CHECK_SLICE(ko_buf_slice(&out), "\"a\".\"b\"\"c\"[2][3].\"d.e\"");
    ko_buf_reset(&out);
    ko_path_add_expression(&out, &path, "n", 7);
    CHECK_SLICE(ko_buf_slice(&out), "#n7_0.#n7_1[2][3].#n7_4");
    ko_buf_reset(&out);
    ko_path_add_names(&out, &path, "n", 7);
    CHECK_SLICE(ko_buf_slice(&out), "\"#n7_0\":\"a\",\"#n7_1\":\"b\\\"c\",\"#n7_4\":\"d.e\"");
    ko_buf_clear(&out);
    ko_arena_free(arena);
}

/* Blocks so small that each piece is an allocation. */
static enum ko_code
parse_both_ways(struct ko_error *err)
{
    struct ko_arena *arena = ko_arena_new(1, err);
    struct ko_path path;

    KO_TRY(err->code);
    KO_TRY(ko_path_parse(KO_SLICE("a.b[1]"), arena, &path, err));
    KO_TRY(ko_path_of_name(KO_SLICE("a.b"), arena, &path, err));

done:
    ko_arena_free(arena);
    return err->code;
}

static void
parsing_without_memory_is_an_error(void)
{
    check_every_allocation(parse_both_ways);
}

CASES = {
    CASE(dots_go_into_maps_and_brackets_into_lists),
    CASE(a_backslash_makes_any_character_part_of_a_name),
    CASE(a_broken_path_is_refused_at_the_character),
    CASE(a_plain_name_is_one_step_whatever_it_contains),
    CASE(following_a_path_ends_at_its_value_or_at_nothing),
    CASE(following_a_path_through_a_broken_value_names_the_attribute),
    CASE(a_path_is_written_for_partiql_and_for_expressions),
    CASE(parsing_without_memory_is_an_error),
};
RUN_CASES
