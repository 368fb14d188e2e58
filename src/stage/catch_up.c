#include "keepone/stage/catch_up.h"

#include <inttypes.h>

#include "catch_up_priv.h"
#include "keepone/base/clock.h"
#include "keepone/base/mem.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/phase.h"
#include "keepone/comm/world.h"
#include "keepone/store/export.h"
#include "keepone/store/export_chain.h"
#include "keepone/store/sorter.h"

enum { CHANGES_PER_STEP = 1024 };

/* ---- changes: lines to the owners of their keys ---- */

/* Claims are the files of all exports, one export after the other. */
static uint64_t
count_files(const struct ko_catch_up_config *config)
{
    uint64_t n = 0;

    for (size_t i = 0; i < config->n_changes; i++)
        n += config->changes[i]->n_files;
    return n;
}

static uint64_t
count_changes(const struct ko_catch_up_config *config)
{
    uint64_t n = 0;

    for (size_t i = 0; i < config->n_changes; i++)
        n += config->changes[i]->n_items;
    return n;
}

static enum ko_code
take_claim(void *self, struct ko_phase *phase, bool is_none, uint64_t claim_index,
           struct ko_error *err)
{
    struct ko_catching_up *all = self;
    struct ko_export *const *changes = all->config->changes;
    uint32_t window = 0;

    (void) phase;
    all->is_asked = false;
    all->is_done = is_none;
    if (is_none)
        return KO_OK;
    while (claim_index >= changes[window]->n_files)
        claim_index -= changes[window++]->n_files;
    KO_TRY(ko_change_reader_begin(all->reader, &changes[window]->files[claim_index], window, err));
    all->is_claim_open = true;

done:
    return err->code;
}

static int
owner_of(const struct ko_catching_up *all, struct ko_wide_fingerprint fingerprint)
{
    const uint64_t n_ranks = (uint64_t) ko_world_size(all->world);

    return (int) ((fingerprint.high >> 32) * n_ranks >> 32);
}

static enum ko_code
read_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct ko_catching_up *all = self;

    *state = all->is_done ? KO_PHASE_DONE : KO_PHASE_WAITING;
    if (!all->is_claim_open && !all->is_asked && !all->is_done) {
        all->is_asked = true;
        KO_TRY(ko_phase_ask(phase, err));
    }
    for (int i = 0; i < CHANGES_PER_STEP && all->is_claim_open && !ko_phase_is_full(phase); i++) {
        struct ko_wide_fingerprint fingerprint;
        struct ko_slice change;
        bool is_ready;

        KO_TRY(ko_change_reader_is_ready(all->reader, &is_ready, err));
        *state = is_ready ? KO_PHASE_BUSY : KO_PHASE_WAITING;
        if (!is_ready)
            break;
        KO_TRY(ko_change_reader_next(all->reader, &change, &fingerprint, err));
        all->is_claim_open = change.data != NULL;
        if (!all->is_claim_open)
            break;
        KO_TRY(ko_phase_send(phase, owner_of(all, fingerprint), change, err));
        all->n_sent++;
    }

done:
    return err->code;
}

static enum ko_code
receive_change(void *self, struct ko_phase *phase, int source, struct ko_slice content,
               struct ko_error *err)
{
    struct ko_catching_up *all = self;

    (void) phase;
    (void) source;
    if (content.n < KO_CHANGE_HEAD_BYTES)
        return ko_fail(err, KO_E_BUG, "a change of %zu bytes arrived", content.n);
    KO_TRY(ko_sorter_add(all->sorter, ko_change_number(content, 0, 8), content, err));
    all->n_received++;

done:
    return err->code;
}

static void
wait_for_changes(void *self, unsigned max_us)
{
    struct ko_catching_up *all = self;

    if (all->is_claim_open)
        ko_change_reader_wait(all->reader, max_us);
    else
        ko_sleep_us(max_us);
}

static void
show(void *self, const uint64_t *totals)
{
    const struct ko_catching_up *all = self;

    ko_progress_show(all->config->progress, totals[0]);
}

static enum ko_code
read_changes(struct ko_catching_up *all, struct ko_error *err)
{
    const struct ko_phase_ops ops = {.step = read_step,
                                     .receive = receive_change,
                                     .claim = take_claim,
                                     .wait = wait_for_changes,
                                     .progress = show};
    const struct ko_phase_options options = {.name = "changes",
                                             .ops = &ops,
                                             .self = all,
                                             .silent_limit_s = KO_PHASE_SILENT_S +
                                                               ko_sorter_slowest_add_s(all->sorter),
                                             .n_claims = count_files(all->config),
                                             .counters = &all->n_sent,
                                             .n_counters = 1};
    const uint64_t expected = count_changes(all->config);
    struct ko_phase_stats phase_stats = {0};
    uint64_t sums[2];

    ko_progress_begin(all->config->progress, "changes", "changes", expected);
    (void) ko_phase_run(all->world, &options, &phase_stats, err);
    ko_progress_end(all->config->progress);
    all->stats.n_wire_bytes += phase_stats.n_wire_bytes;
    all->stats.n_changes = all->n_sent;
    sums[0] = all->n_sent;
    sums[1] = all->n_received;
    KO_TRY(ko_world_sum(all->world, sums, 2, err));
    if (sums[0] != expected || sums[1] != expected)
        (void) ko_fail(err, KO_E_BUG,
                       "%" PRIu64 " changes are listed, %" PRIu64 " were sent, %" PRIu64
                       " received",
                       expected, sums[0], sums[1]);
    if (err->code == KO_OK)
        (void) ko_sorter_finish(all->sorter, err);
    KO_TRY(ko_gate(all->world, err));

done:
    return err->code;
}

/* ---- the whole ---- */

struct ko_row_kind
ko_catch_up_kind(const struct ko_rules *rules)
{
    return (struct ko_row_kind){.n_values = rules->n_looked, .identity = KO_SLICE("newest images")};
}

static enum ko_code
prepare(struct ko_catching_up *all, struct ko_error *err)
{
    const struct ko_catch_up_config *config = all->config;
    const struct ko_sorter_options sorting = {.memory_bytes = config->memory_bytes / 2,
                                              .folder = config->spill_folder};

    all->result = ko_alloc(sizeof *all->result, err);
    if (all->result == NULL)
        return err->code;
    all->result->rules = config->rules;
    KO_TRY(ko_path_join(all->result->path, err, config->spill_folder, "newest-images"));
    all->sorter = ko_sorter_new(&sorting, err);
    if (all->sorter != NULL)
        all->reader = ko_change_reader_new(config->rules, config->no_md5, err);

done:
    return err->code;
}

/* Collective: this rank's counts become the job's. */
static enum ko_code
sum_stats(struct ko_catching_up *all, struct ko_catch_up_stats *stats, struct ko_error *err)
{
    uint64_t sums[4] = {all->stats.n_changes, all->stats.n_touched, all->stats.n_images,
                        all->stats.n_wire_bytes};

    if (ko_world_sum(all->world, sums, 4, err) == KO_OK)
        *stats = (struct ko_catch_up_stats){.n_windows = all->config->n_changes,
                                            .n_changes = sums[0],
                                            .n_touched = sums[1],
                                            .n_images = sums[2],
                                            .n_wire_bytes = sums[3]};
    return err->code;
}

enum ko_code
ko_catch_up_run(const struct ko_catch_up_config *config, struct ko_world *world,
                struct ko_catch_up **catch_up, struct ko_catch_up_stats *stats,
                struct ko_error *err)
{
    struct ko_catching_up all = {.config = config, .world = world};

    *catch_up = NULL;
    (void) prepare(&all, err);
    KO_TRY(ko_gate(world, err));
    KO_TRY(read_changes(&all, err));
    KO_TRY(ko_catch_up_find_newest(&all, err));
    KO_TRY(sum_stats(&all, stats, err));
    KO_TRY(ko_catch_up_share_keys(&all, stats->n_touched, err));
    KO_TRY(sum_stats(&all, stats, err));
    *catch_up = all.result;
    all.result = NULL;

done:
    ko_row_writer_abandon(all.writer);
    ko_change_reader_free(all.reader);
    ko_sorter_free(all.sorter);
    ko_buf_clear(&all.newest);
    ko_buf_clear(&all.own_keys);
    ko_catch_up_free(all.result);
    return err->code;
}

void
ko_catch_up_free(struct ko_catch_up *catch_up)
{
    if (catch_up == NULL)
        return;
    ko_touched_free(catch_up->touched);
    ko_free(catch_up);
}

uint64_t
ko_catch_up_bytes(const struct ko_catch_up *catch_up)
{
    return ko_touched_bytes(ko_touched_n(catch_up->touched));
}

uint64_t
ko_catch_up_n_superseded(const struct ko_catch_up *catch_up)
{
    return catch_up->n_superseded;
}
