#include "keepone/format/value.h"

#include "keepone/format/json.h"
#include "stop_priv.h"
#include "value_priv.h"

const char *
ko_value_type_name(enum ko_value_type type)
{
    switch (type) {
    case KO_VALUE_S:
        return "S";
    case KO_VALUE_N:
        return "N";
    case KO_VALUE_B:
        return "B";
    case KO_VALUE_BOOL:
        return "BOOL";
    case KO_VALUE_NULL:
        return "NULL";
    case KO_VALUE_M:
        return "M";
    case KO_VALUE_L:
        return "L";
    case KO_VALUE_SS:
        return "SS";
    case KO_VALUE_NS:
        return "NS";
    case KO_VALUE_BS:
        return "BS";
    }
    return "?";
}

enum ko_code
ko_value_open(struct ko_slice value, enum ko_value_type *type, struct ko_slice *content,
              struct ko_error *err)
{
    struct ko_scan scan = ko_scan_of(value);
    const char *const end = ko_scan_ddb_value(&scan, scan.begin, 0);
    const char *start;
    const char *behind;

    if (end != NULL && ko_scan_space(&scan, end) != scan.end)
        (void) ko_scan_fault(&scan, end, "more text behind the value");
    if (scan.fault != NULL)
        return ko_scan_fail(&scan, err);
    start = ko_scan_space(&scan, ko_scan_tag(&scan, scan.begin, type));
    /* Back over the closing brace and white space before it: no content ends in white space. */
    behind = end - 1;
    while (strchr(" \n\r\t", behind[-1]) != NULL)
        behind--;
    *content = (struct ko_slice){start, (size_t) (behind - start)};
    return KO_OK;
}

/* What stands around the characters of an S without white space. */
static const char string_head[] = "{\"S\":\"";
static const char string_tail[] = "\"}";
enum { HEAD_BYTES = sizeof string_head - 1, TAIL_BYTES = sizeof string_tail - 1 };

/* Sets *text to what stands between the quotes of such an S. */
static bool
is_compact_string(struct ko_slice value, struct ko_slice *text)
{
    if (value.n < HEAD_BYTES + TAIL_BYTES || memcmp(value.data, string_head, HEAD_BYTES) != 0 ||
        memcmp(value.data + value.n - TAIL_BYTES, string_tail, TAIL_BYTES) != 0)
        return false;
    *text = (struct ko_slice){value.data + HEAD_BYTES, value.n - HEAD_BYTES - TAIL_BYTES};
    return true;
}

bool
ko_value_is_plain_string(struct ko_slice value, struct ko_slice *text)
{
    struct ko_slice ignored;
    const char *end;
    const char *at;

    if (text == NULL)
        text = &ignored;
    if (!is_compact_string(value, text))
        return false;
    end = text->data + text->n;
    at = ko_stop(text->data, value.data, end);
    return at == end || (memchr(at, '\\', (size_t) (end - at)) == NULL &&
                         memchr(at, '"', (size_t) (end - at)) == NULL);
}

bool
ko_value_add_string(struct ko_buf *out, struct ko_slice value)
{
    struct ko_slice text;
    char *to;

    if (!is_compact_string(value, &text))
        return false;
    /* Canonical text needs no more bytes than any other way to write a string. */
    to = ko_buf_reserve(out, value.n);
    if (to == NULL)
        return true;
    memcpy(to, string_head, HEAD_BYTES);
    text.n = ko_scan_canonical(text, to + HEAD_BYTES);
    memcpy(to + HEAD_BYTES + text.n, string_tail, TAIL_BYTES);
    ko_buf_commit(out, HEAD_BYTES + text.n + TAIL_BYTES);
    return true;
}

void
ko_value_add_text(struct ko_buf *out, struct ko_slice text)
{
    ko_buf_add_text(out, "{\"S\":");
    ko_json_add_string(out, text);
    ko_buf_add_char(out, '}');
}

typedef enum ko_code add_canonical_fn(struct ko_buf *out, struct ko_slice text,
                                      struct ko_error *err);

/* Compares the canonical texts, unless the texts are the same as they are. */
static enum ko_code
compare_canonical(struct ko_slice a, struct ko_slice b, add_canonical_fn *add_canonical,
                  bool *equal, struct ko_error *err)
{
    struct ko_buf a_text = {0};
    struct ko_buf b_text = {0};

    *equal = ko_slice_equal(a, b);
    if (*equal || a.data == NULL || b.data == NULL)
        return KO_OK;
    KO_TRY(add_canonical(&a_text, a, err));
    KO_TRY(add_canonical(&b_text, b, err));
    *equal = ko_slice_equal(ko_buf_slice(&a_text), ko_buf_slice(&b_text));

done:
    ko_buf_clear(&a_text);
    ko_buf_clear(&b_text);
    return err->code;
}

enum ko_code
ko_value_equal(struct ko_slice a, struct ko_slice b, bool *equal, struct ko_error *err)
{
    if (a.data != NULL && b.data != NULL && ko_value_is_plain_string(a, NULL) &&
        ko_value_is_plain_string(b, NULL)) {
        *equal = ko_slice_equal(a, b);
        return KO_OK;
    }
    return compare_canonical(a, b, ko_value_add_canonical, equal, err);
}

enum ko_code
ko_item_equal(struct ko_slice a, struct ko_slice b, bool *equal, struct ko_error *err)
{
    return compare_canonical(a, b, ko_item_add_canonical, equal, err);
}

enum ko_code
ko_map_member(struct ko_slice map, struct ko_slice name, struct ko_slice *value,
              struct ko_error *err)
{
    return ko_json_find(map, name, value, err);
}

enum ko_code
ko_list_element(struct ko_slice list, size_t index, struct ko_slice *value, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice name;

    *value = (struct ko_slice){NULL, 0};
    KO_TRY(ko_json_enter(list, &cursor, err));
    if (cursor.is_object)
        return ko_fail(err, KO_E_CORRUPT, "byte 0: expected a list");
    for (size_t i = 0; i <= index; i++) {
        KO_TRY(ko_json_next(&cursor, &name, value, err));
        if (value->data == NULL)
            break;
    }

done:
    return err->code;
}
