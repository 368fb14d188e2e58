#include "keepone/base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "file_priv.h"
#include "keepone/base/mem.h"
#include "keepone/base/mount.h"

/* ---- reading ---- */

struct ko_file_reader {
    int fd; /* local; else -1 */
    const struct ko_mount_ops *ops;
    void *stream; /* of ops */
    char *path;
};

enum ko_code
ko_file_reader_open(const char *path, struct ko_file_reader **reader_out, struct ko_error *err)
{
    struct ko_file_reader *reader = ko_alloc(sizeof *reader, err);
    struct ko_mount mount;

    *reader_out = NULL;
    if (reader == NULL)
        return err->code;
    reader->fd = -1;
    reader->path = ko_copy_text(ko_slice_of(path), err);
    KO_TRY(err->code);
    KO_TRY(ko_mount_of(path, &mount, err));
    if (mount.ops != NULL) {
        KO_TRY(mount.ops->open_read(mount.self, path, &reader->stream, err));
        reader->ops = mount.ops;
    } else {
        reader->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (reader->fd < 0)
            KO_TRY(ko_fail_errno(err, KO_E_IO, errno, "cannot open '%s'", path));
        (void) posix_fadvise(reader->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    *reader_out = reader;
    reader = NULL;

done:
    ko_file_reader_close(reader);
    return err->code;
}

enum ko_code
ko_file_reader_next(struct ko_file_reader *reader, void *to, size_t n, size_t *n_read,
                    struct ko_error *err)
{
    *n_read = 0;
    if (reader->ops != NULL)
        return reader->ops->read_some(reader->stream, to, n, n_read, err);
    return ko_read_some(reader->fd, to, n, n_read, reader->path, err);
}

bool
ko_file_reader_is_local(const struct ko_file_reader *reader)
{
    return reader->ops == NULL;
}

bool
ko_file_reader_is_ready(struct ko_file_reader *reader)
{
    return reader->ops == NULL || reader->ops->is_ready(reader->stream);
}

void
ko_file_reader_wait(struct ko_file_reader *reader, unsigned max_us)
{
    if (reader->ops != NULL)
        reader->ops->wait_read(reader->stream, max_us);
}

enum ko_code
ko_file_reader_seek(struct ko_file_reader *reader, uint64_t offset, struct ko_error *err)
{
    if (reader->ops != NULL)
        return ko_fail(err, KO_E_BUG, "'%s' is not on a disk, and was to be read anywhere",
                       reader->path);
    if (lseek(reader->fd, (off_t) offset, SEEK_SET) < 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot read '%s'", reader->path);
    return KO_OK;
}

const char *
ko_file_reader_path(const struct ko_file_reader *reader)
{
    return reader->path;
}

void
ko_file_reader_close(struct ko_file_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->ops != NULL)
        reader->ops->close_read(reader->stream);
    if (reader->fd >= 0)
        (void) close(reader->fd);
    ko_free(reader->path);
    ko_free(reader);
}

/* ---- writing ---- */

struct ko_file_writer {
    struct ko_file_writer_options options;
    int fd; /* local; else -1 */
    bool is_broken;
    const struct ko_mount_ops *ops;
    void *stream; /* of ops; NULL when it was given back */
    char path[KO_PATH_BYTES];
    char temp[KO_PATH_BYTES]; /* local: where the bytes go until _close */
};

static enum ko_code
begin_writing(struct ko_file_writer *writer, struct ko_error *err)
{
    struct ko_mount mount;

    KO_TRY(ko_mount_of(writer->path, &mount, err));
    if (mount.ops != NULL) {
        KO_TRY(mount.ops->open_write(mount.self, writer->path, &writer->stream, err));
        writer->ops = mount.ops;
        return KO_OK;
    }
    KO_TRY(ko_temp_path(writer->temp, writer->path, err));
    writer->fd = open(writer->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (writer->fd < 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot create '%s'", writer->temp);

done:
    return err->code;
}

enum ko_code
ko_file_writer_open(const char *path, const struct ko_file_writer_options *options,
                    struct ko_file_writer **writer_out, struct ko_error *err)
{
    struct ko_file_writer *writer = NULL;

    *writer_out = NULL;
    writer = ko_alloc(sizeof *writer, err);
    if (writer == NULL)
        return err->code;
    writer->fd = -1;
    if (options != NULL)
        writer->options = *options;
    KO_TRY(ko_path_copy(writer->path, path, err));
    KO_TRY(begin_writing(writer, err));
    *writer_out = writer;
    writer = NULL;

done:
    ko_free(writer);
    return err->code;
}

enum ko_code
ko_file_writer_add(struct ko_file_writer *writer, struct ko_slice content, struct ko_error *err)
{
    if (writer->is_broken)
        return ko_fail(err, KO_E_IO, "'%s' is not whole: writing it has failed before",
                       writer->path);
    if (writer->ops != NULL)
        (void) writer->ops->write(writer->stream, content, err);
    else
        (void) ko_write_all(writer->fd, content, writer->temp, err);
    writer->is_broken = err->code != KO_OK;
    return err->code;
}

static enum ko_code
finish_on_mount(struct ko_file_writer *writer, struct ko_error *err)
{
    void *const stream = writer->stream;

    writer->stream = NULL; /* freed by finishing, however that ends */
    if (writer->options.sync_later && writer->ops->finish_write_later != NULL)
        return writer->ops->finish_write_later(stream, err);
    return writer->ops->finish_write(stream, err);
}

static enum ko_code
finish_on_disk(struct ko_file_writer *writer, struct ko_error *err)
{
    const int fd = writer->fd;

    if (!writer->options.sync_later && fsync(fd) != 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot make '%s' durable", writer->temp);
    /* The disk begins now, so that the caller's sync of many files finds little left to do. */
    if (writer->options.sync_later)
        (void) sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    writer->fd = -1;
    if (close(fd) != 0)
        return ko_fail_errno(err, KO_E_IO, errno, "cannot close '%s'", writer->temp);
    if (!writer->options.sync_later)
        return ko_file_rename(writer->temp, writer->path, err);
    if (rename(writer->temp, writer->path) != 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot rename '%s'", writer->temp);
    return err->code;
}

enum ko_code
ko_file_writer_close(struct ko_file_writer *writer, struct ko_error *err)
{
    if (writer->is_broken)
        (void) ko_file_writer_add(writer, KO_SLICE(""), err);
    else if (writer->ops != NULL)
        (void) finish_on_mount(writer, err);
    else
        (void) finish_on_disk(writer, err);
    if (err->code != KO_OK)
        ko_file_writer_abandon(writer);
    else
        ko_free(writer);
    return err->code;
}

void
ko_file_writer_abandon(struct ko_file_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->stream != NULL)
        writer->ops->abandon_write(writer->stream);
    if (writer->fd >= 0)
        (void) close(writer->fd);
    if (writer->temp[0] != '\0')
        (void) unlink(writer->temp);
    ko_free(writer);
}
