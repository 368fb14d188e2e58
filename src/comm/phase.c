#include "keepone/comm/phase.h"

#include <sched.h>

#include "keepone/base/clock.h"
#include "keepone/comm/gate.h"
#include "phase_priv.h"

/* LONGEST_TURN_US is what one turn may add to a peer's silence: our own delay is not theirs. */
enum { PULSE_MS = 200, LONGEST_TURN_US = 1000000 };

/* What a pulse adds up; every number is one rank's contribution. */
enum {
    PULSE_QUIET,  /* 1: done, and nothing of ours is queued or under way */
    PULSE_FAILED, /* 1 */
    PULSE_STOP,   /* 1: asked to stop */
    PULSE_SENT,
    PULSE_RECEIVED,
    PULSE_COUNTERS,
    PULSE_VALUES = PULSE_COUNTERS + KO_PHASE_COUNTERS
};

struct ko_phase {
    struct ko_world *world;
    const struct ko_phase_options *options;
    struct ko_error *err;
    struct ko_held held;
    struct ko_outbox out;
    struct ko_inbox in;
    struct ko_fault fault;

    enum ko_phase_state state;
    bool is_stop_wanted; /* on this rank */
    bool is_ending;      /* a pulse has shown a failure or stop */
    bool is_stopped;     /* a pulse has shown a stop */
    bool is_over;
    bool is_failed_somewhere;

    uint64_t n_received; /* MPI messages */
    uint64_t n_claims_given;
    uint64_t n_own_asks; /* rank 0's own, to be answered */

    MPI_Request pulse;
    bool is_pulse_open;
    uint64_t mine[PULSE_VALUES];
    uint64_t totals[PULSE_VALUES];
    uint64_t last_sent;
    uint64_t last_received;
    uint64_t n_pulses;
    uint64_t pulse_us; /* when the last one was entered */

    uint64_t now_us;
    uint64_t moved_us; /* the last turn that was not idle */
    uint64_t silent_us;
    uint64_t idle_us;
    unsigned pause_us;
};

/* The stage's functions are called, and its messages travel. */
static bool
is_working(const struct ko_phase *phase)
{
    return phase->err->code == KO_OK && (!phase->is_ending || phase->options->finish_on_stop);
}

/* What a function of the stage returned: one that failed has told why, or this does. */
static void
note_result(struct ko_phase *phase, enum ko_code code)
{
    if (code != KO_OK)
        ko_fail(phase->err, code, "%s failed without a reason", phase->options->name);
}

/* ---- the stage's side ---- */

enum ko_code
ko_phase_send(struct ko_phase *phase, int destination, struct ko_slice content,
              struct ko_error *err)
{
    return ko_outbox_add(&phase->out, destination, content, err);
}

bool
ko_phase_is_full(const struct ko_phase *phase)
{
    return ko_outbox_is_full(&phase->out);
}

enum ko_code
ko_phase_ask(struct ko_phase *phase, struct ko_error *err)
{
    if (phase->world->rank == 0)
        phase->n_own_asks++;
    else
        ko_outbox_ask(&phase->out);
    return err->code;
}

bool
ko_phase_is_ending(const struct ko_phase *phase)
{
    return phase->is_ending;
}

/* ---- claims ---- */

/* On rank 0; a rank that has failed or is ending gives none. */
static bool
give_claim(struct ko_phase *phase, uint64_t *claim_index)
{
    if (phase->err->code != KO_OK || phase->is_ending ||
        phase->n_claims_given >= phase->options->n_claims)
        return false;
    *claim_index = phase->n_claims_given++;
    return true;
}

/* Whoever asked is answered in any case, or it would wait forever. */
static void
answer_ask(struct ko_phase *phase, int source)
{
    uint64_t claim_index;

    if (!give_claim(phase, &claim_index) ||
        ko_outbox_answer(&phase->out, source, claim_index, phase->err) != KO_OK)
        ko_outbox_answer_none(&phase->out, source);
}

static void
take_claim(struct ko_phase *phase, bool is_none, uint64_t claim_index)
{
    if (!is_working(phase))
        return;
    phase->state = KO_PHASE_BUSY;
    note_result(phase, phase->options->ops->claim(phase->options->self, phase, is_none, claim_index,
                                                  phase->err));
}

static bool
answer_own_asks(struct ko_phase *phase)
{
    uint64_t claim_index = 0;
    bool is_none;

    if (phase->n_own_asks == 0)
        return false;
    phase->n_own_asks--;
    is_none = !give_claim(phase, &claim_index);
    take_claim(phase, is_none, claim_index);
    return true;
}

/* ---- messages ---- */

static void
deliver_message(struct ko_phase *phase, int source, struct ko_slice content)
{
    const struct ko_phase_options *const options = phase->options;

    phase->state = KO_PHASE_BUSY;
    note_result(phase, options->ops->receive(options->self, phase, source, content, phase->err));
}

static void
deliver_frames(struct ko_phase *phase, int source, struct ko_slice frames)
{
    while (frames.n > 0 && is_working(phase))
        deliver_message(phase, source, ko_frame_next(&frames));
}

static void
deliver_part(struct ko_phase *phase, int source, struct ko_slice part, bool is_last)
{
    struct ko_slice whole;

    if (!is_working(phase) ||
        ko_inbox_add_part(&phase->in, source, part, &whole, phase->err) != KO_OK || !is_last)
        return;
    deliver_message(phase, source, whole);
    ko_inbox_forget_parts(&phase->in, source);
}

static void
deliver(struct ko_phase *phase, enum parcel_kind kind, int source, struct ko_slice content)
{
    switch (kind) {
    case PARCEL_FRAMES:
        deliver_frames(phase, source, content);
        break;
    case PARCEL_PART:
    case PARCEL_LAST:
        deliver_part(phase, source, content, kind == PARCEL_LAST);
        break;
    case PARCEL_ASK:
        answer_ask(phase, source);
        break;
    case PARCEL_CLAIM:
        take_claim(phase, content.n == 0, content.n == 0 ? 0 : ko_read_u64(content.data));
        break;
    }
}

/* A few at a time, so that own work gets its turn. */
static bool
receive_some(struct ko_phase *phase)
{
    const struct ko_arrival *arrival;
    bool moved = ko_inbox_drive(&phase->in);

    while ((arrival = ko_inbox_first(&phase->in)) != NULL) {
        deliver(phase, arrival->kind, arrival->source,
                (struct ko_slice){arrival->bytes, arrival->n});
        ko_inbox_release(&phase->in);
        phase->n_received++;
        moved = true;
    }
    return moved;
}

static bool
receive_own(struct ko_phase *phase)
{
    struct ko_parcel *const parcel = ko_outbox_take_own(&phase->out);

    if (parcel == NULL)
        return false;
    deliver(phase, parcel->kind, phase->world->rank, (struct ko_slice){parcel->bytes, parcel->n});
    ko_outbox_recycle(&phase->out, parcel);
    return true;
}

/* ---- steps ---- */

/* Returns true if the stage wants to be called again at once. */
static bool
take_step(struct ko_phase *phase)
{
    const struct ko_phase_options *const options = phase->options;

    if (phase->state == KO_PHASE_DONE || ko_outbox_is_full(&phase->out))
        return false;
    if (ko_fault_before_step(&phase->fault, phase->err) == KO_OK)
        note_result(phase, options->ops->step(options->self, phase, &phase->state, phase->err));
    return phase->state == KO_PHASE_BUSY;
}

/* ---- pulses ---- */

static bool
is_quiet(const struct ko_phase *phase)
{
    if (!ko_outbox_is_empty(&phase->out))
        return false;
    return !is_working(phase) || (phase->state == KO_PHASE_DONE && phase->n_own_asks == 0);
}

/* Whoever has news does not wait for the interval; the others come in when it has passed. */
static bool
wants_pulse(const struct ko_phase *phase)
{
    const uint64_t interval_ms =
        phase->options->pulse_ms == 0 ? PULSE_MS : phase->options->pulse_ms;

    return phase->err->code != KO_OK || is_quiet(phase) ||
           (phase->is_stop_wanted && !phase->is_stopped) ||
           phase->now_us - phase->pulse_us >= interval_ms * 1000;
}

static void
enter_pulse(struct ko_phase *phase)
{
    const struct ko_phase_options *const options = phase->options;
    uint64_t *const mine = phase->mine;

    ko_outbox_flush(&phase->out);
    if (options->ops->before_pulse != NULL)
        options->ops->before_pulse(options->self);
    mine[PULSE_QUIET] = is_quiet(phase);
    mine[PULSE_FAILED] = phase->err->code != KO_OK;
    mine[PULSE_STOP] = phase->is_stop_wanted;
    mine[PULSE_SENT] = phase->out.n_sent;
    mine[PULSE_RECEIVED] = phase->n_received;
    for (size_t i = 0; options->counters != NULL && i < options->n_counters; i++)
        mine[PULSE_COUNTERS + i] = options->counters[i];
    ko_world_require(phase->world,
                     MPI_Iallreduce(mine, phase->totals, PULSE_VALUES, MPI_UINT64_T, MPI_SUM,
                                    phase->world->comm, &phase->pulse),
                     "MPI_Iallreduce");
    phase->is_pulse_open = true;
    phase->pulse_us = phase->now_us;
    phase->silent_us = 0;
}

/*
 * All ranks see the same sums here, so all decide alike.  One pulse is no proof of the end: its
 * contributions are taken at different times, and a message may slip between them.  Two in a row
 * with everything received and nothing new sent are: at the moment between them nothing was under
 * way, and whoever was quiet in the second can be woken by nobody.
 */
static void
read_pulse(struct ko_phase *phase)
{
    const uint64_t *const totals = phase->totals;
    const bool is_unchanged =
        totals[PULSE_SENT] == phase->last_sent && totals[PULSE_RECEIVED] == phase->last_received;
    const struct ko_phase_options *const options = phase->options;

    phase->is_pulse_open = false;
    phase->n_pulses++;
    phase->is_stopped = phase->is_stopped || totals[PULSE_STOP] > 0;
    phase->is_failed_somewhere = totals[PULSE_FAILED] > 0;
    phase->is_ending = phase->is_stopped || phase->is_failed_somewhere;
    phase->is_over = phase->n_pulses > 1 && is_unchanged &&
                     totals[PULSE_SENT] == totals[PULSE_RECEIVED] &&
                     totals[PULSE_QUIET] == (uint64_t) phase->world->size;
    phase->last_sent = totals[PULSE_SENT];
    phase->last_received = totals[PULSE_RECEIVED];
    if (options->ops->after_pulse != NULL)
        options->ops->after_pulse(options->self, phase->mine + PULSE_COUNTERS,
                                  totals + PULSE_COUNTERS);
    if (phase->world->rank == 0 && phase->err->code == KO_OK && options->ops->progress != NULL)
        options->ops->progress(options->self, totals + PULSE_COUNTERS);
}

static void
watch_silence(struct ko_phase *phase, uint64_t turn_us)
{
    const uint64_t limit_s =
        phase->options->silent_limit_s == 0 ? KO_PHASE_SILENT_S : phase->options->silent_limit_s;
    struct ko_error err = {0};

    phase->silent_us += turn_us < LONGEST_TURN_US ? turn_us : LONGEST_TURN_US;
    if (phase->silent_us < limit_s * 1000000U)
        return;
    (void) ko_fail(&err, KO_E_COMM, "%s: another rank has been silent for %llu s",
                   phase->options->name, (unsigned long long) limit_s);
    ko_world_abort(phase->world, err.code, err.text);
}

static void
drive_pulse(struct ko_phase *phase, uint64_t turn_us)
{
    int is_complete = 0;

    if (phase->is_pulse_open) {
        ko_world_require(phase->world, MPI_Test(&phase->pulse, &is_complete, MPI_STATUS_IGNORE),
                         "MPI_Iallreduce");
        if (is_complete)
            read_pulse(phase);
        else
            watch_silence(phase, turn_us);
    }
    if (!phase->is_pulse_open && !phase->is_over && wants_pulse(phase))
        enter_pulse(phase);
}

/* ---- the loop ---- */

/* Returns true if the next turn should come at once: something moved, or more is at hand. */
static bool
turn(struct ko_phase *phase)
{
    const uint64_t before_us = phase->now_us;
    bool moved = ko_outbox_drive(&phase->out);

    moved = receive_some(phase) || moved;
    moved = receive_own(phase) || moved;
    moved = answer_own_asks(phase) || moved;
    if (is_working(phase))
        moved = take_step(phase) || moved;
    if (!is_working(phase))
        ko_outbox_drop(&phase->out);
    else if (phase->state != KO_PHASE_BUSY)
        ko_outbox_flush(&phase->out);
    phase->now_us = ko_clock_us();
    phase->is_stop_wanted = ko_world_stop_wanted(phase->world);
    drive_pulse(phase, phase->now_us - before_us);
    return moved || phase->n_own_asks > 0 || ko_outbox_has_own(&phase->out);
}

static void
idle(struct ko_phase *phase)
{
    const struct ko_phase_options *const options = phase->options;
    const uint64_t start_us = ko_clock_us();

    if (start_us - phase->moved_us < KO_YIELD_US) {
        (void) sched_yield();
        phase->idle_us += ko_clock_us() - start_us;
        return;
    }
    phase->pause_us = ko_pause_after(phase->pause_us);
    if (options->ops->wait != NULL && is_working(phase) && phase->state == KO_PHASE_WAITING)
        options->ops->wait(options->self, phase->pause_us);
    else
        ko_sleep_us(phase->pause_us);
    phase->idle_us += ko_clock_us() - start_us;
}

static void
loop(struct ko_phase *phase)
{
    while (!phase->is_over) {
        if (turn(phase)) {
            phase->pause_us = 0;
            phase->moved_us = phase->now_us;
        } else if (!phase->is_over) {
            idle(phase);
        }
    }
}

/* A failure explains more than the stop it caused elsewhere. */
static void
tell_stop(const struct ko_phase *phase)
{
    if (!phase->is_stopped || phase->is_failed_somewhere)
        return;
    (void) ko_fail(phase->err, KO_E_STOPPED, "%s was stopped by a signal", phase->options->name);
    ko_hint(phase->err, "run the same command again to continue.");
}

static void
fill_stats(const struct ko_phase *phase, uint64_t start_us, struct ko_phase_stats *stats)
{
    *stats = (struct ko_phase_stats){
        .n_messages = phase->out.n_messages,
        .n_wire_bytes = phase->out.n_wire_bytes,
        .n_pulses = phase->n_pulses,
        .peak_bytes = phase->held.peak_bytes,
        .busy_us = phase->now_us - start_us - phase->idle_us,
        .idle_us = phase->idle_us,
    };
}

enum ko_code
ko_phase_run(struct ko_world *world, const struct ko_phase_options *options,
             struct ko_phase_stats *stats, struct ko_error *err)
{
    const uint64_t start_us = ko_clock_us();
    const int first_tag = TAG_PHASE_FIRST + TAG_KINDS * (int) (world->n_phases++ % TAG_EPOCHS);
    struct ko_phase phase = {
        .world = world,
        .options = options,
        .err = err,
        .pulse = MPI_REQUEST_NULL,
        .now_us = start_us,
        .moved_us = start_us,
        .pulse_us = start_us,
    };

    KO_ASSERT(options->n_counters <= KO_PHASE_COUNTERS);
    if (ko_outbox_init(&phase.out, world, &phase.held, options, first_tag, err) == KO_OK &&
        ko_inbox_init(&phase.in, world, &phase.held, phase.out.parcel_bytes, first_tag, err) ==
            KO_OK)
        (void) ko_fault_find(options->name, world->rank, &phase.fault, err);
    /* From here on every rank can take what is sent to it, whatever happens. */
    if (ko_gate(world, err) == KO_OK) {
        loop(&phase);
        tell_stop(&phase);
    }
    if (stats != NULL)
        fill_stats(&phase, start_us, stats);
    ko_outbox_clear(&phase.out);
    ko_inbox_clear(&phase.in);
    return ko_gate(world, err);
}
