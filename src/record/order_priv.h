/*
 * The order-preserving parts of a record; their bytes are described in record.h.
 */
#ifndef KEEPONE_RECORD_ORDER_PRIV_H
#define KEEPONE_RECORD_ORDER_PRIV_H

#include "keepone/record/record.h"

/*
 * The type bytes of ordered values: DynamoDB orders within a type alone, between them this is ours.
 */
enum { KO_ORDERED_N = 1, KO_ORDERED_S = 2, KO_ORDERED_B = 3 };

/* Epoch seconds of the item's TTL value, rounded down; KO_NEVER_EXPIRES if it has none that is a
 * number, or is past KO_NEVER_EXPIRES_AGE_S. */
enum ko_code ko_expiry(const struct ko_rules *rules, const struct ko_slice *values,
                       int64_t *expires_s, struct ko_error *err);

/* Adds `order`, and sets kinds[n_keep]. */
enum ko_code ko_order_add(const struct ko_rules *rules, const struct ko_slice *values,
                          int64_t expires_s, struct ko_buf *out, char kinds[KO_KEEP_RULES_MAX],
                          struct ko_error *err);

/*
 * Adds `primary_order`; starts[i] is where in out that of the hash and the range attribute begins.
 * KO_E_CORRUPT: a key attribute is absent or of a type that no key has.
 */
enum ko_code ko_primary_order_add(const struct ko_rules *rules, const struct ko_slice *values,
                                  struct ko_buf *out, size_t starts[2], struct ko_error *err);

#endif
