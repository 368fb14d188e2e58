/*
 * Context: what all AWS clients of a rank share: settings and credentials.
 *
 * Settings come, the first that says something winning, from options, the environment and the
 * profile; see README.md, "Credentials, region, endpoints".
 *
 * Thread use: one context, one thread.  MPI: none, every rank has its own.
 */
#ifndef KEEPONE_AWS_CONTEXT_H
#define KEEPONE_AWS_CONTEXT_H

#include <stdbool.h>

#include "keepone/aws/credentials.h"
#include "keepone/aws/endpoint.h"
#include "keepone/aws/profile.h"
#include "keepone/base/error.h"

/* Texts are copied; NULL = not given. */
struct ko_aws_options {
    const char *profile;     /* --profile */
    const char *assume_role; /* --assume-role: a role's ARN, assumed with what the chain gives */
    const char *region;      /* --region */
    unsigned rank;           /* spreads refreshes over time */

    /* Instead of the chain of sources; borrowed until close.  NULL = the chain. */
    struct ko_credentials_provider *credentials;
};

/* Read only; texts are the context's, NULL = not set. */
struct ko_aws_settings {
    const char *profile;     /* never NULL: "default" if nobody named one */
    bool profile_is_given;   /* by --profile, AWS_PROFILE or AWS_DEFAULT_PROFILE */
    const char *region;      /* NULL: nobody said (an endpoint on this machine needs none) */
    const char *region_from; /* for messages: "--region", "AWS_REGION", "profile 'x'" */
    const char *ca_file;     /* AWS_CA_BUNDLE, ca_bundle */
    bool use_fips;           /* AWS_USE_FIPS_ENDPOINT, use_fips_endpoint */
    bool use_dualstack;      /* AWS_USE_DUALSTACK_ENDPOINT, use_dualstack_endpoint */
    bool ignores_configured_endpoints; /* AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, ... */

    /*
     * AWS_MAX_ATTEMPTS, max_attempts: of a request that ends in faults; 0 = not set.
     * AWS_RETRY_MODE is checked and does not matter: see aws/retry.h.
     */
    unsigned max_attempts;
};

struct ko_aws; /* opaque; owned by whoever called _open */

/* Reads files and environment; looks for no credentials yet.  KO_E_OPTION, KO_E_ACCESS,
 * KO_E_MEMORY. */
enum ko_code ko_aws_open(const struct ko_aws_options *options, struct ko_aws **aws,
                         struct ko_error *err);
void ko_aws_close(struct ko_aws *aws); /* accepts NULL; after every client that borrows from it */

const struct ko_aws_settings *ko_aws_settings(const struct ko_aws *aws);
struct ko_credentials_provider *ko_aws_credentials(struct ko_aws *aws);

/*
 * Where a service is: `endpoint` (--endpoint; NULL = not given), AWS_ENDPOINT_URL_<SERVICE>,
 * AWS_ENDPOINT_URL, the profile's [services] section, its endpoint_url, then the region's own by
 * FIPS and dual-stack.  service: as in aws/endpoint.h.
 * region: overrides the settings' (of a table ARN, or a run); NULL = not.  Where nobody names a
 * region and the endpoint needs one, EC2's instance metadata is asked, once, for a moment.
 */
enum ko_code ko_aws_endpoint(struct ko_aws *aws, const char *service, const char *endpoint,
                             const char *region, struct ko_endpoint *resolved,
                             struct ko_error *err);

#endif
