#include "keepone/stage/prices.h"

#include "support/test.h"

static void
every_region_has_all_its_prices(void)
{
    static const char *const regions[] = {"us-east-1", "us-east-2", "us-west-2", "eu-west-1",
                                          "ap-northeast-1"};

    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        bool is_known;
        const struct ko_prices p = ko_prices_of(regions[i], &is_known);

        assert_true(is_known);
        CHECK_TEXT(p.region, regions[i]);
        assert_true(p.write_million > 0.5 && p.write_million < 2);
        assert_true(p.read_million > 0.1 && p.read_million < 0.4);
        assert_true(p.write_unit_hour > 0.0005 && p.write_unit_hour < 0.002);
        assert_true(p.read_unit_hour > 0.0001 && p.read_unit_hour < 0.0004);
        assert_true(p.storage_gb_month >= 0.25 && p.storage_gb_month < 0.5);
        assert_true(p.export_gb >= 0.1 && p.export_gb < 0.2);
        assert_true(p.import_gb >= 0.15 && p.import_gb < 0.3);
        assert_true(p.s3_gb_month > 0.02 && p.s3_gb_month < 0.05);
    }
}

static void
other_regions_get_the_prices_of_us_east_1(void)
{
    static const char *const regions[] = {"mars-north-1", "", NULL};

    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        bool is_known = true;
        const struct ko_prices p = ko_prices_of(regions[i], &is_known);

        assert_false(is_known);
        CHECK_TEXT(p.region, "us-east-1");
        assert_true(p.write_million == 0.625);
    }
}

CASES = {
    CASE(every_region_has_all_its_prices),
    CASE(other_regions_get_the_prices_of_us_east_1),
};
RUN_CASES
