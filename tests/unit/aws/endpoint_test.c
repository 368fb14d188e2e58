#include "keepone/aws/endpoint.h"

#include <stdlib.h>

#include "support/test.h"

static void
clear_environment(void)
{
    static const char *const names[] = {
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void) unsetenv(names[i]);
}

/* "NAME=value" each, up to three. */
static void
set_environment(const char *const variables[3])
{
    clear_environment();
    for (size_t i = 0; i < 3 && variables[i] != NULL; i++) {
        char name[64] = "";
        const size_t n = strcspn(variables[i], "=");

        memcpy(name, variables[i], n);
        (void) setenv(name, variables[i] + n + 1, 1);
    }
}

static void
region_and_endpoint_are_found_in_their_order(void)
{
    static const struct {
        const char *endpoint;
        const char *region;
        const char *variables[3];
        const char *expected; /* "url host region" */
    } rows[] = {
        {NULL,
         "eu-west-1",
         {NULL},
         "https://dynamodb.eu-west-1.amazonaws.com dynamodb.eu-west-1.amazonaws.com eu-west-1"},
        {NULL,
         NULL,
         {"AWS_REGION=cn-north-1", "AWS_DEFAULT_REGION=us-west-2"},
         "https://dynamodb.cn-north-1.amazonaws.com.cn dynamodb.cn-north-1.amazonaws.com.cn "
         "cn-north-1"},
        {NULL,
         NULL,
         {"AWS_REGION=", "AWS_DEFAULT_REGION=us-west-2"},
         "https://dynamodb.us-west-2.amazonaws.com dynamodb.us-west-2.amazonaws.com us-west-2"},
        {"http://localhost:8000",
         "eu-west-1",
         {"AWS_REGION=us-west-2", "AWS_ENDPOINT_URL=http://other"},
         "http://localhost:8000 localhost:8000 eu-west-1"},
        {"",
         "",
         {"AWS_REGION=r-1", "AWS_ENDPOINT_URL_DYNAMODB=http://a", "AWS_ENDPOINT_URL=http://b"},
         "http://a a r-1"},
        {NULL, NULL, {"AWS_REGION=r-1", "AWS_ENDPOINT_URL=http://b/"}, "http://b b r-1"},
        {NULL,
         NULL,
         {"AWS_REGION=r-1", "AWS_ENDPOINT_URL=http://b",
          "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"},
         "https://dynamodb.r-1.amazonaws.com dynamodb.r-1.amazonaws.com r-1"},
        {"http://localhost:8000/", NULL, {NULL}, "http://localhost:8000 localhost:8000 us-east-1"},
        {"http://127.0.0.1:1", NULL, {NULL}, "http://127.0.0.1:1 127.0.0.1:1 us-east-1"},
        {"http://[::1]:8000", NULL, {NULL}, "http://[::1]:8000 [::1]:8000 us-east-1"},
        {"https://h:443", "r", {NULL}, "https://h h r"},
        {"http://h:80", "r", {NULL}, "http://h h r"},
        {"https://h:80", "r", {NULL}, "https://h:80 h:80 r"},
        {"HTTPS://h", "r", {NULL}, "https://h h r"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_endpoint_options options = {
            .service = "dynamodb", .endpoint = rows[i].endpoint, .region = rows[i].region};
        struct ko_endpoint endpoint;
        struct ko_error err = {0};
        char line[1024];

        set_environment(rows[i].variables);
        (void) ko_endpoint_resolve(&options, &endpoint, &err);
        CHECK_OK(err);
        (void) snprintf(line, sizeof line, "%s %s %s", endpoint.url, endpoint.host,
                        endpoint.region);
        CHECK_TEXT(line, rows[i].expected);
        assert_int_equal(endpoint.is_tls, strncmp(endpoint.url, "https:", 6) == 0);
    }
    clear_environment();
}

static void
bad_settings_are_refused_with_their_name(void)
{
    static const struct {
        const char *endpoint;
        const char *region;
        const char *variables[3];
        const char *expected;
    } rows[] = {
        {NULL, NULL, {NULL}, "no AWS region is given"},
        {"http://h", NULL, {NULL}, "no AWS region is given"},
        {NULL, "EU West", {NULL}, "--region is 'EU West', which is not a region"},
        {NULL, NULL, {"AWS_REGION=x/y"}, "AWS_REGION is 'x/y', which is not a region"},
        {NULL,
         NULL,
         {"AWS_DEFAULT_REGION=.."},
         "AWS_DEFAULT_REGION is '..', which is not a region"},
        {"ftp://h", "r", {NULL}, "--endpoint is 'ftp://h': only http:// and https:// are known"},
        {"localhost:8000", "r", {NULL}, "--endpoint is 'localhost:8000': "},
        {"http://", "r", {NULL}, "--endpoint is 'http://': "},
        {"http://h:0", "r", {NULL}, "--endpoint is 'http://h:0': the port must be 1 to 65535"},
        {"http://h:70000", "r", {NULL}, "--endpoint is 'http://h:70000': "},
        {"http://u:p@h", "r", {NULL}, "--endpoint is 'http://u:p@h': a user in it"},
        {"http://h/path", "r", {NULL}, "--endpoint is 'http://h/path': a path in it"},
        {"http://h?q", "r", {NULL}, "--endpoint is 'http://h?q': a query or fragment in it"},
        {"http://h/#f", "r", {NULL}, "--endpoint is 'http://h/#f': a query or fragment in it"},
        {NULL, "r", {"AWS_ENDPOINT_URL_DYNAMODB=x"}, "AWS_ENDPOINT_URL_DYNAMODB is 'x': "},
        {NULL, "r", {"AWS_ENDPOINT_URL=h t"}, "AWS_ENDPOINT_URL is 'h t': "},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_endpoint_options options = {
            .service = "dynamodb", .endpoint = rows[i].endpoint, .region = rows[i].region};
        struct ko_endpoint endpoint;
        struct ko_error err = {0};

        set_environment(rows[i].variables);
        (void) ko_endpoint_resolve(&options, &endpoint, &err);
        CHECK_CODE(err, KO_E_OPTION);
        CHECK_ERROR_SAYS(err, rows[i].expected);
        assert_true(err.hint[0] != '\0');
    }
    clear_environment();
}

static void
hosts_that_do_not_fit_are_refused(void)
{
    char url[400] = "http://";
    const struct ko_endpoint_options options = {
        .service = "dynamodb", .endpoint = url, .region = "r"};
    struct ko_endpoint endpoint;
    struct ko_error err = {0};

    clear_environment();
    memset(url + 7, 'h', 350);
    (void) ko_endpoint_resolve(&options, &endpoint, &err);
    CHECK_CODE(err, KO_E_OPTION);
    CHECK_ERROR_SAYS(err, "the host is too long");
}

CASES = {
    CASE(region_and_endpoint_are_found_in_their_order),
    CASE(bad_settings_are_refused_with_their_name),
    CASE(hosts_that_do_not_fit_are_refused),
};
RUN_CASES
