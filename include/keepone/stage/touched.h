/*
 * Touched: the set of the primary keys that changes speak of, by their 128-bit fingerprints.
 *
 * Every rank holds the whole set, because any rank may read any file of the full export: about 21
 * bytes for a key.
 *
 * Thread use: one thread per rank.  MPI: none, every call is local.
 */
#ifndef KEEPONE_STAGE_TOUCHED_H
#define KEEPONE_STAGE_TOUCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/format/digest.h"
#include "keepone/record/rules.h"

struct ko_touched; /* opaque; owned by the caller of _new */

/* What a set of n keys takes. */
uint64_t ko_touched_bytes(uint64_t n);

/* An empty set with room for n keys.  NULL with KO_E_MEMORY. */
struct ko_touched *ko_touched_new(uint64_t n, struct ko_error *err);
void ko_touched_free(struct ko_touched *touched);

/* Adds a key; adding it again changes nothing.  More than n different ones are KO_E_BUG. */
enum ko_code ko_touched_add(struct ko_touched *touched, struct ko_wide_fingerprint fingerprint,
                            struct ko_error *err);

bool ko_touched_has(const struct ko_touched *touched, struct ko_wide_fingerprint fingerprint);

uint64_t ko_touched_n(const struct ko_touched *touched);

/*
 * The fingerprint of an item's primary key: of the canonical texts of its values, so that it is the
 * same however the item was written.  values as ko_rules_look() gives them, or at least the key's;
 * scratch is overwritten.
 */
enum ko_code ko_touched_fingerprint(const struct ko_rules *rules, const struct ko_slice *values,
                                    struct ko_buf *scratch, struct ko_wide_fingerprint *fingerprint,
                                    struct ko_error *err);

#endif
