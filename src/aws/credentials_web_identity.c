/* A token of an identity provider (a Kubernetes service account), exchanged for a role's. */
#include "credentials_priv.h"

struct identity {
    const char *token_file;
    const char *role_arn;
    const char *session_name; /* NULL = our own */
    unsigned duration_seconds;
};

/* The file is read anew each time: whoever issues tokens replaces it. */
static enum ko_code
exchange_token(const struct ko_chain *chain, const struct identity *identity,
               struct ko_credentials *credentials, struct ko_error *err)
{
    struct ko_endpoint endpoint;
    char name[KO_STS_SESSION_BYTES];
    struct ko_sts_request request = {.role_arn = identity->role_arn,
                                     .duration_seconds = identity->duration_seconds};
    struct ko_buf token = {0};

    KO_TRY(ko_chain_sts(chain, identity->session_name, &endpoint, name, &request, err));
    KO_TRY(ko_token_read(identity->token_file, &token, err));
    request.web_identity_token = ko_buf_slice(&token);
    KO_TRY(ko_sts_assume(&request, credentials, err));

done:
    ko_context(err, "web identity");
    ko_buf_wipe(&token);
    return err->code;
}

enum ko_code
ko_profile_load_web_identity(const struct ko_chain *chain, const char *profile,
                             struct ko_credentials *credentials, struct ko_buf *why,
                             struct ko_error *err)
{
    const struct ko_profiles *const profiles = chain->profiles;
    struct identity identity = {
        .token_file = ko_profile_value(profiles, profile, "web_identity_token_file"),
        .role_arn = ko_profile_value(profiles, profile, "role_arn"),
        .session_name = ko_profile_value(profiles, profile, "role_session_name"),
    };

    if (identity.token_file == NULL) {
        ko_buf_add_format(why, "no web_identity_token_file in profile '%s'", profile);
        return KO_OK;
    }
    if (identity.role_arn == NULL) {
        (void) ko_fail(err, KO_E_ACCESS,
                       "profile '%s' has a web_identity_token_file without a role_arn", profile);
        ko_hint(err, "write the ARN of the role that the token is for beside it.");
        return err->code;
    }
    if (ko_profile_duration(chain, profile, &identity.duration_seconds, err) != KO_OK)
        return err->code;
    return exchange_token(chain, &identity, credentials, err);
}

static enum ko_code
load(void *self, struct ko_credentials *credentials, struct ko_buf *why, struct ko_error *err)
{
    const struct ko_chain *const chain = self;
    struct identity identity = {
        .token_file = ko_variable("AWS_WEB_IDENTITY_TOKEN_FILE"),
        .role_arn = ko_variable_or_key(chain, "AWS_ROLE_ARN", "role_arn"),
        .session_name = ko_variable_or_key(chain, "AWS_ROLE_SESSION_NAME", "role_session_name")};

    if (chain->ignores_environment || identity.token_file == NULL) {
        if (!chain->ignores_environment)
            ko_buf_add_text(why, "AWS_WEB_IDENTITY_TOKEN_FILE is not set, ");
        return ko_profile_load_web_identity(chain, chain->profile, credentials, why, err);
    }
    if (identity.role_arn == NULL) {
        (void) ko_fail(err, KO_E_ACCESS,
                       "AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not");
        ko_hint(err, "set AWS_ROLE_ARN to the role that the token is for.");
        return err->code;
    }
    return exchange_token(chain, &identity, credentials, err);
}

struct ko_credentials_source
ko_credentials_web_identity(struct ko_chain *chain)
{
    static const struct ko_credentials_source_ops ops = {.name = "web identity", .load = load};

    return (struct ko_credentials_source){&ops, chain};
}
