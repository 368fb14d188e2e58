#include "keepone/aws/s3.h"

#include <stdio.h>

#include "keepone/base/clock.h"
#include "keepone/base/mem.h"
#include "s3_priv.h"

enum {
    DEFAULT_IN_FLIGHT = 32,
    DEFAULT_THROTTLE_LIMIT_S = 300,
    DEFAULT_STALL_TIMEOUT_MS = 20000,
    DEFAULT_READ_AHEAD_BYTES = 128 * 1024 * 1024,
    REPLY_BYTES_MAX = 16 * 1024 * 1024 /* a page of a listing has a few */
};

static enum ko_code
copy_option(const char *text, char **copy, struct ko_error *err)
{
    if (text != NULL && text[0] != '\0')
        *copy = ko_copy_text(ko_slice_of(text), err);
    return err->code;
}

static void
set_limits(struct ko_s3 *client, const struct ko_s3_options *options)
{
    const uint32_t throttle_limit_s =
        options->throttle_limit_s != 0 ? options->throttle_limit_s : DEFAULT_THROTTLE_LIMIT_S;

    client->throttle_limit_us = (uint64_t) throttle_limit_s * 1000000U;
    client->stall_timeout_ms =
        options->stall_timeout_ms != 0 ? options->stall_timeout_ms : DEFAULT_STALL_TIMEOUT_MS;
    client->read_ahead_bytes =
        options->read_ahead_bytes != 0 ? options->read_ahead_bytes : DEFAULT_READ_AHEAD_BYTES;
    client->n_attempts_max = ko_aws_settings(options->aws)->max_attempts;
}

enum ko_code
ko_s3_open(const struct ko_s3_options *options, struct ko_s3 **client, struct ko_error *err)
{
    struct ko_http_options http = {
        .max_in_flight = options->max_in_flight != 0 ? options->max_in_flight : DEFAULT_IN_FLIGHT,
        .connect_timeout_ms = options->connect_timeout_ms,
        .max_body_bytes = REPLY_BYTES_MAX,
        .ca_file = ko_aws_settings(options->aws)->ca_file,
    };
    struct ko_endpoint endpoint;
    struct ko_s3 *made = ko_alloc(sizeof *made, err);

    if (made == NULL)
        return err->code;
    made->aws = options->aws;
    made->is_stop_wanted = options->is_stop_wanted;
    made->stop_self = options->stop_self;
    set_limits(made, options);
    KO_TRY(copy_option(options->endpoint, &made->endpoint_option, err));
    KO_TRY(copy_option(options->region, &made->region_option, err));
    KO_TRY(ko_aws_endpoint(made->aws, "s3", made->endpoint_option, made->region_option, &endpoint,
                           err));
    http.without_proxy = endpoint.is_local;
    KO_TRY(ko_http_open(&http, &made->http, err));
    *client = made;
    return KO_OK;

done:
    ko_s3_close(made);
    return err->code;
}

void
ko_s3_close(struct ko_s3 *client)
{
    if (client == NULL)
        return;
    while (client->later != NULL)
        ko_s3_upload_abandon(client->later);
    KO_ASSERT(client->first == NULL && client->n_downloads == 0);
    ko_http_close(client->http);
    while (client->buckets != NULL) {
        struct ko_s3_bucket *const bucket = client->buckets;

        client->buckets = bucket->next;
        ko_sigv4_signer_clear(&bucket->signer);
        ko_free(bucket);
    }
    ko_free(client->endpoint_option);
    ko_free(client->region_option);
    ko_free(client);
}

enum ko_code
ko_s3_bucket_move(struct ko_s3 *client, struct ko_s3_bucket *bucket, const char *region,
                  struct ko_error *err)
{
    struct ko_endpoint endpoint;

    KO_TRY(ko_aws_endpoint(client->aws, "s3", client->endpoint_option, region, &endpoint, err));
    bucket->endpoint = endpoint;
    ko_sigv4_signer_clear(&bucket->signer); /* its key is of one region */
    bucket->signer = (struct ko_sigv4_signer){
        .region = bucket->endpoint.region, .service = "s3", .path = KO_SIGV4_PATH_AS_SENT};

done:
    return err->code;
}

enum ko_code
ko_s3_bucket_find(struct ko_s3 *client, const char *name, struct ko_s3_bucket **bucket,
                  struct ko_error *err)
{
    struct ko_s3_bucket *made;

    for (made = client->buckets; made != NULL; made = made->next) {
        if (strcmp(made->name, name) == 0) {
            *bucket = made;
            return KO_OK;
        }
    }
    made = ko_alloc(sizeof *made, err);
    if (made == NULL)
        return err->code;
    (void) snprintf(made->name, sizeof made->name, "%s", name);
    KO_TRY(ko_s3_bucket_move(client, made, client->region_option, err));
    made->next = client->buckets;
    client->buckets = made;
    *bucket = made;
    return KO_OK;

done:
    ko_free(made);
    return err->code;
}

void
ko_s3_wait(struct ko_s3 *client, uint64_t max_us)
{
    const uint64_t now_us = ko_clock_us();
    const bool has_room = ko_http_room(client->http) > 0;

    for (const struct ko_s3_call *call = client->first; call != NULL && has_room;
         call = call->next) {
        if (call->state != KO_S3_WAITING)
            continue;
        if (call->wake_us <= now_us)
            return;
        if (call->wake_us - now_us < max_us)
            max_us = call->wake_us - now_us;
    }
    ko_http_wait(client->http, max_us);
}
