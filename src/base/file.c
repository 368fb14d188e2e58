#include "keepone/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keepone/base/mem.h"
#include "keepone/base/random.h"

enum { READ_BYTES = 256 * 1024 };

enum ko_code
ko_path_join(char path[KO_PATH_BYTES], struct ko_error *err, const char *folder,
             const char *name_format, ...)
{
    va_list args;
    int n = snprintf(path, KO_PATH_BYTES, "%s/", folder);
    int m;

    if (n < 0 || n >= KO_PATH_BYTES)
        return ko_fail(err, KO_E_OPTION, "the path '%.64s...' is too long", folder);
    va_start(args, name_format);
    m = vsnprintf(path + n, (size_t) (KO_PATH_BYTES - n), name_format, args);
    va_end(args);
    if (m < 0 || m >= KO_PATH_BYTES - n)
        return ko_fail(err, KO_E_OPTION, "a path in '%.64s...' is too long", folder);
    return KO_OK;
}

bool
ko_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

enum ko_code
ko_write_all(int fd, struct ko_slice content, const char *path, struct ko_error *err)
{
    while (content.n > 0) {
        const ssize_t n = write(fd, content.data, content.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ko_fail_errno(err, KO_E_IO, errno, "cannot write '%s'", path);
        content.data += n;
        content.n -= (size_t) n;
    }
    return KO_OK;
}

enum ko_code
ko_read_some(int fd, void *to, size_t n, size_t *n_read, const char *path, struct ko_error *err)
{
    ssize_t got;

    do
        got = read(fd, to, n);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot read '%s'", path);
    *n_read = (size_t) got;
    return KO_OK;
}

enum ko_code
ko_file_read(const char *path, uint64_t max_bytes, struct ko_buf *out, struct ko_error *err)
{
    const size_t start = out->n;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 1;

    if (fd < 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot open '%s'", path);
    while (n > 0) {
        char *room = ko_buf_reserve(out, READ_BYTES);

        if (room == NULL) {
            (void) ko_buf_finish(out, err);
            break;
        }
        if (ko_read_some(fd, room, READ_BYTES, &n, path, err) != KO_OK)
            break;
        ko_buf_commit(out, n);
        if (out->n - start > max_bytes) {
            (void) ko_fail(err, KO_E_CORRUPT, "'%s' is larger than %llu bytes", path,
                           (unsigned long long) max_bytes);
            break;
        }
    }
    (void) close(fd);
    return err->code;
}

/* Writes content to fd, makes it durable and closes fd, whatever happens. */
static enum ko_code
write_and_close(int fd, struct ko_slice content, const char *path, struct ko_error *err)
{
    if (ko_write_all(fd, content, path, err) == KO_OK && fsync(fd) != 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot make '%s' durable", path);
    if (close(fd) != 0 && err->code == KO_OK)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot close '%s'", path);
    return err->code;
}

static enum ko_code
sync_parent(const char *path, struct ko_error *err)
{
    char folder[KO_PATH_BYTES];
    char *slash;

    if (strlen(path) >= sizeof folder)
        return ko_fail(err, KO_E_OPTION, "the path '%.64s...' is too long", path);
    memcpy(folder, path, strlen(path) + 1);
    slash = strrchr(folder, '/');
    if (slash == NULL)
        return ko_folder_sync(".", err);
    slash[slash == folder ? 1 : 0] = '\0';
    return ko_folder_sync(folder, err);
}

enum ko_code
ko_file_replace(const char *path, struct ko_slice content, struct ko_error *err)
{
    char temp[KO_PATH_BYTES];
    char suffix[9];
    int fd;

    ko_random_hex(suffix, 8);
    if (snprintf(temp, sizeof temp, "%s.%s.tmp", path, suffix) >= (int) sizeof temp)
        return ko_fail(err, KO_E_OPTION, "the path '%.64s...' is too long", path);
    fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot create '%s'", temp);
    if (write_and_close(fd, content, temp, err) == KO_OK)
        (void) ko_file_rename(temp, path, err);
    if (err->code != KO_OK)
        (void) unlink(temp);
    return err->code;
}

enum ko_code
ko_file_create(const char *path, struct ko_slice content, bool *created, struct ko_error *err)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    *created = false;
    if (fd < 0 && errno == EEXIST)
        return KO_OK;
    if (fd < 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot create '%s'", path);
    if (write_and_close(fd, content, path, err) == KO_OK)
        (void) sync_parent(path, err);
    if (err->code != KO_OK)
        (void) unlink(path);
    *created = err->code == KO_OK;
    return err->code;
}

enum ko_code
ko_file_rename(const char *from, const char *to, struct ko_error *err)
{
    if (rename(from, to) != 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot rename '%s' to '%s'", from, to);
    return sync_parent(to, err);
}

enum ko_code
ko_file_remove(const char *path, struct ko_error *err)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot remove '%s'", path);
    return KO_OK;
}

enum ko_code
ko_folder_make(const char *path, struct ko_error *err)
{
    char partial[KO_PATH_BYTES];
    const size_t n = strlen(path);

    if (n == 0 || n >= sizeof partial)
        return ko_fail(err, KO_E_OPTION, "'%.64s' cannot be the path of a folder", path);
    memcpy(partial, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (partial[i] != '/' && partial[i] != '\0')
            continue;
        partial[i] = '\0';
        if (mkdir(partial, 0777) == 0)
            (void) sync_parent(partial, err);
        else if (errno != EEXIST)
            (void) ko_fail_errno(err, KO_E_IO, errno, "cannot make the folder '%s'", partial);
        if (err->code != KO_OK)
            return err->code;
        partial[i] = path[i];
    }
    return KO_OK;
}

enum ko_code
ko_folder_sync(const char *path, struct ko_error *err)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot open the folder '%s'", path);
    /* Some network file systems cannot sync a folder (EINVAL); their renames are durable. */
    if (fsync(fd) != 0 && errno != EINVAL)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot make the folder '%s' durable", path);
    (void) close(fd);
    return err->code;
}

enum ko_code
ko_disk_sync(const char *path, struct ko_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot open '%s'", path);
    if (syncfs(fd) != 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot make the files in '%s' durable", path);
    (void) close(fd);
    return err->code;
}

enum ko_code
ko_folder_remove(const char *path, struct ko_error *err)
{
    struct ko_names names = {0};
    struct stat status;

    if (lstat(path, &status) != 0)
        return errno == ENOENT ? KO_OK
                               : ko_fail_errno(err, KO_E_IO, errno, "cannot look at '%s'", path);
    if (!S_ISDIR(status.st_mode))
        return ko_file_remove(path, err);
    KO_TRY(ko_folder_list(path, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        char below[KO_PATH_BYTES];

        KO_TRY(ko_path_join(below, err, path, "%s", names.names[i]));
        KO_TRY(ko_folder_remove(below, err));
    }
    if (rmdir(path) != 0 && errno != ENOENT)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot remove the folder '%s'", path);

done:
    ko_names_clear(&names);
    return err->code;
}

static enum ko_code
add_name(struct ko_names *names, size_t *capacity, const char *name, struct ko_error *err)
{
    if (names->n == *capacity) {
        const size_t grown = *capacity == 0 ? 16 : *capacity * 2;
        char **moved = ko_realloc(names->names, grown * sizeof *moved, err);

        if (moved == NULL)
            return err->code;
        names->names = moved;
        *capacity = grown;
    }
    names->names[names->n] = ko_copy_text(ko_slice_of(name), err);
    if (names->names[names->n] != NULL)
        names->n++;
    return err->code;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

enum ko_code
ko_folder_list(const char *path, struct ko_names *names, struct ko_error *err)
{
    DIR *folder = opendir(path);
    size_t capacity = 0;
    const struct dirent *entry;

    *names = (struct ko_names){0};
    if (folder == NULL)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot list the folder '%s'", path);
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (add_name(names, &capacity, entry->d_name, err) != KO_OK)
            break;
    }
    if (entry == NULL && errno != 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot list the folder '%s'", path);
    (void) closedir(folder);
    if (err->code != KO_OK)
        ko_names_clear(names);
    else if (names->n > 1)
        qsort(names->names, names->n, sizeof *names->names, compare_names);
    return err->code;
}

void
ko_names_clear(struct ko_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        ko_free(names->names[i]);
    ko_free(names->names);
    *names = (struct ko_names){0};
}
