/*
 * A mount in memory, for tests: mount_begin() first, mount_end() last; everything at "test://".
 *
 * mount_fail_nth(n) makes the n-th call from now fail, once, with KO_E_AWS "injected".  A writing
 * call that fails has written nothing, unless mount.is_reply_lost: then it has written all the
 * same.  Streams give mount.read_bytes at most, and are ready every other time only.
 */
#ifndef KEEPONE_TESTS_SUPPORT_TRIAL_MOUNT_H
#define KEEPONE_TESTS_SUPPORT_TRIAL_MOUNT_H

#include "keepone/base/mount.h"
#include "support/test.h"

enum { MOUNT_OBJECTS = 2048 };

struct mount_object {
    char *path; /* NULL: none */
    struct ko_buf content;
};

static struct {
    struct mount_object objects[MOUNT_OBJECTS];
    uint64_t n_calls;
    uint64_t fail_at; /* the call that fails; 0 = none */
    bool is_reply_lost;
    bool has_open_failed;        /* the last call that failed was the opening of a stream to read */
    size_t read_bytes;           /* of one read; 0 = no limit */
    unsigned n_streams;          /* open ones */
    unsigned n_unready;          /* answers of is_ready() that were false */
    void (*before_create)(void); /* somebody else, just before an exclusive creation */
    void (*before_read)(const char *path);
} mount;

static inline void
mount_fail_nth(uint64_t nth)
{
    mount.fail_at = nth == 0 ? 0 : mount.n_calls + nth;
}

static inline bool
mount_call_fails(const char *path, struct ko_error *err)
{
    mount.n_calls++;
    if (mount.n_calls == mount.fail_at)
        mount.has_open_failed = false;
    if (mount.n_calls == mount.fail_at)
        (void) ko_fail(err, KO_E_AWS, "injected failure at '%s'", path);
    return err->code != KO_OK;
}

static inline struct mount_object *
mount_find(const char *path)
{
    for (size_t i = 0; i < MOUNT_OBJECTS; i++)
        if (mount.objects[i].path != NULL && strcmp(mount.objects[i].path, path) == 0)
            return &mount.objects[i];
    return NULL;
}

static inline void
mount_drop(struct mount_object *object)
{
    ko_free(object->path);
    ko_buf_clear(&object->content);
    *object = (struct mount_object){0};
}

/* Replaces what is there. */
static inline void
mount_put(const char *path, struct ko_slice content)
{
    struct ko_error err = {0};
    struct mount_object *object = mount_find(path);

    for (size_t i = 0; i < MOUNT_OBJECTS && object == NULL; i++)
        if (mount.objects[i].path == NULL)
            object = &mount.objects[i];
    assert_non_null(object);
    if (object->path == NULL)
        object->path = ko_copy_text(ko_slice_of(path), &err);
    CHECK_OK(err);
    ko_buf_reset(&object->content);
    ko_buf_add_slice(&object->content, content);
    (void) ko_buf_finish(&object->content, &err);
    CHECK_OK(err);
}

static inline void
mount_remove(const char *path)
{
    struct mount_object *object = mount_find(path);

    assert_non_null(object);
    mount_drop(object);
}

/* ---- ops ---- */

static inline enum ko_code
mount_stat(void *self, const char *path, bool *exists, uint64_t *size_bytes, struct ko_error *err)
{
    const struct mount_object *object = mount_find(path);

    (void) self;
    if (mount_call_fails(path, err))
        return err->code;
    *exists = object != NULL;
    if (object != NULL)
        *size_bytes = object->content.n;
    return KO_OK;
}

static inline enum ko_code
mount_read(void *self, const char *path, uint64_t max_bytes, struct ko_buf *out,
           struct ko_error *err)
{
    const struct mount_object *object;

    (void) self;
    if (mount.before_read != NULL)
        mount.before_read(path);
    object = mount_find(path);
    if (mount_call_fails(path, err))
        return err->code;
    if (object == NULL)
        return ko_fail(err, KO_E_IO, "there is no '%s'", path);
    if (object->content.n > max_bytes)
        return ko_fail(err, KO_E_CORRUPT, "'%s' is larger than %llu bytes", path,
                       (unsigned long long) max_bytes);
    ko_buf_add_slice(out, ko_buf_slice(&object->content));
    return ko_buf_finish(out, err);
}

static inline enum ko_code
mount_replace(void *self, const char *path, struct ko_slice content, struct ko_error *err)
{
    (void) self;
    if (!mount_call_fails(path, err) || mount.is_reply_lost)
        mount_put(path, content);
    return err->code;
}

static inline enum ko_code
mount_create(void *self, const char *path, struct ko_slice content, bool *created,
             struct ko_error *err)
{
    void (*const before)(void) = mount.before_create;

    (void) self;
    mount.before_create = NULL;
    if (before != NULL)
        before();
    *created = false;
    if (mount_call_fails(path, err) && !mount.is_reply_lost)
        return err->code;
    if (mount_find(path) == NULL) {
        mount_put(path, content);
        *created = err->code == KO_OK;
    }
    return err->code;
}

static inline enum ko_code
mount_remove_op(void *self, const char *path, struct ko_error *err)
{
    struct mount_object *object = mount_find(path);

    (void) self;
    if (!mount_call_fails(path, err) && object != NULL)
        mount_drop(object);
    return err->code;
}

/* What stands in path behind "<folder>/", or NULL. */
static inline const char *
mount_below(const char *folder, const char *path)
{
    const size_t n = strlen(folder);

    return path != NULL && strncmp(path, folder, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

static inline enum ko_code
mount_list(void *self, const char *path, struct ko_names *names, struct ko_error *err)
{
    (void) self;
    if (mount_call_fails(path, err))
        return err->code;
    for (size_t i = 0; i < MOUNT_OBJECTS && err->code == KO_OK; i++) {
        const char *const below = mount_below(path, mount.objects[i].path);
        const char *const slash = below == NULL ? NULL : strchr(below, '/');

        if (below != NULL && slash == NULL)
            (void) ko_names_add(names, ko_slice_of(below), mount.objects[i].content.n, err);
        else if (below != NULL)
            (void) ko_names_add(names, (struct ko_slice){below, (size_t) (slash - below)},
                                KO_SIZE_OF_FOLDER, err);
    }
    ko_names_sort(names);
    return err->code;
}

static inline enum ko_code
mount_remove_folder(void *self, const char *path, struct ko_error *err)
{
    (void) self;
    if (mount_call_fails(path, err))
        return err->code;
    for (size_t i = 0; i < MOUNT_OBJECTS; i++)
        if (mount_below(path, mount.objects[i].path) != NULL)
            mount_drop(&mount.objects[i]);
    return KO_OK;
}

/* Of either direction. */
struct mount_stream {
    char *path;
    size_t offset;
    bool is_ready;
    struct ko_buf content;
};

static inline void
mount_free_stream(void *self)
{
    struct mount_stream *stream = self;

    mount.n_streams--;
    ko_buf_clear(&stream->content);
    ko_free(stream->path);
    ko_free(stream);
}

static inline enum ko_code
mount_open(void *self, const char *path, void **stream_out, struct ko_error *err)
{
    struct mount_stream *stream;

    (void) self;
    *stream_out = NULL;
    if (mount_call_fails(path, err))
        return err->code;
    stream = ko_alloc(sizeof *stream, err);
    if (stream == NULL)
        return err->code;
    stream->path = ko_copy_text(ko_slice_of(path), err);
    mount.n_streams++;
    *stream_out = stream;
    if (err->code != KO_OK)
        mount_free_stream(stream);
    return err->code;
}

static inline enum ko_code
mount_open_read(void *self, const char *path, void **stream, struct ko_error *err)
{
    (void) mount_open(self, path, stream, err);
    mount.has_open_failed = mount.has_open_failed || err->code != KO_OK;
    return err->code;
}

static inline enum ko_code
mount_read_some(void *self, void *to, size_t n, size_t *n_read, struct ko_error *err)
{
    struct mount_stream *stream = self;
    const struct mount_object *object = mount_find(stream->path);
    size_t n_left;

    if (mount_call_fails(stream->path, err))
        return err->code;
    if (object == NULL)
        return ko_fail(err, KO_E_IO, "there is no '%s'", stream->path);
    n_left = object->content.n - stream->offset;
    n = n < n_left ? n : n_left;
    if (mount.read_bytes > 0 && n > mount.read_bytes)
        n = mount.read_bytes;
    if (n > 0)
        memcpy(to, object->content.data + stream->offset, n);
    stream->offset += n;
    stream->is_ready = false;
    *n_read = n;
    return KO_OK;
}

static inline bool
mount_is_ready(void *self)
{
    struct mount_stream *stream = self;

    if (stream->is_ready)
        return true;
    mount.n_unready++;
    stream->is_ready = true;
    return false;
}

static inline void
mount_wait_read(void *self, unsigned max_us)
{
    (void) self;
    (void) max_us;
}

static inline enum ko_code
mount_write(void *self, struct ko_slice content, struct ko_error *err)
{
    struct mount_stream *stream = self;

    if (mount_call_fails(stream->path, err))
        return err->code;
    ko_buf_add_slice(&stream->content, content);
    return ko_buf_finish(&stream->content, err);
}

static inline enum ko_code
mount_finish_write(void *self, struct ko_error *err)
{
    struct mount_stream *stream = self;

    if (!mount_call_fails(stream->path, err) || mount.is_reply_lost)
        mount_put(stream->path, ko_buf_slice(&stream->content));
    mount_free_stream(stream);
    return err->code;
}

/* ---- beginning and end ---- */

static inline void
mount_begin(void)
{
    static const struct ko_mount_ops ops = {.stat = mount_stat,
                                            .read = mount_read,
                                            .replace = mount_replace,
                                            .create = mount_create,
                                            .remove = mount_remove_op,
                                            .list = mount_list,
                                            .remove_folder = mount_remove_folder,
                                            .open_read = mount_open_read,
                                            .read_some = mount_read_some,
                                            .is_ready = mount_is_ready,
                                            .wait_read = mount_wait_read,
                                            .close_read = mount_free_stream,
                                            .open_write = mount_open,
                                            .write = mount_write,
                                            .finish_write = mount_finish_write,
                                            .abandon_write = mount_free_stream};

    memset(&mount, 0, sizeof mount);
    ko_mount_set("test://", &ops, NULL);
}

static inline void
mount_clear(void)
{
    for (size_t i = 0; i < MOUNT_OBJECTS; i++)
        mount_drop(&mount.objects[i]);
}

static inline void
mount_end(void)
{
    mount_clear();
    assert_int_equal(mount.n_streams, 0);
    ko_mount_set("test://", NULL, NULL);
}

/* The paths of all objects below a folder, in order, relative, with a space behind each. */
static inline const char *
mount_names(const char *folder)
{
    static char text[4096];
    struct ko_names names = {0};
    struct ko_error err = {0};
    size_t n = 0;

    for (size_t i = 0; i < MOUNT_OBJECTS; i++) {
        const char *const below = mount_below(folder, mount.objects[i].path);

        if (below != NULL)
            (void) ko_names_add(&names, ko_slice_of(below), 0, &err);
    }
    CHECK_OK(err);
    ko_names_sort(&names);
    text[0] = '\0';
    for (size_t i = 0; i < names.n && n < sizeof text; i++)
        n += (size_t) snprintf(text + n, sizeof text - n, "%s ", names.names[i].text);
    ko_names_clear(&names);
    return text;
}

/* Allocations that are not the mount's own objects. */
static inline uint64_t
mount_live_of_others(void)
{
    uint64_t n = ko_mem_live();

    for (size_t i = 0; i < MOUNT_OBJECTS; i++)
        n -= (mount.objects[i].path != NULL ? 1U : 0U) +
             (mount.objects[i].content.data != NULL ? 1U : 0U);
    return n;
}

/*
 * Calls body, an expression of enum ko_code on a clean err, with the 1st, 2nd, ... call to the
 * mount failing, until none does.  prepare comes before each try, check after each that failed.
 * Only an opening before its turn may fail without notice: it is tried again.
 */
#define MOUNT_TORTURE(err, prepare, body, check)                                            \
    do {                                                                                    \
        bool torture_is_over = false;                                                       \
        for (uint64_t nth = 1; !torture_is_over; nth++) {                                   \
            enum ko_code torture_code;                                                      \
            uint64_t live;                                                                  \
            prepare;                                                                        \
            live = mount_live_of_others();                                                  \
            (err) = (struct ko_error){0};                                                   \
            mount_fail_nth(nth);                                                            \
            torture_code = (body);                                                          \
            torture_is_over = mount.n_calls < mount.fail_at;                                \
            mount_fail_nth(0);                                                              \
            CHECK_CODE(err, torture_code == KO_OK ? KO_OK : KO_E_AWS);                      \
            assert_true(torture_code == KO_OK || !torture_is_over);                         \
            assert_true(torture_code != KO_OK || torture_is_over || mount.has_open_failed); \
            assert_int_equal(mount.n_streams, 0);                                           \
            assert_int_equal(mount_live_of_others(), live);                                 \
            if (torture_code != KO_OK)                                                      \
                check;                                                                      \
            assert_true(nth < 10000);                                                       \
        }                                                                                   \
    } while (0)

#endif
