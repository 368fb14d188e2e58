#include "keepone/aws/table_arn.h"

#include "support/test.h"

static void
arns_of_tables_give_region_and_name(void)
{
    static const char *const rows[][3] = {
        {"arn:aws:dynamodb:eu-west-1:123456789012:table/Orders", "eu-west-1", "Orders"},
        {"arn:aws-cn:dynamodb:cn-north-1:123456789012:table/a_b.C-1", "cn-north-1", "a_b.C-1"},
        {"arn:aws:dynamodb:ddblocal:000000000000:table/Orders", "ddblocal", "Orders"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char region[KO_REGION_BYTES];
        struct ko_error err = {0};

        assert_true(ko_table_is_arn(ko_slice_of(rows[i][0])));
        (void) ko_table_arn_check(rows[i][0], region, &err);
        CHECK_OK(err);
        CHECK_TEXT(region, rows[i][1]);
        CHECK_SLICE(ko_table_plain_name(ko_slice_of(rows[i][0])), rows[i][2]);
    }
}

static void
other_arns_are_refused(void)
{
    static const char *const rows[] = {
        "arn:",
        "arn:aws:dynamodb:eu-west-1:123456789012",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/ab",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/index/i",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2026-01-01T00:00:00.000",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/Ord ers",
        "arn:aws:dynamodb:eu-west-1:123456789012:global-table/Orders",
        "arn:aws:dynamodb:eu-west-1:12345678901:table/Orders",
        "arn:aws:dynamodb:eu-west-1:12345678901x:table/Orders",
        "arn:aws:dynamodb::123456789012:table/Orders",
        "arn:aws:dynamodb:EU:123456789012:table/Orders",
        "arn:aws:s3:eu-west-1:123456789012:table/Orders",
        "arn::dynamodb:eu-west-1:123456789012:table/Orders",
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char region[KO_REGION_BYTES];
        struct ko_error err = {0};

        (void) ko_table_arn_check(rows[i], region, &err);
        CHECK_CODE(err, KO_E_OPTION);
        CHECK_ERROR_SAYS(err, rows[i]);
        assert_true(err.hint[0] != '\0');
    }
}

static void
names_are_no_arns(void)
{
    static const char *const rows[] = {"", "arn", "Orders", "arn.Orders"};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_false(ko_table_is_arn(ko_slice_of(rows[i])));
        CHECK_SLICE(ko_table_plain_name(ko_slice_of(rows[i])), rows[i]);
    }
    CHECK_SLICE(ko_table_plain_name(KO_SLICE("arn:x")), "arn:x");
}

static void
a_name_has_255_characters_at_most(void)
{
    char arn[400] = "arn:aws:dynamodb:eu-west-1:123456789012:table/";
    const size_t n = strlen(arn);

    memset(arn + n, 'a', 256);
    for (size_t n_name = 256; n_name >= 255; n_name--) {
        char region[KO_REGION_BYTES];
        struct ko_error err = {0};

        arn[n + n_name] = '\0';
        (void) ko_table_arn_check(arn, region, &err);
        CHECK_CODE(err, n_name > 255 ? KO_E_OPTION : KO_OK);
    }
}

CASES = {
    CASE(arns_of_tables_give_region_and_name),
    CASE(other_arns_are_refused),
    CASE(a_name_has_255_characters_at_most),
    CASE(names_are_no_arns),
};
RUN_CASES
