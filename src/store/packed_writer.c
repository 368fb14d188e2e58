#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "keepone/base/buf.h"
#include "keepone/base/mem.h"
#include "keepone/base/mount.h"
#include "keepone/base/stream.h"
#include "keepone/format/zstd.h"
#include "packed_file_priv.h"

/* Small additions are collected, so that compressor, digest and disk see pieces worth a call. */
enum { COLLECT_BYTES = 128 * 1024, WRITE_BYTES = 256 * 1024 };

struct ko_packed_writer {
    struct ko_packed_options options;
    struct ko_file_writer *file; /* of a whole file */
    int fd;                      /* of a local journal; else -1 */
    uint32_t n_pieces;           /* of a journal on a mount */
    bool is_in_pieces;
    bool is_broken; /* a call failed: what is on disk may end anywhere */
    uint64_t n_bytes;
    uint64_t n_committed_bytes;
    struct ko_zstd_writer *zstd;
    struct ko_digest *digest;
    struct ko_buf collected; /* not compressed yet */
    struct ko_buf packed;    /* not written yet */
    char path[KO_PATH_BYTES];
};

static void
free_writer(struct ko_packed_writer *writer)
{
    ko_file_writer_abandon(writer->file);
    if (writer->fd >= 0)
        (void) close(writer->fd);
    ko_zstd_writer_free(writer->zstd);
    ko_digest_free(writer->digest);
    ko_buf_clear(&writer->collected);
    ko_buf_clear(&writer->packed);
    ko_free(writer);
}

static enum ko_code
fail_taken(const char *path, struct ko_error *err)
{
    return ko_fail(err, KO_E_IO, "'%s' is there already", path);
}

static enum ko_code
create_file(struct ko_packed_writer *writer, struct ko_error *err)
{
    const struct ko_file_writer_options options = {.sync_later = writer->options.sync_later};
    bool created;

    writer->is_in_pieces = writer->options.is_journal && ko_path_is_remote(writer->path);
    if (writer->is_in_pieces)
        return KO_OK;
    if (!writer->options.is_journal)
        return ko_file_writer_open(writer->path, &options, &writer->file, err);
    KO_TRY(ko_file_create(writer->path, KO_SLICE(""), &created, err));
    if (!created)
        return fail_taken(writer->path, err);
    writer->fd = open(writer->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (writer->fd < 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot create '%s'", writer->path);

done:
    return err->code;
}

enum ko_code
ko_packed_writer_open(const char *path, const struct ko_packed_options *options,
                      struct ko_packed_writer **writer_out, struct ko_error *err)
{
    struct ko_packed_writer *writer = NULL;

    *writer_out = NULL;
    writer = ko_alloc(sizeof *writer, err);
    if (writer == NULL)
        return err->code;
    writer->fd = -1;
    writer->options = *options;
    KO_TRY(ko_path_copy(writer->path, path, err));
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

/* What goes into a piece stays in memory until its commit. */
static enum ko_code
write_packed(struct ko_packed_writer *writer, struct ko_error *err)
{
    const struct ko_slice packed = ko_buf_slice(&writer->packed);

    if (writer->is_in_pieces)
        return KO_OK;
    if (writer->file != NULL)
        KO_TRY(ko_file_writer_add(writer->file, packed, err));
    else
        KO_TRY(ko_write_all(writer->fd, packed, writer->path, err));
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

enum ko_code
ko_packed_piece_path(char piece_path[KO_PATH_BYTES], const char *path, uint32_t piece,
                     struct ko_error *err)
{
    const char *const slash = strrchr(path, '/');
    const char *const name = slash == NULL ? path : slash + 1;
    const size_t n_stem = (size_t) (name - path) + strcspn(name, ".");

    if (snprintf(piece_path, KO_PATH_BYTES, "%.*s-%06u%s", (int) n_stem, path, piece,
                 path + n_stem) >= KO_PATH_BYTES)
        return ko_fail(err, KO_E_OPTION, "the path '%.64s...' is too long", path);
    return KO_OK;
}

/* The next piece: what was packed since the one before. */
static enum ko_code
create_piece(struct ko_packed_writer *writer, struct ko_error *err)
{
    char path[KO_PATH_BYTES];
    bool created;

    KO_TRY(ko_packed_piece_path(path, writer->path, writer->n_pieces + 1, err));
    KO_TRY(ko_file_create(path, ko_buf_slice(&writer->packed), &created, err));
    if (!created)
        return fail_taken(path, err);
    writer->n_pieces++;
    ko_buf_reset(&writer->packed);

done:
    return err->code;
}

/* Ends the frame and hands all of it on. */
static enum ko_code
end_frame(struct ko_packed_writer *writer, struct ko_error *err)
{
    if (writer->is_broken)
        return refuse_broken(writer, err);
    KO_TRY(pack(writer, err));
    KO_TRY(ko_zstd_writer_end(writer->zstd, &writer->packed, err));
    KO_TRY(write_packed(writer, err));

done:
    writer->is_broken = err->code != KO_OK;
    return err->code;
}

static enum ko_code
make_durable(struct ko_packed_writer *writer, struct ko_error *err)
{
    if (writer->is_in_pieces)
        (void) create_piece(writer, err);
    else if (fsync(writer->fd) != 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot make '%s' durable", writer->path);
    writer->is_broken = err->code != KO_OK;
    return err->code;
}

enum ko_code
ko_packed_writer_commit(struct ko_packed_writer *writer, struct ko_error *err)
{
    if (ko_packed_writer_pending_bytes(writer) == 0 && !writer->is_broken)
        return KO_OK;
    if (end_frame(writer, err) == KO_OK && make_durable(writer, err) == KO_OK)
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

static enum ko_code
close_journal(struct ko_packed_writer *writer, struct ko_error *err)
{
    const int fd = writer->fd;

    KO_TRY(ko_packed_writer_commit(writer, err));
    writer->fd = -1;
    if (fd >= 0 && close(fd) != 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "cannot close '%s'", writer->path);

done:
    return err->code;
}

/* A whole file without content still gets a frame: a file of no bytes is a damaged one. */
static enum ko_code
close_whole(struct ko_packed_writer *writer, struct ko_error *err)
{
    struct ko_file_writer *const file = writer->file;

    KO_TRY(end_frame(writer, err));
    writer->file = NULL;
    (void) ko_file_writer_close(file, err);

done:
    return err->code;
}

enum ko_code
ko_packed_writer_close(struct ko_packed_writer *writer, char sha256[KO_SHA256_HEX_BYTES],
                       struct ko_error *err)
{
    if (writer->options.is_journal)
        (void) close_journal(writer, err);
    else
        (void) close_whole(writer, err);
    if (err->code == KO_OK && sha256 != NULL)
        end_digest(writer, sha256);
    free_writer(writer);
    return err->code;
}

void
ko_packed_writer_abandon(struct ko_packed_writer *writer)
{
    if (writer != NULL)
        free_writer(writer);
}
