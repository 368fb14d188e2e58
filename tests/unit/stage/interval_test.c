#include "keepone/stage/interval.h"

#include "support/test.h"

#define CHECK_NEAR(value, expected)                               \
    do {                                                          \
        const double near_value = (value);                        \
        const double near_expected = (expected);                  \
        const double near_off = near_value - near_expected;       \
        if (near_off > 5e-4 || near_off < -5e-4)                  \
            fail_msg("is %g, not %g", near_value, near_expected); \
    } while (0)

/* Tables of exact limits for a Poisson count, 95 %. */
static void
equal_weights_give_the_exact_limits(void)
{
    static const struct {
        unsigned n;
        double low;
        double high;
    } rows[] = {{0, 0, 3.6889},       {1, 0.0253, 5.5716},   {2, 0.2422, 7.2247},
                {5, 1.6235, 11.6683}, {10, 4.7954, 18.3904}, {100, 81.3639, 121.6270}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_events events = {0};

        for (unsigned k = 0; k < rows[i].n; k++)
            ko_events_add(&events, 1);
        CHECK_NEAR(ko_events_low(&events, 0.025), rows[i].low);
        CHECK_NEAR(ko_events_high(&events, 1, 0.025), rows[i].high);
    }
}

static void
a_factor_scales_the_limits(void)
{
    struct ko_events events = {0};
    struct ko_events scaled;

    for (int k = 0; k < 10; k++)
        ko_events_add(&events, 1);
    scaled = ko_events_scaled(&events, 100);
    assert_true(scaled.n == 10);
    CHECK_NEAR(ko_events_low(&scaled, 0.025) / 100, 4.7954);
    CHECK_NEAR(ko_events_high(&scaled, 100, 0.025) / 100, 18.3904);
}

/* Ten events of weight 1 and one of 10 say less than twenty of weight 1. */
static void
unequal_weights_widen_the_interval(void)
{
    struct ko_events equal = {0};
    struct ko_events unequal = {0};

    for (int k = 0; k < 20; k++)
        ko_events_add(&equal, 1);
    for (int k = 0; k < 10; k++)
        ko_events_add(&unequal, 1);
    ko_events_add(&unequal, 10);
    CHECK_NEAR(equal.sum, unequal.sum);
    assert_true(ko_events_low(&unequal, 0.025) < ko_events_low(&equal, 0.025));
    assert_true(ko_events_high(&unequal, 1, 0.025) > ko_events_high(&equal, 1, 0.025) + 5);
}

/* Chi-square quantiles over 2, from tables. */
static void
gamma_quantiles_are_right_for_small_and_large_shapes(void)
{
    CHECK_NEAR(ko_gamma_quantile(0.5, 0.95), 3.8415 / 2);
    CHECK_NEAR(ko_gamma_quantile(1, 0.5), 0.6931);
    CHECK_NEAR(ko_gamma_quantile(2.5, 0.05), 1.1455 / 2);
    CHECK_NEAR(ko_gamma_quantile(50, 0.95), 124.3421 / 2);
    assert_true(ko_gamma_quantile(1e6, 0.5) > 999999 && ko_gamma_quantile(1e6, 0.5) < 1000000);
}

CASES = {
    CASE(equal_weights_give_the_exact_limits),
    CASE(a_factor_scales_the_limits),
    CASE(unequal_weights_widen_the_interval),
    CASE(gamma_quantiles_are_right_for_small_and_large_shapes),
};
RUN_CASES
