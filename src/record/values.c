#include "values_priv.h"

#include "keepone/base/varint.h"
#include "keepone/format/json.h"
#include "keepone/format/value.h"
#include "order_priv.h"

enum { VALUE_ABSENT, VALUE_IN_KEY, VALUE_IN_PRIMARY_ORDER, VALUE_BYTES };

/* ---- adding ---- */

static void
add_number(struct ko_buf *out, uint64_t number)
{
    char *const room = ko_buf_reserve(out, KO_VARINT_BYTES);

    if (room != NULL)
        ko_buf_commit(out, ko_varint_write(room, number));
}

/* Puts the varint that tells their number in front of the bytes from `start` on. */
static void
add_number_before(struct ko_buf *out, size_t start)
{
    const size_t n = out->n - start;
    char *const room = ko_buf_reserve(out, KO_VARINT_BYTES);
    char number[KO_VARINT_BYTES];
    size_t n_number;

    if (room == NULL)
        return;
    n_number = ko_varint_write(number, n + VALUE_BYTES);
    memmove(out->data + start + n_number, out->data + start, n);
    memcpy(out->data + start, number, n_number);
    ko_buf_commit(out, n_number);
}

static enum ko_code
add_value(const struct ko_rules *rules, size_t path_index, struct ko_slice value,
          struct ko_buf *out, struct ko_error *err)
{
    const size_t start = out->n;

    if (value.data == NULL) {
        add_number(out, VALUE_ABSENT);
    } else if (ko_value_is_plain_string(value, NULL)) {
        add_number(out, value.n + VALUE_BYTES);
        ko_buf_add_slice(out, value);
    } else if (ko_value_add_canonical(out, value, err) == KO_OK) {
        add_number_before(out, start);
    } else {
        ko_context(err, "attribute '%.*s'", KO_SLICE_ARG(rules->looked[path_index].path.text));
    }
    return err->code;
}

enum ko_code
ko_primary_values_add(const struct ko_rules *rules, const struct ko_slice *values,
                      size_t section_start, const size_t starts[2], struct ko_buf *out,
                      struct ko_error *err)
{
    const size_t n_primary = rules->has_range ? 2 : 1;

    KO_TRY(ko_buf_finish(out, err));
    for (size_t i = 0; i < n_primary; i++) {
        const size_t start = starts[i] + 1;
        const char *const end = memchr(out->data + start, '\0', out->n - start);
        const size_t n = end == NULL ? 0 : (size_t) (end - out->data) - start;

        /* Bytes with a 00 among them stand in the order with more than their own. */
        if (out->data[starts[i]] != KO_ORDERED_S || end == NULL || end[1] != '\0') {
            KO_TRY(add_value(rules, i, values[i], out, err));
            continue;
        }
        add_number(out, VALUE_IN_PRIMARY_ORDER);
        add_number(out, start - section_start);
        add_number(out, n);
        KO_TRY(ko_buf_finish(out, err));
    }

done:
    return err->code;
}

/*
 * A part's value was added from `start` on.  If it is what the key text has there as well, only its
 * place stays.  *at: where the part begins in the key; moves behind it, or to the key's end if it
 * is not told where the next part begins.
 */
static enum ko_code
share_with_key(const struct ko_key_part *part, size_t key_start, size_t key_end, size_t *at,
               size_t start, struct ko_buf *out, struct ko_error *err)
{
    struct ko_slice value;
    uint64_t number;
    size_t place;

    if (ko_buf_finish(out, err) != KO_OK)
        return err->code;
    value = (struct ko_slice){out->data + start, out->n - start};
    place = *at + part->prefix.n;
    *at = key_end;
    if (!ko_varint_read(&value, &number) || number < VALUE_BYTES || place + value.n > key_end ||
        memcmp(out->data + place, value.data, value.n) != 0)
        return KO_OK;
    *at = place + value.n;
    out->n = start;
    add_number(out, VALUE_IN_KEY);
    add_number(out, place - key_start);
    add_number(out, value.n);
    return ko_buf_finish(out, err);
}

enum ko_code
ko_seen_values_add(const struct ko_rules *rules, const struct ko_slice *values, size_t key_start,
                   size_t key_end, struct ko_buf *out, struct ko_error *err)
{
    size_t n_parts = 0; /* of the key, met so far: parts and seen paths have the same order */
    size_t at = key_start;

    for (size_t i = 0; i < rules->n_seen; i++) {
        const size_t path_index = rules->seen[i];
        const size_t start = out->n;

        KO_TRY(add_value(rules, path_index, values[path_index], out, err));
        if (n_parts == rules->n_key || rules->key[n_parts].path_index != path_index)
            continue;
        KO_TRY(share_with_key(&rules->key[n_parts], key_start, key_end, &at, start, out, err));
        n_parts++;
    }

done:
    return err->code;
}

/* ---- reading ---- */

/* A value of a record: canonical JSON, or the bytes of an S. */
struct value {
    struct ko_slice text; /* absent if the value is */
    bool is_string_bytes;
};

/* Takes n bytes at an offset, both told at the front of *rest, out of a section. */
static bool
read_place(struct ko_slice *rest, struct ko_slice section, struct ko_slice *text)
{
    uint64_t offset;
    uint64_t n;

    if (!ko_varint_read(rest, &offset) || !ko_varint_read(rest, &n) || offset > section.n ||
        n > section.n - offset)
        return false;
    *text = (struct ko_slice){section.data + offset, (size_t) n};
    return true;
}

/* Takes the value at the front of *rest. */
static enum ko_code
next_value(const struct ko_record *record, struct ko_slice *rest, struct value *value,
           struct ko_error *err)
{
    uint64_t number = 0;
    bool is_whole = ko_varint_read(rest, &number);

    *value = (struct value){.is_string_bytes = number == VALUE_IN_PRIMARY_ORDER};
    if (number == VALUE_IN_KEY) {
        is_whole = is_whole && read_place(rest, record->key, &value->text);
    } else if (number == VALUE_IN_PRIMARY_ORDER) {
        is_whole = is_whole && read_place(rest, record->primary_order, &value->text);
    } else if (number >= VALUE_BYTES) {
        is_whole = number - VALUE_BYTES <= rest->n;
        value->text = (struct ko_slice){rest->data, (size_t) (number - VALUE_BYTES)};
        rest->data += is_whole ? value->text.n : 0;
        rest->n -= is_whole ? value->text.n : 0;
    }
    if (!is_whole)
        return ko_fail(err, KO_E_CORRUPT, "a value of a record is cut");
    return err->code;
}

static void
write_value(const struct value *value, struct ko_buf *out)
{
    if (value->text.data == NULL) {
        ko_buf_add_text(out, "null");
    } else if (value->is_string_bytes) {
        ko_value_add_text(out, value->text);
    } else {
        ko_buf_add_slice(out, value->text);
    }
}

enum ko_code
ko_record_add_primary_key(const struct ko_rules *rules, const struct ko_record *record,
                          struct ko_buf *out, struct ko_error *err)
{
    const size_t n_primary = rules->has_range ? 2 : 1;
    struct ko_slice rest = record->values;
    struct value values[2];

    for (size_t i = 0; i < n_primary; i++)
        KO_TRY(next_value(record, &rest, &values[i], err));
    for (size_t i = 0; i < n_primary; i++) {
        ko_buf_add_slice(out, rules->primary_prefix[i]);
        write_value(&values[rules->primary[i]], out);
    }
    ko_buf_add_char(out, '}');
    KO_TRY(ko_buf_finish(out, err));

done:
    return err->code;
}

/* Steps over the values of the primary key. */
static enum ko_code
find_seen(const struct ko_rules *rules, const struct ko_record *record, struct ko_slice *rest,
          struct ko_error *err)
{
    struct value ignored;

    *rest = record->values;
    KO_TRY(next_value(record, rest, &ignored, err));
    if (rules->has_range)
        KO_TRY(next_value(record, rest, &ignored, err));

done:
    return err->code;
}

enum ko_code
ko_record_add_seen(const struct ko_rules *rules, const struct ko_record *record, struct ko_buf *out,
                   struct ko_error *err)
{
    struct ko_slice rest;
    struct value value;

    KO_TRY(find_seen(rules, record, &rest, err));
    for (size_t i = 0; i < rules->n_seen; i++) {
        KO_TRY(next_value(record, &rest, &value, err));
        ko_buf_add_slice(out, rules->seen_prefix[i]);
        write_value(&value, out);
    }
    ko_buf_add_text(out, rules->n_seen == 0 ? "{}" : "}");
    KO_TRY(ko_buf_finish(out, err));

done:
    return err->code;
}

enum ko_code
ko_record_agree(const struct ko_rules *rules, const struct ko_record *a, const struct ko_record *b,
                bool *agree, struct ko_error *err)
{
    struct ko_slice rest_a;
    struct ko_slice rest_b;
    struct value value_a;
    struct value value_b;

    *agree = true;
    if (rules->n_same == 0)
        return err->code;
    KO_TRY(find_seen(rules, a, &rest_a, err));
    KO_TRY(find_seen(rules, b, &rest_b, err));
    for (size_t i = 0; i < rules->n_seen && *agree; i++) {
        KO_TRY(next_value(a, &rest_a, &value_a, err));
        KO_TRY(next_value(b, &rest_b, &value_b, err));
        if (rules->looked[rules->seen[i]].is_same)
            *agree = ko_slice_equal(value_a.text, value_b.text);
    }

done:
    return err->code;
}
