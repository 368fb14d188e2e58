#include "keepone/format/item.h"

#include "keepone/base/buf.h"
#include "keepone/base/random.h"
#include "keepone/format/value.h"
#include "support/test.h"

/* Adds "value;" or "-;" per wanted name, or the error text, or a difference of what both say. */
static void
add_result(struct ko_buf *out, const struct ko_slice *values, size_t n, const struct ko_error *err)
{
    if (err->code != KO_OK) {
        assert_int_equal(err->code, KO_E_CORRUPT);
        ko_buf_add_text(out, err->text);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ko_buf_add_slice(out, values[i].data == NULL ? KO_SLICE("-") : values[i]);
        ko_buf_add_char(out, ';');
    }
}

/* A walker for each path of this machine, over names separated by spaces. */
struct walkers {
    struct ko_item_walker *walkers[KO_ITEM_PATHS];
    size_t n_names;
};

static struct walkers
walkers_of(const char *names)
{
    struct walkers all = {.n_names = 0};
    struct ko_slice slices[KO_ITEM_NAMES_MAX];
    struct ko_error err = {0};

    for (const char *at = names; *at != '\0'; all.n_names++) {
        const size_t n = strcspn(at, " ");

        slices[all.n_names] = (struct ko_slice){at, n};
        at += n + (at[n] == ' ' ? 1 : 0);
    }
    for (int path = 0; path < KO_ITEM_PATHS; path++) {
        all.walkers[path] = ko_item_walker_new(slices, all.n_names, &err);
        CHECK_OK(err);
        if (!ko_item_walker_force(all.walkers[path], (enum ko_item_path) path)) {
            ko_item_walker_free(all.walkers[path]);
            all.walkers[path] = NULL;
        }
    }
    return all;
}

static void
clear(struct walkers *all)
{
    for (int path = 0; path < KO_ITEM_PATHS; path++)
        ko_item_walker_free(all->walkers[path]);
}

/*
 * The result of walking a line by all paths, which must agree.  The line stands in memory of its
 * own size, so that a sanitizer sees any read outside it.
 */
static const char *
walked(struct walkers *all, struct ko_slice line)
{
    static char shown[4096];
    struct ko_error err = {0};
    struct ko_slice values[KO_ITEM_NAMES_MAX];
    struct ko_buf first = {0};
    char *exact = ko_alloc(line.n, &err);

    assert_non_null(exact);
    memcpy(exact, line.data, line.n);
    for (int path = 0; path < KO_ITEM_PATHS; path++) {
        struct ko_buf result = {0};

        if (all->walkers[path] == NULL)
            continue;
        err = (struct ko_error){0};
        (void) ko_item_walk_line(all->walkers[path], (struct ko_slice){exact, line.n}, values,
                                 &err);
        add_result(&result, values, all->n_names, &err);
        if (first.n == 0)
            ko_buf_add_slice(&first, ko_buf_slice(&result));
        assert_true(ko_slice_equal(ko_buf_slice(&first), ko_buf_slice(&result)));
        ko_buf_clear(&result);
    }
    (void) snprintf(shown, sizeof shown, "%.*s", KO_SLICE_ARG(ko_buf_slice(&first)));
    ko_buf_clear(&first);
    ko_free(exact);
    return shown;
}

/* The same with fresh walkers. */
static const char *
walk(const char *names, const char *line)
{
    struct walkers all = walkers_of(names);
    const char *const result = walked(&all, ko_slice_of(line));

    clear(&all);
    return result;
}

static void
wanted_attributes_come_back_as_text(void)
{
    CHECK_TEXT(
        walk("b a", "{\"Item\":{\"a\":{\"S\":\"x\"},\"c\":{\"N\":\"1\"},\"b\":{\"BOOL\":true}}}"),
        "{\"BOOL\":true};{\"S\":\"x\"};");
    CHECK_TEXT(walk("a d", "{\"Item\":{\"a\":{\"M\":{\"d\":{\"S\":\"\"}}}}}"),
               "{\"M\":{\"d\":{\"S\":\"\"}}};-;");
    CHECK_TEXT(walk("a", "{\"Item\":{}}"), "-;");
    CHECK_TEXT(walk("", "{\"Item\":{\"a\":{\"S\":\"x\"}}}"), "");
}

static void
every_type_is_walked(void)
{
    CHECK_TEXT(
        walk("z", "{\"Item\":{\"s\":{\"S\":\"\"},\"n\":{\"N\":\"1\"},\"b\":{\"B\":\"AA==\"},\"t\":{"
                  "\"BOOL\":false},\"u\":{\"NULL\":true},\"m\":{\"M\":{}},\"l\":{\"L\":[]},\"o\":{"
                  "\"SS\":[\"a\",\"b\"]},\"p\":{\"NS\":[\"1\"]},\"q\":{\"BS\":[\"AA==\"]},\"z\":{"
                  "\"L\":[{\"M\":{\"a\":{\"L\":[{\"S\":\"\"},{\"NULL\":true}]}}}]}}}"),
        "{\"L\":[{\"M\":{\"a\":{\"L\":[{\"S\":\"\"},{\"NULL\":true}]}}}]};");
}

static void
white_space_is_accepted_everywhere(void)
{
    CHECK_TEXT(
        walk("a b", " { \"Item\" : { \"a\" : { \"S\" : \" x \" } , \"b\" : { \"L\" : [ { "
                    "\"N\" : \"1\" } , { \"SS\" : [ \"q\" , \"r\" ] } ] } } } \r\n"),
        "{ \"S\" : \" x \" };{ \"L\" : [ { \"N\" : \"1\" } , { \"SS\" : [ \"q\" , \"r\" ] } ] };");
    CHECK_TEXT(walk("a", "{\"Item\":{\"a\":{\"S\":\"x\"}}}\r"), "{\"S\":\"x\"};");
}

static void
names_are_compared_decoded(void)
{
    CHECK_TEXT(walk("cause \xc3\xa9 q\"",
                    "{\"Item\":{\"c\\u0061use\":{\"S\":\"1\"},\"\\u00e9\":{\"S\":"
                    "\"2\"},\"q\\\"\":{\"S\":\"3\"}}}"),
               "{\"S\":\"1\"};{\"S\":\"2\"};{\"S\":\"3\"};");
    CHECK_TEXT(walk("cause", "{\"Item\":{\"caus\\u0066\":{\"S\":\"1\"}}}"), "-;");
}

static void
names_of_any_length_are_found(void)
{
    char name[101];
    char line[400];

    for (size_t n = 1; n <= 100; n++) {
        memset(name, 'n', n);
        name[n] = '\0';
        (void) snprintf(
            line, sizeof line,
            "{\"Item\":{\"%s_\":{\"S\":\"no\"},\"%s\":{\"S\":\"yes\"},\"_%s\":{\"S\":\"no\"}}}",
            name, name, name);
        CHECK_TEXT(walk(name, line), "{\"S\":\"yes\"};");
    }
}

static void
strings_of_any_length_end_where_they_end(void)
{
    char text[301];
    char line[400];
    char expected[400];

    for (size_t n = 0; n <= 300; n++) {
        memset(text, 'x', n);
        text[n] = '\0';
        (void) snprintf(line, sizeof line, "{\"Item\":{\"a\":{\"S\":\"%s\"},\"b\":{\"N\":\"1\"}}}",
                        text);
        (void) snprintf(expected, sizeof expected, "{\"S\":\"%s\"};{\"N\":\"1\"};", text);
        CHECK_TEXT(walk("a b", line), expected);
    }
}

static void
a_wanted_attribute_named_twice_is_refused(void)
{
    static const char *const said = "an attribute that is looked at stands twice in the item";

    CHECK_TEXT(walk("b", "{\"Item\":{\"a\":{\"S\":\"x\"},\"a\":{\"S\":\"x\"}}}"), "-;");
    assert_non_null(
        strstr(walk("a", "{\"Item\":{\"a\":{\"S\":\"x\"},\"b\":{\"S\":\"\"},\"a\":{\"S\":\"x\"}}}"),
               said));
    assert_non_null(
        strstr(walk("a", "{\"Item\":{\"a\":{\"S\":\"x\"},\"\\u0061\":{\"S\":\"x\"}}}"), said));
}

static void
broken_items_are_refused_with_their_byte(void)
{
    CHECK_TEXT(walk("a", ""), "byte 0: expected a line such as {\"Item\":{...}}");
    CHECK_TEXT(walk("a", "{\"Item\":"),
               "byte 8: expected an item such as {\"name\":{\"S\":\"x\"}}");
    CHECK_TEXT(walk("a", "{\"Item\":{"), "byte 9: expected a name in quotes");
    CHECK_TEXT(walk("a", "{\"Item\":{\"a\":{\"S\":\"x\"}"), "byte 22: expected ',' or '}'");
    CHECK_TEXT(walk("a", "{\"Item\":{\"a\":{\"S\":\"x\"},}}"),
               "byte 23: expected a name in quotes");
    CHECK_TEXT(walk("a", "{\"Item\":{\"a\":{\"S\":\"x}}}"),
               "byte 23: the text ends inside a string");
    CHECK_TEXT(walk("a", "{\"Item\":{\"a\":{\"S\":\"x\"},\"b\":{\"Q\":\"y\"}}}"),
               "byte 27: an unknown type tag");
    CHECK_TEXT(walk("a", "{\"Item\":{\"a\":{\"S\":\"x\"},\"b\":\"y\"}}"),
               "byte 27: expected a value such as {\"S\":\"x\"}");
    CHECK_TEXT(walk("a", "{\"Item\":{\"a\":{\"S\":\"x\",\"N\":\"1\"}}}"),
               "byte 21: a value has two type tags");
    CHECK_TEXT(walk("a", "{\"Item\":{\"a\":{\"SS\":[]}}}"), "byte 20: a set is empty");
    CHECK_TEXT(walk("a", "{\"Item\":{\"a\":{\"S\":\"\xff\"}}}"), "byte 19: not valid UTF-8");
    CHECK_TEXT(walk("a", "{\"Item\":{\"\xff\":{\"S\":\"\"}}}"), "byte 10: not valid UTF-8");
    CHECK_TEXT(walk("a", "{\"Item\":{\"a\":{\"S\":\"\t\"}}}"),
               "byte 19: a control character in a string is not escaped");
    CHECK_TEXT(walk("a", "{\"Item\":{\"a\":{\"S\":\"\\ud800\"}}}"),
               "byte 19: a high surrogate stands alone");
    CHECK_TEXT(walk("a", "{\"Item\":{\"a\" {\"S\":\"\"}}}"), "byte 13: expected ':' behind a name");
    CHECK_TEXT(walk("a", "{\"Item\":{\"a\":{\"S\":\"\"}}} x"),
               "byte 24: more text behind the item");
    CHECK_TEXT(walk("a", "{\"Item\":{\"a\":{\"S\":\"\"}}}}"), "byte 23: more text behind the item");
}

/* Several items, so that what the walker expects is used, too. */
static void
values_with_escapes_are_told(void)
{
    const struct ko_slice names[] = {KO_SLICE("a"), KO_SLICE("b"), KO_SLICE("c")};
    static const struct {
        const char *line;
        uint64_t escaped;
    } items[] = {
        {"{\"Item\":{\"a\":{\"S\":\"12345\"},\"b\":{\"S\":\"x\"},\"\\u0062b\":{\"S\":\"\\n\"}}}",
         0},
        {"{\"Item\":{\"a\":{\"S\":\"12\\n4\"},\"b\":{\"M\":{\"\\n\":{\"N\":\"1\"}}}}}", 3},
        {"{\"Item\":{\"c\":{\"L\":[{\"SS\":[\"x\",\"\\/\"]}]},\"a\":{\"S\":\"12345\"}}}", 4},
    };
    struct ko_slice values[3];

    for (int path = 0; path < KO_ITEM_PATHS; path++) {
        struct ko_error err = {0};
        struct ko_item_walker *walker = ko_item_walker_new(names, 3, &err);

        CHECK_OK(err);
        if (ko_item_walker_force(walker, (enum ko_item_path) path))
            for (size_t i = 0; i < 24; i++) {
                const char *const line = items[i % 8 % 3].line;

                (void) ko_item_walk_line(walker, (struct ko_slice){line, strlen(line)}, values,
                                         &err);
                CHECK_OK(err);
                assert_int_equal(ko_item_escaped(walker), items[i % 8 % 3].escaped);
            }
        ko_item_walker_free(walker);
    }
}

static void
maps_deeper_than_the_limit_are_refused(void)
{
    struct ko_buf line = {0};
    const char *result;

    ko_buf_add_text(&line, "{\"Item\":{\"a\":");
    for (int i = 0; i <= KO_VALUE_DEPTH_MAX; i++)
        ko_buf_add_text(&line, "{\"L\":[");
    ko_buf_add_text(&line, "");
    ko_buf_add_char(&line, '\0');
    result = walk("a", line.data);
    CHECK_TEXT(result, "byte 402: maps and lists are nested too deeply");
    ko_buf_clear(&line);
}

static void
other_members_of_a_line_are_refused(void)
{
    struct ko_slice value;
    struct ko_error err = {0};
    const struct ko_slice name = KO_SLICE("a");
    struct ko_item_walker *walker = ko_item_walker_new(&name, 1, &err);

    (void) ko_item_walk_line(walker, KO_SLICE("{\"Item\":{},\"more\":1}"), &value, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_TEXT(err.text, "byte 11: the line has a member 'more' beside 'Item'");
    CHECK_TEXT(err.hint, "");
    err = (struct ko_error){0};
    (void) ko_item_walk_line(walker, KO_SLICE("{\"Keys\":{},\"NewImage\":{}}"), &value, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_TEXT(err.text, "byte 1: the line has a member 'Keys' beside 'Item'");
    CHECK_TEXT(err.hint,
               "this is an export of changes: give a full one, and this one with --catch-up.");
    ko_item_walker_free(walker);
}

static void
items_in_a_row_are_walked_one_by_one(void)
{
    const struct ko_slice text = KO_SLICE("  {\"a\":{\"S\":\"1\"}} , {\"a\":{\"S\":\"2\"}}]");
    const struct ko_slice name = KO_SLICE("a");
    const char *at = text.data;
    struct ko_slice value;
    struct ko_error err = {0};
    struct ko_item_walker *walker = ko_item_walker_new(&name, 1, &err);

    (void) ko_item_walk(walker, &at, text.data + text.n, &value, &err);
    CHECK_OK(err);
    CHECK_SLICE(value, "{\"S\":\"1\"}");
    CHECK_TEXT(at, " , {\"a\":{\"S\":\"2\"}}]");
    at += 2;
    (void) ko_item_walk(walker, &at, text.data + text.n, &value, &err);
    CHECK_OK(err);
    CHECK_SLICE(value, "{\"S\":\"2\"}");
    CHECK_TEXT(at, "]");
    (void) ko_item_walk(walker, &at, text.data + text.n, &value, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_TEXT(at, "]");
    ko_item_walker_free(walker);
}

static void
a_walker_takes_different_names_only_and_not_too_many(void)
{
    struct ko_slice names[KO_ITEM_NAMES_MAX + 1];
    char bytes[KO_ITEM_NAMES_MAX + 1];
    struct ko_error err = {0};
    struct ko_item_walker *walker;

    for (size_t i = 0; i <= KO_ITEM_NAMES_MAX; i++) {
        bytes[i] = (char) (' ' + i);
        names[i] = (struct ko_slice){bytes + i, 1};
    }
    assert_null(ko_item_walker_new(names, KO_ITEM_NAMES_MAX + 1, &err));
    CHECK_CODE(err, KO_E_OPTION);
    err = (struct ko_error){0};
    walker = ko_item_walker_new(names, KO_ITEM_NAMES_MAX, &err);
    CHECK_OK(err);
    ko_item_walker_free(walker);
    names[3] = names[1];
    assert_null(ko_item_walker_new(names, 4, &err));
    CHECK_TEXT(err.text, "attribute '!' is asked for twice");
    ko_item_walker_free(NULL);
}

static void
sixty_four_names_are_found(void)
{
    struct ko_buf names = {0};
    struct ko_buf line = {0};
    struct ko_buf expected = {0};

    ko_buf_add_text(&line, "{\"Item\":{");
    for (int i = 0; i < KO_ITEM_NAMES_MAX; i++) {
        ko_buf_add_format(&names, "name-%d ", i);
        ko_buf_add_format(&line, "%s\"name-%d\":{\"N\":\"%d\"},\"x%d\":{\"S\":\"\"}",
                          i == 0 ? "" : ",", KO_ITEM_NAMES_MAX - 1 - i, KO_ITEM_NAMES_MAX - 1 - i,
                          i);
        ko_buf_add_format(&expected, "{\"N\":\"%d\"};", i);
    }
    ko_buf_add(&names, "", 1);
    ko_buf_add(&line, "}}", 3);
    ko_buf_add(&expected, "", 1);
    CHECK_TEXT(walk(names.data, line.data), expected.data);
    ko_buf_clear(&names);
    ko_buf_clear(&line);
    ko_buf_clear(&expected);
}

static void
what_was_learned_never_changes_what_is_found(void)
{
    static const char *const attributes[] = {
        "\"pk\":{\"S\":\"1\"}",        "\"sk\":{\"N\":\"2\"}",
        "\"\":{\"S\":\"3\"}",          "\"cause\":{\"SS\":[\"4\"]}",
        "\"caus\":{\"S\":\"5\"}",      "\"causes\":{\"S\":\"6\"}",
        "\"p\\u006b2\":{\"S\":\"7\"}", "\"a-name-that-is-too-long-to-be-kept\":{\"S\":\"8\"}",
    };
    enum { N_ATTRIBUTES = sizeof attributes / sizeof attributes[0] };
    struct walkers used = walkers_of("pk cause pk2 a-name-that-is-too-long-to-be-kept absent");
    struct walkers fresh;
    char expected[4096];

    ko_random_seed(7);
    for (int round = 0; round < 300; round++) {
        struct ko_buf line = {0};
        bool taken[N_ATTRIBUTES] = {false};
        const size_t n = (size_t) ko_random(N_ATTRIBUTES + 1);

        ko_buf_add_text(&line, "{\"Item\":{");
        for (size_t i = 0, n_added = 0; i < n; i++) {
            const size_t which = (size_t) ko_random(N_ATTRIBUTES);

            if (taken[which])
                continue;
            taken[which] = true;
            ko_buf_add_text(&line, n_added++ == 0 ? "" : ",");
            ko_buf_add_text(&line, attributes[which]);
        }
        ko_buf_add_text(&line, "}}");
        fresh = walkers_of("pk cause pk2 a-name-that-is-too-long-to-be-kept absent");
        (void) snprintf(expected, sizeof expected, "%s", walked(&fresh, ko_buf_slice(&line)));
        CHECK_TEXT(walked(&used, ko_buf_slice(&line)), expected);
        assert_null(strstr(expected, "byte"));
        clear(&fresh);
        ko_buf_clear(&line);
    }
    clear(&used);
}

static const char long_line[] = "{\"Item\":{\"pk\":{\"S\":\"did:key:"
                                "z6MkwDAbu8iqPb2BbMs7jnGGErEwKZq2dvqfUEnCqcxNFVG1#x\"},\"sk\":{"
                                "\"S\":\"2026\\u0031-\xc3\xa9\"},\"delta\":{\"N\":\"12\"},\"tags\":"
                                "{\"SS\":[\"a\",\"b\"]},\"more\":{"
                                "\"M\":{\"l\":{\"L\":[{\"BOOL\":true},{\"NULL\":true}]}}},"
                                "\"insertedAt\":{\"S\":\"2026-01-31\"}}}";

static void
every_cut_line_is_refused(void)
{
    struct walkers all = walkers_of("pk sk insertedAt");

    assert_null(strstr(walked(&all, KO_SLICE(long_line)), "byte"));
    for (size_t n = 0; n < sizeof long_line - 1; n++)
        assert_non_null(strstr(walked(&all, (struct ko_slice){long_line, n}), "byte"));
    clear(&all);
}

/* True if the canonical writer, another reader of the same grammar, takes the line's item. */
static bool
canonical_takes(struct ko_slice line)
{
    const size_t head = strlen("{\"Item\":");
    struct ko_buf out = {0};
    struct ko_error err = {0};

    (void) ko_item_add_canonical(&out, (struct ko_slice){line.data + head, line.n - head - 1},
                                 &err);
    ko_buf_clear(&out);
    return err.code == KO_OK;
}

static void
every_changed_byte_gives_one_result_on_all_paths(void)
{
    static const char changes[] = "\"\\{}[],: \t\n\x01\x1f\x20\x7f\x80\xc3\xed\xf4\xff"
                                  "S0u";
    struct walkers all = walkers_of("pk sk insertedAt");
    char line[sizeof long_line];
    const struct ko_slice slice = {line, sizeof long_line - 1};

    for (size_t i = 0; i < slice.n; i++) {
        for (size_t k = 0; k < sizeof changes; k++) {
            bool is_taken;

            memcpy(line, long_line, sizeof line);
            line[i] = changes[k];
            is_taken = strstr(walked(&all, slice), "byte") == NULL;
            /* The canonical writer is stricter: it reads digits and equal members too. */
            if (i >= strlen("{\"Item\":") && i < slice.n - 1 && canonical_takes(slice))
                assert_true(is_taken);
        }
    }
    clear(&all);
}

/* All lengths, and every place: what is expected is no less checked than what is not. */
static void
a_string_of_the_expected_length_is_checked(void)
{
    static const char bytes[] = "\"\\\n\x80x";
    struct walkers learned = walkers_of("a b");
    char line[256];

    for (int n = 1; n <= 100; n++) {
        const int n_line =
            snprintf(line, sizeof line,
                     "{\"Item\":{\"a\":{\"S\":\"%0*d\"},\"b\":{\"N\":\"%040d\"}}}", n, 0, 7);
        char *const string = strstr(line, "S\":\"") + 4;

        for (int i = 0; i <= n; i++) {
            const char usual = string[i];
            char expected[512];

            for (int k = 0; k < 6; k++)
                (void) walked(&learned, (struct ko_slice){line, (size_t) n_line});
            string[i] = bytes[(i + n) % 5];
            (void) snprintf(expected, sizeof expected, "%s", walk("a b", line));
            CHECK_TEXT(walked(&learned, (struct ko_slice){line, (size_t) n_line}), expected);
            string[i] = usual;
        }
    }
    clear(&learned);
}

/* Takes lines from the front while that is possible; their values, then what is left. */
static const char *
taken(const char *text)
{
    static char shown[1024];
    struct ko_slice name = KO_SLICE("a");
    struct ko_error err = {0};
    struct ko_item_walker *walker = ko_item_walker_new(&name, 1, &err);
    struct ko_slice rest = ko_slice_of(text);
    struct ko_slice value;
    size_t n_shown = 0;
    size_t n;

    CHECK_OK(err);
    while ((n = ko_item_walk_front(walker, rest, &value)) > 0) {
        n_shown += (size_t) snprintf(shown + n_shown, sizeof shown - n_shown, "%.*s;",
                                     value.data == NULL ? 1 : (int) value.n,
                                     value.data == NULL ? "-" : value.data);
        rest.data += n;
        rest.n -= n;
    }
    (void) snprintf(shown + n_shown, sizeof shown - n_shown, "%.*s", KO_SLICE_ARG(rest));
    ko_item_walker_free(walker);
    return shown;
}

static void
lines_are_taken_from_the_front(void)
{
    CHECK_TEXT(
        taken("{\"Item\":{\"a\":{\"N\":\"1\"}}}\n{\"Item\":{}}\n{\"Item\":{\"a\":{\"L\":[]}}}\n"),
        "{\"N\":\"1\"};-;{\"L\":[]};");
    CHECK_TEXT(taken("{\"Item\":{\"a\":{\"S\":\"x\"}}}\n{\"Item\":{\"a\":{\"S\":\"y\"}}}"),
               "{\"S\":\"x\"};{\"Item\":{\"a\":{\"S\":\"y\"}}}");
    CHECK_TEXT(taken(""), "");
    CHECK_TEXT(taken("\n"), "\n");
}

/* A newline is white space of JSON, and the end of a line wherever it stands. */
static void
a_line_with_white_space_is_not_taken_from_the_front(void)
{
    static const char line[] = "{\"Item\":{\"a\":{\"L\":[{\"S\":\"x\"},{\"SS\":[\"y\"]}]}}}\n";
    const size_t n = sizeof line - 1;

    assert_true(strchr(taken(line), '\n') == NULL);
    for (size_t i = 0; i < n; i++) {
        char text[2 * sizeof line];

        if (strchr("{}[],:\n", line[i]) == NULL)
            continue;
        (void) snprintf(text, sizeof text, "%.*s\n%s", (int) i, line, line + i);
        if (line[i] != '\n')
            CHECK_TEXT(taken(text), text);
        (void) snprintf(text, sizeof text, "%.*s %s", (int) i, line, line + i);
        CHECK_TEXT(taken(text), text);
    }
}

static void
each_failing_allocation_is_reported(void)
{
    const struct ko_slice name = KO_SLICE("a");

    for (uint64_t nth = 1; nth <= 2; nth++) {
        struct ko_error err = {0};

        ko_mem_fail_nth(nth);
        assert_null(ko_item_walker_new(&name, 1, &err));
        ko_mem_fail_nth(0);
        CHECK_CODE(err, KO_E_MEMORY);
    }
}

CASES = {
    CASE(wanted_attributes_come_back_as_text),
    CASE(every_type_is_walked),
    CASE(white_space_is_accepted_everywhere),
    CASE(names_are_compared_decoded),
    CASE(names_of_any_length_are_found),
    CASE(strings_of_any_length_end_where_they_end),
    CASE(a_wanted_attribute_named_twice_is_refused),
    CASE(broken_items_are_refused_with_their_byte),
    CASE(values_with_escapes_are_told),
    CASE(maps_deeper_than_the_limit_are_refused),
    CASE(other_members_of_a_line_are_refused),
    CASE(items_in_a_row_are_walked_one_by_one),
    CASE(a_walker_takes_different_names_only_and_not_too_many),
    CASE(sixty_four_names_are_found),
    CASE(what_was_learned_never_changes_what_is_found),
    CASE(every_cut_line_is_refused),
    CASE(every_changed_byte_gives_one_result_on_all_paths),
    CASE(a_string_of_the_expected_length_is_checked),
    CASE(lines_are_taken_from_the_front),
    CASE(a_line_with_white_space_is_not_taken_from_the_front),
    CASE(each_failing_allocation_is_reported),
};
RUN_CASES
