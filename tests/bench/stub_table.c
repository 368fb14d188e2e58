#include "stub_table.h"

#include <stdlib.h>
#include <string.h>

#include "keepone/base/mem.h"

enum { KEY_DIGITS = 9, PAGE_BYTES = 1024 * 1024, KEYS_MAX = 200 };

/* What a call may still use; a debt is paid by time. */
struct allowance {
    double rate; /* units per second; 0 = no limit */
    double tokens;
    uint64_t at_us;
};

struct stub_table {
    struct stub_options options;
    unsigned char *is_deleted;
    struct ko_buf filler;
    uint64_t start_us;
    struct allowance allowances[STUB_SIDES];
    struct allowance hot[STUB_SIDES];
    struct stub_count counts[STUB_SIDES];
    struct stub_count hot_counts[STUB_SIDES];
};

static double
ceil_div(uint64_t n, uint64_t by)
{
    return n <= by ? 1 : (double) ((n + by - 1) / by);
}

/* ---- items ---- */

static uint64_t
mix(uint64_t n)
{
    n = (n ^ (n >> 31)) * 0x7fb5d329728ea185ULL;
    n = (n ^ (n >> 27)) * 0x81dadef4bc2dd44dULL;
    return n ^ (n >> 33);
}

static void
add_item(const struct stub_table *table, uint64_t i, struct ko_buf *out)
{
    const bool is_copy = i % 2 == 1 && mix(i / 2) % 100 < table->options.copy_percent;

    ko_buf_add_format(out,
                      "{\"pk\":{\"S\":\"i%09llu\"},\"cause\":{\"S\":\"c%09llu\"},"
                      "\"insertedAt\":{\"N\":\"%llu\"},\"body\":{\"S\":\"",
                      (unsigned long long) i, (unsigned long long) (is_copy ? i - 1 : i),
                      1700000000 + (unsigned long long) i);
    ko_buf_add_slice(out, ko_buf_slice(&table->filler));
    ko_buf_add_text(out, "\"}}");
}

static bool
is_there(const struct stub_table *table, uint64_t i)
{
    return i < table->options.n_items && !table->is_deleted[i];
}

static bool
is_hot(const struct stub_table *table, uint64_t i)
{
    return i >= table->options.hot_from && i < table->options.hot_to;
}

/* ---- requests: only what our program writes, as it writes it ---- */

static bool
find_number(struct ko_slice body, const char *name, uint64_t *number)
{
    const char *at = memmem(body.data, body.n, name, strlen(name));

    if (at == NULL)
        return false;
    *number = strtoull(at + strlen(name), NULL, 10);
    return true;
}

/* The keys in a text, in order. */
static size_t
find_keys(struct ko_slice text, uint64_t keys[KEYS_MAX])
{
    static const char mark[] = "{\"S\":\"i";
    size_t n = 0;

    while (n < KEYS_MAX) {
        const char *at = memmem(text.data, text.n, mark, sizeof mark - 1);

        if (at == NULL)
            break;
        at += sizeof mark - 1;
        keys[n++] = strtoull(at, NULL, 10);
        text.n -= (size_t) (at - text.data);
        text.data = at;
    }
    return n;
}

/* ---- units ---- */

/* A second's worth can be saved up; whoever comes with something left gets all it wants. */
static bool
may_use(struct allowance *allowance, uint64_t now_us)
{
    if (allowance->rate <= 0)
        return true;
    if (allowance->at_us != 0)
        allowance->tokens += (double) (now_us - allowance->at_us) / 1e6 * allowance->rate;
    else
        allowance->tokens = allowance->rate;
    if (allowance->tokens > allowance->rate)
        allowance->tokens = allowance->rate;
    allowance->at_us = now_us;
    return allowance->tokens > 0;
}

static bool
is_refused(struct stub_table *table, int side, uint64_t now_us)
{
    const double seconds = (double) (now_us - table->start_us) / 1e6;

    if (table->options.limit_seconds > 0 && seconds >= table->options.limit_seconds)
        return false;
    return !may_use(&table->allowances[side], now_us);
}

static void
use(struct stub_table *table, int side, double units, uint64_t now_us)
{
    table->allowances[side].tokens -= units;
    stub_count_add(&table->counts[side], now_us, units);
}

static void
use_hot(struct stub_table *table, int side, double units, uint64_t now_us)
{
    table->hot[side].tokens -= units;
    stub_count_add(&table->hot_counts[side], now_us, units);
}

static double
read_units(const struct stub_table *table, bool is_consistent)
{
    return ceil_div(table->options.item_bytes, 4096) * (is_consistent ? 1 : 0.5);
}

static double
write_units(const struct stub_table *table, uint64_t i)
{
    const double each = is_there(table, i) ? ceil_div(table->options.item_bytes, 1024) : 1;

    return each * (double) (1 + table->options.n_indexes);
}

static int
refuse(struct stub_table *table, int side, bool is_key_range, struct ko_buf *reply)
{
    struct stub_count *count = is_key_range ? &table->hot_counts[side] : &table->counts[side];

    count->n_throttled++;
    ko_buf_add_format(
        reply,
        "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException\","
        "\"message\":\"too fast\",\"ThrottlingReasons\":[{\"reason\":\"Table%s%s\",\"resource\":"
        "\"arn:aws:dynamodb:us-east-1:1:table/t\"}]}",
        side == STUB_READ ? "Read" : "Write",
        is_key_range ? "KeyRangeThroughputExceeded" : "ProvisionedThroughputExceeded");
    return 400;
}

static void
add_consumed(struct ko_buf *reply, bool is_list, double units)
{
    ko_buf_add_format(reply,
                      "\"ConsumedCapacity\":%s{\"TableName\":\"t\",\"CapacityUnits\":%.1f}%s",
                      is_list ? "[" : "", units, is_list ? "]" : "");
}

/* ---- operations ---- */

static int
scan(struct stub_table *table, struct ko_slice body, uint64_t now_us, struct ko_buf *reply)
{
    const uint64_t item_bytes = table->options.item_bytes;
    const bool is_consistent = memmem(body.data, body.n, "ConsistentRead\":true", 20) != NULL;
    uint64_t keys[KEYS_MAX];
    uint64_t segment = 0;
    uint64_t n_segments = 1;
    uint64_t limit = 0;
    uint64_t n_returned = 0;
    uint64_t n_scanned = 0;
    uint64_t at;
    uint64_t end;
    double units;

    (void) find_number(body, "\"Segment\":", &segment);
    (void) find_number(body, "\"TotalSegments\":", &n_segments);
    (void) find_number(body, "\"Limit\":", &limit);
    at = find_keys(body, keys) > 0 ? keys[0] + 1 : table->options.n_items * segment / n_segments;
    end = table->options.n_items * (segment + 1) / n_segments;
    if (is_hot(table, at) && !may_use(&table->hot[STUB_READ], now_us))
        return refuse(table, STUB_READ, true, reply);
    if (is_refused(table, STUB_READ, now_us))
        return refuse(table, STUB_READ, false, reply);
    ko_buf_add_text(reply, "{\"Items\":[");
    for (uint64_t i = at; i < end; i++) {
        if (!is_there(table, i))
            continue;
        if ((limit > 0 && n_scanned == limit) || (n_scanned + 1) * item_bytes > PAGE_BYTES)
            break;
        ko_buf_add_text(reply, n_returned++ == 0 ? "" : ",");
        add_item(table, i, reply);
        n_scanned++;
        at = i + 1;
    }
    units = ceil_div(n_scanned * item_bytes, 4096) * (is_consistent ? 1 : 0.5);
    use(table, STUB_READ, units, now_us);
    if (is_hot(table, at - 1))
        use_hot(table, STUB_READ, units, now_us);
    ko_buf_add_format(reply, "],\"Count\":%llu,\"ScannedCount\":%llu,",
                      (unsigned long long) n_returned, (unsigned long long) n_scanned);
    if (at < end && n_scanned > 0)
        ko_buf_add_format(reply, "\"LastEvaluatedKey\":{\"pk\":{\"S\":\"i%09llu\"}},",
                          (unsigned long long) at - 1);
    add_consumed(reply, false, units);
    ko_buf_add_char(reply, '}');
    return 200;
}

static int
batch_get(struct stub_table *table, struct ko_slice body, uint64_t now_us, struct ko_buf *reply)
{
    uint64_t keys[KEYS_MAX];
    const size_t n = find_keys(body, keys);
    struct ko_buf left = {0};
    double units = 0;
    bool is_first = true;

    if (is_refused(table, STUB_READ, now_us))
        return refuse(table, STUB_READ, false, reply);
    ko_buf_add_text(reply, "{\"Responses\":{\"t\":[");
    for (size_t i = 0; i < n; i++) {
        const double cost = is_there(table, keys[i]) ? read_units(table, true) : 1;

        if (is_hot(table, keys[i]) && !may_use(&table->hot[STUB_READ], now_us)) {
            table->hot_counts[STUB_READ].n_throttled++;
            ko_buf_add_format(&left, "%s{\"pk\":{\"S\":\"i%09llu\"}}", left.n == 0 ? "" : ",",
                              (unsigned long long) keys[i]);
            continue;
        }
        units += cost;
        if (is_hot(table, keys[i]))
            use_hot(table, STUB_READ, cost, now_us);
        if (!is_there(table, keys[i]))
            continue;
        ko_buf_add_text(reply, is_first ? "" : ",");
        add_item(table, keys[i], reply);
        is_first = false;
    }
    ko_buf_add_text(reply, "]},\"UnprocessedKeys\":{");
    if (left.n > 0) {
        ko_buf_add_text(reply, "\"t\":{\"Keys\":[");
        ko_buf_add_slice(reply, ko_buf_slice(&left));
        ko_buf_add_text(reply, "]}");
    }
    ko_buf_add_text(reply, "},");
    add_consumed(reply, true, units);
    ko_buf_add_char(reply, '}');
    use(table, STUB_READ, units, now_us);
    ko_buf_clear(&left);
    return 200;
}

/* Deletes under conditions that hold as long as the item is there: nobody else writes. */
static void
delete_item(struct stub_table *table, uint64_t i, struct ko_buf *reply)
{
    if (!is_there(table, i))
        return;
    ko_buf_add_text(reply, "\"Item\":");
    add_item(table, i, reply);
    ko_buf_add_char(reply, ',');
    table->is_deleted[i] = 1;
}

static int
batch_statement(struct stub_table *table, struct ko_slice body, uint64_t now_us,
                struct ko_buf *reply)
{
    uint64_t keys[KEYS_MAX];
    const size_t n = find_keys(body, keys);
    double units = 0;

    if (is_refused(table, STUB_WRITE, now_us))
        return refuse(table, STUB_WRITE, false, reply);
    ko_buf_add_text(reply, "{\"Responses\":[");
    for (size_t i = 0; i < n; i++) {
        const double cost = write_units(table, keys[i]);

        ko_buf_add_text(reply, i == 0 ? "{" : ",{");
        if (is_hot(table, keys[i]) && !may_use(&table->hot[STUB_WRITE], now_us)) {
            table->hot_counts[STUB_WRITE].n_throttled++;
            ko_buf_add_text(reply, "\"Error\":{\"Code\":\"ThrottlingError\",\"Message\":"
                                   "\"too fast\",\"ThrottlingReasons\":[{\"reason\":"
                                   "\"TableWriteKeyRangeThroughputExceeded\"}]},");
        } else {
            units += cost;
            if (is_hot(table, keys[i]))
                use_hot(table, STUB_WRITE, cost, now_us);
            delete_item(table, keys[i], reply);
        }
        ko_buf_add_text(reply, "\"TableName\":\"t\"}");
    }
    ko_buf_add_text(reply, "],");
    add_consumed(reply, true, units);
    ko_buf_add_char(reply, '}');
    use(table, STUB_WRITE, units, now_us);
    return 200;
}

/* The first key of a transaction is the keeper's, which is only checked. */
static int
transact(struct stub_table *table, struct ko_slice body, uint64_t now_us, struct ko_buf *reply)
{
    uint64_t keys[KEYS_MAX];
    const size_t n = find_keys(body, keys);
    double units = 0;

    if (is_refused(table, STUB_WRITE, now_us))
        return refuse(table, STUB_WRITE, false, reply);
    for (size_t i = 0; i < n; i++) {
        units += 2 * write_units(table, keys[i]);
        if (i > 0 && keys[i] < table->options.n_items)
            table->is_deleted[keys[i]] = 1;
    }
    ko_buf_add_char(reply, '{');
    add_consumed(reply, true, units);
    ko_buf_add_char(reply, '}');
    use(table, STUB_WRITE, units, now_us);
    return 200;
}

static int
write_one(struct stub_table *table, struct ko_slice body, bool is_put, uint64_t now_us,
          struct ko_buf *reply)
{
    uint64_t keys[KEYS_MAX];
    const size_t n = find_keys(body, keys);
    double units;

    if (is_refused(table, STUB_WRITE, now_us))
        return refuse(table, STUB_WRITE, false, reply);
    if (n == 0 || keys[0] >= table->options.n_items) {
        ko_buf_add_text(reply, "{\"__type\":\"#ValidationException\",\"message\":\"no key\"}");
        return 400;
    }
    if (is_put)
        table->is_deleted[keys[0]] = 0;
    units = write_units(table, keys[0]);
    ko_buf_add_char(reply, '{');
    if (!is_put && is_there(table, keys[0])) {
        ko_buf_add_text(reply, "\"Attributes\":");
        add_item(table, keys[0], reply);
        ko_buf_add_char(reply, ',');
        table->is_deleted[keys[0]] = 1;
    }
    add_consumed(reply, false, units);
    ko_buf_add_char(reply, '}');
    use(table, STUB_WRITE, units, now_us);
    return 200;
}

static int
describe(const struct stub_table *table, struct ko_buf *reply)
{
    const struct stub_options *options = &table->options;

    ko_buf_add_format(
        reply,
        "{\"Table\":{\"TableName\":\"t\",\"TableStatus\":\"ACTIVE\",\"TableId\":\"stub\","
        "\"TableArn\":\"arn:aws:dynamodb:us-east-1:1:table/t\",\"CreationDateTime\":1700000000.0,"
        "\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],"
        "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}],"
        "\"ItemCount\":%llu,\"TableSizeBytes\":%llu,"
        "\"ProvisionedThroughput\":{\"ReadCapacityUnits\":%llu,\"WriteCapacityUnits\":%llu}",
        (unsigned long long) options->n_items,
        (unsigned long long) (options->n_items * options->item_bytes),
        (unsigned long long) options->provisioned[STUB_READ],
        (unsigned long long) options->provisioned[STUB_WRITE]);
    if (options->provisioned[STUB_WRITE] == 0)
        ko_buf_add_text(reply, ",\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\"}");
    if (options->on_demand[STUB_WRITE] > 0)
        ko_buf_add_format(reply,
                          ",\"OnDemandThroughput\":{\"MaxReadRequestUnits\":%llu,"
                          "\"MaxWriteRequestUnits\":%llu}",
                          (unsigned long long) options->on_demand[STUB_READ],
                          (unsigned long long) options->on_demand[STUB_WRITE]);
    if (options->warm[STUB_WRITE] > 0)
        ko_buf_add_format(reply,
                          ",\"WarmThroughput\":{\"ReadUnitsPerSecond\":%llu,"
                          "\"WriteUnitsPerSecond\":%llu,\"Status\":\"ACTIVE\"}",
                          (unsigned long long) options->warm[STUB_READ],
                          (unsigned long long) options->warm[STUB_WRITE]);
    ko_buf_add_text(reply, "}}");
    return 200;
}

static bool
is_called(struct ko_slice operation, const char *name)
{
    return ko_slice_equal(operation, ko_slice_of(name));
}

int
stub_table_answer(struct stub_table *table, struct ko_slice operation, struct ko_slice body,
                  uint64_t now_us, struct ko_buf *reply)
{
    const int side = is_called(operation, "Scan") || is_called(operation, "BatchGetItem")
                         ? STUB_READ
                         : STUB_WRITE;

    if (is_called(operation, "DescribeTable"))
        return describe(table, reply);
    if (is_called(operation, "DescribeTimeToLive")) {
        ko_buf_add_text(reply, "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"DISABLED\"}}");
        return 200;
    }
    if (is_called(operation, "DescribeContinuousBackups")) {
        ko_buf_add_text(
            reply, "{\"ContinuousBackupsDescription\":{\"ContinuousBackupsStatus\":\"ENABLED\","
                   "\"PointInTimeRecoveryDescription\":{\"PointInTimeRecoveryStatus\":"
                   "\"ENABLED\"}}}");
        return 200;
    }
    if (table->start_us == 0)
        table->start_us = now_us;
    table->counts[side].n_calls++;
    if (is_called(operation, "Scan"))
        return scan(table, body, now_us, reply);
    if (is_called(operation, "BatchGetItem"))
        return batch_get(table, body, now_us, reply);
    if (is_called(operation, "BatchExecuteStatement"))
        return batch_statement(table, body, now_us, reply);
    if (is_called(operation, "TransactWriteItems"))
        return transact(table, body, now_us, reply);
    if (is_called(operation, "DeleteItem") || is_called(operation, "PutItem"))
        return write_one(table, body, is_called(operation, "PutItem"), now_us, reply);
    ko_buf_add_text(reply, "{\"__type\":\"com.amazon.coral.service#UnknownOperationException\"}");
    return 400;
}

void
stub_table_add_counts(const struct stub_table *table, struct ko_buf *out)
{
    static const char *const names[] = {"read", "write"};
    uint64_t n_deleted = 0;

    for (uint64_t i = 0; i < table->options.n_items; i++)
        n_deleted += table->is_deleted[i];
    ko_buf_add_format(out, "{\"deleted\":%llu", (unsigned long long) n_deleted);
    for (int side = 0; side < STUB_SIDES; side++) {
        ko_buf_add_format(out, ",\"%s\":", names[side]);
        stub_count_add_json(&table->counts[side], out);
        ko_buf_add_format(out, ",\"hot_%s\":", names[side]);
        stub_count_add_json(&table->hot_counts[side], out);
    }
    ko_buf_add_char(out, '}');
}

struct stub_table *
stub_table_new(const struct stub_options *options, struct ko_error *err)
{
    struct stub_table *table = ko_alloc(sizeof *table, err);

    if (table == NULL)
        return NULL;
    table->options = *options;
    table->is_deleted = ko_alloc(options->n_items + 1, err);
    for (int side = 0; side < STUB_SIDES; side++) {
        table->allowances[side].rate = options->limit[side];
        table->hot[side].rate = options->hot_limit[side];
        table->counts[side].bins = ko_alloc_array(STUB_BINS, sizeof(double), err);
        table->hot_counts[side].bins = ko_alloc_array(STUB_BINS, sizeof(double), err);
    }
    for (uint64_t i = 0; i < options->body_bytes; i++)
        ko_buf_add_char(&table->filler, (char) ('a' + i % 26));
    return table;
}

void
stub_table_free(struct stub_table *table)
{
    for (int side = 0; side < STUB_SIDES; side++) {
        ko_free(table->counts[side].bins);
        ko_free(table->hot_counts[side].bins);
    }
    ko_free(table->is_deleted);
    ko_buf_clear(&table->filler);
    ko_free(table);
}
