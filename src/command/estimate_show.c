/* What keepone estimate prints. */
#include <stdio.h>
#include <string.h>

#include "estimate.h"
#include "keepone/format/json.h"

/* All that is compared, priced. */
struct costs {
    struct ko_cost scan;
    struct ko_cost scan_consistent;
    struct ko_cost export;
    struct ko_cost checked;
    struct ko_cost transact;
    struct ko_cost undo;
    struct ko_cost verify;
    struct ko_cost in_place; /* scan, apply, verify */
    struct ko_cost copy;
    struct ko_cost import;
    double storage;       /* a month of the items that stay, in a second table */
    double storage_saved; /* a month of the losers */
};

static struct ko_cost
priced(const struct ko_estimate *estimate, struct ko_cost cost)
{
    ko_cost_price(&cost, &estimate->model, &estimate->prices, &estimate->rates);
    return cost;
}

static struct costs
compute(const struct ko_estimate *estimate)
{
    const struct ko_model *model = &estimate->model;
    const struct ko_prices *prices = &estimate->prices;
    const double losers = estimate->losers.losers;
    const double groups = estimate->losers.groups;
    const bool transacts = estimate->job->safety == KO_JOB_SAFETY_TRANSACT;
    struct costs costs = {
        .scan = priced(estimate, ko_cost_scan(model, false)),
        .scan_consistent = priced(estimate, ko_cost_scan(model, true)),
        .export = priced(estimate, ko_cost_export(model, prices)),
        .checked = priced(estimate, ko_cost_apply(model, losers, groups, KO_SAFETY_CHECKED)),
        .transact = priced(estimate, ko_cost_apply(model, losers, groups, KO_SAFETY_TRANSACT)),
        .undo = priced(estimate, ko_cost_undo(model, losers)),
        .copy = priced(estimate, ko_cost_copy(model, losers)),
        .import = priced(estimate, ko_cost_import(model, losers, prices)),
        .storage = ko_storage_money(model, (model->n_items - losers) * model->item_bytes, prices),
        .storage_saved = ko_storage_money(model, losers * model->item_bytes, prices)};

    costs.verify = costs.scan;
    costs.in_place = ko_cost_sum(&costs.scan, transacts ? &costs.transact : &costs.checked);
    costs.in_place = ko_cost_sum(&costs.in_place, &costs.verify);
    return costs;
}

static const char *
quantity(double n, char text[KO_QUANTITY_BYTES])
{
    return ko_quantity((uint64_t) (n + 0.5), text);
}

static const char *
bytes_text(double bytes, char text[KO_ESTIMATE_TEXT_BYTES])
{
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB", "PB"};
    int unit = 0;

    for (; bytes >= 1024 && unit < 5; unit++)
        bytes /= 1024;
    (void) snprintf(text, KO_ESTIMATE_TEXT_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", bytes,
                    units[unit]);
    return text;
}

static const char *
billing_name(enum ko_table_billing billing)
{
    return billing == KO_BILLING_PROVISIONED ? "provisioned" : "on demand";
}

/* ---- text ---- */

static void
add_head(struct ko_buf *out, const struct ko_estimate *estimate)
{
    const struct ko_model *model = &estimate->model;
    const struct ko_table *table = estimate->table;
    char quantities[KO_QUANTITY_BYTES];
    char sizes[2][KO_ESTIMATE_TEXT_BYTES];

    ko_buf_add_format(out, "%s: %s items, %s, %s each on average, %s",
                      table->name[0] != '\0'     ? table->name
                      : estimate->export != NULL ? estimate->export->table_name
                                                 : "",
                      quantity(model->n_items, quantities), bytes_text(model->size_bytes, sizes[0]),
                      bytes_text(model->item_bytes, sizes[1]), billing_name(model->billing));
    if (table->n_indexes + table->n_more_indexes > 0)
        ko_buf_add_format(out, ", %zu secondary indexes (%.3g write units per item)",
                          table->n_indexes + table->n_more_indexes, model->index_write_units);
    if (table->n_replicas > 0)
        ko_buf_add_format(out, ", %zu replicas", table->n_replicas);
    ko_buf_add_char(out, '\n');
}

static void
add_sample(struct ko_buf *out, const struct ko_estimate *estimate)
{
    const struct ko_sample *sample = &estimate->sample;
    const struct ko_sample_estimate *losers = &estimate->losers;
    const double n = estimate->model.n_items;
    const double percent = n > 0 ? losers->losers / n * 100 : 0;
    char quantities[3][KO_QUANTITY_BYTES];

    ko_buf_add_format(
        out,
        "sampled: %s items in %llu of %llu segments, %s read units; %llu keys seen "
        "more than once\n",
        quantity((double) sample->sizes.n, quantities[0]), (unsigned long long) sample->n_segments,
        (unsigned long long) sample->total_segments, quantity(sample->read_units, quantities[1]),
        (unsigned long long) sample->counts.n_repeated_keys);
    if (losers->is_exact)
        ko_buf_add_format(out, "copies: exactly %s items would go (%.3g %%)\n",
                          quantity(losers->losers, quantities[0]), percent);
    else
        ko_buf_add_format(out,
                          "copies: about %s items would go (%.3g %%); with 95 %% confidence "
                          "between %s and %s\n",
                          quantity(losers->losers, quantities[0]), percent,
                          quantity(losers->low, quantities[1]),
                          quantity(losers->high, quantities[2]));
    if (losers->is_too_small)
        ko_buf_add_text(out, "  the sample is too small to tell more: two copies are both in a "
                             "sample of p with probability p^2 only; read more of the table\n");
}

static void
add_losers(struct ko_buf *out, const struct ko_estimate *estimate)
{
    const double n = estimate->model.n_items;
    const double percent = n > 0 ? estimate->losers.losers / n * 100 : 0;
    char quantities[KO_QUANTITY_BYTES];

    switch (estimate->losers_source) {
    case KO_LOSERS_SAMPLED:
        add_sample(out, estimate);
        return;
    case KO_LOSERS_EXPORT:
        ko_buf_add_format(out, "copies: exactly %s items would go (%.3g %%), by the export\n",
                          quantity(estimate->losers.losers, quantities), percent);
        return;
    case KO_LOSERS_ASSUMED:
        ko_buf_add_format(out,
                          "copies: assumed %s items would go (%.3g %%); --sample P looks, "
                          "--duplicates P assumes another part\n",
                          quantity(estimate->losers.losers, quantities), percent);
        return;
    }
}

/* has_time: keepone does it, at the rates; else the service takes its own time. */
static void
add_row(struct ko_buf *out, const char *name, const struct ko_cost *cost, bool has_time)
{
    char quantities[2][KO_QUANTITY_BYTES];
    char seconds[KO_ESTIMATE_TEXT_BYTES];
    char money[KO_ESTIMATE_TEXT_BYTES];

    ko_buf_add_format(out, "  %-28s %12s %12s %14s %12s\n", name,
                      quantity(cost->read_units, quantities[0]),
                      quantity(cost->write_units + cost->replicated_units, quantities[1]),
                      has_time ? ko_duration_text(cost->seconds, seconds) : "AWS's own",
                      ko_money_text(cost->money, money));
}

static void
add_ways(struct ko_buf *out, const struct ko_estimate *estimate, const struct costs *costs)
{
    char money[KO_ESTIMATE_TEXT_BYTES];

    add_row(out, "delete in place, all in all", &costs->in_place, true);
    ko_buf_add_format(out,
                      "      scan, apply --safety %s, verify; the table stays as it is, "
                      "with its name,\n      ARN, streams and indexes\n",
                      estimate->job->safety == KO_JOB_SAFETY_TRANSACT ? "transact" : "checked");
    add_row(out, "copy the rest to a new table", &costs->copy, true);
    ko_buf_add_text(out, "      writes of that time have to be caught up, readers and writers "
                         "moved over;\n      new ARN (policies, alarms), new stream, backups "
                         "begin anew, indexes written anew\n");
    add_row(out, "import the rest from S3", &costs->import, false);
    ko_buf_add_text(out, "      the same, since the export's time; the service builds the "
                         "indexes; includes export,\n      import, and S3 for a month; leaving "
                         "the losers out of the files is up to you\n");
    ko_buf_add_format(out, "  storage of a second table: %s a month until the old one goes; ",
                      ko_money_text(costs->storage, money));
    ko_buf_add_format(out, "the copies cost %s a month\n",
                      ko_money_text(costs->storage_saved, money));
}

static void
add_notes(struct ko_buf *out, const struct ko_estimate *estimate)
{
    const bool has_table = estimate->table->name[0] != '\0';

    ko_buf_add_format(out, "prices: of %s, %s, %s, from %s%s\n", KO_PRICES_DATE, KO_PRICES_CURRENCY,
                      estimate->prices.region, KO_PRICES_SOURCE,
                      estimate->has_prices ? "" : "; those of your region differ");
    ko_buf_add_text(out, "        (provisioned capacity and S3 from older lists), without free "
                         "tier, reservations,\n        transfer between regions, and taxes\n");
    if (estimate->rates.read_units > 0 || estimate->rates.write_units > 0)
        ko_buf_add_format(out, "time:   at %.0f read and %.0f write units a second, %s\n",
                          estimate->rates.read_units, estimate->rates.write_units,
                          estimate->has_caps ? "as told" : "what the table serves");
    if (estimate->model.billing == KO_BILLING_PROVISIONED)
        ko_buf_add_text(out, "money:  if capacity were bought for this alone; what the table has "
                             "is paid for already\n");
    if (!estimate->has_sizes)
        ko_buf_add_text(out, "units:  as if every item had the average size; a sample sees each "
                             "item's own\n");
    if (!has_table)
        ko_buf_add_text(out, "units:  an export does not say which indexes and replicas there "
                             "are; --table NAME asks\n");
}

static void
add_text(struct ko_buf *out, const struct ko_estimate *estimate, const struct costs *costs)
{
    add_head(out, estimate);
    add_losers(out, estimate);
    ko_buf_add_format(out, "\n  %-28s %12s %12s %14s %12s\n", "", "read units", "write units",
                      "time", "money");
    add_row(out, "scan (find)", &costs->scan, true);
    add_row(out, "scan --consistent", &costs->scan_consistent, true);
    add_row(out, "full export to S3", &costs->export, false);
    add_row(out, "apply --safety checked", &costs->checked, true);
    add_row(out, "apply --safety transact", &costs->transact, true);
    add_row(out, "verify (scan)", &costs->verify, true);
    add_row(out, "undo of everything", &costs->undo, true);
    ko_buf_add_char(out, '\n');
    add_ways(out, estimate, costs);
    ko_buf_add_char(out, '\n');
    add_notes(out, estimate);
}

/* ---- JSON, names sorted ---- */

static void
add_cost(struct ko_buf *out, const char *name, const struct ko_cost *cost)
{
    ko_buf_add_format(out, "\"%s\":", name);
    ko_cost_add_json(out, cost);
}

static void
add_losers_json(struct ko_buf *out, const struct ko_estimate *estimate)
{
    static const char *const sources[] = {[KO_LOSERS_ASSUMED] = "assumed",
                                          [KO_LOSERS_SAMPLED] = "sample",
                                          [KO_LOSERS_EXPORT] = "export"};
    const struct ko_sample_estimate *losers = &estimate->losers;

    ko_buf_add_format(out,
                      "\"losers\":{\"estimate\":%.1f,\"exact\":%s,\"groups\":%.1f,\"high\":%.1f,"
                      "\"low\":%.1f,\"source\":\"%s\",\"too_small\":%s}",
                      losers->losers, losers->is_exact ? "true" : "false", losers->groups,
                      losers->high, losers->low, sources[estimate->losers_source],
                      losers->is_too_small ? "true" : "false");
}

static void
add_operations_json(struct ko_buf *out, const struct costs *costs)
{
    const struct {
        const char *name;
        const struct ko_cost *cost;
    } rows[] = {{"apply_checked", &costs->checked},
                {"apply_transact", &costs->transact},
                {"export", &costs->export},
                {"scan", &costs->scan},
                {"scan_consistent", &costs->scan_consistent},
                {"undo", &costs->undo},
                {"verify", &costs->verify}};

    ko_buf_add_text(out, ",\"operations\":{");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ko_buf_add_text(out, i == 0 ? "" : ",");
        add_cost(out, rows[i].name, rows[i].cost);
    }
    ko_buf_add_char(out, '}');
}

static void
add_sample_json(struct ko_buf *out, const struct ko_estimate *estimate)
{
    const struct ko_sample *sample = &estimate->sample;

    ko_buf_add_format(out,
                      ",\"sample\":{\"items\":%llu,\"missing\":%llu,\"part\":%.6f,"
                      "\"read_units\":%.1f,\"repeated_keys\":%llu,\"segments\":%llu,"
                      "\"total_segments\":%llu}",
                      (unsigned long long) sample->sizes.n,
                      (unsigned long long) sample->sizes.n_missing, estimate->sampled_part,
                      sample->read_units, (unsigned long long) sample->counts.n_repeated_keys,
                      (unsigned long long) sample->n_segments,
                      (unsigned long long) sample->total_segments);
}

static void
add_table_json(struct ko_buf *out, const struct ko_estimate *estimate)
{
    const struct ko_model *model = &estimate->model;
    const struct ko_table *table = estimate->table;

    ko_buf_add_format(out,
                      ",\"table\":{\"billing\":\"%s\",\"index_write_units\":%.3f,\"indexes\":[",
                      model->billing == KO_BILLING_PROVISIONED ? "PROVISIONED" : "PAY_PER_REQUEST",
                      model->index_write_units);
    for (size_t i = 0; i < table->n_indexes; i++) {
        ko_buf_add_text(out, i == 0 ? "" : ",");
        ko_json_add_string(out, ko_slice_of(table->indexes[i].name));
    }
    ko_buf_add_format(out,
                      "],\"item_bytes\":%.1f,\"item_write_units\":%.3f,\"items\":%.0f,"
                      "\"measured\":%s,\"replicas\":[",
                      model->item_bytes, model->write_units, model->n_items,
                      estimate->has_sizes ? "true" : "false");
    for (size_t i = 0; i < table->n_replicas; i++)
        ko_buf_add_format(out, "%s\"%s\"", i == 0 ? "" : ",", table->replicas[i]);
    ko_buf_add_format(out, "],\"size_bytes\":%.0f}", model->size_bytes);
}

static void
add_json(struct ko_buf *out, const struct ko_estimate *estimate, const struct costs *costs)
{
    ko_buf_add_char(out, '{');
    add_losers_json(out, estimate);
    add_operations_json(out, costs);
    ko_buf_add_format(out,
                      ",\"prices\":{\"currency\":\"%s\",\"date\":\"%s\",\"of_region\":%s,"
                      "\"region\":\"%s\"},\"rates\":{\"read_units\":%.1f,\"told\":%s,"
                      "\"write_units\":%.1f}",
                      KO_PRICES_CURRENCY, KO_PRICES_DATE, estimate->has_prices ? "true" : "false",
                      estimate->prices.region, estimate->rates.read_units,
                      estimate->has_caps ? "true" : "false", estimate->rates.write_units);
    if (estimate->has_sample)
        add_sample_json(out, estimate);
    ko_buf_add_format(out, ",\"storage_month\":{\"saved\":%.4f,\"second_table\":%.4f}",
                      costs->storage_saved, costs->storage);
    add_table_json(out, estimate);
    ko_buf_add_text(out, ",\"ways\":{");
    add_cost(out, "copy", &costs->copy);
    ko_buf_add_char(out, ',');
    add_cost(out, "delete_in_place", &costs->in_place);
    ko_buf_add_char(out, ',');
    add_cost(out, "import", &costs->import);
    ko_buf_add_text(out, "}}\n");
}

enum ko_code
ko_estimate_show(const struct ko_session *session, const struct ko_estimate *estimate,
                 struct ko_error *err)
{
    const struct costs costs = compute(estimate);
    struct ko_buf text = {0};

    if (session->job.json)
        add_json(&text, estimate, &costs);
    else
        add_text(&text, estimate, &costs);
    if (ko_buf_finish(&text, err) == KO_OK)
        ko_session_print(session, ko_buf_slice(&text));
    ko_buf_clear(&text);
    return err->code;
}
