/*
 * Mounts: folders that are not on the local disk, known by how their paths begin ("s3://").
 *
 * Every function of base/file.h and base/stream.h asks here first, so that nobody above knows
 * where a run directory or an export is.  Set once by the command before the first file is
 * touched and taken away at its end; like the clock it counts for the whole process.
 *
 * Thread use: one thread per rank.  MPI: none.
 */
#ifndef KEEPONE_BASE_MOUNT_H
#define KEEPONE_BASE_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/file.h"
#include "keepone/base/slice.h"

/*
 * What a mount can do.  Paths are whole ("s3://bucket/a/b").  Objects are immutable: written whole
 * and visible, durable, at once or not at all; folders are only parts of names.  Calls may block
 * for network time-outs, retries inside, but for the read stream where said.
 * Errors: KO_E_IO with the path for what a disk would call so; KO_E_ACCESS, KO_E_THROTTLED,
 * KO_E_AWS.
 */
struct ko_mount_ops {
    /* Of an object, not a folder.  *exists = false is certain: "forbidden" and "cannot tell" are
     * failures. */
    enum ko_code (*stat)(void *self, const char *path, bool *exists, uint64_t *size_bytes,
                         struct ko_error *err);

    /* Adds the whole object to out; one over max_bytes is KO_E_CORRUPT. */
    enum ko_code (*read)(void *self, const char *path, uint64_t max_bytes, struct ko_buf *out,
                         struct ko_error *err);
    enum ko_code (*replace)(void *self, const char *path, struct ko_slice content,
                            struct ko_error *err);

    /*
     * Exclusive among all writers; *created = false if it was there.  A retry that finds what an
     * earlier try of this very call has written (its reply was lost) has created it.
     */
    enum ko_code (*create)(void *self, const char *path, struct ko_slice content, bool *created,
                           struct ko_error *err);

    /* One that is not there is no error. */
    enum ko_code (*remove)(void *self, const char *path, struct ko_error *err);

    /*
     * The names one level below, of objects and folders, each once, in byte order, with sizes: fill
     * with ko_names_add(), end with ko_names_sort().  All pages.  Nothing below path: no names.
     */
    enum ko_code (*list)(void *self, const char *path, struct ko_names *names,
                         struct ko_error *err);

    /* Everything below path ("<path>/..."), but no object that is named path itself. */
    enum ko_code (*remove_folder)(void *self, const char *path, struct ko_error *err);

    /*
     * Reading from start to end, fetched ahead in a bounded buffer; a broken connection goes on
     * where it broke, on the same version of the object (KO_E_IO if it was replaced meanwhile).
     * Opening begins the fetch and does not wait for its reply: that the object is not there may
     * be told by the first read_some() only.  Many may be open at a time.
     */
    enum ko_code (*open_read)(void *self, const char *path, void **stream, struct ko_error *err);

    /* Up to n bytes, waiting for the first; *n_read = 0 at the end. */
    enum ko_code (*read_some)(void *stream, void *to, size_t n, size_t *n_read,
                              struct ko_error *err);

    /* Drives the network without waiting; true if read_some() would not wait (a failure is there,
     * too). */
    bool (*is_ready)(void *stream);

    /* Waits until is_ready() may be true, max_us at most (1 ms or less). */
    void (*wait_read)(void *stream, unsigned max_us);
    void (*close_read)(void *stream);

    /* Writing a whole object in bounded memory; visible and durable after finish_write() alone. */
    enum ko_code (*open_write)(void *self, const char *path, void **stream, struct ko_error *err);
    enum ko_code (*write)(void *stream, struct ko_slice content, struct ko_error *err);
    enum ko_code (*finish_write)(void *stream, struct ko_error *err); /* frees in any case */
    void (*abandon_write)(void *stream);                              /* frees; nothing is left */

    /*
     * For many small objects.  finish_write_later(): like finish_write(), but the object need not
     * be there before sync() has returned KO_OK: the mount may have several under way at a time, in
     * bounded memory.  sync() waits for all of them; the first failure is its own, told once.  Both
     * may be NULL: then they are finish_write() and nothing.
     */
    enum ko_code (*finish_write_later)(void *stream, struct ko_error *err);
    enum ko_code (*sync)(void *self, struct ko_error *err);
};

/* prefix is borrowed ("s3://").  One mount at a time per prefix; ops NULL takes it away. */
void ko_mount_set(const char *prefix, const struct ko_mount_ops *ops, void *self);

struct ko_mount {
    const struct ko_mount_ops *ops; /* NULL: a local path */
    void *self;
};

/* Where the path is.  A path with a scheme ("s3://") that nobody mounted is KO_E_OPTION. */
enum ko_code ko_mount_of(const char *path, struct ko_mount *mount, struct ko_error *err);

/* True for a path that starts with a scheme, such as "s3://". */
bool ko_path_is_remote(const char *path);

#endif
