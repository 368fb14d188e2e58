/*
 * Scanning JSON text: the steps that json.c, value.c and the item walkers share.
 *
 * A step takes the place where something starts and returns the place behind it, or NULL
 * after noting a fault in the scan.  Only the first fault is kept.  No step reads at or
 * behind `end`.  `at` may equal `end`.
 */
#ifndef KEEPONE_FORMAT_SCAN_PRIV_H
#define KEEPONE_FORMAT_SCAN_PRIV_H

#include <stdbool.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"

struct ko_scan {
    const char *begin; /* of the whole text: positions in error texts are counted from here */
    const char *end;
    const char *fault_at;
    const char *fault; /* what is wrong at fault_at, a constant; NULL = nothing */
    bool has_space;    /* white space was skipped somewhere */
    bool has_escape;   /* a string has an escape */
};

static inline struct ko_scan
ko_scan_of(struct ko_slice text)
{
    const char *const begin = text.data == NULL ? "" : text.data;

    return (struct ko_scan){.begin = begin, .end = begin + text.n};
}

/* Notes a fault unless there is one already; returns NULL for the caller to pass on. */
const char *ko_scan_fault(struct ko_scan *scan, const char *at, const char *fault);

/* Turns the noted fault into KO_E_CORRUPT: "byte 12: <fault>". */
enum ko_code ko_scan_fail(const struct ko_scan *scan, struct ko_error *err);

/* Behind any white space. */
static inline const char *
ko_scan_space(struct ko_scan *scan, const char *at)
{
    while (at < scan->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        scan->has_space = true;
        at++;
    }
    return at;
}

static inline bool
ko_scan_sees(const struct ko_scan *scan, const char *at, char c)
{
    return at < scan->end && *at == c;
}

/*
 * Inside a string, at a byte that ends the easy part of it (stop_priv.h) and is not its closing
 * quote: checks the run of escapes and bytes above 0x7f that starts there.
 */
const char *ko_scan_special(struct ko_scan *scan, const char *at);

/* A string, from its opening quote. */
const char *ko_scan_string(struct ko_scan *scan, const char *at);

/*
 * A member's name and the colon, white space before and between allowed.
 * *name: between the quotes, escapes not decoded.
 */
const char *ko_scan_name(struct ko_scan *scan, const char *at, struct ko_slice *name);

/* Any JSON value, white space before it allowed; depth: of the containers around it. */
const char *ko_scan_value(struct ko_scan *scan, const char *at, unsigned depth);

/*
 * Behind a member or element: white space, then a comma or the closing bracket.
 * *is_last tells which.
 */
const char *ko_scan_separator(struct ko_scan *scan, const char *at, char closing, bool *is_last);

/* True if the checked content of a string (between its quotes), decoded, is these bytes. */
bool ko_scan_text_is(struct ko_slice raw, struct ko_slice decoded);

/* Decodes the checked content of a string to `to` (room for raw.n bytes); returns the length. */
size_t ko_scan_decode(struct ko_slice raw, char *to);

/* Writes the checked content of a string to `to`, as long at most, with no other escapes than
 * ko_json_add_string() writes; returns the length. */
size_t ko_scan_canonical(struct ko_slice raw, char *to);

/* The canonical escape of a byte that must have one; returns its length. */
enum { KO_SCAN_ESCAPE_BYTES = 6 };
size_t ko_scan_escape(char c, char to[KO_SCAN_ESCAPE_BYTES]);

#endif
