#include "keepone/store/row_file.h"

#include "keepone/base/mem.h"
#include "packed_file_priv.h"
#include "row_priv.h"
#include "window_priv.h"

static const char magic[] = "KOROWS1\n";

enum {
    MAGIC_BYTES = sizeof magic - 1,
    HEAD_BYTES = MAGIC_BYTES + 8, /* and the identity */
    FOOT_BYTES = 1 + 8 + 8 * KO_ROW_COUNTERS,
    WINDOW_BYTES = 256 * 1024
};

struct ko_row_writer {
    struct ko_packed_writer *file;
    size_t n_values;
    uint64_t n_rows;
    struct ko_buf row;
};

/* Adds what stands in the buffer, and empties it. */
static enum ko_code
add_buffer(struct ko_row_writer *writer, struct ko_error *err)
{
    KO_TRY(ko_buf_finish(&writer->row, err)); /* a failure before this call is one, too */
    KO_TRY(ko_packed_writer_add(writer->file, ko_buf_slice(&writer->row), err));

done:
    ko_buf_reset(&writer->row);
    if (err->code != KO_OK)
        ko_packed_writer_spoil(writer->file);
    return err->code;
}

enum ko_code
ko_row_writer_open(const char *path, const struct ko_row_kind *kind,
                   struct ko_row_writer **writer_out, struct ko_error *err)
{
    static const struct ko_packed_options options;
    struct ko_row_writer *writer = ko_alloc(sizeof *writer, err);

    *writer_out = NULL;
    if (writer == NULL)
        return err->code;
    writer->n_values = kind->n_values;
    KO_TRY(ko_packed_writer_open(path, &options, &writer->file, err));
    ko_buf_add(&writer->row, magic, MAGIC_BYTES);
    ko_buf_add_u32(&writer->row, (uint32_t) kind->n_values);
    ko_buf_add_u32(&writer->row, (uint32_t) kind->identity.n);
    ko_buf_add_slice(&writer->row, kind->identity);
    KO_TRY(add_buffer(writer, err));
    *writer_out = writer;
    writer = NULL;

done:
    ko_row_writer_abandon(writer);
    return err->code;
}

enum ko_code
ko_row_writer_add(struct ko_row_writer *writer, const struct ko_slice *values, struct ko_error *err)
{
    ko_row_add(&writer->row, values, writer->n_values);
    if (writer->row.n > KO_ROW_BYTES_MAX)
        (void) ko_fail(err, KO_E_BUG, "a row of %zu bytes is too long", writer->row.n);
    KO_TRY(add_buffer(writer, err));
    writer->n_rows++;

done:
    return err->code;
}

enum ko_code
ko_row_writer_close(struct ko_row_writer *writer, const uint64_t counters[KO_ROW_COUNTERS],
                    struct ko_error *err)
{
    ko_buf_add_char(&writer->row, '\0');
    ko_buf_add_u64(&writer->row, writer->n_rows);
    for (int i = 0; i < KO_ROW_COUNTERS; i++)
        ko_buf_add_u64(&writer->row, counters[i]);
    KO_TRY(add_buffer(writer, err));
    (void) ko_packed_writer_close(writer->file, NULL, err);
    writer->file = NULL;

done:
    ko_row_writer_abandon(writer);
    return err->code;
}

void
ko_row_writer_abandon(struct ko_row_writer *writer)
{
    if (writer == NULL)
        return;
    ko_packed_writer_abandon(writer->file);
    ko_buf_clear(&writer->row);
    ko_free(writer);
}

struct ko_row_reader {
    struct ko_packed_reader *file;
    struct ko_window window;
    size_t n_values;
    uint64_t n_rows;
    uint64_t n_bytes;
    bool is_over;
    uint64_t counters[KO_ROW_COUNTERS];
};

/* Reads until n bytes are in the window, or the file is over. */
static enum ko_code
fill(struct ko_row_reader *reader, size_t n, struct ko_slice *content, struct ko_error *err)
{
    struct ko_window *window = &reader->window;
    size_t n_read = 1;

    while (window->end - window->start < n && n_read > 0) {
        size_t n_room;
        char *room;

        KO_TRY(ko_window_make_room(window, WINDOW_BYTES, 2 * KO_ROW_BYTES_MAX, err));
        room = ko_window_room(window, &n_room);
        KO_TRY(ko_packed_reader_next(reader->file, room, n_room, &n_read, err));
        window->end += n_read;
        reader->n_bytes += n_read;
    }
    *content = ko_window_content(window);

done:
    return err->code;
}

/* Takes n bytes, which must be there. */
static enum ko_code
take(struct ko_row_reader *reader, size_t n, const char **bytes, struct ko_error *err)
{
    struct ko_slice content;

    *bytes = NULL;
    KO_TRY(fill(reader, n, &content, err));
    if (content.n < n)
        return ko_fail(err, KO_E_CORRUPT, "the file ends too early");
    *bytes = content.data;
    reader->window.start += n;

done:
    return err->code;
}

static enum ko_code
check_head(struct ko_row_reader *reader, const struct ko_row_kind *kind, struct ko_error *err)
{
    struct ko_slice identity;
    const char *bytes;
    uint32_t n_values;

    KO_TRY(take(reader, HEAD_BYTES, &bytes, err));
    n_values = ko_read_u32(bytes + MAGIC_BYTES);
    identity.n = ko_read_u32(bytes + MAGIC_BYTES + 4);
    if (memcmp(bytes, magic, MAGIC_BYTES) != 0)
        return ko_fail(err, KO_E_CORRUPT, "not a row file of this version");
    if (identity.n > KO_ROW_BYTES_MAX)
        return ko_fail(err, KO_E_CORRUPT, "the head is damaged");
    KO_TRY(take(reader, identity.n, &identity.data, err));
    if (!ko_slice_equal(identity, kind->identity))
        return ko_fail(err, KO_E_CORRUPT, "the file is of '%.*s', not of '%.*s'",
                       KO_SLICE_ARG(identity), KO_SLICE_ARG(kind->identity));
    if (n_values != kind->n_values)
        return ko_fail(err, KO_E_CORRUPT, "the file has %u values in a row, not %zu", n_values,
                       kind->n_values);

done:
    return err->code;
}

enum ko_code
ko_row_reader_open(const char *path, const struct ko_row_kind *kind,
                   struct ko_row_reader **reader_out, struct ko_error *err)
{
    struct ko_row_reader *reader = ko_alloc(sizeof *reader, err);

    *reader_out = NULL;
    if (reader == NULL)
        return err->code;
    reader->n_values = kind->n_values;
    KO_TRY(ko_packed_reader_open(path, NULL, &reader->file, err));
    if (check_head(reader, kind, err) == KO_E_CORRUPT)
        ko_context(err, "'%s'", path);
    KO_TRY(err->code);
    *reader_out = reader;
    reader = NULL;

done:
    ko_row_reader_close(reader);
    return err->code;
}

/* Reads the footer, whose first byte is the next, and checks that nothing is behind it. */
static enum ko_code
check_foot(struct ko_row_reader *reader, struct ko_error *err)
{
    struct ko_slice content;
    const char *bytes;

    KO_TRY(take(reader, FOOT_BYTES, &bytes, err));
    for (int i = 0; i < KO_ROW_COUNTERS; i++)
        reader->counters[i] = ko_read_u64(bytes + 9 + 8 * i);
    if (ko_read_u64(bytes + 1) != reader->n_rows)
        return ko_fail(err, KO_E_CORRUPT, "the file has %llu rows, its footer says %llu",
                       (unsigned long long) reader->n_rows,
                       (unsigned long long) ko_read_u64(bytes + 1));
    KO_TRY(fill(reader, 1, &content, err));
    if (content.n > 0)
        return ko_fail(err, KO_E_CORRUPT, "bytes behind the footer");
    reader->is_over = true;

done:
    return err->code;
}

/* Reads until a row, or the end mark, is whole in the window: its length is in its first bytes. */
static enum ko_code
fill_row(struct ko_row_reader *reader, struct ko_slice *content, struct ko_error *err)
{
    uint64_t n_rest;
    size_t n_head;

    KO_TRY(fill(reader, KO_ROW_HEAD_BYTES_MAX, content, err));
    n_head = ko_row_head(*content, &n_rest);
    if (n_head == 0 || n_rest > KO_ROW_BYTES_MAX)
        return ko_fail(err, KO_E_CORRUPT, "the row is cut");
    KO_TRY(fill(reader, n_head + (size_t) n_rest, content, err));

done:
    return err->code;
}

enum ko_code
ko_row_reader_next(struct ko_row_reader *reader, struct ko_slice *values, bool *has_row,
                   struct ko_error *err)
{
    struct ko_slice content;
    struct ko_slice rest;

    *has_row = false;
    if (reader->is_over)
        return KO_OK;
    KO_TRY(fill_row(reader, &content, err));
    if (content.data[0] == '\0') {
        KO_TRY(check_foot(reader, err));
        return KO_OK;
    }
    rest = content;
    KO_TRY(ko_row_next(&rest, values, reader->n_values, err));
    reader->window.start += content.n - rest.n;
    reader->n_rows++;
    *has_row = true;

done:
    if (err->code == KO_E_CORRUPT)
        ko_context(err, "'%s' row %llu", ko_packed_reader_path(reader->file),
                   (unsigned long long) reader->n_rows + 1);
    return err->code;
}

/* True if the window has all that ko_row_reader_next() will look at. */
static bool
has_whole_row(struct ko_row_reader *reader)
{
    const struct ko_slice content = ko_window_content(&reader->window);
    uint64_t n_rest;
    const size_t n_head = content.n == 0 ? 0 : ko_row_head(content, &n_rest);

    if (content.n > 0 && content.data[0] == '\0')
        return content.n >= FOOT_BYTES;
    return content.n >= KO_ROW_HEAD_BYTES_MAX && (n_head == 0 || n_rest <= content.n - n_head);
}

enum ko_code
ko_row_reader_is_ready(struct ko_row_reader *reader, bool *is_ready, struct ko_error *err)
{
    struct ko_slice content;

    *is_ready = true;
    if (reader->is_over || ko_packed_reader_is_local(reader->file))
        return KO_OK;
    while (!has_whole_row(reader)) {
        const uint64_t n_before = reader->n_bytes;

        *is_ready = ko_packed_reader_is_ready(reader->file);
        if (!*is_ready)
            break;
        KO_TRY(fill(reader, ko_window_content(&reader->window).n + 1, &content, err));
        if (reader->n_bytes == n_before)
            break;
    }

done:
    if (err->code == KO_E_CORRUPT)
        ko_row_reader_context(reader, err);
    return err->code;
}

void
ko_row_reader_wait(struct ko_row_reader *reader, unsigned max_us)
{
    ko_packed_reader_wait(reader->file, max_us);
}

const uint64_t *
ko_row_reader_counters(const struct ko_row_reader *reader)
{
    KO_ASSERT(reader->is_over);
    return reader->counters;
}

uint64_t
ko_row_reader_row_number(const struct ko_row_reader *reader)
{
    return reader->n_rows;
}

uint64_t
ko_row_reader_bytes(const struct ko_row_reader *reader)
{
    return reader->n_bytes;
}

void
ko_row_reader_context(const struct ko_row_reader *reader, struct ko_error *err)
{
    ko_context(err, "'%s' row %llu", ko_packed_reader_path(reader->file),
               (unsigned long long) reader->n_rows);
}

void
ko_row_reader_close(struct ko_row_reader *reader)
{
    if (reader == NULL)
        return;
    ko_packed_reader_close(reader->file);
    ko_window_clear(&reader->window);
    ko_free(reader);
}
