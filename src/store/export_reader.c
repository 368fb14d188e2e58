#include "keepone/base/mem.h"
#include "keepone/base/stream.h"
#include "keepone/format/gzip.h"
#include "keepone/store/export.h"
#include "window_priv.h"

enum { READ_BYTES = 256 * 1024, WINDOW_BYTES = 256 * 1024 };

struct ko_export_reader {
    const struct ko_export_file *file;
    struct ko_file_reader *input; /* NULL when the end of the file was reached */
    bool is_input_over;           /* nothing is left to be read, */
    bool is_over;                 /* nor to be inflated */
    uint64_t n_lines;
    uint64_t n_items;
    uint64_t n_bytes;
    struct ko_gunzip *gunzip;
    struct ko_digest *md5; /* NULL if not asked for */
    bool is_md5_known;     /* of this file: it was right before */
    struct ko_window window;
    struct ko_slice in; /* read, not inflated yet */
    size_t read_bytes;
    char *in_bytes;
};

struct ko_export_reader *
ko_export_reader_new(const struct ko_export_reader_options *options, struct ko_error *err)
{
    static const struct ko_export_reader_options defaults;
    struct ko_export_reader *reader = ko_alloc(sizeof *reader, err);

    if (reader == NULL)
        return NULL;
    if (options == NULL)
        options = &defaults;
    reader->read_bytes = options->read_bytes == 0 ? READ_BYTES : options->read_bytes;
    reader->in_bytes = ko_alloc(reader->read_bytes, err);
    if (reader->in_bytes != NULL)
        reader->gunzip = ko_gunzip_new(err);
    if (reader->gunzip != NULL && !options->no_md5)
        reader->md5 = ko_digest_new(KO_MD5, err);
    if (err->code == KO_OK)
        return reader;
    if (err->code == KO_E_REFUSED)
        ko_hint(err, "run with --no-md5: gzip's CRC and the item counts are still checked.");
    ko_export_reader_free(reader);
    return NULL;
}

static void
leave_file(struct ko_export_reader *reader)
{
    ko_file_reader_close(reader->input);
    reader->input = NULL;
}

void
ko_export_reader_free(struct ko_export_reader *reader)
{
    if (reader == NULL)
        return;
    leave_file(reader);
    ko_gunzip_free(reader->gunzip);
    ko_digest_free(reader->md5);
    ko_window_clear(&reader->window);
    ko_free(reader->in_bytes);
    ko_free(reader);
}

enum ko_code
ko_export_reader_begin(struct ko_export_reader *reader, const struct ko_export_file *file,
                       struct ko_error *err)
{
    unsigned char unused[KO_DIGEST_BYTES_MAX];

    leave_file(reader);
    reader->file = file;
    reader->is_input_over = false;
    reader->is_over = false;
    reader->is_md5_known = false;
    reader->n_lines = 0;
    reader->n_items = 0;
    reader->n_bytes = 0;
    reader->in.n = 0;
    ko_window_reset(&reader->window);
    ko_gunzip_reset(reader->gunzip);
    if (reader->md5 != NULL)
        ko_digest_end(reader->md5, unused); /* forgets a file that was left half read */
    return ko_file_reader_open(file->path, &reader->input, err);
}

enum ko_code
ko_export_reader_begin_again(struct ko_export_reader *reader, const struct ko_export_file *file,
                             struct ko_error *err)
{
    const enum ko_code code = ko_export_reader_begin(reader, file, err);

    reader->is_md5_known = true;
    return code;
}

static enum ko_code
read_input(struct ko_export_reader *reader, struct ko_error *err)
{
    size_t n;

    KO_TRY(ko_file_reader_next(reader->input, reader->in_bytes, reader->read_bytes, &n, err));
    reader->in = (struct ko_slice){reader->in_bytes, n};
    reader->is_input_over = n == 0;
    if (reader->md5 != NULL && !reader->is_md5_known)
        ko_digest_add(reader->md5, reader->in);

done:
    return err->code;
}

/* The stream is over: compares what was read with what the manifest says. */
static enum ko_code
check_end(struct ko_export_reader *reader, struct ko_error *err)
{
    const struct ko_export_file *file = reader->file;
    unsigned char md5[KO_DIGEST_BYTES_MAX];
    char is[2 * KO_MD5_BYTES + 1];
    char expected[2 * KO_MD5_BYTES + 1];

    if (reader->md5 != NULL && !reader->is_md5_known) {
        ko_digest_end(reader->md5, md5);
        ko_hex(md5, KO_MD5_BYTES, is);
        ko_hex(file->md5, KO_MD5_BYTES, expected);
        if (memcmp(md5, file->md5, KO_MD5_BYTES) != 0)
            return ko_fail(err, KO_E_CORRUPT, "'%s' has the MD5 %s, the manifest says %s",
                           file->path, is, expected);
    }
    if (reader->n_items != file->n_items)
        return ko_fail(err, KO_E_CORRUPT, "'%s' has %llu items, the manifest says %llu", file->path,
                       (unsigned long long) reader->n_items, (unsigned long long) file->n_items);
    return KO_OK;
}

/* Inflates more into the window, if only a little; reads once when it must. */
static enum ko_code
refill(struct ko_export_reader *reader, struct ko_error *err)
{
    struct ko_window *window = &reader->window;
    size_t n_written = 0;
    size_t n_room;
    char *room;

    KO_TRY(ko_window_make_room(window, WINDOW_BYTES, KO_EXPORT_LINE_BYTES_MAX, err));
    room = ko_window_room(window, &n_room);
    if (reader->in.n == 0 && !reader->is_input_over)
        KO_TRY(read_input(reader, err));
    KO_TRY(ko_gunzip_next(reader->gunzip, &reader->in, room, n_room, &n_written, err));
    window->end += n_written;
    reader->n_bytes += n_written;
    reader->is_over = n_written == 0 && reader->is_input_over;
    if (reader->is_over)
        KO_TRY(ko_gunzip_end(reader->gunzip, err));

done:
    if (err->code == KO_E_CORRUPT)
        ko_context(err, "'%s' line %llu", reader->file->path,
                   (unsigned long long) reader->n_lines + 1);
    return err->code;
}

/* True if *line is an item's; counts it. */
static bool
count_line(struct ko_export_reader *reader, struct ko_slice line)
{
    reader->n_lines++;
    if (line.n == 0)
        return false;
    reader->n_items++;
    return true;
}

enum ko_code
ko_export_reader_next(struct ko_export_reader *reader, struct ko_slice *line, struct ko_error *err)
{
    if (reader->input == NULL) {
        *line = (struct ko_slice){NULL, 0};
        return KO_OK;
    }
    for (;;) {
        if (!ko_window_take_line(&reader->window, line)) {
            if (reader->is_over)
                break;
            KO_TRY(refill(reader, err));
        } else if (count_line(reader, *line)) {
            return KO_OK;
        }
    }
    *line = ko_window_take_rest(&reader->window);
    if (line->n > 0 && count_line(reader, *line))
        return KO_OK;
    *line = (struct ko_slice){NULL, 0};
    KO_TRY(check_end(reader, err));
    leave_file(reader);

done:
    if (err->code == KO_E_CORRUPT)
        ko_hint(err, "fetch the file again.");
    return err->code;
}

struct ko_slice
ko_export_reader_text(const struct ko_export_reader *reader)
{
    return ko_window_content(&reader->window);
}

void
ko_export_reader_take(struct ko_export_reader *reader, size_t n)
{
    ko_window_take(&reader->window, n);
    reader->n_lines++;
    reader->n_items++;
}

enum ko_code
ko_export_reader_is_ready(struct ko_export_reader *reader, bool *is_ready, struct ko_error *err)
{
    *is_ready = true;
    if (reader->input == NULL || ko_file_reader_is_local(reader->input))
        return KO_OK;
    while (!ko_window_has_line(&reader->window) && !reader->is_over) {
        *is_ready =
            reader->in.n > 0 || reader->is_input_over || ko_file_reader_is_ready(reader->input);
        if (!*is_ready)
            break;
        KO_TRY(refill(reader, err));
    }

done:
    if (err->code == KO_E_CORRUPT)
        ko_hint(err, "fetch the file again.");
    return err->code;
}

void
ko_export_reader_wait(struct ko_export_reader *reader, unsigned max_us)
{
    if (reader->input != NULL)
        ko_file_reader_wait(reader->input, max_us);
}

uint64_t
ko_export_reader_line_number(const struct ko_export_reader *reader)
{
    return reader->n_lines;
}

uint64_t
ko_export_reader_bytes(const struct ko_export_reader *reader)
{
    return reader->n_bytes;
}

void
ko_export_reader_context(const struct ko_export_reader *reader, struct ko_error *err)
{
    ko_context(err, "'%s' line %llu", reader->file->path, (unsigned long long) reader->n_lines);
}
