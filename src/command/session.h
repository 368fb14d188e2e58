/*
 * Session: what every verb needs before it can start: job, client, table, run, lease.
 *
 * Thread use: one thread per rank.  MPI: collective over the world where said.
 */
#ifndef KEEPONE_COMMAND_SESSION_H
#define KEEPONE_COMMAND_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/aws/context.h"
#include "keepone/aws/dynamodb.h"
#include "keepone/aws/s3_mount.h"
#include "keepone/aws/table.h"
#include "keepone/base/error.h"
#include "keepone/job/job.h"
#include "keepone/stage/progress.h"
#include "keepone/store/lease.h"
#include "keepone/store/run.h"

struct ko_world;

struct ko_session {
    struct ko_world *world;
    struct ko_job job;
    struct ko_aws *aws;         /* NULL until ko_session_open_aws() */
    struct ko_s3_mount *mount;  /* NULL until ko_session_mount() with a path on S3 */
    struct ko_dynamodb *client; /* NULL until ko_session_connect() */
    struct ko_run *run;         /* NULL until ko_session_open_run() */
    struct ko_lease *lease;     /* rank 0, while writing */
};

/* A verb: collective, and returns the same code on every rank. */
typedef enum ko_code ko_command_fn(struct ko_session *session, struct ko_error *err);

ko_command_fn ko_command_find, ko_command_show, ko_command_plan, ko_command_apply,
    ko_command_verify, ko_command_undo, ko_command_dedup, ko_command_export, ko_command_estimate,
    ko_command_runs;

/* True on the rank that speaks and writes for all. */
bool ko_session_is_first(const struct ko_session *session);

/* Local: opens the context that all AWS clients share, by the job's options; once. */
enum ko_code ko_session_open_aws(struct ko_session *session, struct ko_error *err);

/* Local: mounts S3 if the path is there; once.  A NULL or local path needs nothing. */
enum ko_code ko_session_mount(struct ko_session *session, const char *path, struct ko_error *err);

/* Collective: the same for the paths of the job. */
enum ko_code ko_session_mount_job(struct ko_session *session, struct ko_error *err);

/* Local: opens the client for an endpoint and region (NULL = the job's, then the environment's). */
enum ko_code ko_session_connect(struct ko_session *session, const char *endpoint,
                                const char *region, struct ko_error *err);

/* Collective: rank 0 asks for the table and tells all. */
enum ko_code ko_session_describe(struct ko_session *session, const char *table_name,
                                 struct ko_table *table, struct ko_error *err);

/*
 * Local, and alike on all ranks: the client keeps to --read-units and --write-units on this table.
 * KO_E_REFUSED for a percentage of a capacity that nobody knows.
 */
enum ko_code ko_session_set_caps(struct ko_session *session, const struct ko_table *table,
                                 struct ko_error *err);

/* Collective: KO_E_REFUSED unless all ranks see the same directory, which is made if it is not
 * there. */
enum ko_code ko_session_check_shared(struct ko_session *session, const char *dir,
                                     struct ko_error *err);

/* Collective: the same for the directory of a run that exists; KO_E_REFUSED if there is none. */
enum ko_code ko_session_check_shared_run(struct ko_session *session, struct ko_error *err);

/* Collective: opens the run of job.run on every rank. */
enum ko_code ko_session_open_run(struct ko_session *session, struct ko_error *err);

/* Collective: rank 0 takes the lease of the directory, waiting as --wait-lease says; a takeover is
 * logged. */
enum ko_code ko_session_lock(struct ko_session *session, const char *dir, struct ko_error *err);

/* The memory this rank may use: --memory, or half of the machine's over the ranks on it. */
uint64_t ko_session_memory_bytes(const struct ko_session *session);

/* Where spills go: --scratch, TMPDIR or /tmp. */
const char *ko_session_scratch(const struct ko_session *session);

struct ko_progress ko_session_progress(const struct ko_session *session);

/* Rank 0: a warning in the log. */
void ko_session_warn(const struct ko_session *session, const char *sentence);

/* Rank 0: prints a text on stdout. */
void ko_session_print(const struct ko_session *session, struct ko_slice text);

/* Frees everything but the world. */
void ko_session_clear(struct ko_session *session, struct ko_error *err);

#endif
