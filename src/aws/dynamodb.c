#include "keepone/aws/dynamodb.h"

#include <stdio.h>

#include "attempt_priv.h"
#include "keepone/aws/http.h"
#include "keepone/aws/pace.h"
#include "keepone/aws/retry.h"
#include "keepone/aws/sigv4.h"
#include "keepone/base/clock.h"
#include "keepone/base/log.h"
#include "keepone/base/mem.h"
#include "keepone/format/digest.h"

enum {
    DEFAULT_IN_FLIGHT = 32,
    DEFAULT_THROTTLE_LIMIT_S = 600,
    FAULTS_MAX = 10,
    FAULTS_MAX_UNANSWERED = 6, /* while the endpoint never answered: most likely a wrong one */
    OPERATION_BYTES = 64,
    HEADERS_MAX = 8,
    CALL_WAIT_US = 100 * 1000
};

enum call_state { CALL_FREE, CALL_WAITING, CALL_RUNNING };

/* A call in flight, or the room for one.  The buffer is kept from use to use. */
struct call {
    struct ko_dynamodb *client;
    enum call_state state;
    char target[OPERATION_BYTES];
    struct ko_buf body;
    char body_hash[KO_SHA256_HEX_BYTES];
    bool is_write;
    ko_dynamodb_done_fn *done;
    void *self;
    uint64_t tag;
    uint64_t order;   /* the smaller, the older */
    uint64_t wake_us; /* while WAITING: when the next attempt may start */
    struct ko_pace_charge charge;
    struct ko_pace_lane *lane; /* or NULL */
    unsigned n_attempts;
    uint64_t n_loads;       /* of the client, when the last attempt was signed */
    uint64_t n_corrections; /* the same */
    struct ko_retry_state retry;
};

struct ko_dynamodb {
    struct ko_endpoint endpoint;
    struct ko_http *http;
    struct ko_pace *pace;
    uint64_t held_until_us[KO_PACE_RESOURCES + 1]; /* no call of the resource starts before */
    struct ko_sigv4_signer signer;
    struct ko_credentials_provider *credentials; /* the context's */
    uint64_t n_loads;       /* how often credentials were given up as expired */
    uint64_t n_corrections; /* how often the clock was found to be off */
    bool has_answered;
    int64_t clock_offset_us; /* the server's clock less ours, once that was refused */
    uint64_t throttle_limit_us;
    unsigned n_faults_max;
    struct ko_retry_quota quota;
    struct ko_error failure; /* the first of a done function, until step returns it */
    uint32_t n_calls;
    uint32_t n_in_flight;
    uint32_t n_waiting;
    uint64_t n_sent;
    struct call *calls;
};

static const char target_prefix[] = "DynamoDB_20120810.";

static const char *
operation_of(const struct call *call)
{
    return call->target + strlen(target_prefix);
}

static enum ko_code
make_http(struct ko_dynamodb *client, const struct ko_dynamodb_options *options,
          struct ko_error *err)
{
    const struct ko_http_options http = {
        .max_in_flight = client->n_calls,
        .connect_timeout_ms = options->connect_timeout_ms,
        .request_timeout_ms = options->request_timeout_ms,
        .ca_file = ko_aws_settings(options->aws)->ca_file,
    };

    return ko_http_open(&http, &client->http, err);
}

enum ko_code
ko_dynamodb_open(const struct ko_dynamodb_options *options, struct ko_dynamodb **client,
                 struct ko_error *err)
{
    const uint32_t limit_s =
        options->throttle_limit_s != 0 ? options->throttle_limit_s : DEFAULT_THROTTLE_LIMIT_S;
    struct ko_dynamodb *made = ko_alloc(sizeof *made, err);

    if (made == NULL)
        return err->code;
    made->n_calls = options->max_in_flight != 0 ? options->max_in_flight : DEFAULT_IN_FLIGHT;
    made->throttle_limit_us = (uint64_t) limit_s * 1000000U;
    made->n_faults_max = ko_aws_settings(options->aws)->max_attempts;
    if (made->n_faults_max == 0)
        made->n_faults_max = FAULTS_MAX;
    made->credentials = ko_aws_credentials(options->aws);
    KO_TRY(ko_aws_endpoint(options->aws, "dynamodb", options->endpoint, options->region,
                           &made->endpoint, err));
    made->signer.region = made->endpoint.region;
    made->signer.service = "dynamodb";
    made->calls = ko_alloc_array(made->n_calls, sizeof *made->calls, err);
    KO_TRY(err->code);
    made->pace = ko_pace_new(err);
    KO_TRY(err->code);
    KO_TRY(make_http(made, options, err));
    *client = made;
    return KO_OK;

done:
    ko_dynamodb_close(made);
    return err->code;
}

void
ko_dynamodb_close(struct ko_dynamodb *client)
{
    if (client == NULL)
        return;
    ko_http_close(client->http); /* before the bodies that it reads */
    for (uint32_t i = 0; client->calls != NULL && i < client->n_calls; i++)
        ko_buf_clear(&client->calls[i].body);
    ko_free(client->calls);
    ko_pace_free(client->pace);
    ko_sigv4_signer_clear(&client->signer);
    ko_free(client);
}

const struct ko_endpoint *
ko_dynamodb_endpoint(const struct ko_dynamodb *client)
{
    return &client->endpoint;
}

struct ko_pace *
ko_dynamodb_pace(struct ko_dynamodb *client)
{
    return client->pace;
}

uint32_t
ko_dynamodb_room(const struct ko_dynamodb *client)
{
    return client->n_calls - client->n_in_flight;
}

uint32_t
ko_dynamodb_n_in_flight(const struct ko_dynamodb *client)
{
    return client->n_in_flight;
}

static void
make_wait(struct call *call, uint64_t wake_us)
{
    call->state = CALL_WAITING;
    call->wake_us = wake_us;
    if (call->lane != NULL && call->lane->next_us > wake_us)
        call->wake_us = call->lane->next_us;
    call->client->n_waiting++;
}

static void
release(struct call *call)
{
    if (call->state == CALL_WAITING)
        call->client->n_waiting--;
    call->state = CALL_FREE;
    call->client->n_in_flight--;
}

enum ko_code
ko_dynamodb_send(struct ko_dynamodb *client, const struct ko_dynamodb_call *request,
                 struct ko_error *err)
{
    struct call *call = client->calls;
    int n;

    if (ko_dynamodb_room(client) == 0)
        return ko_fail(err, KO_E_BUG, "more than %u calls at a time", client->n_calls);
    while (call->state != CALL_FREE)
        call++;
    n = snprintf(call->target, sizeof call->target, "%s%s", target_prefix, request->operation);
    KO_ASSERT(n > 0 && (size_t) n < sizeof call->target);
    ko_buf_reset(&call->body);
    ko_buf_add_slice(&call->body, request->body);
    if (ko_buf_finish(&call->body, err) != KO_OK)
        return err->code;
    ko_sha256_hex(ko_buf_slice(&call->body), call->body_hash);
    call->client = client;
    call->is_write = request->is_write;
    call->done = request->done;
    call->self = request->self;
    call->tag = request->tag;
    call->order = client->n_sent++;
    call->charge = ko_pace_charge_of(request->operation, request->weight, request->expected_units);
    call->lane = request->lane;
    call->n_attempts = 0;
    call->retry = (struct ko_retry_state){0};
    client->n_in_flight++;
    make_wait(call, 0);
    return KO_OK;
}

/* Ends the call: room is made first, so that `done` can send the next one. */
static void
finish(struct call *call, enum ko_reply_kind kind, const struct ko_attempt *attempt)
{
    struct ko_dynamodb *const client = call->client;
    struct ko_error err = {0};
    const struct ko_dynamodb_reply reply = {
        .kind = kind,
        .tag = call->tag,
        .body = kind == KO_REPLY_UNKNOWN ? KO_SLICE("") : attempt->body,
        .http_status = attempt->http_status,
        .fault = attempt->fault,
        .error_code = attempt->text.error_code,
        .message = attempt->text.message,
        .request_id = attempt->request_id,
        .n_attempts = call->n_attempts,
        .start_failure = attempt->start_failure,
        .consumed_units = attempt->consumed_units > 0 ? attempt->consumed_units : 0,
        .endpoint = &client->endpoint,
    };

    release(call);
    if (call->done(call->self, &reply, &err) != KO_OK && client->failure.code == KO_OK)
        client->failure = err;
}

void
ko_dynamodb_give_up(struct ko_dynamodb *client, uint64_t tag)
{
    struct ko_attempt attempt = {.fault = KO_FAULT_THROTTLED};

    for (uint32_t i = 0; i < client->n_calls; i++) {
        struct call *call = &client->calls[i];

        if (call->state == CALL_WAITING && call->tag == tag &&
            (call->n_attempts > 0 || client->held_until_us[call->charge.resource] > 0))
            finish(call, KO_REPLY_ERROR, &attempt);
    }
}

/* Calls signed with the same expired credentials are refused together, and load once. */
static void
reload(struct call *call)
{
    struct ko_dynamodb *const client = call->client;

    if (call->n_loads != client->n_loads)
        return;
    client->n_loads++;
    ko_credentials_provider_refresh(client->credentials);
}

/* The same for calls signed with the same wrong time. */
static void
correct_clock(struct call *call, int64_t server_wall_us)
{
    struct ko_dynamodb *const client = call->client;

    if (call->n_corrections != client->n_corrections)
        return;
    client->n_corrections++;
    client->clock_offset_us = server_wall_us - ko_wall_us();
    ko_log(KO_LOG_WARN, "this machine's clock is %lld s off the service's; requests carry its time",
           (long long) (-client->clock_offset_us / 1000000));
}

/* Follows the verdict on a failed attempt. */
static void
follow(struct call *call, struct ko_retry_verdict verdict, const struct ko_attempt *attempt)
{
    switch (verdict.action) {
    case KO_RETRY_IS_UNKNOWN:
        finish(call, KO_REPLY_UNKNOWN, attempt);
        return;
    case KO_RETRY_IS_FAILED:
        finish(call, KO_REPLY_ERROR, attempt);
        return;
    case KO_RETRY_RELOAD:
        reload(call);
        break;
    case KO_RETRY_CLOCK:
        correct_clock(call, attempt->server_wall_us);
        break;
    case KO_RETRY_WAIT:
        break;
    }
    ko_log(KO_LOG_DEBUG, "%s: attempt %u failed (HTTP %d %s %s), again in %llu ms",
           operation_of(call), call->n_attempts, attempt->http_status, attempt->text.error_code,
           attempt->text.message, (unsigned long long) verdict.wait_us / 1000);
    make_wait(call, ko_clock_us() + verdict.wait_us);
}

/* What the attempt cost, and what it says of how fast to go on. */
static void
account(struct call *call, struct ko_attempt *attempt)
{
    struct ko_pace *const pace = call->client->pace;
    double units = KO_PACE_UNKNOWN;

    if (attempt->fault == KO_FAULT_NONE && call->charge.resource != KO_PACE_NONE)
        units = ko_consumed_units(attempt->body);
    if (attempt->fault == KO_FAULT_NONE && units < 0)
        units = KO_PACE_UNTOLD;
    else if (!ko_throttle_may_consume(attempt->fault))
        units = 0;
    attempt->consumed_units = units;
    ko_pace_settle(pace, &call->charge, units);
    if (attempt->throttle == KO_THROTTLE_CAPACITY)
        ko_pace_throttled(pace, call->charge.resource);
    if (call->lane != NULL && attempt->throttle == KO_THROTTLE_KEY_RANGE)
        ko_pace_lane_throttled(call->lane);
    else if (call->lane != NULL && attempt->fault == KO_FAULT_NONE)
        ko_pace_lane_succeeded(call->lane);
}

static void
end_attempt(void *self, const struct ko_http_response *response)
{
    struct call *const call = self;
    struct ko_dynamodb *const client = call->client;
    struct ko_attempt attempt = {0};
    struct ko_retry_limits limits = {.throttle_us = client->throttle_limit_us,
                                     .n_faults = client->n_faults_max,
                                     .fault_base_us = KO_RETRY_DYNAMODB_BASE_US};
    struct ko_retry_event event;

    client->has_answered = client->has_answered || response->outcome == KO_HTTP_DONE;
    if (!client->has_answered && limits.n_faults > FAULTS_MAX_UNANSWERED)
        limits.n_faults = FAULTS_MAX_UNANSWERED;
    ko_attempt_judge(response, &attempt);
    account(call, &attempt);
    if (attempt.fault == KO_FAULT_NONE) {
        ko_retry_succeed(&client->quota, &call->retry);
        finish(call, KO_REPLY_OK, &attempt);
        return;
    }
    event = (struct ko_retry_event){.fault = attempt.fault,
                                    .is_write = call->is_write,
                                    .is_clock = attempt.is_clock,
                                    .hint_us = attempt.hint_us,
                                    .now_us = ko_clock_us()};
    follow(call, ko_retry_decide(&limits, &client->quota, &call->retry, &event), &attempt);
}

/* Fills headers, the signature over them last; they borrow from call, client and credentials. */
static enum ko_code
sign(struct call *call, const struct ko_credentials *credentials,
     const char time_text[KO_SIGV4_TIME_BYTES], struct ko_header headers[HEADERS_MAX],
     size_t *n_headers, struct ko_error *err)
{
    struct ko_dynamodb *const client = call->client;
    struct ko_sigv4_request request = {.method = KO_SLICE("POST"),
                                       .path = KO_SLICE("/"),
                                       .query = KO_SLICE(""),
                                       .headers = headers,
                                       .body_hash = ko_slice_of(call->body_hash)};
    size_t n = 0;

    headers[n++] = (struct ko_header){KO_SLICE("Host"), ko_slice_of(client->endpoint.host)};
    headers[n++] =
        (struct ko_header){KO_SLICE("Content-Type"), KO_SLICE("application/x-amz-json-1.0")};
    headers[n++] = (struct ko_header){KO_SLICE("X-Amz-Date"), ko_slice_of(time_text)};
    headers[n++] = (struct ko_header){KO_SLICE("X-Amz-Target"), ko_slice_of(call->target)};
    if (credentials->token != NULL)
        headers[n++] =
            (struct ko_header){KO_SLICE("X-Amz-Security-Token"), ko_slice_of(credentials->token)};
    request.n_headers = n;
    if (ko_sigv4_sign(&client->signer, &request, credentials, time_text, err) != KO_OK)
        return err->code;
    headers[n++] =
        (struct ko_header){KO_SLICE("Authorization"), ko_buf_slice(&client->signer.authorization)};
    /* Not signed, because proxies may change them. */
    headers[n++] = (struct ko_header){KO_SLICE("Accept-Encoding"), KO_SLICE("identity")};
    headers[n++] = (struct ko_header){KO_SLICE("User-Agent"), KO_SLICE("keepone/" KEEPONE_VERSION)};
    *n_headers = n;
    return KO_OK;
}

static enum ko_code
start_attempt(struct call *call, uint64_t now_us, struct ko_error *err)
{
    struct ko_dynamodb *const client = call->client;
    const struct ko_credentials *credentials = NULL;
    struct ko_header headers[HEADERS_MAX];
    char time_text[KO_SIGV4_TIME_BYTES];
    struct ko_http_request request = {.method = "POST",
                                      .url = client->endpoint.url,
                                      .headers = headers,
                                      .body = ko_buf_slice(&call->body),
                                      .send_once = call->is_write,
                                      .done = end_attempt,
                                      .self = call};

    KO_TRY(ko_credentials_provider_current(client->credentials, &credentials, err));
    ko_sigv4_time_text(ko_wall_us() + client->clock_offset_us, time_text);
    KO_TRY(sign(call, credentials, time_text, headers, &request.n_headers, err));
    KO_TRY(ko_http_start(client->http, &request, err));
    ko_pace_start(client->pace, &call->charge, now_us);
    if (call->lane != NULL)
        ko_pace_lane_started(call->lane, now_us);
    call->n_attempts++;
    call->n_loads = client->n_loads;
    call->n_corrections = client->n_corrections;
    call->state = CALL_RUNNING;
    client->n_waiting--;

done:
    return err->code;
}

/* Ends a call whose attempt could not even start. */
static void
fail_start(struct call *call, const struct ko_error *err)
{
    struct ko_attempt attempt = {.body = KO_SLICE(""), .start_failure = err};

    attempt.fault = err->code == KO_E_ACCESS   ? KO_FAULT_CREDENTIALS
                    : err->code == KO_E_MEMORY ? KO_FAULT_MEMORY
                                               : KO_FAULT_OTHER;
    (void) snprintf(attempt.text.message, sizeof attempt.text.message, "%.*s",
                    (int) sizeof attempt.text.message - 1, err->text);
    finish(call, KO_REPLY_ERROR, &attempt);
}

/* The oldest call that could start if there are units; NULL if there is none. */
static struct call *
find_ready(struct ko_dynamodb *client, uint64_t now_us)
{
    struct call *oldest = NULL;

    for (uint32_t i = 0; i < client->n_calls && client->n_waiting > 0; i++) {
        struct call *call = &client->calls[i];

        if (call->state == CALL_WAITING && call->wake_us <= now_us &&
            client->held_until_us[call->charge.resource] <= now_us &&
            (oldest == NULL || call->order < oldest->order))
            oldest = call;
    }
    return oldest;
}

/*
 * The one place where attempts start, first ones and repeated ones.  While a resource has no units
 * for its oldest call no younger one of it overtakes.
 */
static void
start_attempts(struct ko_dynamodb *client)
{
    const uint64_t now_us = client->n_waiting > 0 ? ko_clock_us() : 0;

    memset(client->held_until_us, 0, sizeof client->held_until_us);
    /* Each turn but one per resource starts a call; calls sent meanwhile can wait. */
    for (uint32_t i = 0; i < client->n_calls + KO_PACE_RESOURCES; i++) {
        struct call *const call = find_ready(client, now_us);
        struct ko_error err = {0};
        uint64_t wait_us;

        if (call == NULL)
            break;
        wait_us = ko_pace_wait_us(client->pace, &call->charge, now_us);
        if (wait_us > 0)
            client->held_until_us[call->charge.resource] = now_us + wait_us;
        else if (start_attempt(call, now_us, &err) != KO_OK)
            fail_start(call, &err);
    }
}

enum ko_code
ko_dynamodb_step(struct ko_dynamodb *client, struct ko_error *err)
{
    start_attempts(client);
    if (ko_http_step(client->http, err) == KO_OK && client->failure.code != KO_OK)
        *err = client->failure;
    client->failure.code = KO_OK;
    return err->code;
}

void
ko_dynamodb_wait(struct ko_dynamodb *client, uint64_t max_us)
{
    const uint64_t now_us = client->n_waiting > 0 ? ko_clock_us() : 0;

    for (uint32_t i = 0; i < client->n_calls && client->n_waiting > 0; i++) {
        const struct call *call = &client->calls[i];
        uint64_t wake_us;

        if (call->state != CALL_WAITING)
            continue;
        wake_us = client->held_until_us[call->charge.resource];
        if (call->wake_us > wake_us)
            wake_us = call->wake_us;
        if (wake_us <= now_us)
            return;
        if (wake_us - now_us < max_us)
            max_us = wake_us - now_us;
    }
    ko_http_wait(client->http, max_us);
}

/* Where ko_dynamodb_call() waits for its reply. */
struct waiter {
    const char *operation;
    struct ko_buf *body;
    enum ko_fault fault;
    bool is_done;
    struct ko_error err;
};

static enum ko_code
end_waiting(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    struct waiter *waiter = self;

    (void) err;
    waiter->is_done = true;
    waiter->fault = reply->fault;
    if (reply->kind != KO_REPLY_OK) {
        (void) ko_dynamodb_reply_error(reply, waiter->operation, &waiter->err);
        return KO_OK;
    }
    ko_buf_reset(waiter->body);
    ko_buf_add_slice(waiter->body, reply->body);
    (void) ko_buf_finish(waiter->body, &waiter->err);
    return KO_OK;
}

static enum ko_code
ignore_reply(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    (void) self;
    (void) reply;
    return err->code;
}

enum ko_code
ko_dynamodb_call(struct ko_dynamodb *client, const char *operation, struct ko_slice body,
                 struct ko_buf *reply_body, enum ko_fault *fault, struct ko_error *err)
{
    struct waiter waiter = {.operation = operation, .body = reply_body};
    const struct ko_dynamodb_call call = {
        .operation = operation, .body = body, .done = end_waiting, .self = &waiter};

    KO_TRY(ko_dynamodb_send(client, &call, err));
    while (!waiter.is_done) {
        KO_TRY(ko_dynamodb_step(client, err));
        if (!waiter.is_done)
            ko_dynamodb_wait(client, CALL_WAIT_US);
    }
    if (waiter.err.code != KO_OK)
        *err = waiter.err;
    if (fault != NULL)
        *fault = waiter.fault;

done:
    /* Another call's failure ended the loop: this one must not write to the waiter any more. */
    for (uint32_t i = 0; i < client->n_calls && !waiter.is_done; i++) {
        if (client->calls[i].state != CALL_FREE && client->calls[i].self == &waiter)
            client->calls[i].done = ignore_reply;
    }
    return err->code;
}
