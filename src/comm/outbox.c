#include "keepone/base/mem.h"
#include "keepone/base/varint.h"
#include "phase_priv.h"

enum {
    FLYING_PER_LANE = 2, /* one arrives while the next is on its way */
    QUEUED_PER_LANE = 4, /* then the box is full */
    PARCEL_BYTES = 256 * 1024,
    MEMORY_BYTES = 64 * 1024 * 1024,
    PARCEL_BYTES_MIN = 1024,
    PARCEL_BYTES_MAX = 1024 * 1024 * 1024
};

void
ko_held_add(struct ko_held *held, size_t n_bytes)
{
    held->now_bytes += n_bytes;
    if (held->peak_bytes < held->now_bytes)
        held->peak_bytes = held->now_bytes;
}

/* Per rank one being filled and one on its way, and what the inbox holds. */
static uint64_t
parcels_to_hold(int n_ranks)
{
    return 2 * (uint64_t) n_ranks + INBOX_SLOTS;
}

static uint64_t
memory_bytes_of(const struct ko_phase_options *options)
{
    return options->memory_bytes == 0 ? MEMORY_BYTES : options->memory_bytes;
}

size_t
ko_parcel_bytes(const struct ko_phase_options *options, int n_ranks)
{
    uint64_t bytes = options->buffer_bytes == 0 ? PARCEL_BYTES : options->buffer_bytes;
    const uint64_t share = memory_bytes_of(options) / parcels_to_hold(n_ranks);

    if (bytes > share)
        bytes = share;
    if (bytes > PARCEL_BYTES_MAX)
        bytes = PARCEL_BYTES_MAX;
    return bytes < PARCEL_BYTES_MIN ? PARCEL_BYTES_MIN : (size_t) bytes;
}

/* What the queues may hold when every lane has a parcel being filled and the inbox its own. */
static uint64_t
limit_bytes_for(const struct ko_phase_options *options, size_t parcel_bytes, int n_ranks)
{
    const uint64_t others = (parcels_to_hold(n_ranks) - (uint64_t) n_ranks) * parcel_bytes;
    const uint64_t least = (uint64_t) n_ranks * parcel_bytes;
    const uint64_t memory_bytes = memory_bytes_of(options);

    return memory_bytes < others + least ? least : memory_bytes - others;
}

/* Room for n parcels under way.  What was there stays in any case. */
static enum ko_code
make_flying_room(struct ko_outbox *box, int n, struct ko_error *err)
{
    const size_t room = (size_t) n * 2;
    void *block;

    if (n <= box->n_flying_room)
        return KO_OK;
    block = ko_realloc(box->requests, room * sizeof *box->requests, err);
    if (block == NULL)
        return err->code;
    box->requests = block;
    block = ko_realloc(box->flying, room * sizeof(struct ko_parcel *), err);
    if (block == NULL)
        return err->code;
    box->flying = block;
    block = ko_realloc(box->finished, room * sizeof *box->finished, err);
    if (block == NULL)
        return err->code;
    box->finished = block;
    box->n_flying_room = (int) room;
    return KO_OK;
}

enum ko_code
ko_outbox_init(struct ko_outbox *box, struct ko_world *world, struct ko_held *held,
               const struct ko_phase_options *options, int first_tag, struct ko_error *err)
{
    const size_t parcel_bytes = ko_parcel_bytes(options, world->size);

    *box = (struct ko_outbox){
        .world = world,
        .held = held,
        .parcel_bytes = parcel_bytes,
        .limit_bytes = limit_bytes_for(options, parcel_bytes, world->size),
        .first_tag = first_tag,
    };
    KO_TRY(make_flying_room(box, FLYING_PER_LANE * world->size, err));
    box->lanes = ko_alloc_array((size_t) world->size, sizeof *box->lanes, err);
done:
    return err->code;
}

static void
free_parcel(struct ko_outbox *box, struct ko_parcel *parcel)
{
    if (parcel == NULL)
        return;
    box->held->now_bytes -= parcel->capacity;
    ko_free(parcel);
}

void
ko_outbox_clear(struct ko_outbox *box)
{
    ko_outbox_drop(box);
    KO_ASSERT(box->n_flying == 0);
    while (box->spare != NULL) {
        struct ko_parcel *const next = box->spare->next;

        free_parcel(box, box->spare);
        box->spare = next;
    }
    ko_free(box->lanes);
    ko_free(box->requests);
    ko_free(box->flying);
    ko_free(box->finished);
    *box = (struct ko_outbox){0};
}

static struct ko_parcel *
new_parcel(struct ko_outbox *box, int destination, size_t capacity, struct ko_error *err)
{
    struct ko_parcel *parcel = capacity == box->parcel_bytes ? box->spare : NULL;

    if (parcel != NULL) {
        box->spare = parcel->next;
    } else {
        parcel = ko_alloc(sizeof *parcel + capacity, err);
        if (parcel == NULL)
            return NULL;
        ko_held_add(box->held, capacity);
    }
    parcel->next = NULL;
    parcel->destination = destination;
    parcel->kind = PARCEL_FRAMES;
    parcel->n = 0;
    parcel->capacity = capacity;
    return parcel;
}

void
ko_outbox_recycle(struct ko_outbox *box, struct ko_parcel *parcel)
{
    if (parcel->capacity != box->parcel_bytes) {
        free_parcel(box, parcel);
        return;
    }
    parcel->next = box->spare;
    box->spare = parcel;
}

/* A synchronous send is complete when the other side has taken it, so two per rank bound its
 * memory. */
static void
launch(struct ko_outbox *box, struct ko_parcel *parcel)
{
    const int at = box->n_flying;

    KO_ASSERT(at < box->n_flying_room);
    ko_world_require(box->world,
                     MPI_Issend(parcel->bytes, (int) parcel->n, MPI_BYTE, parcel->destination,
                                box->first_tag + (int) parcel->kind, box->world->comm,
                                &box->requests[at]),
                     "MPI_Issend");
    box->flying[at] = parcel;
    box->n_flying++;
    box->n_sent++;
}

static struct ko_parcel *
unqueue(struct ko_outbox *box, struct ko_lane *lane)
{
    struct ko_parcel *const parcel = lane->first;

    if (parcel == NULL)
        return NULL;
    lane->first = parcel->next;
    if (lane->first == NULL)
        lane->last = NULL;
    if (lane->n_queued-- == QUEUED_PER_LANE)
        box->n_crowded--;
    box->n_queued--;
    return parcel;
}

static void
launch_queued(struct ko_outbox *box, struct ko_lane *lane)
{
    if (lane == &box->lanes[box->world->rank])
        return;
    while (lane->n_flying < FLYING_PER_LANE && lane->first != NULL) {
        lane->n_flying++;
        launch(box, unqueue(box, lane));
    }
}

/* The parcel being filled goes to the end of the queue. */
static void
close_parcel(struct ko_outbox *box, struct ko_lane *lane)
{
    struct ko_parcel *const parcel = lane->filling;

    lane->filling = NULL;
    box->n_filling--;
    if (lane->last == NULL)
        lane->first = parcel;
    else
        lane->last->next = parcel;
    lane->last = parcel;
    if (++lane->n_queued == QUEUED_PER_LANE)
        box->n_crowded++;
    box->n_queued++;
    box->waiting_bytes += parcel->capacity;
    launch_queued(box, lane);
}

static enum ko_code
open_parcel(struct ko_outbox *box, int destination, enum parcel_kind kind, struct ko_error *err)
{
    struct ko_parcel *const parcel = new_parcel(box, destination, box->parcel_bytes, err);

    if (parcel == NULL)
        return err->code;
    parcel->kind = kind;
    box->lanes[destination].filling = parcel;
    box->n_filling++;
    return KO_OK;
}

static void
fill_parcel(struct ko_outbox *box, struct ko_parcel *parcel, struct ko_slice content)
{
    if (content.n > 0)
        memcpy(parcel->bytes + parcel->n, content.data, content.n);
    parcel->n += content.n;
    box->n_wire_bytes += content.n;
}

/* A frame is never divided: what does not fit begins the next parcel. */
static enum ko_code
add_frame(struct ko_outbox *box, int destination, struct ko_slice header, struct ko_slice content,
          struct ko_error *err)
{
    struct ko_lane *const lane = &box->lanes[destination];

    if (lane->filling != NULL && box->parcel_bytes - lane->filling->n < header.n + content.n)
        close_parcel(box, lane);
    if (lane->filling == NULL && open_parcel(box, destination, PARCEL_FRAMES, err) != KO_OK)
        return err->code;
    fill_parcel(box, lane->filling, header);
    fill_parcel(box, lane->filling, content);
    if (lane->filling->n == box->parcel_bytes)
        close_parcel(box, lane);
    return KO_OK;
}

static enum ko_code
add_parts(struct ko_outbox *box, int destination, struct ko_slice content, struct ko_error *err)
{
    struct ko_lane *const lane = &box->lanes[destination];

    if (lane->filling != NULL)
        close_parcel(box, lane);
    while (content.n > 0) {
        const size_t n = content.n < box->parcel_bytes ? content.n : box->parcel_bytes;
        const enum parcel_kind kind = n == content.n ? PARCEL_LAST : PARCEL_PART;

        if (open_parcel(box, destination, kind, err) != KO_OK)
            return err->code;
        fill_parcel(box, lane->filling, (struct ko_slice){content.data, n});
        close_parcel(box, lane);
        content = (struct ko_slice){content.data + n, content.n - n};
    }
    return KO_OK;
}

enum ko_code
ko_outbox_add(struct ko_outbox *box, int destination, struct ko_slice content, struct ko_error *err)
{
    char bytes[KO_VARINT_BYTES];
    struct ko_slice header = {bytes, 0};

    KO_ASSERT(destination >= 0 && destination < box->world->size);
    box->n_messages++;
    if (content.n >= box->parcel_bytes)
        return add_parts(box, destination, content, err);
    header.n = ko_varint_write(bytes, content.n);
    if (header.n + content.n > box->parcel_bytes)
        return add_parts(box, destination, content, err);
    return add_frame(box, destination, header, content, err);
}

/* Nothing in it, so nothing must stay until it has arrived: the request is let go at once. */
static void
send_empty(struct ko_outbox *box, int destination, enum parcel_kind kind)
{
    MPI_Request request = MPI_REQUEST_NULL;

    ko_world_require(box->world,
                     MPI_Isend(NULL, 0, MPI_BYTE, destination, box->first_tag + (int) kind,
                               box->world->comm, &request),
                     "MPI_Isend");
    ko_world_require(box->world, MPI_Request_free(&request), "MPI_Request_free");
    box->n_sent++;
}

void
ko_outbox_ask(struct ko_outbox *box)
{
    send_empty(box, 0, PARCEL_ASK);
}

void
ko_outbox_answer_none(struct ko_outbox *box, int destination)
{
    send_empty(box, destination, PARCEL_CLAIM);
}

enum ko_code
ko_outbox_answer(struct ko_outbox *box, int destination, uint64_t claim_index, struct ko_error *err)
{
    const int n_lanes_room = FLYING_PER_LANE * box->world->size;
    struct ko_parcel *parcel;

    if (make_flying_room(box, n_lanes_room + box->n_flying_claims + 1, err) != KO_OK)
        return err->code;
    parcel = new_parcel(box, destination, CLAIM_BYTES, err);
    if (parcel == NULL)
        return err->code;
    parcel->kind = PARCEL_CLAIM;
    parcel->n = CLAIM_BYTES;
    ko_write_u64(parcel->bytes, claim_index);
    box->n_wire_bytes += CLAIM_BYTES;
    box->n_flying_claims++;
    launch(box, parcel);
    return KO_OK;
}

/* The parcel arrived; returns the rank whose lane has room now. */
static int
land(struct ko_outbox *box, int index)
{
    struct ko_parcel *const parcel = box->flying[index];
    const int destination = parcel->destination;

    box->flying[index] = NULL;
    if (parcel->kind == PARCEL_CLAIM) {
        box->n_flying_claims--;
    } else {
        box->lanes[destination].n_flying--;
        box->waiting_bytes -= parcel->capacity;
    }
    ko_outbox_recycle(box, parcel);
    return destination;
}

static void
close_gaps(struct ko_outbox *box)
{
    int n = 0;

    for (int index = 0; index < box->n_flying; index++) {
        if (box->flying[index] == NULL)
            continue;
        box->flying[n] = box->flying[index];
        box->requests[n] = box->requests[index];
        n++;
    }
    box->n_flying = n;
}

bool
ko_outbox_drive(struct ko_outbox *box)
{
    int n_finished = 0;

    if (box->n_flying == 0)
        return false;
    ko_world_require(
        box->world,
        MPI_Testsome(box->n_flying, box->requests, &n_finished, box->finished, MPI_STATUSES_IGNORE),
        "MPI_Testsome");
    if (n_finished <= 0)
        return false;
    for (int i = 0; i < n_finished; i++)
        box->finished[i] = land(box, box->finished[i]);
    close_gaps(box);
    for (int i = 0; i < n_finished; i++)
        launch_queued(box, &box->lanes[box->finished[i]]);
    return true;
}

void
ko_outbox_flush(struct ko_outbox *box)
{
    for (int rank = 0; box->n_filling > 0 && rank < box->world->size; rank++) {
        struct ko_lane *const lane = &box->lanes[rank];

        if (lane->filling != NULL && lane->first == NULL && lane->n_flying < FLYING_PER_LANE)
            close_parcel(box, lane);
    }
}

void
ko_outbox_drop(struct ko_outbox *box)
{
    if (box->n_filling == 0 && box->n_queued == 0)
        return;
    for (int rank = 0; rank < box->world->size; rank++) {
        struct ko_lane *const lane = &box->lanes[rank];
        struct ko_parcel *parcel;

        while ((parcel = unqueue(box, lane)) != NULL) {
            box->waiting_bytes -= parcel->capacity;
            ko_outbox_recycle(box, parcel);
        }
        if (lane->filling == NULL)
            continue;
        ko_outbox_recycle(box, lane->filling);
        lane->filling = NULL;
        box->n_filling--;
    }
}

struct ko_parcel *
ko_outbox_take_own(struct ko_outbox *box)
{
    struct ko_parcel *parcel;

    if (box->n_queued == 0)
        return NULL;
    parcel = unqueue(box, &box->lanes[box->world->rank]);
    if (parcel != NULL)
        box->waiting_bytes -= parcel->capacity;
    return parcel;
}

bool
ko_outbox_has_own(const struct ko_outbox *box)
{
    return box->lanes[box->world->rank].first != NULL;
}

bool
ko_outbox_is_full(const struct ko_outbox *box)
{
    return box->n_crowded > 0 || box->waiting_bytes >= box->limit_bytes;
}

bool
ko_outbox_is_empty(const struct ko_outbox *box)
{
    return box->n_filling == 0 && box->n_queued == 0 && box->n_flying == 0;
}
