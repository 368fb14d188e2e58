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

/* Texts of n_a and n_b bytes that differ at one place, counted from their start. */
static void
check_start(size_t n_a, size_t n_b)
{
    for (size_t at = 0; at <= smaller(n_a, n_b); at++) {
        struct ko_slice a = new_text(n_a, 'x');
        struct ko_slice b = new_text(n_b, 'x');

        if (at < n_a)
            ((char *) (uintptr_t) a.data)[at] = 'y';
        if (at < n_b)
            ((char *) (uintptr_t) b.data)[at] = 'z';
        assert_int_equal(ko_common_start(a, b), at);
        assert_int_equal(ko_common_start_by(KO_COMMON_8, a, b), at);
        free_text(a);
        free_text(b);
    }
}

/* The same, counted from their end. */
static void
check_end(size_t n_a, size_t n_b)
{
    for (size_t at = 0; at <= smaller(n_a, n_b); at++) {
        struct ko_slice a = new_text(n_a, 'x');
        struct ko_slice b = new_text(n_b, 'x');

        if (at < n_a)
            ((char *) (uintptr_t) a.data)[n_a - 1 - at] = 'y';
        if (at < n_b)
            ((char *) (uintptr_t) b.data)[n_b - 1 - at] = 'z';
        assert_int_equal(ko_common_end(a, b, SIZE_MAX), at);
        assert_int_equal(ko_common_end(a, b, 19), smaller(at, 19));
        assert_int_equal(ko_common_end_by(KO_COMMON_8, a, b, SIZE_MAX), at);
        assert_int_equal(ko_common_end_by(KO_COMMON_8, a, b, 19), smaller(at, 19));
        free_text(a);
        free_text(b);
    }
}

static void
starts_of_any_length_are_compared(void)
{
    for (size_t n_a = 0; n_a < N_MAX; n_a++)
        for (size_t n_b = 0; n_b < N_MAX; n_b++)
            check_start(n_a, n_b);
}

static void
ends_of_any_length_are_compared(void)
{
    for (size_t n_a = 0; n_a < N_MAX; n_a++)
        for (size_t n_b = 0; n_b < N_MAX; n_b++)
            check_end(n_a, n_b);
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
