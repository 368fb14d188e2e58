/*
 * Items for the tests of record: one line of text in, the values that rules look at out.
 */
#ifndef KEEPONE_TESTS_UNIT_RECORD_ITEMS_H
#define KEEPONE_TESTS_UNIT_RECORD_ITEMS_H

#include "keepone/format/item.h"
#include "keepone/record/record.h"
#include "support/test.h"

/* Calls body with the 1st, 2nd, ... allocation failing, until it has no more of them. */
static inline void check_every_allocation(enum ko_code (*body)(struct ko_error *err))
{
    for (uint64_t n = 1;; n++) {
        const uint64_t live = ko_mem_live();
        struct ko_error err = {0};

        ko_mem_fail_nth(n);
        (void) body(&err);
        ko_mem_fail_nth(0);
        assert_true(ko_mem_live() == live);
        if (err.code == KO_OK)
            return;
        CHECK_CODE(err, KO_E_MEMORY);
        assert_true(n < 1000);
    }
}

/* Walks one item and finds the values of all looked paths, as the read stage does. */
static inline enum ko_code
look_at_item(const struct ko_rules *rules, const char *item, struct ko_slice *values,
             struct ko_error *err)
{
    struct ko_item_walker *walker = ko_item_walker_new(rules->names, rules->n_names, err);
    struct ko_slice name_values[KO_LOOKED_MAX];
    const char *at = item;

    KO_TRY(err->code);
    KO_TRY(ko_item_walk(walker, &at, item + strlen(item), name_values, err));
    KO_TRY(ko_rules_look(rules, name_values, values, err));

done:
    ko_item_walker_free(walker);
    return err->code;
}

/* Rules of a table with the primary key pk, sk. */
static inline struct ko_rules *
rules_of(const char *key, const char *keep, const char *same)
{
    const struct ko_rules_options options = {
        .hash_name = KO_SLICE("pk"),
        .range_name = KO_SLICE("sk"),
        .key = ko_slice_of(key),
        .keep = ko_slice_of(keep),
        .same = ko_slice_of(same),
    };
    struct ko_error err = {0};
    struct ko_rules *rules = ko_rules_new(&options, &err);

    CHECK_OK(err);
    return rules;
}

#endif
