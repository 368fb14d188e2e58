#include "keepone/stage/find.h"

#include "keepone/base/buf.h"
#include "keepone/base/clock.h"
#include "keepone/base/log.h"
#include "keepone/base/mem.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"
#include "keepone/record/record.h"
#include "keepone/stage/candidate.h"
#include "keepone/stage/intake.h"
#include "keepone/stage/plan.h"
#include "keepone/stage/read.h"
#include "keepone/stage/resolve.h"
#include "keepone/store/run.h"
#include "keepone/store/sorter.h"

/* What lives from one round to the next on a rank. */
struct rounds {
    struct ko_find_config *config;
    struct ko_world *world;
    struct ko_find_stats *stats;
    struct ko_counts counts; /* of this rank */
    struct ko_intake *intake;
    struct ko_sorter *sorter;
    struct ko_resolve *resolve;
    uint64_t clock_us;
};

/* Seconds since the last call. */
static double
lap(struct rounds *rounds)
{
    const uint64_t now_us = ko_clock_us();
    const double seconds = (double) (now_us - rounds->clock_us) / 1e6;

    rounds->clock_us = now_us;
    return seconds;
}

/*
 * The budget: five eighths for fingerprints and three for the row log while reading; then two for
 * sorting candidates beside the log; then six for resolving them.  A table has its row files
 * instead of a log.
 */
static enum ko_code
open_intake(struct rounds *rounds, struct ko_error *err)
{
    const struct ko_find_config *config = rounds->config;
    const struct ko_intake_options options = {
        .rules = config->rules,
        .may_lack_attributes = config->may_lack_attributes,
        .repeats_bytes = config->memory_bytes / 8 * 5,
        .folder = config->spill_folder,
        .log_bytes = config->scan == NULL ? config->memory_bytes / 8 * 3 : 0};

    rounds->intake = ko_intake_new(&options, err);
    return err->code;
}

static enum ko_code
read_round(struct rounds *rounds, struct ko_error *err)
{
    struct ko_find_config *config = rounds->config;

    (void) open_intake(rounds, err);
    KO_TRY(ko_gate(rounds->world, err));
    if (config->scan != NULL) {
        struct ko_scan_stats scan_stats = {0};
        uint64_t sums[2];

        config->scan->intake = rounds->intake;
        config->scan->source = config->source;
        config->scan->progress = &config->progress;
        KO_TRY(ko_scan_run(config->scan, rounds->world, &scan_stats, err));
        sums[0] = (uint64_t) (scan_stats.read_units * 1000);
        sums[1] = scan_stats.n_segments_resumed;
        KO_TRY(ko_world_sum(rounds->world, sums, 2, err));
        rounds->stats->read_units = (double) sums[0] / 1000;
        rounds->stats->n_segments_resumed = sums[1];
    } else {
        const struct ko_read_config read = {.source = config->source,
                                            .intake = rounds->intake,
                                            .n_claims = config->n_claims,
                                            .has_own_claim = config->catch_up != NULL,
                                            .own_claim = config->n_claims,
                                            .progress = &config->progress,
                                            .expected_items = config->expected_items};

        KO_TRY(ko_read_run(&read, rounds->world, err));
    }
    rounds->counts = *ko_intake_counts(rounds->intake);
    if (config->catch_up != NULL)
        rounds->stats->n_superseded = ko_catch_up_n_superseded(config->catch_up);
    rounds->stats->read_seconds = lap(rounds);

done:
    return err->code;
}

static enum ko_code
fingerprint_round(struct rounds *rounds, struct ko_error *err)
{
    struct ko_repeats_stats repeats_stats = {0};

    KO_TRY(ko_intake_finish(rounds->intake, rounds->world, &repeats_stats, err));
    rounds->stats->fingerprint_wire_bytes = repeats_stats.n_wire_bytes;
    rounds->stats->fingerprint_seconds = lap(rounds);

done:
    return err->code;
}

static int
compare_records(struct ko_slice a, struct ko_slice b)
{
    return ko_record_compare(a, b);
}

/* Says how the candidates are found again; of rank 0, the others are alike. */
static void
tell_way(const struct rounds *rounds)
{
    size_t n_claims;
    size_t n_logged = 0;
    const struct ko_intake_claim *claims = ko_intake_claims(rounds->intake, &n_claims);

    for (size_t i = 0; i < n_claims; i++)
        n_logged += claims[i].is_logged;
    if (n_logged == n_claims)
        ko_log(KO_LOG_INFO, "candidate: all rows are in memory");
    else
        ko_log(KO_LOG_INFO, "candidate: reading %zu of %zu files again, memory holds the others",
               n_claims - n_logged, n_claims);
}

static enum ko_code
candidate_round(struct rounds *rounds, struct ko_error *err)
{
    struct ko_find_config *config = rounds->config;
    const unsigned rank = (unsigned) ko_world_rank(rounds->world);
    const unsigned n_ranks = (unsigned) ko_world_size(rounds->world);
    const struct ko_sorter_options sorting = {
        .memory_bytes = config->memory_bytes / 4,
        .folder = config->spill_folder,
        .compare = compare_records,
        .text = ko_record_order_text,
        .prefix_first = (uint64_t) ko_partition_first(rank, n_ranks) << (64 - KO_PARTITION_BITS),
        .prefix_last =
            ((uint64_t) ko_partition_first(rank + 1, n_ranks) << (64 - KO_PARTITION_BITS)) - 1};
    struct ko_candidate_config candidate = {.rules = config->rules,
                                            .intake = rounds->intake,
                                            .source = config->source,
                                            .progress = &config->progress};
    struct ko_candidate_stats candidate_stats = {0};

    rounds->sorter = ko_sorter_new(&sorting, err);
    KO_TRY(ko_gate(rounds->world, err));
    candidate.sorter = rounds->sorter;
    if (config->scan == NULL)
        tell_way(rounds);
    ko_progress_begin(&config->progress, "candidate", "items", 0);
    (void) ko_candidate_run(&candidate, rounds->world, &candidate_stats, err);
    ko_progress_end(&config->progress);
    KO_TRY(ko_gate(rounds->world, err));
    rounds->counts.unique += ko_intake_n_keyed(rounds->intake) - candidate_stats.n_sent;
    rounds->stats->candidate_wire_bytes = candidate_stats.n_wire_bytes;
    rounds->stats->n_candidates = candidate_stats.n_sent;
    rounds->stats->n_claims_read_again = config->scan == NULL ? candidate_stats.n_read_again : 0;
    rounds->stats->candidate_seconds = lap(rounds);
    ko_intake_free(rounds->intake);
    rounds->intake = NULL;

done:
    return err->code;
}

static enum ko_code
resolve_round(struct rounds *rounds, struct ko_error *err)
{
    rounds->resolve =
        ko_resolve_new(rounds->sorter, rounds->config->rules, rounds->config->memory_bytes / 8 * 6,
                       rounds->config->spill_folder, err);
    KO_TRY(ko_gate(rounds->world, err));
    ko_resolve_set_progress(rounds->resolve, &rounds->config->progress);
    ko_progress_begin(&rounds->config->progress, "resolve", "records", 0);
    (void) ko_resolve_run(rounds->resolve, rounds->world, &rounds->counts, err);
    ko_progress_end(&rounds->config->progress);
    KO_TRY(ko_gate(rounds->world, err));
    rounds->stats->counts = rounds->counts;
    KO_TRY(ko_counts_sum(rounds->world, &rounds->stats->counts, err));
    KO_TRY(ko_counts_check(&rounds->stats->counts, err));
    rounds->stats->resolve_seconds = lap(rounds);

done:
    return err->code;
}

static enum ko_code
plan_round(struct rounds *rounds, struct ko_error *err)
{
    struct ko_run *run = rounds->config->run;
    const struct ko_counts *counts = &rounds->stats->counts;

    ko_progress_begin(&rounds->config->progress, "plan", "lines", counts->planned);
    (void) ko_plan_run(rounds->resolve, rounds->world, run, counts, rounds->stats->plan_digest,
                       err);
    ko_progress_end(&rounds->config->progress);
    KO_TRY(ko_gate(rounds->world, err));
    if (ko_world_rank(rounds->world) == 0) {
        const struct ko_run_totals totals = {.read = counts->read,
                                             .folded = counts->folded,
                                             .filtered = counts->filtered,
                                             .missing = counts->missing,
                                             .unique = counts->unique,
                                             .keepers = counts->keepers,
                                             .planned = counts->planned,
                                             .review = counts->review};

        (void) ko_run_finish_reading(run, &totals, rounds->stats->plan_digest, err);
    }
    KO_TRY(ko_gate(rounds->world, err));
    rounds->stats->plan_seconds = lap(rounds);

done:
    return err->code;
}

/* Collective: what each rank knows for itself becomes what the job knows. */
static enum ko_code
sum_stats(struct rounds *rounds, struct ko_error *err)
{
    struct ko_find_stats *stats = rounds->stats;
    uint64_t sums[6] = {stats->n_claims_read_again,    stats->n_candidates,
                        stats->fingerprint_wire_bytes, stats->candidate_wire_bytes,
                        ko_mem_peak_bytes(),           stats->n_superseded};

    if (ko_world_sum(rounds->world, sums, 6, err) != KO_OK)
        return err->code;
    stats->n_claims_read_again = sums[0];
    stats->n_candidates = sums[1];
    stats->fingerprint_wire_bytes = sums[2];
    stats->candidate_wire_bytes = sums[3];
    stats->peak_bytes = sums[4];
    stats->n_superseded = sums[5];
    return KO_OK;
}

enum ko_code
ko_find_run(struct ko_find_config *config, struct ko_world *world, struct ko_find_stats *stats,
            struct ko_error *err)
{
    struct rounds rounds = {
        .config = config, .world = world, .stats = stats, .clock_us = ko_clock_us()};

    KO_TRY(read_round(&rounds, err));
    KO_TRY(fingerprint_round(&rounds, err));
    KO_TRY(candidate_round(&rounds, err));
    KO_TRY(resolve_round(&rounds, err));
    if (config->run != NULL)
        KO_TRY(plan_round(&rounds, err));
    KO_TRY(sum_stats(&rounds, err));

done:
    ko_resolve_free(rounds.resolve);
    ko_sorter_free(rounds.sorter);
    ko_intake_free(rounds.intake);
    return err->code;
}

static void
add_u64(struct ko_buf *out, const char *name, uint64_t value)
{
    ko_buf_add_format(out, ",\"%s\":%llu", name, (unsigned long long) value);
}

static void
add_catch_up(struct ko_buf *out, const struct ko_find_stats *stats)
{
    const struct ko_catch_up_stats *catch_up = &stats->catch_up;

    ko_buf_add_format(out, "\"catch_up\":{\"changes\":%llu",
                      (unsigned long long) catch_up->n_changes);
    add_u64(out, "images", catch_up->n_images);
    ko_buf_add_format(out, ",\"seconds\":%.3f", stats->catch_up_seconds);
    add_u64(out, "superseded", stats->n_superseded);
    add_u64(out, "touched", catch_up->n_touched);
    add_u64(out, "windows", catch_up->n_windows);
    add_u64(out, "wire_bytes", catch_up->n_wire_bytes);
    ko_buf_add_text(out, "},");
}

void
ko_find_stats_add_json(struct ko_buf *out, const struct ko_find_stats *stats)
{
    if (stats->catch_up.n_windows > 0)
        add_catch_up(out, stats);
    ko_buf_add_text(out, "\"counts\":");
    ko_counts_add_json(out, &stats->counts);
    add_u64(out, "candidates", stats->n_candidates);
    add_u64(out, "claims_read_again", stats->n_claims_read_again);
    add_u64(out, "peak_bytes", stats->peak_bytes);
    ko_buf_add_format(out,
                      ",\"read_units\":%.1f,\"read_units_per_second\":%.1f,"
                      "\"seconds\":{\"candidate\":%.3f,\"fingerprint\":%.3f,"
                      "\"plan\":%.3f,\"read\":%.3f,\"resolve\":%.3f}",
                      stats->read_units,
                      stats->read_seconds > 0 ? stats->read_units / stats->read_seconds : 0,
                      stats->candidate_seconds, stats->fingerprint_seconds, stats->plan_seconds,
                      stats->read_seconds, stats->resolve_seconds);
    ko_buf_add_format(out, ",\"wire_bytes\":{\"candidate\":%llu,\"fingerprint\":%llu}",
                      (unsigned long long) stats->candidate_wire_bytes,
                      (unsigned long long) stats->fingerprint_wire_bytes);
}
