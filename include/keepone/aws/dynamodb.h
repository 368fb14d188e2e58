/*
 * DynamoDB: calls in flight over kept-alive connections, with retries inside.
 *
 * A call is sent with ko_dynamodb_send() and ends in exactly one call of its `done`
 * function, made from ko_dynamodb_step() and never from ko_dynamodb_send().  What happens
 * in between (signing, back-off, credentials, a clock that is wrong) is nobody else's business:
 *
 *   throttling             flow control: tried again with back-off and jitter until
 *                          throttle_limit_s have passed since the call was first throttled
 *   fault, read            (5xx, network, cut body, wrong CRC) tried again, up to 10 attempts, or
 *                          what AWS_MAX_ATTEMPTS or the profile's max_attempts say
 *   fault, write           tried again only if the request was certainly not sent; otherwise
 *                          the reply is KO_REPLY_UNKNOWN: it may have acted, or not
 *   credentials rejected   credentials are loaded anew once, then the call fails
 *   clock too far off      corrected once by the reply's Date, then the call fails
 *   anything else          no second attempt: the reply is KO_REPLY_ERROR
 *
 * Attempts start at the client's pace (aws/pace.h), the oldest call first; throttled ones cost
 * nothing, and calls of the control plane are not paced.
 *
 * A write is sent again only if no byte of it left or a reply says that it did not act; the HTTP
 * library, which repeats requests on its own, is kept from doing so.
 *
 * Thread use: one client, one thread.  MPI: none, every call is local.
 */
#ifndef KEEPONE_AWS_DYNAMODB_H
#define KEEPONE_AWS_DYNAMODB_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/aws/context.h"
#include "keepone/aws/endpoint.h"
#include "keepone/aws/fault.h"
#include "keepone/aws/pace.h"
#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

struct ko_dynamodb; /* opaque; owned by whoever called _open */

/* Texts are copied. */
struct ko_dynamodb_options {
    struct ko_aws *aws;          /* settings and credentials; borrowed until close */
    const char *endpoint;        /* URL; NULL = as ko_aws_endpoint() finds it */
    const char *region;          /* instead of the settings'; NULL = those */
    uint32_t max_in_flight;      /* calls at a time, those waiting for a retry included; 0 = 32 */
    uint32_t throttle_limit_s;   /* 0 = 600 */
    uint32_t connect_timeout_ms; /* 0 = 3,000 */
    uint32_t request_timeout_ms; /* one attempt, connecting included; 0 = 60,000 */
};

enum ko_reply_kind {
    KO_REPLY_OK,      /* HTTP 200, the body is complete and passed its CRC */
    KO_REPLY_UNKNOWN, /* a write that may have acted or not; only a consistent read can tell */
    KO_REPLY_ERROR    /* it did not act, and will not be tried again */
};

/* All of it is borrowed and valid during `done` only. */
struct ko_dynamodb_reply {
    enum ko_reply_kind kind;
    uint64_t tag; /* of the call */

    /*
     * OK: the reply.  ERROR: the error's body as received, for `Item` and `CancellationReasons`;
     * empty if there was no HTTP reply.  UNKNOWN: empty.
     */
    struct ko_slice body;

    int http_status;        /* of the last attempt; 0 = no HTTP reply */
    enum ko_fault fault;    /* what the last attempt's failure was; KO_FAULT_NONE with OK */
    const char *error_code; /* "ConditionalCheckFailedException", prefix removed; "" = none */
    const char *message;    /* the service's text, or what the network said; "" = none */
    const char *request_id; /* x-amzn-RequestId; "" = none */
    unsigned n_attempts;    /* 0: not even one could start */

    /* Why the last attempt could not start (no credentials, no memory); NULL = it did. */
    const struct ko_error *start_failure;
    double consumed_units; /* as an OK reply tells, indexes included; 0 = it does not */

    const struct ko_endpoint *endpoint;
};

/*
 * May send further calls.  A failure is what ko_dynamodb_step() returns, after it has delivered
 * the other calls that ended.
 */
typedef enum ko_code ko_dynamodb_done_fn(void *self, const struct ko_dynamodb_reply *reply,
                                         struct ko_error *err);

struct ko_dynamodb_call {
    const char *operation; /* "Scan"; copied */
    struct ko_slice body;  /* the JSON request; copied */

    /*
     * A repeat could act twice, or hide that the first attempt did act.  True for every write.
     * TransactWriteItems too: its token makes repeats safe for ten minutes only.
     */
    bool is_write;

    /* What it will cost, for the pace: see ko_pace_charge_of().  0 = learned from calls before. */
    double weight;
    double expected_units;

    /* Of calls in sequence that meet the same keys; borrowed until done.  NULL = it stands alone.
     */
    struct ko_pace_lane *lane;

    ko_dynamodb_done_fn *done;
    void *self;   /* handed to done */
    uint64_t tag; /* handed back in the reply */
};

/*
 * Opens a client; nothing is sent and no credentials are looked for before the first call.
 * Errors: KO_E_OPTION (endpoint, region), KO_E_MEMORY, KO_E_AWS (the HTTP library).
 */
enum ko_code ko_dynamodb_open(const struct ko_dynamodb_options *options,
                              struct ko_dynamodb **client, struct ko_error *err);

/* Drops what is in flight without calling done: drain first if it was a write.  Accepts NULL. */
void ko_dynamodb_close(struct ko_dynamodb *client);

/* The endpoint and region in use; borrowed until close. */
const struct ko_endpoint *ko_dynamodb_endpoint(const struct ko_dynamodb *client);

/* How fast calls start: for caps, and for phases to share them out; borrowed until close. */
struct ko_pace *ko_dynamodb_pace(struct ko_dynamodb *client);

/* How many more calls ko_dynamodb_send() takes now. */
uint32_t ko_dynamodb_room(const struct ko_dynamodb *client);

/* Calls whose done was not called yet. */
uint32_t ko_dynamodb_n_in_flight(const struct ko_dynamodb *client);

/*
 * Takes a call; it starts at the next step.  Needs room: without it, KO_E_BUG and nothing is taken.
 * Errors: KO_E_MEMORY; done is then not called.
 */
enum ko_code ko_dynamodb_send(struct ko_dynamodb *client, const struct ko_dynamodb_call *call,
                              struct ko_error *err);

/*
 * Makes progress without waiting and calls done for every call that ended.
 * Errors: the first that a done function returned, KO_E_AWS (the HTTP library itself).
 */
enum ko_code ko_dynamodb_step(struct ko_dynamodb *client, struct ko_error *err);

/*
 * Ends the calls of this tag that wait for another attempt, or for units to start with, as still
 * throttled: none of them has acted.  Their done functions are called.  For a stop that cannot wait
 * for capacity.
 */
void ko_dynamodb_give_up(struct ko_dynamodb *client, uint64_t tag);

/* Waits until the next step has something to do, max_us at most; a signal ends the wait. */
void ko_dynamodb_wait(struct ko_dynamodb *client, uint64_t max_us);

/*
 * One read-only call from start to end, for DescribeTable and the like: replaces reply_body's
 * content by the reply.  Needs room; other calls in flight make progress meanwhile.
 * *fault (may be NULL): KO_FAULT_UNKNOWN_OPERATION tells an endpoint that lacks the operation.
 * Errors: as ko_dynamodb_reply_error().
 */
enum ko_code ko_dynamodb_call(struct ko_dynamodb *client, const char *operation,
                              struct ko_slice body, struct ko_buf *reply_body, enum ko_fault *fault,
                              struct ko_error *err);

/*
 * Fails with text and hint for a reply that is not OK; `what` says what was tried, such as
 * "scanning table 'Orders'".  Returns:
 *   KO_E_THROTTLED  still throttled at the limit
 *   KO_E_ACCESS     permissions, credentials, signature, clock, table not found
 *   KO_E_OPTION     the service rejected the request's content (ValidationException): a name or
 *                   an expression that the user gave
 *   KO_E_MEMORY     no room for the reply
 *   KO_E_AWS        everything else: faults, endpoint not reachable, TLS, outcome unknown
 */
enum ko_code ko_dynamodb_reply_error(const struct ko_dynamodb_reply *reply, const char *what,
                                     struct ko_error *err);

#endif
