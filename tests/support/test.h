/*
 * Unit tests: cmocka with a few helpers.
 *
 * A test file lists its cases at the end, one per line, and ctest runs each alone:
 *
 *     CASES = {
 *         CASE(equal_keys_keep_run_order),
 *     };
 *     RUN_CASES
 *
 * After each case the allocations must be what they were before it.
 */
#ifndef KEEPONE_TESTS_SUPPORT_TEST_H
#define KEEPONE_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "keepone/base/error.h"
#include "keepone/base/mem.h"
#include "keepone/base/slice.h"

static uint64_t check_live_before;

static inline int
check_before(void **state)
{
    (void) state;
    check_live_before = ko_mem_live();
    return 0;
}

static inline int
check_after(void **state)
{
    (void) state;
    if (ko_mem_live() == check_live_before)
        return 0;
    print_error("%llu allocations leaked\n",
                (unsigned long long) (ko_mem_live() - check_live_before));
    return -1;
}

/* The error's code, with its text in the message of a failure. */
#define CHECK_CODE(err, expected)                                          \
    do {                                                                   \
        if ((err).code != (expected))                                      \
            print_error("error: %s (hint: %s)\n", (err).text, (err).hint); \
        assert_int_equal((err).code, (expected));                          \
    } while (0)

#define CHECK_OK(err) CHECK_CODE(err, KO_OK)

/* A slice or buffer content against a C string. */
#define CHECK_SLICE(slice, expected)                                                \
    do {                                                                            \
        const struct ko_slice check_slice = (slice);                                \
        const char *const check_text = (expected);                                  \
        if (check_slice.n != strlen(check_text) ||                                  \
            memcmp(check_slice.data, check_text, check_slice.n) != 0)               \
            fail_msg("is '%.*s', not '%s'", KO_SLICE_ARG(check_slice), check_text); \
    } while (0)

#define CHECK_TEXT(text, expected) CHECK_SLICE(ko_slice_of(text), expected)

/* The error text must contain this part. */
#define CHECK_ERROR_SAYS(err, part)                                 \
    do {                                                            \
        if (strstr((err).text, (part)) == NULL)                     \
            fail_msg("'%s' does not say '%s'", (err).text, (part)); \
    } while (0)

static inline void
call_case(void **state)
{
    void (*const *body)(void) = *state;

    (*body)();
}

/* Cases take no argument: static void name(void). */
struct test_case {
    const char *name;
    void (*body)(void);
};

#define CASES static const struct test_case test_cases[]
/* clang-format off */
#define CASE(case) {#case, case}
/* clang-format on */

#define RUN_CASES                                                                          \
    int main(int argc, char **argv)                                                        \
    {                                                                                      \
        int n_failed = 0;                                                                  \
        int n_run = 0;                                                                     \
        for (size_t i = 0; i < sizeof test_cases / sizeof test_cases[0]; i++) {            \
            void (*body)(void) = test_cases[i].body;                                       \
            const struct CMUnitTest test[] = {{.name = test_cases[i].name,                 \
                                               .test_func = call_case,                     \
                                               .setup_func = check_before,                 \
                                               .teardown_func = check_after,               \
                                               .initial_state = &body}};                   \
            if (argc > 1 && strcmp(argv[1], test_cases[i].name) != 0)                      \
                continue;                                                                  \
            n_run++;                                                                       \
            n_failed += cmocka_run_group_tests_name(test_cases[i].name, test, NULL, NULL); \
        }                                                                                  \
        return n_run == 0 || n_failed != 0;                                                \
    }

#endif
