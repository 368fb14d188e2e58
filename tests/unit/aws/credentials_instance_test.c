#include "chain.h"

static const struct chain_row none;

static void
use_service(void)
{
    char url[80];

    (void) snprintf(url, sizeof url, "%s/", server.url);
    (void) unsetenv("AWS_EC2_METADATA_DISABLED");
    (void) setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, 1);
}

#define TOKEN             \
    {                     \
        .body = "TOKEN==" \
    }
#define ROLE                      \
    {                             \
        .body = "role-x\nother\n" \
    }
#define CREDENTIALS                                                                              \
    {                                                                                            \
        .body =                                                                                  \
            "{\"Code\":\"Success\",\"Type\":\"AWS-HMAC\",\"AccessKeyId\":\"K\","                 \
            "\"SecretAccessKey\":\"S\",\"Token\":\"T\",\"Expiration\":\"2999-01-02T03:04:05Z\"}" \
    }

static void
the_instance_gives_its_roles_credentials_for_a_token(void)
{
    static const struct server_row rows[] = {TOKEN, ROLE, CREDENTIALS};

    clear_environment();
    SERVER_PLAY(rows);
    use_service();
    chain_check(none, "K S T 32472241445");
    server_stop();
    assert_non_null(strstr(server.requests[0], "PUT /latest/api/token HTTP/1.1\r\n"));
    assert_non_null(
        strstr(server.requests[0], "\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"));
    assert_non_null(
        strstr(server.requests[1], "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[1], "\r\nx-aws-ec2-metadata-token: TOKEN==\r\n"));
    assert_non_null(strstr(server.requests[2],
                           "GET /latest/meta-data/iam/security-credentials/role-x HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[2], "\r\nx-aws-ec2-metadata-token: TOKEN==\r\n"));
}

static void
without_the_service_or_a_role_it_has_none(void)
{
    static const struct server_row forbidden[] = {{.status = 403}};
    static const struct server_row without_role[] = {TOKEN, {.status = 404}};

    clear_environment();
    SERVER_PLAY(forbidden);
    use_service();
    chain_check_says(none, "instance: the metadata service gives no token (HTTP 403))");
    server_stop();
    assert_int_equal(server.n_requests, 1);
    chain_check_says(none, "instance: no reply from 127.0.0.1:");

    SERVER_PLAY(without_role);
    use_service();
    chain_check_says(none, "instance: the instance has no role)");
    server_stop();
}

static void
a_service_that_is_broken_ends_the_chain(void)
{
    static const struct {
        struct server_row rows[3];
        const char *expected;
    } plays[] = {
        {{TOKEN, {.status = 401}}, "credentials of the instance: no role is named (HTTP 401)"},
        {{TOKEN, {.body = "a/../b"}}, "what should be the name of a role is none"},
        {{{.body = "hid\nden"}}, "the metadata service's token is none"},
        {{TOKEN, ROLE, {.status = 404}}, "credentials of the instance: role 'role-x': HTTP 404"},
        {{TOKEN, ROLE, {.body = "{\"Code\":\"AssumeRoleUnauthorizedAccess\"}"}},
         "role 'role-x': the answer is AssumeRoleUnauthorizedAccess"},
        {{TOKEN, ROLE, {.body = "{\"Code\":\"Success\",\"AccessKeyId\":\"hidden\"}"}},
         "role 'role-x': the answer has no SecretAccessKey"},
        {{TOKEN, ROLE, {.body = "hidden"}}, "role 'role-x': the answer is not a JSON object"},
    };

    clear_environment();
    for (size_t i = 0; i < sizeof plays / sizeof plays[0]; i++) {
        server_start(plays[i].rows, 3);
        use_service();
        chain_check_says(none, plays[i].expected);
        server_stop();
    }
}

static void
attempts_and_time_outs_come_from_the_environment(void)
{
    static const struct server_row rows[] = {{.status = 500}, TOKEN, ROLE, CREDENTIALS};
    static const struct server_row silent[] = {{.act = SILENT}};

    clear_environment();
    (void) setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "2", 1);
    SERVER_PLAY(rows);
    use_service();
    chain_check(none, "K S T 32472241445");
    server_stop();

    (void) setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "1", 1);
    SERVER_PLAY(silent);
    use_service();
    chain_check_says(none, "instance: no reply from 127.0.0.1:");
    server_stop();
    assert_int_equal(server.n_requests, 1);
}

static void
bad_settings_end_the_chain(void)
{
    static const struct {
        const char *name, *value, *expected;
    } rows[] = {
        {"AWS_METADATA_SERVICE_TIMEOUT", "0", "AWS_METADATA_SERVICE_TIMEOUT "},
        {"AWS_METADATA_SERVICE_NUM_ATTEMPTS", "x", "AWS_METADATA_SERVICE_NUM_ATTEMPTS "},
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "localhost", "is not an http:// or https:// URL"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        clear_environment();
        (void) unsetenv("AWS_EC2_METADATA_DISABLED");
        (void) setenv(rows[i].name, rows[i].value, 1);
        chain_check_says(none, rows[i].expected);
    }
}

CASES = {
    CASE(the_instance_gives_its_roles_credentials_for_a_token),
    CASE(without_the_service_or_a_role_it_has_none),
    CASE(a_service_that_is_broken_ends_the_chain),
    CASE(attempts_and_time_outs_come_from_the_environment),
    CASE(bad_settings_end_the_chain),
};
RUN_CASES
