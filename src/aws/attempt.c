#include "attempt_priv.h"

#include <stdio.h>

#include "keepone/format/digest.h"
#include "keepone/format/json.h"

static void
say(struct ko_attempt *attempt, const char *message)
{
    (void) snprintf(attempt->text.message, sizeof attempt->text.message, "%s", message);
}

static bool
read_decimal(struct ko_slice text, uint64_t max, uint64_t *number)
{
    uint64_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        n = n * 10 + (uint64_t) (text.data[i] - '0');
        if (n > max)
            return false;
    }
    *number = n;
    return text.n > 0;
}

/* No header is no error: not every server that speaks the protocol sends one. */
static bool
is_intact(const struct ko_http_response *response)
{
    const struct ko_slice header = ko_http_header(response, "x-amz-crc32");
    uint64_t crc;

    if (header.data == NULL)
        return true;
    return read_decimal(header, UINT32_MAX, &crc) && crc == ko_crc32(response->body);
}

/* Judges a whole response. */
static void
judge_response(const struct ko_http_response *response, struct ko_attempt *attempt)
{
    const struct ko_slice id = ko_http_header(response, "x-amzn-RequestId");
    struct ko_error not_json = {0};
    uint64_t hint_ms = 0;

    attempt->http_status = response->status;
    if (id.n > 0 && id.n < sizeof attempt->request_id)
        memcpy(attempt->request_id, id.data, id.n);
    if (read_decimal(ko_http_header(response, "x-amz-retry-after"), UINT32_MAX, &hint_ms))
        attempt->hint_us = hint_ms * 1000;
    if (!is_intact(response)) {
        attempt->fault = KO_FAULT_TRANSIENT;
        say(attempt, "the reply does not match its x-amz-crc32");
        return;
    }
    attempt->body = response->body;
    if (response->status == 200 && response->body.n > 0 &&
        ko_json_check(response->body, &not_json) == KO_OK)
        return;
    if (response->status == 200) {
        attempt->fault = KO_FAULT_TRANSIENT;
        say(attempt, response->body.n == 0 ? "the reply is empty" : "the reply is not JSON");
        return;
    }
    ko_fault_read(response->body, &attempt->text);
    attempt->fault = ko_fault_of(ko_slice_of(attempt->text.error_code), response->status);
    attempt->throttle = ko_throttle_of(ko_slice_of(attempt->text.error_code), response->body);
    attempt->is_clock =
        attempt->fault == KO_FAULT_SIGNATURE &&
        (ko_fault_is_clock(attempt->text.message) || ko_fault_is_clock(attempt->text.error_code)) &&
        ko_http_date(response, &attempt->server_wall_us);
}

void
ko_attempt_judge(const struct ko_http_response *response, struct ko_attempt *attempt)
{
    static const enum ko_fault faults[] = {
        [KO_HTTP_DONE] = KO_FAULT_NONE,           [KO_HTTP_NOT_SENT] = KO_FAULT_NOT_SENT,
        [KO_HTTP_LOST] = KO_FAULT_TRANSIENT,      [KO_HTTP_UNTRUSTED] = KO_FAULT_UNTRUSTED,
        [KO_HTTP_TOO_LARGE] = KO_FAULT_TOO_LARGE, [KO_HTTP_UNWANTED] = KO_FAULT_OTHER,
        [KO_HTTP_MEMORY] = KO_FAULT_MEMORY,
    };

    attempt->fault = faults[response->outcome];
    attempt->body = KO_SLICE("");
    if (response->outcome == KO_HTTP_DONE)
        judge_response(response, attempt);
    else
        say(attempt, response->message);
}
