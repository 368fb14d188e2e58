#include "keepone/format/change.h"

#include "keepone/base/buf.h"
#include "support/test.h"

#define STAMP "\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"1680109764000000\"}}"
#define KEYS  "\"Keys\":{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"}}"
#define NEW   "\"NewImage\":{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"},\"x\":{\"S\":\"y\"}}"
#define OLD   "\"OldImage\":{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"}}"

/* What a walker that looks for pk, sk and x in NewImage says of a line: values or the error. */
static const char *
walked(const char *line)
{
    static const struct ko_slice names[] = {{"pk", 2}, {"sk", 2}, {"x", 1}};
    static char shown[2048];
    struct ko_error err = {0};
    struct ko_change_walker *walker = ko_change_walker_new(names, 3, names, 2, &err);
    struct ko_change change;
    struct ko_slice values[3];
    struct ko_buf text = {0};

    CHECK_OK(err);
    if (ko_change_walk(walker, ko_slice_of(line), &change, values, &err) != KO_OK) {
        ko_buf_add_format(&text, "%s: %s", ko_code_name(err.code), err.text);
    } else {
        ko_buf_add_format(&text, "%llu %.*s %.*s", (unsigned long long) change.written_us,
                          KO_SLICE_ARG(change.keys[0]), KO_SLICE_ARG(change.keys[1]));
        ko_buf_add_text(&text, change.is_deleted ? " deleted" : " is");
        for (size_t i = 0; i < 3; i++)
            ko_buf_add_format(&text, " %.*s",
                              KO_SLICE_ARG(values[i].data == NULL ? KO_SLICE("-") : values[i]));
    }
    (void) snprintf(shown, sizeof shown, "%.*s", KO_SLICE_ARG(ko_buf_slice(&text)));
    ko_buf_clear(&text);
    ko_change_walker_free(walker);
    return shown;
}

static void
every_kind_of_change_is_understood(void)
{
    static const char is[] = "1680109764000000 {\"S\":\"a\"} {\"N\":\"1\"} is {\"S\":\"a\"} "
                             "{\"N\":\"1\"} {\"S\":\"y\"}";
    static const char deleted[] = "1680109764000000 {\"S\":\"a\"} {\"N\":\"1\"} deleted - - -";

    CHECK_TEXT(walked("{" STAMP "," KEYS "," NEW "}"), is);
    CHECK_TEXT(walked("{" STAMP "," KEYS "," OLD "," NEW "}"), is);
    CHECK_TEXT(walked("{" STAMP "," KEYS "," OLD "}"), deleted);
    CHECK_TEXT(walked("{" STAMP "," KEYS "}\n"), deleted);
}

static void
members_may_stand_in_any_order_and_with_space(void)
{
    CHECK_TEXT(walked(" { " NEW " ,\t" OLD "," KEYS " , " STAMP "\r } \n"),
               walked("{" STAMP "," KEYS "," NEW "}"));
    CHECK_TEXT(
        walked("{\"\\u004bey\\u0073\":{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"}}," STAMP "}"),
        walked("{" STAMP "," KEYS "}"));
}

static void
broken_lines_are_refused_at_their_byte(void)
{
    CHECK_TEXT(walked(""), "corrupt: byte 0: expected a line such as "
                           "{\"Metadata\":{...},\"Keys\":{...}}");
    CHECK_TEXT(walked("{" STAMP "," KEYS), "corrupt: byte 100: expected ',' or '}'");
    CHECK_TEXT(walked("{" STAMP "," KEYS "}x"), "corrupt: byte 101: more text behind the change");
    CHECK_TEXT(walked("{" STAMP "," KEYS "," KEYS "}"),
               "corrupt: byte 101: the line has a member 'Keys' twice");
    CHECK_TEXT(walked("{\"Item\":{}}"),
               "corrupt: byte 1: the line has a member 'Item' that no change has");
    CHECK_TEXT(walked("{" STAMP "}"), "corrupt: the line has no member 'Keys'");
    CHECK_TEXT(walked("{" KEYS "}"), "corrupt: the line has no member 'Metadata'");
    CHECK_TEXT(walked("{" STAMP "," KEYS ",\"OldImage\":{\"a\":{\"X\":\"1\"}}}"),
               "corrupt: byte 117: an unknown type tag");
}

static void
times_are_whole_numbers(void)
{
    CHECK_TEXT(walked("{\"Metadata\":{}," KEYS "}"),
               "corrupt: the time of the change: \"Metadata\" has no \"WriteTimestampMicros\"");
    assert_non_null(
        strstr(walked("{\"Metadata\":{\"WriteTimestampMicros\":{\"N\":\"1.5\"}}," KEYS "}"),
               "expected a whole number"));
    assert_non_null(
        strstr(walked("{\"Metadata\":{\"WriteTimestampMicros\":{\"S\":\"1\"}}," KEYS "}"), "'N'"));
    assert_non_null(
        strstr(walked("{\"Metadata\":[]," KEYS "}"), "corrupt: the time of the change: "));
}

static void
a_wrong_primary_key_is_told(void)
{
    CHECK_TEXT(walked("{" STAMP ",\"Keys\":{\"pk\":{\"S\":\"a\"}}}"),
               "option: the change has no key attribute 'sk'");
    CHECK_TEXT(walked("{" STAMP ",\"Keys\":{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"a\"},\"x\":{\"S\":"
                      "\"a\"}}}"),
               "option: the primary key has 3 attributes here, not 2");
}

static void
any_allocation_may_fail(void)
{
    static const struct ko_slice name = {"pk", 2};

    for (uint64_t n = 1; n < 20; n++) {
        struct ko_error err = {0};
        struct ko_change_walker *walker;

        ko_mem_fail_nth(n);
        walker = ko_change_walker_new(&name, 1, &name, 1, &err);
        ko_mem_fail_nth(0);
        if (walker != NULL) {
            ko_change_walker_free(walker);
            assert_true(n > 3);
            return;
        }
        CHECK_CODE(err, KO_E_MEMORY);
    }
    fail();
}

CASES = {
    CASE(every_kind_of_change_is_understood),
    CASE(members_may_stand_in_any_order_and_with_space),
    CASE(broken_lines_are_refused_at_their_byte),
    CASE(times_are_whole_numbers),
    CASE(a_wrong_primary_key_is_told),
    CASE(any_allocation_may_fail),
};
RUN_CASES
