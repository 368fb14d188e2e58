#include "keepone/format/number.h"

#include "support/test.h"

/* The canonical text of a number's text, or the error text. */
static const char *
canonical(const char *text)
{
    static char shown[1200];
    struct ko_number number;
    struct ko_buf out = {0};
    struct ko_error err = {0};

    if (ko_number_parse(ko_slice_of(text), &number, &err) != KO_OK) {
        assert_int_equal(err.code, KO_E_CORRUPT);
        (void) snprintf(shown, sizeof shown, "%s", err.text);
        return shown;
    }
    ko_number_add_canonical(&out, &number);
    (void) snprintf(shown, sizeof shown, "%.*s", KO_SLICE_ARG(ko_buf_slice(&out)));
    ko_buf_clear(&out);
    return shown;
}

static struct ko_number
number_of(const char *text)
{
    struct ko_number number;
    struct ko_error err = {0};

    CHECK_CODE(err, ko_number_parse(ko_slice_of(text), &number, &err));
    CHECK_OK(err);
    return number;
}

static void
equal_numbers_have_one_text(void)
{
    CHECK_TEXT(canonical("1"), "1");
    CHECK_TEXT(canonical("1.0"), "1");
    CHECK_TEXT(canonical("+1e0"), "1");
    CHECK_TEXT(canonical("0001.000"), "1");
    CHECK_TEXT(canonical("10E-1"), "1");
    CHECK_TEXT(canonical("0.0001e4"), "1");
}

static void
zero_has_no_sign_and_no_exponent(void)
{
    CHECK_TEXT(canonical("0"), "0");
    CHECK_TEXT(canonical("-0"), "0");
    CHECK_TEXT(canonical("-0.000"), "0");
    CHECK_TEXT(canonical("0e99999999999999999999"), "0");
    CHECK_TEXT(canonical("000000000000000000000000000000000000000000000000"), "0");
}

static void
texts_are_plain_decimals(void)
{
    CHECK_TEXT(canonical("1E2"), "100");
    CHECK_TEXT(canonical("-1.5e-3"), "-0.0015");
    CHECK_TEXT(canonical("123.4500"), "123.45");
    CHECK_TEXT(canonical("0.5"), "0.5");
    CHECK_TEXT(canonical("100.001"), "100.001");
    CHECK_TEXT(canonical("120e1"), "1200");
    CHECK_TEXT(canonical("-0.10"), "-0.1");
}

static void
thirty_eight_digits_are_the_limit(void)
{
    CHECK_TEXT(canonical("12345678901234567890123456789012345678"),
               "12345678901234567890123456789012345678");
    CHECK_TEXT(canonical("1.2345678901234567890123456789012345678"),
               "1.2345678901234567890123456789012345678");
    CHECK_TEXT(canonical("0001234567890123456789012345678901234567800000"),
               "1234567890123456789012345678901234567800000");
    CHECK_TEXT(canonical("123456789012345678901234567890123456789"),
               "the number '123456789012345678901234567890123456789' has more than 38 significant "
               "digits");
    CHECK_TEXT(canonical("1.00000000000000000000000000000000000001"),
               "the number '1.00000000000000000000000000000000000001' has more than 38 significant "
               "digits");
}

static void
the_range_ends_where_dynamodbs_ends(void)
{
    char text[200];

    memset(text, '0', sizeof text);
    memcpy(text, "0.", 2);
    text[131] = '1';
    text[132] = '\0';
    CHECK_TEXT(canonical("1e-130"), text);
    CHECK_TEXT(canonical(text), text);
    memset(text, '0', sizeof text);
    memset(text, '9', 38);
    text[126] = '\0';
    CHECK_TEXT(canonical("9.9999999999999999999999999999999999999E+125"), text);
    CHECK_TEXT(canonical("1e126"),
               "the number '1e126' is out of DynamoDB's range (1E-130 to 9.99E+125)");
    CHECK_TEXT(canonical("-9e-131"),
               "the number '-9e-131' is out of DynamoDB's range (1E-130 to 9.99E+125)");
    CHECK_TEXT(canonical("1e99999999999999999999"),
               "the number '1e99999999999999999999' is out of DynamoDB's range (1E-130 to "
               "9.99E+125)");
    CHECK_TEXT(canonical("1e-99999999999999999999"),
               "the number '1e-99999999999999999999' is out of DynamoDB's range (1E-130 to "
               "9.99E+125)");
}

static void
what_is_no_number_is_refused(void)
{
    static const char *const bad[] = {"",    "+",     "-",    ".",        "1.",           "e1",
                                      "1e",  "1e+",   " 1",   "1 ",       "0x1",          "1_0",
                                      "--1", "1e1.5", "NaN",  "Infinity", "\xe0\xa5\xa7", "1,5",
                                      "+-1", "1.2.3", "1e2e3"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char expected[100];

        (void) snprintf(expected, sizeof expected, "'%s' is not a number", bad[i]);
        CHECK_TEXT(canonical(bad[i]), expected);
    }
}

static void
long_texts_are_shown_in_part(void)
{
    char text[1000];

    memset(text, 'x', sizeof text);
    text[999] = '\0';
    assert_true(strlen(canonical(text)) < 100);
}

/* Texts in ascending order. */
static const char *const ascending[] = {
    "-9.9999999999999999999999999999999999999e125",
    "-1e125",
    "-1000",
    "-999.99",
    "-12",
    "-11.5",
    "-11.0000000001",
    "-11",
    "-1",
    "-0.5",
    "-0.05",
    "-1e-130",
    "0",
    "1e-130",
    "1.01e-130",
    "0.05",
    "0.1",
    "0.11",
    "0.5",
    "1",
    "1.1",
    "1.10001",
    "1.2",
    "9",
    "10",
    "10.01",
    "99",
    "100",
    "12345678901234567890123456789012345677",
    "12345678901234567890123456789012345678",
    "9.9999999999999999999999999999999999999e125",
};

enum { N_ASCENDING = sizeof ascending / sizeof ascending[0] };

static void
comparison_is_numeric(void)
{
    for (int i = 0; i < N_ASCENDING; i++) {
        for (int k = 0; k < N_ASCENDING; k++) {
            const struct ko_number a = number_of(ascending[i]);
            const struct ko_number b = number_of(ascending[k]);

            assert_int_equal((ko_number_compare(&a, &b) > 0) - (ko_number_compare(&a, &b) < 0),
                             (i > k) - (i < k));
        }
    }
}

static void
ordered_bytes_have_the_numeric_order_and_no_prefixes(void)
{
    for (int i = 1; i < N_ASCENDING; i++) {
        const struct ko_number a = number_of(ascending[i - 1]);
        const struct ko_number b = number_of(ascending[i]);
        struct ko_buf a_bytes = {0};
        struct ko_buf b_bytes = {0};

        ko_number_add_ordered(&a_bytes, &a);
        ko_number_add_ordered(&b_bytes, &b);
        assert_true(ko_slice_compare(ko_buf_slice(&a_bytes), ko_buf_slice(&b_bytes)) < 0);
        assert_true(
            memcmp(a_bytes.data, b_bytes.data, a_bytes.n < b_bytes.n ? a_bytes.n : b_bytes.n) != 0);
        ko_buf_clear(&a_bytes);
        ko_buf_clear(&b_bytes);
    }
}

CASES = {
    CASE(equal_numbers_have_one_text),
    CASE(zero_has_no_sign_and_no_exponent),
    CASE(texts_are_plain_decimals),
    CASE(thirty_eight_digits_are_the_limit),
    CASE(the_range_ends_where_dynamodbs_ends),
    CASE(what_is_no_number_is_refused),
    CASE(long_texts_are_shown_in_part),
    CASE(comparison_is_numeric),
    CASE(ordered_bytes_have_the_numeric_order_and_no_prefixes),
};
RUN_CASES
