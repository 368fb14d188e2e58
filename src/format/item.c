#include "keepone/format/item.h"

#include "item_priv.h"
#include "keepone/base/mem.h"

/* The index of the wanted name that these bytes between quotes spell, or n_names. */
static uint8_t
wanted_index(const struct ko_item_walker *walker, struct ko_slice raw)
{
    size_t i = 0;

    while (i < walker->n_names && !ko_scan_text_is(raw, walker->names[i]))
        i++;
    return (uint8_t) i;
}

/* A name too long to be kept as text has n = 0. */
static struct ko_item_known
known_of(const struct ko_item_walker *walker, struct ko_slice raw)
{
    struct ko_item_known known = {.next = KO_ITEM_START, .n_reach = UINT32_MAX};

    known.value_index = wanted_index(walker, raw);
    if (known.value_index < walker->n_names)
        known.bit = UINT64_C(1) << known.value_index;
    if (raw.n + 3 > sizeof known.text)
        return known;
    known.n = (uint8_t) (raw.n + 3);
    known.text[0] = '"';
    memcpy(known.text + 1, raw.data, raw.n);
    memcpy(known.text + 1 + raw.n, "\":", 2);
    return known;
}

uint16_t
ko_item_learn(struct ko_item_walker *walker, struct ko_slice raw, uint16_t place)
{
    const struct ko_item_known known = known_of(walker, raw);

    if (place == KO_ITEM_OTHER || known.n == 0) {
        const uint16_t next = walker->known[KO_ITEM_OTHER].next;

        walker->known[KO_ITEM_OTHER] = known;
        walker->known[KO_ITEM_OTHER].next = next;
        return KO_ITEM_OTHER;
    }
    walker->known[place] = known;
    return place;
}

static bool
can(enum ko_item_path path)
{
    switch (path) {
    case KO_ITEM_PLAIN:
        return true;
#ifdef KO_HAS_X86
    case KO_ITEM_SSE2:
        return true;
    case KO_ITEM_AVX2:
        return __builtin_cpu_supports("avx2") != 0;
#endif
#ifdef KO_HAS_NEON
    case KO_ITEM_NEON:
        return true;
#endif
    default:
        return false;
    }
}

bool
ko_item_walker_force(struct ko_item_walker *walker, enum ko_item_path path)
{
    if (!can(path))
        return false;
    walker->path = path;
    return true;
}

/* Copies the names one behind the other. */
static enum ko_code
keep_names(struct ko_item_walker *walker, const struct ko_slice *names, size_t n_names,
           struct ko_error *err)
{
    size_t n_bytes = 0;
    char *to;

    for (size_t i = 0; i < n_names; i++) {
        for (size_t k = 0; k < i; k++) {
            if (ko_slice_compare(names[i], names[k]) == 0)
                return ko_fail(err, KO_E_OPTION, "attribute '%.*s' is asked for twice",
                               KO_SLICE_ARG(names[i]));
        }
        n_bytes += names[i].n;
    }
    walker->name_bytes = ko_alloc(n_bytes, err);
    if (walker->name_bytes == NULL)
        return err->code;
    to = walker->name_bytes;
    for (size_t i = 0; i < n_names; i++) {
        if (names[i].n > 0)
            memcpy(to, names[i].data, names[i].n);
        walker->names[i] = (struct ko_slice){to, names[i].n};
        to += names[i].n;
    }
    walker->n_names = n_names;
    return KO_OK;
}

struct ko_item_walker *
ko_item_walker_new(const struct ko_slice *names, size_t n_names, struct ko_error *err)
{
    int path = KO_ITEM_PATHS - 1;
    struct ko_item_walker *walker = NULL;
    struct ko_item_known empty;

    if (n_names > KO_ITEM_NAMES_MAX) {
        (void) ko_fail(err, KO_E_OPTION, "%zu attributes are asked for, and %d are the limit",
                       n_names, KO_ITEM_NAMES_MAX);
        return NULL;
    }
    walker = ko_alloc(sizeof *walker, err);
    if (walker == NULL)
        return NULL;
    if (keep_names(walker, names, n_names, err) != KO_OK) {
        ko_item_walker_free(walker);
        return NULL;
    }
    empty = known_of(walker, KO_SLICE(""));
    for (size_t i = 0; i < KO_ITEM_KNOWN; i++)
        walker->known[i] = empty;
    while (!ko_item_walker_force(walker, (enum ko_item_path) path))
        path--;
    return walker;
}

void
ko_item_walker_free(struct ko_item_walker *walker)
{
    if (walker == NULL)
        return;
    ko_free(walker->name_bytes);
    ko_free(walker);
}

uint64_t
ko_item_escaped(const struct ko_item_walker *walker)
{
    return walker->escaped;
}

const char *
ko_item_walk_scan(struct ko_item_walker *walker, struct ko_scan *scan, const char *at,
                  struct ko_slice *values)
{
    uint64_t seen = 0;

    walker->escaped = 0;
    switch (walker->path) {
#ifdef KO_HAS_X86
    case KO_ITEM_AVX2:
        at = ko_item_walk_avx2(walker, scan, at, &seen);
        break;
    case KO_ITEM_SSE2:
        at = ko_item_walk_sse2(walker, scan, at, &seen);
        break;
#endif
#ifdef KO_HAS_NEON
    case KO_ITEM_NEON:
        at = ko_item_walk_neon(walker, scan, at, &seen);
        break;
#endif
    default:
        at = ko_item_walk_plain(walker, scan, at, &seen);
    }
    for (size_t i = 0; i < walker->n_names; i++)
        values[i] = (seen >> i & 1) != 0 ? walker->found[i] : (struct ko_slice){NULL, 0};
    return at;
}

enum ko_code
ko_item_walk(struct ko_item_walker *walker, const char **at, const char *end,
             struct ko_slice *values, struct ko_error *err)
{
    struct ko_scan scan = {.begin = *at, .end = end};
    const char *const behind = ko_item_walk_scan(walker, &scan, *at, values);

    if (behind == NULL)
        return ko_scan_fail(&scan, err);
    *at = behind;
    return KO_OK;
}

/* Fails for a member of a line that is not "Item". */
static enum ko_code
refuse_member(const struct ko_scan *scan, struct ko_slice name, struct ko_error *err)
{
    static const struct ko_slice incremental[] = {
        {"Keys", 4}, {"NewImage", 8}, {"OldImage", 8}, {"Metadata", 8}};

    (void) ko_fail(err, KO_E_CORRUPT, "byte %zu: the line has a member '%.*s' beside 'Item'",
                   (size_t) (name.data - 1 - scan->begin), name.n > 60 ? 60 : (int) name.n,
                   name.data);
    for (size_t i = 0; i < sizeof incremental / sizeof incremental[0]; i++) {
        if (ko_slice_equal(name, incremental[i]))
            ko_hint(err, "this is an export of changes: give a full one, and this one with "
                         "--catch-up.");
    }
    return err->code;
}

/* How lines usually begin. */
static const char line_head[] = "{\"Item\":";
enum { LINE_HEAD_BYTES = sizeof line_head - 1 };

/* From the start of the line to behind the colon of "Item", or NULL. */
static const char *
open_line(struct ko_scan *scan, struct ko_error *err)
{
    struct ko_slice name;
    const char *at;

    if (scan->end - scan->begin >= LINE_HEAD_BYTES &&
        memcmp(scan->begin, line_head, LINE_HEAD_BYTES) == 0)
        return scan->begin + LINE_HEAD_BYTES;
    at = ko_scan_space(scan, scan->begin);
    if (!ko_scan_sees(scan, at, '{'))
        return ko_scan_fault(scan, at, "expected a line such as {\"Item\":{...}}");
    at = ko_scan_name(scan, at + 1, &name);
    if (at == NULL || ko_scan_text_is(name, KO_SLICE("Item")))
        return at;
    (void) refuse_member(scan, name, err);
    return NULL;
}

/* From behind the item to the end of the line. */
static enum ko_code
close_line(struct ko_scan *scan, const char *at, struct ko_error *err)
{
    struct ko_slice name;
    bool is_last = false;

    if (scan->end - at == 1 && *at == '}')
        return KO_OK;
    at = ko_scan_separator(scan, at, '}', &is_last);
    if (at != NULL && !is_last) {
        at = ko_scan_name(scan, at, &name);
        if (at != NULL)
            return refuse_member(scan, name, err);
    }
    if (at != NULL)
        at = ko_scan_space(scan, at);
    if (at == scan->end)
        return KO_OK;
    if (at != NULL)
        (void) ko_scan_fault(scan, at, "more text behind the item");
    return ko_scan_fail(scan, err);
}

size_t
ko_item_walk_front(struct ko_item_walker *walker, struct ko_slice text, struct ko_slice *values)
{
    struct ko_scan scan = ko_scan_of(text);
    const char *at = scan.begin;

    if (text.n < LINE_HEAD_BYTES || memcmp(at, line_head, LINE_HEAD_BYTES) != 0)
        return 0;
    at = ko_item_walk_scan(walker, &scan, at + LINE_HEAD_BYTES, values);
    /* Without white space no newline was passed, so this is the first one. */
    if (at == NULL || scan.has_space || scan.end - at < 2 || at[0] != '}' || at[1] != '\n')
        return 0;
    return (size_t) (at + 2 - scan.begin);
}

enum ko_code
ko_item_walk_line(struct ko_item_walker *walker, struct ko_slice line, struct ko_slice *values,
                  struct ko_error *err)
{
    struct ko_scan scan = ko_scan_of(line);
    const char *at = open_line(&scan, err);

    if (err->code != KO_OK)
        return err->code;
    if (at != NULL)
        at = ko_item_walk_scan(walker, &scan, at, values);
    if (at == NULL)
        return ko_scan_fail(&scan, err);
    return close_line(&scan, at, err);
}
