#include "keepone/stage/units.h"

#include <stdio.h>
#include <stdlib.h>

#include "keepone/base/error.h"
#include "keepone/format/json.h"

static double
units_of(struct ko_slice entry)
{
    struct ko_error ignored = {0};
    struct ko_slice units;
    char text[64];

    if (ko_json_member(entry, "CapacityUnits", &units, &ignored) != KO_OK || units.data == NULL ||
        units.n >= sizeof text)
        return 0;
    (void) snprintf(text, sizeof text, "%.*s", KO_SLICE_ARG(units));
    return strtod(text, NULL);
}

double
ko_consumed_units(struct ko_slice reply_body)
{
    struct ko_error ignored = {0};
    struct ko_json_cursor cursor;
    struct ko_slice consumed;
    double sum = 0;

    if (ko_json_member(reply_body, "ConsumedCapacity", &consumed, &ignored) != KO_OK ||
        consumed.data == NULL || ko_json_enter(consumed, &cursor, &ignored) != KO_OK)
        return 0;
    if (cursor.is_object)
        return units_of(consumed);
    for (;;) {
        struct ko_slice name;
        struct ko_slice entry;

        if (ko_json_next(&cursor, &name, &entry, &ignored) != KO_OK || entry.data == NULL)
            break;
        sum += units_of(entry);
    }
    return sum;
}
