/*
 * The values of a record, as they are added; their bytes are described in record.h.
 */
#ifndef KEEPONE_RECORD_VALUES_PRIV_H
#define KEEPONE_RECORD_VALUES_PRIV_H

#include "keepone/record/record.h"

/*
 * Adds the values of the primary key.  In out stand already: from section_start on `primary_order`,
 * and in it from starts[0], and starts[1] if there is a range attribute, on what belongs to each.
 */
enum ko_code ko_primary_values_add(const struct ko_rules *rules, const struct ko_slice *values,
                                   size_t section_start, const size_t starts[2], struct ko_buf *out,
                                   struct ko_error *err);

/* Adds the values of the seen paths; key text stands in out already, from key_start to key_end. */
enum ko_code ko_seen_values_add(const struct ko_rules *rules, const struct ko_slice *values,
                                size_t key_start, size_t key_end, struct ko_buf *out,
                                struct ko_error *err);

#endif
