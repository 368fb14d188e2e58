#include <limits.h>
#include <sched.h>

#include "keepone/base/clock.h"
#include "keepone/base/mem.h"
#include "keepone/comm/gate.h"
#include "world_priv.h"

enum { FIRST_PAUSE_US = 20, LONGEST_PAUSE_US = 1000, PIECE_BYTES = 1 << 30, LENGTH_BYTES = 4 };

unsigned
ko_pause_after(unsigned pause_us)
{
    const unsigned next_us = pause_us + pause_us / 2;

    if (next_us < FIRST_PAUSE_US)
        return FIRST_PAUSE_US;
    return next_us < LONGEST_PAUSE_US ? next_us : LONGEST_PAUSE_US;
}

void
ko_world_wait(struct ko_world *world, MPI_Request *request, const char *call)
{
    const uint64_t start_us = ko_clock_us();
    unsigned pause_us = 0;
    int is_complete = 0;

    for (;;) {
        ko_world_require(world, MPI_Test(request, &is_complete, MPI_STATUS_IGNORE), call);
        if (is_complete)
            return;
        (void) ko_world_stop_wanted(world);
        if (ko_clock_us() - start_us < KO_YIELD_US) {
            (void) sched_yield();
            continue;
        }
        pause_us = ko_pause_after(pause_us);
        ko_sleep_us(pause_us);
    }
}

void
ko_world_reduce(struct ko_world *world, uint64_t *values, size_t n, MPI_Op op)
{
    MPI_Request request = MPI_REQUEST_NULL;

    KO_ASSERT(n <= INT_MAX);
    ko_world_require(
        world,
        MPI_Iallreduce(MPI_IN_PLACE, values, (int) n, MPI_UINT64_T, op, world->comm, &request),
        "MPI_Iallreduce");
    ko_world_wait(world, &request, "MPI_Iallreduce");
}

static enum ko_code
reduce_behind_gate(struct ko_world *world, uint64_t *values, size_t n, MPI_Op op,
                   struct ko_error *err)
{
    if (ko_gate(world, err) == KO_OK)
        ko_world_reduce(world, values, n, op);
    return err->code;
}

enum ko_code
ko_world_sum(struct ko_world *world, uint64_t *values, size_t n, struct ko_error *err)
{
    return reduce_behind_gate(world, values, n, MPI_SUM, err);
}

enum ko_code
ko_world_max(struct ko_world *world, uint64_t *values, size_t n, struct ko_error *err)
{
    return reduce_behind_gate(world, values, n, MPI_MAX, err);
}

enum ko_code
ko_world_min(struct ko_world *world, uint64_t *values, size_t n, struct ko_error *err)
{
    return reduce_behind_gate(world, values, n, MPI_MIN, err);
}

static int
piece_of(uint64_t n_left)
{
    return n_left < PIECE_BYTES ? (int) n_left : PIECE_BYTES;
}

static void
share_bytes(struct ko_world *world, char *bytes, uint64_t n)
{
    for (uint64_t offset = 0; offset < n; offset += PIECE_BYTES) {
        MPI_Request request = MPI_REQUEST_NULL;
        const int rc =
            MPI_Ibcast(bytes + offset, piece_of(n - offset), MPI_BYTE, 0, world->comm, &request);

        ko_world_require(world, rc, "MPI_Ibcast");
        ko_world_wait(world, &request, "MPI_Ibcast");
    }
}

enum ko_code
ko_world_share(struct ko_world *world, struct ko_buf *buf, struct ko_error *err)
{
    uint64_t n = 0;

    if (world->rank == 0)
        n = ko_buf_finish(buf, err) == KO_OK ? buf->n : 0;
    else
        ko_buf_reset(buf);
    KO_TRY(ko_world_sum(world, &n, 1, err)); /* only rank 0 adds to it */
    if (world->rank != 0 && n > 0 && ko_buf_reserve(buf, n) != NULL)
        ko_buf_commit(buf, n);
    (void) ko_buf_finish(buf, err);
    KO_TRY(ko_gate(world, err));
    share_bytes(world, buf->data, n);
done:
    if (err->code != KO_OK && world->rank != 0)
        ko_buf_reset(buf);
    return err->code;
}

static void
send_part(struct ko_world *world, struct ko_slice part)
{
    for (uint64_t offset = 0; offset < part.n; offset += PIECE_BYTES) {
        MPI_Request request = MPI_REQUEST_NULL;
        const int rc = MPI_Isend(part.data + offset, piece_of(part.n - offset), MPI_BYTE, 0,
                                 TAG_GATHER, world->comm, &request);

        ko_world_require(world, rc, "MPI_Isend");
        ko_world_wait(world, &request, "MPI_Isend");
    }
}

static void
receive_part(struct ko_world *world, int source, char *to, uint64_t n)
{
    for (uint64_t offset = 0; offset < n; offset += PIECE_BYTES) {
        MPI_Request request = MPI_REQUEST_NULL;
        const int rc = MPI_Irecv(to + offset, piece_of(n - offset), MPI_BYTE, source, TAG_GATHER,
                                 world->comm, &request);

        ko_world_require(world, rc, "MPI_Irecv");
        ko_world_wait(world, &request, "MPI_Irecv");
    }
}

/* The lengths travel first, so that rank 0 has made room before anything is sent. */
static void
gather_lengths(struct ko_world *world, size_t mine, uint64_t *lengths)
{
    const uint64_t length = mine;
    MPI_Request request = MPI_REQUEST_NULL;

    ko_world_require(
        world,
        MPI_Igather(&length, 1, MPI_UINT64_T, lengths, 1, MPI_UINT64_T, 0, world->comm, &request),
        "MPI_Igather");
    ko_world_wait(world, &request, "MPI_Igather");
}

/* On rank 0: takes every rank's part and frames it into `to`, which has room for all. */
static void
receive_parts(struct ko_world *world, struct ko_slice mine, const uint64_t *lengths, char *to)
{
    for (int rank = 0; rank < world->size; rank++) {
        ko_write_u32(to, (uint32_t) lengths[rank]);
        to += LENGTH_BYTES;
        if (rank != 0)
            receive_part(world, rank, to, lengths[rank]);
        else if (mine.n > 0)
            memcpy(to, mine.data, mine.n);
        to += lengths[rank];
    }
}

enum ko_code
ko_world_gather(struct ko_world *world, struct ko_slice mine, struct ko_buf *out,
                struct ko_error *err)
{
    const bool is_root = world->rank == 0;
    uint64_t *lengths = NULL;
    uint64_t total = (uint64_t) world->size * LENGTH_BYTES;
    char *to = NULL;

    if (mine.n > UINT32_MAX)
        (void) ko_fail(err, KO_E_COMM, "a part of %zu bytes is too long to gather", mine.n);
    if (is_root)
        lengths = ko_alloc_array((size_t) world->size, sizeof *lengths, err);
    KO_TRY(ko_gate(world, err));
    gather_lengths(world, mine.n, lengths);
    for (int rank = 0; is_root && rank < world->size; rank++)
        total += lengths[rank];
    if (is_root) {
        to = ko_buf_reserve(out, total);
        (void) ko_buf_finish(out, err);
    }
    KO_TRY(ko_gate(world, err));
    if (is_root) {
        receive_parts(world, mine, lengths, to);
        ko_buf_commit(out, total);
    } else {
        send_part(world, mine);
    }
done:
    ko_free(lengths);
    return err->code;
}
