/*
 * DynamoDB values in JSON: {"S":"x"}, {"N":"1.5"}, {"M":{...}} ...
 *
 * A value is the slice of its text.  Canonical text is unique for equal values: no white
 * space, names sorted by their decoded bytes, set members sorted (S and B by bytes, N by
 * value), numbers canonical (format/number.h), strings escaped as ko_json_add_string()
 * does, lists in their order, base64 with canonical padding.  Two values are equal for DynamoDB
 * exactly if their canonical texts are equal bytes.
 *
 * Errors: KO_E_CORRUPT, naming the byte in the given text.
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_FORMAT_VALUE_H
#define KEEPONE_FORMAT_VALUE_H

#include <stdbool.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

/* Maps and lists in one another, at most; DynamoDB itself allows 32. */
enum { KO_VALUE_DEPTH_MAX = 64 };

enum ko_value_type {
    KO_VALUE_S,
    KO_VALUE_N,
    KO_VALUE_B,
    KO_VALUE_BOOL,
    KO_VALUE_NULL,
    KO_VALUE_M,
    KO_VALUE_L,
    KO_VALUE_SS,
    KO_VALUE_NS,
    KO_VALUE_BS
};

/* "S", "N", ... */
const char *ko_value_type_name(enum ko_value_type type);

/*
 * Opens {"T":content}: *content is the JSON text behind the tag (a string with its quotes,
 * true, {...}, [...]).  The form of the whole value is checked, as in format/item.h: KO_E_CORRUPT
 * for an unknown tag, a content of the wrong form, a second member, NULL false, an empty set, maps
 * and lists deeper than KO_VALUE_DEPTH_MAX.  The digits of numbers and base64 are left to the
 * canonical text.
 */
enum ko_code ko_value_open(struct ko_slice value, enum ko_value_type *type,
                           struct ko_slice *content, struct ko_error *err);

/*
 * Adds the canonical text of a value.  KO_E_CORRUPT besides for what DynamoDB would refuse: members
 * named twice in a map, equal set members, bad numbers and base64.  After a failure out is as
 * before.
 */
enum ko_code ko_value_add_canonical(struct ko_buf *out, struct ko_slice value,
                                    struct ko_error *err);

/* The same for the text of an item or key: {"name":value,...}. */
enum ko_code ko_item_add_canonical(struct ko_buf *out, struct ko_slice item, struct ko_error *err);

/*
 * True if the value, which was checked before (ko_item_walk() or ko_value_open()), is an S whose
 * text is canonical already, so that bytes can be compared and copied as they are: no white space
 * outside the string and no backslash.  Sets *text, unless text is NULL, to the characters between
 * the quotes.  Cheap; a "false" only costs time.
 */
bool ko_value_is_plain_string(struct ko_slice value, struct ko_slice *text);

/*
 * Adds the canonical text of a value that was checked before, if it is an S without white space
 * around its string, whatever escapes it has; otherwise adds nothing and returns false.
 */
bool ko_value_add_string(struct ko_buf *out, struct ko_slice value);

/* Adds the canonical value of a string whose decoded bytes are text: {"S":"..."}. */
void ko_value_add_text(struct ko_buf *out, struct ko_slice text);

/*
 * Equality as DynamoDB sees it, absent values included (absent equals absent only).  Both values
 * were checked before: equal bytes are equal without another look.
 */
enum ko_code ko_value_equal(struct ko_slice a, struct ko_slice b, bool *equal,
                            struct ko_error *err);

/* The same for two items. */
enum ko_code ko_item_equal(struct ko_slice a, struct ko_slice b, bool *equal, struct ko_error *err);

/*
 * Sets *value to the member of the map (an M's content or an item) with this decoded name, or
 * absent. KO_E_CORRUPT if the map is not a JSON object or has the name twice.
 */
enum ko_code ko_map_member(struct ko_slice map, struct ko_slice name, struct ko_slice *value,
                           struct ko_error *err);

/* Sets *value to the element of the list (an L's content), or absent if the index is past its end.
 */
enum ko_code ko_list_element(struct ko_slice list, size_t index, struct ko_slice *value,
                             struct ko_error *err);

/*
 * The size DynamoDB bills for an item, in bytes: names and values, as documented
 * (numbers: about half a byte per digit plus one).  An estimate within a few bytes.  The item is
 * checked like by ko_item_add_canonical().
 */
enum ko_code ko_item_billed_bytes(struct ko_slice item, size_t *billed_bytes, struct ko_error *err);

#endif
