#include "keepone/aws/endpoint.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <curl/curl.h>

#include "keepone/base/slice.h"

/* A text and where it was found, for messages. */
struct setting {
    const char *text; /* NULL = not set */
    const char *from;
};

static bool
is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static struct setting
find_region(const struct ko_endpoint_options *options)
{
    if (is_set(options->region))
        return (struct setting){options->region, "--region"};
    if (is_set(getenv("AWS_REGION")))
        return (struct setting){getenv("AWS_REGION"), "AWS_REGION"};
    if (is_set(getenv("AWS_DEFAULT_REGION")))
        return (struct setting){getenv("AWS_DEFAULT_REGION"), "AWS_DEFAULT_REGION"};
    return (struct setting){NULL, NULL};
}

/* service_variable: room for "AWS_ENDPOINT_URL_<SERVICE>", which the result may point to. */
static struct setting
find_url(const struct ko_endpoint_options *options, char service_variable[64])
{
    const char *ignored = getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");

    if (is_set(options->endpoint))
        return (struct setting){options->endpoint, "--endpoint"};
    if (ignored != NULL && strcasecmp(ignored, "true") == 0)
        return (struct setting){NULL, NULL};
    (void) snprintf(service_variable, 64, "AWS_ENDPOINT_URL_%s", options->service);
    for (char *c = service_variable; *c != '\0'; c++)
        *c = (char) toupper((unsigned char) *c);
    if (is_set(getenv(service_variable)))
        return (struct setting){getenv(service_variable), service_variable};
    if (is_set(getenv("AWS_ENDPOINT_URL")))
        return (struct setting){getenv("AWS_ENDPOINT_URL"), "AWS_ENDPOINT_URL"};
    return (struct setting){NULL, NULL};
}

static enum ko_code
check_region(struct setting region, struct ko_error *err)
{
    const size_t n = strlen(region.text);

    if (n < KO_REGION_BYTES && strspn(region.text, "abcdefghijklmnopqrstuvwxyz0123456789-") == n)
        return KO_OK;
    (void) ko_fail(err, KO_E_OPTION, "%s is '%s', which is not a region", region.from, region.text);
    ko_hint(err, "a region is lower-case letters, digits and dashes, such as eu-west-1.");
    return err->code;
}

static enum ko_code
fail_url(struct setting url, const char *wrong, struct ko_error *err)
{
    (void) ko_fail(err, KO_E_OPTION, "%s is '%s': %s", url.from, url.text, wrong);
    ko_hint(err, "give it as https://host or http://host:port, such as http://localhost:8000.");
    return err->code;
}

/* What the URL is made of; freed with curl_free(), NULL = not there. */
struct url_parts {
    char *scheme;
    char *host;
    char *port;
    char *path;
    char *user;
    char *query;
    char *fragment;
};

static void
clear_parts(struct url_parts *parts)
{
    curl_free(parts->scheme);
    curl_free(parts->host);
    curl_free(parts->port);
    curl_free(parts->path);
    curl_free(parts->user);
    curl_free(parts->query);
    curl_free(parts->fragment);
}

static void
take_parts(CURLU *handle, struct url_parts *parts)
{
    (void) curl_url_get(handle, CURLUPART_SCHEME, &parts->scheme, 0);
    (void) curl_url_get(handle, CURLUPART_HOST, &parts->host, 0);
    (void) curl_url_get(handle, CURLUPART_PORT, &parts->port, CURLU_NO_DEFAULT_PORT);
    (void) curl_url_get(handle, CURLUPART_PATH, &parts->path, 0);
    (void) curl_url_get(handle, CURLUPART_USER, &parts->user, 0);
    (void) curl_url_get(handle, CURLUPART_QUERY, &parts->query, 0);
    (void) curl_url_get(handle, CURLUPART_FRAGMENT, &parts->fragment, 0);
}

static const char *
find_wrong(const struct url_parts *parts)
{
    if (parts->scheme == NULL ||
        (strcmp(parts->scheme, "http") != 0 && strcmp(parts->scheme, "https") != 0))
        return "only http:// and https:// are known";
    if (!is_set(parts->host))
        return "it has no host";
    if (strspn(parts->host,
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_[]:") !=
        strlen(parts->host))
        return "the host has a character that host names do not have";
    if (parts->port != NULL && strcmp(parts->port, "0") == 0)
        return "the port must be 1 to 65535";
    if (parts->user != NULL)
        return "a user in it is not supported";
    if (parts->path != NULL && strcmp(parts->path, "/") != 0)
        return "a path in it is not supported";
    if (parts->query != NULL || parts->fragment != NULL)
        return "a query or fragment in it is not supported";
    return NULL;
}

static bool
is_this_machine(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0;
}

static enum ko_code
set_url(struct setting url, const struct url_parts *parts, struct ko_endpoint *endpoint,
        struct ko_error *err)
{
    const int n = snprintf(endpoint->host, sizeof endpoint->host, "%s%s%s", parts->host,
                           parts->port == NULL ? "" : ":", parts->port == NULL ? "" : parts->port);

    if (n < 0 || (size_t) n >= sizeof endpoint->host)
        return fail_url(url, "the host is too long", err);
    (void) snprintf(endpoint->url, sizeof endpoint->url, "%s://%s", parts->scheme, endpoint->host);
    endpoint->is_tls = strcmp(parts->scheme, "https") == 0;
    endpoint->is_local = is_this_machine(parts->host);
    return KO_OK;
}

static enum ko_code
read_url(struct setting url, struct ko_endpoint *endpoint, struct ko_error *err)
{
    struct url_parts parts = {0};
    CURLU *handle = curl_url();
    CURLUcode rc;
    const char *wrong;

    if (handle == NULL)
        return ko_fail(err, KO_E_MEMORY, "cannot allocate a URL");
    rc = curl_url_set(handle, CURLUPART_URL, url.text, CURLU_NON_SUPPORT_SCHEME);
    if (rc != CURLUE_OK) {
        (void) fail_url(url, curl_url_strerror(rc), err);
        goto done;
    }
    take_parts(handle, &parts);
    wrong = find_wrong(&parts);
    if (wrong != NULL)
        (void) fail_url(url, wrong, err);
    else
        (void) set_url(url, &parts, endpoint, err);

done:
    clear_parts(&parts);
    curl_url_cleanup(handle);
    return err->code;
}

static enum ko_code
set_regional(const struct ko_endpoint_options *options, struct ko_endpoint *endpoint,
             struct ko_error *err)
{
    const bool is_china = strncmp(endpoint->region, "cn-", 3) == 0;
    char text[KO_ENDPOINT_URL_BYTES];

    (void) snprintf(text, sizeof text, "https://%s.%s.amazonaws.com%s", options->service,
                    endpoint->region, is_china ? ".cn" : "");
    return read_url((struct setting){text, "the region's endpoint"}, endpoint, err);
}

enum ko_code
ko_endpoint_resolve(const struct ko_endpoint_options *options, struct ko_endpoint *endpoint,
                    struct ko_error *err)
{
    char service_variable[64];
    struct setting region = find_region(options);
    const struct setting url = find_url(options, service_variable);

    *endpoint = (struct ko_endpoint){0};
    if (url.text != NULL)
        KO_TRY(read_url(url, endpoint, err));
    if (region.text == NULL && endpoint->is_local)
        region.text = "us-east-1";
    if (region.text == NULL) {
        (void) ko_fail(err, KO_E_OPTION, "no AWS region is given");
        ko_hint(err, "use --region or set AWS_REGION, to eu-west-1 for example.");
        goto done;
    }
    KO_TRY(check_region(region, err));
    (void) snprintf(endpoint->region, sizeof endpoint->region, "%s", region.text);
    if (url.text == NULL)
        KO_TRY(set_regional(options, endpoint, err));

done:
    return err->code;
}
