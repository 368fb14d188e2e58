#include "keepone/aws/fault.h"

#include <stdio.h>

#include "keepone/base/buf.h"
#include "keepone/format/json.h"

struct code_class {
    const char *error_code;
    enum ko_fault fault;
};

/*
 * Codes end in "Exception" where they are of a whole call, and mostly do not where they are inside
 * a reply; both are listed without it.
 */
static const struct code_class classes[] = {
    /* Did not act, and will if asked again later. */
    {"ProvisionedThroughputExceeded", KO_FAULT_THROTTLED},
    {"Throttling", KO_FAULT_THROTTLED},
    {"ThrottlingError", KO_FAULT_THROTTLED},
    {"Throttled", KO_FAULT_THROTTLED},
    {"RequestThrottled", KO_FAULT_THROTTLED},
    {"TooManyRequests", KO_FAULT_THROTTLED},
    {"RequestLimitExceeded", KO_FAULT_THROTTLED},
    {"LimitExceeded", KO_FAULT_THROTTLED},
    {"BandwidthLimitExceeded", KO_FAULT_THROTTLED},
    {"SlowDown", KO_FAULT_THROTTLED},
    {"EC2Throttled", KO_FAULT_THROTTLED},
    {"TransactionConflict", KO_FAULT_THROTTLED},
    {"TransactionInProgress", KO_FAULT_THROTTLED},
    {"ReplicatedWriteConflict", KO_FAULT_THROTTLED},

    {"InternalServerError", KO_FAULT_TRANSIENT},
    {"InternalServer", KO_FAULT_TRANSIENT},
    {"InternalFailure", KO_FAULT_TRANSIENT},
    {"InternalError", KO_FAULT_TRANSIENT},
    {"ServiceUnavailable", KO_FAULT_TRANSIENT},
    {"RequestTimeout", KO_FAULT_TRANSIENT},
    {"PriorRequestNotComplete", KO_FAULT_TRANSIENT},

    {"ConditionalCheckFailed", KO_FAULT_CONDITION},
    {"TransactionCanceled", KO_FAULT_CANCELLED},

    {"UnrecognizedClient", KO_FAULT_CREDENTIALS},
    {"ExpiredToken", KO_FAULT_CREDENTIALS},
    {"InvalidClientTokenId", KO_FAULT_CREDENTIALS},
    {"InvalidAccessKeyId", KO_FAULT_CREDENTIALS},

    {"InvalidSignature", KO_FAULT_SIGNATURE},
    {"SignatureDoesNotMatch", KO_FAULT_SIGNATURE},
    {"RequestTimeTooSkewed", KO_FAULT_SIGNATURE},
    {"RequestExpired", KO_FAULT_SIGNATURE},
    {"AuthFailure", KO_FAULT_SIGNATURE},

    {"AccessDenied", KO_FAULT_ACCESS},
    {"MissingAuthenticationToken", KO_FAULT_ACCESS},
    {"IncompleteSignature", KO_FAULT_ACCESS},

    {"ResourceNotFound", KO_FAULT_NOT_FOUND},
    {"TableNotFound", KO_FAULT_NOT_FOUND},

    {"Validation", KO_FAULT_INVALID},
    {"ValidationError", KO_FAULT_INVALID},

    {"UnknownOperation", KO_FAULT_UNKNOWN_OPERATION},

    {"ResourceInUse", KO_FAULT_OTHER},
    {"ItemCollectionSizeLimitExceeded", KO_FAULT_OTHER},
    {"IdempotentParameterMismatch", KO_FAULT_OTHER},
    {"DuplicateItem", KO_FAULT_OTHER},
    {"Serialization", KO_FAULT_OTHER},
};

static struct ko_slice
without_suffix(struct ko_slice code)
{
    const struct ko_slice suffix = KO_SLICE("Exception");

    if (code.n > suffix.n && memcmp(code.data + code.n - suffix.n, suffix.data, suffix.n) == 0)
        code.n -= suffix.n;
    return code;
}

enum ko_fault
ko_fault_of(struct ko_slice error_code, int http_status)
{
    const struct ko_slice code = without_suffix(error_code);

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (code.n > 0 && ko_slice_equal(code, ko_slice_of(classes[i].error_code)))
            return classes[i].fault;
    }
    if (http_status == 429)
        return KO_FAULT_THROTTLED;
    if (http_status >= 500 || http_status == 408)
        return KO_FAULT_TRANSIENT;
    return http_status == 401 || http_status == 403 ? KO_FAULT_ACCESS : KO_FAULT_OTHER;
}

/* What others wrote goes to terminals and logs, so control characters do not. */
static void
copy_printable(struct ko_slice from, char *to, size_t size)
{
    size_t n = from.n < size - 1 ? from.n : size - 1;

    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char) from.data[i] < ' ' || from.data[i] == 0x7f ? ' ' : from.data[i];
    while (n > 0 && n < from.n && ((unsigned char) from.data[n] & 0xc0) == 0x80)
        n--; /* do not cut a character of several bytes in two */
    to[n] = '\0';
}

/* "prefix#Code:rest" -> "Code" */
static struct ko_slice
strip_type(struct ko_slice type)
{
    const char *const hash = memchr(type.data, '#', type.n);
    const char *colon;

    if (hash != NULL) {
        type.n -= (size_t) (hash + 1 - type.data);
        type.data = hash + 1;
    }
    colon = memchr(type.data, ':', type.n);
    if (colon != NULL)
        type.n = (size_t) (colon - type.data);
    return type;
}

/* Adds the member's text, or nothing if it is missing or no string. */
static void
add_member(struct ko_slice body, const char *name, struct ko_buf *out)
{
    struct ko_error ignored = {0};
    const size_t n = out->n;

    if (ko_json_member_text(body, name, out, &ignored) != KO_OK && !out->failed)
        out->n = n;
}

void
ko_fault_read(struct ko_slice body, struct ko_fault_text *text)
{
    struct ko_error ignored = {0};
    struct ko_buf type = {0};
    struct ko_buf message = {0};

    *text = (struct ko_fault_text){0};
    if (body.n > 0 && ko_json_check(body, &ignored) == KO_OK) {
        add_member(body, "__type", &type);
        add_member(body, "message", &message);
        if (message.n == 0)
            add_member(body, "Message", &message);
    }
    copy_printable(strip_type(ko_buf_slice(&type)), text->error_code, sizeof text->error_code);
    copy_printable(ko_buf_slice(&message), text->message, sizeof text->message);
    ko_buf_clear(&type);
    ko_buf_clear(&message);
}

bool
ko_fault_is_clock(const char *message)
{
    return strstr(message, "Signature expired") != NULL ||
           strstr(message, "Signature not yet current") != NULL;
}
