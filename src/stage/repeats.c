#include "keepone/stage/repeats.h"

#include <string.h>

#include "keepone/base/buf.h"
#include "keepone/base/mem.h"
#include "keepone/base/slice.h"
#include "keepone/base/sort.h"
#include "keepone/base/varint.h"
#include "keepone/comm/phase.h"
#include "keepone/comm/world.h"
#include "keepone/record/record.h"
#include "value_set_priv.h"

enum {
    CHUNK_VALUES = 511,     /* with its link a chunk is 4 KiB */
    CHUNKS_PER_BLOCK = 511, /* chunks are taken from the system 2 MiB at a time */
    SPARE_BITS = 12,        /* one unique fingerprint in 2^12 is reported as repeated by chance */
    AHEAD_PARTITIONS = 8,   /* per owner: lists sent but not yet answered */
    MAX_BITS = 63,          /* a value + 1 must not overflow */
};

struct chunk {
    struct chunk *next; /* the chunk filled before this one */
    uint64_t values[CHUNK_VALUES];
};

/* Of one partition.  What each addition looks at fits the nearest cache. */
struct bucket {
    struct chunk *last;
    size_t n_last; /* values in it; those before it are full */
};

struct block {
    struct block *next;
    struct chunk chunks[CHUNKS_PER_BLOCK];
};

_Static_assert(sizeof(struct block) <= KO_PAGES_BYTES, "a block fills its pages");

enum message_kind { MESSAGE_LIST = 'l', MESSAGE_BITS = 'b' };

/* Owner's side: the lists of one partition, one per rank, until all have come. */
struct arrival {
    uint64_t *values; /* n_values of them, list after list in order of arrival */
    size_t n_values;
    size_t capacity;
    size_t *list_ends; /* by order of arrival */
    int *list_sources;
    int n_lists;
};

struct ko_repeats {
    struct ko_repeats_options options;
    uint64_t used_bytes;
    uint64_t peak_bytes;
    struct block *blocks;
    size_t n_block_chunks; /* chunks of the newest block that are in use */
    struct bucket buckets[KO_PARTITIONS];
    uint64_t n_added;
    unsigned n_bits;

    /* Sender's side: sorted distinct values of each partition, from sending to the answer. */
    uint64_t *sent[KO_PARTITIONS];
    size_t n_sent_values[KO_PARTITIONS];
    unsigned *next_partition; /* by owner: the next to be sent */
    unsigned *n_unanswered;   /* by owner */
    uint64_t n_partitions_answered;

    struct arrival *arrivals; /* of the partitions this rank owns */
    unsigned first_owned;
    unsigned n_owned;
    struct ko_world *world;
    struct ko_buf message;
    struct ko_buf scratch_a;
    struct ko_buf scratch_b;

    struct ko_value_set repeated;

    uint64_t n_fingerprints_sent;
    uint64_t n_fingerprints_received;
    uint64_t n_bits_sent;
    uint64_t n_bits_received;
};

static enum ko_code
take(struct ko_repeats *repeats, uint64_t bytes, struct ko_error *err)
{
    repeats->used_bytes += bytes;
    if (repeats->used_bytes > repeats->peak_bytes)
        repeats->peak_bytes = repeats->used_bytes;
    if (repeats->used_bytes <= repeats->options.memory_bytes)
        return KO_OK;
    (void) ko_fail(err, KO_E_MEMORY, "%s: %llu fingerprints need more than the %llu MiB given",
                   repeats->options.name, (unsigned long long) repeats->n_added,
                   (unsigned long long) (repeats->options.memory_bytes >> 20));
    ko_hint(err, "give more with --memory, or use more ranks on more machines: each fingerprint "
                 "needs 8 bytes on one rank.");
    return err->code;
}

struct ko_repeats *
ko_repeats_new(const struct ko_repeats_options *options, struct ko_error *err)
{
    struct ko_repeats *repeats = ko_alloc(sizeof *repeats, err);

    if (repeats == NULL)
        return NULL;
    repeats->options = *options;
    repeats->n_block_chunks = CHUNKS_PER_BLOCK;
    return repeats;
}

static void
free_blocks(struct ko_repeats *repeats)
{
    for (struct block *block = repeats->blocks, *next; block != NULL; block = next) {
        next = block->next;
        ko_pages_free(block, KO_PAGES_BYTES);
        repeats->used_bytes -= KO_PAGES_BYTES;
    }
    repeats->blocks = NULL;
    memset(repeats->buckets, 0, sizeof repeats->buckets);
}

static void
free_exchange(struct ko_repeats *repeats)
{
    free_blocks(repeats);
    for (unsigned p = 0; p < KO_PARTITIONS; p++) {
        ko_free(repeats->sent[p]);
        repeats->sent[p] = NULL;
    }
    for (unsigned i = 0; repeats->arrivals != NULL && i < repeats->n_owned; i++) {
        ko_free(repeats->arrivals[i].values);
        ko_free(repeats->arrivals[i].list_ends);
        ko_free(repeats->arrivals[i].list_sources);
    }
    ko_free(repeats->arrivals);
    repeats->arrivals = NULL;
    ko_free(repeats->next_partition);
    repeats->next_partition = NULL;
    ko_free(repeats->n_unanswered);
    repeats->n_unanswered = NULL;
    ko_buf_clear(&repeats->message);
    ko_buf_clear(&repeats->scratch_a);
    ko_buf_clear(&repeats->scratch_b);
}

void
ko_repeats_free(struct ko_repeats *repeats)
{
    if (repeats == NULL)
        return;
    free_exchange(repeats);
    ko_value_set_clear(&repeats->repeated);
    ko_free(repeats);
}

static enum ko_code
add_chunk(struct ko_repeats *repeats, struct bucket *bucket, struct ko_error *err)
{
    struct chunk *chunk;

    if (repeats->n_block_chunks == CHUNKS_PER_BLOCK) {
        struct block *block;

        if (take(repeats, KO_PAGES_BYTES, err) != KO_OK)
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
    *bucket = (struct bucket){.last = chunk};
    return KO_OK;
}

enum ko_code
ko_repeats_add(struct ko_repeats *repeats, uint64_t fingerprint, struct ko_error *err)
{
    struct bucket *const bucket = &repeats->buckets[ko_partition_of(fingerprint)];

    KO_ASSERT(repeats->world == NULL);
    if ((bucket->last == NULL || bucket->n_last == CHUNK_VALUES) &&
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

static uint64_t *
scratch_values(struct ko_buf *buf, size_t n, struct ko_error *err)
{
    char *room;

    ko_buf_reset(buf);
    room = ko_buf_reserve(buf, (n + 1) * sizeof(uint64_t));
    if (room == NULL)
        (void) ko_buf_finish(buf, err);
    return (uint64_t *) (void *) room;
}

static enum ko_code
next_varint(struct ko_slice *in, uint64_t *value, struct ko_error *err)
{
    if (ko_varint_read(in, value))
        return KO_OK;
    return ko_fail(err, KO_E_COMM, "a list of fingerprints arrived broken");
}

static void
begin_message(struct ko_repeats *repeats, enum message_kind kind, unsigned partition)
{
    char head[1 + KO_VARINT_BYTES];

    ko_buf_reset(&repeats->message);
    head[0] = (char) kind;
    ko_buf_add(&repeats->message, head, 1 + ko_varint_write(head + 1, partition));
}

/* Sets *values to a partition's values, cut and sorted; borrowed until the next sort. */
static enum ko_code
sort_partition(struct ko_repeats *repeats, unsigned partition, uint64_t **values, size_t *n_values,
               struct ko_error *err)
{
    const struct bucket *const bucket = &repeats->buckets[partition];
    uint64_t *scratch;
    size_t n = bucket->n_last;

    for (const struct chunk *chunk = bucket->last; chunk != NULL && chunk->next != NULL;
         chunk = chunk->next)
        n += CHUNK_VALUES;
    *values = scratch_values(&repeats->scratch_a, n, err);
    scratch = scratch_values(&repeats->scratch_b, n, err);
    *n_values = 0;
    if (*values == NULL || scratch == NULL)
        return err->code;
    for (const struct chunk *chunk = bucket->last; chunk != NULL; chunk = chunk->next) {
        const size_t n_chunk = chunk == bucket->last ? bucket->n_last : CHUNK_VALUES;

        for (size_t i = 0; i < n_chunk; i++)
            (*values)[(*n_values)++] = cut(repeats, chunk->values[i]);
    }
    ko_sort_u64(*values, scratch, n, repeats->n_bits - KO_PARTITION_BITS);
    return KO_OK;
}

/*
 * Sends one partition to its owner: for each distinct value the difference to the one before,
 * and whether it occurs more than once here.  The distinct values stay until the answer.
 */
static enum ko_code
send_partition(struct ko_repeats *repeats, struct ko_phase *phase, unsigned owner,
               unsigned partition, struct ko_error *err)
{
    uint64_t *values;
    uint64_t *distinct;
    uint64_t before = 0;
    size_t n_all;
    size_t n_distinct = 0;

    KO_TRY(sort_partition(repeats, partition, &values, &n_all, err));
    begin_message(repeats, MESSAGE_LIST, partition);
    for (size_t i = 0, next; i < n_all; i = next) {
        char text[KO_VARINT_BYTES];

        for (next = i + 1; next < n_all && values[next] == values[i];)
            next++;
        ko_buf_add(&repeats->message, text,
                   ko_varint_write(text, (values[i] - before) << 1 | (next - i > 1)));
        before = values[i];
        values[n_distinct++] = values[i];
    }
    KO_TRY(ko_buf_finish(&repeats->message, err));
    KO_TRY(take(repeats, n_distinct * sizeof *distinct, err));
    distinct = ko_alloc_array(n_distinct, sizeof *distinct, err);
    if (distinct == NULL)
        return err->code;
    memcpy(distinct, values, n_distinct * sizeof *distinct);
    repeats->sent[partition] = distinct;
    repeats->n_sent_values[partition] = n_distinct;
    repeats->n_fingerprints_sent += n_distinct;
    repeats->n_unanswered[owner]++;
    KO_TRY(ko_phase_send(phase, (int) owner, ko_buf_slice(&repeats->message), err));

done:
    return err->code;
}

/* One partition to each owner that is not behind with its answers. */
static enum ko_code
step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct ko_repeats *repeats = self;
    const unsigned n_ranks = (unsigned) ko_world_size(repeats->world);
    const unsigned rank = (unsigned) ko_world_rank(repeats->world);
    bool is_all_sent = true;

    *state = KO_PHASE_WAITING;
    for (unsigned i = 0; i < n_ranks; i++) {
        const unsigned owner = (rank + i) % n_ranks;

        if (repeats->next_partition[owner] == ko_partition_first(owner + 1, n_ranks))
            continue;
        is_all_sent = false;
        if (repeats->n_unanswered[owner] >= AHEAD_PARTITIONS)
            continue;
        KO_TRY(send_partition(repeats, phase, owner, repeats->next_partition[owner]++, err));
        *state = KO_PHASE_BUSY;
    }
    if (is_all_sent && repeats->n_partitions_answered == KO_PARTITIONS)
        *state = KO_PHASE_DONE;

done:
    return err->code;
}

static enum ko_code
add_list(struct ko_repeats *repeats, struct arrival *arrival, int source, struct ko_slice list,
         struct ko_error *err)
{
    /* Each value takes a byte at least; one more, so that an empty list has an address, too. */
    const size_t room = arrival->n_values + list.n + 1;
    const int n_ranks = ko_world_size(repeats->world);
    uint64_t value = 0;
    uint64_t code;

    if (arrival->list_ends == NULL) {
        arrival->list_ends = ko_alloc_array((size_t) n_ranks, sizeof *arrival->list_ends, err);
        arrival->list_sources =
            ko_alloc_array((size_t) n_ranks, sizeof *arrival->list_sources, err);
    }
    if (room > arrival->capacity && err->code == KO_OK) {
        uint64_t *moved = ko_realloc(arrival->values, room * sizeof *moved, err);

        if (moved != NULL) {
            arrival->values = moved;
            arrival->capacity = room;
        }
    }
    if (err->code != KO_OK)
        return err->code;
    KO_ASSERT(arrival->n_lists < n_ranks);
    while (list.n > 0) {
        if (next_varint(&list, &code, err) != KO_OK)
            return err->code;
        value += code >> 1;
        arrival->values[arrival->n_values++] = value << 1 | (code & 1);
        repeats->n_fingerprints_received++;
    }
    arrival->list_ends[arrival->n_lists] = arrival->n_values;
    arrival->list_sources[arrival->n_lists++] = source;
    return KO_OK;
}

/* The values that several lists hold, or one list marks; sorted.  Returns their count. */
static size_t
find_repeated(struct ko_repeats *repeats, const struct arrival *arrival, uint64_t **repeated,
              struct ko_error *err)
{
    uint64_t *sorted = scratch_values(&repeats->scratch_a, arrival->n_values, err);
    uint64_t *scratch = scratch_values(&repeats->scratch_b, arrival->n_values, err);
    size_t n = 0;

    *repeated = sorted;
    if (sorted == NULL || scratch == NULL)
        return 0;
    if (arrival->n_values > 0)
        memcpy(sorted, arrival->values, arrival->n_values * sizeof *sorted);
    ko_sort_u64(sorted, scratch, arrival->n_values, repeats->n_bits - KO_PARTITION_BITS + 1);
    for (size_t i = 0, next; i < arrival->n_values; i = next) {
        const uint64_t value = sorted[i] >> 1;
        bool is_repeated = false;

        for (next = i; next < arrival->n_values && sorted[next] >> 1 == value; next++)
            is_repeated |= (sorted[next] & 1) != 0 || next > i;
        if (is_repeated)
            sorted[n++] = value;
    }
    return n;
}

static enum ko_code
answer_list(struct ko_repeats *repeats, struct ko_phase *phase, unsigned partition,
            const uint64_t *list, size_t n_list, const uint64_t *repeated, size_t n_repeated,
            int source, struct ko_error *err)
{
    const size_t n_bytes = (n_list + 7) / 8;
    size_t r = 0;
    char *bits;

    begin_message(repeats, MESSAGE_BITS, partition);
    bits = ko_buf_reserve(&repeats->message, n_bytes + 1);
    if (bits == NULL)
        return ko_buf_finish(&repeats->message, err);
    memset(bits, 0, n_bytes);
    for (size_t i = 0; i < n_list; i++) {
        while (r < n_repeated && repeated[r] < list[i] >> 1)
            r++;
        if (r < n_repeated && repeated[r] == list[i] >> 1)
            bits[i / 8] = (char) (bits[i / 8] | 1 << i % 8);
    }
    ko_buf_commit(&repeats->message, n_bytes);
    repeats->n_bits_sent += n_list;
    return ko_phase_send(phase, source, ko_buf_slice(&repeats->message), err);
}

static enum ko_code
receive_list(struct ko_repeats *repeats, struct ko_phase *phase, unsigned partition, int source,
             struct ko_slice list, struct ko_error *err)
{
    struct arrival *arrival;
    uint64_t *repeated;
    size_t n_repeated;

    KO_ASSERT(partition - repeats->first_owned < repeats->n_owned);
    arrival = &repeats->arrivals[partition - repeats->first_owned];
    KO_TRY(add_list(repeats, arrival, source, list, err));
    if (arrival->n_lists < ko_world_size(repeats->world))
        return KO_OK;
    n_repeated = find_repeated(repeats, arrival, &repeated, err);
    for (int i = 0; i < arrival->n_lists && err->code == KO_OK; i++) {
        const size_t start = i == 0 ? 0 : arrival->list_ends[i - 1];

        KO_TRY(answer_list(repeats, phase, partition, arrival->values + start,
                           arrival->list_ends[i] - start, repeated, n_repeated,
                           arrival->list_sources[i], err));
    }
    ko_free(arrival->values);
    arrival->values = NULL;
    arrival->capacity = 0;

done:
    return err->code;
}

/* Adds one repeated value, counting the memory that this takes. */
static enum ko_code
add_repeated(struct ko_repeats *repeats, uint64_t value, struct ko_error *err)
{
    const uint64_t before_bytes = ko_value_set_bytes(&repeats->repeated);

    KO_TRY(ko_value_set_add(&repeats->repeated, value, err));
    KO_TRY(take(repeats, ko_value_set_bytes(&repeats->repeated) - before_bytes, err));

done:
    return err->code;
}

static enum ko_code
receive_bits(struct ko_repeats *repeats, unsigned partition, int source, struct ko_slice bits,
             struct ko_error *err)
{
    uint64_t *const values = repeats->sent[partition];
    const size_t n = repeats->n_sent_values[partition];
    const unsigned value_bits = repeats->n_bits - KO_PARTITION_BITS;

    KO_ASSERT(values != NULL && bits.n == (n + 7) / 8);
    for (size_t i = 0; i < n; i++) {
        if ((bits.data[i / 8] >> i % 8 & 1) == 0)
            continue;
        KO_TRY(add_repeated(repeats, (uint64_t) partition << value_bits | values[i], err));
    }
    repeats->n_bits_received += n;
    repeats->n_unanswered[source]--;
    repeats->n_partitions_answered++;
    repeats->used_bytes -= n * sizeof *values;
    ko_free(values);
    repeats->sent[partition] = NULL;

done:
    return err->code;
}

static enum ko_code
receive(void *self, struct ko_phase *phase, int source, struct ko_slice content,
        struct ko_error *err)
{
    struct ko_repeats *repeats = self;
    enum message_kind kind;
    uint64_t partition;

    KO_ASSERT(content.n >= 2);
    kind = (enum message_kind) content.data[0];
    content.data++;
    content.n--;
    if (next_varint(&content, &partition, err) != KO_OK)
        return err->code;
    KO_ASSERT(partition < KO_PARTITIONS);
    if (kind == MESSAGE_LIST)
        return receive_list(repeats, phase, (unsigned) partition, source, content, err);
    KO_ASSERT(kind == MESSAGE_BITS);
    return receive_bits(repeats, (unsigned) partition, source, content, err);
}

/* Collective: the number of bits that keeps chance repeats rare for the total count. */
static enum ko_code
choose_bits(struct ko_repeats *repeats, struct ko_world *world, struct ko_error *err)
{
    uint64_t n_total = repeats->n_added;

    repeats->n_bits = KO_PARTITION_BITS + 1;
    if (ko_world_sum(world, &n_total, 1, err) != KO_OK)
        return err->code;
    while (repeats->n_bits < MAX_BITS && n_total >> repeats->n_bits != 0)
        repeats->n_bits++;
    repeats->n_bits += SPARE_BITS;
    if (repeats->n_bits > MAX_BITS || repeats->options.is_exact)
        repeats->n_bits = MAX_BITS;
    return KO_OK;
}

static enum ko_code
begin_exchange(struct ko_repeats *repeats, struct ko_world *world, struct ko_error *err)
{
    const unsigned n_ranks = (unsigned) ko_world_size(world);
    const unsigned rank = (unsigned) ko_world_rank(world);

    repeats->world = world;
    repeats->first_owned = ko_partition_first(rank, n_ranks);
    repeats->n_owned = ko_partition_first(rank + 1, n_ranks) - repeats->first_owned;
    repeats->next_partition = ko_alloc_array(n_ranks, sizeof *repeats->next_partition, err);
    repeats->n_unanswered = ko_alloc_array(n_ranks, sizeof *repeats->n_unanswered, err);
    repeats->arrivals = ko_alloc_array(repeats->n_owned, sizeof *repeats->arrivals, err);
    for (unsigned i = 0; i < n_ranks && err->code == KO_OK; i++)
        repeats->next_partition[i] = ko_partition_first(i, n_ranks);
    return err->code;
}

static enum ko_code
check_sums(struct ko_repeats *repeats, struct ko_error *err)
{
    uint64_t sums[4] = {repeats->n_fingerprints_sent, repeats->n_fingerprints_received,
                        repeats->n_bits_sent, repeats->n_bits_received};

    if (ko_world_sum(repeats->world, sums, 4, err) != KO_OK)
        return err->code;
    if (sums[0] == sums[1] && sums[0] == sums[2] && sums[0] == sums[3])
        return KO_OK;
    return ko_fail(
        err, KO_E_BUG, "%s: %llu fingerprints sent, %llu received, %llu bits sent, %llu received",
        repeats->options.name, (unsigned long long) sums[0], (unsigned long long) sums[1],
        (unsigned long long) sums[2], (unsigned long long) sums[3]);
}

enum ko_code
ko_repeats_find(struct ko_repeats *repeats, struct ko_world *world, struct ko_repeats_stats *stats,
                struct ko_error *err)
{
    const struct ko_phase_ops ops = {.step = step, .receive = receive};
    const struct ko_phase_options options = {
        .name = repeats->options.name, .ops = &ops, .self = repeats};
    struct ko_phase_stats phase_stats = {0};

    KO_TRY(choose_bits(repeats, world, err));
    (void) begin_exchange(repeats, world, err);
    KO_TRY(ko_phase_run(world, &options, &phase_stats, err));
    KO_TRY(check_sums(repeats, err));
    *stats = (struct ko_repeats_stats){.n_added = repeats->n_added,
                                       .n_sent = repeats->n_fingerprints_sent,
                                       .n_wire_bytes = phase_stats.n_wire_bytes,
                                       .peak_bytes = repeats->peak_bytes};

done:
    free_exchange(repeats);
    return err->code;
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
