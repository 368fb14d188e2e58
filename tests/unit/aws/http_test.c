#include "keepone/aws/http.h"

#include "server.h"

/* What came back, as one line: "done 200 body" or "lost 0". */
struct seen {
    unsigned n_done;
    char line[256];
    char message[256];
    char header[64]; /* X-Test */
    int64_t server_wall_us;
};

static void
see(void *self, const struct ko_http_response *response)
{
    static const char *const outcomes[] = {"done",      "not sent", "lost",    "untrusted",
                                           "too large", "memory",   "unwanted"};
    struct seen *seen = self;
    const struct ko_slice header = ko_http_header(response, "X-Test");

    seen->n_done++;
    (void) snprintf(seen->line, sizeof seen->line, "%s %d %.*s", outcomes[response->outcome],
                    response->status, KO_SLICE_ARG(response->body));
    (void) snprintf(seen->message, sizeof seen->message, "%s", response->message);
    (void) snprintf(seen->header, sizeof seen->header, "%.*s",
                    header.data == NULL ? 4 : (int) header.n,
                    header.data == NULL ? "none" : header.data);
    (void) ko_http_date(response, &seen->server_wall_us);
}

static void
run(struct ko_http *http, const struct ko_http_request *request, struct seen *seen)
{
    struct ko_error err = {0};
    const unsigned n_before = seen->n_done;

    (void) ko_http_start(http, request, &err);
    CHECK_OK(err);
    while (seen->n_done == n_before) {
        (void) ko_http_step(http, &err);
        CHECK_OK(err);
        if (seen->n_done == n_before)
            ko_http_wait(http, 100000);
    }
}

static struct seen
play(const struct server_row *row, struct ko_http_options options, struct ko_slice body)
{
    struct seen seen = {.server_wall_us = -1};
    struct ko_error err = {0};
    struct ko_http *http = NULL;
    char url[128];
    const struct ko_header headers[] = {{KO_SLICE("Host"), KO_SLICE("example")},
                                        {KO_SLICE("X-Mine"), KO_SLICE("a b")}};
    const struct ko_http_request request = {.method = body.data == NULL ? "GET" : "PUT",
                                            .url = url,
                                            .headers = headers,
                                            .n_headers = 2,
                                            .body = body,
                                            .done = see,
                                            .self = &seen};

    server_start(row, 1);
    (void) snprintf(url, sizeof url, "%s/path?q=1", server.url);
    (void) ko_http_open(&options, &http, &err);
    CHECK_OK(err);
    run(http, &request, &seen);
    ko_http_close(http);
    server_stop();
    return seen;
}

static const struct ko_slice no_body = {NULL, 0};

static void
a_request_without_body_is_sent_as_given(void)
{
    const struct server_row row = {.body = "hello"};
    const struct seen seen = play(&row, (struct ko_http_options){0}, no_body);

    CHECK_TEXT(seen.line, "done 200 hello");
    CHECK_TEXT(seen.message, "");
    CHECK_TEXT(server.requests[0],
               "GET /path?q=1 HTTP/1.1\r\nHost: example\r\nAccept: */*\r\nX-Mine: a b\r\n\r\n");
}

static void
a_request_with_body_is_sent_as_given(void)
{
    const struct server_row row = {.status = 404, .body = "gone"};
    const struct seen seen = play(&row, (struct ko_http_options){0}, KO_SLICE("12345"));

    CHECK_TEXT(seen.line, "done 404 gone");
    assert_non_null(strstr(server.requests[0], "PUT /path?q=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\nContent-Length: 5\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\n\r\n12345"));
}

static void
headers_of_the_response_are_found(void)
{
    static const struct {
        const char *headers;
        const char *expected;
    } rows[] = {
        {"X-Test: a\r\n", "a"},       {"x-tEST:\t a b \t\r\n", "a b"},
        {"X-Test:\r\n", ""},          {"X-Test-2: a\r\nX-Tes: b\r\n", "none"},
        {"Y: X-Test: a\r\n", "none"}, {"X-Test: 1\r\nX-Test: 2\r\n", "1"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct server_row row = {.headers = rows[i].headers};

        CHECK_TEXT(play(&row, (struct ko_http_options){0}, no_body).header, rows[i].expected);
    }
}

static void
the_servers_clock_is_read_from_its_date(void)
{
    const struct server_row good = {.headers = "Date: Fri, 02 Jan 2026 03:04:05 GMT\r\n"};
    const struct server_row bad = {.headers = "Date: yesterday or so\r\n"};
    const struct server_row none = {.act = REPLY};

    assert_int_equal(play(&good, (struct ko_http_options){0}, no_body).server_wall_us,
                     1767323045LL * 1000000);
    assert_true(play(&bad, (struct ko_http_options){0}, no_body).server_wall_us < 0);
    assert_true(play(&none, (struct ko_http_options){0}, no_body).server_wall_us < 0);
}

static void
failures_are_told_apart(void)
{
    static const struct {
        struct server_row row;
        const char *line;
        const char *message;
    } rows[] = {
        {{.act = REPLY_CHUNK, .body = "chunk"}, "done 200 chunk", ""},
        {{.act = REPLY_CLOSE, .body = "last"}, "done 200 last", ""},
        {{.act = CUT, .body = "hello"}, "lost 0 ", "transfer closed with"},
        {{.act = CLOSE}, "lost 0 ", "Empty reply"},
        {{.act = RESET}, "lost 0 ", "reset by peer"},
        {{.act = SILENT}, "lost 0 ", "timed out"},
        {{.body = "0123456789abcdef"}, "done 200 0123456789abcdef", ""},
        {{.body = "0123456789abcdefg"}, "too large 0 ", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_http_options options = {
            .request_timeout_ms = rows[i].row.act == SILENT ? 200 : 0, .max_body_bytes = 16};
        const struct seen seen = play(&rows[i].row, options, KO_SLICE("body"));

        CHECK_TEXT(seen.line, rows[i].line);
        if (strstr(seen.message, rows[i].message) == NULL)
            fail_msg("'%s' does not say '%s'", seen.message, rows[i].message);
    }
}

/* Opens, runs one request against the URL, closes. */
static struct seen
fetch(const char *url)
{
    const struct ko_http_options options = {.max_in_flight = 1, .connect_timeout_ms = 2000};
    struct seen seen = {0};
    struct ko_error err = {0};
    struct ko_http *http = NULL;
    const struct ko_http_request request = {
        .method = "GET", .url = url, .done = see, .self = &seen};

    (void) ko_http_open(&options, &http, &err);
    CHECK_OK(err);
    run(http, &request, &seen);
    ko_http_close(http);
    return seen;
}

static void
a_server_that_is_not_there_got_nothing(void)
{
    static const struct server_row row = {.act = REPLY};

    server_start(&row, 1);
    server_stop();
    CHECK_TEXT(fetch(server.url).line, "not sent 0 ");
    CHECK_TEXT(fetch("http://no-such-host.invalid").line, "not sent 0 ");
}

/* What it gets is the greeting of TLS, not the request. */
static void
a_server_without_tls_gets_nothing_over_https(void)
{
    static const struct server_row row = {.act = RESET_EARLY};
    char url[80];

    server_start(&row, 1);
    (void) snprintf(url, sizeof url, "https://127.0.0.1:%d", server.port);
    CHECK_TEXT(fetch(url).line, "not sent 0 ");
    server_stop();
}

static void
requests_beyond_the_room_are_refused(void)
{
    static const struct server_row row = {.act = SILENT};
    const struct ko_http_options options = {.max_in_flight = 1};
    struct seen seen = {0};
    struct ko_error err = {0};
    struct ko_http *http = NULL;
    struct ko_http_request request = {.method = "GET", .done = see, .self = &seen};

    server_start(&row, 1);
    request.url = server.url;
    (void) ko_http_open(&options, &http, &err);
    CHECK_OK(err);
    assert_int_equal(ko_http_room(http), 1);
    (void) ko_http_start(http, &request, &err);
    CHECK_OK(err);
    assert_int_equal(ko_http_room(http), 0);
    (void) ko_http_start(http, &request, &err);
    CHECK_CODE(err, KO_E_BUG);
    ko_http_close(http);
    server_stop();
    assert_int_equal(seen.n_done, 0);
}

static void
an_idle_client_sleeps(void)
{
    static const struct server_row row = {.act = REPLY};
    struct seen seen = {0};
    struct ko_error err = {0};
    struct ko_http *http = NULL;
    struct ko_http_request request = {.method = "GET", .done = see, .self = &seen};
    struct timespec before;
    struct timespec after;

    server_start(&row, 1);
    request.url = server.url;
    (void) ko_http_open(&(struct ko_http_options){0}, &http, &err);
    CHECK_OK(err);
    run(http, &request, &seen);
    (void) clock_gettime(CLOCK_MONOTONIC, &before);
    ko_http_wait(http, 20000);
    (void) clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true((after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec >=
                20000000);
    ko_http_close(http);
    server_stop();
}

static void
opening_survives_failing_allocations(void)
{
    for (uint64_t n = 1; n <= 2; n++) {
        struct ko_error err = {0};
        struct ko_http *http = NULL;

        ko_mem_fail_nth(n);
        (void) ko_http_open(&(struct ko_http_options){0}, &http, &err);
        ko_mem_fail_nth(0);
        CHECK_CODE(err, KO_E_MEMORY);
        assert_null(http);
    }
}

/* Takes pieces until `most` bytes have come. */
struct taker {
    struct seen seen; /* first: `see` gets the same pointer */
    struct ko_buf taken;
    size_t most;
    int status;
};

static bool
take_piece(void *self, const struct ko_http_response *head, struct ko_slice piece)
{
    struct taker *const taker = self;
    const struct ko_slice header = ko_http_header(head, "X-Test");

    taker->status = head->status;
    CHECK_SLICE(header, "early");
    ko_buf_add_slice(&taker->taken, piece);
    return taker->taken.n <= taker->most;
}

static void
play_pieces(const struct server_row *row, struct taker *taker)
{
    struct ko_error err = {0};
    struct ko_http *http = NULL;
    const struct ko_http_options options = {.max_body_bytes = 8};
    const struct ko_http_request request = {.method = "GET",
                                            .url = server.url,
                                            .stall_timeout_ms = 30000,
                                            .piece = take_piece,
                                            .done = see,
                                            .self = taker};

    server_start(row, 1);
    (void) ko_http_open(&options, &http, &err);
    CHECK_OK(err);
    run(http, &request, &taker->seen);
    ko_http_close(http);
    server_stop();
}

static void
a_body_is_handed_over_in_pieces_without_a_limit(void)
{
    const struct server_row row = {.body = "longer than eight", .headers = "X-Test: early\r\n"};
    struct taker taker = {.most = 100};

    play_pieces(&row, &taker);
    CHECK_TEXT(taker.seen.line, "done 200 ");
    CHECK_SLICE(ko_buf_slice(&taker.taken), "longer than eight");
    assert_int_equal(taker.status, 200);
    ko_buf_clear(&taker.taken);
}

static void
a_piece_that_is_not_wanted_ends_the_request(void)
{
    const struct server_row row = {.body = "longer than eight", .headers = "X-Test: early\r\n"};
    struct taker taker = {.most = 3};

    play_pieces(&row, &taker);
    CHECK_TEXT(taker.seen.line, "unwanted 0 ");
    ko_buf_clear(&taker.taken);
}

static void
the_body_of_an_error_is_collected_all_the_same(void)
{
    const struct server_row row = {.status = 404, .body = "missing"};
    struct taker taker = {0};

    play_pieces(&row, &taker);
    CHECK_TEXT(taker.seen.line, "done 404 missing");
    assert_int_equal(taker.taken.n, 0);
}

static void
a_request_that_stalls_is_lost(void)
{
    const struct server_row row = {.act = SILENT};
    struct seen seen = {0};
    struct ko_error err = {0};
    struct ko_http *http = NULL;
    const struct ko_http_options options = {.request_timeout_ms = 1};
    const struct ko_http_request request = {
        .method = "GET", .url = server.url, .stall_timeout_ms = 1000, .done = see, .self = &seen};

    server_start(&row, 1);
    (void) ko_http_open(&options, &http, &err);
    CHECK_OK(err);
    run(http, &request, &seen);
    CHECK_TEXT(seen.line, "lost 0 ");
    ko_http_close(http);
    server_stop();
}

static void
a_request_that_is_dropped_makes_room_and_is_not_done(void)
{
    const struct server_row rows[] = {{.act = SILENT}, {.body = "second"}};
    struct seen first = {0};
    struct seen second = {0};
    struct ko_error err = {0};
    struct ko_http *http = NULL;
    const struct ko_http_options options = {.max_in_flight = 1};
    uint64_t id = 0;
    struct ko_http_request request = {
        .method = "GET", .url = server.url, .done = see, .self = &first, .id = &id};

    SERVER_PLAY(rows);
    (void) ko_http_open(&options, &http, &err);
    (void) ko_http_start(http, &request, &err);
    CHECK_OK(err);
    while (server.n_requests == 0) {
        (void) ko_http_step(http, &err);
        ko_http_wait(http, 1000);
    }
    ko_http_cancel(http, id);
    ko_http_cancel(http, id);
    assert_int_equal(ko_http_room(http), 1);
    request.self = &second;
    run(http, &request, &second);
    CHECK_TEXT(second.line, "done 200 second");
    assert_int_equal(first.n_done, 0);
    ko_http_close(http);
    server_stop();
}

CASES = {
    CASE(a_body_is_handed_over_in_pieces_without_a_limit),
    CASE(a_piece_that_is_not_wanted_ends_the_request),
    CASE(the_body_of_an_error_is_collected_all_the_same),
    CASE(a_request_that_stalls_is_lost),
    CASE(a_request_that_is_dropped_makes_room_and_is_not_done),
    CASE(a_request_without_body_is_sent_as_given),
    CASE(a_request_with_body_is_sent_as_given),
    CASE(headers_of_the_response_are_found),
    CASE(the_servers_clock_is_read_from_its_date),
    CASE(failures_are_told_apart),
    CASE(a_server_that_is_not_there_got_nothing),
    CASE(a_server_without_tls_gets_nothing_over_https),
    CASE(requests_beyond_the_room_are_refused),
    CASE(an_idle_client_sleeps),
    CASE(opening_survives_failing_allocations),
};
RUN_CASES
