/*
 * Capacity units as replies report them.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_STAGE_UNITS_H
#define KEEPONE_STAGE_UNITS_H

#include "keepone/base/slice.h"

/*
 * The sum of CapacityUnits in a reply's ConsumedCapacity (an object, or an array of them); 0 if it
 * has none or it is not of that form: accounting must not fail a run.
 */
double ko_consumed_units(struct ko_slice reply_body);

#endif
