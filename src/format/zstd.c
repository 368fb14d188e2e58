#include "keepone/format/zstd.h"

#include <zstd.h>

#include "keepone/base/mem.h"

/* Bounds what a damaged file can make us allocate; levels up to 19 need no more. */
enum { WINDOW_LOG_MAX = 23 };

/* Of levels below 0, which are for speed: 8 KiB of hashes stay in the first cache of any core. */
enum { FAST_HASH_LOG = 11 };

struct ko_zstd_writer {
    ZSTD_CCtx *context;
    bool is_in_frame;
};

struct ko_zstd_writer *
ko_zstd_writer_new(int level, struct ko_error *err)
{
    struct ko_zstd_writer *writer = ko_alloc(sizeof *writer, err);

    if (writer == NULL)
        return NULL;
    writer->context = ZSTD_createCCtx();
    if (writer->context == NULL) {
        (void) ko_fail(err, KO_E_MEMORY, "cannot allocate a zstd compressor");
        ko_free(writer);
        return NULL;
    }
    KO_ASSERT(level <= 19);
    (void) ZSTD_CCtx_setParameter(writer->context, ZSTD_c_compressionLevel, level == 0 ? 1 : level);
    if (level < 0)
        (void) ZSTD_CCtx_setParameter(writer->context, ZSTD_c_hashLog, FAST_HASH_LOG);
    (void) ZSTD_CCtx_setParameter(writer->context, ZSTD_c_checksumFlag, 1);
    return writer;
}

void
ko_zstd_writer_free(struct ko_zstd_writer *writer)
{
    if (writer == NULL)
        return;
    (void) ZSTD_freeCCtx(writer->context);
    ko_free(writer);
}

/* Hands content to the compressor until it is all used and, with `end`, the frame is written. */
static enum ko_code
compress(struct ko_zstd_writer *writer, struct ko_slice content, ZSTD_EndDirective end,
         struct ko_buf *out, struct ko_error *err)
{
    ZSTD_inBuffer in = {content.data, content.n, 0};
    size_t left;

    do {
        ZSTD_outBuffer to = {ko_buf_reserve(out, ZSTD_CStreamOutSize()), ZSTD_CStreamOutSize(), 0};

        if (to.dst == NULL)
            return ko_buf_finish(out, err);
        left = ZSTD_compressStream2(writer->context, &to, &in, end);
        /* The state is ours and the input is any bytes: only memory can fail here. */
        if (ZSTD_isError(left))
            return ko_fail(err, KO_E_MEMORY, "zstd: %s", ZSTD_getErrorName(left));
        ko_buf_commit(out, to.pos);
    } while (end == ZSTD_e_end ? left > 0 : in.pos < in.size);
    return KO_OK;
}

enum ko_code
ko_zstd_writer_add(struct ko_zstd_writer *writer, struct ko_slice content, struct ko_buf *out,
                   struct ko_error *err)
{
    writer->is_in_frame = true;
    return compress(writer, content, ZSTD_e_continue, out, err);
}

enum ko_code
ko_zstd_writer_end(struct ko_zstd_writer *writer, struct ko_buf *out, struct ko_error *err)
{
    if (!writer->is_in_frame)
        return KO_OK;
    writer->is_in_frame = false;
    return compress(writer, KO_SLICE(""), ZSTD_e_end, out, err);
}

struct ko_zstd_reader {
    ZSTD_DCtx *context;
    uint64_t in_offset; /* compressed bytes used */
    uint64_t frame_end_offset;
    bool is_in_frame;
};

struct ko_zstd_reader *
ko_zstd_reader_new(struct ko_error *err)
{
    struct ko_zstd_reader *reader = ko_alloc(sizeof *reader, err);

    if (reader == NULL)
        return NULL;
    reader->context = ZSTD_createDCtx();
    if (reader->context == NULL) {
        (void) ko_fail(err, KO_E_MEMORY, "cannot allocate a zstd decompressor");
        ko_free(reader);
        return NULL;
    }
    (void) ZSTD_DCtx_setParameter(reader->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    return reader;
}

void
ko_zstd_reader_free(struct ko_zstd_reader *reader)
{
    if (reader == NULL)
        return;
    (void) ZSTD_freeDCtx(reader->context);
    ko_free(reader);
}

void
ko_zstd_reader_reset(struct ko_zstd_reader *reader)
{
    (void) ZSTD_DCtx_reset(reader->context, ZSTD_reset_session_only);
    reader->in_offset = 0;
    reader->frame_end_offset = 0;
    reader->is_in_frame = false;
}

enum ko_code
ko_zstd_reader_next(struct ko_zstd_reader *reader, struct ko_slice *in, char *to, size_t n,
                    size_t *n_written, struct ko_error *err)
{
    ZSTD_outBuffer out = {to, n, 0};

    while (out.pos < n && (reader->is_in_frame || in->n > 0)) {
        ZSTD_inBuffer from = {in->data, in->n, 0};
        const size_t left = ZSTD_decompressStream(reader->context, &out, &from);

        if (ZSTD_isError(left)) {
            (void) ko_fail(err, KO_E_CORRUPT, "zstd: %s at byte %llu of the compressed stream",
                           ZSTD_getErrorName(left), (unsigned long long) reader->in_offset);
            break;
        }
        in->data += from.pos;
        in->n -= from.pos;
        reader->in_offset += from.pos;
        reader->is_in_frame = left > 0;
        if (left == 0)
            reader->frame_end_offset = reader->in_offset;
        if (in->n == 0 && out.pos < n)
            break;
    }
    *n_written = out.pos;
    return err->code;
}

bool
ko_zstd_reader_is_between_frames(const struct ko_zstd_reader *reader)
{
    return !reader->is_in_frame;
}

uint64_t
ko_zstd_reader_frame_end_offset(const struct ko_zstd_reader *reader)
{
    return reader->frame_end_offset;
}
