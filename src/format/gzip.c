#include "keepone/format/gzip.h"

#include <isa-l/igzip_lib.h>

#include "keepone/base/mem.h"

enum { MAGIC_FIRST_BYTE = 0x1f, OUT_BYTES = 64 * 1024 };

/*
 * The inflater could read the members' headers, too, but it forgets their flags when the input ends
 * inside one (2.30).  So headers are read here, with a struct that stays.
 */
struct ko_gunzip {
    struct inflate_state state;
    struct isal_gzip_header header;
    uint64_t in_offset; /* compressed bytes used */
    bool is_in_member;
    bool is_in_header;
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
    gunzip->is_in_member = false;
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
    gunzip->state.crc_flag = ISAL_GZIP_NO_HDR_VER;
    isal_gzip_header_init(&gunzip->header);
    gunzip->is_in_member = true;
    gunzip->is_in_header = true;
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
    case ISAL_INCORRECT_CHECKSUM:
        return "wrong CRC or length";
    default:
        return "damaged gzip data";
    }
}

/* One call of the inflater; the header or the member may end. */
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
    if (gunzip->is_in_header)
        result = isal_read_gzip_header(state, &gunzip->header);
    else
        result = isal_inflate(state);
    use_input(gunzip, in, n_in - state->avail_in);
    *n_written = n_out - state->avail_out;
    if (result < ISAL_DECOMP_OK || result > ISAL_OUT_OVERFLOW)
        return fail_at(gunzip, describe(result), err);
    if (gunzip->is_in_header) {
        gunzip->is_in_header = result != ISAL_DECOMP_OK;
    } else if (state->block_state == ISAL_BLOCK_FINISH) {
        gunzip->is_in_member = false;
        gunzip->is_behind_member = true;
    } else if (state->avail_in > 0 && state->avail_in == n_in && *n_written == 0) {
        return fail_at(gunzip, describe(ISAL_INVALID_BLOCK), err);
    }
    return KO_OK;
}

enum ko_code
ko_gunzip_next(struct ko_gunzip *gunzip, struct ko_slice *in, char *to, size_t n, size_t *n_written,
               struct ko_error *err)
{
    *n_written = 0;
    while (*n_written < n) {
        size_t n_more;

        if (!gunzip->is_in_member) {
            if (in->n == 0)
                break;
            KO_TRY(begin_member(gunzip, in, err));
            continue;
        }
        KO_TRY(inflate_some(gunzip, in, to + *n_written, n - *n_written, &n_more, err));
        *n_written += n_more;
        if (in->n == 0 && *n_written < n)
            break;
    }

done:
    return err->code;
}

enum ko_code
ko_gunzip_end(const struct ko_gunzip *gunzip, struct ko_error *err)
{
    return gunzip->is_in_member ? fail_at(gunzip, "gzip data is cut", err) : KO_OK;
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
