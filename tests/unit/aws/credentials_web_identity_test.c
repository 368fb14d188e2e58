#include "chain.h"

#define ASSUMED(key_id)                                                                    \
    "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"    \
    "<SessionToken>t</SessionToken><SecretAccessKey>s</SecretAccessKey><Expiration>"       \
    "2999-01-02T03:04:05Z</Expiration><AccessKeyId>" key_id "</AccessKeyId></Credentials>" \
    "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"

#define REFUSED(code, message)                                                        \
    "<ErrorResponse><Error><Type>Sender</Type><Code>" code "</Code><Message>" message \
    "</Message></Error></ErrorResponse>"

static const struct chain_row none;

static void
use_token(const char *token)
{
    char path[KO_PATH_BYTES];
    struct ko_error err = {0};

    write_home("sa", "token", token);
    (void) ko_path_join(path, &err, chain_home, "sa/token");
    (void) setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path, 1);
    (void) setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/irsa", 1);
}

static void
a_token_file_is_exchanged_unsigned_and_read_anew(void)
{
    static const struct server_row rows[] = {{.body = ASSUMED("A")}, {.body = ASSUMED("B")}};
    struct ko_profiles *profiles = chain_profiles(&none);
    const struct ko_credentials *credentials = NULL;
    struct ko_credentials_provider *provider;
    struct ko_error err = {0};

    clear_environment();
    make_home();
    use_token("first.token\n");
    (void) setenv("AWS_ROLE_SESSION_NAME", "me", 1);
    SERVER_PLAY(rows);
    provider = chain_open(&none, profiles);
    (void) ko_credentials_provider_current(provider, &credentials, &err);
    CHECK_TEXT(credentials->key_id, "A");
    use_token("second.token");
    ko_credentials_provider_refresh(provider);
    (void) ko_credentials_provider_current(provider, &credentials, &err);
    CHECK_TEXT(credentials->key_id, "B");
    ko_credentials_provider_free(provider);
    ko_profiles_free(profiles);
    server_stop();
    remove_home();
    assert_null(strstr(server.requests[0], "Authorization"));
    CHECK_TEXT(strstr(server.requests[0], "\r\n\r\n") + 4,
               "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1"
               "%3Arole%2Firsa&RoleSessionName=me&WebIdentityToken=first.token");
    assert_non_null(strstr(server.requests[1], "&WebIdentityToken=second.token"));
}

static void
a_profile_can_name_the_token_file(void)
{
    static const struct server_row rows[] = {{.body = ASSUMED("A")}, {.body = ASSUMED("B")}};
    char config[1024];

    clear_environment();
    make_home();
    write_home("sa", "token", "profile.token");
    (void) snprintf(config, sizeof config,
                    "[profile p]\nweb_identity_token_file = %s/sa/token\nrole_arn = "
                    "arn:aws:iam::1:role/p\n[profile q]\nsource_profile = p\nrole_arn = "
                    "arn:aws:iam::1:role/q\n",
                    chain_home);
    SERVER_PLAY(rows);
    chain_check((struct chain_row){.config = config, .options = {.profile = "p"}},
                "A s t 32472241445");
    server_stop();
    assert_non_null(strstr(server.requests[0], "role%2Fp&RoleSessionName=keepone-0-"));
    assert_non_null(strstr(server.requests[0], "&WebIdentityToken=profile.token"));

    SERVER_PLAY(rows); /* as the origin of another profile's role */
    chain_check_says((struct chain_row){.config = config, .options = {.profile = "q"}},
                     "AssumeRole of 'arn:aws:iam::1:role/q'");
    server_stop();
    assert_non_null(strstr(server.requests[1], "Credential=A/"));
    remove_home();
}

static void
a_broken_identity_ends_the_chain(void)
{
    clear_environment();
    make_home();
    use_token("hidden");
    (void) unsetenv("AWS_ROLE_ARN");
    chain_check_says(none, "AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not");
    use_token("hid\nden");
    chain_check_says(none, "sa/token' holds a control character");
    use_token("\n");
    chain_check_says(none, "sa/token' is empty");
    (void) setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token", 1);
    chain_check_says(none, "access: web identity: cannot open '/nowhere/token': No such file");
    remove_home();
    chain_check_says((struct chain_row){.config = "[profile p]\nweb_identity_token_file = /x\n",
                                        .options = {.profile = "p", .ignores_environment = true}},
                     "profile 'p' has a web_identity_token_file without a role_arn");
}

static void
refusals_have_hints_and_never_the_token(void)
{
    static const struct {
        struct server_row row;
        const char *expected;
    } rows[] = {
        {{.status = 400, .body = REFUSED("ExpiredTokenException", "Token expired")},
         "HTTP 400, ExpiredTokenException: Token expired | the token file must be written anew"},
        {{.status = 400, .body = REFUSED("InvalidIdentityToken", "No OpenIDConnect provider")},
         "InvalidIdentityToken: No OpenIDConnect provider | the role's trust policy and IAM"},
        {{.status = 403, .body = REFUSED("IDPRejectedClaim", "no")}, "the issuer does not accept"},
        {{.status = 400, .body = REFUSED("X", "the token hidden.token is bad")}, "HTTP 400, X | "},
    };

    clear_environment();
    make_home();
    use_token("hidden.token");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        server_start(&rows[i].row, 1);
        chain_check_says(none, rows[i].expected);
        server_stop();
        assert_int_equal(server.n_requests, 1);
    }
    remove_home();
}

static void
an_issuer_that_does_not_answer_is_asked_again(void)
{
    static const struct server_row refused = {
        .status = 400, .body = REFUSED("IDPCommunicationError", "no answer")};
    const struct server_row rows[] = {refused, {.body = ASSUMED("A")}, refused, refused, refused};

    clear_environment();
    make_home();
    use_token("token");
    SERVER_PLAY(rows);
    chain_check(none, "A s t 32472241445");
    chain_check_says(none, "HTTP 400, IDPCommunicationError: no answer | the token's issuer");
    server_stop();
    remove_home();
    assert_int_equal(server.n_requests, 5);
}

CASES = {
    CASE(a_token_file_is_exchanged_unsigned_and_read_anew),
    CASE(a_profile_can_name_the_token_file),
    CASE(a_broken_identity_ends_the_chain),
    CASE(refusals_have_hints_and_never_the_token),
    CASE(an_issuer_that_does_not_answer_is_asked_again),
};
RUN_CASES
