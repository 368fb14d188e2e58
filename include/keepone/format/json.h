/*
 * JSON: a forward reader over text in memory, and the canonical writer of strings.
 *
 * A document is never copied: a value is the slice of its text ({"a":1} or "x\n"
 * with its quotes).  Reading is strict (RFC 8259, valid UTF-8, no lone surrogates;
 * members named twice are found by the lookups only) and every error is KO_E_CORRUPT
 * and says at which byte of the given text it is, counted from 0.  This is the reader
 * for small documents: manifests, replies, run files.  Items are walked by format/item.h.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_FORMAT_JSON_H
#define KEEPONE_FORMAT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

/*
 * Containers in containers, at most.  An item that DynamoDB accepts (32 levels of maps and lists)
 * is up to 66 deep, and stands a few levels deep in a reply or a plan line.
 */
enum { KO_JSON_DEPTH_MAX = 160 };

/* Checks that text is exactly one JSON value, white space around it allowed. */
enum ko_code ko_json_check(struct ko_slice text, struct ko_error *err);

/* A walk over the members of an object or the elements of an array. */
struct ko_json_cursor {
    const char *start; /* of the whole text, for error positions */
    const char *at;
    const char *end;
    bool is_object;
    bool is_first;  /* nothing was returned yet */
    bool is_at_end; /* the closing bracket was met */
};

/* value must be an object or an array, white space around it allowed, otherwise KO_E_CORRUPT. */
enum ko_code ko_json_enter(struct ko_slice value, struct ko_json_cursor *cursor,
                           struct ko_error *err);

/*
 * Sets *value to the next member's or element's text, checked, or to an absent slice at the end
 * (again and again).  name: the member's name as it stands between its quotes (escapes not
 * decoded); absent in arrays.  After an error the cursor is of no use.
 */
enum ko_code ko_json_next(struct ko_json_cursor *cursor, struct ko_slice *name,
                          struct ko_slice *value, struct ko_error *err);

/*
 * Sets *value to the text of the member with this decoded name, absent if there is none.  The whole
 * object is checked; the name twice is KO_E_CORRUPT.
 */
enum ko_code ko_json_find(struct ko_slice object, struct ko_slice name, struct ko_slice *value,
                          struct ko_error *err);

/* The same for a name of the program. */
enum ko_code ko_json_member(struct ko_slice object, const char *name, struct ko_slice *value,
                            struct ko_error *err);

/* Like ko_json_member(), and decodes: a member that is missing or of another type is KO_E_CORRUPT.
 */
enum ko_code ko_json_member_text(struct ko_slice object, const char *name, struct ko_buf *out,
                                 struct ko_error *err);
enum ko_code ko_json_member_u64(struct ko_slice object, const char *name, uint64_t *out,
                                struct ko_error *err);
enum ko_code ko_json_member_bool(struct ko_slice object, const char *name, bool *out,
                                 struct ko_error *err);

/* Decodes a string value (with its quotes, no white space around) and adds its bytes to out. */
enum ko_code ko_json_decode_string(struct ko_slice value, struct ko_buf *out, struct ko_error *err);

/* A whole number from 0 to 2^64 - 1 without exponent, fraction, or leading zeros. */
enum ko_code ko_json_decode_u64(struct ko_slice value, uint64_t *out, struct ko_error *err);

/*
 * Adds text as a JSON string with quotes, canonically: only ", \ and bytes below 0x20 are
 * escaped, as \" \\ \b \f \n \r \t or \u00xx (lower case).  text must be valid UTF-8.
 */
void ko_json_add_string(struct ko_buf *out, struct ko_slice text);

/*
 * True if text is valid UTF-8 (no overlong forms, no surrogates); otherwise *bad_offset is where
 * the first bad sequence starts.
 */
bool ko_utf8_check(struct ko_slice text, size_t *bad_offset);

#endif
