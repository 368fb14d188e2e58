/*
 * A job: what one call of keepone shall do, validated.
 *
 * It comes from the command line, from a YAML job file, or from the canonical text that
 * rank 0 sends to the other ranks and that run.json stores.  Every field is typed and in
 * the unit its comment says; fields of options that the verb does not take hold their
 * defaults.  The content of key, keep, same and where is not looked into here: that is
 * record's.
 *
 *     struct ko_job job;
 *     struct ko_buf text = {0};
 *
 *     KO_TRY(ko_job_init(&job, err));                         (every rank)
 *     KO_TRY(ko_job_parse(argc, argv, &job, &text, err));     (rank 0)
 *     if (text.n > 0)
 *         print text on stdout: it was asked for by --help or --version; nothing else to do
 *     if (job.check_only)
 *         the job file is good; nothing else to do
 *     KO_TRY(ko_job_encode(&job, &text, err));                (rank 0; broadcast the text)
 *     KO_TRY(ko_job_decode(slice, &job, err));                (the other ranks)
 *
 * Thread use: one job, one thread.  MPI: none, every call is local.
 */
#ifndef KEEPONE_JOB_JOB_H
#define KEEPONE_JOB_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/log.h"
#include "keepone/base/mem.h"
#include "keepone/base/slice.h"
#include "keepone/job/options.h"
#include "keepone/record/rules.h"

/*
 * Texts in the order given, NUL-terminated, never empty.  On the command line commas separate
 * them; a comma behind a backslash does not, and the backslash stays in the text.
 */
struct ko_text_list {
    const char **texts;
    size_t n;
    const char *joined; /* with commas between, as ko_rules_new() takes it; NULL if n = 0 */
};

/* A rate, or a part of one that the table tells; both 0 = not given. */
struct ko_job_rate {
    uint64_t n;   /* per second */
    uint64_t ppm; /* millionths: 500000 = 50 % */
};

enum ko_job_safety { KO_JOB_SAFETY_CHECKED, KO_JOB_SAFETY_TRANSACT };

/* AUTO: a live line on a terminal of a single process, else plain lines. */
enum ko_job_progress {
    KO_JOB_PROGRESS_AUTO,
    KO_JOB_PROGRESS_TTY,
    KO_JOB_PROGRESS_PLAIN,
    KO_JOB_PROGRESS_NONE
};

/* Where an option's value was written; for ko_job_check() and for error texts. */
struct ko_job_origin {
    bool is_given;      /* on the command line or in the job file; false = the default */
    uint32_t file_line; /* in job_file; 0 = on the command line */
};

/* All texts are owned by the job and live until ko_job_clear(); NULL = not given. */
struct ko_job {
    enum ko_verb verb;    /* never KO_VERB_RUN or KO_VERB_POLICY after parsing */
    const char *job_file; /* JOB.yaml of `keepone run`; not part of the canonical text */
    bool check_only;      /* `keepone run --check`; not part of the canonical text */
    bool prints_policy;   /* `keepone policy`; not part of the canonical text */

    /* what is read */
    const char *table;               /* source if there is no export, else it only names the key */
    const char *export_folder;       /* --export */
    struct ko_text_list catch_up;    /* folders of incremental exports */
    const char *endpoint;            /* URL */
    const char *s3_endpoint;         /* URL; NULL: from environment and profile */
    const char *region;              /* NULL: from the environment */
    const char *profile;             /* NULL: AWS_PROFILE, else "default" */
    const char *assume_role;         /* a role's ARN */
    struct ko_text_list primary_key; /* 1 or 2 attribute names; n = 0: ask the table */
    const char *where;               /* expression text; live scans only */
    uint64_t n_segments;             /* 0 = choose from the table's size */
    bool consistent;                 /* strongly consistent reads */
    bool no_md5;                     /* do not check md5 of export files */
    uint64_t sample_ppm;             /* millionths of the table to read; 0 = none */
    uint64_t n_sample_items;         /* the same in items */
    uint64_t duplicates_ppm;         /* losers assumed, of all items; 0 = not given */

    /* starting an export */
    const char *to;   /* s3://bucket[/prefix] */
    const char *at;   /* a time, for full exports; NULL = now */
    const char *from; /* the window of an incremental one */
    const char *until;
    const char *arn; /* of an export that was started before */
    bool no_wait;
    const char *bucket_owner; /* account id */
    const char *sse_kms_key;  /* id or ARN */

    /* which items are copies, and which one stays */
    struct ko_text_list key;  /* "attr" or "attr:normaliser:..." per element */
    struct ko_text_list keep; /* "oldest:attr" ... "any", ranked */
    struct ko_text_list same; /* attribute paths */
    enum ko_missing_key missing_key;
    uint64_t max_group;        /* items; 0 = no limit */
    const char *ttl_attribute; /* NULL: what the table says */
    bool no_ttl;               /* what the table does not say is that no item expires */

    /* the run */
    const char *run;       /* run directory; NULL only for verify without a run */
    const char *base;      /* the folder of many runs; for `runs` */
    bool unfinished;       /* `runs`: only these */
    uint64_t wait_lease_s; /* 0 = do not wait */
    const char *exclude;   /* file */
    const char *only;      /* file */

    /* deleting and putting back */
    enum ko_job_safety safety;
    bool unchanged;          /* condition on every attribute of the image */
    bool yes;                /* do not ask */
    uint64_t max_delete;     /* items; 0 = no limit */
    uint64_t max_delete_ppm; /* millionths of the items that were read: 500000 = 50 % */
    bool no_pitr_check;

    /* speed */
    struct ko_job_rate read_units; /* capacity units, of the whole job */
    struct ko_job_rate write_units;
    uint64_t in_flight;    /* requests in flight per rank */
    uint64_t memory_bytes; /* per rank; 0 = half of the host's memory over its ranks */
    const char *scratch;   /* local folder for spills; NULL = TMPDIR, or /tmp */

    /* output */
    bool show_plan;
    bool show_review;
    uint64_t n_samples; /* groups */
    enum ko_job_progress progress;
    bool json;
    enum ko_log_level log_level;

    struct ko_job_origin origin[KO_OPTION_COUNT];
    struct ko_arena *arena; /* owns every text */
};

/* The job with every default.  KO_E_MEMORY.  ko_job_clear() is good after a failure, too. */
enum ko_code ko_job_init(struct ko_job *job, struct ko_error *err);
void ko_job_clear(struct ko_job *job);

/*
 * Reads a command line (argv[0] is skipped) into a fresh job, for `run` with its job file, and
 * checks the result.  Asked for --help, --help=man, --help=schema or --version it adds that text to
 * *print instead, and the job is not to be used. Errors: KO_E_OPTION with a hint (a job file's with
 * file and line), KO_E_MEMORY.
 */
enum ko_code ko_job_parse(int argc, char *const *argv, struct ko_job *job, struct ko_buf *print,
                          struct ko_error *err);

/* Like ko_job_parse() for the text of a job file alone; file_name is for error texts. */
enum ko_code ko_job_parse_text(struct ko_slice yaml, const char *file_name, struct ko_job *job,
                               struct ko_error *err);

/* What options need of one another, such as one source; both parsers call it.  KO_E_OPTION. */
enum ko_code ko_job_check(const struct ko_job *job, struct ko_error *err);

/*
 * Adds the canonical JSON text: {"<option>":<value>,...} with "verb" among them, names sorted;
 * defaults are written out, flags only when set, what has no value is left out.
 */
enum ko_code ko_job_encode(const struct ko_job *job, struct ko_buf *out, struct ko_error *err);

/*
 * Reads such a text into a fresh job (white space allowed).  Names, types and ranges are checked,
 * KO_E_CORRUPT; options count as given.
 */
enum ko_code ko_job_decode(struct ko_slice text, struct ko_job *job, struct ko_error *err);

/*
 * KO_E_REFUSED, naming the first difference, unless both jobs hold the same values for every
 * option that decides what the plan says (verbs may differ).  For resuming in a run directory.
 */
enum ko_code ko_job_check_same_plan(const struct ko_job *stored, const struct ko_job *now,
                                    struct ko_error *err);

/*
 * Puts "jobs/a.yaml:7: key: " or "--key: " in front of a failure about that option's content; a
 * failure found by whoever looks into the text then says where it was written.
 */
void ko_job_context(const struct ko_job *job, enum ko_option_id id, struct ko_error *err);

#endif
