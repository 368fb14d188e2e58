#include "items.h"
#include "keepone/format/digest.h"

struct row {
    const char *key;
    const char *item;
    const char *expected;
};

/* The key text of an item, "missing", or the error. */
static void
print_key(const struct ko_rules *rules, const char *item, struct ko_buf *out)
{
    struct ko_slice values[KO_LOOKED_MAX];
    struct ko_buf scratch = {0};
    struct ko_error err = {0};
    uint64_t fingerprint = 0;
    bool is_missing = false;
    bool is_missing_too = false;

    ko_buf_reset(out);
    (void) look_at_item(rules, item, values, &err);
    CHECK_OK(err);
    ko_buf_add_char(out, '>'); /* what stands before must stay */
    if (ko_key_add(rules, values, out, &is_missing, &err) != KO_OK || is_missing) {
        CHECK_SLICE(ko_buf_slice(out), ">");
        ko_buf_reset(out);
        ko_buf_add_text(out, is_missing ? "missing" : err.text);
    } else {
        memmove(out->data, out->data + 1, --out->n);
    }
    if (err.code == KO_OK) {
        (void) ko_key_fingerprint(rules, values, &scratch, &fingerprint, &is_missing_too, &err);
        CHECK_OK(err);
        assert_int_equal(is_missing, is_missing_too);
        assert_true(is_missing || fingerprint == ko_fingerprint(ko_buf_slice(out)));
    }
    ko_buf_clear(&scratch);
}

static void
check_rows_with(const struct row *rows, size_t n, enum ko_missing_key missing_key)
{
    struct ko_buf out = {0};

    for (size_t i = 0; i < n; i++) {
        struct ko_rules *rules = rules_of(rows[i].key, "any", NULL);

        rules->missing_key = missing_key;
        print_key(rules, rows[i].item, &out);
        CHECK_SLICE(ko_buf_slice(&out), rows[i].expected);
        ko_rules_free(rules);
    }
    ko_buf_clear(&out);
}

static void
check_rows(const struct row *rows, size_t n)
{
    check_rows_with(rows, n, KO_MISSING_SKIP);
    check_rows_with(rows, n, KO_MISSING_ERROR);
}

static void
the_key_text_is_canonical_json(void)
{
    static const struct row rows[] = {
        {"a", "{\"a\":{\"S\":\"x\"}}", "{\"a\":{\"S\":\"x\"}}"},
        {"a", "{ \"b\" : { \"S\" : \"y\" } , \"a\" : { \"S\" : \"x\" } }", "{\"a\":{\"S\":\"x\"}}"},
        {"a", "{\"a\":{\"S\":\"\\u0078\\/\\\"\\n\\u00e9\"}}",
         "{\"a\":{\"S\":\"x/\\\"\\n\xC3\xA9\"}}"},
        {"a", "{\"a\":{\"N\":\"1.50e2\"}}", "{\"a\":{\"N\":\"150\"}}"},
        {"a", "{\"a\":{\"B\":\"AQI=\"}}", "{\"a\":{\"B\":\"AQI=\"}}"},
        {"a", "{\"a\":{\"BOOL\":false}}", "{\"a\":{\"BOOL\":false}}"},
        {"a", "{\"a\":{\"SS\":[\"b\",\"a\"]}}", "{\"a\":{\"SS\":[\"a\",\"b\"]}}"},
        {"a", "{\"a\":{\"M\":{\"y\":{\"N\":\"0\"},\"x\":{\"S\":\"\"}}}}",
         "{\"a\":{\"M\":{\"x\":{\"S\":\"\"},\"y\":{\"N\":\"0\"}}}}"},
        {"a", "{\"a\":{\"L\":[{\"NULL\":true}]}}", "{\"a\":{\"L\":[{\"NULL\":true}]}}"},
        {"b,a.c", "{\"a\":{\"M\":{\"c\":{\"S\":\"x\"}}},\"b\":{\"N\":\"2\"}}",
         "{\"a.c\":{\"S\":\"x\"},\"b\":{\"N\":\"2\"}}"},
        {"q\\\\\"", "{\"q\\\\\\\"\":{\"S\":\"x\"}}", "{\"q\\\\\\\\\\\"\":{\"S\":\"x\"}}"},
        {"pk,sk", "{\"sk\":{\"S\":\"2\"},\"pk\":{\"S\":\"1\"}}",
         "{\"pk\":{\"S\":\"1\"},\"sk\":{\"S\":\"2\"}}"},
    };

    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void
a_type_is_part_of_the_value(void)
{
    static const struct row rows[] = {
        {"a", "{\"a\":{\"S\":\"1\"}}", "{\"a\":{\"S\":\"1\"}}"},
        {"a", "{\"a\":{\"N\":\"1\"}}", "{\"a\":{\"N\":\"1\"}}"},
        {"a", "{\"a\":{\"S\":\"AQ==\"}}", "{\"a\":{\"S\":\"AQ==\"}}"},
        {"a", "{\"a\":{\"B\":\"AQ==\"}}", "{\"a\":{\"B\":\"AQ==\"}}"},
    };

    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void
normalisers_change_strings_alone(void)
{
    static const struct row rows[] = {
        {"a:lower:trim", "{\"a\":{\"S\":\" X \"}}", "{\"a\":{\"S\":\"x\"}}"},
        {"a:lower", "{\"a\":{\"S\":\"\\u00c9\"}}", "{\"a\":{\"S\":\"\xC3\xA9\"}}"},
        {"a:nfkc", "{\"a\":{\"S\":\"\xEF\xBC\x82\xEF\xBC\xBC\"}}", "{\"a\":{\"S\":\"\\\"\\\\\"}}"},
        {"a:trim", "{\"a\":{\"S\":\"x\\u0001y\"}}", "{\"a\":{\"S\":\"x\\u0001y\"}}"},
        {"a:space", "{\"a\":{\"S\":\"x\\n\\ty\"}}", "{\"a\":{\"S\":\"x y\"}}"},
        {"a:lower:trim", "{\"a\":{\"SS\":[\" X \"]}}", "{\"a\":{\"SS\":[\" X \"]}}"},
        {"a:lower:trim", "{\"a\":{\"N\":\"1E2\"}}", "{\"a\":{\"N\":\"100\"}}"},
        {"a:lower", "{\"a\":{\"M\":{\"x\":{\"S\":\"X\"}}}}",
         "{\"a\":{\"M\":{\"x\":{\"S\":\"X\"}}}}"},
        {"a:lower,b", "{\"a\":{\"S\":\"X\"},\"b\":{\"S\":\"Y\"}}",
         "{\"a\":{\"S\":\"x\"},\"b\":{\"S\":\"Y\"}}"},
    };

    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void
missing_is_never_a_key(void)
{
    static const struct row rows[] = {
        {"a", "{}", "missing"},
        {"a", "{\"b\":{\"S\":\"x\"}}", "missing"},
        {"a", "{\"a\":{\"NULL\":true}}", "missing"},
        {"a", "{\"a\":{\"S\":\"\"}}", "missing"},
        {"a", "{\"a\": { \"S\" : \"\" } }", "missing"},
        {"a", "{\"a\":{\"B\":\"\"}}", "missing"},
        {"a", "{\"a\":{\"M\":{ }}}", "missing"},
        {"a", "{\"a\":{\"L\":[]}}", "missing"},
        {"a:trim", "{\"a\":{\"S\":\" \\t\"}}", "missing"},
        {"a:trim", "{\"a\":{\"S\":\"\"}}", "missing"},
        {"a.b", "{\"a\":{\"S\":\"x\"}}", "missing"},
        {"a,b", "{\"a\":{\"S\":\"x\"}}", "missing"},
        {"a,b", "{\"b\":{\"S\":\"x\"}}", "missing"},
        {"a,b", "{\"a\":{\"S\":\"x\"},\"b\":{\"NULL\":true}}", "missing"},
        {"a", "{\"a\":{\"BOOL\":false}}", "{\"a\":{\"BOOL\":false}}"},
        {"a", "{\"a\":{\"N\":\"0\"}}", "{\"a\":{\"N\":\"0\"}}"},
        {"a", "{\"a\":{\"S\":\" \"}}", "{\"a\":{\"S\":\" \"}}"},
        {"a:space", "{\"a\":{\"S\":\"  \"}}", "{\"a\":{\"S\":\" \"}}"},
    };

    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void
missing_parts_stand_as_null_if_that_was_asked_for(void)
{
    static const struct row rows[] = {
        {"a", "{}", "{\"a\":null}"},
        {"a", "{\"a\":{\"NULL\":true}}", "{\"a\":null}"},
        {"a", "{\"a\":{\"S\":\"\"}}", "{\"a\":null}"},
        {"a:trim", "{\"a\":{\"S\":\" \"}}", "{\"a\":null}"},
        {"a:trim,b,c", "{\"a\":{\"S\":\" \"},\"b\":{\"S\":\"x\"}}",
         "{\"a\":null,\"b\":{\"S\":\"x\"},\"c\":null}"},
    };

    check_rows_with(rows, sizeof rows / sizeof rows[0], KO_MISSING_GROUP);
}

/* Values come from the walker, but a slice of anything must not become a key. */
static void
a_value_that_is_none_is_an_error_that_names_the_attribute(void)
{
    struct ko_rules *rules = rules_of("a:trim", "any", NULL);
    struct ko_slice values[] = {KO_SLICE("{\"S\":\"p\"}"), KO_SLICE("{\"S\":\"s\"}"),
                                KO_SLICE("{\"X\":\"x\"}")};
    struct ko_buf scratch = {0};
    struct ko_error err = {0};
    uint64_t fingerprint;
    bool is_missing;

    (void) ko_key_fingerprint(rules, values, &scratch, &fingerprint, &is_missing, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, "attribute 'a'");
    ko_buf_clear(&scratch);
    ko_rules_free(rules);
}

static struct ko_rules *torture_rules;

static enum ko_code
add_keys(struct ko_error *err)
{
    struct ko_slice values[] = {KO_SLICE("{\"S\":\"p\"}"), KO_SLICE("{\"S\":\"s\"}"),
                                KO_SLICE("{\"S\":\" \\u00c9\\\"\"}"),
                                KO_SLICE("{\"SS\":[\"b\",\"a\"]}")};
    struct ko_buf out = {0};
    bool is_missing;

    KO_TRY(ko_key_add(torture_rules, values, &out, &is_missing, err));
    CHECK_SLICE(ko_buf_slice(&out),
                "{\"a\":{\"S\":\"\xC3\xA9\\\"\"},\"b\":{\"SS\":[\"a\",\"b\"]}}");

done:
    ko_buf_clear(&out);
    return err->code;
}

static void
a_key_without_memory_is_an_error(void)
{
    torture_rules = rules_of("a:nfkc:trim,b", "any", NULL);
    check_every_allocation(add_keys);
    ko_rules_free(torture_rules);
}

CASES = {
    CASE(the_key_text_is_canonical_json),
    CASE(a_type_is_part_of_the_value),
    CASE(normalisers_change_strings_alone),
    CASE(missing_is_never_a_key),
    CASE(missing_parts_stand_as_null_if_that_was_asked_for),
    CASE(a_value_that_is_none_is_an_error_that_names_the_attribute),
    CASE(a_key_without_memory_is_an_error),
};
RUN_CASES
