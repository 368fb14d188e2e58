/* The sources that keepone uses, in their order, and what they share. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "keepone/base/mem.h"

#include "credentials_priv.h"

const char *
ko_variable(const char *name)
{
    const char *const value = getenv(name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

const char *
ko_variable_or_key(const struct ko_chain *chain, const char *variable, const char *key)
{
    const char *const value = ko_variable(variable);

    return value != NULL ? value : ko_profile_value(chain->profiles, chain->profile, key);
}

/* Regions whose requests the global endpoint has always taken. */
static bool
has_global_endpoint(const char *region)
{
    static const char *const regions[] = {
        "ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1",
        "eu-central-1",   "eu-north-1", "eu-west-1",      "eu-west-2",      "eu-west-3",
        "sa-east-1",      "us-east-1",  "us-east-2",      "us-west-1",      "us-west-2",
    };

    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        if (strcmp(region, regions[i]) == 0)
            return true;
    }
    return false;
}

static bool
is_legacy(const struct ko_chain *chain)
{
    const char *const mode =
        ko_variable_or_key(chain, "AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints");

    return chain->region == NULL ||
           (mode != NULL && strcasecmp(mode, "legacy") == 0 && has_global_endpoint(chain->region));
}

static enum ko_code
find_sts(const struct ko_chain *chain, struct ko_endpoint *endpoint, struct ko_error *err)
{
    const char *const region = chain->region == NULL ? "us-east-1" : chain->region;
    char own[KO_ENDPOINT_HOST_BYTES];

    if (chain->endpoint(chain->endpoint_self, "sts", region, endpoint, err) != KO_OK)
        return err->code;
    (void) snprintf(own, sizeof own, "sts.%s.amazonaws.com", region);
    if (!is_legacy(chain) || strcmp(endpoint->host, own) != 0) /* not one that was asked for */
        return KO_OK;
    (void) snprintf(endpoint->host, sizeof endpoint->host, "sts.amazonaws.com");
    (void) snprintf(endpoint->url, sizeof endpoint->url, "https://sts.amazonaws.com");
    (void) snprintf(endpoint->region, sizeof endpoint->region, "us-east-1");
    return KO_OK;
}

/* Characters that a session's name cannot have become dashes. */
static void
write_session_name(const struct ko_chain *chain, const char *given, char name[KO_STS_SESSION_BYTES])
{
    char host[256] = "";
    size_t n;

    if (given != NULL) {
        (void) snprintf(name, KO_STS_SESSION_BYTES, "%s", given);
        return;
    }
    (void) gethostname(host, sizeof host - 1);
    n = (size_t) snprintf(name, KO_STS_SESSION_BYTES, "keepone-%u-%.40s", chain->rank, host);
    for (size_t i = 0; i < n && i + 1 < KO_STS_SESSION_BYTES; i++) {
        if (!isalnum((unsigned char) name[i]) && strchr("+=,.@-_", name[i]) == NULL)
            name[i] = '-';
    }
}

enum ko_code
ko_chain_sts(const struct ko_chain *chain, const char *session_name, struct ko_endpoint *endpoint,
             char name[KO_STS_SESSION_BYTES], struct ko_sts_request *request, struct ko_error *err)
{
    if (find_sts(chain, endpoint, err) != KO_OK)
        return err->code;
    write_session_name(chain, session_name, name);
    request->endpoint = endpoint;
    request->session_name = name;
    request->ca_file = chain->ca_file;
    return KO_OK;
}

enum ko_code
ko_profile_duration(const struct ko_chain *chain, const char *profile, unsigned *seconds,
                    struct ko_error *err)
{
    const char *const text = ko_profile_value(chain->profiles, profile, "duration_seconds");
    unsigned long n;

    *seconds = 0;
    if (text == NULL)
        return KO_OK;
    n = strtoul(text, NULL, 10);
    if (strspn(text, "0123456789") != strlen(text) || n < KO_STS_SECONDS_MIN ||
        n > KO_STS_SECONDS_MAX) {
        (void) ko_fail(err, KO_E_ACCESS,
                       "duration_seconds of profile '%s' is not a number from %d "
                       "to %d",
                       profile, KO_STS_SECONDS_MIN, KO_STS_SECONDS_MAX);
        ko_hint(err, "leave it out for an hour; credentials are renewed as long as the run takes.");
        return err->code;
    }
    *seconds = (unsigned) n;
    return KO_OK;
}

void
ko_chain_free(struct ko_chain *chain)
{
    if (chain == NULL)
        return;
    ko_credentials_provider_free(chain->inner);
    ko_free(chain->profile);
    ko_free(chain->assume_role);
    ko_free(chain->region);
    ko_free(chain->ca_file);
    ko_free(chain);
}

/* NULL and "" are not given. */
static char *
copy(const char *text, struct ko_error *err)
{
    return text == NULL || text[0] == '\0' ? NULL : ko_copy_text(ko_slice_of(text), err);
}

static struct ko_chain *
make_chain(const struct ko_credentials_chain_options *options, struct ko_error *err)
{
    struct ko_chain *chain = ko_alloc(sizeof *chain, err);

    if (chain == NULL)
        return NULL;
    chain->profiles = options->profiles;
    chain->ignores_environment = options->ignores_environment;
    chain->rank = options->rank;
    chain->endpoint = options->endpoint;
    chain->endpoint_self = options->endpoint_self;
    chain->profile = copy(options->profile == NULL ? "default" : options->profile, err);
    chain->assume_role = copy(options->assume_role, err);
    chain->region = copy(options->region, err);
    chain->ca_file = copy(options->ca_file, err);
    if (err->code == KO_OK)
        return chain;
    ko_chain_free(chain);
    return NULL;
}

/* A provider that owns the chain, also on failure. */
static struct ko_credentials_provider *
make_provider(struct ko_chain *chain, struct ko_error *err)
{
    struct ko_credentials_provider *provider = ko_credentials_provider_new(err);

    if (provider == NULL)
        ko_chain_free(chain);
    else
        ko_credentials_provider_adopt(provider, chain);
    return provider;
}

static struct ko_credentials_provider *
make_inner(const struct ko_credentials_chain_options *options, struct ko_error *err)
{
    typedef struct ko_credentials_source make_fn(struct ko_chain * chain);
    static make_fn *const makers[] = {
        ko_credentials_environment,      ko_credentials_role,
        ko_credentials_web_identity,     ko_credentials_sso,
        ko_credentials_credentials_file, ko_credentials_process,
        ko_credentials_config_file,      ko_credentials_container,
        ko_credentials_instance,
    };
    struct ko_chain *chain = make_chain(options, err);
    struct ko_credentials_provider *provider = chain == NULL ? NULL : make_provider(chain, err);

    for (size_t i = 0; provider != NULL && i < sizeof makers / sizeof makers[0]; i++)
        (void) ko_credentials_provider_add(provider, makers[i](chain), err);
    return provider;
}

struct ko_credentials_provider *
ko_credentials_chain(const struct ko_credentials_chain_options *options, struct ko_error *err)
{
    struct ko_credentials_provider *inner = make_inner(options, err);
    struct ko_credentials_provider *outer;
    struct ko_chain *chain;

    if (inner == NULL || options->assume_role == NULL || options->assume_role[0] == '\0')
        return inner;
    chain = make_chain(options, err);
    if (chain == NULL) {
        ko_credentials_provider_free(inner);
        return NULL;
    }
    chain->inner = inner;
    outer = make_provider(chain, err);
    if (outer != NULL)
        (void) ko_credentials_provider_add(outer, ko_credentials_assumed(chain), err);
    return outer;
}
