#include <stdio.h>

#include "s3_priv.h"

enum { DETAIL_BYTES = KO_ERROR_TEXT_BYTES, NAME_BYTES = KO_S3_BUCKET_BYTES + KO_S3_KEY_BYTES + 8 };

bool
ko_s3_is_missing(const struct ko_s3_call *call)
{
    return call->fault == KO_FAULT_NOT_FOUND &&
           strcmp(call->said.text.error_code, "NoSuchKey") == 0;
}

/* "SlowDown: text (HTTP 503, request id X)", as far as these are known. */
static void
write_detail(const struct ko_s3_call *call, char detail[DETAIL_BYTES])
{
    const char *const code = call->said.text.error_code;
    const char *const message = call->said.text.message;
    int n = snprintf(detail, DETAIL_BYTES, "%s%s%s", code,
                     code[0] != '\0' && message[0] != '\0' ? ": " : "", message);

    if (n < 0 || n >= DETAIL_BYTES || call->status == 0)
        return;
    (void) snprintf(detail + n, DETAIL_BYTES - (size_t) n, "%sHTTP %d%s%s%s", n > 0 ? " (" : "",
                    call->status, call->said.request_id[0] != '\0' ? ", request id " : "",
                    call->said.request_id, n > 0 ? ")" : "");
}

/* The permission that the request needs. */
static const char *
permission_of(const struct ko_s3_call *call)
{
    if (call->is_of_bucket)
        return "s3:ListBucket on the bucket";
    if (strcmp(call->method, "GET") == 0)
        return "s3:GetObject on the object, and s3:ListBucket on the bucket to be told when it is "
               "not there";
    return strcmp(call->method, "DELETE") == 0 ? "s3:DeleteObject on the object"
                                               : "s3:PutObject on the object";
}

static enum ko_code
fail_access(const struct ko_s3_call *call, const char *what, const char *detail,
            struct ko_error *err)
{
    (void) ko_fail(err, KO_E_ACCESS, "%s: %s", what, detail);
    if (call->fault == KO_FAULT_CREDENTIALS)
        ko_hint(err, "get credentials that are valid now, then run the same command again.");
    else if (call->fault == KO_FAULT_SIGNATURE)
        ko_hint(err, "check the secret key, the region and this machine's clock.");
    else
        ko_hint(err, "allow the role or user that runs keepone %s (and the use of its KMS key).",
                permission_of(call));
    return err->code;
}

static enum ko_code
fail_network(const struct ko_s3_call *call, const char *what, const char *detail,
             struct ko_error *err)
{
    const char *const url = call->bucket->endpoint.url;

    if (call->fault == KO_FAULT_UNTRUSTED) {
        (void) ko_fail(err, KO_E_AWS, "%s: %s is not trusted: %s", what, url, detail);
        ko_hint(err, "set AWS_CA_BUNDLE to the file with the certificate of its authority.");
    } else {
        (void) ko_fail(err, KO_E_AWS, "%s: cannot reach %s after %u attempts: %s", what, url,
                       call->n_attempts, detail);
        ko_hint(err, "check --s3-endpoint, AWS_ENDPOINT_URL_S3, the region and the network, then "
                     "run the same command again.");
    }
    return err->code;
}

static enum ko_code
fail_object(const struct ko_s3_call *call, const char *what, const char *detail,
            struct ko_error *err)
{
    const char *const code = call->said.text.error_code;

    if (strcmp(code, "NoSuchBucket") == 0) {
        (void) ko_fail(err, KO_E_ACCESS, "%s: there is no such bucket at %s: %s", what,
                       call->bucket->endpoint.url, detail);
        ko_hint(err, "check the bucket's name and --s3-endpoint.");
    } else if (code[0] == '\0') {
        (void) ko_fail(err, KO_E_AWS, "%s: %s does not answer as S3 does: %s", what,
                       call->bucket->endpoint.url, detail);
        ko_hint(err, "check --s3-endpoint, AWS_ENDPOINT_URL_S3 and the proxy before it.");
    } else {
        (void) ko_fail(err, KO_E_IO, "%s: there is no such object: %s", what, detail);
        ko_hint(err, "check the path; it may have been removed by a lifecycle rule of the bucket.");
    }
    return err->code;
}

static enum ko_code
fail_other(const struct ko_s3_call *call, const char *what, const char *detail,
           struct ko_error *err)
{
    const char *const code = call->said.text.error_code;

    if (strcmp(code, "InvalidObjectState") == 0) {
        (void) ko_fail(err, KO_E_IO, "%s: the object is archived: %s", what, detail);
        ko_hint(err, "restore it in S3 first, or make a new export.");
        return err->code;
    }
    (void) ko_fail(err, KO_E_AWS, "%s: %s", what, detail);
    if (strcmp(code, "PermanentRedirect") == 0 || call->status / 100 == 3)
        ko_hint(err, "the bucket is at another endpoint: check --s3-endpoint and the region.");
    return err->code;
}

enum ko_code
ko_s3_fail(const struct ko_s3_call *call, const char *doing, struct ko_error *err)
{
    char what[NAME_BYTES + 64];
    char detail[DETAIL_BYTES];

    KO_ASSERT(call->state == KO_S3_DONE && call->fault != KO_FAULT_NONE);
    (void) snprintf(what, sizeof what, "%s 's3://%s/%s'", doing, call->at->bucket, call->at->key);
    if (call->start.code != KO_OK) {
        (void) ko_fail(err, call->start.code, "%s: %s", what, call->start.text);
        ko_hint(err, "%s", call->start.hint);
        return err->code;
    }
    write_detail(call, detail);
    switch (call->fault) {
    case KO_FAULT_THROTTLED:
        (void) ko_fail(err, KO_E_THROTTLED, "%s: still throttled after %u attempts: %s", what,
                       call->n_attempts, detail);
        ko_hint(err, "wait, or use fewer ranks, then run the same command again.");
        return err->code;
    case KO_FAULT_NOT_SENT:
    case KO_FAULT_UNTRUSTED:
        return fail_network(call, what, detail, err);
    case KO_FAULT_CREDENTIALS:
    case KO_FAULT_SIGNATURE:
    case KO_FAULT_ACCESS:
        return fail_access(call, what, detail, err);
    case KO_FAULT_NOT_FOUND:
        return fail_object(call, what, detail, err);
    case KO_FAULT_CONDITION:
        (void) ko_fail(err, KO_E_IO, "%s: the object was replaced meanwhile: %s", what, detail);
        ko_hint(err, "see who else writes there, then run the same command again.");
        return err->code;
    case KO_FAULT_MEMORY:
        return ko_fail(err, KO_E_MEMORY, "%s: no memory for the reply", what);
    case KO_FAULT_TRANSIENT:
        (void) ko_fail(err, KO_E_AWS, "%s: failed in %u attempts: %s", what, call->n_attempts,
                       detail);
        ko_hint(err, "this is a fault of the service or the network; run the same command again.");
        return err->code;
    default:
        return fail_other(call, what, detail, err);
    }
}
