/*
 * Varints: small numbers in few bytes, 7 bits each, low bits first.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_BASE_VARINT_H
#define KEEPONE_BASE_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/base/slice.h"

enum { KO_VARINT_BYTES = 10 };

/* Writes value at `to`, which has room for KO_VARINT_BYTES; returns the bytes used. */
static inline size_t
ko_varint_write(char *to, uint64_t value)
{
    size_t n = 0;

    for (; value >= 0x80; value >>= 7)
        to[n++] = (char) (value | 0x80);
    to[n++] = (char) value;
    return n;
}

/* Takes a value off the front of *in; false if there is no whole one. */
static inline bool
ko_varint_read(struct ko_slice *in, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; in->n > 0 && shift < 64; shift += 7) {
        const unsigned char byte = (unsigned char) in->data[0];

        in->data++;
        in->n--;
        *value |= (uint64_t) (byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

#endif
