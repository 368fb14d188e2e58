/*
 * How fast items are walked: seeded lines of an export like that of `space-diff` (about 620 bytes),
 * five attributes wanted; and the same with shuffled attributes, escapes, nested values, and more.
 *
 * Usage: bench_item_walk [items] [seconds per case]
 * Prints per case: ns per item and GB/s, the median of the rounds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "keepone/base/buf.h"
#include "keepone/base/clock.h"
#include "keepone/base/mem.h"
#include "keepone/base/random.h"
#include "keepone/format/item.h"

enum { N_WANTED = 5, MAX_ROUNDS = 1000 };

enum shape { FRIENDLY, SPARSE, SHUFFLED, ESCAPES, NESTED, ACCENTS, N_SHAPES };

static const char *const shape_names[N_SHAPES] = {"friendly", "sparse", "shuffled",
                                                  "escapes",  "nested", "accents"};

/* Adds n random letters of base32. */
static void
add_letters(struct ko_buf *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ko_buf_add_char(out, "abcdefghijklmnopqrstuvwxyz234567"[ko_random(32)]);
}

static void
add_attribute(struct ko_buf *out, const char *name, const char *type)
{
    ko_buf_add_format(out, "\"%s\":{\"%s\":\"", name, type);
}

static void
add_time(struct ko_buf *out, const char *name)
{
    add_attribute(out, name, "S");
    ko_buf_add_format(out, "2026-%02u-%02uT%02u:%02u:%02u.%03uZ\"}", 1 + (unsigned) ko_random(12),
                      1 + (unsigned) ko_random(28), (unsigned) ko_random(24),
                      (unsigned) ko_random(60), (unsigned) ko_random(60),
                      (unsigned) ko_random(1000));
}

static void
add_nested(struct ko_buf *out)
{
    ko_buf_add_format(
        out,
        "\"delta\":{\"M\":{\"size\":{\"N\":\"%u\"},\"tags\":{\"SS\":[\"blob\",\"index\"]},"
        "\"steps\":{\"L\":[{\"M\":{\"at\":{\"N\":\"%u\"},\"done\":{\"BOOL\":true}}},"
        "{\"S\":\"upload\"},{\"NULL\":true}]}}}",
        (unsigned) ko_random(100000), (unsigned) ko_random(100000));
}

/* Adds the index-th attribute of an item. */
static void
add_one(struct ko_buf *out, enum shape shape, size_t index)
{
    static const char *const providers[] = {"storage", "storage-2", "upload", "web3"};

    switch (index) {
    case 0:
        add_attribute(out, "pk", "S");
        ko_buf_add_text(out, shape == ESCAPES ? "did:key\\/" : "did:key:z6Mk");
        add_letters(out, 44);
        ko_buf_add_text(out, shape == ESCAPES ? "\\\"#\\\"" : "#");
        add_letters(out, 50);
        ko_buf_add_text(out, "\"}");
        break;
    case 1:
        add_attribute(out, "sk", "S");
        ko_buf_add_text(out, "2026-05-01T00:00:00.000Z#");
        add_letters(out, 58 + ko_random(4));
        ko_buf_add_text(out, "\"}");
        break;
    case 2:
        add_attribute(out, "space", "S");
        ko_buf_add_text(out, "did:key:z6Mk");
        add_letters(out, 44);
        ko_buf_add_text(out, "\"}");
        break;
    case 3:
        add_attribute(out, "provider", "S");
        ko_buf_add_format(out, "did:web:%s%s.example\"}", shape == ESCAPES ? "\\u0061\\n" : "",
                          providers[ko_random(4)]);
        break;
    case 4:
        add_attribute(out, "subscription", "S");
        ko_buf_add_text(out, shape == ACCENTS ? "Gr\xc3\xb6\xc3\x9f"
                                                "e \xe2\x82\xac \xe6\x97\xa5\xe6\x9c\xac "
                                              : "");
        add_letters(out, 59);
        ko_buf_add_text(out, "\"}");
        break;
    case 5:
        add_attribute(out, "cause", "S");
        ko_buf_add_text(out, "bafyrei");
        add_letters(out, 52);
        ko_buf_add_text(out, "\"}");
        break;
    case 6:
        if (shape == NESTED) {
            add_nested(out);
            break;
        }
        add_attribute(out, "delta", "N");
        ko_buf_add_format(out, "%u\"}", (unsigned) ko_random(10000000));
        break;
    case 7:
        add_time(out, "receiptAt");
        break;
    default:
        add_time(out, "insertedAt");
    }
}

static void
add_line(struct ko_buf *out, enum shape shape)
{
    size_t order[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    const size_t n = sizeof order / sizeof order[0];
    bool is_first = true;

    for (size_t i = n - 1; i > 0 && shape == SHUFFLED; i--) {
        const size_t other = (size_t) ko_random(i + 1);
        const size_t swapped = order[i];

        order[i] = order[other];
        order[other] = swapped;
    }
    ko_buf_add_text(out, "{\"Item\":{");
    for (size_t i = 0; i < n; i++) {
        if (shape == SPARSE && ko_random(4) == 0)
            continue;
        ko_buf_add_text(out, is_first ? "" : ",");
        add_one(out, shape, order[i]);
        is_first = false;
    }
    ko_buf_add_text(out, "}}\n");
}

/* Walks all lines once; returns the bytes of the values found, so that nothing is optimised away.
 */
static uint64_t
walk_lines(struct ko_item_walker *walker, struct ko_slice text, struct ko_error *err)
{
    struct ko_slice values[N_WANTED];
    uint64_t n_found = 0;

    while (text.n > 0) {
        const char *const newline = memchr(text.data, '\n', text.n);
        const size_t n = (size_t) (newline - text.data);

        if (ko_item_walk_line(walker, (struct ko_slice){text.data, n}, values, err) != KO_OK)
            break;
        for (size_t i = 0; i < N_WANTED; i++)
            n_found += values[i].n;
        text.data += n + 1;
        text.n -= n + 1;
    }
    return n_found;
}

static int
by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *) a;
    const uint64_t y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}

/* Walks round after round for so long and prints the median. */
static enum ko_code
measure(struct ko_item_walker *walker, const char *name, struct ko_slice text, size_t n_items,
        double seconds, struct ko_error *err)
{
    static uint64_t rounds_us[MAX_ROUNDS];
    const uint64_t start_us = ko_clock_us();
    uint64_t n_found = 0;
    size_t n = 0;
    double us;

    while (n < MAX_ROUNDS && (double) (ko_clock_us() - start_us) < seconds * 1e6) {
        const uint64_t round_us = ko_clock_us();

        n_found += walk_lines(walker, text, err);
        if (err->code != KO_OK)
            return err->code;
        rounds_us[n++] = ko_clock_us() - round_us;
    }
    qsort(rounds_us, n, sizeof rounds_us[0], by_value);
    us = (double) rounds_us[n / 2];
    (void) printf("%-18s %5.0f B/item %7.1f ns/item %6.2f GB/s  (%zu rounds, %llu bytes wanted)\n",
                  name, (double) text.n / (double) n_items, us * 1e3 / (double) n_items,
                  (double) text.n / us / 1e3, n, (unsigned long long) (n == 0 ? 0 : n_found / n));
    return KO_OK;
}

/* One shape by every path of this machine; the slow paths with friendly data only. */
static enum ko_code
measure_shape(enum shape shape, size_t n_items, double seconds, struct ko_error *err)
{
    static const char *const path_names[] = {"plain", "sse2", "avx2", "neon"};
    static const struct ko_slice wanted[N_WANTED] = {
        {"pk", 2}, {"sk", 2}, {"cause", 5}, {"provider", 8}, {"insertedAt", 10}};
    struct ko_item_walker *walker = ko_item_walker_new(wanted, N_WANTED, err);
    struct ko_buf lines = {0};
    char name[32];

    if (walker == NULL)
        return err->code;
    ko_random_seed(1);
    for (size_t i = 0; i < n_items; i++)
        add_line(&lines, shape);
    KO_TRY(ko_buf_finish(&lines, err));
    for (int path = KO_ITEM_PATHS - 1; path >= KO_ITEM_PLAIN; path--) {
        if (!ko_item_walker_force(walker, (enum ko_item_path) path))
            continue;
        (void) snprintf(name, sizeof name, "%s %s", shape_names[shape], path_names[path]);
        KO_TRY(measure(walker, name, ko_buf_slice(&lines), n_items, seconds, err));
        if (shape != FRIENDLY)
            break;
    }

done:
    ko_buf_clear(&lines);
    ko_item_walker_free(walker);
    return err->code;
}

int
main(int argc, char **argv)
{
    const size_t n_items = argc > 1 ? (size_t) strtoul(argv[1], NULL, 10) : 20000;
    const double seconds = argc > 2 ? strtod(argv[2], NULL) : 1.0;
    struct ko_error err = {0};

    for (int shape = 0; shape < N_SHAPES && n_items > 0; shape++) {
        if (measure_shape((enum shape) shape, n_items, seconds, &err) != KO_OK) {
            (void) fprintf(stderr, "bench_item_walk: %s: %s\n", shape_names[shape], err.text);
            break;
        }
    }
    return (int) err.code;
}
