#include "keepone/format/zstd.h"

#include "support/test.h"

/* Adds each word as one frame, piece by piece. */
static void
add_frames(struct ko_buf *out, const char *const *words, size_t n_words)
{
    struct ko_error err = {0};
    struct ko_zstd_writer *writer = ko_zstd_writer_new(0, &err);

    for (size_t i = 0; i < n_words; i++) {
        (void) ko_zstd_writer_add(writer, KO_SLICE(""), out, &err);
        for (const char *at = words[i]; *at != '\0'; at++)
            (void) ko_zstd_writer_add(writer, (struct ko_slice){at, 1}, out, &err);
        (void) ko_zstd_writer_end(writer, out, &err);
    }
    (void) ko_zstd_writer_end(writer, out, &err); /* no frame is open: nothing */
    CHECK_OK(err);
    ko_zstd_writer_free(writer);
}

/* The content, "!" and the error if there was one, "|" if the end was between frames. */
static const char *
read_all(struct ko_slice in, size_t n_in, size_t n_out)
{
    static char text[2048];
    struct ko_buf out = {0};
    struct ko_error err = {0};
    struct ko_zstd_reader *reader = ko_zstd_reader_new(&err);

    while (in.n > 0 && err.code == KO_OK) {
        struct ko_slice piece = {in.data, in.n < n_in ? in.n : n_in};
        size_t n_written = n_out;

        in.data += piece.n;
        in.n -= piece.n;
        while ((piece.n > 0 || n_written == n_out) && err.code == KO_OK) {
            char *room = ko_buf_reserve(&out, n_out);

            (void) ko_zstd_reader_next(reader, &piece, room, n_out, &n_written, &err);
            ko_buf_commit(&out, n_written);
        }
    }
    (void) snprintf(text, sizeof text, "%.*s%s%s%s", KO_SLICE_ARG(ko_buf_slice(&out)),
                    err.code == KO_OK ? "" : "!", err.text,
                    ko_zstd_reader_is_between_frames(reader) ? "|" : "");
    ko_zstd_reader_free(reader);
    ko_buf_clear(&out);
    return text;
}

static void
frames_follow_each_other(void)
{
    struct ko_buf packed = {0};

    add_frames(&packed, (const char *const[]){"ab", "", "cde"}, 3);
    CHECK_TEXT(read_all(ko_buf_slice(&packed), 1000, 1000), "abcde|");
    CHECK_TEXT(read_all(ko_buf_slice(&packed), 1, 1), "abcde|");
    CHECK_TEXT(read_all(ko_buf_slice(&packed), 1, 1000), "abcde|");
    CHECK_TEXT(read_all(ko_buf_slice(&packed), 1000, 1), "abcde|");
    CHECK_TEXT(read_all(KO_SLICE(""), 1, 1), "|");
    ko_buf_clear(&packed);
}

static void
a_cut_frame_does_not_end_between_frames(void)
{
    struct ko_buf packed = {0};
    size_t n_first;

    add_frames(&packed, (const char *const[]){"first"}, 1);
    n_first = packed.n;
    add_frames(&packed, (const char *const[]){"second"}, 1);
    for (size_t n = 1; n < packed.n; n++) {
        const char *text = read_all((struct ko_slice){packed.data, n}, 1000, 1000);

        assert_int_equal(text[0] != '\0' && text[strlen(text) - 1] == '|', n == n_first);
    }
    ko_buf_clear(&packed);
}

static void
the_end_of_the_last_whole_frame_is_known(void)
{
    struct ko_buf packed = {0};
    struct ko_error err = {0};
    struct ko_zstd_reader *reader = ko_zstd_reader_new(&err);
    struct ko_slice in;
    size_t n_first;
    size_t n_written;
    char to[100];

    add_frames(&packed, (const char *const[]){"first"}, 1);
    n_first = packed.n;
    add_frames(&packed, (const char *const[]){"second"}, 1);
    in = (struct ko_slice){packed.data, packed.n - 1};
    assert_int_equal(ko_zstd_reader_frame_end_offset(reader), 0);
    (void) ko_zstd_reader_next(reader, &in, to, sizeof to, &n_written, &err);
    CHECK_OK(err);
    assert_int_equal(ko_zstd_reader_frame_end_offset(reader), n_first);
    ko_zstd_reader_reset(reader);
    assert_int_equal(ko_zstd_reader_frame_end_offset(reader), 0);
    assert_true(ko_zstd_reader_is_between_frames(reader));
    ko_zstd_reader_free(reader);
    ko_buf_clear(&packed);
}

static void
damage_is_an_error(void)
{
    struct ko_buf packed = {0};

    add_frames(&packed, (const char *const[]){"good"}, 1);
    packed.data[packed.n - 1] ^= 1;
    assert_non_null(strstr(read_all(ko_buf_slice(&packed), 1000, 1000), "checksum"));
    packed.data[0] ^= 1;
    CHECK_TEXT(read_all(ko_buf_slice(&packed), 1000, 1000),
               "!zstd: Unknown frame descriptor at byte 0 of the compressed stream|");
    ko_buf_clear(&packed);
}

static void
large_content_comes_back(void)
{
    enum { N = 3000000 };
    struct ko_buf content = {0};
    struct ko_buf packed = {0};
    struct ko_error err = {0};
    struct ko_zstd_writer *writer = ko_zstd_writer_new(-5, &err);
    struct ko_zstd_reader *reader = ko_zstd_reader_new(&err);
    struct ko_slice in;
    char *back = ko_alloc(N + 100, &err);
    size_t n_written;

    for (uint32_t i = 0; content.n < N; i++)
        ko_buf_add_u32(&content, i * i * 2654435761U);
    (void) ko_zstd_writer_add(writer, ko_buf_slice(&content), &packed, &err);
    (void) ko_zstd_writer_end(writer, &packed, &err);
    in = ko_buf_slice(&packed);
    (void) ko_zstd_reader_next(reader, &in, back, N + 100, &n_written, &err);
    CHECK_OK(err);
    assert_int_equal(n_written, content.n);
    assert_memory_equal(back, content.data, content.n);
    assert_true(ko_zstd_reader_is_between_frames(reader));
    ko_free(back);
    ko_zstd_reader_free(reader);
    ko_zstd_writer_free(writer);
    ko_buf_clear(&packed);
    ko_buf_clear(&content);
}

static void
no_memory_for_the_output_is_an_error(void)
{
    struct ko_buf packed = {0};
    struct ko_error err = {0};
    struct ko_error failed = {0};
    struct ko_zstd_writer *writer = ko_zstd_writer_new(0, &err);

    ko_mem_fail_nth(1);
    (void) ko_zstd_writer_add(writer, KO_SLICE("x"), &packed, &failed);
    ko_mem_fail_nth(0);
    CHECK_CODE(failed, KO_E_MEMORY);
    ko_zstd_writer_free(writer);
    ko_buf_clear(&packed);
}

CASES = {
    CASE(frames_follow_each_other),
    CASE(a_cut_frame_does_not_end_between_frames),
    CASE(the_end_of_the_last_whole_frame_is_known),
    CASE(damage_is_an_error),
    CASE(large_content_comes_back),
    CASE(no_memory_for_the_output_is_an_error),
};
RUN_CASES
