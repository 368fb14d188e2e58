/*
 * Endpoints: where a service is, and the region its requests are signed for.
 *
 * Region:   the option, AWS_REGION, AWS_DEFAULT_REGION.  An endpoint on this machine
 *           (localhost, 127.x, ::1) needs none and then takes us-east-1.
 * Endpoint: the option, AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL (these two not if
 *           AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true), then
 * https://<service>.<region>.amazonaws.com, with .cn behind it for regions in China.
 *
 * Thread use: any (reads the environment).  MPI: none.
 */
#ifndef KEEPONE_AWS_ENDPOINT_H
#define KEEPONE_AWS_ENDPOINT_H

#include <stdbool.h>

#include "keepone/base/error.h"

enum { KO_ENDPOINT_URL_BYTES = 512, KO_ENDPOINT_HOST_BYTES = 300, KO_REGION_BYTES = 64 };

struct ko_endpoint_options {
    const char *service;  /* "dynamodb" */
    const char *endpoint; /* NULL or empty = not given */
    const char *region;   /* NULL or empty = not given */
};

struct ko_endpoint {
    char url[KO_ENDPOINT_URL_BYTES];   /* "https://host:port", no path, no slash behind */
    char host[KO_ENDPOINT_HOST_BYTES]; /* the Host header: with a port unless it is the scheme's own
                                        */
    char region[KO_REGION_BYTES];
    bool is_tls;
    bool is_local; /* this machine */
};

/*
 * Finds endpoint and region.  Errors: KO_E_OPTION, naming the option or variable and what is
 * wrong with it: no region, a scheme other than http and https, no host, a bad port, a user,
 * path, query or fragment in the URL.
 */
enum ko_code ko_endpoint_resolve(const struct ko_endpoint_options *options,
                                 struct ko_endpoint *endpoint, struct ko_error *err);

#endif
