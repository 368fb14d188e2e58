/* What an intake does before the ranks exchange anything; the rest is in tests/mpi/intake_test.c.
 */
#include "keepone/stage/intake.h"

#include "keepone/base/mem.h"
#include "support/claims.h"
#include "support/test.h"

enum { MIB = 1024 * 1024 };

static struct ko_rules *
new_rules(void)
{
    const struct ko_rules_options options = {
        .hash_name = KO_SLICE("pk"), .key = KO_SLICE("k"), .keep = KO_SLICE("oldest:t")};
    struct ko_error err = {0};
    struct ko_rules *rules = ko_rules_new(&options, &err);

    CHECK_OK(err);
    return rules;
}

/* "3+2 7-1": claims in order, a plus for those in the log, and their items. */
static void
check_claims(const struct ko_intake *intake, const char *expected)
{
    size_t n;
    const struct ko_intake_claim *claims = ko_intake_claims(intake, &n);
    struct ko_buf text = {0};

    for (size_t i = 0; i < n; i++)
        ko_buf_add_format(&text, "%s%llu%c%llu", i == 0 ? "" : " ",
                          (unsigned long long) claims[i].index, claims[i].is_logged ? '+' : '-',
                          (unsigned long long) claims[i].n_items);
    CHECK_SLICE(ko_buf_slice(&text), expected);
    ko_buf_clear(&text);
}

static void
items_are_counted_and_logged(void)
{
    struct ko_error err = {0};
    struct ko_rules *rules = new_rules();
    const struct ko_intake_options options = {
        .rules = rules, .repeats_bytes = 8 * MIB, .log_bytes = 8 * MIB};
    struct ko_intake *intake = ko_intake_new(&options, &err);

    (void) claim_read(intake, rules, 3, "a k=x t=#1\nb\nc k=#1.0\n", &err);
    (void) claim_read(intake, rules, 7, "", &err);
    (void) claim_read(intake, rules, 5, "d k=~\ne k=x t=~\n", &err);
    CHECK_OK(err);
    ko_intake_add_filtered(intake, 100);
    assert_int_equal(ko_intake_counts(intake)->read, 105);
    assert_int_equal(ko_intake_counts(intake)->filtered, 100);
    assert_int_equal(ko_intake_counts(intake)->missing, 2);
    assert_int_equal(ko_intake_n_keyed(intake), 3);
    check_claims(intake, "3+3 7+0 5+2");
    ko_intake_free(intake);
    ko_rules_free(rules);
}

static void
without_a_log_every_claim_is_read_again(void)
{
    struct ko_error err = {0};
    struct ko_rules *rules = new_rules();
    const struct ko_intake_options options = {.rules = rules, .repeats_bytes = 8 * MIB};
    struct ko_intake *intake = ko_intake_new(&options, &err);

    (void) claim_read(intake, rules, 0, "a k=x t=#1\n", &err);
    (void) claim_read(intake, rules, 1, "b k=x t=#1\n", &err);
    CHECK_OK(err);
    check_claims(intake, "0-1 1-1");
    assert_int_equal(ko_intake_n_keyed(intake), 2);
    ko_intake_free(intake);
    ko_rules_free(rules);
}

/* Two items, the second with a date of n bytes. */
static const char *
large_claim(struct ko_buf *lines, size_t n)
{
    ko_buf_reset(lines);
    ko_buf_add_text(lines, "l k=x t=#1\nm k=x t=");
    for (size_t i = 0; i < n; i++)
        ko_buf_add_char(lines, 'x');
    ko_buf_add_text(lines, "\n");
    ko_buf_add_char(lines, '\0');
    return lines->data;
}

static void
a_claim_that_does_not_fit_leaves_nothing_in_the_log(void)
{
    struct ko_error err = {0};
    struct ko_rules *rules = new_rules();
    const struct ko_intake_options options = {
        .rules = rules, .repeats_bytes = 8 * MIB, .log_bytes = 3 * MIB};
    struct ko_intake *intake = ko_intake_new(&options, &err);
    struct ko_buf lines = {0};

    (void) claim_read(intake, rules, 0, "a k=x t=#1\nb k=y t=#2\n", &err);
    (void) claim_read(intake, rules, 1, large_claim(&lines, 5 * MIB), &err);
    (void) claim_read(intake, rules, 2, "c k=z t=#3\n", &err);
    CHECK_OK(err);
    check_claims(intake, "0+2 1-2 2-1");
    assert_int_equal(ko_intake_n_keyed(intake), 5);
    ko_buf_clear(&lines);
    ko_intake_free(intake);
    ko_rules_free(rules);
}

static void
many_claims_are_remembered(void)
{
    struct ko_error err = {0};
    struct ko_rules *rules = new_rules();
    const struct ko_intake_options options = {.rules = rules, .repeats_bytes = 8 * MIB};
    struct ko_intake *intake = ko_intake_new(&options, &err);
    const struct ko_intake_claim *claims;
    size_t n;

    for (uint64_t i = 0; i < 1000; i++) {
        ko_intake_begin(intake);
        (void) ko_intake_end(intake, 999 - i, &err);
    }
    CHECK_OK(err);
    claims = ko_intake_claims(intake, &n);
    assert_int_equal(n, 1000);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(claims[i].index, 999 - i);
    ko_intake_free(intake);
    ko_rules_free(rules);
}

static void
a_value_that_is_none_is_an_error(void)
{
    struct ko_error err = {0};
    struct ko_rules *rules = new_rules();
    const struct ko_intake_options options = {.rules = rules, .repeats_bytes = 8 * MIB};
    struct ko_intake *intake = ko_intake_new(&options, &err);

    (void) claim_read(intake, rules, 0, "a k={\"N\":\"x\"}\n", &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, "attribute 'k'");
    ko_intake_free(intake);
    ko_rules_free(rules);
}

/* A failed allocation fails the intake, except in the log: then the claim is read again. */
static void
a_failed_allocation_is_told_or_done_without(void)
{
    struct ko_rules *rules = new_rules();
    const struct ko_intake_options options = {
        .rules = rules, .repeats_bytes = 8 * MIB, .log_bytes = 8 * MIB};
    unsigned n_failed = 0;
    unsigned n_unlogged = 0;

    for (uint64_t nth = 1; nth < 40; nth++) {
        const uint64_t n_live = ko_mem_live();
        struct ko_error err = {0};
        struct ko_intake *intake;
        size_t n_claims;

        ko_mem_fail_nth(nth);
        intake = ko_intake_new(&options, &err);
        if (intake != NULL)
            (void) claim_read(intake, rules, 0, "a k=x t=#1\nb k=y t=#2\n", &err);
        ko_mem_fail_nth(0);
        assert_int_equal(intake == NULL, intake == NULL && err.code != KO_OK);
        if (err.code != KO_OK)
            CHECK_CODE(err, KO_E_MEMORY);
        n_failed += err.code != KO_OK;
        n_unlogged += err.code == KO_OK && !ko_intake_claims(intake, &n_claims)->is_logged;
        ko_intake_free(intake);
        assert_int_equal(ko_mem_live(), n_live);
    }
    assert_true(n_failed >= 5);
    assert_true(n_unlogged >= 1);
    ko_rules_free(rules);
}

CASES = {
    CASE(items_are_counted_and_logged),
    CASE(without_a_log_every_claim_is_read_again),
    CASE(a_claim_that_does_not_fit_leaves_nothing_in_the_log),
    CASE(many_claims_are_remembered),
    CASE(a_value_that_is_none_is_an_error),
    CASE(a_failed_allocation_is_told_or_done_without),
};
RUN_CASES
