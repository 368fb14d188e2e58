/*
 * Roles: a profile's role_arn, assumed with what another source gives, which may be another
 * profile with a role, and so on; and the role of --assume-role, with what the chain gives.
 */
#include <stdio.h>

#include "credentials_priv.h"

/* The profiles on the way to this one, so that a circle is found. */
struct step {
    const char *profile;
    const struct step *before;
};

static enum ko_code load_role(const struct ko_chain *chain, const struct step *step,
                              struct ko_credentials *credentials, struct ko_buf *why,
                              struct ko_error *err);

static bool
is_on_the_way(const struct step *step, const char *profile)
{
    for (; step != NULL; step = step->before) {
        if (strcmp(step->profile, profile) == 0)
            return true;
    }
    return false;
}

static enum ko_code
fail_profile(const char *profile, const char *wrong, const char *hint, struct ko_error *err)
{
    (void) ko_fail(err, KO_E_ACCESS, "profile '%s' %s", profile, wrong);
    ko_hint(err, "%s", hint);
    return err->code;
}

/* The keys that stand in a profile. */
static enum ko_code
load_keys(const struct ko_chain *chain, const char *profile, struct ko_credentials *credentials,
          struct ko_buf *why, struct ko_error *err)
{
    if (ko_profile_load_credentials_file(chain, profile, credentials, why, err) == KO_OK &&
        credentials->key_id == NULL)
        (void) ko_profile_load_config_file(chain, profile, credentials, why, err);
    return err->code;
}

/* Whatever a profile that is not the chain's can give. */
static enum ko_code
load_profile(const struct ko_chain *chain, const struct step *step,
             struct ko_credentials *credentials, struct ko_buf *why, struct ko_error *err)
{
    static ko_profile_load_fn *const others[] = {ko_profile_load_web_identity, ko_profile_load_sso,
                                                 ko_profile_load_process};

    KO_TRY(load_keys(chain, step->profile, credentials, why, err));
    if (credentials->key_id == NULL)
        KO_TRY(load_role(chain, step, credentials, why, err));
    for (size_t i = 0; credentials->key_id == NULL && i < sizeof others / sizeof others[0]; i++)
        KO_TRY(others[i](chain, step->profile, credentials, why, err));

done:
    return err->code;
}

static enum ko_code
load_source_profile(const struct ko_chain *chain, const struct step *before, const char *profile,
                    struct ko_credentials *credentials, struct ko_error *err)
{
    const struct step step = {profile, before};
    struct ko_buf why = {0}; /* too long for a sentence about all sources */

    if (!ko_profile_exists(chain->profiles, profile))
        KO_TRY(fail_profile(before->profile, "has a source_profile that is in neither file",
                            "write the name of a profile with credentials.", err));
    if (strcmp(profile, before->profile) == 0)
        KO_TRY(load_keys(chain, profile, credentials, &why, err));
    else if (is_on_the_way(before, profile))
        KO_TRY(fail_profile(profile, "is its own source_profile, by way of others",
                            "let one of them have credentials of its own.", err));
    else
        KO_TRY(load_profile(chain, &step, credentials, &why, err));
    if (credentials->key_id == NULL)
        KO_TRY(fail_profile(profile, "is a source_profile without credentials",
                            "give it keys, a role, SSO or a credential_process.", err));

done:
    ko_buf_clear(&why);
    return err->code;
}

static enum ko_code
load_credential_source(const struct ko_chain *chain, const char *profile, const char *source,
                       struct ko_credentials *credentials, struct ko_error *err)
{
    struct ko_buf why = {0};

    if (strcmp(source, "Environment") == 0)
        KO_TRY(ko_environment_load(credentials, &why, err));
    else if (strcmp(source, "EcsContainer") == 0)
        KO_TRY(ko_container_load(chain, credentials, &why, err));
    else if (strcmp(source, "Ec2InstanceMetadata") == 0)
        KO_TRY(ko_instance_load(chain, credentials, &why, err));
    else
        KO_TRY(fail_profile(profile, "has a credential_source that is not known",
                            "write Environment, EcsContainer or Ec2InstanceMetadata.", err));
    if (credentials->key_id != NULL)
        goto done;
    KO_TRY(ko_buf_finish(&why, err));
    (void) ko_fail(err, KO_E_ACCESS, "the credential_source %s of profile '%s' has none: %.*s",
                   source, profile, KO_SLICE_ARG(ko_buf_slice(&why)));

done:
    ko_buf_clear(&why);
    return err->code;
}

/* Who assumes the role of this profile. */
static enum ko_code
load_origin(const struct ko_chain *chain, const struct step *step,
            struct ko_credentials *credentials, struct ko_error *err)
{
    const char *const profile = step->profile;
    const char *const other = ko_profile_value(chain->profiles, profile, "source_profile");
    const char *const source = ko_profile_value(chain->profiles, profile, "credential_source");

    if ((other == NULL) == (source == NULL))
        return fail_profile(profile,
                            other == NULL
                                ? "has a role_arn without source_profile or credential_source"
                                : "has a role_arn with source_profile and credential_source",
                            "say with one of them whose credentials assume the role.", err);
    if (source != NULL)
        return load_credential_source(chain, profile, source, credentials, err);
    return load_source_profile(chain, step, other, credentials, err);
}

static enum ko_code
assume(const struct ko_chain *chain, const char *profile, const char *role_arn,
       const struct ko_credentials *origin, struct ko_credentials *credentials,
       struct ko_error *err)
{
    const struct ko_profiles *const profiles = chain->profiles;
    struct ko_endpoint endpoint;
    char name[KO_STS_SESSION_BYTES];
    struct ko_sts_request request = {.role_arn = role_arn, .credentials = origin};
    const char *session_name = NULL;

    if (profile != NULL) {
        session_name = ko_profile_value(profiles, profile, "role_session_name");
        request.external_id = ko_profile_value(profiles, profile, "external_id");
        KO_TRY(ko_profile_duration(chain, profile, &request.duration_seconds, err));
    }
    KO_TRY(ko_chain_sts(chain, session_name, &endpoint, name, &request, err));
    KO_TRY(ko_sts_assume(&request, credentials, err));

done:
    return err->code;
}

static enum ko_code
load_role(const struct ko_chain *chain, const struct step *step, struct ko_credentials *credentials,
          struct ko_buf *why, struct ko_error *err)
{
    const struct ko_profiles *const profiles = chain->profiles;
    const char *const profile = step->profile;
    const char *const role_arn = ko_profile_value(profiles, profile, "role_arn");
    struct ko_credentials origin = {0};

    if (role_arn == NULL ||
        ko_profile_value(profiles, profile, "web_identity_token_file") != NULL) {
        ko_buf_add_format(why, "no role_arn with a source in profile '%s'", profile);
        return KO_OK;
    }
    if (ko_profile_value(profiles, profile, "mfa_serial") != NULL)
        return fail_profile(profile,
                            "asks for the code of an MFA device (mfa_serial), and keepone "
                            "asks nobody",
                            "get temporary credentials with 'aws sts get-session-token' and use "
                            "those, or a role that needs no code.",
                            err);
    KO_TRY(load_origin(chain, step, &origin, err));
    KO_TRY(assume(chain, profile, role_arn, &origin, credentials, err));

done:
    ko_credentials_clear(&origin);
    if (err->code != KO_OK)
        ko_context(err, "role of profile '%s'", profile);
    return err->code;
}

static enum ko_code
load_own(void *self, struct ko_credentials *credentials, struct ko_buf *why, struct ko_error *err)
{
    const struct ko_chain *const chain = self;
    const struct step step = {.profile = chain->profile};

    return load_role(chain, &step, credentials, why, err);
}

struct ko_credentials_source
ko_credentials_role(struct ko_chain *chain)
{
    static const struct ko_credentials_source_ops ops = {.name = "role", .load = load_own};

    return (struct ko_credentials_source){&ops, chain};
}

/* The chain's are loaded anew: they may be why these had to be. */
static enum ko_code
load_assumed(void *self, struct ko_credentials *credentials, struct ko_buf *why,
             struct ko_error *err)
{
    const struct ko_chain *const chain = self;
    const struct ko_credentials *origin = NULL;

    (void) why;
    ko_credentials_provider_refresh(chain->inner);
    KO_TRY(ko_credentials_provider_current(chain->inner, &origin, err));
    KO_TRY(assume(chain, NULL, chain->assume_role, origin, credentials, err));

done:
    if (err->code != KO_OK)
        ko_context(err, "--assume-role");
    return err->code;
}

struct ko_credentials_source
ko_credentials_assumed(struct ko_chain *chain)
{
    static const struct ko_credentials_source_ops ops = {.name = "--assume-role",
                                                         .load = load_assumed};

    return (struct ko_credentials_source){&ops, chain};
}
