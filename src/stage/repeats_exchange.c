#include <string.h>

#include "keepone/base/sort.h"
#include "keepone/base/varint.h"
#include "keepone/comm/phase.h"
#include "keepone/comm/world.h"
#include "repeats_priv.h"

enum {
    SPARE_BITS = 12,      /* one unique fingerprint in 2^12 is reported as repeated by chance */
    AHEAD_PARTITIONS = 8, /* per owner: lists sent but not yet answered */
    MAX_BITS = 63,        /* a value + 1 must not overflow */
};

enum message_kind { MESSAGE_LIST = 'l', MESSAGE_BITS = 'b' };

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

    KO_TRY(ko_repeats_sort(repeats, partition, &values, &n_all, err));
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
    KO_TRY(ko_repeats_take(repeats, n_distinct * sizeof *distinct, err));
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
add_list(struct ko_repeats *repeats, struct ko_repeats_arrival *arrival, int source,
         struct ko_slice list, struct ko_error *err)
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
    if (room > arrival->capacity && err->code == KO_OK &&
        ko_repeats_take(repeats, (room - arrival->capacity) * sizeof *arrival->values, err) ==
            KO_OK) {
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
find_repeated(struct ko_repeats *repeats, const struct ko_repeats_arrival *arrival,
              uint64_t **repeated, struct ko_error *err)
{
    uint64_t *sorted = ko_repeats_scratch(repeats, &repeats->scratch_a, arrival->n_values, err);
    uint64_t *scratch = ko_repeats_scratch(repeats, &repeats->scratch_b, arrival->n_values, err);
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
    struct ko_repeats_arrival *arrival;
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
    repeats->used_bytes -= arrival->capacity * sizeof *arrival->values;
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
    KO_TRY(ko_repeats_take(repeats, ko_value_set_bytes(&repeats->repeated) - before_bytes, err));

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

void
ko_repeats_free_exchange(struct ko_repeats *repeats)
{
    ko_repeats_free_added(repeats);
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
    repeats->used_bytes = ko_value_set_bytes(&repeats->repeated);
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
    ko_repeats_free_exchange(repeats);
    return err->code;
}
