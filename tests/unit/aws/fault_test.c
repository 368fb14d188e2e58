#include "keepone/aws/fault.h"

#include "keepone/base/buf.h"

#include "support/test.h"

/* Every code of the protocol, as it arrives. */
static const struct {
    int http_status;
    const char *code;
    enum ko_fault fault;
} codes[] = {
    {400, "ProvisionedThroughputExceededException", KO_FAULT_THROTTLED},
    {400, "ThrottlingException", KO_FAULT_THROTTLED},
    {400, "RequestLimitExceeded", KO_FAULT_THROTTLED},
    {400, "LimitExceededException", KO_FAULT_THROTTLED},
    {400, "TransactionInProgressException", KO_FAULT_THROTTLED},
    {400, "TransactionConflictException", KO_FAULT_THROTTLED},
    {400, "ReplicatedWriteConflictException", KO_FAULT_THROTTLED},
    {409, "ReplicatedWriteConflictException", KO_FAULT_THROTTLED},
    {400, "Throttling", KO_FAULT_THROTTLED},
    {400, "ThrottledException", KO_FAULT_THROTTLED},
    {400, "RequestThrottled", KO_FAULT_THROTTLED},
    {400, "RequestThrottledException", KO_FAULT_THROTTLED},
    {400, "TooManyRequestsException", KO_FAULT_THROTTLED},
    {400, "BandwidthLimitExceeded", KO_FAULT_THROTTLED},
    {503, "SlowDown", KO_FAULT_THROTTLED},
    {400, "EC2ThrottledException", KO_FAULT_THROTTLED},
    {429, "", KO_FAULT_THROTTLED},
    {500, "InternalServerError", KO_FAULT_TRANSIENT},
    {500, "InternalServerException", KO_FAULT_TRANSIENT},
    {500, "InternalFailure", KO_FAULT_TRANSIENT},
    {503, "ServiceUnavailable", KO_FAULT_TRANSIENT},
    {503, "ServiceUnavailableException", KO_FAULT_TRANSIENT},
    {500, "", KO_FAULT_TRANSIENT},
    {502, "", KO_FAULT_TRANSIENT},
    {503, "NeverHeardOf", KO_FAULT_TRANSIENT},
    {504, "", KO_FAULT_TRANSIENT},
    {408, "", KO_FAULT_TRANSIENT},
    {400, "RequestTimeout", KO_FAULT_TRANSIENT},
    {400, "RequestTimeoutException", KO_FAULT_TRANSIENT},
    {400, "PriorRequestNotComplete", KO_FAULT_TRANSIENT},
    {400, "ConditionalCheckFailedException", KO_FAULT_CONDITION},
    {400, "TransactionCanceledException", KO_FAULT_CANCELLED},
    {400, "UnrecognizedClientException", KO_FAULT_CREDENTIALS},
    {400, "ExpiredTokenException", KO_FAULT_CREDENTIALS},
    {400, "ExpiredToken", KO_FAULT_CREDENTIALS},
    {403, "InvalidAccessKeyId", KO_FAULT_CREDENTIALS},
    {403, "InvalidClientTokenId", KO_FAULT_CREDENTIALS},
    {400, "InvalidSignatureException", KO_FAULT_SIGNATURE},
    {403, "SignatureDoesNotMatch", KO_FAULT_SIGNATURE},
    {403, "RequestTimeTooSkewed", KO_FAULT_SIGNATURE},
    {403, "RequestExpired", KO_FAULT_SIGNATURE},
    {401, "AuthFailure", KO_FAULT_SIGNATURE},
    {400, "AccessDeniedException", KO_FAULT_ACCESS},
    {400, "MissingAuthenticationTokenException", KO_FAULT_ACCESS},
    {400, "IncompleteSignatureException", KO_FAULT_ACCESS},
    {403, "", KO_FAULT_ACCESS},
    {400, "ResourceNotFoundException", KO_FAULT_NOT_FOUND},
    {400, "TableNotFoundException", KO_FAULT_NOT_FOUND},
    {400, "ValidationException", KO_FAULT_INVALID},
    {400, "UnknownOperationException", KO_FAULT_UNKNOWN_OPERATION},
    {400, "ResourceInUseException", KO_FAULT_OTHER},
    {400, "ItemCollectionSizeLimitExceededException", KO_FAULT_OTHER},
    {400, "IdempotentParameterMismatchException", KO_FAULT_OTHER},
    {400, "SerializationException", KO_FAULT_OTHER},
    {400, "NeverHeardOf", KO_FAULT_OTHER},
    {413, "", KO_FAULT_OTHER},
    {302, "", KO_FAULT_OTHER},
    {404, "", KO_FAULT_NOT_FOUND},
    {500, "TransactionConflictException", KO_FAULT_THROTTLED}, /* the code counts, not the status */
    {400, "InternalServerError", KO_FAULT_TRANSIENT},
    {200, "RequestLimitExceeded", KO_FAULT_THROTTLED},
    {200, "InternalServerError", KO_FAULT_TRANSIENT},
    /* of exports */
    {400, "ExportNotFoundException", KO_FAULT_NOT_FOUND},
    {400, "PointInTimeRecoveryUnavailableException", KO_FAULT_OTHER},
    {400, "InvalidExportTimeException", KO_FAULT_INVALID},
    {400, "ExportConflictException", KO_FAULT_OTHER},
    /* of S3; a reply to HEAD has no code */
    {503, "ServiceUnavailable", KO_FAULT_TRANSIENT},
    {500, "InternalError", KO_FAULT_TRANSIENT},
    {200, "InternalError", KO_FAULT_TRANSIENT},
    {400, "BadDigest", KO_FAULT_TRANSIENT},
    {409, "OperationAborted", KO_FAULT_TRANSIENT},
    {409, "ConditionalRequestConflict", KO_FAULT_THROTTLED},
    {412, "PreconditionFailed", KO_FAULT_CONDITION},
    {412, "", KO_FAULT_CONDITION},
    {403, "AccessDenied", KO_FAULT_ACCESS},
    {403, "AllAccessDisabled", KO_FAULT_ACCESS},
    {400, "InvalidToken", KO_FAULT_CREDENTIALS},
    {400, "TokenRefreshRequired", KO_FAULT_CREDENTIALS},
    {404, "NoSuchKey", KO_FAULT_NOT_FOUND},
    {404, "NoSuchBucket", KO_FAULT_NOT_FOUND},
    {404, "NoSuchUpload", KO_FAULT_NOT_FOUND},
    {301, "PermanentRedirect", KO_FAULT_REGION},
    {307, "TemporaryRedirect", KO_FAULT_REGION},
    {400, "AuthorizationHeaderMalformed", KO_FAULT_REGION},
    {301, "", KO_FAULT_REGION},
    {416, "InvalidRange", KO_FAULT_INVALID},
    {416, "", KO_FAULT_INVALID},
    {400, "InvalidArgument", KO_FAULT_INVALID},
    {403, "InvalidObjectState", KO_FAULT_OTHER},
    {501, "NotImplemented", KO_FAULT_UNKNOWN_OPERATION},
    /* of STS */
    {400, "IDPCommunicationError", KO_FAULT_TRANSIENT},
    {400, "InvalidIdentityToken", KO_FAULT_ACCESS},
    {403, "IDPRejectedClaim", KO_FAULT_ACCESS},
    {403, "RegionDisabledException", KO_FAULT_ACCESS},
    {400, "MalformedPolicyDocument", KO_FAULT_INVALID},
    {400, "PackedPolicyTooLarge", KO_FAULT_INVALID},
    /* of PartiQL statements and cancellation reasons */
    {200, "ConditionalCheckFailed", KO_FAULT_CONDITION},
    {200, "ItemCollectionSizeLimitExceeded", KO_FAULT_OTHER},
    {200, "ValidationError", KO_FAULT_INVALID},
    {200, "ProvisionedThroughputExceeded", KO_FAULT_THROTTLED},
    {200, "TransactionConflict", KO_FAULT_THROTTLED},
    {200, "ThrottlingError", KO_FAULT_THROTTLED},
    {200, "ResourceNotFound", KO_FAULT_NOT_FOUND},
    {200, "AccessDenied", KO_FAULT_ACCESS},
    {200, "DuplicateItem", KO_FAULT_OTHER},
};

static void
each_code_lands_in_its_class(void)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const enum ko_fault fault = ko_fault_of(ko_slice_of(codes[i].code), codes[i].http_status);

        if (fault != codes[i].fault)
            fail_msg("%s (HTTP %d) is %d, not %d", codes[i].code, codes[i].http_status, fault,
                     codes[i].fault);
    }
}

static void
bodies_are_read_into_code_and_message(void)
{
    static const struct {
        const char *body;
        const char *expected; /* "code|message" */
    } rows[] = {
        {"{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\","
         "\"message\":\"Requested resource not found\"}",
         "ResourceNotFoundException|Requested resource not found"},
        {"{\"Message\":\"m\",\"__type\":\"com.amazon.coral.service#AccessDeniedException\"}",
         "AccessDeniedException|m"},
        {"{\"__type\":\"ValidationException:http://x/#y\"}", "y|"},
        {"{\"__type\":\"p#ValidationException:http://x/\"}", "ValidationException|"},
        {"{\"__type\":\"ValidationException\",\"message\":null,\"Message\":\"m\"}",
         "ValidationException|m"},
        {" {\"__type\" : \"p#E\", \"message\" : \"a\\nb\\u0000c\\u001b[1m\" } ", "E|a b c [1m"},
        {"{\"__type\":\"com.amazon.coral.validate#ValidationException\",\"message\":\"m\"}",
         "ValidationException|m"},
        {"{\"__type\":\"com.amazon.coral.availability#ThrottlingException\","
         "\"throttlingReasons\":[{\"reason\":\"x\"}],\"Message\":\"m\"}",
         "ThrottlingException|m"},
        {"{\"__type\":\"p#InvalidSignatureException\",\"message\":\"The request signature we "
         "calculated does not match.\\n\\nThe Canonical String for this request should have been\\n"
         "'POST\\n/\\n\\nx-amz-security-token:TOKEN\\n'\"}",
         "InvalidSignatureException|The request signature we calculated does not match."},
        {"{\"message\":\"no type\"}", "|no type"},
        {"{\"__type\":7,\"message\":[]}", "|"},
        {"{\"__type\":\"p#\"}", "|"},
        {"<html>502 Bad Gateway</html>", "|"},
        {"[\"__type\"]", "|"},
        {"\"__type\"", "|"},
        {"{\"__type\":\"p#E\",", "|"},
        {"", "|"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_fault_text text;
        char line[KO_FAULT_CODE_BYTES + KO_FAULT_MESSAGE_BYTES];

        ko_fault_read(ko_slice_of(rows[i].body), &text);
        (void) snprintf(line, sizeof line, "%s|%s", text.error_code, text.message);
        CHECK_TEXT(line, rows[i].expected);
    }
}

/* "e" with an accent has two bytes: a cut in the middle would not be UTF-8 any more. */
static void
long_messages_are_cut_between_characters(void)
{
    for (size_t n_ascii = 0; n_ascii < 2; n_ascii++) {
        struct ko_fault_text text;
        struct ko_buf body = {0};
        const size_t n_pairs = (KO_FAULT_MESSAGE_BYTES - 1 - n_ascii) / 2;

        ko_buf_add_text(&body, "{\"message\":\"");
        ko_buf_add(&body, "x", n_ascii);
        for (int i = 0; i < KO_FAULT_MESSAGE_BYTES; i++)
            ko_buf_add_text(&body, "\xc3\xa9");
        ko_buf_add_text(&body, "\"}");
        ko_fault_read(ko_buf_slice(&body), &text);
        assert_int_equal(strlen(text.message), n_ascii + 2 * n_pairs);
        ko_buf_clear(&body);
    }
}

static void
messages_are_shown_without_the_canonical_request(void)
{
    CHECK_SLICE(ko_fault_shown(KO_SLICE("no match. \n\nThe Canonical String for x is 'TOKEN'")),
                "no match.");
    CHECK_SLICE(ko_fault_shown(KO_SLICE("no match.")), "no match.");
    CHECK_SLICE(ko_fault_shown(KO_SLICE("The Canonical String")), "");
    CHECK_SLICE(ko_fault_shown(KO_SLICE("")), "");
}

static void
clock_messages_are_told_from_wrong_secrets(void)
{
    assert_true(ko_fault_is_clock("Signature expired: 20260709T101500Z is now earlier than"));
    assert_true(ko_fault_is_clock("Signature not yet current: 2026 is still later than"));
    assert_false(ko_fault_is_clock("The request signature we calculated does not match"));
    assert_true(ko_fault_is_clock("RequestTimeTooSkewed"));
    assert_true(ko_fault_is_clock("RequestExpired"));
    assert_false(ko_fault_is_clock("SignatureDoesNotMatch"));
    assert_false(ko_fault_is_clock(""));
}

CASES = {
    CASE(each_code_lands_in_its_class),
    CASE(bodies_are_read_into_code_and_message),
    CASE(long_messages_are_cut_between_characters),
    CASE(messages_are_shown_without_the_canonical_request),
    CASE(clock_messages_are_told_from_wrong_secrets),
};
RUN_CASES
