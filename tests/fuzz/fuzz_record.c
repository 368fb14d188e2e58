/*
 * Records: an item and its canonical form (other order of attributes, other escapes, other digits)
 * have the same record, byte for byte; two items (one per line) compare the same both ways round;
 * and bytes that are no record are refused.
 */
#include "keepone/record/record.h"

#include "keepone/format/digest.h"
#include "keepone/format/item.h"
#include "keepone/format/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct ko_rules *
make_rules(enum ko_missing_key missing_key)
{
    const struct ko_rules_options options = {
        .hash_name = KO_SLICE("p"),
        .range_name = KO_SLICE("o"),
        .key = KO_SLICE("k:nfkc:trim:space,m.x,m.l[1]"),
        .keep = KO_SLICE("has:h,oldest:t,newest:m.t,min:v,max:v,equals:e=1,any"),
        .same = KO_SLICE("s,m"),
        .ttl = KO_SLICE("ttl"),
        .as_of_s = 1000,
        .missing_key = missing_key,
    };
    struct ko_error err = {0};
    struct ko_rules *rules = ko_rules_new(&options, &err);

    KO_ASSERT(rules != NULL);
    return rules;
}

/* Adds the record of an item; false if the item is broken, or has no key or no primary key. */
static bool
add_record(const struct ko_rules *rules, struct ko_slice item, struct ko_buf *out)
{
    struct ko_error err = {0};
    struct ko_item_walker *walker = ko_item_walker_new(rules->names, rules->n_names, &err);
    struct ko_slice name_values[KO_LOOKED_MAX];
    struct ko_slice values[KO_LOOKED_MAX];
    const char *at = item.data;
    uint64_t fingerprint = 0;
    bool is_missing = true;
    struct ko_buf scratch = {0};

    KO_TRY(err.code);
    KO_TRY(ko_item_walk(walker, &at, item.data + item.n, name_values, &err));
    KO_TRY(ko_rules_look(rules, name_values, values, &err));
    KO_TRY(ko_key_fingerprint(rules, values, &scratch, &fingerprint, &is_missing, &err));
    if (is_missing)
        goto done;
    KO_TRY(ko_record_add(rules, values, out, &err));
    KO_ASSERT(ko_read_u64(out->data) == fingerprint);

done:
    KO_ASSERT(err.code == KO_OK || err.code == KO_E_CORRUPT);
    KO_ASSERT(err.code == KO_OK || out->n == 0);
    ko_item_walker_free(walker);
    ko_buf_clear(&scratch);
    return err.code == KO_OK && !is_missing;
}

/* The record of the item's canonical form, if it has one (no attribute may stand twice). */
static void
check_canonical(const struct ko_rules *rules, struct ko_slice item, const struct ko_buf *record)
{
    struct ko_buf canonical = {0};
    struct ko_buf again = {0};
    struct ko_error err = {0};

    if (ko_item_add_canonical(&canonical, item, &err) == KO_OK) {
        KO_ASSERT(add_record(rules, ko_buf_slice(&canonical), &again));
        KO_ASSERT(ko_slice_equal(ko_buf_slice(record), ko_buf_slice(&again)));
    }
    ko_buf_clear(&canonical);
    ko_buf_clear(&again);
}

/* Whatever the bytes are, the values are read or refused. */
static void
check_values(const struct ko_rules *rules, const struct ko_record *record)
{
    struct ko_buf text = {0};
    struct ko_error err = {0};
    bool agree = true;

    if (ko_record_add_primary_key(rules, record, &text, &err) == KO_OK &&
        ko_record_add_seen(rules, record, &text, &err) == KO_OK)
        (void) ko_record_agree(rules, record, record, &agree, &err);
    KO_ASSERT(err.code == KO_OK || err.code == KO_E_CORRUPT);
    KO_ASSERT(agree);
    ko_buf_clear(&text);
}

static void
check_decoded(const struct ko_rules *rules, struct ko_slice bytes)
{
    struct ko_record record;
    struct ko_error err = {0};

    if (ko_record_decode(bytes, &record, &err) != KO_OK)
        return;
    KO_ASSERT(record.bytes.n == bytes.n);
    KO_ASSERT(record.values.data + record.values.n == bytes.data + bytes.n);
    KO_ASSERT(ko_record_compare(bytes, bytes) == 0);
    check_values(rules, &record);
}

static void
check_items(const struct ko_rules *rules, struct ko_slice first, struct ko_slice second)
{
    struct ko_buf a = {0};
    struct ko_buf b = {0};
    int order;

    if (add_record(rules, first, &a)) {
        check_canonical(rules, first, &a);
        check_decoded(rules, ko_buf_slice(&a));
        if (add_record(rules, second, &b)) {
            order = ko_record_compare(ko_buf_slice(&a), ko_buf_slice(&b));
            KO_ASSERT((order == 0) == ko_slice_equal(ko_buf_slice(&a), ko_buf_slice(&b)));
            KO_ASSERT((order < 0) == (ko_record_compare(ko_buf_slice(&b), ko_buf_slice(&a)) > 0));
        }
    }
    ko_buf_clear(&a);
    ko_buf_clear(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const enum ko_missing_key ways[] = {KO_MISSING_SKIP, KO_MISSING_GROUP};
    const struct ko_slice text = {(const char *) data, n};
    const char *end = n == 0 ? NULL : memchr(data, '\n', n);
    struct ko_slice first = text;
    struct ko_slice second = {"", 0};

    if (end != NULL) {
        first.n = (size_t) (end - text.data);
        second = (struct ko_slice){end + 1, n - first.n - 1};
    }
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct ko_rules *rules = make_rules(ways[i]);

        check_decoded(rules, text);
        check_items(rules, first, second);
        ko_rules_free(rules);
    }
    return 0;
}
