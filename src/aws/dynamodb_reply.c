#include <stdio.h>

#include "keepone/aws/dynamodb.h"
#include "keepone/base/buf.h"

enum { DETAIL_BYTES = KO_ERROR_TEXT_BYTES };

/* "ValidationException: text (HTTP 400, request id X)", as far as these are known. */
static void
write_detail(const struct ko_dynamodb_reply *reply, char detail[DETAIL_BYTES])
{
    const char *const code = reply->error_code;
    const char *const message = reply->message;
    int n = snprintf(detail, DETAIL_BYTES, "%s%s%s", code,
                     code[0] != '\0' && message[0] != '\0' ? ": " : "", message);

    if (n < 0 || n >= DETAIL_BYTES || reply->http_status == 0)
        return;
    (void) snprintf(detail + n, DETAIL_BYTES - (size_t) n, "%sHTTP %d%s%s%s", n > 0 ? " (" : "",
                    reply->http_status, reply->request_id[0] != '\0' ? ", request id " : "",
                    reply->request_id, n > 0 ? ")" : "");
}

static enum ko_code
fail_network(const struct ko_dynamodb_reply *reply, const char *what, const char *detail,
             struct ko_error *err)
{
    if (reply->fault == KO_FAULT_UNTRUSTED) {
        (void) ko_fail(err, KO_E_AWS, "%s: %s is not trusted: %s", what, reply->endpoint->url,
                       detail);
        ko_hint(err, "set AWS_CA_BUNDLE to the file with the certificate of its authority.");
    } else {
        (void) ko_fail(err, KO_E_AWS, "%s: cannot reach %s after %u attempts: %s", what,
                       reply->endpoint->url, reply->n_attempts, detail);
        ko_hint(err,
                "check --endpoint, --region and the network, then run the same command again.");
    }
    return err->code;
}

static enum ko_code
fail_access(const struct ko_dynamodb_reply *reply, const char *what, const char *detail,
            struct ko_error *err)
{
    (void) ko_fail(err, KO_E_ACCESS, "%s: %s", what, detail);
    if (reply->fault == KO_FAULT_CREDENTIALS)
        ko_hint(err,
                "get credentials that are valid now (new keys, aws sso login, the pod's or the "
                "instance's role), then run the same command again.");
    else if (reply->fault == KO_FAULT_SIGNATURE)
        ko_hint(err, "check the secret key, the region and this machine's clock.");
    else
        ko_hint(err, "allow the role or user that runs keepone what the message names.");
    return err->code;
}

enum ko_code
ko_dynamodb_reply_error(const struct ko_dynamodb_reply *reply, const char *what,
                        struct ko_error *err)
{
    char detail[DETAIL_BYTES];

    KO_ASSERT(reply->kind != KO_REPLY_OK);
    if (reply->start_failure != NULL) {
        *err = *reply->start_failure;
        ko_context(err, "%s", what);
        return err->code;
    }
    write_detail(reply, detail);
    if (reply->kind == KO_REPLY_UNKNOWN) {
        (void) ko_fail(err, KO_E_AWS, "%s: the outcome is unknown: %s", what, detail);
        ko_hint(err, "run the same command again: it looks what became of the request.");
        return err->code;
    }
    switch (reply->fault) {
    case KO_FAULT_THROTTLED:
        (void) ko_fail(err, KO_E_THROTTLED, "%s: still throttled after %u attempts: %s", what,
                       reply->n_attempts, detail);
        ko_hint(err, "raise the table's capacity or wait, then run the same command again.");
        return err->code;
    case KO_FAULT_NOT_SENT:
    case KO_FAULT_UNTRUSTED:
        return fail_network(reply, what, detail, err);
    case KO_FAULT_CREDENTIALS:
    case KO_FAULT_SIGNATURE:
    case KO_FAULT_ACCESS:
        return fail_access(reply, what, detail, err);
    case KO_FAULT_NOT_FOUND:
        (void) ko_fail(err, KO_E_ACCESS, "%s: no such table in region %s at %s: %s", what,
                       reply->endpoint->region, reply->endpoint->url, detail);
        ko_hint(err, "check the table's name, --region and --endpoint.");
        return err->code;
    case KO_FAULT_INVALID:
        (void) ko_fail(err, KO_E_OPTION, "%s: %s", what, detail);
        ko_hint(err,
                "check the names and expressions that were given; the message is the service's.");
        return err->code;
    case KO_FAULT_MEMORY:
        return ko_fail(err, KO_E_MEMORY, "%s: no memory for the reply", what);
    case KO_FAULT_TRANSIENT:
        (void) ko_fail(err, KO_E_AWS, "%s: failed in %u attempts: %s", what, reply->n_attempts,
                       detail);
        ko_hint(err, "this is a fault of the service or the network; run the same command again.");
        return err->code;
    default:
        return ko_fail(err, KO_E_AWS, "%s: %s", what, detail);
    }
}
