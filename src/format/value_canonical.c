#include <stdlib.h>

#include "keepone/format/digest.h"
#include "keepone/format/json.h"
#include "keepone/format/number.h"
#include "value_priv.h"

/*
 * One pass over the text writes the canonical text.  Members of maps and sets are written as they
 * come, each with a key to sort by on a stack; at the end of a map or set its members are put in
 * order if they are not yet.  What DynamoDB bills is added up on the way.
 *
 * The steps work like those of scan_priv.h: NULL after a failure, which is noted in the scan,
 * in err, or in a buffer that could not grow.
 */
struct writer {
    struct ko_scan scan;
    struct ko_buf *out;
    struct ko_buf members; /* a stack of struct member */
    struct ko_buf keys;    /* a stack of the bytes that members are sorted by */
    struct ko_buf decoded; /* one string */
    struct ko_buf bytes;   /* what one string's base64 stands for */
    size_t billed_bytes;
    struct ko_error *err;
};

/* A member of a map or set that was written. */
struct member {
    size_t key_offset; /* in keys */
    size_t offset;     /* in out */
    size_t n;
    struct ko_slice key;
};

static const char *write_value(struct writer *writer, const char *at, unsigned depth);

static bool
is_set(enum ko_value_type type)
{
    return type == KO_VALUE_SS || type == KO_VALUE_NS || type == KO_VALUE_BS;
}

/* Adds the place in the text to another module's failure. */
static const char *
fail_at(struct writer *writer, const char *at)
{
    ko_context(writer->err, "byte %zu", (size_t) (at - writer->scan.begin));
    return NULL;
}

/* A string; *text: decoded, borrowed from the text or, until the next string, from `decoded`. */
static const char *
read_string(struct writer *writer, const char *at, struct ko_slice *text)
{
    const char *const start = ko_scan_space(&writer->scan, at);
    const char *const end = ko_scan_string(&writer->scan, start);

    if (end == NULL)
        return NULL;
    *text = (struct ko_slice){start + 1, (size_t) (end - start) - 2};
    if (memchr(text->data, '\\', text->n) == NULL)
        return end;
    ko_buf_reset(&writer->decoded);
    if (ko_json_decode_string((struct ko_slice){start, (size_t) (end - start)}, &writer->decoded,
                              writer->err) != KO_OK)
        return NULL;
    *text = ko_buf_slice(&writer->decoded);
    return end;
}

static const char *
write_string(struct writer *writer, const char *at, struct ko_buf *key)
{
    struct ko_slice text = {NULL, 0};

    at = read_string(writer, at, &text);
    if (at == NULL)
        return NULL;
    ko_json_add_string(writer->out, text);
    if (key != NULL)
        ko_buf_add_slice(key, text);
    writer->billed_bytes += text.n;
    return at;
}

static const char *
write_number(struct writer *writer, const char *at, struct ko_buf *key)
{
    const char *const start = at;
    struct ko_slice text = {NULL, 0};
    struct ko_number number;

    at = read_string(writer, at, &text);
    if (at == NULL)
        return NULL;
    if (ko_number_parse(text, &number, writer->err) != KO_OK)
        return fail_at(writer, start);
    ko_buf_add_char(writer->out, '"');
    ko_number_add_canonical(writer->out, &number);
    ko_buf_add_char(writer->out, '"');
    if (key != NULL)
        ko_number_add_ordered(key, &number);
    writer->billed_bytes += (number.n_digits + 1) / 2 + 1 + (number.is_negative ? 1 : 0);
    return at;
}

static const char *
write_binary(struct writer *writer, const char *at, struct ko_buf *key)
{
    const char *const start = at;
    struct ko_slice text = {NULL, 0};

    at = read_string(writer, at, &text);
    if (at == NULL)
        return NULL;
    ko_buf_reset(&writer->bytes);
    if (ko_base64_decode(text, &writer->bytes, writer->err) != KO_OK)
        return fail_at(writer, start);
    ko_json_add_string(writer->out, text);
    if (key != NULL)
        ko_buf_add_slice(key, ko_buf_slice(&writer->bytes));
    writer->billed_bytes += writer->bytes.n;
    return at;
}

/* A scalar that is a string in JSON; key: receives what it is sorted by in a set, or NULL. */
static const char *
write_scalar(struct writer *writer, const char *at, enum ko_value_type type, struct ko_buf *key)
{
    if (type == KO_VALUE_S)
        return write_string(writer, at, key);
    return type == KO_VALUE_N ? write_number(writer, at, key) : write_binary(writer, at, key);
}

static const char *
write_word(struct writer *writer, const char *at, bool allows_false)
{
    static const struct ko_slice words[] = {{"true", 4}, {"false", 5}};

    writer->billed_bytes++;
    at = ko_scan_space(&writer->scan, at);
    for (size_t i = 0; i < (allows_false ? 2 : 1); i++) {
        if ((size_t) (writer->scan.end - at) >= words[i].n &&
            memcmp(at, words[i].data, words[i].n) == 0) {
            ko_buf_add_slice(writer->out, words[i]);
            return at + words[i].n;
        }
    }
    return ko_scan_fault(&writer->scan, at,
                         allows_false ? "expected true or false" : "expected true");
}

static int
by_key(const void *a, const void *b)
{
    return ko_slice_compare(((const struct member *) a)->key, ((const struct member *) b)->key);
}

/* Writes the members, which are the last thing in out, again in their new order. */
static void
rewrite_members(struct writer *writer, const struct member *members, size_t n_members)
{
    struct ko_buf text = {0};

    for (size_t i = 0; i < n_members; i++) {
        ko_buf_add_text(&text, i == 0 ? "" : ",");
        ko_buf_add(&text, writer->out->data + members[i].offset, members[i].n);
    }
    if (ko_buf_finish(&text, writer->err) == KO_OK)
        memcpy(writer->out->data + writer->out->n - text.n, text.data, text.n);
    ko_buf_clear(&text);
}

/* Puts the members above `first_member` on the stack in order; at: for the failure of equal ones.
 */
static const char *
sort_members(struct writer *writer, size_t first_member, const char *at)
{
    const size_t n_members = writer->members.n / sizeof(struct member) - first_member;
    struct member *const members =
        n_members == 0 ? NULL : (struct member *) (void *) writer->members.data + first_member;
    bool is_sorted = true;

    if (writer->out->failed || writer->members.failed || writer->keys.failed)
        return NULL;
    for (size_t i = 0; i < n_members; i++)
        members[i].key.data = ko_buf_slice(&writer->keys).data + members[i].key_offset;
    for (size_t i = 1; i < n_members && is_sorted; i++)
        is_sorted = by_key(&members[i - 1], &members[i]) < 0;
    if (is_sorted)
        return at;
    qsort(members, n_members, sizeof *members, by_key);
    for (size_t i = 1; i < n_members; i++) {
        if (by_key(&members[i - 1], &members[i]) == 0)
            return ko_scan_fault(&writer->scan, at - 1, "a map or set with two equal members");
    }
    rewrite_members(writer, members, n_members);
    return writer->err->code == KO_OK ? at : NULL;
}

/* A map's member, from its name to behind its colon; the name is the key. */
static const char *
write_name(struct writer *writer, const char *at)
{
    struct ko_slice raw = {NULL, 0};
    const char *const behind = ko_scan_name(&writer->scan, at, &raw);

    if (behind == NULL || write_string(writer, raw.data - 1, &writer->keys) == NULL)
        return NULL;
    ko_buf_add_char(writer->out, ':');
    return behind;
}

/* One member of a map, list or set, with its key on the stack. */
static const char *
write_member(struct writer *writer, const char *at, enum ko_value_type type, unsigned depth)
{
    switch (type) {
    case KO_VALUE_SS:
        return write_scalar(writer, at, KO_VALUE_S, &writer->keys);
    case KO_VALUE_NS:
        return write_scalar(writer, at, KO_VALUE_N, &writer->keys);
    case KO_VALUE_BS:
        return write_scalar(writer, at, KO_VALUE_B, &writer->keys);
    case KO_VALUE_M:
        at = write_name(writer, at);
        return at == NULL ? NULL : write_value(writer, at, depth);
    default:
        return write_value(writer, at, depth);
    }
}

/* Writes the members one by one, from behind the opening bracket to behind the closing one. */
static const char *
write_members(struct writer *writer, const char *at, enum ko_value_type type, unsigned depth)
{
    const char closing = type == KO_VALUE_M ? '}' : ']';
    bool is_last = false;

    for (bool is_first = true; at != NULL && !is_last; is_first = false) {
        struct member member = {.key_offset = writer->keys.n};

        ko_buf_add_text(writer->out, is_first ? "" : ",");
        member.offset = writer->out->n;
        at = write_member(writer, at, type, depth);
        if (at == NULL)
            return NULL;
        member.n = writer->out->n - member.offset;
        member.key.n = writer->keys.n - member.key_offset;
        /* An element costs a byte; an item's attributes and a set's members do not. */
        writer->billed_bytes += depth > 0 && !is_set(type) ? 1 : 0;
        ko_buf_add(&writer->members, &member, sizeof member);
        at = ko_scan_separator(&writer->scan, at, closing, &is_last);
    }
    return at;
}

/* A map, list or set, from its opening bracket; depth: of maps and lists, this one counted. */
static const char *
write_container(struct writer *writer, const char *at, enum ko_value_type type, unsigned depth)
{
    const char opening = type == KO_VALUE_M ? '{' : '[';
    const char closing = type == KO_VALUE_M ? '}' : ']';
    const size_t n_members_bytes = writer->members.n;
    const size_t n_keys_bytes = writer->keys.n;

    if (depth > KO_VALUE_DEPTH_MAX)
        return ko_scan_fault(&writer->scan, at, "maps and lists are nested too deeply");
    if (!ko_scan_sees(&writer->scan, at, opening))
        return ko_scan_fault(&writer->scan, at,
                             type == KO_VALUE_M ? "expected '{'" : "expected '['");
    ko_buf_add_char(writer->out, opening);
    at = ko_scan_space(&writer->scan, at + 1);
    if (!ko_scan_sees(&writer->scan, at, closing))
        at = write_members(writer, at, type, depth);
    else
        at = is_set(type) ? ko_scan_fault(&writer->scan, at, "a set is empty") : at + 1;
    if (at != NULL && type != KO_VALUE_L)
        at = sort_members(writer, n_members_bytes / sizeof(struct member), at);
    writer->members.n = n_members_bytes;
    writer->keys.n = n_keys_bytes;
    ko_buf_add_char(writer->out, closing);
    return at;
}

static const char *
write_content(struct writer *writer, const char *at, enum ko_value_type type, unsigned depth)
{
    at = ko_scan_space(&writer->scan, at);
    switch (type) {
    case KO_VALUE_S:
    case KO_VALUE_N:
    case KO_VALUE_B:
        return write_scalar(writer, at, type, NULL);
    case KO_VALUE_BOOL:
    case KO_VALUE_NULL:
        return write_word(writer, at, type == KO_VALUE_BOOL);
    case KO_VALUE_M:
    case KO_VALUE_L:
        writer->billed_bytes += 3;
        return write_container(writer, at, type, depth + 1);
    case KO_VALUE_SS:
    case KO_VALUE_NS:
    case KO_VALUE_BS:
        return write_container(writer, at, type, depth);
    }
    return ko_scan_fault(&writer->scan, at, "an unknown type");
}

static const char *
write_value(struct writer *writer, const char *at, unsigned depth)
{
    enum ko_value_type type = KO_VALUE_S;

    at = ko_scan_tag(&writer->scan, at, &type);
    if (at == NULL)
        return NULL;
    ko_buf_add_text(writer->out, "{\"");
    ko_buf_add_text(writer->out, ko_value_type_name(type));
    ko_buf_add_text(writer->out, "\":");
    at = write_content(writer, at, type, depth);
    ko_buf_add_char(writer->out, '}');
    return at == NULL ? NULL : ko_scan_close(&writer->scan, at);
}

/* A value, or with is_item an item, that is the whole text. */
static enum ko_code
write_text(struct ko_buf *out, struct ko_slice text, bool is_item, size_t *billed_bytes,
           struct ko_error *err)
{
    struct writer writer = {.scan = ko_scan_of(text), .out = out, .err = err};
    const size_t n_before = out->n;
    const char *at = ko_scan_space(&writer.scan, writer.scan.begin);

    at = is_item ? write_container(&writer, at, KO_VALUE_M, 0) : write_value(&writer, at, 0);
    if (at != NULL && ko_scan_space(&writer.scan, at) != writer.scan.end)
        at = ko_scan_fault(&writer.scan, at, "more text behind the value");
    if (at == NULL && writer.scan.fault != NULL)
        (void) ko_scan_fail(&writer.scan, err);
    (void) ko_buf_finish(&writer.members, err);
    (void) ko_buf_finish(&writer.keys, err);
    (void) ko_buf_finish(out, err);
    if (err->code != KO_OK)
        out->n = n_before;
    *billed_bytes = writer.billed_bytes;
    ko_buf_clear(&writer.members);
    ko_buf_clear(&writer.keys);
    ko_buf_clear(&writer.decoded);
    ko_buf_clear(&writer.bytes);
    return err->code;
}

enum ko_code
ko_value_add_canonical(struct ko_buf *out, struct ko_slice value, struct ko_error *err)
{
    size_t billed_bytes;

    return write_text(out, value, false, &billed_bytes, err);
}

enum ko_code
ko_item_add_canonical(struct ko_buf *out, struct ko_slice item, struct ko_error *err)
{
    size_t billed_bytes;

    return write_text(out, item, true, &billed_bytes, err);
}

enum ko_code
ko_item_billed_bytes(struct ko_slice item, size_t *billed_bytes, struct ko_error *err)
{
    struct ko_buf canonical = {0};

    (void) write_text(&canonical, item, true, billed_bytes, err);
    ko_buf_clear(&canonical);
    return err->code;
}
