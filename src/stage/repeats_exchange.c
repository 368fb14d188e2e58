#include <string.h>

#include "keepone/base/varint.h"
#include "keepone/comm/phase.h"
#include "keepone/comm/world.h"
#include "repeats_priv.h"

enum { AHEAD_PARTITIONS = 8 }; /* per owner: lists sent but not yet answered */

enum message_kind { MESSAGE_LIST = 'l', MESSAGE_BITS = 'b' };

static void
begin_message(struct ko_repeats *repeats, enum message_kind kind, unsigned partition)
{
    char head[1 + KO_VARINT_BYTES];

    ko_buf_reset(&repeats->message);
    head[0] = (char) kind;
    ko_buf_add(&repeats->message, head, 1 + ko_varint_write(head + 1, partition));
}

/* One value of a partition: the i-th that was added has this index among the distinct ones. */
typedef void index_fn(struct ko_repeats *repeats, uint64_t i, uint32_t index, bool is_new,
                      void *self);

/* Visits the values of a partition; the indexes are the same ones each time. */
static inline enum ko_code
index_partition(struct ko_repeats *repeats, unsigned partition, index_fn *visit, void *self,
                struct ko_error *err)
{
    struct ko_distinct *const distinct = &repeats->distinct;
    struct ko_repeats_walk walk = ko_repeats_walk_of(repeats, partition);
    const uint64_t before_bytes = ko_distinct_bytes(distinct);
    const unsigned char *bytes;
    uint64_t n_visited = 0;
    size_t n = 1;

    KO_TRY(ko_distinct_begin(distinct, ko_repeats_n_values(repeats, partition), err));
    while (n > 0) {
        KO_TRY(ko_repeats_walk_next(&walk, &bytes, &n, err));
        for (size_t i = 0; i < n; i++) {
            uint32_t index = 0;
            bool is_new;

            KO_TRY(ko_distinct_index(distinct, ko_repeats_value(repeats, bytes, i), &index, &is_new,
                                     err));
            visit(repeats, n_visited++, index, is_new, self);
        }
    }
    KO_TRY(ko_repeats_take(repeats, ko_distinct_bytes(distinct) - before_bytes, err));

done:
    return err->code;
}

static void
mark_repeated(struct ko_repeats *repeats, uint64_t i, uint32_t index, bool is_new, void *self)
{
    (void) i;
    (void) self;
    if (!is_new)
        repeats->distinct.marks[index] = 1;
}

/* Sends the distinct values of one partition to its owner, with a mark on those that are repeated
 * here already. */
static enum ko_code
send_partition(struct ko_repeats *repeats, struct ko_phase *phase, unsigned owner,
               unsigned partition, struct ko_error *err)
{
    const struct ko_distinct *const distinct = &repeats->distinct;
    char *to;

    KO_TRY(index_partition(repeats, partition, mark_repeated, NULL, err));
    begin_message(repeats, MESSAGE_LIST, partition);
    to = ko_buf_reserve(&repeats->message,
                        distinct->n_values * repeats->value_bytes + KO_REPEATS_SLACK);
    KO_TRY(ko_buf_finish(&repeats->message, err));
    for (size_t i = 0; i < distinct->n_values; i++)
        ko_write_u64(to + i * repeats->value_bytes, distinct->values[i] << 1 | distinct->marks[i]);
    ko_buf_commit(&repeats->message, distinct->n_values * repeats->value_bytes);
    repeats->n_fingerprints_sent += distinct->n_values;
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

/* ---- the owner's side ---- */

static enum ko_code
add_list(struct ko_repeats *repeats, struct ko_repeats_arrival *arrival, int source,
         struct ko_slice list, struct ko_error *err)
{
    const size_t n_ranks = (size_t) ko_world_size(repeats->world);
    const size_t before_bytes = arrival->values.capacity;

    if (list.n % repeats->value_bytes != 0)
        KO_TRY(ko_fail(err, KO_E_COMM, "a list of fingerprints arrived broken"));
    if (arrival->list_ends == NULL) {
        arrival->list_ends = ko_alloc_array(n_ranks, sizeof *arrival->list_ends, err);
        arrival->list_sources = ko_alloc_array(n_ranks, sizeof *arrival->list_sources, err);
    }
    (void) ko_buf_reserve(&arrival->values, list.n + KO_REPEATS_SLACK);
    ko_buf_add_slice(&arrival->values, list);
    KO_TRY(ko_buf_finish(&arrival->values, err));
    KO_TRY(ko_repeats_take(repeats, arrival->values.capacity - before_bytes, err));
    KO_ASSERT((size_t) arrival->n_lists < n_ranks);
    repeats->n_fingerprints_received += list.n / repeats->value_bytes;
    arrival->list_ends[arrival->n_lists] = arrival->values.n / repeats->value_bytes;
    arrival->list_sources[arrival->n_lists++] = source;

done:
    return err->code;
}

/* Marks the values that several lists hold, or one list marks.  In the place of each value its
 * index stands then. */
static enum ko_code
mark_arrived(struct ko_repeats *repeats, struct ko_repeats_arrival *arrival, struct ko_error *err)
{
    struct ko_distinct *const distinct = &repeats->distinct;
    const uint64_t before_bytes = ko_distinct_bytes(distinct);
    const size_t n = arrival->values.n / repeats->value_bytes;

    KO_TRY(ko_distinct_begin(distinct, n, err));
    for (size_t i = 0; i < n; i++) {
        const uint64_t value = ko_repeats_value(repeats, arrival->values.data, i);
        uint32_t index = 0;
        bool is_new;

        KO_TRY(ko_distinct_index(distinct, value >> 1, &index, &is_new, err));
        distinct->marks[index] |= (unsigned char) (!is_new || (value & 1) != 0);
        ko_write_u32(arrival->values.data + i * repeats->value_bytes, index);
    }
    KO_TRY(ko_repeats_take(repeats, ko_distinct_bytes(distinct) - before_bytes, err));

done:
    return err->code;
}

/* A bit for each value of the list [first, end) of a partition that has arrived. */
static enum ko_code
answer_list(struct ko_repeats *repeats, struct ko_phase *phase, unsigned partition,
            const struct ko_repeats_arrival *arrival, int list, struct ko_error *err)
{
    const size_t first = list == 0 ? 0 : arrival->list_ends[list - 1];
    const size_t n = arrival->list_ends[list] - first;
    const char *indexes = arrival->values.data + first * repeats->value_bytes;
    char *bits;

    begin_message(repeats, MESSAGE_BITS, partition);
    bits = ko_buf_reserve(&repeats->message, n / 8 + 1);
    if (bits == NULL)
        return ko_buf_finish(&repeats->message, err);
    memset(bits, 0, n / 8 + 1);
    for (size_t i = 0; i < n; i++)
        bits[i / 8] =
            (char) (bits[i / 8] |
                    repeats->distinct.marks[ko_read_u32(indexes + i * repeats->value_bytes)]
                        << i % 8);
    ko_buf_commit(&repeats->message, (n + 7) / 8);
    repeats->n_bits_sent += n;
    return ko_phase_send(phase, arrival->list_sources[list], ko_buf_slice(&repeats->message), err);
}

static void
free_arrival(struct ko_repeats *repeats, struct ko_repeats_arrival *arrival)
{
    ko_repeats_give_back(repeats, arrival->values.capacity);
    ko_buf_clear(&arrival->values);
    ko_free(arrival->list_ends);
    ko_free(arrival->list_sources);
    *arrival = (struct ko_repeats_arrival){0};
}

static enum ko_code
receive_list(struct ko_repeats *repeats, struct ko_phase *phase, unsigned partition, int source,
             struct ko_slice list, struct ko_error *err)
{
    struct ko_repeats_arrival *arrival;

    KO_ASSERT(partition - repeats->first_owned < repeats->n_owned);
    arrival = &repeats->arrivals[partition - repeats->first_owned];
    KO_TRY(add_list(repeats, arrival, source, list, err));
    if (arrival->n_lists < ko_world_size(repeats->world))
        return KO_OK;
    KO_TRY(mark_arrived(repeats, arrival, err));
    for (int i = 0; i < arrival->n_lists; i++)
        KO_TRY(answer_list(repeats, phase, partition, arrival, i, err));
    free_arrival(repeats, arrival);

done:
    return err->code;
}

/* ---- the answer ---- */

struct answer {
    const unsigned char *of_distinct;
    unsigned char *of_added;
};

static void
expand_bit(struct ko_repeats *repeats, uint64_t i, uint32_t index, bool is_new, void *self)
{
    const struct answer *answer = self;
    const unsigned bit = answer->of_distinct[index / 8] >> index % 8 & 1;

    (void) is_new;
    answer->of_added[i / 8] = (unsigned char) (answer->of_added[i / 8] | bit << i % 8);
    repeats->n_repeated += bit;
}

/* From a bit for each distinct value to one for each that was added. */
static enum ko_code
receive_bits(struct ko_repeats *repeats, unsigned partition, int source, struct ko_slice bits,
             struct ko_error *err)
{
    const uint64_t n_bytes = ko_repeats_n_values(repeats, partition) / 8 + 1;
    struct answer answer = {.of_distinct = (const unsigned char *) bits.data};

    KO_ASSERT(repeats->bits[partition] == NULL);
    KO_TRY(ko_repeats_take(repeats, n_bytes, err));
    repeats->bits[partition] = ko_alloc(n_bytes, err);
    KO_TRY(err->code);
    answer.of_added = repeats->bits[partition];
    KO_TRY(index_partition(repeats, partition, expand_bit, &answer, err));
    KO_ASSERT(bits.n == (repeats->distinct.n_values + 7) / 8);
    repeats->n_bits_received += repeats->distinct.n_values;
    repeats->n_unanswered[source]--;
    repeats->n_partitions_answered++;

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
    if (!ko_varint_read(&content, &partition) || partition >= KO_PARTITIONS)
        return ko_fail(err, KO_E_COMM, "a message about fingerprints arrived broken");
    if (kind == MESSAGE_LIST)
        return receive_list(repeats, phase, (unsigned) partition, source, content, err);
    KO_ASSERT(kind == MESSAGE_BITS);
    return receive_bits(repeats, (unsigned) partition, source, content, err);
}

static enum ko_code
begin_exchange(struct ko_repeats *repeats, struct ko_world *world, struct ko_error *err)
{
    const unsigned n_ranks = (unsigned) ko_world_size(world);
    const unsigned rank = (unsigned) ko_world_rank(world);

    KO_TRY(ko_repeats_settle(repeats, err));
    repeats->world = world;
    repeats->first_owned = ko_partition_first(rank, n_ranks);
    repeats->n_owned = ko_partition_first(rank + 1, n_ranks) - repeats->first_owned;
    repeats->next_partition = ko_alloc_array(n_ranks, sizeof *repeats->next_partition, err);
    repeats->n_unanswered = ko_alloc_array(n_ranks, sizeof *repeats->n_unanswered, err);
    repeats->arrivals = ko_alloc_array(repeats->n_owned, sizeof *repeats->arrivals, err);
    for (unsigned i = 0; i < n_ranks && err->code == KO_OK; i++)
        repeats->next_partition[i] = ko_partition_first(i, n_ranks);

done:
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
    for (unsigned i = 0; repeats->arrivals != NULL && i < repeats->n_owned; i++)
        free_arrival(repeats, &repeats->arrivals[i]);
    ko_free(repeats->arrivals);
    repeats->arrivals = NULL;
    ko_free(repeats->next_partition);
    repeats->next_partition = NULL;
    ko_free(repeats->n_unanswered);
    repeats->n_unanswered = NULL;
    ko_buf_clear(&repeats->message);
    ko_repeats_give_back(repeats, ko_distinct_bytes(&repeats->distinct));
    ko_distinct_clear(&repeats->distinct);
}

enum ko_code
ko_repeats_find(struct ko_repeats *repeats, struct ko_world *world, struct ko_repeats_stats *stats,
                struct ko_error *err)
{
    const struct ko_phase_ops ops = {.step = step, .receive = receive};
    const struct ko_phase_options options = {
        .name = repeats->options.name, .ops = &ops, .self = repeats};
    struct ko_phase_stats phase_stats = {0};

    (void) begin_exchange(repeats, world, err);
    KO_TRY(ko_phase_run(world, &options, &phase_stats, err));
    KO_TRY(check_sums(repeats, err));
    *stats = (struct ko_repeats_stats){
        .n_added = repeats->n_added,
        .n_sent = repeats->n_fingerprints_sent,
        .n_wire_bytes = phase_stats.n_wire_bytes,
        .n_spilled_bytes = repeats->scratch == NULL ? 0 : ko_scratch_bytes(repeats->scratch),
        .peak_bytes = repeats->peak_bytes};

done:
    ko_repeats_free_exchange(repeats);
    ko_repeats_free_values(repeats);
    return err->code;
}
