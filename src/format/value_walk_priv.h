/*
 * The strict walk over a DynamoDB value.  No include guard on purpose: each file that includes
 * this gets the functions of its own for one way of finding the ends of strings, so that they are
 * inlined.  Before the include define
 *   KO_WALK_STOP    one of ko_stop_* (stop_priv.h)
 *   KO_WALK_TARGET  the function attribute that it needs, or nothing
 *
 * As in scan_priv.h a step returns the place behind what it checked, or NULL after a fault.
 */
#include "keepone/format/value.h"
#include "scan_priv.h"
#include "stop_priv.h"
#include "value_priv.h"

#define KO_WALK static KO_WALK_TARGET

KO_WALK const char *check_value(struct ko_scan *scan, const char *at, unsigned depth);

/* From inside a string to behind its closing quote. */
KO_WALK inline const char *
finish_string(struct ko_scan *scan, const char *at)
{
    for (;;) {
        at = KO_WALK_STOP(at, scan->begin, scan->end);
        if (at == scan->end)
            return ko_scan_fault(scan, at, "the text ends inside a string");
        if (*at == '"')
            return at + 1;
        at = ko_scan_special(scan, at);
        if (at == NULL)
            return NULL;
    }
}

KO_WALK const char *
check_string(struct ko_scan *scan, const char *at)
{
    at = ko_scan_space(scan, at);
    if (!ko_scan_sees(scan, at, '"'))
        return ko_scan_fault(scan, at, "expected a string");
    return finish_string(scan, at + 1);
}

/* From a name's opening quote to behind its colon.  *name: between the quotes, not decoded. */
KO_WALK inline const char *
check_name(struct ko_scan *scan, const char *at, struct ko_slice *name)
{
    const char *const start = at + 1;

    if (!ko_scan_sees(scan, at, '"'))
        return ko_scan_fault(scan, at, "expected a name in quotes");
    at = finish_string(scan, start);
    if (at == NULL)
        return NULL;
    *name = (struct ko_slice){start, (size_t) (at - start) - 1};
    if (!ko_scan_sees(scan, at, ':'))
        at = ko_scan_space(scan, at);
    if (!ko_scan_sees(scan, at, ':'))
        return ko_scan_fault(scan, at, "expected ':' behind a name");
    return at + 1;
}

/* True if at `at`, of which 8 bytes can be read, starts {"S":" or the same with N or B. */
KO_WALK inline bool
opens_string_value(const char *at)
{
    static const unsigned char mask[8] = {255, 255, 0, 255, 255, 255, 0, 0};
    static const char tag[8] = {'{', '"', 0, '"', ':', '"', 0, 0};
    const char type = at[2];

    return (ko_load_u64(at) & ko_load_u64(mask)) == ko_load_u64(tag) &&
           (type == 'S' || type == 'N' || type == 'B');
}

/* A value of any type; most are strings without white space around their parts. */
KO_WALK inline const char *
walk_value(struct ko_scan *scan, const char *at, unsigned depth)
{
    if (scan->end - at < 8 || !opens_string_value(at))
        return check_value(scan, at, depth);
    at = finish_string(scan, at + 6);
    return at == NULL ? NULL : ko_scan_close(scan, at);
}

/* From behind the brace that opens a map. */
KO_WALK const char *
check_members(struct ko_scan *scan, const char *at, unsigned depth)
{
    struct ko_slice name;
    bool is_last = false;

    at = ko_scan_space(scan, at);
    if (ko_scan_sees(scan, at, '}'))
        return at + 1;
    while (!is_last) {
        at = check_name(scan, ko_scan_space(scan, at), &name);
        if (at != NULL)
            at = walk_value(scan, at, depth);
        if (at == NULL)
            return NULL;
        at = ko_scan_separator(scan, at, '}', &is_last);
        if (at == NULL)
            return NULL;
    }
    return at;
}

/* From behind the bracket that opens a list or a set. */
KO_WALK const char *
check_elements(struct ko_scan *scan, const char *at, unsigned depth, bool is_set)
{
    bool is_last = false;

    at = ko_scan_space(scan, at);
    if (ko_scan_sees(scan, at, ']'))
        return is_set ? ko_scan_fault(scan, at, "a set is empty") : at + 1;
    while (!is_last) {
        at = is_set ? check_string(scan, at) : walk_value(scan, at, depth);
        if (at == NULL)
            return NULL;
        at = ko_scan_separator(scan, at, ']', &is_last);
        if (at == NULL)
            return NULL;
    }
    return at;
}

KO_WALK const char *
check_word(struct ko_scan *scan, const char *at, bool allows_false)
{
    if (scan->end - at >= 4 && memcmp(at, "true", 4) == 0)
        return at + 4;
    if (allows_false && scan->end - at >= 5 && memcmp(at, "false", 5) == 0)
        return at + 5;
    return ko_scan_fault(scan, at, allows_false ? "expected true or false" : "expected true");
}

/* The tag as it is usually written, {"BOOL": and so on, to behind the colon; NULL if it is not. */
KO_WALK inline const char *
compact_tag(const struct ko_scan *scan, const char *at, enum ko_value_type *type)
{
    size_t n;

    if (scan->end - at < 8 || at[0] != '{' || at[1] != '"')
        return NULL;
    for (n = 1; n < 4 && at[2 + n] != '"';)
        n++;
    if (at[2 + n] != '"' || at[3 + n] != ':' || !ko_value_type_of(at + 2, n, type))
        return NULL;
    return at + 4 + n;
}

/* What stands behind the tag. */
KO_WALK const char *
check_content(struct ko_scan *scan, const char *at, enum ko_value_type type, unsigned depth)
{
    at = ko_scan_space(scan, at);
    switch (type) {
    case KO_VALUE_S:
    case KO_VALUE_N:
    case KO_VALUE_B:
        return check_string(scan, at);
    case KO_VALUE_BOOL:
    case KO_VALUE_NULL:
        return check_word(scan, at, type == KO_VALUE_BOOL);
    case KO_VALUE_M:
    case KO_VALUE_L:
        if (depth == KO_VALUE_DEPTH_MAX)
            return ko_scan_fault(scan, at, "maps and lists are nested too deeply");
        if (!ko_scan_sees(scan, at, type == KO_VALUE_M ? '{' : '['))
            return ko_scan_fault(scan, at, type == KO_VALUE_M ? "expected '{'" : "expected '['");
        return type == KO_VALUE_M ? check_members(scan, at + 1, depth + 1)
                                  : check_elements(scan, at + 1, depth + 1, false);
    case KO_VALUE_SS:
    case KO_VALUE_NS:
    case KO_VALUE_BS:
        if (!ko_scan_sees(scan, at, '['))
            return ko_scan_fault(scan, at, "expected '['");
        return check_elements(scan, at + 1, depth, true);
    }
    return ko_scan_fault(scan, at, "an unknown type");
}

KO_WALK const char *
check_value(struct ko_scan *scan, const char *at, unsigned depth)
{
    enum ko_value_type type = KO_VALUE_S;
    const char *content = compact_tag(scan, at, &type);

    if (content == NULL)
        content = ko_scan_tag(scan, at, &type);
    if (content != NULL)
        content = check_content(scan, content, type, depth);
    return content == NULL ? NULL : ko_scan_close(scan, content);
}
