#include "keepone/base/mount.h"

#include <ctype.h>

enum { MOUNTS_MAX = 4 };

static struct {
    const char *prefix; /* NULL: this place is free */
    struct ko_mount mount;
} mounts[MOUNTS_MAX];

void
ko_mount_set(const char *prefix, const struct ko_mount_ops *ops, void *self)
{
    size_t place = MOUNTS_MAX;

    for (size_t i = 0; i < MOUNTS_MAX; i++) {
        if (mounts[i].prefix == NULL ? place == MOUNTS_MAX : strcmp(mounts[i].prefix, prefix) == 0)
            place = i;
    }
    KO_ASSERT(place < MOUNTS_MAX);
    mounts[place].prefix = ops == NULL ? NULL : prefix;
    mounts[place].mount = (struct ko_mount){ops, self};
}

bool
ko_path_is_remote(const char *path)
{
    size_t n = 0;

    while (isalnum((unsigned char) path[n]) || (n > 0 && strchr("+-.", path[n]) != NULL && path[n]))
        n++;
    return n > 1 && strncmp(path + n, "://", 3) == 0;
}

enum ko_code
ko_mount_of(const char *path, struct ko_mount *mount, struct ko_error *err)
{
    *mount = (struct ko_mount){NULL, NULL};
    if (!ko_path_is_remote(path))
        return KO_OK;
    for (size_t i = 0; i < MOUNTS_MAX; i++) {
        if (mounts[i].prefix != NULL &&
            strncmp(path, mounts[i].prefix, strlen(mounts[i].prefix)) == 0) {
            *mount = mounts[i].mount;
            return KO_OK;
        }
    }
    (void) ko_fail(err, KO_E_OPTION, "nothing is known that could be at '%s'", path);
    ko_hint(err, "name a local folder, or s3://BUCKET/PREFIX.");
    return err->code;
}
