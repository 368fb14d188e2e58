/*
 * Tables named by their ARN, "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders": in another
 * account, whose table has a policy that lets this one in.
 *
 * Requests take the ARN where they take a table's name.  The service does not take it everywhere:
 * statements of PartiQL, DescribeTimeToLive and DescribeContinuousBackups stop at the
 * account's border.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_AWS_TABLE_ARN_H
#define KEEPONE_AWS_TABLE_ARN_H

#include <stdbool.h>

#include "keepone/aws/endpoint.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

/* Is that what the user means, right or wrong? */
bool ko_table_is_arn(struct ko_slice name);

/* KO_E_OPTION unless it is the ARN of a table (not of an index, a stream, an export); sets region.
 */
enum ko_code ko_table_arn_check(const char *arn, char region[KO_REGION_BYTES],
                                struct ko_error *err);

enum { KO_TABLE_REGION_BYTES = 32 };

/* The region out of an ARN of any kind, which is not checked; "" if there is none. */
void ko_table_region(const char *arn, char region[KO_TABLE_REGION_BYTES]);

/* "Orders": the last part of an ARN; what is none is given back as it is. */
struct ko_slice ko_table_plain_name(struct ko_slice name);

#endif
