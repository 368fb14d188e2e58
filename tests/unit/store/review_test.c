#include "keepone/store/review.h"

#include "run_support.h"

/* A rank's file with a line for each letter. */
static void
write_rank(uint32_t rank, const char *letters)
{
    struct ko_line_writer *writer = NULL;
    struct ko_error err = {0};

    (void) ko_review_writer_open(temp_folder, rank, &writer, &err);
    CHECK_OK(err);
    for (; *letters != '\0'; letters++)
        (void) ko_line_writer_add(writer, (struct ko_slice){letters, 1}, &err);
    (void) ko_line_writer_close(writer, NULL, &err);
    CHECK_OK(err);
}

/* All lines in a row. */
static const char *
read_review(void)
{
    static char text[64];
    struct ko_line_reader *reader = NULL;
    struct ko_error err = {0};
    struct ko_slice line;
    size_t n = 0;

    (void) ko_review_reader_open(temp_folder, &reader, &err);
    CHECK_OK(err);
    text[0] = '\0';
    for (;;) {
        (void) ko_line_reader_next(reader, &line, &err);
        CHECK_OK(err);
        if (line.data == NULL)
            break;
        n += (size_t) snprintf(text + n, sizeof text - n, "%.*s", KO_SLICE_ARG(line));
    }
    ko_line_reader_close(reader);
    return text;
}

static void
ranks_follow_each_other(void)
{
    struct ko_error err = {0};

    folder_begin();
    write_rank(2, "d");
    write_rank(0, "ab");
    write_rank(1, "");
    write_rank(10, "z");
    (void) ko_review_merge(temp_folder, 3, &err);
    CHECK_OK(err);
    CHECK_TEXT(read_review(), "abd");
    CHECK_TEXT(folder_names(), "review.jsonl.zst ");
    folder_end();
}

static void
a_review_without_groups_is_a_file(void)
{
    struct ko_error err = {0};

    folder_begin();
    write_rank(0, "");
    (void) ko_review_merge(temp_folder, 1, &err);
    CHECK_OK(err);
    CHECK_TEXT(read_review(), "");
    folder_end();
}

static void
a_missing_rank_leaves_the_old_review(void)
{
    struct ko_error err = {0};

    folder_begin();
    write_rank(0, "old");
    (void) ko_review_merge(temp_folder, 1, &err);
    write_rank(0, "new");
    (void) ko_review_merge(temp_folder, 2, &err);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, "review.rank-00001.tmp");
    CHECK_TEXT(read_review(), "old");
    CHECK_TEXT(folder_names(), "review.jsonl.zst review.rank-00000.tmp ");
    folder_end();
}

static void
a_full_disk_leaves_no_half_review(void)
{
    struct ko_error err = {0};

    folder_begin();
    write_rank(0, "abc");
    disk_limit(4);
    (void) ko_review_merge(temp_folder, 1, &err);
    disk_limit(0);
    CHECK_CODE(err, KO_E_IO);
    CHECK_TEXT(folder_names(), "review.rank-00000.tmp ");
    folder_end();
}

CASES = {
    CASE(ranks_follow_each_other),
    CASE(a_review_without_groups_is_a_file),
    CASE(a_missing_rank_leaves_the_old_review),
    CASE(a_full_disk_leaves_no_half_review),
};
RUN_CASES
