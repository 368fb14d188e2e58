#include "keepone/aws/table.h"

#include "keepone/base/buf.h"

#include "support/test.h"

#define DEFINITION(name, type) "{\"AttributeName\":\"" name "\",\"AttributeType\":\"" type "\"}"
#define KEY(name, type)        "{\"AttributeName\":\"" name "\",\"KeyType\":\"" type "\"}"

/* The reply for a busy table, as the service writes it. */
/* clang-format off */
static const char space_diff[] =
    "{\"Table\":{\"AttributeDefinitions\":[" DEFINITION("pk", "S") "," DEFINITION("cause", "S") ","
    DEFINITION("insertedAt", "N") "],\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\","
    "\"LastUpdateToPayPerRequestDateTime\":1.7E9},\"CreationDateTime\":1.7E9,"
    "\"DeletionProtectionEnabled\":true,\"GlobalSecondaryIndexes\":[{\"IndexArn\":\"arn:i\","
    "\"IndexName\":\"by-cause\",\"IndexSizeBytes\":5000,\"IndexStatus\":\"ACTIVE\","
    "\"ItemCount\":50,\"KeySchema\":[" KEY("cause", "HASH") "," KEY("insertedAt", "RANGE") "],"
    "\"OnDemandThroughput\":{\"MaxReadRequestUnits\":-1,\"MaxWriteRequestUnits\":700},"
    "\"Projection\":{\"NonKeyAttributes\":[\"a\",\"b\\u0063\"],\"ProjectionType\":\"INCLUDE\"},"
    "\"ProvisionedThroughput\":{\"NumberOfDecreasesToday\":0,\"ReadCapacityUnits\":0,"
    "\"WriteCapacityUnits\":0}},{\"IndexName\":\"all\",\"KeySchema\":[" KEY("cause", "HASH") "],"
    "\"Projection\":{\"ProjectionType\":\"ALL\"}}],\"ItemCount\":100,\"KeySchema\":["
    KEY("pk", "HASH") "],\"LatestStreamArn\":\"arn:s\",\"LocalSecondaryIndexes\":[{"
    "\"IndexName\":\"local\",\"IndexSizeBytes\":9,\"ItemCount\":3,\"KeySchema\":["
    KEY("pk", "HASH") "," KEY("insertedAt", "RANGE") "],\"Projection\":{\"ProjectionType\":"
    "\"KEYS_ONLY\"}}],\"OnDemandThroughput\":{\"MaxReadRequestUnits\":9000,"
    "\"MaxWriteRequestUnits\":-1},\"ProvisionedThroughput\":{\"NumberOfDecreasesToday\":0,"
    "\"ReadCapacityUnits\":0,\"WriteCapacityUnits\":0},\"Replicas\":[{\"RegionName\":"
    "\"eu-west-1\",\"ReplicaStatus\":\"ACTIVE\"},{\"RegionName\":\"us-east-1\","
    "\"ReplicaStatus\":\"ACTIVE\"}],\"StreamSpecification\":{\"StreamEnabled\":true,"
    "\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"},\"TableArn\":"
    "\"arn:aws:dynamodb:us-east-1:111122223333:table/space-diff\",\"TableClassSummary\":"
    "{\"TableClass\":\"STANDARD_INFREQUENT_ACCESS\"},\"TableId\":\"id-2\",\"TableName\":"
    "\"space-diff\",\"TableSizeBytes\":40000,\"TableStatus\":\"ACTIVE\",\"WarmThroughput\":"
    "{\"ReadUnitsPerSecond\":12000,\"Status\":\"ACTIVE\",\"WriteUnitsPerSecond\":4000}}}";

#define WITH(members)                                                                      \
    "{\"Table\":{\"TableName\":\"t\",\"TableStatus\":\"ACTIVE\",\"KeySchema\":["             \
    KEY("p", "HASH") "],\"AttributeDefinitions\":[" DEFINITION("p", "S") "]" members "}}"
/* clang-format on */

static struct ko_table
read_description(const char *reply)
{
    struct ko_table table = {0};
    struct ko_error err = {0};

    (void) ko_table_read_description(ko_slice_of(reply), &table, &err);
    CHECK_OK(err);
    return table;
}

static void
throughput_and_class_of_a_table_on_demand_are_read(void)
{
    const struct ko_table table = read_description(space_diff);

    assert_int_equal(table.billing, KO_BILLING_ON_DEMAND);
    assert_int_equal(table.class, KO_TABLE_INFREQUENT_ACCESS);
    assert_int_equal(table.throughput.provisioned_write_units, 0);
    assert_int_equal(table.throughput.on_demand_max_read_units, 9000);
    assert_int_equal(table.throughput.on_demand_max_write_units, 0);
    assert_int_equal(table.throughput.warm_read_units, 12000);
    assert_int_equal(table.throughput.warm_write_units, 4000);
    assert_true(table.is_deletion_protected);
}

/* An index in one line. */
static void
print_index(const struct ko_table *table, size_t i, char *line, size_t size)
{
    const struct ko_table_index *index = &table->indexes[i];
    int n = snprintf(line, size, "%s %s", index->kind == KO_INDEX_LOCAL ? "local" : "global",
                     index->name);

    for (size_t k = 0; k < index->n_keys; k++)
        n += snprintf(line + n, size - (size_t) n, " %s", index->keys[k]);
    n += snprintf(line + n, size - (size_t) n, " %s", ko_index_projection_name(index->projection));
    for (size_t k = 0; k < index->n_included; k++)
        n += snprintf(line + n, size - (size_t) n, " %s",
                      table->included[index->included_index + k]);
    (void) snprintf(line + n, size - (size_t) n, " %llu items %llu bytes max %llu",
                    (unsigned long long) index->n_items, (unsigned long long) index->size_bytes,
                    (unsigned long long) index->throughput.on_demand_max_write_units);
}

static void
secondary_indexes_are_read(void)
{
    static const char *const expected[] = {
        "global by-cause cause insertedAt INCLUDE a bc 50 items 5000 bytes max 700",
        "global all cause ALL 0 items 0 bytes max 0",
        "local local pk insertedAt KEYS_ONLY 3 items 9 bytes max 0",
    };
    const struct ko_table table = read_description(space_diff);

    assert_int_equal(table.n_indexes, 3);
    assert_int_equal(table.n_more_indexes, 0);
    for (size_t i = 0; i < 3; i++) {
        char line[1024];

        print_index(&table, i, line, sizeof line);
        CHECK_TEXT(line, expected[i]);
    }
}

static void
stream_and_replicas_are_read_without_the_own_region(void)
{
    const struct ko_table table = read_description(space_diff);

    CHECK_TEXT(ko_stream_view_name(table.stream), "NEW_AND_OLD_IMAGES");
    assert_int_equal(table.n_replicas, 1);
    CHECK_TEXT(table.replicas[0], "eu-west-1");
}

static void
billing_is_told_from_the_summary_or_the_units(void)
{
    static const struct {
        const char *reply;
        enum ko_table_billing billing;
    } rows[] = {
        {WITH(""), KO_BILLING_UNKNOWN},
        {WITH(",\"ProvisionedThroughput\":{\"ReadCapacityUnits\":5,\"WriteCapacityUnits\":7}"),
         KO_BILLING_PROVISIONED},
        {WITH(",\"ProvisionedThroughput\":{\"ReadCapacityUnits\":0,\"WriteCapacityUnits\":0}"),
         KO_BILLING_ON_DEMAND},
        {WITH(",\"BillingModeSummary\":{\"BillingMode\":\"PROVISIONED\"}"), KO_BILLING_PROVISIONED},
        {WITH(",\"BillingModeSummary\":null,\"ProvisionedThroughput\":{\"WriteCapacityUnits\":7}"),
         KO_BILLING_PROVISIONED},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(read_description(rows[i].reply).billing, rows[i].billing);
}

static void
what_a_table_lacks_is_absent(void)
{
    const struct ko_table table = read_description(
        WITH(",\"GlobalSecondaryIndexes\":null,\"Replicas\":[],\"WarmThroughput\":null,"
             "\"StreamSpecification\":{\"StreamEnabled\":false},\"TableClassSummary\":{}"));

    assert_int_equal(table.n_indexes, 0);
    assert_int_equal(table.n_replicas, 0);
    assert_int_equal(table.stream, KO_STREAM_NONE);
    assert_int_equal(table.class, KO_TABLE_STANDARD);
    assert_false(table.is_deletion_protected);
}

static void
words_that_are_not_known_yet_count_as_the_most_expensive(void)
{
    const struct ko_table table = read_description(
        WITH(",\"LocalSecondaryIndexes\":[{\"IndexName\":\"i\",\"KeySchema\":[],\"Projection\":"
             "{\"ProjectionType\":\"HALF\"}}],\"StreamSpecification\":{\"StreamEnabled\":true,"
             "\"StreamViewType\":\"MORE\"}"));

    assert_int_equal(table.indexes[0].projection, KO_PROJECT_ALL);
    assert_int_equal(table.stream, KO_STREAM_NEW_AND_OLD_IMAGES);
}

static void
indexes_without_room_are_counted(void)
{
    struct ko_buf reply = {0};
    struct ko_table table = {0};
    struct ko_error err = {0};

    ko_buf_add_text(&reply, WITH(",\"GlobalSecondaryIndexes\":["));
    reply.n -= 2; /* the closing brackets come behind the indexes */
    for (int i = 0; i < KO_TABLE_INDEXES + 2; i++)
        ko_buf_add_format(&reply, "%s{\"IndexName\":\"i%d\",\"KeySchema\":[]}", i > 0 ? "," : "",
                          i);
    ko_buf_add_text(&reply, "]}}");
    (void) ko_table_read_description(ko_buf_slice(&reply), &table, &err);
    CHECK_OK(err);
    assert_int_equal(table.n_indexes, KO_TABLE_INDEXES);
    assert_int_equal(table.n_more_indexes, 2);
    ko_buf_clear(&reply);
}

static void
the_region_is_the_fourth_part_of_an_arn(void)
{
    static const char *const rows[][2] = {
        {"arn:aws:dynamodb:us-east-1:1:table/t", "us-east-1"},
        {"arn:aws:dynamodb:ddblocal:000000000000:table/t", "ddblocal"},
        {"arn:aws:dynamodb", ""},
        {"", ""},
        {"arn:x:y:a-region-with-a-name-of-more-than-thirty-two-bytes:1", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char region[KO_TABLE_REGION_BYTES];

        ko_table_region(rows[i][0], region);
        CHECK_TEXT(region, rows[i][1]);
    }
}

CASES = {
    CASE(throughput_and_class_of_a_table_on_demand_are_read),
    CASE(secondary_indexes_are_read),
    CASE(stream_and_replicas_are_read_without_the_own_region),
    CASE(billing_is_told_from_the_summary_or_the_units),
    CASE(what_a_table_lacks_is_absent),
    CASE(words_that_are_not_known_yet_count_as_the_most_expensive),
    CASE(indexes_without_room_are_counted),
    CASE(the_region_is_the_fourth_part_of_an_arn),
};
RUN_CASES
