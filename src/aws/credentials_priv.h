/*
 * What the sources of credentials share.
 *
 * A source is one file with its load function.  Those that read a profile can also be asked for
 * another one than the chain's: a role may start from there (source_profile).
 */
#ifndef KEEPONE_AWS_CREDENTIALS_PRIV_H
#define KEEPONE_AWS_CREDENTIALS_PRIV_H

#include "keepone/aws/credentials.h"
#include "keepone/aws/exchange.h"
#include "keepone/aws/sts.h"

/* Owned by the provider; texts are the chain's own, NULL = not given. */
struct ko_chain {
    const struct ko_profiles *profiles;
    char *profile; /* never NULL */
    char *assume_role;
    char *region;
    char *ca_file;
    bool ignores_environment;
    unsigned rank;
    ko_credentials_endpoint_fn *endpoint;
    void *endpoint_self;
    struct ko_credentials_provider *inner; /* for assume_role: what assumes it */
};

/* Accepts NULL. */
void ko_chain_free(struct ko_chain *chain);

/* The provider frees the chain, behind its sources, and renews at a time of the chain's rank. */
void ko_credentials_provider_adopt(struct ko_credentials_provider *provider,
                                   struct ko_chain *chain);

/* The sources, in their order. */
struct ko_credentials_source ko_credentials_environment(struct ko_chain *chain);
struct ko_credentials_source ko_credentials_role(struct ko_chain *chain);
struct ko_credentials_source ko_credentials_web_identity(struct ko_chain *chain);
struct ko_credentials_source ko_credentials_sso(struct ko_chain *chain);
struct ko_credentials_source ko_credentials_credentials_file(struct ko_chain *chain);
struct ko_credentials_source ko_credentials_process(struct ko_chain *chain);
struct ko_credentials_source ko_credentials_config_file(struct ko_chain *chain);
struct ko_credentials_source ko_credentials_container(struct ko_chain *chain);
struct ko_credentials_source ko_credentials_instance(struct ko_chain *chain);

/* The outer one: chain->assume_role, assumed with what chain->inner gives. */
struct ko_credentials_source ko_credentials_assumed(struct ko_chain *chain);

/* What they do, for any profile; as in struct ko_credentials_source_ops. */
typedef enum ko_code ko_profile_load_fn(const struct ko_chain *chain, const char *profile,
                                        struct ko_credentials *credentials, struct ko_buf *why,
                                        struct ko_error *err);
ko_profile_load_fn ko_profile_load_credentials_file;
ko_profile_load_fn ko_profile_load_config_file;
ko_profile_load_fn ko_profile_load_web_identity; /* the profile's alone, not the environment's */
ko_profile_load_fn ko_profile_load_sso;
ko_profile_load_fn ko_profile_load_process;

/* The same for what no profile has a say in. */
enum ko_code ko_environment_load(struct ko_credentials *credentials, struct ko_buf *why,
                                 struct ko_error *err);
enum ko_code ko_container_load(const struct ko_chain *chain, struct ko_credentials *credentials,
                               struct ko_buf *why, struct ko_error *err);
enum ko_code ko_instance_load(const struct ko_chain *chain, struct ko_credentials *credentials,
                              struct ko_buf *why, struct ko_error *err);

/* The region that the instance is in, by its metadata service; "" if there is none.  Asks for a
 * second at most, unless told to be patient. */
enum ko_code ko_instance_region(const struct ko_chain *chain, char region[KO_REGION_BYTES],
                                struct ko_error *err);

/* The variable's value; NULL if it is not set, or to nothing, which counts as not set. */
const char *ko_variable(const char *name);

/* The variable's value, or else the profile's; NULL if there is none. */
const char *ko_variable_or_key(const struct ko_chain *chain, const char *variable, const char *key);

/*
 * Fills a request to STS: where, for the chain's region (the global endpoint, if
 * AWS_STS_REGIONAL_ENDPOINTS is "legacy" or no region is known), and the session's name, which is
 * the profile's or "keepone-<rank>-<host>".  endpoint and name are the caller's memory.
 */
enum ko_code ko_chain_sts(const struct ko_chain *chain, const char *session_name,
                          struct ko_endpoint *endpoint, char name[KO_STS_SESSION_BYTES],
                          struct ko_sts_request *request, struct ko_error *err);

/* Reads the profile's duration_seconds; 0 = not set. */
enum ko_code ko_profile_duration(const struct ko_chain *chain, const char *profile,
                                 unsigned *seconds, struct ko_error *err);

/*
 * Reads a small file with a token in it, without the line break at its end, into *token; the
 * caller clears it with ko_buf_wipe().  KO_E_ACCESS names the file; so does a token that
 * cannot be part of a header.
 */
enum ko_code ko_token_read(const char *path, struct ko_buf *token, struct ko_error *err);

/* The names of the members of a JSON object with credentials. */
struct ko_credentials_names {
    const char *key_id, *secret, *token, *expiry;
    bool expiry_is_ms; /* a number since 1970, not a text */
};

/* KO_E_ACCESS says which member is missing or wrong, without its value. */
enum ko_code ko_credentials_read_json(struct ko_slice object,
                                      const struct ko_credentials_names *names,
                                      struct ko_credentials *credentials, struct ko_error *err);

/*
 * Adds what an error reply says: "HTTP 403, AccessDenied: text", cut if long, without control
 * characters.  A text that holds the secret is not shown.
 */
void ko_reply_describe(struct ko_buf *out, int status, const char *error_code,
                       struct ko_slice message, struct ko_slice secret);

#endif
