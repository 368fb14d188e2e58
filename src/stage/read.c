#include "keepone/stage/read.h"

#include "keepone/base/clock.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/phase.h"
#include "keepone/comm/world.h"

enum { ITEMS_PER_STEP = 1024 };

struct reading {
    const struct ko_read_config *config;
    bool has_own_claim; /* not begun yet */
    bool is_asked;      /* for a claim, and not answered yet */
    bool is_claim_open;
    bool is_done; /* there are no more claims */
    uint64_t claim_index;
    uint64_t n_items; /* counter for progress */
    uint64_t n_claims_read;
};

static enum ko_code
end_claim(struct reading *reading, struct ko_error *err)
{
    const struct ko_source *source = &reading->config->source;

    reading->is_claim_open = false;
    reading->n_claims_read++;
    if (source->ops->n_filtered != NULL)
        ko_intake_add_filtered(reading->config->intake, source->ops->n_filtered(source->self));
    return ko_intake_end(reading->config->intake, reading->claim_index, err);
}

static enum ko_code
begin_claim(struct reading *reading, uint64_t claim_index, struct ko_error *err)
{
    const struct ko_source *source = &reading->config->source;

    KO_TRY(source->ops->begin(source->self, claim_index, err));
    ko_intake_begin(reading->config->intake);
    reading->claim_index = claim_index;
    reading->is_claim_open = true;

done:
    return err->code;
}

static enum ko_code
step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct reading *reading = self;
    const struct ko_source *source = &reading->config->source;

    *state = reading->is_done ? KO_PHASE_DONE : KO_PHASE_WAITING;
    if (reading->has_own_claim) {
        reading->has_own_claim = false;
        KO_TRY(begin_claim(reading, reading->config->own_claim, err));
    }
    if (!reading->is_claim_open && !reading->is_asked && !reading->is_done) {
        reading->is_asked = true;
        KO_TRY(ko_phase_ask(phase, err));
    }
    for (int i = 0; i < ITEMS_PER_STEP && reading->is_claim_open; i++) {
        struct ko_slice values[KO_LOOKED_MAX];
        bool has_item;
        bool is_ready;

        KO_TRY(ko_source_is_ready(source, &is_ready, err));
        *state = is_ready ? KO_PHASE_BUSY : KO_PHASE_WAITING;
        if (!is_ready)
            break;
        KO_TRY(source->ops->next(source->self, values, &has_item, err));
        if (has_item && ko_intake_add(reading->config->intake, values, err) != KO_OK)
            source->ops->context(source->self, err);
        if (!has_item)
            (void) end_claim(reading, err);
        KO_TRY(err->code);
    }
    reading->n_items = ko_intake_counts(reading->config->intake)->read;

done:
    return err->code;
}

static enum ko_code
take_claim(void *self, struct ko_phase *phase, bool is_none, uint64_t claim_index,
           struct ko_error *err)
{
    struct reading *reading = self;

    (void) phase;
    reading->is_asked = false;
    reading->is_done = is_none;
    return is_none ? KO_OK : begin_claim(reading, claim_index, err);
}

static void
wait_for_source(void *self, unsigned max_us)
{
    const struct reading *reading = self;

    if (reading->is_claim_open)
        ko_source_wait(&reading->config->source, max_us);
    else
        ko_sleep_us(max_us);
}

static void
show(void *self, const uint64_t *totals)
{
    const struct reading *reading = self;

    ko_progress_show(reading->config->progress, totals[0]);
}

enum ko_code
ko_read_run(const struct ko_read_config *config, struct ko_world *world, struct ko_error *err)
{
    struct reading reading = {.config = config, .has_own_claim = config->has_own_claim};
    const struct ko_phase_ops ops = {
        .step = step, .claim = take_claim, .wait = wait_for_source, .progress = show};
    const struct ko_phase_options options = {.name = "read",
                                             .ops = &ops,
                                             .self = &reading,
                                             .n_claims = config->n_claims,
                                             .counters = &reading.n_items,
                                             .n_counters = 1};
    uint64_t sums[2]; /* claims read, and those of one rank alone */

    ko_progress_begin(config->progress, "read", "items", config->expected_items);
    (void) ko_phase_run(world, &options, NULL, err);
    ko_progress_end(config->progress);
    sums[0] = reading.n_claims_read;
    sums[1] = config->has_own_claim;
    KO_TRY(ko_world_sum(world, sums, 2, err));
    if (sums[0] != config->n_claims + sums[1])
        (void) ko_fail(err, KO_E_BUG, "%llu of %llu claims were read", (unsigned long long) sums[0],
                       (unsigned long long) (config->n_claims + sums[1]));
    KO_TRY(ko_gate(world, err));

done:
    return err->code;
}
