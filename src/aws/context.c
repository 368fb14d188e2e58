#include "keepone/aws/context.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "keepone/base/mem.h"

#include "credentials_priv.h"

enum { NAME_BYTES = 96, MAX_ATTEMPTS = 1000 };

struct ko_aws {
    struct ko_aws_settings settings;
    struct ko_profiles *profiles;
    struct ko_credentials_provider *credentials;
    bool owns_credentials;
    bool asked_instance;
    struct ko_arena *arena; /* the settings' texts */
};

static bool
is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* NULL stays NULL, and with KO_E_MEMORY. */
static const char *
copy(struct ko_aws *aws, const char *text, struct ko_error *err)
{
    return is_set(text) ? ko_arena_copy(aws->arena, ko_slice_of(text), err).data : NULL;
}

static struct ko_aws_setting
find_variable(struct ko_aws *aws, const char *name, struct ko_error *err)
{
    if (!is_set(getenv(name)))
        return (struct ko_aws_setting){NULL, NULL};
    return (struct ko_aws_setting){copy(aws, getenv(name), err), name};
}

static struct ko_aws_setting
find_key(struct ko_aws *aws, const char *key, struct ko_error *err)
{
    const char *const text = ko_profile_value(aws->profiles, aws->settings.profile, key);
    char from[KO_ERROR_HINT_BYTES];

    if (!is_set(text))
        return (struct ko_aws_setting){NULL, NULL};
    (void) snprintf(from, sizeof from, "%s of profile '%s'", key, aws->settings.profile);
    return (struct ko_aws_setting){copy(aws, text, err), copy(aws, from, err)};
}

/* The variable's value, else the profile's. */
static struct ko_aws_setting
find_configured(struct ko_aws *aws, const char *variable, const char *key, struct ko_error *err)
{
    const struct ko_aws_setting setting = find_variable(aws, variable, err);

    return setting.text != NULL ? setting : find_key(aws, key, err);
}

static enum ko_code
read_flag(struct ko_aws *aws, const char *variable, const char *key, bool *flag,
          struct ko_error *err)
{
    const struct ko_aws_setting setting = find_configured(aws, variable, key, err);

    if (setting.text == NULL)
        return err->code;
    *flag = strcasecmp(setting.text, "true") == 0;
    if (*flag || strcasecmp(setting.text, "false") == 0)
        return KO_OK;
    (void) ko_fail(err, KO_E_OPTION, "%s is '%s'", setting.from, setting.text);
    ko_hint(err, "write true or false.");
    return err->code;
}

/* Modes differ in what they do about throttling, and there keepone has its own way. */
static enum ko_code
check_retry_mode(struct ko_aws *aws, struct ko_error *err)
{
    const struct ko_aws_setting setting = find_configured(aws, "AWS_RETRY_MODE", "retry_mode", err);

    if (setting.text == NULL || strcasecmp(setting.text, "legacy") == 0 ||
        strcasecmp(setting.text, "standard") == 0 || strcasecmp(setting.text, "adaptive") == 0)
        return err->code;
    (void) ko_fail(err, KO_E_OPTION, "%s is '%s'", setting.from, setting.text);
    ko_hint(err, "write legacy, standard or adaptive.");
    return err->code;
}

static enum ko_code
read_max_attempts(struct ko_aws *aws, struct ko_error *err)
{
    const struct ko_aws_setting setting =
        find_configured(aws, "AWS_MAX_ATTEMPTS", "max_attempts", err);
    unsigned long n;

    if (setting.text == NULL)
        return err->code;
    n = strtoul(setting.text, NULL, 10);
    if (strspn(setting.text, "0123456789") == strlen(setting.text) && n >= 1 && n <= MAX_ATTEMPTS) {
        aws->settings.max_attempts = (unsigned) n;
        return KO_OK;
    }
    (void) ko_fail(err, KO_E_OPTION, "%s is '%s'", setting.from, setting.text);
    ko_hint(err, "write a number of attempts, the first included, from 1 to %d.", MAX_ATTEMPTS);
    return err->code;
}

static enum ko_code
read_region(struct ko_aws *aws, const char *option, struct ko_error *err)
{
    struct ko_aws_setting setting = {copy(aws, option, err), "--region"};

    if (setting.text == NULL)
        setting = find_variable(aws, "AWS_REGION", err);
    if (setting.text == NULL)
        setting = find_configured(aws, "AWS_DEFAULT_REGION", "region", err);
    aws->settings.region = setting.text;
    aws->settings.region_from = setting.from;
    if (setting.text != NULL && err->code == KO_OK)
        (void) ko_region_check(setting, err);
    return err->code;
}

/* A profile that somebody named must be there; the default one need not. */
static enum ko_code
choose_profile(struct ko_aws *aws, const char *option, struct ko_error *err)
{
    const char *const from = is_set(option)                  ? "--profile"
                             : is_set(getenv("AWS_PROFILE")) ? "AWS_PROFILE"
                                                             : "AWS_DEFAULT_PROFILE";
    const char *const given = is_set(option) ? option : getenv(from);

    aws->settings.profile_is_given = is_set(given);
    aws->settings.profile = copy(aws, is_set(given) ? given : "default", err);
    if (err->code != KO_OK || !aws->settings.profile_is_given ||
        ko_profile_exists(aws->profiles, given))
        return err->code;
    (void) ko_fail(err, KO_E_OPTION, "%s names the profile '%s', which is in neither file", from,
                   given);
    ko_hint(err, "the files are ~/.aws/config ([profile NAME]) and ~/.aws/credentials ([NAME]), or "
                 "what AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name.");
    return err->code;
}

static enum ko_code
read_settings(struct ko_aws *aws, const struct ko_aws_options *options, struct ko_error *err)
{
    struct ko_aws_settings *const settings = &aws->settings;

    KO_TRY(ko_profiles_read(&aws->profiles, err));
    KO_TRY(choose_profile(aws, options->profile, err));
    KO_TRY(read_region(aws, options->region, err));
    KO_TRY(read_flag(aws, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", &settings->use_fips, err));
    KO_TRY(read_flag(aws, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint",
                     &settings->use_dualstack, err));
    KO_TRY(read_flag(aws, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls",
                     &settings->ignores_configured_endpoints, err));
    KO_TRY(check_retry_mode(aws, err));
    KO_TRY(read_max_attempts(aws, err));
    settings->ca_file = find_configured(aws, "AWS_CA_BUNDLE", "ca_bundle", err).text;

done:
    return err->code;
}

/* Where the services that give credentials are. */
static enum ko_code
find_endpoint(void *self, const char *service, const char *region, struct ko_endpoint *endpoint,
              struct ko_error *err)
{
    return ko_aws_endpoint(self, service, NULL, region, endpoint, err);
}

static struct ko_credentials_provider *
make_credentials(struct ko_aws *aws, const struct ko_aws_options *options, struct ko_error *err)
{
    const struct ko_credentials_chain_options chain = {
        .profiles = aws->profiles,
        .profile = aws->settings.profile,
        .ignores_environment = is_set(options->profile),
        .assume_role = options->assume_role,
        .region = aws->settings.region,
        .ca_file = aws->settings.ca_file,
        .rank = options->rank,
        .endpoint = find_endpoint,
        .endpoint_self = aws,
    };

    return ko_credentials_chain(&chain, err);
}

enum ko_code
ko_aws_open(const struct ko_aws_options *options, struct ko_aws **aws, struct ko_error *err)
{
    struct ko_aws *made = ko_alloc(sizeof *made, err);

    *aws = NULL;
    if (made == NULL)
        return err->code;
    made->arena = ko_arena_new(0, err);
    KO_TRY(err->code);
    KO_TRY(read_settings(made, options, err));
    made->credentials = options->credentials;
    if (made->credentials == NULL) {
        made->owns_credentials = true;
        made->credentials = make_credentials(made, options, err);
        KO_TRY(err->code);
    }
    *aws = made;
    return KO_OK;

done:
    ko_aws_close(made);
    return err->code;
}

void
ko_aws_close(struct ko_aws *aws)
{
    if (aws == NULL)
        return;
    if (aws->owns_credentials)
        ko_credentials_provider_free(aws->credentials);
    ko_profiles_free(aws->profiles);
    ko_arena_free(aws->arena);
    ko_free(aws);
}

const struct ko_aws_settings *
ko_aws_settings(const struct ko_aws *aws)
{
    return &aws->settings;
}

struct ko_credentials_provider *
ko_aws_credentials(struct ko_aws *aws)
{
    return aws->credentials;
}

/* Where a URL may be written down for one service; names live as long as the lookup. */
struct places {
    char variable[NAME_BYTES]; /* AWS_ENDPOINT_URL_DYNAMODB */
    char key[NAME_BYTES];      /* dynamodb.endpoint_url, of a [services] section */
    char from[KO_ERROR_HINT_BYTES];
};

static void
name_places(const char *service, struct places *places)
{
    const char *const id = strcmp(service, "oidc") == 0 ? "sso_oidc" : service;

    (void) snprintf(places->key, sizeof places->key, "%s.endpoint_url", id);
    (void) snprintf(places->variable, sizeof places->variable, "AWS_ENDPOINT_URL_%s", id);
    for (char *c = places->variable; *c != '\0'; c++)
        *c = (char) toupper((unsigned char) *c);
}

static struct ko_aws_setting
find_profile_url(const struct ko_aws *aws, struct places *places)
{
    const char *const profile = aws->settings.profile;
    const char *const services = ko_profile_value(aws->profiles, profile, "services");
    const char *text = NULL;

    if (is_set(services))
        text = ko_profiles_value(aws->profiles, KO_PROFILE_SERVICES, services, places->key);
    if (is_set(text)) {
        (void) snprintf(places->from, sizeof places->from, "%s of [services %s]", places->key,
                        services);
        return (struct ko_aws_setting){text, places->from};
    }
    (void) snprintf(places->from, sizeof places->from, "endpoint_url of profile '%s'", profile);
    return (struct ko_aws_setting){ko_profile_value(aws->profiles, profile, "endpoint_url"),
                                   places->from};
}

static struct ko_aws_setting
find_url(const struct ko_aws *aws, const char *option, struct places *places)
{
    if (is_set(option))
        return (struct ko_aws_setting){option, strcmp(places->variable, "AWS_ENDPOINT_URL_S3") == 0
                                                   ? "--s3-endpoint"
                                                   : "--endpoint"};
    if (aws->settings.ignores_configured_endpoints)
        return (struct ko_aws_setting){NULL, NULL};
    if (is_set(getenv(places->variable)))
        return (struct ko_aws_setting){getenv(places->variable), places->variable};
    if (is_set(getenv("AWS_ENDPOINT_URL")))
        return (struct ko_aws_setting){getenv("AWS_ENDPOINT_URL"), "AWS_ENDPOINT_URL"};
    return find_profile_url(aws, places);
}

/* Where nobody says anything, the instance may know. */
static enum ko_code
ask_instance(struct ko_aws *aws, struct ko_error *err)
{
    char profile[KO_ERROR_HINT_BYTES];
    const struct ko_chain chain = {.profiles = aws->profiles, .profile = profile};
    char region[KO_REGION_BYTES];

    if (aws->asked_instance)
        return KO_OK;
    aws->asked_instance = true;
    (void) snprintf(profile, sizeof profile, "%s", aws->settings.profile);
    KO_TRY(ko_instance_region(&chain, region, err));
    aws->settings.region = copy(aws, region, err);
    aws->settings.region_from = "the instance's metadata";

done:
    return err->code;
}

/* The region for one client. */
static enum ko_code
choose_region(struct ko_aws *aws, const char *service, const char *region, const char *url,
              struct ko_aws_setting *chosen, struct ko_error *err)
{
    const bool is_needed = !is_set(url) || !ko_endpoint_is_direct(url);

    if (is_set(region)) {
        *chosen = (struct ko_aws_setting){region, "the region"};
        /* A table's region is good for the services that give credentials, too. */
        if (aws->settings.region == NULL && strcmp(service, "dynamodb") == 0) {
            aws->settings.region = copy(aws, region, err);
            aws->settings.region_from = chosen->from;
        }
        return err->code;
    }
    if (aws->settings.region == NULL && is_needed)
        KO_TRY(ask_instance(aws, err));
    *chosen = (struct ko_aws_setting){aws->settings.region, aws->settings.region_from};

done:
    return err->code;
}

enum ko_code
ko_aws_endpoint(struct ko_aws *aws, const char *service, const char *endpoint, const char *region,
                struct ko_endpoint *resolved, struct ko_error *err)
{
    struct places places;
    struct ko_endpoint_options options = {
        .service = service,
        .use_fips = aws->settings.use_fips,
        .use_dualstack = aws->settings.use_dualstack,
    };

    name_places(service, &places);
    options.url = find_url(aws, endpoint, &places);
    KO_TRY(choose_region(aws, service, region, options.url.text, &options.region, err));
    KO_TRY(ko_endpoint_resolve(&options, resolved, err));

done:
    return err->code;
}
