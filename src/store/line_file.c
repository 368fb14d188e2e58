#include "keepone/store/line_file.h"

#include "keepone/base/mem.h"
#include "packed_file_priv.h"
#include "window_priv.h"

enum { WINDOW_BYTES = 256 * 1024 };

struct ko_line_writer {
    struct ko_packed_writer *file;
    uint64_t n_lines;
};

static enum ko_code
open_writer(const char *path, const struct ko_packed_options *options,
            struct ko_line_writer **writer, struct ko_error *err)
{
    *writer = ko_alloc(sizeof **writer, err);
    if (*writer == NULL)
        return err->code;
    if (ko_packed_writer_open(path, options, &(*writer)->file, err) != KO_OK) {
        ko_free(*writer);
        *writer = NULL;
    }
    return err->code;
}

enum ko_code
ko_line_writer_open(const char *path, int level, struct ko_line_writer **writer,
                    struct ko_error *err)
{
    const struct ko_packed_options options = {.level = level, .with_digest = true};

    return open_writer(path, &options, writer, err);
}

enum ko_code
ko_line_writer_open_one_of_many(const char *path, int level, struct ko_line_writer **writer,
                                struct ko_error *err)
{
    const struct ko_packed_options options = {
        .level = level, .with_digest = true, .sync_later = true};

    return open_writer(path, &options, writer, err);
}

enum ko_code
ko_line_writer_open_journal(const char *path, struct ko_line_writer **writer, struct ko_error *err)
{
    const struct ko_packed_options options = {.is_journal = true};

    return open_writer(path, &options, writer, err);
}

enum ko_code
ko_line_writer_add(struct ko_line_writer *writer, struct ko_slice line, struct ko_error *err)
{
    if (line.n > KO_LINE_BYTES_MAX || (line.n > 0 && memchr(line.data, '\n', line.n) != NULL))
        KO_TRY(ko_fail(err, KO_E_BUG, "a line of %zu bytes is too long or is two lines", line.n));
    KO_TRY(ko_packed_writer_add(writer->file, line, err));
    KO_TRY(ko_packed_writer_add(writer->file, KO_SLICE("\n"), err));
    writer->n_lines++;

done:
    if (err->code != KO_OK)
        ko_packed_writer_spoil(writer->file);
    return err->code;
}

enum ko_code
ko_line_writer_commit(struct ko_line_writer *writer, struct ko_error *err)
{
    return ko_packed_writer_commit(writer->file, err);
}

uint64_t
ko_line_writer_pending_bytes(const struct ko_line_writer *writer)
{
    return ko_packed_writer_pending_bytes(writer->file);
}

enum ko_code
ko_line_writer_close(struct ko_line_writer *writer, struct ko_line_totals *totals,
                     struct ko_error *err)
{
    struct ko_line_totals all = {.n_lines = writer->n_lines,
                                 .n_bytes = ko_packed_writer_bytes(writer->file)};

    if (ko_packed_writer_close(writer->file, all.sha256, err) == KO_OK && totals != NULL)
        *totals = all;
    ko_free(writer);
    return err->code;
}

void
ko_line_writer_abandon(struct ko_line_writer *writer)
{
    if (writer == NULL)
        return;
    ko_packed_writer_abandon(writer->file);
    ko_free(writer);
}

struct ko_line_reader {
    struct ko_packed_reader *file;
    struct ko_window window;
    struct ko_digest *digest; /* NULL unless asked for */
    uint64_t n_lines;
    uint64_t n_bytes; /* all that was decompressed */
    bool was_cut;
};

enum ko_code
ko_line_reader_open(const char *path, const struct ko_line_reader_options *options,
                    struct ko_line_reader **reader_out, struct ko_error *err)
{
    static const struct ko_line_reader_options defaults;
    struct ko_line_reader *reader = ko_alloc(sizeof *reader, err);
    bool whole_frames = true;

    *reader_out = NULL;
    if (reader == NULL)
        return err->code;
    if (options == NULL)
        options = &defaults;
    if (options->with_digest)
        reader->digest = ko_digest_new(KO_SHA256, err);
    KO_TRY(err->code);
    KO_TRY(ko_packed_reader_open(path, options->tolerate_cut_tail ? &whole_frames : NULL,
                                 &reader->file, err));
    reader->was_cut = !whole_frames;
    *reader_out = reader;
    reader = NULL;

done:
    ko_line_reader_close(reader);
    return err->code;
}

/* Reads more into the window; *n_read = 0 at the end of the file. */
static enum ko_code
read_more(struct ko_line_reader *reader, size_t *n_read, struct ko_error *err)
{
    struct ko_window *window = &reader->window;
    size_t n_room;
    char *room;

    KO_TRY(ko_window_make_room(window, WINDOW_BYTES, KO_LINE_BYTES_MAX, err));
    room = ko_window_room(window, &n_room);
    KO_TRY(ko_packed_reader_next(reader->file, room, n_room, n_read, err));
    window->end += *n_read;
    reader->n_bytes += *n_read;
    if (reader->digest != NULL)
        ko_digest_add(reader->digest, (struct ko_slice){room, *n_read});
    if (*n_read == 0 && window->end > window->start)
        (void) ko_fail(err, KO_E_CORRUPT, "the last line has no newline");

done:
    return err->code;
}

enum ko_code
ko_line_reader_next(struct ko_line_reader *reader, struct ko_slice *line, struct ko_error *err)
{
    size_t n_read = 1;

    while (!ko_window_take_line(&reader->window, line)) {
        KO_TRY(read_more(reader, &n_read, err));
        if (n_read == 0) {
            *line = (struct ko_slice){NULL, 0};
            return KO_OK;
        }
    }
    reader->n_lines++;

done:
    if (err->code == KO_E_CORRUPT)
        ko_context(err, "'%s' line %llu", ko_packed_reader_path(reader->file),
                   (unsigned long long) reader->n_lines + 1);
    return err->code;
}

uint64_t
ko_line_reader_line_number(const struct ko_line_reader *reader)
{
    return reader->n_lines;
}

bool
ko_line_reader_was_cut(const struct ko_line_reader *reader)
{
    return reader->was_cut;
}

void
ko_line_reader_context(const struct ko_line_reader *reader, struct ko_error *err)
{
    ko_context(err, "'%s' line %llu", ko_packed_reader_path(reader->file),
               (unsigned long long) reader->n_lines);
}

enum ko_code
ko_line_reader_totals(struct ko_line_reader *reader, struct ko_line_totals *totals,
                      struct ko_error *err)
{
    struct ko_slice line = KO_SLICE("");

    while (line.data != NULL)
        KO_TRY(ko_line_reader_next(reader, &line, err));
    *totals = (struct ko_line_totals){.n_lines = reader->n_lines, .n_bytes = reader->n_bytes};
    if (reader->digest != NULL) {
        unsigned char digest[KO_DIGEST_BYTES_MAX];

        ko_digest_end(reader->digest, digest);
        ko_hex(digest, KO_SHA256_BYTES, totals->sha256);
    }

done:
    return err->code;
}

enum ko_code
ko_line_reader_check(struct ko_line_reader *reader, const struct ko_line_totals *expected,
                     struct ko_error *err)
{
    const char *const path = ko_packed_reader_path(reader->file);
    struct ko_line_totals is;

    KO_ASSERT(reader->digest != NULL);
    KO_TRY(ko_line_reader_totals(reader, &is, err));
    if (is.n_lines != expected->n_lines || is.n_bytes != expected->n_bytes)
        (void) ko_fail(err, KO_E_CORRUPT, "'%s' has %llu lines and %llu bytes, not %llu and %llu",
                       path, (unsigned long long) is.n_lines, (unsigned long long) is.n_bytes,
                       (unsigned long long) expected->n_lines,
                       (unsigned long long) expected->n_bytes);
    else if (strcmp(is.sha256, expected->sha256) != 0)
        (void) ko_fail(err, KO_E_CORRUPT, "'%s' has the SHA-256 %s, not %s", path, is.sha256,
                       expected->sha256);

done:
    return err->code;
}

void
ko_line_reader_close(struct ko_line_reader *reader)
{
    if (reader == NULL)
        return;
    ko_packed_reader_close(reader->file);
    ko_window_clear(&reader->window);
    ko_digest_free(reader->digest);
    ko_free(reader);
}
