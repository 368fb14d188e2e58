#include "keepone/aws/fault.h"

#include <stdio.h>
#include <string.h>

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
    {"IDPCommunicationError", KO_FAULT_TRANSIENT},
    {"OperationAborted", KO_FAULT_TRANSIENT},

    {"ConditionalCheckFailed", KO_FAULT_CONDITION},
    {"PreconditionFailed", KO_FAULT_CONDITION},
    {"ConditionalRequestConflict", KO_FAULT_THROTTLED},
    {"TransactionCanceled", KO_FAULT_CANCELLED},

    {"UnrecognizedClient", KO_FAULT_CREDENTIALS},
    {"ExpiredToken", KO_FAULT_CREDENTIALS},
    {"InvalidClientTokenId", KO_FAULT_CREDENTIALS},
    {"InvalidAccessKeyId", KO_FAULT_CREDENTIALS},
    {"InvalidToken", KO_FAULT_CREDENTIALS},
    {"TokenRefreshRequired", KO_FAULT_CREDENTIALS},

    {"InvalidSignature", KO_FAULT_SIGNATURE},
    {"SignatureDoesNotMatch", KO_FAULT_SIGNATURE},
    {"RequestTimeTooSkewed", KO_FAULT_SIGNATURE},
    {"RequestExpired", KO_FAULT_SIGNATURE},
    {"AuthFailure", KO_FAULT_SIGNATURE},

    {"AccessDenied", KO_FAULT_ACCESS},
    {"MissingAuthenticationToken", KO_FAULT_ACCESS},
    {"IncompleteSignature", KO_FAULT_ACCESS},
    {"AllAccessDisabled", KO_FAULT_ACCESS},
    {"AccountProblem", KO_FAULT_ACCESS},
    {"OptInRequired", KO_FAULT_ACCESS},
    {"RegionDisabled", KO_FAULT_ACCESS},
    {"InvalidIdentityToken", KO_FAULT_ACCESS},
    {"IDPRejectedClaim", KO_FAULT_ACCESS},

    {"ResourceNotFound", KO_FAULT_NOT_FOUND},
    {"TableNotFound", KO_FAULT_NOT_FOUND},
    {"ExportNotFound", KO_FAULT_NOT_FOUND},
    {"NoSuchBucket", KO_FAULT_NOT_FOUND},
    {"NoSuchKey", KO_FAULT_NOT_FOUND},
    {"NoSuchUpload", KO_FAULT_NOT_FOUND},

    {"PermanentRedirect", KO_FAULT_REGION},
    {"TemporaryRedirect", KO_FAULT_REGION},
    {"AuthorizationHeaderMalformed", KO_FAULT_REGION},
    {"IllegalLocationConstraint", KO_FAULT_REGION},

    {"Validation", KO_FAULT_INVALID},
    {"ValidationError", KO_FAULT_INVALID},
    {"InvalidExportTime", KO_FAULT_INVALID},
    {"InvalidArgument", KO_FAULT_INVALID},
    {"InvalidBucketName", KO_FAULT_INVALID},
    {"InvalidRange", KO_FAULT_INVALID},
    {"MalformedPolicyDocument", KO_FAULT_INVALID},
    {"PackedPolicyTooLarge", KO_FAULT_INVALID},

    {"UnknownOperation", KO_FAULT_UNKNOWN_OPERATION},
    {"NotImplemented", KO_FAULT_UNKNOWN_OPERATION},

    {"ResourceInUse", KO_FAULT_OTHER},
    {"PointInTimeRecoveryUnavailable", KO_FAULT_OTHER},
    {"ExportConflict", KO_FAULT_OTHER},
    {"InvalidObjectState", KO_FAULT_OTHER}, /* archived */
    {"BadDigest", KO_FAULT_TRANSIENT},      /* the body was damaged on its way */
    {"XAmzContentSHA256Mismatch", KO_FAULT_TRANSIENT},
    {"IncompleteBody", KO_FAULT_TRANSIENT},
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

static enum ko_fault
class_of_status(int http_status)
{
    switch (http_status) {
    case 301:
    case 307:
        return KO_FAULT_REGION;
    case 401:
    case 403:
        return KO_FAULT_ACCESS;
    case 404:
        return KO_FAULT_NOT_FOUND;
    case 408:
        return KO_FAULT_TRANSIENT;
    case 412:
        return KO_FAULT_CONDITION;
    case 416:
        return KO_FAULT_INVALID;
    case 429:
        return KO_FAULT_THROTTLED;
    default:
        return http_status >= 500 ? KO_FAULT_TRANSIENT : KO_FAULT_OTHER;
    }
}

enum ko_fault
ko_fault_of(struct ko_slice error_code, int http_status)
{
    const struct ko_slice code = without_suffix(error_code);

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (code.n > 0 && ko_slice_equal(code, ko_slice_of(classes[i].error_code)))
            return classes[i].fault;
    }
    return class_of_status(http_status);
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

struct ko_slice
ko_fault_shown(struct ko_slice message)
{
    static const char explanation[] = "The Canonical String";
    const char *const found =
        message.n == 0 ? NULL
                       : memmem(message.data, message.n, explanation, sizeof explanation - 1);

    if (found == NULL)
        return message;
    message.n = (size_t) (found - message.data);
    while (message.n > 0 && (unsigned char) message.data[message.n - 1] <= ' ')
        message.n--;
    return message;
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
    copy_printable(ko_fault_shown(ko_buf_slice(&message)), text->message, sizeof text->message);
    ko_buf_clear(&type);
    ko_buf_clear(&message);
}

bool
ko_fault_is_clock(const char *text)
{
    return strstr(text, "Signature expired") != NULL ||
           strstr(text, "Signature not yet current") != NULL ||
           strcmp(text, "RequestTimeTooSkewed") == 0 || strcmp(text, "RequestExpired") == 0;
}
