#include "repeats_priv.h"

#include <string.h>

#include "keepone/base/sort.h"

enum ko_code
ko_repeats_take(struct ko_repeats *repeats, uint64_t bytes, struct ko_error *err)
{
    repeats->used_bytes += bytes;
    if (repeats->used_bytes > repeats->peak_bytes)
        repeats->peak_bytes = repeats->used_bytes;
    if (repeats->used_bytes <= repeats->options.memory_bytes)
        return KO_OK;
    (void) ko_fail(err, KO_E_MEMORY,
                   "%s: %llu items of this rank need more than the %llu MiB given, %u eighths of "
                   "--memory",
                   repeats->options.name, (unsigned long long) repeats->n_added,
                   (unsigned long long) (repeats->options.memory_bytes >> 20),
                   repeats->options.n_eighths == 0 ? 8 : repeats->options.n_eighths);
    ko_hint(err,
            "give more with --memory, 16 bytes per item of a rank and at least 32M, or use more "
            "ranks on more machines.");
    return err->code;
}

struct ko_repeats *
ko_repeats_new(const struct ko_repeats_options *options, struct ko_error *err)
{
    struct ko_repeats *repeats = ko_alloc(sizeof *repeats, err);

    if (repeats == NULL)
        return NULL;
    repeats->options = *options;
    repeats->n_block_chunks = KO_REPEATS_CHUNKS_PER_BLOCK;
    return repeats;
}

void
ko_repeats_free_added(struct ko_repeats *repeats)
{
    for (struct ko_repeats_block *block = repeats->blocks, *next; block != NULL; block = next) {
        next = block->next;
        ko_pages_free(block, KO_PAGES_BYTES);
        repeats->used_bytes -= KO_PAGES_BYTES;
    }
    repeats->blocks = NULL;
    memset(repeats->buckets, 0, sizeof repeats->buckets);
}

void
ko_repeats_free(struct ko_repeats *repeats)
{
    if (repeats == NULL)
        return;
    ko_repeats_free_exchange(repeats);
    ko_value_set_clear(&repeats->repeated);
    ko_free(repeats);
}

static enum ko_code
add_chunk(struct ko_repeats *repeats, struct ko_repeats_bucket *bucket, struct ko_error *err)
{
    struct ko_repeats_chunk *chunk;

    if (repeats->n_block_chunks == KO_REPEATS_CHUNKS_PER_BLOCK) {
        struct ko_repeats_block *block;

        if (ko_repeats_take(repeats, KO_PAGES_BYTES, err) != KO_OK)
            return err->code;
        block = ko_pages_new(KO_PAGES_BYTES, err);
        if (block == NULL)
            return err->code;
        block->next = repeats->blocks;
        repeats->blocks = block;
        repeats->n_block_chunks = 0;
    }
    chunk = &repeats->blocks->chunks[repeats->n_block_chunks++];
    chunk->next = bucket->last;
    *bucket = (struct ko_repeats_bucket){.last = chunk};
    return KO_OK;
}

enum ko_code
ko_repeats_add(struct ko_repeats *repeats, uint64_t fingerprint, struct ko_error *err)
{
    struct ko_repeats_bucket *const bucket = &repeats->buckets[ko_partition_of(fingerprint)];

    KO_ASSERT(repeats->world == NULL);
    if ((bucket->last == NULL || bucket->n_last == KO_REPEATS_CHUNK_VALUES) &&
        add_chunk(repeats, bucket, err) != KO_OK)
        return err->code;
    bucket->last->values[bucket->n_last++] = fingerprint;
    repeats->n_added++;
    return KO_OK;
}

/* The bits below the partition's, cut to n_bits in all. */
static uint64_t
cut(const struct ko_repeats *repeats, uint64_t fingerprint)
{
    return fingerprint << KO_PARTITION_BITS >> (64 - repeats->n_bits + KO_PARTITION_BITS);
}

uint64_t *
ko_repeats_scratch(struct ko_repeats *repeats, struct ko_buf *buf, size_t n, struct ko_error *err)
{
    const size_t capacity_before = buf->capacity;
    char *room;

    ko_buf_reset(buf);
    room = ko_buf_reserve(buf, (n + 1) * sizeof(uint64_t));
    if (room == NULL || ko_repeats_take(repeats, buf->capacity - capacity_before, err) != KO_OK) {
        (void) ko_buf_finish(buf, err);
        return NULL;
    }
    return (uint64_t *) (void *) room;
}

enum ko_code
ko_repeats_sort(struct ko_repeats *repeats, unsigned partition, uint64_t **values, size_t *n_values,
                struct ko_error *err)
{
    const struct ko_repeats_bucket *const bucket = &repeats->buckets[partition];
    uint64_t *scratch;
    size_t n = bucket->n_last;

    for (const struct ko_repeats_chunk *chunk = bucket->last; chunk != NULL && chunk->next != NULL;
         chunk = chunk->next)
        n += KO_REPEATS_CHUNK_VALUES;
    *values = ko_repeats_scratch(repeats, &repeats->scratch_a, n, err);
    scratch = ko_repeats_scratch(repeats, &repeats->scratch_b, n, err);
    *n_values = 0;
    if (*values == NULL || scratch == NULL)
        return err->code;
    for (const struct ko_repeats_chunk *chunk = bucket->last; chunk != NULL; chunk = chunk->next) {
        const size_t n_chunk = chunk == bucket->last ? bucket->n_last : KO_REPEATS_CHUNK_VALUES;

        for (size_t i = 0; i < n_chunk; i++)
            (*values)[(*n_values)++] = cut(repeats, chunk->values[i]);
    }
    ko_sort_u64(*values, scratch, n, repeats->n_bits - KO_PARTITION_BITS);
    return KO_OK;
}

void
ko_repeats_prefetch(const struct ko_repeats *repeats, uint64_t fingerprint)
{
    if (repeats->repeated.n_values > 0)
        ko_value_set_prefetch(&repeats->repeated, fingerprint >> (64 - repeats->n_bits));
}

bool
ko_repeats_has(const struct ko_repeats *repeats, uint64_t fingerprint)
{
    return repeats->repeated.n_values > 0 &&
           ko_value_set_has(&repeats->repeated, fingerprint >> (64 - repeats->n_bits));
}

uint64_t
ko_repeats_count(const struct ko_repeats *repeats)
{
    return repeats->repeated.n_values;
}
