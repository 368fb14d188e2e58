#include "keepone/stage/row_log.h"

#include "support/test.h"

enum { N_VALUES = 5, ROW_BYTES = 8192, PAGES = KO_PAGES_BYTES };

/* A row made from its number: the same number gives the same row. */
struct row {
    struct ko_slice values[N_VALUES];
    char bytes[ROW_BYTES];
};

static uint64_t
mixed(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
    return x ^ (x >> 31);
}

static void
add_value(struct row *row, size_t *n, size_t i, const char *text)
{
    row->values[i] = (struct ko_slice){row->bytes + *n, strlen(text)};
    memcpy(row->bytes + *n, text, strlen(text));
    *n += strlen(text);
}

/* A partition key of 40 neighbours, a sort key that ends as the next value does, and the odd ones:
 * absent, empty, long with a long common start or end. */
static void
make_row(struct row *row, uint64_t number)
{
    char text[1024];
    size_t n = 0;
    const uint64_t x = mixed(number + 1);

    (void) snprintf(text, sizeof text, "{\"S\":\"partition %016llx of a table\"}",
                    (unsigned long long) mixed(number / 40 + 7));
    add_value(row, &n, 0, text);
    (void) snprintf(text, sizeof text, "{\"S\":\"2025-01-%02u#bafy%016llx\"}", (unsigned) (x % 28),
                    (unsigned long long) x);
    add_value(row, &n, 1, text);
    (void) snprintf(text, sizeof text, "{\"S\":\"bafy%016llx\"}", (unsigned long long) x);
    add_value(row, &n, 2, text);
    memset(text, 'a' + (int) (x % 2), 700);
    text[x % 3 == 0 ? 700 : x % 700] = '\0';
    add_value(row, &n, 3, text);
    add_value(row, &n, 4, x % 5 == 0 ? "" : "{\"S\":\"eu\"}");
    if (x % 7 == 0)
        row->values[3] = (struct ko_slice){NULL, 0};
    if (x % 11 == 0)
        row->values[4] = (struct ko_slice){NULL, 0};
}

static struct ko_row_log *
new_log(uint64_t limit_bytes)
{
    struct ko_error err = {0};
    struct ko_row_log *log = ko_row_log_new(N_VALUES, limit_bytes, &err);

    CHECK_OK(err);
    return log;
}

/* Adds the rows first .. end - 1; false if one found no room. */
static bool
add_rows(struct ko_row_log *log, uint64_t first, uint64_t end)
{
    struct row row;

    for (uint64_t number = first; number < end; number++) {
        make_row(&row, number);
        if (!ko_row_log_add(log, row.values))
            return false;
    }
    return true;
}

static void
expect_row(struct ko_row_log *log, uint64_t number)
{
    struct ko_slice values[N_VALUES];
    struct ko_error err = {0};
    struct row row;

    make_row(&row, number);
    assert_int_equal(ko_row_log_values(log, values, &err), KO_OK);
    for (size_t i = 0; i < N_VALUES; i++) {
        assert_int_equal(values[i].data == NULL, row.values[i].data == NULL);
        assert_true(ko_slice_equal(values[i], row.values[i]));
    }
}

/* Takes all rows out, looks at every n-th, and expects the numbers first .. end - 1. */
static void
expect_rows(struct ko_row_log *log, uint64_t first, uint64_t end, uint64_t every_nth)
{
    for (uint64_t number = first; number < end; number++) {
        assert_true(ko_row_log_next(log));
        if (number % every_nth == 0)
            expect_row(log, number);
    }
    assert_false(ko_row_log_next(log));
    assert_int_equal(ko_row_log_bytes(log), 0);
}

static void
rows_come_back_in_order_with_their_values(void)
{
    struct ko_row_log *log = new_log(UINT64_MAX);

    assert_true(add_rows(log, 0, 20000));
    assert_true(ko_row_log_bytes(log) > PAGES);
    expect_rows(log, 0, 20000, 1);
    ko_row_log_free(log);
}

static void
rows_that_nobody_wants_are_stepped_over(void)
{
    struct ko_row_log *log = new_log(UINT64_MAX);

    assert_true(add_rows(log, 0, 20000));
    expect_rows(log, 0, 20000, 97);
    ko_row_log_free(log);
}

static void
an_empty_log_gives_no_row(void)
{
    struct ko_row_log *log = new_log(UINT64_MAX);

    expect_rows(log, 0, 0, 1);
    ko_row_log_free(log);
}

static void
what_was_added_since_the_mark_can_be_taken_back(void)
{
    struct ko_row_log *log = new_log(UINT64_MAX);

    ko_row_log_mark(log);
    assert_true(add_rows(log, 90000, 90010));
    ko_row_log_take_back(log);
    assert_int_equal(ko_row_log_bytes(log), 0);
    assert_true(add_rows(log, 0, 30));
    ko_row_log_mark(log);
    assert_true(add_rows(log, 90000, 110000));
    ko_row_log_take_back(log);
    assert_int_equal(ko_row_log_bytes(log), PAGES);
    assert_true(add_rows(log, 30, 70));
    expect_rows(log, 0, 70, 1);
    ko_row_log_free(log);
}

static void
a_full_log_keeps_what_it_has(void)
{
    struct ko_row_log *log = new_log(PAGES);
    uint64_t n = 0;

    ko_row_log_mark(log);
    while (add_rows(log, n, n + 1))
        n++;
    assert_true(n > 1000);
    assert_int_equal(ko_row_log_bytes(log), PAGES);
    expect_rows(log, 0, n, 1);
    ko_row_log_free(log);
}

static void
a_log_without_room_for_a_block_takes_no_row(void)
{
    struct ko_row_log *log = new_log(PAGES - 1);

    assert_false(add_rows(log, 0, 1));
    ko_row_log_free(log);
}

static void
a_row_may_be_larger_than_a_block(void)
{
    static char large[PAGES + 5];
    const struct ko_slice values[N_VALUES] = {KO_SLICE("pk"), {large, sizeof large}};
    struct ko_row_log *log = new_log(UINT64_MAX);
    struct ko_slice found[N_VALUES];
    struct ko_error err = {0};

    memset(large, 'x', sizeof large);
    assert_true(ko_row_log_add(log, values));
    assert_true(ko_row_log_add(log, values));
    for (uint64_t number = 1; number <= 2; number++) {
        assert_true(ko_row_log_next(log));
        assert_int_equal(ko_row_log_values(log, found, &err), KO_OK);
        assert_true(ko_slice_equal(found[1], values[1]));
        assert_null(found[2].data);
    }
    ko_row_log_free(log);
}

static void
of_neighbours_only_what_differs_is_kept(void)
{
    enum { N_ROWS = 20000 };
    struct ko_row_log *log = new_log(UINT64_MAX);
    struct row row;

    for (uint64_t number = 0; number < N_ROWS; number++) {
        make_row(&row, 40 + number % 40);
        row.values[3] = (struct ko_slice){NULL, 0};
        assert_true(ko_row_log_add(log, row.values));
    }
    /* 4 bytes before the values, of which 50 are not the base's or the sort key's. */
    assert_true(ko_row_log_bytes(log) <= PAGES);
    ko_row_log_free(log);
}

/* A code of 64 letters, and one that begins with 60 of them. */
static void
make_alike(struct row *row, uint64_t number)
{
    char text[128];
    size_t n = 0;

    make_row(row, number);
    n = 4096;
    for (size_t i = 0; i < 64; i++)
        text[i] = (char) ('a' + mixed(number * 64 + i) % 26);
    text[64] = '\0';
    add_value(row, &n, 1, text);
    (void) snprintf(text + 60, sizeof text - 60, "%04x", (unsigned) (mixed(number) % 65536));
    add_value(row, &n, 2, text);
    row->values[3] = (struct ko_slice){NULL, 0};
}

static void
a_value_may_begin_as_an_earlier_one_of_its_row(void)
{
    enum { N_ROWS = 20000 };
    struct ko_row_log *log = new_log(UINT64_MAX);
    struct ko_slice values[N_VALUES];
    struct ko_error err = {0};
    struct row row;

    for (uint64_t number = 0; number < N_ROWS; number++) {
        make_alike(&row, number);
        assert_true(ko_row_log_add(log, row.values));
    }
    assert_true(ko_row_log_bytes(log) <= PAGES);
    for (uint64_t number = 0; number < N_ROWS; number++) {
        make_alike(&row, number);
        assert_true(ko_row_log_next(log));
        assert_int_equal(ko_row_log_values(log, values, &err), KO_OK);
        for (size_t i = 0; i < N_VALUES; i++)
            assert_true(ko_slice_equal(values[i], row.values[i]));
    }
    ko_row_log_free(log);
}

static void
memory_that_runs_out_is_a_log_that_is_full(void)
{
    struct ko_row_log *log = new_log(UINT64_MAX);

    ko_mem_fail_nth(1);
    assert_false(add_rows(log, 0, 1));
    ko_mem_fail_nth(2);
    assert_false(add_rows(log, 0, 1));
    assert_true(add_rows(log, 0, 2));
    expect_rows(log, 0, 2, 1);
    ko_row_log_free(log);
}

CASES = {
    CASE(rows_come_back_in_order_with_their_values),
    CASE(rows_that_nobody_wants_are_stepped_over),
    CASE(an_empty_log_gives_no_row),
    CASE(what_was_added_since_the_mark_can_be_taken_back),
    CASE(a_full_log_keeps_what_it_has),
    CASE(a_log_without_room_for_a_block_takes_no_row),
    CASE(a_row_may_be_larger_than_a_block),
    CASE(of_neighbours_only_what_differs_is_kept),
    CASE(a_value_may_begin_as_an_earlier_one_of_its_row),
    CASE(memory_that_runs_out_is_a_log_that_is_full),
};
RUN_CASES
