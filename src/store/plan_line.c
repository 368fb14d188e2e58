#include "keepone/format/json.h"
#include "keepone/store/plan.h"
#include "run_priv.h"

/* ---- lines ---- */

void
ko_plan_line_encode(const struct ko_plan_line *line, struct ko_buf *out)
{
    ko_buf_add_text(out, "{\"key\":");
    ko_buf_add_slice(out, line->key);
    ko_buf_add_text(out, ",\"delete\":{\"primary_key\":");
    ko_buf_add_slice(out, line->delete_primary_key);
    ko_buf_add_text(out, ",\"seen\":");
    ko_buf_add_slice(out, line->delete_seen);
    ko_buf_add_text(out, "},\"keep\":{\"primary_key\":");
    ko_buf_add_slice(out, line->keep_primary_key);
    ko_buf_add_text(out, ",\"seen\":");
    ko_buf_add_slice(out, line->keep_seen);
    ko_buf_add_text(out, "}}");
}

/* The next member must have this name and be an object. */
static enum ko_code
next_object(struct ko_json_cursor *cursor, const char *expected, struct ko_slice *value,
            struct ko_error *err)
{
    struct ko_slice name;

    if (ko_json_next(cursor, &name, value, err) != KO_OK)
        return err->code;
    if (value->data == NULL || !ko_slice_equal(name, ko_slice_of(expected)))
        return ko_fail(err, KO_E_CORRUPT, "member '%s' is missing", expected);
    if (value->data[0] != '{')
        return ko_fail(err, KO_E_CORRUPT, "member '%s' is not an object", expected);
    return KO_OK;
}

static enum ko_code
expect_end(struct ko_json_cursor *cursor, struct ko_error *err)
{
    struct ko_slice name;
    struct ko_slice value;

    if (ko_json_next(cursor, &name, &value, err) != KO_OK || value.data == NULL)
        return err->code;
    return ko_fail(err, KO_E_CORRUPT, "member '%.*s' does not belong there",
                   (int) (name.n > 64 ? 64 : name.n), name.data);
}

static enum ko_code
decode_item(struct ko_slice object, struct ko_slice *primary_key, struct ko_slice *seen,
            struct ko_error *err)
{
    struct ko_json_cursor cursor;

    KO_TRY(ko_json_enter(object, &cursor, err));
    KO_TRY(next_object(&cursor, "primary_key", primary_key, err));
    KO_TRY(next_object(&cursor, "seen", seen, err));
    KO_TRY(expect_end(&cursor, err));

done:
    return err->code;
}

enum ko_code
ko_plan_line_decode(struct ko_slice text, struct ko_plan_line *line, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice loser;
    struct ko_slice keeper;

    if (text.n == 0 || text.data[0] != '{')
        return ko_fail(err, KO_E_CORRUPT, "expected an object");
    KO_TRY(ko_json_enter(text, &cursor, err));
    KO_TRY(next_object(&cursor, "key", &line->key, err));
    KO_TRY(next_object(&cursor, "delete", &loser, err));
    KO_TRY(next_object(&cursor, "keep", &keeper, err));
    KO_TRY(expect_end(&cursor, err));
    KO_TRY(decode_item(loser, &line->delete_primary_key, &line->delete_seen, err));
    KO_TRY(decode_item(keeper, &line->keep_primary_key, &line->keep_seen, err));
    line->text = text;

done:
    return err->code;
}

/* ---- parts on the wire ---- */

enum { PART_BYTES = 4 + 8 + 8 + KO_SHA256_HEX_BYTES - 1 };

void
ko_plan_part_encode(const struct ko_plan_part *part, struct ko_buf *out)
{
    ko_buf_add_u32(out, part->part);
    ko_buf_add_u64(out, part->n_lines);
    ko_buf_add_u64(out, part->n_bytes);
    ko_buf_add(out, part->sha256, KO_SHA256_HEX_BYTES - 1);
}

enum ko_code
ko_plan_part_decode(struct ko_slice *bytes, struct ko_plan_part *part, struct ko_error *err)
{
    if (bytes->n < PART_BYTES)
        return ko_fail(err, KO_E_CORRUPT, "a message about a plan part is cut");
    *part = (struct ko_plan_part){.part = ko_read_u32(bytes->data),
                                  .n_lines = ko_read_u64(bytes->data + 4),
                                  .n_bytes = ko_read_u64(bytes->data + 12)};
    memcpy(part->sha256, bytes->data + 20, KO_SHA256_HEX_BYTES - 1);
    if (part->part >= KO_PLAN_PARTS_MAX || !ko_is_sha256_hex(ko_slice_of(part->sha256)))
        return ko_fail(err, KO_E_CORRUPT, "a message about a plan part is not valid");
    bytes->data += PART_BYTES;
    bytes->n -= PART_BYTES;
    return KO_OK;
}
