/*
 * Literals, typed by how they are written: "text" or 'text' is S, b64"..." is B, a number is N,
 * true and false BOOL, null NULL.  Shared by --where and by equals: of --keep.
 */
#ifndef KEEPONE_RECORD_LITERAL_PRIV_H
#define KEEPONE_RECORD_LITERAL_PRIV_H

#include "keepone/base/buf.h"
#include "keepone/format/value.h"

/* How many bytes the quoted text (or b64"...") that text begins with has; 0 if its end is missing.
 */
size_t ko_literal_quoted_bytes(struct ko_slice text);

/* True if text begins with a quote or with b64 and a quote. */
bool ko_literal_is_quoted(struct ko_slice text);

/* True if text is a number, or begins like one: a digit, a sign or a dot. */
bool ko_literal_is_number(struct ko_slice text);

/* True if text is true, false or null, in any case. */
bool ko_literal_is_word(struct ko_slice text);

/* Compares words as keywords are: without regard to case. */
bool ko_literal_same_word(struct ko_slice text, const char *word);

/* Adds the canonical value of a literal.  KO_E_OPTION: not one of the forms above; names the text.
 */
enum ko_code ko_literal_add(struct ko_slice text, struct ko_buf *out, enum ko_value_type *type,
                            struct ko_error *err);

#endif
