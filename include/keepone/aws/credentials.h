/*
 * Credentials: who signs, and the sources they come from.
 *
 * A provider asks its sources in the order in which they were added and stays with the first that
 * gave credentials: a run does not change who it is half-way.  What the source gave is used until
 * shortly before it expires.  One source is one file, src/aws/credentials_<source>.c.  Secrets
 * never enter an error text or the log, and are overwritten before their memory is given back.
 *
 * Renewing: credentials that live an hour or more are loaded anew up to 15 minutes before they
 * expire, at a moment that differs from rank to rank; a failure is passed over, and tried again a
 * minute later, until 10 minutes before.  Then a failure is one.  Those that live shorter, by the
 * clock at the time of loading, are renewed in the last third of their life, and must be in the
 * last fifth.  None is loaded twice within a second.
 *
 * Thread use: one provider, one thread.  MPI: none, every rank has its own.
 */
#ifndef KEEPONE_AWS_CREDENTIALS_H
#define KEEPONE_AWS_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/aws/endpoint.h"
#include "keepone/aws/profile.h"
#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

/* {0} is empty.  Texts are owned; clear with ko_credentials_clear(). */
struct ko_credentials {
    char *key_id;
    char *secret;
    char *token;       /* NULL = long-term credentials */
    int64_t expiry_us; /* wall time; 0 = never */
};

/*
 * Copies the texts in; an absent token is none.  A text with a control character or white space
 * inside is KO_E_ACCESS and is not shown.
 */
enum ko_code ko_credentials_set(struct ko_credentials *credentials, struct ko_slice key_id,
                                struct ko_slice secret, struct ko_slice token, int64_t expiry_us,
                                struct ko_error *err);

/* Overwrites and frees; {0} afterwards. */
void ko_credentials_clear(struct ko_credentials *credentials);

/* Reads "2026-01-31T12:00:00Z" (fraction and "+00:00" accepted) into *expiry_us; false = not such a
 * time. */
bool ko_credentials_read_expiry(struct ko_slice text, int64_t *expiry_us);

struct ko_credentials_source_ops {
    const char *name; /* for messages: "environment" */

    /*
     * Fills credentials ({0} on entry), or leaves them {0} and adds to `why`, in one clause
     * without secrets, why there are none ("AWS_ACCESS_KEY_ID is not set").  Returns a failure only
     * where the source is configured and broken, so that later ones must not be asked.
     * May block for its own time-outs, seconds at most.
     */
    enum ko_code (*load)(void *self, struct ko_credentials *credentials, struct ko_buf *why,
                         struct ko_error *err);
    void (*free)(void *self); /* NULL = nothing to free */
};

struct ko_credentials_source {
    const struct ko_credentials_source_ops *ops;
    void *self;
};

struct ko_credentials_provider; /* opaque */

/* Without sources.  NULL with KO_E_MEMORY. */
struct ko_credentials_provider *ko_credentials_provider_new(struct ko_error *err);

/* Renews at moments of this rank's own; 0 unless it is called. */
void ko_credentials_provider_set_rank(struct ko_credentials_provider *provider, unsigned rank);

/* Finds the endpoint of "sts", "sso" or "oidc"; region NULL = the settings'. */
typedef enum ko_code ko_credentials_endpoint_fn(void *self, const char *service, const char *region,
                                                struct ko_endpoint *endpoint, struct ko_error *err);

/* Texts are copied, everything else is borrowed for the provider's life; NULL = not given. */
struct ko_credentials_chain_options {
    const struct ko_profiles *profiles;
    const char *profile;      /* NULL = "default" */
    bool profile_is_given;    /* it must be there */
    bool ignores_environment; /* the profile was named by --profile: keys and web identity of the
                                 environment do not count */
    const char *assume_role;  /* the ARN of a role to assume with what the chain gives */
    const char *region;       /* for STS */
    const char *ca_file;      /* PEM */
    unsigned rank;            /* spreads renewing over time, and is part of session names */
    ko_credentials_endpoint_fn *endpoint;
    void *endpoint_self;
};

/*
 * The sources of the AWS tools in their order: environment; a profile's role, web identity (of the
 * environment or the profile), SSO, keys in the credentials file, process, keys in the config
 * file; container; instance.  NULL with KO_E_MEMORY.
 */
struct ko_credentials_provider *
ko_credentials_chain(const struct ko_credentials_chain_options *options, struct ko_error *err);

/* Accepts NULL.  Frees the sources. */
void ko_credentials_provider_free(struct ko_credentials_provider *provider);

/* Takes the source over, even on failure (KO_E_MEMORY). */
enum ko_code ko_credentials_provider_add(struct ko_credentials_provider *provider,
                                         struct ko_credentials_source source, struct ko_error *err);

/*
 * Sets *credentials to what signs now, loading if there is none or if it is time to renew;
 * borrowed until the next call of this function or of _refresh().  May block while loading, for
 * the time-outs of a source.
 * Errors: KO_E_ACCESS, naming every source asked and why it gave nothing, or what is wrong with the
 * one that is configured; KO_E_AWS for a service that does not answer; KO_E_MEMORY.
 */
enum ko_code ko_credentials_provider_current(struct ko_credentials_provider *provider,
                                             const struct ko_credentials **credentials,
                                             struct ko_error *err);

/* Forgets what is held, so that the next _current() loads anew. */
void ko_credentials_provider_refresh(struct ko_credentials_provider *provider);

#endif
