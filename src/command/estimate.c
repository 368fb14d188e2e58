/* keepone estimate: what finding and deleting would take.  Deletes nothing. */
#include "estimate.h"

#include <math.h>
#include <stdio.h>

#include "keepone/aws/pace.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"
#include "keepone/format/json.h"

enum { SIZED_ITEMS = 20000, SIZED_FILES = 20, ASSUMED_PPM = 10000 };

/* Collective: the source and, with a key, the rules. */
static enum ko_code
open_source(struct ko_session *session, struct ko_search *search, struct ko_error *err)
{
    const struct ko_job *job = &session->job;

    if (job->key.n > 0)
        return ko_search_open(session, 0, search, err);
    (void) ko_session_connect(session, NULL, NULL, err);
    KO_TRY(ko_session_describe(session, job->table, &search->table, err));
    KO_TRY(ko_session_set_caps(session, &search->table, err));

done:
    return err->code;
}

/* Sizes of some items of an export, from files all over it. */
static enum ko_code
size_export(const struct ko_session *session, const struct ko_export *export,
            struct ko_sample_sizes *sizes, struct ko_error *err)
{
    const struct ko_export_reader_options options = {.no_md5 = session->job.no_md5};
    const size_t n_files = export->n_files < SIZED_FILES ? export->n_files : SIZED_FILES;
    struct ko_export_reader *const reader = ko_export_reader_new(&options, err);

    KO_TRY(err->code);
    for (size_t i = 0; i < n_files; i++) {
        KO_TRY(ko_export_reader_begin(reader, &export->files[i * export->n_files / n_files], err));
        for (size_t k = 0; k < SIZED_ITEMS / n_files; k++) {
            struct ko_slice line = {NULL, 0};
            struct ko_slice item = {NULL, 0};

            KO_TRY(ko_export_reader_next(reader, &line, err));
            if (line.data == NULL)
                break;
            KO_TRY(ko_json_member(line, "Item", &item, err));
            KO_TRY(ko_sample_add_size(sizes, item, err));
        }
    }

done:
    if (err->code == KO_E_CORRUPT && reader != NULL)
        ko_export_reader_context(reader, err);
    ko_export_reader_free(reader);
    return err->code;
}

/* Measured sizes count more than the table's mean. */
static void
take_sizes(struct ko_estimate *estimate, const struct ko_sample_sizes *sizes)
{
    struct ko_model *const model = &estimate->model;
    const double n = (double) sizes->n;

    if (sizes->n == 0)
        return;
    model->item_bytes = (double) sizes->bytes / n;
    model->write_units = (double) sizes->write_units / n;
    model->read_units = (double) sizes->read_units / n;
    model->json_bytes = (double) sizes->json_bytes / n;
    model->size_bytes = model->n_items * model->item_bytes;
    estimate->has_sizes = true;
}

/* Collective: an export is read as find reads it, whole. */
static enum ko_code
read_export(struct ko_session *session, struct ko_search *search, struct ko_estimate *estimate,
            struct ko_error *err)
{
    struct ko_find_stats stats = {0};
    struct ko_sample_sizes sizes = {0};
    double losers;

    KO_TRY(ko_search_run(session, search, "", NULL, &stats, err));
    if (ko_session_is_first(session))
        (void) size_export(session, search->export, &sizes, err);
    KO_TRY(ko_gate(session->world, err));
    /* A group for review would lose all but one, if a person agrees. */
    losers = (double) (stats.counts.planned + stats.counts.review - stats.counts.review_groups);
    estimate->model.n_items = (double) (stats.counts.read - stats.counts.folded);
    take_sizes(estimate, &sizes);
    estimate->losers_source = KO_LOSERS_EXPORT;
    estimate->losers = (struct ko_sample_estimate){
        .losers = losers,
        .low = losers,
        .high = losers,
        .groups = (double) (stats.counts.keepers + stats.counts.review_groups),
        .is_exact = true};

done:
    return err->code;
}

static bool
is_stop_wanted(void *world)
{
    return ko_world_stop_wanted(world);
}

/* What part of the table to read: --sample, or as many items as --sample-items says. */
static double
choose_part(const struct ko_job *job, const struct ko_table *table)
{
    if (job->sample_ppm > 0)
        return (double) job->sample_ppm / 1e6;
    if (table->n_items <= job->n_sample_items)
        return 1;
    return (double) job->n_sample_items / (double) table->n_items;
}

/* Rank 0 reads; the others wait. */
static enum ko_code
read_sample(struct ko_session *session, struct ko_search *search, struct ko_estimate *estimate,
            struct ko_error *err)
{
    struct ko_progress progress = ko_session_progress(session);
    const struct ko_sample_config config = {.client = session->client,
                                            .table_name = session->job.table,
                                            .rules = search->rules,
                                            .fraction = choose_part(&session->job, &search->table),
                                            .size_bytes = search->table.size_bytes,
                                            .progress = &progress,
                                            .stop_wanted = is_stop_wanted,
                                            .stop_self = session->world};
    struct ko_sample *const sample = &estimate->sample;

    if (ko_session_is_first(session))
        (void) ko_sample_read(&config, sample, err);
    KO_TRY(ko_gate(session->world, err));
    if (!ko_session_is_first(session))
        return KO_OK;
    estimate->has_sample = true;
    estimate->sampled_part = (double) sample->n_segments / (double) sample->total_segments;
    /* The table's own count is hours old. */
    if (estimate->sampled_part >= 1 || estimate->model.n_items < (double) sample->sizes.n)
        estimate->model.n_items = (double) sample->sizes.n / estimate->sampled_part;
    take_sizes(estimate, &sample->sizes);
    estimate->losers_source = KO_LOSERS_SAMPLED;
    estimate->losers = ko_sample_estimate(&sample->counts, estimate->sampled_part,
                                          fmax(estimate->model.n_items - 1, 0));

done:
    return err->code;
}

static void
assume_losers(struct ko_estimate *estimate, const struct ko_job *job)
{
    const uint64_t ppm = job->duplicates_ppm > 0 ? job->duplicates_ppm : ASSUMED_PPM;
    const double losers = estimate->model.n_items * (double) ppm / 1e6;

    estimate->losers_source = KO_LOSERS_ASSUMED;
    estimate->losers = (struct ko_sample_estimate){
        .losers = losers,
        .low = losers,
        .high = losers,
        /* Each loser with a keeper of its own, as far as there are that many items. */
        .groups = fmin(losers, fmax(estimate->model.n_items - losers, 1))};
}

/* The rates to reckon with: the user's, within what the table serves. */
static void
set_rates(const struct ko_session *session, struct ko_estimate *estimate)
{
    const bool has_table = estimate->table->name[0] != '\0';
    const struct ko_rates served =
        has_table ? ko_rates_of(estimate->table) : (struct ko_rates){0, 0};
    struct ko_rates caps = {(double) session->job.read_units.n,
                            (double) session->job.write_units.n};

    if (session->client != NULL) {
        caps.read_units = ko_pace_cap(ko_dynamodb_pace(session->client), KO_PACE_READ);
        caps.write_units = ko_pace_cap(ko_dynamodb_pace(session->client), KO_PACE_WRITE);
    }
    estimate->rates = ko_rates_within(served, caps);
    estimate->has_caps = caps.read_units > 0 || caps.write_units > 0;
}

static void
begin_estimate(const struct ko_session *session, const struct ko_search *search,
               struct ko_estimate *estimate)
{
    *estimate = (struct ko_estimate){
        .job = &session->job, .table = &search->table, .export = search->export};
    if (search->export != NULL) {
        char region[KO_TABLE_REGION_BYTES];

        ko_table_region(search->export->table_arn, region);
        (void) snprintf(estimate->region, sizeof estimate->region, "%s", region);
    }
    if (session->client != NULL)
        (void) snprintf(estimate->region, sizeof estimate->region, "%s",
                        ko_dynamodb_endpoint(session->client)->region);
    estimate->prices = ko_prices_of(estimate->region, &estimate->has_prices);
    estimate->model = ko_model_of(&search->table);
    if (search->export != NULL)
        estimate->model.n_items = (double) search->export->n_items;
    set_rates(session, estimate);
}

enum ko_code
ko_command_estimate(struct ko_session *session, struct ko_error *err)
{
    const struct ko_job *job = &session->job;
    struct ko_search search = {0};
    struct ko_estimate estimate;

    KO_TRY(open_source(session, &search, err));
    begin_estimate(session, &search, &estimate);
    assume_losers(&estimate, job);
    if (search.export != NULL)
        KO_TRY(read_export(session, &search, &estimate, err));
    else if (job->sample_ppm > 0 || job->n_sample_items > 0)
        KO_TRY(read_sample(session, &search, &estimate, err));
    if (ko_session_is_first(session))
        (void) ko_estimate_show(session, &estimate, err);
    KO_TRY(ko_gate(session->world, err));

done:
    ko_search_clear(&search);
    return err->code;
}
