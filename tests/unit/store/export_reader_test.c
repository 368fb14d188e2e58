#include "keepone/format/gzip.h"
#include "keepone/store/export.h"
#include "temp_folder.h"

/* Data files are written and described by hand: the reader needs no manifest. */
static struct ko_export_file
data_file(const char *name, struct ko_slice packed, uint64_t n_items)
{
    struct ko_error err = {0};
    struct ko_digest *digest = ko_digest_new(KO_MD5, &err);
    unsigned char md5[KO_DIGEST_BYTES_MAX];
    struct ko_export_file file = {.path = file_at(name), .key = name, .n_items = n_items};

    CHECK_OK(err);
    file_write(name, packed);
    ko_digest_add(digest, packed);
    ko_digest_end(digest, md5);
    ko_digest_free(digest);
    memcpy(file.md5, md5, sizeof file.md5);
    return file;
}

/* A file with each text as a gzip member. */
static struct ko_export_file
members(const char *name, const char *const *texts, uint64_t n_items)
{
    struct ko_buf packed = {0};
    struct ko_error err = {0};
    struct ko_export_file file;

    for (; *texts != NULL; texts++)
        (void) ko_gzip_add(&packed, ko_slice_of(*texts), &err);
    CHECK_OK(err);
    file = data_file(name, ko_buf_slice(&packed), n_items);
    ko_buf_clear(&packed);
    return file;
}

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The lines, each with its number and ended by "$", or "!" and the error. */
static const char *
read_with(struct ko_export_reader *reader, const struct ko_export_file *file)
{
    static char text[2048];
    struct ko_error err = {0};
    struct ko_slice line;
    size_t n = 0;

    text[0] = '\0';
    KO_TRY(ko_export_reader_begin(reader, file, &err));
    for (;;) {
        KO_TRY(ko_export_reader_next(reader, &line, &err));
        if (line.data == NULL)
            break;
        n += (size_t) snprintf(text + n, sizeof text - n, "%llu:%.*s$",
                               (unsigned long long) ko_export_reader_line_number(reader),
                               KO_SLICE_ARG(line));
    }
    KO_TRY(ko_export_reader_next(reader, &line, &err)); /* the end stays the end */
    assert_null(line.data);

done:
    if (err.code != KO_OK)
        (void) snprintf(text + n, sizeof text - n, "!%s: %s", ko_code_name(err.code), err.text);
    return text;
}

static const char *
read_file(const struct ko_export_file *file, const struct ko_export_reader_options *options)
{
    struct ko_error err = {0};
    struct ko_export_reader *reader = ko_export_reader_new(options, &err);
    const char *text;

    CHECK_OK(err);
    text = read_with(reader, file);
    ko_export_reader_free(reader);
    return text;
}

static void
check_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
}

static void
lines_come_from_all_members(void)
{
    struct ko_export_file file;

    folder_begin();
    file = members("a.gz", TEXTS("one\ntw", "", "o\nthree\n"), 3);
    CHECK_TEXT(read_file(&file, NULL), "1:one$2:two$3:three$");
    CHECK_TEXT(read_file(&file, &(struct ko_export_reader_options){.read_bytes = 1}),
               "1:one$2:two$3:three$");
    folder_end();
}

static void
empty_lines_are_no_items(void)
{
    struct ko_export_file file;

    folder_begin();
    file = members("a.gz", TEXTS("\n\none\n\n\ntwo\n\n"), 2);
    CHECK_TEXT(read_file(&file, NULL), "3:one$6:two$");
    folder_end();
}

static void
a_last_line_needs_no_newline(void)
{
    struct ko_export_file file;

    folder_begin();
    file = members("a.gz", TEXTS("one\ntwo"), 2);
    CHECK_TEXT(read_file(&file, NULL), "1:one$2:two$");
    folder_end();
}

static void
empty_files_have_no_lines(void)
{
    struct ko_export_file no_bytes;
    struct ko_export_file no_content;

    folder_begin();
    no_bytes = data_file("a.gz", KO_SLICE(""), 0);
    no_content = members("b.gz", TEXTS(""), 0);
    CHECK_TEXT(read_file(&no_bytes, NULL), "");
    CHECK_TEXT(read_file(&no_content, NULL), "");
    no_bytes.n_items = 1;
    check_says(read_file(&no_bytes, NULL), "/a.gz' has 0 items, the manifest says 1");
    folder_end();
}

static void
a_wrong_md5_shows_both(void)
{
    struct ko_export_file file;

    folder_begin();
    file = members("a.gz", TEXTS("one\n"), 1);
    memset(file.md5, 0xab, sizeof file.md5);
    check_says(read_file(&file, NULL), "1:one$!corrupt: '");
    check_says(read_file(&file, NULL), "the manifest says abababababababababababababababab");
    CHECK_TEXT(read_file(&file, &(struct ko_export_reader_options){.no_md5 = true}), "1:one$");
    folder_end();
}

static void
a_wrong_item_count_shows_both(void)
{
    struct ko_export_file file;

    folder_begin();
    file = members("a.gz", TEXTS("one\ntwo\n"), 3);
    check_says(read_file(&file, NULL), "2:two$!corrupt: '");
    check_says(read_file(&file, NULL), "a.gz' has 2 items, the manifest says 3");
    folder_end();
}

static void
cut_and_damaged_files_are_named_with_their_line(void)
{
    struct ko_export_file file;
    struct ko_buf packed = {0};

    folder_begin();
    file = members("a.gz", TEXTS("one\ntwo\n"), 2);
    file_read("a.gz", &packed);
    for (size_t n = 1; n < packed.n; n++) {
        file = data_file("cut.gz", (struct ko_slice){packed.data, n}, 2);
        check_says(read_file(&file, NULL), "!corrupt: '");
        check_says(read_file(&file, NULL), "/cut.gz' line ");
        check_says(read_file(&file, NULL), "gzip data is cut at byte ");
    }
    packed.data[packed.n - 5] ^= 1;
    file = data_file("bad.gz", ko_buf_slice(&packed), 2);
    check_says(read_file(&file, NULL), "/bad.gz' line 1: wrong CRC or length at byte ");
    file = data_file("text.gz", KO_SLICE("{}\n"), 1);
    check_says(read_file(&file, NULL), "/text.gz' line 1: not gzip at byte 0 ");
    ko_buf_clear(&packed);
    folder_end();
}

static void
a_file_that_went_away_is_named(void)
{
    struct ko_export_file file = {.path = "/nonexistent/a.gz", .key = "a.gz"};

    check_says(read_file(&file, NULL), "!disk: cannot open '/nonexistent/a.gz'");
}

static void
one_reader_reads_file_after_file(void)
{
    struct ko_error err = {0};
    struct ko_export_reader *reader = ko_export_reader_new(NULL, &err);
    struct ko_export_file good;
    struct ko_export_file cut;
    struct ko_slice line;

    folder_begin();
    good = members("good.gz", TEXTS("one\ntwo\n"), 2);
    cut = data_file("cut.gz", KO_SLICE("\x1f\x8b\x08"), 1);
    CHECK_TEXT(read_with(reader, &good), "1:one$2:two$");
    check_says(read_with(reader, &cut), "!corrupt: ");
    CHECK_TEXT(read_with(reader, &good), "1:one$2:two$");
    (void) ko_export_reader_begin(reader, &good, &err);
    (void) ko_export_reader_next(reader, &line, &err);
    CHECK_OK(err); /* and left in the middle */
    CHECK_TEXT(read_with(reader, &good), "1:one$2:two$");
    assert_int_equal(ko_export_reader_bytes(reader), 8);
    ko_export_reader_free(reader);
    folder_end();
}

static void
long_lines_come_back_up_to_the_limit(void)
{
    struct ko_buf content = {0};
    struct ko_buf packed = {0};
    struct ko_export_file file;
    struct ko_export_reader *reader;
    struct ko_error err = {0};
    struct ko_slice line;

    folder_begin();
    for (uint32_t i = 0; content.n < 5000000; i++)
        ko_buf_add_format(&content, "%u,", i * 2654435761U);
    ko_buf_add_char(&content, '\n');
    ko_buf_add_text(&content, "short\n");
    (void) ko_gzip_add(&packed, ko_buf_slice(&content), &err);
    file = data_file("a.gz", ko_buf_slice(&packed), 2);
    reader = ko_export_reader_new(NULL, &err);
    (void) ko_export_reader_begin(reader, &file, &err);
    (void) ko_export_reader_next(reader, &line, &err);
    assert_true(ko_slice_equal(line, (struct ko_slice){content.data, content.n - 7}));
    (void) ko_export_reader_next(reader, &line, &err);
    CHECK_SLICE(line, "short");
    (void) ko_export_reader_next(reader, &line, &err);
    CHECK_OK(err);
    assert_null(line.data);

    ko_buf_reset(&content);
    ko_buf_reset(&packed);
    memset(ko_buf_reserve(&content, KO_EXPORT_LINE_BYTES_MAX + 2), 'x',
           KO_EXPORT_LINE_BYTES_MAX + 2);
    ko_buf_commit(&content, KO_EXPORT_LINE_BYTES_MAX + 2);
    (void) ko_gzip_add(&packed, ko_buf_slice(&content), &err);
    file = data_file("long.gz", ko_buf_slice(&packed), 1);
    check_says(read_with(reader, &file), "long.gz' line 1: longer than 16777216 bytes");
    ko_export_reader_free(reader);
    ko_buf_clear(&content);
    ko_buf_clear(&packed);
    folder_end();
}

static void
many_lines_over_many_refills_come_back(void)
{
    enum { N = 100000 };
    struct ko_buf content = {0};
    struct ko_buf packed = {0};
    struct ko_export_file file;
    struct ko_export_reader *reader;
    struct ko_error err = {0};
    struct ko_slice line;

    folder_begin();
    for (unsigned i = 0; i < N; i++)
        ko_buf_add_format(&content, "{\"Item\":{\"pk\":{\"S\":\"%u-%u\"}}}\n", i, i * 2654435761U);
    (void) ko_gzip_add(&packed, ko_buf_slice(&content), &err);
    file = data_file("a.gz", ko_buf_slice(&packed), N);
    reader = ko_export_reader_new(&(struct ko_export_reader_options){.read_bytes = 10007}, &err);
    (void) ko_export_reader_begin(reader, &file, &err);
    CHECK_OK(err);
    for (unsigned i = 0; i < N; i++) {
        char expected[100];

        (void) snprintf(expected, sizeof expected, "{\"Item\":{\"pk\":{\"S\":\"%u-%u\"}}}", i,
                        i * 2654435761U);
        (void) ko_export_reader_next(reader, &line, &err);
        CHECK_SLICE(line, expected);
    }
    (void) ko_export_reader_next(reader, &line, &err);
    CHECK_OK(err);
    assert_null(line.data);
    ko_export_reader_free(reader);
    ko_buf_clear(&content);
    ko_buf_clear(&packed);
    folder_end();
}

static void
context_names_file_and_line(void)
{
    struct ko_error err = {0};
    struct ko_export_reader *reader = ko_export_reader_new(NULL, &err);
    struct ko_export_file file;
    struct ko_slice line;

    folder_begin();
    file = members("a.gz", TEXTS("one\n\ntwo\n"), 2);
    (void) ko_export_reader_begin(reader, &file, &err);
    (void) ko_export_reader_next(reader, &line, &err);
    (void) ko_export_reader_next(reader, &line, &err);
    CHECK_OK(err);
    (void) ko_fail(&err, KO_E_CORRUPT, "not an item");
    ko_export_reader_context(reader, &err);
    CHECK_ERROR_SAYS(err, "/a.gz' line 3: not an item");
    ko_export_reader_free(reader);
    folder_end();
}

static void
no_memory_is_an_error(void)
{
    struct ko_export_file file;
    uint64_t nth = 0;
    struct ko_error err = {.code = KO_E_MEMORY};

    folder_begin();
    file = members("a.gz", TEXTS("one\n"), 1);
    while (err.code != KO_OK) {
        struct ko_export_reader *reader = NULL;
        struct ko_slice line;

        err = (struct ko_error){0};
        ko_mem_fail_nth(++nth);
        reader = ko_export_reader_new(NULL, &err);
        if (reader != NULL && ko_export_reader_begin(reader, &file, &err) == KO_OK)
            (void) ko_export_reader_next(reader, &line, &err);
        ko_mem_fail_nth(0);
        if (err.code != KO_OK)
            CHECK_CODE(err, KO_E_MEMORY);
        ko_export_reader_free(reader);
    }
    assert_true(nth > 4);
    folder_end();
}

CASES = {
    CASE(lines_come_from_all_members),
    CASE(empty_lines_are_no_items),
    CASE(a_last_line_needs_no_newline),
    CASE(empty_files_have_no_lines),
    CASE(a_wrong_md5_shows_both),
    CASE(a_wrong_item_count_shows_both),
    CASE(cut_and_damaged_files_are_named_with_their_line),
    CASE(a_file_that_went_away_is_named),
    CASE(one_reader_reads_file_after_file),
    CASE(long_lines_come_back_up_to_the_limit),
    CASE(many_lines_over_many_refills_come_back),
    CASE(context_names_file_and_line),
    CASE(no_memory_is_an_error),
};
RUN_CASES
