#include "keepone/format/json.h"

#include "scan_priv.h"
#include "stop_priv.h"

enum ko_code
ko_json_check(struct ko_slice text, struct ko_error *err)
{
    struct ko_scan scan = ko_scan_of(text);
    const char *at = ko_scan_value(&scan, scan.begin, 0);

    if (at == NULL)
        return ko_scan_fail(&scan, err);
    at = ko_scan_space(&scan, at);
    if (at == scan.end)
        return KO_OK;
    (void) ko_scan_fault(&scan, at, "more text behind the value");
    return ko_scan_fail(&scan, err);
}

enum ko_code
ko_json_enter(struct ko_slice value, struct ko_json_cursor *cursor, struct ko_error *err)
{
    struct ko_scan scan = ko_scan_of(value);
    const char *const at = ko_scan_space(&scan, scan.begin);
    const bool is_object = ko_scan_sees(&scan, at, '{');

    if (!is_object && !ko_scan_sees(&scan, at, '[')) {
        (void) ko_scan_fault(&scan, at, "expected an object or an array");
        return ko_scan_fail(&scan, err);
    }
    *cursor = (struct ko_json_cursor){.start = scan.begin,
                                      .at = at + 1,
                                      .end = scan.end,
                                      .is_object = is_object,
                                      .is_first = true};
    return KO_OK;
}

/* Moves to where the next member starts, or behind the closing bracket. */
static const char *
step(struct ko_scan *scan, struct ko_json_cursor *cursor, bool *is_last)
{
    const char closing = cursor->is_object ? '}' : ']';
    const char *at = ko_scan_space(scan, cursor->at);

    *is_last = cursor->is_first && ko_scan_sees(scan, at, closing);
    if (*is_last)
        at++;
    else if (!cursor->is_first)
        at = ko_scan_separator(scan, at, closing, is_last);
    cursor->is_first = false;
    if (at == NULL || !*is_last)
        return at;
    at = ko_scan_space(scan, at);
    return at == scan->end ? at : ko_scan_fault(scan, at, "more text behind the value");
}

/* Finds the bounds of the member or element that starts at `at`; returns the place behind it. */
static const char *
scan_member(struct ko_scan *scan, const char *at, bool has_name, struct ko_slice *name,
            struct ko_slice *value)
{
    const char *end;

    if (has_name)
        at = ko_scan_name(scan, at, name);
    if (at == NULL)
        return NULL;
    at = ko_scan_space(scan, at);
    end = ko_scan_value(scan, at, 1);
    if (end != NULL)
        *value = (struct ko_slice){at, (size_t) (end - at)};
    return end;
}

enum ko_code
ko_json_next(struct ko_json_cursor *cursor, struct ko_slice *name, struct ko_slice *value,
             struct ko_error *err)
{
    struct ko_scan scan = {.begin = cursor->start, .end = cursor->end};
    bool is_last = false;
    const char *at;

    *name = (struct ko_slice){NULL, 0};
    *value = (struct ko_slice){NULL, 0};
    if (cursor->is_at_end)
        return KO_OK;
    at = step(&scan, cursor, &is_last);
    if (at != NULL && !is_last)
        at = scan_member(&scan, at, cursor->is_object, name, value);
    if (at == NULL)
        return ko_scan_fail(&scan, err);
    cursor->at = at;
    cursor->is_at_end = is_last;
    return KO_OK;
}

enum ko_code
ko_json_find(struct ko_slice object, struct ko_slice name, struct ko_slice *value,
             struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice next_name;
    struct ko_slice next;

    *value = (struct ko_slice){NULL, 0};
    KO_TRY(ko_json_enter(object, &cursor, err));
    if (!cursor.is_object)
        return ko_fail(err, KO_E_CORRUPT, "byte 0: expected an object");
    for (;;) {
        KO_TRY(ko_json_next(&cursor, &next_name, &next, err));
        if (next.data == NULL)
            break;
        if (!ko_scan_text_is(next_name, name))
            continue;
        if (value->data != NULL)
            return ko_fail(err, KO_E_CORRUPT, "byte %zu: a second member '%.*s'",
                           (size_t) (next_name.data - 1 - cursor.start), KO_SLICE_ARG(name));
        *value = next;
    }

done:
    return err->code;
}

enum ko_code
ko_json_member(struct ko_slice object, const char *name, struct ko_slice *value,
               struct ko_error *err)
{
    return ko_json_find(object, ko_slice_of(name), value, err);
}

/* Like ko_json_member(), but a missing member is an error. */
static enum ko_code
required_member(struct ko_slice object, const char *name, struct ko_slice *value,
                struct ko_error *err)
{
    if (ko_json_member(object, name, value, err) == KO_OK && value->data == NULL)
        (void) ko_fail(err, KO_E_CORRUPT, "member '%s' is missing", name);
    return err->code;
}

enum ko_code
ko_json_member_text(struct ko_slice object, const char *name, struct ko_buf *out,
                    struct ko_error *err)
{
    struct ko_slice value;

    KO_TRY(required_member(object, name, &value, err));
    if (value.data[0] != '"')
        return ko_fail(err, KO_E_CORRUPT, "member '%s' is not a string", name);
    KO_TRY(ko_json_decode_string(value, out, err));

done:
    return err->code;
}

enum ko_code
ko_json_member_u64(struct ko_slice object, const char *name, uint64_t *out, struct ko_error *err)
{
    struct ko_slice value;

    KO_TRY(required_member(object, name, &value, err));
    if (ko_json_decode_u64(value, out, err) != KO_OK)
        ko_context(err, "member '%s'", name);

done:
    return err->code;
}

enum ko_code
ko_json_member_bool(struct ko_slice object, const char *name, bool *out, struct ko_error *err)
{
    struct ko_slice value;

    KO_TRY(required_member(object, name, &value, err));
    *out = ko_slice_equal(value, KO_SLICE("true"));
    if (!*out && !ko_slice_equal(value, KO_SLICE("false")))
        return ko_fail(err, KO_E_CORRUPT, "member '%s' is neither true nor false", name);

done:
    return err->code;
}

enum ko_code
ko_json_decode_string(struct ko_slice value, struct ko_buf *out, struct ko_error *err)
{
    struct ko_scan scan = ko_scan_of(value);
    const char *const end = ko_scan_string(&scan, scan.begin);
    char *room;

    if (end != NULL && end != scan.end)
        (void) ko_scan_fault(&scan, end, "more text behind the string");
    if (scan.fault != NULL)
        return ko_scan_fail(&scan, err);
    /* Decoding never makes a text longer. */
    room = ko_buf_reserve(out, value.n);
    if (room != NULL)
        ko_buf_commit(out, ko_scan_decode((struct ko_slice){value.data + 1, value.n - 2}, room));
    return ko_buf_finish(out, err);
}

enum ko_code
ko_json_decode_u64(struct ko_slice value, uint64_t *out, struct ko_error *err)
{
    uint64_t sum = 0;
    size_t i = 0;

    for (; i < value.n && value.data[i] >= '0' && value.data[i] <= '9'; i++) {
        const uint64_t digit = (uint64_t) (value.data[i] - '0');

        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, digit, &sum))
            break;
    }
    if (value.n == 0 || i < value.n || (value.n > 1 && value.data[0] == '0'))
        return ko_fail(err, KO_E_CORRUPT,
                       "byte %zu: expected a whole number from 0 to 18446744073709551615", i);
    *out = sum;
    return KO_OK;
}

void
ko_json_add_string(struct ko_buf *out, struct ko_slice text)
{
    const struct ko_scan scan = ko_scan_of(text);
    const char *done = scan.begin;
    const char *at = scan.begin;
    char escape[KO_SCAN_ESCAPE_BYTES];

    ko_buf_add_char(out, '"');
    while ((at = ko_stop(at, scan.begin, scan.end)) < scan.end) {
        if ((signed char) *at >= 0) {
            ko_buf_add(out, done, (size_t) (at - done));
            ko_buf_add(out, escape, ko_scan_escape(*at, escape));
            done = at + 1;
        }
        at++;
    }
    ko_buf_add(out, done, (size_t) (scan.end - done));
    ko_buf_add_char(out, '"');
}
