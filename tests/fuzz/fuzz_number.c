/*
 * Numbers: two texts separated by a space.  The canonical text reads back as the same number, and
 * the encoding that sorts by bytes agrees with the comparison.
 */
#include "keepone/format/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int
sign(int order)
{
    return (order > 0) - (order < 0);
}

static void
check_round_trip(const struct ko_number *number)
{
    struct ko_buf text = {0};
    struct ko_buf again = {0};
    struct ko_number back;
    struct ko_error err = {0};

    ko_number_add_canonical(&text, number);
    KO_ASSERT(ko_number_parse(ko_buf_slice(&text), &back, &err) == KO_OK);
    KO_ASSERT(ko_number_compare(number, &back) == 0);
    ko_number_add_canonical(&again, &back);
    KO_ASSERT(ko_slice_equal(ko_buf_slice(&text), ko_buf_slice(&again)));
    ko_buf_clear(&text);
    ko_buf_clear(&again);
}

static void
check_order(const struct ko_number *a, const struct ko_number *b)
{
    struct ko_buf a_bytes = {0};
    struct ko_buf b_bytes = {0};
    const int order = sign(ko_number_compare(a, b));

    ko_number_add_ordered(&a_bytes, a);
    ko_number_add_ordered(&b_bytes, b);
    KO_ASSERT(sign(ko_slice_compare(ko_buf_slice(&a_bytes), ko_buf_slice(&b_bytes))) == order);
    KO_ASSERT(sign(ko_number_compare(b, a)) == -order);
    ko_buf_clear(&a_bytes);
    ko_buf_clear(&b_bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *const text = (const char *) data;
    const char *const space = n == 0 ? NULL : memchr(text, ' ', n);
    const size_t n_first = space == NULL ? n : (size_t) (space - text);
    struct ko_number a;
    struct ko_number b;
    struct ko_error err = {0};

    KO_TRY(ko_number_parse((struct ko_slice){text, n_first}, &a, &err));
    check_round_trip(&a);
    check_order(&a, &a);
    if (space == NULL)
        return 0;
    KO_TRY(ko_number_parse((struct ko_slice){space + 1, n - n_first - 1}, &b, &err));
    check_order(&a, &b);

done:
    KO_ASSERT(err.code == KO_OK || err.code == KO_E_CORRUPT);
    return 0;
}
