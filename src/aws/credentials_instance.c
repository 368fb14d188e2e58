/* The instance's metadata service, version 2 alone: a token first, then the role's credentials. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "keepone/format/json.h"

#include "credentials_priv.h"

enum { URL_BYTES = 1024, NUMBER_MAX = 100, ROLE_MAX = 128 };

static const char roles_path[] = "/latest/meta-data/iam/security-credentials/";

struct service {
    char base[512]; /* "http://169.254.169.254", no slash behind */
    unsigned timeout_s;
    unsigned n_attempts;
    struct ko_buf token;
};

static enum ko_code
read_number(const struct ko_chain *chain, const char *variable, const char *key, unsigned *number,
            struct ko_error *err)
{
    const char *const text = ko_variable_or_key(chain, variable, key);
    unsigned long n;

    *number = 1;
    if (text == NULL)
        return KO_OK;
    n = strtoul(text, NULL, 10);
    if (strspn(text, "0123456789") != strlen(text) || n < 1 || n > NUMBER_MAX)
        return ko_fail(err, KO_E_ACCESS, "%s (%s) is not a number from 1 to %d", variable, key,
                       NUMBER_MAX);
    *number = (unsigned) n;
    return KO_OK;
}

static enum ko_code
configure(const struct ko_chain *chain, struct service *service, struct ko_error *err)
{
    const char *url = ko_variable_or_key(chain, "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                         "ec2_metadata_service_endpoint");
    const char *const mode = ko_variable_or_key(chain, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
                                                "ec2_metadata_service_endpoint_mode");
    size_t n;

    if (url == NULL)
        url = mode != NULL && strcasecmp(mode, "ipv6") == 0 ? "http://[fd00:ec2::254]"
                                                            : "http://169.254.169.254";
    n = strlen(url);
    while (n > 0 && url[n - 1] == '/')
        n--;
    if (n >= sizeof service->base ||
        (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0))
        return ko_fail(err, KO_E_ACCESS,
                       "AWS_EC2_METADATA_SERVICE_ENDPOINT is not an http:// or https:// URL");
    (void) snprintf(service->base, sizeof service->base, "%.*s", (int) n, url);
    KO_TRY(read_number(chain, "AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout",
                       &service->timeout_s, err));
    KO_TRY(read_number(chain, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "metadata_service_num_attempts",
                       &service->n_attempts, err));

done:
    return err->code;
}

static enum ko_code
ask(const struct service *service, const char *method, const char *path, const char *name,
    struct ko_header header, struct ko_exchange_reply *reply, struct ko_error *err)
{
    char url[URL_BYTES];
    const struct ko_exchange exchange = {.method = method,
                                         .url = url,
                                         .headers = &header,
                                         .n_headers = 1,
                                         .timeout_ms = service->timeout_s * 1000,
                                         .n_attempts = service->n_attempts,
                                         .without_proxy = true};

    (void) snprintf(url, sizeof url, "%s%s%s", service->base, path, name);
    return ko_exchange_run(&exchange, reply, err);
}

/* Leaves service->token empty, and says why, where there is no such service: most machines. */
static enum ko_code
get_token(struct service *service, struct ko_buf *why, struct ko_error *err)
{
    const struct ko_header life = {KO_SLICE("x-aws-ec2-metadata-token-ttl-seconds"),
                                   KO_SLICE("21600")};
    struct ko_exchange_reply reply = {0};
    struct ko_error asking = {0};

    if (ask(service, "PUT", "/latest/api/token", "", life, &reply, &asking) == KO_E_MEMORY)
        *err = asking;
    else if (asking.code != KO_OK)
        ko_buf_add_text(why, asking.text);
    else if (reply.status != 200)
        ko_buf_add_format(why, "the metadata service gives no token (HTTP %d)", reply.status);
    else
        ko_buf_add_slice(&service->token, ko_buf_slice(&reply.body));
    ko_exchange_clear(&reply);
    return err->code;
}

/* A token and a role's name become parts of a request. */
static bool
is_plain(struct ko_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~' || text.data[i] == '/')
            return false;
    }
    return text.n > 0;
}

static struct ko_header
token_header(const struct service *service)
{
    return (struct ko_header){KO_SLICE("x-aws-ec2-metadata-token"), ko_buf_slice(&service->token)};
}

/* Sets role to the first line; "" if the instance has none. */
static enum ko_code
get_role(const struct service *service, char role[ROLE_MAX + 1], struct ko_error *err)
{
    struct ko_exchange_reply reply = {0};
    struct ko_slice line;

    role[0] = '\0';
    KO_TRY(ask(service, "GET", roles_path, "", token_header(service), &reply, err));
    if (reply.status == 404)
        goto done;
    line = ko_buf_slice(&reply.body);
    for (size_t i = 0; i < line.n; i++) {
        if (line.data[i] == '\n' || line.data[i] == '\r')
            line.n = i;
    }
    if (reply.status != 200)
        (void) ko_fail(err, KO_E_ACCESS, "no role is named (HTTP %d)", reply.status);
    else if (!is_plain(line) || line.n > ROLE_MAX)
        (void) ko_fail(err, KO_E_ACCESS, "what should be the name of a role is none");
    else
        (void) snprintf(role, ROLE_MAX + 1, "%.*s", KO_SLICE_ARG(line));

done:
    ko_exchange_clear(&reply);
    return err->code;
}

/* A reply of HTTP 200 can say that there are no credentials. */
static enum ko_code
check_code(const struct ko_exchange_reply *reply, struct ko_error *err)
{
    struct ko_error reading = {0};
    struct ko_buf code = {0};

    if (ko_json_member_text(ko_buf_slice(&reply->body), "Code", &code, &reading) == KO_OK &&
        !ko_slice_equal(ko_buf_slice(&code), KO_SLICE("Success")) && is_plain(ko_buf_slice(&code)))
        (void) ko_fail(err, KO_E_ACCESS, "the answer is %.*s", (int) (code.n < 64 ? code.n : 64),
                       code.data);
    ko_buf_clear(&code);
    return err->code;
}

static enum ko_code
get_credentials(const struct service *service, const char *role, struct ko_credentials *credentials,
                struct ko_error *err)
{
    static const struct ko_credentials_names names = {.key_id = "AccessKeyId",
                                                      .secret = "SecretAccessKey",
                                                      .token = "Token",
                                                      .expiry = "Expiration"};
    struct ko_exchange_reply reply = {0};

    KO_TRY(ask(service, "GET", roles_path, role, token_header(service), &reply, err));
    if (reply.status != 200)
        KO_TRY(ko_fail(err, reply.status >= 500 ? KO_E_AWS : KO_E_ACCESS, "HTTP %d", reply.status));
    KO_TRY(check_code(&reply, err));
    KO_TRY(ko_credentials_read_json(ko_buf_slice(&reply.body), &names, credentials, err));

done:
    if (err->code != KO_OK)
        ko_context(err, "role '%s'", role);
    ko_exchange_clear(&reply);
    return err->code;
}

enum ko_code
ko_instance_load(const struct ko_chain *chain, struct ko_credentials *credentials,
                 struct ko_buf *why, struct ko_error *err)
{
    const char *const disabled = ko_variable("AWS_EC2_METADATA_DISABLED");
    struct service service = {0};
    char role[ROLE_MAX + 1];

    if (disabled != NULL && strcasecmp(disabled, "true") == 0) {
        ko_buf_add_text(why, "AWS_EC2_METADATA_DISABLED is true");
        return KO_OK;
    }
    KO_TRY(configure(chain, &service, err));
    KO_TRY(get_token(&service, why, err));
    if (service.token.n == 0)
        goto done;
    if (!is_plain(ko_buf_slice(&service.token)) && service.token.n > 0)
        KO_TRY(ko_fail(err, KO_E_ACCESS, "the metadata service's token is none"));
    KO_TRY(get_role(&service, role, err));
    if (role[0] == '\0')
        ko_buf_add_text(why, "the instance has no role");
    else
        KO_TRY(get_credentials(&service, role, credentials, err));

done:
    if (err->code != KO_OK) {
        ko_context(err, "credentials of the instance");
        ko_hint(err, "check the instance's role; in a pod a role of the pod is the better way.");
    }
    ko_buf_wipe(&service.token);
    return err->code;
}

/* The reply's body, if it is one word that fits; else region stays "". */
static enum ko_code
get_region(const struct service *service, char region[KO_REGION_BYTES], struct ko_error *err)
{
    struct ko_exchange_reply reply = {0};
    struct ko_slice body;

    KO_TRY(ask(service, "GET", "/latest/meta-data/placement/region", "", token_header(service),
               &reply, err));
    body = ko_buf_slice(&reply.body);
    if (reply.status == 200 && is_plain(body) && body.n < KO_REGION_BYTES)
        (void) snprintf(region, KO_REGION_BYTES, "%.*s", KO_SLICE_ARG(body));

done:
    ko_exchange_clear(&reply);
    return err->code;
}

enum ko_code
ko_instance_region(const struct ko_chain *chain, char region[KO_REGION_BYTES], struct ko_error *err)
{
    const char *const disabled = ko_variable("AWS_EC2_METADATA_DISABLED");
    struct service service = {0};
    struct ko_buf why = {0};
    struct ko_error asking = {0};

    region[0] = '\0';
    if (disabled != NULL && strcasecmp(disabled, "true") == 0)
        return KO_OK;
    KO_TRY(configure(chain, &service, err));
    if (get_token(&service, &why, &asking) == KO_OK && is_plain(ko_buf_slice(&service.token)))
        (void) get_region(&service, region, &asking);
    if (asking.code == KO_E_MEMORY)
        *err = asking;

done:
    ko_buf_clear(&why);
    ko_buf_wipe(&service.token);
    return err->code;
}

static enum ko_code
load(void *self, struct ko_credentials *credentials, struct ko_buf *why, struct ko_error *err)
{
    return ko_instance_load(self, credentials, why, err);
}

struct ko_credentials_source
ko_credentials_instance(struct ko_chain *chain)
{
    static const struct ko_credentials_source_ops ops = {.name = "instance", .load = load};

    return (struct ko_credentials_source){&ops, chain};
}
