#include "keepone/aws/endpoint.h"

#include "support/test.h"

/* "url host region" of a service in a region, or the error's text. */
static const char *
resolve(const struct ko_endpoint_options *options)
{
    static char line[1400];
    struct ko_endpoint endpoint;
    struct ko_error err = {0};

    if (ko_endpoint_resolve(options, &endpoint, &err) != KO_OK) {
        CHECK_CODE(err, KO_E_OPTION);
        assert_true(err.hint[0] != '\0');
        (void) snprintf(line, sizeof line, "%s", err.text);
        return line;
    }
    (void) snprintf(line, sizeof line, "%s %s %s", endpoint.url, endpoint.host, endpoint.region);
    assert_int_equal(endpoint.is_tls, strncmp(endpoint.url, "https:", 6) == 0);
    assert_int_equal(endpoint.is_custom, options->url.text != NULL);
    return line;
}

/* The expected hosts are those of the rules that AWS publishes for its SDKs. */
static void
hosts_follow_from_service_region_fips_and_dual_stack(void)
{
    static const struct {
        const char *service;
        const char *region;
        const char *hosts[4]; /* plain, dual-stack, FIPS, both */
    } rows[] = {
        {"dynamodb",
         "eu-west-1",
         {"dynamodb.eu-west-1.amazonaws.com", "dynamodb.eu-west-1.api.aws",
          "dynamodb-fips.eu-west-1.amazonaws.com", "dynamodb-fips.eu-west-1.api.aws"}},
        {"dynamodb",
         "xx-new-9",
         {"dynamodb.xx-new-9.amazonaws.com", "dynamodb.xx-new-9.api.aws",
          "dynamodb-fips.xx-new-9.amazonaws.com", "dynamodb-fips.xx-new-9.api.aws"}},
        {"dynamodb",
         "cn-north-1",
         {"dynamodb.cn-north-1.amazonaws.com.cn",
          "dynamodb.cn-north-1.api.amazonwebservices.com.cn",
          "dynamodb-fips.cn-north-1.amazonaws.com.cn",
          "dynamodb-fips.cn-north-1.api.amazonwebservices.com.cn"}},
        {"dynamodb",
         "us-gov-west-1",
         {"dynamodb.us-gov-west-1.amazonaws.com", "dynamodb.us-gov-west-1.api.aws",
          "dynamodb.us-gov-west-1.amazonaws.com", "dynamodb-fips.us-gov-west-1.api.aws"}},
        {"dynamodb",
         "us-iso-east-1",
         {"dynamodb.us-iso-east-1.c2s.ic.gov", "dynamodb.us-iso-east-1.api.aws.ic.gov",
          "dynamodb-fips.us-iso-east-1.c2s.ic.gov", "dynamodb-fips.us-iso-east-1.api.aws.ic.gov"}},
        {"dynamodb",
         "us-isob-east-1",
         {"dynamodb.us-isob-east-1.sc2s.sgov.gov", "dynamodb.us-isob-east-1.api.aws.scloud",
          "dynamodb-fips.us-isob-east-1.sc2s.sgov.gov",
          "dynamodb-fips.us-isob-east-1.api.aws.scloud"}},
        {"dynamodb",
         "eu-isoe-west-1",
         {"dynamodb.eu-isoe-west-1.cloud.adc-e.uk",
          "dynamodb.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
          "dynamodb-fips.eu-isoe-west-1.cloud.adc-e.uk",
          "dynamodb-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk"}},
        {"dynamodb",
         "us-isof-south-1",
         {"dynamodb.us-isof-south-1.csp.hci.ic.gov", "dynamodb.us-isof-south-1.api.aws.hci.ic.gov",
          "dynamodb-fips.us-isof-south-1.csp.hci.ic.gov",
          "dynamodb-fips.us-isof-south-1.api.aws.hci.ic.gov"}},
        {"dynamodb",
         "eusc-de-east-1",
         {"dynamodb.eusc-de-east-1.amazonaws.eu",
          "dynamodb.eusc-de-east-1.api.amazonwebservices.eu",
          "dynamodb-fips.eusc-de-east-1.amazonaws.eu",
          "dynamodb-fips.eusc-de-east-1.api.amazonwebservices.eu"}},
        {"sts",
         "eu-west-1",
         {"sts.eu-west-1.amazonaws.com", "sts.eu-west-1.api.aws",
          "sts-fips.eu-west-1.amazonaws.com", "sts-fips.eu-west-1.api.aws"}},
        {"sts",
         "us-gov-east-1",
         {"sts.us-gov-east-1.amazonaws.com", "sts.us-gov-east-1.api.aws",
          "sts.us-gov-east-1.amazonaws.com", "sts-fips.us-gov-east-1.api.aws"}},
        {"sso",
         "eu-west-1",
         {"portal.sso.eu-west-1.amazonaws.com", "portal.sso.eu-west-1.api.aws",
          "portal.sso-fips.eu-west-1.amazonaws.com", "portal.sso-fips.eu-west-1.api.aws"}},
        {"oidc",
         "cn-northwest-1",
         {"oidc.cn-northwest-1.amazonaws.com.cn",
          "oidc.cn-northwest-1.api.amazonwebservices.com.cn",
          "oidc-fips.cn-northwest-1.amazonaws.com.cn",
          "oidc-fips.cn-northwest-1.api.amazonwebservices.com.cn"}},
        {"s3",
         "eu-west-1",
         {"s3.eu-west-1.amazonaws.com", "s3.dualstack.eu-west-1.amazonaws.com",
          "s3-fips.eu-west-1.amazonaws.com", "s3-fips.dualstack.eu-west-1.amazonaws.com"}},
        {"s3",
         "us-gov-west-1",
         {"s3.us-gov-west-1.amazonaws.com", "s3.dualstack.us-gov-west-1.amazonaws.com",
          "s3-fips.us-gov-west-1.amazonaws.com", "s3-fips.dualstack.us-gov-west-1.amazonaws.com"}},
        {"s3",
         "us-iso-west-1",
         {"s3.us-iso-west-1.c2s.ic.gov", "s3.dualstack.us-iso-west-1.c2s.ic.gov",
          "s3-fips.us-iso-west-1.c2s.ic.gov", "s3-fips.dualstack.us-iso-west-1.c2s.ic.gov"}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned variant = 0; variant < 4; variant++) {
            const struct ko_endpoint_options options = {.service = rows[i].service,
                                                        .region = {rows[i].region, "--region"},
                                                        .use_dualstack = (variant & 1) != 0,
                                                        .use_fips = (variant & 2) != 0};
            const char *const host = rows[i].hosts[variant];
            char expected[600];

            (void) snprintf(expected, sizeof expected, "https://%s %s %s", host, host,
                            rows[i].region);
            CHECK_TEXT(resolve(&options), expected);
        }
    }
}

static void
a_region_named_local_is_dynamodb_local(void)
{
    const struct ko_endpoint_options options = {.service = "dynamodb",
                                                .region = {"local", "AWS_REGION"}};

    CHECK_TEXT(resolve(&options), "http://localhost:8000 localhost:8000 local");
}

static void
regions_belong_to_partitions(void)
{
    static const char *const rows[][2] = {
        {"eu-west-1", "aws"},
        {"us-east-1", "aws"},
        {"cn-north-1", "aws-cn"},
        {"us-gov-west-1", "aws-us-gov"},
        {"us-iso-east-1", "aws-iso"},
        {"us-isob-east-1", "aws-iso-b"},
        {"eu-isoe-west-1", "aws-iso-e"},
        {"us-isof-east-1", "aws-iso-f"},
        {"eusc-de-east-1", "aws-eusc"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_TEXT(ko_region_partition(rows[i][0]), rows[i][1]);
}

static void
urls_are_taken_apart(void)
{
    static const struct {
        const char *url;
        const char *region;
        const char *expected; /* "url host region" */
    } rows[] = {
        {"http://localhost:8000", "eu-west-1", "http://localhost:8000 localhost:8000 eu-west-1"},
        {"http://localhost:8000/", NULL, "http://localhost:8000 localhost:8000 us-east-1"},
        {"http://127.0.0.1:1", "", "http://127.0.0.1:1 127.0.0.1:1 us-east-1"},
        {"http://[::1]:8000", NULL, "http://[::1]:8000 [::1]:8000 us-east-1"},
        {"https://h:443", "r", "https://h h r"},
        {"http://h:80", "r", "http://h h r"},
        {"https://h:80", "r", "https://h:80 h:80 r"},
        {"HTTPS://h", "r", "https://h h r"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_endpoint_options options = {.service = "dynamodb",
                                                    .url = {rows[i].url, "--endpoint"},
                                                    .region = {rows[i].region, "--region"}};

        CHECK_TEXT(resolve(&options), rows[i].expected);
    }
}

static void
bad_settings_are_refused_with_their_name(void)
{
    static const struct {
        const char *url;
        const char *region;
        const char *expected;
    } rows[] = {
        {NULL, NULL, "no AWS region is given"},
        {"http://h", NULL, "no AWS region is given"},
        {NULL, "EU West", "--region is 'EU West', which is not a region"},
        {NULL, "x/y", "--region is 'x/y', which is not a region"},
        {"ftp://h", "r", "--endpoint is 'ftp://h': only http:// and https:// are known"},
        {"localhost:8000", "r", "--endpoint is 'localhost:8000': "},
        {"http://", "r", "--endpoint is 'http://': "},
        {"http://h:0", "r", "--endpoint is 'http://h:0': the port must be 1 to 65535"},
        {"http://h:70000", "r", "--endpoint is 'http://h:70000': "},
        {"http://u:p@h", "r", "--endpoint is '...@h': a user in it"},
        {"http://h/path", "r", "--endpoint is 'http://h/path': a path in it"},
        {"http://h?q", "r", "--endpoint is 'http://h?q': a query or fragment in it"},
        {"http://h/#f", "r", "--endpoint is 'http://h/#f': a query or fragment in it"},
        {"h t", "r", "--endpoint is 'h t': "},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_endpoint_options options = {.service = "dynamodb",
                                                    .url = {rows[i].url, "--endpoint"},
                                                    .region = {rows[i].region, "--region"}};
        const char *const line = resolve(&options);

        if (strncmp(line, rows[i].expected, strlen(rows[i].expected)) != 0)
            fail_msg("'%s' is not '%s'", line, rows[i].expected);
    }
}

static void
an_endpoint_stands_alone_without_fips_and_dual_stack(void)
{
    struct ko_endpoint_options options = {.service = "dynamodb",
                                          .url = {"http://127.0.0.1:1", "AWS_ENDPOINT_URL"},
                                          .region = {"r", "--region"},
                                          .use_fips = true};

    CHECK_TEXT(resolve(&options),
               "AWS_ENDPOINT_URL names an endpoint, and FIPS asks for another one");
    options.use_fips = false;
    options.use_dualstack = true;
    CHECK_TEXT(resolve(&options),
               "AWS_ENDPOINT_URL names an endpoint, and dual-stack asks for another one");
}

static void
hosts_that_do_not_fit_are_refused(void)
{
    char url[400] = "http://";
    const struct ko_endpoint_options options = {
        .service = "dynamodb", .url = {url, "--endpoint"}, .region = {"r", "--region"}};

    memset(url + 7, 'h', 350);
    assert_non_null(strstr(resolve(&options), "the host is too long"));
}

static void
hosts_that_no_proxy_reaches_are_told_from_others(void)
{
    static const char *const direct[] = {"http://localhost",        "http://LOCALHOST:1/x",
                                         "https://127.9.9.9:1/x",   "http://127.0.0.1?x",
                                         "http://[::1]:8000",       "http://169.254.169.254/latest",
                                         "http://169.254.170.2:80", "http://[fd00:ec2::254]/x/y"};
    static const char *const others[] = {"http://localhost.example.com",
                                         "http://127.0.0.1.example.com",
                                         "http://169.254.example.com",
                                         "http://169.253.1.1",
                                         "https://h/127.0.0.1",
                                         "http://[fd01:ec2::254]",
                                         "https://dynamodb.eu-west-1.amazonaws.com",
                                         ""};

    for (size_t i = 0; i < sizeof direct / sizeof direct[0]; i++)
        assert_true(ko_endpoint_is_direct(direct[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(ko_endpoint_is_direct(others[i]));
}

CASES = {
    CASE(hosts_follow_from_service_region_fips_and_dual_stack),
    CASE(a_region_named_local_is_dynamodb_local),
    CASE(regions_belong_to_partitions),
    CASE(urls_are_taken_apart),
    CASE(bad_settings_are_refused_with_their_name),
    CASE(an_endpoint_stands_alone_without_fips_and_dual_stack),
    CASE(hosts_that_do_not_fit_are_refused),
    CASE(hosts_that_no_proxy_reaches_are_told_from_others),
};
RUN_CASES
