/*
 * A slice: bytes that somebody else owns.  Passed by value, borrowed, never freed.
 *
 * Whoever keeps a slice longer than the call copies it into its own memory.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_BASE_SLICE_H
#define KEEPONE_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* data == NULL means "absent", which differs from an empty slice. */
struct ko_slice {
    const char *data;
    size_t n;
};

/* The slice of a string literal. */
#define KO_SLICE(literal) ((struct ko_slice){(literal), sizeof(literal) - 1})

/* For printf: "%.*s" takes KO_SLICE_ARG(slice). */
#define KO_SLICE_ARG(slice) ((slice).n > 2147483647 ? 2147483647 : (int) (slice).n), (slice).data

static inline struct ko_slice
ko_slice_of(const char *text)
{
    return (struct ko_slice){text, text == NULL ? 0 : strlen(text)};
}

/* True if both are absent, or both hold the same bytes. */
static inline bool
ko_slice_equal(struct ko_slice a, struct ko_slice b)
{
    if (a.data == NULL || b.data == NULL)
        return a.data == b.data;
    return a.n == b.n && memcmp(a.data, b.data, a.n) == 0;
}

/* Unsigned byte order, the shorter first when one is a prefix: <0, 0, >0.  Absent counts as empty.
 */
static inline int
ko_slice_compare(struct ko_slice a, struct ko_slice b)
{
    const size_t n = a.n < b.n ? a.n : b.n;
    const int order = n == 0 ? 0 : memcmp(a.data, b.data, n);

    if (order != 0)
        return order;
    return (a.n > b.n) - (a.n < b.n);
}

#endif
