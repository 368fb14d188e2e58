#include "keepone/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "unit/store/temp_folder.h"

static void
check_content(const char *name, const char *expected)
{
    struct ko_buf content = {0};

    file_read(name, &content);
    CHECK_SLICE(ko_buf_slice(&content), expected);
    ko_buf_clear(&content);
}

static void
paths_are_joined_or_refused(void)
{
    struct ko_error err = {0};
    char path[KO_PATH_BYTES];
    char large[2 * KO_PATH_BYTES];

    (void) ko_path_join(path, &err, "/tmp/run", "part-%04d.%s", 7, "zst");
    CHECK_OK(err);
    CHECK_TEXT(path, "/tmp/run/part-0007.zst");
    memset(large, 'x', sizeof large);
    large[KO_PATH_BYTES - 3] = '\0';
    (void) ko_path_join(path, &err, large, "%s", "a");
    CHECK_OK(err);
    assert_int_equal(strlen(path), KO_PATH_BYTES - 1);
    (void) ko_path_join(path, &err, large, "%s", "ab");
    CHECK_CODE(err, KO_E_OPTION);
    CHECK_ERROR_SAYS(err, "too long");
    err = (struct ko_error){0};
    large[KO_PATH_BYTES - 3] = 'x';
    large[sizeof large - 1] = '\0';
    (void) ko_path_join(path, &err, large, "%s", "");
    CHECK_CODE(err, KO_E_OPTION);
}

static void
a_file_is_read_whole_behind_what_is_there(void)
{
    struct ko_error err = {0};
    struct ko_buf out = {0};

    folder_begin();
    file_write("a", KO_SLICE("content"));
    file_write("empty", KO_SLICE(""));
    ko_buf_add_text(&out, "before ");
    (void) ko_file_read(file_at("a"), 7, &out, &err);
    (void) ko_file_read(file_at("empty"), 0, &out, &err);
    CHECK_OK(err);
    CHECK_SLICE(ko_buf_slice(&out), "before content");
    (void) ko_file_read(file_at("a"), 6, &out, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, "larger than 6 bytes");
    err = (struct ko_error){0};
    (void) ko_file_read(file_at("none"), 6, &out, &err);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, "/none': No such file");
    err = (struct ko_error){0};
    (void) ko_file_read(temp_folder, 6, &out, &err);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, "cannot read");
    ko_buf_clear(&out);
    folder_end();
}

static void
a_file_larger_than_any_read_is_read_whole(void)
{
    enum { N = 1000 * 1000 };
    struct ko_error err = {0};
    struct ko_buf content = {0};
    struct ko_buf out = {0};

    folder_begin();
    for (int i = 0; i < N; i++)
        ko_buf_add_char(&content, (char) ('a' + i % 26));
    file_write("large", ko_buf_slice(&content));
    (void) ko_file_read(file_at("large"), N, &out, &err);
    CHECK_OK(err);
    assert_true(ko_slice_equal(ko_buf_slice(&out), ko_buf_slice(&content)));
    ko_buf_clear(&out);
    ko_mem_fail_nth(1);
    (void) ko_file_read(file_at("large"), N, &out, &err);
    CHECK_CODE(err, KO_E_MEMORY);
    ko_buf_clear(&content);
    ko_buf_clear(&out);
    folder_end();
}

static void
a_replaced_file_is_whole_and_nothing_stays_beside_it(void)
{
    struct ko_error err = {0};

    folder_begin();
    (void) ko_file_replace(file_at("a"), KO_SLICE("first, longer"), &err);
    (void) ko_file_replace(file_at("a"), KO_SLICE("second"), &err);
    CHECK_OK(err);
    check_content("a", "second");
    CHECK_TEXT(folder_names(), "a ");
    folder_end();
}

/* Half of the new content fits on the disk. */
static void
a_replacement_that_fails_leaves_the_old_file(void)
{
    struct ko_error err = {0};

    folder_begin();
    (void) ko_file_replace(file_at("a"), KO_SLICE("old"), &err);
    disk_limit(8);
    (void) ko_file_replace(file_at("a"), KO_SLICE("new and too long"), &err);
    disk_limit(0);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, "cannot write");
    check_content("a", "old");
    CHECK_TEXT(folder_names(), "a ");
    err = (struct ko_error){0};
    (void) ko_file_replace(file_at("none/a"), KO_SLICE("x"), &err);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, "cannot create");
    folder_end();
}

static void
only_one_creates_a_file(void)
{
    struct ko_error err = {0};
    bool created = false;

    folder_begin();
    (void) ko_file_create(file_at("a"), KO_SLICE("mine"), &created, &err);
    CHECK_OK(err);
    assert_true(created);
    (void) ko_file_create(file_at("a"), KO_SLICE("yours"), &created, &err);
    CHECK_OK(err);
    assert_false(created);
    check_content("a", "mine");
    folder_end();
}

static void
a_creation_that_fails_leaves_nothing(void)
{
    struct ko_error err = {0};
    bool created = true;

    folder_begin();
    disk_limit(2);
    (void) ko_file_create(file_at("a"), KO_SLICE("too long"), &created, &err);
    disk_limit(0);
    CHECK_CODE(err, KO_E_IO);
    assert_false(created);
    CHECK_TEXT(folder_names(), "");
    err = (struct ko_error){0};
    created = true;
    (void) ko_file_create(file_at("none/a"), KO_SLICE("x"), &created, &err);
    CHECK_CODE(err, KO_E_IO);
    assert_false(created);
    folder_end();
}

static void
a_full_disk_is_told_with_a_hint(void)
{
    struct ko_error err = {0};
    const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    (void) ko_write_all(fd, KO_SLICE("x"), "a file", &err);
    (void) close(fd);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, "cannot write 'a file': No space left");
    assert_non_null(strstr(err.hint, "make room"));
}

static void
a_closed_file_is_neither_written_nor_read(void)
{
    struct ko_error errors[2] = {{0}};
    size_t n;
    char byte;

    (void) ko_write_all(-1, KO_SLICE("x"), "p", &errors[0]);
    CHECK_CODE(errors[0], KO_E_IO);
    (void) ko_read_some(-1, &byte, 1, &n, "p", &errors[1]);
    CHECK_CODE(errors[1], KO_E_IO);
}

static void
a_renamed_file_replaces_another(void)
{
    struct ko_error err = {0};

    folder_begin();
    file_write("a", KO_SLICE("new"));
    file_write("b", KO_SLICE("old"));
    (void) ko_file_rename(file_at("a"), file_at("b"), &err);
    CHECK_OK(err);
    check_content("b", "new");
    CHECK_TEXT(folder_names(), "b ");
    assert_false(file_exists("a"));
    assert_true(file_exists("b"));
    (void) ko_file_rename(file_at("a"), file_at("b"), &err);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, "cannot rename");
    folder_end();
}

static void
what_is_not_there_need_not_be_removed(void)
{
    struct ko_error err = {0};

    folder_begin();
    file_write("a", KO_SLICE("x"));
    (void) ko_file_remove(file_at("a"), &err);
    (void) ko_file_remove(file_at("a"), &err);
    (void) ko_folder_remove(file_at("none"), &err);
    CHECK_OK(err);
    CHECK_TEXT(folder_names(), "");
    (void) ko_file_remove(temp_folder, &err);
    CHECK_CODE(err, KO_E_IO);
    folder_end();
}

static void
folders_are_made_with_those_above_them(void)
{
    struct ko_error err = {0};
    char large[2 * KO_PATH_BYTES];

    folder_begin();
    (void) ko_folder_make(file_at("a/b/c"), &err);
    (void) ko_folder_make(file_at("a/b/c"), &err);
    (void) ko_folder_make(file_at("a/b//d/"), &err);
    (void) ko_folder_sync(file_at("a/b/c"), &err);
    CHECK_OK(err);
    file_write("a/b/d/x", KO_SLICE("x"));
    (void) ko_folder_make(file_at("a/b/d/x/y"), &err);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, "cannot make the folder");
    err = (struct ko_error){0};
    (void) ko_folder_make("", &err);
    CHECK_CODE(err, KO_E_OPTION);
    err = (struct ko_error){0};
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    (void) ko_folder_make(large, &err);
    CHECK_CODE(err, KO_E_OPTION);
    err = (struct ko_error){0};
    (void) ko_folder_sync(file_at("none"), &err);
    CHECK_CODE(err, KO_E_IO);
    folder_end();
}

/* A link is removed, what it leads to stays. */
static void
a_folder_is_removed_with_all_below_it(void)
{
    struct ko_error err = {0};

    folder_begin();
    (void) ko_folder_make(file_at("a/b/c"), &err);
    (void) ko_folder_make(file_at("other"), &err);
    file_write("a/x", KO_SLICE("x"));
    file_write("a/b/y", KO_SLICE("y"));
    file_write("other/z", KO_SLICE("z"));
    assert_int_equal(symlink(file_at("other"), file_at("a/link")), 0);
    (void) ko_folder_remove(file_at("a"), &err);
    CHECK_OK(err);
    CHECK_TEXT(folder_names(), "other ");
    check_content("other/z", "z");
    folder_end();
}

static void
names_are_listed_in_byte_order(void)
{
    struct ko_error err = {0};
    struct ko_names names = {0};
    char name[8];

    folder_begin();
    for (int i = 40; i > 0; i--) {
        (void) snprintf(name, sizeof name, "n%02d", i);
        file_write(name, KO_SLICE(""));
    }
    file_write("Z", KO_SLICE(""));
    file_write(".hidden", KO_SLICE(""));
    (void) ko_folder_list(temp_folder, &names, &err);
    CHECK_OK(err);
    assert_int_equal(names.n, 42);
    CHECK_TEXT(names.names[0].text, ".hidden");
    CHECK_TEXT(names.names[1].text, "Z");
    CHECK_TEXT(names.names[2].text, "n01");
    CHECK_TEXT(names.names[41].text, "n40");
    ko_names_clear(&names);
    ko_names_clear(&names);
    (void) ko_folder_list(file_at("none"), &names, &err);
    CHECK_CODE(err, KO_E_IO);
    assert_int_equal(names.n, 0);
    folder_end();
}

/* Each allocation of a list of 20 names fails once. */
static void
a_list_without_memory_is_no_list(void)
{
    enum ko_code code = KO_E_MEMORY;
    char name[8];

    folder_begin();
    for (int i = 0; i < 20; i++) {
        (void) snprintf(name, sizeof name, "n%d", i);
        file_write(name, KO_SLICE(""));
    }
    for (uint64_t nth = 1; code != KO_OK; nth++) {
        const uint64_t n_live = ko_mem_live();
        struct ko_error err = {0};
        struct ko_names names = {0};

        ko_mem_fail_nth(nth);
        code = ko_folder_list(temp_folder, &names, &err);
        ko_mem_fail_nth(0);
        CHECK_CODE(err, nth <= 22 ? KO_E_MEMORY : KO_OK);
        ko_names_clear(&names);
        assert_int_equal(ko_mem_live(), n_live);
    }
    folder_end();
}

CASES = {
    CASE(paths_are_joined_or_refused),
    CASE(a_file_is_read_whole_behind_what_is_there),
    CASE(a_file_larger_than_any_read_is_read_whole),
    CASE(a_replaced_file_is_whole_and_nothing_stays_beside_it),
    CASE(a_replacement_that_fails_leaves_the_old_file),
    CASE(only_one_creates_a_file),
    CASE(a_creation_that_fails_leaves_nothing),
    CASE(a_full_disk_is_told_with_a_hint),
    CASE(a_closed_file_is_neither_written_nor_read),
    CASE(a_renamed_file_replaces_another),
    CASE(what_is_not_there_need_not_be_removed),
    CASE(folders_are_made_with_those_above_them),
    CASE(a_folder_is_removed_with_all_below_it),
    CASE(names_are_listed_in_byte_order),
    CASE(a_list_without_memory_is_no_list),
};
RUN_CASES
