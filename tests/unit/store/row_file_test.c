#include "keepone/store/row_file.h"

#include "keepone/format/zstd.h"
#include "temp_folder.h"

#define ABSENT ((struct ko_slice){NULL, 0})

static const struct ko_row_kind kind = {.n_values = 2, .identity = {"t1 segment 3 of 8", 17}};
static const uint64_t counters[KO_ROW_COUNTERS] = {10, 20, 30, 40, 50, 60, 70, 80};

/* Writes rows (i, absent if i is odd, else "even") for i < n. */
static enum ko_code
write_rows(const char *name, unsigned n, struct ko_error *err)
{
    struct ko_row_writer *writer = NULL;

    KO_TRY(ko_row_writer_open(file_at(name), &kind, &writer, err));
    for (unsigned i = 0; i < n; i++) {
        char number[20];
        struct ko_slice values[2] = {{number, 0}, i % 2 == 1 ? ABSENT : KO_SLICE("even")};

        values[0].n = (size_t) snprintf(number, sizeof number, "%u", i);
        KO_TRY(ko_row_writer_add(writer, values, err));
    }
    return ko_row_writer_close(writer, counters, err);

done:
    ko_row_writer_abandon(writer);
    return err->code;
}

/* The rows as "0,even 1,- ", then the sum of the counters; or "!" and the error. */
static const char *
read_rows(const char *name, const struct ko_row_kind *expected)
{
    static char text[2048];
    struct ko_row_reader *reader = NULL;
    struct ko_error err = {0};
    struct ko_slice values[8];
    uint64_t sum = 0;
    size_t n = 0;
    bool has_row = true;

    text[0] = '\0';
    KO_TRY(ko_row_reader_open(file_at(name), expected, &reader, &err));
    for (;;) {
        KO_TRY(ko_row_reader_next(reader, values, &has_row, &err));
        if (!has_row)
            break;
        n += (size_t) snprintf(text + n, sizeof text - n, "%.*s,%.*s ", KO_SLICE_ARG(values[0]),
                               values[1].data == NULL ? 1 : (int) values[1].n,
                               values[1].data == NULL ? "-" : values[1].data);
    }
    KO_TRY(ko_row_reader_next(reader, values, &has_row, &err)); /* the end stays the end */
    assert_false(has_row);
    for (int i = 0; i < KO_ROW_COUNTERS; i++)
        sum += ko_row_reader_counters(reader)[i];
    (void) snprintf(text + n, sizeof text - n, "%llu", (unsigned long long) sum);

done:
    if (err.code != KO_OK)
        (void) snprintf(text + n, sizeof text - n, "!%s: %s", ko_code_name(err.code), err.text);
    ko_row_reader_close(reader);
    return text;
}

static void
check_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
}

static void
rows_and_counters_come_back(void)
{
    struct ko_error err = {0};

    folder_begin();
    (void) write_rows("r", 3, &err);
    CHECK_OK(err);
    CHECK_TEXT(read_rows("r", &kind), "0,even 1,- 2,even 360");
    CHECK_TEXT(folder_names(), "r ");
    (void) write_rows("none", 0, &err);
    CHECK_OK(err);
    CHECK_TEXT(read_rows("none", &kind), "360");
    folder_end();
}

static void
many_rows_come_back(void)
{
    struct ko_error err = {0};
    struct ko_row_reader *reader = NULL;
    struct ko_slice values[2];
    bool has_row;

    folder_begin();
    (void) write_rows("r", 200000, &err);
    (void) ko_row_reader_open(file_at("r"), &kind, &reader, &err);
    CHECK_OK(err);
    for (unsigned i = 0; i < 200000; i++) {
        char number[20];

        (void) snprintf(number, sizeof number, "%u", i);
        (void) ko_row_reader_next(reader, values, &has_row, &err);
        assert_true(has_row);
        CHECK_SLICE(values[0], number);
        assert_int_equal(values[1].data == NULL, i % 2);
    }
    assert_int_equal(ko_row_reader_row_number(reader), 200000);
    (void) ko_row_reader_next(reader, values, &has_row, &err);
    CHECK_OK(err);
    assert_false(has_row);
    ko_row_reader_close(reader);
    folder_end();
}

static void
a_file_of_another_kind_is_refused(void)
{
    const struct ko_row_kind other_segment = {2, KO_SLICE("t1 segment 4 of 8")};
    const struct ko_row_kind other_values = {3, kind.identity};
    struct ko_error err = {0};

    folder_begin();
    (void) write_rows("r", 1, &err);
    CHECK_OK(err);
    check_says(read_rows("r", &other_segment),
               "/r': the file is of 't1 segment 3 of 8', not of 't1 segment 4 of 8'");
    check_says(read_rows("r", &other_values), "/r': the file has 2 values in a row, not 3");
    check_says(read_rows("missing", &kind), "!disk: cannot open '");
    folder_end();
}

static void
a_file_cut_anywhere_is_corrupt(void)
{
    struct ko_buf bytes = {0};
    struct ko_error err = {0};

    folder_begin();
    (void) write_rows("r", 5, &err);
    CHECK_OK(err);
    file_read("r", &bytes);
    for (size_t n = 0; n < bytes.n; n++) {
        file_write("r", (struct ko_slice){bytes.data, n});
        check_says(read_rows("r", &kind), "!corrupt: '");
    }
    ko_buf_clear(&bytes);
    folder_end();
}

/* Writes a row file whose uncompressed content is this. */
static void
write_content(const char *name, const struct ko_buf *content)
{
    struct ko_buf packed = {0};
    struct ko_error err = {0};
    struct ko_zstd_writer *writer = ko_zstd_writer_new(0, &err);

    (void) ko_zstd_writer_add(writer, ko_buf_slice(content), &packed, &err);
    (void) ko_zstd_writer_end(writer, &packed, &err);
    CHECK_OK(err);
    file_write(name, ko_buf_slice(&packed));
    ko_zstd_writer_free(writer);
    ko_buf_clear(&packed);
}

/* Magic, 2 values, identity, the rows "0,even" and "1,-", and a footer that says n_rows. */
static void
add_content(struct ko_buf *content, uint64_t n_rows)
{
    ko_buf_reset(content);
    ko_buf_add_text(content, "KOROWS1\n");
    ko_buf_add_u32(content, 2);
    ko_buf_add_u32(content, 17);
    ko_buf_add_text(content, "t1 segment 3 of 8");
    ko_buf_add(content,
               "\x07\x02"
               "0\x05"
               "even\x03\x02"
               "1\x00\x00",
               13);
    ko_buf_add_u64(content, n_rows);
    for (unsigned i = 0; i < KO_ROW_COUNTERS; i++)
        ko_buf_add_u64(content, i);
}

static void
the_format_never_changes(void)
{
    struct ko_buf content = {0};

    folder_begin();
    add_content(&content, 2);
    write_content("r", &content);
    CHECK_TEXT(read_rows("r", &kind), "0,even 1,- 28");
    ko_buf_clear(&content);
    folder_end();
}

static void
content_that_does_not_fit_is_corrupt(void)
{
    struct ko_buf content = {0};

    folder_begin();
    add_content(&content, 3);
    write_content("r", &content);
    check_says(read_rows("r", &kind), "/r' row 3: the file has 2 rows, its footer says 3");
    add_content(&content, 2);
    for (size_t n = content.n; content.n > 0; n--) {
        content.n = n == 0 ? 0 : n - 1;
        write_content("r", &content);
        check_says(read_rows("r", &kind), "!corrupt: '");
    }
    add_content(&content, 2);
    ko_buf_add_char(&content, 'x');
    write_content("r", &content);
    check_says(read_rows("r", &kind), "bytes behind the footer");
    add_content(&content, 2);
    content.data[6] = '2';
    write_content("r", &content);
    check_says(read_rows("r", &kind), "/r': not a row file of this version");
    ko_buf_clear(&content);
    folder_end();
}

static void
a_row_over_the_limit_is_a_bug_and_no_file(void)
{
    struct ko_error err = {0};
    struct ko_row_writer *writer = NULL;
    struct ko_slice values[2] = {ABSENT, {NULL, KO_ROW_BYTES_MAX}};
    char *large;

    folder_begin();
    large = ko_alloc(KO_ROW_BYTES_MAX, &err);
    values[1].data = large;
    (void) ko_row_writer_open(file_at("r"), &kind, &writer, &err);
    CHECK_OK(err);
    (void) ko_row_writer_add(writer, values, &err);
    CHECK_CODE(err, KO_E_BUG);
    err = (struct ko_error){0};
    (void) ko_row_writer_close(writer, counters, &err);
    CHECK_CODE(err, KO_E_IO);
    CHECK_TEXT(folder_names(), "");
    ko_free(large);
    folder_end();
}

static void
an_abandoned_file_leaves_nothing(void)
{
    struct ko_error err = {0};
    struct ko_row_writer *writer = NULL;
    const struct ko_slice values[2] = {KO_SLICE("x"), ABSENT};

    folder_begin();
    (void) ko_row_writer_open(file_at("r"), &kind, &writer, &err);
    (void) ko_row_writer_add(writer, values, &err);
    CHECK_OK(err);
    ko_row_writer_abandon(writer);
    CHECK_TEXT(folder_names(), "");
    folder_end();
}

static void
a_full_disk_leaves_no_file(void)
{
    struct ko_error err = {0};

    folder_begin();
    disk_limit(1000);
    (void) write_rows("r", 100000, &err);
    disk_limit(0);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, "cannot write '");
    CHECK_TEXT(folder_names(), "");
    folder_end();
}

static void
context_names_file_and_row(void)
{
    struct ko_error err = {0};
    struct ko_row_reader *reader = NULL;
    struct ko_slice values[2];
    bool has_row;

    folder_begin();
    (void) write_rows("r", 2, &err);
    (void) ko_row_reader_open(file_at("r"), &kind, &reader, &err);
    (void) ko_row_reader_next(reader, values, &has_row, &err);
    CHECK_OK(err);
    assert_true(ko_row_reader_bytes(reader) > 0);
    (void) ko_fail(&err, KO_E_CORRUPT, "no number");
    ko_row_reader_context(reader, &err);
    CHECK_ERROR_SAYS(err, "/r' row 1: no number");
    ko_row_reader_close(reader);
    folder_end();
}

/* Writes and reads; any step may fail. */
static enum ko_code
write_and_read(struct ko_error *err)
{
    struct ko_row_reader *reader = NULL;
    struct ko_slice values[2];
    bool has_row = true;

    KO_TRY(write_rows("r", 3, err));
    KO_TRY(ko_row_reader_open(file_at("r"), &kind, &reader, err));
    while (has_row)
        KO_TRY(ko_row_reader_next(reader, values, &has_row, err));

done:
    ko_row_reader_close(reader);
    return err->code;
}

static void
every_failed_allocation_is_an_error(void)
{
    struct ko_error err = {.code = KO_E_MEMORY};
    uint64_t nth = 0;

    while (err.code != KO_OK) {
        folder_begin();
        err = (struct ko_error){0};
        ko_mem_fail_nth(++nth);
        (void) write_and_read(&err);
        ko_mem_fail_nth(0);
        if (err.code != KO_OK)
            CHECK_CODE(err, KO_E_MEMORY);
        if (file_exists("r"))
            CHECK_TEXT(read_rows("r", &kind), "0,even 1,- 2,even 360");
        assert_null(strstr(folder_names(), ".tmp"));
        folder_end();
    }
    assert_true(nth > 8);
}

CASES = {
    CASE(rows_and_counters_come_back),
    CASE(many_rows_come_back),
    CASE(a_file_of_another_kind_is_refused),
    CASE(a_file_cut_anywhere_is_corrupt),
    CASE(the_format_never_changes),
    CASE(content_that_does_not_fit_is_corrupt),
    CASE(a_row_over_the_limit_is_a_bug_and_no_file),
    CASE(an_abandoned_file_leaves_nothing),
    CASE(a_full_disk_leaves_no_file),
    CASE(context_names_file_and_row),
    CASE(every_failed_allocation_is_an_error),
};
RUN_CASES
