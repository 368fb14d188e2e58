/*
 * gzip: the first byte is the size of the pieces, the rest a stream.  Pieces of any size give what
 * one piece gives, and what is deflated inflates to itself.
 */
#include "keepone/base/mem.h"
#include "keepone/format/gzip.h"

enum { CONTENT_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Inflates in pieces of n_piece bytes; false if the stream is corrupt.  Stops behind CONTENT_MAX.
 */
static bool
inflate(struct ko_slice in, size_t n_piece, struct ko_buf *out)
{
    struct ko_error err = {0};
    struct ko_gunzip *gunzip = ko_gunzip_new(&err);
    size_t n_written;

    KO_ASSERT(gunzip != NULL);
    while (in.n > 0 && out->n < CONTENT_MAX) {
        struct ko_slice piece = {in.data, in.n < n_piece ? in.n : n_piece};

        in.data += piece.n;
        in.n -= piece.n;
        do {
            char *room = ko_buf_reserve(out, n_piece);

            KO_TRY(ko_gunzip_next(gunzip, &piece, room, n_piece, &n_written, &err));
            KO_ASSERT(n_written == n_piece || piece.n == 0);
            ko_buf_commit(out, n_written);
        } while (n_written == n_piece && out->n < CONTENT_MAX);
    }
    if (out->n < CONTENT_MAX)
        KO_TRY(ko_gunzip_end(gunzip, &err));

done:
    KO_ASSERT(err.code == KO_OK || err.code == KO_E_CORRUPT);
    ko_gunzip_free(gunzip);
    return err.code == KO_OK;
}

static void
check_pieces(struct ko_slice in, size_t n_piece)
{
    struct ko_buf whole = {0};
    struct ko_buf pieces = {0};
    const bool is_good = inflate(in, CONTENT_MAX, &whole);

    if (whole.n < CONTENT_MAX) {
        KO_ASSERT(inflate(in, n_piece, &pieces) == is_good);
        KO_ASSERT(!is_good || ko_slice_equal(ko_buf_slice(&whole), ko_buf_slice(&pieces)));
    }
    ko_buf_clear(&whole);
    ko_buf_clear(&pieces);
}

static void
check_round_trip(struct ko_slice content, size_t n_piece)
{
    struct ko_error err = {0};
    struct ko_buf packed = {0};
    struct ko_buf back = {0};

    KO_ASSERT(ko_gzip_add(&packed, content, &err) == KO_OK);
    KO_ASSERT(inflate(ko_buf_slice(&packed), n_piece, &back));
    KO_ASSERT(ko_slice_equal(ko_buf_slice(&back), content));
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
