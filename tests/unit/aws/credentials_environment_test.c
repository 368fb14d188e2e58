#include <stdlib.h>

#include "chain.h"

/* 2026-01-02T03:04:05Z */
static const uint64_t start_us = 1767323045ULL * 1000000;

static void
set_environment(const char *key_id, const char *secret, const char *token, const char *expiry)
{
    const char *const names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                                 "AWS_CREDENTIAL_EXPIRATION"};
    const char *const values[] = {key_id, secret, token, expiry};

    clear_environment();
    for (size_t i = 0; i < 4; i++) {
        if (values[i] != NULL)
            (void) setenv(names[i], values[i], 1);
    }
}

/* "K S T expiry" or the error's text. */
static void
load_default(char *line, size_t size, struct ko_error *err)
{
    const struct ko_credentials *credentials = NULL;
    const struct chain_row row = {0};
    struct ko_profiles *profiles = chain_profiles(&row);
    struct ko_credentials_provider *provider = chain_open(&row, profiles);

    ko_clock_set_us(start_us);
    (void) ko_credentials_provider_current(provider, &credentials, err);
    if (err->code == KO_OK)
        (void) snprintf(line, size, "%s %s %s %lld", credentials->key_id, credentials->secret,
                        credentials->token == NULL ? "-" : credentials->token,
                        (long long) (credentials->expiry_us / 1000000));
    ko_credentials_provider_free(provider);
    ko_profiles_free(profiles);
    ko_clock_set_us(0);
}

static void
the_environment_gives_credentials(void)
{
    static const struct {
        const char *key_id, *secret, *token, *expiry;
        const char *expected;
    } rows[] = {
        {"K", "S", NULL, NULL, "K S - 0"},
        {"K", "S", "", "", "K S - 0"},
        {"K", "S/+=", "T==", NULL, "K S/+= T== 0"},
        {"K", "S", "T", "2026-01-02T04:04:05Z", "K S T 1767326645"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_error err = {0};
        char line[256] = "";

        set_environment(rows[i].key_id, rows[i].secret, rows[i].token, rows[i].expiry);
        load_default(line, sizeof line, &err);
        CHECK_OK(err);
        CHECK_TEXT(line, rows[i].expected);
    }
}

static void
the_old_name_of_the_token_is_taken_too(void)
{
    struct ko_error err = {0};
    char line[256] = "";

    set_environment("K", "S", NULL, NULL);
    (void) setenv("AWS_SECURITY_TOKEN", "OLD", 1);
    load_default(line, sizeof line, &err);
    CHECK_OK(err);
    CHECK_TEXT(line, "K S OLD 0");
}

#define NO_OTHERS                                                                               \
    "role: no role_arn with a source in profile 'default'; web identity: "                      \
    "AWS_WEB_IDENTITY_TOKEN_FILE is not set, no web_identity_token_file in profile 'default'; " \
    "SSO: no sso_account_id in profile 'default'; credentials file: no keys for profile "       \
    "'default'; process: no credential_process in profile 'default'; config file: no keys for " \
    "profile 'default'; container: AWS_CONTAINER_CREDENTIALS_FULL_URI is not set; instance: "   \
    "AWS_EC2_METADATA_DISABLED is true)"

static void
failures_say_why_and_never_show_a_secret(void)
{
    static const struct {
        const char *key_id, *secret, *token, *expiry;
        const char *expected;
    } rows[] = {
        {NULL, "hidden", NULL, NULL,
         "no AWS credentials (environment: AWS_ACCESS_KEY_ID is not set; " NO_OTHERS},
        {"", "hidden", NULL, NULL,
         "no AWS credentials (environment: AWS_ACCESS_KEY_ID is not set; " NO_OTHERS},
        {"K", NULL, NULL, NULL,
         "credentials from the environment: AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is "
         "not"},
        {"K", "", NULL, NULL,
         "credentials from the environment: AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is "
         "not"},
        {"K", "hidden\n", NULL, NULL,
         "credentials from the environment: the secret access key has a blank, a control character "
         "or a non-ASCII byte at position 7"},
        {"hid den", "hidden", NULL, NULL,
         "credentials from the environment: the access key id has a blank, a control character or "
         "a "
         "non-ASCII byte at position 4"},
        {"K", "hidden", "hidden\r\nX-Other: 1", NULL,
         "credentials from the environment: the session token has a blank, a control character or "
         "a "
         "non-ASCII byte at position 7"},
        {"K", "hidden", NULL, "tomorrow",
         "credentials from the environment: AWS_CREDENTIAL_EXPIRATION is not a time such as "
         "2026-01-31T12:00:00Z"},
        {"K", "hidden", NULL, "2026-01-02T03:04:05Z",
         "credentials from the environment: the credentials in the environment expired at "
         "2026-01-02T03:04:05Z"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_error err = {0};
        char line[1024] = "";

        set_environment(rows[i].key_id, rows[i].secret, rows[i].token, rows[i].expiry);
        load_default(line, sizeof line, &err);
        CHECK_CODE(err, KO_E_ACCESS);
        CHECK_TEXT(err.text, rows[i].expected);
        assert_true(err.hint[0] != '\0');
        assert_null(strstr(err.text, "hid"));
        assert_null(strstr(err.hint, "hid"));
    }
}

static void
the_environment_does_not_count_beside_a_profile_option(void)
{
    const struct chain_row row = {.config = "[profile p]\naws_access_key_id = P\n"
                                            "aws_secret_access_key = Q\n",
                                  .options = {.profile = "p", .ignores_environment = true}};

    set_environment("K", "S", NULL, NULL);
    chain_check(row, "P Q - 0");
}

static void
the_environment_counts_before_any_profile(void)
{
    const struct chain_row row = {.config = "[profile p]\naws_access_key_id = P\n"
                                            "aws_secret_access_key = Q\n",
                                  .options = {.profile = "p"}};

    set_environment("K", "S", NULL, NULL);
    chain_check(row, "K S - 0");
}

/* Memory running out at any point gives an error and leaves nothing behind. */
static void
loading_survives_failing_allocations(void)
{
    unsigned n_failures = 0;
    struct ko_error none = {0};
    struct ko_profiles *profiles = ko_profiles_new(&none);
    const struct ko_credentials_chain_options options = {.profiles = profiles,
                                                         .endpoint = find_at_server};

    set_environment("K", "S", "T", NULL);
    for (uint64_t n = 1; n <= 12; n++) {
        const struct ko_credentials *credentials = NULL;
        struct ko_error err = {0};
        struct ko_credentials_provider *provider;

        ko_mem_fail_nth(n);
        provider = ko_credentials_chain(&options, &err);
        if (provider != NULL)
            (void) ko_credentials_provider_current(provider, &credentials, &err);
        ko_mem_fail_nth(0);
        n_failures += err.code == KO_E_MEMORY;
        assert_true(err.code == KO_E_MEMORY || credentials != NULL);
        ko_credentials_provider_free(provider);
    }
    ko_profiles_free(profiles);
    assert_int_equal(n_failures, 6); /* chain, profile, provider, key id, secret, token */
}

CASES = {
    CASE(the_environment_gives_credentials),
    CASE(the_old_name_of_the_token_is_taken_too),
    CASE(failures_say_why_and_never_show_a_secret),
    CASE(the_environment_does_not_count_beside_a_profile_option),
    CASE(the_environment_counts_before_any_profile),
    CASE(loading_survives_failing_allocations),
};
RUN_CASES
