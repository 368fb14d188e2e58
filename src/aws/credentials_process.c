/* What a profile's credential_process prints. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keepone/base/clock.h"
#include "keepone/format/json.h"

#include "credentials_priv.h"

enum { LIMIT_MS = 60 * 1000, POLL_MS = 100, OUTPUT_MAX = 64 * 1024 };

extern char **environ;

/*
 * In a process group of its own, so that all of it can be ended; without our files; with signals
 * as they are at the start of a program.
 */
static int
set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    int rc;

    (void) sigemptyset(&none);
    (void) sigfillset(&all);
    rc = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                  POSIX_SPAWN_SETSIGDEF);
    if (rc == 0)
        rc = posix_spawnattr_setpgroup(attributes, 0);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(attributes, &none);
    return rc == 0 ? posix_spawnattr_setsigdefault(attributes, &all) : rc;
}

static int
set_files(posix_spawn_file_actions_t *files, int output_fd)
{
    int rc = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(files, output_fd, STDOUT_FILENO);
    return rc == 0 ? posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1) : rc;
}

/* The command goes to the shell, as it does with the AWS tools; its stderr is ours. */
static int
spawn(const char *command, int output_fd, pid_t *pid)
{
    char shell[] = "sh";
    char option[] = "-c";
    char *const arguments[] = {shell, option, (char *) (uintptr_t) command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int rc = posix_spawn_file_actions_init(&files);

    if (rc != 0)
        return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = set_attributes(&attributes);
        if (rc == 0)
            rc = set_files(&files, output_fd);
        if (rc == 0)
            rc = posix_spawn(pid, "/bin/sh", &files, &attributes, arguments, environ);
        (void) posix_spawnattr_destroy(&attributes);
    }
    (void) posix_spawn_file_actions_destroy(&files);
    return rc;
}

/* Reads until the output ends. */
static enum ko_code
read_output(int fd, uint64_t end_ms, struct ko_buf *output, struct ko_error *err)
{
    struct pollfd watched = {.fd = fd, .events = POLLIN};

    for (;;) {
        const uint64_t now_ms = ko_clock_ms();
        ssize_t n;

        if (now_ms >= end_ms)
            return ko_fail(err, KO_E_ACCESS, "it was not done after %d s", LIMIT_MS / 1000);
        if (poll(&watched, 1, (int) (end_ms - now_ms)) <= 0)
            continue;
        if (output->n == OUTPUT_MAX)
            return ko_fail(err, KO_E_ACCESS, "it prints more than %d bytes", OUTPUT_MAX);
        n = read(fd, output->data + output->n, OUTPUT_MAX - output->n);
        if (n < 0 && errno != EINTR)
            return ko_fail_errno(err, KO_E_ACCESS, errno, "cannot read what it prints");
        if (n == 0)
            return KO_OK;
        if (n > 0)
            ko_buf_commit(output, (size_t) n);
    }
}

/* Waits for its end; one that goes on behind its output is ended. */
static enum ko_code
wait_for_end(pid_t pid, uint64_t end_ms, bool must_end, struct ko_error *err)
{
    int status = 0;
    pid_t ended = 0;

    while (!must_end && ended == 0 && ko_clock_ms() < end_ms) {
        ended = waitpid(pid, &status, WNOHANG);
        if (ended == 0)
            ko_sleep_us(POLL_MS * 100);
    }
    if (ended == 0) {
        (void) kill(-pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
        return ko_fail(err, KO_E_ACCESS, "it was not done after %d s", LIMIT_MS / 1000);
    }
    if (ended < 0 && errno == ECHILD) /* whoever started us ignores children: the output counts */
        return KO_OK;
    if (ended < 0)
        return ko_fail_errno(err, KO_E_ACCESS, errno, "cannot wait for its end");
    if (WIFSIGNALED(status))
        return ko_fail(err, KO_E_ACCESS, "it was ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return ko_fail(err, KO_E_ACCESS, "it ended with exit code %d", WEXITSTATUS(status));
    return KO_OK;
}

static enum ko_code
run(const char *command, struct ko_buf *output, struct ko_error *err)
{
    const uint64_t end_ms = ko_clock_ms() + LIMIT_MS;
    int fds[2];
    pid_t pid = 0;
    int rc;

    if (ko_buf_reserve(output, OUTPUT_MAX) == NULL) /* it is not moved: it can be overwritten */
        return ko_buf_finish(output, err);
    if (pipe2(fds, O_CLOEXEC) != 0)
        return ko_fail_errno(err, KO_E_ACCESS, errno, "cannot make a pipe");
    rc = spawn(command, fds[1], &pid);
    (void) close(fds[1]);
    if (rc != 0) {
        (void) ko_fail_errno(err, KO_E_ACCESS, rc, "cannot start /bin/sh");
    } else {
        (void) read_output(fds[0], end_ms, output, err);
        (void) wait_for_end(pid, end_ms, err->code != KO_OK, err);
    }
    (void) close(fds[0]);
    return err->code;
}

static enum ko_code
check_version(struct ko_slice output, struct ko_error *err)
{
    struct ko_error reading = {0};
    uint64_t version = 0;

    if (ko_json_check(output, &reading) != KO_OK)
        return ko_fail(err, KO_E_ACCESS, "what it prints is not JSON");
    if (ko_json_member_u64(output, "Version", &version, &reading) != KO_OK || version != 1)
        return ko_fail(err, KO_E_ACCESS, "what it prints does not have \"Version\": 1");
    return KO_OK;
}

enum ko_code
ko_profile_load_process(const struct ko_chain *chain, const char *profile,
                        struct ko_credentials *credentials, struct ko_buf *why,
                        struct ko_error *err)
{
    static const struct ko_credentials_names names = {.key_id = "AccessKeyId",
                                                      .secret = "SecretAccessKey",
                                                      .token = "SessionToken",
                                                      .expiry = "Expiration"};
    const char *const command = ko_profile_value(chain->profiles, profile, "credential_process");
    struct ko_buf output = {0};

    if (command == NULL) {
        ko_buf_add_format(why, "no credential_process in profile '%s'", profile);
        return KO_OK;
    }
    KO_TRY(run(command, &output, err));
    KO_TRY(check_version(ko_buf_slice(&output), err));
    KO_TRY(ko_credentials_read_json(ko_buf_slice(&output), &names, credentials, err));

done:
    if (err->code != KO_OK) {
        ko_context(err, "credential_process of profile '%s'", profile);
        ko_hint(err, "run the command by hand; it must print {\"Version\": 1, \"AccessKeyId\": "
                     "..., \"SecretAccessKey\": ...} and nothing else.");
    }
    ko_buf_wipe(&output);
    return err->code;
}

static enum ko_code
load(void *self, struct ko_credentials *credentials, struct ko_buf *why, struct ko_error *err)
{
    const struct ko_chain *const chain = self;

    return ko_profile_load_process(chain, chain->profile, credentials, why, err);
}

struct ko_credentials_source
ko_credentials_process(struct ko_chain *chain)
{
    static const struct ko_credentials_source_ops ops = {.name = "process", .load = load};

    return (struct ko_credentials_source){&ops, chain};
}
