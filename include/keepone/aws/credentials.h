/*
 * Credentials: who signs, and the sources they come from.
 *
 * A provider asks its sources in the order in which they were added and keeps what the first
 * gave until shortly before it expires.  One source is one file, src/aws/credentials_<source>.c,
 * with one function here that makes it.  Secrets never enter an error text or the log, and are
 * overwritten before their memory is given back.
 *
 * Thread use: one provider, one thread.  MPI: none, every rank has its own.
 */
#ifndef KEEPONE_AWS_CREDENTIALS_H
#define KEEPONE_AWS_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

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

/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_CREDENTIAL_EXPIRATION. */
struct ko_credentials_source ko_credentials_environment(void);

struct ko_credentials_provider; /* opaque */

/* Without sources.  NULL with KO_E_MEMORY. */
struct ko_credentials_provider *ko_credentials_provider_new(struct ko_error *err);

/* The sources that keepone uses, in their order.  NULL with KO_E_MEMORY. */
struct ko_credentials_provider *ko_credentials_provider_default(struct ko_error *err);

/* Accepts NULL.  Frees the sources. */
void ko_credentials_provider_free(struct ko_credentials_provider *provider);

/* Takes the source over, even on failure (KO_E_MEMORY). */
enum ko_code ko_credentials_provider_add(struct ko_credentials_provider *provider,
                                         struct ko_credentials_source source, struct ko_error *err);

/*
 * Sets *credentials to what signs now, loading if there is none or if it expires within
 * five minutes; borrowed until the next call of this function or of _refresh().
 * Errors: KO_E_ACCESS, naming every source asked and why it gave nothing; KO_E_MEMORY.
 */
enum ko_code ko_credentials_provider_current(struct ko_credentials_provider *provider,
                                             const struct ko_credentials **credentials,
                                             struct ko_error *err);

/* Forgets what is held, so that the next _current() loads anew. */
void ko_credentials_provider_refresh(struct ko_credentials_provider *provider);

#endif
