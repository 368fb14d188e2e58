/* When credentials are loaded, and from which source. */
#include "keepone/base/clock.h"
#include "keepone/base/log.h"
#include "keepone/base/mem.h"

#include "credentials_priv.h"

enum { SOURCES_MAX = 16 };

static const int64_t second_us = 1000000;
static const int64_t renew_us = 900LL * 1000000;      /* before expiry: should be renewed */
static const int64_t must_renew_us = 600LL * 1000000; /* before expiry: must be */

struct ko_credentials_provider {
    struct ko_credentials_source sources[SOURCES_MAX];
    size_t n_sources;
    struct ko_chain *chain; /* what the sources share; NULL = nothing */
    unsigned rank;

    bool has_chosen;
    size_t chosen; /* the source that gives credentials, for good */
    struct ko_credentials held;

    /* Wall times, with credentials that expire; see the header. */
    int64_t should_renew_us;
    int64_t must_renew_us;
    int64_t pause_us; /* between failed tries to renew */

    uint64_t loaded_us; /* by ko_clock_us() */
    uint64_t tried_us;
    struct ko_error failure; /* the last load's, while there are no credentials */
};

struct ko_credentials_provider *
ko_credentials_provider_new(struct ko_error *err)
{
    return ko_alloc(sizeof(struct ko_credentials_provider), err);
}

void
ko_credentials_provider_set_rank(struct ko_credentials_provider *provider, unsigned rank)
{
    provider->rank = rank;
}

void
ko_credentials_provider_adopt(struct ko_credentials_provider *provider, struct ko_chain *chain)
{
    provider->chain = chain;
    provider->rank = chain->rank;
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
    ko_chain_free(provider->chain);
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

static int64_t
smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A number from 1/4 to 1, in 1/1024, that is spread evenly over any number of ranks. */
static int64_t
share_of_rank(unsigned rank)
{
    return 256 + (int64_t) ((rank * 2654435769U) >> 22) * 3 / 4;
}

/* Plans when to load anew. */
static enum ko_code
plan_renewal(struct ko_credentials_provider *provider, const struct ko_credentials *loaded,
             struct ko_error *err)
{
    const int64_t now_us = ko_wall_us();
    const int64_t life_us = loaded->expiry_us - now_us;
    const int64_t must_us = smaller(must_renew_us, life_us / 5);
    const int64_t window_us = smaller(renew_us, life_us / 3) - must_us;
    char text[KO_CLOCK_TEXT_BYTES];

    if (loaded->expiry_us == 0)
        return KO_OK;
    if (life_us <= 0) {
        ko_wall_text(loaded->expiry_us, text);
        (void) ko_fail(err, KO_E_ACCESS, "the credentials expired at %s", text);
        ko_hint(err, "get new ones, and check this machine's clock.");
        return err->code;
    }
    provider->must_renew_us = loaded->expiry_us - must_us;
    provider->should_renew_us =
        provider->must_renew_us - window_us * share_of_rank(provider->rank) / 1024;
    provider->pause_us = window_us / 5 > second_us ? window_us / 5 : second_us;
    return KO_OK;
}

/* Asks the chosen source, or one after the other until one gives something. */
static enum ko_code
ask(struct ko_credentials_provider *provider, struct ko_credentials *loaded, struct ko_error *err)
{
    const size_t first = provider->has_chosen ? provider->chosen : 0;
    const size_t end = provider->has_chosen ? provider->chosen + 1 : provider->n_sources;
    struct ko_buf why = {0};

    for (size_t i = first; i < end; i++) {
        const struct ko_credentials_source *source = &provider->sources[i];

        ko_buf_add_format(&why, "%s%s: ", i == first ? "" : "; ", source->ops->name);
        KO_TRY(source->ops->load(source->self, loaded, &why, err));
        if (loaded->key_id == NULL)
            continue;
        provider->has_chosen = true;
        provider->chosen = i;
        goto done;
    }
    KO_TRY(ko_buf_finish(&why, err));
    (void) ko_fail(err, KO_E_ACCESS, "no AWS credentials (%.*s)", KO_SLICE_ARG(ko_buf_slice(&why)));
    ko_hint(err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with "
                 "--profile, or give the pod or the instance a role; DynamoDB Local takes any "
                 "letters and digits.");

done:
    ko_buf_clear(&why);
    return err->code;
}

static enum ko_code
load(struct ko_credentials_provider *provider, struct ko_error *err)
{
    struct ko_credentials loaded = {0};

    (void) ask(provider, &loaded, err);
    provider->tried_us = ko_clock_us(); /* it may have taken seconds */
    KO_TRY(err->code);
    KO_TRY(plan_renewal(provider, &loaded, err));
    ko_credentials_clear(&provider->held);
    provider->held = loaded;
    provider->loaded_us = provider->tried_us;
    ko_log(KO_LOG_DEBUG, "credentials from %s", provider->sources[provider->chosen].ops->name);
    return KO_OK;

done:
    ko_credentials_clear(&loaded);
    return err->code;
}

static bool
has_passed(uint64_t since_us, int64_t pause_us)
{
    return ko_clock_us() - since_us >= (uint64_t) pause_us;
}

/* Credentials that are still good: a failure to renew them is none. */
static void
try_to_renew(struct ko_credentials_provider *provider)
{
    const bool was_tried = provider->tried_us != provider->loaded_us;
    struct ko_error failure = {0};

    if (!has_passed(provider->tried_us, was_tried ? provider->pause_us : second_us) ||
        load(provider, &failure) == KO_OK)
        return;
    ko_log(was_tried ? KO_LOG_DEBUG : KO_LOG_WARN, "credentials cannot be renewed yet: %s",
           failure.text);
}

/* There are none, or those there are must not be used for long any more. */
static enum ko_code
load_or_fail(struct ko_credentials_provider *provider, struct ko_error *err)
{
    if (provider->failure.code != KO_OK && !has_passed(provider->tried_us, second_us)) {
        *err = provider->failure;
        return err->code;
    }
    provider->failure = (struct ko_error){0};
    if (load(provider, err) != KO_OK)
        provider->failure = *err;
    return err->code;
}

enum ko_code
ko_credentials_provider_current(struct ko_credentials_provider *provider,
                                const struct ko_credentials **credentials, struct ko_error *err)
{
    const struct ko_credentials *held = &provider->held;
    const int64_t now_us = ko_wall_us();
    const bool expires = held->expiry_us != 0;

    if (held->key_id == NULL)
        KO_TRY(load_or_fail(provider, err));
    else if (expires && now_us >= provider->must_renew_us &&
             has_passed(provider->loaded_us, second_us))
        KO_TRY(load_or_fail(provider, err));
    else if (expires && now_us >= provider->should_renew_us)
        try_to_renew(provider);
    *credentials = held;

done:
    return err->code;
}

void
ko_credentials_provider_refresh(struct ko_credentials_provider *provider)
{
    ko_credentials_clear(&provider->held);
    provider->failure = (struct ko_error){0};
}
