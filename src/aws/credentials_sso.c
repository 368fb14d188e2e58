/*
 * SSO: the token that `aws sso login` left in ~/.aws/sso/cache, exchanged for a role's
 * credentials.  A token with a refresh token is renewed without anybody at a browser.
 */
#include <stdio.h>
#include <stdlib.h>

#include "keepone/aws/fault.h"
#include "keepone/base/clock.h"
#include "keepone/base/file.h"
#include "keepone/format/digest.h"
#include "keepone/format/json.h"

#include "credentials_priv.h"
#include "percent_priv.h"
#include "sso_token_priv.h"

enum { TIMEOUT_MS = 5000 };

/* A profile's settings; borrowed from the profiles. */
struct sso {
    const char *profile;
    const char *session; /* [sso-session NAME]; NULL = the older form */
    const char *start_url;
    const char *region;
    const char *account_id;
    const char *role_name;
};

static enum ko_code
fail_missing(const struct sso *sso, const char *key, struct ko_error *err)
{
    (void) ko_fail(err, KO_E_ACCESS, "profile '%s' is for SSO and has no %s", sso->profile, key);
    ko_hint(err, "run 'aws configure sso'.");
    return err->code;
}

static enum ko_code
read_session(const struct ko_chain *chain, struct sso *sso, struct ko_error *err)
{
    const struct ko_profiles *const profiles = chain->profiles;

    if (!ko_profiles_has(profiles, KO_PROFILE_SSO_SESSION, sso->session)) {
        (void) ko_fail(err, KO_E_ACCESS,
                       "profile '%s' names the sso-session '%s', and there is no "
                       "[sso-session %s]",
                       sso->profile, sso->session, sso->session);
        ko_hint(err, "run 'aws configure sso'.");
        return err->code;
    }
    sso->start_url =
        ko_profiles_value(profiles, KO_PROFILE_SSO_SESSION, sso->session, "sso_start_url");
    sso->region = ko_profiles_value(profiles, KO_PROFILE_SSO_SESSION, sso->session, "sso_region");
    return KO_OK;
}

static enum ko_code
read_settings(const struct ko_chain *chain, const char *profile, struct sso *sso,
              struct ko_error *err)
{
    const struct ko_profiles *const profiles = chain->profiles;

    *sso = (struct sso){.profile = profile,
                        .session = ko_profile_value(profiles, profile, "sso_session"),
                        .start_url = ko_profile_value(profiles, profile, "sso_start_url"),
                        .region = ko_profile_value(profiles, profile, "sso_region"),
                        .account_id = ko_profile_value(profiles, profile, "sso_account_id"),
                        .role_name = ko_profile_value(profiles, profile, "sso_role_name")};
    if (sso->account_id == NULL && sso->role_name == NULL)
        return KO_OK;
    if (sso->session != NULL)
        KO_TRY(read_session(chain, sso, err));
    if (sso->account_id == NULL)
        KO_TRY(fail_missing(sso, "sso_account_id", err));
    if (sso->role_name == NULL)
        KO_TRY(fail_missing(sso, "sso_role_name", err));
    if (sso->start_url == NULL)
        KO_TRY(fail_missing(sso, "sso_start_url", err));
    if (sso->region == NULL)
        KO_TRY(fail_missing(sso, "sso_region", err));

done:
    return err->code;
}

static enum ko_code
fail_login(const char *text, const char *profile, struct ko_error *err)
{
    (void) ko_fail(err, KO_E_ACCESS, "%s", text);
    ko_hint(err, "run 'aws sso login --profile %s' and then the same command again.", profile);
    return err->code;
}

/* The path of the cached token: named by SHA-1 of the session's name or the start URL. */
static enum ko_code
find_cache(const struct sso *sso, char path[KO_PATH_BYTES], struct ko_error *err)
{
    const char *const name = sso->session != NULL ? sso->session : sso->start_url;
    const char *const home = ko_variable("HOME");
    struct ko_digest *digest;
    unsigned char hash[KO_DIGEST_BYTES_MAX];
    char hex[2 * KO_SHA1_BYTES + 1];

    if (home == NULL)
        return ko_fail(err, KO_E_ACCESS, "HOME is not set, and so there is no ~/.aws/sso/cache");
    digest = ko_digest_new(KO_SHA1, err);
    if (digest == NULL)
        return err->code;
    ko_digest_add(digest, ko_slice_of(name));
    ko_digest_end(digest, hash);
    ko_digest_free(digest);
    ko_hex(hash, KO_SHA1_BYTES, hex);
    return ko_path_join(path, err, home, ".aws/sso/cache/%s.json", hex);
}

/* A usable token: the cached one, renewed if it is about to expire and can be. */
static enum ko_code
find_token(const struct ko_chain *chain, const struct sso *sso, struct ko_sso_token *token,
           struct ko_error *err)
{
    char path[KO_PATH_BYTES];
    struct ko_error renewing = {0};
    struct ko_error looking = {0}; /* reading says it again */
    bool is_there = false;

    KO_TRY(find_cache(sso, path, err));
    if (ko_file_exists(path, &is_there, &looking) == KO_OK && !is_there)
        KO_TRY(fail_login("nobody is logged in", sso->profile, err));
    KO_TRY(ko_sso_token_read(path, token, err));
    if (sso->session != NULL && ko_sso_token_should_renew(token) &&
        ko_sso_token_renew(chain, sso->region, path, token, &renewing) == KO_E_MEMORY)
        *err = renewing;
    if (err->code == KO_OK && token->expiry_us <= ko_wall_us()) {
        if (renewing.code != KO_OK)
            (void) ko_fail(err, KO_E_ACCESS, "the login has expired, and renewing it failed: %s",
                           renewing.text);
        (void) fail_login("the login has expired", sso->profile, err);
    }

done:
    return err->code;
}

static enum ko_code
fail_reply(const struct sso *sso, const struct ko_exchange_reply *reply, struct ko_slice token,
           struct ko_error *err)
{
    struct ko_fault_text said;
    struct ko_buf text = {0};

    if (reply->status == 401)
        return fail_login("the login is no longer valid", sso->profile, err);
    ko_fault_read(ko_buf_slice(&reply->body), &said);
    ko_reply_describe(&text, reply->status, said.error_code, ko_slice_of(said.message), token);
    if (ko_buf_finish(&text, err) == KO_OK)
        (void) ko_fail(err, reply->status >= 500 ? KO_E_AWS : KO_E_ACCESS,
                       "role '%s' of account %s: %.*s", sso->role_name, sso->account_id,
                       KO_SLICE_ARG(ko_buf_slice(&text)));
    ko_hint(err, "check that the user who logged in is assigned to this role and account.");
    ko_buf_clear(&text);
    return err->code;
}

static enum ko_code
make_url(const struct ko_chain *chain, const struct sso *sso, struct ko_buf *url,
         struct ko_error *err)
{
    struct ko_endpoint endpoint;

    if (chain->endpoint(chain->endpoint_self, "sso", sso->region, &endpoint, err) != KO_OK)
        return err->code;
    ko_buf_add_format(url, "%s/federation/credentials?role_name=", endpoint.url);
    ko_percent_encode(url, ko_slice_of(sso->role_name), '\0');
    ko_buf_add_text(url, "&account_id=");
    ko_percent_encode(url, ko_slice_of(sso->account_id), '\0');
    ko_buf_add_char(url, '\0');
    return ko_buf_finish(url, err);
}

static enum ko_code
get_credentials(const struct ko_chain *chain, const struct sso *sso, struct ko_slice token,
                struct ko_credentials *credentials, struct ko_error *err)
{
    static const struct ko_credentials_names names = {.key_id = "accessKeyId",
                                                      .secret = "secretAccessKey",
                                                      .token = "sessionToken",
                                                      .expiry = "expiration",
                                                      .expiry_is_ms = true};
    const struct ko_header headers[] = {
        {KO_SLICE("x-amz-sso_bearer_token"), token},
        {KO_SLICE("User-Agent"), KO_SLICE("keepone/" KEEPONE_VERSION)}};
    struct ko_exchange exchange = {.method = "GET",
                                   .headers = headers,
                                   .n_headers = 2,
                                   .timeout_ms = TIMEOUT_MS,
                                   .ca_file = chain->ca_file};
    struct ko_exchange_reply reply = {0};
    struct ko_buf url = {0};
    struct ko_error reading = {0};
    struct ko_slice object = {NULL, 0};

    KO_TRY(make_url(chain, sso, &url, err));
    exchange.url = url.data;
    KO_TRY(ko_exchange_run(&exchange, &reply, err));
    if (reply.status != 200)
        KO_TRY(fail_reply(sso, &reply, token, err));
    (void) ko_json_member(ko_buf_slice(&reply.body), "roleCredentials", &object, &reading);
    if (reading.code != KO_OK || object.data == NULL)
        KO_TRY(ko_fail(err, KO_E_ACCESS, "the answer has no roleCredentials"));
    KO_TRY(ko_credentials_read_json(object, &names, credentials, err));

done:
    ko_buf_clear(&url);
    ko_exchange_clear(&reply);
    return err->code;
}

enum ko_code
ko_profile_load_sso(const struct ko_chain *chain, const char *profile,
                    struct ko_credentials *credentials, struct ko_buf *why, struct ko_error *err)
{
    struct ko_sso_token token = {0};
    struct sso sso;

    KO_TRY(read_settings(chain, profile, &sso, err));
    if (sso.account_id == NULL) {
        ko_buf_add_format(why, "no sso_account_id in profile '%s'", profile);
        return KO_OK;
    }
    KO_TRY(find_token(chain, &sso, &token, err));
    KO_TRY(get_credentials(chain, &sso, ko_buf_slice(&token.texts[KO_SSO_ACCESS_TOKEN]),
                           credentials, err));

done:
    if (err->code != KO_OK)
        ko_context(err, "SSO of profile '%s'", profile);
    ko_sso_token_clear(&token);
    return err->code;
}

static enum ko_code
load(void *self, struct ko_credentials *credentials, struct ko_buf *why, struct ko_error *err)
{
    const struct ko_chain *const chain = self;

    return ko_profile_load_sso(chain, chain->profile, credentials, why, err);
}

struct ko_credentials_source
ko_credentials_sso(struct ko_chain *chain)
{
    static const struct ko_credentials_source_ops ops = {.name = "SSO", .load = load};

    return (struct ko_credentials_source){&ops, chain};
}
