#include "repeats_priv.h"

#include <string.h>

/* Pending, in place of a value: something without a fingerprint. */
#define NONE UINT64_MAX

/* Turns and values in memory are at most these parts of what is given, so that there is room for
 * the exchange. */
enum { VALUES_PART = 2, TURNS_PART = 8 };

/* A chunk for each partition: spilling fewer would make many small pieces. */
enum { BLOCKS_MIN = KO_PARTITIONS / KO_REPEATS_CHUNKS_PER_BLOCK + 1 };

/* With the partition's 10 bits 49 of 64, or 63. */
enum { USUAL_BITS = 39, USUAL_BYTES = 5, EXACT_BITS = 53, EXACT_BYTES = 7 };

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
    ko_hint(err, "give more with --memory, or use more ranks on more machines.");
    return err->code;
}

void
ko_repeats_give_back(struct ko_repeats *repeats, uint64_t bytes)
{
    /* After a failure parts were taken that had not been counted yet. */
    repeats->used_bytes -= bytes < repeats->used_bytes ? bytes : repeats->used_bytes;
}

struct ko_repeats *
ko_repeats_new(const struct ko_repeats_options *options, struct ko_error *err)
{
    struct ko_repeats *repeats = ko_alloc(sizeof *repeats, err);

    if (repeats == NULL)
        return NULL;
    repeats->options = *options;
    repeats->value_bits = options->is_exact ? EXACT_BITS : USUAL_BITS;
    repeats->value_bytes = options->is_exact ? EXACT_BYTES : USUAL_BYTES;
    repeats->n_block_chunks = KO_REPEATS_CHUNKS_PER_BLOCK;
    return repeats;
}

void
ko_repeats_free_blocks(struct ko_repeats *repeats)
{
    for (struct ko_repeats_block *block = repeats->blocks, *next; block != NULL; block = next) {
        next = block->next;
        ko_pages_free(block, KO_PAGES_BYTES);
        ko_repeats_give_back(repeats, KO_PAGES_BYTES);
    }
    repeats->blocks = NULL;
    repeats->n_blocks = 0;
    repeats->spare = NULL;
    memset(repeats->buckets, 0, sizeof repeats->buckets);
}

void
ko_repeats_free_values(struct ko_repeats *repeats)
{
    ko_repeats_free_blocks(repeats);
    ko_repeats_give_back(repeats, repeats->n_runs * sizeof *repeats->run_offsets);
    ko_free(repeats->run_offsets);
    repeats->run_offsets = NULL;
    repeats->n_runs = 0;
    memset(repeats->n_spilled, 0, sizeof repeats->n_spilled);
}

void
ko_repeats_free(struct ko_repeats *repeats)
{
    if (repeats == NULL)
        return;
    ko_repeats_free_values(repeats);
    ko_repeats_free_exchange(repeats);
    for (struct ko_repeats_turns *turns = repeats->turns, *next; turns != NULL; turns = next) {
        next = turns->next;
        ko_free(turns);
    }
    for (unsigned p = 0; p < KO_PARTITIONS && repeats->told_bits == NULL; p++)
        ko_free(repeats->told[p].bits);
    ko_free(repeats->told_bits);
    ko_scratch_close(repeats->scratch);
    ko_free(repeats->turn_extents);
    ko_free(repeats);
}

/* ---- adding ---- */

static enum ko_code
add_block(struct ko_repeats *repeats, struct ko_error *err)
{
    struct ko_repeats_block *block;

    KO_TRY(ko_repeats_take(repeats, KO_PAGES_BYTES, err));
    block = ko_pages_new(KO_PAGES_BYTES, err);
    if (block == NULL) {
        ko_repeats_give_back(repeats, KO_PAGES_BYTES);
        return err->code;
    }
    block->next = repeats->blocks;
    repeats->blocks = block;
    repeats->n_blocks++;
    repeats->n_block_chunks = 0;

done:
    return err->code;
}

/* More than this in chunks is spilled. */
static bool
is_values_part_full(const struct ko_repeats *repeats)
{
    return repeats->n_blocks >= BLOCKS_MIN && repeats->options.folder != NULL &&
           (repeats->n_blocks + 1) * KO_PAGES_BYTES > repeats->options.memory_bytes / VALUES_PART;
}

static enum ko_code
add_chunk(struct ko_repeats *repeats, struct ko_repeats_bucket *bucket, struct ko_error *err)
{
    struct ko_repeats_chunk *chunk = repeats->spare;

    if (chunk == NULL && repeats->n_block_chunks == KO_REPEATS_CHUNKS_PER_BLOCK) {
        if (is_values_part_full(repeats))
            KO_TRY(ko_repeats_spill_values(repeats, err));
        else
            KO_TRY(add_block(repeats, err));
        chunk = repeats->spare;
    }
    if (chunk != NULL)
        repeats->spare = chunk->next;
    else
        chunk = &repeats->blocks->chunks[repeats->n_block_chunks++];
    chunk->next = NULL;
    if (bucket->last == NULL)
        bucket->first = chunk;
    else
        bucket->last->next = chunk;
    bucket->last = chunk;
    bucket->n_last = 0;
    bucket->n_chunks++;

done:
    return err->code;
}

static enum ko_code
add_turns(struct ko_repeats *repeats, struct ko_error *err)
{
    struct ko_repeats_turns *turns;

    /* Of two blocks at least, the second one is filled and spilled again and again. */
    if (repeats->turns != repeats->last_turns && repeats->options.folder != NULL &&
        repeats->n_added * sizeof(uint16_t) > repeats->options.memory_bytes / TURNS_PART)
        return ko_repeats_spill_turns(repeats, err);
    KO_TRY(ko_repeats_take(repeats, sizeof *turns, err));
    turns = ko_alloc(sizeof *turns, err);
    if (turns == NULL) {
        ko_repeats_give_back(repeats, sizeof *turns);
        return err->code;
    }
    if (repeats->last_turns == NULL)
        repeats->turns = turns;
    else
        repeats->last_turns->next = turns;
    repeats->last_turns = turns;

done:
    return err->code;
}

static enum ko_code
settle_one(struct ko_repeats *repeats, uint64_t pending, size_t chunk_values, struct ko_error *err)
{
    struct ko_repeats_turns *const turns = repeats->last_turns;
    const unsigned partition = (unsigned) (pending >> repeats->value_bits);
    struct ko_repeats_bucket *bucket;

    if (pending == NONE) {
        turns->partitions[turns->n++] = KO_REPEATS_NO_TURN;
        return KO_OK;
    }
    turns->partitions[turns->n++] = (uint16_t) partition;
    bucket = &repeats->buckets[partition];
    if ((bucket->last == NULL || bucket->n_last == chunk_values) &&
        add_chunk(repeats, bucket, err) != KO_OK)
        return err->code;
    ko_write_u64(bucket->last->bytes + (size_t) bucket->n_last++ * repeats->value_bytes,
                 pending & (((uint64_t) 1 << repeats->value_bits) - 1));
    return KO_OK;
}

enum ko_code
ko_repeats_settle(struct ko_repeats *repeats, struct ko_error *err)
{
    const size_t chunk_values = ko_repeats_chunk_values(repeats);

    for (size_t i = 0; i < repeats->n_pending; i++) {
        if (repeats->last_turns == NULL || repeats->last_turns->n == KO_REPEATS_TURNS)
            KO_TRY(add_turns(repeats, err));
        KO_TRY(settle_one(repeats, repeats->pending[i], chunk_values, err));
    }
    repeats->n_pending = 0;

done:
    return err->code;
}

static enum ko_code
add(struct ko_repeats *repeats, uint64_t pending, struct ko_error *err)
{
    KO_ASSERT(repeats->world == NULL);
    if (repeats->n_pending == KO_REPEATS_PENDING)
        KO_TRY(ko_repeats_settle(repeats, err));
    repeats->pending[repeats->n_pending++] = pending;
    repeats->n_added++;

done:
    return err->code;
}

enum ko_code
ko_repeats_add(struct ko_repeats *repeats, uint64_t fingerprint, struct ko_error *err)
{
    return add(repeats, fingerprint >> (64 - KO_PARTITION_BITS - repeats->value_bits), err);
}

enum ko_code
ko_repeats_add_none(struct ko_repeats *repeats, struct ko_error *err)
{
    return add(repeats, NONE, err);
}

/* ---- telling ---- */

uint64_t
ko_repeats_count(const struct ko_repeats *repeats)
{
    return repeats->n_repeated;
}

/*
 * The first block of turns was told to its end: the next one takes its place.  What was spilled
 * comes between the last block and those before it.
 */
static enum ko_code
next_turns(struct ko_repeats *repeats, struct ko_error *err)
{
    struct ko_repeats_turns *const told = repeats->turns;

    KO_ASSERT(told->next != NULL);
    repeats->next_turn = 0;
    if (told->next == repeats->last_turns && repeats->next_turn_extent < repeats->n_turn_extents)
        return ko_repeats_read_turns(repeats, told, err);
    repeats->turns = told->next;
    ko_free(told);
    ko_repeats_give_back(repeats, sizeof *told);
    return KO_OK;
}

/* Looks at the next bit of a partition, and reads it before if it was spilled. */
static inline enum ko_code
look_at_bit(struct ko_repeats *repeats, unsigned partition, bool *is_repeated, struct ko_error *err)
{
    const struct ko_repeats_told *const told = &repeats->told[partition];

    if (told->next == told->n)
        KO_TRY(ko_repeats_read_bits(repeats, partition, err));
    *is_repeated = (told->bits[told->next / 8] >> told->next % 8 & 1) != 0;

done:
    return err->code;
}

enum ko_code
ko_repeats_pass(struct ko_repeats *repeats, uint64_t most, uint64_t *n_passed, uint64_t *n_none,
                struct ko_error *err)
{
    *n_none = 0;
    for (*n_passed = 0; *n_passed < most; (*n_passed)++) {
        unsigned partition;

        if (repeats->next_turn == repeats->turns->n)
            KO_TRY(next_turns(repeats, err));
        partition = repeats->turns->partitions[repeats->next_turn];
        if (partition == KO_REPEATS_NO_TURN) {
            (*n_none)++;
        } else {
            bool is_repeated = false;

            KO_TRY(look_at_bit(repeats, partition, &is_repeated, err));
            if (is_repeated)
                break;
            repeats->told[partition].next++;
        }
        repeats->next_turn++;
    }

done:
    return err->code;
}

enum ko_code
ko_repeats_next(struct ko_repeats *repeats, struct ko_repeats_answer *answer, struct ko_error *err)
{
    unsigned partition;

    KO_ASSERT(repeats->turns != NULL);
    if (repeats->next_turn == repeats->turns->n)
        KO_TRY(next_turns(repeats, err));
    partition = repeats->turns->partitions[repeats->next_turn++];
    *answer = (struct ko_repeats_answer){.is_none = partition == KO_REPEATS_NO_TURN,
                                         .partition = partition};
    if (answer->is_none)
        return KO_OK;
    KO_TRY(look_at_bit(repeats, partition, &answer->is_repeated, err));
    repeats->told[partition].next++;

done:
    return err->code;
}
