#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "keepone/base/buf.h"
#include "keepone/base/file.h"
#include "keepone/base/mem.h"
#include "keepone/base/random.h"
#include "keepone/format/zstd.h"
#include "packed_file_priv.h"

/* Small additions are collected, so that compressor, digest and disk see pieces worth a call. */
enum { COLLECT_BYTES = 128 * 1024, WRITE_BYTES = 256 * 1024 };

struct ko_packed_writer {
    struct ko_packed_options options;
    int fd;
    bool is_broken; /* a call failed: what is on disk may end anywhere */
    uint64_t n_bytes;
    uint64_t n_committed_bytes;
    struct ko_zstd_writer *zstd;
    struct ko_digest *digest;
    struct ko_buf collected; /* not compressed yet */
    struct ko_buf packed;    /* not written yet */
    char path[KO_PATH_BYTES];
    char temp[KO_PATH_BYTES]; /* where the bytes go until _close; of a journal: its path */
};

static void
free_writer(struct ko_packed_writer *writer)
{
    if (writer->fd >= 0)
        (void) close(writer->fd);
    ko_zstd_writer_free(writer->zstd);
    ko_digest_free(writer->digest);
    ko_buf_clear(&writer->collected);
    ko_buf_clear(&writer->packed);
    ko_free(writer);
}

static enum ko_code
create_file(struct ko_packed_writer *writer, struct ko_error *err)
{
    char suffix[9];
    bool created;

    if (writer->options.is_journal) {
        memcpy(writer->temp, writer->path, sizeof writer->temp);
        KO_TRY(ko_file_create(writer->path, KO_SLICE(""), &created, err));
        if (!created)
            return ko_fail(err, KO_E_IO, "'%s' is there already", writer->path);
        writer->fd = open(writer->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    } else {
        ko_random_hex(suffix, 8);
        if (snprintf(writer->temp, sizeof writer->temp, "%s.%s.tmp", writer->path, suffix) >=
            (int) sizeof writer->temp)
            return ko_fail(err, KO_E_OPTION, "the path '%.64s...' is too long", writer->path);
        writer->fd = open(writer->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    }
    if (writer->fd < 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot create '%s'", writer->temp);

done:
    return err->code;
}

enum ko_code
ko_packed_writer_open(const char *path, const struct ko_packed_options *options,
                      struct ko_packed_writer **writer_out, struct ko_error *err)
{
    struct ko_packed_writer *writer = NULL;

    *writer_out = NULL;
    if (strlen(path) >= sizeof writer->path)
        return ko_fail(err, KO_E_OPTION, "the path '%.64s...' is too long", path);
    writer = ko_alloc(sizeof *writer, err);
    if (writer == NULL)
        return err->code;
    writer->fd = -1;
    writer->options = *options;
    memcpy(writer->path, path, strlen(path) + 1);
    writer->zstd = ko_zstd_writer_new(options->level, err);
    if (writer->zstd != NULL && options->with_digest)
        writer->digest = ko_digest_new(KO_SHA256, err);
    KO_TRY(err->code);
    KO_TRY(create_file(writer, err));
    *writer_out = writer;

done:
    if (err->code != KO_OK)
        free_writer(writer);
    return err->code;
}

/* Compresses what was collected. */
static enum ko_code
pack(struct ko_packed_writer *writer, struct ko_error *err)
{
    if (writer->digest != NULL)
        ko_digest_add(writer->digest, ko_buf_slice(&writer->collected));
    KO_TRY(
        ko_zstd_writer_add(writer->zstd, ko_buf_slice(&writer->collected), &writer->packed, err));
    ko_buf_reset(&writer->collected);

done:
    return err->code;
}

static enum ko_code
write_packed(struct ko_packed_writer *writer, struct ko_error *err)
{
    KO_TRY(ko_write_all(writer->fd, ko_buf_slice(&writer->packed), writer->temp, err));
    ko_buf_reset(&writer->packed);

done:
    return err->code;
}

static enum ko_code
refuse_broken(const struct ko_packed_writer *writer, struct ko_error *err)
{
    return ko_fail(err, KO_E_IO, "'%s' is not whole: writing it has failed before", writer->path);
}

enum ko_code
ko_packed_writer_add(struct ko_packed_writer *writer, struct ko_slice content, struct ko_error *err)
{
    if (writer->is_broken)
        return refuse_broken(writer, err);
    ko_buf_add_slice(&writer->collected, content);
    KO_TRY(ko_buf_finish(&writer->collected, err));
    writer->n_bytes += content.n;
    if (writer->collected.n >= COLLECT_BYTES)
        KO_TRY(pack(writer, err));
    if (writer->packed.n >= WRITE_BYTES)
        KO_TRY(write_packed(writer, err));

done:
    writer->is_broken = err->code != KO_OK;
    return err->code;
}

void
ko_packed_writer_spoil(struct ko_packed_writer *writer)
{
    writer->is_broken = true;
}

/* Ends the frame and makes all of it durable, unless the caller does that for many files at once.
 */
static enum ko_code
sync_frame(struct ko_packed_writer *writer, struct ko_error *err)
{
    if (writer->is_broken)
        return refuse_broken(writer, err);
    KO_TRY(pack(writer, err));
    KO_TRY(ko_zstd_writer_end(writer->zstd, &writer->packed, err));
    KO_TRY(write_packed(writer, err));
    if (!writer->options.sync_later && fsync(writer->fd) != 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot make '%s' durable", writer->temp);

done:
    writer->is_broken = err->code != KO_OK;
    return err->code;
}

enum ko_code
ko_packed_writer_commit(struct ko_packed_writer *writer, struct ko_error *err)
{
    if (ko_packed_writer_pending_bytes(writer) == 0 && !writer->is_broken)
        return KO_OK;
    if (sync_frame(writer, err) == KO_OK)
        writer->n_committed_bytes = writer->n_bytes;
    return err->code;
}

uint64_t
ko_packed_writer_bytes(const struct ko_packed_writer *writer)
{
    return writer->n_bytes;
}

uint64_t
ko_packed_writer_pending_bytes(const struct ko_packed_writer *writer)
{
    return writer->n_bytes - writer->n_committed_bytes;
}

static void
end_digest(struct ko_packed_writer *writer, char sha256[KO_SHA256_HEX_BYTES])
{
    unsigned char digest[KO_DIGEST_BYTES_MAX];

    sha256[0] = '\0';
    if (writer->digest == NULL)
        return;
    ko_digest_end(writer->digest, digest);
    ko_hex(digest, KO_SHA256_BYTES, sha256);
}

enum ko_code
ko_packed_writer_close(struct ko_packed_writer *writer, char sha256[KO_SHA256_HEX_BYTES],
                       struct ko_error *err)
{
    const bool is_journal = writer->options.is_journal;

    /* A whole file without content still gets a frame: a file of no bytes is a damaged one. */
    KO_TRY(is_journal ? ko_packed_writer_commit(writer, err) : sync_frame(writer, err));
    /* The disk begins now, so that the caller's sync of many files finds little left to do. */
    if (writer->options.sync_later)
        (void) sync_file_range(writer->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    if (close(writer->fd) != 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot close '%s'", writer->temp);
    writer->fd = -1;
    KO_TRY(err->code);
    if (writer->options.sync_later) {
        if (rename(writer->temp, writer->path) != 0)
            KO_TRY(ko_fail_errno(err, KO_E_IO, errno, "cannot rename '%s'", writer->temp));
    } else if (!is_journal) {
        KO_TRY(ko_file_rename(writer->temp, writer->path, err));
    }
    if (sha256 != NULL)
        end_digest(writer, sha256);

done:
    if (err->code != KO_OK)
        ko_packed_writer_abandon(writer);
    else
        free_writer(writer);
    return err->code;
}

void
ko_packed_writer_abandon(struct ko_packed_writer *writer)
{
    if (writer == NULL)
        return;
    if (!writer->options.is_journal)
        (void) unlink(writer->temp);
    free_writer(writer);
}
