/*
 * Batches: the lines of a plan that travel together, and what each of them needs next.
 *
 * apply.c moves batches along; batch.c has what the others share; batch_read.c reads losers and
 * keepers and puts losers back, batch_delete.c deletes with PartiQL or DeleteItem, batch_transact.c
 * with transactions. A batch has one request at most in flight.
 */
#ifndef KEEPONE_STAGE_BATCH_PRIV_H
#define KEEPONE_STAGE_BATCH_PRIV_H

#include "keepone/aws/dynamodb.h"
#include "keepone/base/mem.h"
#include "keepone/stage/apply.h"
#include "keepone/stage/pacing.h"

enum {
    CHECKED_LINES = 25,                             /* statements in a BatchExecuteStatement */
    TRANSACT_LINES = 99,                            /* and one check of the keeper */
    IMAGE_BYTES_MAX = 4 * 1024 * 1024 - 256 * 1024, /* of losers deleted by one request */
    TRIES_MAX = 12 /* rounds of a line whose item keeps changing in attributes nobody looked at */
};

/* What a line needs next, in the order in which a batch works. */
enum need { NEED_READ, NEED_COMMIT, NEED_DELETE, NEED_RECHECK, NEED_RESTORE, NEED_NOTHING };

struct line {
    uint32_t part;
    uint64_t line_number;
    struct ko_slice primary_key; /* texts in the batch's arena */
    struct ko_slice seen;
    struct ko_slice keeper_key;
    struct ko_slice keeper_seen;
    struct ko_slice image; /* as in the journal; absent if there is no intent */
    enum need need;
    enum ko_outcome outcome; /* to be settled once the keeper was looked at again */
    bool was_unknown;        /* an attempt of ours may have deleted the item without our knowing */
    uint64_t unknown_us;     /* when we last heard of such a request */
    bool was_open;           /* an earlier attempt left it open, or failed at it */
    bool was_absent;         /* the reply in hand neither deleted nor refused it */
    bool by_item;            /* PartiQL cannot do it: DeleteItem */
    unsigned n_tries;
};

struct apply;

struct batch {
    struct apply *apply;
    struct ko_arena *arena;
    struct line lines[TRANSACT_LINES];
    size_t n_lines; /* 0: this batch is free */
    bool is_in_flight;
    size_t sent[TRANSACT_LINES]; /* the lines of the request in flight */
    size_t n_sent;
    double weight;               /* of the request to be sent: keys to read, kilobytes to write */
    uint64_t not_before_us;      /* back-off */
    uint64_t throttled_since_us; /* 0 = not throttled */
    unsigned n_backoffs;
    uint64_t commit_since_us; /* waiting for the journal since; 0 = not waiting */
};

struct apply {
    const struct ko_apply_config *config;
    struct ko_world *world;
    struct ko_journal *journal;
    struct ko_journal_index *index;
    struct batch *batches;
    uint32_t n_batches;
    uint32_t n_active;
    size_t next_part; /* index in the manifest */
    size_t end_part;
    struct ko_plan_parts *parts; /* of this rank, those to come */
    struct ko_plan_reader *reader;
    uint32_t reader_part;
    struct ko_plan_line pending; /* read ahead, borrowed from the reader; text absent = none */
    bool has_pending;
    bool is_read;            /* all lines of this rank are in batches or done */
    bool no_partiql;         /* the account forbids it, or the table is another's */
    bool returns_old_images; /* a PartiQL delete of ours has brought one back */
    struct ko_ledger ledger; /* this rank's share */
    uint64_t n_settled;      /* for progress */
    struct ko_pacing pacing;
    double line_kilobytes;           /* mean of images, old ones forgotten; 0 = not known */
    struct open_images *open_images; /* of earlier attempts; NULL = none */
    uint64_t start_us;
    struct ko_error failure; /* the first; replies in flight are still taken */
    bool is_ending;          /* a stop, or a failure on another rank */
    struct ko_buf request;
};

/* batch.c */
enum ko_code batch_settle(struct batch *batch, struct line *line, enum ko_outcome outcome,
                          const char *reason, struct ko_error *err);
enum ko_code batch_add_intent(struct batch *batch, struct line *line, struct ko_slice image,
                              struct ko_error *err);
void batch_back_off(struct batch *batch, struct ko_error *err);

/* A request that may delete the line's item is out of our sight. */
void batch_note_unknown(struct line *line);
void batch_made_progress(struct batch *batch);

/* A part of a request was refused with this code; body may have ThrottlingReasons. */
void batch_note_throttle(struct batch *batch, enum ko_pace_resource resource, struct ko_slice code,
                         struct ko_slice body);

/* What writing or deleting an image weighs: kilobytes begun, as the service counts them. */
double batch_image_weight(struct ko_slice image);

/* Tags of calls: when work ends early, those that have deleted nothing need not wait for capacity.
 */
enum { TAG_MUST_END, TAG_MAY_GIVE_UP };

/* Sends apply->request of batch->weight; done gets the batch as self. */
enum ko_code batch_send(struct batch *batch, const char *operation, uint64_t tag,
                        ko_dynamodb_done_fn *done, struct ko_error *err);

/* Every done function ends so: a failure is kept, the batch is no longer in flight, the loop goes
 * on. */
enum ko_code batch_end_reply(struct batch *batch, const struct ko_error *local);

/* batch_read.c */
enum ko_code batch_send_read(struct batch *batch, struct ko_error *err);
enum ko_code batch_send_recheck(struct batch *batch, struct ko_error *err);
enum ko_code batch_send_restore(struct batch *batch, struct ko_error *err);

/* batch_delete.c */
enum ko_code batch_send_delete(struct batch *batch, struct ko_error *err);
enum ko_code batch_take_old_image(struct batch *batch, struct line *line, struct ko_slice image,
                                  struct ko_error *err);
enum ko_code batch_is_as_wanted(const struct batch *batch, const struct line *line,
                                struct ko_slice item, bool *is_as_wanted, struct ko_error *err);
struct ko_slice batch_all_of(const struct batch *batch, const struct line *line);

/* batch_transact.c */
enum ko_code batch_send_transaction(struct batch *batch, struct ko_error *err);

#endif
