#include "keepone/aws/endpoint.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "keepone/base/slice.h"

/* What regions of a partition share.  A region belongs to the first prefix that it has. */
struct partition {
    const char *prefix;
    const char *name;
    const char *suffix;
    const char *dualstack_suffix;
};

static const struct partition partitions[] = {
    {"cn-", "aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"us-gov-", "aws-us-gov", "amazonaws.com", "api.aws"},
    {"us-iso-", "aws-iso", "c2s.ic.gov", "api.aws.ic.gov"},
    {"us-isob-", "aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud"},
    {"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
    {"us-isof-", "aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
    {"eusc-", "aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"", "aws", "amazonaws.com", "api.aws"},
};

static const struct partition *
find_partition(const char *region)
{
    const struct partition *partition = partitions;

    while (strncmp(region, partition->prefix, strlen(partition->prefix)) != 0)
        partition++;
    return partition;
}

const char *
ko_region_partition(const char *region)
{
    return find_partition(region)->name;
}

static bool
is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

enum ko_code
ko_region_check(struct ko_aws_setting region, struct ko_error *err)
{
    const size_t n = strlen(region.text);

    if (n < KO_REGION_BYTES && strspn(region.text, "abcdefghijklmnopqrstuvwxyz0123456789-") == n)
        return KO_OK;
    (void) ko_fail(err, KO_E_OPTION, "%s is '%s', which is not a region", region.from, region.text);
    ko_hint(err, "a region is lower-case letters, digits and dashes, such as eu-west-1.");
    return err->code;
}

static enum ko_code
fail_url(struct ko_aws_setting url, const char *wrong, struct ko_error *err)
{
    const char *const host = strrchr(url.text, '@'); /* before it there may be a password */

    (void) ko_fail(err, KO_E_OPTION, "%s is '%s%s': %s", url.from, host == NULL ? "" : "...",
                   host == NULL ? url.text : host, wrong);
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

/* "127.0.0.1:80/x" begins with a number of the network "127." */
static bool
is_number_of(const char *host, const char *network)
{
    const size_t n = strspn(host, "0123456789.");

    return strncmp(host, network, strlen(network)) == 0 && strchr(":/?", host[n]) != NULL;
}

static bool
is_this_machine(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || is_number_of(host, "127.") ||
           strcmp(host, "[::1]") == 0;
}

static enum ko_code
set_url(struct ko_aws_setting url, const struct url_parts *parts, struct ko_endpoint *endpoint,
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
read_url(struct ko_aws_setting url, struct ko_endpoint *endpoint, struct ko_error *err)
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

bool
ko_endpoint_is_direct(const char *url)
{
    const char *const separator = strstr(url, "://");
    const char *const host = separator == NULL ? url : separator + 3;
    const size_t n = sizeof "localhost" - 1;

    return is_number_of(host, "127.") || is_number_of(host, "169.254.") ||
           (strncasecmp(host, "localhost", n) == 0 && strchr(":/?", host[n]) != NULL) ||
           strncmp(host, "[::1]", 5) == 0 || strncasecmp(host, "[fd00:ec2::", 11) == 0;
}

/* S3 alone says dual-stack in the name and keeps the partition's suffix. */
static void
write_s3(const struct ko_endpoint_options *options, const char *region, const char *suffix,
         char text[KO_ENDPOINT_URL_BYTES])
{
    (void) snprintf(text, KO_ENDPOINT_URL_BYTES, "https://s3%s%s.%s.%s",
                    options->use_fips ? "-fips" : "", options->use_dualstack ? ".dualstack" : "",
                    region, suffix);
}

/* In GovCloud the plain hosts are FIPS hosts. */
static enum ko_code
set_by_rules(const struct ko_endpoint_options *options, struct ko_endpoint *endpoint,
             struct ko_error *err)
{
    const char *const region = endpoint->region;
    const struct partition *const partition = find_partition(region);
    const bool is_gov = strcmp(partition->name, "aws-us-gov") == 0;
    const char *name = strcmp(options->service, "sso") == 0 ? "portal.sso" : options->service;
    char text[KO_ENDPOINT_URL_BYTES];

    if (strcmp(options->service, "s3") == 0)
        write_s3(options, region, partition->suffix, text);
    else if (strcmp(region, "local") == 0 && strcmp(options->service, "dynamodb") == 0)
        (void) snprintf(text, sizeof text, "http://localhost:8000");
    else
        (void) snprintf(text, sizeof text, "https://%s%s.%s.%s", name,
                        options->use_fips && (!is_gov || options->use_dualstack) ? "-fips" : "",
                        region,
                        options->use_dualstack ? partition->dualstack_suffix : partition->suffix);
    return read_url((struct ko_aws_setting){text, "the region's endpoint"}, endpoint, err);
}

static enum ko_code
set_custom(const struct ko_endpoint_options *options, struct ko_endpoint *endpoint,
           struct ko_error *err)
{
    if (options->use_fips || options->use_dualstack) {
        (void) ko_fail(err, KO_E_OPTION, "%s names an endpoint, and %s asks for another one",
                       options->url.from, options->use_fips ? "FIPS" : "dual-stack");
        ko_hint(err, "leave one of them out: %s, or %s.", options->url.from,
                options->use_fips ? "AWS_USE_FIPS_ENDPOINT (use_fips_endpoint)"
                                  : "AWS_USE_DUALSTACK_ENDPOINT (use_dualstack_endpoint)");
        return err->code;
    }
    endpoint->is_custom = true;
    return read_url(options->url, endpoint, err);
}

enum ko_code
ko_endpoint_resolve(const struct ko_endpoint_options *options, struct ko_endpoint *endpoint,
                    struct ko_error *err)
{
    struct ko_aws_setting region = options->region;

    *endpoint = (struct ko_endpoint){0};
    if (is_set(options->url.text))
        KO_TRY(set_custom(options, endpoint, err));
    if (!is_set(region.text) && endpoint->is_local)
        region.text = "us-east-1";
    if (!is_set(region.text)) {
        (void) ko_fail(err, KO_E_OPTION, "no AWS region is given");
        ko_hint(err, "use --region, set AWS_REGION, or write region in the profile; eu-west-1 for "
                     "example.");
        goto done;
    }
    KO_TRY(ko_region_check(region, err));
    (void) snprintf(endpoint->region, sizeof endpoint->region, "%s", region.text);
    if (!is_set(options->url.text))
        KO_TRY(set_by_rules(options, endpoint, err));

done:
    return err->code;
}
