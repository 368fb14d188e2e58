#include <stdio.h>

#include "batch_priv.h"
#include "keepone/format/json.h"
#include "keepone/format/value.h"
#include "keepone/stage/condition.h"

/* Is the item as seen, and with --unchanged as in the image too, if there is one? */
enum ko_code
batch_is_as_wanted(const struct batch *batch, const struct line *line, struct ko_slice item,
                   bool *is_as_wanted, struct ko_error *err)
{
    KO_TRY(ko_condition_holds(line->seen, item, batch->arena, is_as_wanted, err));
    if (*is_as_wanted && batch->apply->config->unchanged && line->image.data != NULL)
        KO_TRY(ko_item_equal(item, line->image, is_as_wanted, err));

done:
    return err->code;
}

/* With --unchanged every attribute of the image is part of the condition. */
struct ko_slice
batch_all_of(const struct batch *batch, const struct line *line)
{
    return batch->apply->config->unchanged ? line->image : (struct ko_slice){NULL, 0};
}

/* The item was deleted.  What undo puts back is what was there, in attributes nobody looked at too.
 */
enum ko_code
batch_take_old_image(struct batch *batch, struct line *line, struct ko_slice image,
                     struct ko_error *err)
{
    bool is_equal = true;

    if (image.data != NULL)
        KO_TRY(ko_item_equal(image, line->image, &is_equal, err));
    if (!is_equal)
        KO_TRY(batch_add_intent(batch, line, image, err));
    line->outcome = KO_OUTCOME_DELETED;
    line->need = NEED_RECHECK;

done:
    return err->code;
}

/*
 * The condition did not hold.  PartiQL and the expressions differ in corners (NULL values); an item
 * that we find as seen is tried once more with DeleteItem.
 */
static enum ko_code
take_condition_failure(struct batch *batch, struct line *line, struct ko_slice item,
                       struct ko_error *err)
{
    bool holds;

    if (item.data != NULL) {
        KO_TRY(batch_is_as_wanted(batch, line, item, &holds, err));
        if (!holds)
            return batch_settle(batch, line, KO_OUTCOME_CHANGED, NULL, err);
    }
    line->n_tries++;
    line->by_item = true;
    line->need = NEED_READ;

done:
    return err->code;
}

/* Ends the work of this rank; the other statements of the reply are still taken. */
static void
refuse_statement(struct batch *batch, const char *reason, struct ko_slice message)
{
    struct ko_error *failure = &batch->apply->failure;

    (void) ko_fail(failure, KO_E_ACCESS, "deleting from '%.*s': %s: %.*s",
                   KO_SLICE_ARG(batch->apply->config->table_name), reason, KO_SLICE_ARG(message));
    ko_hint(failure, "finished deletes are in the journal, run the same command again.");
}

/* One statement's error, by its class. */
static enum ko_code
take_statement_error(struct batch *batch, struct line *line, struct ko_slice error,
                     struct ko_error *err)
{
    struct ko_buf code = {0};
    struct ko_buf message = {0};
    struct ko_error ignored = {0};
    struct ko_slice item;
    char reason[KO_FAULT_CODE_BYTES];
    enum ko_fault fault;

    KO_TRY(ko_json_member_text(error, "Code", &code, err));
    (void) ko_json_member_text(error, "Message", &message, &ignored);
    KO_TRY(ko_json_member(error, "Item", &item, err));
    fault = ko_fault_of(ko_buf_slice(&code), 400);
    (void) snprintf(reason, sizeof reason, "%.*s", KO_SLICE_ARG(ko_buf_slice(&code)));
    switch (fault) {
    case KO_FAULT_CONDITION:
        KO_TRY(take_condition_failure(batch, line, item, err));
        break;
    case KO_FAULT_THROTTLED:
        line->need = NEED_READ;
        batch_note_throttle(batch, KO_PACE_WRITE, ko_buf_slice(&code), error);
        batch_back_off(batch, err);
        break;
    case KO_FAULT_TRANSIENT:
        batch_note_unknown(line);
        line->need = NEED_READ;
        batch_back_off(batch, err);
        break;
    case KO_FAULT_ACCESS:
    case KO_FAULT_UNKNOWN_OPERATION:
        batch->apply->no_partiql = true;
        line->need = NEED_READ;
        break;
    case KO_FAULT_INVALID:
        /* PartiQL cannot say every name; DeleteItem has the last word. */
        line->by_item = true;
        line->need = NEED_READ;
        break;
    case KO_FAULT_NOT_FOUND:
        refuse_statement(batch, reason, ko_buf_slice(&message));
        break;
    default:
        KO_TRY(batch_settle(batch, line, KO_OUTCOME_FAILED, reason, err));
        break;
    }

done:
    ko_buf_clear(&code);
    ko_buf_clear(&message);
    return err->code;
}

static enum ko_code
take_statement(struct batch *batch, struct line *line, struct ko_slice response,
               struct ko_error *err)
{
    struct ko_slice error;
    struct ko_slice item;

    KO_TRY(ko_json_member(response, "Error", &error, err));
    if (error.data != NULL)
        return take_statement_error(batch, line, error, err);
    batch_made_progress(batch);
    KO_TRY(ko_json_member(response, "Item", &item, err));
    if (item.data != NULL) {
        batch->apply->returns_old_images = true;
        return batch_take_old_image(batch, line, item, err);
    }
    /* Neither: there was no such item, if the endpoint is one that returns what it deletes. */
    line->was_absent = true;
    line->need = NEED_READ;

done:
    return err->code;
}

static enum ko_code
take_responses(struct batch *batch, struct ko_slice body, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice responses;
    struct ko_slice response;
    struct ko_slice name;

    KO_TRY(ko_json_member(body, "Responses", &responses, err));
    if (responses.data == NULL)
        KO_TRY(ko_fail(err, KO_E_AWS, "a BatchExecuteStatement reply without Responses"));
    KO_TRY(ko_json_enter(responses, &cursor, err));
    for (size_t i = 0; i < batch->n_sent; i++) {
        KO_TRY(ko_json_next(&cursor, &name, &response, err));
        if (response.data == NULL)
            KO_TRY(ko_fail(err, KO_E_AWS, "a BatchExecuteStatement reply with too few responses"));
        KO_TRY(take_statement(batch, &batch->lines[batch->sent[i]], response, err));
    }
    for (size_t i = 0; i < batch->n_sent; i++) {
        struct line *line = &batch->lines[batch->sent[i]];

        line->was_unknown |= line->was_absent && !batch->apply->returns_old_images;
        line->was_absent = false;
    }

done:
    return err->code;
}

/* Nobody knows what became of the lines: each is settled by a consistent read. */
static void
take_unknown(struct batch *batch, struct ko_error *err)
{
    for (size_t i = 0; i < batch->n_sent; i++) {
        struct line *line = &batch->lines[batch->sent[i]];

        if (line->need != NEED_DELETE)
            continue; /* the part of the reply that could be read has settled it */
        batch_note_unknown(line);
        line->need = NEED_READ;
    }
    batch_back_off(batch, err);
}

static enum ko_code
statements_arrived(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    struct batch *batch = self;
    struct ko_error local = {0};

    (void) err;
    if (reply->kind == KO_REPLY_OK) {
        if (take_responses(batch, reply->body, &local) == KO_E_CORRUPT || local.code == KO_E_AWS) {
            /* A reply that cannot be read is a lost reply. */
            local = (struct ko_error){0};
            take_unknown(batch, &local);
        }
    } else if (reply->kind == KO_REPLY_UNKNOWN) {
        take_unknown(batch, &local);
    } else if (reply->fault == KO_FAULT_ACCESS || reply->fault == KO_FAULT_UNKNOWN_OPERATION) {
        /* Other batches may have been under way with PartiQL too; DeleteItem has the last word. */
        batch->apply->no_partiql = true;
    } else if (reply->fault == KO_FAULT_INVALID) {
        for (size_t i = 0; i < batch->n_sent; i++)
            batch->lines[batch->sent[i]].by_item = true;
    } else {
        (void) ko_dynamodb_reply_error(reply, "deleting losers", &local);
    }
    return batch_end_reply(batch, &local);
}

static enum ko_code
item_arrived(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    struct batch *batch = self;
    struct line *line = &batch->lines[batch->sent[0]];
    struct ko_error local = {0};
    struct ko_slice item;

    (void) err;
    if (reply->kind == KO_REPLY_UNKNOWN) {
        take_unknown(batch, &local);
    } else if (reply->kind == KO_REPLY_OK) {
        batch_made_progress(batch);
        if (ko_json_member(reply->body, "Attributes", &item, &local) == KO_OK)
            (void) batch_take_old_image(batch, line, item, &local);
    } else if (reply->fault == KO_FAULT_CONDITION) {
        if (ko_json_member(reply->body, "Item", &item, &local) == KO_OK)
            (void) take_condition_failure(batch, line, item, &local);
    } else if (reply->fault == KO_FAULT_INVALID) {
        (void) batch_settle(batch, line, KO_OUTCOME_FAILED, reply->error_code, &local);
    } else {
        (void) ko_dynamodb_reply_error(reply, "deleting a loser", &local);
    }
    return batch_end_reply(batch, &local);
}

static enum ko_code
send_item(struct batch *batch, size_t line_index, struct ko_error *err)
{
    struct line *line = &batch->lines[line_index];
    struct ko_buf *request = &batch->apply->request;
    bool fits;

    batch->sent[0] = line_index;
    batch->n_sent = 1;
    batch->weight = batch_image_weight(line->image);
    ko_buf_reset(request);
    ko_buf_add_char(request, '{');
    KO_TRY(ko_condition_add_members(request, line->primary_key, line->seen,
                                    batch_all_of(batch, line), batch->arena, &fits, err));
    if (!fits)
        return batch_settle(batch, line, KO_OUTCOME_FAILED, "condition_too_large", err);
    ko_buf_add_text(request, ",\"Key\":");
    ko_buf_add_slice(request, line->primary_key);
    ko_buf_add_text(request, ",\"ReturnConsumedCapacity\":\"TOTAL\",\"ReturnValues\":\"ALL_OLD\","
                             "\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\",\"TableName\":");
    ko_json_add_string(request, batch->apply->config->table_name);
    ko_buf_add_char(request, '}');
    KO_TRY(ko_buf_finish(request, err));
    KO_TRY(batch_send(batch, "DeleteItem", TAG_MAY_GIVE_UP, item_arrived, err));

done:
    return err->code;
}

/* As many statements as one request takes, and the pace allows; the others follow in the next. */
static enum ko_code
build_statements(struct batch *batch, struct ko_error *err)
{
    struct ko_buf *request = &batch->apply->request;
    const double most = (double) ko_pace_call_weight(batch->apply->pacing.pace,
                                                     "BatchExecuteStatement", UINT32_MAX);
    size_t image_bytes = 0;

    batch->n_sent = 0;
    batch->weight = 0;
    ko_buf_reset(request);
    ko_buf_add_text(request, "{\"ReturnConsumedCapacity\":\"TOTAL\",\"Statements\":[");
    for (size_t i = 0; i < batch->n_lines; i++) {
        struct line *line = &batch->lines[i];
        bool fits;

        if (line->need != NEED_DELETE || line->by_item)
            continue;
        image_bytes += line->image.n;
        if (batch->n_sent > 0 && (image_bytes > IMAGE_BYTES_MAX ||
                                  batch->weight + batch_image_weight(line->image) > most))
            break;
        ko_buf_add_text(request, batch->n_sent == 0 ? "" : ",");
        KO_TRY(ko_condition_add_statement(request, batch->apply->config->table_name,
                                          line->primary_key, line->seen, batch_all_of(batch, line),
                                          batch->arena, &fits, err));
        line->by_item = !fits;
        if (fits)
            batch->weight += batch_image_weight(line->image);
        if (fits)
            batch->sent[batch->n_sent++] = i;
        else if (batch->n_sent > 0)
            request->n--; /* the comma */
    }
    ko_buf_add_text(request, "]}");
    KO_TRY(ko_buf_finish(request, err));

done:
    return err->code;
}

enum ko_code
batch_send_delete(struct batch *batch, struct ko_error *err)
{
    size_t i = 0;

    if (!batch->apply->no_partiql) {
        KO_TRY(build_statements(batch, err));
        if (batch->n_sent > 0)
            return batch_send(batch, "BatchExecuteStatement", TAG_MAY_GIVE_UP, statements_arrived,
                              err);
    }
    while (batch->lines[i].need != NEED_DELETE)
        i++;
    KO_TRY(send_item(batch, i, err));

done:
    return err->code;
}
