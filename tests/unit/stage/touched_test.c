#include "keepone/stage/touched.h"

#include "support/test.h"

static struct ko_wide_fingerprint
key_of(uint64_t i)
{
    return ko_wide_fingerprint((struct ko_slice){(const char *) &i, sizeof i});
}

static void
what_was_added_is_there_and_nothing_else(void)
{
    enum { N = 20000 };
    struct ko_error err = {0};
    struct ko_touched *touched = ko_touched_new(N, &err);

    for (uint64_t i = 0; i < 2 * N; i++)
        (void) ko_touched_add(touched, key_of(i % N), &err);
    CHECK_OK(err);
    assert_true(ko_touched_n(touched) == N);
    for (uint64_t i = 0; i < N; i++) {
        assert_true(ko_touched_has(touched, key_of(i)));
        assert_false(ko_touched_has(touched, key_of(N + i)));
    }
    (void) ko_touched_add(touched, key_of(N), &err);
    CHECK_CODE(err, KO_E_BUG);
    ko_touched_free(touched);
}

static void
zeros_are_a_key_too(void)
{
    const struct ko_wide_fingerprint zeros = {0, 0};
    struct ko_error err = {0};
    struct ko_touched *touched = ko_touched_new(1, &err);

    assert_false(ko_touched_has(touched, zeros));
    (void) ko_touched_add(touched, zeros, &err);
    CHECK_OK(err);
    assert_true(ko_touched_has(touched, zeros));
    assert_false(ko_touched_has(touched, key_of(1)));
    ko_touched_free(touched);
}

static void
a_set_of_nothing_has_nothing(void)
{
    struct ko_error err = {0};
    struct ko_touched *touched = ko_touched_new(0, &err);

    CHECK_OK(err);
    assert_false(ko_touched_has(touched, key_of(1)));
    (void) ko_touched_add(touched, key_of(1), &err);
    CHECK_CODE(err, KO_E_BUG);
    ko_touched_free(touched);
}

/* The fingerprint of the primary key (pk, sk). */
static struct ko_wide_fingerprint
fingerprint_of(const char *pk, const char *sk)
{
    const struct ko_rules_options options = {.hash_name = KO_SLICE("pk"),
                                             .range_name = KO_SLICE("sk"),
                                             .key = KO_SLICE("x"),
                                             .keep = KO_SLICE("any")};
    const struct ko_slice values[KO_LOOKED_MAX] = {ko_slice_of(pk), ko_slice_of(sk)};
    struct ko_wide_fingerprint fingerprint = {0, 0};
    struct ko_buf scratch = {0};
    struct ko_error err = {0};
    struct ko_rules *rules = ko_rules_new(&options, &err);

    (void) ko_touched_fingerprint(rules, values, &scratch, &fingerprint, &err);
    CHECK_OK(err);
    ko_buf_clear(&scratch);
    ko_rules_free(rules);
    return fingerprint;
}

static void
fingerprints_are_of_values_not_of_how_they_are_written(void)
{
    const struct ko_wide_fingerprint a = fingerprint_of("{\"S\":\"a\"}", "{\"N\":\"1\"}");
    const struct ko_wide_fingerprint same =
        fingerprint_of("{ \"S\" : \"\\u0061\" }", "{\"N\":\"1.0\"}");
    const struct ko_wide_fingerprint other = fingerprint_of("{\"S\":\"a\"}", "{\"S\":\"1\"}");

    assert_true(a.high == same.high && a.low == same.low);
    assert_true(a.high != other.high && a.low != other.low);
}

static void
no_memory_is_an_error(void)
{
    for (uint64_t n = 1; n <= 2; n++) {
        struct ko_error err = {0};

        ko_mem_fail_nth(n);
        assert_null(ko_touched_new(10, &err));
        CHECK_CODE(err, KO_E_MEMORY);
    }
    assert_true(ko_touched_bytes(3000000) < 22U * 3000000);
}

CASES = {
    CASE(what_was_added_is_there_and_nothing_else),
    CASE(zeros_are_a_key_too),
    CASE(a_set_of_nothing_has_nothing),
    CASE(fingerprints_are_of_values_not_of_how_they_are_written),
    CASE(no_memory_is_an_error),
};
RUN_CASES
