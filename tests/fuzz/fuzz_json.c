/*
 * JSON: the check and the cursors accept the same texts; what is written again from the cursors is
 * the same document.
 */
#include "keepone/format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum ko_code rewrite(struct ko_buf *out, struct ko_slice value, struct ko_error *err);

static enum ko_code
rewrite_string(struct ko_buf *out, struct ko_slice value, struct ko_error *err)
{
    struct ko_buf text = {0};
    size_t bad_offset;

    KO_TRY(ko_json_decode_string(value, &text, err));
    KO_ASSERT(ko_utf8_check(ko_buf_slice(&text), &bad_offset));
    ko_json_add_string(out, ko_buf_slice(&text));

done:
    ko_buf_clear(&text);
    return err->code;
}

/* Adds a name, which the cursor gave without its quotes. */
static enum ko_code
rewrite_name(struct ko_buf *out, struct ko_slice name, struct ko_error *err)
{
    KO_TRY(rewrite_string(out, (struct ko_slice){name.data - 1, name.n + 2}, err));
    ko_buf_add_char(out, ':');

done:
    return err->code;
}

static enum ko_code
rewrite_container(struct ko_buf *out, struct ko_slice value, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice member;

    KO_TRY(ko_json_enter(value, &cursor, err));
    ko_buf_add_char(out, cursor.is_object ? '{' : '[');
    for (bool is_first = true;; is_first = false) {
        KO_TRY(ko_json_next(&cursor, &name, &member, err));
        if (member.data == NULL)
            break;
        ko_buf_add_text(out, is_first ? "" : ",");
        if (cursor.is_object)
            KO_TRY(rewrite_name(out, name, err));
        KO_TRY(rewrite(out, member, err));
    }
    ko_buf_add_char(out, cursor.is_object ? '}' : ']');

done:
    return err->code;
}

/* Adds the value without white space and with the fewest escapes. */
static enum ko_code
rewrite(struct ko_buf *out, struct ko_slice value, struct ko_error *err)
{
    switch (value.data[0]) {
    case '{':
    case '[':
        return rewrite_container(out, value, err);
    case '"':
        return rewrite_string(out, value, err);
    default:
        ko_buf_add_slice(out, value);
        return KO_OK;
    }
}

static bool
is_container(struct ko_slice text)
{
    return text.n > 0 && (text.data[0] == '{' || text.data[0] == '[');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct ko_slice text = {(const char *) data, n};
    struct ko_buf once = {0};
    struct ko_buf twice = {0};
    struct ko_error check_err = {0};
    struct ko_error err = {0};
    const bool is_valid = ko_json_check(text, &check_err) == KO_OK;

    KO_ASSERT(is_valid || check_err.code == KO_E_CORRUPT);
    if (is_container(text)) {
        /* A cursor refuses what the check refuses. */
        KO_ASSERT((rewrite_container(&once, text, &err) == KO_OK) == is_valid);
    }
    if (is_valid && is_container(text)) {
        KO_ASSERT(ko_json_check(ko_buf_slice(&once), &err) == KO_OK);
        KO_ASSERT(rewrite(&twice, ko_buf_slice(&once), &err) == KO_OK);
        KO_ASSERT(ko_slice_equal(ko_buf_slice(&once), ko_buf_slice(&twice)));
    }
    ko_buf_clear(&once);
    ko_buf_clear(&twice);
    return 0;
}
