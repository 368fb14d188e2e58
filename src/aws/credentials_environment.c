#include <stdlib.h>

#include "keepone/aws/credentials.h"
#include "keepone/base/clock.h"

/* A variable set to nothing counts as not set, as it does for the AWS tools. */
static struct ko_slice
variable(const char *name)
{
    const struct ko_slice value = ko_slice_of(getenv(name));

    return value.n == 0 ? (struct ko_slice){NULL, 0} : value;
}

static enum ko_code
check_expiry(struct ko_slice text, int64_t *expiry_us, struct ko_error *err)
{
    if (text.data == NULL)
        return KO_OK;
    if (!ko_credentials_read_expiry(text, expiry_us)) {
        (void) ko_fail(err, KO_E_ACCESS,
                       "AWS_CREDENTIAL_EXPIRATION is not a time such as 2026-01-31T12:00:00Z");
        ko_hint(err, "set it to the time that came with the credentials, or unset it.");
    } else if (*expiry_us <= ko_wall_us()) {
        (void) ko_fail(err, KO_E_ACCESS, "the credentials in the environment expired at %.*s",
                       KO_SLICE_ARG(text));
        ko_hint(err, "get new credentials and run the same command again.");
    }
    return err->code;
}

static enum ko_code
load(void *self, struct ko_credentials *credentials, struct ko_buf *why, struct ko_error *err)
{
    const struct ko_slice key_id = variable("AWS_ACCESS_KEY_ID");
    const struct ko_slice secret = variable("AWS_SECRET_ACCESS_KEY");
    struct ko_slice token = variable("AWS_SESSION_TOKEN");
    int64_t expiry_us = 0;

    (void) self;
    if (key_id.data == NULL || secret.data == NULL) {
        ko_buf_add_format(why, "%s is not set",
                          key_id.data == NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY");
        return KO_OK;
    }
    if (token.data == NULL)
        token = variable("AWS_SECURITY_TOKEN");
    KO_TRY(check_expiry(variable("AWS_CREDENTIAL_EXPIRATION"), &expiry_us, err));
    KO_TRY(ko_credentials_set(credentials, key_id, secret, token, expiry_us, err));
    return KO_OK;

done:
    ko_context(err, "credentials from the environment");
    return err->code;
}

struct ko_credentials_source
ko_credentials_environment(void)
{
    static const struct ko_credentials_source_ops ops = {.name = "environment", .load = load};

    return (struct ko_credentials_source){.ops = &ops};
}
