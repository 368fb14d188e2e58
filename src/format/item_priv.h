/*
 * What an item walker remembers, and its walks: one per way of finding the ends of strings.
 */
#ifndef KEEPONE_FORMAT_ITEM_PRIV_H
#define KEEPONE_FORMAT_ITEM_PRIV_H

#include <stdint.h>

#include "keepone/format/item.h"
#include "scan_priv.h"
#include "stop_priv.h"

enum {
    KO_ITEM_KNOWN_BITS = 9, /* of the number of names that are remembered */
    KO_ITEM_START = 1 << KO_ITEM_KNOWN_BITS,
    KO_ITEM_OTHER,
    KO_ITEM_KNOWN
};

enum {
    KO_ITEM_STRING_HEAD = 6, /* bytes of {"S":" */
    KO_ITEM_STRING_MAX = 1 << 20,
    KO_ITEM_STEADY = 4 /* strings of one length in a row make the next one expected */
};

/* A name that was met, as it was written.  64 bytes: an index is shifted, not multiplied. */
struct ko_item_known {
    _Alignas(16) char text[KO_SAME_BYTES]; /* "name": and, if n_reach says so, {"S":" */
    uint64_t bit;                          /* 1 << value_index if the name is wanted, otherwise 0 */
    uint32_t n_reach;    /* bytes that the check for the expected string reads; UINT32_MAX = none */
    uint32_t n_string;   /* bytes of the last string, without its quotes */
    uint16_t next;       /* the index of the name that followed last time */
    uint8_t value_index; /* n_names if the name is not wanted */
    uint8_t n;           /* bytes of the name in text, with its colon */
    uint8_t n_steady;    /* how many strings in a row were as long, KO_ITEM_STEADY at most */
};

/*
 * Names are kept by hash, one per place; a newer one displaces an older.  Which name is expected
 * next is a guess that costs nothing to be wrong: the bytes are compared, and a place holds
 * a real name at any time, "" where there was none yet.  KO_ITEM_START stands before an item's
 * first name; KO_ITEM_OTHER stands for a name too long to be kept, and nobody's `next` points at
 * it.
 */
struct ko_item_walker {
    struct ko_item_known known[KO_ITEM_KNOWN];
    struct ko_slice found[KO_ITEM_NAMES_MAX + 1]; /* the last one collects what is not wanted */
    struct ko_slice names[KO_ITEM_NAMES_MAX];
    char *name_bytes;
    size_t n_names;
    enum ko_item_path path;
    uint64_t escaped; /* bits of the wanted names whose values have an escape */
};

/*
 * The place for a name between quotes, from its length, the 8 bytes from its quote on and its
 * last 2. What stands around a short name comes in too; then a name has several places, which does
 * not matter.  An item's brace stands before the quote, and KO_SAME_BYTES from it on must be
 * readable.
 */
static inline uint16_t
ko_item_hash(struct ko_slice raw)
{
    uint32_t tail;
    uint64_t mixed;

    memcpy(&tail, raw.data + raw.n - 2, sizeof tail);
    mixed = ko_load_u64(raw.data - 1) ^ (uint64_t) tail << 20 ^ raw.n;
    return (uint16_t) (mixed * UINT64_C(0x9e3779b97f4a7c15) >> (64 - KO_ITEM_KNOWN_BITS));
}

/* Puts the checked name into the place; one too long for that into KO_ITEM_OTHER. Returns its
 * index. */
uint16_t ko_item_learn(struct ko_item_walker *walker, struct ko_slice raw, uint16_t place);

/*
 * Walks the item that starts at `at`, fills walker->found and sets *seen to the bits of the wanted
 * names met; returns the place behind the item, or NULL after a fault.
 */
typedef const char *ko_item_walk_fn(struct ko_item_walker *walker, struct ko_scan *scan,
                                    const char *at, uint64_t *seen);

/* Walks by the walker's own path; values[i] is set for every name. */
const char *ko_item_walk_scan(struct ko_item_walker *walker, struct ko_scan *scan, const char *at,
                              struct ko_slice *values);

ko_item_walk_fn ko_item_walk_plain;
#ifdef KO_HAS_X86
ko_item_walk_fn ko_item_walk_sse2;
ko_item_walk_fn ko_item_walk_avx2;
#endif
#ifdef KO_HAS_NEON
ko_item_walk_fn ko_item_walk_neon;
#endif

#endif
