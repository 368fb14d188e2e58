#include "keepone/aws/credentials.h"

#include <time.h>

#include "keepone/base/clock.h"
#include "keepone/base/mem.h"

/* Loaded anew this long before they expire: a request may wait and travel in between. */
static const int64_t early_us = 300LL * 1000000;

enum { SOURCES_MAX = 16 };

struct ko_credentials_provider {
    struct ko_credentials_source sources[SOURCES_MAX];
    size_t n_sources;
    struct ko_credentials held;
};

static void
wipe_text(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    ko_free(text);
}

void
ko_credentials_clear(struct ko_credentials *credentials)
{
    wipe_text(credentials->key_id);
    wipe_text(credentials->secret);
    wipe_text(credentials->token);
    *credentials = (struct ko_credentials){0};
}

/* They become part of HTTP headers, where a line break would start another header. */
static enum ko_code
check_text(struct ko_slice text, const char *what, struct ko_error *err)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.data[i] > ' ' && text.data[i] < 0x7f)
            continue;
        (void) ko_fail(
            err, KO_E_ACCESS,
            "the %s has a blank, a control character or a non-ASCII byte at position %zu", what,
            i + 1);
        ko_hint(err, "copy it again without quotes, blanks and line breaks.");
        return err->code;
    }
    return KO_OK;
}

enum ko_code
ko_credentials_set(struct ko_credentials *credentials, struct ko_slice key_id,
                   struct ko_slice secret, struct ko_slice token, int64_t expiry_us,
                   struct ko_error *err)
{
    struct ko_credentials made = {.expiry_us = expiry_us};

    KO_TRY(check_text(key_id, "access key id", err));
    KO_TRY(check_text(secret, "secret access key", err));
    KO_TRY(check_text(token, "session token", err));
    made.key_id = ko_copy_text(key_id, err);
    made.secret = made.key_id == NULL ? NULL : ko_copy_text(secret, err);
    if (made.secret != NULL && token.n > 0)
        made.token = ko_copy_text(token, err);
    KO_TRY(err->code);
    ko_credentials_clear(credentials);
    *credentials = made;
    return KO_OK;

done:
    ko_credentials_clear(&made);
    return err->code;
}

bool
ko_credentials_read_expiry(struct ko_slice text, int64_t *expiry_us)
{
    char copy[40] = "";
    struct tm parts = {0};
    const char *rest;
    time_t seconds;

    if (text.n >= sizeof copy || text.n == 0)
        return false;
    memcpy(copy, text.data, text.n);
    rest = strptime(copy, "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == NULL)
        return false;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (strcmp(rest, "Z") != 0 && strcmp(rest, "+00:00") != 0)
        return false;
    seconds = timegm(&parts);
    *expiry_us = (int64_t) seconds * 1000000;
    return seconds > 0;
}

struct ko_credentials_provider *
ko_credentials_provider_new(struct ko_error *err)
{
    return ko_alloc(sizeof(struct ko_credentials_provider), err);
}

struct ko_credentials_provider *
ko_credentials_provider_default(struct ko_error *err)
{
    struct ko_credentials_provider *provider = ko_credentials_provider_new(err);

    if (provider == NULL)
        return NULL;
    (void) ko_credentials_provider_add(provider, ko_credentials_environment(), err);
    if (err->code == KO_OK)
        return provider;
    ko_credentials_provider_free(provider);
    return NULL;
}

static void
free_source(const struct ko_credentials_source *source)
{
    if (source->ops->free != NULL)
        source->ops->free(source->self);
}

void
ko_credentials_provider_free(struct ko_credentials_provider *provider)
{
    if (provider == NULL)
        return;
    for (size_t i = 0; i < provider->n_sources; i++)
        free_source(&provider->sources[i]);
    ko_credentials_clear(&provider->held);
    ko_free(provider);
}

enum ko_code
ko_credentials_provider_add(struct ko_credentials_provider *provider,
                            struct ko_credentials_source source, struct ko_error *err)
{
    if (provider->n_sources == SOURCES_MAX) {
        free_source(&source);
        return ko_fail(err, KO_E_BUG, "more than %d sources of credentials", SOURCES_MAX);
    }
    provider->sources[provider->n_sources++] = source;
    return KO_OK;
}

static enum ko_code
load(struct ko_credentials_provider *provider, struct ko_error *err)
{
    struct ko_buf why = {0};

    for (size_t i = 0; i < provider->n_sources; i++) {
        const struct ko_credentials_source *source = &provider->sources[i];

        ko_buf_add_format(&why, "%s%s: ", i == 0 ? "" : "; ", source->ops->name);
        KO_TRY(source->ops->load(source->self, &provider->held, &why, err));
        if (provider->held.key_id != NULL)
            goto done;
    }
    KO_TRY(ko_buf_finish(&why, err));
    (void) ko_fail(err, KO_E_ACCESS, "no AWS credentials (%.*s)", KO_SLICE_ARG(ko_buf_slice(&why)));
    ko_hint(err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN for "
                 "temporary credentials); DynamoDB Local takes any letters and digits.");

done:
    if (err->code != KO_OK)
        ko_credentials_clear(&provider->held);
    ko_buf_clear(&why);
    return err->code;
}

enum ko_code
ko_credentials_provider_current(struct ko_credentials_provider *provider,
                                const struct ko_credentials **credentials, struct ko_error *err)
{
    const struct ko_credentials *held = &provider->held;

    if (held->key_id != NULL && held->expiry_us != 0 && ko_wall_us() > held->expiry_us - early_us)
        ko_credentials_provider_refresh(provider);
    if (held->key_id == NULL && load(provider, err) != KO_OK)
        return err->code;
    *credentials = held;
    return KO_OK;
}

void
ko_credentials_provider_refresh(struct ko_credentials_provider *provider)
{
    ko_credentials_clear(&provider->held);
}
