/*
 * Faults: what a failed AWS call means, by error code and HTTP status.
 *
 * One table (src/aws/fault.c) holds every code of DynamoDB, S3 and STS; whoever gets a code asks
 * here and branches on the class.  It knows the codes of whole calls ("ThrottlingException") and
 * those inside a reply, of PartiQL statements and cancellation reasons ("ThrottlingError").
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_AWS_FAULT_H
#define KEEPONE_AWS_FAULT_H

#include <stdbool.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"

enum ko_fault {
    KO_FAULT_NONE,
    KO_FAULT_THROTTLED,         /* did not act; the same again later (also: conflicts) */
    KO_FAULT_TRANSIENT,         /* a fault of server or network; may have acted */
    KO_FAULT_NOT_SENT,          /* no byte of the request left: name, connection, TLS hand-shake */
    KO_FAULT_CONDITION,         /* a condition did not hold: a result, not a failure */
    KO_FAULT_CANCELLED,         /* transaction cancelled: see CancellationReasons */
    KO_FAULT_CREDENTIALS,       /* expired or unknown credentials: load them anew, once */
    KO_FAULT_SIGNATURE,         /* signature refused: a wrong secret, or the clock is off */
    KO_FAULT_ACCESS,            /* not allowed */
    KO_FAULT_NOT_FOUND,         /* no such table, index, export, bucket, object or upload */
    KO_FAULT_REGION,            /* S3: the bucket is in another region */
    KO_FAULT_INVALID,           /* the service rejected the content of the request */
    KO_FAULT_UNKNOWN_OPERATION, /* the endpoint lacks the operation */
    KO_FAULT_UNTRUSTED,         /* TLS: the server's certificate is not trusted */
    KO_FAULT_TOO_LARGE,         /* the reply is larger than we take */
    KO_FAULT_MEMORY,            /* no memory for the reply */
    KO_FAULT_OTHER              /* permanent, none of the above */
};

/*
 * The class of a code without its prefix; an unknown or empty code, as of a reply to HEAD or of a
 * proxy's HTML page, is classed by the HTTP status.
 */
enum ko_fault ko_fault_of(struct ko_slice error_code, int http_status);

enum { KO_FAULT_CODE_BYTES = 64, KO_FAULT_MESSAGE_BYTES = 512 };

/* What an error body says; both texts end in NUL and are cut if longer, never absent. */
struct ko_fault_text {
    char error_code[KO_FAULT_CODE_BYTES];
    char message[KO_FAULT_MESSAGE_BYTES]; /* control characters replaced by spaces */
};

/*
 * Reads {"__type":"prefix#Code:rest","message":"..."}, `Message` too.  Never fails: a body
 * that is not such an object (an HTML page of a proxy) gives empty texts.  Of the message what
 * ko_fault_shown() gives.
 */
void ko_fault_read(struct ko_slice body, struct ko_fault_text *text);

/*
 * The part of a service's message that may be shown.  A refused signature is explained with the
 * canonical request ("... The Canonical String for this request should have been ..."), and that
 * holds the session token.
 */
struct ko_slice ko_fault_shown(struct ko_slice message);

/* True for a message or a code that says that the clock is off, not that the secret is wrong. */
bool ko_fault_is_clock(const char *text);

#endif
