/*
 * What the parts of catch-up share: a change on its way to its owner, and what stays of a run.
 *
 * A change, in messages and spills, is bytes that sort as changes follow each other:
 *   u64 u64 fingerprint of the primary key, u32 window, u64 microseconds, all big-endian,
 *   u8 1 for an item that is there, 0 for a deleted one; then, if it is there, its row
 *
 * Thread use: one thread per rank.  MPI: collective over the world where said.
 */
#ifndef KEEPONE_STAGE_CATCH_UP_PRIV_H
#define KEEPONE_STAGE_CATCH_UP_PRIV_H

#include "keepone/base/buf.h"
#include "keepone/base/file.h"
#include "keepone/format/digest.h"
#include "keepone/stage/catch_up.h"
#include "keepone/stage/touched.h"
#include "keepone/store/row_file.h"

enum {
    KO_CHANGE_MOMENT_OFFSET = 16, /* window and microseconds */
    KO_CHANGE_STATE_OFFSET = 28,
    KO_CHANGE_HEAD_BYTES = 29
};

struct ko_catch_up {
    const struct ko_rules *rules;
    char path[KO_PATH_BYTES];   /* of this rank's newest images */
    struct ko_touched *touched; /* of all ranks */
    uint64_t n_superseded;
};

struct ko_change_reader; /* opaque; reads lines of changes */
struct ko_sorter;
struct ko_world;

/* What lives during the three phases on a rank. */
struct ko_catching_up {
    const struct ko_catch_up_config *config;
    struct ko_world *world;
    struct ko_catch_up *result;
    struct ko_catch_up_stats stats; /* of this rank */
    struct ko_sorter *sorter;

    struct ko_change_reader *reader;
    bool is_asked; /* for a claim, and not answered yet */
    bool is_claim_open;
    bool is_done; /* there are no more claims */
    uint64_t n_sent;
    uint64_t n_received;

    struct ko_row_writer *writer;
    struct ko_buf newest;   /* the newest change of the open key: its head, then rows */
    size_t last_row_offset; /* of the last of these rows, which a deleted item has not */
    struct ko_buf own_keys; /* fingerprints of this rank's touched keys */
    size_t next_key_offset; /* to send */
};

/* A number in the head of a change. */
static inline uint64_t
ko_change_number(struct ko_slice bytes, size_t offset, unsigned n_bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < n_bytes; i++)
        value = value << 8 | (unsigned char) bytes.data[offset + i];
    return value;
}

/* The phases "newest" and "touched"; collective. */
enum ko_code ko_catch_up_find_newest(struct ko_catching_up *all, struct ko_error *err);
enum ko_code ko_catch_up_share_keys(struct ko_catching_up *all, uint64_t n_touched,
                                    struct ko_error *err);

/* What the reader of images takes for the same kind of file as the writer. */
struct ko_row_kind ko_catch_up_kind(const struct ko_rules *rules);

struct ko_change_reader *ko_change_reader_new(const struct ko_rules *rules, bool no_md5,
                                              struct ko_error *err);
void ko_change_reader_free(struct ko_change_reader *reader);

struct ko_export_file;

/* window: the index of the file's export in the chain. */
enum ko_code ko_change_reader_begin(struct ko_change_reader *reader,
                                    const struct ko_export_file *file, uint32_t window,
                                    struct ko_error *err);

/* As ko_export_reader_is_ready() and _wait(). */
enum ko_code ko_change_reader_is_ready(struct ko_change_reader *reader, bool *is_ready,
                                       struct ko_error *err);
void ko_change_reader_wait(struct ko_change_reader *reader, unsigned max_us);

/*
 * Sets *change to the next change as bytes, borrowed until the next call, or to an absent slice at
 * the end of the file, and *fingerprint to that of its primary key.  Errors name file and line.
 */
enum ko_code ko_change_reader_next(struct ko_change_reader *reader, struct ko_slice *change,
                                   struct ko_wide_fingerprint *fingerprint, struct ko_error *err);

#endif
