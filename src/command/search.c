#include "search.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "changes.h"
#include "keepone/aws/table_arn.h"
#include "keepone/base/clock.h"
#include "keepone/base/log.h"
#include "keepone/base/mem.h"
#include "keepone/base/mount.h"
#include "keepone/base/random.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"
#include "keepone/format/value.h"
#include "keepone/record/record.h"

enum { SEGMENT_BYTES = 64 * 1024 * 1024, SEGMENTS_PER_RANK = 4, SEGMENTS_MAX = 1000000 };

/* Who is kept does not matter to verify, which takes no --keep. */
static struct ko_slice
keep_of(const struct ko_job *job)
{
    return job->keep.n == 0 ? KO_SLICE("any") : ko_slice_of(job->keep.joined);
}

static enum ko_code
choose_primary_key(const struct ko_session *session, const struct ko_search *search,
                   struct ko_rules_options *options, struct ko_error *err)
{
    const struct ko_text_list *given = &session->job.primary_key;

    if (search->table.name[0] != '\0') {
        options->hash_name = ko_slice_of(search->table.hash.name);
        if (search->table.has_range)
            options->range_name = ko_slice_of(search->table.range.name);
        return KO_OK;
    }
    if (given->n > 0) {
        options->hash_name = ko_slice_of(given->texts[0]);
        if (given->n > 1)
            options->range_name = ko_slice_of(given->texts[1]);
        return KO_OK;
    }
    (void) ko_fail(err, KO_E_OPTION, "an export does not say its table's primary key");
    ko_hint(err, "give --primary-key pk[,sk], or --table NAME to ask the table.");
    return err->code;
}

static enum ko_code
build_rules(const struct ko_session *session, struct ko_search *search, int64_t as_of_s,
            struct ko_error *err)
{
    const struct ko_job *job = &session->job;
    const char *const ttl = job->ttl_attribute != NULL               ? job->ttl_attribute
                            : search->table.ttl_attribute[0] != '\0' ? search->table.ttl_attribute
                                                                     : NULL;
    struct ko_rules_options options = {.key = ko_slice_of(job->key.joined),
                                       .keep = keep_of(job),
                                       .same = ko_slice_of(job->same.joined),
                                       .where = ko_slice_of(job->where),
                                       .ttl = ko_slice_of(ttl),
                                       .ttl_is_given = job->ttl_attribute != NULL,
                                       .as_of_s = as_of_s,
                                       .max_group = job->max_group,
                                       .missing_key = job->missing_key};

    if (err->code != KO_OK)
        return err->code;
    KO_TRY(choose_primary_key(session, search, &options, err));
    if (job->where != NULL)
        KO_TRY(ko_where_parse(options.where, search->arena, &search->where, err));
    search->rules = ko_rules_new(&options, err);

done:
    return err->code;
}

/* What must be equal when a run is resumed: everything that the rules were made from. */
static enum ko_code
digest_rules(const struct ko_session *session, struct ko_search *search, struct ko_error *err)
{
    const struct ko_job *job = &session->job;
    const struct ko_slice parts[] = {
        search->rules->looked[0].path.text,
        search->rules->has_range ? search->rules->looked[1].path.text : KO_SLICE(""),
        ko_slice_of(job->key.joined),
        ko_slice_of(job->keep.joined),
        ko_slice_of(job->same.joined),
        ko_slice_of(job->where),
        search->rules->has_ttl ? search->rules->looked[search->rules->ttl].path.text
                               : KO_SLICE("")};
    struct ko_buf text = {0};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        ko_buf_add_u64(&text, parts[i].n);
        ko_buf_add_slice(&text, parts[i]);
    }
    ko_buf_add_u64(&text, job->max_group);
    ko_buf_add_u64(&text, (uint64_t) job->missing_key);
    ko_changes_add_identity(search, &text);
    if (ko_buf_finish(&text, err) == KO_OK)
        ko_sha256_hex(ko_buf_slice(&text), search->rules_digest);
    ko_buf_clear(&text);
    return err->code;
}

/* A scratch folder of this rank alone, on a local disk. */
static enum ko_code
make_spill_folder(const struct ko_session *session, struct ko_search *search, struct ko_error *err)
{
    const char *const parent = ko_session_scratch(session);
    char suffix[9];

    if (ko_path_is_remote(parent))
        KO_TRY(ko_fail(err, KO_E_OPTION, "--scratch '%s' is not a local folder", parent));
    ko_random_hex(suffix, 8);
    KO_TRY(ko_path_join(search->spill_folder, err, parent, "keepone-%ld-%d-%s", (long) getpid(),
                        ko_world_rank(session->world), suffix));
    KO_TRY(ko_folder_make(search->spill_folder, err));
    return KO_OK;

done:
    search->spill_folder[0] = '\0';
    return err->code;
}

/*
 * A keeper that expires would take its key's last copy with it, so whether items expire must be
 * known before a plan is made.
 */
static enum ko_code
check_ttl(const struct ko_session *session, const struct ko_search *search, struct ko_error *err)
{
    const struct ko_job *job = &session->job;

    if (job->verb != KO_VERB_FIND && job->verb != KO_VERB_DEDUP)
        return KO_OK;
    if (search->table.ttl_is_hidden && job->ttl_attribute == NULL && !job->no_ttl) {
        (void) ko_fail(err, KO_E_REFUSED,
                       "whether items of table '%s' expire is not shown to this account",
                       search->table.name);
        ko_hint(err, "give --ttl ATTR as the table has it set, or --no-ttl if it has none.");
    } else if (search->table.ttl_attribute[0] != '\0' && job->no_ttl) {
        (void) ko_fail(err, KO_E_REFUSED,
                       "--no-ttl is given, and items of table '%s' expire by '%s'",
                       search->table.name, search->table.ttl_attribute);
        ko_hint(err, "leave --no-ttl out.");
    }
    return err->code;
}

/* Collective: the table that the job names, with its own name for its key. */
static enum ko_code
open_table(struct ko_session *session, struct ko_search *search, struct ko_error *err)
{
    if (session->job.table == NULL)
        return KO_OK;
    (void) ko_session_connect(session, NULL, NULL, err);
    KO_TRY(ko_session_describe(session, session->job.table, &search->table, err));
    if (search->table.name[0] == '\0')
        (void) snprintf(search->table.name, sizeof search->table.name, "%s", session->job.table);
    KO_TRY(ko_session_set_caps(session, &search->table, err));
    KO_TRY(check_ttl(session, search, err));

done:
    return err->code;
}

/* Builds rules from some of the texts only, to learn which option is at fault. */
static enum ko_code
try_rules(const struct ko_job *job, enum ko_option_id option,
          const struct ko_rules_options *options, struct ko_error *err)
{
    if (err->code != KO_OK)
        return err->code;
    ko_rules_free(ko_rules_new(options, err));
    if (err->code == KO_E_OPTION && job->origin[option].file_line > 0)
        ko_job_context(job, option, err);
    return err->code;
}

enum ko_code
ko_search_check_texts(const struct ko_job *job, struct ko_error *err)
{
    struct ko_rules_options options = {
        .hash_name = KO_SLICE("pk"), .key = ko_slice_of(job->key.joined), .keep = KO_SLICE("any")};

    if (job->key.n == 0)
        return KO_OK;
    (void) try_rules(job, KO_OPTION_KEY, &options, err);
    options.keep = keep_of(job);
    (void) try_rules(job, KO_OPTION_KEEP, &options, err);
    options.same = ko_slice_of(job->same.joined);
    (void) try_rules(job, KO_OPTION_SAME, &options, err);
    options.where = ko_slice_of(job->where);
    (void) try_rules(job, KO_OPTION_WHERE, &options, err);
    options.ttl = ko_slice_of(job->ttl_attribute);
    return try_rules(job, KO_OPTION_TTL, &options, err);
}

static void
add_files(const struct ko_export *export, struct ko_buf *out)
{
    for (size_t i = 0; i < export->n_files; i++) {
        const struct ko_export_file *file = &export->files[i];

        ko_buf_add_text(out, file->key);
        ko_buf_add_u64(out, file->n_items);
        ko_buf_add_u64(out, file->size_bytes);
        ko_buf_add(out, file->md5, sizeof file->md5);
    }
}

/* Collective: ranks on different machines may have different folders under one name. */
static enum ko_code
check_same_export(const struct ko_session *session, const struct ko_search *search,
                  struct ko_error *err)
{
    uint64_t least = 0;
    uint64_t most;
    struct ko_buf text = {0};

    if (search->export != NULL)
        add_files(search->export, &text);
    for (size_t i = 0; i < search->n_changes; i++)
        add_files(search->changes[i], &text);
    if (ko_buf_finish(&text, err) == KO_OK)
        least = ko_fingerprint(ko_buf_slice(&text));
    most = least;
    ko_buf_clear(&text);
    KO_TRY(ko_world_min(session->world, &least, 1, err));
    KO_TRY(ko_world_max(session->world, &most, 1, err));
    if (least != most) {
        (void) ko_fail(err, KO_E_REFUSED, "the ranks see different exports in '%s'",
                       session->job.export_folder);
        ko_hint(err, "give a folder that all machines share.");
    }

done:
    return err->code;
}

enum ko_code
ko_search_open(struct ko_session *session, int64_t as_of_s, struct ko_search *search,
               struct ko_error *err)
{
    uint64_t now_s = (uint64_t) (ko_wall_us() / 1000000);

    search->arena = ko_arena_new(0, err);
    if (session->job.export_folder != NULL && err->code == KO_OK &&
        ko_session_mount(session, session->job.export_folder, err) == KO_OK)
        (void) ko_export_open(session->job.export_folder, KO_EXPORT_FULL, &search->export, err);
    (void) ko_changes_open(session, search, err);
    KO_TRY(ko_gate(session->world, err));
    KO_TRY(check_same_export(session, search, err));
    KO_TRY(open_table(session, search, err));
    KO_TRY(ko_world_max(session->world, &now_s, 1, err)); /* one time for all: clocks differ */
    if (as_of_s == 0)
        as_of_s = search->export != NULL ? ko_changes_until_s(search) : (int64_t) now_s;
    if (build_rules(session, search, as_of_s, err) == KO_OK &&
        digest_rules(session, search, err) == KO_OK)
        (void) ko_job_encode(&session->job, &search->options, err);
    KO_TRY(ko_gate(session->world, err));
    (void) make_spill_folder(session, search, err);
    KO_TRY(ko_gate(session->world, err));

done:
    return err->code;
}

static struct ko_slice
text_or_absent(const char *text)
{
    return text == NULL || text[0] == '\0' ? (struct ko_slice){NULL, 0} : ko_slice_of(text);
}

/* More segments than ranks, each of a size that reads in seconds. */
static uint64_t
choose_segments(const struct ko_session *session, const struct ko_search *search)
{
    const uint64_t least = (uint64_t) ko_world_size(session->world) * SEGMENTS_PER_RANK;
    uint64_t n = search->table.size_bytes / SEGMENT_BYTES;

    if (session->job.n_segments != 0)
        return session->job.n_segments;
    n = n < least ? least : n;
    return n > SEGMENTS_MAX ? SEGMENTS_MAX : n;
}

struct ko_run_facts
ko_search_facts(const struct ko_session *session, const struct ko_search *search)
{
    const struct ko_table *table = &search->table;
    const struct ko_export *export = search->export;
    const struct ko_rules *rules = search->rules;
    struct ko_run_facts facts = {.source = export != NULL ? KO_RUN_EXPORT : KO_RUN_TABLE,
                                 .table_name = text_or_absent(table->name),
                                 .table_arn = text_or_absent(table->arn),
                                 .table_id = text_or_absent(table->id),
                                 .endpoint = text_or_absent(session->job.endpoint),
                                 .n_primary_key = rules->has_range ? 2 : 1,
                                 .n_partitions = KO_PARTITIONS,
                                 .as_of_s = rules->as_of_s,
                                 .rules_digest = ko_slice_of(search->rules_digest),
                                 .options = ko_buf_slice(&search->options)};

    if (session->client != NULL)
        facts.region = text_or_absent(ko_dynamodb_endpoint(session->client)->region);
    for (size_t i = 0; i < facts.n_primary_key; i++)
        facts.primary_key[i].name = rules->looked[i].path.steps[0].name;
    if (table->name[0] != '\0') {
        facts.primary_key[0].type = ko_slice_of(ko_value_type_name(table->hash.type));
        facts.primary_key[1].type = ko_slice_of(ko_value_type_name(table->range.type));
    }
    if (export != NULL) {
        if (!ko_table_is_arn(ko_slice_of(table->name)))
            facts.table_name = text_or_absent(export->table_name);
        facts.table_arn = text_or_absent(export->table_arn);
        facts.table_id = text_or_absent(export->table_id);
        facts.export_path = ko_slice_of(session->job.export_folder);
        facts.export_arn = text_or_absent(export->arn);
    } else {
        facts.total_segments = (uint32_t) choose_segments(session, search);
    }
    return facts;
}

/* Collective if there are changes. */
static enum ko_code
prepare_export(struct ko_session *session, struct ko_search *search, struct ko_find_stats *stats,
               struct ko_error *err)
{
    search->find.source =
        ko_source_of_export(search->export, search->rules, !session->job.no_md5, err);
    search->find.n_claims = search->export->n_files;
    search->find.expected_items = search->export->n_items;
    return search->n_changes == 0 ? err->code : ko_changes_catch_up(session, search, stats, err);
}

static void
prepare_scan(struct ko_session *session, struct ko_search *search, const char *folder,
             uint64_t total_segments, struct ko_error *err)
{
    if (ko_path_join(search->rows_folder, err, folder, "read") != KO_OK ||
        ko_folder_make(search->rows_folder, err) != KO_OK)
        return;
    search->find.source = ko_source_of_rows(search->rows_folder, search->rules,
                                            search->rules_digest, total_segments, err);
    search->scan = (struct ko_scan_config){
        .client = session->client,
        .table_name = search->table.name,
        .rules = search->rules,
        .where = session->job.where == NULL ? NULL : &search->where,
        .consistent = session->job.consistent,
        .total_segments = total_segments,
        .folder = search->rows_folder,
        .identity = search->rules_digest,
        .expected_items = search->table.n_items,
        .memory_bytes = ko_session_memory_bytes(session),
        .item_bytes =
            search->table.n_items == 0 ? 0 : search->table.size_bytes / search->table.n_items};
    search->find.scan = &search->scan;
}

/* Finding deletes nothing, so a lost lease is only worth a warning. */
static void
renew_lease(void *self)
{
    const struct ko_session *session = self;
    struct ko_error local = {0};

    if (session->lease != NULL && ko_lease_renew(session->lease, &local) != KO_OK)
        ko_log(KO_LOG_WARN, "%s", local.text);
}

enum ko_code
ko_search_run(struct ko_session *session, struct ko_search *search, const char *folder,
              struct ko_run *run, struct ko_find_stats *stats, struct ko_error *err)
{
    search->find.rules = search->rules;
    search->find.memory_bytes = ko_session_memory_bytes(session);
    search->find.spill_folder = search->spill_folder;
    search->find.run = run;
    search->find.may_lack_attributes = run == NULL && session->run != NULL;
    search->find.progress = ko_session_progress(session);
    search->find.progress.pulse = renew_lease;
    search->find.progress.pulse_self = session;
    if (search->export != NULL)
        (void) prepare_export(session, search, stats, err);
    else
        prepare_scan(session, search, folder,
                     run != NULL ? run->facts.total_segments : choose_segments(session, search),
                     err);
    KO_TRY(ko_gate(session->world, err));
    KO_TRY(ko_find_run(&search->find, session->world, stats, err));

done:
    return err->code;
}

void
ko_search_clear(struct ko_search *search)
{
    struct ko_error ignored = {0};

    if (search->find.source.ops != NULL)
        search->find.source.ops->free(search->find.source.self);
    if (search->spill_folder[0] != '\0')
        (void) ko_folder_remove(search->spill_folder, &ignored);
    ko_changes_clear(search);
    ko_rules_free(search->rules);
    ko_export_close(search->export);
    ko_arena_free(search->arena);
    ko_buf_clear(&search->options);
    *search = (struct ko_search){0};
}
