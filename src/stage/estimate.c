#include "keepone/stage/estimate.h"

#include <math.h>
#include <stdio.h>

#define KB 1024.0
#define GB (1024.0 * 1024 * 1024)

enum {
    CHECKED_LINES = 25,      /* lines that travel together, see stage/apply.h */
    TRANSACT_LINES = 99,     /* the same in transactions */
    NEW_TABLE_READS = 12000, /* served at once by a new table on demand */
    NEW_TABLE_WRITES = 4000
};

/* DynamoDB JSON is longer than what is billed, by type tags, quotes and base64. */
#define JSON_PER_BYTE 1.5

static double
blocks(double bytes, double of_bytes)
{
    return bytes <= of_bytes ? 1 : ceil(bytes / of_bytes);
}

double
ko_model_index_units(const struct ko_table *table, const struct ko_table_index *index)
{
    const double items = (double) table->n_items;
    const double entries = (double) index->n_items;
    const double mean = items > 0 ? (double) table->size_bytes / items : 0;

    /* A new index, or an endpoint that counts nothing: every item may be in it. */
    if (entries <= 0 || items <= 0)
        return blocks(index->projection == KO_PROJECT_ALL ? mean : 0, KB);
    return fmin(entries / items, 1) * blocks((double) index->size_bytes / entries, KB);
}

struct ko_model
ko_model_of(const struct ko_table *table)
{
    const double n = (double) table->n_items;
    struct ko_model model = {.n_items = n,
                             .size_bytes = (double) table->size_bytes,
                             .item_bytes = n > 0 ? (double) table->size_bytes / n : 0,
                             .n_replicas = (unsigned) table->n_replicas,
                             .billing = table->billing,
                             .class = table->class};

    model.write_units = blocks(model.item_bytes, KB);
    model.read_units = blocks(model.item_bytes, 4 * KB);
    model.json_bytes = model.item_bytes * JSON_PER_BYTE;
    for (size_t i = 0; i < table->n_indexes; i++) {
        model.index_write_units += ko_model_index_units(table, &table->indexes[i]);
        if (table->indexes[i].kind == KO_INDEX_LOCAL)
            model.local_index_bytes += (double) table->indexes[i].size_bytes;
    }
    return model;
}

struct ko_cost
ko_cost_scan(const struct ko_model *model, bool consistent)
{
    const double units = model->n_items > 0 ? blocks(model->size_bytes, 4 * KB) : 0;

    return (struct ko_cost){.read_units = consistent ? units : units / 2};
}

struct ko_cost
ko_cost_export(const struct ko_model *model, const struct ko_prices *prices)
{
    const double bytes = model->size_bytes + model->local_index_bytes;

    return (struct ko_cost){.money_other = bytes / GB * prices->export_gb};
}

/* Writes of n items, each at `times` its units. */
static struct ko_cost
write_items(const struct ko_model *model, double n, double times)
{
    const double units = n * times * (model->write_units + model->index_write_units);

    return (struct ko_cost){.write_units = units, .replicated_units = units * model->n_replicas};
}

/* A keeper is read once per batch that has losers of its group: once more where a batch ends within
 * the group. */
static double
keeper_reads(double losers, double groups, double lines)
{
    return losers <= 0 ? 0 : groups + losers / lines * (1 - groups / losers);
}

struct ko_cost
ko_cost_apply(const struct ko_model *model, double losers, double groups, enum ko_safety safety)
{
    struct ko_cost cost;

    if (safety == KO_SAFETY_TRANSACT) {
        const double keepers = keeper_reads(losers, groups, TRANSACT_LINES);

        cost = write_items(model, losers, 2);
        cost.write_units += keepers * 2 * model->write_units; /* the check is not replicated */
        cost.read_units = (losers + keepers) * model->read_units;
    } else {
        const double keepers = keeper_reads(losers, groups, CHECKED_LINES);

        cost = write_items(model, losers, 1);
        cost.read_units = (losers + 2 * keepers) * model->read_units; /* before and after */
    }
    return cost;
}

struct ko_cost
ko_cost_undo(const struct ko_model *model, double losers)
{
    return write_items(model, losers, 1);
}

struct ko_cost
ko_cost_copy(const struct ko_model *model, double losers)
{
    struct ko_cost cost = write_items(model, model->n_items - losers, 1);

    cost.read_units = ko_cost_scan(model, false).read_units;
    return cost;
}

struct ko_cost
ko_cost_import(const struct ko_model *model, double losers, const struct ko_prices *prices)
{
    struct ko_cost cost = ko_cost_export(model, prices);
    const double bytes = (model->n_items - losers) * model->json_bytes;

    /* Both are kept on S3 for a month; compression is not counted on. */
    cost.money_other += bytes / GB * prices->import_gb;
    cost.money_other += (bytes + model->n_items * model->json_bytes) / GB * prices->s3_gb_month;
    return cost;
}

struct ko_cost
ko_cost_sum(const struct ko_cost *a, const struct ko_cost *b)
{
    return (struct ko_cost){.read_units = a->read_units + b->read_units,
                            .write_units = a->write_units + b->write_units,
                            .replicated_units = a->replicated_units + b->replicated_units,
                            .money_read = a->money_read + b->money_read,
                            .money_write = a->money_write + b->money_write,
                            .money_other = a->money_other + b->money_other,
                            .money = a->money + b->money,
                            .seconds = a->seconds + b->seconds};
}

void
ko_cost_price(struct ko_cost *cost, const struct ko_model *model, const struct ko_prices *prices,
              const struct ko_rates *rates)
{
    const double factor = model->class == KO_TABLE_INFREQUENT_ACCESS ? KO_INFREQUENT_THROUGHPUT : 1;
    const bool is_provisioned = model->billing == KO_BILLING_PROVISIONED;
    const double read_price =
        is_provisioned ? prices->read_unit_hour / 3600 : prices->read_million / 1e6;
    const double write_price =
        is_provisioned ? prices->write_unit_hour / 3600 : prices->write_million / 1e6;

    cost->money_read = cost->read_units * read_price * factor;
    cost->money_write = (cost->write_units + cost->replicated_units) * write_price * factor;
    cost->money = cost->money_read + cost->money_write + cost->money_other;
    cost->seconds = 0;
    if (rates->read_units > 0)
        cost->seconds = cost->read_units / rates->read_units;
    if (rates->write_units > 0)
        cost->seconds = fmax(cost->seconds, cost->write_units / rates->write_units);
}

double
ko_storage_money(const struct ko_model *model, double bytes, const struct ko_prices *prices)
{
    const double factor = model->class == KO_TABLE_INFREQUENT_ACCESS ? KO_INFREQUENT_STORAGE : 1;

    return bytes / GB * prices->storage_gb_month * factor;
}

static double
first_of(uint64_t a, uint64_t b, uint64_t otherwise)
{
    return (double) (a != 0 ? a : b != 0 ? b : otherwise);
}

struct ko_rates
ko_rates_of(const struct ko_table *table)
{
    const struct ko_table_throughput *units = &table->throughput;

    if (table->billing == KO_BILLING_PROVISIONED)
        return (struct ko_rates){(double) units->provisioned_read_units,
                                 (double) units->provisioned_write_units};
    return (struct ko_rates){
        first_of(units->on_demand_max_read_units, units->warm_read_units, NEW_TABLE_READS),
        first_of(units->on_demand_max_write_units, units->warm_write_units, NEW_TABLE_WRITES)};
}

static double
within(double served, double cap)
{
    return cap > 0 && (served <= 0 || cap < served) ? cap : served;
}

struct ko_rates
ko_rates_within(struct ko_rates served, struct ko_rates caps)
{
    return (struct ko_rates){within(served.read_units, caps.read_units),
                             within(served.write_units, caps.write_units)};
}

const char *
ko_money_text(double money, char text[KO_ESTIMATE_TEXT_BYTES])
{
    (void) snprintf(text, KO_ESTIMATE_TEXT_BYTES, money > 0 && money < 0.01 ? "< $0.01" : "$%.2f",
                    money);
    return text;
}

const char *
ko_duration_text(double seconds, char text[KO_ESTIMATE_TEXT_BYTES])
{
    const double minutes = floor(seconds / 60);
    const double hours = floor(seconds / 3600);

    if (seconds < 1)
        (void) snprintf(text, KO_ESTIMATE_TEXT_BYTES, "%s", seconds > 0 ? "< 1 s" : "0 s");
    else if (seconds < 120)
        (void) snprintf(text, KO_ESTIMATE_TEXT_BYTES, "%.0f s", seconds);
    else if (minutes < 120)
        (void) snprintf(text, KO_ESTIMATE_TEXT_BYTES, "%.0f min", minutes);
    else if (hours < 48)
        (void) snprintf(text, KO_ESTIMATE_TEXT_BYTES, "%.0f h %.0f min", hours,
                        minutes - hours * 60);
    else
        (void) snprintf(text, KO_ESTIMATE_TEXT_BYTES, "%.1f days", seconds / 86400);
    return text;
}

void
ko_cost_add_json(struct ko_buf *out, const struct ko_cost *cost)
{
    ko_buf_add_format(out,
                      "{\"money\":%.4f,\"read_units\":%.1f,\"replicated_units\":%.1f,"
                      "\"seconds\":%.1f,\"write_units\":%.1f}",
                      cost->money, cost->read_units, cost->replicated_units, cost->seconds,
                      cost->write_units);
}
