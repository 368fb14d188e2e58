#include "keepone/stage/candidate.h"

#include "keepone/base/buf.h"
#include "keepone/comm/phase.h"
#include "keepone/comm/world.h"
#include "keepone/record/record.h"
#include "keepone/store/sorter.h"

enum { ITEMS_PER_STEP = 1024 };

struct sender {
    const struct ko_candidate_config *config;
    struct ko_world *world;
    struct ko_candidate_stats *stats;
    bool is_log_done;
    size_t next_claim;
    bool is_claim_open;
    uint64_t n_left;         /* items of the open claim, */
    uint64_t n_until_wanted; /* of them before the next candidate, or before its end; */
    bool is_wanted;          /* that candidate */
    uint64_t n_items;        /* counter for progress */
    struct ko_buf record;
};

static enum ko_code
send_record(struct sender *sender, struct ko_phase *phase, const struct ko_slice *values,
            unsigned *partition, struct ko_error *err)
{
    struct ko_slice record;

    ko_buf_reset(&sender->record);
    KO_TRY(ko_record_add(sender->config->rules, values, &sender->record, err));
    KO_TRY(ko_buf_finish(&sender->record, err));
    record = ko_buf_slice(&sender->record);
    *partition = ko_partition_of(ko_record_fingerprint(record));
    KO_TRY(ko_phase_send(
        phase, (int) ko_partition_owner(*partition, (unsigned) ko_world_size(sender->world)),
        record, err));
    sender->stats->n_sent++;

done:
    return err->code;
}

/* Rows of the log, `most` at most, up to the next candidate. */
static enum ko_code
send_logged(struct sender *sender, struct ko_phase *phase, uint64_t most, uint64_t *n_items,
            struct ko_error *err)
{
    struct ko_intake *intake = sender->config->intake;
    struct ko_slice values[KO_LOOKED_MAX];
    unsigned partition;
    bool is_candidate;

    KO_TRY(ko_intake_next_logged(intake, most, n_items, &is_candidate, err));
    sender->is_log_done = *n_items == 0;
    if (!is_candidate)
        return KO_OK;
    KO_TRY(ko_intake_logged_values(intake, values, err));
    KO_TRY(send_record(sender, phase, values, &partition, err));

done:
    return err->code;
}

/* What was read first says which items are wanted now: a claim must be what it was. */
static enum ko_code
fail_changed(struct sender *sender, struct ko_error *err)
{
    (void) ko_fail(err, KO_E_CORRUPT, "is not what it was when it was read first");
    ko_hint(err, "read a copy that nobody writes to.");
    sender->config->source.ops->context(sender->config->source.self, err);
    return err->code;
}

/* The next item of the open claim is a candidate. */
static enum ko_code
send_read_again(struct sender *sender, struct ko_phase *phase, struct ko_error *err)
{
    const struct ko_source *source = &sender->config->source;
    struct ko_slice values[KO_LOOKED_MAX];
    struct ko_repeats_answer answer;
    unsigned partition;
    bool has_item;

    KO_TRY(ko_intake_next(sender->config->intake, &answer, err));
    KO_TRY(source->ops->next(source->self, values, &has_item, err));
    if (!has_item)
        return fail_changed(sender, err);
    KO_TRY(send_record(sender, phase, values, &partition, err));
    if (partition != answer.partition)
        (void) fail_changed(sender, err);

done:
    return err->code;
}

static enum ko_code
close_claim(struct sender *sender, struct ko_error *err)
{
    const struct ko_source *source = &sender->config->source;
    struct ko_slice values[KO_LOOKED_MAX];
    bool has_item;

    sender->is_claim_open = false;
    KO_TRY(source->ops->next(source->self, values, &has_item, err));
    if (has_item)
        (void) fail_changed(sender, err);

done:
    return err->code;
}

/* One item of the open claim, or its end. */
static enum ko_code
read_again(struct sender *sender, struct ko_phase *phase, struct ko_error *err)
{
    bool has_item;

    if (sender->n_left == 0)
        return close_claim(sender, err);
    if (sender->n_until_wanted == 0 && !sender->is_wanted) {
        KO_TRY(
            ko_intake_pass(sender->config->intake, sender->n_left, &sender->n_until_wanted, err));
        sender->is_wanted = sender->n_until_wanted < sender->n_left;
    }
    sender->n_left--;
    if (sender->n_until_wanted == 0) {
        sender->is_wanted = false;
        return send_read_again(sender, phase, err);
    }
    sender->n_until_wanted--;
    KO_TRY(ko_source_skip(&sender->config->source, &has_item, err));
    if (!has_item)
        (void) fail_changed(sender, err);

done:
    return err->code;
}

/* Opens the next claim that is not in the log; *is_done if there is none. */
static enum ko_code
open_claim(struct sender *sender, bool *is_done, struct ko_error *err)
{
    const struct ko_source *source = &sender->config->source;
    size_t n_claims;
    const struct ko_intake_claim *claims = ko_intake_claims(sender->config->intake, &n_claims);

    while (sender->next_claim < n_claims && claims[sender->next_claim].is_logged)
        sender->next_claim++;
    *is_done = sender->next_claim == n_claims;
    if (*is_done)
        return KO_OK;
    KO_TRY(source->ops->begin(source->self, claims[sender->next_claim].index, err));
    sender->n_left = claims[sender->next_claim++].n_items;
    sender->is_claim_open = true;
    sender->stats->n_read_again++;

done:
    return err->code;
}

static enum ko_code
step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct sender *sender = self;
    bool is_done = false;

    *state = KO_PHASE_BUSY;
    for (uint64_t i = 0, n_items; i < ITEMS_PER_STEP && !ko_phase_is_full(phase); i += n_items) {
        bool is_ready = true;

        n_items = 1;
        if (sender->is_claim_open)
            KO_TRY(ko_source_is_ready(&sender->config->source, &is_ready, err));
        if (!is_ready) {
            *state = KO_PHASE_WAITING;
            break;
        }
        if (!sender->is_log_done) {
            KO_TRY(send_logged(sender, phase, ITEMS_PER_STEP - i, &n_items, err));
        } else if (sender->is_claim_open) {
            KO_TRY(read_again(sender, phase, err));
        } else {
            KO_TRY(open_claim(sender, &is_done, err));
            n_items = 0;
            if (is_done)
                break;
        }
        sender->n_items += n_items;
    }
    if (is_done)
        *state = KO_PHASE_DONE;

done:
    return err->code;
}

static enum ko_code
receive(void *self, struct ko_phase *phase, int source, struct ko_slice content,
        struct ko_error *err)
{
    struct sender *sender = self;
    struct ko_record record;

    (void) phase;
    (void) source;
    KO_TRY(ko_record_decode(content, &record, err));
    KO_TRY(ko_sorter_add(sender->config->sorter, record.fingerprint, content, err));
    sender->stats->n_received++;

done:
    return err->code;
}

static void
wait_for_source(void *self, unsigned max_us)
{
    const struct sender *sender = self;

    ko_source_wait(&sender->config->source, max_us);
}

static void
show(void *self, const uint64_t *totals)
{
    const struct sender *sender = self;

    ko_progress_show(sender->config->progress, totals[0]);
}

static enum ko_code
check_sums(const struct sender *sender, struct ko_error *err)
{
    uint64_t sums[2] = {sender->stats->n_sent, sender->stats->n_received};

    if (ko_world_sum(sender->world, sums, 2, err) != KO_OK || sums[0] == sums[1])
        return err->code;
    return ko_fail(err, KO_E_BUG, "%llu candidates sent, %llu received",
                   (unsigned long long) sums[0], (unsigned long long) sums[1]);
}

enum ko_code
ko_candidate_run(const struct ko_candidate_config *config, struct ko_world *world,
                 struct ko_candidate_stats *stats, struct ko_error *err)
{
    struct sender sender = {.config = config, .world = world, .stats = stats};
    const struct ko_phase_ops ops = {
        .step = step, .receive = receive, .wait = wait_for_source, .progress = show};
    const struct ko_phase_options options = {
        .name = "candidate",
        .ops = &ops,
        .self = &sender,
        .silent_limit_s = KO_PHASE_SILENT_S + ko_sorter_slowest_add_s(config->sorter),
        .counters = &sender.n_items,
        .n_counters = 1};
    struct ko_phase_stats phase_stats = {0};

    KO_TRY(ko_phase_run(world, &options, &phase_stats, err));
    stats->n_wire_bytes = phase_stats.n_wire_bytes;
    KO_TRY(check_sums(&sender, err));
    (void) ko_sorter_finish(config->sorter, err);

done:
    ko_buf_clear(&sender.record);
    return err->code;
}
