/*
 * The walk over an item.  Like value_walk_priv.h, for one way of finding the ends of strings;
 * define moreover
 *   KO_WALK_SAME  one of ko_same_* (stop_priv.h)
 *   KO_WALK_EASY  one of ko_easy_*
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

/*
 * Behind the attribute if it is as expected: its name, its type, a string as long as the last ones,
 * nothing in it that has to be looked at.  Otherwise NULL, which is no fault.  Most attributes are,
 * and as all of this is compared at places known before the bytes are, the next attribute can be
 * looked at meanwhile.
 */
KO_WALK inline const char *
walk_expected(const struct ko_scan *scan, const struct ko_item_known *known, const char *at)
{
    const unsigned n_head = known->n + KO_ITEM_STRING_HEAD;
    const char *const string = at + n_head;

    if ((size_t) (scan->end - at) < known->n_reach || !KO_WALK_SAME(known->text, n_head, at))
        return NULL;
    if (memcmp(string + known->n_string, "\"}", 2) != 0 || !KO_WALK_EASY(string, known->n_string))
        return NULL;
    return string + known->n_string + 2;
}

/* What walk_expected() may expect after this value. */
KO_WALK inline void
expect_value(struct ko_item_known *known, struct ko_slice value)
{
    const unsigned n_head = known->n + KO_ITEM_STRING_HEAD;
    uint32_t n_string = 0;

    if (value.n > KO_ITEM_STRING_HEAD + 2 && value.n < KO_ITEM_STRING_MAX &&
        opens_string_value(value.data))
        n_string = (uint32_t) value.n - KO_ITEM_STRING_HEAD - 2;
    if (n_string == 0 || n_string != known->n_string)
        known->n_steady = 0;
    else if (known->n_steady < KO_ITEM_STEADY)
        known->n_steady++;
    known->n_string = n_string;
    known->n_reach = UINT32_MAX;
    if (known->n_steady < KO_ITEM_STEADY || known->n == 0 || n_head > KO_SAME_BYTES)
        return;
    memcpy(known->text + known->n, value.data, KO_ITEM_STRING_HEAD);
    known->n_reach = n_head + n_string + KO_EASY_BYTES;
}

/* From an attribute's name to behind its value. */
KO_WALK inline const char *
walk_attribute(struct ko_item_walker *walker, struct ko_scan *scan, const char *at, uint16_t *index,
               uint64_t *seen)
{
    struct ko_item_known *known = &walker->known[walker->known[*index].next];
    const bool is_next = scan->end - at >= KO_SAME_BYTES && KO_WALK_SAME(known->text, known->n, at);
    const char *value = at + known->n;
    const char *behind = NULL;

    if (is_next) {
        *index = (uint16_t) (known - walker->known);
        behind = walk_expected(scan, known, at);
    } else {
        value = read_name(walker, scan, at, index);
        if (value == NULL)
            return NULL;
        known = &walker->known[*index];
    }
    if ((*seen & known->bit) != 0)
        return ko_scan_fault(scan, at, "an attribute that is looked at stands twice in the item");
    *seen |= known->bit;
    if (behind == NULL) {
        if (!ko_scan_sees(scan, value, '{'))
            value = ko_scan_space(scan, value);
        scan->has_escape = false;
        behind = walk_value(scan, value, 0);
        if (behind == NULL)
            return NULL;
        if (scan->has_escape)
            walker->escaped |= known->bit;
        if (is_next)
            expect_value(known, (struct ko_slice){value, (size_t) (behind - value)});
    }
    walker->found[known->value_index] = (struct ko_slice){value, (size_t) (behind - value)};
    return behind;
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
