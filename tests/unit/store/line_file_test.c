#include "keepone/store/line_file.h"

#include "temp_folder.h"

/* Writes a whole file with these words as lines. */
static enum ko_code
write_file(const char *name, const char *const *words, struct ko_line_totals *totals,
           struct ko_error *err)
{
    struct ko_line_writer *writer = NULL;

    KO_TRY(ko_line_writer_open(file_at(name), 0, &writer, err));
    for (; *words != NULL; words++)
        KO_TRY(ko_line_writer_add(writer, ko_slice_of(*words), err));
    return ko_line_writer_close(writer, totals, err);

done:
    ko_line_writer_abandon(writer);
    return err->code;
}

/* Writes a journal; "/" commits.  What is behind the last commit is thrown away. */
static enum ko_code
write_journal(const char *name, const char *const *words, struct ko_error *err)
{
    struct ko_line_writer *writer = NULL;

    KO_TRY(ko_line_writer_open_journal(file_at(name), &writer, err));
    for (; *words != NULL; words++) {
        if (strcmp(*words, "/") == 0)
            KO_TRY(ko_line_writer_commit(writer, err));
        else
            KO_TRY(ko_line_writer_add(writer, ko_slice_of(*words), err));
    }

done:
    ko_line_writer_abandon(writer);
    return err->code;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The lines, each ended by "$", then "(cut)" if so, or "!" and the error. */
static const char *
read_file(const char *name, bool tolerate_cut_tail)
{
    static char text[2048];
    const struct ko_line_reader_options options = {.tolerate_cut_tail = tolerate_cut_tail};
    struct ko_line_reader *reader = NULL;
    struct ko_error err = {0};
    struct ko_slice line;
    size_t n = 0;

    text[0] = '\0';
    KO_TRY(ko_line_reader_open(file_at(name), &options, &reader, &err));
    for (;;) {
        KO_TRY(ko_line_reader_next(reader, &line, &err));
        if (line.data == NULL)
            break;
        n += (size_t) snprintf(text + n, sizeof text - n, "%.*s$", KO_SLICE_ARG(line));
    }
    if (ko_line_reader_was_cut(reader))
        (void) snprintf(text + n, sizeof text - n, "(cut)");

done:
    if (err.code != KO_OK)
        (void) snprintf(text + n, sizeof text - n, "!%s: %s", ko_code_name(err.code), err.text);
    ko_line_reader_close(reader);
    return text;
}

static void
lines_come_back(void)
{
    struct ko_line_totals totals;
    struct ko_error err = {0};

    folder_begin();
    (void) write_file("f", WORDS("one", "", "three"), &totals, &err);
    CHECK_OK(err);
    CHECK_TEXT(read_file("f", false), "one$$three$");
    CHECK_TEXT(read_file("f", true), "one$$three$");
    assert_int_equal(totals.n_lines, 3);
    assert_int_equal(totals.n_bytes, 11);
    /* sha256sum of "one\n\nthree\n" */
    CHECK_TEXT(totals.sha256, "ee9731974efa9af6015960b95b20a14a015596a92b5e2c5b942aa58dfa57eff3");
    folder_end();
}

static void
a_file_without_lines_is_a_file(void)
{
    struct ko_line_totals totals = {.n_lines = 7};
    struct ko_error err = {0};

    folder_begin();
    (void) write_file("f", (const char *const[]){NULL}, &totals, &err);
    CHECK_OK(err);
    CHECK_TEXT(read_file("f", false), "");
    assert_int_equal(totals.n_lines, 0);
    CHECK_TEXT(totals.sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    folder_end();
}

static void
a_whole_file_is_not_visible_before_its_close(void)
{
    struct ko_line_writer *writer = NULL;
    struct ko_error err = {0};

    folder_begin();
    (void) write_file("f", WORDS("old"), NULL, &err);
    (void) ko_line_writer_open(file_at("f"), 0, &writer, &err);
    (void) ko_line_writer_add(writer, KO_SLICE("new"), &err);
    CHECK_TEXT(read_file("f", false), "old$");
    (void) ko_line_writer_close(writer, NULL, &err);
    CHECK_OK(err);
    CHECK_TEXT(read_file("f", false), "new$");
    CHECK_TEXT(folder_names(), "f ");
    folder_end();
}

static void
an_abandoned_file_leaves_nothing(void)
{
    struct ko_line_writer *writer = NULL;
    struct ko_error err = {0};

    folder_begin();
    (void) ko_line_writer_open(file_at("f"), 0, &writer, &err);
    (void) ko_line_writer_add(writer, KO_SLICE("lost"), &err);
    CHECK_OK(err);
    ko_line_writer_abandon(writer);
    CHECK_TEXT(folder_names(), "");
    folder_end();
}

static void
a_journal_holds_what_was_committed(void)
{
    struct ko_error err = {0};

    folder_begin();
    (void) write_journal("j", WORDS("a", "b", "/", "/", "c", "/", "lost"), &err);
    CHECK_OK(err);
    CHECK_TEXT(read_file("j", true), "a$b$c$");
    folder_end();
}

static void
a_new_journal_is_empty(void)
{
    struct ko_line_writer *writer = NULL;
    struct ko_error err = {0};

    folder_begin();
    (void) ko_line_writer_open_journal(file_at("j"), &writer, &err);
    CHECK_TEXT(read_file("j", true), "");
    (void) ko_line_writer_close(writer, NULL, &err);
    CHECK_OK(err);
    CHECK_TEXT(read_file("j", true), "");
    CHECK_TEXT(folder_names(), "j ");
    folder_end();
}

static void
closing_a_journal_commits_it(void)
{
    struct ko_line_totals totals;
    struct ko_line_writer *writer = NULL;
    struct ko_error err = {0};

    folder_begin();
    (void) ko_line_writer_open_journal(file_at("j"), &writer, &err);
    (void) ko_line_writer_add(writer, KO_SLICE("abc"), &err);
    assert_int_equal(ko_line_writer_pending_bytes(writer), 4);
    (void) ko_line_writer_commit(writer, &err);
    assert_int_equal(ko_line_writer_pending_bytes(writer), 0);
    (void) ko_line_writer_add(writer, KO_SLICE("d"), &err);
    (void) ko_line_writer_close(writer, &totals, &err);
    CHECK_OK(err);
    assert_int_equal(totals.n_lines, 2);
    assert_int_equal(totals.n_bytes, 6);
    CHECK_TEXT(totals.sha256, "");
    CHECK_TEXT(read_file("j", true), "abc$d$");
    folder_end();
}

static void
a_journal_never_replaces_a_file(void)
{
    struct ko_error err = {0};

    folder_begin();
    (void) write_journal("j", WORDS("a", "/"), &err);
    CHECK_OK(err);
    (void) write_journal("j", WORDS("b", "/"), &err);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, "is there already");
    CHECK_TEXT(read_file("j", true), "a$");
    folder_end();
}

static void
a_journal_cut_anywhere_gives_the_whole_commits(void)
{
    struct ko_buf bytes = {0};
    struct ko_error err = {0};
    size_t n_first;

    folder_begin();
    (void) write_journal("first", WORDS("a", "b", "/"), &err);
    file_read("first", &bytes);
    n_first = bytes.n;
    (void) write_journal("j", WORDS("a", "b", "/", "c", "/"), &err);
    CHECK_OK(err);
    file_read("j", &bytes);
    for (size_t n = 1; n < bytes.n; n++) {
        file_write("cut", (struct ko_slice){bytes.data, n});
        CHECK_TEXT(read_file("cut", true), n < n_first    ? "(cut)"
                                           : n == n_first ? "a$b$"
                                                          : "a$b$(cut)");
    }
    ko_buf_clear(&bytes);
    folder_end();
}

static void
garbage_behind_a_journal_is_a_cut_tail(void)
{
    struct ko_buf bytes = {0};
    struct ko_error err = {0};

    folder_begin();
    (void) write_journal("j", WORDS("a", "/"), &err);
    CHECK_OK(err);
    file_read("j", &bytes);
    for (unsigned i = 0; i < 5000; i++)
        ko_buf_add(&bytes, "\0\0\0\0", 4);
    file_write("j", ko_buf_slice(&bytes));
    CHECK_TEXT(read_file("j", true), "a$(cut)");
    ko_buf_clear(&bytes);
    folder_end();
}

static void
damage_in_the_middle_of_a_journal_is_no_cut(void)
{
    struct ko_buf bytes = {0};
    struct ko_error err = {0};

    folder_begin();
    (void) write_journal("j", WORDS("a", "/", "b", "/"), &err);
    CHECK_OK(err);
    file_read("j", &bytes);
    for (size_t i = 0; i < bytes.n / 2; i++) {
        bytes.data[i] ^= 64;
        file_write("j", ko_buf_slice(&bytes));
        bytes.data[i] ^= 64;
        /* A few bits of a frame's header do not matter: then nothing is lost. */
        if (strstr(read_file("j", true), "!corrupt: ") == NULL)
            CHECK_TEXT(read_file("j", true), "a$b$");
    }
    ko_buf_clear(&bytes);
    folder_end();
}

static void
a_whole_file_cut_anywhere_is_corrupt(void)
{
    struct ko_buf bytes = {0};
    struct ko_error err = {0};

    folder_begin();
    (void) write_file("f", WORDS("one", "two"), NULL, &err);
    CHECK_OK(err);
    file_read("f", &bytes);
    for (size_t n = 0; n < bytes.n; n++) {
        const char *text;

        file_write("f", (struct ko_slice){bytes.data, n});
        text = read_file("f", false);
        if (strstr(text, "!corrupt: '") == NULL || strstr(text, "/f' line ") == NULL)
            fail_msg("%zu bytes: is '%s'", n, text);
    }
    ko_buf_clear(&bytes);
    folder_end();
}

static void
a_last_line_without_newline_is_corrupt(void)
{
    /* "ab\ncd" by zstd --no-check */
    folder_begin();
    file_write("f", KO_SLICE("\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00"
                             "ab\ncd"));
    assert_non_null(strstr(read_file("f", false), "f' line 2: the last line has no newline"));
    folder_end();
}

static void
a_file_that_is_not_there_is_named(void)
{
    folder_begin();
    assert_non_null(strstr(read_file("missing", false), "!disk: cannot open '"));
    assert_non_null(strstr(read_file("missing", true), "/missing': No such file"));
    folder_end();
}

static void
long_lines_and_many_lines_come_back(void)
{
    struct ko_buf big = {0};
    struct ko_line_totals totals;
    struct ko_line_writer *writer = NULL;
    struct ko_line_reader *reader = NULL;
    struct ko_error err = {0};
    struct ko_slice line;

    folder_begin();
    for (uint32_t i = 0; big.n < 3000000; i++)
        ko_buf_add_format(&big, "%u,", i * 2654435761U);
    (void) ko_line_writer_open(file_at("f"), 3, &writer, &err);
    (void) ko_line_writer_add(writer, ko_buf_slice(&big), &err);
    for (size_t n = 0; n < 50000; n++)
        (void) ko_line_writer_add(writer, (struct ko_slice){big.data, n % 50}, &err);
    (void) ko_line_writer_close(writer, &totals, &err);
    CHECK_OK(err);

    (void) ko_line_reader_open(file_at("f"), &(struct ko_line_reader_options){.with_digest = true},
                               &reader, &err);
    (void) ko_line_reader_next(reader, &line, &err);
    assert_true(ko_slice_equal(line, ko_buf_slice(&big)));
    for (size_t n = 0; n < 40000; n++) {
        (void) ko_line_reader_next(reader, &line, &err);
        assert_true(ko_slice_equal(line, (struct ko_slice){big.data, n % 50}));
    }
    assert_int_equal(ko_line_reader_line_number(reader), 40001);
    (void) ko_line_reader_check(reader, &totals, &err);
    CHECK_OK(err);
    ko_line_reader_close(reader);
    ko_buf_clear(&big);
    folder_end();
}

/* What _check says about the file "f" of "one", "two" when this is expected. */
static struct ko_error
check_against(const struct ko_line_totals *expected)
{
    struct ko_line_reader *reader = NULL;
    struct ko_error err = {0};

    (void) ko_line_reader_open(file_at("f"), &(struct ko_line_reader_options){.with_digest = true},
                               &reader, &err);
    CHECK_OK(err);
    (void) ko_line_reader_check(reader, expected, &err);
    ko_line_reader_close(reader);
    return err;
}

static void
totals_that_differ_are_corrupt(void)
{
    struct ko_line_totals totals;
    struct ko_line_totals wrong;
    struct ko_error err = {0};

    folder_begin();
    (void) write_file("f", WORDS("one", "two"), &totals, &err);
    CHECK_OK(err);
    CHECK_OK(check_against(&totals));
    wrong = totals;
    wrong.n_lines++;
    err = check_against(&wrong);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, "/f' has 2 lines and 8 bytes, not 3 and 8");
    wrong = totals;
    wrong.sha256[0] = 'x';
    err = check_against(&wrong);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, wrong.sha256);
    CHECK_ERROR_SAYS(err, totals.sha256);
    folder_end();
}

static void
a_newline_in_a_line_is_a_bug(void)
{
    struct ko_line_writer *writer = NULL;
    struct ko_error err = {0};

    folder_begin();
    (void) ko_line_writer_open(file_at("f"), 0, &writer, &err);
    CHECK_OK(err);
    (void) ko_line_writer_add(writer, KO_SLICE("two\nlines"), &err);
    CHECK_CODE(err, KO_E_BUG);
    err = (struct ko_error){0};
    (void) ko_line_writer_close(writer, NULL, &err); /* a file without that line is none */
    CHECK_CODE(err, KO_E_IO);
    CHECK_TEXT(folder_names(), "");
    folder_end();
}

static void
context_names_file_and_line(void)
{
    struct ko_line_reader *reader = NULL;
    struct ko_error err = {0};
    struct ko_slice line;

    folder_begin();
    (void) write_file("f", WORDS("a", "b"), NULL, &err);
    (void) ko_line_reader_open(file_at("f"), NULL, &reader, &err);
    (void) ko_line_reader_next(reader, &line, &err);
    (void) ko_line_reader_next(reader, &line, &err);
    CHECK_OK(err);
    (void) ko_fail(&err, KO_E_CORRUPT, "not JSON");
    ko_line_reader_context(reader, &err);
    CHECK_ERROR_SAYS(err, "/f' line 2: not JSON");
    ko_line_reader_close(reader);
    folder_end();
}

/* Printable text that does not compress much, another one each time. */
static void
fill_with_noise(char *to, size_t n)
{
    static uint32_t seed;

    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525U + 1013904223U;
        to[i] = (char) (32 + (seed >> 16) % 90);
    }
}

static void
a_full_disk_leaves_no_file(void)
{
    struct ko_line_writer *writer = NULL;
    struct ko_error err = {0};
    struct ko_error later = {0};
    char noise[5000];

    folder_begin();
    fill_with_noise(noise, sizeof noise);
    (void) ko_line_writer_open(file_at("f"), 0, &writer, &err);
    disk_limit(1000);
    (void) ko_line_writer_add(writer, (struct ko_slice){noise, sizeof noise}, &err);
    (void) ko_line_writer_close(writer, NULL, &err);
    disk_limit(0);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, "cannot write '");
    CHECK_TEXT(folder_names(), "");

    err = (struct ko_error){0};
    (void) ko_line_writer_open(file_at("f"), 0, &writer, &err);
    disk_limit(1000);
    for (int i = 0; i < 200 && err.code == KO_OK; i++) {
        fill_with_noise(noise, sizeof noise);
        (void) ko_line_writer_add(writer, (struct ko_slice){noise, sizeof noise}, &err);
    }
    disk_limit(0);
    CHECK_CODE(err, KO_E_IO);
    (void) ko_line_writer_add(writer, KO_SLICE("more"), &later);
    CHECK_CODE(later, KO_E_IO);
    later = (struct ko_error){0};
    (void) ko_line_writer_close(writer, NULL, &later);
    CHECK_CODE(later, KO_E_IO);
    CHECK_TEXT(folder_names(), "");
    folder_end();
}

static void
a_journal_on_a_full_disk_keeps_what_was_committed(void)
{
    struct ko_line_writer *writer = NULL;
    struct ko_error err = {0};
    char noise[5000];

    folder_begin();
    fill_with_noise(noise, sizeof noise);
    (void) ko_line_writer_open_journal(file_at("j"), &writer, &err);
    (void) ko_line_writer_add(writer, KO_SLICE("kept"), &err);
    (void) ko_line_writer_commit(writer, &err);
    CHECK_OK(err);
    (void) ko_line_writer_add(writer, (struct ko_slice){noise, sizeof noise}, &err);
    disk_limit(1000);
    (void) ko_line_writer_commit(writer, &err);
    disk_limit(0);
    CHECK_CODE(err, KO_E_IO);
    err = (struct ko_error){0};
    (void) ko_line_writer_commit(writer, &err); /* never behind a torn frame */
    CHECK_CODE(err, KO_E_IO);
    ko_line_writer_abandon(writer);
    CHECK_TEXT(read_file("j", true), "kept$(cut)");
    folder_end();
}

/* Writes and reads a file and a journal; every step may fail. */
static enum ko_code
write_and_read(struct ko_error *err)
{
    const struct ko_line_reader_options options = {.with_digest = true, .tolerate_cut_tail = true};
    struct ko_line_reader *reader = NULL;
    struct ko_line_totals totals;

    KO_TRY(write_file("f", WORDS("one", "two"), &totals, err));
    KO_TRY(write_journal("j", WORDS("a", "/", "b", "/"), err));
    KO_TRY(ko_line_reader_open(file_at("f"), &options, &reader, err));
    KO_TRY(ko_line_reader_check(reader, &totals, err));

done:
    ko_line_reader_close(reader);
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
        if (file_exists("f"))
            CHECK_TEXT(read_file("f", false), "one$two$");
        assert_null(strstr(folder_names(), ".tmp"));
        folder_end();
    }
    assert_true(nth > 10);
}

CASES = {
    CASE(lines_come_back),
    CASE(a_file_without_lines_is_a_file),
    CASE(a_whole_file_is_not_visible_before_its_close),
    CASE(an_abandoned_file_leaves_nothing),
    CASE(a_journal_holds_what_was_committed),
    CASE(a_new_journal_is_empty),
    CASE(closing_a_journal_commits_it),
    CASE(a_journal_never_replaces_a_file),
    CASE(a_journal_cut_anywhere_gives_the_whole_commits),
    CASE(garbage_behind_a_journal_is_a_cut_tail),
    CASE(damage_in_the_middle_of_a_journal_is_no_cut),
    CASE(a_whole_file_cut_anywhere_is_corrupt),
    CASE(a_last_line_without_newline_is_corrupt),
    CASE(a_file_that_is_not_there_is_named),
    CASE(long_lines_and_many_lines_come_back),
    CASE(totals_that_differ_are_corrupt),
    CASE(a_newline_in_a_line_is_a_bug),
    CASE(context_names_file_and_line),
    CASE(a_full_disk_leaves_no_file),
    CASE(a_journal_on_a_full_disk_keeps_what_was_committed),
    CASE(every_failed_allocation_is_an_error),
};
RUN_CASES
