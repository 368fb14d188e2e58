#include "keepone/job/options.h"

#include "keepone/job/job.h"

#define FIND     KO_VERB_BIT(KO_VERB_FIND)
#define SHOW     KO_VERB_BIT(KO_VERB_SHOW)
#define PLAN     KO_VERB_BIT(KO_VERB_PLAN)
#define APPLY    KO_VERB_BIT(KO_VERB_APPLY)
#define VERIFY   KO_VERB_BIT(KO_VERB_VERIFY)
#define UNDO     KO_VERB_BIT(KO_VERB_UNDO)
#define RUNS     KO_VERB_BIT(KO_VERB_RUNS)
#define DEDUP    KO_VERB_BIT(KO_VERB_DEDUP)
#define EXPORT   KO_VERB_BIT(KO_VERB_EXPORT)
#define RUN      KO_VERB_BIT(KO_VERB_RUN)
#define POLICY   KO_VERB_BIT(KO_VERB_POLICY)
#define ESTIMATE KO_VERB_BIT(KO_VERB_ESTIMATE)

#define MAKES_PLAN (FIND | DEDUP)
#define READS      (MAKES_PLAN | VERIFY)
#define DELETES    (APPLY | DEDUP)
#define WRITES     (DELETES | UNDO)
#define WORKS      (READS | WRITES)
#define TALKS      (WORKS | EXPORT | ESTIMATE)
#define REACHES    (TALKS | SHOW | PLAN | RUNS)

/* Does not compile if the member is not of the type that the option's type asks for. */
#define FIELD(member, c_type)          \
    (offsetof(struct ko_job, member) + \
     0 * sizeof(_Generic(((struct ko_job *) 0)->member, c_type : 1)))

#define TEXT(member)   .type = KO_TYPE_TEXT, .field_offset = FIELD(member, const char *)
#define PATH(member)   .type = KO_TYPE_PATH, .field_offset = FIELD(member, const char *)
#define URL(member)    .type = KO_TYPE_URL, .field_offset = FIELD(member, const char *)
#define LIST(member)   .type = KO_TYPE_LIST, .field_offset = FIELD(member, struct ko_text_list)
#define FLAG(member)   .type = KO_TYPE_FLAG, .field_offset = FIELD(member, bool)
#define NUMBER(member) .type = KO_TYPE_U64, .field_offset = FIELD(member, uint64_t)
#define BYTES(member)  .type = KO_TYPE_BYTES, .field_offset = FIELD(member, uint64_t)
#define PERCENT(member) \
    .type = KO_TYPE_PERCENT, .field_offset = FIELD(member, uint64_t), .unit = "percent"
#define RATE(member) .type = KO_TYPE_RATE, .field_offset = FIELD(member, struct ko_job_rate)
#define CHOICE(member, c_type, names) \
    .type = KO_TYPE_CHOICE, .field_offset = FIELD(member, c_type), .choices = (names)
#define RANGE(from, to) .min = (from), .max = (to)

static const char *const missing_choices[] = {"skip", "error", "group", NULL};
static const char *const safety_choices[] = {"checked", "transact", NULL};
static const char *const progress_choices[] = {"auto", "tty", "plain", "none", NULL};
static const char *const log_choices[] = {"error", "warn", "info", "debug", NULL};

/* The index of a choice is the value of its enum. */
_Static_assert(KO_MISSING_SKIP == 0 && KO_MISSING_ERROR == 1 && KO_MISSING_GROUP == 2, "order");
_Static_assert(KO_LOG_ERROR == 0 && KO_LOG_WARN == 1 && KO_LOG_INFO == 2 && KO_LOG_DEBUG == 3,
               "order");

static const struct ko_option options[KO_OPTION_COUNT] = {
    [KO_OPTION_JOB] = {.name = "job",
                       .value = "FILE",
                       .help = "the job file",
                       PATH(job_file),
                       .group = KO_GROUP_JOB,
                       .verbs = RUN | POLICY,
                       .required_by = RUN | POLICY},
    [KO_OPTION_CHECK] = {.name = "check",
                         .help = "only check the job file; read and write nothing else",
                         FLAG(check_only),
                         .group = KO_GROUP_JOB,
                         .verbs = RUN},

    [KO_OPTION_TABLE] = {.name = "table",
                         .value = "NAME",
                         .help = "the live table to scan or to export; beside --export it is not "
                                 "scanned, it only says what the primary key is",
                         TEXT(table),
                         .group = KO_GROUP_SOURCE,
                         .verbs = READS | EXPORT | ESTIMATE,
                         .decides_plan = true},
    [KO_OPTION_EXPORT] = {.name = "export",
                          .value = "DIR",
                          .help = "the folder of a full DynamoDB export in DYNAMODB_JSON, the one "
                                  "with manifest-summary.json in it",
                          PATH(export_folder),
                          .group = KO_GROUP_SOURCE,
                          .verbs = READS | ESTIMATE,
                          .decides_plan = true},
    [KO_OPTION_CATCH_UP] = {.name = "catch-up",
                            .value = "DIR[,DIR...]",
                            .help = "incremental exports made since the --export, in any order; "
                                    "the plan is then of the end of the last one's window",
                            LIST(catch_up),
                            .group = KO_GROUP_SOURCE,
                            .verbs = READS,
                            .decides_plan = true},
    [KO_OPTION_PRIMARY_KEY] = {.name = "primary-key",
                               .value = "PK[,SK]",
                               .help = "the attributes of the table's primary key; for an export "
                                       "without --table",
                               LIST(primary_key),
                               .group = KO_GROUP_SOURCE,
                               .verbs = READS | ESTIMATE,
                               .decides_plan = true},
    [KO_OPTION_WHERE] = {.name = "where",
                         .value = "EXPR",
                         .help = "look only at items for which this holds, such as 'status = "
                                 "\"old\" AND attempts > 3'; live tables only",
                         TEXT(where),
                         .group = KO_GROUP_SOURCE,
                         .verbs = READS,
                         .decides_plan = true},
    [KO_OPTION_SEGMENTS] = {.name = "segments",
                            .value = "N",
                            .unit = "segments",
                            .help = "into how many segments the scan is divided",
                            .fallback_help = "chosen from the table's size",
                            NUMBER(n_segments),
                            RANGE(1, 1000000),
                            .group = KO_GROUP_SOURCE,
                            .verbs = READS},
    [KO_OPTION_CONSISTENT] = {.name = "consistent",
                              .help =
                                  "scan with strongly consistent reads, at twice the read units",
                              FLAG(consistent),
                              .group = KO_GROUP_SOURCE,
                              .verbs = READS},
    [KO_OPTION_NO_MD5] = {.name = "no-md5",
                          .help = "do not check the md5 of export files; gzip's own checksum and "
                                  "the item counts still are",
                          FLAG(no_md5),
                          .group = KO_GROUP_SOURCE,
                          .verbs = READS | ESTIMATE},
    [KO_OPTION_SAMPLE] = {.name = "sample",
                          .value = "P",
                          .help = "read this part of the live table, at random, to estimate how "
                                  "many copies there are; it costs that part of a scan",
                          .fallback_help = "nothing is read",
                          PERCENT(sample_ppm),
                          RANGE(1, 1000000),
                          .group = KO_GROUP_SOURCE,
                          .verbs = ESTIMATE},
    [KO_OPTION_SAMPLE_ITEMS] = {.name = "sample-items",
                                .value = "N",
                                .unit = "items",
                                .help = "the same, about this many items",
                                NUMBER(n_sample_items),
                                RANGE(1, UINT64_MAX),
                                .group = KO_GROUP_SOURCE,
                                .verbs = ESTIMATE},
    [KO_OPTION_DUPLICATES] = {.name = "duplicates",
                              .value = "P",
                              .help = "assume that this part of the items would be deleted",
                              .fallback_help = "what a sample or an export says, else 1",
                              PERCENT(duplicates_ppm),
                              RANGE(1, 1000000),
                              .group = KO_GROUP_SOURCE,
                              .verbs = ESTIMATE},

    [KO_OPTION_TO] = {.name = "to",
                      .value = "s3://BUCKET[/PREFIX]",
                      .help = "where the export is written",
                      TEXT(to),
                      .group = KO_GROUP_EXPORT,
                      .verbs = EXPORT},
    [KO_OPTION_AT] = {.name = "at",
                      .value = "TIME",
                      .help = "export the table as it was then, such as 2026-01-31T12:00:00Z",
                      .fallback_help =
                          "as it is when the export starts; for 8 hours the same command finds "
                          "the export it has started and makes no other",
                      TEXT(at),
                      .group = KO_GROUP_EXPORT,
                      .verbs = EXPORT},
    [KO_OPTION_FROM] = {.name = "from",
                        .value = "TIME",
                        .help = "export only what has changed since, up to --until, for "
                                "--catch-up; more than 24 hours become several exports",
                        TEXT(from),
                        .group = KO_GROUP_EXPORT,
                        .verbs = EXPORT},
    [KO_OPTION_UNTIL] = {.name = "until",
                         .value = "TIME",
                         .help = "the end of what --from begins, this moment not included",
                         TEXT(until),
                         .group = KO_GROUP_EXPORT,
                         .verbs = EXPORT},
    [KO_OPTION_ARN] = {.name = "arn",
                       .value = "ARN",
                       .help = "wait for this export, which was started before",
                       TEXT(arn),
                       .group = KO_GROUP_EXPORT,
                       .verbs = EXPORT},
    [KO_OPTION_NO_WAIT] = {.name = "no-wait",
                           .help = "only start the export, and print its ARN",
                           FLAG(no_wait),
                           .group = KO_GROUP_EXPORT,
                           .verbs = EXPORT},
    [KO_OPTION_BUCKET_OWNER] = {.name = "bucket-owner",
                                .value = "ACCOUNT",
                                .help = "the account id of the bucket's owner, if that is another "
                                        "account",
                                TEXT(bucket_owner),
                                .group = KO_GROUP_EXPORT,
                                .verbs = EXPORT},
    [KO_OPTION_SSE_KMS_KEY] = {.name = "sse-kms-key",
                               .value = "KEY",
                               .help = "the KMS key, by id or ARN, to encrypt the files with",
                               .fallback_help = "the bucket's own encryption",
                               TEXT(sse_kms_key),
                               .group = KO_GROUP_EXPORT,
                               .verbs = EXPORT},

    [KO_OPTION_ENDPOINT] = {.name = "endpoint",
                            .value = "URL",
                            .help = "where DynamoDB answers, such as http://127.0.0.1:8000 for "
                                    "DynamoDB Local",
                            .fallback_help =
                                "for an existing run the one it was found with, else "
                                "AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL, or the region's own",
                            URL(endpoint),
                            .group = KO_GROUP_AWS,
                            .verbs = TALKS},
    [KO_OPTION_S3_ENDPOINT] = {.name = "s3-endpoint",
                               .value = "URL",
                               .help = "where S3 answers, for paths that start with s3://",
                               .fallback_help = "AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or the "
                                                "region's own",
                               URL(s3_endpoint),
                               .group = KO_GROUP_AWS,
                               .verbs = REACHES},
    [KO_OPTION_REGION] = {.name = "region",
                          .value = "NAME",
                          .help = "the AWS region of the table",
                          .fallback_help =
                              "for an existing run the one it was found with, else AWS_REGION or "
                              "AWS_DEFAULT_REGION",
                          TEXT(region),
                          .group = KO_GROUP_AWS,
                          .verbs = REACHES},
    [KO_OPTION_PROFILE] = {.name = "profile",
                           .value = "NAME",
                           .help = "the profile of ~/.aws/config and ~/.aws/credentials to use; "
                                   "credentials in the environment do not count then",
                           .fallback_help = "AWS_PROFILE, else default",
                           TEXT(profile),
                           .group = KO_GROUP_AWS,
                           .verbs = REACHES},
    [KO_OPTION_ASSUME_ROLE] = {.name = "assume-role",
                               .value = "ARN",
                               .help = "the role to work as, such as "
                                       "arn:aws:iam::123456789012:role/keepone; it is assumed "
                                       "with the credentials that are found otherwise",
                               TEXT(assume_role),
                               .group = KO_GROUP_AWS,
                               .verbs = REACHES},

    [KO_OPTION_KEY] = {.name = "key",
                       .value = "LIST",
                       .help = "the attributes that two items share when they are copies of one "
                               "another, each as attr[:normaliser...], such as cause or "
                               "handle:lower:trim,meta.parts[0]; normalisers are trim, space, "
                               "lower, nfkc",
                       LIST(key),
                       .group = KO_GROUP_RULES,
                       .verbs = READS | ESTIMATE,
                       .required_by = MAKES_PLAN,
                       .decides_plan = true},
    [KO_OPTION_KEEP] = {.name = "keep",
                        .value = "LIST",
                        .help = "which of the copies stays, by ranked rules: oldest:attr, "
                                "newest:attr, min:attr, max:attr, has:attr, equals:attr=value, any",
                        LIST(keep),
                        .group = KO_GROUP_RULES,
                        .verbs = MAKES_PLAN,
                        .required_by = MAKES_PLAN,
                        .decides_plan = true},
    [KO_OPTION_SAME] = {.name = "same",
                        .value = "LIST",
                        .help = "attributes that must agree among copies; groups that differ in "
                                "one go to review and nothing of them is deleted",
                        LIST(same),
                        .group = KO_GROUP_RULES,
                        .verbs = MAKES_PLAN,
                        .decides_plan = true},
    [KO_OPTION_MISSING_KEY] = {.name = "missing-key",
                               .value = "WHAT",
                               .help = "items whose key is absent, NULL or empty: count and leave "
                                       "alone, stop with an error, or take them as copies of one "
                                       "another",
                               .fallback = "skip",
                               CHOICE(missing_key, enum ko_missing_key, missing_choices),
                               .group = KO_GROUP_RULES,
                               .verbs = READS | ESTIMATE,
                               .decides_plan = true},
    [KO_OPTION_MAX_GROUP] = {.name = "max-group",
                             .value = "N",
                             .unit = "items",
                             .help = "larger groups go to review; 0 = no limit",
                             .fallback = "1000",
                             NUMBER(max_group),
                             RANGE(0, UINT64_MAX),
                             .group = KO_GROUP_RULES,
                             .verbs = MAKES_PLAN,
                             .decides_plan = true},
    [KO_OPTION_TTL] = {.name = "ttl",
                       .value = "ATTR",
                       .help = "the attribute with the time an item expires; an expired item is "
                               "never the one kept",
                       .fallback_help = "a live table's own setting, none for an export",
                       TEXT(ttl_attribute),
                       .group = KO_GROUP_RULES,
                       .verbs = MAKES_PLAN,
                       .decides_plan = true},
    [KO_OPTION_NO_TTL] = {.name = "no-ttl",
                          .help = "no item of the table expires; for a table of another account, "
                                  "which does not show its setting",
                          FLAG(no_ttl),
                          .group = KO_GROUP_RULES,
                          .verbs = MAKES_PLAN},

    [KO_OPTION_BASE] = {.name = "base",
                        .value = "DIR",
                        .help = "the folder with the run directories",
                        PATH(base),
                        .group = KO_GROUP_RUN,
                        .verbs = RUNS,
                        .required_by = RUNS},
    [KO_OPTION_RUN] = {.name = "run",
                       .value = "DIR",
                       .help =
                           "the run directory, shared by all ranks; plan, journal and report are "
                           "in it",
                       PATH(run),
                       .group = KO_GROUP_RUN,
                       .verbs = WORKS | SHOW | PLAN,
                       .required_by = MAKES_PLAN | DELETES | UNDO | SHOW | PLAN},
    [KO_OPTION_WAIT_LEASE] = {.name = "wait-lease",
                              .value = "N",
                              .unit = "seconds",
                              .help = "wait so long while another keepone has the run; one that "
                                      "was killed elsewhere counts as gone after 120",
                              .fallback_help = "be refused at once",
                              NUMBER(wait_lease_s),
                              RANGE(1, 86400),
                              .group = KO_GROUP_RUN,
                              .verbs = MAKES_PLAN | PLAN | WRITES},
    [KO_OPTION_EXCLUDE] = {.name = "exclude",
                           .value = "FILE",
                           .help = "leave the items and groups of FILE out of the new plan",
                           PATH(exclude),
                           .group = KO_GROUP_RUN,
                           .verbs = PLAN},
    [KO_OPTION_ONLY] = {.name = "only",
                        .value = "FILE",
                        .help = "take only the items and groups of FILE into the new plan",
                        PATH(only),
                        .group = KO_GROUP_RUN,
                        .verbs = PLAN},
    [KO_OPTION_UNFINISHED] = {.name = "unfinished",
                              .help = "only runs that the same command would go on with: reading, "
                                      "applying, undoing, or planned by dedup --yes",
                              FLAG(unfinished),
                              .group = KO_GROUP_RUN,
                              .verbs = RUNS},

    [KO_OPTION_SAFETY] = {.name = "safety",
                          .value = "HOW",
                          .help = "checked reads loser and keeper before each conditional delete, "
                                  "and the keeper after it: if it is gone, the loser is put back; "
                                  "transact deletes in transactions that check the keeper, at "
                                  "twice the write units",
                          .fallback = "checked",
                          CHOICE(safety, enum ko_job_safety, safety_choices),
                          .group = KO_GROUP_DELETE,
                          .verbs = DELETES | ESTIMATE},
    [KO_OPTION_UNCHANGED] = {.name = "unchanged",
                             .help = "delete only items of which no attribute has changed, not "
                                     "just those that the rules looked at",
                             FLAG(unchanged),
                             .group = KO_GROUP_DELETE,
                             .verbs = DELETES},
    [KO_OPTION_YES] = {.name = "yes",
                       .help = "write without asking; needed where nobody can be asked",
                       FLAG(yes),
                       .group = KO_GROUP_DELETE,
                       .verbs = WRITES},
    [KO_OPTION_MAX_DELETE] = {.name = "max-delete",
                              .value = "N",
                              .unit = "items",
                              .help = "refuse to delete anything if the plan names more items",
                              .fallback_help = "no limit",
                              NUMBER(max_delete),
                              RANGE(1, UINT64_MAX),
                              .group = KO_GROUP_DELETE,
                              .verbs = DELETES},
    [KO_OPTION_MAX_DELETE_PERCENT] = {.name = "max-delete-percent",
                                      .value = "P",
                                      .help = "refuse to delete anything if the plan names more "
                                              "than this part of the items read",
                                      .fallback = "50",
                                      PERCENT(max_delete_ppm),
                                      RANGE(1, 1000000),
                                      .group = KO_GROUP_DELETE,
                                      .verbs = DELETES},
    [KO_OPTION_NO_PITR_CHECK] = {.name = "no-pitr-check",
                                 .help = "delete even if the table has no point-in-time recovery",
                                 FLAG(no_pitr_check),
                                 .group = KO_GROUP_DELETE,
                                 .verbs = DELETES},

    [KO_OPTION_READ_UNITS] = {.name = "read-units",
                              .value = "N|P%",
                              .unit = "units",
                              .help = "read at most so many capacity units per second, all ranks "
                                      "and indexes together, or this part of what the table has, "
                                      "such as 50%",
                              .fallback_help = "as fast as the table takes it",
                              RATE(read_units),
                              RANGE(1, 1000000000),
                              .group = KO_GROUP_SPEED,
                              .verbs = READS | DELETES | ESTIMATE},
    [KO_OPTION_WRITE_UNITS] = {.name = "write-units",
                               .value = "N|P%",
                               .unit = "units",
                               .help = "write at most so many capacity units per second, counted "
                                       "in the same way",
                               .fallback_help = "as fast as the table takes it",
                               RATE(write_units),
                               RANGE(1, 1000000000),
                               .group = KO_GROUP_SPEED,
                               .verbs = WRITES | ESTIMATE},
    [KO_OPTION_IN_FLIGHT] = {.name = "in-flight",
                             .value = "N",
                             .unit = "requests",
                             .help = "how many requests each rank has under way at a time",
                             .fallback = "32",
                             NUMBER(in_flight),
                             RANGE(1, 1024),
                             .group = KO_GROUP_SPEED,
                             .verbs = WORKS | ESTIMATE},
    [KO_OPTION_MEMORY] = {.name = "memory",
                          .value = "BYTES",
                          .unit = "bytes",
                          .help = "how much memory each rank may use; what does not fit is read "
                                  "again, or sorted in files in --scratch",
                          .fallback_help = "half of the host's, divided over its ranks",
                          BYTES(memory_bytes),
                          RANGE(UINT64_C(12) << 20, UINT64_C(1) << 50),
                          .group = KO_GROUP_SPEED,
                          .verbs = READS | APPLY | ESTIMATE},
    [KO_OPTION_SCRATCH] = {.name = "scratch",
                           .value = "DIR",
                           .help = "local folder for what memory has no room for; each host has "
                                   "its own, and it is empty afterwards",
                           .fallback_help = "TMPDIR, or /tmp",
                           PATH(scratch),
                           .group = KO_GROUP_SPEED,
                           .verbs = READS},

    [KO_OPTION_SHOW_PLAN] = {.name = "plan",
                             .help = "print the plan as JSON Lines: what would be deleted, and "
                                     "what stays for it",
                             FLAG(show_plan),
                             .group = KO_GROUP_OUTPUT,
                             .verbs = SHOW},
    [KO_OPTION_SHOW_REVIEW] = {.name = "review",
                               .help = "print the groups left for review as JSON Lines, and why",
                               FLAG(show_review),
                               .group = KO_GROUP_OUTPUT,
                               .verbs = SHOW},
    [KO_OPTION_SAMPLES] = {.name = "samples",
                           .value = "N",
                           .unit = "groups",
                           .help = "how many groups to print side by side",
                           .fallback = "3",
                           NUMBER(n_samples),
                           RANGE(0, 1000),
                           .group = KO_GROUP_OUTPUT,
                           .verbs = SHOW},
    [KO_OPTION_PROGRESS] = {.name = "progress",
                            .value = "HOW",
                            .help =
                                "on stderr: tty is one live line, plain a line now and then, auto "
                                "chooses and is plain under mpirun",
                            .fallback = "auto",
                            CHOICE(progress, enum ko_job_progress, progress_choices),
                            .group = KO_GROUP_OUTPUT,
                            .verbs = TALKS},
    [KO_OPTION_JSON] = {.name = "json",
                        .help = "print the result on stdout as one JSON object",
                        FLAG(json),
                        .group = KO_GROUP_OUTPUT,
                        .verbs = TALKS | SHOW | RUNS},
    [KO_OPTION_LOG_LEVEL] = {.name = "log-level",
                             .value = "LEVEL",
                             .help = "how much to say on stderr",
                             .fallback = "info",
                             CHOICE(log_level, enum ko_log_level, log_choices),
                             .group = KO_GROUP_OUTPUT,
                             .verbs = TALKS},
};

const struct ko_option *
ko_option_of(enum ko_option_id id)
{
    KO_ASSERT(id < KO_OPTION_COUNT);
    return &options[id];
}

const char *
ko_option_group_title(enum ko_option_group group)
{
    static const char *const titles[KO_GROUP_COUNT] = {
        [KO_GROUP_JOB] = "The job",
        [KO_GROUP_SOURCE] = "What is read",
        [KO_GROUP_EXPORT] = "The export",
        [KO_GROUP_AWS] = "AWS",
        [KO_GROUP_RULES] = "What a copy is, and which one stays",
        [KO_GROUP_RUN] = "The run",
        [KO_GROUP_DELETE] = "Safety",
        [KO_GROUP_SPEED] = "Speed",
        [KO_GROUP_OUTPUT] = "Output",
    };

    KO_ASSERT(group < KO_GROUP_COUNT);
    return titles[group];
}

bool
ko_option_belongs(enum ko_option_id id, enum ko_verb verb)
{
    return (ko_option_of(id)->verbs & KO_VERB_BIT(verb)) != 0;
}

enum ko_option_id
ko_option_find(struct ko_slice name)
{
    for (unsigned id = 0; id < KO_OPTION_COUNT; id++) {
        if (ko_slice_equal(ko_slice_of(options[id].name), name))
            return (enum ko_option_id) id;
    }
    return KO_OPTION_NONE;
}
