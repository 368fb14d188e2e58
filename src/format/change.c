#include "keepone/format/change.h"

#include "item_priv.h"
#include "keepone/base/buf.h"
#include "keepone/base/mem.h"
#include "keepone/format/json.h"

enum member { METADATA, KEYS, OLD_IMAGE, NEW_IMAGE, N_MEMBERS };

static const struct ko_slice member_names[N_MEMBERS] = {
    {"Metadata", 8}, {"Keys", 4}, {"OldImage", 8}, {"NewImage", 8}};

struct ko_change_walker {
    struct ko_item_walker *image;
    struct ko_item_walker *keys; /* looks into Keys, and only checks OldImage */
    size_t n_names;
    size_t n_key_names;
    struct ko_slice key_names[KO_CHANGE_KEYS_MAX]; /* in the walker of keys */
    struct ko_buf digits;                          /* of a time */
};

struct ko_change_walker *
ko_change_walker_new(const struct ko_slice *names, size_t n_names, const struct ko_slice *key_names,
                     size_t n_key_names, struct ko_error *err)
{
    struct ko_change_walker *walker = ko_alloc(sizeof *walker, err);

    KO_ASSERT(n_key_names > 0 && n_key_names <= KO_CHANGE_KEYS_MAX);
    if (walker == NULL)
        return NULL;
    walker->image = ko_item_walker_new(names, n_names, err);
    if (walker->image != NULL)
        walker->keys = ko_item_walker_new(key_names, n_key_names, err);
    if (walker->keys == NULL) {
        ko_change_walker_free(walker);
        return NULL;
    }
    walker->n_names = n_names;
    walker->n_key_names = n_key_names;
    memcpy(walker->key_names, walker->keys->names, n_key_names * sizeof *key_names);
    return walker;
}

void
ko_change_walker_free(struct ko_change_walker *walker)
{
    if (walker == NULL)
        return;
    ko_item_walker_free(walker->image);
    ko_item_walker_free(walker->keys);
    ko_buf_clear(&walker->digits);
    ko_free(walker);
}

/* One line on its way. */
struct line {
    struct ko_change_walker *walker;
    struct ko_scan scan;
    struct ko_change *change;
    struct ko_slice *values;
    unsigned seen; /* 1 << enum member */
    struct ko_slice text[N_MEMBERS];
};

/* From behind a member's colon to behind its value. */
static const char *
walk_member(struct line *line, enum member member, const char *at)
{
    struct ko_slice ignored[KO_CHANGE_KEYS_MAX];

    switch (member) {
    case NEW_IMAGE:
        return ko_item_walk_scan(line->walker->image, &line->scan, at, line->values);
    case KEYS:
        return ko_item_walk_scan(line->walker->keys, &line->scan, at, line->change->keys);
    case OLD_IMAGE:
        return ko_item_walk_scan(line->walker->keys, &line->scan, at, ignored);
    default:
        return ko_scan_value(&line->scan, at, 1);
    }
}

static enum ko_code
fail_member(const struct line *line, struct ko_slice name, const char *what, struct ko_error *err)
{
    (void) ko_fail(err, KO_E_CORRUPT, "byte %zu: the line has a member '%.*s' %s",
                   (size_t) (name.data - 1 - line->scan.begin), name.n > 60 ? 60 : (int) name.n,
                   name.data, what);
    if (ko_slice_equal(name, KO_SLICE("Item")))
        ko_hint(err, "this is a full export; --catch-up takes exports of changes.");
    return err->code;
}

/* From before a member's name to behind its value; *at is NULL after a fault. */
static enum ko_code
read_member(struct line *line, const char **at, struct ko_error *err)
{
    struct ko_slice name = {NULL, 0};
    const char *value;
    unsigned member = 0;

    *at = ko_scan_name(&line->scan, *at, &name);
    if (*at == NULL)
        return KO_OK;
    while (member < N_MEMBERS && !ko_scan_text_is(name, member_names[member]))
        member++;
    if (member == N_MEMBERS)
        return fail_member(line, name, "that no change has", err);
    if ((line->seen & 1U << member) != 0)
        return fail_member(line, name, "twice", err);
    line->seen |= 1U << member;
    value = ko_scan_space(&line->scan, *at);
    *at = walk_member(line, (enum member) member, value);
    if (*at != NULL)
        line->text[member] = (struct ko_slice){value, (size_t) (*at - value)};
    return KO_OK;
}

/* Walks the grammar of the whole line. */
static enum ko_code
read_line(struct line *line, struct ko_error *err)
{
    struct ko_scan *scan = &line->scan;
    const char *at = ko_scan_space(scan, scan->begin);
    bool is_last = false;

    if (ko_scan_sees(scan, at, '{'))
        at++;
    else
        at = ko_scan_fault(scan, at, "expected a line such as {\"Metadata\":{...},\"Keys\":{...}}");
    while (at != NULL && !is_last) {
        KO_TRY(read_member(line, &at, err));
        if (at != NULL)
            at = ko_scan_separator(scan, at, '}', &is_last);
    }
    if (at != NULL)
        at = ko_scan_space(scan, at);
    if (at != NULL && at != scan->end)
        at = ko_scan_fault(scan, at, "more text behind the change");
    if (at == NULL)
        return ko_scan_fail(scan, err);

done:
    return err->code;
}

/* Sets written_us from {"WriteTimestampMicros":{"N":"..."}}. */
static enum ko_code
read_metadata(const struct line *line, struct ko_error *err)
{
    struct ko_buf *digits = &line->walker->digits;
    struct ko_slice stamp = {NULL, 0};

    KO_TRY(ko_json_member(line->text[METADATA], "WriteTimestampMicros", &stamp, err));
    if (stamp.data == NULL)
        KO_TRY(ko_fail(err, KO_E_CORRUPT, "\"Metadata\" has no \"WriteTimestampMicros\""));
    ko_buf_reset(digits);
    KO_TRY(ko_json_member_text(stamp, "N", digits, err));
    KO_TRY(ko_json_decode_u64(ko_buf_slice(digits), &line->change->written_us, err));

done:
    if (err->code != KO_OK)
        ko_context(err, "the time of the change");
    return err->code;
}

/* Keys must be the names that were told, no more and no less: else items would be confused. */
static enum ko_code
check_keys(const struct line *line, struct ko_error *err)
{
    const struct ko_change_walker *walker = line->walker;
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice value = {NULL, 0};
    size_t n = 0;

    KO_TRY(ko_json_enter(line->text[KEYS], &cursor, err));
    for (;; n++) {
        KO_TRY(ko_json_next(&cursor, &name, &value, err));
        if (value.data == NULL)
            break;
    }
    for (size_t i = 0; i < walker->n_key_names; i++) {
        if (line->change->keys[i].data == NULL)
            (void) ko_fail(err, KO_E_OPTION, "the change has no key attribute '%.*s'",
                           KO_SLICE_ARG(walker->key_names[i]));
    }
    if (err->code == KO_OK && n != walker->n_key_names)
        (void) ko_fail(err, KO_E_OPTION, "the primary key has %zu attributes here, not %zu", n,
                       walker->n_key_names);
    if (err->code == KO_E_OPTION)
        ko_hint(err, "give the table's real key with --primary-key, or its name with --table.");

done:
    return err->code;
}

enum ko_code
ko_change_walk(struct ko_change_walker *walker, struct ko_slice text, struct ko_change *change,
               struct ko_slice *values, struct ko_error *err)
{
    struct line line = {
        .walker = walker, .scan = ko_scan_of(text), .change = change, .values = values};

    *change = (struct ko_change){.written_us = 0};
    for (size_t i = 0; i < walker->n_names; i++)
        values[i] = (struct ko_slice){NULL, 0};
    KO_TRY(read_line(&line, err));
    for (unsigned i = METADATA; i <= KEYS; i++) {
        if ((line.seen & 1U << i) == 0)
            return ko_fail(err, KO_E_CORRUPT, "the line has no member '%.*s'",
                           KO_SLICE_ARG(member_names[i]));
    }
    change->is_deleted = (line.seen & 1U << NEW_IMAGE) == 0;
    KO_TRY(read_metadata(&line, err));
    KO_TRY(check_keys(&line, err));

done:
    return err->code;
}
