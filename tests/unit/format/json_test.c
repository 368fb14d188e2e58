#include "keepone/format/json.h"

#include <stdlib.h>

#include "support/test.h"

/* The answer of ko_json_check() to text: its error text, empty if it is fine. */
static const char *
check(const char *text)
{
    static struct ko_error err;

    err = (struct ko_error){0};
    (void) ko_json_check(ko_slice_of(text), &err);
    assert_true(err.code == KO_OK || err.code == KO_E_CORRUPT);
    return err.text;
}

static void
every_kind_of_value_is_accepted(void)
{
    CHECK_TEXT(check("{}"), "");
    CHECK_TEXT(check(" [ ] \r\n\t"), "");
    CHECK_TEXT(check("{ \"a\" : [ 1 , true , false , null , \"x\" , { \"b\" : { } } ] }"), "");
    CHECK_TEXT(check("0"), "");
    CHECK_TEXT(check("-0.5e+10"), "");
    CHECK_TEXT(check("12E-3"), "");
    CHECK_TEXT(check("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\""), "");
    CHECK_TEXT(check("\"\xc2\x80\xe0\xa0\x80\xed\x9f\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""), "");
}

static void
broken_text_is_refused_with_its_byte(void)
{
    CHECK_TEXT(check(""), "byte 0: the text ends where a value is expected");
    CHECK_TEXT(check("{\"a\":"), "byte 5: the text ends where a value is expected");
    CHECK_TEXT(check("{\"a\" 1}"), "byte 5: expected ':' behind a name");
    CHECK_TEXT(check("{\"a\":1,}"), "byte 7: expected a name in quotes");
    CHECK_TEXT(check("{a:1}"), "byte 1: expected a name in quotes");
    CHECK_TEXT(check("[1,]"), "byte 3: expected a value");
    CHECK_TEXT(check("[1 2]"), "byte 3: expected ',' or ']'");
    CHECK_TEXT(check("{\"a\":1]"), "byte 6: expected ',' or '}'");
    CHECK_TEXT(check("[1"), "byte 2: expected ',' or ']'");
    CHECK_TEXT(check("{} {}"), "byte 3: more text behind the value");
    CHECK_TEXT(check("nul"), "byte 0: expected a value");
    CHECK_TEXT(check("tru"), "byte 0: expected a value");
    CHECK_TEXT(check("truex"), "byte 4: more text behind the value");
}

static void
numbers_follow_the_grammar(void)
{
    CHECK_TEXT(check("01"), "byte 1: more text behind the value");
    CHECK_TEXT(check("-"), "byte 1: expected a digit");
    CHECK_TEXT(check("1."), "byte 2: expected a digit");
    CHECK_TEXT(check("1e+"), "byte 3: expected a digit");
    CHECK_TEXT(check("+1"), "byte 0: expected a value");
    CHECK_TEXT(check(".5"), "byte 0: expected a value");
}

static void
strings_follow_the_grammar(void)
{
    CHECK_TEXT(check("\"abc"), "byte 4: the text ends inside a string");
    CHECK_TEXT(check("\"abc\\"), "byte 4: the text ends inside a string");
    CHECK_TEXT(check("\"a\nb\""), "byte 2: a control character in a string is not escaped");
    CHECK_TEXT(check("\"a\\xb\""), "byte 2: an unknown escape");
    CHECK_TEXT(check("\"\\u12g4\""), "byte 1: \\u is not followed by four hexadecimal digits");
    CHECK_TEXT(check("\"\\u12"), "byte 1: \\u is not followed by four hexadecimal digits");
    CHECK_TEXT(check("\"\\ude00\""), "byte 1: a low surrogate stands alone");
    CHECK_TEXT(check("\"\\ud83d\""), "byte 1: a high surrogate stands alone");
    CHECK_TEXT(check("\"\\ud83d\\u0041\""), "byte 1: a high surrogate stands alone");
}

static void
invalid_utf8_is_refused(void)
{
    static const char *const bad[] = {
        "\x80",             /* a continuation byte alone */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80", /* above U+10FFFF */
        "\xc3",             /* cut */
        "\xe2\x82",         /* cut */
        "\xf0\x9f\x98",     /* cut */
        "\xe2\x28\xa1",     /* a bad continuation */
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[16];
        size_t bad_offset = 0;

        (void) snprintf(text, sizeof text, "\"ok%s\"", bad[i]);
        CHECK_TEXT(check(text), "byte 3: not valid UTF-8");
        assert_false(ko_utf8_check(ko_slice_of(text), &bad_offset));
        assert_int_equal(bad_offset, 3);
    }
}

static void
utf8_check_accepts_every_length_and_any_ascii(void)
{
    size_t bad_offset = 99;

    assert_true(
        ko_utf8_check(KO_SLICE("a\"\\\n\x7f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), &bad_offset));
    assert_true(ko_utf8_check((struct ko_slice){NULL, 0}, &bad_offset));
    assert_int_equal(bad_offset, 99);
}

static void
nesting_ends_at_the_limit(void)
{
    char text[2 * KO_JSON_DEPTH_MAX + 3];
    const size_t n = KO_JSON_DEPTH_MAX;

    memset(text, '[', n);
    memset(text + n, ']', n);
    text[2 * n] = '\0';
    CHECK_TEXT(check(text), "");
    memset(text, '[', n + 1);
    memset(text + n + 1, ']', n + 1);
    text[2 * n + 2] = '\0';
    CHECK_TEXT(check(text), "byte 160: nested too deeply");
}

/* The members or elements of text in order, as name=value; or name-less. */
static void
list_members(const char *text, struct ko_buf *out, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice value;

    KO_TRY(ko_json_enter(ko_slice_of(text), &cursor, err));
    for (;;) {
        KO_TRY(ko_json_next(&cursor, &name, &value, err));
        if (value.data == NULL)
            break;
        ko_buf_add_slice(out, name);
        ko_buf_add_text(out, cursor.is_object ? "=" : "");
        ko_buf_add_slice(out, value);
        ko_buf_add_char(out, ';');
    }
    KO_TRY(ko_json_next(&cursor, &name, &value, err));
    assert_null(value.data);

done:
    return;
}

static void
a_cursor_gives_members_and_elements_in_order(void)
{
    struct ko_buf out = {0};
    struct ko_error err = {0};

    list_members(" { \"a\" : 1 , \"b\\n\":[ 2, {} ],\"\":\"x\" } ", &out, &err);
    list_members("[1, [2 ,3],{\"a\":4}]", &out, &err);
    list_members("{ }", &out, &err);
    list_members("[]", &out, &err);
    CHECK_OK(err);
    CHECK_SLICE(ko_buf_slice(&out), "a=1;b\\n=[ 2, {} ];=\"x\";1;[2 ,3];{\"a\":4};");
    ko_buf_clear(&out);
}

static void
a_cursor_counts_bytes_from_the_start(void)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {" 7", "byte 1: expected an object or an array"},
        {"", "byte 0: expected an object or an array"},
        {"{\"a\":1,\"b\":x}", "byte 11: expected a value"},
        {"[1,2", "byte 4: expected ',' or ']'"},
        {"[1,2]]", "byte 5: more text behind the value"},
        {"[,1]", "byte 1: expected a value"},
        {"[1,]", "byte 3: expected a value"},
        {"{\"a\":1,}", "byte 7: expected a name in quotes"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ko_buf out = {0};
        struct ko_error err = {0};

        list_members(cases[i].text, &out, &err);
        CHECK_CODE(err, KO_E_CORRUPT);
        CHECK_TEXT(err.text, cases[i].message);
        ko_buf_clear(&out);
    }
}

static void
a_member_is_found_by_its_decoded_name(void)
{
    const struct ko_slice object =
        KO_SLICE("{\"x\":1,\"n\\u00e9\\ud83d\\ude00\\/\":2,\"e\":{\"x\":3}}");
    struct ko_slice value;
    struct ko_error err = {0};

    CHECK_CODE(err, ko_json_member(object, "x", &value, &err));
    CHECK_SLICE(value, "1");
    CHECK_CODE(err, ko_json_member(object, "n\xc3\xa9\xf0\x9f\x98\x80/", &value, &err));
    CHECK_SLICE(value, "2");
    CHECK_CODE(err, ko_json_member(object, "n\xc3\xa9\xf0\x9f\x98\x80", &value, &err));
    assert_null(value.data);
    CHECK_CODE(err, ko_json_member(object, "n\xc3\xa9\xf0\x9f\x98\x80/x", &value, &err));
    assert_null(value.data);
    CHECK_CODE(err, ko_json_member(object, "", &value, &err));
    assert_null(value.data);
    CHECK_OK(err);
}

static void
a_member_named_twice_is_refused(void)
{
    struct ko_slice value;
    struct ko_error err = {0};

    (void) ko_json_member(KO_SLICE("{\"a\":1,\"b\":2,\"\\u0061\":3}"), "b", &value, &err);
    CHECK_OK(err);
    (void) ko_json_member(KO_SLICE("{\"a\":1,\"b\":2,\"\\u0061\":3}"), "a", &value, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_TEXT(err.text, "byte 13: a second member 'a'");
}

static void
a_lookup_checks_the_object_to_its_end(void)
{
    struct ko_slice value;
    struct ko_error err = {0};

    (void) ko_json_member(KO_SLICE("{\"a\":1,\"b\":}"), "a", &value, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    err = (struct ko_error){0};
    (void) ko_json_member(KO_SLICE("[1]"), "a", &value, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_TEXT(err.text, "byte 0: expected an object");
}

static void
typed_members_are_decoded(void)
{
    const struct ko_slice object =
        KO_SLICE("{\"t\":\"a\\nb\",\"u\":18446744073709551615,\"y\":true,\"n\":false}");
    struct ko_buf text = {0};
    uint64_t number = 0;
    bool yes = false;
    bool no = true;
    struct ko_error err = {0};

    (void) ko_json_member_text(object, "t", &text, &err);
    (void) ko_json_member_u64(object, "u", &number, &err);
    (void) ko_json_member_bool(object, "y", &yes, &err);
    (void) ko_json_member_bool(object, "n", &no, &err);
    CHECK_OK(err);
    CHECK_SLICE(ko_buf_slice(&text), "a\nb");
    assert_true(number == UINT64_MAX);
    assert_true(yes);
    assert_false(no);
    ko_buf_clear(&text);
}

static void
typed_members_say_what_is_wrong(void)
{
    const struct ko_slice object = KO_SLICE("{\"t\":1,\"u\":-1,\"b\":\"true\"}");
    struct ko_buf text = {0};
    uint64_t number;
    bool is_true;
    struct ko_error err = {0};

    (void) ko_json_member_text(object, "none", &text, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_TEXT(err.text, "member 'none' is missing");
    err = (struct ko_error){0};
    (void) ko_json_member_text(object, "t", &text, &err);
    CHECK_TEXT(err.text, "member 't' is not a string");
    err = (struct ko_error){0};
    (void) ko_json_member_u64(object, "u", &number, &err);
    CHECK_ERROR_SAYS(err, "member 'u': byte 0: expected a whole number");
    err = (struct ko_error){0};
    (void) ko_json_member_bool(object, "b", &is_true, &err);
    CHECK_TEXT(err.text, "member 'b' is neither true nor false");
    ko_buf_clear(&text);
}

static void
only_whole_numbers_of_64_bits_are_u64(void)
{
    static const char *const bad[] = {"",
                                      "-1",
                                      "1.0",
                                      "1e3",
                                      "01",
                                      " 1",
                                      "1 ",
                                      "x",
                                      "18446744073709551616",
                                      "99999999999999999999999"};
    uint64_t number = 7;
    struct ko_error err = {0};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err = (struct ko_error){0};
        (void) ko_json_decode_u64(ko_slice_of(bad[i]), &number, &err);
        CHECK_CODE(err, KO_E_CORRUPT);
    }
    assert_int_equal(number, 7);
    err = (struct ko_error){0};
    (void) ko_json_decode_u64(KO_SLICE("0"), &number, &err);
    CHECK_OK(err);
    assert_int_equal(number, 0);
}

static void
strings_are_decoded_in_all_escapes(void)
{
    struct ko_buf out = {0};
    struct ko_error err = {0};

    (void) ko_json_decode_string(
        KO_SLICE("\"q\\\"b\\\\s\\/\\b\\f\\n\\r\\t\\u0041\\u00E9\\u20ac\\ud83d\\uDE00\""), &out,
        &err);
    (void) ko_json_decode_string(KO_SLICE("\"\""), &out, &err);
    CHECK_OK(err);
    CHECK_SLICE(ko_buf_slice(&out), "q\"b\\s/\b\f\n\r\t"
                                    "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    (void) ko_json_decode_string(KO_SLICE("\"a\" "), &out, &err);
    CHECK_TEXT(err.text, "byte 3: more text behind the string");
    ko_buf_clear(&out);
}

/* The code point of UTF-8 of up to three bytes. */
static unsigned
code_point(struct ko_slice text)
{
    const unsigned char *const b = (const unsigned char *) text.data;

    if (text.n == 1)
        return b[0];
    return text.n == 2 ? (b[0] & 0x1fU) << 6 | (b[1] & 0x3fU)
                       : (b[0] & 0x0fU) << 12 | (b[1] & 0x3fU) << 6 | (b[2] & 0x3fU);
}

static void
every_byte_is_a_hexadecimal_digit_or_none(void)
{
    for (unsigned i = 0; i < 4; i++) {
        for (int c = 0; c < 256; c++) {
            char text[] = "\"\\u1234\"";
            struct ko_buf out = {0};
            struct ko_error err = {0};

            text[3 + i] = (char) c;
            (void) ko_json_decode_string(KO_SLICE(text), &out, &err);
            if (c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL) {
                CHECK_OK(err);
                assert_int_equal(code_point(ko_buf_slice(&out)), strtoul(text + 3, NULL, 16));
            } else {
                CHECK_CODE(err, KO_E_CORRUPT);
            }
            ko_buf_clear(&out);
        }
    }
}

static void
a_decoded_zero_byte_is_kept(void)
{
    struct ko_buf out = {0};
    struct ko_error err = {0};

    (void) ko_json_decode_string(KO_SLICE("\"a\\u0000b\""), &out, &err);
    CHECK_OK(err);
    assert_int_equal(out.n, 3);
    assert_memory_equal(out.data, "a\0b", 3);
    ko_buf_clear(&out);
}

static void
strings_are_written_with_the_fewest_escapes(void)
{
    struct ko_buf out = {0};

    ko_json_add_string(&out, KO_SLICE("\"\\\b\f\n\r\t\x01\x1f\x7f/\xc3\xa9 end"));
    ko_json_add_string(&out, KO_SLICE(""));
    CHECK_SLICE(ko_buf_slice(&out),
                "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f/\xc3\xa9 end\"\"\"");
    ko_buf_clear(&out);
}

static void
written_strings_read_back_at_every_length(void)
{
    char text[200];
    struct ko_buf json = {0};
    struct ko_buf back = {0};
    struct ko_error err = {0};

    /* A byte that needs care at each place of each block, in each distance from the end. */
    for (size_t n = 1; n < sizeof text; n += 3) {
        for (size_t i = 0; i < n; i++) {
            memset(text, 'a', n);
            text[i] = i % 2 == 0 ? '\n' : '"';
            ko_buf_reset(&json);
            ko_buf_reset(&back);
            ko_json_add_string(&json, (struct ko_slice){text, n});
            (void) ko_json_decode_string(ko_buf_slice(&json), &back, &err);
            CHECK_OK(err);
            assert_true(ko_slice_equal(ko_buf_slice(&back), (struct ko_slice){text, n}));
        }
    }
    ko_buf_clear(&json);
    ko_buf_clear(&back);
}

static void
running_out_of_memory_is_reported(void)
{
    struct ko_buf out = {0};
    struct ko_error err = {0};

    ko_mem_fail_nth(1);
    (void) ko_json_decode_string(KO_SLICE("\"abc\""), &out, &err);
    ko_mem_fail_nth(0);
    CHECK_CODE(err, KO_E_MEMORY);
    ko_buf_clear(&out);
}

CASES = {
    CASE(every_kind_of_value_is_accepted),
    CASE(broken_text_is_refused_with_its_byte),
    CASE(numbers_follow_the_grammar),
    CASE(strings_follow_the_grammar),
    CASE(invalid_utf8_is_refused),
    CASE(utf8_check_accepts_every_length_and_any_ascii),
    CASE(nesting_ends_at_the_limit),
    CASE(a_cursor_gives_members_and_elements_in_order),
    CASE(a_cursor_counts_bytes_from_the_start),
    CASE(a_member_is_found_by_its_decoded_name),
    CASE(a_member_named_twice_is_refused),
    CASE(a_lookup_checks_the_object_to_its_end),
    CASE(typed_members_are_decoded),
    CASE(typed_members_say_what_is_wrong),
    CASE(only_whole_numbers_of_64_bits_are_u64),
    CASE(strings_are_decoded_in_all_escapes),
    CASE(every_byte_is_a_hexadecimal_digit_or_none),
    CASE(a_decoded_zero_byte_is_kept),
    CASE(strings_are_written_with_the_fewest_escapes),
    CASE(written_strings_read_back_at_every_length),
    CASE(running_out_of_memory_is_reported),
};
RUN_CASES
