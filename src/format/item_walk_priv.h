/*
 * The walk over an item.  Like value_walk_priv.h, for one way of finding the ends of strings;
 * define moreover
 *   KO_WALK_SAME  one of ko_same_* (stop_priv.h)
 *   KO_WALK_ITEM  the function's name
 */
#include "item_priv.h"
#include "value_walk_priv.h"

/* The entry of a checked name that was not the expected one; the next time it will be. */
KO_WALK inline uint16_t
find_name(struct ko_item_walker *walker, const struct ko_scan *scan, struct ko_slice raw,
          uint16_t previous)
{
    const char *const quote = raw.data - 1;
    uint16_t index = KO_ITEM_OTHER;

    if (scan->end - quote >= KO_SAME_BYTES) {
        index = ko_item_hash(raw);
        if (!KO_WALK_SAME(walker->known[index].text, walker->known[index].n, quote))
            index = ko_item_learn(walker, raw, index);
    } else {
        index = ko_item_learn(walker, raw, index);
    }
    if (index != KO_ITEM_OTHER)
        walker->known[previous].next = index;
    return index;
}

/* From where a name should start to behind its colon; *index: of the name before, then of this. */
KO_WALK inline const char *
read_name(struct ko_item_walker *walker, struct ko_scan *scan, const char *at, uint16_t *index)
{
    struct ko_slice raw = {NULL, 0};

    if (!ko_scan_sees(scan, at, '"'))
        at = ko_scan_space(scan, at);
    at = check_name(scan, at, &raw);
    if (at != NULL)
        *index = find_name(walker, scan, raw, *index);
    return at;
}

/* From an attribute's name to behind its value. */
KO_WALK inline const char *
walk_attribute(struct ko_item_walker *walker, struct ko_scan *scan, const char *at, uint16_t *index,
               uint64_t *seen)
{
    const struct ko_item_known *known = &walker->known[walker->known[*index].next];
    const char *value;

    if (scan->end - at >= KO_SAME_BYTES && KO_WALK_SAME(known->text, known->n, at)) {
        *index = (uint16_t) (known - walker->known);
        value = at + known->n;
    } else {
        value = read_name(walker, scan, at, index);
        if (value == NULL)
            return NULL;
        known = &walker->known[*index];
    }
    if (!ko_scan_sees(scan, value, '{'))
        value = ko_scan_space(scan, value);
    if ((*seen & known->bit) != 0)
        return ko_scan_fault(scan, at, "an attribute that is looked at stands twice in the item");
    *seen |= known->bit;
    at = walk_value(scan, value, 0);
    if (at != NULL)
        walker->found[known->value_index] = (struct ko_slice){value, (size_t) (at - value)};
    return at;
}

const char *KO_WALK_TARGET
KO_WALK_ITEM(struct ko_item_walker *walker, struct ko_scan *scan, const char *at, uint64_t *seen)
{
    uint16_t index = KO_ITEM_START;
    bool is_last = false;

    *seen = 0;
    at = ko_scan_space(scan, at);
    if (!ko_scan_sees(scan, at, '{'))
        return ko_scan_fault(scan, at, "expected an item such as {\"name\":{\"S\":\"x\"}}");
    at = ko_scan_space(scan, at + 1);
    if (ko_scan_sees(scan, at, '}'))
        return at + 1;
    while (at != NULL && !is_last) {
        at = walk_attribute(walker, scan, at, &index, seen);
        if (at == NULL)
            return NULL;
        if (ko_scan_sees(scan, at, ','))
            at++;
        else
            at = ko_scan_separator(scan, at, '}', &is_last);
    }
    return at;
}
