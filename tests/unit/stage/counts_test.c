#include "keepone/stage/counts.h"

#include "support/test.h"

static const struct ko_counts all_different = {.read = 127,
                                               .folded = 1,
                                               .filtered = 2,
                                               .missing = 4,
                                               .unique = 8,
                                               .keepers = 16,
                                               .planned = 32,
                                               .review = 64,
                                               .review_groups = 5};

static void
counts_have_their_names_in_order(void)
{
    struct ko_buf text = {0};

    ko_counts_add_json(&text, &all_different);
    CHECK_SLICE(ko_buf_slice(&text),
                "{\"filtered\":2,\"folded\":1,\"keepers\":16,\"missing\":4,\"planned\":32,"
                "\"read\":127,\"review\":64,\"review_groups\":5,\"unique\":8}");
    ko_buf_clear(&text);
}

/* Whichever count is off by one, it is noticed. */
static void
every_item_read_is_in_exactly_one_count(void)
{
    struct ko_counts counts = all_different;
    uint64_t *const parts[] = {&counts.read,   &counts.folded,  &counts.filtered, &counts.missing,
                               &counts.unique, &counts.keepers, &counts.planned,  &counts.review};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct ko_error err = {0};

        (*parts[i])++;
        (void) ko_counts_check(&counts, &err);
        CHECK_CODE(err, KO_E_BUG);
        CHECK_ERROR_SAYS(err, "do not add up: {\"filtered\":");
        assert_non_null(strstr(err.hint, "nothing was deleted"));
        (*parts[i])--;
    }
}

static void
counts_that_add_up_are_accepted(void)
{
    const struct ko_counts large = {
        .read = UINT64_C(3) << 40, .unique = UINT64_C(1) << 40, .planned = UINT64_C(2) << 40};
    const struct ko_counts nothing = {0};
    struct ko_error err = {0};

    (void) ko_counts_check(&all_different, &err);
    (void) ko_counts_check(&large, &err);
    (void) ko_counts_check(&nothing, &err);
    CHECK_OK(err);
}

CASES = {
    CASE(counts_have_their_names_in_order),
    CASE(every_item_read_is_in_exactly_one_count),
    CASE(counts_that_add_up_are_accepted),
};
RUN_CASES
