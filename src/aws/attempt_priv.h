/*
 * Attempts: what one HTTP exchange with DynamoDB came to.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_AWS_ATTEMPT_PRIV_H
#define KEEPONE_AWS_ATTEMPT_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/aws/fault.h"
#include "keepone/aws/http.h"
#include "keepone/aws/throttle.h"
#include "keepone/base/slice.h"

enum { KO_REQUEST_ID_BYTES = 128 };

struct ko_attempt {
    enum ko_fault fault; /* KO_FAULT_NONE: HTTP 200, whole, CRC right */
    enum ko_throttle throttle;
    bool is_clock; /* refused because the clocks differ, and the server's is known */
    int64_t server_wall_us;
    double consumed_units; /* below 0: not known */
    uint64_t hint_us;      /* x-amz-retry-after; 0 = none */
    int http_status;
    struct ko_slice body; /* borrowed from the response; empty if it is not whole */
    struct ko_fault_text text;
    char request_id[KO_REQUEST_ID_BYTES];
    const struct ko_error *start_failure; /* it could not start; NULL = it did */
};

/* attempt is {0} on entry. */
void ko_attempt_judge(const struct ko_http_response *response, struct ko_attempt *attempt);

#endif
