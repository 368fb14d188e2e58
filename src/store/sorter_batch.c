#include "keepone/base/mem.h"
#include "sorter_priv.h"

enum {
    PREFETCH_AHEAD = 8,
    CACHE_LINE_BYTES = 64,
    PREFETCH_LINES_MAX = 12,
    CHUNK_MIN = 4 * 1024,
    BLOCK_MAX = 32 * 1024
};

/* Memory from the system: blocks are cut off it one after the other. */
struct ko_sorter_chunk {
    struct ko_sorter_chunk *next;
    size_t capacity;
    char bytes[];
};

/* Records of one bucket, in the order of addition. */
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

void
ko_sorter_batch_init(struct ko_sorter_batch *batch, struct ko_sorter_memory *memory,
                     const struct ko_sorter_options *options)
{
    const uint64_t eighth = memory->budget_bytes / 8;
    const uint64_t span =
        options->prefix_last == 0 ? UINT64_MAX : options->prefix_last - options->prefix_first;

    *batch = (struct ko_sorter_batch){
        .memory = memory,
        .rule = {options->compare == NULL ? ko_slice_compare : options->compare, options->text},
        .prefix_first = options->prefix_last == 0 ? 0 : options->prefix_first,
        .chunk_bytes = eighth < CHUNK_MIN        ? CHUNK_MIN
                       : eighth > KO_PAGES_BYTES ? KO_PAGES_BYTES
                                                 : (size_t) eighth,
    };
    batch->block_bytes = batch->chunk_bytes <= BLOCK_MAX
                             ? batch->chunk_bytes - sizeof(struct ko_sorter_chunk)
                             : BLOCK_MAX;
    /* No more buckets than have a block each in an eighth of the budget. */
    while (batch->bucket_shift < 63 &&
           (span >> batch->bucket_shift >= KO_SORTER_BUCKETS ||
            ((span >> batch->bucket_shift) + 1) * batch->block_bytes > eighth))
        batch->bucket_shift++;
    batch->n_buckets = (size_t) (span >> batch->bucket_shift) + 1;
}

/* Buckets have the order of prefixes; those out of the promised range go to the first or the last.
 */
static struct ko_sorter_bucket *
bucket_of(struct ko_sorter_batch *batch, uint64_t prefix)
{
    const uint64_t index =
        prefix < batch->prefix_first ? 0 : (prefix - batch->prefix_first) >> batch->bucket_shift;

    return &batch->buckets[index < batch->n_buckets ? index : batch->n_buckets - 1];
}

static bool
has_room(const struct ko_sorter_bucket *bucket, size_t n)
{
    return bucket->last != NULL && bucket->last->capacity - bucket->last->used >= n;
}

/* Of the block that a bucket without room gets for n bytes, itself included; the next one starts
 * where a pointer may. */
static size_t
next_block_bytes(const struct ko_sorter_batch *batch, size_t n)
{
    const size_t needed = (sizeof(struct ko_sorter_block) + n + 15) / 16 * 16;

    return needed > batch->block_bytes ? needed : batch->block_bytes;
}

/* What the system must give for a block of n bytes: nothing, a chunk, or a chunk of its own. */
static size_t
new_chunk_bytes(const struct ko_sorter_batch *batch, size_t n)
{
    const size_t needed = sizeof(struct ko_sorter_chunk) + n;

    if (batch->current != NULL && batch->current->capacity - batch->n_cut >= n)
        return 0;
    if (batch->current != NULL && batch->current->next != NULL &&
        batch->current->next->capacity >= n)
        return 0;
    return needed > batch->chunk_bytes ? needed : batch->chunk_bytes;
}

bool
ko_sorter_batch_has_room(struct ko_sorter_batch *batch, uint64_t prefix, size_t n)
{
    const size_t needed = KO_SORTER_HEAD_BYTES + n;
    const uint64_t n_new = has_room(bucket_of(batch, prefix), needed)
                               ? 0
                               : new_chunk_bytes(batch, next_block_bytes(batch, needed));
    const size_t n_entries =
        batch->n_records < batch->capacity ? batch->capacity : batch->n_records + 1;

    return batch->chunks_bytes + n_new + entries_bytes(n_entries) <= batch->memory->budget_bytes;
}

/* Puts a new chunk behind the current one. */
static enum ko_code
add_chunk(struct ko_sorter_batch *batch, size_t n, struct ko_error *err)
{
    struct ko_sorter_chunk *chunk;

    /* Pages of the usual size are likely to have been used before, for the row log. */
    chunk = n == KO_PAGES_BYTES ? ko_pages_new(n, err) : ko_realloc(NULL, n, err);
    if (chunk == NULL)
        return err->code;
    ko_sorter_memory_add(batch->memory, n);
    chunk->capacity = n - sizeof *chunk;
    if (batch->current == NULL) {
        chunk->next = batch->chunks;
        batch->chunks = chunk;
    } else {
        chunk->next = batch->current->next;
        batch->current->next = chunk;
    }
    batch->chunks_bytes += n;
    return KO_OK;
}

/* Cuts a block off and puts it at the bucket's end. */
static enum ko_code
add_block(struct ko_sorter_batch *batch, struct ko_sorter_bucket *bucket, size_t needed,
          struct ko_error *err)
{
    const size_t n = next_block_bytes(batch, needed);
    const size_t n_chunk = new_chunk_bytes(batch, n);
    struct ko_sorter_block *block;

    if (n_chunk > 0 && add_chunk(batch, n_chunk, err) != KO_OK)
        return err->code;
    if (batch->current == NULL || batch->current->capacity - batch->n_cut < n) {
        batch->current = batch->current == NULL ? batch->chunks : batch->current->next;
        batch->n_cut = 0;
    }
    block = (void *) (batch->current->bytes + batch->n_cut);
    batch->n_cut += n;
    block->next = NULL;
    block->capacity = n - sizeof *block;
    block->used = 0;
    if (bucket->last == NULL)
        bucket->first = block;
    else
        bucket->last->next = block;
    bucket->last = block;
    return KO_OK;
}

enum ko_code
ko_sorter_batch_add(struct ko_sorter_batch *batch, uint64_t prefix, struct ko_slice record,
                    struct ko_error *err)
{
    const size_t needed = KO_SORTER_HEAD_BYTES + record.n;
    struct ko_sorter_bucket *const bucket = bucket_of(batch, prefix);
    char *to;

    if (record.n > UINT32_MAX)
        return ko_fail(err, KO_E_MEMORY, "a record of %zu bytes is too large to sort", record.n);
    if (!has_room(bucket, needed) && add_block(batch, bucket, needed, err) != KO_OK)
        return err->code;
    to = bucket->last->bytes + bucket->last->used;
    ko_write_u64(to, prefix);
    ko_write_u32(to + 8, (uint32_t) record.n);
    if (record.n > 0)
        memcpy(to + KO_SORTER_HEAD_BYTES, record.data, record.n);
    bucket->last->used += needed;
    batch->n_records++;
    return KO_OK;
}

static enum ko_code
make_entries_room(struct ko_sorter_batch *batch, struct ko_error *err)
{
    void *memory = batch->entries;

    if (batch->n_records <= batch->capacity)
        return KO_OK;
    if (ko_sorter_memory_resize(batch->memory, &memory, entries_bytes(batch->capacity),
                                entries_bytes(batch->n_records), err) != KO_OK)
        return err->code;
    batch->entries = memory;
    batch->capacity = batch->n_records;
    return KO_OK;
}

/* Makes the entries of a bucket, in the order of addition; returns the place behind the last. */
static struct ko_sorter_entry *
list_entries(const struct ko_sorter_bucket *bucket, struct ko_sorter_entry *entry)
{
    for (const struct ko_sorter_block *block = bucket->first; block != NULL; block = block->next) {
        for (size_t at = 0; at < block->used; entry++) {
            entry->prefix = ko_read_u64(block->bytes + at);
            entry->record = block->bytes + at + 8;
            at += KO_SORTER_HEAD_BYTES + ko_read_u32(entry->record);
        }
    }
    return entry;
}

/* Bucket by bucket: what is sorted, and given out later, is small enough for the caches. */
enum ko_code
ko_sorter_batch_sort(struct ko_sorter_batch *batch, struct ko_error *err)
{
    const size_t n = batch->n_records;
    struct ko_sorter_entry *start;

    batch->next = 0;
    if (n == 0 || make_entries_room(batch, err) != KO_OK)
        return err->code;
    batch->prefetch_bytes = batch->chunks_bytes / n;
    if (batch->prefetch_bytes > PREFETCH_LINES_MAX * CACHE_LINE_BYTES)
        batch->prefetch_bytes = PREFETCH_LINES_MAX * CACHE_LINE_BYTES;
    start = batch->entries;
    for (size_t i = 0; i < batch->n_buckets; i++) {
        struct ko_sorter_entry *const end = list_entries(&batch->buckets[i], start);

        ko_sorter_order(start, batch->entries + batch->capacity, (size_t) (end - start),
                        &batch->rule);
        start = end;
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
free_chunk(struct ko_sorter_batch *batch, struct ko_sorter_chunk *chunk)
{
    const size_t n = sizeof *chunk + chunk->capacity;

    batch->chunks_bytes -= n;
    batch->memory->n_bytes -= n;
    if (n == KO_PAGES_BYTES)
        ko_pages_free(chunk, n);
    else
        ko_free(chunk);
}

void
ko_sorter_batch_reset(struct ko_sorter_batch *batch)
{
    /* A chunk that one large record asked for would take the place of many. */
    for (struct ko_sorter_chunk **link = &batch->chunks; *link != NULL;) {
        struct ko_sorter_chunk *const chunk = *link;

        if (sizeof *chunk + chunk->capacity > batch->chunk_bytes) {
            *link = chunk->next;
            free_chunk(batch, chunk);
        } else {
            link = &chunk->next;
        }
    }
    memset(batch->buckets, 0, sizeof batch->buckets);
    batch->current = batch->chunks;
    batch->n_cut = 0;
    batch->n_records = 0;
    batch->next = 0;
}

void
ko_sorter_batch_clear(struct ko_sorter_batch *batch)
{
    for (struct ko_sorter_chunk *chunk = batch->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free_chunk(batch, chunk);
    }
    ko_sorter_memory_free(batch->memory, batch->entries, entries_bytes(batch->capacity));
    memset(batch->buckets, 0, sizeof batch->buckets);
    batch->chunks = NULL;
    batch->current = NULL;
    batch->n_records = 0;
    batch->entries = NULL;
    batch->capacity = 0;
    batch->next = 0;
}
