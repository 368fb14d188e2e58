#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "chain.h"

static struct chain_row
row_of(const char *command)
{
    static char config[4096];

    (void) snprintf(config, sizeof config, "[default]\ncredential_process = %s\n", command);
    return (struct chain_row){.config = config};
}

static void
a_process_prints_credentials(void)
{
    clear_environment();
    chain_check(row_of("printf '%s' '{\"Version\":1,\"AccessKeyId\":\"K\",\"SecretAccessKey\":"
                       "\"S\",\"SessionToken\":\"T\",\"Expiration\":\"2999-01-02T03:04:05Z\"}'"),
                "K S T 32472241445");
    chain_check(row_of("echo '{\"Version\": 1, \"AccessKeyId\": \"K\", \"SecretAccessKey\": "
                       "\"S\"}'"),
                "K S - 0");
    chain_check(row_of("read line; test -z \"$line\" && echo '{\"Version\": 1, \"AccessKeyId\": "
                       "\"K\", \"SecretAccessKey\": \"S\"}'"),
                "K S - 0");
}

static void
a_process_that_fails_ends_the_chain(void)
{
    static const struct {
        const char *command, *expected;
    } rows[] = {
        {"echo hidden; exit 3", "access: credential_process of profile 'default': it ended with "
                                "exit code 3 | "},
        {"kill -9 $$", "it was ended by signal 9"},
        {"echo hidden", "what it prints is not JSON"},
        {"true", "what it prints is not JSON"},
        {"echo '{\"AccessKeyId\": \"hidden\"}'", "does not have \"Version\": 1"},
        {"echo '{\"Version\": 2, \"AccessKeyId\": \"hidden\"}'", "does not have \"Version\": 1"},
        {"echo '{\"Version\": 1, \"SecretAccessKey\": \"hidden\"}'",
         "the answer has no AccessKeyId"},
        {"echo '{\"Version\": 1, \"AccessKeyId\": \"K\", \"SecretAccessKey\": \"hid den\"}'",
         "the secret access key has a blank"},
        {"echo '{\"Version\": 1, \"AccessKeyId\": \"K\", \"SecretAccessKey\": [\"hidden\"]}'",
         "SecretAccessKey is not a text"},
        {"echo '{\"Version\": 1, \"AccessKeyId\": \"K\", \"SecretAccessKey\": \"hidden\", "
         "\"Expiration\": \"hidden\"}'",
         "Expiration is not a time such as 2026-01-31T12:00:00Z"},
        {"head -c 70000 /dev/zero", "it prints more than 65536 bytes"},
        {"/nowhere/at/all 2>&1 >/dev/null", "it ended with exit code 127"},
    };

    clear_environment();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        chain_check_says(row_of(rows[i].command), rows[i].expected);
}

/* What the program has open is none of the process's business: its end would not be seen. */
static void
a_process_has_its_own_files_alone(void)
{
    char command[256];
    int fds[2];

    clear_environment();
    assert_int_equal(pipe(fds), 0);
    (void) snprintf(command, sizeof command,
                    "test ! -e /dev/fd/%d && echo '{\"Version\": 1, \"AccessKeyId\": \"K\", "
                    "\"SecretAccessKey\": \"S\"}'",
                    fds[1]);
    chain_check(row_of(command), "K S - 0");
    (void) close(fds[0]);
    (void) close(fds[1]);
}

/* The pipe's other end is closed when the last of them is gone. */
static void
a_process_is_ended_with_all_that_it_started(void)
{
    struct pollfd watched = {.events = POLLIN};
    char command[256];
    char folder[] = "/tmp/keepone-process-XXXXXX";
    char path[64];

    clear_environment();
    assert_non_null(mkdtemp(folder));
    (void) snprintf(path, sizeof path, "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    watched.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    (void) snprintf(command, sizeof command, "{ sleep 60 & } > %s; head -c 70000 /dev/zero", path);
    chain_check_says(row_of(command), "it prints more than 65536 bytes");
    assert_int_equal(poll(&watched, 1, 10000), 1);
    assert_true((watched.revents & POLLHUP) != 0);
    (void) close(watched.fd);
    (void) unlink(path);
    (void) rmdir(folder);
}

CASES = {
    CASE(a_process_prints_credentials),
    CASE(a_process_that_fails_ends_the_chain),
    CASE(a_process_has_its_own_files_alone),
    CASE(a_process_is_ended_with_all_that_it_started),
};
RUN_CASES
