#include "keepone/base/mem.h"
#include "keepone/base/stream.h"
#include "keepone/format/zstd.h"
#include "packed_file_priv.h"

enum { READ_BYTES = 128 * 1024, SEARCH_BYTES = 256 * 1024 };

struct ko_packed_reader {
    struct ko_file_reader *file;
    uint64_t n_left; /* compressed bytes still to be read from the file */
    uint64_t n_read;
    bool may_be_empty;
    struct ko_zstd_reader *zstd;
    struct ko_slice in; /* read, not decompressed yet */
    char in_bytes[READ_BYTES];
};

enum ko_code
ko_packed_reader_next(struct ko_packed_reader *reader, char *to, size_t n, size_t *n_read,
                      struct ko_error *err)
{
    for (;;) {
        size_t n_in = reader->n_left < READ_BYTES ? (size_t) reader->n_left : READ_BYTES;

        KO_TRY(ko_zstd_reader_next(reader->zstd, &reader->in, to, n, n_read, err));
        if (*n_read > 0)
            break;
        KO_TRY(ko_file_reader_next(reader->file, reader->in_bytes, n_in, &n_in, err));
        reader->in = (struct ko_slice){reader->in_bytes, n_in};
        reader->n_left -= n_in;
        reader->n_read += n_in;
        if (n_in > 0)
            continue;
        if (!ko_zstd_reader_is_between_frames(reader->zstd))
            (void) ko_fail(err, KO_E_CORRUPT, "the file is cut inside a zstd frame");
        else if (reader->n_read == 0 && !reader->may_be_empty)
            (void) ko_fail(err, KO_E_CORRUPT, "the file has no bytes at all");
        break;
    }

done:
    return err->code;
}

/* True if the bytes at `offset` begin a zstd frame that is whole and has the right checksum. */
static bool
is_whole_frame(struct ko_packed_reader *reader, uint64_t offset, char *scratch)
{
    struct ko_error ignored = {0};
    size_t n;

    if (ko_file_reader_seek(reader->file, offset, &ignored) != KO_OK)
        return false;
    ko_zstd_reader_reset(reader->zstd);
    reader->in.n = 0;
    reader->n_left = UINT64_MAX;
    do
        n = 0;
    while (ko_packed_reader_next(reader, scratch, SEARCH_BYTES, &n, &ignored) == KO_OK && n > 0 &&
           ko_zstd_reader_frame_end_offset(reader->zstd) == 0);
    return ko_zstd_reader_frame_end_offset(reader->zstd) > 0;
}

/*
 * Looks for a whole frame behind `offset`, where a frame is damaged.  A crash leaves none: every
 * commit waits for the one before.  So if there is one, the disk lost something in the middle.
 */
static enum ko_code
refuse_whole_frame_behind(struct ko_packed_reader *reader, uint64_t offset, char *scratch,
                          struct ko_error *err)
{
    static const char magic[] = {'\x28', '\xb5', '\x2f', '\xfd'};
    char *bytes = ko_alloc(SEARCH_BYTES, err);
    uint64_t at = offset + 1;

    while (bytes != NULL) {
        const char *hit = bytes;
        size_t n = 0;

        KO_TRY(ko_file_reader_seek(reader->file, at, err));
        KO_TRY(ko_file_reader_next(reader->file, bytes, SEARCH_BYTES, &n, err));
        if (n < sizeof magic)
            break;
        while ((hit = memmem(hit, (size_t) (bytes + n - hit), magic, sizeof magic)) != NULL) {
            const uint64_t frame_offset = at + (uint64_t) (hit - bytes);

            if (is_whole_frame(reader, frame_offset, scratch)) {
                (void) ko_fail(
                    err, KO_E_CORRUPT,
                    "the zstd frame at byte %llu is damaged, but the one at byte %llu is whole",
                    (unsigned long long) offset, (unsigned long long) frame_offset);
                ko_context(err, "'%s'", ko_file_reader_path(reader->file));
                goto done;
            }
            hit++;
        }
        at += n - (sizeof magic - 1);
    }

done:
    ko_free(bytes);
    return err->code;
}

/* Decompresses everything once; afterwards the reader stands at the start again and stops in time.
 */
static enum ko_code
find_whole_frames(struct ko_packed_reader *reader, bool *whole_frames, struct ko_error *err)
{
    struct ko_error damage = {0};
    char *scratch = ko_alloc(SEARCH_BYTES, err);
    uint64_t end_offset = 0;
    size_t n = 1;

    if (scratch == NULL)
        return err->code;
    while (n > 0 && damage.code == KO_OK)
        (void) ko_packed_reader_next(reader, scratch, SEARCH_BYTES, &n, &damage);
    end_offset = ko_zstd_reader_frame_end_offset(reader->zstd);
    *whole_frames = damage.code == KO_OK;
    if (damage.code == KO_E_CORRUPT)
        KO_TRY(refuse_whole_frame_behind(reader, end_offset, scratch, err));
    else
        *err = damage;
    KO_TRY(err->code);
    KO_TRY(ko_file_reader_seek(reader->file, 0, err));
    ko_zstd_reader_reset(reader->zstd);
    reader->in.n = 0;
    reader->n_left = end_offset;

done:
    ko_free(scratch);
    return err->code;
}

bool
ko_packed_reader_is_local(const struct ko_packed_reader *reader)
{
    return ko_file_reader_is_local(reader->file);
}

bool
ko_packed_reader_is_ready(struct ko_packed_reader *reader)
{
    return reader->in.n > 0 || ko_file_reader_is_ready(reader->file);
}

void
ko_packed_reader_wait(struct ko_packed_reader *reader, unsigned max_us)
{
    ko_file_reader_wait(reader->file, max_us);
}

enum ko_code
ko_packed_reader_open(const char *path, bool *whole_frames, struct ko_packed_reader **reader_out,
                      struct ko_error *err)
{
    struct ko_packed_reader *reader = ko_alloc(sizeof *reader, err);

    *reader_out = NULL;
    if (reader == NULL)
        return err->code;
    reader->n_left = UINT64_MAX;
    reader->may_be_empty = whole_frames != NULL;
    KO_TRY(ko_file_reader_open(path, &reader->file, err));
    reader->zstd = ko_zstd_reader_new(err);
    KO_TRY(err->code);
    if (whole_frames != NULL)
        KO_TRY(find_whole_frames(reader, whole_frames, err));
    *reader_out = reader;
    reader = NULL;

done:
    ko_packed_reader_close(reader);
    return err->code;
}

const char *
ko_packed_reader_path(const struct ko_packed_reader *reader)
{
    return ko_file_reader_path(reader->file);
}

void
ko_packed_reader_close(struct ko_packed_reader *reader)
{
    if (reader == NULL)
        return;
    ko_file_reader_close(reader->file);
    ko_zstd_reader_free(reader->zstd);
    ko_free(reader);
}
