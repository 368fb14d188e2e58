/*
 * Texts of record: positions for messages, and the content of string values.
 */
#ifndef KEEPONE_RECORD_TEXT_PRIV_H
#define KEEPONE_RECORD_TEXT_PRIV_H

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

/* Which character of the text the byte at this offset belongs to, counted from 1. */
size_t ko_text_character(struct ko_slice text, size_t offset);

/* White space where options are written: space and tab, and line ends as in a job file. */
bool ko_text_is_space(char c);

/* KO_E_OPTION if text is not UTF-8; what: "attribute path", ... */
enum ko_code ko_text_check(struct ko_slice text, const char *what, struct ko_error *err);

/*
 * Sets *text to the decoded bytes of a JSON string (with its quotes): a part of the string itself
 * if it has no escapes, otherwise the content of temp, which is overwritten.
 */
enum ko_code ko_text_decode(struct ko_slice string, struct ko_buf *temp, struct ko_slice *text,
                            struct ko_error *err);

#endif
