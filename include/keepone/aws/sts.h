/*
 * STS: temporary credentials of a role, for whoever may assume it.
 *
 * Thread use: any; waits for the reply.  MPI: none.
 */
#ifndef KEEPONE_AWS_STS_H
#define KEEPONE_AWS_STS_H

#include "keepone/aws/credentials.h"
#include "keepone/aws/endpoint.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

/* A session's name has 2 to 64 letters, digits and characters of "+=,.@-_". */
enum { KO_STS_SESSION_BYTES = 65, KO_STS_SECONDS_MIN = 900, KO_STS_SECONDS_MAX = 43200 };

struct ko_sts_request {
    const struct ko_endpoint *endpoint;
    const char *ca_file; /* PEM; NULL = the system's */
    const char *role_arn;
    const char *session_name;
    const char *external_id;   /* NULL = none */
    unsigned duration_seconds; /* 0 = the service's default, an hour */

    /* One of these two is given. */
    const struct ko_credentials *credentials; /* AssumeRole, signed with them */
    struct ko_slice web_identity_token;       /* AssumeRoleWithWebIdentity, unsigned */
};

/*
 * Asks for credentials; throttling, faults and an identity provider that does not answer are tried
 * again, three attempts in all, and a clock that is off is corrected once.
 * Errors: KO_E_ACCESS with the service's words and a hint by its error code; KO_E_AWS without
 * a usable reply; KO_E_MEMORY.  Neither token nor secret is in the text.
 */
enum ko_code ko_sts_assume(const struct ko_sts_request *request, struct ko_credentials *credentials,
                           struct ko_error *err);

#endif
