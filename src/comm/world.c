#include "world_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "keepone/base/mem.h"

static enum ko_code
check(int rc, const char *call, struct ko_error *err)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int n = 0;

    if (rc == MPI_SUCCESS)
        return err->code;
    (void) MPI_Error_string(rc, text, &n);
    return ko_fail(err, KO_E_COMM, "%s: %s", call, text);
}

static bool
was_started_by_mpirun(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") != NULL || getenv("PMIX_RANK") != NULL;
}

/* The devices of networks for which Open MPI has another messaging layer than the plain one. */
static bool
has_fabric(void)
{
    static const char *const places[] = {"/sys/class/infiniband", "/sys/class/cxi", "/dev/kgni0",
                                         "/dev/hfi1_0", "/dev/ipath"};

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (access(places[i], F_OK) == 0)
            return true;
    }
    return false;
}

/* What Open MPI need not do here.  The user's word stays: nothing that is set is set again. */
static void
spare_start(void)
{
    /* Alone, it would start a daemon for this process; it needs none. */
    if (!was_started_by_mpirun())
        (void) setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    /* Asking each library for devices that are not there takes a fifth of a second. */
    if (!has_fabric())
        (void) setenv("OMPI_MCA_pml", "ob1", 0);
}

static enum ko_code
start_mpi(int *argc, char ***argv, struct ko_error *err)
{
    int provided = MPI_THREAD_SINGLE;

    spare_start();
    KO_TRY(
        check(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread", err));
    KO_TRY(check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN),
                 "MPI_Comm_set_errhandler", err));
    if (provided < MPI_THREAD_FUNNELED)
        (void) ko_fail(err, KO_E_COMM, "MPI gives thread level %d, not MPI_THREAD_FUNNELED",
                       provided);
done:
    return err->code;
}

enum ko_code
ko_world_open(int *argc, char ***argv, struct ko_world **out, struct ko_error *err)
{
    struct ko_world *world = NULL;

    *out = NULL;
    world = ko_alloc(sizeof *world, err);
    if (world == NULL)
        return err->code;
    world->comm = MPI_COMM_NULL;
    world->is_under_mpirun = was_started_by_mpirun();
    KO_TRY(start_mpi(argc, argv, err));
    KO_TRY(check(MPI_Comm_dup(MPI_COMM_WORLD, &world->comm), "MPI_Comm_dup", err));
    KO_TRY(check(MPI_Comm_set_errhandler(world->comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler",
                 err));
    KO_TRY(check(MPI_Comm_rank(world->comm, &world->rank), "MPI_Comm_rank", err));
    KO_TRY(check(MPI_Comm_size(world->comm, &world->size), "MPI_Comm_size", err));
    if (gethostname(world->host, sizeof world->host - 1) != 0)
        (void) snprintf(world->host, sizeof world->host, "an unnamed host");

done:
    if (err->code != KO_OK)
        ko_free(world);
    else
        *out = world;
    return err->code;
}

void
ko_world_close(struct ko_world *world)
{
    if (world == NULL)
        return;
    (void) MPI_Comm_free(&world->comm);
    (void) MPI_Finalize();
    ko_signals_release();
    ko_free(world);
}

int
ko_world_rank(const struct ko_world *world)
{
    return world->rank;
}

int
ko_world_size(const struct ko_world *world)
{
    return world->size;
}

const char *
ko_world_host(const struct ko_world *world)
{
    return world->host;
}

bool
ko_world_is_under_mpirun(const struct ko_world *world)
{
    return world->is_under_mpirun;
}

static bool
mpi_is_running(void)
{
    int is_started = 0;
    int is_ended = 0;

    (void) MPI_Initialized(&is_started);
    (void) MPI_Finalized(&is_ended);
    return is_started && !is_ended;
}

_Noreturn void
ko_world_abort(struct ko_world *world, enum ko_code code, const char *sentence)
{
    const enum ko_code reason = code == KO_OK ? KO_E_BUG : code;

    if (world == NULL)
        (void) fprintf(stderr, "keepone: error[%s]: %s\n", ko_code_name(reason), sentence);
    else
        (void) fprintf(stderr, "keepone: error[%s]: %s (rank %d of %d on %s)\n",
                       ko_code_name(reason), sentence, world->rank, world->size, world->host);
    (void) fflush(NULL);
    if (was_started_by_mpirun() && mpi_is_running()) /* alone there is nobody else to end */
        (void) MPI_Abort(world == NULL ? MPI_COMM_WORLD : world->comm, (int) reason);
    _exit((int) reason);
}

void
ko_world_require(struct ko_world *world, int rc, const char *call)
{
    struct ko_error err = {0};

    if (check(rc, call, &err) != KO_OK)
        ko_world_abort(world, err.code, err.text);
}
