#include "catch_up_priv.h"
#include "keepone/base/mem.h"
#include "keepone/format/change.h"
#include "keepone/format/value.h"
#include "keepone/store/export.h"

struct ko_change_reader {
    const struct ko_rules *rules;
    struct ko_export_reader *lines;
    struct ko_change_walker *walker;
    uint32_t window;
    struct ko_buf scratch;
    struct ko_buf bytes;
};

struct ko_change_reader *
ko_change_reader_new(const struct ko_rules *rules, bool no_md5, struct ko_error *err)
{
    const struct ko_export_reader_options options = {.no_md5 = no_md5};
    const size_t n_key_names = rules->has_range ? 2 : 1;
    struct ko_slice key_names[KO_CHANGE_KEYS_MAX];
    struct ko_change_reader *reader = ko_alloc(sizeof *reader, err);

    if (reader == NULL)
        return NULL;
    for (size_t i = 0; i < n_key_names; i++)
        key_names[i] = rules->looked[i].path.steps[0].name;
    reader->rules = rules;
    reader->lines = ko_export_reader_new(&options, err);
    if (reader->lines != NULL)
        reader->walker =
            ko_change_walker_new(rules->names, rules->n_names, key_names, n_key_names, err);
    if (reader->walker != NULL)
        return reader;
    ko_change_reader_free(reader);
    return NULL;
}

void
ko_change_reader_free(struct ko_change_reader *reader)
{
    if (reader == NULL)
        return;
    ko_export_reader_free(reader->lines);
    ko_change_walker_free(reader->walker);
    ko_buf_clear(&reader->scratch);
    ko_buf_clear(&reader->bytes);
    ko_free(reader);
}

enum ko_code
ko_change_reader_begin(struct ko_change_reader *reader, const struct ko_export_file *file,
                       uint32_t window, struct ko_error *err)
{
    reader->window = window;
    return ko_export_reader_begin(reader->lines, file, err);
}

enum ko_code
ko_change_reader_is_ready(struct ko_change_reader *reader, bool *is_ready, struct ko_error *err)
{
    return ko_export_reader_is_ready(reader->lines, is_ready, err);
}

void
ko_change_reader_wait(struct ko_change_reader *reader, unsigned max_us)
{
    ko_export_reader_wait(reader->lines, max_us);
}

/* An image that is not of the item that Keys name would put one item in the place of another. */
static enum ko_code
check_image(const struct ko_rules *rules, const struct ko_change *change,
            const struct ko_slice *values, struct ko_error *err)
{
    for (size_t i = 0; i < (rules->has_range ? 2U : 1U); i++) {
        bool equal;

        KO_TRY(ko_value_equal(values[i], change->keys[i], &equal, err));
        if (!equal)
            return ko_fail(err, KO_E_CORRUPT,
                           "the attribute '%.*s' of NewImage is not that of Keys",
                           KO_SLICE_ARG(rules->looked[i].path.text));
    }

done:
    return err->code;
}

static void
add_big_endian(struct ko_buf *out, uint64_t value, unsigned n_bytes)
{
    for (unsigned shift = 8 * n_bytes; shift > 0; shift -= 8)
        ko_buf_add_char(out, (char) (unsigned char) (value >> (shift - 8)));
}

static enum ko_code
encode(struct ko_change_reader *reader, const struct ko_change *change,
       const struct ko_slice *values, const struct ko_wide_fingerprint *fingerprint,
       struct ko_error *err)
{
    struct ko_buf *bytes = &reader->bytes;

    ko_buf_reset(bytes);
    add_big_endian(bytes, fingerprint->high, 8);
    add_big_endian(bytes, fingerprint->low, 8);
    add_big_endian(bytes, reader->window, 4);
    add_big_endian(bytes, change->written_us, 8);
    ko_buf_add_char(bytes, change->is_deleted ? 0 : 1);
    if (!change->is_deleted)
        ko_row_add(bytes, values, reader->rules->n_looked);
    return ko_buf_finish(bytes, err);
}

/* A line, checked and as bytes. */
static enum ko_code
take_line(struct ko_change_reader *reader, struct ko_slice line,
          struct ko_wide_fingerprint *fingerprint, struct ko_error *err)
{
    const struct ko_rules *rules = reader->rules;
    struct ko_slice name_values[KO_LOOKED_MAX];
    struct ko_slice values[KO_LOOKED_MAX];
    struct ko_change change;

    if (rules->is_flat) {
        KO_TRY(ko_change_walk(reader->walker, line, &change, values, err));
    } else {
        KO_TRY(ko_change_walk(reader->walker, line, &change, name_values, err));
        KO_TRY(ko_rules_look(rules, name_values, values, err));
    }
    if (!change.is_deleted)
        KO_TRY(check_image(rules, &change, values, err));
    KO_TRY(ko_touched_fingerprint(rules, change.keys, &reader->scratch, fingerprint, err));
    KO_TRY(encode(reader, &change, values, fingerprint, err));

done:
    return err->code;
}

enum ko_code
ko_change_reader_next(struct ko_change_reader *reader, struct ko_slice *change,
                      struct ko_wide_fingerprint *fingerprint, struct ko_error *err)
{
    struct ko_slice line;

    *change = (struct ko_slice){NULL, 0};
    KO_TRY(ko_export_reader_next(reader->lines, &line, err));
    if (line.data == NULL)
        return KO_OK;
    if (take_line(reader, line, fingerprint, err) != KO_OK)
        ko_export_reader_context(reader->lines, err);
    else
        *change = ko_buf_slice(&reader->bytes);

done:
    return err->code;
}
