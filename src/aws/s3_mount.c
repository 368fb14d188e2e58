#include "keepone/aws/s3_mount.h"

#include "keepone/base/mem.h"
#include "keepone/base/mount.h"

struct ko_s3_mount {
    struct ko_s3 *client;
};

static struct ko_s3 *
client_of(void *self)
{
    return ((struct ko_s3_mount *) self)->client;
}

static enum ko_code
stat_object(void *self, const char *path, bool *exists, uint64_t *size_bytes, struct ko_error *err)
{
    struct ko_s3_location at;

    *exists = false;
    *size_bytes = 0;
    KO_TRY(ko_s3_locate(path, &at, err));
    if (at.key[0] != '\0')
        KO_TRY(ko_s3_stat(client_of(self), &at, exists, size_bytes, err));

done:
    return err->code;
}

static enum ko_code
read_object(void *self, const char *path, uint64_t max_bytes, struct ko_buf *out,
            struct ko_error *err)
{
    struct ko_s3_location at;

    KO_TRY(ko_s3_locate(path, &at, err));
    KO_TRY(ko_s3_read(client_of(self), &at, max_bytes, out, err));

done:
    return err->code;
}

static enum ko_code
replace_object(void *self, const char *path, struct ko_slice content, struct ko_error *err)
{
    struct ko_s3_location at;

    KO_TRY(ko_s3_locate(path, &at, err));
    KO_TRY(ko_s3_put(client_of(self), &at, content, err));

done:
    return err->code;
}

static enum ko_code
create_object(void *self, const char *path, struct ko_slice content, bool *created,
              struct ko_error *err)
{
    struct ko_s3_location at;

    *created = false;
    KO_TRY(ko_s3_locate(path, &at, err));
    KO_TRY(ko_s3_create(client_of(self), &at, content, created, err));

done:
    return err->code;
}

static enum ko_code
remove_object(void *self, const char *path, struct ko_error *err)
{
    struct ko_s3_location at;

    KO_TRY(ko_s3_locate(path, &at, err));
    KO_TRY(ko_s3_remove(client_of(self), &at, err));

done:
    return err->code;
}

/* The location of everything below the path: its key ends in a slash, or is that of a bucket. */
static enum ko_code
locate_folder(const char *path, struct ko_s3_location *at, struct ko_error *err)
{
    size_t n;

    KO_TRY(ko_s3_locate(path, at, err));
    n = strlen(at->key);
    if (n == 0 || at->key[n - 1] == '/')
        return KO_OK;
    if (n + 2 > sizeof at->key)
        return ko_fail(err, KO_E_OPTION, "'%s' is too long for a folder of S3", path);
    at->key[n] = '/';
    at->key[n + 1] = '\0';

done:
    return err->code;
}

struct listing {
    size_t prefix_n;
    struct ko_names *names;
};

/* An object whose name is the folder's own is what some tools make for a folder: no entry. */
static enum ko_code
add_name(void *self, const struct ko_s3_entry *entry, struct ko_error *err)
{
    const struct listing *const listing = self;
    struct ko_slice name = entry->key;

    if (name.n < listing->prefix_n)
        return ko_fail(err, KO_E_CORRUPT, "the listing has a key that was not asked for");
    name.data += listing->prefix_n;
    name.n -= listing->prefix_n;
    if (entry->is_folder && name.n > 0 && name.data[name.n - 1] == '/')
        name.n--;
    if (name.n == 0)
        return KO_OK;
    return ko_names_add(listing->names, name,
                        entry->is_folder ? KO_SIZE_OF_FOLDER : entry->size_bytes, err);
}

static enum ko_code
list_folder(void *self, const char *path, struct ko_names *names, struct ko_error *err)
{
    struct ko_s3_location at;
    struct listing listing = {.names = names};

    KO_TRY(locate_folder(path, &at, err));
    listing.prefix_n = strlen(at.key);
    KO_TRY(ko_s3_list(client_of(self), &at, true, add_name, &listing, err));
    ko_names_sort(names);

done:
    return err->code;
}

static enum ko_code
remove_folder(void *self, const char *path, struct ko_error *err)
{
    struct ko_s3_location at;

    KO_TRY(locate_folder(path, &at, err));
    KO_TRY(ko_s3_remove_below(client_of(self), &at, err));

done:
    return err->code;
}

static enum ko_code
open_read(void *self, const char *path, void **stream, struct ko_error *err)
{
    struct ko_s3_download *download = NULL;
    struct ko_s3_location at;

    KO_TRY(ko_s3_locate(path, &at, err));
    KO_TRY(ko_s3_download_open(client_of(self), &at, &download, err));
    *stream = download;

done:
    return err->code;
}

static enum ko_code
read_some(void *stream, void *to, size_t n, size_t *n_read, struct ko_error *err)
{
    return ko_s3_download_read(stream, to, n, n_read, err);
}

static bool
is_ready(void *stream)
{
    return ko_s3_download_is_ready(stream);
}

static void
wait_read(void *stream, unsigned max_us)
{
    ko_s3_download_wait(stream, max_us);
}

static void
close_read(void *stream)
{
    ko_s3_download_close(stream);
}

static enum ko_code
open_write(void *self, const char *path, void **stream, struct ko_error *err)
{
    struct ko_s3_upload *upload = NULL;
    struct ko_s3_location at;

    KO_TRY(ko_s3_locate(path, &at, err));
    KO_TRY(ko_s3_upload_open(client_of(self), &at, &upload, err));
    *stream = upload;

done:
    return err->code;
}

static enum ko_code
write_some(void *stream, struct ko_slice content, struct ko_error *err)
{
    return ko_s3_upload_add(stream, content, err);
}

static enum ko_code
finish_write(void *stream, struct ko_error *err)
{
    return ko_s3_upload_finish(stream, err);
}

static void
abandon_write(void *stream)
{
    ko_s3_upload_abandon(stream);
}

static enum ko_code
finish_write_later(void *stream, struct ko_error *err)
{
    return ko_s3_upload_finish_later(stream, err);
}

static enum ko_code
sync_writes(void *self, struct ko_error *err)
{
    return ko_s3_sync(client_of(self), err);
}

static const char prefix[] = "s3://";

static const struct ko_mount_ops ops = {
    .stat = stat_object,
    .read = read_object,
    .replace = replace_object,
    .create = create_object,
    .remove = remove_object,
    .list = list_folder,
    .remove_folder = remove_folder,
    .open_read = open_read,
    .read_some = read_some,
    .is_ready = is_ready,
    .wait_read = wait_read,
    .close_read = close_read,
    .open_write = open_write,
    .write = write_some,
    .finish_write = finish_write,
    .abandon_write = abandon_write,
    .finish_write_later = finish_write_later,
    .sync = sync_writes,
};

enum ko_code
ko_s3_mount_open(const struct ko_s3_options *options, struct ko_s3_mount **mount,
                 struct ko_error *err)
{
    struct ko_s3_mount *made = ko_alloc(sizeof *made, err);

    if (made == NULL)
        return err->code;
    KO_TRY(ko_s3_open(options, &made->client, err));
    ko_mount_set(prefix, &ops, made);
    *mount = made;
    return KO_OK;

done:
    ko_free(made);
    return err->code;
}

void
ko_s3_mount_close(struct ko_s3_mount *mount)
{
    if (mount == NULL)
        return;
    ko_mount_set(prefix, NULL, NULL);
    ko_s3_close(mount->client);
    ko_free(mount);
}
