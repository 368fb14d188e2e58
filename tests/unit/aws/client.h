/*
 * A DynamoDB client for tests, against the server of server.h, on a clock that the test moves.
 */
#ifndef KEEPONE_TESTS_UNIT_AWS_CLIENT_H
#define KEEPONE_TESTS_UNIT_AWS_CLIENT_H

#include "keepone/aws/dynamodb.h"
#include "keepone/base/clock.h"

#include "server.h"

/* 2026-01-02T03:04:05Z */
static const uint64_t start_us = 1767323045ULL * 1000000;
static uint64_t now_us;
static struct ko_aws *client_aws;

static inline void
move_clock(uint64_t by_us)
{
    now_us += by_us;
    ko_clock_set_us(now_us);
}

static inline void
set_environment(void)
{
    (void) setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    (void) setenv("AWS_SECRET_ACCESS_KEY", "SECRETEXAMPLE", 1);
    (void) setenv("AWS_REGION", "eu-west-1", 1);
    (void) setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    (void) setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    (void) setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    (void) unsetenv("AWS_SESSION_TOKEN");
    (void) unsetenv("AWS_SECURITY_TOKEN");
    (void) unsetenv("AWS_CREDENTIAL_EXPIRATION");
}

/* Credentials: NULL = those of the environment.  close_client() closes the context, too. */
static inline struct ko_dynamodb *
open_client_with(struct ko_dynamodb_options options, struct ko_credentials_provider *credentials)
{
    const struct ko_aws_options context = {.credentials = credentials};
    struct ko_dynamodb *client = NULL;
    struct ko_error err = {0};

    set_environment();
    (void) ko_aws_open(&context, &client_aws, &err);
    CHECK_OK(err);
    now_us = start_us;
    move_clock(0);
    options.aws = client_aws;
    options.endpoint = server.url;
    if (options.max_in_flight == 0)
        options.max_in_flight = 4;
    (void) ko_dynamodb_open(&options, &client, &err);
    CHECK_OK(err);
    return client;
}

static inline struct ko_dynamodb *
open_client(struct ko_dynamodb_options options)
{
    return open_client_with(options, NULL);
}

static inline void
close_client(struct ko_dynamodb *client)
{
    ko_dynamodb_close(client);
    ko_aws_close(client_aws);
}

/* What came back, as one line: "ok 200 {}" or "unknown 500 InternalServerError x3" (attempts). */
struct seen {
    unsigned n_done;
    char line[512];
    struct ko_error err; /* by ko_dynamodb_reply_error() if it was not ok */
};

static inline enum ko_code
see(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    static const char *const kinds[] = {"ok", "unknown", "error"};
    struct seen *seen = self;

    seen->n_done++;
    (void) snprintf(
        seen->line, sizeof seen->line, "%s %d %.*s x%u", kinds[reply->kind], reply->http_status,
        (int) (reply->kind == KO_REPLY_OK ? reply->body.n : strlen(reply->error_code)),
        reply->kind == KO_REPLY_OK ? reply->body.data : reply->error_code, reply->n_attempts);
    if (reply->kind != KO_REPLY_OK)
        (void) ko_dynamodb_reply_error(reply, "reading 'Orders'", &seen->err);
    return err->code;
}

static inline void
send_call(struct ko_dynamodb *client, bool is_write, struct seen *seen)
{
    struct ko_error err = {0};
    const struct ko_dynamodb_call call = {.operation = is_write ? "DeleteItem" : "Scan",
                                          .body = KO_SLICE("{\"TableName\":\"t\"}"),
                                          .is_write = is_write,
                                          .done = see,
                                          .self = seen};

    (void) ko_dynamodb_send(client, &call, &err);
    CHECK_OK(err);
}

/* Back-off passes at once: the clock moves on a second per round. */
static inline void
drain(struct ko_dynamodb *client)
{
    struct ko_error err = {0};

    while (ko_dynamodb_n_in_flight(client) > 0) {
        (void) ko_dynamodb_step(client, &err);
        CHECK_OK(err);
        ko_dynamodb_wait(client, 1000);
        move_clock(1000000);
    }
}

/* Plays the rows to one call; the server has stopped when it returns. */
static inline struct seen
play(const struct server_row *rows, size_t n_rows, bool is_write,
     struct ko_dynamodb_options options)
{
    struct seen seen = {0};
    struct ko_dynamodb *client;

    server_start(rows, n_rows);
    client = open_client(options);
    send_call(client, is_write, &seen);
    drain(client);
    close_client(client);
    server_stop();
    ko_clock_set_us(0);
    assert_int_equal(seen.n_done, 1);
    return seen;
}

#define PLAY(rows, is_write) \
    play(rows, sizeof(rows) / sizeof(rows)[0], is_write, (struct ko_dynamodb_options){0})

#endif
