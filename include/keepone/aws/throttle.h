/*
 * Throttles: what a refused call says it was refused for, and what a call consumed.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_AWS_THROTTLE_H
#define KEEPONE_AWS_THROTTLE_H

#include <stdbool.h>

#include "keepone/aws/fault.h"
#include "keepone/base/slice.h"

enum ko_throttle {
    KO_THROTTLE_NONE,     /* not for want of capacity: a conflict, or no throttle at all */
    KO_THROTTLE_CAPACITY, /* of the table, an index or the account */
    KO_THROTTLE_KEY_RANGE /* of a hot partition alone; others have capacity */
};

/*
 * error_code without its prefix; body: of the error reply, for its ThrottlingReasons.  Only if all
 * reasons name key ranges is it one of those.
 */
enum ko_throttle ko_throttle_of(struct ko_slice error_code, struct ko_slice body);

/* False if a call that failed so has certainly consumed nothing. */
bool ko_throttle_may_consume(enum ko_fault fault);

/*
 * The sum of CapacityUnits in a reply's ConsumedCapacity (an object, or an array of them); below 0
 * if it has none or it is not of that form: accounting must not fail a run.
 */
double ko_consumed_units(struct ko_slice reply_body);

#endif
