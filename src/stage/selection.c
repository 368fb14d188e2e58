#include "keepone/stage/selection.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "keepone/base/file.h"
#include "keepone/base/mem.h"
#include "keepone/format/digest.h"
#include "keepone/format/json.h"
#include "keepone/format/value.h"

enum { READ_BYTES = 64 * 1024, SMALLEST_TABLE = 64 };

enum entry_kind { ENTRY_PRIMARY_KEY = 1, ENTRY_KEY };

struct entry {
    const char *text; /* canonical; NULL = the place is free */
    uint32_t n;
    uint8_t kind;
    bool is_met;
    uint64_t fingerprint;
    uint64_t line_number;
};

/* A hash table with open addressing; n_places is a power of two. */
struct ko_selection {
    char *path;
    struct ko_arena *arena; /* of the texts */
    struct entry *places;
    size_t n_places;
    size_t n_entries;
};

/* ---- the table ---- */

/* The entry of this text, or the free place where it belongs. */
static struct entry *
find_place(struct entry *places, size_t n_places, enum entry_kind kind, struct ko_slice text,
           uint64_t fingerprint)
{
    size_t i = (size_t) fingerprint & (n_places - 1);

    for (;; i = (i + 1) & (n_places - 1)) {
        struct entry *entry = &places[i];

        if (entry->text == NULL)
            return entry;
        if (entry->fingerprint == fingerprint && entry->kind == kind &&
            ko_slice_equal((struct ko_slice){entry->text, entry->n}, text))
            return entry;
    }
}

/* Doubles the table when it is half full. */
static enum ko_code
make_room(struct ko_selection *selection, struct ko_error *err)
{
    const size_t n_places = selection->n_places == 0 ? SMALLEST_TABLE : selection->n_places * 2;
    struct entry *places;

    if (selection->n_entries * 2 < selection->n_places)
        return KO_OK;
    places = ko_alloc_array(n_places, sizeof *places, err);
    if (places == NULL)
        return err->code;
    for (size_t i = 0; i < selection->n_places; i++) {
        const struct entry *entry = &selection->places[i];

        if (entry->text != NULL)
            *find_place(places, n_places, entry->kind, (struct ko_slice){entry->text, entry->n},
                        entry->fingerprint) = *entry;
    }
    ko_free(selection->places);
    selection->places = places;
    selection->n_places = n_places;
    return KO_OK;
}

static enum ko_code
add_entry(struct ko_selection *selection, enum entry_kind kind, struct ko_slice text,
          uint64_t line_number, struct ko_error *err)
{
    const uint64_t fingerprint = ko_fingerprint(text);
    struct entry *entry;
    struct ko_slice copy;

    KO_TRY(make_room(selection, err));
    entry = find_place(selection->places, selection->n_places, kind, text, fingerprint);
    if (entry->text != NULL)
        return KO_OK;
    copy = ko_arena_copy(selection->arena, text, err);
    if (copy.data == NULL)
        return err->code;
    *entry = (struct entry){.text = copy.data,
                            .n = (uint32_t) copy.n,
                            .kind = (uint8_t) kind,
                            .fingerprint = fingerprint,
                            .line_number = line_number};
    selection->n_entries++;

done:
    return err->code;
}

/* ---- lines ---- */

/*
 * *key is the content of {"key":{...}} if the line names a group, else absent.  An attribute of a
 * primary key has a text behind its type, {"S":"x"}; a key has attributes behind its names.
 */
static enum ko_code
find_key(struct ko_slice line, struct ko_slice *key, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice names[2];
    struct ko_slice values[2];

    *key = (struct ko_slice){NULL, 0};
    KO_TRY(ko_json_enter(line, &cursor, err));
    KO_TRY(ko_json_next(&cursor, &names[0], &values[0], err));
    if (values[0].data == NULL || !ko_slice_equal(names[0], KO_SLICE("key")) ||
        values[0].data[0] != '{')
        return KO_OK;
    KO_TRY(ko_json_next(&cursor, &names[1], &values[1], err));
    if (values[1].data != NULL)
        return KO_OK;
    KO_TRY(ko_json_enter(values[0], &cursor, err));
    KO_TRY(ko_json_next(&cursor, &names[1], &values[1], err));
    if (values[1].data != NULL && values[1].data[0] == '{')
        *key = values[0];

done:
    return err->code;
}

/* Adds "pk, sk" for an object with these members. */
static enum ko_code
add_names(struct ko_buf *out, struct ko_slice object, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice value;
    bool is_first = true;

    KO_TRY(ko_json_enter(object, &cursor, err));
    for (;; is_first = false) {
        KO_TRY(ko_json_next(&cursor, &name, &value, err));
        if (value.data == NULL)
            break;
        ko_buf_add_text(out, is_first ? "" : ", ");
        ko_buf_add_slice(out, name);
    }
    KO_TRY(ko_buf_finish(out, err));

done:
    return err->code;
}

/* Both are canonical: equal names are written alike and stand in the same order. */
static enum ko_code
check_names(struct ko_slice entry, struct ko_slice primary_key, struct ko_error *err)
{
    struct ko_buf is = {0};
    struct ko_buf expected = {0};

    KO_TRY(add_names(&is, entry, err));
    KO_TRY(add_names(&expected, primary_key, err));
    if (!ko_slice_equal(ko_buf_slice(&is), ko_buf_slice(&expected)))
        (void) ko_fail(err, KO_E_OPTION, "it has the attributes %.*s, a primary key here has %.*s",
                       (int) (is.n > 200 ? 200 : is.n), ko_buf_slice(&is).data,
                       KO_SLICE_ARG(ko_buf_slice(&expected)));

done:
    ko_buf_clear(&is);
    ko_buf_clear(&expected);
    return err->code;
}

static enum ko_code
read_line(struct ko_selection *selection, struct ko_slice line, struct ko_slice primary_key,
          uint64_t line_number, struct ko_buf *text, struct ko_error *err)
{
    struct ko_slice key;

    KO_TRY(find_key(line, &key, err));
    ko_buf_reset(text);
    KO_TRY(ko_item_add_canonical(text, key.data != NULL ? key : line, err));
    KO_TRY(ko_buf_finish(text, err));
    if (key.data == NULL && primary_key.data != NULL)
        KO_TRY(check_names(ko_buf_slice(text), primary_key, err));
    KO_TRY(add_entry(selection, key.data != NULL ? ENTRY_KEY : ENTRY_PRIMARY_KEY,
                     ko_buf_slice(text), line_number, err));

done:
    return err->code;
}

/* ---- the file ---- */

struct line_source {
    int fd;
    const char *path;
    struct ko_buf buffer; /* what was read and not yet taken starts at `at` */
    size_t at;
    bool is_at_end;
    uint64_t line_number; /* of the line last taken */
};

static enum ko_code
read_more(struct line_source *source, struct ko_error *err)
{
    size_t n = source->buffer.n - source->at;
    char *room;

    if (source->at > 0)
        memmove(source->buffer.data, source->buffer.data + source->at, n);
    source->buffer.n = n;
    source->at = 0;
    room = ko_buf_reserve(&source->buffer, READ_BYTES);
    if (room == NULL)
        return ko_buf_finish(&source->buffer, err);
    KO_TRY(ko_read_some(source->fd, room, READ_BYTES, &n, source->path, err));
    ko_buf_commit(&source->buffer, n);
    source->is_at_end = n == 0;

done:
    return err->code;
}

/* The next line without its end, or an absent slice; borrowed until the next call. */
static enum ko_code
next_line(struct line_source *source, struct ko_slice *line, struct ko_error *err)
{
    const char *end = NULL;

    *line = (struct ko_slice){NULL, 0};
    for (;;) {
        const size_t n = source->buffer.n - source->at;

        if (n > 0)
            end = memchr(source->buffer.data + source->at, '\n', n);
        if (end != NULL || source->is_at_end)
            break;
        if (n > KO_SELECTION_LINE_BYTES_MAX) {
            source->line_number++;
            return ko_fail(err, KO_E_OPTION, "the line is longer than %d bytes",
                           KO_SELECTION_LINE_BYTES_MAX);
        }
        KO_TRY(read_more(source, err));
    }
    if (source->at == source->buffer.n)
        return KO_OK;
    line->data = source->buffer.data + source->at;
    line->n = end != NULL ? (size_t) (end - line->data) : source->buffer.n - source->at;
    source->at += line->n + (end != NULL ? 1 : 0);
    source->line_number++;

done:
    return err->code;
}

static bool
is_blank(struct ko_slice line)
{
    for (size_t i = 0; i < line.n; i++) {
        if (memchr(" \t\r", line.data[i], 3) == NULL)
            return false;
    }
    return true;
}

static enum ko_code
read_lines(struct ko_selection *selection, struct line_source *source, struct ko_slice primary_key,
           struct ko_error *err)
{
    struct ko_buf text = {0};
    struct ko_slice line;

    for (;;) {
        KO_TRY(next_line(source, &line, err));
        if (line.data == NULL)
            break;
        if (!is_blank(line))
            KO_TRY(read_line(selection, line, primary_key, source->line_number, &text, err));
    }

done:
    /* Whatever is wrong with a line of a file that a person wrote, the option is wrong. */
    if (err->code == KO_E_CORRUPT)
        err->code = KO_E_OPTION;
    if (err->code == KO_E_OPTION) {
        ko_context(err, "'%s' line %llu", source->path, (unsigned long long) source->line_number);
        ko_hint(err, "write one primary key per line, as keepone show --plan | jq -c "
                     ".delete.primary_key prints it, or a group as jq -c '{key}' does.");
    }
    ko_buf_clear(&text);
    return err->code;
}

enum ko_code
ko_selection_read(const char *path, struct ko_slice primary_key, struct ko_selection **selection,
                  struct ko_error *err)
{
    struct line_source source = {.path = path, .fd = -1};

    *selection = ko_alloc(sizeof **selection, err);
    if (*selection == NULL)
        return err->code;
    (*selection)->path = ko_copy_text(ko_slice_of(path), err);
    KO_TRY(err->code);
    (*selection)->arena = ko_arena_new(0, err);
    KO_TRY(err->code);
    source.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (source.fd < 0)
        KO_TRY(ko_fail_errno(err, errno == ENOENT ? KO_E_OPTION : KO_E_IO, errno,
                             "cannot open '%s'", path));
    KO_TRY(read_lines(*selection, &source, primary_key, err));
    if ((*selection)->n_entries == 0) {
        (void) ko_fail(err, KO_E_OPTION, "'%s' names no item", path);
        ko_hint(err, "write one primary key per line into it.");
    }

done:
    ko_buf_clear(&source.buffer);
    if (source.fd >= 0)
        (void) close(source.fd);
    if (err->code != KO_OK) {
        ko_selection_free(*selection);
        *selection = NULL;
    }
    return err->code;
}

void
ko_selection_free(struct ko_selection *selection)
{
    if (selection == NULL)
        return;
    ko_arena_free(selection->arena);
    ko_free(selection->places);
    ko_free(selection->path);
    ko_free(selection);
}

/* ---- looking up ---- */

static bool
meet(struct ko_selection *selection, enum entry_kind kind, struct ko_slice text)
{
    struct entry *entry =
        find_place(selection->places, selection->n_places, kind, text, ko_fingerprint(text));

    if (entry->text == NULL)
        return false;
    entry->is_met = true;
    return true;
}

bool
ko_selection_meet(struct ko_selection *selection, const struct ko_plan_line *line)
{
    const bool is_item = meet(selection, ENTRY_PRIMARY_KEY, line->delete_primary_key);
    const bool is_group = meet(selection, ENTRY_KEY, line->key);

    return is_item || is_group;
}

enum ko_code
ko_selection_check_met(const struct ko_selection *selection, struct ko_error *err)
{
    const struct entry *first = NULL;
    uint64_t n_unmet = 0;

    for (size_t i = 0; i < selection->n_places; i++) {
        const struct entry *entry = &selection->places[i];

        if (entry->text == NULL || entry->is_met)
            continue;
        n_unmet++;
        if (first == NULL || entry->line_number < first->line_number)
            first = entry;
    }
    if (n_unmet == 0)
        return KO_OK;
    (void) ko_fail(err, KO_E_OPTION, "line %llu of '%s' names %s that is not in the plan: %.*s%s",
                   (unsigned long long) first->line_number, selection->path,
                   first->kind == ENTRY_KEY ? "a group" : "an item",
                   (int) (first->n > 200 ? 200 : first->n), first->text,
                   first->n > 200 ? "..." : "");
    if (n_unmet > 1)
        ko_hint(err, "%llu lines name nothing in the plan; compare them with keepone show --plan.",
                (unsigned long long) n_unmet);
    else
        ko_hint(err, "compare it with keepone show --plan; keepers are not in the plan.");
    return err->code;
}
