#include "keepone/stage/apply.h"

#include <math.h>
#include <string.h>

#include "batch_priv.h"
#include "keepone/aws/table_arn.h"
#include "keepone/base/clock.h"
#include "keepone/base/log.h"
#include "keepone/base/mount.h"
#include "keepone/base/random.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/phase.h"
#include "keepone/comm/world.h"
#include "keepone/record/record.h"
#include "open_images_priv.h"

enum {
    COMMIT_AFTER_US = 5000,          /* group commit: a batch waits no longer for others, */
    MOUNT_COMMIT_AFTER_US = 1000000, /* where a commit is a request that is waited for */
    COMMIT_BYTES = 8 * 1024 * 1024,
    BATCH_BYTES = 12 * 1024 * 1024 /* 25 images of 400 KB, and the reply they came in */
};

/* ---- filling batches with lines ---- */

/* Reads ahead one line that is not finished yet; *is_end if there is none. */
static enum ko_code
read_ahead(struct apply *apply, struct ko_line_state *state, bool *is_end, struct ko_error *err)
{
    const struct ko_apply_config *config = apply->config;

    *is_end = false;
    *state = (struct ko_line_state){0};
    if (apply->has_pending)
        *state =
            ko_journal_index_line(apply->index, apply->reader_part, apply->pending.line_number);
    while (!apply->has_pending) {
        if (apply->reader == NULL && apply->next_part == apply->end_part) {
            *is_end = true;
            return KO_OK;
        }
        if (apply->reader == NULL) {
            KO_TRY(ko_plan_parts_next(apply->parts, &apply->reader, err));
            apply->reader_part = config->manifest->parts[apply->next_part++].part;
        }
        KO_TRY(ko_plan_reader_next(apply->reader, &apply->pending, err));
        if (apply->pending.text.data == NULL) {
            ko_plan_reader_close(apply->reader);
            apply->reader = NULL;
            continue;
        }
        *state =
            ko_journal_index_line(apply->index, apply->reader_part, apply->pending.line_number);
        apply->has_pending =
            state->outcome == KO_OUTCOME_NONE || state->outcome == KO_OUTCOME_FAILED;
    }

done:
    return err->code;
}

static enum ko_code
add_line(struct batch *batch, const struct ko_line_state *state, struct ko_error *err)
{
    struct apply *apply = batch->apply;
    const struct ko_plan_line *pending = &apply->pending;
    struct line *line = &batch->lines[batch->n_lines];

    *line = (struct line){.part = apply->reader_part,
                          .line_number = pending->line_number,
                          .was_unknown = state->has_image,
                          .unknown_us = apply->start_us,
                          .was_open = state->has_image};
    line->primary_key = ko_arena_copy(batch->arena, pending->delete_primary_key, err);
    line->seen = ko_arena_copy(batch->arena, pending->delete_seen, err);
    line->keeper_key = ko_arena_copy(batch->arena, pending->keep_primary_key, err);
    line->keeper_seen = ko_arena_copy(batch->arena, pending->keep_seen, err);
    if (state->has_image)
        line->image = open_images_find(apply->open_images, line->part, line->line_number);
    if (err->code != KO_OK)
        return err->code;
    batch->n_lines++;
    apply->has_pending = false;
    return KO_OK;
}

/* True if another batch works on the group of this keeper: its transactions go one after the other.
 */
static bool
is_group_busy(const struct apply *apply, const struct batch *except, struct ko_slice keeper_key)
{
    for (uint32_t i = 0; i < apply->n_batches; i++) {
        const struct batch *batch = &apply->batches[i];

        if (batch != except && batch->n_lines > 0 &&
            ko_slice_equal(batch->lines[0].keeper_key, keeper_key))
            return true;
    }
    return false;
}

/* How many lines a batch takes: fewer if their requests would cost more than a call should. */
static size_t
choose_lines(const struct apply *apply, bool is_transact)
{
    const struct ko_pace *const pace = apply->pacing.pace;
    const char *const write = is_transact ? "TransactWriteItems" : "BatchExecuteStatement";
    const size_t most = is_transact ? TRANSACT_LINES : CHECKED_LINES;
    const double kilobytes = apply->line_kilobytes > 0 ? apply->line_kilobytes : 1;
    const double n_written =
        (double) ko_pace_call_weight(pace, write, UINT32_MAX) / kilobytes - is_transact;
    const size_t n_read = (size_t) ko_pace_call_weight(pace, "BatchGetItem", 2 * most) / 2;
    const size_t n = n_written < (double) n_read ? (size_t) fmax(n_written, 0) : n_read;

    return n < 1 ? 1 : n < most ? n : most;
}

static enum ko_code
fill(struct batch *batch, struct ko_error *err)
{
    struct apply *apply = batch->apply;
    const bool is_transact = apply->config->safety == KO_SAFETY_TRANSACT;
    const size_t most = choose_lines(apply, is_transact);

    ko_arena_reset(batch->arena);
    while (batch->n_lines < most) {
        struct ko_line_state state;
        bool is_end;

        KO_TRY(read_ahead(apply, &state, &is_end, err));
        apply->is_read = is_end;
        if (is_end)
            break;
        if (is_transact && batch->n_lines > 0 &&
            !ko_slice_equal(batch->lines[0].keeper_key, apply->pending.keep_primary_key))
            break;
        if (is_transact && is_group_busy(apply, batch, apply->pending.keep_primary_key))
            break;
        KO_TRY(add_line(batch, &state, err));
    }
    batch->not_before_us = 0;
    batch->throttled_since_us = 0;
    batch->n_backoffs = 0;
    batch->commit_since_us = 0;
    if (batch->n_lines > 0)
        apply->n_active++;

done:
    return err->code;
}

/* ---- moving batches along ---- */

static enum need
next_need(const struct batch *batch)
{
    enum need need = NEED_NOTHING;

    for (size_t i = 0; i < batch->n_lines; i++)
        if (batch->lines[i].need < need)
            need = batch->lines[i].need;
    return need;
}

/* Sends what the batch needs next, or ends it. */
static enum ko_code
advance(struct batch *batch, struct ko_error *err)
{
    switch (next_need(batch)) {
    case NEED_READ:
        return batch_send_read(batch, err);
    case NEED_COMMIT:
        if (batch->commit_since_us == 0)
            batch->commit_since_us = ko_clock_us();
        return KO_OK;
    case NEED_DELETE:
        if (batch->apply->config->safety == KO_SAFETY_TRANSACT)
            return batch_send_transaction(batch, err);
        return batch_send_delete(batch, err);
    case NEED_RECHECK:
        return batch_send_recheck(batch, err);
    case NEED_RESTORE:
        return batch_send_restore(batch, err);
    case NEED_NOTHING:
        batch->n_lines = 0;
        batch->apply->n_active--;
        return KO_OK;
    }
    return KO_OK;
}

static bool
is_commit_due(const struct apply *apply)
{
    const uint64_t now_us = ko_clock_us();
    const uint64_t after_us =
        ko_path_is_remote(apply->config->dir) ? MOUNT_COMMIT_AFTER_US : COMMIT_AFTER_US;
    uint32_t n_waiting = 0;

    for (uint32_t i = 0; i < apply->n_batches; i++) {
        const struct batch *batch = &apply->batches[i];

        if (batch->n_lines == 0 || batch->commit_since_us == 0)
            continue;
        n_waiting++;
        if (now_us - batch->commit_since_us >= after_us)
            return true;
    }
    return n_waiting > 0 && (n_waiting * 2 >= apply->n_active ||
                             ko_journal_uncommitted_bytes(apply->journal) >= COMMIT_BYTES);
}

/* Intents are durable; their deletes may go. */
static enum ko_code
commit(struct apply *apply, struct ko_error *err)
{
    KO_TRY(ko_journal_commit(apply->journal, NULL, err));
    for (uint32_t i = 0; i < apply->n_batches; i++) {
        struct batch *batch = &apply->batches[i];

        if (batch->commit_since_us == 0)
            continue;
        batch->commit_since_us = 0;
        for (size_t k = 0; k < batch->n_lines; k++)
            if (batch->lines[k].need == NEED_COMMIT)
                batch->lines[k].need = NEED_DELETE;
    }

done:
    return err->code;
}

/*
 * Work is ending early: lines that are not deleted are left to the next attempt.  Lines that are go
 * on to the second look at their keepers, or a key might lose its last item.
 */
static void
leave_unsent(struct batch *batch)
{
    batch->commit_since_us = 0;
    for (size_t i = 0; i < batch->n_lines; i++)
        if (batch->lines[i].need < NEED_RECHECK)
            batch->lines[i].need = NEED_NOTHING;
}

/* Everything that can be sent is sent. */
static enum ko_code
move_batches(struct apply *apply, bool is_ending, struct ko_error *err)
{
    const uint64_t now_us = ko_clock_us();

    for (uint32_t i = 0; i < apply->n_batches; i++) {
        struct batch *batch = &apply->batches[i];

        if (batch->is_in_flight)
            continue;
        if (is_ending)
            leave_unsent(batch);
        else if (batch->not_before_us > now_us || batch->commit_since_us != 0)
            continue;
        if (batch->n_lines > 0)
            KO_TRY(advance(batch, err));
        if (batch->n_lines == 0 && !is_ending && !apply->is_read) {
            KO_TRY(fill(batch, err));
            if (batch->n_lines > 0)
                KO_TRY(advance(batch, err));
        }
    }

done:
    return err->code;
}

static enum ko_code
step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct apply *apply = self;
    struct ko_error local = {0};

    *state = KO_PHASE_WAITING;
    /* A stop is obeyed at once: rank 0, without which no pulse ends, may be gone. */
    apply->is_ending = ko_phase_is_ending(phase) || ko_world_stop_wanted(apply->world);
    if (apply->is_ending)
        ko_dynamodb_give_up(apply->config->client, TAG_MAY_GIVE_UP);
    /* If the client itself fails no reply will come: what is open is settled by the next attempt.
     */
    if (ko_dynamodb_step(apply->config->client, err) != KO_OK)
        return err->code;
    if (!ko_pacing_may_write(&apply->pacing))
        return KO_OK;
    if (apply->failure.code == KO_OK && is_commit_due(apply))
        (void) commit(apply, &apply->failure);
    if (move_batches(apply, apply->failure.code != KO_OK || apply->is_ending, &local) != KO_OK &&
        apply->failure.code == KO_OK)
        apply->failure = local;
    if (apply->n_active > 0)
        return KO_OK;
    if (apply->failure.code != KO_OK)
        *err = apply->failure;
    else if (apply->is_read || apply->is_ending)
        *state = KO_PHASE_DONE;
    return err->code;
}

static void
wait_for_replies(void *self, unsigned max_us)
{
    const struct apply *apply = self;

    ko_dynamodb_wait(apply->config->client, max_us);
}

static void
renew_lease(void *self, const uint64_t *totals)
{
    struct apply *apply = self;

    (void) totals;
    if (apply->failure.code == KO_OK)
        (void) apply->config->pulse(apply->config->self, &apply->failure);
}

static void
show(void *self, const uint64_t *totals)
{
    struct apply *apply = self;

    ko_pacing_show(&apply->pacing, apply->config->progress, totals);
    renew_lease(apply, totals);
}

static void
before_pulse(void *self)
{
    struct apply *apply = self;

    ko_pacing_before(&apply->pacing, apply->n_settled);
}

static void
after_pulse(void *self, const uint64_t *mine, const uint64_t *totals)
{
    struct apply *apply = self;

    ko_pacing_after(&apply->pacing, mine, totals);
}

/* ---- beginning and end ---- */

/* The parts of the partitions this rank owns. */
static struct ko_journal_parts
choose_parts(struct apply *apply)
{
    const struct ko_plan_manifest *manifest = apply->config->manifest;
    const unsigned n_ranks = (unsigned) ko_world_size(apply->world);
    const unsigned rank = (unsigned) ko_world_rank(apply->world);
    const struct ko_journal_parts parts = {.first = ko_partition_first(rank, n_ranks),
                                           .last = ko_partition_first(rank + 1, n_ranks)};

    while (apply->next_part < manifest->n_parts &&
           manifest->parts[apply->next_part].part < parts.first)
        apply->next_part++;
    apply->end_part = apply->next_part;
    while (apply->end_part < manifest->n_parts &&
           manifest->parts[apply->end_part].part < parts.last)
        apply->end_part++;
    return parts;
}

static enum ko_code
check_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct apply *apply = self;
    struct ko_plan_reader *reader = NULL;

    (void) phase;
    if (apply->failure.code != KO_OK) {
        *err = apply->failure;
        return err->code;
    }
    KO_TRY(ko_plan_parts_next(apply->parts, &reader, err));
    *state = reader == NULL ? KO_PHASE_DONE : KO_PHASE_BUSY;
    if (reader != NULL)
        KO_TRY(ko_plan_reader_check(reader, err));

done:
    ko_plan_reader_close(reader);
    return err->code;
}

/* The reader of this rank's parts stands before the first of them. */
static enum ko_code
begin_parts(struct apply *apply, struct ko_error *err)
{
    const struct ko_apply_config *config = apply->config;

    ko_plan_parts_close(apply->parts);
    return ko_plan_parts_open(config->dir, config->plan_name,
                              config->manifest->parts + apply->next_part,
                              apply->end_part - apply->next_part, &apply->parts, err);
}

/* Collective: no delete is sent before every part of the plan is known to be as it was written. */
static enum ko_code
check_plan(struct apply *apply, struct ko_error *err)
{
    /* Reading a large plan may take longer than a lease lasts. */
    const struct ko_phase_ops ops = {.step = check_step, .progress = renew_lease};
    const struct ko_phase_options options = {.name = "check", .ops = &ops, .self = apply};

    (void) begin_parts(apply, err);
    return ko_phase_run(apply->world, &options, NULL, err);
}

/* The journal so far: what is done, what is open. */
static enum ko_code
read_journal(struct apply *apply, struct ko_journal_parts parts, struct ko_error *err)
{
    KO_TRY(ko_journal_index_read(apply->config->dir, apply->config->manifest, parts, &apply->index,
                                 err));
    ko_journal_index_ledger(apply->index, &apply->ledger);
    if (apply->ledger.open + apply->ledger.failed > 0)
        KO_TRY(open_images_read(apply->index, apply->ledger.open + apply->ledger.failed,
                                &apply->open_images, err));
    /* What is open or failed is work like what was never begun. */
    apply->ledger.left += apply->ledger.open + apply->ledger.failed;
    apply->ledger.open = 0;
    apply->ledger.failed = 0;

done:
    return err->code;
}

static enum ko_code
begin_work(struct apply *apply, struct ko_error *err)
{
    const struct ko_journal_options journal = {.kind = KO_JOURNAL_APPLY,
                                               .attempt = apply->config->attempt,
                                               .rank = (uint32_t) ko_world_rank(apply->world)};

    if (err->code != KO_OK)
        return err->code;
    KO_TRY(begin_parts(apply, err));
    KO_TRY(ko_journal_open(apply->config->dir, &journal, &apply->journal, err));
    apply->n_batches = ko_dynamodb_room(apply->config->client);
    if (apply->n_batches > apply->config->memory_bytes / BATCH_BYTES)
        apply->n_batches = (uint32_t) (apply->config->memory_bytes / BATCH_BYTES);
    if (apply->n_batches == 0)
        apply->n_batches = 1;
    apply->batches = ko_alloc_array(apply->n_batches, sizeof *apply->batches, err);
    for (uint32_t i = 0; i < apply->n_batches && err->code == KO_OK; i++) {
        apply->batches[i].apply = apply;
        apply->batches[i].arena = ko_arena_new(0, err);
    }

done:
    return err->code;
}

static void
free_apply(struct apply *apply)
{
    for (uint32_t i = 0; apply->batches != NULL && i < apply->n_batches; i++)
        ko_arena_free(apply->batches[i].arena);
    ko_free(apply->batches);
    open_images_free(apply->open_images);
    ko_plan_reader_close(apply->reader);
    ko_plan_parts_close(apply->parts);
    ko_journal_abandon(apply->journal);
    ko_journal_index_free(apply->index);
    ko_buf_clear(&apply->request);
}

/* Collective: the journal is closed before anybody looks at the ledger; a failure is told after
 * that. */
static enum ko_code
end_work(struct apply *apply, struct ko_apply_stats *stats, struct ko_error *err)
{
    struct ko_journal *const journal = apply->journal;
    struct ko_error closing = {0};
    struct ko_error adding = {0}; /* of its own: what one rank could not close, all have counted */
    uint64_t milliunits[2] = {
        (uint64_t) (ko_pacing_consumed(&apply->pacing, KO_PACE_READ) * 1000),
        (uint64_t) (ko_pacing_consumed(&apply->pacing, KO_PACE_WRITE) * 1000)};

    apply->journal = NULL;
    if (journal != NULL)
        (void) ko_journal_close(journal, &closing);
    stats->ledger = apply->ledger;
    KO_TRY(ko_ledger_sum(apply->world, &stats->ledger, &adding));
    KO_TRY(ko_world_sum(apply->world, milliunits, 2, &adding));
    stats->read_units = (double) milliunits[0] / 1000;
    stats->write_units = (double) milliunits[1] / 1000;

done:
    if (err->code == KO_OK)
        *err = closing.code != KO_OK ? closing : adding;
    return err->code;
}

enum ko_code
ko_apply_run(const struct ko_apply_config *config, struct ko_world *world,
             struct ko_apply_stats *stats, struct ko_error *err)
{
    struct apply apply = {.config = config,
                          .world = world,
                          .no_partiql = ko_table_is_arn(config->table_name),
                          .start_us = ko_clock_us()};
    const struct ko_journal_parts parts = choose_parts(&apply);
    const struct ko_phase_ops ops = {.step = step,
                                     .wait = wait_for_replies,
                                     .progress = show,
                                     .before_pulse = before_pulse,
                                     .after_pulse = after_pulse};
    const struct ko_phase_options options = {.name = "apply",
                                             .ops = &ops,
                                             .self = &apply,
                                             .finish_on_stop = true,
                                             .counters = apply.pacing.counters,
                                             .n_counters = KO_PACING_COUNTERS};
    uint64_t n_left;

    KO_TRY(check_plan(&apply, err));
    (void) read_journal(&apply, parts, err);
    n_left = apply.ledger.left;
    KO_TRY(ko_world_sum(world, &n_left, 1, err));
    if (config->client == NULL && n_left > 0)
        KO_TRY(ko_journal_fail_incomplete(config->dir, n_left, err));
    if (config->client != NULL)
        KO_TRY(config->begin(config->self, err));
    if (n_left > 0) {
        (void) begin_work(&apply, err);
        ko_pacing_begin(&apply.pacing, config->client, world);
        ko_progress_begin(config->progress, "apply", "losers", n_left);
        (void) ko_phase_run(world, &options, NULL, err);
        ko_pacing_end(&apply.pacing);
        ko_progress_end(config->progress);
    }
    (void) end_work(&apply, stats, err);
    KO_TRY(ko_gate(world, err));
    stats->seconds = (double) (ko_clock_us() - apply.start_us) / 1e6;

done:
    free_apply(&apply);
    return err->code;
}
