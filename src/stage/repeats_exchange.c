#include <string.h>

#include "keepone/base/varint.h"
#include "keepone/comm/phase.h"
#include "keepone/comm/world.h"
#include "repeats_unit_priv.h"

/* Bits in memory are at most this part of what is given. */
enum { BITS_PART = 32 };

enum { SLICE_BITS_MAX = 16, AHEAD_MIN = 2 };

enum message_kind { MESSAGE_LIST = 'l', MESSAGE_BITS = 'b' };

static void
begin_message(struct ko_repeats *repeats, enum message_kind kind, uint64_t unit)
{
    char head[1 + KO_VARINT_BYTES];

    ko_buf_reset(&repeats->message);
    head[0] = (char) kind;
    ko_buf_add(&repeats->message, head, 1 + ko_varint_write(head + 1, unit));
}

static enum ko_code
mark_repeated(struct ko_repeats *repeats, uint64_t i, uint32_t index, bool is_new, void *self,
              struct ko_error *err)
{
    (void) i;
    (void) self;
    (void) err;
    if (!is_new)
        repeats->distinct.marks[index] = 1;
    return KO_OK;
}

/* Sends the distinct values of one unit to its owner, with a mark on those that are repeated here
 * already. */
static enum ko_code
send_unit(struct ko_repeats *repeats, struct ko_phase *phase, unsigned owner, uint64_t unit,
          struct ko_error *err)
{
    const struct ko_distinct *const distinct = &repeats->distinct;
    char *to;

    KO_TRY(ko_repeats_index_unit(repeats, unit, mark_repeated, NULL, err));
    begin_message(repeats, MESSAGE_LIST, unit);
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

/* The units of an owner end before this one. */
static uint64_t
units_end(const struct ko_repeats *repeats, unsigned owner)
{
    const unsigned n_ranks = (unsigned) ko_world_size(repeats->world);

    return (uint64_t) ko_partition_first(owner + 1, n_ranks) << repeats->slice_bits;
}

/* One unit to each owner that is not behind with its answers. */
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

        if (repeats->next_unit[owner] == units_end(repeats, owner))
            continue;
        is_all_sent = false;
        if (repeats->n_unanswered[owner] >= repeats->n_ahead)
            continue;
        if (ko_phase_is_full(phase)) {
            *state = KO_PHASE_BUSY;
            break;
        }
        KO_TRY(send_unit(repeats, phase, owner, repeats->next_unit[owner]++, err));
        *state = KO_PHASE_BUSY;
    }
    if (is_all_sent && repeats->n_units_answered == (uint64_t) KO_PARTITIONS << repeats->slice_bits)
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

/* A bit for each value of one list of a unit that has arrived. */
static enum ko_code
answer_list(struct ko_repeats *repeats, struct ko_phase *phase,
            const struct ko_repeats_arrival *arrival, int list, struct ko_error *err)
{
    const size_t first = list == 0 ? 0 : arrival->list_ends[list - 1];
    const size_t n = arrival->list_ends[list] - first;
    const char *indexes = arrival->values.data + first * repeats->value_bytes;
    char *bits;

    begin_message(repeats, MESSAGE_BITS, arrival->unit);
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

/*
 * Every rank sends the units in their order, and no further ahead than its answers allow, which
 * come when all ranks have sent a unit: those under way are neighbours, each has a place.
 */
static enum ko_code
receive_list(struct ko_repeats *repeats, struct ko_phase *phase, uint64_t unit, int source,
             struct ko_slice list, struct ko_error *err)
{
    const unsigned n_ranks = (unsigned) ko_world_size(repeats->world);
    const unsigned rank = (unsigned) ko_world_rank(repeats->world);
    struct ko_repeats_arrival *const arrival = &repeats->arrivals[unit % repeats->n_ahead];

    KO_ASSERT(ko_partition_owner(ko_repeats_partition_of(repeats, unit), n_ranks) == rank);
    KO_ASSERT(arrival->n_lists == 0 || arrival->unit == unit);
    arrival->unit = unit;
    KO_TRY(add_list(repeats, arrival, source, list, err));
    if (arrival->n_lists < ko_world_size(repeats->world))
        return KO_OK;
    KO_TRY(mark_arrived(repeats, arrival, err));
    for (int i = 0; i < arrival->n_lists; i++)
        KO_TRY(answer_list(repeats, phase, arrival, i, err));
    free_arrival(repeats, arrival);

done:
    return err->code;
}

static enum ko_code
receive(void *self, struct ko_phase *phase, int source, struct ko_slice content,
        struct ko_error *err)
{
    struct ko_repeats *repeats = self;
    enum message_kind kind;
    uint64_t unit;

    KO_ASSERT(content.n >= 2);
    kind = (enum message_kind) content.data[0];
    content.data++;
    content.n--;
    if (!ko_varint_read(&content, &unit) || unit >> repeats->slice_bits >= KO_PARTITIONS)
        return ko_fail(err, KO_E_COMM, "a message about fingerprints arrived broken");
    if (kind == MESSAGE_LIST)
        return receive_list(repeats, phase, unit, source, content, err);
    KO_ASSERT(kind == MESSAGE_BITS);
    return ko_repeats_receive_bits(repeats, unit, source, content, err);
}

/* Memory that is left for tables. */
static uint64_t
room_bytes(const struct ko_repeats *repeats)
{
    const uint64_t bits_bytes =
        repeats->is_spilling_bits ? 0 : repeats->n_added / 8 + 2 * KO_PARTITIONS;
    const uint64_t used_bytes = repeats->used_bytes + bits_bytes;

    return repeats->options.memory_bytes > used_bytes ? repeats->options.memory_bytes - used_bytes
                                                      : 0;
}

/* Of a unit: its lists that are under way, and the table that they are compared in.  What grows has
 * up to twice the room it needs. */
static uint64_t
unit_bytes(const struct ko_repeats *repeats, uint64_t n_added)
{
    const uint64_t value_bytes =
        2 * ((uint64_t) repeats->n_ahead * repeats->value_bytes + KO_DISTINCT_VALUE_BYTES);

    return (n_added / KO_PARTITIONS >> repeats->slice_bits) * value_bytes;
}

/* Collective: units need no more than half of what the rank with the least room has, as partitions
 * differ a little.  Fewer of them under way cost less than slices, each of which is looked for
 * among all values of its partition. */
static enum ko_code
choose_units(struct ko_repeats *repeats, struct ko_world *world, struct ko_error *err)
{
    uint64_t n_added = repeats->n_added;
    uint64_t least_bytes = room_bytes(repeats);

    KO_TRY(ko_world_sum(world, &n_added, 1, err));
    KO_TRY(ko_world_min(world, &least_bytes, 1, err));
    repeats->n_ahead = KO_REPEATS_AHEAD;
    while (repeats->n_ahead > AHEAD_MIN && unit_bytes(repeats, n_added) > least_bytes / 2)
        repeats->n_ahead /= 2;
    while (repeats->slice_bits < SLICE_BITS_MAX && unit_bytes(repeats, n_added) > least_bytes / 2)
        repeats->slice_bits++;

done:
    return err->code;
}

static enum ko_code
begin_exchange(struct ko_repeats *repeats, struct ko_world *world, struct ko_error *err)
{
    const unsigned n_ranks = (unsigned) ko_world_size(world);

    KO_TRY(ko_repeats_settle(repeats, err));
    repeats->world = world;
    /* Once some are spilled the rest may be, too: tables make better use of the memory.  And what
     * this rank has no room for all ranks would have to slice. */
    if (repeats->n_runs > 0 || (repeats->options.folder != NULL &&
                                repeats->used_bytes > repeats->options.memory_bytes / 4 * 3)) {
        KO_TRY(ko_repeats_spill_values(repeats, err));
        ko_repeats_free_blocks(repeats);
    }
    repeats->is_spilling_bits = repeats->options.folder != NULL &&
                                repeats->n_added / 8 > repeats->options.memory_bytes / BITS_PART;
    if (repeats->is_spilling_bits)
        KO_TRY(ko_repeats_open_scratch(repeats, err));
    repeats->next_unit = ko_alloc_array(n_ranks, sizeof *repeats->next_unit, err);
    repeats->n_unanswered = ko_alloc_array(n_ranks, sizeof *repeats->n_unanswered, err);

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
    for (unsigned i = 0; i < KO_REPEATS_AHEAD; i++)
        free_arrival(repeats, &repeats->arrivals[i]);
    ko_free(repeats->next_unit);
    repeats->next_unit = NULL;
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
    KO_TRY(choose_units(repeats, world, err));
    for (unsigned i = 0; i < (unsigned) ko_world_size(world); i++)
        repeats->next_unit[i] = i == 0 ? 0 : units_end(repeats, i - 1);
    KO_TRY(ko_phase_run(world, &options, &phase_stats, err));
    ko_repeats_free_exchange(repeats);
    ko_repeats_free_values(repeats);
    (void) ko_repeats_begin_telling(repeats, err);
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
