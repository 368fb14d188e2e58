#include "keepone/aws/table_export.h"

#include "keepone/format/json.h"
#include "support/test.h"

static const struct ko_table_export_request full = {.table_arn = "arn:aws:dynamodb:r:1:table/t",
                                                    .bucket = "b"};

/* The request without its token. */
static const char *
request_of(const struct ko_table_export_request *request)
{
    static char shown[1024];
    struct ko_buf text = {0};
    char *token;

    ko_table_export_add_request(request, &text);
    (void) snprintf(shown, sizeof shown, "%.*s", KO_SLICE_ARG(ko_buf_slice(&text)));
    ko_buf_clear(&text);
    token = strstr(shown, ",\"ClientToken\":\"");
    assert_non_null(token);
    assert_int_equal(strlen(token), strlen(",\"ClientToken\":\"\"}") + KO_EXPORT_TOKEN_BYTES - 1);
    *token = '\0';
    return shown;
}

static const char *
token_of(const struct ko_table_export_request *request)
{
    static char tokens[2][64];
    static int turn;
    struct ko_buf text = {0};
    char *const token = tokens[turn ^= 1];

    ko_table_export_add_request(request, &text);
    (void) snprintf(token, 64, "%.*s", 34, text.data + text.n - 35);
    ko_buf_clear(&text);
    return token;
}

static void
requests_say_what_is_wanted(void)
{
    struct ko_table_export_request request = full;

    CHECK_TEXT(request_of(&request),
               "{\"TableArn\":\"arn:aws:dynamodb:r:1:table/t\",\"S3Bucket\":\"b\","
               "\"ExportFormat\":\"DYNAMODB_JSON\",\"ExportType\":\"FULL_EXPORT\"");
    request.prefix = "p/q";
    request.at_s = 1768046400;
    request.bucket_owner = "12";
    request.kms_key = "k";
    CHECK_TEXT(request_of(&request),
               "{\"TableArn\":\"arn:aws:dynamodb:r:1:table/t\",\"S3Bucket\":\"b\","
               "\"S3Prefix\":\"p/q\",\"S3BucketOwner\":\"12\",\"S3SseAlgorithm\":\"KMS\","
               "\"S3SseKmsKeyId\":\"k\",\"ExportFormat\":\"DYNAMODB_JSON\","
               "\"ExportType\":\"FULL_EXPORT\",\"ExportTime\":1768046400");
    request = full;
    request.from_s = 10;
    request.until_s = 20;
    CHECK_TEXT(request_of(&request),
               "{\"TableArn\":\"arn:aws:dynamodb:r:1:table/t\",\"S3Bucket\":\"b\","
               "\"ExportFormat\":\"DYNAMODB_JSON\",\"ExportType\":\"INCREMENTAL_EXPORT\","
               "\"IncrementalExportSpecification\":{\"ExportFromTime\":10,\"ExportToTime\":20,"
               "\"ExportViewType\":\"NEW_IMAGE\"}");
}

static void
equal_requests_have_equal_tokens_and_others_have_not(void)
{
    struct ko_table_export_request other = full;

    CHECK_TEXT(token_of(&full), token_of(&other));
    other.at_s = 1;
    assert_true(strcmp(token_of(&full), token_of(&other)) != 0);
    other = full;
    other.prefix = "p";
    assert_true(strcmp(token_of(&full), token_of(&other)) != 0);
}

/* What is read from the members of a description, or the error. */
static const char *
read_of(const char *members)
{
    static char shown[8192];
    struct ko_table_export export;
    struct ko_error err = {0};
    struct ko_buf reply = {0};

    ko_buf_add_format(&reply, "{\"ExportDescription\":{%s}}", members);
    if (ko_table_export_read(ko_buf_slice(&reply), &export, &err) != KO_OK)
        (void) snprintf(shown, sizeof shown, "%s: %s", ko_code_name(err.code), err.text);
    else
        (void) snprintf(
            shown, sizeof shown,
            "%s %s '%s' %s at %lld from %lld until %lld started "
            "%lld items %llu bytes %llu failed '%s' '%s'",
            export.arn, export.status, export.path, export.is_incremental ? "incremental" : "full",
            (long long) export.at_s, (long long) export.from_s, (long long) export.until_s,
            (long long) export.started_s, (unsigned long long) export.n_items,
            (unsigned long long) export.billed_bytes, export.failure_code, export.failure_message);
    ko_buf_clear(&reply);
    return shown;
}

#define HEAD "\"ExportArn\":\"arn:x/export/1-2\",\"ExportStatus\":\"COMPLETED\""

static void
descriptions_are_read(void)
{
    CHECK_TEXT(
        read_of("\"ExportArn\":\"a\",\"ExportStatus\":\"IN_PROGRESS\",\"ExportManifest\":null,"
                "\"S3Bucket\":\"b\",\"StartTime\":1.795186191236E9,\"ExportTime\":1795186000"),
        "a IN_PROGRESS '' full at 1795186000 from 0 until 0 started 1795186191 items 0 "
        "bytes 0 failed '' ''");
    CHECK_TEXT(read_of(HEAD ",\"S3Bucket\":\"b\",\"ItemCount\":7,\"BilledSizeBytes\":8,"
                            "\"ExportManifest\":\"AWSDynamoDB/1-2/manifest-summary.json\","
                            "\"IncrementalExportSpecification\":{\"ExportFromTime\":10.5,"
                            "\"ExportToTime\":20}"),
               "arn:x/export/1-2 COMPLETED 's3://b/AWSDynamoDB/1-2' incremental at 0 from 10 until "
               "20 started 0 items 7 bytes 8 failed '' ''");
    CHECK_TEXT(
        read_of("\"ExportArn\":\"a\",\"ExportStatus\":\"FAILED\",\"FailureCode\":\"X\","
                "\"FailureMessage\":\"no\\u001b[31m\""),
        "a FAILED '' full at 0 from 0 until 0 started 0 items 0 bytes 0 failed 'X' 'no [31m'");
}

static void
paths_have_the_prefix_once(void)
{
    static const struct {
        const char *prefix;
        const char *key;
        const char *path;
    } cases[] = {
        {"p/q", "p/q/AWSDynamoDB/1/m.json", "'s3://b/p/q/AWSDynamoDB/1'"},
        {"p/q/", "p/q/AWSDynamoDB/1/m.json", "'s3://b/p/q/AWSDynamoDB/1'"},
        {"p/q", "AWSDynamoDB/1/m.json", "'s3://b/p/q/AWSDynamoDB/1'"},
        {"", "AWSDynamoDB/1/m.json", "'s3://b/AWSDynamoDB/1'"},
        {"AWS", "AWSDynamoDB/1/m.json", "'s3://b/AWS/AWSDynamoDB/1'"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char members[512];

        (void) snprintf(members, sizeof members,
                        HEAD ",\"S3Bucket\":\"b\",\"S3Prefix\":\"%s\",\"ExportManifest\":\"%s\"",
                        cases[i].prefix, cases[i].key);
        assert_non_null(strstr(read_of(members), cases[i].path));
    }
}

static void
replies_of_another_form_are_refused(void)
{
    struct ko_table_export export;
    struct ko_error err = {0};

    CHECK_TEXT(read_of("\"ExportArn\":\"a\""), "corrupt: there is no 'ExportStatus'");
    CHECK_TEXT(read_of("\"ExportStatus\":\"a\""), "corrupt: there is no 'ExportArn'");
    CHECK_TEXT(read_of(HEAD ",\"StartTime\":\"soon\""),
               "corrupt: 'StartTime' is \"soon\", which is no time");
    (void) ko_table_export_read(KO_SLICE("{}"), &export, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
}

CASES = {
    CASE(requests_say_what_is_wanted),
    CASE(equal_requests_have_equal_tokens_and_others_have_not),
    CASE(descriptions_are_read),
    CASE(paths_have_the_prefix_once),
    CASE(replies_of_another_form_are_refused),
};
RUN_CASES
