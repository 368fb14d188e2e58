/*
 * Endpoints: where a service is, and the region its requests are signed for.
 *
 * Rules only: which URL and region apply is looked up by aws/context.h.  Without a URL the host
 * follows from service, region, FIPS and dual-stack, for the partitions aws, aws-cn, aws-us-gov,
 * aws-iso, -iso-b, -iso-e, -iso-f and aws-eusc; an unknown region is taken for one of aws.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_AWS_ENDPOINT_H
#define KEEPONE_AWS_ENDPOINT_H

#include <stdbool.h>

#include "keepone/base/error.h"

enum { KO_ENDPOINT_URL_BYTES = 512, KO_ENDPOINT_HOST_BYTES = 300, KO_REGION_BYTES = 64 };

/* A text and where it was found ("--region", "AWS_REGION", "profile 'x'"), for messages. */
struct ko_aws_setting {
    const char *text; /* NULL = not set */
    const char *from;
};

struct ko_endpoint_options {
    const char *service;          /* "dynamodb", "s3", "sts", "sso", "oidc" */
    struct ko_aws_setting url;    /* not set: by the rules */
    struct ko_aws_setting region; /* may be missing if url is on this machine: then us-east-1 */
    bool use_fips;                /* with url: refused */
    bool use_dualstack;           /* the same */
};

struct ko_endpoint {
    char url[KO_ENDPOINT_URL_BYTES];   /* "https://host:port", no path, no slash behind */
    char host[KO_ENDPOINT_HOST_BYTES]; /* the Host header: with a port unless it is the scheme's own
                                        */
    char region[KO_REGION_BYTES];
    bool is_tls;
    bool is_local;  /* this machine */
    bool is_custom; /* a URL was given: not the region's own host */
};

/*
 * Errors: KO_E_OPTION, naming where the setting was found and what is wrong with it: no region,
 * a scheme other than http and https, no host, a bad port, a user, path, query or fragment in
 * the URL, a URL together with FIPS or dual-stack.
 */
enum ko_code ko_endpoint_resolve(const struct ko_endpoint_options *options,
                                 struct ko_endpoint *endpoint, struct ko_error *err);

/* KO_E_OPTION, naming where it was found, if it is no region: "eu-west-1". */
enum ko_code ko_region_check(struct ko_aws_setting region, struct ko_error *err);

/* The partition of a region: "aws", "aws-cn". */
const char *ko_region_partition(const char *region);

/*
 * Is the URL's host one that no proxy can reach for us: this machine, 169.254.0.0/16, or EC2's
 * [fd00:ec2::...]?
 */
bool ko_endpoint_is_direct(const char *url);

#endif
