#include <stdio.h>

#include "keepone/base/clock.h"
#include "s3_priv.h"

enum { HEADERS_MAX = KO_S3_HEADERS_MAX + 9 };

/* What one attempt is made of, until it has been copied by the HTTP client. */
struct letter {
    char host[KO_ENDPOINT_HOST_BYTES + KO_S3_BUCKET_BYTES];
    char time_text[KO_SIGV4_TIME_BYTES];
    struct ko_buf path;
    struct ko_buf url;
    struct ko_header headers[HEADERS_MAX];
    size_t n_headers;
};

static void
address(struct letter *letter, const struct ko_s3_call *call)
{
    const struct ko_s3_bucket *const bucket = call->bucket;
    const bool is_path_style = ko_s3_is_path_style(&bucket->endpoint, bucket->name);

    (void) snprintf(letter->host, sizeof letter->host, "%s%s%s", is_path_style ? "" : bucket->name,
                    is_path_style ? "" : ".", bucket->endpoint.host);
    ko_buf_add_char(&letter->path, '/');
    if (is_path_style)
        ko_s3_add_path(&letter->path, ko_slice_of(bucket->name));
    if (is_path_style && !call->is_of_bucket)
        ko_buf_add_char(&letter->path, '/');
    if (!call->is_of_bucket)
        ko_s3_add_path(&letter->path, ko_slice_of(call->at->key));
    ko_buf_add_format(&letter->url, "%s://%s", bucket->endpoint.is_tls ? "https" : "http",
                      letter->host);
    ko_buf_add_slice(&letter->url, ko_buf_slice(&letter->path));
    if (call->query.n > 0)
        ko_buf_add_char(&letter->url, '?');
    ko_buf_add_slice(&letter->url, ko_buf_slice(&call->query));
    ko_buf_add_char(&letter->url, '\0');
}

static void
add_header(struct letter *letter, const char *name, struct ko_slice value)
{
    KO_ASSERT(letter->n_headers < HEADERS_MAX);
    letter->headers[letter->n_headers++] = (struct ko_header){ko_slice_of(name), value};
}

/* The signature comes over all headers but those that proxies may change. */
static enum ko_code
sign(struct letter *letter, struct ko_s3_call *call, const struct ko_credentials *credentials,
     struct ko_error *err)
{
    struct ko_sigv4_signer *const signer = &call->bucket->signer;
    struct ko_sigv4_request request = {.method = ko_slice_of(call->method),
                                       .path = ko_buf_slice(&letter->path),
                                       .query = ko_buf_slice(&call->query),
                                       .headers = letter->headers,
                                       .body_hash = ko_slice_of(call->body_hash)};

    add_header(letter, "Host", ko_slice_of(letter->host));
    add_header(letter, "X-Amz-Date", ko_slice_of(letter->time_text));
    add_header(letter, "X-Amz-Content-Sha256", ko_slice_of(call->body_hash));
    if (call->body.data != NULL)
        add_header(letter, "Content-Type", KO_SLICE("application/octet-stream"));
    if (call->has_checksum)
        add_header(letter, "X-Amz-Checksum-Sha256", ko_buf_slice(&call->checksum));
    if (credentials->token != NULL)
        add_header(letter, "X-Amz-Security-Token", ko_slice_of(credentials->token));
    for (size_t i = 0; i < call->n_headers; i++)
        letter->headers[letter->n_headers++] = call->headers[i];
    request.n_headers = letter->n_headers;
    KO_TRY(ko_sigv4_sign(signer, &request, credentials, letter->time_text, err));
    add_header(letter, "Authorization", ko_buf_slice(&signer->authorization));
    add_header(letter, "Accept-Encoding", KO_SLICE("identity"));
    add_header(letter, "User-Agent", KO_SLICE("keepone/" KEEPONE_VERSION));

done:
    return err->code;
}

enum ko_code
ko_s3_send(struct ko_s3_call *call, ko_http_done_fn *done, struct ko_error *err)
{
    struct ko_s3 *const client = call->client;
    const struct ko_credentials *credentials = NULL;
    struct letter letter = {0};
    struct ko_http_request request = {.method = call->method,
                                      .headers = letter.headers,
                                      .body = call->body,
                                      .send_once = call->acts_once,
                                      .stall_timeout_ms = client->stall_timeout_ms,
                                      .piece = call->piece,
                                      .done = done,
                                      .self = call,
                                      .id = &call->http_id};

    KO_TRY(ko_s3_bucket_find(client, call->at->bucket, &call->bucket, err));
    KO_TRY(ko_credentials_provider_current(ko_aws_credentials(client->aws), &credentials, err));
    ko_sigv4_time_text(ko_wall_us() + client->clock_offset_us, letter.time_text);
    address(&letter, call);
    KO_TRY(ko_buf_finish(&letter.path, err));
    KO_TRY(ko_buf_finish(&letter.url, err));
    KO_TRY(ko_buf_finish(&call->query, err));
    KO_TRY(ko_buf_finish(&call->checksum, err));
    KO_TRY(sign(&letter, call, credentials, err));
    request.url = letter.url.data;
    request.n_headers = letter.n_headers;
    KO_TRY(ko_http_start(client->http, &request, err));

done:
    ko_buf_clear(&letter.path);
    ko_buf_clear(&letter.url);
    return err->code;
}
