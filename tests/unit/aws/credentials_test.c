#include "keepone/aws/credentials.h"

#include <stdlib.h>

#include "keepone/base/clock.h"

#include "support/test.h"

/* 2026-01-02T03:04:05Z */
static const uint64_t start_us = 1767323045ULL * 1000000;

static void
set_environment(const char *key_id, const char *secret, const char *token, const char *expiry)
{
    const char *const names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                                 "AWS_CREDENTIAL_EXPIRATION"};
    const char *const values[] = {key_id, secret, token, expiry};

    (void) unsetenv("AWS_SECURITY_TOKEN");
    for (size_t i = 0; i < 4; i++) {
        if (values[i] == NULL)
            (void) unsetenv(names[i]);
        else
            (void) setenv(names[i], values[i], 1);
    }
}

/* "K S T expiry" or the error's text. */
static void
load_default(char *line, size_t size, struct ko_error *err)
{
    const struct ko_credentials *credentials = NULL;
    struct ko_credentials_provider *provider = ko_credentials_provider_default(err);

    ko_clock_set_us(start_us);
    (void) ko_credentials_provider_current(provider, &credentials, err);
    if (err->code == KO_OK)
        (void) snprintf(line, size, "%s %s %s %lld", credentials->key_id, credentials->secret,
                        credentials->token == NULL ? "-" : credentials->token,
                        (long long) (credentials->expiry_us / 1000000));
    ko_credentials_provider_free(provider);
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

static void
failures_say_why_and_never_show_a_secret(void)
{
    static const struct {
        const char *key_id, *secret, *token, *expiry;
        const char *expected;
    } rows[] = {
        {NULL, "hidden", NULL, NULL,
         "no AWS credentials (environment: AWS_ACCESS_KEY_ID is not set)"},
        {"", "hidden", NULL, NULL,
         "no AWS credentials (environment: AWS_ACCESS_KEY_ID is not set)"},
        {"K", NULL, NULL, NULL,
         "no AWS credentials (environment: AWS_SECRET_ACCESS_KEY is not set)"},
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
        char line[256] = "";

        set_environment(rows[i].key_id, rows[i].secret, rows[i].token, rows[i].expiry);
        load_default(line, sizeof line, &err);
        CHECK_CODE(err, KO_E_ACCESS);
        CHECK_TEXT(err.text, rows[i].expected);
        assert_true(err.hint[0] != '\0');
        assert_null(strstr(err.text, "hid"));
        assert_null(strstr(err.hint, "hid"));
    }
}

/* A source of tests: gives K<n> at its n-th load, or nothing, and says so. */
struct counted {
    unsigned n_loads;
    unsigned n_freed;
    bool is_empty;
    int64_t expiry_us;
};

static enum ko_code
load_counted(void *self, struct ko_credentials *credentials, struct ko_buf *why,
             struct ko_error *err)
{
    struct counted *counted = self;
    char key_id[16];

    counted->n_loads++;
    if (counted->is_empty) {
        ko_buf_add_text(why, "it has none");
        return KO_OK;
    }
    (void) snprintf(key_id, sizeof key_id, "K%u", counted->n_loads);
    return ko_credentials_set(credentials, ko_slice_of(key_id), KO_SLICE("S"),
                              (struct ko_slice){NULL, 0}, counted->expiry_us, err);
}

static void
free_counted(void *self)
{
    struct counted *counted = self;

    counted->n_freed++;
}

static const struct ko_credentials_source_ops counted_ops = {
    .name = "counted", .load = load_counted, .free = free_counted};

static struct ko_credentials_provider *
provider_of(struct counted *first, struct counted *second)
{
    struct ko_error err = {0};
    struct ko_credentials_provider *provider = ko_credentials_provider_new(&err);

    (void) ko_credentials_provider_add(provider,
                                       (struct ko_credentials_source){&counted_ops, first}, &err);
    (void) ko_credentials_provider_add(provider,
                                       (struct ko_credentials_source){&counted_ops, second}, &err);
    CHECK_OK(err);
    return provider;
}

static void
check_current(struct ko_credentials_provider *provider, const char *key_id)
{
    const struct ko_credentials *credentials = NULL;
    struct ko_error err = {0};

    (void) ko_credentials_provider_current(provider, &credentials, &err);
    CHECK_OK(err);
    CHECK_TEXT(credentials->key_id, key_id);
}

static void
the_first_source_that_has_credentials_gives_them(void)
{
    struct counted first = {.is_empty = true};
    struct counted second = {0};
    struct ko_credentials_provider *provider = provider_of(&first, &second);

    check_current(provider, "K1");
    check_current(provider, "K1");
    assert_int_equal(first.n_loads, 1);
    assert_int_equal(second.n_loads, 1);
    ko_credentials_provider_free(provider);
    assert_int_equal(first.n_freed + second.n_freed, 2);
}

static void
all_sources_are_named_when_none_has_credentials(void)
{
    struct counted first = {.is_empty = true};
    struct counted second = {.is_empty = true};
    struct ko_credentials_provider *provider = provider_of(&first, &second);
    const struct ko_credentials *credentials = NULL;
    struct ko_error err = {0};

    (void) ko_credentials_provider_current(provider, &credentials, &err);
    CHECK_CODE(err, KO_E_ACCESS);
    CHECK_TEXT(err.text, "no AWS credentials (counted: it has none; counted: it has none)");
    ko_credentials_provider_free(provider);
}

static void
credentials_are_loaded_anew_before_they_expire(void)
{
    struct counted first = {.expiry_us = (int64_t) start_us + 600 * 1000000LL};
    struct counted second = {0};
    struct ko_credentials_provider *provider = provider_of(&first, &second);

    ko_clock_set_us(start_us);
    check_current(provider, "K1");
    ko_clock_set_us(start_us + 300ULL * 1000000);
    check_current(provider, "K1");
    ko_clock_set_us(start_us + 301ULL * 1000000);
    check_current(provider, "K2");
    ko_clock_set_us(0);
    ko_credentials_provider_free(provider);
}

static void
a_refresh_loads_anew(void)
{
    struct counted first = {0};
    struct counted second = {0};
    struct ko_credentials_provider *provider = provider_of(&first, &second);

    check_current(provider, "K1");
    ko_credentials_provider_refresh(provider);
    check_current(provider, "K2");
    ko_credentials_provider_free(provider);
}

static void
expiry_times_are_read_strictly(void)
{
    static const struct {
        const char *text;
        int64_t seconds; /* 0 = refused */
    } rows[] = {
        {"2026-01-02T03:04:05Z", 1767323045},
        {"2026-01-02T03:04:05.123Z", 1767323045},
        {"2026-01-02T03:04:05+00:00", 1767323045},
        {"2026-01-02T03:04:05", 0},
        {"2026-01-02T03:04:05+01:00", 0},
        {"2026-01-02T03:04:05Zx", 0},
        {"2026-13-02T03:04:05Z", 0},
        {"1767323045", 0},
        {"", 0},
        {"2026-01-02T03:04:05.00000000000000000000000000000000000000000000000000000000Z", 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t expiry_us = 0;
        const bool is_read = ko_credentials_read_expiry(ko_slice_of(rows[i].text), &expiry_us);

        assert_int_equal(is_read, rows[i].seconds != 0);
        if (is_read)
            assert_int_equal(expiry_us, rows[i].seconds * 1000000);
    }
}

/* Memory running out at any point gives an error and leaves nothing behind. */
static void
loading_survives_failing_allocations(void)
{
    unsigned n_failures = 0;

    set_environment("K", "S", "T", NULL);
    for (uint64_t n = 1; n <= 6; n++) {
        const struct ko_credentials *credentials = NULL;
        struct ko_error err = {0};
        struct ko_credentials_provider *provider;

        ko_mem_fail_nth(n);
        provider = ko_credentials_provider_default(&err);
        if (provider != NULL)
            (void) ko_credentials_provider_current(provider, &credentials, &err);
        ko_mem_fail_nth(0);
        n_failures += err.code == KO_E_MEMORY;
        assert_true(err.code == KO_E_MEMORY || credentials != NULL);
        ko_credentials_provider_free(provider);
    }
    assert_int_equal(n_failures, 4); /* provider, key id, secret, token */
}

CASES = {
    CASE(the_environment_gives_credentials),
    CASE(the_old_name_of_the_token_is_taken_too),
    CASE(failures_say_why_and_never_show_a_secret),
    CASE(the_first_source_that_has_credentials_gives_them),
    CASE(all_sources_are_named_when_none_has_credentials),
    CASE(credentials_are_loaded_anew_before_they_expire),
    CASE(a_refresh_loads_anew),
    CASE(expiry_times_are_read_strictly),
    CASE(loading_survives_failing_allocations),
};
RUN_CASES
