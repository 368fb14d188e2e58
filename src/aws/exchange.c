#include "keepone/aws/exchange.h"

#include <stdio.h>

#include "keepone/aws/http.h"
#include "keepone/base/clock.h"

enum {
    DEFAULT_TIMEOUT_MS = 2000,
    DEFAULT_ATTEMPTS = 3,
    PAUSE_US = 1000 * 1000,
    REPLY_MAX_BYTES = 64 * 1024,
    WAIT_US = 100 * 1000
};

/* What became of one attempt. */
struct attempt {
    bool is_done;
    enum ko_http_outcome outcome;
    struct ko_exchange_reply *reply;
    char message[256];
};

void
ko_exchange_clear(struct ko_exchange_reply *reply)
{
    ko_buf_wipe(&reply->body);
    *reply = (struct ko_exchange_reply){0};
}

static void
end_attempt(void *self, const struct ko_http_response *response)
{
    struct attempt *attempt = self;

    attempt->is_done = true;
    attempt->outcome = response->outcome;
    (void) snprintf(attempt->message, sizeof attempt->message, "%s", response->message);
    attempt->reply->status = response->status;
    if (!ko_http_date(response, &attempt->reply->server_wall_us))
        attempt->reply->server_wall_us = 0;
    ko_buf_add_slice(&attempt->reply->body, response->body);
}

static enum ko_code
run_once(struct ko_http *http, const struct ko_exchange *exchange, struct attempt *attempt,
         struct ko_error *err)
{
    const struct ko_http_request request = {.method = exchange->method,
                                            .url = exchange->url,
                                            .headers = exchange->headers,
                                            .n_headers = exchange->n_headers,
                                            .body = exchange->body,
                                            .done = end_attempt,
                                            .self = attempt};

    KO_TRY(ko_http_start(http, &request, err));
    for (;;) {
        KO_TRY(ko_http_step(http, err));
        if (attempt->is_done)
            break;
        ko_http_wait(http, WAIT_US);
    }
    KO_TRY(ko_buf_finish(&attempt->reply->body, err));

done:
    return err->code;
}

static bool
is_worth_another(const struct attempt *attempt)
{
    if (attempt->outcome == KO_HTTP_DONE)
        return attempt->reply->status >= 500 || attempt->reply->status == 429;
    return attempt->outcome == KO_HTTP_NOT_SENT || attempt->outcome == KO_HTTP_LOST;
}

/* "https://host:port" of the URL; a user in it is left out. */
static enum ko_code
fail(const char *url, const struct attempt *attempt, struct ko_error *err)
{
    const char *host = strstr(url, "://");
    size_t n;

    host = host == NULL ? url : host + 3;
    n = strcspn(host, "/?#");
    for (size_t i = n; i > 0; i--) {
        if (host[i - 1] != '@')
            continue;
        host += i;
        n -= i;
        break;
    }
    if (attempt->outcome == KO_HTTP_MEMORY)
        return ko_fail(err, KO_E_MEMORY, "no memory for the reply of %.*s", (int) n, host);
    if (attempt->outcome == KO_HTTP_UNTRUSTED) {
        (void) ko_fail(err, KO_E_AWS, "%.*s is not trusted: %s", (int) n, host, attempt->message);
        ko_hint(err, "set AWS_CA_BUNDLE to the file with the certificate of its authority.");
        return err->code;
    }
    return ko_fail(err, KO_E_AWS, "no reply from %.*s: %s", (int) n, host, attempt->message);
}

enum ko_code
ko_exchange_run(const struct ko_exchange *exchange, struct ko_exchange_reply *reply,
                struct ko_error *err)
{
    const uint32_t timeout_ms =
        exchange->timeout_ms != 0 ? exchange->timeout_ms : DEFAULT_TIMEOUT_MS;
    const unsigned n_attempts = exchange->n_attempts != 0 ? exchange->n_attempts : DEFAULT_ATTEMPTS;
    const struct ko_http_options options = {.max_in_flight = 1,
                                            .connect_timeout_ms = timeout_ms,
                                            .request_timeout_ms = timeout_ms,
                                            .max_body_bytes = REPLY_MAX_BYTES,
                                            .ca_file = exchange->ca_file,
                                            .without_proxy = exchange->without_proxy};
    struct attempt attempt = {.reply = reply};
    struct ko_http *http = NULL;

    KO_TRY(ko_http_open(&options, &http, err));
    for (unsigned i = 0; i < n_attempts; i++) {
        if (i > 0)
            ko_sleep_us(PAUSE_US);
        ko_buf_reset(&reply->body);
        attempt = (struct attempt){.reply = reply};
        KO_TRY(run_once(http, exchange, &attempt, err));
        if (!is_worth_another(&attempt))
            break;
    }
    if (attempt.outcome != KO_HTTP_DONE)
        (void) fail(exchange->url, &attempt, err);

done:
    ko_http_close(http);
    return err->code;
}
