#include "guard.h"

#include <stdio.h>

#include "keepone/aws/pace.h"
#include "keepone/format/json.h"
#include "keepone/stage/estimate.h"

enum ko_code
ko_guard_check_pitr(const struct ko_session *session, const struct ko_table *table,
                    struct ko_error *err)
{
    if (table->pitr == KO_PITR_ENABLED || session->job.no_pitr_check)
        return KO_OK;
    if (table->pitr == KO_PITR_UNKNOWN_OPERATION) {
        ko_session_warn(session, "this endpoint knows no point-in-time recovery");
        return KO_OK;
    }
    if (table->pitr == KO_PITR_NOT_SHOWN) {
        (void) ko_fail(err, KO_E_REFUSED,
                       "whether table '%s' has point-in-time recovery is not shown to this account",
                       table->name);
        ko_hint(err, "look from the table's account, then give --no-pitr-check.");
        return err->code;
    }
    (void) ko_fail(err, KO_E_REFUSED, "table '%s' has no point-in-time recovery", table->name);
    ko_hint(err, "switch it on, or give --no-pitr-check; keepone undo works either way.");
    return err->code;
}

/* What all lines are written from. */
struct facts {
    const struct ko_table *table;
    const struct ko_guard *guard;
    bool is_paid_for; /* the real service, or something that answers like it */
    struct ko_cost cost;
    struct ko_prices prices;
    bool has_prices; /* of this region */
    struct ko_rates rates;
    bool has_caps; /* the rates are the user's, or one of them */
    const char *safety;
};

static struct facts
gather(struct ko_session *session, const struct ko_table *table, const struct ko_guard *guard)
{
    const struct ko_model model = ko_model_of(table);
    const bool transacts = session->job.safety == KO_JOB_SAFETY_TRANSACT;
    const double n = (double) guard->n_items;
    const struct ko_pace *pace = ko_dynamodb_pace(session->client);
    const struct ko_rates caps = {ko_pace_cap(pace, KO_PACE_READ),
                                  ko_pace_cap(pace, KO_PACE_WRITE)};
    struct facts facts = {.table = table,
                          .guard = guard,
                          .is_paid_for = table->pitr != KO_PITR_UNKNOWN_OPERATION,
                          .rates = ko_rates_within(ko_rates_of(table), caps),
                          .has_caps = caps.read_units > 0 || caps.write_units > 0,
                          .safety = transacts ? "transact" : "checked"};

    facts.prices = ko_prices_of(ko_dynamodb_endpoint(session->client)->region, &facts.has_prices);
    if (guard->is_undo)
        facts.cost = ko_cost_undo(&model, n);
    else
        facts.cost = ko_cost_apply(&model, n, (double) guard->n_groups,
                                   transacts ? KO_SAFETY_TRANSACT : KO_SAFETY_CHECKED);
    ko_cost_price(&facts.cost, &model, &facts.prices, &facts.rates);
    return facts;
}

static void
add_line(struct ko_buf *out, const char *name)
{
    ko_buf_add_format(out, "  %-10s ", name);
}

static void
add_triggers(struct ko_buf *out, const struct facts *facts)
{
    const struct ko_table *table = facts->table;
    const char *const what = facts->guard->is_undo ? "put" : "delete";

    if (table->stream != KO_STREAM_NONE) {
        add_line(out, "stream");
        ko_buf_add_format(out, "%s: up to %llu records; its consumers will see the %ss\n",
                          ko_stream_view_name(table->stream),
                          (unsigned long long) facts->guard->n_items, what);
    }
    for (size_t i = 0; i < table->n_replicas; i++) {
        add_line(out, i == 0 ? "replicas" : "");
        ko_buf_add_format(out, "%s: each %s is replicated and charged there, too\n",
                          table->replicas[i], what);
    }
    for (size_t i = 0; i < table->n_indexes; i++) {
        const struct ko_table_index *index = &table->indexes[i];

        add_line(out, i == 0 ? "indexes" : "");
        ko_buf_add_format(out, "%s (%s): %.3g write units more per %s, on average\n", index->name,
                          ko_index_projection_name(index->projection),
                          ko_model_index_units(table, index), what);
    }
    if (table->n_more_indexes > 0)
        ko_buf_add_format(out, "  %-10s and %zu more\n", "", table->n_more_indexes);
    if (table->is_deletion_protected && !facts->guard->is_undo) {
        add_line(out, "protection");
        ko_buf_add_text(out, "deletion protection is about the table, not its items: no "
                             "obstacle\n");
    }
}

static void
add_cost(struct ko_buf *out, const struct facts *facts)
{
    char quantities[2][KO_QUANTITY_BYTES];
    char money[KO_ESTIMATE_TEXT_BYTES];
    char seconds[KO_ESTIMATE_TEXT_BYTES];

    add_line(out, "units");
    ko_buf_add_format(out, "about %s write and %s read units",
                      ko_quantity((uint64_t) (facts->cost.write_units + 0.5), quantities[0]),
                      ko_quantity((uint64_t) (facts->cost.read_units + 0.5), quantities[1]));
    if (facts->cost.replicated_units > 0)
        ko_buf_add_format(
            out, ", %s more in other regions",
            ko_quantity((uint64_t) (facts->cost.replicated_units + 0.5), quantities[0]));
    ko_buf_add_char(out, '\n');
    add_line(out, "money");
    ko_buf_add_format(out, "%s (prices of %s, %s%s)\n", ko_money_text(facts->cost.money, money),
                      KO_PRICES_DATE, facts->prices.region,
                      facts->has_prices ? "" : "; those of your region differ");
    add_line(out, "time");
    ko_buf_add_format(out, "%s at %.0f write and %.0f read units a second%s\n",
                      ko_duration_text(facts->cost.seconds, seconds), facts->rates.write_units,
                      facts->rates.read_units, facts->has_caps ? "" : ", what the table serves");
}

static void
add_json_list(struct ko_buf *out, const struct ko_table *table)
{
    ko_buf_add_text(out, ",\"indexes\":[");
    for (size_t i = 0; i < table->n_indexes; i++) {
        ko_buf_add_text(out, i == 0 ? "{\"name\":" : ",{\"name\":");
        ko_json_add_string(out, ko_slice_of(table->indexes[i].name));
        ko_buf_add_format(out, ",\"projection\":\"%s\",\"write_units\":%.3f}",
                          ko_index_projection_name(table->indexes[i].projection),
                          ko_model_index_units(table, &table->indexes[i]));
    }
    ko_buf_add_text(out, "]");
}

/* Names sorted, as everywhere. */
static void
add_json(struct ko_buf *out, const struct facts *facts)
{
    const struct ko_table *table = facts->table;

    ko_buf_add_format(out, "{\"deletion_protection\":%s",
                      table->is_deletion_protected ? "true" : "false");
    if (facts->is_paid_for) {
        ko_buf_add_text(out, ",\"estimate\":");
        ko_cost_add_json(out, &facts->cost);
    }
    add_json_list(out, table);
    ko_buf_add_format(out,
                      ",\"items\":%llu,\"prices\":{\"currency\":\"%s\",\"date\":\"%s\","
                      "\"region\":\"%s\"},\"replicas\":[",
                      (unsigned long long) facts->guard->n_items, KO_PRICES_CURRENCY,
                      KO_PRICES_DATE, facts->prices.region);
    for (size_t i = 0; i < table->n_replicas; i++)
        ko_buf_add_format(out, "%s\"%s\"", i == 0 ? "" : ",", table->replicas[i]);
    ko_buf_add_format(out, "],\"stream\":\"%s\"}", ko_stream_view_name(table->stream));
}

void
ko_guard_show(struct ko_session *session, const struct ko_table *table,
              const struct ko_guard *guard, struct ko_buf *json)
{
    const struct facts facts = gather(session, table, guard);
    struct ko_buf text = {0};

    ko_buf_reset(json);
    if (!ko_session_is_first(session))
        return;
    add_json(json, &facts);
    add_triggers(&text, &facts);
    if (facts.is_paid_for)
        add_cost(&text, &facts);
    if (text.n > 0 && !text.failed)
        (void) fprintf(stderr, "keepone: up to %llu items %s '%s'%s%s:\n%.*s",
                       (unsigned long long) guard->n_items,
                       guard->is_undo ? "go back into" : "go from", table->name,
                       guard->is_undo ? "" : ", ", guard->is_undo ? "" : facts.safety,
                       KO_SLICE_ARG(ko_buf_slice(&text)));
    ko_buf_clear(&text);
}
