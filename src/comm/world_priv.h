/*
 * The inside of a world, shared by the files of comm only.
 *
 * Thread use: the one thread of the rank.  MPI: local unless said otherwise.
 */
#ifndef KEEPONE_COMM_WORLD_PRIV_H
#define KEEPONE_COMM_WORLD_PRIV_H

#include <mpi.h>

#include "keepone/comm/world.h"

enum { HOST_BYTES = 256 };

/*
 * Tags of our communicator: each phase has its own, so that a stray message is noticed.  All stay
 * below 32,768, which every MPI allows.
 */
enum { TAG_GATHER = 0, TAG_PHASE_FIRST = 8, TAG_KINDS = 8, TAG_EPOCHS = 2048 };

struct ko_world {
    MPI_Comm comm; /* our duplicate: nobody else's messages are in it */
    int rank;
    int size;
    bool is_under_mpirun;
    unsigned n_phases; /* run so far, the same on all ranks */
    char host[HOST_BYTES];
    uint64_t stop_seen_us; /* 0 = no stop was asked for */
    int n_hard_stops_seen; /* SIGTERM and SIGINT that were noticed */
};

/* Ends the job with KO_E_COMM and MPI's text if rc says that `call` failed. */
void ko_world_require(struct ko_world *world, int rc, const char *call);

/* Waits for one request without spinning; a second stop signal ends the job meanwhile. */
void ko_world_wait(struct ko_world *world, MPI_Request *request, const char *call);

/* Collective: values becomes the reduction over the ranks. */
void ko_world_reduce(struct ko_world *world, uint64_t *values, size_t n, MPI_Op op);

/*
 * Who finds nothing to do gives the core away for a moment first, because what it waits for is
 * often there sooner than the shortest sleep ends (about 80 us), and sleeps after that.
 */
enum { KO_YIELD_US = 100 };

/* The sleep after this one: 20 us, growing to 1 ms. */
unsigned ko_pause_after(unsigned pause_us);

/* Gives the signals their default meaning back. */
void ko_signals_release(void);

#endif
