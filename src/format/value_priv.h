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
    static const struct {
        char tag[5];
        unsigned char n;
        unsigned char type;
    } tags[] = {{"S", 1, KO_VALUE_S},   {"N", 1, KO_VALUE_N},       {"M", 1, KO_VALUE_M},
                {"L", 1, KO_VALUE_L},   {"BOOL", 4, KO_VALUE_BOOL}, {"NULL", 4, KO_VALUE_NULL},
                {"SS", 2, KO_VALUE_SS}, {"NS", 2, KO_VALUE_NS},     {"B", 1, KO_VALUE_B},
                {"BS", 2, KO_VALUE_BS}};

    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (tags[i].n == n && memcmp(tags[i].tag, tag, n) == 0) {
            *type = (enum ko_value_type) tags[i].type;
            return true;
        }
    }
    return false;
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
