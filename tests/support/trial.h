/*
 * Trials: all rounds of find over lines of text, the result as text again.
 *
 * Each run writes into a temporary run directory of its own, which rank 0 makes and removes.
 * MPI: run_trial() is collective.
 */
#ifndef KEEPONE_TESTS_SUPPORT_TRIAL_H
#define KEEPONE_TESTS_SUPPORT_TRIAL_H

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "keepone/base/file.h"
#include "keepone/base/log.h"
#include "keepone/format/json.h"
#include "keepone/stage/find.h"
#include "keepone/store/line_file.h"
#include "keepone/store/plan.h"
#include "keepone/store/review.h"
#include "keepone/store/run.h"
#include "lines.h"
#include "mpi_test.h"

enum { TRIAL_TOKEN_BYTES = 64 };

/* Rules and items in; {0} is a good value for all but key, keep and items. */
struct trial {
    const char *key;
    const char *keep;
    const char *same;
    const char *ttl;
    bool ttl_is_given;
    const char *range; /* name of the sort key */
    int64_t as_of_s;
    uint64_t max_group;
    enum ko_missing_key missing_key;
    const char *items; /* lines, each ended by a line feed */

    uint64_t n_claims;     /* 0 = 3 */
    bool is_reversed;      /* claims come in another order */
    uint64_t n_filtered;   /* per claim */
    uint64_t memory_bytes; /* 0 = 64 MiB */
    bool is_unlogged; /* each claim starts with an item, alone with its key k, that is too large for
                         the log: all of the claim is read again; such items are not counted */
    const char *items_again; /* what is there then, if not the same */

    /* Failures in ko_find_run(), on one rank: an allocation, from 1, or the disk is full. */
    int fail_rank;
    uint64_t fail_nth;
    bool is_disk_full;
};

/* What came out; the same on all ranks.  Free with clear_outcome(). */
struct outcome {
    struct ko_error error; /* of ko_find_run() on this rank */
    struct ko_find_stats stats;
    enum ko_run_state state;
    struct ko_buf plan;   /* "b>a c>a": loser>keeper, sorted */
    struct ko_buf review; /* "same(d e) ttl(f g)": sorted */
    struct ko_buf counts; /* "read=5 keepers=2 planned=3": those that are not 0 */
    struct ko_buf digest; /* of the plan */
};

static inline void
clear_outcome(struct outcome *outcome)
{
    ko_buf_clear(&outcome->plan);
    ko_buf_clear(&outcome->review);
    ko_buf_clear(&outcome->counts);
    ko_buf_clear(&outcome->digest);
}

/* ---- words ---- */

/* Words of any length, to be sorted and joined. */
struct words {
    char **words;
    size_t n;
    size_t capacity;
};

static inline void
add_word(struct words *words, struct ko_slice word, struct ko_error *err)
{
    if (words->n == words->capacity) {
        const size_t capacity = words->capacity == 0 ? 64 : words->capacity * 2;
        char **moved = ko_realloc(words->words, capacity * sizeof *moved, err);

        if (moved == NULL)
            return;
        words->words = moved;
        words->capacity = capacity;
    }
    words->words[words->n] = ko_copy_text(word, err);
    words->n += words->words[words->n] != NULL;
}

static inline int
compare_words(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Adds the words in order with a space between them, and frees them. */
static inline void
join_words(struct words *words, struct ko_buf *out)
{
    if (words->n > 0)
        qsort(words->words, words->n, sizeof *words->words, compare_words);
    for (size_t i = 0; i < words->n; i++) {
        ko_buf_add_text(out, i == 0 ? "" : " ");
        ko_buf_add_text(out, words->words[i]);
        ko_free(words->words[i]);
    }
    ko_free(words->words);
    *words = (struct words){0};
}

static inline void
add_counts(struct ko_buf *out, const struct ko_counts *counts)
{
    const struct {
        const char *name;
        uint64_t n;
    } all[] = {{"read", counts->read},           {"folded", counts->folded},
               {"filtered", counts->filtered},   {"missing", counts->missing},
               {"unique", counts->unique},       {"keepers", counts->keepers},
               {"planned", counts->planned},     {"review", counts->review},
               {"groups", counts->review_groups}};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].n > 0)
            ko_buf_add_format(out, "%s%s=%llu", out->n == 0 ? "" : " ", all[i].name,
                              (unsigned long long) all[i].n);
}

/* ---- reading the run directory, rank 0 ---- */

/* {"pk":{"S":"a"},"sk":{"N":"7"}} as a/7. */
static inline void
add_primary_key_word(struct ko_buf *out, struct ko_slice primary_key, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    bool is_first = true;

    KO_TRY(ko_json_enter(primary_key, &cursor, err));
    for (;; is_first = false) {
        struct ko_slice name;
        struct ko_slice value;

        KO_TRY(ko_json_next(&cursor, &name, &value, err));
        if (value.data == NULL)
            break;
        ko_buf_add_text(out, is_first ? "" : "/");
        ko_buf_add(out, value.data + 6, value.n - 8);
    }

done:
    return;
}

static inline enum ko_code
read_part(const char *dir, const struct ko_plan_part *part, struct words *words,
          struct ko_error *err)
{
    struct ko_plan_reader *reader = NULL;
    struct ko_plan_line line;
    struct ko_buf word = {0};

    KO_TRY(ko_plan_reader_open(dir, KO_PLAN_NAME, part, &reader, err));
    for (;;) {
        KO_TRY(ko_plan_reader_next(reader, &line, err));
        if (line.text.data == NULL)
            break;
        ko_buf_reset(&word);
        add_primary_key_word(&word, line.delete_primary_key, err);
        ko_buf_add_char(&word, '>');
        add_primary_key_word(&word, line.keep_primary_key, err);
        add_word(words, ko_buf_slice(&word), err);
        KO_TRY(err->code);
    }

done:
    ko_plan_reader_close(reader);
    ko_buf_clear(&word);
    return err->code;
}

static inline enum ko_code
read_plan(const char *dir, struct outcome *outcome, struct ko_error *err)
{
    struct ko_run *run = NULL;
    struct ko_plan_manifest *manifest = NULL;
    struct words words = {0};

    KO_TRY(ko_run_open(dir, &run, err));
    KO_TRY(ko_plan_open(run, &manifest, err));
    ko_buf_add_text(&outcome->digest, manifest->digest);
    for (size_t i = 0; i < manifest->n_parts; i++)
        KO_TRY(read_part(dir, &manifest->parts[i], &words, err));

done:
    join_words(&words, &outcome->plan);
    ko_plan_manifest_free(manifest);
    ko_run_free(run);
    return err->code;
}

/* A review line as same(d e). */
static inline enum ko_code
add_review_word(struct words *words, struct ko_slice line, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice items;
    struct ko_slice item;
    struct ko_slice name;
    struct ko_slice primary_key;
    struct ko_buf word = {0};

    KO_TRY(ko_json_member_text(line, "reason", &word, err));
    ko_buf_add_char(&word, '(');
    KO_TRY(ko_json_member(line, "items", &items, err));
    KO_TRY(ko_json_enter(items, &cursor, err));
    for (bool is_first = true;; is_first = false) {
        KO_TRY(ko_json_next(&cursor, &name, &item, err));
        if (item.data == NULL)
            break;
        KO_TRY(ko_json_member(item, "primary_key", &primary_key, err));
        ko_buf_add_text(&word, is_first ? "" : " ");
        add_primary_key_word(&word, primary_key, err);
    }
    ko_buf_add_char(&word, ')');
    add_word(words, ko_buf_slice(&word), err);

done:
    ko_buf_clear(&word);
    return err->code;
}

static inline enum ko_code
read_review(const char *dir, struct outcome *outcome, struct ko_error *err)
{
    struct ko_line_reader *reader = NULL;
    struct words words = {0};
    struct ko_slice line;

    KO_TRY(ko_review_reader_open(dir, &reader, err));
    for (;;) {
        KO_TRY(ko_line_reader_next(reader, &line, err));
        if (line.data == NULL)
            break;
        KO_TRY(add_review_word(&words, line, err));
    }

done:
    join_words(&words, &outcome->review);
    ko_line_reader_close(reader);
    return err->code;
}

/* ---- running ---- */

/* Collective: a folder that rank 0 makes. */
static inline enum ko_code
make_trial_folder(struct ko_world *world, char folder[KO_PATH_BYTES], struct ko_error *err)
{
    const char *const parent = getenv("TMPDIR");
    struct ko_buf text = {0};

    if (ko_world_rank(world) == 0) {
        (void) ko_path_join(folder, err, parent == NULL ? "/tmp" : parent, "keepone-mpi-XXXXXX");
        if (mkdtemp(folder) == NULL)
            ko_fail(err, KO_E_IO, "cannot make the folder '%s'", folder);
        ko_buf_add(&text, folder, strlen(folder) + 1);
    }
    if (ko_world_share(world, &text, err) == KO_OK)
        memcpy(folder, text.data, text.n);
    ko_buf_clear(&text);
    return err->code;
}

static inline struct ko_rules *
trial_rules(const struct trial *trial, struct ko_error *err)
{
    const struct ko_rules_options options = {.hash_name = KO_SLICE("pk"),
                                             .range_name = ko_slice_of(trial->range),
                                             .key = ko_slice_of(trial->key),
                                             .keep = ko_slice_of(trial->keep),
                                             .same = ko_slice_of(trial->same),
                                             .ttl = ko_slice_of(trial->ttl),
                                             .ttl_is_given = trial->ttl_is_given,
                                             .as_of_s = trial->as_of_s,
                                             .max_group = trial->max_group,
                                             .missing_key = trial->missing_key};

    return ko_rules_new(&options, err);
}

/* Collective: rank 0 makes the run or takes up an unfinished one, the others open it. */
static inline enum ko_code
open_trial_run(struct ko_world *world, const char *dir, struct ko_run **run, struct ko_error *err)
{
    const struct ko_run_facts facts = {.source = KO_RUN_EXPORT,
                                       .table_name = KO_SLICE("t"),
                                       .export_path = KO_SLICE("lines"),
                                       .primary_key = {{.name = KO_SLICE("pk")}},
                                       .n_primary_key = 1,
                                       .n_partitions = KO_PARTITIONS,
                                       .rules_digest = KO_SLICE("r"),
                                       .options = KO_SLICE("{}")};
    bool resumed;

    if (ko_world_rank(world) == 0)
        (void) ko_run_create(dir, &facts, run, &resumed, err);
    if (ko_gate(world, err) == KO_OK && ko_world_rank(world) != 0)
        (void) ko_run_open(dir, run, err);
    return ko_gate(world, err);
}

/* The lines of all items, those that are too large for the log first. */
static inline void
add_trial_lines(struct ko_buf *lines, const struct trial *trial, const char *items,
                const struct ko_find_config *config)
{
    const size_t n = (size_t) (config->memory_bytes / 2);

    for (uint64_t i = 0; trial->is_unlogged && i < config->n_claims; i++) {
        char *room;

        ko_buf_add_format(lines, "large%llu%s k=%llu", (unsigned long long) i,
                          trial->range == NULL ? "" : "/0", (unsigned long long) i);
        room = ko_buf_reserve(lines, n);
        if (room == NULL)
            return;
        memset(room, 'x', n);
        ko_buf_commit(lines, n);
        ko_buf_add_char(lines, '\n');
    }
    ko_buf_add_text(lines, items);
}

/* From here on no file can grow, as on a full disk. */
static inline void
limit_files(bool is_limited)
{
    struct rlimit limit;

    (void) signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
        return;
    limit.rlim_cur = is_limited ? 0 : limit.rlim_max;
    (void) setrlimit(RLIMIT_FSIZE, &limit);
}

/* Collective, in a folder of the caller: the error of find is outcome->error alone. */
static inline enum ko_code
run_trial_in(struct ko_world *world, const char *folder, const struct trial *trial,
             struct outcome *outcome, struct ko_error *err)
{
    char dir[KO_PATH_BYTES];
    struct ko_rules *rules = trial_rules(trial, err);
    struct line_reader *reader = NULL;
    struct ko_find_config config = {.rules = rules,
                                    .n_claims = trial->n_claims == 0 ? 3 : trial->n_claims,
                                    .memory_bytes = trial->memory_bytes == 0 ? 64 * 1024 * 1024
                                                                             : trial->memory_bytes,
                                    .spill_folder = folder};
    struct ko_buf lines = {0};
    struct ko_buf lines_again = {0};
    uint64_t codes;

    *outcome = (struct outcome){0};
    ko_log_init(ko_world_rank(world), KO_LOG_ERROR);
    add_trial_lines(&lines, trial, trial->items, &config);
    if (trial->items_again != NULL)
        add_trial_lines(&lines_again, trial, trial->items_again, &config);
    (void) ko_buf_finish(&lines_again, err);
    if (rules != NULL && ko_buf_finish(&lines, err) == KO_OK)
        config.source = line_source(ko_buf_slice(&lines), rules, &reader, err);
    KO_TRY(ko_gate(world, err));
    if (trial->items_again != NULL)
        reader->lines_again = ko_buf_slice(&lines_again);
    reader->n_claims = config.n_claims;
    reader->is_reversed = trial->is_reversed;
    reader->n_filtered = trial->n_filtered;
    KO_TRY(ko_path_join(dir, err, folder, "run"));
    KO_TRY(open_trial_run(world, dir, &config.run, err));
    if (ko_world_rank(world) == trial->fail_rank) {
        ko_mem_fail_nth(trial->fail_nth);
        limit_files(trial->is_disk_full);
    }
    codes = (uint64_t) ko_find_run(&config, world, &outcome->stats, &outcome->error);
    ko_mem_fail_nth(0);
    limit_files(false);
    KO_TRY(ko_world_sum(world, &codes, 1, err));
    CHECK(codes == (uint64_t) outcome->error.code * (uint64_t) ko_world_size(world));
    if (trial->is_unlogged && outcome->error.code == KO_OK) {
        CHECK(outcome->stats.n_claims_read_again == config.n_claims);
        outcome->stats.counts.read -= config.n_claims;
        outcome->stats.counts.unique -= config.n_claims;
    }
    add_counts(&outcome->counts, &outcome->stats.counts);
    outcome->state = config.run->state;
    if (outcome->error.code == KO_OK && ko_world_rank(world) == 0) {
        (void) read_plan(dir, outcome, err);
        (void) read_review(dir, outcome, err);
    }
    KO_TRY(ko_world_share(world, &outcome->digest, err));
    KO_TRY(ko_world_share(world, &outcome->plan, err));
    KO_TRY(ko_world_share(world, &outcome->review, err));

done:
    if (config.source.ops != NULL)
        config.source.ops->free(config.source.self);
    ko_buf_clear(&lines);
    ko_buf_clear(&lines_again);
    ko_run_free(config.run);
    ko_rules_free(rules);
    return err->code;
}

/* Collective. */
static inline void
remove_trial_folder(struct ko_world *world, const char *folder, struct ko_error *err)
{
    struct ko_error removing = {0};

    (void) ko_gate(world, err);
    if (ko_world_rank(world) == 0)
        (void) ko_folder_remove(folder, &removing);
    CHECK_OK(removing);
}

/* Collective, in a new folder that goes away. */
static inline enum ko_code
run_trial(struct ko_world *world, const struct trial *trial, struct outcome *outcome,
          struct ko_error *err)
{
    char folder[KO_PATH_BYTES] = "";

    *outcome = (struct outcome){0};
    if (make_trial_folder(world, folder, err) != KO_OK)
        return err->code;
    (void) run_trial_in(world, folder, trial, outcome, err);
    remove_trial_folder(world, folder, err);
    return err->code;
}

#endif
