#include "keepone/store/review.h"

#include "keepone/base/file.h"
#include "keepone/base/mem.h"
#include "keepone/base/stream.h"

enum { COPY_BYTES = 256 * 1024 };

#define REVIEW_NAME "review.jsonl.zst"

enum ko_code
ko_review_writer_open(const char *dir, uint32_t rank, struct ko_line_writer **writer,
                      struct ko_error *err)
{
    char path[KO_PATH_BYTES];

    *writer = NULL;
    if (ko_path_join(path, err, dir, "review.rank-%05u.tmp", rank) == KO_OK)
        (void) ko_line_writer_open(path, 1, writer, err);
    return err->code;
}

/* Files of zstd frames may be put one behind the other: bytes are copied as they are. */
static enum ko_code
copy_file(const char *path, struct ko_file_writer *to, char *buffer, struct ko_error *err)
{
    struct ko_file_reader *from = NULL;
    size_t n = 1;

    KO_TRY(ko_file_reader_open(path, &from, err));
    while (n > 0) {
        KO_TRY(ko_file_reader_next(from, buffer, COPY_BYTES, &n, err));
        KO_TRY(ko_file_writer_add(to, (struct ko_slice){buffer, n}, err));
    }

done:
    ko_file_reader_close(from);
    return err->code;
}

static enum ko_code
copy_all(const char *dir, uint32_t n_ranks, struct ko_file_writer *to, struct ko_error *err)
{
    char *buffer = ko_alloc(COPY_BYTES, err);

    if (buffer == NULL)
        return err->code;
    for (uint32_t rank = 0; rank < n_ranks; rank++) {
        char path[KO_PATH_BYTES];

        KO_TRY(ko_path_join(path, err, dir, "review.rank-%05u.tmp", rank));
        KO_TRY(copy_file(path, to, buffer, err));
    }

done:
    ko_free(buffer);
    return err->code;
}

/* Also those of an earlier start with more ranks, and what a crash left of them. */
static enum ko_code
remove_parts(const char *dir, struct ko_error *err)
{
    static const char prefix[] = "review.rank-";
    struct ko_names names;

    if (ko_folder_list(dir, &names, err) != KO_OK)
        return err->code;
    for (size_t i = 0; i < names.n; i++) {
        char path[KO_PATH_BYTES];

        if (strncmp(names.names[i].text, prefix, sizeof prefix - 1) != 0)
            continue;
        KO_TRY(ko_path_join(path, err, dir, "%s", names.names[i].text));
        KO_TRY(ko_file_remove(path, err));
    }

done:
    ko_names_clear(&names);
    return err->code;
}

enum ko_code
ko_review_merge(const char *dir, uint32_t n_ranks, struct ko_error *err)
{
    char path[KO_PATH_BYTES];
    struct ko_file_writer *writer = NULL;

    KO_ASSERT(n_ranks > 0);
    KO_TRY(ko_path_join(path, err, dir, REVIEW_NAME));
    KO_TRY(ko_file_writer_open(path, NULL, &writer, err));
    KO_TRY(copy_all(dir, n_ranks, writer, err));
    (void) ko_file_writer_close(writer, err);
    writer = NULL;
    KO_TRY(err->code);
    KO_TRY(remove_parts(dir, err));

done:
    ko_file_writer_abandon(writer);
    return err->code;
}

enum ko_code
ko_review_reader_open(const char *dir, struct ko_line_reader **reader, struct ko_error *err)
{
    char path[KO_PATH_BYTES];

    *reader = NULL;
    if (ko_path_join(path, err, dir, REVIEW_NAME) == KO_OK)
        (void) ko_line_reader_open(path, NULL, reader, err);
    return err->code;
}
