/*
 * A chain of sources for tests: profiles from texts, services at the server of server.h.
 */
#ifndef KEEPONE_TESTS_UNIT_AWS_CHAIN_H
#define KEEPONE_TESTS_UNIT_AWS_CHAIN_H

#include "keepone/aws/credentials.h"
#include "keepone/base/clock.h"
#include "keepone/base/file.h"

#include "server.h"

/* Absent texts are empty files, and no options. */
struct chain_row {
    const char *config;
    const char *credentials;
    struct ko_credentials_chain_options options; /* without profiles and endpoint */
};

extern char **environ;

/* Nothing of what the tests run in counts; no instance is asked for. */
static inline void
clear_environment(void)
{
    char name[256];

    for (size_t i = 0; environ[i] != NULL;) {
        const size_t n = strcspn(environ[i], "=");

        if (strncmp(environ[i], "AWS_", 4) != 0 || n >= sizeof name) {
            i++;
            continue;
        }
        memcpy(name, environ[i], n);
        name[n] = '\0';
        (void) unsetenv(name);
    }
    (void) setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    (void) setenv("HOME", "/nowhere", 1);
}

/* All services at the test's server. */
static inline enum ko_code
find_at_server(void *self, const char *service, const char *region, struct ko_endpoint *endpoint,
               struct ko_error *err)
{
    (void) self;
    (void) service;
    *endpoint = (struct ko_endpoint){.is_custom = true};
    (void) snprintf(endpoint->url, sizeof endpoint->url, "%s", server.url);
    (void) snprintf(endpoint->host, sizeof endpoint->host, "127.0.0.1:%d", server.port);
    (void) snprintf(endpoint->region, sizeof endpoint->region, "%s",
                    region == NULL ? "us-east-1" : region);
    return err->code;
}

static inline struct ko_profiles *
chain_profiles(const struct chain_row *row)
{
    struct ko_error err = {0};
    struct ko_profiles *profiles = ko_profiles_new(&err);

    (void) ko_profiles_add_text(profiles, KO_PROFILE_CONFIG_FILE, "config",
                                ko_slice_of(row->config == NULL ? "" : row->config), &err);
    (void) ko_profiles_add_text(profiles, KO_PROFILE_CREDENTIALS_FILE, "credentials",
                                ko_slice_of(row->credentials == NULL ? "" : row->credentials),
                                &err);
    CHECK_OK(err);
    return profiles;
}

static inline struct ko_credentials_provider *
chain_open(const struct chain_row *row, const struct ko_profiles *profiles)
{
    struct ko_credentials_chain_options options = row->options;
    struct ko_error err = {0};
    struct ko_credentials_provider *provider;

    options.profiles = profiles;
    if (options.endpoint == NULL)
        options.endpoint = find_at_server;
    provider = ko_credentials_chain(&options, &err);
    CHECK_OK(err);
    return provider;
}

enum { CHAIN_LINE_BYTES = 2048 };

/* "K S T expiry", with "-" for no token, or "code: text | hint". */
static inline void
chain_load(const struct chain_row *row, char line[CHAIN_LINE_BYTES])
{
    const struct ko_credentials *credentials = NULL;
    struct ko_error err = {0};
    struct ko_profiles *profiles = chain_profiles(row);
    struct ko_credentials_provider *provider = chain_open(row, profiles);

    (void) ko_credentials_provider_current(provider, &credentials, &err);
    if (err.code != KO_OK)
        (void) snprintf(line, CHAIN_LINE_BYTES, "%s: %s | %s", ko_code_name(err.code), err.text,
                        err.hint);
    else
        (void) snprintf(line, CHAIN_LINE_BYTES, "%s %s %s %lld", credentials->key_id,
                        credentials->secret, credentials->token == NULL ? "-" : credentials->token,
                        (long long) (credentials->expiry_us / 1000000));
    ko_credentials_provider_free(provider);
    ko_profiles_free(profiles);
}

static inline void
chain_check(struct chain_row row, const char *expected)
{
    char line[CHAIN_LINE_BYTES];

    chain_load(&row, line);
    CHECK_TEXT(line, expected);
}

/* The line must have this part, and nothing that starts with "hid". */
static inline void
chain_check_says(struct chain_row row, const char *part)
{
    char line[CHAIN_LINE_BYTES];

    chain_load(&row, line);
    if (strstr(line, part) == NULL)
        fail_msg("'%s' does not say '%s'", line, part);
    assert_null(strstr(line, "hid"));
}

/*
 * Loads again and again, the n-th allocation failing, until none is left to fail.  before: makes
 * things as they were; the server plays these rows each time.
 */
static inline void
chain_torture(const struct chain_row *row, void (*before)(void), const struct server_row *rows,
              size_t n_rows)
{
    struct ko_profiles *profiles = chain_profiles(row);
    struct ko_credentials_chain_options options = row->options;
    unsigned n_good = 0; /* one after the other: an allocation may fail that nothing hangs on */

    options.profiles = profiles;
    options.endpoint = find_at_server;
    for (uint64_t n = 1; n_good < 10; n++) {
        const struct ko_credentials *credentials = NULL;
        struct ko_error err = {0};
        struct ko_credentials_provider *provider;

        assert_in_range(n, 1, 400);
        server_start(rows, n_rows);
        before();
        ko_mem_fail_nth(n);
        provider = ko_credentials_chain(&options, &err);
        if (provider != NULL)
            (void) ko_credentials_provider_current(provider, &credentials, &err);
        ko_mem_fail_nth(0);
        server_stop();
        if (err.code != KO_E_MEMORY)
            CHECK_OK(err);
        assert_true(err.code == KO_E_MEMORY || credentials != NULL);
        n_good = err.code == KO_OK && server.n_requests == n_rows ? n_good + 1 : 0;
        ko_credentials_provider_free(provider);
    }
    ko_profiles_free(profiles);
}

/* A file in a new folder under /tmp; the folder goes with remove_home(). */
static char chain_home[64];

static inline void
make_home(void)
{
    (void) snprintf(chain_home, sizeof chain_home, "/tmp/keepone-home-XXXXXX");
    assert_non_null(mkdtemp(chain_home));
    (void) setenv("HOME", chain_home, 1);
}

static inline void
write_home(const char *folder, const char *name, const char *text)
{
    struct ko_error err = {0};
    char path[KO_PATH_BYTES];
    char file[KO_PATH_BYTES];

    (void) ko_path_join(path, &err, chain_home, "%s", folder);
    (void) ko_folder_make(path, &err);
    (void) ko_path_join(file, &err, path, "%s", name);
    (void) ko_file_replace(file, ko_slice_of(text), &err);
    CHECK_OK(err);
}

static inline void
remove_home(void)
{
    struct ko_error err = {0};

    (void) ko_folder_remove(chain_home, &err);
    CHECK_OK(err);
}

#endif
