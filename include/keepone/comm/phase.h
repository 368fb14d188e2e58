/*
 * A phase: the event loop of a rank.  The only place where ranks exchange data in bulk.
 *
 * A stage plugs in its step (a slice of own work) and its receive (one message); the loop calls
 * them, moves messages in bounded buffers, hands out claims, and finds out when the whole phase is
 * finished: every rank has nothing left to do and no message is under way.  Then it gates.
 *
 *     pulse   every 200 ms, and at once when a rank is done, has failed or was asked to stop, the
 *             ranks add up who is done, who failed, what was sent and received, and the stage's
 *             counters.  Every rank decides from these sums only, so all decide the same.
 *     ending  a failure or a stop that a pulse has shown: at that pulse every rank stops stepping,
 *             drops what it has not sent and discards what arrives, until nothing is under way: no
 *             message survives into the next phase.  With finish_on_stop ranks that did not fail
 *             go on stepping and receiving until they are done, but get no more claims.
 *
 * An idle rank sleeps (20 us growing to 1 ms).  A peer silent for silent_limit_s ends the job.
 *
 * For tests: KEEPONE_FAULT="<phase name>:<rank>:<fail|kill|stop>[:<after n steps>]" makes that step
 * of that rank return KO_E_IO "injected fault", or raises SIGKILL, or raises SIGUSR1.  Without n
 * it is the first step.  A text of another shape fails each phase with KO_E_OPTION.
 *
 * Thread use: the one thread of the rank.
 * MPI: ko_phase_run() is collective over the world, everything else is local and never waits.
 */
#ifndef KEEPONE_COMM_PHASE_H
#define KEEPONE_COMM_PHASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"
#include "keepone/comm/world.h"

struct ko_phase; /* opaque; lives during ko_phase_run() and is lent to the stage's functions */

enum { KO_PHASE_COUNTERS = 16, KO_PHASE_SILENT_S = 600 };

/* What a step found. */
enum ko_phase_state {
    KO_PHASE_BUSY,    /* more to do: call again at once */
    KO_PHASE_WAITING, /* nothing to do until a message, a claim, time or own input arrives */
    KO_PHASE_DONE     /* nothing left; a message or claim makes the loop call step again */
};

/*
 * The stage's side.  When one of these fails, this rank has failed: none is called again, and the
 * other ranks learn it at the next pulse.
 */
struct ko_phase_ops {
    /*
     * A few milliseconds of work at most, then returns and says in *state what is left.  Not called
     * while messages wait for a slow receiver (see ko_phase_is_full()).
     */
    enum ko_code (*step)(void *self, struct ko_phase *phase, enum ko_phase_state *state,
                         struct ko_error *err);

    /*
     * One message as given to ko_phase_send(); messages of one source arrive in the order sent.
     * content is borrowed for the call and not aligned.  May send.  NULL if nobody sends.
     */
    enum ko_code (*receive)(void *self, struct ko_phase *phase, int source, struct ko_slice content,
                            struct ko_error *err);

    /* The answer to one ko_phase_ask().  is_none: there are no more.  NULL if nobody asks. */
    enum ko_code (*claim)(void *self, struct ko_phase *phase, bool is_none, uint64_t claim_index,
                          struct ko_error *err);

    /*
     * Called after a step that said KO_PHASE_WAITING: waits for own input, max_us at most (1 ms or
     * less; a little longer does no harm).  Returns early when input is there.  NULL: the loop
     * sleeps.
     */
    void (*wait)(void *self, unsigned max_us);

    /* On rank 0 at each pulse: the counters, added up over the ranks.  May be NULL. */
    void (*progress)(void *self, const uint64_t *totals);

    /*
     * On every rank, from the first pulse to the last, after a failure too.  Before a pulse is
     * entered: the last moment to change the counters.  After it: what this rank gave to it, and
     * the totals.  A pulse ends on a rank only when all ranks have read the one before.  May be
     * NULL.
     */
    void (*before_pulse)(void *self);
    void (*after_pulse)(void *self, const uint64_t *mine, const uint64_t *totals);
};

/*
 * Zero is a good value for everything but name and ops.  self, counters and n_claims are each
 * rank's own; the rest must be alike on all ranks.
 */
struct ko_phase_options {
    const char *name; /* one word for messages and KEEPONE_FAULT: "read" */
    const struct ko_phase_ops *ops;
    void *self;               /* handed to every function of ops */
    uint64_t n_claims;        /* claims 0 .. n_claims - 1 are given out; rank 0's value counts */
    uint64_t buffer_bytes;    /* of one buffer; 0 = 256 KiB, at least 1 KiB */
    uint64_t memory_bytes;    /* for all buffers; they shrink to fit in; 0 = 64 MiB */
    unsigned pulse_ms;        /* 0 = 200 */
    unsigned silent_limit_s;  /* 0 = KO_PHASE_SILENT_S; longer than any call of ops may take */
    bool finish_on_stop;      /* after a stop or failure go on until done, with messages */
    const uint64_t *counters; /* read at each pulse; may be NULL */
    size_t n_counters;        /* up to KO_PHASE_COUNTERS */
};

/* What this rank did. */
struct ko_phase_stats {
    uint64_t n_messages;   /* ko_phase_send() calls */
    uint64_t n_wire_bytes; /* sent: contents, framing and claims; those to itself too */
    uint64_t n_pulses;
    uint64_t peak_bytes; /* memory in message buffers, at most */
    uint64_t busy_us;
    uint64_t idle_us; /* slept or waited */
};

/*
 * Collective: runs the phase to its end on all ranks, then gates: the same code on every rank.
 * A stop is KO_E_STOPPED.  It begins with a gate too: if a rank comes in failed, or has no memory
 * for the buffers, no function of ops is called anywhere.  stats (may be NULL) is set in any case.
 */
enum ko_code ko_phase_run(struct ko_world *world, const struct ko_phase_options *options,
                          struct ko_phase_stats *stats, struct ko_error *err);

/*
 * Appends a message to the destination's buffer (this rank itself is a destination like any other).
 * Full buffers leave at once, partial ones when a step says KO_PHASE_WAITING or KO_PHASE_DONE and
 * at each pulse.  content is copied, costs up to 5 bytes of framing, and may be longer than a
 * buffer: then it travels in pieces and is put together on arrival.  Never calls back. KO_E_MEMORY.
 */
enum ko_code ko_phase_send(struct ko_phase *phase, int destination, struct ko_slice content,
                           struct ko_error *err);

/*
 * True while more is waiting to leave than should (4 buffers for one destination, or memory_bytes
 * in all): no step is called until that is over.  Sending beyond it is possible, memory permitting;
 * a step that sends much in one call asks this and returns early.
 */
bool ko_phase_is_full(const struct ko_phase *phase);

/* Asks rank 0 for the next claim, answered through ops.claim.  Several may be outstanding. */
enum ko_code ko_phase_ask(struct ko_phase *phase, struct ko_error *err);

/* True from the pulse that showed a failure or stop on; the stage sees it with finish_on_stop. */
bool ko_phase_is_ending(const struct ko_phase *phase);

#endif
