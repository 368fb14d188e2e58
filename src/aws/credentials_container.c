/* The agent of the platform: EKS Pod Identity, ECS. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <curl/curl.h>

#include "keepone/aws/fault.h"

#include "credentials_priv.h"

enum { TIMEOUT_MS = 2000, ATTEMPTS = 3, URL_BYTES = 2048 };

static const char relative_variable[] = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
static const char full_variable[] = "AWS_CONTAINER_CREDENTIALS_FULL_URI";

/* Hosts that are this machine or the platform's: the token may go there without TLS. */
static bool
is_near(const char *host)
{
    static const char *const hosts[] = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23",
                                        "[fd00:ec2::23]"};
    unsigned parts[4];
    char rest;

    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        if (strcasecmp(host, hosts[i]) == 0)
            return true;
    }
    return sscanf(host, "127.%3u.%3u.%3u%c", &parts[0], &parts[1], &parts[2], &rest) == 3;
}

static enum ko_code
check_url(const char *url, bool *is_tls, struct ko_error *err)
{
    CURLU *handle = curl_url();
    char *scheme = NULL;
    char *host = NULL;

    if (handle == NULL)
        return ko_fail(err, KO_E_MEMORY, "cannot allocate a URL");
    if (curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK) {
        (void) curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0);
        (void) curl_url_get(handle, CURLUPART_HOST, &host, 0);
    }
    *is_tls = scheme != NULL && strcmp(scheme, "https") == 0;
    if (scheme == NULL || host == NULL || (!*is_tls && strcmp(scheme, "http") != 0)) {
        (void) ko_fail(err, KO_E_ACCESS, "%s is not an http:// or https:// URL", full_variable);
    } else if (!*is_tls && !is_near(host)) {
        (void) ko_fail(err, KO_E_ACCESS,
                       "%s names '%s', where credentials are not asked for "
                       "without TLS",
                       full_variable, host);
        ko_hint(err, "without TLS it must be this machine, 169.254.170.2, 169.254.170.23 or "
                     "fd00:ec2::23.");
    }
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(handle);
    return err->code;
}

static enum ko_code
find_url(char url[URL_BYTES], bool *is_tls, struct ko_error *err)
{
    const char *const relative = ko_variable(relative_variable);
    const int n = relative != NULL ? snprintf(url, URL_BYTES, "http://169.254.170.2%s%s",
                                              relative[0] == '/' ? "" : "/", relative)
                                   : snprintf(url, URL_BYTES, "%s", ko_variable(full_variable));

    *is_tls = false;
    if (n < 0 || n >= URL_BYTES)
        return ko_fail(err, KO_E_ACCESS, "%s is too long",
                       relative != NULL ? relative_variable : full_variable);
    return relative != NULL ? KO_OK : check_url(url, is_tls, err);
}

/* The file is read anew each time: the platform replaces it. */
static enum ko_code
find_token(struct ko_buf *token, struct ko_error *err)
{
    const char *const file = ko_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *const text = ko_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");

    if (file != NULL)
        return ko_token_read(file, token, err);
    if (text == NULL)
        return KO_OK;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~')
            return ko_fail(err, KO_E_ACCESS,
                           "AWS_CONTAINER_AUTHORIZATION_TOKEN has a line break or another control "
                           "character");
    }
    ko_buf_add_text(token, text);
    return ko_buf_finish(token, err);
}

static enum ko_code
fail(const struct ko_exchange_reply *reply, struct ko_slice token, struct ko_error *err)
{
    struct ko_fault_text said;
    struct ko_buf text = {0};

    ko_fault_read(ko_buf_slice(&reply->body), &said);
    ko_reply_describe(&text, reply->status, said.error_code, ko_slice_of(said.message), token);
    if (ko_buf_finish(&text, err) == KO_OK)
        (void) ko_fail(err, reply->status >= 500 ? KO_E_AWS : KO_E_ACCESS, "%.*s",
                       KO_SLICE_ARG(ko_buf_slice(&text)));
    ko_hint(err, "check the association of the pod's service account, or the task's role.");
    ko_buf_clear(&text);
    return err->code;
}

enum ko_code
ko_container_load(const struct ko_chain *chain, struct ko_credentials *credentials,
                  struct ko_buf *why, struct ko_error *err)
{
    static const struct ko_credentials_names names = {.key_id = "AccessKeyId",
                                                      .secret = "SecretAccessKey",
                                                      .token = "Token",
                                                      .expiry = "Expiration"};
    char url[URL_BYTES];
    bool is_tls = false;
    struct ko_buf token = {0};
    struct ko_exchange_reply reply = {0};
    struct ko_header headers[2] = {{KO_SLICE("Accept"), KO_SLICE("application/json")}};
    struct ko_exchange exchange = {.method = "GET",
                                   .url = url,
                                   .headers = headers,
                                   .n_headers = 1,
                                   .timeout_ms = TIMEOUT_MS,
                                   .n_attempts = ATTEMPTS,
                                   .ca_file = chain->ca_file};

    if (ko_variable(relative_variable) == NULL && ko_variable(full_variable) == NULL) {
        ko_buf_add_format(why, "%s is not set", full_variable);
        return KO_OK;
    }
    KO_TRY(find_url(url, &is_tls, err));
    KO_TRY(find_token(&token, err));
    exchange.without_proxy = !is_tls;
    if (token.n > 0)
        headers[exchange.n_headers++] =
            (struct ko_header){KO_SLICE("Authorization"), ko_buf_slice(&token)};
    KO_TRY(ko_exchange_run(&exchange, &reply, err));
    if (reply.status != 200)
        KO_TRY(fail(&reply, ko_buf_slice(&token), err));
    KO_TRY(ko_credentials_read_json(ko_buf_slice(&reply.body), &names, credentials, err));

done:
    if (err->code != KO_OK)
        ko_context(err, "credentials from the container's agent");
    ko_exchange_clear(&reply);
    ko_buf_wipe(&token);
    return err->code;
}

static enum ko_code
load(void *self, struct ko_credentials *credentials, struct ko_buf *why, struct ko_error *err)
{
    return ko_container_load(self, credentials, why, err);
}

struct ko_credentials_source
ko_credentials_container(struct ko_chain *chain)
{
    static const struct ko_credentials_source_ops ops = {.name = "container", .load = load};

    return (struct ko_credentials_source){&ops, chain};
}
