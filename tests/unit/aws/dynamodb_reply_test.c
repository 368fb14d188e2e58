#include "keepone/aws/dynamodb.h"

#include "support/test.h"

/* What the user reads, by the fault that ended a call. */
static void
each_fault_has_its_code_and_sentence(void)
{
    static const struct {
        enum ko_fault fault;
        enum ko_code code;
        const char *part;
    } rows[] = {
        {KO_FAULT_THROTTLED, KO_E_THROTTLED,
         "w: still throttled after 3 attempts: C: m (HTTP 400)"},
        {KO_FAULT_TRANSIENT, KO_E_AWS, "w: failed in 3 attempts: C: m"},
        {KO_FAULT_NOT_SENT, KO_E_AWS, "w: cannot reach http://h after 3 attempts: C: m"},
        {KO_FAULT_UNTRUSTED, KO_E_AWS, "w: http://h is not trusted: C: m"},
        {KO_FAULT_CREDENTIALS, KO_E_ACCESS, "w: C: m"},
        {KO_FAULT_SIGNATURE, KO_E_ACCESS, "w: C: m"},
        {KO_FAULT_ACCESS, KO_E_ACCESS, "w: C: m"},
        {KO_FAULT_NOT_FOUND, KO_E_ACCESS, "w: no such table in region r at http://h: C: m"},
        {KO_FAULT_INVALID, KO_E_OPTION, "w: C: m"},
        {KO_FAULT_MEMORY, KO_E_MEMORY, "w: no memory"},
        {KO_FAULT_TOO_LARGE, KO_E_AWS, "w: C: m"},
        {KO_FAULT_CONDITION, KO_E_AWS, "w: C: m"},
        {KO_FAULT_CANCELLED, KO_E_AWS, "w: C: m"},
        {KO_FAULT_UNKNOWN_OPERATION, KO_E_AWS, "w: C: m"},
        {KO_FAULT_OTHER, KO_E_AWS, "w: C: m"},
    };
    const struct ko_endpoint endpoint = {.url = "http://h", .region = "r"};
    struct ko_dynamodb_reply reply = {.kind = KO_REPLY_ERROR,
                                      .http_status = 400,
                                      .error_code = "C",
                                      .message = "m",
                                      .request_id = "",
                                      .n_attempts = 3,
                                      .endpoint = &endpoint};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_error err = {0};

        reply.fault = rows[i].fault;
        assert_int_equal(ko_dynamodb_reply_error(&reply, "w", &err), rows[i].code);
        CHECK_ERROR_SAYS(err, rows[i].part);
    }
}

CASES = {
    CASE(each_fault_has_its_code_and_sentence),
};
RUN_CASES
