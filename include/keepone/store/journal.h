/*
 * Journal: what was about to be deleted, what became of it, what was put back.
 *
 * Files journal/apply-AAAA-rank-RRRRR.jsonl.zst and undo-AAAA-...: one per rank and attempt,
 * attempts of both kinds in one count.  On a mount, where files cannot grow, one per commit:
 * apply-AAAA-rank-RRRRR-PPPPPP.jsonl.zst, the pieces P from 1.  One event per line:
 *
 *     {"part":12,"line":345,"intent":{...the loser's image, as read...}}
 *     {"part":12,"line":345,"outcome":"deleted","old":{...},"reason":"..."}      old, reason: if
 * any
 *     {"part":12,"line":345,"undo":"restored","reason":"..."}
 *
 * An intent is durable before its delete is sent (ko_journal_commit), an outcome before it counts.
 * Later events win over earlier ones, but what was deleted stays deleted; files follow each other
 * by attempt, then rank (a line is worked on by one rank per attempt), then piece.  A tail that a
 * crash cut off is passed over; a piece that is missing between others is not.
 *
 * Thread use: one journal, one thread.  MPI: none; each rank writes a file of its own.
 */
#ifndef KEEPONE_STORE_JOURNAL_H
#define KEEPONE_STORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"
#include "keepone/store/plan.h"

enum ko_journal_kind { KO_JOURNAL_APPLY, KO_JOURNAL_UNDO };

enum ko_journal_event_kind { KO_EVENT_INTENT, KO_EVENT_OUTCOME, KO_EVENT_UNDO };

enum ko_outcome {
    KO_OUTCOME_NONE,
    KO_OUTCOME_DELETED,
    KO_OUTCOME_UNCONFIRMED, /* deleted; the reply was lost and the item is absent */
    KO_OUTCOME_GONE,        /* absent, and no attempt of ours can have done it */
    KO_OUTCOME_CHANGED,     /* no longer as seen */
    KO_OUTCOME_SPARED,      /* its keeper is gone or changed */
    KO_OUTCOME_FAILED       /* not final: the next attempt tries again */
};

enum ko_undo {
    KO_UNDO_NONE,
    KO_UNDO_RESTORED,
    KO_UNDO_PRESENT, /* something took its place: left alone */
    KO_UNDO_FAILED   /* not final */
};

/* "deleted", ..., "restored", ...; "none" for 0. */
const char *ko_outcome_name(enum ko_outcome outcome);
const char *ko_undo_name(enum ko_undo undo);

struct ko_journal_event {
    enum ko_journal_event_kind kind;
    uint32_t part;
    uint64_t line; /* number of the plan line in its part, from 1 */
    struct ko_slice
        image; /* intent: the item as read; outcome: "old", the item as deleted, if it differed */
    enum ko_outcome outcome; /* KO_EVENT_OUTCOME only */
    enum ko_undo undo;       /* KO_EVENT_UNDO only */
    struct ko_slice reason;  /* absent if none; short, such as an error's code */
    bool is_last_image; /* ko_journal_replay_next() only: no later event of the line has an image */
};

/* Adds the event's line, without newline. */
void ko_journal_event_encode(const struct ko_journal_event *event, struct ko_buf *out);

/* Sets *event; image borrows from text, reason from scratch (overwritten).  KO_E_CORRUPT. */
enum ko_code ko_journal_event_decode(struct ko_slice text, struct ko_journal_event *event,
                                     struct ko_buf *scratch, struct ko_error *err);

/* ---- writing ---- */

/* The number for the next attempt: one more than the highest of either kind (rank 0 tells all). */
enum ko_code ko_journal_next_attempt(const char *dir, uint32_t *attempt, struct ko_error *err);

struct ko_journal; /* opaque; owned by whoever called _open, until _close or _abandon */

struct ko_journal_options {
    enum ko_journal_kind kind;
    uint32_t attempt; /* from 1 */
    uint32_t rank;
};

/*
 * Makes the file; one that is there already is KO_E_IO.  On a mount it is the first commit that
 * finds this out.  On failure *journal is NULL.
 */
enum ko_code ko_journal_open(const char *dir, const struct ko_journal_options *options,
                             struct ko_journal **journal, struct ko_error *err);

/* Nothing is promised before ko_journal_commit().  After a failure only _abandon() is left. */
enum ko_code ko_journal_add(struct ko_journal *journal, const struct ko_journal_event *event,
                            struct ko_error *err);

/*
 * All events added before are durable.  On a mount it waits for the network, 30 to 100 ms on S3.
 * *n_bytes (may be NULL): their bytes, uncompressed.
 */
enum ko_code ko_journal_commit(struct ko_journal *journal, uint64_t *n_bytes, struct ko_error *err);

/* For group commit. */
uint64_t ko_journal_uncommitted_bytes(const struct ko_journal *journal);

/* Commits, closes, frees in any case. */
enum ko_code ko_journal_close(struct ko_journal *journal, struct ko_error *err);

/* Leaves the file at its last commit and frees.  Accepts NULL. */
void ko_journal_abandon(struct ko_journal *journal);

/* ---- reading ---- */

struct ko_journal_index; /* opaque; two bytes per plan line of its parts */

struct ko_journal_parts {
    uint32_t first, last; /* [first, last): the parts this rank works on */
};

/*
 * Reads all journal files of the run and keeps the state of each line of these parts.  Files made
 * later are not seen by this index.  KO_E_CORRUPT: a broken file that no crash explains, a file in
 * journal/ that is no journal, an event of a line that the plan does not have.  On failure *index
 * is NULL.
 */
enum ko_code ko_journal_index_read(const char *dir, const struct ko_plan_manifest *manifest,
                                   struct ko_journal_parts parts, struct ko_journal_index **index,
                                   struct ko_error *err);
void ko_journal_index_free(struct ko_journal_index *index);

/* What the journal says of a plan line. */
struct ko_line_state {
    bool has_image; /* there is an intent: a delete may have been sent */
    bool is_open;   /* an intent without outcome after it: read the item before anything else */
    enum ko_outcome outcome; /* the last one; NONE if is_open */
    enum ko_undo undo;       /* the last one */
};

/* part must be one of the index's parts and line one of the plan's. */
struct ko_line_state ko_journal_index_line(const struct ko_journal_index *index, uint32_t part,
                                           uint64_t line);

/* Sums over the lines of the index's parts; without work they are `left`, with open intents `open`.
 */
struct ko_ledger {
    uint64_t planned;              /* = deleted + gone + changed + spared + failed + open + left */
    uint64_t deleted, unconfirmed; /* unconfirmed is part of deleted */
    uint64_t gone, changed, spared, failed;
    uint64_t open, left;
    uint64_t restored, present, undo_failed; /* of the deleted ones */
};

void ko_journal_index_ledger(const struct ko_journal_index *index, struct ko_ledger *ledger);

/* KO_E_CORRUPT: the run is finished, and the journal of its directory tells nothing of n lines. */
enum ko_code ko_journal_fail_incomplete(const char *dir, uint64_t n_lines, struct ko_error *err);

/* Files whose tail was cut by a crash. */
uint64_t ko_journal_index_n_cut(const struct ko_journal_index *index);

struct ko_journal_replay; /* opaque; owned by whoever called _open */

/*
 * Reads the index's files again, event by event.  The index is borrowed until _close.
 * On failure *replay is NULL.
 */
enum ko_code ko_journal_replay_open(const struct ko_journal_index *index,
                                    struct ko_journal_replay **replay, struct ko_error *err);

/*
 * Sets *event to the next event of the index's parts, borrowed until the next call; *has_event =
 * false at the end.  An event with is_last_image has the image that undo puts back, and that
 * settles an open intent.  Errors: as ko_journal_index_read().
 */
enum ko_code ko_journal_replay_next(struct ko_journal_replay *replay,
                                    struct ko_journal_event *event, bool *has_event,
                                    struct ko_error *err);

/* Accepts NULL. */
void ko_journal_replay_close(struct ko_journal_replay *replay);

#endif
