/*
 * The grammar of DynamoDB values, for the files of this module: tags, and the check of one value.
 */
#ifndef KEEPONE_FORMAT_VALUE_PRIV_H
#define KEEPONE_FORMAT_VALUE_PRIV_H

#include "keepone/format/value.h"
#include "scan_priv.h"

/* The type with this tag; false if there is none. */
static inline bool
ko_value_type_of(const char *tag, size_t n, enum ko_value_type *type)
{
    const bool is_set = n == 2 && tag[1] == 'S';

    if (n == 4) {
        *type = tag[0] == 'B' ? KO_VALUE_BOOL : KO_VALUE_NULL;
        return memcmp(tag, *type == KO_VALUE_BOOL ? "BOOL" : "NULL", 4) == 0;
    }
    if (n != 1 && !is_set)
        return false;
    switch (tag[0]) {
    case 'S':
        *type = is_set ? KO_VALUE_SS : KO_VALUE_S;
        return true;
    case 'N':
        *type = is_set ? KO_VALUE_NS : KO_VALUE_N;
        return true;
    case 'B':
        *type = is_set ? KO_VALUE_BS : KO_VALUE_B;
        return true;
    case 'M':
        *type = KO_VALUE_M;
        return !is_set;
    case 'L':
        *type = KO_VALUE_L;
        return !is_set;
    default:
        return false;
    }
}

/*
 * The tag of a value, from its opening brace (white space before it allowed) to behind the colon.
 * Reads what is written with white space or escapes.
 */
const char *ko_scan_tag(struct ko_scan *scan, const char *at, enum ko_value_type *type);

/* The brace behind the content of a value. */
static inline const char *
ko_scan_close(struct ko_scan *scan, const char *at)
{
    if (!ko_scan_sees(scan, at, '}'))
        at = ko_scan_space(scan, at);
    if (ko_scan_sees(scan, at, '}'))
        return at + 1;
    return ko_scan_fault(
        scan, at, ko_scan_sees(scan, at, ',') ? "a value has two type tags" : "expected '}'");
}

/* A whole value, white space before it allowed; depth: of the maps and lists around it. */
const char *ko_scan_ddb_value(struct ko_scan *scan, const char *at, unsigned depth);

#endif
