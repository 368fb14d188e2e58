#include <sys/stat.h>

#include "chain.h"

#define CONFIG                                                                              \
    "[profile p]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = r w\n" \
    "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp/start\n"

#define OLD_CONFIG                                                                 \
    "[profile p]\nsso_account_id = 1\nsso_role_name = r\nsso_region = eu-west-1\n" \
    "sso_start_url = https://corp/start\n"

/* Named by the SHA-1 of "corp". */
#define CORP_FILE "ee0bfd2552fbd840c02cc48b6e823320543c450f.json"

#define CREDENTIALS                                                                      \
    {                                                                                    \
        .body = "{\"roleCredentials\":{\"accessKeyId\":\"K\",\"secretAccessKey\":\"S\"," \
                "\"sessionToken\":\"T\",\"expiration\":32472241445000}}"                 \
    }

#define RENEWED                                                                           \
    {                                                                                     \
        .body = "{\"accessToken\":\"at/2\",\"tokenType\":\"Bearer\",\"expiresIn\":28800," \
                "\"refreshToken\":\"rt/2\"}"                                              \
    }

static const struct chain_row session = {.config = CONFIG, .options = {.profile = "p"}};
static const struct chain_row older = {.config = OLD_CONFIG, .options = {.profile = "p"}};

static void
log_in(const char *file, const char *members, const char *expires_at)
{
    char text[1024];

    (void) snprintf(text, sizeof text,
                    "{\"startUrl\": \"https://corp/start\", \"region\": \"eu-west-1\", "
                    "\"accessToken\": \"at/1\", %s\"expiresAt\": \"%s\"}",
                    members, expires_at);
    write_home(".aws/sso/cache", file, text);
}

#define CAN_RENEW "\"clientId\": \"ci\", \"clientSecret\": \"cs\\\"\", \"refreshToken\": \"rt/1\", "

static void
a_cached_token_gives_a_roles_credentials(void)
{
    static const struct server_row rows[] = {CREDENTIALS};

    clear_environment();
    make_home();
    log_in(CORP_FILE, "", "2999-01-01T00:00:00Z");
    SERVER_PLAY(rows);
    chain_check(session, "K S T 32472241445");
    server_stop();
    remove_home();
    assert_non_null(strstr(server.requests[0], "GET /federation/credentials?role_name=r%20w&"
                                               "account_id=123456789012 HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\nx-amz-sso_bearer_token: at/1\r\n"));
}

static void
a_token_about_to_expire_is_renewed_in_its_file(void)
{
    static const struct server_row rows[] = {RENEWED, CREDENTIALS, CREDENTIALS};
    struct ko_error err = {0};
    struct ko_buf text = {0};
    char path[KO_PATH_BYTES];
    struct stat status;

    clear_environment();
    make_home();
    log_in(CORP_FILE, CAN_RENEW, "2020-01-01T00:00:00Z");
    SERVER_PLAY(rows);
    chain_check(session, "K S T 32472241445");
    chain_check(session, "K S T 32472241445");
    server_stop();
    (void) ko_path_join(path, &err, chain_home, ".aws/sso/cache/" CORP_FILE);
    (void) ko_file_read(path, 10000, &text, &err);
    CHECK_OK(err);
    ko_buf_add_char(&text, '\0');
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    remove_home();
    assert_non_null(strstr(server.requests[0], "POST /token HTTP/1.1\r\n"));
    CHECK_TEXT(strstr(server.requests[0], "\r\n\r\n") + 4,
               "{\"clientId\":\"ci\",\"clientSecret\":\"cs\\\"\",\"grantType\":\"refresh_token\","
               "\"refreshToken\":\"rt/1\"}");
    assert_non_null(strstr(server.requests[1], "\r\nx-amz-sso_bearer_token: at/2\r\n"));
    assert_non_null(strstr(server.requests[2], "\r\nx-amz-sso_bearer_token: at/2\r\n"));
    assert_non_null(strstr(text.data, "\"accessToken\":\"at/2\",\"refreshToken\":\"rt/2\""));
    assert_non_null(strstr(text.data, "\"startUrl\":\"https://corp/start\""));
    assert_non_null(strstr(text.data, "\"clientSecret\":\"cs\\\"\""));
    ko_buf_clear(&text);
}

static void
a_login_that_is_over_says_what_to_run(void)
{
    static const struct server_row refused[] = {
        {.status = 400, .body = "{\"__type\":\"InvalidGrantException\",\"message\":\"hidden\"}"}};
    static const struct server_row unauthorised[] = {
        {.status = 401, .body = "{\"message\":\"Session token not found or invalid\"}"}};

    clear_environment();
    make_home();
    chain_check_says(session, "access: SSO of profile 'p': nobody is logged in | run 'aws sso "
                              "login --profile p'");
    log_in(CORP_FILE, "", "2020-01-01T00:00:00UTC");
    chain_check_says(session, "the login has expired | run 'aws sso login --profile p'");

    log_in(CORP_FILE, CAN_RENEW, "2020-01-01T00:00:00Z");
    SERVER_PLAY(refused);
    chain_check_says(session, "the login has expired, and renewing it failed: HTTP 400 "
                              "InvalidGrantException | run 'aws sso login --profile p'");
    server_stop();

    log_in(CORP_FILE, "", "2999-01-01T00:00:00Z");
    SERVER_PLAY(unauthorised);
    chain_check_says(session, "the login is no longer valid | run 'aws sso login --profile p'");
    server_stop();
    remove_home();
}

static void
the_older_form_has_a_file_named_by_its_url(void)
{
    static const struct server_row rows[] = {CREDENTIALS};

    clear_environment();
    make_home();
    log_in("717f6b50ccf65f10839b090b78b6ff0786091a96.json", "", "2999-01-01T00:00:00Z");
    SERVER_PLAY(rows);
    chain_check(older, "K S T 32472241445");
    server_stop();
    remove_home();
}

static void
broken_settings_and_files_end_the_chain(void)
{
    static const struct {
        const char *config, *expected;
    } rows[] = {
        {"[default]\nsso_account_id = 1\nsso_role_name = r\n",
         "profile 'default' is for SSO and has no sso_start_url"},
        {"[default]\nsso_account_id = 1\nsso_start_url = x\nsso_region = y\n",
         "profile 'default' is for SSO and has no sso_role_name"},
        {"[default]\nsso_account_id = 1\nsso_role_name = r\nsso_session = corp\n",
         "profile 'default' names the sso-session 'corp', and there is no [sso-session corp]"},
        {"[default]\nsso_account_id = 1\nsso_role_name = r\nsso_session = corp\n"
         "[sso-session corp]\nsso_start_url = x\n",
         "profile 'default' is for SSO and has no sso_region"},
    };

    clear_environment();
    make_home();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        chain_check_says((struct chain_row){.config = rows[i].config}, rows[i].expected);
    write_home(".aws/sso/cache", CORP_FILE, "hidden");
    chain_check_says(session, CORP_FILE "' is not JSON");
    write_home(".aws/sso/cache", CORP_FILE, "{\"expiresAt\":\"2999-01-01T00:00:00Z\"}");
    chain_check_says(session, CORP_FILE "' has no accessToken");
    write_home(".aws/sso/cache", CORP_FILE, "{\"accessToken\":\"hidden\",\"expiresAt\":\"x\"}");
    chain_check_says(session, CORP_FILE "' has no time in expiresAt");
    remove_home();
}

static void
a_role_that_is_not_the_users_is_named(void)
{
    static const struct server_row rows[] = {
        {.status = 403, .body = "{\"__type\":\"ForbiddenException\",\"message\":\"No access\"}"}};

    clear_environment();
    make_home();
    log_in(CORP_FILE, "", "2999-01-01T00:00:00Z");
    SERVER_PLAY(rows);
    chain_check_says(session, "SSO of profile 'p': role 'r w' of account 123456789012: HTTP 403, "
                              "ForbiddenException: No access | check that the user");
    server_stop();
    remove_home();
}

static void
make_login_that_must_be_renewed(void)
{
    log_in(CORP_FILE, CAN_RENEW, "2020-01-01T00:00:00Z");
}

static void
loading_survives_failing_allocations(void)
{
    static const struct server_row rows[] = {RENEWED, CREDENTIALS};

    clear_environment();
    make_home();
    chain_torture(&session, make_login_that_must_be_renewed, rows, 2);
    remove_home();
}

CASES = {
    CASE(a_cached_token_gives_a_roles_credentials),
    CASE(a_token_about_to_expire_is_renewed_in_its_file),
    CASE(a_login_that_is_over_says_what_to_run),
    CASE(the_older_form_has_a_file_named_by_its_url),
    CASE(broken_settings_and_files_end_the_chain),
    CASE(a_role_that_is_not_the_users_is_named),
    CASE(loading_survives_failing_allocations),
};
RUN_CASES
