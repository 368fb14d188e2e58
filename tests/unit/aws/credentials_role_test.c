#include "chain.h"

#define KEYS "aws_access_key_id = K\naws_secret_access_key = SECRET\n"
#define ROLE "role_arn = arn:aws:iam::123456789012:role/r\n"

#define ASSUMED(key_id)                                                                           \
    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"  \
    "<Credentials><AccessKeyId>" key_id "</AccessKeyId><SecretAccessKey>s/" key_id                \
    "</SecretAccessKey><SessionToken>t/" key_id "</SessionToken><Expiration>2999-01-02T03:04:05Z" \
    "</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"

#define REFUSED(code, message)                                                        \
    "<ErrorResponse><Error><Type>Sender</Type><Code>" code "</Code><Message>" message \
    "</Message></Error></ErrorResponse>"

static void
a_profile_assumes_a_role_with_another_ones_keys(void)
{
    static const struct server_row rows[] = {{.body = ASSUMED("R")}};
    const struct chain_row row = {.config = "[profile p]\n" ROLE "source_profile = base\n"
                                            "external_id = ex/1\nrole_session_name = me@here\n"
                                            "duration_seconds = 1200\n",
                                  .credentials = "[base]\n" KEYS,
                                  .options = {.profile = "p", .region = "eu-west-1"}};

    clear_environment();
    SERVER_PLAY(rows);
    chain_check(row, "R s/R t/R 32472241445");
    server_stop();
    assert_non_null(strstr(server.requests[0], "POST / HTTP/1.1\r\n"));
    assert_non_null(strstr(server.requests[0], "Credential=K/"));
    assert_non_null(strstr(server.requests[0], "/eu-west-1/sts/aws4_request"));
    assert_null(strstr(server.requests[0], "SECRET"));
    CHECK_TEXT(strstr(server.requests[0], "\r\n\r\n") + 4,
               "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3A"
               "role%2Fr&RoleSessionName=me%40here&ExternalId=ex%2F1&DurationSeconds=1200");
}

static void
keys_of_a_source_profile_count_before_its_role(void)
{
    static const struct server_row rows[] = {{.body = ASSUMED("R1")}, {.body = ASSUMED("R2")}};
    const struct chain_row row = {.config = "[profile p]\n" ROLE "source_profile = q\n"
                                            "[profile q]\nrole_arn = arn:aws:iam::1:role/q\n"
                                            "source_profile = q\n" KEYS,
                                  .options = {.profile = "p"}};

    /* q has keys of its own, which count before its role. */
    clear_environment();
    SERVER_PLAY(rows);
    chain_check(row, "R1 s/R1 t/R1 32472241445");
    server_stop();
    assert_int_equal(server.n_requests, 1);
}

static void
a_chain_of_three_ends_in_the_first_profiles_role(void)
{
    static const struct server_row rows[] = {{.body = ASSUMED("R1")}, {.body = ASSUMED("R2")}};
    const struct chain_row row = {.config = "[profile p]\n" ROLE "source_profile = q\n"
                                            "[profile q]\nrole_arn = arn:aws:iam::1:role/q\n"
                                            "source_profile = base\n",
                                  .credentials = "[base]\n" KEYS,
                                  .options = {.profile = "p", .rank = 7}};

    clear_environment();
    SERVER_PLAY(rows);
    chain_check(row, "R2 s/R2 t/R2 32472241445");
    server_stop();
    assert_non_null(strstr(server.requests[0], "role%2Fq&RoleSessionName=keepone-7-"));
    assert_non_null(strstr(server.requests[0], "Credential=K/"));
    assert_non_null(strstr(server.requests[1], "role%2Fr&RoleSessionName=keepone-7-"));
    assert_non_null(strstr(server.requests[1], "Credential=R1/"));
    assert_non_null(strstr(server.requests[1], "X-Amz-Security-Token: t/R1\r\n"));
}

static void
a_role_is_assumed_with_what_the_environment_has(void)
{
    static const struct server_row rows[] = {{.body = ASSUMED("R")}};
    const struct chain_row row = {.config =
                                      "[profile p]\n" ROLE "credential_source = Environment\n",
                                  .options = {.profile = "p", .ignores_environment = true}};

    clear_environment();
    (void) setenv("AWS_ACCESS_KEY_ID", "E", 1);
    (void) setenv("AWS_SECRET_ACCESS_KEY", "F", 1);
    SERVER_PLAY(rows);
    chain_check(row, "R s/R t/R 32472241445");
    server_stop();
    assert_non_null(strstr(server.requests[0], "Credential=E/"));
}

static void
a_broken_profile_ends_the_chain(void)
{
    static const struct {
        const char *config, *expected;
    } rows[] = {
        {"[default]\n" ROLE, "role of profile 'default': profile 'default' has a role_arn without "
                             "source_profile or credential_source | say"},
        {"[default]\n" ROLE "source_profile = a\ncredential_source = Environment\n",
         "has a role_arn with source_profile and credential_source"},
        {"[default]\n" ROLE "source_profile = nobody\n",
         "profile 'default' has a source_profile that is in neither file"},
        {"[default]\n" ROLE "credential_source = Elsewhere\n",
         "has a credential_source that is not known"},
        {"[default]\n" ROLE "credential_source = Environment\n",
         "the credential_source Environment of profile 'default' has none: AWS_ACCESS_KEY_ID is "
         "not set"},
        {"[default]\n" ROLE "source_profile = default\n",
         "profile 'default' is a source_profile without credentials"},
        {"[default]\n" ROLE "source_profile = a\n[profile a]\nregion = x\n",
         "profile 'a' is a source_profile without credentials"},
        {"[default]\n" ROLE "source_profile = a\n[profile a]\n" ROLE "source_profile = b\n"
         "[profile b]\n" ROLE "source_profile = default\n",
         "profile 'default' is its own source_profile, by way of others"},
        {"[default]\n" ROLE "source_profile = a\nmfa_serial = m\n[profile a]\n" KEYS,
         "profile 'default' asks for the code of an MFA device (mfa_serial)"},
        {"[default]\n" ROLE "source_profile = a\nduration_seconds = 60\n[profile a]\n" KEYS,
         "duration_seconds of profile 'default' is not a number from 900 to 43200"},
    };

    clear_environment();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        chain_check_says((struct chain_row){.config = rows[i].config}, rows[i].expected);
}

static void
assume_role_takes_what_the_chain_gives(void)
{
    static const struct server_row rows[] = {{.body = ASSUMED("R")}};
    const struct chain_row row = {.credentials = "[default]\n" KEYS,
                                  .options = {.assume_role = "arn:aws:iam::1:role/outer"}};

    clear_environment();
    SERVER_PLAY(rows);
    chain_check(row, "R s/R t/R 32472241445");
    server_stop();
    assert_non_null(strstr(server.requests[0], "role%2Fouter&RoleSessionName=keepone-0-"));
    assert_non_null(strstr(server.requests[0], "Credential=K/"));
}

/* A refusal of the role's credentials may be due to those that assumed it. */
static void
assume_role_is_renewed_with_what_the_chain_gives_then(void)
{
    static const struct server_row rows[] = {{.body = ASSUMED("R")}, {.body = ASSUMED("R")}};
    const struct chain_row row = {.options = {.assume_role = "arn:aws:iam::1:role/outer"}};
    const struct ko_credentials *credentials = NULL;
    struct ko_credentials_provider *provider;
    struct ko_profiles *profiles;
    struct ko_error err = {0};

    clear_environment();
    (void) setenv("AWS_ACCESS_KEY_ID", "OLD", 1);
    (void) setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    SERVER_PLAY(rows);
    profiles = chain_profiles(&row);
    provider = chain_open(&row, profiles);
    (void) ko_credentials_provider_current(provider, &credentials, &err);
    (void) setenv("AWS_ACCESS_KEY_ID", "NEW", 1);
    ko_credentials_provider_refresh(provider);
    (void) ko_credentials_provider_current(provider, &credentials, &err);
    CHECK_OK(err);
    ko_credentials_provider_free(provider);
    ko_profiles_free(profiles);
    server_stop();
    assert_non_null(strstr(server.requests[0], "Credential=OLD/"));
    assert_non_null(strstr(server.requests[1], "Credential=NEW/"));
}

static void
assume_role_without_a_chain_says_what_the_chain_lacks(void)
{
    const struct chain_row row = {.options = {.assume_role = "arn:aws:iam::1:role/outer"}};

    clear_environment();
    chain_check_says(row, "access: --assume-role: no AWS credentials (environment: ");
}

static void
refusals_are_told_in_the_words_of_the_service_with_a_hint(void)
{
    static const struct {
        struct server_row row;
        const char *expected;
    } rows[] = {
        {{.status = 403, .body = REFUSED("AccessDenied", "not &lt;you&gt;")},
         "AssumeRole of 'arn:aws:iam::123456789012:role/r' at http://127.0.0.1:"},
        {{.status = 403, .body = REFUSED("AccessDenied", "not &lt;you&gt;")},
         ": HTTP 403, AccessDenied: not <you> | the role's trust policy must allow whoever asks"},
        {{.status = 403, .body = REFUSED("ExpiredToken", "old")},
         "HTTP 403, ExpiredToken: old | the credentials that assume the role have expired"},
        {{.status = 403, .body = REFUSED("RegionDisabledException", "off")},
         "HTTP 403, RegionDisabledException: off | activate STS"},
        {{.status = 400, .body = REFUSED("Other", "x\ny")}, "HTTP 400, Other: x y | the words"},
        {{.status = 404, .body = "<html>no"}, "HTTP 404 | the words"},
        {{.body = "<html/>"}, "the reply has no AccessKeyId"},
        {{.body = "hidden"}, "aws: role of profile 'p': AssumeRole of"},
    };
    const struct chain_row row = {.config = "[profile p]\n" ROLE "source_profile = p\n" KEYS,
                                  .options = {.profile = "p"}};

    clear_environment();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        server_start(&rows[i].row, 1);
        chain_check_says(row, rows[i].expected);
        server_stop();
    }
}

static void
a_clock_that_is_off_is_corrected_once(void)
{
    static const struct server_row skewed = {
        .status = 403,
        .headers = "Date: Fri, 02 Jan 2099 03:04:05 GMT\r\n",
        .body =
            REFUSED("SignatureDoesNotMatch", "Signature expired: 2026 is now earlier than 2099")};
    const struct server_row rows[] = {skewed, {.body = ASSUMED("R")}, skewed, skewed};
    const struct chain_row row = {.config = "[profile p]\n" ROLE "source_profile = p\n" KEYS,
                                  .options = {.profile = "p"}};

    clear_environment();
    SERVER_PLAY(rows);
    chain_check(row, "R s/R t/R 32472241445");
    chain_check_says(row, "HTTP 403, SignatureDoesNotMatch: Signature expired");
    server_stop();
    assert_null(strstr(server.requests[0], "X-Amz-Date: 20990102T"));
    assert_non_null(strstr(server.requests[1], "X-Amz-Date: 20990102T0304"));
    assert_int_equal(server.n_requests, 4);
}

static void
throttling_is_tried_again(void)
{
    static const struct server_row rows[] = {
        {.status = 400, .body = REFUSED("Throttling", "Rate exceeded")}, {.body = ASSUMED("R")}};
    const struct chain_row row = {.config = "[profile p]\n" ROLE "source_profile = p\n" KEYS,
                                  .options = {.profile = "p"}};

    clear_environment();
    SERVER_PLAY(rows);
    chain_check(row, "R s/R t/R 32472241445");
    server_stop();
    assert_int_equal(server.n_requests, 2);
}

/* The rules of STS itself; https is seen by the proxy that it goes through. */
static enum ko_code
find_by_rules(void *self, const char *service, const char *region, struct ko_endpoint *endpoint,
              struct ko_error *err)
{
    const struct ko_endpoint_options options = {.service = service, .region = {region, "a test"}};

    (void) self;
    return ko_endpoint_resolve(&options, endpoint, err);
}

static void
legacy_means_the_global_endpoint(void)
{
    static const struct {
        const char *mode, *region, *host;
    } rows[] = {
        {"legacy", "eu-west-1", "CONNECT sts.amazonaws.com:443 "},
        {"legacy", "eu-south-1", "CONNECT sts.eu-south-1.amazonaws.com:443 "},
        {"regional", "eu-west-1", "CONNECT sts.eu-west-1.amazonaws.com:443 "},
        {"regional", NULL, "CONNECT sts.amazonaws.com:443 "},
    };
    static const struct server_row refused = {.status = 403};
    const struct server_row plays[] = {refused, refused, refused};

    clear_environment();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct chain_row row = {
            .config = "[default]\n" ROLE "source_profile = default\n" KEYS,
            .options = {.region = rows[i].region, .endpoint = find_by_rules}};

        SERVER_PLAY(plays);
        (void) setenv("AWS_STS_REGIONAL_ENDPOINTS", rows[i].mode, 1);
        (void) setenv("https_proxy", server.url, 1);
        chain_check_says(row, "no reply from sts.");
        (void) unsetenv("https_proxy");
        server_stop();
        assert_ptr_equal(strstr(server.requests[0], rows[i].host), server.requests[0]);
    }
}

static void
loading_survives_failing_allocations(void)
{
    static const struct server_row rows[] = {{.body = ASSUMED("R1")}, {.body = ASSUMED("R2")}};
    const struct chain_row row = {
        .config = "[default]\n" ROLE "source_profile = default\nexternal_id = x\n" KEYS,
        .options = {.assume_role = "arn:aws:iam::1:role/outer", .region = "eu-west-1"}};

    chain_torture(&row, clear_environment, rows, 2);
}

CASES = {
    CASE(a_profile_assumes_a_role_with_another_ones_keys),
    CASE(keys_of_a_source_profile_count_before_its_role),
    CASE(a_chain_of_three_ends_in_the_first_profiles_role),
    CASE(a_role_is_assumed_with_what_the_environment_has),
    CASE(a_broken_profile_ends_the_chain),
    CASE(assume_role_takes_what_the_chain_gives),
    CASE(assume_role_is_renewed_with_what_the_chain_gives_then),
    CASE(assume_role_without_a_chain_says_what_the_chain_lacks),
    CASE(refusals_are_told_in_the_words_of_the_service_with_a_hint),
    CASE(a_clock_that_is_off_is_corrected_once),
    CASE(throttling_is_tried_again),
    CASE(legacy_means_the_global_endpoint),
    CASE(loading_survives_failing_allocations),
};
RUN_CASES
