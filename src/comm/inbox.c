#include "keepone/base/mem.h"
#include "keepone/base/varint.h"
#include "phase_priv.h"

struct ko_slice
ko_frame_next(struct ko_slice *frames)
{
    uint64_t n;
    struct ko_slice content;

    KO_ASSERT(ko_varint_read(frames, &n) && n <= frames->n);
    content = (struct ko_slice){frames->data, (size_t) n};
    *frames = (struct ko_slice){content.data + n, frames->n - (size_t) n};
    return content;
}

enum ko_code
ko_inbox_init(struct ko_inbox *box, struct ko_world *world, struct ko_held *held,
              size_t parcel_bytes, int first_tag, struct ko_error *err)
{
    *box = (struct ko_inbox){
        .world = world,
        .held = held,
        .parcel_bytes = parcel_bytes,
        .first_tag = first_tag,
    };
    box->parts = ko_alloc_array((size_t) world->size, sizeof *box->parts, err);
    for (int i = 0; i < INBOX_SLOTS && err->code == KO_OK; i++) {
        box->slots[i].bytes = ko_alloc(parcel_bytes, err);
        ko_held_add(held, parcel_bytes);
    }
    return err->code;
}

void
ko_inbox_clear(struct ko_inbox *box)
{
    KO_ASSERT(box->n_open == 0);
    for (int i = 0; i < INBOX_SLOTS; i++)
        ko_free(box->slots[i].bytes);
    for (int rank = 0; box->parts != NULL && rank < box->world->size; rank++)
        ko_buf_clear(&box->parts[rank]);
    ko_free(box->parts);
    *box = (struct ko_inbox){0};
}

static void
begin_arrival(struct ko_inbox *box, MPI_Message *message, const MPI_Status *status)
{
    struct ko_arrival *const arrival = &box->slots[(box->first + box->n_open) % INBOX_SLOTS];
    const int kind = status->MPI_TAG - box->first_tag;
    int n = 0;

    ko_world_require(box->world, MPI_Get_count(status, MPI_BYTE, &n), "MPI_Get_count");
    KO_ASSERT(kind >= PARCEL_FRAMES && kind <= PARCEL_CLAIM);
    KO_ASSERT(n >= 0 && (size_t) n <= box->parcel_bytes);
    arrival->source = status->MPI_SOURCE;
    arrival->kind = (enum parcel_kind) kind;
    arrival->n = (size_t) n;
    arrival->is_complete = false;
    ko_world_require(box->world,
                     MPI_Imrecv(arrival->bytes, n, MPI_BYTE, message, &arrival->request),
                     "MPI_Imrecv");
    box->n_open++;
}

bool
ko_inbox_drive(struct ko_inbox *box)
{
    bool moved = false;

    while (box->n_open < INBOX_SLOTS) {
        MPI_Message message = MPI_MESSAGE_NULL;
        MPI_Status status;
        int is_there = 0;

        ko_world_require(box->world,
                         MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, box->world->comm, &is_there,
                                     &message, &status),
                         "MPI_Improbe");
        if (!is_there)
            break;
        begin_arrival(box, &message, &status);
        moved = true;
    }
    return moved;
}

const struct ko_arrival *
ko_inbox_first(struct ko_inbox *box)
{
    struct ko_arrival *const arrival = &box->slots[box->first];
    int is_complete = 0;

    if (box->n_open == 0)
        return NULL;
    if (!arrival->is_complete) {
        ko_world_require(box->world, MPI_Test(&arrival->request, &is_complete, MPI_STATUS_IGNORE),
                         "MPI_Imrecv");
        arrival->is_complete = is_complete != 0;
    }
    return arrival->is_complete ? arrival : NULL;
}

void
ko_inbox_release(struct ko_inbox *box)
{
    KO_ASSERT(box->n_open > 0 && box->slots[box->first].is_complete);
    box->first = (box->first + 1) % INBOX_SLOTS;
    box->n_open--;
}

enum ko_code
ko_inbox_add_part(struct ko_inbox *box, int source, struct ko_slice part, struct ko_slice *whole,
                  struct ko_error *err)
{
    struct ko_buf *const buf = &box->parts[source];
    const size_t capacity_before = buf->capacity;

    ko_buf_add_slice(buf, part);
    ko_held_add(box->held, buf->capacity - capacity_before);
    *whole = ko_buf_slice(buf);
    if (buf->failed)
        return ko_fail(err, KO_E_MEMORY, "no memory for a message of over %zu bytes from rank %d",
                       buf->n, source);
    return err->code;
}

void
ko_inbox_forget_parts(struct ko_inbox *box, int source)
{
    box->held->now_bytes -= box->parts[source].capacity;
    ko_buf_clear(&box->parts[source]);
}
