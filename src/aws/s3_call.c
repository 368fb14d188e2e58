#include <stdio.h>

#include "keepone/base/clock.h"
#include "keepone/base/log.h"
#include "s3_priv.h"

enum {
    FAULTS_MAX = 8,
    FAULTS_MAX_UNANSWERED = 6, /* while the endpoint never answered: most likely a wrong one */
    STOPPING_FAULTS_MAX = 3,
    STOPPING_LIMIT_US = 10 * 1000 * 1000, /* of throttling */
    MOVES_MAX = 2,                        /* of a bucket to another region, in one call */
    MESSAGE_BYTES = KO_FAULT_MESSAGE_BYTES
};

/* An attempt that failed. */
struct attempt {
    enum ko_fault fault;
    bool is_clock;
    int64_t server_wall_us;
};

static void
enter(struct ko_s3_call *call)
{
    struct ko_s3 *const client = call->client;

    call->previous = client->last;
    call->next = NULL;
    if (client->last != NULL)
        client->last->next = call;
    else
        client->first = call;
    client->last = call;
}

static void
leave(struct ko_s3_call *call)
{
    struct ko_s3 *const client = call->client;

    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        client->first = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
    else
        client->last = call->previous;
    call->next = NULL;
    call->previous = NULL;
}

static void
end(struct ko_s3_call *call, enum ko_fault fault)
{
    leave(call);
    call->fault = fault;
    call->state = KO_S3_DONE;
}

static void
hash_body(struct ko_s3_call *call)
{
    unsigned char hash[KO_SHA256_BYTES];

    ko_sha256(call->body.data == NULL ? KO_SLICE("") : call->body, hash);
    ko_hex(hash, sizeof hash, call->body_hash);
    ko_buf_reset(&call->checksum);
    if (call->has_checksum)
        ko_base64_add(&call->checksum, (struct ko_slice){(const char *) hash, sizeof hash});
}

void
ko_s3_start(struct ko_s3_call *call)
{
    KO_ASSERT(call->state == KO_S3_IDLE || call->state == KO_S3_DONE);
    hash_body(call);
    call->state = KO_S3_WAITING;
    call->fault = KO_FAULT_NONE;
    call->status = 0;
    call->said = (struct ko_s3_fault){0};
    call->n_attempts = 0;
    call->n_moves = 0;
    call->may_have_acted = false;
    call->start = (struct ko_error){0};
    call->retry = (struct ko_retry_state){0};
    call->wake_us = 0;
    enter(call);
}

static void
say(struct ko_s3_call *call, const char *message)
{
    call->said = (struct ko_s3_fault){0};
    (void) snprintf(call->said.text.message, MESSAGE_BYTES, "%s", message);
}

/* Calls signed with the same expired credentials are refused together, and load once. */
static void
reload(struct ko_s3_call *call)
{
    struct ko_s3 *const client = call->client;

    if (call->n_loads != client->n_loads)
        return;
    client->n_loads++;
    ko_credentials_provider_refresh(ko_aws_credentials(client->aws));
}

/* Whoever wants to stop does not wait minutes for a server that is busy or gone. */
static struct ko_retry_limits
choose_limits(const struct ko_s3 *client)
{
    const unsigned n_most = client->has_answered ? FAULTS_MAX : FAULTS_MAX_UNANSWERED;
    struct ko_retry_limits limits = {
        .throttle_us = client->throttle_limit_us,
        .n_faults = client->n_attempts_max != 0 ? client->n_attempts_max : n_most};

    if (client->is_stopping && limits.throttle_us > STOPPING_LIMIT_US)
        limits.throttle_us = STOPPING_LIMIT_US;
    if (client->is_stopping && limits.n_faults > STOPPING_FAULTS_MAX)
        limits.n_faults = STOPPING_FAULTS_MAX;
    return limits;
}

static void
retry(struct ko_s3_call *call, const struct attempt *attempt)
{
    struct ko_s3 *const client = call->client;
    const struct ko_retry_limits limits = choose_limits(client);
    const struct ko_retry_event event = {
        .fault = attempt->fault, .is_clock = attempt->is_clock, .now_us = ko_clock_us()};
    const struct ko_retry_verdict verdict =
        ko_retry_decide(&limits, &client->quota, &call->retry, &event);

    if (verdict.action == KO_RETRY_IS_FAILED || verdict.action == KO_RETRY_IS_UNKNOWN) {
        end(call, attempt->fault);
        return;
    }
    if (verdict.action == KO_RETRY_RELOAD)
        reload(call);
    if (verdict.action == KO_RETRY_CLOCK) {
        client->clock_offset_us = attempt->server_wall_us - ko_wall_us();
        ko_log(KO_LOG_WARN, "this machine's clock is %lld s off S3's: corrected for S3",
               (long long) (-client->clock_offset_us / 1000000));
    }
    if (attempt->fault == KO_FAULT_TRANSIENT)
        call->may_have_acted = true;
    ko_log(KO_LOG_DEBUG, "S3 %s s3://%s/%s: attempt %u failed (HTTP %d %s %s), again in %llu ms",
           call->method, call->at->bucket, call->at->key, call->n_attempts, call->status,
           call->said.text.error_code, call->said.text.message,
           (unsigned long long) verdict.wait_us / 1000);
    call->state = KO_S3_WAITING;
    call->wake_us = ko_clock_us() + verdict.wait_us;
}

/* True if the reply says that the bucket is in another region than we thought. */
static bool
follow_region(struct ko_s3_call *call, const struct ko_http_response *response)
{
    const struct ko_slice header = ko_http_header(response, "x-amz-bucket-region");
    char region[KO_REGION_BYTES];
    struct ko_error err = {0};

    (void) snprintf(region, sizeof region, "%s", call->said.region);
    if (header.n > 0 && header.n < sizeof region)
        (void) snprintf(region, sizeof region, "%.*s", KO_SLICE_ARG(header));
    if (region[0] == '\0' || strcmp(region, call->bucket->endpoint.region) == 0 ||
        call->n_moves++ == MOVES_MAX ||
        ko_region_check((struct ko_aws_setting){region, "the bucket's region"}, &err) != KO_OK ||
        ko_s3_bucket_move(call->client, call->bucket, region, &err) != KO_OK)
        return false;
    ko_log(KO_LOG_DEBUG, "bucket '%s' is in region %s", call->bucket->name, region);
    call->state = KO_S3_WAITING;
    call->wake_us = 0;
    return true;
}

static void
end_refused(struct ko_s3_call *call, const struct ko_http_response *response)
{
    const char *const code = call->said.text.error_code;
    const struct ko_slice id = ko_http_header(response, "x-amz-request-id");
    struct attempt attempt = {0};

    (void) ko_s3_read_fault(response->body, &call->said);
    if (id.n > 0 && id.n < sizeof call->said.request_id)
        (void) snprintf(call->said.request_id, sizeof call->said.request_id, "%.*s",
                        KO_SLICE_ARG(id));
    if ((response->status / 100 == 3 || response->status == 400) && follow_region(call, response))
        return;
    attempt.fault =
        ko_fault_of(ko_slice_of(code), response->status / 100 == 2 ? 500 : response->status);
    attempt.is_clock =
        (strcmp(code, "RequestTimeTooSkewed") == 0 || ko_fault_is_clock(call->said.text.message)) &&
        ko_http_date(response, &attempt.server_wall_us);
    retry(call, &attempt);
}

static void
end_response(struct ko_s3_call *call, const struct ko_http_response *response)
{
    struct attempt attempt = {.fault = KO_FAULT_TRANSIENT};

    call->status = response->status;
    ko_buf_reset(&call->headers_text);
    ko_buf_reset(&call->reply);
    ko_buf_add_slice(&call->headers_text, response->headers);
    ko_buf_add_slice(&call->reply, response->body);
    if (call->headers_text.failed || call->reply.failed) {
        say(call, "no memory for the reply");
        end(call, KO_FAULT_MEMORY);
    } else if (response->status / 100 != 2 ||
               (call->is_refused_in_200 && ko_s3_read_fault(response->body, &call->said))) {
        end_refused(call, response);
    } else if (call->is_whole != NULL && !call->is_whole(call)) {
        say(call, call->unwanted != NULL ? call->unwanted : "the reply is not whole");
        retry(call, &attempt);
    } else {
        ko_retry_succeed(&call->client->quota, &call->retry);
        end(call, KO_FAULT_NONE);
    }
}

static void
end_attempt(void *self, const struct ko_http_response *response)
{
    static const enum ko_fault faults[] = {
        [KO_HTTP_DONE] = KO_FAULT_NONE,           [KO_HTTP_NOT_SENT] = KO_FAULT_NOT_SENT,
        [KO_HTTP_LOST] = KO_FAULT_TRANSIENT,      [KO_HTTP_UNTRUSTED] = KO_FAULT_UNTRUSTED,
        [KO_HTTP_TOO_LARGE] = KO_FAULT_TOO_LARGE, [KO_HTTP_UNWANTED] = KO_FAULT_OTHER,
        [KO_HTTP_MEMORY] = KO_FAULT_MEMORY,
    };
    struct ko_s3_call *const call = self;
    struct attempt attempt = {.fault = faults[response->outcome]};

    call->client->has_answered = call->client->has_answered || response->outcome == KO_HTTP_DONE;
    if (response->outcome == KO_HTTP_DONE) {
        end_response(call, response);
        return;
    }
    call->status = 0;
    ko_buf_reset(&call->headers_text);
    if (response->outcome == KO_HTTP_LOST && call->is_whole != NULL && call->is_whole(call)) {
        end(call, KO_FAULT_NONE); /* broken behind its last byte */
        return;
    }
    say(call, response->message);
    if (response->outcome == KO_HTTP_UNWANTED && call->unwanted != NULL) {
        say(call, call->unwanted);
        attempt.fault = call->unwanted_fault;
    }
    retry(call, &attempt);
}

static void
start_attempt(struct ko_s3_call *call)
{
    if (call->prepare != NULL)
        call->prepare(call);
    call->unwanted = NULL;
    call->unwanted_fault = KO_FAULT_OTHER;
    call->n_loads = call->client->n_loads;
    if (ko_s3_send(call, end_attempt, &call->start) != KO_OK) {
        end(call, KO_FAULT_OTHER);
        return;
    }
    call->n_attempts++;
    call->state = KO_S3_RUNNING;
}

/* What waits for its next attempt makes it now: it may be the last one. */
static void
look_for_stop(struct ko_s3 *client)
{
    const bool is_wanted =
        client->is_stop_wanted != NULL && client->is_stop_wanted(client->stop_self);

    if (!is_wanted || client->is_stopping)
        return;
    client->is_stopping = true;
    for (struct ko_s3_call *call = client->first; call != NULL; call = call->next)
        call->wake_us = 0;
}

enum ko_code
ko_s3_step(struct ko_s3 *client, struct ko_error *err)
{
    const uint64_t now_us = client->first != NULL ? ko_clock_us() : 0;

    look_for_stop(client);
    for (struct ko_s3_call *call = client->first, *next; call != NULL; call = next) {
        next = call->next;
        if (ko_http_room(client->http) == 0)
            break;
        if (call->state == KO_S3_WAITING && call->wake_us <= now_us)
            start_attempt(call);
    }
    return ko_http_step(client->http, err);
}

void
ko_s3_finish(struct ko_s3_call *call)
{
    while (call->state == KO_S3_WAITING || call->state == KO_S3_RUNNING) {
        struct ko_error err = {0};

        if (ko_s3_step(call->client, &err) != KO_OK) {
            ko_s3_cancel(call);
            call->start = err;
            call->fault = KO_FAULT_OTHER;
            call->state = KO_S3_DONE;
            return;
        }
        if (call->state != KO_S3_DONE)
            ko_s3_wait(call->client, KO_S3_CALL_WAIT_US);
    }
}

bool
ko_s3_run(struct ko_s3_call *call)
{
    ko_s3_start(call);
    ko_s3_finish(call);
    return call->fault == KO_FAULT_NONE;
}

void
ko_s3_cancel(struct ko_s3_call *call)
{
    if (call->state == KO_S3_RUNNING)
        ko_http_cancel(call->client->http, call->http_id);
    if (call->state == KO_S3_RUNNING || call->state == KO_S3_WAITING)
        leave(call);
    call->state = KO_S3_IDLE;
}

void
ko_s3_clear(struct ko_s3_call *call)
{
    ko_s3_cancel(call);
    ko_buf_clear(&call->query);
    ko_buf_clear(&call->checksum);
    ko_buf_clear(&call->headers_text);
    ko_buf_clear(&call->reply);
}

struct ko_slice
ko_s3_header(const struct ko_s3_call *call, const char *name)
{
    const struct ko_http_response response = {.headers = ko_buf_slice(&call->headers_text)};

    return ko_http_header(&response, name);
}
