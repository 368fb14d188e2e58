/*
 * The world: all ranks of a job, small collectives, stop signals and the last resort.
 *
 * Opened once by main.c.  Every collective here starts as a gate (see comm/gate.h): a rank
 * may come in with a failed `err`; then nothing is exchanged and every rank leaves with the
 * same error.  So a failed rank is never missing in a collective, and a collective that
 * returned KO_OK did so on every rank.
 *
 * No wait here spins: while others are late a rank sleeps, at most a millisecond at a time.
 * When MPI itself fails after ko_world_open() walking on is impossible, and the job is ended
 * with KO_E_COMM and MPI's own text (ko_world_abort()).
 *
 * Thread use: the one thread of the rank.  MPI: each function says local or collective.
 */
#ifndef KEEPONE_COMM_WORLD_H
#define KEEPONE_COMM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

struct ko_world; /* opaque; owned by whoever called ko_world_open() */

/*
 * Collective over all ranks; starts MPI.  Without mpirun the world has one rank and no helper
 * process is started.  On a host without InfiniBand, EFA and the like Open MPI's plain messaging
 * layer is used without a search for another (OMPI_MCA_pml tells otherwise).  *world is NULL after
 * a failure (KO_E_COMM, KO_E_MEMORY).
 */
enum ko_code ko_world_open(int *argc, char ***argv, struct ko_world **world, struct ko_error *err);

/* Collective; ends MPI and gives the signals their default meaning back.  Accepts NULL. */
void ko_world_close(struct ko_world *world);

/* Local. */
int ko_world_rank(const struct ko_world *world);
int ko_world_size(const struct ko_world *world);
const char *ko_world_host(const struct ko_world *world);
bool ko_world_is_under_mpirun(const struct ko_world *world);

/*
 * Collective: afterwards buf holds rank 0's content on every rank; what the others had in it is
 * forgotten, after a failure too.  Any size.  KO_E_MEMORY on all ranks if one cannot hold it.
 */
enum ko_code ko_world_share(struct ko_world *world, struct ko_buf *buf, struct ko_error *err);

/*
 * Collective: each of the n values becomes its sum, maximum or minimum over the ranks.
 * n must be the same on every rank and below 2^31; a sum must stay below 2^64.
 */
enum ko_code ko_world_sum(struct ko_world *world, uint64_t *values, size_t n, struct ko_error *err);
enum ko_code ko_world_max(struct ko_world *world, uint64_t *values, size_t n, struct ko_error *err);
enum ko_code ko_world_min(struct ko_world *world, uint64_t *values, size_t n, struct ko_error *err);

/*
 * Collective: adds to rank 0's `out`, for each rank in order, the u32 length (little-endian) and
 * the bytes of its `mine`.  `out` is not touched on other ranks and may be NULL there.  The total
 * may be of any size, one part up to 2^32 - 1 bytes (KO_E_COMM).  KO_E_MEMORY if rank 0 cannot hold
 * it.
 */
enum ko_code ko_world_gather(struct ko_world *world, struct ko_slice mine, struct ko_buf *out,
                             struct ko_error *err);

/*
 * Local: from now on SIGUSR1, SIGTERM and SIGINT only ask for a stop.  The next pulse of a phase
 * (comm/phase.h) turns that into KO_E_STOPPED on all ranks.
 */
void ko_world_catch_signals(struct ko_world *world);

/*
 * Local: true once a stop was asked for on this rank.  A SIGTERM or SIGINT that comes a second or
 * more after the stop was first seen here means "at once": the job is ended with KO_E_STOPPED.
 * (Closer ones are the same wish twice: a terminal and mpirun both send it.)
 */
bool ko_world_stop_wanted(struct ko_world *world);

/*
 * Local, ends all ranks without further ado: prints the sentence with rank and host, then
 * MPI_Abort(code).  Only for what cannot be walked on from.  world may be NULL (an assertion
 * handler has none); code KO_OK counts as KO_E_BUG.
 */
_Noreturn void ko_world_abort(struct ko_world *world, enum ko_code code, const char *sentence);

#endif
