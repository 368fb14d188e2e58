#include <stdlib.h>

#include "items.h"
#include "keepone/base/file.h"
#include "keepone/format/digest.h"
#include "keepone/format/json.h"

/* In path order: pk, sk, k; then as each case's rules say. */
static struct ko_slice
add_record(const struct ko_rules *rules, const char *item, struct ko_buf *out)
{
    struct ko_slice values[KO_LOOKED_MAX];
    struct ko_error err = {0};

    ko_buf_reset(out);
    (void) look_at_item(rules, item, values, &err);
    (void) ko_record_add(rules, values, out, &err);
    CHECK_OK(err);
    return ko_buf_slice(out);
}

static void
print_hex(const char *name, struct ko_slice bytes, struct ko_buf *out)
{
    ko_buf_add_format(out, "  %s ", name);
    for (size_t i = 0; i < bytes.n; i++)
        ko_buf_add_format(out, "%02x", (unsigned) (unsigned char) bytes.data[i]);
    ko_buf_add_char(out, '\n');
}

static void
print_record(const struct ko_rules *rules, const struct ko_record *record, struct ko_buf *out)
{
    struct ko_error err = {0};

    ko_buf_add_format(out, "%016llx expires ", (unsigned long long) record->fingerprint);
    if (record->expires_s == KO_NEVER_EXPIRES)
        ko_buf_add_text(out, "never\n");
    else
        ko_buf_add_format(out, "%lld\n", (long long) record->expires_s);
    ko_buf_add_format(out, "  key %.*s\n", KO_SLICE_ARG(record->key));
    print_hex("order", record->order, out);
    print_hex("primary_order", record->primary_order, out);
    ko_buf_add_text(out, "  primary_key ");
    (void) ko_record_add_primary_key(rules, record, out, &err);
    ko_buf_add_text(out, "\n  seen ");
    (void) ko_record_add_seen(rules, record, out, &err);
    ko_buf_add_char(out, '\n');
    print_hex("kinds", record->kinds, out);
    CHECK_OK(err);
}

static void
read_golden(const char *name, struct ko_buf *out)
{
    struct ko_error err = {0};
    char path[KO_PATH_BYTES];

    (void) ko_path_join(path, &err, getenv("KEEPONE_TESTS_DIR"), "golden/record/%s", name);
    (void) ko_file_read(path, 1 << 20, out, &err);
    CHECK_OK(err);
}

/* The rules of the golden files: something of everything. */
static struct ko_rules *
golden_rules(void)
{
    const struct ko_rules_options options = {
        .hash_name = KO_SLICE("pk"),
        .range_name = KO_SLICE("id"),
        .key = KO_SLICE("message:space:trim:lower,meta.cause"),
        .keep = KO_SLICE("has:owner,oldest:insertedAt,max:score,equals:state=\"open\""),
        .same = KO_SLICE("provider,space"),
        .where = KO_SLICE("size(tags) > 0"),
        .ttl = KO_SLICE("expires"),
        .as_of_s = 1700000000,
    };
    struct ko_error err = {0};
    struct ko_rules *rules = ko_rules_new(&options, &err);

    CHECK_OK(err);
    return rules;
}

/* These bytes decide who is kept: a change of them is a decision, never an accident. */
static void
records_are_those_of_the_golden_file(void)
{
    struct ko_rules *rules = golden_rules();
    struct ko_buf items = {0};
    struct ko_buf expected = {0};
    struct ko_buf printed = {0};
    struct ko_buf bytes = {0};
    struct ko_record record;
    struct ko_error err = {0};
    char *line;
    char *end;

    read_golden("items.jsonl", &items);
    read_golden("records.txt", &expected);
    for (line = items.data; line < items.data + items.n; line = end + 1) {
        end = memchr(line, '\n', (size_t) (items.data + items.n - line));
        assert_non_null(end);
        *end = '\0';
        (void) ko_record_decode(add_record(rules, line, &bytes), &record, &err);
        CHECK_OK(err);
        print_record(rules, &record, &printed);
    }
    if (!ko_slice_equal(ko_buf_slice(&printed), ko_buf_slice(&expected)))
        fail_msg("records.txt should be:\n%.*s", KO_SLICE_ARG(ko_buf_slice(&printed)));
    ko_buf_clear(&items);
    ko_buf_clear(&expected);
    ko_buf_clear(&printed);
    ko_buf_clear(&bytes);
    ko_rules_free(rules);
}

static void
records_stand_behind_one_another(void)
{
    struct ko_rules *rules = rules_of("k", "any", NULL);
    const struct ko_slice values[] = {KO_SLICE("{\"S\":\"p\"}"), KO_SLICE("{\"N\":\"1\"}"),
                                      KO_SLICE("{\"S\":\"x\"}")};
    struct ko_buf out = {0};
    struct ko_record record;
    struct ko_error err = {0};
    size_t n;

    (void) ko_record_add(rules, values, &out, &err);
    n = out.n;
    (void) ko_record_add(rules, values, &out, &err);
    assert_int_equal(out.n, 2 * n);
    assert_memory_equal(out.data, out.data + n, n);
    (void) ko_record_decode((struct ko_slice){out.data + n, n}, &record, &err);
    CHECK_OK(err);
    CHECK_SLICE(record.key, "{\"k\":{\"S\":\"x\"}}");
    assert_true(record.fingerprint == ko_fingerprint(record.key));
    assert_true(record.bytes.data == out.data + n && record.bytes.n == n);
    assert_true(ko_record_primary_fingerprint(&record) == ko_fingerprint(record.primary_order));
    ko_buf_clear(&out);
    ko_rules_free(rules);
}

/* The same bytes, whatever stands before them and wherever the buffer has to grow. */
static void
a_growing_buffer_changes_no_record(void)
{
    static const char item[] =
        "{\"k\":{\"S\":\"x\\u0041\"},\"pk\":{\"S\":\"p\\u0000q\"},\"sk\":{\"S\":\"a rather long "
        "one\"},"
        "\"s\":{\"L\":[{\"N\":\"1\"},{\"S\":\"two\"}]},\"t\":{\"N\":\"1.0\"}}";
    struct ko_rules *rules = rules_of("k,t", "min:t", "s");
    struct ko_slice values[KO_LOOKED_MAX];
    struct ko_buf expected = {0};
    struct ko_error err = {0};

    (void) add_record(rules, item, &expected);
    (void) look_at_item(rules, item, values, &err);
    for (size_t n_before = 0; n_before < 600; n_before++) {
        struct ko_buf out = {0};

        for (size_t i = 0; i < n_before; i++)
            ko_buf_add_char(&out, 'x');
        (void) ko_record_add(rules, values, &out, &err);
        CHECK_OK(err);
        assert_int_equal(out.n - n_before, expected.n);
        assert_memory_equal(out.data + n_before, expected.data, expected.n);
        ko_buf_clear(&out);
    }
    ko_buf_clear(&expected);
    ko_rules_free(rules);
}

static void
records_agree_exactly_if_items_agree_on_same(void)
{
    static const struct {
        const char *a;
        const char *b;
        bool agree;
    } rows[] = {
        {"", "", true},
        {"\"s\":{\"S\":\"x\"}", "\"s\":{\"S\":\"x\"}", true},
        {"\"s\":{\"S\":\"x\"}", "\"s\":{\"S\":\"\\u0078\"}", true},
        {"\"s\":{\"N\":\"1\"}", "\"s\":{\"N\":\"1.0\"}", true},
        {"\"s\":{\"N\":\"1\"}", "\"s\":{\"S\":\"1\"}", false},
        {"\"s\":{\"NULL\":true}", "", false},
        {"\"s\":{\"S\":\"\"}", "", false},
        {"\"s\":{\"S\":\"x\"}", "\"t\":{\"S\":\"x\"}", false},
        {"\"s\":{\"S\":\"x\"},\"t\":{\"S\":\"y\"}", "\"t\":{\"S\":\"y\"},\"s\":{\"S\":\"x\"}",
         true},
        {"\"s\":{\"S\":\"null\"}", "", false},
    };
    struct ko_rules *rules = rules_of("k", "any", "s,t");
    struct ko_buf memory[2] = {{0}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const members[] = {rows[i].a, rows[i].b};
        struct ko_record records[2];
        struct ko_error err = {0};
        bool agree;

        for (size_t k = 0; k < 2; k++) {
            char item[256];

            (void) snprintf(item, sizeof item,
                            "{\"pk\":{\"S\":\"p\"},\"sk\":{\"S\":\"s\"},\"k\":{\"S\":\"x\"}%s%s}",
                            members[k][0] == '\0' ? "" : ",", members[k]);
            (void) ko_record_decode(add_record(rules, item, &memory[k]), &records[k], &err);
            CHECK_OK(err);
        }
        (void) ko_record_agree(rules, &records[0], &records[1], &agree, &err);
        CHECK_OK(err);
        if (agree != rows[i].agree)
            fail_msg("row %zu", i);
    }
    ko_buf_clear(&memory[0]);
    ko_buf_clear(&memory[1]);
    ko_rules_free(rules);
}

static void
records_compare_by_fingerprint_key_order_primary_key_rest(void)
{
    /* Ascending within one key; oldest first, then by primary key, then by what else was seen. */
    static const char *const items[] = {
        "{\"k\":{\"S\":\"x\"},\"pk\":{\"S\":\"z\"},\"sk\":{\"N\":\"1\"},\"t\":{\"N\":\"1\"}}",
        "{\"k\":{\"S\":\"x\"},\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"2\"},\"t\":{\"N\":\"2\"}}",
        "{\"k\":{\"S\":\"x\"},\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"10\"},\"t\":{\"N\":\"2\"}}",
        "{\"k\":{\"S\":\"x\"},\"pk\":{\"S\":\"b\"},\"sk\":{\"N\":\"1\"},\"t\":{\"N\":\"2\"}}",
    };
    static const char same_but_for_the_rest[] =
        "{\"k\":{\"S\":\"x\"},\"pk\":{\"S\":\"b\"},\"sk\":{\"N\":\"1\"},\"t\":{\"N\":\"2\"},"
        "\"s\":{\"S\":\"\"}}";
    enum { N_ITEMS = sizeof items / sizeof items[0] };
    struct ko_rules *rules = rules_of("k", "oldest:t", "s");
    struct ko_buf memory[N_ITEMS + 1] = {{0}};

    for (size_t i = 0; i < N_ITEMS; i++)
        (void) add_record(rules, items[i], &memory[i]);
    for (size_t a = 0; a < N_ITEMS; a++) {
        for (size_t b = 0; b < N_ITEMS; b++) {
            const int order = ko_record_compare(ko_buf_slice(&memory[a]), ko_buf_slice(&memory[b]));

            assert_int_equal((order > 0) - (order < 0), (a > b) - (a < b));
        }
    }

    /* One that differs in the rest alone: some order, the same both ways round. */
    (void) add_record(rules, same_but_for_the_rest, &memory[4]);
    assert_true(ko_record_compare(ko_buf_slice(&memory[3]), ko_buf_slice(&memory[4])) *
                    ko_record_compare(ko_buf_slice(&memory[4]), ko_buf_slice(&memory[3])) <
                0);

    /* A fingerprint goes before everything: raise the first record's above the second's. */
    ko_write_u64(memory[0].data, UINT64_MAX);
    ko_write_u64(memory[1].data, UINT64_MAX - 1);
    assert_true(ko_record_compare(ko_buf_slice(&memory[0]), ko_buf_slice(&memory[1])) > 0);
    assert_true(ko_record_compare(ko_buf_slice(&memory[1]), ko_buf_slice(&memory[0])) < 0);
    for (size_t i = 0; i <= N_ITEMS; i++)
        ko_buf_clear(&memory[i]);
    ko_rules_free(rules);
}

static void
keys_of_one_fingerprint_are_told_apart(void)
{
    struct ko_rules *rules = rules_of("k", "any", NULL);
    struct ko_buf a = {0};
    struct ko_buf b = {0};

    (void) add_record(rules, "{\"k\":{\"S\":\"a\"},\"pk\":{\"S\":\"z\"},\"sk\":{\"S\":\"z\"}}", &a);
    (void) add_record(rules, "{\"k\":{\"S\":\"b\"},\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"a\"}}", &b);
    ko_write_u64(a.data, 7);
    ko_write_u64(b.data, 7);
    assert_true(ko_record_compare(ko_buf_slice(&a), ko_buf_slice(&b)) < 0);
    assert_true(ko_record_compare(ko_buf_slice(&b), ko_buf_slice(&a)) > 0);
    ko_buf_clear(&a);
    ko_buf_clear(&b);
    ko_rules_free(rules);
}

static void
cut_or_longer_bytes_are_no_record(void)
{
    struct ko_rules *rules = rules_of("k", "oldest:t", "s");
    struct ko_buf out = {0};
    struct ko_record record;

    (void) add_record(rules, "{\"k\":{\"S\":\"a\"},\"pk\":{\"S\":\"z\"},\"sk\":{\"S\":\"z\"}}",
                      &out);
    for (size_t n = 0; n < out.n; n++) {
        struct ko_error err = {0};

        (void) ko_record_decode((struct ko_slice){out.data, n}, &record, &err);
        CHECK_CODE(err, KO_E_CORRUPT);
    }
    ko_buf_add_char(&out, 'x');
    for (size_t i = 0; i < 6; i++) { /* the byte too many, then a wrong size of each section */
        struct ko_error err = {0};

        (void) ko_record_decode(ko_buf_slice(&out), &record, &err);
        CHECK_CODE(err, KO_E_CORRUPT);
        if (i == 5)
            break;
        out.n -= i == 0;
        ko_write_u32(out.data + 16 + 4 * i, UINT32_MAX - ko_read_u32(out.data + 16 + 4 * i));
    }
    ko_buf_clear(&out);
    ko_rules_free(rules);
}

static void
an_item_without_a_key_has_no_record(void)
{
    struct ko_rules *rules = rules_of("k", "any", NULL);
    const struct ko_slice values[] = {KO_SLICE("{\"S\":\"p\"}"), KO_SLICE("{\"N\":\"1\"}"),
                                      KO_SLICE("{\"S\":\"\"}")};
    struct ko_buf out = {0};
    struct ko_error err = {0};

    ko_buf_add_text(&out, "before");
    (void) ko_record_add(rules, values, &out, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_SLICE(ko_buf_slice(&out), "before");
    ko_buf_clear(&out);
    ko_rules_free(rules);
}

/* The walker refuses such values; from anywhere else they must not become records either. */
static void
a_broken_value_is_an_error_that_names_its_attribute(void)
{
    static const struct {
        size_t path_index;
        const char *value;
        const char *says;
    } rows[] = {
        {2, "{\"X\":1}", "attribute 'k'"},           {3, "{\"X\":1}", "attribute 's'"},
        {4, "{\"X\":1}", "attribute 't'"},           {5, "{\"X\":1}", "TTL attribute 'ttl'"},
        {5, "{\"N\":\"x\"}", "TTL attribute 'ttl'"},
    };
    const struct ko_rules_options options = {.hash_name = KO_SLICE("pk"),
                                             .range_name = KO_SLICE("sk"),
                                             .key = KO_SLICE("k"),
                                             .keep = KO_SLICE("oldest:t"),
                                             .same = KO_SLICE("s"),
                                             .ttl = KO_SLICE("ttl")};
    struct ko_error err = {0};
    struct ko_rules *rules = ko_rules_new(&options, &err);
    struct ko_buf out = {0};

    CHECK_OK(err);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_slice values[6];

        for (size_t k = 0; k < 6; k++)
            values[k] = KO_SLICE("{\"N\":\"1\"}");
        values[rows[i].path_index] = ko_slice_of(rows[i].value);
        err = (struct ko_error){0};
        (void) ko_record_add(rules, values, &out, &err);
        CHECK_CODE(err, KO_E_CORRUPT);
        CHECK_ERROR_SAYS(err, rows[i].says);
        assert_int_equal(out.n, 0);
    }
    ko_buf_clear(&out);
    ko_rules_free(rules);
}

static void
a_record_beyond_all_items_is_refused(void)
{
    struct ko_rules *rules = rules_of("k", "any", NULL);
    struct ko_buf value = {0};
    struct ko_buf out = {0};
    struct ko_error err = {0};
    const size_t n = KO_RECORD_BYTES_MAX + 1;

    ko_buf_add_text(&value, "{\"S\":\"");
    memset(ko_buf_reserve(&value, n), 'x', n);
    ko_buf_commit(&value, n);
    ko_buf_add_text(&value, "\"}");
    (void) ko_record_add(rules,
                         (const struct ko_slice[]){KO_SLICE("{\"S\":\"p\"}"),
                                                   KO_SLICE("{\"S\":\"s\"}"), ko_buf_slice(&value)},
                         &out, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, "an item needs a record of 671");
    assert_int_equal(out.n, 0);
    ko_buf_clear(&value);
    ko_buf_clear(&out);
    ko_rules_free(rules);
}

static struct ko_rules *torture_rules;

static enum ko_code
add_golden_record(struct ko_error *err)
{
    const struct ko_slice values[] = {
        KO_SLICE("{\"S\":\"\\u0041\"}"), KO_SLICE("{\"B\":\"AQ==\"}"),
        KO_SLICE("{\"S\":\"x\"}"),       KO_SLICE("{\"S\":\"2024\\u002d05-06\"}"),
        KO_SLICE("{\"S\":\"\\u0041\"}"),
    };
    struct ko_buf out = {0};

    (void) ko_record_add(torture_rules, values, &out, err);
    ko_buf_clear(&out);
    return err->code;
}

static void
a_record_without_memory_is_an_error(void)
{
    torture_rules = rules_of("k", "oldest:t,min:v,equals:v=A", "t");
    check_every_allocation(add_golden_record);
    ko_rules_free(torture_rules);
}

static void
partitions_are_runs_of_the_leading_bits(void)
{
    static const unsigned rank_counts[] = {1, 2, 3, 5, 8, 1000, 1024, 3000};

    assert_int_equal(ko_partition_of(0), 0);
    assert_int_equal(ko_partition_of(UINT64_MAX), KO_PARTITIONS - 1);
    assert_int_equal(ko_partition_of((uint64_t) 1 << 54), 1);
    for (size_t i = 0; i < sizeof rank_counts / sizeof rank_counts[0]; i++) {
        const unsigned n = rank_counts[i];

        assert_int_equal(ko_partition_first(0, n), 0);
        assert_int_equal(ko_partition_first(n, n), KO_PARTITIONS);
        for (unsigned rank = 0; rank < n; rank++)
            for (unsigned p = ko_partition_first(rank, n); p < ko_partition_first(rank + 1, n); p++)
                assert_int_equal(ko_partition_owner(p, n), rank);
    }
}

CASES = {
    CASE(records_are_those_of_the_golden_file),
    CASE(records_stand_behind_one_another),
    CASE(a_growing_buffer_changes_no_record),
    CASE(records_agree_exactly_if_items_agree_on_same),
    CASE(records_compare_by_fingerprint_key_order_primary_key_rest),
    CASE(keys_of_one_fingerprint_are_told_apart),
    CASE(cut_or_longer_bytes_are_no_record),
    CASE(an_item_without_a_key_has_no_record),
    CASE(a_broken_value_is_an_error_that_names_its_attribute),
    CASE(a_record_beyond_all_items_is_refused),
    CASE(a_record_without_memory_is_an_error),
    CASE(partitions_are_runs_of_the_leading_bits),
};
RUN_CASES
