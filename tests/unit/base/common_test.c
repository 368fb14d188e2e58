#include "keepone/base/common.h"

#include "support/test.h"

enum { N_MAX = 40 };

/* n bytes in memory of their own, so that a sanitizer sees any byte read outside. */
static struct ko_slice
new_text(size_t n, char fill)
{
    struct ko_error err = {0};
    char *data = ko_alloc(n, &err);

    CHECK_OK(err);
    memset(data, fill, n);
    return (struct ko_slice){data, n};
}

static void
free_text(struct ko_slice text)
{
    ko_free((char *) (uintptr_t) text.data);
}

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What differs in a text of n bytes: the byte `at`, counted from its start or its end. */
static void
change(struct ko_slice text, size_t at, bool is_from_end, char to)
{
    if (at < text.n)
        ((char *) (uintptr_t) text.data)[is_from_end ? text.n - 1 - at : at] = to;
}

static void
check(struct ko_slice a, struct ko_slice b, size_t n, bool is_from_end)
{
    if (is_from_end) {
        assert_int_equal(ko_common_end(a, b, SIZE_MAX), n);
        assert_int_equal(ko_common_end(a, b, 19), smaller(n, 19));
        assert_int_equal(ko_common_end_by(KO_COMMON_8, a, b, SIZE_MAX), n);
        assert_int_equal(ko_common_end_by(KO_COMMON_8, a, b, 19), smaller(n, 19));
    } else {
        assert_int_equal(ko_common_start(a, b), n);
        assert_int_equal(ko_common_start_by(KO_COMMON_8, a, b), n);
    }
}

/* Texts of all lengths, with a difference at each place. */
static void
check_all(bool is_from_end)
{
    for (size_t i = 0; i < N_MAX * N_MAX; i++) {
        for (size_t at = 0; at <= smaller(i % N_MAX, i / N_MAX); at++) {
            struct ko_slice a = new_text(i % N_MAX, 'x');
            struct ko_slice b = new_text(i / N_MAX, 'x');

            change(a, at, is_from_end, 'y');
            change(b, at, is_from_end, 'z');
            check(a, b, at, is_from_end);
            free_text(a);
            free_text(b);
        }
    }
}

static void
starts_of_any_length_are_compared(void)
{
    check_all(false);
}

static void
ends_of_any_length_are_compared(void)
{
    check_all(true);
}

static void
an_absent_slice_has_nothing_in_common(void)
{
    const struct ko_slice absent = {NULL, 0};

    assert_int_equal(ko_common_start(absent, KO_SLICE("a")), 0);
    assert_int_equal(ko_common_end(KO_SLICE("a"), absent, SIZE_MAX), 0);
}

CASES = {
    CASE(starts_of_any_length_are_compared),
    CASE(ends_of_any_length_are_compared),
    CASE(an_absent_slice_has_nothing_in_common),
};
RUN_CASES
