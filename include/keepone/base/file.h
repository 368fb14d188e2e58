/*
 * Files: whole-file reads, durable writes, folders.
 *
 * "Durable" means: after a return of KO_OK the content survives a power cut
 * (fsync of the file and of its folder).  Every error names the path.
 *
 * A path may be on a mount ("s3://bucket/prefix/name", see mount.h): then files are objects, which
 * are durable as soon as they are there, and folders are only parts of their names: making and
 * syncing them does nothing, and an empty one does not exist.
 *
 * Thread use: one thread per rank.  MPI: none, every call is local.
 */
#ifndef KEEPONE_BASE_FILE_H
#define KEEPONE_BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

enum { KO_PATH_BYTES = 4096 };

/*
 * Writes "<folder>/<name>" into path; KO_E_OPTION if it does not fit.  name is a format.  Slashes
 * that the folder ends in count once: on a mount two are another name.
 */
enum ko_code ko_path_join(char path[KO_PATH_BYTES], struct ko_error *err, const char *folder,
                          const char *name_format, ...) KO_FORMAT(4, 5);

/* Copies a path; KO_E_OPTION if it does not fit. */
enum ko_code ko_path_copy(char path[KO_PATH_BYTES], const char *from, struct ko_error *err);

/*
 * *exists = false is certain: a path that cannot be looked at is KO_E_IO (on a mount also
 * KO_E_ACCESS, ...).  A local folder exists, too; one on a mount does not: ko_folder_exists().
 */
enum ko_code ko_file_exists(const char *path, bool *exists, struct ko_error *err);

/* The same for a regular file, with its size. */
enum ko_code ko_file_size(const char *path, bool *exists, uint64_t *size_bytes,
                          struct ko_error *err);

/* The same for a folder; on a mount it exists if anything is in it. */
enum ko_code ko_folder_exists(const char *path, bool *exists, struct ko_error *err);

/* Adds the whole file to out.  KO_E_IO; a file over max_bytes is KO_E_CORRUPT. */
enum ko_code ko_file_read(const char *path, uint64_t max_bytes, struct ko_buf *out,
                          struct ko_error *err);

/* Replaces path as a whole, durably: a reader sees the old content or the new, never a part. */
enum ko_code ko_file_replace(const char *path, struct ko_slice content, struct ko_error *err);

/*
 * Creates path with this content, durably; *created = false if it was there already.
 * Exclusive among processes that share the folder.
 */
enum ko_code ko_file_create(const char *path, struct ko_slice content, bool *created,
                            struct ko_error *err);

/* Renames durably (fsync of the folder); what stood at `to` is replaced.  Local files only. */
enum ko_code ko_file_rename(const char *from, const char *to, struct ko_error *err);

/* Removes a file; one that is not there is no error. */
enum ko_code ko_file_remove(const char *path, struct ko_error *err);

/* Makes the folder and those above it, durably; an existing one is no error. */
enum ko_code ko_folder_make(const char *path, struct ko_error *err);

/* Makes entries of the folder durable. */
enum ko_code ko_folder_sync(const char *path, struct ko_error *err);

/* Makes everything durable that was written to the file system of this path: many files at once. */
enum ko_code ko_disk_sync(const char *path, struct ko_error *err);

/* Removes the folder and all below it; one that is not there is no error. */
enum ko_code ko_folder_remove(const char *path, struct ko_error *err);

#define KO_SIZE_OF_FOLDER UINT64_MAX

struct ko_name {
    char *text;
    uint64_t size_bytes; /* on a mount; KO_SIZE_OF_FOLDER for a folder; local: 0, not looked at */
};

/* Names in a folder; free with ko_names_clear(). */
struct ko_names {
    struct ko_name *names;
    size_t n;
    size_t capacity;
};

/*
 * The names in a folder in byte order, without "." and "..".  A local folder that is not there is
 * KO_E_IO, one on a mount has no names.  On failure *names is empty.
 */
enum ko_code ko_folder_list(const char *path, struct ko_names *names, struct ko_error *err);
void ko_names_clear(struct ko_names *names);

/* For mounts: adds a name, copied, with its size; sorts, and keeps one of several equal names. */
enum ko_code ko_names_add(struct ko_names *names, struct ko_slice name, uint64_t size_bytes,
                          struct ko_error *err);
void ko_names_sort(struct ko_names *names);

/* Writes all of it, over short writes and EINTR.  `path` is for the error text only. */
enum ko_code ko_write_all(int fd, struct ko_slice content, const char *path, struct ko_error *err);

/* Reads up to n bytes over EINTR; *n_read = 0 at the end of the file. */
enum ko_code ko_read_some(int fd, void *to, size_t n, size_t *n_read, const char *path,
                          struct ko_error *err);

#endif
