#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_priv.h"
#include "keepone/base/mem.h"
#include "keepone/base/mount.h"

enum ko_code
ko_folder_sync_parent(const char *path, struct ko_error *err)
{
    char folder[KO_PATH_BYTES];
    char *slash;

    if (ko_path_copy(folder, path, err) != KO_OK)
        return err->code;
    slash = strrchr(folder, '/');
    if (slash == NULL)
        return ko_folder_sync(".", err);
    slash[slash == folder ? 1 : 0] = '\0';
    return ko_folder_sync(folder, err);
}

enum ko_code
ko_folder_make(const char *path, struct ko_error *err)
{
    char partial[KO_PATH_BYTES];
    const size_t n = strlen(path);
    struct ko_mount mount;

    if (ko_mount_of(path, &mount, err) != KO_OK || mount.ops != NULL)
        return err->code;
    if (n == 0 || n >= sizeof partial)
        return ko_fail(err, KO_E_OPTION, "'%.64s' cannot be the path of a folder", path);
    memcpy(partial, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (partial[i] != '/' && partial[i] != '\0')
            continue;
        partial[i] = '\0';
        if (mkdir(partial, 0777) == 0)
            (void) ko_folder_sync_parent(partial, err);
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
    struct ko_mount mount;
    int fd;

    if (ko_mount_of(path, &mount, err) != KO_OK || mount.ops != NULL)
        return err->code;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
    struct ko_mount mount;
    int fd;

    if (ko_mount_of(path, &mount, err) != KO_OK)
        return err->code;
    if (mount.ops != NULL)
        return mount.ops->sync == NULL ? KO_OK : mount.ops->sync(mount.self, err);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot open '%s'", path);
    if (syncfs(fd) != 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot make the files in '%s' durable", path);
    (void) close(fd);
    return err->code;
}

static enum ko_code
remove_local(const char *path, struct ko_error *err)
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

        KO_TRY(ko_path_join(below, err, path, "%s", names.names[i].text));
        KO_TRY(remove_local(below, err));
    }
    if (rmdir(path) != 0 && errno != ENOENT)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot remove the folder '%s'", path);

done:
    ko_names_clear(&names);
    return err->code;
}

enum ko_code
ko_folder_remove(const char *path, struct ko_error *err)
{
    struct ko_mount mount;

    if (ko_mount_of(path, &mount, err) != KO_OK)
        return err->code;
    if (mount.ops == NULL)
        return remove_local(path, err);
    /* What goes by this name on a disk may be a file as well. */
    KO_TRY(mount.ops->remove_folder(mount.self, path, err));
    KO_TRY(mount.ops->remove(mount.self, path, err));

done:
    return err->code;
}

/* ---- names ---- */

enum ko_code
ko_names_add(struct ko_names *names, struct ko_slice name, uint64_t size_bytes,
             struct ko_error *err)
{
    if (names->n == names->capacity) {
        const size_t grown = names->capacity == 0 ? 16 : names->capacity * 2;
        struct ko_name *moved = ko_realloc(names->names, grown * sizeof *moved, err);

        if (moved == NULL)
            return err->code;
        names->names = moved;
        names->capacity = grown;
    }
    names->names[names->n] =
        (struct ko_name){.text = ko_copy_text(name, err), .size_bytes = size_bytes};
    if (names->names[names->n].text != NULL)
        names->n++;
    return err->code;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(((const struct ko_name *) a)->text, ((const struct ko_name *) b)->text);
}

void
ko_names_sort(struct ko_names *names)
{
    size_t n = 0;

    if (names->n > 1)
        qsort(names->names, names->n, sizeof *names->names, compare_names);
    for (size_t i = 0; i < names->n; i++) {
        if (n > 0 && strcmp(names->names[n - 1].text, names->names[i].text) == 0)
            ko_free(names->names[i].text);
        else
            names->names[n++] = names->names[i];
    }
    names->n = n;
}

static enum ko_code
list_local(const char *path, struct ko_names *names, struct ko_error *err)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;

    if (folder == NULL)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot list the folder '%s'", path);
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (ko_names_add(names, ko_slice_of(entry->d_name), 0, err) != KO_OK)
            break;
    }
    if (entry == NULL && errno != 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot list the folder '%s'", path);
    (void) closedir(folder);
    ko_names_sort(names);
    return err->code;
}

enum ko_code
ko_folder_list(const char *path, struct ko_names *names, struct ko_error *err)
{
    struct ko_mount mount;

    *names = (struct ko_names){0};
    if (ko_mount_of(path, &mount, err) != KO_OK)
        return err->code;
    if (mount.ops == NULL)
        (void) list_local(path, names, err);
    else
        (void) mount.ops->list(mount.self, path, names, err);
    if (err->code != KO_OK)
        ko_names_clear(names);
    return err->code;
}

enum ko_code
ko_folder_exists(const char *path, bool *exists, struct ko_error *err)
{
    struct ko_names names = {0};
    struct ko_mount mount;
    struct stat status;

    *exists = false;
    KO_TRY(ko_mount_of(path, &mount, err));
    if (mount.ops != NULL) {
        KO_TRY(ko_folder_list(path, &names, err));
        *exists = names.n > 0;
    } else {
        KO_TRY(ko_file_status(path, exists, &status, err));
        *exists = *exists && S_ISDIR(status.st_mode);
    }

done:
    ko_names_clear(&names);
    return err->code;
}

void
ko_names_clear(struct ko_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        ko_free(names->names[i].text);
    ko_free(names->names);
    *names = (struct ko_names){0};
}
