#include "keepone/base/stream.h"

#include "support/trial_mount.h"
#include "unit/store/temp_folder.h"

/* Cases run on the disk and on a mount, which have this in common. */

static bool is_on_mount;

static void
begin(bool on_mount)
{
    is_on_mount = on_mount;
    if (!on_mount) {
        folder_begin();
        return;
    }
    mount_begin();
    (void) snprintf(temp_folder, sizeof temp_folder, "test://b/f");
}

static void
end(void)
{
    if (is_on_mount)
        mount_end();
    else
        folder_end();
}

#define ON_BOTH for (int on_mount = 0; on_mount < 2; on_mount++)

static const char *
names(void)
{
    return is_on_mount ? mount_names(temp_folder) : folder_names();
}

/* Adds two texts and closes. */
static enum ko_code
write_file(const char *name, const char *one, const char *two, bool sync_later,
           struct ko_error *err)
{
    const struct ko_file_writer_options options = {.sync_later = sync_later};
    struct ko_file_writer *writer = NULL;

    KO_TRY(ko_file_writer_open(file_at(name), &options, &writer, err));
    KO_TRY(ko_file_writer_add(writer, ko_slice_of(one), err));
    KO_TRY(ko_file_writer_add(writer, ko_slice_of(two), err));
    return ko_file_writer_close(writer, err);

done:
    ko_file_writer_abandon(writer);
    return err->code;
}

static void
check_content(const char *name, const char *expected)
{
    struct ko_buf content = {0};

    file_read(name, &content);
    CHECK_SLICE(ko_buf_slice(&content), expected);
    ko_buf_clear(&content);
}

static void
a_file_appears_when_it_is_closed(void)
{
    ON_BOTH
    {
        struct ko_file_writer *writer = NULL;
        struct ko_error err = {0};

        begin(on_mount);
        (void) write_file("a", "old", "", false, &err);
        (void) ko_file_writer_open(file_at("a"), NULL, &writer, &err);
        (void) ko_file_writer_add(writer, KO_SLICE("new "), &err);
        (void) ko_file_writer_add(writer, KO_SLICE("content"), &err);
        CHECK_OK(err);
        check_content("a", "old");
        (void) ko_file_writer_close(writer, &err);
        CHECK_OK(err);
        check_content("a", "new content");
        CHECK_TEXT(names(), "a ");
        end();
    }
}

static void
an_abandoned_file_leaves_nothing(void)
{
    ON_BOTH
    {
        struct ko_file_writer *writer = NULL;
        struct ko_error err = {0};

        begin(on_mount);
        (void) ko_file_writer_open(file_at("a"), NULL, &writer, &err);
        (void) ko_file_writer_add(writer, KO_SLICE("content"), &err);
        CHECK_OK(err);
        ko_file_writer_abandon(writer);
        ko_file_writer_abandon(NULL);
        CHECK_TEXT(names(), "");
        end();
    }
}

static void
one_of_many_is_there_after_the_sync(void)
{
    ON_BOTH
    {
        struct ko_error err = {0};

        begin(on_mount);
        (void) write_file("a", "one", "", true, &err);
        (void) write_file("b", "two", "", true, &err);
        (void) ko_disk_sync(temp_folder, &err);
        CHECK_OK(err);
        CHECK_TEXT(names(), "a b ");
        check_content("b", "two");
        end();
    }
}

static void
reading_goes_from_start_to_end(void)
{
    ON_BOTH
    {
        struct ko_file_reader *reader = NULL;
        struct ko_error err = {0};
        char text[16];
        size_t n;

        begin(on_mount);
        (void) write_file("a", "0123", "456789", false, &err);
        (void) ko_file_reader_open(file_at("a"), &reader, &err);
        CHECK_OK(err);
        CHECK_TEXT(ko_file_reader_path(reader), file_at("a"));
        assert_int_equal(ko_file_reader_is_local(reader), !on_mount);
        assert_int_equal(ko_file_reader_is_ready(reader), !on_mount);
        ko_file_reader_wait(reader, 1);
        assert_true(ko_file_reader_is_ready(reader));
        (void) ko_file_reader_next(reader, text, 6, &n, &err);
        CHECK_SLICE(((struct ko_slice){text, n}), "012345");
        (void) ko_file_reader_next(reader, text, sizeof text, &n, &err);
        CHECK_SLICE(((struct ko_slice){text, n}), "6789");
        (void) ko_file_reader_next(reader, text, sizeof text, &n, &err);
        CHECK_OK(err);
        assert_int_equal(n, 0);
        (void) ko_file_reader_seek(reader, 8, &err);
        CHECK_CODE(err, on_mount ? KO_E_BUG : KO_OK);
        ko_file_reader_close(reader);
        ko_file_reader_close(NULL);
        end();
    }
}

static void
a_file_that_is_not_there_is_an_error_by_the_first_read(void)
{
    ON_BOTH
    {
        struct ko_file_reader *reader = NULL;
        struct ko_error err = {0};
        char text[16];
        size_t n;

        begin(on_mount);
        if (ko_file_reader_open(file_at("a"), &reader, &err) == KO_OK)
            (void) ko_file_reader_next(reader, text, sizeof text, &n, &err);
        CHECK_CODE(err, KO_E_IO);
        CHECK_ERROR_SAYS(err, file_at("a"));
        ko_file_reader_close(reader);
        end();
    }
}

static void
there_or_not_is_known_or_an_error(void)
{
    ON_BOTH
    {
        struct ko_error err = {0};
        uint64_t size_bytes = 7;
        bool exists[6];

        begin(on_mount);
        (void) write_file("d", "0123", "456789", false, &err);
        (void) ko_file_exists(file_at("d"), &exists[0], &err);
        (void) ko_file_exists(file_at("none/x"), &exists[1], &err);
        (void) ko_file_size(file_at("d"), &exists[2], &size_bytes, &err);
        (void) ko_folder_exists(temp_folder, &exists[3], &err);
        (void) ko_folder_exists(file_at("d"), &exists[4], &err);
        (void) ko_folder_exists(file_at("none"), &exists[5], &err);
        CHECK_OK(err);
        assert_true(exists[0] && !exists[1] && exists[2] && exists[3] && !exists[4] && !exists[5]);
        assert_int_equal(size_bytes, 10);
        end();
    }
}

/* A link that leads back to itself can be neither there nor absent. */
static void
what_cannot_be_looked_at_is_not_absent(void)
{
    struct ko_error errors[3] = {{0}};
    uint64_t size_bytes;
    bool exists;

    begin(false);
    assert_int_equal(symlink("loop", file_at("loop")), 0);
    (void) ko_file_exists(file_at("loop"), &exists, &errors[0]);
    (void) ko_file_size(file_at("loop"), &exists, &size_bytes, &errors[1]);
    (void) ko_folder_exists(file_at("loop"), &exists, &errors[2]);
    for (size_t i = 0; i < 3; i++)
        CHECK_CODE(errors[i], KO_E_IO);
    end();
}

static void
every_failure_leaves_the_old_file(void)
{
    struct ko_error err = {0};

    begin(true);
    mount_put("test://b/f/a", KO_SLICE("old"));
    MOUNT_TORTURE(err, (void) 0, write_file("a", "new", " one", false, &err),
                  check_content("a", "old"));
    check_content("a", "new one");
    end();
}

static void
a_full_disk_leaves_the_old_file(void)
{
    char large[8192];
    struct ko_error err = {0};

    begin(false);
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    (void) write_file("a", "old", "", false, &err);
    disk_limit(4096);
    (void) write_file("a", large, "", false, &err);
    disk_limit(0);
    CHECK_CODE(err, KO_E_IO);
    check_content("a", "old");
    CHECK_TEXT(folder_names(), "a ");
    end();
}

static void
nothing_more_is_written_after_a_failure(void)
{
    struct ko_file_writer *writer = NULL;
    struct ko_error err = {0};

    begin(true);
    (void) ko_file_writer_open(file_at("a"), NULL, &writer, &err);
    CHECK_OK(err);
    mount_fail_nth(1);
    (void) ko_file_writer_add(writer, KO_SLICE("x"), &err);
    CHECK_CODE(err, KO_E_AWS);
    err = (struct ko_error){0};
    (void) ko_file_writer_close(writer, &err);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, "has failed before");
    CHECK_TEXT(names(), "");
    end();
}

static void
schemes_lead_to_mounts(void)
{
    struct ko_mount found;
    struct ko_error err = {0};

    begin(true);
    assert_true(ko_path_is_remote("test://") && ko_path_is_remote("s3://b/c"));
    assert_false(ko_path_is_remote("/tmp") || ko_path_is_remote("s3:/b") || ko_path_is_remote(""));
    assert_false(ko_path_is_remote("./s3://b") || ko_path_is_remote("://b"));
    (void) ko_mount_of("test://b/x", &found, &err);
    assert_non_null(found.ops);
    (void) ko_mount_of("/tmp/test://b", &found, &err);
    CHECK_OK(err);
    assert_null(found.ops);
    (void) ko_mount_of("other://b", &found, &err);
    CHECK_CODE(err, KO_E_OPTION);
    CHECK_ERROR_SAYS(err, "other://b");
    end();
}

CASES = {
    CASE(a_file_appears_when_it_is_closed),
    CASE(an_abandoned_file_leaves_nothing),
    CASE(one_of_many_is_there_after_the_sync),
    CASE(reading_goes_from_start_to_end),
    CASE(a_file_that_is_not_there_is_an_error_by_the_first_read),
    CASE(there_or_not_is_known_or_an_error),
    CASE(what_cannot_be_looked_at_is_not_absent),
    CASE(every_failure_leaves_the_old_file),
    CASE(a_full_disk_leaves_the_old_file),
    CASE(nothing_more_is_written_after_a_failure),
    CASE(schemes_lead_to_mounts),
};
RUN_CASES
