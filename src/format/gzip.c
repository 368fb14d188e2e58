#include "keepone/format/gzip.h"

#include <isa-l/igzip_lib.h>

#include "crc_priv.h"
#include "keepone/base/mem.h"

enum { MAGIC_FIRST_BYTE = 0x1f, TRAILER_BYTES = 8, OUT_BYTES = 64 * 1024 };

/* Where in a member the stream is. */
enum part { BETWEEN_MEMBERS, IN_HEADER, IN_BODY, IN_TRAILER };

/*
 * The inflater could read the members' headers, too, but it forgets their flags when the input ends
 * inside one (2.30).  So headers are read here, with a struct that stays; and trailers, because
 * the CRC is computed here (crc_priv.h).
 */
struct ko_gunzip {
    struct inflate_state state;
    struct isal_gzip_header header;
    uint64_t in_offset; /* compressed bytes used */
    enum part part;
    uint32_t crc;     /* of the member so far, */
    uint32_t n_bytes; /* and its length modulo 2^32, as in the trailer */
    char trailer[TRAILER_BYTES];
    size_t n_trailer;
    bool is_behind_member; /* at least one member is complete */
    bool is_in_padding;
};

struct ko_gunzip *
ko_gunzip_new(struct ko_error *err)
{
    struct ko_gunzip *gunzip = ko_alloc(sizeof *gunzip, err);

    if (gunzip != NULL)
        isal_inflate_init(&gunzip->state);
    return gunzip;
}

void
ko_gunzip_free(struct ko_gunzip *gunzip)
{
    ko_free(gunzip);
}

void
ko_gunzip_reset(struct ko_gunzip *gunzip)
{
    gunzip->in_offset = 0;
    gunzip->part = BETWEEN_MEMBERS;
    gunzip->is_behind_member = false;
    gunzip->is_in_padding = false;
}

static enum ko_code
fail_at(const struct ko_gunzip *gunzip, const char *what, struct ko_error *err)
{
    return ko_fail(err, KO_E_CORRUPT, "%s at byte %llu of the compressed stream", what,
                   (unsigned long long) gunzip->in_offset);
}

static void
use_input(struct ko_gunzip *gunzip, struct ko_slice *in, size_t n)
{
    in->data += n;
    in->n -= n;
    gunzip->in_offset += n;
}

/* Between members: skips padding, or begins the next member. */
static enum ko_code
begin_member(struct ko_gunzip *gunzip, struct ko_slice *in, struct ko_error *err)
{
    if (in->data[0] == 0 && gunzip->is_behind_member) {
        gunzip->is_in_padding = true;
        use_input(gunzip, in, 1);
        return KO_OK;
    }
    if (gunzip->is_in_padding)
        return fail_at(gunzip, "data behind the padding", err);
    if (in->data[0] != MAGIC_FIRST_BYTE)
        return fail_at(gunzip, "not gzip", err);
    isal_inflate_reset(&gunzip->state);
    isal_gzip_header_init(&gunzip->header);
    gunzip->part = IN_HEADER;
    gunzip->crc = 0;
    gunzip->n_bytes = 0;
    gunzip->n_trailer = 0;
    return KO_OK;
}

static const char *
describe(int result)
{
    switch (result) {
    case ISAL_INVALID_WRAPPER:
        return "not gzip";
    case ISAL_UNSUPPORTED_METHOD:
        return "unknown gzip method";
    default:
        return "damaged gzip data";
    }
}

/* The bytes behind the body that the inflater has taken already are the first of the trailer. */
static void
begin_trailer(struct ko_gunzip *gunzip)
{
    struct inflate_state *state = &gunzip->state;
    uint64_t bits = state->read_in >> state->read_in_length % 8;

    gunzip->part = IN_TRAILER;
    gunzip->n_trailer = (size_t) state->read_in_length / 8;
    KO_ASSERT(gunzip->n_trailer <= TRAILER_BYTES);
    for (size_t i = 0; i < gunzip->n_trailer; i++, bits >>= 8)
        gunzip->trailer[i] = (char) (bits & 0xff);
}

static enum ko_code
read_trailer(struct ko_gunzip *gunzip, struct ko_slice *in, struct ko_error *err)
{
    const size_t n_missing = TRAILER_BYTES - gunzip->n_trailer;
    const size_t n = in->n < n_missing ? in->n : n_missing;

    if (n > 0)
        memcpy(gunzip->trailer + gunzip->n_trailer, in->data, n);
    gunzip->n_trailer += n;
    use_input(gunzip, in, n);
    if (gunzip->n_trailer < TRAILER_BYTES)
        return KO_OK;
    if (ko_read_u32(gunzip->trailer) != gunzip->crc ||
        ko_read_u32(gunzip->trailer + 4) != gunzip->n_bytes)
        return fail_at(gunzip, "wrong CRC or length", err);
    gunzip->part = BETWEEN_MEMBERS;
    gunzip->is_behind_member = true;
    return KO_OK;
}

/* One call of the inflater; the header or the body may end. */
static enum ko_code
inflate_some(struct ko_gunzip *gunzip, struct ko_slice *in, char *to, size_t n, size_t *n_written,
             struct ko_error *err)
{
    struct inflate_state *state = &gunzip->state;
    const uint32_t n_in = in->n > UINT32_MAX ? UINT32_MAX : (uint32_t) in->n;
    const uint32_t n_out = n > UINT32_MAX ? UINT32_MAX : (uint32_t) n;
    int result;

    state->next_in = (uint8_t *) (uintptr_t) in->data; /* read only, whatever its type says */
    state->avail_in = n_in;
    state->next_out = (uint8_t *) to;
    state->avail_out = n_out;
    if (gunzip->part == IN_HEADER)
        result = isal_read_gzip_header(state, &gunzip->header);
    else
        result = isal_inflate(state);
    use_input(gunzip, in, n_in - state->avail_in);
    *n_written = n_out - state->avail_out;
    gunzip->crc = ko_crc32_add(gunzip->crc, (struct ko_slice){to, *n_written});
    gunzip->n_bytes += (uint32_t) *n_written;
    if (result < ISAL_DECOMP_OK || result > ISAL_OUT_OVERFLOW)
        return fail_at(gunzip, describe(result), err);
    if (gunzip->part == IN_HEADER) {
        if (result == ISAL_DECOMP_OK)
            gunzip->part = IN_BODY;
    } else if (state->block_state == ISAL_BLOCK_FINISH) {
        begin_trailer(gunzip);
    } else if (state->avail_in > 0 && state->avail_in == n_in && *n_written == 0) {
        return fail_at(gunzip, describe(ISAL_INVALID_BLOCK), err);
    }
    return KO_OK;
}

/* Goes on in this part of the member, perhaps to the next one. */
static enum ko_code
go_on(struct ko_gunzip *gunzip, struct ko_slice *in, char *to, size_t n, size_t *n_written,
      struct ko_error *err)
{
    *n_written = 0;
    switch (gunzip->part) {
    case BETWEEN_MEMBERS:
        return in->n == 0 ? KO_OK : begin_member(gunzip, in, err);
    case IN_TRAILER:
        return read_trailer(gunzip, in, err);
    default:
        return inflate_some(gunzip, in, to, n, n_written, err);
    }
}

enum ko_code
ko_gunzip_next(struct ko_gunzip *gunzip, struct ko_slice *in, char *to, size_t n, size_t *n_written,
               struct ko_error *err)
{
    *n_written = 0;
    while (*n_written < n) {
        const enum part before = gunzip->part;
        size_t n_more;

        KO_TRY(go_on(gunzip, in, to + *n_written, n - *n_written, &n_more, err));
        *n_written += n_more;
        if (in->n == 0 && gunzip->part == before)
            break;
    }

done:
    return err->code;
}

enum ko_code
ko_gunzip_end(const struct ko_gunzip *gunzip, struct ko_error *err)
{
    return gunzip->part != BETWEEN_MEMBERS ? fail_at(gunzip, "gzip data is cut", err) : KO_OK;
}

static enum ko_code
deflate_all(struct isal_zstream *stream, struct ko_slice content, struct ko_buf *out)
{
    do {
        const uint32_t n_in = content.n > UINT32_MAX ? UINT32_MAX : (uint32_t) content.n;

        stream->next_in = (uint8_t *) (uintptr_t) content.data; /* read only, as above */
        stream->avail_in = n_in;
        content.data += n_in;
        content.n -= n_in;
        stream->end_of_stream = content.n == 0;
        do {
            char *room = ko_buf_reserve(out, OUT_BYTES);

            if (room == NULL)
                return KO_E_MEMORY;
            stream->next_out = (uint8_t *) room;
            stream->avail_out = OUT_BYTES;
            KO_ASSERT(isal_deflate(stream) == COMP_OK);
            ko_buf_commit(out, OUT_BYTES - stream->avail_out);
        } while (stream->avail_out == 0);
    } while (content.n > 0);
    return KO_OK;
}

enum ko_code
ko_gzip_add(struct ko_buf *out, struct ko_slice content, struct ko_error *err)
{
    struct isal_zstream *stream = NULL;
    uint8_t *level_buf = NULL;

    stream = ko_alloc(sizeof *stream, err);
    level_buf = stream == NULL ? NULL : ko_alloc(ISAL_DEF_LVL1_DEFAULT, err);
    if (level_buf != NULL) {
        isal_deflate_init(stream);
        stream->level = 1;
        stream->level_buf = level_buf;
        stream->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
        stream->gzip_flag = IGZIP_GZIP;
        if (deflate_all(stream, content, out) != KO_OK)
            (void) ko_buf_finish(out, err);
    }
    ko_free(level_buf);
    ko_free(stream);
    return err->code;
}
