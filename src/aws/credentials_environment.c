#include "keepone/base/clock.h"

#include "credentials_priv.h"

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

enum ko_code
ko_environment_load(struct ko_credentials *credentials, struct ko_buf *why, struct ko_error *err)
{
    const char *const key_id = ko_variable("AWS_ACCESS_KEY_ID");
    const char *const secret = ko_variable("AWS_SECRET_ACCESS_KEY");
    const char *token = ko_variable("AWS_SESSION_TOKEN");
    int64_t expiry_us = 0;

    if (key_id == NULL) {
        ko_buf_add_text(why, "AWS_ACCESS_KEY_ID is not set");
        return KO_OK;
    }
    if (secret == NULL) { /* not somebody else's, then: a run must not be by surprise who it is */
        (void) ko_fail(err, KO_E_ACCESS,
                       "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not");
        ko_hint(err, "set both, or neither.");
        goto done;
    }
    if (token == NULL)
        token = ko_variable("AWS_SECURITY_TOKEN");
    KO_TRY(check_expiry(ko_slice_of(ko_variable("AWS_CREDENTIAL_EXPIRATION")), &expiry_us, err));
    KO_TRY(ko_credentials_set(credentials, ko_slice_of(key_id), ko_slice_of(secret),
                              ko_slice_of(token), expiry_us, err));
    return KO_OK;

done:
    ko_context(err, "credentials from the environment");
    return err->code;
}

static enum ko_code
load(void *self, struct ko_credentials *credentials, struct ko_buf *why, struct ko_error *err)
{
    const struct ko_chain *const chain = self;

    if (!chain->ignores_environment)
        return ko_environment_load(credentials, why, err);
    ko_buf_add_text(why, "does not count beside --profile");
    return KO_OK;
}

struct ko_credentials_source
ko_credentials_environment(struct ko_chain *chain)
{
    static const struct ko_credentials_source_ops ops = {.name = "environment", .load = load};

    return (struct ko_credentials_source){&ops, chain};
}
