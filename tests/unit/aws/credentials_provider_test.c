#include "keepone/aws/credentials.h"
#include "keepone/base/clock.h"

#include "support/test.h"

/* 2026-01-02T03:04:05Z */
static const uint64_t start_us = 1767323045ULL * 1000000;

/* A source of tests: gives K<n> at its n-th load, or nothing, and says so; or fails. */
struct counted {
    unsigned n_loads;
    unsigned n_freed;
    bool is_empty;
    bool is_broken;
    int64_t life_us; /* 0 = they never expire */
};

static enum ko_code
load_counted(void *self, struct ko_credentials *credentials, struct ko_buf *why,
             struct ko_error *err)
{
    struct counted *counted = self;
    char key_id[16];

    counted->n_loads++;
    if (counted->is_broken)
        return ko_fail(err, KO_E_AWS, "no reply");
    if (counted->is_empty) {
        ko_buf_add_text(why, "it has none");
        return KO_OK;
    }
    (void) snprintf(key_id, sizeof key_id, "K%u", counted->n_loads);
    return ko_credentials_set(credentials, ko_slice_of(key_id), KO_SLICE("S"),
                              (struct ko_slice){NULL, 0},
                              counted->life_us == 0 ? 0 : ko_wall_us() + counted->life_us, err);
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
the_source_that_gave_credentials_stays_the_one(void)
{
    struct counted first = {.is_empty = true};
    struct counted second = {0};
    struct ko_credentials_provider *provider = provider_of(&first, &second);

    check_current(provider, "K1");
    first.is_empty = false;
    ko_credentials_provider_refresh(provider);
    check_current(provider, "K2");
    assert_int_equal(first.n_loads, 1);
    ko_credentials_provider_free(provider);
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

/* When a rank signs with what, from the first load on. */
struct moment {
    unsigned after_ms;
    const char *key_id; /* NULL = it fails */
    bool is_broken;
};

static void
check_moments(unsigned life_s, unsigned rank, const struct moment *moments, size_t n)
{
    struct counted source = {.life_us = life_s * 1000000LL};
    struct counted none = {.is_empty = true};
    struct ko_credentials_provider *provider = provider_of(&source, &none);

    ko_credentials_provider_set_rank(provider, rank);
    for (size_t i = 0; i < n; i++) {
        const struct ko_credentials *credentials = NULL;
        struct ko_error err = {0};

        ko_clock_set_us(start_us + moments[i].after_ms * 1000ULL);
        source.is_broken = moments[i].is_broken;
        (void) ko_credentials_provider_current(provider, &credentials, &err);
        if (moments[i].key_id == NULL)
            CHECK_CODE(err, KO_E_AWS);
        else
            CHECK_TEXT(err.code == KO_OK ? credentials->key_id : err.text, moments[i].key_id);
    }
    ko_clock_set_us(0);
    ko_credentials_provider_free(provider);
}

#define CHECK_MOMENTS(life_s, rank, ...)                              \
    check_moments(life_s, rank, (const struct moment[]){__VA_ARGS__}, \
                  sizeof((const struct moment[]){__VA_ARGS__}) / sizeof(struct moment))

static void
credentials_are_renewed_in_the_five_minutes_before_they_must_be(void)
{
    CHECK_MOMENTS(3600, 0, {0, "K1", false}, {2924000, "K1", false}, {2926000, "K2", false});
    CHECK_MOMENTS(3600, 1, {0, "K1", false}, {2785000, "K1", false}, {2787000, "K2", false});
    CHECK_MOMENTS(43200, 0, {0, "K1", false}, {42524000, "K1", false}, {42526000, "K2", false});
}

/* The second after the first load at which a rank renews credentials of an hour. */
static unsigned
renewal_of(unsigned rank)
{
    struct counted source = {.life_us = 3600 * 1000000LL};
    struct counted none = {.is_empty = true};
    struct ko_credentials_provider *provider = provider_of(&source, &none);
    unsigned after_s = 2600;

    ko_credentials_provider_set_rank(provider, rank);
    ko_clock_set_us(start_us);
    check_current(provider, "K1");
    while (source.n_loads == 1) {
        const struct ko_credentials *credentials = NULL;
        struct ko_error err = {0};

        ko_clock_set_us(start_us + ++after_s * 1000000ULL);
        (void) ko_credentials_provider_current(provider, &credentials, &err);
    }
    ko_clock_set_us(0);
    ko_credentials_provider_free(provider);
    return after_s;
}

static void
ranks_renew_at_moments_of_their_own(void)
{
    bool is_taken[301] = {false};

    for (unsigned rank = 0; rank < 32; rank++) {
        const unsigned after_s = renewal_of(rank);

        assert_in_range(after_s, 2700, 3000);
        assert_false(is_taken[after_s - 2700]);
        is_taken[after_s - 2700] = true;
    }
}

static void
a_failure_to_renew_is_passed_over_until_they_must_be(void)
{
    CHECK_MOMENTS(3600, 0, {0, "K1", false}, {2926000, "K1", true}, {2999000, "K1", true},
                  {3001000, NULL, true});
    CHECK_MOMENTS(3600, 0, {0, "K1", false}, {2926000, "K1", true}, {2927000, "K1", false},
                  {2987000, "K3", false});
}

static void
short_lives_are_renewed_in_their_last_third(void)
{
    CHECK_MOMENTS(3, 0, {0, "K1", false}, {2290, "K1", false}, {2310, "K2", false},
                  {4590, "K2", false}, {4630, "K3", false});
    CHECK_MOMENTS(900, 0, {0, "K1", false}, {689000, "K1", false}, {691000, "K2", false});
}

static void
nothing_is_loaded_twice_within_a_second(void)
{
    CHECK_MOMENTS(1, 0, {0, "K1", false}, {999, "K1", false}, {1000, "K2", false},
                  {1500, "K2", false}, {2000, "K3", false});
}

static void
a_failure_counts_for_a_second(void)
{
    struct counted source = {.is_broken = true};
    struct counted none = {.is_empty = true};
    struct ko_credentials_provider *provider = provider_of(&source, &none);

    for (unsigned i = 0; i < 5; i++) {
        const struct ko_credentials *credentials = NULL;
        struct ko_error err = {0};

        ko_clock_set_us(start_us + i * 250000);
        (void) ko_credentials_provider_current(provider, &credentials, &err);
        CHECK_CODE(err, KO_E_AWS);
    }
    ko_clock_set_us(0);
    assert_int_equal(source.n_loads, 2);
    ko_credentials_provider_free(provider);
}

static void
credentials_that_have_expired_are_refused(void)
{
    struct counted source = {.life_us = -1000000};
    struct counted none = {.is_empty = true};
    struct ko_credentials_provider *provider = provider_of(&source, &none);
    const struct ko_credentials *credentials = NULL;
    struct ko_error err = {0};

    ko_clock_set_us(start_us);
    (void) ko_credentials_provider_current(provider, &credentials, &err);
    ko_clock_set_us(0);
    CHECK_CODE(err, KO_E_ACCESS);
    CHECK_TEXT(err.text, "the credentials expired at 2026-01-02T03:04:04.000Z");
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

CASES = {
    CASE(the_first_source_that_has_credentials_gives_them),
    CASE(the_source_that_gave_credentials_stays_the_one),
    CASE(all_sources_are_named_when_none_has_credentials),
    CASE(credentials_are_renewed_in_the_five_minutes_before_they_must_be),
    CASE(ranks_renew_at_moments_of_their_own),
    CASE(a_failure_to_renew_is_passed_over_until_they_must_be),
    CASE(short_lives_are_renewed_in_their_last_third),
    CASE(nothing_is_loaded_twice_within_a_second),
    CASE(a_failure_counts_for_a_second),
    CASE(credentials_that_have_expired_are_refused),
    CASE(a_refresh_loads_anew),
};
RUN_CASES
