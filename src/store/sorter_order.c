#include "keepone/base/common.h"
#include "sorter_priv.h"

enum { N_DIGITS = 8, N_VALUES = 256, INSERTION_MAX = 8, BY_TEXT_MIN = 64, DEPTH_MAX = 64 };

static void order(struct ko_sorter_entry *entries, struct ko_sorter_entry *scratch, size_t n,
                  const struct ko_sorter_rule *rule, unsigned depth);

/* Stable radix sort by prefix, least digit first; digits that are all the same cost nothing. */
static void
sort_by_prefix(struct ko_sorter_entry *entries, struct ko_sorter_entry *scratch, size_t n)
{
    size_t counts[N_DIGITS][N_VALUES] = {0};
    struct ko_sorter_entry *from = entries;
    struct ko_sorter_entry *to = scratch;

    for (size_t i = 0; i < n; i++) {
        for (unsigned digit = 0; digit < N_DIGITS; digit++)
            counts[digit][entries[i].prefix >> (8 * digit) & 255]++;
    }
    for (unsigned digit = 0; digit < N_DIGITS; digit++) {
        size_t *const place = counts[digit];
        struct ko_sorter_entry *const swap = from;
        size_t sum = 0;

        if (n == 0 || place[from[0].prefix >> (8 * digit) & 255] == n)
            continue;
        for (unsigned value = 0; value < N_VALUES; value++) {
            const size_t count = place[value];

            place[value] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++)
            to[place[from[i].prefix >> (8 * digit) & 255]++] = from[i];
        from = to;
        to = swap;
    }
    if (from != entries)
        memcpy(entries, from, n * sizeof *entries);
}

static int
compare_entries(const struct ko_sorter_entry *a, const struct ko_sorter_entry *b,
                ko_sorter_compare_fn *compare)
{
    return compare(ko_sorter_record(a->record), ko_sorter_record(b->record));
}

static void
insertion_sort(struct ko_sorter_entry *entries, size_t n, ko_sorter_compare_fn *compare)
{
    for (size_t i = 1; i < n; i++) {
        const struct ko_sorter_entry entry = entries[i];
        size_t at = i;

        for (; at > 0 && compare_entries(&entries[at - 1], &entry, compare) > 0; at--)
            entries[at] = entries[at - 1];
        entries[at] = entry;
    }
}

/* Merges the sorted from[0 .. middle - 1] and from[middle .. n - 1] into to. */
static void
merge_halves(const struct ko_sorter_entry *from, size_t middle, size_t n,
             struct ko_sorter_entry *to, ko_sorter_compare_fn *compare)
{
    size_t left = 0;
    size_t right = middle;

    while (left < middle && right < n) {
        if (compare_entries(&from[left], &from[right], compare) <= 0)
            *to++ = from[left++];
        else
            *to++ = from[right++];
    }
    memcpy(to, from + left, (middle - left) * sizeof *to);
    memcpy(to + (middle - left), from + right, (n - right) * sizeof *to);
}

/* Stable merge sort: n log n whatever the order, for a key that half of the items may share. */
static void
sort_by_record(struct ko_sorter_entry *entries, struct ko_sorter_entry *scratch, size_t n,
               ko_sorter_compare_fn *compare)
{
    struct ko_sorter_entry *from = entries;
    struct ko_sorter_entry *to = scratch;

    for (size_t at = 0; at < n; at += INSERTION_MAX)
        insertion_sort(entries + at, n - at < INSERTION_MAX ? n - at : INSERTION_MAX, compare);
    for (size_t width = INSERTION_MAX; width < n; width *= 2) {
        struct ko_sorter_entry *const swap = from;

        for (size_t at = 0; at < n; at += 2 * width) {
            const size_t n_both = n - at < 2 * width ? n - at : 2 * width;

            merge_halves(from + at, width < n_both ? width : n_both, n_both, to + at, compare);
        }
        from = to;
        to = swap;
    }
    if (from != entries)
        memcpy(entries, from, n * sizeof *entries);
}

/* ---- many records of equal prefix ---- */

/* Up to 8 bytes of a text from an offset on, as a number of the same order. */
static uint64_t
number_at(struct ko_slice text, size_t offset)
{
    uint64_t number = 0;

    if (text.n >= offset + 8)
        return __builtin_bswap64(ko_read_u64(text.data + offset));
    for (size_t i = offset; i < offset + 8; i++)
        number = number << 8 | (i < text.n ? (unsigned char) text.data[i] : 0);
    return number;
}

/* How many bytes all texts have in common; *is_told: they differ behind them, none has ended. */
static size_t
common_text(const struct ko_sorter_entry *entries, size_t n, ko_sorter_text_fn *text_of,
            bool *is_told)
{
    const struct ko_slice first = text_of(ko_sorter_record(entries[0].record));
    size_t n_common = first.n;
    size_t n_shortest = first.n;

    for (size_t i = 1; i < n; i++) {
        struct ko_slice text = text_of(ko_sorter_record(entries[i].record));

        if (text.n < n_shortest)
            n_shortest = text.n;
        if (text.n > n_common)
            text.n = n_common;
        n_common = ko_common_start(first, text);
    }
    *is_told = n_common < n_shortest;
    return n_common;
}

static size_t
end_of_equal(const struct ko_sorter_entry *entries, size_t start, size_t n)
{
    size_t end = start + 1;

    while (end < n && entries[end].prefix == entries[start].prefix)
        end++;
    return end;
}

/*
 * Sorts records of one prefix.  Comparing many of them with one another would be a cache miss or
 * two each time, so as long as their texts tell them apart, the next 8 bytes take the place of the
 * prefix.
 */
static void
sort_group(struct ko_sorter_entry *entries, struct ko_sorter_entry *scratch, size_t n,
           const struct ko_sorter_rule *rule, unsigned depth)
{
    const uint64_t prefix = entries[0].prefix;
    bool is_told = false;
    size_t n_common;

    if (n >= BY_TEXT_MIN && depth < DEPTH_MAX && rule->text != NULL)
        n_common = common_text(entries, n, rule->text, &is_told);
    if (!is_told) {
        sort_by_record(entries, scratch, n, rule->compare);
        return;
    }
    for (size_t i = 0; i < n; i++)
        entries[i].prefix = number_at(rule->text(ko_sorter_record(entries[i].record)), n_common);
    order(entries, scratch, n, rule, depth + 1);
    for (size_t i = 0; i < n; i++)
        entries[i].prefix = prefix;
}

static void
order(struct ko_sorter_entry *entries, struct ko_sorter_entry *scratch, size_t n,
      const struct ko_sorter_rule *rule, unsigned depth)
{
    sort_by_prefix(entries, scratch, n);
    for (size_t start = 0, end; start < n; start = end) {
        end = end_of_equal(entries, start, n);
        if (end - start > 1)
            sort_group(entries + start, scratch, end - start, rule, depth);
    }
}

void
ko_sorter_order(struct ko_sorter_entry *entries, struct ko_sorter_entry *scratch, size_t n,
                const struct ko_sorter_rule *rule)
{
    order(entries, scratch, n, rule, 0);
}
