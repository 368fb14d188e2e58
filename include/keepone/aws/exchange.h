/*
 * Exchange: one HTTP request and its response, waited for; for the services that give credentials.
 *
 * Thread use: one thread.  MPI: none.
 */
#ifndef KEEPONE_AWS_EXCHANGE_H
#define KEEPONE_AWS_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/aws/header.h"
#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

struct ko_exchange {
    const char *method; /* "GET" */
    const char *url;
    const struct ko_header *headers;
    size_t n_headers;
    struct ko_slice body; /* absent = none */
    unsigned timeout_ms;  /* of one attempt; 0 = 2,000 */
    unsigned n_attempts;  /* 0 = 3; network errors, 429 and 5xx are tried again, 1 s apart */
    bool without_proxy;   /* link-local and loopback services */
    const char *ca_file;  /* PEM; NULL = the system's */
};

/* {0} is empty.  The body may hold secrets: clear with ko_exchange_clear(). */
struct ko_exchange_reply {
    int status;
    struct ko_buf body;     /* of any status; 64 KiB at most */
    int64_t server_wall_us; /* the server's clock, from the Date header; 0 = not known */
};

/* KO_E_AWS: no response; the text names the host, never a header, a query or a body. */
enum ko_code ko_exchange_run(const struct ko_exchange *exchange, struct ko_exchange_reply *reply,
                             struct ko_error *err);

/* Overwrites and frees; {0} afterwards. */
void ko_exchange_clear(struct ko_exchange_reply *reply);

#endif
