#include "value_priv.h"

#define KO_WALK_STOP ko_stop
#define KO_WALK_TARGET
#include "value_walk_priv.h"

const char *
ko_scan_tag(struct ko_scan *scan, const char *at, enum ko_value_type *type)
{
    char decoded[24];
    struct ko_slice tag;
    const char *const start = ko_scan_space(scan, at);

    if (!ko_scan_sees(scan, start, '{'))
        return ko_scan_fault(scan, start, "expected a value such as {\"S\":\"x\"}");
    at = ko_scan_name(scan, start + 1, &tag);
    if (at == NULL)
        return NULL;
    /* The longest spelling of a tag is four escapes of six bytes. */
    if (tag.n <= sizeof decoded)
        tag = (struct ko_slice){decoded, ko_scan_decode(tag, decoded)};
    if (!ko_value_type_of(tag.data, tag.n, type))
        return ko_scan_fault(scan, start, "an unknown type tag");
    return at;
}

const char *
ko_scan_ddb_value(struct ko_scan *scan, const char *at, unsigned depth)
{
    return walk_value(scan, at, depth);
}
