/*
 * zstd: the first byte is the size of the pieces, the rest a stream.  Pieces of any size give what
 * one piece gives, the last frame ends at the same byte, and what is compressed comes back.
 */
#include "keepone/base/mem.h"
#include "keepone/format/zstd.h"

enum { CONTENT_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Decompresses in pieces of n_piece bytes; false if the stream is corrupt or cut. */
static bool
decompress(struct ko_slice in, size_t n_piece, struct ko_buf *out, uint64_t *frame_end)
{
    struct ko_error err = {0};
    struct ko_zstd_reader *reader = ko_zstd_reader_new(&err);
    bool is_good = true;
    size_t n_written;

    KO_ASSERT(reader != NULL);
    while (in.n > 0 && out->n < CONTENT_MAX) {
        struct ko_slice piece = {in.data, in.n < n_piece ? in.n : n_piece};

        in.data += piece.n;
        in.n -= piece.n;
        do {
            char *room = ko_buf_reserve(out, n_piece);

            KO_TRY(ko_zstd_reader_next(reader, &piece, room, n_piece, &n_written, &err));
            KO_ASSERT(n_written == n_piece || piece.n == 0);
            ko_buf_commit(out, n_written);
        } while (n_written == n_piece && out->n < CONTENT_MAX);
    }
    is_good = out->n >= CONTENT_MAX || ko_zstd_reader_is_between_frames(reader);

done:
    KO_ASSERT(err.code == KO_OK || err.code == KO_E_CORRUPT);
    *frame_end = ko_zstd_reader_frame_end_offset(reader);
    ko_zstd_reader_free(reader);
    return is_good && err.code == KO_OK;
}

static void
check_pieces(struct ko_slice in, size_t n_piece)
{
    struct ko_buf whole = {0};
    struct ko_buf pieces = {0};
    uint64_t whole_end;
    uint64_t pieces_end;
    const bool is_good = decompress(in, CONTENT_MAX, &whole, &whole_end);

    /* The other way round need not hold: only in one piece a wrong content size is noticed. */
    if (is_good && whole.n < CONTENT_MAX) {
        KO_ASSERT(decompress(in, n_piece, &pieces, &pieces_end));
        KO_ASSERT(whole_end == pieces_end);
        KO_ASSERT(ko_slice_equal(ko_buf_slice(&whole), ko_buf_slice(&pieces)));
    }
    ko_buf_clear(&whole);
    ko_buf_clear(&pieces);
}

static void
check_round_trip(struct ko_slice content, size_t n_piece)
{
    struct ko_error err = {0};
    struct ko_zstd_writer *writer = ko_zstd_writer_new(0, &err);
    struct ko_buf packed = {0};
    struct ko_buf back = {0};
    struct ko_slice rest = content;
    uint64_t frame_end;

    KO_ASSERT(writer != NULL);
    while (rest.n > 0) {
        const struct ko_slice piece = {rest.data, rest.n < n_piece ? rest.n : n_piece};

        rest.data += piece.n;
        rest.n -= piece.n;
        KO_ASSERT(ko_zstd_writer_add(writer, piece, &packed, &err) == KO_OK);
    }
    KO_ASSERT(ko_zstd_writer_end(writer, &packed, &err) == KO_OK);
    KO_ASSERT(decompress(ko_buf_slice(&packed), n_piece, &back, &frame_end));
    KO_ASSERT(ko_slice_equal(ko_buf_slice(&back), content));
    KO_ASSERT(frame_end == packed.n);
    ko_zstd_writer_free(writer);
    ko_buf_clear(&packed);
    ko_buf_clear(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const size_t n_piece = n == 0 ? 1 : (size_t) data[0] + 1;
    const struct ko_slice stream =
        n == 0 ? KO_SLICE("") : (struct ko_slice){(const char *) data + 1, n - 1};

    check_pieces(stream, n_piece);
    if (n < CONTENT_MAX)
        check_round_trip(stream, n_piece);
    KO_ASSERT(ko_mem_live() == 0);
    return 0;
}
