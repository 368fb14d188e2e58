#include "batch_priv.h"
#include "keepone/base/random.h"
#include "keepone/format/json.h"
#include "keepone/stage/condition.h"

enum { TOKEN_DIGITS = 32 };

/* No attempt has deleted anything: each line is looked at anew. */
static void
read_again(struct batch *batch, bool was_unknown)
{
    for (size_t i = 0; i < batch->n_sent; i++) {
        struct line *line = &batch->lines[batch->sent[i]];

        if (was_unknown)
            batch_note_unknown(line);
        if (line->need == NEED_DELETE)
            line->need = NEED_READ;
    }
}

/* Why the transaction was cancelled, for one of its actions. */
static enum ko_code
read_reason(struct batch *batch, struct ko_json_cursor *cursor, enum ko_fault *fault,
            struct ko_slice *item, struct ko_error *err)
{
    struct ko_slice name;
    struct ko_slice reason;
    struct ko_buf code = {0};

    KO_TRY(ko_json_next(cursor, &name, &reason, err));
    if (reason.data == NULL)
        KO_TRY(ko_fail(err, KO_E_AWS, "a cancelled transaction with too few reasons"));
    KO_TRY(ko_json_member_text(reason, "Code", &code, err));
    KO_TRY(ko_json_member(reason, "Item", item, err));
    *fault = ko_slice_equal(ko_buf_slice(&code), KO_SLICE("None"))
                 ? KO_FAULT_NONE
                 : ko_fault_of(ko_buf_slice(&code), 400);
    batch_note_throttle(batch, KO_PACE_WRITE, ko_buf_slice(&code), reason);

done:
    ko_buf_clear(&code);
    return err->code;
}

/* The loser's own condition failed: changed if it is not as seen, else looked at anew. */
static enum ko_code
take_loser_failure(struct batch *batch, struct line *line, struct ko_slice item,
                   struct ko_error *err)
{
    bool holds = true;

    if (item.data != NULL)
        KO_TRY(batch_is_as_wanted(batch, line, item, &holds, err));
    if (!holds)
        return batch_settle(batch, line, KO_OUTCOME_CHANGED, NULL, err);
    line->n_tries++;
    line->need = NEED_READ;

done:
    return err->code;
}

static enum ko_code
take_cancellation(struct batch *batch, struct ko_slice body, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice reasons;
    struct ko_slice item;
    enum ko_fault fault = KO_FAULT_NONE;

    KO_TRY(ko_json_member(body, "CancellationReasons", &reasons, err));
    if (reasons.data == NULL)
        KO_TRY(ko_fail(err, KO_E_AWS, "a cancelled transaction without reasons"));
    KO_TRY(ko_json_enter(reasons, &cursor, err));
    for (size_t i = 0; i <= batch->n_sent; i++) {
        struct line *line = i == 0 ? NULL : &batch->lines[batch->sent[i - 1]];

        KO_TRY(read_reason(batch, &cursor, &fault, &item, err));
        if (fault == KO_FAULT_CONDITION && line == NULL) {
            /* The keeper does not stand: what became of it is read once more. */
            for (size_t k = 0; k < batch->n_sent; k++)
                batch->lines[batch->sent[k]].n_tries++;
            read_again(batch, false);
            return KO_OK;
        }
        if (fault == KO_FAULT_CONDITION)
            KO_TRY(take_loser_failure(batch, line, item, err));
        else if (fault == KO_FAULT_THROTTLED || fault == KO_FAULT_TRANSIENT)
            batch_back_off(batch, err);
        else if (fault != KO_FAULT_NONE)
            KO_TRY(
                ko_fail(err, KO_E_AWS, "a transaction was cancelled: %.*s", KO_SLICE_ARG(reasons)));
    }
    read_again(batch, false);

done:
    return err->code;
}

static enum ko_code
transaction_arrived(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    struct batch *batch = self;
    struct ko_error local = {0};

    (void) err;
    if (reply->kind == KO_REPLY_OK) {
        batch_made_progress(batch);
        for (size_t i = 0; i < batch->n_sent && local.code == KO_OK; i++)
            (void) batch_settle(batch, &batch->lines[batch->sent[i]], KO_OUTCOME_DELETED, NULL,
                                &local);
    } else if (reply->kind == KO_REPLY_UNKNOWN) {
        read_again(batch, true);
        batch_back_off(batch, &local);
    } else if (reply->fault == KO_FAULT_CANCELLED) {
        (void) take_cancellation(batch, reply->body, &local);
    } else {
        (void) ko_dynamodb_reply_error(reply, "deleting losers in a transaction", &local);
    }
    return batch_end_reply(batch, &local);
}

static void
add_head(struct ko_buf *request, const char *action, const struct batch *batch, struct ko_slice key)
{
    ko_buf_add_format(request, "{\"%s\":{\"Key\":", action);
    ko_buf_add_slice(request, key);
    ko_buf_add_text(request, ",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\",\"TableName\":");
    ko_json_add_string(request, batch->apply->config->table_name);
    ko_buf_add_char(request, ',');
}

/*
 * A transaction gives no old image back, so the condition covers the whole image where it fits:
 * then what is deleted is exactly what the journal holds.
 */
static enum ko_code
add_delete(struct batch *batch, const struct line *line, bool *fits, struct ko_error *err)
{
    struct ko_buf *request = &batch->apply->request;
    const size_t start = request->n;

    ko_buf_add_char(request, ',');
    add_head(request, "Delete", batch, line->primary_key);
    KO_TRY(ko_condition_add_members(request, line->primary_key, line->seen, line->image,
                                    batch->arena, fits, err));
    if (!*fits && !batch->apply->config->unchanged)
        KO_TRY(ko_condition_add_members(request, line->primary_key, line->seen,
                                        (struct ko_slice){NULL, 0}, batch->arena, fits, err));
    ko_buf_add_text(request, "}}");
    if (!*fits)
        request->n = start;

done:
    return err->code;
}

enum ko_code
batch_send_transaction(struct batch *batch, struct ko_error *err)
{
    struct ko_buf *request = &batch->apply->request;
    const struct line *first = &batch->lines[0]; /* all lines have one keeper */
    const double most =
        (double) ko_pace_call_weight(batch->apply->pacing.pace, "TransactWriteItems", UINT32_MAX);
    size_t image_bytes = 0;
    char token[TOKEN_DIGITS + 1];
    bool fits;

    batch->n_sent = 0;
    batch->weight = 1; /* the keeper's check */
    ko_random_hex(token, TOKEN_DIGITS);
    ko_buf_reset(request);
    ko_buf_add_format(request,
                      "{\"ClientRequestToken\":\"%s\",\"ReturnConsumedCapacity\":\"TOTAL\","
                      "\"TransactItems\":[",
                      token);
    add_head(request, "ConditionCheck", batch, first->keeper_key);
    KO_TRY(ko_condition_add_members(request, first->keeper_key, first->keeper_seen,
                                    (struct ko_slice){NULL, 0}, batch->arena, &fits, err));
    ko_buf_add_text(request, "}}");
    for (size_t i = 0; i < batch->n_lines; i++) {
        struct line *line = &batch->lines[i];
        bool line_fits = fits;

        if (line->need != NEED_DELETE)
            continue;
        image_bytes += line->image.n;
        if (batch->n_sent > 0 && (image_bytes > IMAGE_BYTES_MAX ||
                                  batch->weight + batch_image_weight(line->image) > most))
            break;
        if (fits)
            KO_TRY(add_delete(batch, line, &line_fits, err));
        if (line_fits)
            batch->weight += batch_image_weight(line->image);
        if (line_fits)
            batch->sent[batch->n_sent++] = i;
        else
            KO_TRY(batch_settle(batch, line, KO_OUTCOME_FAILED, "condition_too_large", err));
    }
    ko_buf_add_text(request, "]}");
    KO_TRY(ko_buf_finish(request, err));
    if (batch->n_sent > 0)
        KO_TRY(batch_send(batch, "TransactWriteItems", TAG_MAY_GIVE_UP, transaction_arrived, err));

done:
    return err->code;
}
