#include "keepone/aws/exchange.h"

#include "server.h"

/* "status body" or "code: text". */
static void
check_exchange(struct ko_exchange exchange, const char *path, const char *expected)
{
    struct ko_exchange_reply reply = {0};
    struct ko_error err = {0};
    char url[256];
    char line[2048];

    (void) snprintf(url, sizeof url, "%s%s", server.url, path);
    if (exchange.url == NULL)
        exchange.url = url;
    if (exchange.method == NULL)
        exchange.method = "GET";
    (void) ko_exchange_run(&exchange, &reply, &err);
    if (err.code == KO_OK)
        (void) snprintf(line, sizeof line, "%d %.*s", reply.status,
                        KO_SLICE_ARG(ko_buf_slice(&reply.body)));
    else
        (void) snprintf(line, sizeof line, "%s: %s", ko_code_name(err.code), err.text);
    ko_exchange_clear(&reply);
    if (strstr(line, expected) != line)
        fail_msg("is '%s', not '%s'", line, expected);
}

static void
a_request_goes_out_with_its_headers_and_body(void)
{
    static const struct server_row rows[] = {{.body = "yes"}};
    const struct ko_header headers[] = {{KO_SLICE("X-One"), KO_SLICE("1")}};

    SERVER_PLAY(rows);
    check_exchange(
        (struct ko_exchange){
            .method = "PUT", .headers = headers, .n_headers = 1, .body = KO_SLICE("content")},
        "/p?q=1", "200 yes");
    server_stop();
    assert_non_null(strstr(server.requests[0], "PUT /p?q=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\nX-One: 1\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\n\r\ncontent"));
}

static void
faults_are_tried_again_and_refusals_are_not(void)
{
    static const struct server_row faults[] = {{.status = 503}, {.status = 429}, {.body = "yes"}};
    static const struct server_row last[] = {{.status = 500}, {.status = 502, .body = "last"}};
    static const struct server_row refused[] = {{.status = 403, .body = "no"}};

    SERVER_PLAY(faults);
    check_exchange((struct ko_exchange){0}, "/", "200 yes");
    server_stop();
    SERVER_PLAY(last);
    check_exchange((struct ko_exchange){.n_attempts = 2}, "/", "502 last");
    server_stop();
    SERVER_PLAY(refused);
    check_exchange((struct ko_exchange){0}, "/", "403 no");
    server_stop();
    assert_int_equal(server.n_requests, 1);
}

static void
without_a_response_the_host_is_named_and_nothing_else(void)
{
    static const struct server_row silent[] = {{.act = SILENT}};

    SERVER_PLAY(silent);
    check_exchange((struct ko_exchange){.timeout_ms = 100, .n_attempts = 1}, "/hidden?q=hidden",
                   "aws: no reply from 127.0.0.1:");
    server_stop();
    check_exchange((struct ko_exchange){.url = "http://user:hidden@127.0.0.1:1/hidden?hidden#x",
                                        .n_attempts = 1},
                   "", "aws: no reply from 127.0.0.1:1: ");
}

static void
a_reply_that_is_too_long_is_refused(void)
{
    static char body[70000];
    const struct server_row rows[] = {{.body = body}};

    memset(body, 'x', sizeof body - 1);
    SERVER_PLAY(rows);
    check_exchange((struct ko_exchange){0}, "/", "aws: no reply from 127.0.0.1:");
    server_stop();
}

static void
the_servers_clock_is_told(void)
{
    static const struct server_row rows[] = {{.headers = "Date: Fri, 02 Jan 2026 03:04:05 GMT\r\n"},
                                             {.act = REPLY}};
    struct ko_exchange exchange = {.method = "GET"};
    struct ko_exchange_reply reply = {0};
    struct ko_error err = {0};

    SERVER_PLAY(rows);
    exchange.url = server.url;
    (void) ko_exchange_run(&exchange, &reply, &err);
    assert_int_equal(reply.server_wall_us, 1767323045LL * 1000000);
    (void) ko_exchange_run(&exchange, &reply, &err);
    assert_int_equal(reply.server_wall_us, 0);
    server_stop();
    CHECK_OK(err);
    ko_exchange_clear(&reply);
}

CASES = {
    CASE(a_request_goes_out_with_its_headers_and_body),
    CASE(faults_are_tried_again_and_refusals_are_not),
    CASE(without_a_response_the_host_is_named_and_nothing_else),
    CASE(a_reply_that_is_too_long_is_refused),
    CASE(the_servers_clock_is_told),
};
RUN_CASES
