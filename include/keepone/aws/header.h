/*
 * Headers of HTTP messages, as signing and sending take them.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_AWS_HEADER_H
#define KEEPONE_AWS_HEADER_H

#include "keepone/base/slice.h"

struct ko_header {
    struct ko_slice name; /* any case */
    struct ko_slice value;
};

#endif
