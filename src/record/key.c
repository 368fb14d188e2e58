#include "keepone/format/digest.h"
#include "keepone/format/json.h"
#include "keepone/format/value.h"
#include "keepone/record/normalise.h"
#include "keepone/record/record.h"
#include "text_priv.h"

/* Of every type: the values in which there is nothing to be the same. */
static enum ko_code
is_nothing(enum ko_value_type type, struct ko_slice content, bool *is_missing, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice first = {0};

    *is_missing = type == KO_VALUE_NULL;
    if (type == KO_VALUE_S || type == KO_VALUE_B)
        *is_missing = content.n == 2; /* the quotes */
    if (type < KO_VALUE_M)
        return err->code;
    KO_TRY(ko_json_enter(content, &cursor, err));
    KO_TRY(ko_json_next(&cursor, &name, &first, err));
    *is_missing = first.data == NULL;

done:
    return err->code;
}

static bool
needs_escape(struct ko_slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char) text.data[i] < 0x20 || text.data[i] == '"' || text.data[i] == '\\')
            return true;
    return false;
}

/* The bytes of out from `start` on, which are text, become a JSON string's, escaped. */
static enum ko_code
escape_tail(struct ko_buf *out, size_t start, struct ko_error *err)
{
    struct ko_slice tail = {out->data + start, out->n - start};
    struct ko_buf string = {0};

    if (!needs_escape(tail))
        return err->code;
    ko_json_add_string(&string, tail);
    KO_TRY(ko_buf_finish(&string, err));
    out->n = start;
    ko_buf_add(out, string.data + 1, string.n - 2);

done:
    ko_buf_clear(&string);
    return err->code;
}

/* Adds the value of a normalised string, in place: the usual text has nothing to escape. */
static enum ko_code
add_normalised(struct ko_slice content, unsigned normalisers, struct ko_buf *out, bool *is_missing,
               struct ko_error *err)
{
    struct ko_buf text_memory = {0};
    struct ko_slice text;
    size_t start;

    KO_TRY(ko_text_decode(content, &text_memory, &text, err));
    ko_buf_add_text(out, "{\"S\":\"");
    start = out->n;
    KO_TRY(ko_normalise(text, normalisers, out, err));
    *is_missing = out->n == start;
    KO_TRY(escape_tail(out, start, err));
    ko_buf_add_text(out, "\"}");

done:
    ko_buf_clear(&text_memory);
    return err->code;
}

/* Adds the canonical value of a part, or sets *is_missing (what was added then is to be forgotten).
 */
static enum ko_code
add_value(struct ko_slice value, unsigned normalisers, struct ko_buf *out, bool *is_missing,
          struct ko_error *err)
{
    struct ko_slice content;
    enum ko_value_type type;

    *is_missing = value.data == NULL;
    if (*is_missing)
        return err->code;
    KO_TRY(ko_value_open(value, &type, &content, err));
    KO_TRY(is_nothing(type, content, is_missing, err));
    if (*is_missing)
        return err->code;
    if (type == KO_VALUE_S && normalisers != 0)
        KO_TRY(add_normalised(content, normalisers, out, is_missing, err));
    else
        KO_TRY(ko_value_add_canonical(out, value, err));

done:
    return err->code;
}

/*
 * The hot path: adds a part whose value is canonical as it stands, and says whether it was one.
 * Room for the last brace is taken with it.
 */
static bool
add_plain_part(const struct ko_key_part *part, struct ko_slice value, struct ko_buf *out)
{
    struct ko_slice text;
    char *room;

    if (part->normalisers != 0 || !ko_value_is_plain_string(value, &text) || text.n == 0)
        return false;
    room = ko_buf_reserve(out, part->prefix.n + value.n + 1);
    if (room != NULL) {
        memcpy(room, part->prefix.data, part->prefix.n);
        memcpy(room + part->prefix.n, value.data, value.n);
        ko_buf_commit(out, part->prefix.n + value.n);
    }
    return true;
}

static enum ko_code
add_part(const struct ko_rules *rules, const struct ko_key_part *part, struct ko_slice value,
         struct ko_buf *out, bool *is_missing, struct ko_error *err)
{
    size_t start;

    if (add_plain_part(part, value, out))
        return err->code;
    ko_buf_add_slice(out, part->prefix);
    start = out->n;
    if (add_value(value, part->normalisers, out, is_missing, err) != KO_OK)
        ko_context(err, "attribute '%.*s'",
                   KO_SLICE_ARG(rules->looked[part->path_index].path.text));
    if (*is_missing && rules->missing_key == KO_MISSING_GROUP) {
        out->n = start;
        ko_buf_add_text(out, "null");
        *is_missing = false;
    }
    return err->code;
}

enum ko_code
ko_key_add(const struct ko_rules *rules, const struct ko_slice *values, struct ko_buf *out,
           bool *is_missing, struct ko_error *err)
{
    const size_t start = out->n;

    KO_ASSERT(rules->n_key > 0);
    *is_missing = false;
    for (size_t i = 0; i < rules->n_key && !*is_missing; i++)
        KO_TRY(add_part(rules, &rules->key[i], values[rules->key[i].path_index], out, is_missing,
                        err));
    ko_buf_add_char(out, '}');
    KO_TRY(ko_buf_finish(out, err));

done:
    if (err->code != KO_OK || *is_missing)
        out->n = start;
    return err->code;
}

enum ko_code
ko_key_fingerprint(const struct ko_rules *rules, const struct ko_slice *values,
                   struct ko_buf *scratch, uint64_t *fingerprint, bool *is_missing,
                   struct ko_error *err)
{
    ko_buf_reset(scratch);
    KO_TRY(ko_key_add(rules, values, scratch, is_missing, err));
    *fingerprint = ko_fingerprint(ko_buf_slice(scratch));

done:
    return err->code;
}
