#include "keepone/stage/estimate.h"

#include "support/test.h"

/* A thousand items of 1,500 bytes; two units to write, one to read. */
static const struct ko_model model = {.n_items = 1000,
                                      .size_bytes = 1500000,
                                      .item_bytes = 1500,
                                      .write_units = 2,
                                      .read_units = 1,
                                      .json_bytes = 2000,
                                      .billing = KO_BILLING_ON_DEMAND};

static void
check_units(struct ko_cost cost, const char *expected)
{
    char line[128];

    (void) snprintf(line, sizeof line, "%g read, %g written, %g elsewhere", cost.read_units,
                    cost.write_units, cost.replicated_units);
    CHECK_TEXT(line, expected);
}

static void
a_scan_reads_four_kilobytes_per_unit(void)
{
    const struct ko_model empty = {0};

    /* 1,500,000 / 4,096 = 366.2 */
    check_units(ko_cost_scan(&model, true), "367 read, 0 written, 0 elsewhere");
    check_units(ko_cost_scan(&model, false), "183.5 read, 0 written, 0 elsewhere");
    check_units(ko_cost_scan(&empty, false), "0 read, 0 written, 0 elsewhere");
}

static void
checked_deletes_read_losers_once_and_keepers_twice(void)
{
    /* 100 pairs: 100 losers + 100 keepers before + 100 keepers after; 100 deletes of 2. */
    check_units(ko_cost_apply(&model, 100, 100, KO_SAFETY_CHECKED),
                "300 read, 200 written, 0 elsewhere");
    /* 100 losers of 20 groups: 4 batches of 25, whose ends cut a group with probability 0.8:
     * 20 + 3.2 keepers, twice. */
    check_units(ko_cost_apply(&model, 100, 20, KO_SAFETY_CHECKED),
                "146.4 read, 200 written, 0 elsewhere");
    check_units(ko_cost_apply(&model, 0, 0, KO_SAFETY_CHECKED), "0 read, 0 written, 0 elsewhere");
}

static void
transactions_write_twice_and_check_the_keeper(void)
{
    /* Losers and keepers are read before; 100 x 2 x 2 for deletes, 100 x 2 x 2 for checks. */
    check_units(ko_cost_apply(&model, 100, 100, KO_SAFETY_TRANSACT),
                "200 read, 800 written, 0 elsewhere");
    /* One group of 99 losers: one transaction. */
    check_units(ko_cost_apply(&model, 99, 99.0 / 99, KO_SAFETY_TRANSACT),
                "100.99 read, 403.96 written, 0 elsewhere");
}

static void
indexes_and_replicas_add_their_writes(void)
{
    struct ko_model more = model;

    more.index_write_units = 1.5;
    more.n_replicas = 2;
    check_units(ko_cost_apply(&more, 100, 100, KO_SAFETY_CHECKED),
                "300 read, 350 written, 700 elsewhere");
    check_units(ko_cost_undo(&more, 100), "0 read, 350 written, 700 elsewhere");
    check_units(ko_cost_copy(&more, 100), "183.5 read, 3150 written, 6300 elsewhere");
}

static struct ko_table
table_with_index(uint64_t entries, uint64_t bytes, enum ko_index_projection projection)
{
    struct ko_table table = {.n_items = 1000, .size_bytes = 3000000, .n_indexes = 1};

    table.indexes[0] =
        (struct ko_table_index){.n_items = entries, .size_bytes = bytes, .projection = projection};
    return table;
}

static void
index_writes_follow_from_its_entries(void)
{
    static const struct {
        uint64_t entries;
        uint64_t bytes;
        enum ko_index_projection projection;
        double expected;
    } rows[] = {
        {1000, 100000, KO_PROJECT_KEYS_ONLY, 1}, /* 100 bytes each */
        {500, 1000000, KO_PROJECT_ALL, 1},       /* half of the items, 2,000 bytes: 2 units */
        {250, 256000, KO_PROJECT_INCLUDE, 0.25}, /* 1,024 bytes: 1 unit */
        {0, 0, KO_PROJECT_ALL, 3},               /* nothing known: each item, whole */
        {0, 0, KO_PROJECT_KEYS_ONLY, 1},
        {2000, 200000, KO_PROJECT_KEYS_ONLY, 1}, /* counted at different times */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_table table =
            table_with_index(rows[i].entries, rows[i].bytes, rows[i].projection);

        assert_true(ko_model_index_units(&table, &table.indexes[0]) == rows[i].expected);
        assert_true(ko_model_of(&table).index_write_units == rows[i].expected);
    }
}

static void
a_model_rounds_the_mean_item_up(void)
{
    static const struct {
        uint64_t n;
        uint64_t bytes;
        double write_units;
        double read_units;
    } rows[] = {{0, 0, 1, 1},      {10, 100, 1, 1}, {1, 1024, 1, 1},      {1, 1025, 2, 1},
                {10, 40960, 4, 1}, {1, 4097, 5, 2}, {2, 819200, 400, 100}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_table table = {.n_items = rows[i].n, .size_bytes = rows[i].bytes};
        const struct ko_model made = ko_model_of(&table);

        assert_true(made.write_units == rows[i].write_units);
        assert_true(made.read_units == rows[i].read_units);
    }
}

static const struct ko_rates rates = {.read_units = 100, .write_units = 50};

static struct ko_cost
priced(struct ko_cost cost, const struct ko_model *of)
{
    bool is_known;
    const struct ko_prices prices = ko_prices_of("us-east-1", &is_known);

    assert_true(is_known);
    ko_cost_price(&cost, of, &prices, &rates);
    return cost;
}

static bool
is_near(double value, double expected)
{
    return value > expected * 0.999999 && value < expected * 1.000001;
}

static void
units_on_demand_cost_by_the_million(void)
{
    const struct ko_cost cost = priced(
        (struct ko_cost){.read_units = 8e6, .write_units = 2e6, .replicated_units = 2e6}, &model);

    assert_true(is_near(cost.money_read, 8 * 0.125));
    assert_true(is_near(cost.money_write, 4 * 0.625));
    assert_true(is_near(cost.money, 3.5));
    assert_true(is_near(cost.seconds, 80000)); /* 8 M at 100/s; the writes take half as long */
}

static void
units_of_provisioned_tables_cost_by_the_hour(void)
{
    struct ko_model provisioned = model;
    struct ko_cost cost;

    provisioned.billing = KO_BILLING_PROVISIONED;
    cost = priced((struct ko_cost){.read_units = 36000, .write_units = 360000}, &provisioned);
    assert_true(is_near(cost.money_read, 10 * 0.00013));
    assert_true(is_near(cost.money_write, 100 * 0.00065));
    assert_true(is_near(cost.seconds, 7200));
}

static void
infrequent_access_costs_more_to_write_and_less_to_keep(void)
{
    struct ko_model rare = model;
    bool is_known;
    const struct ko_prices prices = ko_prices_of("us-east-1", &is_known);

    rare.class = KO_TABLE_INFREQUENT_ACCESS;
    assert_true(is_near(priced((struct ko_cost){.write_units = 1e6}, &rare).money, 0.78125));
    assert_true(is_near(ko_storage_money(&rare, 10.0 * (1 << 30), &prices), 1.0));
    assert_true(is_near(ko_storage_money(&model, 10.0 * (1 << 30), &prices), 2.5));
}

static void
export_and_import_cost_by_the_gigabyte(void)
{
    const double gb = 1 << 30;
    const struct ko_model large = {.n_items = 100,
                                   .size_bytes = 40 * gb,
                                   .local_index_bytes = 10 * gb,
                                   .json_bytes = gb,
                                   .billing = KO_BILLING_ON_DEMAND};
    bool is_known;
    const struct ko_prices prices = ko_prices_of("us-east-1", &is_known);

    assert_true(is_near(ko_cost_export(&large, &prices).money_other, 5));
    /* Export 5; 60 items of 1 GB imported: 9; 160 GB on S3 for a month: 3.68. */
    assert_true(is_near(ko_cost_import(&large, 40, &prices).money_other, 17.68));
    assert_true(ko_cost_import(&large, 40, &prices).write_units == 0);
}

static void
rates_are_what_the_table_serves(void)
{
    static const struct {
        enum ko_table_billing billing;
        struct ko_table_throughput throughput;
        double read_units;
        double write_units;
    } rows[] = {
        {KO_BILLING_PROVISIONED, {5, 7, 0, 0, 12000, 4000}, 5, 7},
        {KO_BILLING_ON_DEMAND, {0, 0, 0, 0, 0, 0}, 12000, 4000},
        {KO_BILLING_ON_DEMAND, {0, 0, 0, 0, 20000, 9000}, 20000, 9000},
        {KO_BILLING_ON_DEMAND, {0, 0, 300, 200, 20000, 9000}, 300, 200},
        {KO_BILLING_UNKNOWN, {0, 0, 0, 0, 0, 0}, 12000, 4000},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_table table = {.billing = rows[i].billing,
                                       .throughput = rows[i].throughput};
        const struct ko_rates served = ko_rates_of(&table);

        assert_true(served.read_units == rows[i].read_units);
        assert_true(served.write_units == rows[i].write_units);
    }
}

static void
caps_hold_where_they_are_lower_or_nothing_else_is_known(void)
{
    const struct ko_rates served = {100, 0};
    const struct ko_rates low = ko_rates_within(served, (struct ko_rates){50, 7});
    const struct ko_rates high = ko_rates_within(served, (struct ko_rates){200, 0});

    assert_true(low.read_units == 50 && low.write_units == 7);
    assert_true(high.read_units == 100 && high.write_units == 0);
}

static void
money_and_time_are_written_for_people(void)
{
    static const struct {
        double money;
        const char *expected;
    } sums[] = {{0, "$0.00"}, {0.0001, "< $0.01"}, {0.014, "$0.01"}, {1234.5, "$1234.50"}};
    static const struct {
        double seconds;
        const char *expected;
    } times[] = {{0, "0 s"},      {0.2, "< 1 s"},       {90, "90 s"},
                 {600, "10 min"}, {7800, "2 h 10 min"}, {864000, "10.0 days"}};
    char text[KO_ESTIMATE_TEXT_BYTES];

    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        CHECK_TEXT(ko_money_text(sums[i].money, text), sums[i].expected);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        CHECK_TEXT(ko_duration_text(times[i].seconds, text), times[i].expected);
}

CASES = {
    CASE(a_scan_reads_four_kilobytes_per_unit),
    CASE(checked_deletes_read_losers_once_and_keepers_twice),
    CASE(transactions_write_twice_and_check_the_keeper),
    CASE(indexes_and_replicas_add_their_writes),
    CASE(index_writes_follow_from_its_entries),
    CASE(a_model_rounds_the_mean_item_up),
    CASE(units_on_demand_cost_by_the_million),
    CASE(units_of_provisioned_tables_cost_by_the_hour),
    CASE(infrequent_access_costs_more_to_write_and_less_to_keep),
    CASE(export_and_import_cost_by_the_gigabyte),
    CASE(rates_are_what_the_table_serves),
    CASE(caps_hold_where_they_are_lower_or_nothing_else_is_known),
    CASE(money_and_time_are_written_for_people),
};
RUN_CASES
