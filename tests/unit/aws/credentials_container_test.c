#include "chain.h"

static const struct chain_row none;

#define REPLY_JSON                                                                            \
    "{\"RoleArn\":\"r\",\"AccessKeyId\":\"K\",\"SecretAccessKey\":\"S\\/x\",\"Token\":\"T\"," \
    "\"Expiration\":\"2999-01-02T03:04:05Z\",\"AccountId\":\"1\"}"

static void
use_agent(void)
{
    char url[128];

    (void) snprintf(url, sizeof url, "%s/v1/credentials", server.url);
    (void) setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
}

static void
the_agent_gives_credentials_for_the_token_as_it_is_now(void)
{
    static const struct server_row rows[] = {{.body = REPLY_JSON}, {.body = REPLY_JSON}};
    char path[KO_PATH_BYTES];
    struct ko_error err = {0};

    clear_environment();
    make_home();
    (void) ko_path_join(path, &err, chain_home, "eks/token");
    (void) setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
    (void) setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "not this one", 1);
    (void) setenv("http_proxy", "http://127.0.0.1:1", 1);
    SERVER_PLAY(rows);
    use_agent();
    write_home("eks", "token", "first\n");
    chain_check(none, "K S/x T 32472241445");
    write_home("eks", "token", "second\r\n");
    chain_check(none, "K S/x T 32472241445");
    server_stop();
    (void) unsetenv("http_proxy");
    remove_home();
    assert_non_null(strstr(server.requests[0], "GET /v1/credentials HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\nAuthorization: first\r\n"));
    assert_non_null(strstr(server.requests[1], "\r\nAuthorization: second\r\n"));
}

static void
the_token_may_be_in_the_environment_or_not_be(void)
{
    static const struct server_row rows[] = {{.body = REPLY_JSON}, {.body = REPLY_JSON}};

    clear_environment();
    SERVER_PLAY(rows);
    use_agent();
    chain_check(none, "K S/x T 32472241445");
    (void) setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic x", 1);
    chain_check(none, "K S/x T 32472241445");
    server_stop();
    assert_null(strstr(server.requests[0], "Authorization"));
    assert_non_null(strstr(server.requests[1], "\r\nAuthorization: Basic x\r\n"));
}

static void
an_agent_that_fails_is_asked_three_times(void)
{
    static const struct server_row rows[] = {{.status = 500}, {.act = CLOSE}, {.body = REPLY_JSON}};

    clear_environment();
    SERVER_PLAY(rows);
    use_agent();
    chain_check(none, "K S/x T 32472241445");
    server_stop();
    assert_int_equal(server.n_requests, 3);
}

static void
without_tls_only_near_hosts_are_asked(void)
{
    static const struct {
        const char *url, *expected;
    } rows[] = {
        {"http://example.com/x", "names 'example.com', where credentials are not asked for without "
                                 "TLS"},
        {"http://127.0.0.1.example.com/x", "names '127.0.0.1.example.com'"},
        {"http://169.254.170.3/x", "names '169.254.170.3'"},
        {"http://localhost@10.0.0.1/x", "names '10.0.0.1'"},
        {"http://[::2]/x", "names '[::2]'"},
        {"ftp://localhost/x", "is not an http:// or https:// URL"},
        {"x", "is not an http:// or https:// URL"},
        {"https://127.0.0.1:1/hidden?q=hidden", "no reply from 127.0.0.1:1: "},
        {"http://user:hidden@127.5.5.5:1/", "no reply from 127.5.5.5:1: "},
        {"http://[::1]:1/", "no reply from [::1]:1: "},
    };

    clear_environment();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void) setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", rows[i].url, 1);
        chain_check_says(none, rows[i].expected);
    }
}

static void
an_agent_that_refuses_ends_the_chain(void)
{
    static const struct {
        struct server_row row;
        const char *expected;
    } rows[] = {
        {{.status = 400, .body = "{\"code\":\"x\",\"message\":\"no \\nassociation\"}"},
         "access: credentials from the container's agent: HTTP 400: no  association | check"},
        {{.status = 401, .body = "{\"message\":\"not hidden.token\"}"}, ": HTTP 401 | check"},
        {{.status = 404, .body = "<html>"}, ": HTTP 404 | check"},
        {{.body = "{\"AccessKeyId\":\"K\"}"}, "the answer has no SecretAccessKey"},
        {{.body = "[\"hidden\"]"}, "the answer is not a JSON object"},
    };

    clear_environment();
    (void) setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hidden.token", 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        server_start(&rows[i].row, 1);
        use_agent();
        chain_check_says(none, rows[i].expected);
        server_stop();
    }
}

static void
a_line_break_in_a_token_is_refused(void)
{
    clear_environment();
    (void) setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/", 1);
    (void) setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hidden\r\nX-Other: 1", 1);
    chain_check_says(none, "AWS_CONTAINER_AUTHORIZATION_TOKEN has a line break");
}

static void
loading_survives_failing_allocations(void)
{
    static const struct server_row rows[] = {{.body = REPLY_JSON}};

    clear_environment();
    (void) setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token", 1);
    chain_torture(&none, use_agent, rows, 1);
}

CASES = {
    CASE(the_agent_gives_credentials_for_the_token_as_it_is_now),
    CASE(the_token_may_be_in_the_environment_or_not_be),
    CASE(an_agent_that_fails_is_asked_three_times),
    CASE(without_tls_only_near_hosts_are_asked),
    CASE(an_agent_that_refuses_ends_the_chain),
    CASE(a_line_break_in_a_token_is_refused),
    CASE(loading_survives_failing_allocations),
};
RUN_CASES
