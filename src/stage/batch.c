#include <string.h>

#include "batch_priv.h"
#include "keepone/aws/throttle.h"
#include "keepone/base/clock.h"
#include "keepone/base/random.h"

enum { BACKOFF_FIRST_US = 25000, BACKOFF_MOST_US = 20000000, THROTTLE_LIMIT_S = 600 };

static void
count_outcome(struct ko_ledger *ledger, enum ko_outcome outcome)
{
    switch (outcome) {
    case KO_OUTCOME_DELETED:
        ledger->deleted++;
        break;
    case KO_OUTCOME_UNCONFIRMED:
        ledger->deleted++;
        ledger->unconfirmed++;
        break;
    case KO_OUTCOME_GONE:
        ledger->gone++;
        break;
    case KO_OUTCOME_CHANGED:
        ledger->changed++;
        break;
    case KO_OUTCOME_SPARED:
        ledger->spared++;
        break;
    case KO_OUTCOME_FAILED:
        ledger->failed++;
        break;
    case KO_OUTCOME_NONE:
        KO_ASSERT(outcome != KO_OUTCOME_NONE);
    }
}

enum ko_code
batch_settle(struct batch *batch, struct line *line, enum ko_outcome outcome, const char *reason,
             struct ko_error *err)
{
    const struct ko_journal_event event = {.kind = KO_EVENT_OUTCOME,
                                           .part = line->part,
                                           .line = line->line_number,
                                           .outcome = outcome,
                                           .reason = ko_slice_of(reason)};

    KO_ASSERT(line->need != NEED_NOTHING);
    KO_TRY(ko_journal_add(batch->apply->journal, &event, err));
    line->need = NEED_NOTHING;
    batch->apply->ledger.left--;
    batch->apply->n_settled++;
    count_outcome(&batch->apply->ledger, outcome);

done:
    return err->code;
}

double
batch_image_weight(struct ko_slice image)
{
    return (double) (image.n / 1024 + 1);
}

static void
learn_weight(struct apply *apply, double kilobytes)
{
    apply->line_kilobytes =
        apply->line_kilobytes > 0 ? apply->line_kilobytes * 0.95 + kilobytes * 0.05 : kilobytes;
}

enum ko_code
batch_add_intent(struct batch *batch, struct line *line, struct ko_slice image,
                 struct ko_error *err)
{
    struct ko_journal_event event = {
        .kind = KO_EVENT_INTENT, .part = line->part, .line = line->line_number};

    line->image = ko_arena_copy(batch->arena, image, err);
    if (line->image.data == NULL)
        return err->code;
    learn_weight(batch->apply, batch_image_weight(image));
    event.image = line->image;
    return ko_journal_add(batch->apply->journal, &event, err);
}

void
batch_back_off(struct batch *batch, struct ko_error *err)
{
    const uint64_t now_us = ko_clock_us();
    uint64_t most_us = (uint64_t) BACKOFF_FIRST_US
                       << (batch->n_backoffs < 10 ? batch->n_backoffs : 10);

    if (batch->not_before_us > now_us)
        return; /* several lines of one reply are one back-off */
    if (batch->throttled_since_us == 0)
        batch->throttled_since_us = now_us;
    if (now_us - batch->throttled_since_us > (uint64_t) THROTTLE_LIMIT_S * 1000000U) {
        (void) ko_fail(err, KO_E_THROTTLED, "a batch of deletes made no progress in %d s",
                       THROTTLE_LIMIT_S);
        ko_hint(err, "run again when the table has capacity: finished deletes are in the journal "
                     "and will not be repeated.");
        return;
    }
    most_us = most_us > BACKOFF_MOST_US ? BACKOFF_MOST_US : most_us;
    batch->not_before_us = now_us + 1 + ko_random(most_us);
    batch->n_backoffs++;
}

void
batch_note_unknown(struct line *line)
{
    line->was_unknown = true;
    line->unknown_us = ko_clock_us();
}

void
batch_made_progress(struct batch *batch)
{
    batch->throttled_since_us = 0;
    batch->n_backoffs = 0;
}

void
batch_note_throttle(struct batch *batch, enum ko_pace_resource resource, struct ko_slice code,
                    struct ko_slice body)
{
    if (ko_throttle_of(code, body) == KO_THROTTLE_CAPACITY)
        ko_pace_throttled(batch->apply->pacing.pace, resource);
}

enum ko_code
batch_send(struct batch *batch, const char *operation, uint64_t tag, ko_dynamodb_done_fn *done,
           struct ko_error *err)
{
    const struct ko_dynamodb_call call = {.operation = operation,
                                          .body = ko_buf_slice(&batch->apply->request),
                                          .is_write = strcmp(operation, "BatchGetItem") != 0,
                                          .weight = batch->weight,
                                          .done = done,
                                          .self = batch,
                                          .tag = tag};

    batch->is_in_flight = ko_dynamodb_send(batch->apply->config->client, &call, err) == KO_OK;
    return err->code;
}

enum ko_code
batch_end_reply(struct batch *batch, const struct ko_error *local)
{
    batch->is_in_flight = false;
    if (local->code == KO_OK)
        return KO_OK;
    if (batch->apply->failure.code == KO_OK && !batch->apply->is_ending)
        batch->apply->failure = *local;
    /* What was sent stays open in the journal: the next attempt settles it. */
    for (size_t i = 0; i < batch->n_sent; i++)
        batch->lines[batch->sent[i]].need = NEED_NOTHING;
    return KO_OK;
}
