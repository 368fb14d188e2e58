/* Keys that stand in the files: in the credentials file, and in the config file. */
#include "credentials_priv.h"

static enum ko_code
load_section(const struct ko_chain *chain, enum ko_profile_section section, const char *profile,
             struct ko_credentials *credentials, struct ko_buf *why, struct ko_error *err)
{
    const struct ko_profiles *const profiles = chain->profiles;
    const char *const key_id = ko_profiles_value(profiles, section, profile, "aws_access_key_id");
    const char *const secret =
        ko_profiles_value(profiles, section, profile, "aws_secret_access_key");
    const char *const token = ko_profiles_value(profiles, section, profile, "aws_session_token");

    if (key_id == NULL && secret == NULL) {
        ko_buf_add_format(why, "no keys for profile '%s'", profile);
        return KO_OK;
    }
    if (key_id == NULL || secret == NULL) {
        (void) ko_fail(err, KO_E_ACCESS, "it has %s without %s",
                       key_id == NULL ? "aws_secret_access_key" : "aws_access_key_id",
                       key_id == NULL ? "aws_access_key_id" : "aws_secret_access_key");
        ko_hint(err, "write both, or neither.");
        goto done;
    }
    KO_TRY(ko_credentials_set(credentials, ko_slice_of(key_id), ko_slice_of(secret),
                              ko_slice_of(token), 0, err));
    return KO_OK;

done:
    ko_context(err, "keys of profile '%s' in the %s file", profile,
               section == KO_PROFILE_CREDENTIALS ? "credentials" : "config");
    return err->code;
}

enum ko_code
ko_profile_load_credentials_file(const struct ko_chain *chain, const char *profile,
                                 struct ko_credentials *credentials, struct ko_buf *why,
                                 struct ko_error *err)
{
    return load_section(chain, KO_PROFILE_CREDENTIALS, profile, credentials, why, err);
}

enum ko_code
ko_profile_load_config_file(const struct ko_chain *chain, const char *profile,
                            struct ko_credentials *credentials, struct ko_buf *why,
                            struct ko_error *err)
{
    return load_section(chain, KO_PROFILE_CONFIG, profile, credentials, why, err);
}

static enum ko_code
load_credentials_file(void *self, struct ko_credentials *credentials, struct ko_buf *why,
                      struct ko_error *err)
{
    const struct ko_chain *const chain = self;

    return ko_profile_load_credentials_file(chain, chain->profile, credentials, why, err);
}

static enum ko_code
load_config_file(void *self, struct ko_credentials *credentials, struct ko_buf *why,
                 struct ko_error *err)
{
    const struct ko_chain *const chain = self;

    return ko_profile_load_config_file(chain, chain->profile, credentials, why, err);
}

struct ko_credentials_source
ko_credentials_credentials_file(struct ko_chain *chain)
{
    static const struct ko_credentials_source_ops ops = {.name = "credentials file",
                                                         .load = load_credentials_file};

    return (struct ko_credentials_source){&ops, chain};
}

struct ko_credentials_source
ko_credentials_config_file(struct ko_chain *chain)
{
    static const struct ko_credentials_source_ops ops = {.name = "config file",
                                                         .load = load_config_file};

    return (struct ko_credentials_source){&ops, chain};
}
