#include "keepone/aws/throttle.h"

#include <stdio.h>
#include <stdlib.h>

#include "keepone/base/error.h"
#include "keepone/format/json.h"

/* Beginnings: codes of whole calls end in "Exception", those of statements in "Error" or nothing.
 */
static const char *const capacity_codes[] = {
    "ProvisionedThroughputExceeded", "Throttl",         "RequestThrottled",
    "RequestLimitExceeded",          "TooManyRequests", "SlowDown"};

static bool
begins_with(struct ko_slice text, const char *beginning)
{
    const size_t n = strlen(beginning);

    return text.n >= n && memcmp(text.data, beginning, n) == 0;
}

static bool
has_key_range(struct ko_slice text)
{
    return text.n > 0 && memmem(text.data, text.n, "KeyRange", strlen("KeyRange")) != NULL;
}

/* The service writes ThrottlingReasons, and throttlingReasons in one of its errors. */
static struct ko_slice
reasons_of(struct ko_slice body)
{
    static const char *const names[] = {"ThrottlingReasons", "throttlingReasons"};
    struct ko_error ignored = {0};
    struct ko_slice reasons = {NULL, 0};

    for (int i = 0; i < 2 && reasons.data == NULL; i++) {
        if (ko_json_member(body, names[i], &reasons, &ignored) != KO_OK)
            return (struct ko_slice){NULL, 0};
    }
    return reasons;
}

static bool
is_all_key_ranges(struct ko_slice reasons)
{
    struct ko_error ignored = {0};
    struct ko_json_cursor cursor;
    bool has_reason = false;

    if (reasons.data == NULL || ko_json_enter(reasons, &cursor, &ignored) != KO_OK)
        return false;
    for (;;) {
        struct ko_slice name;
        struct ko_slice reason;

        if (ko_json_next(&cursor, &name, &reason, &ignored) != KO_OK)
            return false;
        if (reason.data == NULL)
            return has_reason;
        if (!has_key_range(reason))
            return false;
        has_reason = true;
    }
}

enum ko_throttle
ko_throttle_of(struct ko_slice error_code, struct ko_slice body)
{
    struct ko_error not_json = {0};
    bool is_capacity = false;

    for (size_t i = 0; i < sizeof capacity_codes / sizeof capacity_codes[0]; i++)
        is_capacity = is_capacity || begins_with(error_code, capacity_codes[i]);
    if (!is_capacity)
        return KO_THROTTLE_NONE;
    if (body.n == 0 || ko_json_check(body, &not_json) != KO_OK)
        return KO_THROTTLE_CAPACITY;
    return is_all_key_ranges(reasons_of(body)) ? KO_THROTTLE_KEY_RANGE : KO_THROTTLE_CAPACITY;
}

bool
ko_throttle_may_consume(enum ko_fault fault)
{
    switch (fault) {
    case KO_FAULT_THROTTLED:
    case KO_FAULT_NOT_SENT:
    case KO_FAULT_CREDENTIALS:
    case KO_FAULT_SIGNATURE:
    case KO_FAULT_ACCESS:
    case KO_FAULT_NOT_FOUND:
    case KO_FAULT_INVALID:
    case KO_FAULT_UNKNOWN_OPERATION:
    case KO_FAULT_UNTRUSTED:
        return false;
    default:
        return true;
    }
}

static double
units_of(struct ko_slice entry)
{
    struct ko_error ignored = {0};
    struct ko_slice units;
    char text[64];
    char *end;
    double value;

    if (ko_json_member(entry, "CapacityUnits", &units, &ignored) != KO_OK || units.data == NULL ||
        units.n >= sizeof text)
        return -1;
    (void) snprintf(text, sizeof text, "%.*s", KO_SLICE_ARG(units));
    value = strtod(text, &end);
    return end == text || !(value >= 0 && value < 1e12) ? -1 : value;
}

double
ko_consumed_units(struct ko_slice reply_body)
{
    struct ko_error ignored = {0};
    struct ko_json_cursor cursor;
    struct ko_slice consumed;
    double sum = -1;

    if (ko_json_member(reply_body, "ConsumedCapacity", &consumed, &ignored) != KO_OK ||
        consumed.data == NULL || ko_json_enter(consumed, &cursor, &ignored) != KO_OK)
        return -1;
    if (cursor.is_object)
        return units_of(consumed);
    for (;;) {
        struct ko_slice name;
        struct ko_slice entry;
        double units;

        if (ko_json_next(&cursor, &name, &entry, &ignored) != KO_OK || entry.data == NULL)
            break;
        units = units_of(entry);
        if (units >= 0)
            sum = (sum < 0 ? 0 : sum) + units;
    }
    return sum;
}
