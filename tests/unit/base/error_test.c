#include "keepone/base/error.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/messages.h"
#include "support/test.h"

static void
the_first_failure_wins(void)
{
    struct ko_error err = {0};

    assert_int_equal(ko_fail(&err, KO_E_CORRUPT, "line %d is broken", 7), KO_E_CORRUPT);
    assert_int_equal(ko_fail(&err, KO_E_BUG, "another"), KO_E_CORRUPT);
    assert_int_equal(ko_fail_errno(&err, KO_E_IO, ENOSPC, "a third"), KO_E_CORRUPT);
    assert_int_equal(err.code, KO_E_CORRUPT);
    CHECK_TEXT(err.text, "line 7 is broken");
    CHECK_TEXT(err.hint, "");
}

static void
a_hint_belongs_to_its_failure(void)
{
    struct ko_error err = {.hint = "left over"};

    (void) ko_fail(&err, KO_E_OPTION, "no such key");
    CHECK_TEXT(err.hint, "");
    ko_hint(&err, "give --%s.", "key");
    ko_hint(&err, "ignored.");
    CHECK_TEXT(err.hint, "give --key.");
}

static void
contexts_stand_from_the_outside_in(void)
{
    struct ko_error err = {0};

    ko_context(&err, "nothing failed");
    assert_int_equal(err.code, KO_OK);
    CHECK_TEXT(err.text, "");
    (void) ko_fail(&err, KO_E_CORRUPT, "cause");
    ko_context(&err, "line %d", 3);
    ko_context(&err, "'%s'", "file");
    CHECK_TEXT(err.text, "'file': line 3: cause");
}

static void
long_texts_are_cut_and_ended(void)
{
    char large[2 * KO_ERROR_TEXT_BYTES];
    struct ko_error err = {0};

    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    (void) ko_fail(&err, KO_E_BUG, "%s", large);
    assert_int_equal(strlen(err.text), KO_ERROR_TEXT_BYTES - 1);
    ko_hint(&err, "%s", large);
    assert_int_equal(strlen(err.hint), KO_ERROR_HINT_BYTES - 1);
    ko_context(&err, "where");
    assert_int_equal(strlen(err.text), KO_ERROR_TEXT_BYTES - 1);
    assert_memory_equal(err.text, "where: xxx", 10);
    ko_context(&err, "%s", large);
    assert_int_equal(strlen(err.text), KO_ERROR_TEXT_BYTES - 1);
    err = (struct ko_error){0};
    (void) ko_fail_errno(&err, KO_E_IO, EIO, "%s", large);
    assert_int_equal(strlen(err.text), KO_ERROR_TEXT_BYTES - 1);
}

static void
the_system_says_why(void)
{
    struct ko_error err = {0};

    assert_int_equal(ko_fail_errno(&err, KO_E_IO, ENOENT, "cannot open '%s'", "a"), KO_E_IO);
    CHECK_TEXT(err.text, "cannot open 'a': No such file or directory");
    CHECK_TEXT(err.hint, "");
}

static void
a_full_disk_brings_a_hint(void)
{
    static const int full[] = {ENOSPC, EDQUOT};

    for (int i = 0; i < 2; i++) {
        struct ko_error err = {0};

        (void) ko_fail_errno(&err, KO_E_IO, full[i], "cannot write 'a'");
        CHECK_CODE(err, KO_E_IO);
        CHECK_TEXT(err.hint, "make room on that disk and run the same command again.");
    }
}

static void
every_code_has_a_word(void)
{
    static const struct {
        enum ko_code code;
        const char *name;
    } names[] = {
        {KO_OK, "ok"},
        {KO_E_OPTION, "option"},
        {KO_E_REFUSED, "refused"},
        {KO_E_UNCLEAN, "not clean"},
        {KO_E_PARTIAL, "some failed"},
        {KO_E_STOPPED, "stopped"},
        {KO_E_THROTTLED, "throttled"},
        {KO_E_AWS, "aws"},
        {KO_E_ACCESS, "access"},
        {KO_E_IO, "disk"},
        {KO_E_CORRUPT, "corrupt"},
        {KO_E_MEMORY, "memory"},
        {KO_E_COMM, "mpi"},
        {KO_E_BUG, "bug"},
        {(enum ko_code) 99, "unknown"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        CHECK_TEXT(ko_code_name(names[i].code), names[i].name);
}

static jmp_buf asserted;
static char assertion[256];

static void
jump(const char *sentence)
{
    (void) snprintf(assertion, sizeof assertion, "%s", sentence);
    longjmp(asserted, 1);
}

static void
a_broken_assertion_calls_its_handler(void)
{
    const volatile int two = 2;

    ko_assert_install(jump);
    KO_ASSERT(two == 2);
    if (setjmp(asserted) == 0) {
        KO_ASSERT(two == 3);
        fail();
    }
    ko_assert_install(NULL);
    assert_non_null(strstr(assertion, "error_test.c:"));
    assert_non_null(strstr(assertion, ": 'two == 3' does not hold"));
}

static void
return_anyway(const char *sentence)
{
    (void) sentence;
}

/* Runs a failing assertion in a child with this handler; returns how it ended. */
static int
status_of_assertion(ko_assert_fn *handler)
{
    int status = 0;
    const pid_t child = fork();

    if (child == 0) {
        (void) signal(SIGABRT, SIG_DFL);
        ko_assert_install(handler);
        ko_assert_fail("file.c", 12, "a == b");
    }
    assert_true(child > 0);
    assert_true(waitpid(child, &status, 0) == child);
    return status;
}

static void
without_a_handler_that_ends_it_the_program_is_ended(void)
{
    ko_assert_fn *const handlers[] = {NULL, return_anyway};

    for (int i = 0; i < 2; i++) {
        int status;

        messages_begin();
        status = status_of_assertion(handlers[i]);
        CHECK_TEXT(messages_end(), "keepone: error[bug]: file.c:12: 'a == b' does not hold\n");
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

CASES = {
    CASE(the_first_failure_wins),
    CASE(a_hint_belongs_to_its_failure),
    CASE(contexts_stand_from_the_outside_in),
    CASE(long_texts_are_cut_and_ended),
    CASE(the_system_says_why),
    CASE(a_full_disk_brings_a_hint),
    CASE(every_code_has_a_word),
    CASE(a_broken_assertion_calls_its_handler),
    CASE(without_a_handler_that_ends_it_the_program_is_ended),
};
RUN_CASES
