/*
 * Windows: a buffer that a stream is read into and that lines or rows are taken from.
 * What is not taken moves to the front when room is needed; the buffer grows for what does not fit.
 *
 * Thread use: one window, one thread.  MPI: none.
 */
#ifndef KEEPONE_STORE_WINDOW_PRIV_H
#define KEEPONE_STORE_WINDOW_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"

/* {0} is an empty window; _clear frees it. */
struct ko_window {
    char *data;
    size_t capacity;
    size_t start;   /* of what is not taken */
    size_t end;     /* of what is read: room begins here */
    size_t scanned; /* no newline from start up to here */
};

/*
 * Makes room behind `end` (at least one byte; n_first bytes at first), so taken slices become
 * invalid. More than limit bytes that nobody takes are KO_E_CORRUPT.
 */
enum ko_code ko_window_make_room(struct ko_window *window, size_t n_first, size_t limit,
                                 struct ko_error *err);
void ko_window_clear(struct ko_window *window);

/* Empty again; the memory is kept. */
static inline void
ko_window_reset(struct ko_window *window)
{
    window->start = 0;
    window->end = 0;
    window->scanned = 0;
}

static inline char *
ko_window_room(const struct ko_window *window, size_t *n)
{
    *n = window->capacity - window->end;
    return window->data + window->end;
}

/* What is read and not taken. */
static inline struct ko_slice
ko_window_content(const struct ko_window *window)
{
    if (window->end == window->start)
        return KO_SLICE("");
    return (struct ko_slice){window->data + window->start, window->end - window->start};
}

/* True if ko_window_take_line() would take one. */
static inline bool
ko_window_has_line(struct ko_window *window)
{
    const size_t n = window->end - window->scanned;

    if (n > 0 && memchr(window->data + window->scanned, '\n', n) != NULL)
        return true;
    window->scanned = window->end;
    return false;
}

/* Takes a line without its newline; false if there is no whole one. */
static inline bool
ko_window_take_line(struct ko_window *window, struct ko_slice *line)
{
    const size_t n = window->end - window->scanned;
    const char *newline = n == 0 ? NULL : memchr(window->data + window->scanned, '\n', n);

    if (newline == NULL) {
        window->scanned = window->end;
        return false;
    }
    line->data = window->data + window->start;
    line->n = (size_t) (newline - line->data);
    window->start += line->n + 1;
    window->scanned = window->start;
    return true;
}

/* Takes n bytes, which end with the first newline. */
static inline void
ko_window_take(struct ko_window *window, size_t n)
{
    window->start += n;
    window->scanned = window->start;
}

/* Takes everything that is left. */
static inline struct ko_slice
ko_window_take_rest(struct ko_window *window)
{
    const struct ko_slice rest = ko_window_content(window);

    window->start = window->end;
    window->scanned = window->end;
    return rest;
}

#endif
