/* Phases that go well: every message arrives once and in order, and the phase ends. */
#include "keepone/comm/phase.h"

#include <time.h>

#include "keepone/base/buf.h"
#include "keepone/base/clock.h"
#include "support/mpi_test.h"

enum { RANKS_MAX = 8, MESSAGES_PER_STEP = 500 };

/* A stage that sends numbered messages of changing length, and checks what it gets. */
struct mailer {
    struct ko_error *err; /* of the case */
    int rank;
    int n_ranks;
    int only_destination; /* -1: all in turn */
    uint64_t n_to_send;
    uint64_t length_step; /* body i has length_least + i * length_step % length_limit bytes */
    uint64_t length_least;
    uint64_t length_limit;
    bool wants_replies;

    uint64_t n_sent;
    uint64_t n_sent_bytes;
    uint64_t n_received;
    uint64_t n_replies;
    uint64_t next_to[RANKS_MAX];
    uint64_t next_from[RANKS_MAX];
    struct ko_buf message;
};

enum { HEAD_BYTES = 9 };

static struct mailer
mailer_of(struct ko_world *world, struct ko_error *err, uint64_t n_to_send)
{
    return (struct mailer){
        .err = err,
        .rank = ko_world_rank(world),
        .n_ranks = ko_world_size(world),
        .only_destination = -1,
        .n_to_send = n_to_send,
        .length_step = 7,
        .length_limit = 41,
    };
}

/* Kind, number, and a body that the number and the two ranks tell. */
static void
write_message(struct ko_buf *buf, char kind, uint64_t number, uint64_t n_body, int from, int to)
{
    ko_buf_reset(buf);
    ko_buf_add_char(buf, kind);
    ko_buf_add_u64(buf, number);
    for (uint64_t i = 0; i < n_body; i++)
        ko_buf_add_char(buf, (char) (number * 7 + i * 3 + (uint64_t) from * 5 + (uint64_t) to));
}

static enum ko_code
mail_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct mailer *const mailer = self;

    for (int i = 0; i < MESSAGES_PER_STEP && mailer->n_sent < mailer->n_to_send; i++) {
        const int to = mailer->only_destination >= 0
                           ? mailer->only_destination
                           : (int) (mailer->n_sent % (uint64_t) mailer->n_ranks);

        write_message(&mailer->message, 'q', mailer->next_to[to]++,
                      mailer->length_least +
                          mailer->n_sent * mailer->length_step % mailer->length_limit,
                      mailer->rank, to);
        mailer->n_sent++;
        mailer->n_sent_bytes += mailer->message.n;
        KO_TRY(ko_phase_send(phase, to, ko_buf_slice(&mailer->message), err));
        if (ko_phase_is_full(phase))
            break;
    }
    if (mailer->n_sent < mailer->n_to_send)
        *state = KO_PHASE_BUSY;
    else if (mailer->wants_replies && mailer->n_replies < mailer->n_to_send)
        *state = KO_PHASE_WAITING;
    else
        *state = KO_PHASE_DONE;
done:
    return err->code;
}

static enum ko_code
mail_receive(void *self, struct ko_phase *phase, int source, struct ko_slice content,
             struct ko_error *phase_err)
{
    struct mailer *const mailer = self;
    struct ko_error *const err = mailer->err;
    struct ko_buf expected = {0};

    CHECK(content.n >= HEAD_BYTES);
    if (content.data[0] == 'r') {
        mailer->n_replies++;
        CHECK(content.n == HEAD_BYTES);
        return phase_err->code;
    }
    write_message(&expected, 'q', mailer->next_from[source]++, content.n - HEAD_BYTES, source,
                  mailer->rank);
    CHECK(ko_slice_equal(content, ko_buf_slice(&expected)));
    mailer->n_received++;
    if (mailer->wants_replies)
        (void) ko_phase_send(phase, source,
                             (write_message(&expected, 'r', 0, 0, 0, 0), ko_buf_slice(&expected)),
                             phase_err);
    ko_buf_clear(&expected);
    return phase_err->code;
}

static const struct ko_phase_ops mail_ops = {.step = mail_step, .receive = mail_receive};

/* Runs the phase and checks what holds for all: as many received as sent, wire bytes as promised.
 */
static void
run_mail(struct ko_world *world, struct mailer *mailer, const struct ko_phase_options *more,
         struct ko_phase_stats *stats, struct ko_error *err)
{
    struct ko_phase_options options = *more;
    uint64_t sums[3];

    options.name = "mail";
    options.ops = &mail_ops;
    options.self = mailer;
    (void) ko_phase_run(world, &options, stats, err);
    ko_buf_clear(&mailer->message);
    sums[0] = mailer->n_sent;
    sums[1] = mailer->n_received;
    sums[2] = mailer->n_replies;
    CHECK(mailer->n_sent == mailer->n_to_send);
    CHECK(stats->n_messages == mailer->n_sent + (mailer->wants_replies ? mailer->n_received : 0));
    (void) ko_world_sum(world, sums, 3, err);
    CHECK(sums[0] == sums[1]);
    CHECK(sums[2] == (mailer->wants_replies ? sums[0] : 0));
}

static void
small_messages_arrive_once_and_in_order(struct ko_world *world, struct ko_error *err)
{
    struct mailer mailer = mailer_of(world, err, 40000 / (uint64_t) ko_world_size(world));
    struct ko_phase_stats stats;

    run_mail(world, &mailer, &(struct ko_phase_options){0}, &stats, err);
    CHECK(stats.n_wire_bytes == mailer.n_sent_bytes + mailer.n_sent); /* one byte of framing */
}

static void
all_can_send_to_one(struct ko_world *world, struct ko_error *err)
{
    struct mailer mailer = mailer_of(world, err, 5000);
    struct ko_phase_stats stats;

    mailer.only_destination = ko_world_size(world) / 2;
    run_mail(world, &mailer, &(struct ko_phase_options){.buffer_bytes = 4096}, &stats, err);
    CHECK(mailer.n_received ==
          (mailer.rank == mailer.only_destination ? 5000 * (uint64_t) mailer.n_ranks : 0));
}

static void
one_rank_alone_can_have_all_the_work(struct ko_world *world, struct ko_error *err)
{
    const bool is_last = ko_world_rank(world) == ko_world_size(world) - 1;
    struct mailer mailer = mailer_of(world, err, is_last ? 20000 : 0);
    struct ko_phase_stats stats;

    run_mail(world, &mailer, &(struct ko_phase_options){.buffer_bytes = 16384}, &stats, err);
}

static void
a_phase_without_any_message_ends(struct ko_world *world, struct ko_error *err)
{
    struct mailer mailer = mailer_of(world, err, 0);
    struct ko_phase_stats stats;

    for (int i = 0; i < 10; i++)
        run_mail(world, &mailer, &(struct ko_phase_options){0}, &stats, err);
    CHECK(stats.n_wire_bytes == 0);
}

static void
a_receive_may_reply(struct ko_world *world, struct ko_error *err)
{
    struct mailer mailer = mailer_of(world, err, 3000);
    struct ko_phase_stats stats;

    mailer.wants_replies = true;
    run_mail(world, &mailer, &(struct ko_phase_options){.buffer_bytes = 2048}, &stats, err);
}

static void
messages_longer_than_a_buffer_arrive_whole(struct ko_world *world, struct ko_error *err)
{
    struct mailer mailer = mailer_of(world, err, 16);
    struct ko_phase_stats stats;

    mailer.length_step = 37123; /* short and long ones mixed, up to 150 kB */
    mailer.length_limit = 150000;
    run_mail(world, &mailer, &(struct ko_phase_options){.buffer_bytes = 2048}, &stats, err);
    CHECK(stats.n_wire_bytes >= mailer.n_sent_bytes);
    CHECK(stats.n_wire_bytes <= mailer.n_sent_bytes + 3 * mailer.n_sent);
}

/*
 * Tokens hop from rank to rank, each hop to one that its number tells, while every rank says all
 * the time that it is done: the phase must not end before the last hop of the last token.
 */
struct hopper {
    struct ko_error *err;
    int rank;
    int n_ranks;
    bool is_started;
    uint64_t n_hops;
};

enum { TOKENS = 1, HOPS = 120 };

static enum ko_code
send_token(const struct hopper *hopper, struct ko_phase *phase, uint64_t n_left,
           struct ko_error *err)
{
    const uint64_t mixed = (n_left + (uint64_t) hopper->rank) * UINT64_C(0x9e3779b97f4a7c15);
    char token[8];

    ko_write_u64(token, n_left);
    return ko_phase_send(phase, (int) ((mixed >> 40) % (uint64_t) hopper->n_ranks),
                         (struct ko_slice){token, sizeof token}, err);
}

static enum ko_code
hop_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct hopper *const hopper = self;

    for (int i = 0; i < TOKENS && !hopper->is_started; i++)
        KO_TRY(send_token(hopper, phase, HOPS - 1, err));
    hopper->is_started = true;
    *state = KO_PHASE_DONE;
done:
    return err->code;
}

static enum ko_code
hop_receive(void *self, struct ko_phase *phase, int source, struct ko_slice content,
            struct ko_error *err)
{
    struct hopper *const hopper = self;
    const uint64_t n_left = ko_read_u64(content.data);

    (void) source;
    hopper->n_hops++;
    return n_left == 0 ? err->code : send_token(hopper, phase, n_left - 1, err);
}

static void
a_phase_ends_only_when_nothing_is_under_way(struct ko_world *world, struct ko_error *err)
{
    static const struct ko_phase_ops ops = {.step = hop_step, .receive = hop_receive};
    uint64_t n_hops = 0;
    enum { PHASES = 10 };

    for (int i = 0; i < PHASES; i++) {
        struct hopper hopper = {
            .err = err, .rank = ko_world_rank(world), .n_ranks = ko_world_size(world)};

        (void) ko_phase_run(world,
                            &(struct ko_phase_options){.name = "hop", .ops = &ops, .self = &hopper},
                            NULL, err);
        n_hops += hopper.n_hops;
    }
    (void) ko_world_sum(world, &n_hops, 1, err);
    CHECK(n_hops == (uint64_t) PHASES * TOKENS * HOPS * (uint64_t) ko_world_size(world));
}

/* Each rank sends the next one an empty message. */
static enum ko_code
nudge_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct hopper *const hopper = self;

    *state = KO_PHASE_DONE;
    if (hopper->is_started)
        return err->code;
    hopper->is_started = true;
    return ko_phase_send(phase, (hopper->rank + 1) % hopper->n_ranks, KO_SLICE(""), err);
}

static enum ko_code
nudge_receive(void *self, struct ko_phase *phase, int source, struct ko_slice content,
              struct ko_error *phase_err)
{
    struct hopper *const hopper = self;
    struct ko_error *const err = hopper->err;

    (void) phase;
    CHECK((source + 1) % hopper->n_ranks == hopper->rank && content.n == 0);
    hopper->n_hops++;
    return phase_err->code;
}

static void
an_empty_message_is_a_message(struct ko_world *world, struct ko_error *err)
{
    static const struct ko_phase_ops ops = {.step = nudge_step, .receive = nudge_receive};
    struct hopper hopper = {
        .err = err, .rank = ko_world_rank(world), .n_ranks = ko_world_size(world)};
    struct ko_phase_stats stats;

    (void) ko_phase_run(world,
                        &(struct ko_phase_options){.name = "nudge", .ops = &ops, .self = &hopper},
                        &stats, err);
    CHECK(hopper.n_hops == 1 && stats.n_messages == 1 && stats.n_wire_bytes == 1);
}

static void
a_slow_receiver_holds_the_senders(struct ko_world *world, struct ko_error *err)
{
    enum { BUFFER = 8192, FILLING = 1, QUEUED = 4, FLYING = 2, ARRIVING = 4 };
    struct mailer mailer = mailer_of(world, err, 40000);
    struct ko_phase_stats stats;

    mailer.only_destination = 0; /* whose checks take longer than the sending */
    mailer.length_step = 0;
    run_mail(world, &mailer, &(struct ko_phase_options){.buffer_bytes = BUFFER}, &stats, err);
    CHECK(mailer.n_sent_bytes > 40 * BUFFER);
    CHECK(stats.peak_bytes <= (FILLING + QUEUED + FLYING + ARRIVING) * BUFFER);
}

static void
memory_bounds_the_buffers_of_all_destinations(struct ko_world *world, struct ko_error *err)
{
    enum { MEMORY = 64 * 1024 };
    struct mailer mailer = mailer_of(world, err, 30000);
    struct ko_phase_stats stats;

    run_mail(world, &mailer, &(struct ko_phase_options){.memory_bytes = MEMORY}, &stats, err);
    CHECK(mailer.n_sent_bytes > 10 * MEMORY);
    CHECK(stats.peak_bytes <=
          MEMORY + MEMORY / 6); /* a step stops behind the parcel that is full */
}

/* Lengths around the size of a buffer, where framed messages end and those in pieces begin. */
static void
messages_as_long_as_a_buffer_arrive_whole(struct ko_world *world, struct ko_error *err)
{
    struct mailer mailer = mailer_of(world, err, 300);
    struct ko_phase_stats stats;

    mailer.length_step = 1;
    mailer.length_limit = 20;
    mailer.length_least = 2048 - HEAD_BYTES - 10;
    run_mail(world, &mailer, &(struct ko_phase_options){.buffer_bytes = 2048}, &stats, err);
}

/* Own input: done once the loop has waited for it three times. */
struct waiter {
    struct ko_error *err;
    unsigned n_waits;
    uint64_t n_totals;
};

static enum ko_code
wait_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    const struct waiter *const waiter = self;

    (void) phase;
    *state = waiter->n_waits < 3 ? KO_PHASE_WAITING : KO_PHASE_DONE;
    return err->code;
}

static void
wait_wait(void *self, unsigned max_us)
{
    struct waiter *const waiter = self;
    struct ko_error *const err = waiter->err;

    CHECK(max_us >= 20 && max_us <= 1000);
    waiter->n_waits++;
}

static void
a_waiting_stage_waits_its_own_way(struct ko_world *world, struct ko_error *err)
{
    static const struct ko_phase_ops ops = {.step = wait_step, .wait = wait_wait};
    struct waiter waiter = {.err = err};

    (void) ko_phase_run(
        world, &(struct ko_phase_options){.name = "wait", .ops = &ops, .self = &waiter}, NULL, err);
    CHECK(waiter.n_waits == 3);
}

/* Counters: what rank 0 saw last is the sum over all. */
struct counter {
    uint64_t counts[2];
    uint64_t totals[2];
    unsigned n_steps;
};

static enum ko_code
count_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct counter *const counter = self;

    (void) phase;
    counter->counts[0]++;
    counter->counts[1] += UINT64_C(10000000000);
    *state = ++counter->n_steps < 100 ? KO_PHASE_BUSY : KO_PHASE_DONE;
    return err->code;
}

static void
count_progress(void *self, const uint64_t *totals)
{
    struct counter *const counter = self;

    memcpy(counter->totals, totals, sizeof counter->totals);
}

static void
rank_0_sees_the_counters_of_all(struct ko_world *world, struct ko_error *err)
{
    static const struct ko_phase_ops ops = {.step = count_step, .progress = count_progress};
    struct counter counter = {0};
    const uint64_t n = ko_world_rank(world) == 0 ? (uint64_t) ko_world_size(world) : 0;

    (void) ko_phase_run(world,
                        &(struct ko_phase_options){.name = "count",
                                                   .ops = &ops,
                                                   .self = &counter,
                                                   .counters = counter.counts,
                                                   .n_counters = 2},
                        NULL, err);
    CHECK(counter.totals[0] == 100 * n && counter.totals[1] == UINT64_C(1000000000000) * n);
}

/* Rank 0 has something to wait for; the others have nothing at all to do. */
static enum ko_code
idle_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    const uint64_t *const until_us = self;

    (void) phase;
    *state = ko_clock_us() < *until_us ? KO_PHASE_WAITING : KO_PHASE_DONE;
    return err->code;
}

static void
an_idle_rank_does_not_spin(struct ko_world *world, struct ko_error *err)
{
    static const struct ko_phase_ops ops = {.step = idle_step};
    const uint64_t start_us = ko_clock_us();
    uint64_t until_us = start_us + (ko_world_rank(world) == 0 ? 300000 : 0);
    const clock_t cpu_before = clock();
    struct ko_phase_stats stats;
    uint64_t cpu_us;
    uint64_t wall_us;

    (void) ko_phase_run(world,
                        &(struct ko_phase_options){.name = "idle", .ops = &ops, .self = &until_us},
                        &stats, err);
    cpu_us = (uint64_t) (clock() - cpu_before) * 1000000U / CLOCKS_PER_SEC;
    wall_us = ko_clock_us() - start_us;
    CHECK(wall_us >= 300000 && cpu_us * 4 < wall_us);
    CHECK(stats.idle_us > stats.busy_us);
}

CASES = {
    CASE(small_messages_arrive_once_and_in_order),
    CASE(all_can_send_to_one),
    CASE(one_rank_alone_can_have_all_the_work),
    CASE(a_phase_without_any_message_ends),
    CASE(a_receive_may_reply),
    CASE(messages_longer_than_a_buffer_arrive_whole),
    CASE(messages_as_long_as_a_buffer_arrive_whole),
    CASE(a_phase_ends_only_when_nothing_is_under_way),
    CASE(an_empty_message_is_a_message),
    CASE(a_slow_receiver_holds_the_senders),
    CASE(memory_bounds_the_buffers_of_all_destinations),
    CASE(a_waiting_stage_waits_its_own_way),
    CASE(rank_0_sees_the_counters_of_all),
    CASE(an_idle_rank_does_not_spin),
};
RUN_CASES
