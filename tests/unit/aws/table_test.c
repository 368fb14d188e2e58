#include "keepone/aws/table.h"

#include "keepone/base/buf.h"

#include "server.h"

/* A table in one line: "name arn id STATUS pk:S sk:N 3 items 400 bytes". */
static void
print_table(const struct ko_table *table, char *line, size_t size)
{
    (void) snprintf(line, size, "%s %s %s %s %s:%s %s:%s %llu items %llu bytes", table->name,
                    table->arn, table->id, table->status, table->hash.name,
                    ko_value_type_name(table->hash.type), table->has_range ? table->range.name : "",
                    table->has_range ? ko_value_type_name(table->range.type) : "",
                    (unsigned long long) table->n_items, (unsigned long long) table->size_bytes);
}

#define DEFINITION(name, type) "{\"AttributeName\":\"" name "\",\"AttributeType\":\"" type "\"}"
#define KEY(name, type)        "{\"AttributeName\":\"" name "\",\"KeyType\":\"" type "\"}"

static const char orders[] =
    "{\"Table\":{\"AttributeDefinitions\":[" DEFINITION("gsi", "S") "," DEFINITION(
        "sk", "N") "," DEFINITION("pk", "B") "],\"CreationDateTime\":1.7E9,\"ItemCount\":3,"
                                             "\"KeySchema\":[" KEY("pk", "HASH") "," KEY(
                                                 "sk",
                                                 "RANGE") "],\"TableArn\":\"arn:x\","
                                                          "\"TableId\":\"id-1\",\"TableName\":"
                                                          "\"Orders\",\"TableSizeBytes\":400,"
                                                          "\"TableStatus\":\"ACTIVE\","
                                                          "\"ProvisionedThroughput\":{"
                                                          "\"ReadCapacityUnits\":5}}}";

static void
descriptions_are_read(void)
{
    static const struct {
        const char *reply;
        const char *expected;
    } rows[] = {
        {orders, "Orders arn:x id-1 ACTIVE pk:B sk:N 3 items 400 bytes"},
        {"{\"Table\":{\"TableName\":\"t\",\"TableStatus\":\"CREATING\",\"KeySchema\":[" KEY(
             "h\\u0061sh", "HASH") "],\"AttributeDefinitions\":[" DEFINITION("hash", "S") "]}}",
         "t   CREATING hash:S : 0 items 0 bytes"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_table table = {0};
        struct ko_error err = {0};
        char line[4096];

        (void) ko_table_read_description(ko_slice_of(rows[i].reply), &table, &err);
        CHECK_OK(err);
        print_table(&table, line, sizeof line);
        CHECK_TEXT(line, rows[i].expected);
    }
}

#define TABLE(schema, definitions)                                                     \
    "{\"Table\":{\"TableName\":\"t\",\"TableStatus\":\"ACTIVE\",\"KeySchema\":" schema \
    ",\"AttributeDefinitions\":" definitions "}}"

static void
descriptions_of_an_unknown_form_are_refused(void)
{
    static const struct {
        const char *reply;
        const char *expected;
    } rows[] = {
        {"{}", "the reply to DescribeTable: there is no 'Table'"},
        {"[]", "the reply to DescribeTable: "},
        {"{\"Table\":{}}", "there is no 'TableName'"},
        {"{\"Table\":{\"TableName\":7}}", "the reply to DescribeTable: "},
        {"{\"Table\":{\"TableName\":\"t\"}}", "there is no 'TableStatus'"},
        {"{\"Table\":{\"TableName\":\"t\",\"TableStatus\":\"ACTIVE\"}}", "there is no 'KeySchema'"},
        {TABLE("[]", "[]"), "the key schema has no HASH attribute"},
        {TABLE("[" KEY("s", "RANGE") "]", "[]"), "the key schema has no HASH attribute"},
        {TABLE("[{}]", "[]"), "there is no 'KeyType'"},
        {TABLE("[" KEY("p", "HASH") "]", "[]"), "a key attribute has no definition"},
        {TABLE("[" KEY("p", "HASH") "," KEY("s", "RANGE") "]", "[" DEFINITION("p", "S") "]"),
         "a key attribute has no definition"},
        {TABLE("[" KEY("p", "HASH") "]", "[" DEFINITION("p", "BOOL") "]"),
         "the key attribute 'p' has the type 'BOOL'"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_table table = {0};
        struct ko_error err = {0};

        (void) ko_table_read_description(ko_slice_of(rows[i].reply), &table, &err);
        CHECK_CODE(err, KO_E_CORRUPT);
        CHECK_ERROR_SAYS(err, rows[i].expected);
    }
}

static void
texts_that_do_not_fit_are_refused(void)
{
    struct ko_buf reply = {0};
    struct ko_table table = {0};
    struct ko_error err = {0};

    ko_buf_add_text(&reply, "{\"Table\":{\"TableName\":\"");
    for (int i = 0; i < KO_TABLE_NAME_BYTES; i++)
        ko_buf_add_char(&reply, 'n');
    ko_buf_add_text(&reply, "\"}}");
    (void) ko_table_read_description(ko_buf_slice(&reply), &table, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, "'TableName' has 512 bytes, more than the 511 it may have");
    ko_buf_clear(&reply);
}

static void
time_to_live_is_read(void)
{
    static const struct {
        const char *reply;
        const char *expected; /* NULL = refused */
    } rows[] = {
        {"{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"DISABLED\"}}", ""},
        {"{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"DISABLED\",\"AttributeName\":\"x\"}}",
         ""},
        {"{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"ENABLED\",\"AttributeName\":\"x\"}}",
         "x"},
        {"{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"ENABLING\",\"AttributeName\":\"x\"}}",
         "x"},
        {"{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"DISABLING\",\"AttributeName\":\"x\"}}",
         "x"},
        {"{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"ENABLED\"}}", NULL},
        {"{\"TimeToLiveDescription\":{}}", NULL},
        {"{}", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_table table = {0};
        struct ko_error err = {0};

        (void) ko_table_read_ttl(ko_slice_of(rows[i].reply), &table, &err);
        CHECK_CODE(err, rows[i].expected == NULL ? KO_E_CORRUPT : KO_OK);
        if (rows[i].expected != NULL)
            CHECK_TEXT(table.ttl_attribute, rows[i].expected);
    }
}

#define BACKUPS(content) "{\"ContinuousBackupsDescription\":{" content "}}"

static void
point_in_time_recovery_is_read(void)
{
    static const struct {
        const char *reply;
        enum ko_table_pitr pitr;
        enum ko_code code;
    } rows[] = {
        {BACKUPS("\"PointInTimeRecoveryDescription\":{\"PointInTimeRecoveryStatus\":\"ENABLED\"}"),
         KO_PITR_ENABLED, KO_OK},
        {BACKUPS("\"PointInTimeRecoveryDescription\":{\"PointInTimeRecoveryStatus\":\"DISABLED\"}"),
         KO_PITR_DISABLED, KO_OK},
        {BACKUPS("\"ContinuousBackupsStatus\":\"DISABLED\""), KO_PITR_DISABLED, KO_OK},
        {"{}", KO_PITR_DISABLED, KO_E_CORRUPT},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_table table = {0};
        struct ko_error err = {0};

        (void) ko_table_read_pitr(ko_slice_of(rows[i].reply), &table, &err);
        CHECK_CODE(err, rows[i].code);
        assert_int_equal(table.pitr, rows[i].pitr);
    }
}

static struct ko_table
describe(const struct server_row *rows, size_t n_rows, struct ko_error *err)
{
    struct ko_dynamodb_options options = {.endpoint = server.url, .max_in_flight = 1};
    struct ko_table table = {0};
    struct ko_dynamodb *client = NULL;

    (void) setenv("AWS_ACCESS_KEY_ID", "K", 1);
    (void) setenv("AWS_SECRET_ACCESS_KEY", "S", 1);
    server_start(rows, n_rows);
    (void) ko_aws_open(&(struct ko_aws_options){0}, &options.aws, err);
    CHECK_OK(*err);
    (void) ko_dynamodb_open(&options, &client, err);
    CHECK_OK(*err);
    (void) ko_table_describe(client, "Or\"ders", &table, err);
    ko_dynamodb_close(client);
    ko_aws_close(options.aws);
    server_stop();
    return table;
}

static void
a_table_is_described_in_three_calls(void)
{
    static const struct server_row rows[] = {
        {.body = orders},
        {.body = "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"ENABLED\","
                 "\"AttributeName\":\"expires\"}}"},
        {.body = BACKUPS("\"PointInTimeRecoveryDescription\":{"
                         "\"PointInTimeRecoveryStatus\":\"ENABLED\"}")},
    };
    static const char *const operations[] = {"DescribeTable", "DescribeTimeToLive",
                                             "DescribeContinuousBackups"};
    struct ko_error err = {0};
    const struct ko_table table = describe(rows, 3, &err);

    CHECK_OK(err);
    CHECK_TEXT(table.name, "Orders");
    assert_true(table.ttl_is_known);
    CHECK_TEXT(table.ttl_attribute, "expires");
    assert_int_equal(table.pitr, KO_PITR_ENABLED);
    assert_int_equal(server.n_requests, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(strstr(server.requests[i], operations[i]));
        assert_non_null(strstr(server.requests[i], "\r\n\r\n{\"TableName\":\"Or\\\"ders\"}"));
    }
}

static void
an_endpoint_may_lack_time_to_live_and_recovery(void)
{
    static const struct server_row unknown = {
        .status = 400, .body = "{\"__type\":\"x#UnknownOperationException\",\"message\":\"\"}"};
    const struct server_row rows[] = {{.body = orders}, unknown, unknown};
    struct ko_error err = {0};
    const struct ko_table table = describe(rows, 3, &err);

    CHECK_OK(err);
    CHECK_TEXT(table.name, "Orders");
    assert_false(table.ttl_is_known);
    CHECK_TEXT(table.ttl_attribute, "");
    assert_int_equal(table.pitr, KO_PITR_UNKNOWN_OPERATION);
}

static void
a_table_that_is_not_there_is_an_access_error(void)
{
    static const struct server_row rows[] = {
        {.status = 400,
         .body = "{\"__type\":\"x#ResourceNotFoundException\",\"message\":\"Not found\"}"}};
    struct ko_error err = {0};

    (void) describe(rows, 1, &err);
    CHECK_CODE(err, KO_E_ACCESS);
    CHECK_ERROR_SAYS(err, "table 'Or\"ders': DescribeTable: no such table in region us-east-1 at ");
    assert_true(err.hint[0] != '\0');
}

static void
a_forbidden_question_about_the_table_is_an_access_error(void)
{
    static const struct server_row rows[] = {
        {.body = orders},
        {.status = 400, .body = "{\"__type\":\"x#AccessDeniedException\",\"Message\":\"no\"}"}};
    struct ko_error err = {0};

    (void) describe(rows, 2, &err);
    CHECK_CODE(err, KO_E_ACCESS);
    CHECK_ERROR_SAYS(err, "table 'Or\"ders': DescribeTimeToLive: AccessDeniedException: no");
}

CASES = {
    CASE(descriptions_are_read),
    CASE(descriptions_of_an_unknown_form_are_refused),
    CASE(texts_that_do_not_fit_are_refused),
    CASE(time_to_live_is_read),
    CASE(point_in_time_recovery_is_read),
    CASE(a_table_is_described_in_three_calls),
    CASE(an_endpoint_may_lack_time_to_live_and_recovery),
    CASE(a_table_that_is_not_there_is_an_access_error),
    CASE(a_forbidden_question_about_the_table_is_an_access_error),
};
RUN_CASES
