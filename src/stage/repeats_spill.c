#include <string.h>

#include "repeats_priv.h"

enum { OFFSET_BYTES = 8 };

enum ko_code
ko_repeats_open_scratch(struct ko_repeats *repeats, struct ko_error *err)
{
    return repeats->scratch != NULL
               ? KO_OK
               : ko_scratch_open(repeats->options.folder, &repeats->scratch, err);
}

/* The values of one partition go to the file, its chunks to the spare ones. */
static enum ko_code
spill_bucket(struct ko_repeats *repeats, unsigned partition, struct ko_error *err)
{
    struct ko_repeats_bucket *const bucket = &repeats->buckets[partition];
    const size_t n_full = ko_repeats_chunk_values(repeats);

    for (struct ko_repeats_chunk *chunk = bucket->first, *next; chunk != NULL; chunk = next) {
        const size_t n = chunk == bucket->last ? bucket->n_last : n_full;

        next = chunk->next;
        KO_TRY(ko_scratch_add(
            repeats->scratch,
            (struct ko_slice){(const char *) chunk->bytes, n * repeats->value_bytes}, err));
        repeats->n_spilled[partition] += n;
        chunk->next = repeats->spare;
        repeats->spare = chunk;
    }
    *bucket = (struct ko_repeats_bucket){0};

done:
    return err->code;
}

enum ko_code
ko_repeats_spill_values(struct ko_repeats *repeats, struct ko_error *err)
{
    char offsets[(KO_PARTITIONS + 1) * OFFSET_BYTES];
    uint64_t *moved;

    KO_TRY(ko_repeats_open_scratch(repeats, err));
    KO_TRY(ko_repeats_take(repeats, sizeof *moved, err));
    moved = ko_realloc(repeats->run_offsets, (repeats->n_runs + 1) * sizeof *moved, err);
    if (moved == NULL) {
        ko_repeats_give_back(repeats, sizeof *moved);
        return err->code;
    }
    repeats->run_offsets = moved;
    moved += repeats->n_runs++;
    for (unsigned p = 0; p < KO_PARTITIONS; p++) {
        ko_write_u64(offsets + (size_t) p * OFFSET_BYTES, ko_scratch_bytes(repeats->scratch));
        KO_TRY(spill_bucket(repeats, p, err));
    }
    *moved = ko_scratch_bytes(repeats->scratch);
    ko_write_u64(offsets + (size_t) KO_PARTITIONS * OFFSET_BYTES, *moved);
    KO_TRY(ko_scratch_add(repeats->scratch, (struct ko_slice){offsets, sizeof offsets}, err));

done:
    return err->code;
}

/* The extent that ends where the scratch file does, perhaps a new one. */
static enum ko_code
last_turn_extent(struct ko_repeats *repeats, struct ko_repeats_extent **extent,
                 struct ko_error *err)
{
    const uint64_t end = ko_scratch_bytes(repeats->scratch);
    struct ko_repeats_extent *moved = repeats->turn_extents;
    size_t n = repeats->n_turn_extents;

    if (n == 0 || moved[n - 1].offset + moved[n - 1].n != end) {
        KO_TRY(ko_repeats_take(repeats, sizeof *moved, err));
        moved = ko_realloc(repeats->turn_extents, (n + 1) * sizeof *moved, err);
        if (moved == NULL)
            return err->code;
        moved[n++] = (struct ko_repeats_extent){end, 0};
        repeats->turn_extents = moved;
        repeats->n_turn_extents = n;
    }
    *extent = &moved[n - 1];

done:
    return err->code;
}

enum ko_code
ko_repeats_spill_turns(struct ko_repeats *repeats, struct ko_error *err)
{
    struct ko_repeats_turns *const turns = repeats->last_turns;
    struct ko_repeats_extent *extent = NULL;

    KO_TRY(ko_repeats_open_scratch(repeats, err));
    KO_TRY(last_turn_extent(repeats, &extent, err));
    KO_TRY(ko_scratch_add(
        repeats->scratch,
        (struct ko_slice){(const char *) turns->partitions, sizeof turns->partitions}, err));
    extent->n += sizeof turns->partitions;
    turns->n = 0;

done:
    return err->code;
}

enum ko_code
ko_repeats_read_turns(struct ko_repeats *repeats, struct ko_repeats_turns *turns,
                      struct ko_error *err)
{
    struct ko_repeats_extent *const extent = &repeats->turn_extents[repeats->next_turn_extent];

    KO_TRY(ko_scratch_read(repeats->scratch, extent->offset, turns->partitions,
                           sizeof turns->partitions, err));
    extent->offset += sizeof turns->partitions;
    extent->n -= sizeof turns->partitions;
    if (extent->n == 0)
        repeats->next_turn_extent++;
    turns->n = KO_REPEATS_TURNS;
    for (size_t i = 0; i < turns->n; i++)
        if (turns->partitions[i] > KO_REPEATS_NO_TURN)
            return ko_scratch_fail_changed(repeats->scratch, err);

done:
    return err->code;
}

enum ko_code
ko_repeats_read_bits(struct ko_repeats *repeats, unsigned partition, struct ko_error *err)
{
    struct ko_repeats_told *const told = &repeats->told[partition];
    struct ko_repeats_extent *const untold = &repeats->untold[partition];
    const size_t n = untold->n < KO_REPEATS_BITS_BYTES ? (size_t) untold->n : KO_REPEATS_BITS_BYTES;

    KO_ASSERT(n > 0);
    KO_TRY(ko_scratch_read(repeats->scratch, untold->offset, told->bits, n, err));
    untold->offset += n;
    untold->n -= n;
    told->next = 0;
    told->n = (uint64_t) n * 8;

done:
    return err->code;
}

struct ko_repeats_walk
ko_repeats_walk_of(const struct ko_repeats *repeats, unsigned partition)
{
    return (struct ko_repeats_walk){
        .repeats = repeats, .partition = partition, .chunk = repeats->buckets[partition].first};
}

/* Reads more of the partition's part of a run. */
static enum ko_code
read_run(struct ko_repeats_walk *walk, const unsigned char **bytes, size_t *n_values,
         struct ko_error *err)
{
    const struct ko_repeats *repeats = walk->repeats;
    const size_t most = ko_repeats_chunk_values(repeats) * repeats->value_bytes;
    const size_t n = walk->run_end - walk->run_offset < most
                         ? (size_t) (walk->run_end - walk->run_offset)
                         : most;

    KO_TRY(ko_scratch_read(repeats->scratch, walk->run_offset, walk->spilled, n, err));
    walk->run_offset += n;
    *bytes = walk->spilled;
    *n_values = n / repeats->value_bytes;

done:
    return err->code;
}

static enum ko_code
begin_run(struct ko_repeats_walk *walk, struct ko_error *err)
{
    const struct ko_scratch *scratch = walk->repeats->scratch;
    char offsets[2 * OFFSET_BYTES];

    KO_TRY(ko_scratch_read(scratch,
                           walk->repeats->run_offsets[walk->next_run++] +
                               (uint64_t) walk->partition * OFFSET_BYTES,
                           offsets, sizeof offsets, err));
    walk->run_offset = ko_read_u64(offsets);
    walk->run_end = ko_read_u64(offsets + OFFSET_BYTES);
    if (walk->run_offset > walk->run_end)
        (void) ko_scratch_fail_changed(scratch, err);

done:
    return err->code;
}

enum ko_code
ko_repeats_walk_next(struct ko_repeats_walk *walk, const unsigned char **bytes, size_t *n_values,
                     struct ko_error *err)
{
    const struct ko_repeats *repeats = walk->repeats;
    const struct ko_repeats_bucket *bucket = &repeats->buckets[walk->partition];
    const struct ko_repeats_chunk *chunk = walk->chunk;

    while (walk->run_offset == walk->run_end && walk->next_run < repeats->n_runs)
        KO_TRY(begin_run(walk, err));
    if (walk->run_offset < walk->run_end)
        return read_run(walk, bytes, n_values, err);
    *n_values = 0;
    if (chunk == NULL)
        goto done;
    *bytes = chunk->bytes;
    *n_values = chunk == bucket->last ? bucket->n_last : ko_repeats_chunk_values(repeats);
    walk->chunk = chunk->next;

done:
    return err->code;
}

uint64_t
ko_repeats_n_values(const struct ko_repeats *repeats, unsigned partition)
{
    const struct ko_repeats_bucket *bucket = &repeats->buckets[partition];
    uint64_t n = repeats->n_spilled[partition];

    if (bucket->n_chunks > 0)
        n += (uint64_t) (bucket->n_chunks - 1) * ko_repeats_chunk_values(repeats) + bucket->n_last;
    return n;
}
