/*
 * HTTP/1.1 for servers that answer at once: kept-alive connections on the loopback address, one
 * thread.
 */
#ifndef KEEPONE_TESTS_BENCH_STUB_HTTP_H
#define KEEPONE_TESTS_BENCH_STUB_HTTP_H

#include <stdbool.h>

#include "keepone/base/buf.h"

struct stub_request {
    struct ko_slice head; /* the request line and the headers, each with its line end */
    struct ko_slice body;
};

/* Adds a whole response, head and body, to out. */
typedef void stub_answer(void *self, const struct stub_request *request, struct ko_buf *out);

/* The value of a header; its data is NULL if there is none. */
struct ko_slice stub_header(const struct stub_request *request, const char *name);

/* Prints its port on a line of its own and serves until SIGTERM; false if it cannot begin. */
bool stub_serve(stub_answer *answer, void *self);

#endif
