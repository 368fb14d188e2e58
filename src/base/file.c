#include "keepone/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_priv.h"
#include "keepone/base/mount.h"
#include "keepone/base/random.h"

enum { READ_BYTES = 256 * 1024 };

enum ko_code
ko_path_copy(char path[KO_PATH_BYTES], const char *from, struct ko_error *err)
{
    const size_t n = strlen(from);

    if (n >= KO_PATH_BYTES)
        return ko_fail(err, KO_E_OPTION, "the path '%.64s...' is too long", from);
    memcpy(path, from, n + 1);
    return KO_OK;
}

enum ko_code
ko_path_join(char path[KO_PATH_BYTES], struct ko_error *err, const char *folder,
             const char *name_format, ...)
{
    size_t folder_bytes = strlen(folder);
    va_list args;
    int n;
    int m;

    while (folder_bytes > 0 && folder[folder_bytes - 1] == '/')
        folder_bytes--;
    n = snprintf(path, KO_PATH_BYTES, "%.*s/",
                 folder_bytes > INT_MAX ? INT_MAX : (int) folder_bytes, folder);
    if (n < 0 || n >= KO_PATH_BYTES)
        return ko_fail(err, KO_E_OPTION, "the path '%.64s...' is too long", folder);
    va_start(args, name_format);
    m = vsnprintf(path + n, (size_t) (KO_PATH_BYTES - n), name_format, args);
    va_end(args);
    if (m < 0 || m >= KO_PATH_BYTES - n)
        return ko_fail(err, KO_E_OPTION, "a path in '%.64s...' is too long", folder);
    return KO_OK;
}

enum ko_code
ko_file_status(const char *path, bool *exists, struct stat *status, struct ko_error *err)
{
    *exists = stat(path, status) == 0;
    if (!*exists && errno != ENOENT && errno != ENOTDIR)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot look at '%s'", path);
    return KO_OK;
}

enum ko_code
ko_file_exists(const char *path, bool *exists, struct ko_error *err)
{
    struct ko_mount mount;
    struct stat status;
    uint64_t size_bytes;

    *exists = false;
    KO_TRY(ko_mount_of(path, &mount, err));
    if (mount.ops != NULL)
        return mount.ops->stat(mount.self, path, exists, &size_bytes, err);
    KO_TRY(ko_file_status(path, exists, &status, err));

done:
    return err->code;
}

enum ko_code
ko_file_size(const char *path, bool *exists, uint64_t *size_bytes, struct ko_error *err)
{
    struct ko_mount mount;
    struct stat status;

    *exists = false;
    *size_bytes = 0;
    KO_TRY(ko_mount_of(path, &mount, err));
    if (mount.ops != NULL)
        return mount.ops->stat(mount.self, path, exists, size_bytes, err);
    KO_TRY(ko_file_status(path, exists, &status, err));
    *exists = *exists && S_ISREG(status.st_mode);
    if (*exists)
        *size_bytes = (uint64_t) status.st_size;

done:
    return err->code;
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
    struct ko_mount mount;
    size_t n = 1;
    int fd;

    if (ko_mount_of(path, &mount, err) != KO_OK)
        return err->code;
    if (mount.ops != NULL)
        return mount.ops->read(mount.self, path, max_bytes, out, err);
    fd = open(path, O_RDONLY | O_CLOEXEC);
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

enum ko_code
ko_temp_path(char temp[KO_PATH_BYTES], const char *path, struct ko_error *err)
{
    char suffix[9];

    ko_random_hex(suffix, 8);
    if (snprintf(temp, KO_PATH_BYTES, "%s.%s.tmp", path, suffix) >= KO_PATH_BYTES)
        return ko_fail(err, KO_E_OPTION, "the path '%.64s...' is too long", path);
    return KO_OK;
}

enum ko_code
ko_file_replace(const char *path, struct ko_slice content, struct ko_error *err)
{
    char temp[KO_PATH_BYTES];
    struct ko_mount mount;
    int fd;

    if (ko_mount_of(path, &mount, err) != KO_OK)
        return err->code;
    if (mount.ops != NULL)
        return mount.ops->replace(mount.self, path, content, err);
    if (ko_temp_path(temp, path, err) != KO_OK)
        return err->code;
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
    struct ko_mount mount;
    int fd;

    *created = false;
    if (ko_mount_of(path, &mount, err) != KO_OK)
        return err->code;
    if (mount.ops != NULL)
        return mount.ops->create(mount.self, path, content, created, err);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 && errno == EEXIST)
        return KO_OK;
    if (fd < 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot create '%s'", path);
    if (write_and_close(fd, content, path, err) == KO_OK)
        (void) ko_folder_sync_parent(path, err);
    if (err->code != KO_OK)
        (void) unlink(path);
    *created = err->code == KO_OK;
    return err->code;
}

enum ko_code
ko_file_rename(const char *from, const char *to, struct ko_error *err)
{
    KO_ASSERT(!ko_path_is_remote(from) && !ko_path_is_remote(to));
    if (rename(from, to) != 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot rename '%s' to '%s'", from, to);
    return ko_folder_sync_parent(to, err);
}

enum ko_code
ko_file_remove(const char *path, struct ko_error *err)
{
    struct ko_mount mount;

    if (ko_mount_of(path, &mount, err) != KO_OK)
        return err->code;
    if (mount.ops != NULL)
        return mount.ops->remove(mount.self, path, err);
    if (unlink(path) != 0 && errno != ENOENT)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot remove '%s'", path);
    return KO_OK;
}
