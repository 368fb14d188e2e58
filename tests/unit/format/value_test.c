#include "keepone/format/value.h"

#include "support/test.h"

/* The canonical text of a value or (if it starts with a name) an item, or the error text. */
static const char *
canonical_of(const char *text, bool is_item)
{
    static char shown[4096];
    struct ko_buf out = {0};
    struct ko_error err = {0};

    ko_buf_add_text(&out, "kept");
    if (is_item)
        (void) ko_item_add_canonical(&out, ko_slice_of(text), &err);
    else
        (void) ko_value_add_canonical(&out, ko_slice_of(text), &err);
    if (err.code == KO_OK) {
        assert_true(out.n >= 4 && memcmp(out.data, "kept", 4) == 0);
        (void) snprintf(shown, sizeof shown, "%.*s", (int) out.n - 4, out.data + 4);
    } else {
        assert_int_equal(err.code, KO_E_CORRUPT);
        CHECK_SLICE(ko_buf_slice(&out), "kept");
        (void) snprintf(shown, sizeof shown, "%s", err.text);
    }
    ko_buf_clear(&out);
    return shown;
}

static const char *
canonical(const char *value)
{
    return canonical_of(value, false);
}

/* "TYPE content" of a value, or the error text. */
static const char *
opened(const char *value)
{
    static char shown[4096];
    enum ko_value_type type;
    struct ko_slice content;
    struct ko_error err = {0};

    if (ko_value_open(ko_slice_of(value), &type, &content, &err) == KO_OK)
        (void) snprintf(shown, sizeof shown, "%s %.*s", ko_value_type_name(type),
                        KO_SLICE_ARG(content));
    else
        (void) snprintf(shown, sizeof shown, "%s", err.text);
    assert_true(err.code == KO_OK || err.code == KO_E_CORRUPT);
    return shown;
}

static bool
equal(const char *a, const char *b)
{
    bool is_equal = false;
    struct ko_error err = {0};

    CHECK_CODE(err, ko_value_equal(ko_slice_of(a), ko_slice_of(b), &is_equal, &err));
    CHECK_OK(err);
    return is_equal;
}

static void
every_type_opens(void)
{
    CHECK_TEXT(opened("{\"S\":\"x\"}"), "S \"x\"");
    CHECK_TEXT(opened("{\"N\":\"1.5\"}"), "N \"1.5\"");
    CHECK_TEXT(opened("{\"B\":\"AA==\"}"), "B \"AA==\"");
    CHECK_TEXT(opened("{\"BOOL\":false}"), "BOOL false");
    CHECK_TEXT(opened("{\"NULL\":true}"), "NULL true");
    CHECK_TEXT(opened("{\"M\":{\"a\":{\"S\":\"\"}}}"), "M {\"a\":{\"S\":\"\"}}");
    CHECK_TEXT(opened("{\"L\":[{\"S\":\"\"},{\"L\":[]}]}"), "L [{\"S\":\"\"},{\"L\":[]}]");
    CHECK_TEXT(opened("{\"SS\":[\"a\",\"b\"]}"), "SS [\"a\",\"b\"]");
    CHECK_TEXT(opened("{\"NS\":[\"1\"]}"), "NS [\"1\"]");
    CHECK_TEXT(opened("{\"BS\":[\"AA==\"]}"), "BS [\"AA==\"]");
}

static void
white_space_and_escaped_tags_open(void)
{
    CHECK_TEXT(opened(" { \"S\" : \" x \" } "), "S \" x \"");
    CHECK_TEXT(opened("{\"M\": { \"a\" :{ \"N\":\"1\"} }\n}"), "M { \"a\" :{ \"N\":\"1\"} }");
    CHECK_TEXT(opened("{\"BOOL\":\ttrue\r}"), "BOOL true");
    CHECK_TEXT(opened("{\"\\u0053\":\"x\"}"), "S \"x\"");
    CHECK_TEXT(opened("{\"\\u0042\\u004f\\u004F\\u004c\":true}"), "BOOL true");
}

static void
broken_values_do_not_open(void)
{
    CHECK_TEXT(opened(""), "byte 0: expected a value such as {\"S\":\"x\"}");
    CHECK_TEXT(opened("\"x\""), "byte 0: expected a value such as {\"S\":\"x\"}");
    CHECK_TEXT(opened("{}"), "byte 1: expected a name in quotes");
    CHECK_TEXT(opened("{\"X\":\"x\"}"), "byte 0: an unknown type tag");
    CHECK_TEXT(opened("{\"s\":\"x\"}"), "byte 0: an unknown type tag");
    CHECK_TEXT(opened("{\"\":\"x\"}"), "byte 0: an unknown type tag");
    CHECK_TEXT(opened("{\"SSS\":\"x\"}"), "byte 0: an unknown type tag");
    CHECK_TEXT(opened("{\"S\":1}"), "byte 5: expected a string");
    CHECK_TEXT(opened("{\"N\":1}"), "byte 5: expected a string");
    CHECK_TEXT(opened("{\"S\":\"x\",\"N\":\"1\"}"), "byte 8: a value has two type tags");
    CHECK_TEXT(opened("{\"S\":\"x\""), "byte 8: expected '}'");
    CHECK_TEXT(opened("{\"S\":\"x\"}}"), "byte 9: more text behind the value");
    CHECK_TEXT(opened("{\"BOOL\":1}"), "byte 8: expected true or false");
    CHECK_TEXT(opened("{\"NULL\":false}"), "byte 8: expected true");
    CHECK_TEXT(opened("{\"M\":[]}"), "byte 5: expected '{'");
    CHECK_TEXT(opened("{\"L\":{}}"), "byte 5: expected '['");
    CHECK_TEXT(opened("{\"SS\":[]}"), "byte 7: a set is empty");
    CHECK_TEXT(opened("{\"SS\":[1]}"), "byte 7: expected a string");
    CHECK_TEXT(opened("{\"SS\":\"a\"}"), "byte 6: expected '['");
    CHECK_TEXT(opened("{\"L\":[{\"S\":\"a\"},]}"),
               "byte 16: expected a value such as {\"S\":\"x\"}");
    CHECK_TEXT(opened("{\"M\":{\"a\":1}}"), "byte 10: expected a value such as {\"S\":\"x\"}");
    CHECK_TEXT(opened("{\"M\":{\"a\":{\"S\":\"\x80\"}}}"), "byte 16: not valid UTF-8");
}

/* n maps in one another around a string; returns the text, good until the next call. */
static const char *
nested(const char *open, const char *close, size_t n)
{
    static char text[2048];
    size_t length = 0;

    for (size_t i = 0; i < n; i++)
        length += (size_t) snprintf(text + length, sizeof text - length, "%s", open);
    length += (size_t) snprintf(text + length, sizeof text - length, "{\"S\":\"\"}");
    for (size_t i = 0; i < n; i++)
        length += (size_t) snprintf(text + length, sizeof text - length, "%s", close);
    return text;
}

static void
nesting_ends_at_the_limit(void)
{
    const size_t limit = KO_VALUE_DEPTH_MAX;

    CHECK_TEXT(canonical(nested("{\"L\":[", "]}", limit)), nested("{\"L\":[", "]}", limit));
    CHECK_TEXT(canonical(nested("{\"M\":{\"a\":", "}}", limit)),
               nested("{\"M\":{\"a\":", "}}", limit));
    assert_int_equal(opened(nested("{\"L\":[", "]}", limit))[0], 'L');
    CHECK_TEXT(opened(nested("{\"L\":[", "]}", limit + 1)),
               "byte 389: maps and lists are nested too deeply");
    CHECK_TEXT(canonical(nested("{\"L\":[", "]}", limit + 1)),
               "byte 389: maps and lists are nested too deeply");
}

static void
canonical_text_has_no_white_space_and_fewest_escapes(void)
{
    CHECK_TEXT(canonical(" { \"S\" : \"a b\\/\\u00e9\\u000a\\u0041\" } "),
               "{\"S\":\"a b/\xc3\xa9\\nA\"}");
    CHECK_TEXT(canonical("{\"L\":[ {\"BOOL\": true} , {\"NULL\":true },{\"BOOL\":false}]}"),
               "{\"L\":[{\"BOOL\":true},{\"NULL\":true},{\"BOOL\":false}]}");
    CHECK_TEXT(canonical("{\"M\":{ }}"), "{\"M\":{}}");
    CHECK_TEXT(canonical("{\"L\":[ ]}"), "{\"L\":[]}");
    CHECK_TEXT(canonical("{\"B\":\"\\u0041A==\"}"), "{\"B\":\"AA==\"}");
    CHECK_TEXT(canonical("{\"B\":\"\"}"), "{\"B\":\"\"}");
}

static void
numbers_become_canonical(void)
{
    CHECK_TEXT(canonical("{\"N\":\"1.50\"}"), "{\"N\":\"1.5\"}");
    CHECK_TEXT(canonical("{\"N\":\"1\\u00652\"}"), "{\"N\":\"100\"}");
    CHECK_TEXT(canonical("{\"N\":\"-0\"}"), "{\"N\":\"0\"}");
}

static void
members_are_sorted_by_decoded_bytes(void)
{
    CHECK_TEXT(canonical("{\"M\":{\"b\":{\"S\":\"2\"},\"a\":{\"S\":\"1\"},\"ab\":{\"S\":\"3\"}}}"),
               "{\"M\":{\"a\":{\"S\":\"1\"},\"ab\":{\"S\":\"3\"},\"b\":{\"S\":\"2\"}}}");
    /* A quote (0x22) sorts before # (0x23), though it is written with a backslash (0x5c). */
    CHECK_TEXT(canonical("{\"M\":{\"#\":{\"S\":\"\"},\"\\\"\":{\"S\":\"\"}}}"),
               "{\"M\":{\"\\\"\":{\"S\":\"\"},\"#\":{\"S\":\"\"}}}");
    CHECK_TEXT(canonical("{\"M\":{\"\\u00e9\":{\"S\":\"\"},\"z\":{\"S\":\"\"}}}"),
               "{\"M\":{\"z\":{\"S\":\"\"},\"\xc3\xa9\":{\"S\":\"\"}}}");
}

static void
maps_in_maps_are_sorted_at_every_level(void)
{
    CHECK_TEXT(
        canonical("{\"M\":{\"z\":{\"M\":{\"y\":{\"NS\":[\"2\",\"1\"]},\"x\":{\"L\":[{\"M\":{"
                  "\"q\":{\"S\":\"\"},\"p\":{\"S\":\"\"}}}]}}},\"a\":{\"SS\":[\"b\",\"a\"]}}}"),
        "{\"M\":{\"a\":{\"SS\":[\"a\",\"b\"]},\"z\":{\"M\":{\"x\":{\"L\":[{\"M\":{\"p\":{\"S\":"
        "\"\"},\"q\":{\"S\":\"\"}}}]},\"y\":{\"NS\":[\"1\",\"2\"]}}}}}");
}

static void
sets_are_sorted_by_their_own_order(void)
{
    CHECK_TEXT(canonical("{\"SS\":[\"b\",\"a\",\"aa\",\"\"]}"),
               "{\"SS\":[\"\",\"a\",\"aa\",\"b\"]}");
    CHECK_TEXT(canonical("{\"NS\":[\"10\",\"9\",\"-1\",\"0.5\",\"1e1\\u0030\"]}"),
               "{\"NS\":[\"-1\",\"0.5\",\"9\",\"10\",\"10000000000\"]}");
    /* As bytes ff, 00, 00 00, 69: not the order of the texts. */
    CHECK_TEXT(canonical("{\"BS\":[\"/w==\",\"AAA=\",\"aQ==\",\"AA==\"]}"),
               "{\"BS\":[\"AA==\",\"AAA=\",\"aQ==\",\"/w==\"]}");
}

static void
lists_keep_their_order(void)
{
    CHECK_TEXT(canonical("{\"L\":[{\"N\":\"2\"},{\"N\":\"1\"},{\"N\":\"2\"}]}"),
               "{\"L\":[{\"N\":\"2\"},{\"N\":\"1\"},{\"N\":\"2\"}]}");
}

static void
items_are_canonical_too(void)
{
    CHECK_TEXT(canonical_of(" { \"sk\":{\"N\":\"01\"}, \"pk\":{\"S\":\"a\"} } ", true),
               "{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"}}");
    CHECK_TEXT(canonical_of("{}", true), "{}");
    CHECK_TEXT(canonical_of("[]", true), "byte 0: expected '{'");
    CHECK_TEXT(canonical_of("{\"a\":{\"S\":\"\"}} x", true), "byte 14: more text behind the value");
}

static void
what_dynamodb_refuses_has_no_canonical_text(void)
{
    CHECK_TEXT(canonical("{\"M\":{\"a\":{\"S\":\"1\"},\"\\u0061\":{\"S\":\"2\"}}}"),
               "byte 38: a map or set with two equal members");
    CHECK_TEXT(canonical("{\"SS\":[\"a\",\"b\",\"a\"]}"),
               "byte 18: a map or set with two equal members");
    CHECK_TEXT(canonical("{\"NS\":[\"1\",\"1.0\"]}"),
               "byte 16: a map or set with two equal members");
    CHECK_TEXT(canonical("{\"BS\":[\"AA==\",\"AA==\"]}"),
               "byte 20: a map or set with two equal members");
    CHECK_TEXT(canonical("{\"SS\":[]}"), "byte 7: a set is empty");
    CHECK_TEXT(canonical("{\"N\":\"x\"}"), "byte 5: 'x' is not a number");
    CHECK_TEXT(canonical("{\"NS\":[\"1\",\"\"]}"), "byte 11: '' is not a number");
    CHECK_TEXT(canonical("{\"NULL\":false}"), "byte 8: expected true");
    CHECK_TEXT(canonical("{\"S\":\"a\",\"S\":\"a\"}"), "byte 8: a value has two type tags");
    assert_non_null(strstr(canonical("{\"B\":\"A\"}"), "byte 5: "));
    assert_non_null(strstr(canonical("{\"B\":\"AB==\"}"), "byte 5: "));
}

static void
canonical_and_opened_agree_on_the_grammar(void)
{
    static const char *const values[] = {
        "{\"S\":1}",       "{\"S\":\"x\"",     "{\"S\":\"x\"}}",       "{\"BOOL\":null}",
        "{\"M\":[]}",      "{\"L\":{}}",       "{\"L\":[{}]}",         "{\"M\":{\"a\":1}}",
        "{\"M\":{a:1}}",   "{\"Q\":\"\"}",     "{\"SS\":[\"a\" 1]}",   "{\"S\":\"\n\"}",
        "{\"S\":\"\\x\"}", "{\"S\":\"\xc3\"}", "{\"L\":[{\"S\":\"\"}", "{\"M\":{\"a\"}}",
    };

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        CHECK_TEXT(canonical(values[i]), opened(values[i]));
}

static void
only_strings_without_escapes_are_plain(void)
{
    struct ko_slice text;

    assert_true(ko_value_is_plain_string(KO_SLICE("{\"S\":\"a b\xc3\xa9\"}"), &text));
    assert_true(ko_slice_equal(text, KO_SLICE("a b\xc3\xa9")));
    assert_true(ko_value_is_plain_string(KO_SLICE("{\"S\":\"\"}"), &text));
    assert_int_equal(text.n, 0);
    assert_false(ko_value_is_plain_string(KO_SLICE("{\"S\":\"a\\/b\"}"), NULL));
    assert_false(ko_value_is_plain_string(KO_SLICE("{\"S\": \"a\"}"), NULL));
    assert_false(ko_value_is_plain_string(KO_SLICE("{\"S\":\"a\" }"), NULL));
    assert_false(ko_value_is_plain_string(KO_SLICE("{\"N\":\"1\"}"), NULL));
    assert_false(ko_value_is_plain_string(KO_SLICE("{\"S\":\"}"), NULL));
    assert_false(ko_value_is_plain_string((struct ko_slice){NULL, 0}, NULL));
}

/* The canonical text that ko_value_add_string() makes of a value, or "". */
static const char *
string_text(const char *value)
{
    static char shown[256];
    struct ko_buf out = {0};
    const bool is_added = ko_value_add_string(&out, (struct ko_slice){value, strlen(value)});

    assert_int_equal(is_added, out.n > 0);
    (void) snprintf(shown, sizeof shown, "%.*s", KO_SLICE_ARG(ko_buf_slice(&out)));
    ko_buf_clear(&out);
    return shown;
}

static void
escapes_of_a_string_become_canonical(void)
{
    static const char *const values[] = {
        "{\"S\":\"\"}",
        "{\"S\":\"no escape\"}",
        "{\"S\":\"\\u0061\\u004a\\u004A\\u00e9\\uD83D\\uDE00\\/ end\"}",
        "{\"S\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0022\\u005c\\u0008\\u000A\\u001F\\u0000\"}",
        "{\"S\":\"\\u007f\\u0080\\u0020\"}",
    };

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        CHECK_TEXT(string_text(values[i]), canonical(values[i]));
    CHECK_TEXT(string_text("{\"S\":\"\\u0041\\u0022\"}"), "{\"S\":\"A\\\"\"}");
    CHECK_TEXT(string_text("{\"S\": \"\\u0041\"}"), "");
    CHECK_TEXT(string_text("{\"B\":\"\\u0041AAA\"}"), "");
    CHECK_TEXT(string_text("{\"L\":[{\"S\":\"\\n\"}]}"), "");
}

static void
equality_is_by_value_and_type(void)
{
    assert_true(equal("{\"S\":\"a\"}", "{\"S\":\"a\"}"));
    assert_true(equal("{\"S\":\"a/\"}", "{ \"S\":\"a\\/\"}"));
    assert_false(equal("{\"S\":\"a\"}", "{\"S\":\"b\"}"));
    assert_true(equal("{\"N\":\"1\"}", "{\"N\":\"1.0\"}"));
    assert_false(equal("{\"N\":\"1\"}", "{\"S\":\"1\"}"));
    assert_true(equal("{\"SS\":[\"a\",\"b\"]}", "{\"SS\":[\"b\",\"a\"]}"));
    assert_false(
        equal("{\"L\":[{\"S\":\"a\"},{\"S\":\"b\"}]}", "{\"L\":[{\"S\":\"b\"},{\"S\":\"a\"}]}"));
    assert_true(equal("{\"M\":{\"a\":{\"N\":\"1\"},\"b\":{\"S\":\"\"}}}",
                      "{\"M\":{\"b\":{\"S\":\"\"},\"a\":{\"N\":\"1e0\"}}}"));
}

static void
absent_equals_absent_only(void)
{
    assert_true(equal(NULL, NULL));
    assert_false(equal(NULL, "{\"S\":\"\"}"));
    assert_false(equal("{\"NULL\":true}", NULL));
}

static void
comparing_a_broken_value_fails(void)
{
    bool is_equal = true;
    struct ko_error err = {0};

    (void) ko_value_equal(KO_SLICE("{\"N\":\"1\"}"), KO_SLICE("{\"N\":\"x\"}"), &is_equal, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    assert_false(is_equal);
}

static void
members_and_elements_are_found(void)
{
    const struct ko_slice map = KO_SLICE("{\"a\\n\":{\"S\":\"1\"},\"b\":{\"S\":\"2\"}}");
    const struct ko_slice list = KO_SLICE("[{\"S\":\"0\"}, {\"S\":\"1\"}]");
    struct ko_slice value;
    struct ko_error err = {0};

    (void) ko_map_member(map, KO_SLICE("a\n"), &value, &err);
    CHECK_SLICE(value, "{\"S\":\"1\"}");
    (void) ko_map_member(map, KO_SLICE("c"), &value, &err);
    assert_null(value.data);
    (void) ko_list_element(list, 1, &value, &err);
    CHECK_SLICE(value, "{\"S\":\"1\"}");
    (void) ko_list_element(list, 2, &value, &err);
    assert_null(value.data);
    CHECK_OK(err);
    (void) ko_list_element(map, 0, &value, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
}

/* The billed size of an item. */
static size_t
billed(const char *item)
{
    size_t n = 0;
    struct ko_error err = {0};

    CHECK_CODE(err, ko_item_billed_bytes(ko_slice_of(item), &n, &err));
    CHECK_OK(err);
    return n;
}

static void
billed_bytes_count_names_and_values(void)
{
    assert_int_equal(billed("{}"), 0);
    assert_int_equal(billed("{\"pk\":{\"S\":\"abc\"}}"), 5);
    assert_int_equal(billed("{\"p\\u00e9\":{\"S\":\"\\ud83d\\ude00\"}}"), 3 + 4);
    assert_int_equal(billed("{\"n\":{\"N\":\"12345\"}}"), 1 + 4);
    assert_int_equal(billed("{\"n\":{\"N\":\"-1e20\"}}"), 1 + 3);
    assert_int_equal(billed("{\"b\":{\"B\":\"AAAA\"},\"c\":{\"BOOL\":true}}"), 1 + 3 + 1 + 1);
    assert_int_equal(billed("{\"s\":{\"SS\":[\"ab\",\"c\"]}}"), 1 + 3);
    assert_int_equal(billed("{\"l\":{\"L\":[{\"S\":\"ab\"},{\"NULL\":true}]}}"), 1 + 3 + 3 + 2);
    assert_int_equal(billed("{\"m\":{\"M\":{\"k\":{\"S\":\"ab\"}}}}"), 1 + 3 + 1 + 2 + 1);
}

static void
each_failing_allocation_is_reported(void)
{
    const struct ko_slice item =
        KO_SLICE("{\"b\":{\"SS\":[\"\\u0062\",\"a\"]},\"a\":{\"BS\":[\"AA==\"]}}");
    struct ko_buf out = {0};
    struct ko_error err = {0};
    int n_failures = 0;

    for (uint64_t nth = 1; nth < 100; nth++) {
        ko_buf_clear(&out);
        err = (struct ko_error){0};
        ko_mem_fail_nth(nth);
        (void) ko_item_add_canonical(&out, item, &err);
        ko_mem_fail_nth(0);
        if (err.code == KO_OK)
            break;
        CHECK_CODE(err, KO_E_MEMORY);
        assert_int_equal(out.n, 0);
        n_failures++;
    }
    assert_true(n_failures >= 5);
    CHECK_SLICE(ko_buf_slice(&out), "{\"a\":{\"BS\":[\"AA==\"]},\"b\":{\"SS\":[\"a\",\"b\"]}}");
    ko_buf_clear(&out);
}

CASES = {
    CASE(every_type_opens),
    CASE(white_space_and_escaped_tags_open),
    CASE(broken_values_do_not_open),
    CASE(nesting_ends_at_the_limit),
    CASE(canonical_text_has_no_white_space_and_fewest_escapes),
    CASE(numbers_become_canonical),
    CASE(members_are_sorted_by_decoded_bytes),
    CASE(maps_in_maps_are_sorted_at_every_level),
    CASE(sets_are_sorted_by_their_own_order),
    CASE(lists_keep_their_order),
    CASE(items_are_canonical_too),
    CASE(what_dynamodb_refuses_has_no_canonical_text),
    CASE(canonical_and_opened_agree_on_the_grammar),
    CASE(only_strings_without_escapes_are_plain),
    CASE(escapes_of_a_string_become_canonical),
    CASE(equality_is_by_value_and_type),
    CASE(absent_equals_absent_only),
    CASE(comparing_a_broken_value_fails),
    CASE(members_and_elements_are_found),
    CASE(billed_bytes_count_names_and_values),
    CASE(each_failing_allocation_is_reported),
};
RUN_CASES
