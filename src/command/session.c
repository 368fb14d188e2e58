#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keepone/aws/table_arn.h"
#include "keepone/base/clock.h"
#include "keepone/base/log.h"
#include "keepone/base/mem.h"
#include "keepone/base/mount.h"
#include "keepone/base/random.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"

enum {
    NONCE_DIGITS = 16,
    LEASE_NAP_US = 500000,
    SMALLEST_MEMORY_BYTES = 64 * 1024 * 1024,
    READ_AHEAD_SHARE = 16, /* of the memory, beside what it is divided into */
    READ_AHEAD_BYTES_MAX = 128 * 1024 * 1024
};

bool
ko_session_is_first(const struct ko_session *session)
{
    return ko_world_rank(session->world) == 0;
}

enum ko_code
ko_session_open_aws(struct ko_session *session, struct ko_error *err)
{
    const struct ko_job *const job = &session->job;
    char table_region[KO_REGION_BYTES];
    struct ko_aws_options options = {.profile = job->profile,
                                     .assume_role = job->assume_role,
                                     .region = job->region,
                                     .rank = (unsigned) ko_world_rank(session->world)};

    if (session->aws != NULL)
        return KO_OK;
    if (job->table != NULL && ko_table_is_arn(ko_slice_of(job->table))) {
        KO_TRY(ko_table_arn_check(job->table, table_region, err));
        options.region = table_region;
    }
    KO_TRY(ko_aws_open(&options, &session->aws, err));

done:
    return err->code;
}

static bool
is_stop_wanted(void *world)
{
    return ko_world_stop_wanted(world);
}

enum ko_code
ko_session_mount(struct ko_session *session, const char *path, struct ko_error *err)
{
    const uint64_t share_bytes = ko_session_memory_bytes(session) / READ_AHEAD_SHARE;
    struct ko_s3_options options = {
        .endpoint = session->job.s3_endpoint,
        .read_ahead_bytes = share_bytes < READ_AHEAD_BYTES_MAX ? share_bytes : READ_AHEAD_BYTES_MAX,
        .is_stop_wanted = is_stop_wanted,
        .stop_self = session->world};

    if (path == NULL || !ko_path_is_remote(path) || session->mount != NULL)
        return KO_OK;
    if (ko_session_open_aws(session, err) != KO_OK)
        return err->code;
    options.aws = session->aws;
    return ko_s3_mount_open(&options, &session->mount, err);
}

enum ko_code
ko_session_mount_job(struct ko_session *session, struct ko_error *err)
{
    const struct ko_job *const job = &session->job;

    KO_TRY(ko_session_mount(session, job->base, err));
    KO_TRY(ko_session_mount(session, job->run, err));
    KO_TRY(ko_session_mount(session, job->export_folder, err));
    for (size_t i = 0; i < job->catch_up.n; i++)
        KO_TRY(ko_session_mount(session, job->catch_up.texts[i], err));

done:
    return ko_gate(session->world, err);
}

enum ko_code
ko_session_connect(struct ko_session *session, const char *endpoint, const char *region,
                   struct ko_error *err)
{
    const struct ko_job *job = &session->job;
    struct ko_dynamodb_options options = {.endpoint =
                                              job->endpoint != NULL ? job->endpoint : endpoint,
                                          .region = job->region != NULL ? job->region : region,
                                          .max_in_flight = (uint32_t) job->in_flight};

    if (session->client != NULL)
        return KO_OK;
    if (ko_session_open_aws(session, err) != KO_OK)
        return err->code;
    options.aws = session->aws;
    return ko_dynamodb_open(&options, &session->client, err);
}

enum ko_code
ko_session_describe(struct ko_session *session, const char *table_name, struct ko_table *table,
                    struct ko_error *err)
{
    struct ko_buf text = {0};

    if (ko_session_is_first(session) && err->code == KO_OK &&
        ko_table_describe(session->client, table_name, table, err) == KO_OK)
        ko_buf_add(&text, table, sizeof *table);
    KO_TRY(ko_world_share(session->world, &text, err));
    memcpy(table, text.data, sizeof *table);

done:
    ko_buf_clear(&text);
    return err->code;
}

enum ko_code
ko_session_check_shared(struct ko_session *session, const char *dir, struct ko_error *err)
{
    struct ko_buf nonce = {0};

    if (ko_session_is_first(session)) {
        char text[NONCE_DIGITS + 1];

        ko_random_hex(text, NONCE_DIGITS);
        ko_buf_add(&nonce, text, sizeof text);
        (void) ko_run_nonce_write(dir, text, err);
    }
    KO_TRY(ko_world_share(session->world, &nonce, err));
    (void) ko_run_nonce_check(dir, nonce.data, err);
    (void) ko_gate(session->world, err);
    if (ko_session_is_first(session)) {
        struct ko_error second = {0};

        (void) ko_run_nonce_remove(dir, nonce.data, err->code == KO_OK ? err : &second);
    }
    KO_TRY(ko_gate(session->world, err));

done:
    ko_buf_clear(&nonce);
    return err->code;
}

enum ko_code
ko_session_check_shared_run(struct ko_session *session, struct ko_error *err)
{
    bool is_there = false;

    if (ko_session_is_first(session) && err->code == KO_OK &&
        ko_folder_exists(session->job.run, &is_there, err) == KO_OK && !is_there) {
        (void) ko_fail(err, KO_E_REFUSED, "there is no run directory '%s'", session->job.run);
        ko_hint(err, "keepone find makes one.");
    }
    if (ko_gate(session->world, err) != KO_OK)
        return err->code;
    return ko_session_check_shared(session, session->job.run, err);
}

enum ko_code
ko_session_open_run(struct ko_session *session, struct ko_error *err)
{
    if (err->code == KO_OK)
        (void) ko_run_open(session->job.run, &session->run, err);
    return ko_gate(session->world, err);
}

/* Rank 0: tries again while --wait-lease allows it and nobody wants a stop. */
static enum ko_code
take_lease(struct ko_session *session, const char *dir, struct ko_slice processes,
           char notice[KO_LEASE_NOTICE_BYTES], struct ko_error *err)
{
    const uint64_t until_us = ko_clock_us() + session->job.wait_lease_s * 1000000;

    for (bool is_told = false;; is_told = true) {
        if (ko_lease_open(dir, 0, processes, &session->lease, notice, err) != KO_E_REFUSED ||
            ko_clock_us() >= until_us || ko_world_stop_wanted(session->world))
            return err->code;
        if (!is_told)
            ko_log(KO_LOG_INFO, "waiting up to %llu s: %s",
                   (unsigned long long) session->job.wait_lease_s, err->text);
        *err = (struct ko_error){0};
        ko_sleep_us(LEASE_NAP_US);
    }
}

enum ko_code
ko_session_lock(struct ko_session *session, const char *dir, struct ko_error *err)
{
    char notice[KO_LEASE_NOTICE_BYTES] = "";
    struct ko_buf mine = {0};
    struct ko_buf all = {0};

    ko_lease_add_process(&mine);
    (void) ko_buf_finish(&mine, err);
    if (ko_world_gather(session->world, ko_buf_slice(&mine), &all, err) == KO_OK &&
        ko_session_is_first(session) &&
        take_lease(session, dir, ko_buf_slice(&all), notice, err) == KO_OK && notice[0] != '\0')
        ko_log(KO_LOG_WARN, "%s", notice);
    ko_buf_clear(&mine);
    ko_buf_clear(&all);
    return ko_gate(session->world, err);
}

const char *
ko_session_scratch(const struct ko_session *session)
{
    const char *const tmpdir = getenv("TMPDIR");

    if (session->job.scratch != NULL)
        return session->job.scratch;
    return tmpdir == NULL ? "/tmp" : tmpdir;
}

uint64_t
ko_session_memory_bytes(const struct ko_session *session)
{
    const char *const local = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    const uint64_t n_local = local == NULL ? 1 : strtoull(local, NULL, 10);
    uint64_t bytes;

    if (session->job.memory_bytes != 0)
        return session->job.memory_bytes;
    bytes = ko_mem_machine_bytes() / 2 / (n_local == 0 ? 1 : n_local);
    return bytes < SMALLEST_MEMORY_BYTES ? SMALLEST_MEMORY_BYTES : bytes;
}

struct ko_progress
ko_session_progress(const struct ko_session *session)
{
    struct ko_progress progress = {.mode = KO_PROGRESS_PLAIN};

    switch (session->job.progress) {
    case KO_JOB_PROGRESS_NONE:
        progress.mode = KO_PROGRESS_NONE;
        break;
    case KO_JOB_PROGRESS_TTY:
        progress.mode = KO_PROGRESS_TTY;
        break;
    case KO_JOB_PROGRESS_PLAIN:
        break;
    case KO_JOB_PROGRESS_AUTO:
        /* Under mpirun a terminal is not what it seems. */
        if (!ko_world_is_under_mpirun(session->world) && isatty(STDERR_FILENO))
            progress.mode = KO_PROGRESS_TTY;
        break;
    }
    return progress;
}

void
ko_session_warn(const struct ko_session *session, const char *sentence)
{
    if (ko_session_is_first(session))
        ko_log(KO_LOG_WARN, "%s", sentence);
}

void
ko_session_print(const struct ko_session *session, struct ko_slice text)
{
    if (ko_session_is_first(session))
        (void) fwrite(text.data, 1, text.n, stdout);
}

void
ko_session_clear(struct ko_session *session, struct ko_error *err)
{
    struct ko_error second = {0};

    (void) ko_lease_close(session->lease, err->code == KO_OK ? err : &second);
    session->lease = NULL;
    ko_run_free(session->run);
    session->run = NULL;
    ko_dynamodb_close(session->client);
    session->client = NULL;
    ko_s3_mount_close(session->mount);
    session->mount = NULL;
    ko_aws_close(session->aws);
    session->aws = NULL;
    ko_job_clear(&session->job);
}
