#include "keepone/store/row_file.h"

#include "support/test.h"

#define ABSENT ((struct ko_slice){NULL, 0})

/* "a|-|" for "a", absent, ""; or "!" and the error. */
static const char *
decode(struct ko_slice *in, size_t n)
{
    static char text[2048];
    struct ko_slice values[8];
    struct ko_error err = {0};
    size_t n_text = 0;

    if (ko_row_next(in, values, n, &err) != KO_OK) {
        (void) snprintf(text, sizeof text, "!%s", err.text);
        return text;
    }
    for (size_t i = 0; i < n; i++)
        n_text +=
            (size_t) snprintf(text + n_text, sizeof text - n_text, "%s%.*s", i == 0 ? "" : "|",
                              values[i].data == NULL ? 1 : (int) values[i].n,
                              values[i].data == NULL ? "-" : values[i].data);
    return text;
}

static void
rows_come_back_one_after_the_other(void)
{
    const struct ko_slice first[] = {KO_SLICE("pk"), ABSENT, KO_SLICE("")};
    const struct ko_slice second[] = {ABSENT, KO_SLICE("x"), ABSENT};
    struct ko_buf rows = {0};
    struct ko_error err = {0};
    struct ko_slice in;

    ko_row_add(&rows, first, 3);
    ko_row_add(&rows, second, 3);
    assert_int_equal(ko_buf_finish(&rows, &err), KO_OK);
    in = ko_buf_slice(&rows);
    CHECK_TEXT(decode(&in, 3), "pk|-|");
    CHECK_TEXT(decode(&in, 3), "-|x|-");
    assert_int_equal(in.n, 0);
    ko_buf_clear(&rows);
}

static void
the_format_never_changes(void)
{
    const struct ko_slice values[] = {KO_SLICE("pk"), ABSENT, KO_SLICE("")};
    char long_value[300];
    const struct ko_slice longer = {long_value, sizeof long_value};
    struct ko_buf rows = {0};

    memset(long_value, 'x', sizeof long_value);
    ko_row_add(&rows, values, 3);
    ko_row_add(&rows, &longer, 1);
    assert_int_equal(rows.n, 6 + 2 + 2 + 300);
    assert_memory_equal(rows.data, "\x05\x03pk\x00\x01\xae\x02\xad\x02x", 11);
    ko_buf_clear(&rows);
}

static void
values_of_all_sizes_come_back(void)
{
    static const size_t sizes[] = {0, 1, 126, 127, 128, 16382, 16383, 16384, 3000000};
    struct ko_buf bytes = {0};
    struct ko_buf rows = {0};
    struct ko_error err = {0};
    struct ko_slice value;
    struct ko_slice in;

    for (uint32_t i = 0; bytes.n < 3000000; i++)
        ko_buf_add_u32(&bytes, i * 2654435761U);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        value = (struct ko_slice){bytes.data, sizes[i]};
        ko_row_add(&rows, &value, 1);
    }
    in = ko_buf_slice(&rows);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        (void) ko_row_next(&in, &value, 1, &err);
        CHECK_OK(err);
        assert_true(ko_slice_equal(value, (struct ko_slice){bytes.data, sizes[i]}));
    }
    assert_int_equal(in.n, 0);
    ko_buf_clear(&bytes);
    ko_buf_clear(&rows);
}

static void
a_row_cut_anywhere_is_corrupt(void)
{
    const struct ko_slice values[] = {KO_SLICE("pk"), ABSENT, KO_SLICE("sk")};
    struct ko_buf rows = {0};

    ko_row_add(&rows, values, 3);
    for (size_t n = 1; n < rows.n; n++) {
        struct ko_slice in = {rows.data, n};

        CHECK_TEXT(decode(&in, 3), "!the row is cut");
        assert_int_equal(in.n, n);
    }
    ko_buf_clear(&rows);
}

static void
a_row_of_other_values_is_corrupt(void)
{
    struct ko_slice two = KO_SLICE("\x04\x02x\x02y");
    struct ko_slice lying = KO_SLICE("\x02\x7fx");
    struct ko_slice endless = KO_SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");

    CHECK_TEXT(decode(&two, 1), "!the row has more than 1 values");
    CHECK_TEXT(decode(&two, 3), "!value 2 of the row is cut");
    CHECK_TEXT(decode(&lying, 1), "!value 0 of the row is cut");
    CHECK_TEXT(decode(&endless, 1), "!the row is cut");
    CHECK_TEXT(decode(&two, 2), "x|y");
}

CASES = {
    CASE(rows_come_back_one_after_the_other), CASE(the_format_never_changes),
    CASE(values_of_all_sizes_come_back),      CASE(a_row_cut_anywhere_is_corrupt),
    CASE(a_row_of_other_values_is_corrupt),
};
RUN_CASES
