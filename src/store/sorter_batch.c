#include "keepone/base/mem.h"
#include "sorter_priv.h"

enum {
    N_DIGITS = 8,
    N_VALUES = 256,
    INSERTION_MAX = 8,
    PREFETCH_AHEAD = 8,
    CACHE_LINE_BYTES = 64,
    PREFETCH_LINES_MAX = 12
};

struct ko_sorter_block {
    struct ko_sorter_block *next;
    size_t capacity;
    size_t used;
    char bytes[];
};

void
ko_sorter_memory_add(struct ko_sorter_memory *memory, size_t n)
{
    memory->n_bytes += n;
    if (memory->peak_bytes < memory->n_bytes)
        memory->peak_bytes = memory->n_bytes;
}

enum ko_code
ko_sorter_memory_resize(struct ko_sorter_memory *memory, void **block, size_t n_old, size_t n,
                        struct ko_error *err)
{
    void *moved = ko_realloc(*block, n, err);

    if (moved == NULL)
        return err->code;
    *block = moved;
    ko_sorter_memory_add(memory, n - n_old);
    return KO_OK;
}

void
ko_sorter_memory_free(struct ko_sorter_memory *memory, void *block, size_t n)
{
    if (block == NULL)
        return;
    memory->n_bytes -= n;
    ko_free(block);
}

/* What n records cost beside their blocks: sorting needs an entry and its scratch for each. */
static uint64_t
entries_bytes(uint64_t n)
{
    return n * 2 * sizeof(struct ko_sorter_entry);
}

/* The next block with room for n bytes, from the current one on; NULL if there is none. */
static struct ko_sorter_block *
find_block(const struct ko_sorter_batch *batch, size_t n)
{
    struct ko_sorter_block *block = batch->current;

    while (block != NULL && block->capacity - block->used < n)
        block = block->next;
    return block;
}

/* Of a new block with room for n bytes, itself included. */
static size_t
new_block_bytes(const struct ko_sorter_batch *batch, size_t n)
{
    const size_t needed = sizeof(struct ko_sorter_block) + n;

    return needed > batch->block_bytes ? needed : batch->block_bytes;
}

bool
ko_sorter_batch_has_room(const struct ko_sorter_batch *batch, size_t n)
{
    const size_t needed = KO_SORTER_HEAD_BYTES + n;
    const uint64_t n_new = find_block(batch, needed) == NULL ? new_block_bytes(batch, needed) : 0;
    const size_t n_entries =
        batch->n_records < batch->capacity ? batch->capacity : batch->n_records + 1;

    return batch->blocks_bytes + n_new + entries_bytes(n_entries) <= batch->memory->budget_bytes;
}

/* Puts a new block behind the current one. */
static struct ko_sorter_block *
add_block(struct ko_sorter_batch *batch, size_t needed, struct ko_error *err)
{
    const size_t n = new_block_bytes(batch, needed);
    struct ko_sorter_block *block;

    /* Pages of the usual size are likely to have been used before, for the row log. */
    block = n == KO_PAGES_BYTES ? ko_pages_new(n, err) : ko_realloc(NULL, n, err);
    if (block == NULL)
        return NULL;
    ko_sorter_memory_add(batch->memory, n);
    block->capacity = n - sizeof *block;
    block->used = 0;
    if (batch->current == NULL) {
        block->next = batch->first;
        batch->first = block;
    } else {
        block->next = batch->current->next;
        batch->current->next = block;
    }
    batch->blocks_bytes += n;
    return block;
}

enum ko_code
ko_sorter_batch_add(struct ko_sorter_batch *batch, uint64_t prefix, struct ko_slice record,
                    struct ko_error *err)
{
    const size_t needed = KO_SORTER_HEAD_BYTES + record.n;
    struct ko_sorter_block *block = find_block(batch, needed);
    char *to;

    if (record.n > UINT32_MAX)
        return ko_fail(err, KO_E_MEMORY, "a record of %zu bytes is too large to sort", record.n);
    if (block == NULL)
        block = add_block(batch, needed, err);
    if (block == NULL)
        return err->code;
    batch->current = block;
    to = block->bytes + block->used;
    ko_write_u64(to, prefix);
    ko_write_u32(to + 8, (uint32_t) record.n);
    if (record.n > 0)
        memcpy(to + KO_SORTER_HEAD_BYTES, record.data, record.n);
    block->used += needed;
    batch->n_records++;
    return KO_OK;
}

/* Makes the entries, in the order of addition. */
static enum ko_code
list_entries(struct ko_sorter_batch *batch, struct ko_error *err)
{
    struct ko_sorter_entry *entry;

    if (batch->n_records > batch->capacity) {
        void *memory = batch->entries;

        if (ko_sorter_memory_resize(batch->memory, &memory, entries_bytes(batch->capacity),
                                    entries_bytes(batch->n_records), err) != KO_OK)
            return err->code;
        batch->entries = memory;
        batch->capacity = batch->n_records;
    }
    entry = batch->entries;
    for (const struct ko_sorter_block *block = batch->first; block != NULL; block = block->next) {
        for (size_t at = 0; at < block->used; entry++) {
            entry->prefix = ko_read_u64(block->bytes + at);
            entry->record = block->bytes + at + 8;
            at += KO_SORTER_HEAD_BYTES + ko_read_u32(entry->record);
        }
    }
    return KO_OK;
}

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

enum ko_code
ko_sorter_batch_sort(struct ko_sorter_batch *batch, struct ko_error *err)
{
    const size_t n = batch->n_records;
    size_t end;

    batch->next = 0;
    if (n == 0 || list_entries(batch, err) != KO_OK)
        return err->code;
    batch->prefetch_bytes = batch->blocks_bytes / n;
    if (batch->prefetch_bytes > PREFETCH_LINES_MAX * CACHE_LINE_BYTES)
        batch->prefetch_bytes = PREFETCH_LINES_MAX * CACHE_LINE_BYTES;
    sort_by_prefix(batch->entries, batch->entries + n, n);
    for (size_t start = 0; start < n; start = end) {
        struct ko_sorter_entry *const first = batch->entries + start;

        end = start + 1;
        while (end < n && batch->entries[end].prefix == first->prefix)
            end++;
        sort_by_record(first, batch->entries + n, end - start, batch->compare);
    }
    return KO_OK;
}

/* Records lie in the order of addition: each would be some cache misses.  As much as one of average
 * size has. */
static void
prefetch(const struct ko_sorter_batch *batch, const struct ko_sorter_entry *entry)
{
    for (size_t at = 0; at < batch->prefetch_bytes; at += CACHE_LINE_BYTES)
        __builtin_prefetch(entry->record + at);
}

bool
ko_sorter_batch_next(struct ko_sorter_batch *batch, uint64_t *prefix, struct ko_slice *record)
{
    const struct ko_sorter_entry *entry;

    if (batch->next == batch->n_records)
        return false;
    entry = &batch->entries[batch->next++];
    if (batch->n_records - batch->next > PREFETCH_AHEAD)
        prefetch(batch, &entry[PREFETCH_AHEAD]);
    *prefix = entry->prefix;
    *record = ko_sorter_record(entry->record);
    return true;
}

static void
free_block(struct ko_sorter_batch *batch, struct ko_sorter_block *block)
{
    const size_t n = sizeof *block + block->capacity;

    batch->blocks_bytes -= n;
    batch->memory->n_bytes -= n;
    if (n == KO_PAGES_BYTES)
        ko_pages_free(block, n);
    else
        ko_free(block);
}

void
ko_sorter_batch_reset(struct ko_sorter_batch *batch)
{
    /* A block that one large record asked for would take the place of many. */
    for (struct ko_sorter_block **link = &batch->first; *link != NULL;) {
        struct ko_sorter_block *const block = *link;

        if (sizeof *block + block->capacity > batch->block_bytes) {
            *link = block->next;
            free_block(batch, block);
        } else {
            block->used = 0;
            link = &block->next;
        }
    }
    batch->current = batch->first;
    batch->n_records = 0;
    batch->next = 0;
}

void
ko_sorter_batch_clear(struct ko_sorter_batch *batch)
{
    for (struct ko_sorter_block *block = batch->first, *next; block != NULL; block = next) {
        next = block->next;
        free_block(batch, block);
    }
    ko_sorter_memory_free(batch->memory, batch->entries, entries_bytes(batch->capacity));
    batch->first = NULL;
    batch->current = NULL;
    batch->n_records = 0;
    batch->entries = NULL;
    batch->capacity = 0;
    batch->next = 0;
}
