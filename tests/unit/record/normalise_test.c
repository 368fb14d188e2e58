#include "keepone/record/normalise.h"

#include "items.h"

enum { ALL = KO_TRIM | KO_SPACE | KO_LOWER | KO_NFKC };

struct row {
    unsigned normalisers;
    const char *text;
    const char *expected;
};

static void
check_rows(const struct row *rows, size_t n)
{
    struct ko_error err = {0};
    struct ko_buf out = {0};

    for (size_t i = 0; i < n; i++) {
        ko_buf_reset(&out);
        (void) ko_normalise(ko_slice_of(rows[i].text), rows[i].normalisers, &out, &err);
        CHECK_OK(err);
        CHECK_SLICE(ko_buf_slice(&out), rows[i].expected);
    }
    ko_buf_clear(&out);
}

static void
trim_takes_white_space_at_both_ends_alone(void)
{
    static const struct row rows[] = {
        {KO_TRIM, "", ""},
        {KO_TRIM, "a", "a"},
        {KO_TRIM, " \t\n\v\f\r a  B \r\n", "a  B"},
        {KO_TRIM, " \t ", ""},
        {KO_TRIM, "\xC2\xA0\xE3\x80\x80x\xE2\x80\xA8", "x"}, /* U+00A0, U+3000, U+2028 */
        {KO_TRIM, "\xE2\x80\x8B", "\xE2\x80\x8B"},           /* U+200B is no White_Space */
        {KO_TRIM, "\xC2\x85\xE1\x9A\x80\xE2\x80\x87\xE2\x80\xA9\xE2\x80\xAF\xE2\x81\x9Fx", "x"},
    };

    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void
space_makes_a_run_of_white_space_one_space(void)
{
    static const struct row rows[] = {
        {KO_SPACE, "a  b", "a b"},        {KO_SPACE, "\ta \xC2\xA0\n b\t", " a b "},
        {KO_SPACE, "   ", " "},           {KO_SPACE | KO_TRIM, "  a \t b  ", "a b"},
        {KO_SPACE | KO_TRIM, " \t ", ""},
    };

    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void
lower_is_unicode_lower_case(void)
{
    static const struct row rows[] = {
        {KO_LOWER, "AbC 1", "abc 1"},
        {KO_LOWER, "\xC3\x89T\xC3\x89", "\xC3\xA9t\xC3\xA9"},
        {KO_LOWER, "\xCE\xA3", "\xCF\x83"},
        {KO_LOWER,
         "stra\xC3\x9F"
         "e",
         "stra\xC3\x9F"
         "e"},
        {KO_LOWER, "\xF0\x90\x90\x80", "\xF0\x90\x90\xA8"}, /* Deseret, four bytes */
    };

    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void
nfkc_composes_and_folds(void)
{
    static const struct row rows[] = {
        {KO_NFKC, "AbC", "abc"},
        {KO_NFKC, "e\xCC\x81", "\xC3\xA9"}, /* e and an accent: one character */
        {KO_NFKC, "\xEF\xAC\x81x", "fix"},  /* ligature fi */
        {KO_NFKC,
         "Stra\xC3\x9F"
         "e",
         "strasse"},
        {KO_NFKC, "\xEF\xBC\xA1\xEF\xBC\x91", "a1"}, /* full-width A and 1 */
        {KO_NFKC, "\xEF\xBC\x82", "\""},             /* full-width quotation mark */
        {KO_NFKC, "a\xC2\xA0z", "a z"},              /* the no-break space is compatible */
        {KO_NFKC | KO_TRIM, "\xC2\xA0x\xC2\xA0", "x"},
        {0, "e\xCC\x81 A", "e\xCC\x81 A"},
    };

    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void
a_nul_is_a_character_like_others(void)
{
    struct ko_error err = {0};
    struct ko_buf out = {0};

    (void) ko_normalise(KO_SLICE("A\0\xC3\x89\0"), ALL, &out, &err);
    CHECK_OK(err);
    assert_true(ko_slice_equal(ko_buf_slice(&out), KO_SLICE("a\0\xC3\xA9\0")));
    ko_buf_clear(&out);
}

static void
what_is_not_utf8_is_an_error(void)
{
    static const char *const texts[] = {"a\xFF", "\xC3", "\xED\xA0\x80"};
    struct ko_buf out = {0};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (unsigned normalisers = KO_TRIM; normalisers <= ALL; normalisers++) {
            struct ko_error err = {0};

            (void) ko_normalise(ko_slice_of(texts[i]), normalisers, &out, &err);
            CHECK_CODE(err, KO_E_CORRUPT);
        }
    }
    ko_buf_clear(&out);
}

/* Every character alone, and within others that it could join. */
static void
normalising_twice_changes_nothing(void)
{
    static const unsigned sets[] = {KO_NFKC, KO_LOWER, ALL};
    struct ko_error err = {0};
    struct ko_buf text = {0};
    struct ko_buf once = {0};
    struct ko_buf twice = {0};

    for (unsigned c = 1; c <= 0x10FFFF; c = c == 0xD7FF ? 0xE000 : c + 1) {
        char bytes[4];
        const size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

        for (size_t i = 0; i < n; i++)
            bytes[i] = (char) ((i == 0 ? 0 : 0x80) | ((c >> (6 * (n - 1 - i))) & 0x3F));
        bytes[0] = (char) (n == 1 ? c : (0xF0U << (4 - n) & 0xF0U) | c >> (6 * (n - 1)));
        if (c >= 0x30000 && c % 64 != 0)
            continue; /* few are assigned up there */
        for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
            ko_buf_reset(&text);
            ko_buf_reset(&once);
            ko_buf_reset(&twice);
            ko_buf_add(&text, bytes, n);
            ko_buf_add_text(&text, " H");
            ko_buf_add(&text, bytes, n);
            ko_buf_add_text(&text, "\xCC\x81");
            (void) ko_normalise(ko_buf_slice(&text), sets[i], &once, &err);
            (void) ko_normalise(ko_buf_slice(&once), sets[i], &twice, &err);
            CHECK_OK(err);
            if (!ko_slice_equal(ko_buf_slice(&once), ko_buf_slice(&twice)))
                fail_msg("U+%04X with normalisers %u", c, sets[i]);
        }
    }
    ko_buf_clear(&text);
    ko_buf_clear(&once);
    ko_buf_clear(&twice);
}

static enum ko_code
normalise_both_ways(struct ko_error *err)
{
    struct ko_buf out = {0};

    KO_TRY(ko_normalise(KO_SLICE("A b"), ALL, &out, err));
    KO_TRY(ko_normalise(KO_SLICE("\xC3\x89"), ALL, &out, err));

done:
    ko_buf_clear(&out);
    return err->code;
}

static void
normalising_without_memory_is_an_error(void)
{
    check_every_allocation(normalise_both_ways);
}

CASES = {
    CASE(trim_takes_white_space_at_both_ends_alone),
    CASE(space_makes_a_run_of_white_space_one_space),
    CASE(lower_is_unicode_lower_case),
    CASE(nfkc_composes_and_folds),
    CASE(a_nul_is_a_character_like_others),
    CASE(what_is_not_utf8_is_an_error),
    CASE(normalising_twice_changes_nothing),
    CASE(normalising_without_memory_is_an_error),
};
RUN_CASES
