/*
 * The parts of a phase: what leaves (outbox), what arrives (inbox), injected faults.
 *
 * A parcel is one MPI message.  Messages travel as frames, a varint length (7 bits per byte, low
 * bits first) and the content, many of them in one parcel.  A message that does not fit into a
 * parcel travels bare in several, and is put together on arrival.  So no MPI message is larger
 * than a parcel, and every one can be received into memory that was made ready at the start: a
 * rank that has run out of memory can still take, and forget, what others sent.
 *
 * Thread use: the one thread of the rank.  MPI: local, nothing here waits.
 */
#ifndef KEEPONE_COMM_PHASE_PRIV_H
#define KEEPONE_COMM_PHASE_PRIV_H

#include "keepone/comm/phase.h"
#include "world_priv.h"

/* What an MPI message of a phase is; added to the phase's first tag. */
enum parcel_kind {
    PARCEL_FRAMES = 0, /* messages of the stage */
    PARCEL_PART = 1,   /* a piece of a long message, more of it follows */
    PARCEL_LAST = 2,   /* the last piece of one */
    PARCEL_ASK = 3,    /* empty: a rank wants a claim */
    PARCEL_CLAIM = 4   /* rank 0's answer: a u64 index, or empty for none */
};

enum { CLAIM_BYTES = 8, INBOX_SLOTS = 4 };

/* Memory in message buffers, of both boxes. */
struct ko_held {
    uint64_t now_bytes;
    uint64_t peak_bytes;
};

void ko_held_add(struct ko_held *held, size_t n_bytes);

/* ---- outbox ---- */

struct ko_parcel {
    struct ko_parcel *next;
    int destination;
    enum parcel_kind kind;
    size_t n;
    size_t capacity;
    char bytes[];
};

/* The way to one rank: one parcel being filled, then a queue, then up to two under way. */
struct ko_lane {
    struct ko_parcel *filling;
    struct ko_parcel *first;
    struct ko_parcel *last;
    unsigned n_queued;
    unsigned n_flying;
};

struct ko_outbox {
    struct ko_world *world;
    struct ko_held *held;
    struct ko_lane *lanes; /* one per rank */
    struct ko_parcel *spare;
    size_t parcel_bytes;
    uint64_t limit_bytes; /* queued and under way; from it on the box is full */
    int first_tag;

    MPI_Request *requests;     /* of the parcels under way; the three arrays go together */
    struct ko_parcel **flying; /* same index */
    int *finished;             /* room for MPI_Testsome's answer */
    int n_flying;
    int n_flying_room;
    int n_flying_claims;

    unsigned n_filling;
    unsigned n_queued;
    unsigned n_crowded; /* lanes whose queue is at its limit */
    uint64_t waiting_bytes;

    uint64_t n_sent; /* MPI messages, not counting those to this rank */
    uint64_t n_messages;
    uint64_t n_wire_bytes;
};

/* How large a parcel is, alike on all ranks if the options are. */
size_t ko_parcel_bytes(const struct ko_phase_options *options, int n_ranks);

enum ko_code ko_outbox_init(struct ko_outbox *box, struct ko_world *world, struct ko_held *held,
                            const struct ko_phase_options *options, int first_tag,
                            struct ko_error *err);
void ko_outbox_clear(struct ko_outbox *box);

enum ko_code ko_outbox_add(struct ko_outbox *box, int destination, struct ko_slice content,
                           struct ko_error *err);

/* Sends an ask to rank 0, or rank 0's answer; both go beside the lanes.  Not to this rank itself.
 */
void ko_outbox_ask(struct ko_outbox *box);
void ko_outbox_answer_none(struct ko_outbox *box, int destination);
enum ko_code ko_outbox_answer(struct ko_outbox *box, int destination, uint64_t claim_index,
                              struct ko_error *err);

/* Sees what has arrived and sends what was queued behind it.  True if anything moved. */
bool ko_outbox_drive(struct ko_outbox *box);

/* Lets partial parcels go where nothing is queued before them. */
void ko_outbox_flush(struct ko_outbox *box);

/* Forgets everything that is not under way. */
void ko_outbox_drop(struct ko_outbox *box);

/* Takes the oldest parcel to this rank itself, or NULL; give it back with _recycle(). */
struct ko_parcel *ko_outbox_take_own(struct ko_outbox *box);
void ko_outbox_recycle(struct ko_outbox *box, struct ko_parcel *parcel);
bool ko_outbox_has_own(const struct ko_outbox *box);

bool ko_outbox_is_full(const struct ko_outbox *box);
bool ko_outbox_is_empty(const struct ko_outbox *box); /* nothing under way either */

/* ---- inbox ---- */

struct ko_arrival {
    MPI_Request request;
    int source;
    enum parcel_kind kind;
    size_t n;
    char *bytes;
    bool is_complete;
};

/* A ring: arrivals are handed on in the order in which MPI matched them. */
struct ko_inbox {
    struct ko_world *world;
    struct ko_held *held;
    struct ko_arrival slots[INBOX_SLOTS];
    struct ko_buf *parts; /* one per rank: the long message that is arriving from it */
    size_t parcel_bytes;
    int first_tag;
    unsigned first;
    unsigned n_open;
};

enum ko_code ko_inbox_init(struct ko_inbox *box, struct ko_world *world, struct ko_held *held,
                           size_t parcel_bytes, int first_tag, struct ko_error *err);
void ko_inbox_clear(struct ko_inbox *box);

/* Begins to receive what there is.  True if there was anything. */
bool ko_inbox_drive(struct ko_inbox *box);

/* The oldest arrival once it is complete, or NULL; valid until _release(), which forgets it. */
const struct ko_arrival *ko_inbox_first(struct ko_inbox *box);
void ko_inbox_release(struct ko_inbox *box);

/* Adds a piece to the source's long message; *whole is all of it so far, until _forget_parts(). */
enum ko_code ko_inbox_add_part(struct ko_inbox *box, int source, struct ko_slice part,
                               struct ko_slice *whole, struct ko_error *err);
void ko_inbox_forget_parts(struct ko_inbox *box, int source);

/* ---- frames ---- */

/* Takes the first message off frames: a varint, how long it is, and its bytes.  They are trusted.
 */
struct ko_slice ko_frame_next(struct ko_slice *frames);

/* ---- injected faults ---- */

enum fault_kind { FAULT_NONE, FAULT_FAIL, FAULT_KILL, FAULT_STOP };

struct ko_fault {
    enum fault_kind kind;
    uint64_t n_steps_before;
};

/* Reads KEEPONE_FAULT; *fault is FAULT_NONE if it means another phase or rank. */
enum ko_code ko_fault_find(const char *phase_name, int rank, struct ko_fault *fault,
                           struct ko_error *err);

/* To be called before each step; strikes once. */
enum ko_code ko_fault_before_step(struct ko_fault *fault, struct ko_error *err);

#endif
