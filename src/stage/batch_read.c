#include "batch_priv.h"
#include "keepone/base/clock.h"
#include "keepone/format/json.h"
#include "keepone/format/value.h"
#include "keepone/stage/condition.h"

/* LARGE_REPLY_BYTES: one that may have been cut for its size, and not for want of capacity. */
enum { WANTED_MAX = 2 * TRANSACT_LINES, LARGE_REPLY_BYTES = 1024 * 1024 };

/* An item asked for by a BatchGetItem, once, however many lines want it. */
struct wanted {
    struct ko_slice key;
    struct ko_slice image; /* absent if there is no such item */
    bool is_unprocessed;
};

struct wanted_list {
    struct wanted items[WANTED_MAX];
    size_t n;
};

static struct wanted *
find_wanted(struct wanted_list *list, struct ko_slice key)
{
    for (size_t i = 0; i < list->n; i++)
        if (ko_slice_equal(list->items[i].key, key))
            return &list->items[i];
    return NULL;
}

static void
want(struct wanted_list *list, struct ko_slice key)
{
    if (find_wanted(list, key) != NULL)
        return;
    KO_ASSERT(list->n < WANTED_MAX);
    list->items[list->n++] = (struct wanted){.key = key};
}

/* The keys that lines with this need ask for; the service takes 100 in a call, so the lines are
 * cut. */
static void
collect_wanted(struct batch *batch, enum need need, struct wanted_list *list)
{
    list->n = 0;
    batch->n_sent = 0;
    for (size_t i = 0; i < batch->n_lines && list->n + 2 <= 100; i++) {
        if (batch->lines[i].need != need)
            continue;
        if (need == NEED_READ)
            want(list, batch->lines[i].primary_key);
        want(list, batch->lines[i].keeper_key);
        batch->sent[batch->n_sent++] = i;
    }
}

static enum ko_code
build_read(struct batch *batch, const struct wanted_list *list, struct ko_error *err)
{
    struct ko_buf *request = &batch->apply->request;

    batch->weight = (double) list->n;
    ko_buf_reset(request);
    ko_buf_add_text(request, "{\"RequestItems\":{");
    ko_json_add_string(request, batch->apply->config->table_name);
    ko_buf_add_text(request, ":{\"ConsistentRead\":true,\"Keys\":[");
    for (size_t i = 0; i < list->n; i++) {
        ko_buf_add_text(request, i == 0 ? "" : ",");
        ko_buf_add_slice(request, list->items[i].key);
    }
    ko_buf_add_text(request, "]}},\"ReturnConsumedCapacity\":\"TOTAL\"}");
    return ko_buf_finish(request, err);
}

/* Adds the canonical primary key of an item: the names are those of a key of the same table. */
static enum ko_code
add_key_of(struct ko_buf *out, struct ko_slice item, struct ko_slice example, struct ko_error *err)
{
    struct ko_json_cursor cursor;

    KO_TRY(ko_json_enter(example, &cursor, err));
    for (bool is_first = true;; is_first = false) {
        struct ko_slice name;
        struct ko_slice ignored;
        struct ko_slice value;
        struct ko_buf decoded = {0};

        KO_TRY(ko_json_next(&cursor, &name, &ignored, err));
        if (ignored.data == NULL)
            break;
        if (ko_json_decode_string((struct ko_slice){name.data - 1, name.n + 2}, &decoded, err) ==
            KO_OK)
            (void) ko_map_member(item, ko_buf_slice(&decoded), &value, err);
        ko_buf_clear(&decoded);
        if (err->code != KO_OK)
            return err->code;
        if (value.data == NULL)
            return ko_fail(err, KO_E_AWS, "an item came back without its primary key");
        ko_buf_add_text(out, is_first ? "{\"" : ",\"");
        ko_buf_add_slice(out, name);
        ko_buf_add_text(out, "\":");
        KO_TRY(ko_value_add_canonical(out, value, err));
    }
    ko_buf_add_char(out, '}');
    KO_TRY(ko_buf_finish(out, err));

done:
    return err->code;
}

/* Marks each item or key of an array in the list. */
static enum ko_code
mark(struct wanted_list *list, struct ko_slice array, bool is_unprocessed, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_buf key = {0};

    KO_TRY(ko_json_enter(array, &cursor, err));
    for (;;) {
        struct ko_slice name;
        struct ko_slice item;
        struct wanted *wanted;

        KO_TRY(ko_json_next(&cursor, &name, &item, err));
        if (item.data == NULL)
            break;
        ko_buf_reset(&key);
        KO_TRY(add_key_of(&key, item, list->items[0].key, err));
        wanted = find_wanted(list, ko_buf_slice(&key));
        if (wanted == NULL)
            KO_TRY(ko_fail(err, KO_E_AWS, "an item came back that was not asked for"));
        wanted->is_unprocessed = is_unprocessed;
        if (!is_unprocessed)
            wanted->image = item;
    }

done:
    ko_buf_clear(&key);
    return err->code;
}

/* The array for the one table in {"<table>":[...]} or {"<table>":{"Keys":[...]}}; absent if there
 * is none. */
static enum ko_code
array_of_table(struct ko_slice map, struct ko_slice *array, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice name;

    *array = (struct ko_slice){NULL, 0};
    if (map.data == NULL)
        return KO_OK;
    KO_TRY(ko_json_enter(map, &cursor, err));
    KO_TRY(ko_json_next(&cursor, &name, array, err));
    if (array->data != NULL && array->data[0] == '{')
        KO_TRY(ko_json_member(*array, "Keys", array, err));

done:
    return err->code;
}

/*
 * Keys that were left out do not say why.  A few of many are those of a hot partition, which this
 * batch alone waits for; more of them are want of capacity.
 */
static void
judge_unprocessed(struct batch *batch, const struct wanted_list *list, size_t reply_bytes)
{
    size_t n_unprocessed = 0;

    for (size_t i = 0; i < list->n; i++)
        n_unprocessed += list->items[i].is_unprocessed;
    if (n_unprocessed * 4 >= list->n && n_unprocessed > 0 && reply_bytes < LARGE_REPLY_BYTES)
        ko_pace_throttled(batch->apply->pacing.pace, KO_PACE_READ);
}

static enum ko_code
read_reply(struct batch *batch, const struct ko_dynamodb_reply *reply, struct wanted_list *list,
           struct ko_error *err)
{
    struct ko_slice responses;
    struct ko_slice unprocessed;
    struct ko_slice array;

    if (reply->kind != KO_REPLY_OK)
        return ko_dynamodb_reply_error(reply, "reading losers and keepers", err);
    KO_TRY(ko_json_member(reply->body, "Responses", &responses, err));
    KO_TRY(ko_json_member(reply->body, "UnprocessedKeys", &unprocessed, err));
    if (responses.data == NULL)
        KO_TRY(ko_fail(err, KO_E_AWS, "a BatchGetItem reply without Responses"));
    KO_TRY(array_of_table(responses, &array, err));
    if (array.data != NULL)
        KO_TRY(mark(list, array, false, err));
    KO_TRY(array_of_table(unprocessed, &array, err));
    if (array.data != NULL)
        KO_TRY(mark(list, array, true, err));
    judge_unprocessed(batch, list, reply->body.n);

done:
    return err->code;
}

/* Does the keeper stand as it was seen?  Otherwise *reason says what is wrong with it. */
static enum ko_code
look_at_keeper(struct batch *batch, const struct line *line, const struct wanted *keeper,
               const char **reason, struct ko_error *err)
{
    bool holds = false;

    *reason = "keeper_gone";
    if (keeper->image.data == NULL)
        return KO_OK;
    KO_TRY(ko_condition_holds(line->keeper_seen, keeper->image, batch->arena, &holds, err));
    *reason = holds ? NULL : "keeper_changed";

done:
    return err->code;
}

/* The loser is absent: whose doing is that? */
static enum ko_code
take_absence(struct batch *batch, struct line *line, const char *keeper_reason,
             struct ko_error *err)
{
    if (!line->was_unknown)
        return batch_settle(batch, line, KO_OUTCOME_GONE, NULL, err);
    /* A transaction of this attempt has checked the keeper; an earlier attempt may have had none.
     */
    if (keeper_reason == NULL || line->image.data == NULL ||
        (batch->apply->config->safety == KO_SAFETY_TRANSACT && !line->was_open))
        return batch_settle(batch, line, KO_OUTCOME_UNCONFIRMED, NULL, err);
    line->outcome = KO_OUTCOME_UNCONFIRMED;
    line->need = NEED_RESTORE;
    return KO_OK;
}

static enum ko_code
take_read(struct batch *batch, struct line *line, struct wanted_list *list, struct ko_error *err)
{
    const struct wanted *loser = find_wanted(list, line->primary_key);
    const struct wanted *keeper = find_wanted(list, line->keeper_key);
    const char *reason;
    bool holds;

    if (loser->is_unprocessed || keeper->is_unprocessed) {
        batch_back_off(batch, err);
        return err->code;
    }
    KO_TRY(look_at_keeper(batch, line, keeper, &reason, err));
    if (loser->image.data == NULL)
        return take_absence(batch, line, reason, err);
    KO_TRY(batch_is_as_wanted(batch, line, loser->image, &holds, err));
    if (!holds || line->n_tries > TRIES_MAX)
        return batch_settle(batch, line, KO_OUTCOME_CHANGED, NULL, err);
    if (reason != NULL && line->was_unknown && ko_clock_us() < line->unknown_us + KO_LATE_US) {
        batch->not_before_us = line->unknown_us + KO_LATE_US; /* a delete may still be on its way */
        return KO_OK;
    }
    if (reason != NULL)
        return batch_settle(batch, line, KO_OUTCOME_SPARED, reason, err);
    line->need = NEED_DELETE;
    if (line->was_open || !ko_slice_equal(line->image, loser->image)) {
        line->was_open = false;
        KO_TRY(batch_add_intent(batch, line, loser->image, err));
        line->need = NEED_COMMIT;
    }

done:
    return err->code;
}

static enum ko_code
take_recheck(struct batch *batch, struct line *line, struct wanted_list *list, struct ko_error *err)
{
    const struct wanted *keeper = find_wanted(list, line->keeper_key);
    const char *reason;

    if (keeper->is_unprocessed) {
        batch_back_off(batch, err);
        return err->code;
    }
    KO_TRY(look_at_keeper(batch, line, keeper, &reason, err));
    if (reason == NULL)
        return batch_settle(batch, line, line->outcome, NULL, err);
    line->need = NEED_RESTORE;

done:
    return err->code;
}

typedef enum ko_code take_fn(struct batch *batch, struct line *line, struct wanted_list *list,
                             struct ko_error *err);

static enum ko_code
take_reply(struct batch *batch, const struct ko_dynamodb_reply *reply, enum need need,
           take_fn *take)
{
    struct ko_error local = {0};
    struct wanted_list list;

    collect_wanted(batch, need, &list);
    KO_TRY(read_reply(batch, reply, &list, &local));
    for (size_t i = 0; i < batch->n_sent; i++)
        KO_TRY(take(batch, &batch->lines[batch->sent[i]], &list, &local));

done:
    return batch_end_reply(batch, &local);
}

static enum ko_code
read_arrived(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    (void) err;
    return take_reply(self, reply, NEED_READ, take_read);
}

static enum ko_code
recheck_arrived(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    (void) err;
    return take_reply(self, reply, NEED_RECHECK, take_recheck);
}

enum ko_code
batch_send_read(struct batch *batch, struct ko_error *err)
{
    struct wanted_list list;

    collect_wanted(batch, NEED_READ, &list);
    KO_TRY(build_read(batch, &list, err));
    KO_TRY(batch_send(batch, "BatchGetItem", TAG_MAY_GIVE_UP, read_arrived, err));

done:
    return err->code;
}

enum ko_code
batch_send_recheck(struct batch *batch, struct ko_error *err)
{
    struct wanted_list list;

    collect_wanted(batch, NEED_RECHECK, &list);
    KO_TRY(build_read(batch, &list, err));
    KO_TRY(batch_send(batch, "BatchGetItem", TAG_MUST_END, recheck_arrived, err));

done:
    return err->code;
}

/*
 * Something stands at the loser's place.  The loser itself, put back by a try whose reply was lost:
 * spared.  Or another item: then the loser is deleted after all, and undo will say what is in its
 * way.
 */
static enum ko_code
take_occupied(struct batch *batch, struct line *line, struct ko_slice body, struct ko_error *err)
{
    struct ko_slice item;
    bool is_loser = false;

    KO_TRY(ko_json_member(body, "Item", &item, err));
    if (item.data != NULL)
        KO_TRY(ko_item_equal(item, line->image, &is_loser, err));
    KO_TRY(batch_settle(batch, line, is_loser ? KO_OUTCOME_SPARED : line->outcome, "keeper_lost",
                        err));

done:
    return err->code;
}

/* A lost reply is sent again: the condition makes that safe. */
static enum ko_code
restore_arrived(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    struct batch *batch = self;
    struct line *line = &batch->lines[batch->sent[0]];
    struct ko_error local = {0};

    (void) err;
    if (reply->kind == KO_REPLY_OK)
        (void) batch_settle(batch, line, KO_OUTCOME_SPARED, "keeper_lost", &local);
    else if (reply->fault == KO_FAULT_CONDITION)
        (void) take_occupied(batch, line, reply->body, &local);
    else if (reply->kind == KO_REPLY_UNKNOWN)
        batch_back_off(batch, &local);
    else
        (void) ko_dynamodb_reply_error(reply, "putting a loser back whose keeper went away",
                                       &local);
    return batch_end_reply(batch, &local);
}

enum ko_code
batch_send_restore(struct batch *batch, struct ko_error *err)
{
    struct ko_buf *request = &batch->apply->request;
    const struct line *line;
    size_t i = 0;

    while (batch->lines[i].need != NEED_RESTORE)
        i++;
    line = &batch->lines[i];
    batch->sent[0] = i;
    batch->n_sent = 1;
    KO_ASSERT(line->image.data != NULL);
    batch->weight = batch_image_weight(line->image);
    ko_buf_reset(request);
    ko_buf_add_char(request, '{');
    KO_TRY(ko_condition_add_absence(request, line->primary_key, err));
    ko_buf_add_text(request, ",\"Item\":");
    ko_buf_add_slice(request, line->image);
    ko_buf_add_text(request, ",\"ReturnConsumedCapacity\":\"TOTAL\","
                             "\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\",\"TableName\":");
    ko_json_add_string(request, batch->apply->config->table_name);
    ko_buf_add_char(request, '}');
    KO_TRY(ko_buf_finish(request, err));
    KO_TRY(batch_send(batch, "PutItem", TAG_MUST_END, restore_arrived, err));

done:
    return err->code;
}
