/*
 * The option table: every option and every verb is written down once, here.
 *
 * The table drives the command line, `keepone --help`, `keepone VERB --help`, the man
 * page, the job file (same names), its JSON schema and the canonical text of a job.  An
 * option that is not in the table does not exist; an option without a field in struct
 * ko_job cannot be written down.
 *
 * Thread use: any; the tables are constant.  MPI: none.
 */
#ifndef KEEPONE_JOB_OPTIONS_H
#define KEEPONE_JOB_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

enum ko_verb {
    KO_VERB_FIND,
    KO_VERB_SHOW,
    KO_VERB_PLAN,
    KO_VERB_APPLY,
    KO_VERB_VERIFY,
    KO_VERB_UNDO,
    KO_VERB_RUNS,
    KO_VERB_DEDUP,
    KO_VERB_EXPORT,
    KO_VERB_ESTIMATE,
    KO_VERB_RUN,    /* only on the command line: a parsed job has the verb of its job file */
    KO_VERB_POLICY, /* the same */
    KO_VERB_COUNT
};

/* The order is the order in help texts; a group's options stand together. */
enum ko_option_id {
    KO_OPTION_JOB,
    KO_OPTION_CHECK,
    KO_OPTION_TABLE,
    KO_OPTION_EXPORT,
    KO_OPTION_CATCH_UP,
    KO_OPTION_PRIMARY_KEY,
    KO_OPTION_WHERE,
    KO_OPTION_SEGMENTS,
    KO_OPTION_CONSISTENT,
    KO_OPTION_NO_MD5,
    KO_OPTION_SAMPLE,
    KO_OPTION_SAMPLE_ITEMS,
    KO_OPTION_DUPLICATES,
    KO_OPTION_TO,
    KO_OPTION_AT,
    KO_OPTION_FROM,
    KO_OPTION_UNTIL,
    KO_OPTION_ARN,
    KO_OPTION_NO_WAIT,
    KO_OPTION_BUCKET_OWNER,
    KO_OPTION_SSE_KMS_KEY,
    KO_OPTION_ENDPOINT,
    KO_OPTION_S3_ENDPOINT,
    KO_OPTION_REGION,
    KO_OPTION_PROFILE,
    KO_OPTION_ASSUME_ROLE,
    KO_OPTION_KEY,
    KO_OPTION_KEEP,
    KO_OPTION_SAME,
    KO_OPTION_MISSING_KEY,
    KO_OPTION_MAX_GROUP,
    KO_OPTION_TTL,
    KO_OPTION_NO_TTL,
    KO_OPTION_BASE,
    KO_OPTION_RUN,
    KO_OPTION_WAIT_LEASE,
    KO_OPTION_EXCLUDE,
    KO_OPTION_ONLY,
    KO_OPTION_UNFINISHED,
    KO_OPTION_SAFETY,
    KO_OPTION_UNCHANGED,
    KO_OPTION_YES,
    KO_OPTION_MAX_DELETE,
    KO_OPTION_MAX_DELETE_PERCENT,
    KO_OPTION_NO_PITR_CHECK,
    KO_OPTION_READ_UNITS,
    KO_OPTION_WRITE_UNITS,
    KO_OPTION_IN_FLIGHT,
    KO_OPTION_MEMORY,
    KO_OPTION_SCRATCH,
    KO_OPTION_SHOW_PLAN,
    KO_OPTION_SHOW_REVIEW,
    KO_OPTION_SAMPLES,
    KO_OPTION_PROGRESS,
    KO_OPTION_JSON,
    KO_OPTION_LOG_LEVEL,
    KO_OPTION_COUNT,
    KO_OPTION_NONE = KO_OPTION_COUNT
};

/* Type of an option, and of its field in struct ko_job. */
enum ko_option_type {
    KO_TYPE_TEXT,    /* const char *, NULL = not given */
    KO_TYPE_PATH,    /* the same, a local file or folder */
    KO_TYPE_URL,     /* the same, http:// or https:// */
    KO_TYPE_LIST,    /* struct ko_text_list; commas separate, may be given again */
    KO_TYPE_U64,     /* uint64_t */
    KO_TYPE_BYTES,   /* uint64_t, in bytes; written 4096, 512M, 2G */
    KO_TYPE_PERCENT, /* uint64_t, in millionths; written 50, 0.25 */
    KO_TYPE_RATE,    /* struct ko_job_rate; written 500, 50% */
    KO_TYPE_CHOICE,  /* an enum: the index in choices */
    KO_TYPE_FLAG     /* bool; written alone, or =true, =false */
};

enum ko_option_group {
    KO_GROUP_JOB,
    KO_GROUP_SOURCE,
    KO_GROUP_EXPORT,
    KO_GROUP_AWS,
    KO_GROUP_RULES,
    KO_GROUP_RUN,
    KO_GROUP_DELETE,
    KO_GROUP_SPEED,
    KO_GROUP_OUTPUT,
    KO_GROUP_COUNT
};

#define KO_VERB_BIT(verb) (1U << (verb))

struct ko_option {
    const char *name;           /* without dashes: "max-group"; also the job file's key */
    const char *value;          /* the word for the value in help, such as NAME; NULL for a flag */
    const char *unit;           /* of the numeric types: "items" */
    const char *help;           /* what it does, without a full stop at its end */
    const char *fallback;       /* default, as it would be written; NULL = none (field stays 0) */
    const char *fallback_help;  /* what happens without the option, if fallback cannot say it */
    const char *const *choices; /* ends with NULL; for KO_TYPE_CHOICE */
    enum ko_option_type type;
    enum ko_option_group group;
    unsigned verbs;       /* KO_VERB_BIT of each verb that takes it */
    unsigned required_by; /* KO_VERB_BIT of each verb that cannot do without */
    uint64_t min;         /* range of the numeric types, in the field's unit */
    uint64_t max;
    bool decides_plan;   /* another value may give another plan */
    size_t field_offset; /* of the field in struct ko_job */
};

/* An example: what it does, and the command line. */
struct ko_verb_example {
    const char *says;
    const char *command;
};

enum { KO_VERB_EXAMPLES = 4, KO_VERB_EXITS = 16 };

struct ko_verb_info {
    const char *name;
    const char *purpose;          /* one line */
    const char *usage;            /* behind "keepone " */
    const char *about;            /* a paragraph */
    enum ko_option_id positional; /* what a word without dashes sets, or KO_OPTION_NONE */
    const char *word;             /* that word in usage: "RUN" */
    struct ko_verb_example examples[KO_VERB_EXAMPLES]; /* ends with a NULL command, or full */
    enum ko_code exits[KO_VERB_EXITS]; /* those to mention beside KO_OK, which ends the list */
};

/* Neither fails: the id or verb is one of the enum. */
const struct ko_option *ko_option_of(enum ko_option_id id);
const struct ko_verb_info *ko_verb_info_of(enum ko_verb verb);

/* "What is read" and so on. */
const char *ko_option_group_title(enum ko_option_group group);

/* What an exit code means, a few words; NULL if the program never exits with it. */
const char *ko_exit_meaning(enum ko_code code);

/* KO_VERB_COUNT if there is no such verb. */
enum ko_verb ko_verb_find(struct ko_slice name);

/* The option of this name (without dashes), or KO_OPTION_NONE. */
enum ko_option_id ko_option_find(struct ko_slice name);

/* True if the verb takes the option. */
bool ko_option_belongs(enum ko_option_id id, enum ko_verb verb);

/*
 * KO_E_OPTION for a name that `verb` does not take: says whose it is, or suggests one.
 * dashes: what goes before names, "--" or "".
 */
enum ko_code ko_option_fail_unknown(struct ko_slice name, const char *dashes, enum ko_verb verb,
                                    struct ko_error *err);

/* KO_E_OPTION for a verb that does not exist, with a suggestion. */
enum ko_code ko_verb_fail_unknown(struct ko_slice name, struct ko_error *err);

/*
 * The closest of n names within a third of the letters (at least one), or NULL.  Swapped
 * neighbours count as one mistake; of equal ones the first.
 */
const char *ko_suggest(struct ko_slice name, const char *const *names, size_t n);

/* Adds what `keepone --help` prints. */
void ko_options_add_help(struct ko_buf *out);

/* Adds what `keepone VERB --help` prints. */
void ko_options_add_verb_help(struct ko_buf *out, enum ko_verb verb);

/* Adds the man page in roff (man macros), what `keepone --help=man` prints. */
void ko_options_add_man(struct ko_buf *out);

/* Adds the JSON schema (draft 7) of a job file, what `keepone --help=schema` prints. */
void ko_options_add_schema(struct ko_buf *out);

#endif
