#include "keepone/format/gzip.h"

#include "support/test.h"

/* "abc" by gzip -n, and an empty member */
#define MEMBER_ABC \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x4c\x4a\x06\x00\xc2\x41\x24\x35\x03\x00\x00\x00"
#define MEMBER_EMPTY \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"

/* Inflates `in` handing in at most n_in bytes and taking out at most n_out bytes at a time. */
static enum ko_code
inflate(struct ko_slice in, size_t n_in, size_t n_out, struct ko_buf *out, struct ko_error *err)
{
    struct ko_gunzip *gunzip = ko_gunzip_new(err);

    KO_TRY(err->code);
    while (in.n > 0) {
        struct ko_slice piece = {in.data, in.n < n_in ? in.n : n_in};
        size_t n_written = n_out;

        in.data += piece.n;
        in.n -= piece.n;
        while (piece.n > 0 || n_written == n_out) {
            char *room = ko_buf_reserve(out, n_out);

            KO_TRY(ko_gunzip_next(gunzip, &piece, room, n_out, &n_written, err));
            ko_buf_commit(out, n_written);
        }
    }
    KO_TRY(ko_gunzip_end(gunzip, err));

done:
    ko_gunzip_free(gunzip);
    return err->code;
}

/* The content of `in`, or "!" and the error: bytes of a failed call do not count. */
static const char *
gunzip(struct ko_slice in)
{
    static char text[2048];
    struct ko_buf out = {0};
    struct ko_error err = {0};

    (void) inflate(in, 1000, 1000, &out, &err);
    (void) snprintf(text, sizeof text, "%.*s%s%s", KO_SLICE_ARG(ko_buf_slice(&out)),
                    err.code == KO_OK ? "" : "!", err.text);
    ko_buf_clear(&out);
    return text;
}

static void
members_follow_each_other(void)
{
    CHECK_TEXT(gunzip(KO_SLICE(MEMBER_ABC)), "abc");
    CHECK_TEXT(gunzip(KO_SLICE(MEMBER_ABC MEMBER_ABC)), "abcabc");
    CHECK_TEXT(gunzip(KO_SLICE(MEMBER_EMPTY MEMBER_ABC MEMBER_EMPTY MEMBER_ABC)), "abcabc");
    CHECK_TEXT(gunzip(KO_SLICE(MEMBER_EMPTY)), "");
    CHECK_TEXT(gunzip(KO_SLICE("")), "");
}

static void
optional_header_fields_are_skipped(void)
{
    /* flags: extra field, name, comment */
    const struct ko_slice in = KO_SLICE("\x1f\x8b\x08\x1c\x00\x00\x00\x00\x00\x03"
                                        "\x02\x00xyname\0comment\0"
                                        "\x4b\x4c\x4a\x06\x00\xc2\x41\x24\x35\x03\x00\x00\x00");

    for (size_t n_in = 1; n_in <= in.n; n_in++) {
        struct ko_buf out = {0};
        struct ko_error err = {0};

        (void) inflate(in, n_in, 1 + n_in % 3, &out, &err);
        CHECK_OK(err);
        CHECK_SLICE(ko_buf_slice(&out), "abc");
        ko_buf_clear(&out);
    }
}

static void
zero_padding_at_the_end_is_skipped(void)
{
    CHECK_TEXT(gunzip(KO_SLICE(MEMBER_ABC "\0\0\0\0\0")), "abc");
    CHECK_TEXT(gunzip(KO_SLICE(MEMBER_ABC "\0\0" MEMBER_ABC)),
               "!data behind the padding at byte 25 of the compressed stream");
}

static void
other_bytes_are_not_gzip(void)
{
    CHECK_TEXT(gunzip(KO_SLICE("{\"Item\":{}}")), "!not gzip at byte 0 of the compressed stream");
    CHECK_TEXT(gunzip(KO_SLICE("\0\0")), "!not gzip at byte 0 of the compressed stream");
    assert_non_null(strstr(gunzip(KO_SLICE("\x1f\x8c\x08\0\0\0\0\0\0\3")), "!not gzip at byte "));
    CHECK_TEXT(gunzip(KO_SLICE(MEMBER_ABC "x")), "!not gzip at byte 23 of the compressed stream");
}

static void
damage_is_named_with_its_byte(void)
{
    char bytes[sizeof MEMBER_ABC - 1];
    const struct ko_slice all = {bytes, sizeof bytes};

    memcpy(bytes, MEMBER_ABC, sizeof bytes);
    bytes[15] ^= 1;
    CHECK_TEXT(gunzip(all), "!wrong CRC or length at byte 23 of the compressed stream");
    memcpy(bytes, MEMBER_ABC, sizeof bytes);
    bytes[19] ^= 1;
    CHECK_TEXT(gunzip(all), "!wrong CRC or length at byte 23 of the compressed stream");
    memcpy(bytes, MEMBER_ABC, sizeof bytes);
    bytes[2] = 7;
    assert_non_null(strstr(gunzip(all), "!unknown gzip method at byte "));
    memcpy(bytes, MEMBER_ABC, sizeof bytes);
    bytes[10] = (char) 0xff;
    assert_non_null(strstr(gunzip(all), "!damaged gzip data at byte "));
}

static void
a_stream_cut_anywhere_is_an_error(void)
{
    for (size_t n = 1; n < sizeof MEMBER_ABC - 1; n++) {
        struct ko_error err = {0};
        struct ko_buf out = {0};

        (void) inflate((struct ko_slice){MEMBER_ABC, n}, 1000, 1000, &out, &err);
        CHECK_CODE(err, KO_E_CORRUPT);
        CHECK_ERROR_SAYS(err, "cut at byte");
        ko_buf_clear(&out);
    }
}

/* Text that compresses, with long and short distances, and noise that does not. */
static void
fill(struct ko_buf *buf, size_t n)
{
    uint32_t seed = 1;

    while (buf->n < n) {
        seed = seed * 1664525U + 1013904223U;
        if (buf->n % 100000 < 60000)
            ko_buf_add_format(buf, "{\"Item\":{\"pk\":{\"S\":\"item-%u\"}}}\n", seed >> 20);
        else
            ko_buf_add_char(buf, (char) (unsigned char) (seed >> 24));
    }
}

static void
pieces_of_any_size_give_the_same_content(void)
{
    static const size_t sizes[][2] = {{1, 100000}, {1, 1},      {7, 13},
                                      {100000, 1}, {1000, 999}, {1 << 20, 1 << 20}};
    struct ko_buf content = {0};
    struct ko_buf packed = {0};
    struct ko_error err = {0};

    fill(&content, 130000);
    (void) ko_gzip_add(&packed, KO_SLICE(""), &err);
    (void) ko_gzip_add(&packed, (struct ko_slice){content.data, 70000}, &err);
    (void) ko_gzip_add(&packed, (struct ko_slice){content.data + 70000, content.n - 70000}, &err);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct ko_buf out = {0};

        (void) inflate(ko_buf_slice(&packed), sizes[i][0], sizes[i][1], &out, &err);
        CHECK_OK(err);
        assert_int_equal(out.n, content.n);
        assert_memory_equal(out.data, content.data, out.n);
        ko_buf_clear(&out);
    }
    ko_buf_clear(&content);
    ko_buf_clear(&packed);
}

static void
a_stream_is_as_new_after_a_reset(void)
{
    struct ko_error err = {0};
    struct ko_error ignored = {0};
    struct ko_gunzip *stream = ko_gunzip_new(&err);
    struct ko_slice bad = KO_SLICE("\x1f\x8b\x07nonsense");
    struct ko_slice good = KO_SLICE(MEMBER_ABC);
    char to[10];
    size_t n;

    assert_int_equal(ko_gunzip_next(stream, &bad, to, sizeof to, &n, &ignored), KO_E_CORRUPT);
    ko_gunzip_reset(stream);
    (void) ko_gunzip_next(stream, &good, to, sizeof to, &n, &err);
    CHECK_OK(err);
    CHECK_SLICE(((struct ko_slice){to, n}), "abc");
    assert_int_equal(ko_gunzip_end(stream, &err), KO_OK);
    ko_gunzip_free(stream);
}

static void
no_memory_is_an_error(void)
{
    for (uint64_t nth = 1; nth <= 3; nth++) {
        struct ko_buf out = {0};
        struct ko_error err = {0};

        ko_mem_fail_nth(nth);
        (void) ko_gzip_add(&out, KO_SLICE("abc"), &err);
        ko_mem_fail_nth(0);
        CHECK_CODE(err, KO_E_MEMORY);
        ko_buf_clear(&out);
    }
}

CASES = {
    CASE(members_follow_each_other),
    CASE(optional_header_fields_are_skipped),
    CASE(zero_padding_at_the_end_is_skipped),
    CASE(other_bytes_are_not_gzip),
    CASE(damage_is_named_with_its_byte),
    CASE(a_stream_cut_anywhere_is_an_error),
    CASE(pieces_of_any_size_give_the_same_content),
    CASE(a_stream_is_as_new_after_a_reset),
    CASE(no_memory_is_an_error),
};
RUN_CASES
