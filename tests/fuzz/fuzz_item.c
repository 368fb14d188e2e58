/*
 * Lines of an export: every way of walking, with a fresh walker and with one that has learned from
 * other lines, gives the same result; the values found open; and the canonical writer, another
 * reader of the same grammar, accepts nothing that the walk refuses.  A walker that expects this
 * line is not misled by one that differs in a byte; and a line that is walked before its end is
 * known gives what the line alone gives.
 */
#include "keepone/format/item.h"
#include "keepone/format/json.h"
#include "keepone/format/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { N_NAMES = 4, N_TO_LEARN = 6, LEARN_BYTES_MAX = 4096 };

static const struct ko_slice names[N_NAMES] = {
    {"pk", 2}, {"", 0}, {"a-name-that-is-too-long-to-be-kept", 34}, {"\xc3\xa9\"", 3}};

struct result {
    struct ko_slice values[N_NAMES];
    uint64_t escaped;
    struct ko_error err;
};

static void
check_same(const struct result *a, const struct result *b)
{
    KO_ASSERT(a->err.code == b->err.code);
    KO_ASSERT(strcmp(a->err.text, b->err.text) == 0);
    KO_ASSERT(a->err.code != KO_OK || a->escaped == b->escaped);
    for (size_t i = 0; i < N_NAMES && a->err.code == KO_OK; i++)
        KO_ASSERT(a->values[i].data == b->values[i].data && a->values[i].n == b->values[i].n);
}

/* Walks by this path; a walker without a past is one that was made for this line. */
static void
walk(int path, bool has_past, struct ko_slice line, struct result *result)
{
    static struct ko_item_walker *used[KO_ITEM_PATHS];
    struct ko_error err = {0};
    struct ko_item_walker *walker = has_past ? used[path] : NULL;

    if (walker == NULL)
        walker = ko_item_walker_new(names, N_NAMES, &err);
    KO_ASSERT(walker != NULL);
    if (!ko_item_walker_force(walker, (enum ko_item_path) path))
        KO_ASSERT(ko_item_walker_force(walker, KO_ITEM_PLAIN));
    *result = (struct result){.err = {0}};
    (void) ko_item_walk_line(walker, line, result->values, &result->err);
    result->escaped = ko_item_escaped(walker);
    if (has_past)
        used[path] = walker;
    else
        ko_item_walker_free(walker);
}

static void
check_values(const struct result *result)
{
    for (size_t i = 0; i < N_NAMES; i++) {
        enum ko_value_type type;
        struct ko_slice content;
        struct ko_error err = {0};

        if (result->values[i].data == NULL)
            continue;
        KO_ASSERT(ko_value_open(result->values[i], &type, &content, &err) == KO_OK);
        KO_ASSERT((result->escaped >> i & 1) ==
                  (memchr(result->values[i].data, '\\', result->values[i].n) != NULL));
    }
}

/* What the walk refuses has no canonical text, unless a wanted name stands twice, which neither
 * takes. */
static void
check_refused(struct ko_slice line)
{
    struct ko_slice item;
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice more;
    struct ko_buf out = {0};
    struct ko_error err = {0};

    KO_TRY(ko_json_enter(line, &cursor, &err));
    KO_TRY(ko_json_next(&cursor, &name, &item, &err));
    if (item.data == NULL || !ko_slice_equal(name, KO_SLICE("Item")))
        return;
    KO_TRY(ko_json_next(&cursor, &name, &more, &err));
    if (more.data == NULL)
        KO_ASSERT(ko_item_add_canonical(&out, item, &err) == KO_E_CORRUPT);

done:
    ko_buf_clear(&out);
}

/* The first line of the text, walked before its end is known; it need not be possible. */
static void
check_front(struct ko_item_walker *walker, struct ko_slice text)
{
    struct result front = {.err = {0}};
    struct result alone;
    const size_t n = ko_item_walk_front(walker, text, front.values);

    front.escaped = ko_item_escaped(walker);
    if (n == 0)
        return;
    KO_ASSERT(memchr(text.data, '\n', text.n) == text.data + n - 1);
    walk(0, false, (struct ko_slice){text.data, n - 1}, &alone);
    check_same(&front, &alone);
}

/* Lines that differ from the line in one byte, for a walker that has seen the line a few times. */
static void
check_learned(int path, struct ko_slice line)
{
    static const char bytes[] = "\"\\\n \x80\x01}{,:aN";
    static char text[LEARN_BYTES_MAX + 1];
    const size_t step = 1 + line.n / 16;
    struct ko_error err = {0};
    struct ko_item_walker *walker = ko_item_walker_new(names, N_NAMES, &err);

    KO_ASSERT(walker != NULL);
    if (!ko_item_walker_force(walker, (enum ko_item_path) path))
        KO_ASSERT(ko_item_walker_force(walker, KO_ITEM_PLAIN));
    memcpy(text, line.data, line.n);
    text[line.n] = '\n';
    for (size_t i = line.n % step; i < line.n; i += step) {
        const struct ko_slice changed = {text, line.n};
        struct result fresh = {.err = {0}};
        struct result learned = {.err = {0}};

        for (int k = 0; k < N_TO_LEARN; k++)
            (void) ko_item_walk_line(walker, line, learned.values, &(struct ko_error){0});
        text[i] = bytes[(i + line.n) % (sizeof bytes - 1)];
        check_front(walker, (struct ko_slice){text, line.n + 1});
        (void) ko_item_walk_line(walker, changed, learned.values, &learned.err);
        learned.escaped = ko_item_escaped(walker);
        walk(KO_ITEM_PLAIN, false, changed, &fresh);
        check_same(&fresh, &learned);
        text[i] = line.data[i];
    }
    check_front(walker, (struct ko_slice){text, line.n + 1});
    check_front(walker, line);
    ko_item_walker_free(walker);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct ko_slice line = {(const char *) data, n};
    struct result first;

    walk(0, false, line, &first);
    for (int path = 0; path < KO_ITEM_PATHS; path++) {
        struct result other;

        walk(path, false, line, &other);
        check_same(&first, &other);
        walk(path, true, line, &other);
        check_same(&first, &other);
        if (n > 0 && n <= LEARN_BYTES_MAX)
            check_learned(path, line);
    }
    if (first.err.code == KO_OK) {
        struct ko_error err = {0};

        check_values(&first);
        KO_ASSERT(ko_json_check(line, &err) == KO_OK);
    } else {
        KO_ASSERT(first.err.code == KO_E_CORRUPT);
        check_refused(line);
    }
    return 0;
}
