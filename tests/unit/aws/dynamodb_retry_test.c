#include "client.h"

static const char throttle_body[] =
    "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException\","
    "\"message\":\"slow down\"}";
static const char fault_body[] = "{\"__type\":\"InternalServerError\",\"message\":\"oops\"}";
static const char page[] = "{\"Items\":[],\"Count\":0,\"ScannedCount\":0}";

/* A fault of the first attempt, and what a read and a write make of it when the second would work.
 */
static const struct {
    const char *name;
    struct server_row row;
    const char *as_read;
    const char *as_write;
    unsigned n_write_requests;
} faults[] = {
    {"500",
     {.status = 500, .body = fault_body},
     "ok 200 {} x2",
     "unknown 500 InternalServerError x1",
     1},
    {"503 page of a proxy",
     {.status = 503, .body = "<html>", .crc = CRC_NONE},
     "ok 200 {} x2",
     "unknown 503  x1",
     1},
    {"cut body", {.act = CUT, .body = page}, "ok 200 {} x2", "unknown 0  x1", 1},
    {"wrong CRC", {.body = page, .crc = CRC_WRONG}, "ok 200 {} x2", "unknown 200  x1", 1},
    {"wrong CRC of an error",
     {.status = 400,
      .body = "{\"__type\":\"x#ConditionalCheckFailedException\"}",
      .crc = CRC_WRONG},
     "ok 200 {} x2",
     "unknown 400  x1",
     1},
    {"empty body", {.body = ""}, "ok 200 {} x2", "unknown 200  x1", 1},
    {"closed without a reply", {.act = CLOSE}, "ok 200 {} x2", "unknown 0  x1", 1},
    {"reset after the request", {.act = RESET}, "ok 200 {} x2", "unknown 0  x1", 1},
    {"reset during the request", {.act = RESET_EARLY}, "ok 200 {} x2", "unknown 0  x1", 1},
    {"silence", {.act = SILENT}, "ok 200 {} x2", "unknown 0  x1", 1},
    {"throttled", {.status = 400, .body = throttle_body}, "ok 200 {} x2", "ok 200 {} x2", 2},
    {"no CRC",
     {.body = page, .crc = CRC_NONE},
     "ok 200 {\"Items\":[],\"Count\":0,\"ScannedCount\":0} x1",
     "ok 200 {\"Items\":[],\"Count\":0,\"ScannedCount\":0} x1",
     1},
    {"chunks",
     {.act = REPLY_CHUNK, .body = "{\"a\":1}"},
     "ok 200 {\"a\":1} x1",
     "ok 200 {\"a\":1} x1",
     1},
    {"not valid",
     {.status = 400, .body = "{\"__type\":\"x#ValidationException\"}"},
     "error 400 ValidationException x1",
     "error 400 ValidationException x1",
     1},
};

static void
a_read_is_tried_again_after_a_fault(void)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const struct ko_dynamodb_options options = {.request_timeout_ms =
                                                        faults[i].row.act == SILENT ? 300 : 0};
        const struct seen seen = play(&faults[i].row, 1, false, options);

        if (strcmp(seen.line, faults[i].as_read) != 0)
            fail_msg("%s: is '%s', not '%s'", faults[i].name, seen.line, faults[i].as_read);
    }
}

static void
a_write_that_may_have_acted_is_sent_once_and_unknown(void)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const struct ko_dynamodb_options options = {.request_timeout_ms =
                                                        faults[i].row.act == SILENT ? 300 : 0};
        const struct seen seen = play(&faults[i].row, 1, true, options);

        if (strcmp(seen.line, faults[i].as_write) != 0)
            fail_msg("%s: is '%s', not '%s'", faults[i].name, seen.line, faults[i].as_write);
        if (server.n_requests != faults[i].n_write_requests)
            fail_msg("%s: %zu requests arrived", faults[i].name, server.n_requests);
    }
}

/* libcurl sends a request again on its own when a kept-alive connection closes on it. */
static struct seen
play_on_a_kept_connection(bool is_write)
{
    static const struct server_row rows[] = {{.act = REPLY}, {.act = CLOSE}, {.act = REPLY}};
    struct seen first = {0};
    struct seen second = {0};
    struct ko_dynamodb *client;

    SERVER_PLAY(rows);
    client = open_client((struct ko_dynamodb_options){0});
    send_call(client, is_write, &first);
    drain(client);
    send_call(client, is_write, &second);
    drain(client);
    close_client(client);
    server_stop();
    ko_clock_set_us(0);
    CHECK_TEXT(first.line, "ok 200 {} x1");
    assert_int_equal(second.n_done, 1);
    return second;
}

static void
a_write_is_not_repeated_by_the_library_on_a_kept_connection(void)
{
    CHECK_TEXT(play_on_a_kept_connection(true).line, "unknown 0  x1");
    assert_int_equal(server.n_requests, 2);
}

static void
a_read_may_be_repeated_by_the_library_on_a_kept_connection(void)
{
    CHECK_TEXT(play_on_a_kept_connection(false).line, "ok 200 {} x1");
    assert_int_equal(server.n_requests, 3);
}

static void
faults_of_a_read_end_after_ten_attempts(void)
{
    struct server_row rows[20];
    struct seen seen;

    for (size_t i = 0; i < 20; i++)
        rows[i] = (struct server_row){.status = 500, .body = fault_body};
    seen = PLAY(rows, false);
    CHECK_TEXT(seen.line, "error 500 InternalServerError x10");
    CHECK_CODE(seen.err, KO_E_AWS);
    CHECK_TEXT(seen.err.text, "reading 'Orders': failed in 10 attempts: InternalServerError: oops "
                              "(HTTP 500, request id request-1)");
}

static void
throttling_is_tried_again_until_the_time_limit(void)
{
    struct server_row rows[120];
    struct seen seen;

    for (size_t i = 0; i < 120; i++)
        rows[i] = (struct server_row){.status = 400, .body = throttle_body};
    seen = PLAY(rows, true);
    CHECK_CODE(seen.err, KO_E_THROTTLED);
    CHECK_ERROR_SAYS(seen.err, "reading 'Orders': still throttled after");
    CHECK_ERROR_SAYS(seen.err, "ProvisionedThroughputExceededException: slow down");
    assert_in_range(server.n_requests, 11, 119);
    assert_true(now_us - start_us >= 600ULL * 1000000);
}

static void
a_write_that_could_not_be_sent_is_tried_again(void)
{
    static const struct server_row rows[] = {{.act = REPLY}};
    struct seen seen = {0};
    struct ko_dynamodb *client;
    char part[128];

    SERVER_PLAY(rows);
    server_stop();
    (void) snprintf(part, sizeof part, "cannot reach %s after 6 attempts: ", server.url);
    client = open_client((struct ko_dynamodb_options){0});
    send_call(client, true, &seen);
    drain(client);
    close_client(client);
    ko_clock_set_us(0);
    CHECK_TEXT(seen.line, "error 0  x6");
    CHECK_CODE(seen.err, KO_E_AWS);
    CHECK_ERROR_SAYS(seen.err, part);
}

static void
a_clock_that_is_off_is_corrected_once(void)
{
    static const struct server_row rows[] = {
        {.status = 400,
         .headers = "Date: Fri, 02 Jan 2026 03:24:05 GMT\r\n",
         .body = "{\"__type\":\"com.amazon.coral.service#InvalidSignatureException\","
                 "\"message\":\"Signature expired: 20260102T030405Z is now earlier than "
                 "20260102T031905Z (20260102T032405Z - 5 min.)\"}"},
        {.act = REPLY},
    };
    const struct seen seen = PLAY(rows, true);

    CHECK_TEXT(seen.line, "ok 200 {} x2");
    assert_non_null(strstr(server.requests[0], "\r\nX-Amz-Date: 20260102T030405Z\r\n"));
    assert_non_null(strstr(server.requests[1], "\r\nX-Amz-Date: 20260102T032"));
}

static void
a_wrong_secret_is_not_tried_again(void)
{
    static const struct server_row rows[] = {
        {.status = 400,
         .headers = "Date: Fri, 02 Jan 2026 03:24:05 GMT\r\n",
         .body = "{\"__type\":\"InvalidSignatureException\","
                 "\"message\":\"The request signature we calculated does not match\"}"},
    };
    const struct seen seen = PLAY(rows, false);

    CHECK_TEXT(seen.line, "error 400 InvalidSignatureException x1");
    CHECK_CODE(seen.err, KO_E_ACCESS);
}

static void
the_environment_limits_attempts_that_end_in_faults(void)
{
    static const struct server_row row = {.status = 500, .body = fault_body};
    const struct server_row rows[] = {row, row, row, row};
    struct seen seen;

    (void) setenv("AWS_MAX_ATTEMPTS", "3", 1);
    seen = PLAY(rows, false);
    (void) unsetenv("AWS_MAX_ATTEMPTS");
    CHECK_TEXT(seen.line, "error 500 InternalServerError x3");
    CHECK_CODE(seen.err, KO_E_AWS);
}

/* A source whose credentials are K1, then K2, ... */
static enum ko_code
load_numbered(void *self, struct ko_credentials *credentials, struct ko_buf *why,
              struct ko_error *err)
{
    unsigned *n_loads = self;
    char key_id[16];

    (void) why;
    (void) snprintf(key_id, sizeof key_id, "K%u", ++*n_loads);
    return ko_credentials_set(credentials, ko_slice_of(key_id), KO_SLICE("secret"),
                              KO_SLICE("session/token"), 0, err);
}

static void
expired_credentials_are_loaded_anew_once(void)
{
    static const struct ko_credentials_source_ops ops = {.name = "numbered", .load = load_numbered};
    static const struct server_row expired = {
        .status = 400,
        .body = "{\"__type\":\"com.amazon.coral.service#ExpiredTokenException\","
                "\"message\":\"The security token included in the request is expired\"}"};
    const struct server_row rows[] = {expired, {.act = REPLY}, expired, expired};
    unsigned n_loads = 0;
    struct seen seen[2] = {0};
    struct ko_error err = {0};
    struct ko_credentials_provider *provider = ko_credentials_provider_new(&err);
    struct ko_dynamodb *client;

    (void) ko_credentials_provider_add(provider, (struct ko_credentials_source){&ops, &n_loads},
                                       &err);
    CHECK_OK(err);
    SERVER_PLAY(rows);
    client = open_client_with((struct ko_dynamodb_options){0}, provider);
    for (size_t i = 0; i < 2; i++) {
        send_call(client, false, &seen[i]);
        drain(client);
    }
    close_client(client);
    server_stop();
    ko_clock_set_us(0);
    ko_credentials_provider_free(provider);
    CHECK_TEXT(seen[0].line, "ok 200 {} x2");
    CHECK_TEXT(seen[1].line, "error 400 ExpiredTokenException x2");
    CHECK_CODE(seen[1].err, KO_E_ACCESS);
    assert_int_equal(n_loads, 3);
    assert_non_null(strstr(server.requests[0], "Credential=K1/"));
    assert_non_null(strstr(server.requests[1], "Credential=K2/"));
    assert_non_null(strstr(server.requests[1], "\r\nX-Amz-Security-Token: session/token\r\n"));
    assert_non_null(strstr(server.requests[1], ";x-amz-security-token;"));
}

static void
calls_refused_together_load_credentials_once(void)
{
    static const struct ko_credentials_source_ops ops = {.name = "numbered", .load = load_numbered};
    static const struct server_row expired = {
        .status = 400,
        .body = "{\"__type\":\"ExpiredTokenException\",\"message\":\"old\"}",
        .unless = "Credential=K2/"};
    const struct server_row rows[] = {expired, expired, expired, expired, expired};
    unsigned n_loads = 0;
    struct seen seen[3] = {0};
    struct ko_error err = {0};
    struct ko_credentials_provider *provider = ko_credentials_provider_new(&err);
    struct ko_dynamodb *client;

    (void) ko_credentials_provider_add(provider, (struct ko_credentials_source){&ops, &n_loads},
                                       &err);
    CHECK_OK(err);
    SERVER_PLAY(rows);
    client = open_client_with((struct ko_dynamodb_options){0}, provider);
    for (size_t i = 0; i < 3; i++)
        send_call(client, false, &seen[i]);
    drain(client);
    close_client(client);
    server_stop();
    ko_clock_set_us(0);
    ko_credentials_provider_free(provider);
    for (size_t i = 0; i < 3; i++)
        CHECK_TEXT(seen[i].line, "ok 200 {} x2");
    assert_int_equal(n_loads, 2);
}

static void
a_call_without_credentials_ends_in_an_error(void)
{
    static const struct server_row rows[] = {{.act = REPLY}};
    struct seen seen = {0};
    struct ko_dynamodb *client;

    SERVER_PLAY(rows);
    client = open_client((struct ko_dynamodb_options){0});
    (void) unsetenv("AWS_ACCESS_KEY_ID");
    send_call(client, true, &seen);
    drain(client);
    close_client(client);
    server_stop();
    ko_clock_set_us(0);
    CHECK_TEXT(seen.line, "error 0  x0");
    CHECK_CODE(seen.err, KO_E_ACCESS);
    CHECK_ERROR_SAYS(seen.err, "no AWS credentials (environment: AWS_ACCESS_KEY_ID is not set; ");
    assert_int_equal(server.n_requests, 0);
}

CASES = {
    CASE(a_read_is_tried_again_after_a_fault),
    CASE(a_write_that_may_have_acted_is_sent_once_and_unknown),
    CASE(a_write_is_not_repeated_by_the_library_on_a_kept_connection),
    CASE(a_read_may_be_repeated_by_the_library_on_a_kept_connection),
    CASE(faults_of_a_read_end_after_ten_attempts),
    CASE(throttling_is_tried_again_until_the_time_limit),
    CASE(a_write_that_could_not_be_sent_is_tried_again),
    CASE(a_clock_that_is_off_is_corrected_once),
    CASE(a_wrong_secret_is_not_tried_again),
    CASE(the_environment_limits_attempts_that_end_in_faults),
    CASE(expired_credentials_are_loaded_anew_once),
    CASE(calls_refused_together_load_credentials_once),
    CASE(a_call_without_credentials_ends_in_an_error),
};
RUN_CASES
