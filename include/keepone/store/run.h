/*
 * Run: the directory of a run, and run.json, which says what the run is and how far it got.
 *
 * run.json is JSON with one member per line in a fixed order, so that a person can read it;
 * its last member is the SHA-256 of all before it, so that an edit by hand is noticed.  It is
 * always replaced as a whole, durably: it shows the old state or the new, never a part.
 *
 * Members: format, state, source, table, table_arn, table_id, region, endpoint, export, export_arn,
 * primary_key, partitions, segments, as_of, started, rules, options, plan, plan_digest, totals,
 * those of a newer keepone, sha256.  States:
 *
 *     reading -> planned -> applying -> applied -> undoing -> undone
 *                                 \___________________/
 *
 * apply may be stopped and undone (the lower way); a state may be set again on resume; nothing
 * else is allowed: an undone run accepts no apply.  A run with failed lines stays applying (or
 * undoing), so that the same command tries them again.
 *
 * Thread use: one run, one thread.  MPI: none; rank 0 alone creates and changes, any rank may open.
 */
#ifndef KEEPONE_STORE_RUN_H
#define KEEPONE_STORE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/file.h"
#include "keepone/base/mem.h"
#include "keepone/base/slice.h"

enum { KO_RUN_FORMAT = 1 };

enum ko_run_state {
    KO_RUN_READING,  /* find is not finished */
    KO_RUN_PLANNED,  /* the plan is whole; nothing is deleted */
    KO_RUN_APPLYING, /* deletes may have been sent */
    KO_RUN_APPLIED,  /* every line of the plan has its outcome */
    KO_RUN_UNDOING,  /* items may have been put back */
    KO_RUN_UNDONE
};

/* "reading", ... */
const char *ko_run_state_name(enum ko_run_state state);

enum ko_run_source { KO_RUN_TABLE, KO_RUN_EXPORT };

/* An attribute of the primary key. */
struct ko_run_key {
    struct ko_slice name;
    struct ko_slice type; /* "S", "N" or "B"; absent = not known (an export alone) */
};

/* What the run was started with.  Texts that are not known are absent slices. */
struct ko_run_facts {
    enum ko_run_source source;
    struct ko_slice table_name;
    struct ko_slice table_arn;
    struct ko_slice table_id;
    struct ko_slice region;
    struct ko_slice endpoint;    /* as given */
    struct ko_slice export_path; /* as given; exports only */
    struct ko_slice export_arn;  /* from its manifest */
    struct ko_run_key primary_key[2];
    uint32_t n_primary_key;       /* 1 or 2 */
    uint32_t n_partitions;        /* KO_PARTITIONS */
    uint32_t total_segments;      /* live scans; else 0 */
    int64_t as_of_s;              /* reference time of expiry, epoch seconds */
    struct ko_slice rules_digest; /* equal on resume, or the run is refused */
    struct ko_slice options;      /* JSON object; stored, opaque, used to say what differs */
};

/* Counts of items, as in the design: read is the sum of the others. */
struct ko_run_totals {
    uint64_t read, folded, filtered, missing, unique, keepers, planned, review;
};

/* Read only for others; changed by the functions below. */
struct ko_run {
    char *dir;
    struct ko_run_facts facts; /* of the first start: on resume total_segments and as_of_s count */
    enum ko_run_state state;
    struct ko_slice started;         /* "2026-01-31T12:00:00.123Z" */
    struct ko_slice plan_name;       /* "plan", or a smaller one's "plan-2" */
    struct ko_slice plan_digest;     /* hex; absent while reading */
    struct ko_run_totals totals;     /* of find; zero while reading */
    struct ko_slice unknown_members; /* of a newer keepone, kept: lines as in run.json */
    struct ko_arena *arena;          /* owns every slice */
};

/*
 * Makes the directory and run.json in state reading, or resumes: *resumed = true and *run as it
 * stands, if the directory holds an unfinished run of the same table and rules.  facts are copied.
 *
 * KO_E_REFUSED, with the difference in the text: a run of another table, of other rules, or
 * past reading; a directory that is not empty and has no run.json.  Lease, nonce and temporary
 * files do not count.  Other errors: KO_E_IO, KO_E_CORRUPT, KO_E_MEMORY.  On failure *run is NULL.
 */
enum ko_code ko_run_create(const char *dir, const struct ko_run_facts *facts, struct ko_run **run,
                           bool *resumed, struct ko_error *err);

/*
 * Reads and checks run.json.  KO_E_REFUSED if there is none; KO_E_CORRUPT names the file and the
 * member that is broken or edited.  On failure *run is NULL.
 */
enum ko_code ko_run_open(const char *dir, struct ko_run **run, struct ko_error *err);

/* Accepts NULL.  Writes nothing. */
void ko_run_free(struct ko_run *run);

/*
 * reading -> planned, durably, with what find found.  All parts and the manifest of "plan" are
 * durable before.  KO_E_BUG if read is not the sum of the others.
 */
enum ko_code ko_run_finish_reading(struct ko_run *run, const struct ko_run_totals *totals,
                                   const char *plan_digest, struct ko_error *err);

/* The run's plan is another one of its directory from here on.  KO_E_REFUSED unless planned. */
enum ko_code ko_run_choose_plan(struct ko_run *run, const char *plan_name, const char *plan_digest,
                                struct ko_error *err);

/* Like ko_run_set_state(), but changes nothing: for refusing before the first question. */
enum ko_code ko_run_check_state(const struct ko_run *run, enum ko_run_state next,
                                struct ko_error *err);

/*
 * Goes to the next state durably; setting the present state again does nothing.
 * KO_E_REFUSED, with a hint, where the table above has no way; then and on KO_E_IO nothing changed.
 * planned is only reached by ko_run_finish_reading() (KO_E_BUG).
 */
enum ko_code ko_run_set_state(struct ko_run *run, enum ko_run_state next, struct ko_error *err);

/* Writes "<run directory>/<name>" into path; name is a format.  KO_E_OPTION if it does not fit. */
enum ko_code ko_run_path(const struct ko_run *run, char path[KO_PATH_BYTES], struct ko_error *err,
                         const char *name_format, ...) KO_FORMAT(4, 5);

/* Replaces report.json durably; json is one canonical JSON object. */
enum ko_code ko_run_write_report(const struct ko_run *run, struct ko_slice json,
                                 struct ko_error *err);

/*
 * Is the directory shared by all ranks?  Rank 0 writes a nonce (letters and digits, made anew for
 * each start: ko_random_hex), tells it to all, each rank checks that it reads it back, then rank 0
 * removes it. The directory is made if need be.  ko_run_nonce_check(): KO_E_REFUSED if it is not
 * there or another one.
 */
enum ko_code ko_run_nonce_write(const char *dir, const char *nonce, struct ko_error *err);
enum ko_code ko_run_nonce_check(const char *dir, const char *nonce, struct ko_error *err);
enum ko_code ko_run_nonce_remove(const char *dir, const char *nonce, struct ko_error *err);

/* The text of run.json: bytes <-> values, no files. */
enum ko_code ko_run_encode(const struct ko_run *run, struct ko_buf *out, struct ko_error *err);

/* Sets all of *run but dir; slices go to run->arena, which must be there.  KO_E_CORRUPT names the
 * member. */
enum ko_code ko_run_decode(struct ko_slice text, struct ko_run *run, struct ko_error *err);

#endif
