#include "keepone/base/random.h"

#include <sys/wait.h>
#include <unistd.h>

#include "support/test.h"

static void
a_seed_gives_the_same_numbers(void)
{
    uint64_t numbers[10];
    bool is_other = false;

    ko_random_seed(7);
    for (int i = 0; i < 10; i++)
        numbers[i] = ko_random(UINT64_MAX);
    ko_random_seed(7);
    for (int i = 0; i < 10; i++)
        assert_true(ko_random(UINT64_MAX) == numbers[i]);
    ko_random_seed(8);
    for (int i = 0; i < 10; i++)
        is_other |= ko_random(UINT64_MAX) != numbers[i];
    assert_true(is_other);
}

static void
numbers_stay_below_their_bound_and_reach_all_of_it(void)
{
    unsigned met[10] = {0};

    ko_random_seed(1);
    for (int i = 0; i < 10000; i++)
        met[ko_random(10)]++;
    for (int i = 0; i < 10; i++)
        assert_in_range(met[i], 800, 1200);
    assert_int_equal(ko_random(0), 0);
    assert_int_equal(ko_random(1), 0);
}

static void
names_are_hexadecimal_and_do_not_repeat(void)
{
    char a[17];
    char b[17];

    memset(a, 'x', sizeof a);
    ko_random_hex(a, 16);
    ko_random_hex(b, 16);
    assert_int_equal(strlen(a), 16);
    assert_int_equal(strspn(a, "0123456789abcdef"), 16);
    assert_string_not_equal(a, b);
    ko_random_hex(a, 0);
    CHECK_TEXT(a, "");
}

/* What a child process gets that is the first to ask. */
static void
ask_in_a_child(char text[33])
{
    int ends[2];
    int status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        ko_random_hex(text, 32);
        _exit(write(ends[1], text, 33) == 33 ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(read(ends[0], text, 33), 33);
    assert_true(waitpid(child, &status, 0) == child && status == 0);
    (void) close(ends[0]);
    (void) close(ends[1]);
}

static void
every_process_has_numbers_of_its_own(void)
{
    char a[33];
    char b[33];

    ask_in_a_child(a);
    ask_in_a_child(b);
    assert_int_equal(strlen(a), 32);
    assert_string_not_equal(a, b);
}

CASES = {
    CASE(every_process_has_numbers_of_its_own),
    CASE(a_seed_gives_the_same_numbers),
    CASE(numbers_stay_below_their_bound_and_reach_all_of_it),
    CASE(names_are_hexadecimal_and_do_not_repeat),
};
RUN_CASES
