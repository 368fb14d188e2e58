/*
 * Tests over ranks: small programs under mpirun.  A case ends in a gate, never in a jump out of
 * one rank, so one failing rank fails the case on all, with one message.
 *
 * A test file lists its cases at the end, one per line, and ctest runs each alone:
 *
 *     static void
 *     the_sum_is_the_same_everywhere(struct ko_world *world, struct ko_error *err)
 *     {
 *         uint64_t value = 1;
 *
 *         (void) ko_world_sum(world, &value, 1, err);
 *         CHECK(value == (uint64_t) ko_world_size(world));
 *     }
 *
 *     CASES = {
 *         CASE(the_sum_is_the_same_everywhere),
 *     };
 *     RUN_CASES
 *
 * The CHECK macros note the first failure in `err` and go on.  After each case the allocations
 * must be what they were before it, on every rank.
 */
#ifndef KEEPONE_TESTS_SUPPORT_MPI_TEST_H
#define KEEPONE_TESTS_SUPPORT_MPI_TEST_H

#include <stdio.h>
#include <string.h>

#include "keepone/base/error.h"
#include "keepone/base/mem.h"
#include "keepone/base/slice.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"

#define CHECK(condition)                                                                         \
    do {                                                                                         \
        if (!(condition))                                                                        \
            ko_fail(err, KO_E_BUG, "%s:%d: '%s' does not hold", __FILE__, __LINE__, #condition); \
    } while (0)

/* Another error's code (not the case's own), with its text in the message of a failure. */
#define CHECK_CODE(error, expected)                                                                \
    do {                                                                                           \
        if ((error).code != (expected))                                                            \
            ko_fail(err, KO_E_BUG, "%s:%d: code %d, not %d; its text is '%s'", __FILE__, __LINE__, \
                    (int) (error).code, (int) (expected), (error).text);                           \
    } while (0)

#define CHECK_OK(error) CHECK_CODE(error, KO_OK)

/* A slice or buffer content against a C string. */
#define CHECK_SLICE(slice, expected)                                                 \
    do {                                                                             \
        const struct ko_slice check_slice = (slice);                                 \
        if (!ko_slice_equal(check_slice, ko_slice_of(expected)))                     \
            ko_fail(err, KO_E_BUG, "%s:%d: is '%.*s', not '%s'", __FILE__, __LINE__, \
                    KO_SLICE_ARG(check_slice), (expected));                          \
    } while (0)

#define CHECK_TEXT(text, expected) CHECK_SLICE(ko_slice_of(text), expected)

/* The error text must contain this part. */
#define CHECK_ERROR_SAYS(error, part)                                                   \
    do {                                                                                \
        if (strstr((error).text, (part)) == NULL)                                       \
            ko_fail(err, KO_E_BUG, "%s:%d: '%s' does not say '%s'", __FILE__, __LINE__, \
                    (error).text, (part));                                              \
    } while (0)

struct test_case {
    const char *name;
    void (*body)(struct ko_world *world, struct ko_error *err);
};

/* The same code on every rank. */
static inline enum ko_code
run_case(struct ko_world *world, const struct test_case *test)
{
    const uint64_t n_live_before = ko_mem_live();
    struct ko_error err = {0};

    test->body(world, &err);
    if (ko_mem_live() != n_live_before)
        ko_fail(&err, KO_E_BUG, "%lld allocations leaked",
                (long long) (ko_mem_live() - n_live_before));
    (void) ko_gate(world, &err);
    if (ko_world_rank(world) == 0 && err.code == KO_OK)
        (void) fprintf(stderr, "ok      %s\n", test->name);
    else if (ko_world_rank(world) == 0)
        (void) fprintf(stderr, "FAILED  %s: error[%s]: %s\n", test->name, ko_code_name(err.code),
                       err.text);
    return err.code;
}

static inline int
run_cases(int argc, char **argv, const struct test_case *cases, size_t n_cases)
{
    struct ko_error err = {0};
    struct ko_world *world = NULL;
    int n_run = 0;
    int n_failed = 0;

    if (ko_world_open(&argc, &argv, &world, &err) != KO_OK) {
        (void) fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (size_t i = 0; i < n_cases; i++) {
        if (argc > 1 && strcmp(argv[1], cases[i].name) != 0)
            continue;
        n_run++;
        n_failed += run_case(world, &cases[i]) != KO_OK;
    }
    ko_world_close(world);
    return n_run == 0 || n_failed != 0;
}

#define CASES static const struct test_case test_cases[]
/* clang-format off */
#define CASE(case) {#case, case}
/* clang-format on */

#define RUN_CASES                                                                           \
    int main(int argc, char **argv)                                                         \
    {                                                                                       \
        return run_cases(argc, argv, test_cases, sizeof test_cases / sizeof test_cases[0]); \
    }

/*
 * MPI leaves memory of its own behind, from modules it has unloaded; what keepone allocates is
 * counted above.  So the address sanitizer's check at exit is off.
 */
#if defined(__SANITIZE_ADDRESS__)
#define TEST_HAS_LEAK_CHECK 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_HAS_LEAK_CHECK 1
#endif
#endif

#ifdef TEST_HAS_LEAK_CHECK
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

#endif
