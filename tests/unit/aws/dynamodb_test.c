#include "client.h"

static const char fault_body[] = "{\"__type\":\"InternalServerError\",\"message\":\"oops\"}";
static const char page[] = "{\"Items\":[],\"Count\":0,\"ScannedCount\":0}";

static void
a_request_is_complete_and_signed(void)
{
    static const struct server_row rows[] = {{.body = page}};
    const struct seen seen = PLAY(rows, false);
    static const char *const lines[] = {
        "POST / HTTP/1.1\r\n",
        "\r\nContent-Type: application/x-amz-json-1.0\r\n",
        "\r\nX-Amz-Date: 20260102T030405Z\r\n",
        "\r\nX-Amz-Target: DynamoDB_20120810.Scan\r\n",
        "\r\nAuthorization: AWS4-HMAC-SHA256 "
        "Credential=AKIDEXAMPLE/20260102/eu-west-1/dynamodb/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=",
        "\r\nAccept-Encoding: identity\r\n",
        "\r\nContent-Length: 17\r\n",
        "\r\n\r\n{\"TableName\":\"t\"}",
    };

    CHECK_TEXT(seen.line, "ok 200 {\"Items\":[],\"Count\":0,\"ScannedCount\":0} x1");
    assert_int_equal(server.n_requests, 1);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (strstr(server.requests[0], lines[i]) == NULL)
            fail_msg("'%s' is not in '%s'", lines[i], server.requests[0]);
    }
    assert_null(strstr(server.requests[0], "SECRETEXAMPLE"));
    assert_null(strcasestr(server.requests[0], "\r\nExpect"));
}

static void
connections_are_kept(void)
{
    static const struct server_row rows[] = {{.act = REPLY}};
    struct seen seen = {0};
    struct ko_dynamodb *client;

    SERVER_PLAY(rows);
    client = open_client((struct ko_dynamodb_options){0});
    for (int i = 0; i < 10; i++) {
        send_call(client, i % 2 == 0, &seen);
        drain(client);
    }
    close_client(client);
    server_stop();
    ko_clock_set_us(0);
    assert_int_equal(seen.n_done, 10);
    assert_int_equal(server.n_requests, 10);
    assert_int_equal(server.n_connections, 1);
}

static void
calls_beyond_the_room_are_refused(void)
{
    static const struct server_row rows[] = {{.act = REPLY}};
    const struct ko_dynamodb_call call = {.operation = "Scan", .body = KO_SLICE("{}"), .done = see};
    struct seen seen = {0};
    struct ko_error err = {0};
    struct ko_dynamodb *client;

    SERVER_PLAY(rows);
    client = open_client((struct ko_dynamodb_options){.max_in_flight = 3});
    assert_int_equal(ko_dynamodb_room(client), 3);
    for (int i = 0; i < 3; i++)
        send_call(client, false, &seen);
    assert_int_equal(ko_dynamodb_room(client), 0);
    (void) ko_dynamodb_send(client, &call, &err);
    CHECK_CODE(err, KO_E_BUG);
    drain(client);
    assert_int_equal(seen.n_done, 3);
    assert_int_equal(ko_dynamodb_room(client), 3);
    close_client(client);
    server_stop();
    ko_clock_set_us(0);
}

/* Sends the next call from within done, until a number of them has ended; tags come back in order.
 */
struct chain {
    struct ko_dynamodb *client;
    uint64_t n_ended;
    uint64_t n_wanted;
};

static enum ko_code
send_next(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    struct chain *chain = self;
    const struct ko_dynamodb_call call = {.operation = "DeleteItem",
                                          .body = KO_SLICE("{}"),
                                          .is_write = true,
                                          .done = send_next,
                                          .self = chain,
                                          .tag = chain->n_ended + 1};

    assert_int_equal(reply->tag, chain->n_ended);
    if (++chain->n_ended == chain->n_wanted)
        return KO_OK;
    return ko_dynamodb_send(chain->client, &call, err);
}

static void
done_may_send_the_next_call(void)
{
    static const struct server_row rows[] = {{.act = REPLY}};
    struct chain chain = {.n_wanted = 20};
    const struct ko_dynamodb_call call = {
        .operation = "DeleteItem", .body = KO_SLICE("{}"), .done = send_next, .self = &chain};
    struct ko_error err = {0};

    SERVER_PLAY(rows);
    chain.client = open_client((struct ko_dynamodb_options){.max_in_flight = 1});
    (void) ko_dynamodb_send(chain.client, &call, &err);
    CHECK_OK(err);
    drain(chain.client);
    close_client(chain.client);
    server_stop();
    ko_clock_set_us(0);
    assert_int_equal(chain.n_ended, 20);
    assert_int_equal(server.n_connections, 1);
}

static enum ko_code
fail_on_reply(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    unsigned *n_done = self;

    (void) reply;
    return ko_fail(err, KO_E_CORRUPT, "reply %u is odd", ++*n_done);
}

static void
a_failure_of_done_is_returned_by_step(void)
{
    static const struct server_row rows[] = {{.act = REPLY}};
    unsigned n_done = 0;
    const struct ko_dynamodb_call call = {
        .operation = "Scan", .body = KO_SLICE("{}"), .done = fail_on_reply, .self = &n_done};
    struct ko_error err = {0};
    struct ko_dynamodb *client;

    SERVER_PLAY(rows);
    client = open_client((struct ko_dynamodb_options){0});
    (void) ko_dynamodb_send(client, &call, &err);
    CHECK_OK(err);
    while (n_done == 0 && err.code == KO_OK) {
        (void) ko_dynamodb_step(client, &err);
        ko_dynamodb_wait(client, 1000);
    }
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_TEXT(err.text, "reply 1 is odd");
    err = (struct ko_error){0};
    (void) ko_dynamodb_step(client, &err);
    CHECK_OK(err);
    close_client(client);
    server_stop();
    ko_clock_set_us(0);
}

static void
many_calls_are_in_flight_at_a_time(void)
{
    static const struct server_row rows[] = {{.act = REPLY}};
    struct seen seen[40] = {0};
    struct ko_dynamodb *client;

    SERVER_PLAY(rows);
    client = open_client((struct ko_dynamodb_options){.max_in_flight = 40});
    for (size_t i = 0; i < 40; i++)
        send_call(client, false, &seen[i]);
    drain(client);
    close_client(client);
    server_stop();
    ko_clock_set_us(0);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(seen[i].n_done, 1);
    assert_in_range(server.n_connections, 2, 40);
}

static void
close_drops_what_is_in_flight(void)
{
    static const struct server_row rows[] = {{.act = SILENT}, {.act = SILENT}};
    struct seen seen = {0};
    struct ko_error err = {0};
    struct ko_dynamodb *client;

    SERVER_PLAY(rows);
    client = open_client((struct ko_dynamodb_options){0});
    send_call(client, false, &seen);
    send_call(client, true, &seen);
    for (int i = 0; i < 5; i++) {
        (void) ko_dynamodb_step(client, &err);
        CHECK_OK(err);
        ko_dynamodb_wait(client, 1000);
    }
    close_client(client);
    server_stop();
    ko_clock_set_us(0);
    assert_int_equal(seen.n_done, 0);
}

static void
a_synchronous_call_returns_the_reply(void)
{
    static const struct server_row rows[] = {{.status = 500, .body = fault_body}, {.body = page}};
    struct ko_buf reply = {0};
    struct ko_error err = {0};
    struct ko_dynamodb *client;

    SERVER_PLAY(rows);
    client = open_client((struct ko_dynamodb_options){0});
    ko_clock_set_us(0);
    ko_buf_add_text(&reply, "old");
    (void) ko_dynamodb_call(client, "Scan", KO_SLICE("{}"), &reply, NULL, &err);
    CHECK_OK(err);
    CHECK_SLICE(ko_buf_slice(&reply), page);
    ko_buf_clear(&reply);
    close_client(client);
    server_stop();
}

static void
a_synchronous_call_names_the_fault(void)
{
    static const struct server_row rows[] = {
        {.status = 400, .body = "{\"__type\":\"x#UnknownOperationException\"}"}};
    struct ko_buf reply = {0};
    struct ko_error err = {0};
    enum ko_fault fault = KO_FAULT_NONE;
    struct ko_dynamodb *client;

    SERVER_PLAY(rows);
    client = open_client((struct ko_dynamodb_options){0});
    (void) ko_dynamodb_call(client, "DescribeMoon", KO_SLICE("{}"), &reply, &fault, &err);
    CHECK_CODE(err, KO_E_AWS);
    CHECK_ERROR_SAYS(err, "DescribeMoon: UnknownOperationException (HTTP 400");
    assert_int_equal(fault, KO_FAULT_UNKNOWN_OPERATION);
    ko_buf_clear(&reply);
    close_client(client);
    server_stop();
    ko_clock_set_us(0);
}

CASES = {
    CASE(a_request_is_complete_and_signed),      CASE(connections_are_kept),
    CASE(calls_beyond_the_room_are_refused),     CASE(done_may_send_the_next_call),
    CASE(a_failure_of_done_is_returned_by_step), CASE(many_calls_are_in_flight_at_a_time),
    CASE(close_drops_what_is_in_flight),         CASE(a_synchronous_call_returns_the_reply),
    CASE(a_synchronous_call_names_the_fault),
};
RUN_CASES
