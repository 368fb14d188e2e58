#include "keepone/aws/context.h"

#include <stdlib.h>
#include <unistd.h>

#include "server.h"
#include "support/test.h"

enum { SETTINGS_MAX = 6 };

static const char *const variables[] = {
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_CA_BUNDLE",
    "AWS_RETRY_MODE",
    "AWS_MAX_ATTEMPTS",
    "AWS_CONFIG_FILE",
};

/* What the world outside says: "NAME=value" each, and the config file's text. */
struct world {
    const char *variables[SETTINGS_MAX];
    const char *config;
};

static char config_path[64];

static void
clear_world(void)
{
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        (void) unsetenv(variables[i]);
    if (config_path[0] != '\0')
        (void) unlink(config_path);
    config_path[0] = '\0';
}

static void
set_world(const struct world *world)
{
    const char *const config = world->config == NULL ? "" : world->config;
    int fd;

    clear_world();
    (void) snprintf(config_path, sizeof config_path, "/tmp/keepone-config-XXXXXX");
    fd = mkstemp(config_path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, config, strlen(config)), (ssize_t) strlen(config));
    (void) close(fd);
    (void) setenv("AWS_CONFIG_FILE", config_path, 1);
    (void) setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    (void) setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    for (size_t i = 0; i < SETTINGS_MAX && world->variables[i] != NULL; i++) {
        char name[64] = "";
        const size_t n = strcspn(world->variables[i], "=");

        memcpy(name, world->variables[i], n);
        (void) setenv(name, world->variables[i] + n + 1, 1);
    }
}

/* "url region" of a service, or the error's text. */
static const char *
find(const struct world *world, const struct ko_aws_options *options, const char *service,
     const char *endpoint, const char *region)
{
    static char line[1400];
    struct ko_endpoint resolved = {0};
    struct ko_aws *aws = NULL;
    struct ko_error err = {0};

    set_world(world);
    if (ko_aws_open(options, &aws, &err) == KO_OK &&
        ko_aws_endpoint(aws, service, endpoint, region, &resolved, &err) == KO_OK)
        (void) snprintf(line, sizeof line, "%s %s", resolved.url, resolved.region);
    else
        (void) snprintf(line, sizeof line, "%s", err.text);
    if (err.code != KO_OK) {
        CHECK_CODE(err, KO_E_OPTION);
        assert_true(err.hint[0] != '\0');
    }
    ko_aws_close(aws);
    clear_world();
    return line;
}

#define DYNAMODB(region) "https://dynamodb." region ".amazonaws.com " region

static void
regions_are_found_in_their_order(void)
{
    static const struct {
        const char *option;
        const char *override;
        struct world world;
        const char *expected;
    } rows[] = {
        {"o-1", NULL, {{"AWS_REGION=e-1"}, "[default]\nregion=p-1\n"}, DYNAMODB("o-1")},
        {"o-1", "table-1", {{"AWS_REGION=e-1"}, NULL}, DYNAMODB("table-1")},
        {NULL, NULL, {{"AWS_REGION=e-1", "AWS_DEFAULT_REGION=d-1"}, NULL}, DYNAMODB("e-1")},
        {"",
         "",
         {{"AWS_REGION=", "AWS_DEFAULT_REGION=d-1"}, "[default]\nregion=p-1\n"},
         DYNAMODB("d-1")},
        {NULL, NULL, {{NULL}, "[default]\nregion = p-1\n[profile a]\nregion=a-1"}, DYNAMODB("p-1")},
        {NULL,
         NULL,
         {{"AWS_PROFILE=a"}, "[default]\nregion=p-1\n[profile a]\nregion=a-1"},
         DYNAMODB("a-1")},
        {NULL, "table-1", {{NULL}, NULL}, DYNAMODB("table-1")},
        {NULL, NULL, {{NULL}, NULL}, "no AWS region is given"},
        {"EU West", NULL, {{NULL}, NULL}, "--region is 'EU West', which is not a region"},
        {NULL, NULL, {{"AWS_REGION=x/y"}, NULL}, "AWS_REGION is 'x/y', which is not a region"},
        {NULL,
         NULL,
         {{"AWS_DEFAULT_REGION=.."}, NULL},
         "AWS_DEFAULT_REGION is '..', which is not a region"},
        {NULL,
         NULL,
         {{NULL}, "[default]\nregion = a b\n"},
         "region of profile 'default' is 'a b', which is not a region"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_aws_options options = {.region = rows[i].option};

        CHECK_TEXT(find(&rows[i].world, &options, "dynamodb", NULL, rows[i].override),
                   rows[i].expected);
    }
}

#define PROFILE_URLS                                                             \
    "[default]\nservices = mine\nendpoint_url = http://profile\n"                \
    "[services mine]\ndynamodb =\n  endpoint_url = http://section\nsso_oidc =\n" \
    "  endpoint_url = http://oidc-section\n"

static void
endpoints_are_found_in_their_order(void)
{
    static const struct {
        const char *service;
        const char *option;
        struct world world;
        const char *expected;
    } rows[] = {
        {"dynamodb", "http://o", {{"AWS_ENDPOINT_URL_DYNAMODB=http://s"}, NULL}, "http://o r-1"},
        {"dynamodb",
         "",
         {{"AWS_ENDPOINT_URL_DYNAMODB=http://s", "AWS_ENDPOINT_URL=http://g"}, PROFILE_URLS},
         "http://s r-1"},
        {"sts",
         NULL,
         {{"AWS_ENDPOINT_URL_DYNAMODB=http://s", "AWS_ENDPOINT_URL=http://g/"}, PROFILE_URLS},
         "http://g r-1"},
        {"oidc", NULL, {{"AWS_ENDPOINT_URL_SSO_OIDC=http://s"}, PROFILE_URLS}, "http://s r-1"},
        {"dynamodb", NULL, {{NULL}, PROFILE_URLS}, "http://section r-1"},
        {"oidc", NULL, {{NULL}, PROFILE_URLS}, "http://oidc-section r-1"},
        {"s3", NULL, {{NULL}, PROFILE_URLS}, "http://profile r-1"},
        {"dynamodb",
         NULL,
         {{"AWS_ENDPOINT_URL=http://g", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"}, PROFILE_URLS},
         DYNAMODB("r-1")},
        {"dynamodb",
         NULL,
         {{"AWS_ENDPOINT_URL=http://g"}, "[default]\nignore_configured_endpoint_urls=TRUE\n"},
         DYNAMODB("r-1")},
        {"dynamodb",
         "http://o",
         {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"}, NULL},
         "http://o r-1"},
        {"dynamodb",
         NULL,
         {{"AWS_ENDPOINT_URL_DYNAMODB=x"}, NULL},
         "AWS_ENDPOINT_URL_DYNAMODB is 'x': Bad scheme"},
        {"dynamodb",
         NULL,
         {{NULL}, "[default]\nendpoint_url = ftp://h\n"},
         "endpoint_url of profile 'default' is 'ftp://h': only http:// and https:// are known"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_aws_options options = {.region = "r-1"};

        CHECK_TEXT(find(&rows[i].world, &options, rows[i].service, rows[i].option, NULL),
                   rows[i].expected);
    }
}

static void
fips_and_dual_stack_come_from_environment_and_profile(void)
{
    static const struct {
        struct world world;
        const char *endpoint;
        const char *expected;
    } rows[] = {
        {{{"AWS_USE_FIPS_ENDPOINT=true"}, NULL},
         NULL,
         "https://dynamodb-fips.r-1.amazonaws.com r-1"},
        {{{"AWS_USE_DUALSTACK_ENDPOINT=True"}, NULL}, NULL, "https://dynamodb.r-1.api.aws r-1"},
        {{{NULL}, "[default]\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true\n"},
         NULL,
         "https://dynamodb-fips.r-1.api.aws r-1"},
        {{{"AWS_USE_FIPS_ENDPOINT=false"}, "[default]\nuse_fips_endpoint = true\n"},
         NULL,
         DYNAMODB("r-1")},
        {{{"AWS_USE_FIPS_ENDPOINT=yes"}, NULL}, NULL, "AWS_USE_FIPS_ENDPOINT is 'yes'"},
        {{{"AWS_USE_FIPS_ENDPOINT=true"}, NULL},
         "http://127.0.0.1:1",
         "--endpoint names an endpoint, and FIPS asks for another one"},
        {{{"AWS_USE_DUALSTACK_ENDPOINT=true", "AWS_ENDPOINT_URL=http://h"}, NULL},
         NULL,
         "AWS_ENDPOINT_URL names an endpoint, and dual-stack asks for another one"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_aws_options options = {.region = "r-1"};

        CHECK_TEXT(find(&rows[i].world, &options, "dynamodb", rows[i].endpoint, NULL),
                   rows[i].expected);
    }
}

/* Asked at the first need, and once. */
static void
the_instance_is_asked_where_nobody_says_a_region(void)
{
    static const struct server_row rows[] = {
        {.body = "metadata-token", .crc = CRC_NONE},
        {.body = "ap-south-1", .crc = CRC_NONE},
    };
    static const struct world world = {{NULL}, NULL};
    struct ko_endpoint resolved = {0};
    struct ko_aws *aws = NULL;
    struct ko_error err = {0};

    set_world(&world);
    (void) unsetenv("AWS_EC2_METADATA_DISABLED");
    server_start(rows, 2);
    (void) setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url, 1);
    (void) ko_aws_open(&(struct ko_aws_options){0}, &aws, &err);
    CHECK_OK(err);
    (void) ko_aws_endpoint(aws, "dynamodb", "http://127.0.0.1:1", NULL, &resolved, &err);
    CHECK_TEXT(resolved.region, "us-east-1"); /* this machine needs none */
    (void) ko_aws_endpoint(aws, "dynamodb", NULL, NULL, &resolved, &err);
    CHECK_OK(err);
    CHECK_TEXT(resolved.url, "https://dynamodb.ap-south-1.amazonaws.com");
    (void) ko_aws_endpoint(aws, "sts", NULL, NULL, &resolved, &err);
    CHECK_OK(err);
    CHECK_TEXT(resolved.region, "ap-south-1");
    ko_aws_close(aws);
    server_stop();
    (void) unsetenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    clear_world();
    assert_int_equal(server.n_requests, 2);
    assert_non_null(strstr(server.requests[0], "PUT /latest/api/token "));
    assert_non_null(strstr(server.requests[1], "GET /latest/meta-data/placement/region "));
    assert_non_null(strstr(server.requests[1], "x-aws-ec2-metadata-token: metadata-token"));
}

static void
the_tables_region_is_good_for_credentials_and_a_bucket_s_is_not(void)
{
    static const struct world world = {{NULL}, NULL};
    struct ko_endpoint resolved = {0};
    struct ko_aws *aws = NULL;
    struct ko_error err = {0};

    set_world(&world);
    (void) ko_aws_open(&(struct ko_aws_options){0}, &aws, &err);
    CHECK_OK(err);
    (void) ko_aws_endpoint(aws, "s3", NULL, "bucket-1", &resolved, &err);
    CHECK_TEXT(resolved.region, "bucket-1");
    (void) ko_aws_endpoint(aws, "dynamodb", NULL, "table-1", &resolved, &err);
    CHECK_TEXT(resolved.region, "table-1");
    (void) ko_aws_endpoint(aws, "sts", NULL, NULL, &resolved, &err);
    CHECK_OK(err);
    CHECK_TEXT(resolved.region, "table-1");
    ko_aws_close(aws);
    clear_world();
}

/* "ca attempts profile", or the error's text. */
static const char *
read_settings(const struct world *world, const char *profile)
{
    const struct ko_aws_options options = {.profile = profile};
    static char line[1400];
    struct ko_aws *aws = NULL;
    struct ko_error err = {0};

    set_world(world);
    if (ko_aws_open(&options, &aws, &err) == KO_OK) {
        const struct ko_aws_settings *settings = ko_aws_settings(aws);

        (void) snprintf(line, sizeof line, "%s %u %s%s",
                        settings->ca_file == NULL ? "-" : settings->ca_file, settings->max_attempts,
                        settings->profile, settings->profile_is_given ? " (given)" : "");
    } else {
        CHECK_CODE(err, KO_E_OPTION);
        assert_true(err.hint[0] != '\0');
        (void) snprintf(line, sizeof line, "%s", err.text);
    }
    ko_aws_close(aws);
    clear_world();
    return line;
}

static void
authority_attempts_and_profile_are_read(void)
{
    static const struct {
        const char *profile;
        struct world world;
        const char *expected;
    } rows[] = {
        {NULL, {{NULL}, NULL}, "- 0 default"},
        {NULL, {{"AWS_CA_BUNDLE=/a.pem"}, "[default]\nca_bundle=/b.pem\n"}, "/a.pem 0 default"},
        {NULL, {{NULL}, "[default]\nca_bundle = /b.pem\n"}, "/b.pem 0 default"},
        {NULL, {{"AWS_MAX_ATTEMPTS=7", "AWS_RETRY_MODE=Adaptive"}, NULL}, "- 7 default"},
        {NULL, {{NULL}, "[default]\nmax_attempts=3\nretry_mode=standard\n"}, "- 3 default"},
        {NULL, {{"AWS_MAX_ATTEMPTS=0"}, NULL}, "AWS_MAX_ATTEMPTS is '0'"},
        {NULL, {{"AWS_MAX_ATTEMPTS=-1"}, NULL}, "AWS_MAX_ATTEMPTS is '-1'"},
        {NULL,
         {{"AWS_MAX_ATTEMPTS=99999999999999999999"}, NULL},
         "AWS_MAX_ATTEMPTS is '99999999999999999999'"},
        {NULL, {{"AWS_RETRY_MODE=often"}, NULL}, "AWS_RETRY_MODE is 'often'"},
        {"a", {{"AWS_PROFILE=b"}, "[profile a]\nmax_attempts=2\n"}, "- 2 a (given)"},
        {NULL, {{"AWS_PROFILE=a"}, "[profile a]\nx=y\n"}, "- 0 a (given)"},
        {NULL,
         {{"AWS_PROFILE=b"}, "[profile a]\nx=y\n"},
         "AWS_PROFILE names the profile 'b', which is in neither file"},
        {NULL, {{"AWS_DEFAULT_PROFILE=a"}, "[profile a]\nx=y\n"}, "- 0 a (given)"},
        {NULL, {{"AWS_DEFAULT_PROFILE=a", "AWS_PROFILE=b"}, "[profile b]\nx=y\n"}, "- 0 b (given)"},
        {"c", {{"AWS_DEFAULT_PROFILE=a"}, "[profile c]\nx=y\n"}, "- 0 c (given)"},
        {NULL,
         {{"AWS_DEFAULT_PROFILE=b"}, "[profile a]\nx=y\n"},
         "AWS_DEFAULT_PROFILE names the profile 'b', which is in neither file"},
        {"c",
         {{NULL}, "[profile a]\nx=y\n"},
         "--profile names the profile 'c', which is in neither file"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_TEXT(read_settings(&rows[i].world, rows[i].profile), rows[i].expected);
}

/* Memory running out at any point gives an error and leaves nothing behind. */
static void
opening_survives_failing_allocations(void)
{
    static const struct world world = {{"AWS_REGION=e-1", "AWS_CA_BUNDLE=/a.pem"}, PROFILE_URLS};
    enum ko_code code = KO_E_MEMORY;

    set_world(&world);
    for (uint64_t nth = 1; code != KO_OK; nth++) {
        const struct ko_aws_options options = {.profile = "default", .region = "o-1"};
        struct ko_aws *aws = NULL;
        struct ko_error err = {0};

        ko_mem_fail_nth(nth);
        code = ko_aws_open(&options, &aws, &err);
        ko_mem_fail_nth(0);
        assert_true(code == KO_OK || code == KO_E_MEMORY);
        assert_int_equal(aws != NULL, code == KO_OK);
        ko_aws_close(aws);
        assert_true(nth < 200);
    }
    clear_world();
}

CASES = {
    CASE(regions_are_found_in_their_order),
    CASE(endpoints_are_found_in_their_order),
    CASE(fips_and_dual_stack_come_from_environment_and_profile),
    CASE(the_instance_is_asked_where_nobody_says_a_region),
    CASE(the_tables_region_is_good_for_credentials_and_a_bucket_s_is_not),
    CASE(authority_attempts_and_profile_are_read),
    CASE(opening_survives_failing_allocations),
};
RUN_CASES
