/*
 * HTTP/1.1: requests in flight over kept-alive connections, driven by events.
 *
 * ko_http_start() takes a request, ko_http_step() makes progress and calls `done` for each one that
 * ended, ko_http_wait() sleeps until there is something to do.  Handles and buffers come from
 * a pool of max_in_flight.  TLS is verified, always.  No redirects, no decompression, no
 * `Expect: 100-continue`.  Proxies come from the environment as for curl (HTTPS_PROXY, http_proxy,
 * NO_PROXY, ...), but none stands before this machine and link-local addresses; a proxy for
 * https:// sees the host's name alone.
 *
 * Time-outs run on the real clock, whatever ko_clock_set_us() says.
 *
 * Thread use: one client, one thread.  MPI: none, every call is local.
 */
#ifndef KEEPONE_AWS_HTTP_H
#define KEEPONE_AWS_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/aws/header.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

struct ko_http; /* opaque; owned by whoever called _open */

struct ko_http_options {
    uint32_t max_in_flight;      /* 0 = 32 */
    uint32_t connect_timeout_ms; /* name, connection, TLS; 0 = 3,000 */
    uint32_t request_timeout_ms; /* all of it; 0 = 60,000 */
    uint64_t max_body_bytes;     /* of a response; 0 = 128 MiB */
    const char *ca_file;         /* PEM; NULL = the system's; copied */
    bool without_proxy;          /* whatever the environment says */
};

enum ko_http_outcome {
    KO_HTTP_DONE,      /* a whole response, whatever its status */
    KO_HTTP_NOT_SENT,  /* no byte of the request left this machine */
    KO_HTTP_LOST,      /* sent in part or whole, no whole response */
    KO_HTTP_UNTRUSTED, /* not sent: the server's certificate is not trusted */
    KO_HTTP_TOO_LARGE, /* the response is over max_body_bytes */
    KO_HTTP_MEMORY,    /* no memory for the response */
    KO_HTTP_UNWANTED   /* the request's `piece` function wanted no more of it */
};

/* All of it is borrowed and valid during `done` only. */
struct ko_http_response {
    enum ko_http_outcome outcome;
    int status;              /* 0 unless DONE */
    struct ko_slice headers; /* as received; ko_http_header() finds one */
    struct ko_slice body;    /* empty unless DONE */
    const char *message;     /* why it is not DONE, in words; "" with DONE */
};

/* May start further requests. */
typedef void ko_http_done_fn(void *self, const struct ko_http_response *response);

/*
 * Takes the next piece of a body; head has status and headers.  The first is empty, and comes with
 * the headers alone.  False = no more of it.  All is
 * borrowed; no function of the client may be called from here, but those that read a response.
 */
typedef bool ko_http_piece_fn(void *self, const struct ko_http_response *head,
                              struct ko_slice piece);

struct ko_http_request {
    const char *method;              /* "POST"; copied; not HEAD */
    const char *url;                 /* copied */
    const struct ko_header *headers; /* copied; no Content-Length */
    size_t n_headers;
    struct ko_slice body; /* borrowed until done; absent = a request without body */

    /*
     * Never put the request on the wire twice.  Otherwise it may silently be sent again where a
     * kept-alive connection turns out to be closed.
     */
    bool send_once;

    /*
     * Instead of request_timeout_ms for all of it: the request ends as LOST once nothing has moved
     * for so long.  For what is long because it is large.  0 = not.
     */
    uint32_t stall_timeout_ms;

    /*
     * Gets the body of a response with status 2xx as it arrives, which then is not collected: it
     * counts for no limit, and `done` sees an empty one.  NULL = collected.
     */
    ko_http_piece_fn *piece;

    ko_http_done_fn *done;
    void *self;   /* handed to piece and done */
    uint64_t *id; /* set to what ko_http_cancel() takes; NULL = not needed */
};

/* Errors: KO_E_MEMORY, KO_E_AWS (the library cannot start). */
enum ko_code ko_http_open(const struct ko_http_options *options, struct ko_http **http,
                          struct ko_error *err);

/* Drops requests in flight without calling done.  Accepts NULL. */
void ko_http_close(struct ko_http *http);

/* How many more requests ko_http_start() takes now. */
uint32_t ko_http_room(const struct ko_http *http);

/*
 * Takes a request; it goes out at the next step.  Without room: KO_E_BUG.
 * On failure (KO_E_MEMORY, KO_E_AWS) done is not called.
 */
enum ko_code ko_http_start(struct ko_http *http, const struct ko_http_request *request,
                           struct ko_error *err);

/* Drops a request without calling done; one that has ended is passed over.  Not from `piece`. */
void ko_http_cancel(struct ko_http *http, uint64_t id);

/* Makes progress without waiting; calls done functions.  Errors: KO_E_AWS, of the library itself.
 */
enum ko_code ko_http_step(struct ko_http *http, struct ko_error *err);

/* Waits until the next step has something to do, max_us at most; a signal ends the wait. */
void ko_http_wait(struct ko_http *http, uint64_t max_us);

/* The value of the response's header with this name (any case), without white space around; absent
 * if none. */
struct ko_slice ko_http_header(const struct ko_http_response *response, const char *name);

/* Sets *wall_us to the server's clock, from the Date header; false if there is no usable one. */
bool ko_http_date(const struct ko_http_response *response, int64_t *wall_us);

#endif
