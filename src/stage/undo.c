#include "keepone/stage/undo.h"

#include "keepone/aws/dynamodb.h"
#include "keepone/base/clock.h"
#include "keepone/base/mem.h"
#include "keepone/base/mount.h"
#include "keepone/base/random.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/phase.h"
#include "keepone/comm/world.h"
#include "keepone/format/json.h"
#include "keepone/format/value.h"
#include "keepone/record/record.h"
#include "keepone/stage/pacing.h"

enum {
    COMMIT_BYTES = 64 * 1024,
    MOUNT_COMMIT_BYTES = 8 * 1024 * 1024, /* where a commit is a request that is waited for */
    COMMIT_AFTER_US = 1000000,
    BACKOFF_US = 500000,
    UNKNOWN_MAX = 60
};

/* An item on its way back. */
struct place {
    struct undo *undo;
    struct ko_arena *arena; /* of the image */
    uint32_t part;
    uint64_t line;
    struct ko_slice image; /* absent: this place is free */
    bool is_open;          /* nobody knows whether the delete has come, or is yet to come */
    bool is_in_flight;
    unsigned n_unknown; /* replies lost in a row */
    uint64_t not_before_us;
};

struct undo {
    const struct ko_undo_config *config;
    struct ko_world *world;
    struct ko_journal_index *index;
    struct ko_journal_replay *replay;
    struct ko_journal *journal;
    struct place *places;
    uint32_t n_places;
    uint32_t n_taken;
    bool is_read;
    uint64_t start_us;
    uint64_t committed_us;
    uint64_t n_done; /* for progress */
    bool is_ending;
    struct ko_pacing pacing;
    struct ko_ledger ledger;
    struct ko_error failure;
    struct ko_buf request;
};

static enum ko_code
finish(struct place *place, enum ko_undo outcome, const char *reason, struct ko_error *err)
{
    struct undo *undo = place->undo;
    const struct ko_journal_event event = {.kind = KO_EVENT_UNDO,
                                           .part = place->part,
                                           .line = place->line,
                                           .undo = outcome,
                                           .reason = ko_slice_of(reason)};

    KO_TRY(ko_journal_add(undo->journal, &event, err));
    undo->ledger.restored += outcome == KO_UNDO_RESTORED;
    undo->ledger.present += outcome == KO_UNDO_PRESENT;
    undo->ledger.undo_failed += outcome == KO_UNDO_FAILED;
    undo->n_done++;
    undo->n_taken--;
    place->image = (struct ko_slice){NULL, 0};

done:
    return err->code;
}

/*
 * Something stands at the item's place.  If it equals the image it is back, by an earlier try or
 * attempt of ours whose reply or journal was lost; otherwise it is somebody else's.  Or it was
 * never gone: then it is looked at again when no delete can be on its way any more.
 */
static enum ko_code
take_presence(struct place *place, struct ko_slice body, struct ko_error *err)
{
    const struct undo *undo = place->undo;
    struct ko_slice item;
    bool is_back = false;

    KO_TRY(ko_json_member(body, "Item", &item, err));
    if (item.data != NULL)
        KO_TRY(ko_item_equal(item, place->image, &is_back, err));
    if (is_back && place->is_open && ko_clock_us() < undo->start_us + KO_LATE_US)
        place->not_before_us = undo->start_us + KO_LATE_US;
    else
        KO_TRY(finish(place, is_back ? KO_UNDO_RESTORED : KO_UNDO_PRESENT, NULL, err));

done:
    return err->code;
}

static enum ko_code
put_arrived(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    struct place *place = self;
    struct undo *undo = place->undo;
    struct ko_error local = {0};

    (void) err;
    place->is_in_flight = false;
    if (reply->kind == KO_REPLY_OK) {
        (void) finish(place, KO_UNDO_RESTORED, NULL, &local);
    } else if (reply->kind == KO_REPLY_UNKNOWN) {
        if (++place->n_unknown >= UNKNOWN_MAX)
            (void) ko_dynamodb_reply_error(reply, "putting an item back", &local);
        place->not_before_us = ko_clock_us() + ko_random(BACKOFF_US);
    } else if (reply->fault == KO_FAULT_CONDITION) {
        (void) take_presence(place, reply->body, &local);
    } else if (reply->fault == KO_FAULT_THROTTLED && undo->is_ending) {
        place->image = (struct ko_slice){NULL, 0}; /* left to the next attempt */
        undo->n_taken--;
    } else if (reply->fault == KO_FAULT_INVALID || reply->fault == KO_FAULT_OTHER) {
        (void) finish(place, KO_UNDO_FAILED, reply->error_code, &local);
    } else {
        (void) ko_dynamodb_reply_error(reply, "putting an item back", &local);
    }
    if (local.code != KO_OK && undo->failure.code == KO_OK)
        undo->failure = local;
    return KO_OK;
}

static enum ko_code
send_put(struct place *place, struct ko_error *err)
{
    struct undo *undo = place->undo;
    struct ko_buf *request = &undo->request;
    struct ko_dynamodb_call call = {.operation = "PutItem",
                                    .is_write = true,
                                    .weight = (double) (place->image.n / 1024 + 1),
                                    .done = put_arrived,
                                    .self = place};

    ko_buf_reset(request);
    ko_buf_add_text(request, "{\"ConditionExpression\":\"attribute_not_exists(#k)\","
                             "\"ExpressionAttributeNames\":{\"#k\":");
    ko_json_add_string(request, undo->config->hash_name);
    ko_buf_add_text(request, "},\"Item\":");
    ko_buf_add_slice(request, place->image);
    ko_buf_add_text(request, ",\"ReturnConsumedCapacity\":\"TOTAL\","
                             "\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\",\"TableName\":");
    ko_json_add_string(request, undo->config->table_name);
    ko_buf_add_char(request, '}');
    KO_TRY(ko_buf_finish(request, err));
    call.body = ko_buf_slice(request);
    KO_TRY(ko_dynamodb_send(undo->config->client, &call, err));
    place->is_in_flight = true;

done:
    return err->code;
}

/* Deleted by us, or perhaps so, and not put back yet. */
static bool
is_wanted(const struct undo *undo, const struct ko_journal_event *event)
{
    const struct ko_line_state state = ko_journal_index_line(undo->index, event->part, event->line);

    if (!event->is_last_image || state.undo == KO_UNDO_RESTORED || state.undo == KO_UNDO_PRESENT)
        return false;
    return state.is_open || state.outcome == KO_OUTCOME_DELETED ||
           state.outcome == KO_OUTCOME_UNCONFIRMED;
}

/* Takes the next item into a free place. */
static enum ko_code
take_next(struct undo *undo, struct place *place, struct ko_error *err)
{
    struct ko_journal_event event;
    bool has_event = true;

    while (has_event) {
        KO_TRY(ko_journal_replay_next(undo->replay, &event, &has_event, err));
        if (has_event && is_wanted(undo, &event))
            break;
    }
    undo->is_read = !has_event;
    if (!has_event)
        return KO_OK;
    ko_arena_reset(place->arena);
    place->part = event.part;
    place->line = event.line;
    place->is_open = ko_journal_index_line(undo->index, event.part, event.line).is_open;
    place->n_unknown = 0;
    place->not_before_us = 0;
    place->image = ko_arena_copy(place->arena, event.image, err);
    undo->n_taken++;

done:
    return err->code;
}

static enum ko_code
fill_places(struct undo *undo, struct ko_error *err)
{
    const uint64_t now_us = ko_clock_us();
    const uint64_t commit_bytes =
        ko_path_is_remote(undo->config->dir) ? MOUNT_COMMIT_BYTES : COMMIT_BYTES;

    for (uint32_t i = 0; i < undo->n_places; i++) {
        struct place *place = &undo->places[i];

        if (place->image.data == NULL && !undo->is_ending && !undo->is_read)
            KO_TRY(take_next(undo, place, err));
        if (place->image.data != NULL && !place->is_in_flight && place->not_before_us <= now_us)
            KO_TRY(send_put(place, err));
    }
    if (ko_journal_uncommitted_bytes(undo->journal) >= commit_bytes ||
        now_us - undo->committed_us >= COMMIT_AFTER_US) {
        undo->committed_us = now_us;
        KO_TRY(ko_journal_commit(undo->journal, NULL, err));
    }

done:
    return err->code;
}

static bool
has_reply_to_come(const struct undo *undo)
{
    for (uint32_t i = 0; i < undo->n_places; i++)
        if (undo->places[i].is_in_flight)
            return true;
    return false;
}

static enum ko_code
step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct undo *undo = self;

    *state = KO_PHASE_WAITING;
    undo->is_ending = ko_phase_is_ending(phase) || ko_world_stop_wanted(undo->world);
    if (undo->is_ending)
        ko_dynamodb_give_up(undo->config->client, 0);
    if (ko_dynamodb_step(undo->config->client, err) != KO_OK)
        return err->code;
    if (!ko_pacing_may_write(&undo->pacing))
        return KO_OK;
    if (undo->failure.code == KO_OK)
        (void) fill_places(undo, &undo->failure);
    if (undo->failure.code != KO_OK && !has_reply_to_come(undo)) {
        *err = undo->failure;
        return err->code;
    }
    if (undo->n_taken == 0 && (undo->is_read || undo->is_ending))
        *state = KO_PHASE_DONE;
    return KO_OK;
}

static void
wait_for_replies(void *self, unsigned max_us)
{
    const struct undo *undo = self;

    ko_dynamodb_wait(undo->config->client, max_us);
}

static void
show(void *self, const uint64_t *totals)
{
    struct undo *undo = self;

    ko_pacing_show(&undo->pacing, undo->config->progress, totals);
    if (undo->failure.code == KO_OK)
        (void) undo->config->pulse(undo->config->self, &undo->failure);
}

static void
before_pulse(void *self)
{
    struct undo *undo = self;

    ko_pacing_before(&undo->pacing, undo->n_done);
}

static void
after_pulse(void *self, const uint64_t *mine, const uint64_t *totals)
{
    struct undo *undo = self;

    ko_pacing_after(&undo->pacing, mine, totals);
}

/* What is left to be put back by this rank, and what a whole journal of an applied run would tell.
 */
static enum ko_code
read_journal(struct undo *undo, uint64_t *n_left, uint64_t *n_untold, struct ko_error *err)
{
    const unsigned n_ranks = (unsigned) ko_world_size(undo->world);
    const unsigned rank = (unsigned) ko_world_rank(undo->world);
    const struct ko_journal_parts parts = {.first = ko_partition_first(rank, n_ranks),
                                           .last = ko_partition_first(rank + 1, n_ranks)};

    KO_TRY(
        ko_journal_index_read(undo->config->dir, undo->config->manifest, parts, &undo->index, err));
    ko_journal_index_ledger(undo->index, &undo->ledger);
    undo->ledger.undo_failed = 0;
    *n_left =
        undo->ledger.deleted + undo->ledger.open - undo->ledger.restored - undo->ledger.present;
    *n_untold = undo->ledger.left + undo->ledger.open + undo->ledger.failed;

done:
    return err->code;
}

static enum ko_code
begin_work(struct undo *undo, struct ko_error *err)
{
    const struct ko_undo_config *config = undo->config;
    const struct ko_journal_options journal = {.kind = KO_JOURNAL_UNDO,
                                               .attempt = config->attempt,
                                               .rank = (uint32_t) ko_world_rank(undo->world)};

    KO_TRY(ko_journal_replay_open(undo->index, &undo->replay, err));
    KO_TRY(ko_journal_open(config->dir, &journal, &undo->journal, err));
    undo->n_places = ko_dynamodb_room(config->client);
    undo->places = ko_alloc_array(undo->n_places, sizeof *undo->places, err);
    for (uint32_t i = 0; i < undo->n_places && err->code == KO_OK; i++) {
        undo->places[i].undo = undo;
        undo->places[i].arena = ko_arena_new(0, err);
    }

done:
    return err->code;
}

static void
free_undo(struct undo *undo)
{
    for (uint32_t i = 0; undo->places != NULL && i < undo->n_places; i++)
        ko_arena_free(undo->places[i].arena);
    ko_free(undo->places);
    ko_journal_replay_close(undo->replay);
    ko_journal_abandon(undo->journal);
    ko_journal_index_free(undo->index);
    ko_buf_clear(&undo->request);
}

enum ko_code
ko_undo_run(const struct ko_undo_config *config, struct ko_world *world,
            struct ko_apply_stats *stats, struct ko_error *err)
{
    const uint64_t start_us = ko_clock_us();
    struct undo undo = {
        .config = config, .world = world, .start_us = start_us, .committed_us = start_us};
    const struct ko_phase_ops ops = {.step = step,
                                     .wait = wait_for_replies,
                                     .progress = show,
                                     .before_pulse = before_pulse,
                                     .after_pulse = after_pulse};
    const struct ko_phase_options options = {.name = "undo",
                                             .ops = &ops,
                                             .self = &undo,
                                             .finish_on_stop = true,
                                             .counters = undo.pacing.counters,
                                             .n_counters = KO_PACING_COUNTERS};
    struct ko_error closing = {0};
    struct ko_error adding = {0}; /* of its own: what one rank could not close, all have counted */
    uint64_t n_left = 0;
    uint64_t n_untold = 0;
    uint64_t milliunits;

    (void) read_journal(&undo, &n_left, &n_untold, err);
    KO_TRY(ko_world_sum(world, &n_left, 1, err));
    KO_TRY(ko_world_sum(world, &n_untold, 1, err));
    if (config->client == NULL && n_left > 0)
        KO_TRY(ko_journal_fail_incomplete(config->dir, n_left, err));
    if (config->is_applied && n_untold > 0)
        KO_TRY(ko_journal_fail_incomplete(config->dir, n_untold, err));
    if (config->client != NULL)
        KO_TRY(config->begin(config->self, err));
    if (n_left > 0) {
        (void) begin_work(&undo, err);
        ko_pacing_begin(&undo.pacing, config->client, world);
        ko_progress_begin(config->progress, "undo", "items", n_left);
        (void) ko_phase_run(world, &options, NULL, err);
        ko_pacing_end(&undo.pacing);
        ko_progress_end(config->progress);
        if (undo.journal != NULL)
            (void) ko_journal_close(undo.journal, &closing);
        undo.journal = NULL;
    }
    milliunits = (uint64_t) (ko_pacing_consumed(&undo.pacing, KO_PACE_WRITE) * 1000);
    stats->ledger = undo.ledger;
    (void) ko_ledger_sum(world, &stats->ledger, &adding);
    (void) ko_world_sum(world, &milliunits, 1, &adding);
    stats->write_units = (double) milliunits / 1000;
    if (err->code == KO_OK)
        *err = closing.code != KO_OK ? closing : adding;
    KO_TRY(ko_gate(world, err));
    stats->seconds = (double) (ko_clock_us() - start_us) / 1e6;

done:
    free_undo(&undo);
    return err->code;
}
