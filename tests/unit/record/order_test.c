#include "items.h"

/*
 * Adds the record of an item {"pk":"<text of i>","sk":1,<members>} and decodes it.  out holds this
 * record alone.
 */
static struct ko_record
record_of(const struct ko_rules *rules, size_t i, const char *members, struct ko_buf *out)
{
    struct ko_slice values[KO_LOOKED_MAX];
    struct ko_buf item = {0};
    struct ko_record record = {0};
    struct ko_error err = {0};

    ko_buf_reset(out);
    ko_buf_add_format(&item,
                      "{\"k\":{\"S\":\"x\"},\"pk\":{\"S\":\"%04zu\"},\"sk\":{\"N\":\"1\"}%s%s}", i,
                      members[0] == '\0' ? "" : ",", members);
    ko_buf_add_char(&item, '\0');
    (void) look_at_item(rules, item.data, values, &err);
    (void) ko_record_add(rules, values, out, &err);
    (void) ko_record_decode(ko_buf_slice(out), &record, &err);
    CHECK_OK(err);
    ko_buf_clear(&item);
    return record;
}

/*
 * Each item is a better keeper than the next, whatever its primary key; and no order is the
 * beginning of another, so that the next rule's bytes are never compared with this one's.
 */
static void
check_descending_keepers(const char *keep, const char *const *items, size_t n)
{
    struct ko_rules *rules = rules_of("k", keep, NULL);
    struct ko_buf memory[2] = {{0}};

    for (size_t i = 0; i + 1 < n; i++) {
        const struct ko_slice better = record_of(rules, n - i, items[i], &memory[0]).order;
        const struct ko_slice worse = record_of(rules, 0, items[i + 1], &memory[1]).order;

        if (ko_slice_compare(better, worse) >= 0)
            fail_msg("%s: '%s' does not win over '%s'", keep, items[i], items[i + 1]);
        assert_true(better.n > worse.n || memcmp(better.data, worse.data, better.n) != 0);
    }
    ko_buf_clear(&memory[0]);
    ko_buf_clear(&memory[1]);
    ko_rules_free(rules);
}

/* All items are equally good. */
static void
check_ties(const char *keep, const char *const *items, size_t n)
{
    struct ko_rules *rules = rules_of("k", keep, NULL);
    struct ko_buf memory[2] = {{0}};

    for (size_t i = 0; i + 1 < n; i++) {
        const struct ko_slice a = record_of(rules, i, items[i], &memory[0]).order;
        const struct ko_slice b = record_of(rules, i, items[i + 1], &memory[1]).order;

        if (!ko_slice_equal(a, b))
            fail_msg("%s: '%s' and '%s' do not tie", keep, items[i], items[i + 1]);
    }
    ko_buf_clear(&memory[0]);
    ko_buf_clear(&memory[1]);
    ko_rules_free(rules);
}

#define CHECK_DESCENDING_KEEPERS(keep, items) \
    check_descending_keepers(keep, items, sizeof(items) / sizeof((items)[0]))
#define CHECK_TIES(keep, items) check_ties(keep, items, sizeof(items) / sizeof((items)[0]))

static void
oldest_keeps_the_earliest_time_that_parses(void)
{
    static const char *const items[] = {
        "\"t\":{\"N\":\"-1\"}",
        "\"t\":{\"S\":\"1970-01-01\"}",
        "\"t\":{\"S\":\"2024-05-06T07:08:09+02:00\"}",
        "\"t\":{\"S\":\"2024-05-06T07:08:09\"}",
        "\"t\":{\"N\":\"1714979289.1\"}",
        "\"t\":{\"N\":\"1714979290000\"}",
        "\"t\":{\"S\":\"yesterday\"}",
    };
    static const char *const unusable[] = {
        "",
        "\"t\":{\"S\":\"yesterday\"}",
        "\"t\":{\"S\":\"\"}",
        "\"t\":{\"NULL\":true}",
        "\"t\":{\"BOOL\":true}",
        "\"t\":{\"B\":\"AQ==\"}",
        "\"t\":{\"N\":\"1e100\"}",
        "\"t\":{\"L\":[{\"N\":\"1\"}]}",
    };

    CHECK_DESCENDING_KEEPERS("oldest:t", items);
    CHECK_TIES("oldest:t", unusable);
    CHECK_TIES("newest:t", unusable);
}

static void
newest_keeps_the_latest_time_that_parses(void)
{
    static const char *const items[] = {
        "\"t\":{\"N\":\"1714979290000\"}", "\"t\":{\"S\":\"2024-05-06T07:08:09\"}",
        "\"t\":{\"S\":\"1970-01-01\"}",    "\"t\":{\"N\":\"-1\"}",
        "\"t\":{\"S\":\"9999-99-99\"}",
    };

    CHECK_DESCENDING_KEEPERS("newest:t", items);
}

static void
equal_instants_tie_however_they_are_written(void)
{
    static const char *const items[] = {
        "\"t\":{\"S\":\"2024-05-06T07:08:09Z\"}",
        "\"t\":{\"S\":\"2024-05-06 09:08:09+02:00\"}",
        "\"t\":{\"N\":\"1714979289\"}",
        "\"t\":{\"S\":\"1714979289000\"}",
        "\"t\":{\"S\":\"2024-05-06T07:08:09.000\"}",
        "\"t\":{\"S\":\"2024\\u002d05-06T07:08:09\"}",
    };

    CHECK_TIES("oldest:t", items);
    CHECK_TIES("newest:t", items);
}

static void
min_follows_the_order_of_dynamodb(void)
{
    static const char *const items[] = {
        "\"v\":{\"N\":\"-1e100\"}",
        "\"v\":{\"N\":\"-2\"}",
        "\"v\":{\"N\":\"-1.5\"}",
        "\"v\":{\"N\":\"0\"}",
        "\"v\":{\"N\":\"9\"}",
        "\"v\":{\"N\":\"10\"}",
        "\"v\":{\"S\":\"\"}",
        "\"v\":{\"S\":\"\\u0000\"}",
        "\"v\":{\"S\":\"\\u0000\\u0000\"}",
        "\"v\":{\"S\":\"\\u0000a\"}",
        "\"v\":{\"S\":\"10\"}",
        "\"v\":{\"S\":\"9\"}",
        "\"v\":{\"S\":\"a\"}",
        "\"v\":{\"S\":\"a\\u0000\"}",
        "\"v\":{\"S\":\"a\\u0001\"}",
        "\"v\":{\"S\":\"ab\"}",
        "\"v\":{\"S\":\"\xC3\xA9\"}",
        "\"v\":{\"B\":\"AA==\"}",
        "\"v\":{\"B\":\"AAA=\"}",
        "\"v\":{\"B\":\"AP8=\"}",
        "\"v\":{\"B\":\"AQ==\"}",
        "\"v\":{\"B\":\"/w==\"}",
        "\"v\":{\"BOOL\":true}",
    };
    const char *descending[sizeof items / sizeof items[0]];
    const size_t n = sizeof items / sizeof items[0];

    CHECK_DESCENDING_KEEPERS("min:v", items);
    for (size_t i = 0; i + 1 < n; i++)
        descending[i] = items[n - 2 - i];
    descending[n - 1] = items[n - 1]; /* what has no order loses either way */
    check_descending_keepers("max:v", descending, n);
}

static void
numbers_tie_by_value_and_strings_by_bytes(void)
{
    static const char *const numbers[] = {"\"v\":{\"N\":\"1\"}", "\"v\":{\"N\":\"1.0\"}",
                                          "\"v\":{\"N\":\"1e0\"}", "\"v\":{\"N\":\"+01\"}"};
    static const char *const strings[] = {"\"v\":{\"S\":\"a\"}", "\"v\":{\"S\":\"\\u0061\"}"};
    static const char *const unusable[] = {"", "\"v\":{\"NULL\":true}", "\"v\":{\"SS\":[\"a\"]}"};

    CHECK_TIES("min:v", numbers);
    CHECK_TIES("max:v", numbers);
    CHECK_TIES("max:v", strings);
    CHECK_TIES("min:v", unusable);
    CHECK_TIES("max:v", unusable);
}

static void
has_keeps_what_has_the_attribute(void)
{
    static const char *const items[] = {"\"h\":{\"S\":\"\"}", ""};
    static const char *const with[] = {"\"h\":{\"S\":\"\"}", "\"h\":{\"BOOL\":false}",
                                       "\"h\":{\"L\":[]}"};
    static const char *const without[] = {"", "\"h\":{\"NULL\":true}"};

    CHECK_DESCENDING_KEEPERS("has:h", items);
    CHECK_TIES("has:h", with);
    CHECK_TIES("has:h", without);
}

static void
equals_keeps_what_has_the_value(void)
{
    static const char *const text[] = {"\"e\":{\"S\":\"1\"}", "\"e\":{\"N\":\"1\"}"};
    static const char *const number[] = {"\"e\":{\"N\":\"1.00\"}", "\"e\":{\"S\":\"1\"}"};
    static const char *const null[] = {"\"e\":{\"NULL\":true}", ""};
    static const char *const others[] = {"", "\"e\":{\"S\":\"x\"}", "\"e\":{\"N\":\"2\"}"};

    CHECK_DESCENDING_KEEPERS("equals:e='1'", text);
    CHECK_DESCENDING_KEEPERS("equals:e=1", number);
    CHECK_DESCENDING_KEEPERS("equals:e=null", null);
    CHECK_TIES("equals:e=1", others);
}

static void
rules_are_ranked(void)
{
    static const char *const items[] = {
        "\"h\":{\"S\":\"x\"},\"t\":{\"N\":\"5\"},\"v\":{\"S\":\"a\"}",
        "\"h\":{\"S\":\"x\"},\"t\":{\"N\":\"5\"},\"v\":{\"S\":\"b\"}",
        "\"h\":{\"S\":\"x\"},\"t\":{\"N\":\"6\"},\"v\":{\"S\":\"a\"}",
        "\"h\":{\"S\":\"x\"},\"t\":{\"S\":\"?\"},\"v\":{\"S\":\"a\"}",
        "\"t\":{\"N\":\"1\"},\"v\":{\"S\":\"a\"}",
        "\"t\":{\"N\":\"1\"}",
    };

    CHECK_DESCENDING_KEEPERS("has:h,oldest:t,min:v", items);
}

static void
kinds_say_as_what_each_value_was_used(void)
{
    static const struct {
        const char *keep;
        const char *item;
        char kinds[3];
    } rows[] = {
        {"oldest:a,has:b,equals:b=1",
         "\"a\":{\"N\":\"1\"}",
         {KO_KEEP_TIME, KO_KEEP_BOOLEAN, KO_KEEP_BOOLEAN}},
        {"min:a,max:b,newest:c",
         "\"a\":{\"N\":\"1\"},\"b\":{\"S\":\"x\"}",
         {KO_KEEP_N, KO_KEEP_S, KO_KEEP_UNUSABLE}},
        {"min:a,max:b,min:c",
         "\"a\":{\"B\":\"\"},\"b\":{\"NULL\":true}",
         {KO_KEEP_B, KO_KEEP_UNUSABLE, KO_KEEP_UNUSABLE}},
    };
    struct ko_buf memory = {0};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_rules *rules = rules_of("k", rows[i].keep, NULL);
        const struct ko_slice kinds = record_of(rules, i, rows[i].item, &memory).kinds;

        assert_int_equal(kinds.n, 3);
        assert_memory_equal(kinds.data, rows[i].kinds, 3);
        ko_rules_free(rules);
    }
    ko_buf_clear(&memory);
}

static struct ko_rules *
ttl_rules(int64_t as_of_s)
{
    const struct ko_rules_options options = {.hash_name = KO_SLICE("pk"),
                                             .key = KO_SLICE("k"),
                                             .keep = KO_SLICE("any"),
                                             .ttl = KO_SLICE("ttl"),
                                             .as_of_s = as_of_s};
    struct ko_error err = {0};
    struct ko_rules *rules = ko_rules_new(&options, &err);

    CHECK_OK(err);
    return rules;
}

static void
only_a_number_in_seconds_expires(void)
{
    static const struct {
        const char *item;
        int64_t expires_s;
    } rows[] = {
        {"", KO_NEVER_EXPIRES},
        {"\"ttl\":{\"S\":\"1000\"}", KO_NEVER_EXPIRES},
        {"\"ttl\":{\"NULL\":true}", KO_NEVER_EXPIRES},
        {"\"ttl\":{\"N\":\"0\"}", 0},
        {"\"ttl\":{\"N\":\"1000\"}", 1000},
        {"\"ttl\":{\"N\":\"1.5e3\"}", 1500},
        {"\"ttl\":{\"N\":\"1000.9\"}", 1000},
        {"\"ttl\":{\"N\":\"0.001\"}", 0},
        {"\"ttl\":{\"N\":\"-0.001\"}", -1},
        {"\"ttl\":{\"N\":\"-1000\"}", -1000},
        {"\"ttl\":{\"N\":\"-1000.5\"}", -1001},
        {"\"ttl\":{\"N\":\"1714979289123\"}", 1714979289123}, /* DynamoDB knows no milliseconds */
        {"\"ttl\":{\"N\":\"999999999999999999\"}", 999999999999999999},
        {"\"ttl\":{\"N\":\"1e18\"}", KO_NEVER_EXPIRES},
        {"\"ttl\":{\"N\":\"-158112000\"}", -158112000},
        {"\"ttl\":{\"N\":\"-158112001\"}", KO_NEVER_EXPIRES}, /* over five years */
        {"\"ttl\":{\"N\":\"-1e18\"}", KO_NEVER_EXPIRES},
    };
    struct ko_rules *rules = ttl_rules(0);
    struct ko_buf memory = {0};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (record_of(rules, i, rows[i].item, &memory).expires_s != rows[i].expires_s)
            fail_msg("'%s'", rows[i].item);
    ko_buf_clear(&memory);
    ko_rules_free(rules);
}

static void
an_expired_item_is_behind_every_other(void)
{
    static const struct {
        const char *item;
        char first;
    } rows[] = {
        {"\"ttl\":{\"N\":\"999\"}", 1},
        {"\"ttl\":{\"N\":\"999.9\"}", 1},
        {"\"ttl\":{\"N\":\"1000\"}", 0},
        {"\"ttl\":{\"N\":\"1001\"}", 0},
        {"", 0},
    };
    struct ko_rules *rules = ttl_rules(1000);
    struct ko_buf memory = {0};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(record_of(rules, i, rows[i].item, &memory).order.data[0], rows[i].first);
    ko_buf_clear(&memory);
    ko_rules_free(rules);
}

/* The records of items with these primary keys, in ascending order. */
static void
check_ascending_primary(const char *const (*keys)[2], size_t n)
{
    struct ko_rules *rules = rules_of("k", "any", NULL);
    struct ko_buf memory[2] = {{0}};
    struct ko_record record[2];
    struct ko_error err = {0};

    for (size_t i = 0; i < n; i++) {
        const struct ko_slice values[] = {ko_slice_of(keys[i][0]), ko_slice_of(keys[i][1]),
                                          KO_SLICE("{\"S\":\"x\"}")};

        ko_buf_reset(&memory[i % 2]);
        (void) ko_record_add(rules, values, &memory[i % 2], &err);
        (void) ko_record_decode(ko_buf_slice(&memory[i % 2]), &record[i % 2], &err);
        CHECK_OK(err);
        if (i > 0 &&
            ko_slice_compare(record[(i - 1) % 2].primary_order, record[i % 2].primary_order) >= 0)
            fail_msg("%s %s", keys[i][0], keys[i][1]);
    }
    ko_buf_clear(&memory[0]);
    ko_buf_clear(&memory[1]);
    ko_rules_free(rules);
}

static void
primary_order_is_hash_then_range(void)
{
    static const char *const keys[][2] = {
        {"{\"S\":\"a\"}", "{\"N\":\"-5\"}"},        {"{\"S\":\"a\"}", "{\"N\":\"2\"}"},
        {"{\"S\":\"a\"}", "{\"N\":\"10\"}"},        {"{\"S\":\"a\\u0000\"}", "{\"N\":\"-9\"}"},
        {"{\"S\":\"a\\u0000b\"}", "{\"N\":\"1\"}"}, {"{\"S\":\"ab\"}", "{\"N\":\"0\"}"},
        {"{\"S\":\"b\"}", "{\"N\":\"0\"}"},
    };

    check_ascending_primary(keys, sizeof keys / sizeof keys[0]);
}

static void
an_item_without_its_primary_key_is_corrupt(void)
{
    static const struct {
        const char *pk;
        const char *sk;
        const char *says;
    } rows[] = {
        {NULL, "{\"S\":\"s\"}", "item without primary key attribute 'pk'"},
        {"{\"S\":\"p\"}", NULL, "item without primary key attribute 'sk'"},
        {"{\"BOOL\":true}", "{\"S\":\"s\"}",
         "primary key attribute 'pk' is neither a string, a number nor binary"},
        {"{\"S\":\"p\"}", "{\"X\":\"s\"}", "primary key attribute 'sk': "},
    };
    struct ko_rules *rules = rules_of("k", "any", NULL);
    struct ko_buf out = {0};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_slice values[] = {ko_slice_of(rows[i].pk), ko_slice_of(rows[i].sk),
                                          KO_SLICE("{\"S\":\"x\"}")};
        struct ko_error err = {0};

        (void) ko_record_add(rules, values, &out, &err);
        CHECK_CODE(err, KO_E_CORRUPT);
        CHECK_ERROR_SAYS(err, rows[i].says);
        CHECK_TEXT(err.hint, "check --primary-key.");
        assert_int_equal(out.n, 0);
    }
    ko_buf_clear(&out);
    ko_rules_free(rules);
}

CASES = {
    CASE(oldest_keeps_the_earliest_time_that_parses),
    CASE(newest_keeps_the_latest_time_that_parses),
    CASE(equal_instants_tie_however_they_are_written),
    CASE(min_follows_the_order_of_dynamodb),
    CASE(numbers_tie_by_value_and_strings_by_bytes),
    CASE(has_keeps_what_has_the_attribute),
    CASE(equals_keeps_what_has_the_value),
    CASE(rules_are_ranked),
    CASE(kinds_say_as_what_each_value_was_used),
    CASE(only_a_number_in_seconds_expires),
    CASE(an_expired_item_is_behind_every_other),
    CASE(primary_order_is_hash_then_range),
    CASE(an_item_without_its_primary_key_is_corrupt),
};
RUN_CASES
