#include "keepone/aws/sts.h"

#include <stdio.h>

#include "keepone/aws/exchange.h"
#include "keepone/aws/fault.h"
#include "keepone/aws/sigv4.h"
#include "keepone/aws/xml.h"
#include "keepone/base/clock.h"
#include "keepone/base/random.h"
#include "keepone/format/digest.h"

#include "credentials_priv.h"
#include "percent_priv.h"

enum { HEADERS_MAX = 8, ATTEMPTS = 3, TIMEOUT_MS = 5000, BODY_BYTES = 32 * 1024 };

static const char content_type[] = "application/x-www-form-urlencoded; charset=utf-8";

/* Adds "&name=value", encoded. */
static void
add_parameter(struct ko_buf *body, const char *name, struct ko_slice value)
{
    ko_buf_add_format(body, "%s%s=", body->n == 0 ? "" : "&", name);
    ko_percent_encode(body, value, '\0');
}

static const char *
action_of(const struct ko_sts_request *request)
{
    return request->credentials != NULL ? "AssumeRole" : "AssumeRoleWithWebIdentity";
}

static enum ko_code
make_body(const struct ko_sts_request *request, struct ko_buf *body, struct ko_error *err)
{
    char seconds[16];

    (void) ko_buf_reserve(body, BODY_BYTES); /* it is not moved, so that it can be overwritten */
    add_parameter(body, "Action", ko_slice_of(action_of(request)));
    add_parameter(body, "Version", KO_SLICE("2011-06-15"));
    add_parameter(body, "RoleArn", ko_slice_of(request->role_arn));
    add_parameter(body, "RoleSessionName", ko_slice_of(request->session_name));
    if (request->external_id != NULL)
        add_parameter(body, "ExternalId", ko_slice_of(request->external_id));
    if (request->duration_seconds != 0) {
        (void) snprintf(seconds, sizeof seconds, "%u", request->duration_seconds);
        add_parameter(body, "DurationSeconds", ko_slice_of(seconds));
    }
    if (request->credentials == NULL)
        add_parameter(body, "WebIdentityToken", request->web_identity_token);
    return ko_buf_finish(body, err);
}

/* Fills the headers; those of a signed request borrow from signer and credentials. */
static enum ko_code
make_headers(const struct ko_sts_request *request, struct ko_sigv4_signer *signer,
             const char time_text[KO_SIGV4_TIME_BYTES], const char *body_hash,
             struct ko_header headers[HEADERS_MAX], size_t *n_headers, struct ko_error *err)
{
    const struct ko_credentials *const credentials = request->credentials;
    struct ko_sigv4_request signing = {.method = KO_SLICE("POST"),
                                       .path = KO_SLICE("/"),
                                       .query = KO_SLICE(""),
                                       .headers = headers,
                                       .body_hash = ko_slice_of(body_hash)};
    size_t n = 0;

    headers[n++] = (struct ko_header){KO_SLICE("Host"), ko_slice_of(request->endpoint->host)};
    headers[n++] = (struct ko_header){KO_SLICE("Content-Type"), ko_slice_of(content_type)};
    if (credentials != NULL) {
        headers[n++] = (struct ko_header){KO_SLICE("X-Amz-Date"), ko_slice_of(time_text)};
        if (credentials->token != NULL)
            headers[n++] = (struct ko_header){KO_SLICE("X-Amz-Security-Token"),
                                              ko_slice_of(credentials->token)};
        signing.n_headers = n;
        if (ko_sigv4_sign(signer, &signing, credentials, time_text, err) != KO_OK)
            return err->code;
        headers[n++] =
            (struct ko_header){KO_SLICE("Authorization"), ko_buf_slice(&signer->authorization)};
    }
    headers[n++] = (struct ko_header){KO_SLICE("Accept"), KO_SLICE("*/*")};
    headers[n++] = (struct ko_header){KO_SLICE("User-Agent"), KO_SLICE("keepone/" KEEPONE_VERSION)};
    *n_headers = n;
    return KO_OK;
}

static enum ko_code
send(const struct ko_sts_request *request, struct ko_slice body, int64_t clock_offset_us,
     struct ko_exchange_reply *reply, struct ko_error *err)
{
    struct ko_sigv4_signer signer = {.region = request->endpoint->region, .service = "sts"};
    struct ko_header headers[HEADERS_MAX];
    char time_text[KO_SIGV4_TIME_BYTES];
    char body_hash[KO_SHA256_HEX_BYTES];
    struct ko_exchange exchange = {.method = "POST",
                                   .url = request->endpoint->url,
                                   .headers = headers,
                                   .body = body,
                                   .timeout_ms = TIMEOUT_MS,
                                   .ca_file = request->ca_file};

    ko_sigv4_time_text(ko_wall_us() + clock_offset_us, time_text);
    ko_sha256_hex(body, body_hash);
    KO_TRY(make_headers(request, &signer, time_text, body_hash, headers, &exchange.n_headers, err));
    KO_TRY(ko_exchange_run(&exchange, reply, err));

done:
    ko_sigv4_signer_clear(&signer);
    return err->code;
}

static enum ko_code
find_text(const struct ko_exchange_reply *reply, const char *action, const char *name,
          struct ko_buf *out, struct ko_error *err)
{
    char path[KO_XML_PATH_BYTES];
    struct ko_error reading = {0};
    bool found = false;

    (void) snprintf(path, sizeof path, "%sResponse/%sResult/Credentials/%s", action, action, name);
    if (ko_xml_find(ko_buf_slice(&reply->body), path, out, &found, &reading) != KO_OK)
        return ko_fail(err, reading.code == KO_E_MEMORY ? KO_E_MEMORY : KO_E_AWS, "%s",
                       reading.text);
    return found ? KO_OK : ko_fail(err, KO_E_AWS, "the reply has no %s", name);
}

static enum ko_code
take_credentials(const struct ko_exchange_reply *reply, const char *action,
                 struct ko_credentials *credentials, struct ko_error *err)
{
    static const char *const names[] = {"AccessKeyId", "SecretAccessKey", "SessionToken",
                                        "Expiration"};
    struct ko_buf texts[4] = {{0}, {0}, {0}, {0}};
    int64_t expiry_us = 0;

    for (size_t i = 0; i < 4; i++)
        KO_TRY(find_text(reply, action, names[i], &texts[i], err));
    if (!ko_credentials_read_expiry(ko_buf_slice(&texts[3]), &expiry_us)) {
        (void) ko_fail(err, KO_E_AWS, "the reply's Expiration is no time");
        goto done;
    }
    KO_TRY(ko_credentials_set(credentials, ko_buf_slice(&texts[0]), ko_buf_slice(&texts[1]),
                              ko_buf_slice(&texts[2]), expiry_us, err));

done:
    for (size_t i = 0; i < 4; i++)
        ko_buf_wipe(&texts[i]);
    return err->code;
}

/* What an error reply says; empty texts where it is no such document. */
struct refusal {
    struct ko_buf code;
    struct ko_buf message;
};

static void
read_refusal(const struct ko_exchange_reply *reply, struct refusal *refusal)
{
    const struct ko_slice body = ko_buf_slice(&reply->body);
    struct ko_error ignored = {0};
    bool found;

    (void) ko_xml_find(body, "ErrorResponse/Error/Code", &refusal->code, &found, &ignored);
    (void) ko_xml_find(body, "ErrorResponse/Error/Message", &refusal->message, &found, &ignored);
    ko_buf_add_char(&refusal->code, '\0'); /* both are texts from here on */
    ko_buf_add_char(&refusal->message, '\0');
}

static void
clear_refusal(struct refusal *refusal)
{
    ko_buf_clear(&refusal->code);
    ko_buf_clear(&refusal->message);
}

/* With credentials of a role's own the code is the service's; a hint says what to do about it. */
static const char *
hint_of(const char *code, bool is_signed)
{
    static const struct {
        const char *code, *hint;
    } hints[] = {
        {"AccessDenied", "the role's trust policy must allow whoever asks; it may ask for an "
                         "external id."},
        {"InvalidIdentityToken", "the role's trust policy and IAM must know the token's issuer; "
                                 "check the service account and the OIDC provider."},
        {"IDPRejectedClaim", "the issuer does not accept this token; check the service account."},
        {"IDPCommunicationError", "the token's issuer did not answer; run the same command again."},
        {"RegionDisabledException", "activate STS in this region for the account, or choose "
                                    "another region."},
        {"ValidationError", "check the role's ARN, session name and duration."},
        {"InvalidClientTokenId", "the credentials that assume the role are not valid."},
        {"SignatureDoesNotMatch", "check the secret key that assumes the role, and this machine's "
                                  "clock."},
    };

    if (strncmp(code, "ExpiredToken", 12) == 0)
        return is_signed ? "the credentials that assume the role have expired; get new ones."
                         : "the token file must be written anew before it expires; check who does "
                           "it.";
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        if (strcmp(code, hints[i].code) == 0)
            return hints[i].hint;
    }
    return "the words are those of AWS STS; check the role and who may assume it.";
}

static enum ko_code
fail(const struct ko_sts_request *request, const struct ko_exchange_reply *reply,
     const struct refusal *refusal, struct ko_error *err)
{
    const enum ko_code code = reply->status >= 500 ? KO_E_AWS : KO_E_ACCESS;
    struct ko_buf text = {0};

    ko_reply_describe(&text, reply->status, refusal->code.data, ko_slice_of(refusal->message.data),
                      request->web_identity_token);
    if (ko_buf_finish(&text, err) == KO_OK)
        (void) ko_fail(err, code, "%.*s", KO_SLICE_ARG(ko_buf_slice(&text)));
    ko_hint(err, "%s", hint_of(refusal->code.data, request->credentials != NULL));
    ko_buf_clear(&text);
    return err->code;
}

/* What may succeed if it is asked again. */
static bool
is_passing(const char *code)
{
    return strcmp(code, "IDPCommunicationError") == 0 || strcmp(code, "Throttling") == 0 ||
           ko_fault_of(ko_slice_of(code), 400) == KO_FAULT_THROTTLED;
}

/* One request; *is_over = false if it should be sent again, after a wait. */
static enum ko_code
attempt(const struct ko_sts_request *request, struct ko_slice body, unsigned i,
        int64_t *clock_offset_us, struct ko_credentials *credentials, bool *is_over,
        struct ko_error *err)
{
    struct ko_exchange_reply reply = {0};
    struct refusal refusal = {0};

    *is_over = true;
    KO_TRY(send(request, body, *clock_offset_us, &reply, err));
    if (reply.status == 200) {
        KO_TRY(take_credentials(&reply, action_of(request), credentials, err));
        goto done;
    }
    read_refusal(&reply, &refusal);
    KO_TRY(ko_buf_finish(&refusal.message, err));
    KO_TRY(ko_buf_finish(&refusal.code, err));
    if (*clock_offset_us == 0 && reply.server_wall_us != 0 &&
        ko_fault_is_clock(refusal.message.data)) {
        *clock_offset_us = reply.server_wall_us - ko_wall_us();
        *is_over = false;
    } else if (i + 1 < ATTEMPTS && is_passing(refusal.code.data)) {
        ko_sleep_us(500000 + ko_random(1000000)); /* ranks that came together do not again */
        *is_over = false;
    } else {
        (void) fail(request, &reply, &refusal, err);
    }

done:
    clear_refusal(&refusal);
    ko_exchange_clear(&reply);
    return err->code;
}

enum ko_code
ko_sts_assume(const struct ko_sts_request *request, struct ko_credentials *credentials,
              struct ko_error *err)
{
    struct ko_buf body = {0};
    int64_t clock_offset_us = 0;
    bool is_over = false;

    KO_TRY(make_body(request, &body, err));
    for (unsigned i = 0; !is_over; i++)
        KO_TRY(
            attempt(request, ko_buf_slice(&body), i, &clock_offset_us, credentials, &is_over, err));

done:
    if (err->code != KO_OK)
        ko_context(err, "%s of '%s' at %s", action_of(request), request->role_arn,
                   request->endpoint->url);
    ko_buf_wipe(&body);
    return err->code;
}
