#include "keepone/store/review.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "keepone/base/file.h"
#include "keepone/base/mem.h"

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
copy_file(const char *path, int to, const char *to_path, char *buffer, struct ko_error *err)
{
    const int from = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 1;

    if (from < 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot open '%s'", path);
    while (n > 0) {
        if (ko_read_some(from, buffer, COPY_BYTES, &n, path, err) != KO_OK ||
            ko_write_all(to, (struct ko_slice){buffer, n}, to_path, err) != KO_OK)
            break;
    }
    (void) close(from);
    return err->code;
}

static enum ko_code
copy_all(const char *dir, uint32_t n_ranks, int to, const char *to_path, struct ko_error *err)
{
    char *buffer = ko_alloc(COPY_BYTES, err);

    if (buffer == NULL)
        return err->code;
    for (uint32_t rank = 0; rank < n_ranks; rank++) {
        char path[KO_PATH_BYTES];

        KO_TRY(ko_path_join(path, err, dir, "review.rank-%05u.tmp", rank));
        KO_TRY(copy_file(path, to, to_path, buffer, err));
    }
    if (fsync(to) != 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot make '%s' durable", to_path);

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

        if (strncmp(names.names[i], prefix, sizeof prefix - 1) != 0)
            continue;
        KO_TRY(ko_path_join(path, err, dir, "%s", names.names[i]));
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
    char temp[KO_PATH_BYTES];
    int to;

    KO_ASSERT(n_ranks > 0);
    KO_TRY(ko_path_join(path, err, dir, REVIEW_NAME));
    KO_TRY(ko_path_join(temp, err, dir, REVIEW_NAME ".tmp"));
    to = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (to < 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot create '%s'", temp);
    (void) copy_all(dir, n_ranks, to, temp, err);
    if (close(to) != 0 && err->code == KO_OK)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot close '%s'", temp);
    if (err->code == KO_OK)
        (void) ko_file_rename(temp, path, err);
    if (err->code != KO_OK)
        (void) unlink(temp);
    KO_TRY(err->code);
    KO_TRY(remove_parts(dir, err));

done:
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
