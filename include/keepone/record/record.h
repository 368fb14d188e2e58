/*
 * Records: what is kept of an item on its way from the reader to the plan.
 *
 * Two forms.  The *key text* of an item is the canonical JSON of its normalised key,
 * {"cause":{"S":"x"}}; two items belong together exactly if their key texts are equal
 * bytes; its fingerprint routes it.  A *record* is made for candidates alone: one run of bytes
 * with all that resolve and plan need, self-describing, compared without the rules.
 *
 * Layout of a record (integers little-endian; a format of messages and spills, not of run files):
 *
 *   u64 fingerprint, i64 expires_s, then u32 n of each section, then the sections' bytes:
 *   key            key text
 *   order          1 byte: 0, or 1 if the item is expired; then per keep rule
 *                  1 byte 1 (unusable), or a 0 and
 *                  oldest/newest  16 bytes of ko_time_ordered()
 *                  min/max        1 type byte (1 N, 2 S, 3 B), the value in order-preserving bytes
 *                  has/equals     1 byte: 0 true, 1 false
 *                  (newest and max with every bit behind the usable byte inverted)
 *   primary_order  hash, then range value, each as for min
 *   kinds          1 byte per keep rule, enum ko_keep_value
 *   values         of the primary key, then of every seen path; a varint each, and
 *                  0              nothing: the value is absent
 *                  1              varint offset and n: canonical JSON that stands in `key`
 *                  2              varint offset and n: an S whose bytes stand in `primary_order`
 *                  n + 3          n bytes of canonical JSON
 *
 * Nothing stands in a record twice, for all candidates are sent, sorted and kept in this form.
 * Order-preserving bytes: N as ko_number_add_ordered(); S and B as they are, with 00 written as 00
 * FF, ended by 00 00.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_RECORD_RECORD_H
#define KEEPONE_RECORD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/record/rules.h"

/* An item without TTL value never expires. */
#define KO_NEVER_EXPIRES INT64_MAX

/*
 * DynamoDB expires no item whose time is more than five years in the past (Developer Guide, "Using
 * DynamoDB Time to Live"): 0, a common mark of "never", is one.  To the day that is not documented,
 * and until apply more time passes; whether an item between the two ages expires is not known.
 */
enum { KO_EXPIRES_AGE_S = (5 * 365 - 31) * 86400, KO_NEVER_EXPIRES_AGE_S = 5 * 366 * 86400 };

/* A record is refused above this (KO_E_CORRUPT): far more than an item of 400 KB can need. */
enum { KO_RECORD_BYTES_MAX = 64 * 1024 * 1024 };

/* As what a keep rule's value was used, or that it cannot be; one byte per rule in `kinds`. */
enum ko_keep_value {
    KO_KEEP_UNUSABLE = 0,
    KO_KEEP_TIME,
    KO_KEEP_N,
    KO_KEEP_S,
    KO_KEEP_B,
    KO_KEEP_BOOLEAN
};

/* A decoded record; every slice borrows from the record's bytes. */
struct ko_record {
    uint64_t fingerprint;
    int64_t expires_s;   /* epoch seconds, or KO_NEVER_EXPIRES (so also above that age) */
    struct ko_slice key; /* key text */
    struct ko_slice
        order; /* bytes: the keeper is the record with the smallest (order, primary_order) */
    struct ko_slice
        primary_order;      /* bytes whose order is the primary key's: hash, then range attribute */
    struct ko_slice kinds;  /* n_keep bytes, enum ko_keep_value */
    struct ko_slice values; /* for the functions below */
    struct ko_slice bytes;  /* the whole record */
};

/*
 * Adds the key text of an item to out, or sets *is_missing and adds nothing: a part is absent,
 * NULL, empty, or empty after normalising, unless the rules say KO_MISSING_GROUP (then such a part
 * stands as null).
 */
enum ko_code ko_key_add(const struct ko_rules *rules, const struct ko_slice *values,
                        struct ko_buf *out, bool *is_missing, struct ko_error *err);

/*
 * The fingerprint of an item's key: of the bytes ko_key_add() would add.  scratch is overwritten.
 * The hot path: a plain string key is not parsed again.
 */
enum ko_code ko_key_fingerprint(const struct ko_rules *rules, const struct ko_slice *values,
                                struct ko_buf *scratch, uint64_t *fingerprint, bool *is_missing,
                                struct ko_error *err);

/*
 * Adds the record of an item to out, or nothing on failure.  The item must have its primary key and
 * a key (otherwise KO_E_CORRUPT).
 */
enum ko_code ko_record_add(const struct ko_rules *rules, const struct ko_slice *values,
                           struct ko_buf *out, struct ko_error *err);

/* The fingerprint of a record's key, of the bytes of a valid record. */
static inline uint64_t
ko_record_fingerprint(struct ko_slice bytes)
{
    return ko_read_u64(bytes.data);
}

/* KO_E_CORRUPT if the bytes are not a record.  Its values are looked at when they are asked for. */
enum ko_code ko_record_decode(struct ko_slice bytes, struct ko_record *record,
                              struct ko_error *err);

/* Adds the canonical JSON of the primary key, {"pk":{"S":"a"},"sk":{"N":"1"}}. KO_E_CORRUPT. */
enum ko_code ko_record_add_primary_key(const struct ko_rules *rules, const struct ko_record *record,
                                       struct ko_buf *out, struct ko_error *err);

/* Adds canonical JSON {"path":raw value or null,...} of every seen path. KO_E_CORRUPT. */
enum ko_code ko_record_add_seen(const struct ko_rules *rules, const struct ko_record *record,
                                struct ko_buf *out, struct ko_error *err);

/* Do the items of both records agree on every --same attribute?  KO_E_CORRUPT. */
enum ko_code ko_record_agree(const struct ko_rules *rules, const struct ko_record *a,
                             const struct ko_record *b, bool *agree, struct ko_error *err);

/*
 * The order of the plan: fingerprint, key, order, primary_order, then all other bytes.  Total: 0
 * only for records of equal bytes.  Arguments are the bytes of valid records.
 */
int ko_record_compare(struct ko_slice a, struct ko_slice b);

/* Key, order and primary_order of a valid record: bytes in whose order the plan is, within one
 * fingerprint.  No such text is the start of another. */
struct ko_slice ko_record_order_text(struct ko_slice bytes);

/* A fingerprint of the primary key. */
uint64_t ko_record_primary_fingerprint(const struct ko_record *record);

/* Partitions: fixed, by leading bits of the fingerprint; a contiguous run of them per rank. */
enum { KO_PARTITIONS = 1024, KO_PARTITION_BITS = 10 };

static inline unsigned
ko_partition_of(uint64_t fingerprint)
{
    return (unsigned) (fingerprint >> (64 - KO_PARTITION_BITS));
}

/* Rank r of n owns partitions [first(r), first(r + 1)); n may exceed KO_PARTITIONS. */
static inline unsigned
ko_partition_first(unsigned rank, unsigned n_ranks)
{
    return (unsigned) (((uint64_t) rank * KO_PARTITIONS + n_ranks - 1) / n_ranks);
}

static inline unsigned
ko_partition_owner(unsigned partition, unsigned n_ranks)
{
    return (unsigned) ((uint64_t) partition * n_ranks / KO_PARTITIONS);
}

#endif
