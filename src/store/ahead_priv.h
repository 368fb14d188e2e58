/*
 * Opening ahead: readers of a row of files, taken one after the other.  On a mount opening one
 * begins its fetch, so some are opened before their turn: their round trips run side by side.
 *
 * Thread use: one thread.  MPI: none.
 */
#ifndef KEEPONE_STORE_AHEAD_PRIV_H
#define KEEPONE_STORE_AHEAD_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "keepone/base/error.h"

enum { KO_AHEAD_MAX = 16 };

struct ko_ahead {
    enum ko_code (*open)(void *self, size_t index, void **reader, struct ko_error *err);
    void (*close)(void *reader);
    void *self;
    size_t n;       /* files 0 .. n - 1 */
    bool is_remote; /* false: nothing is opened before its turn */
    size_t n_taken;
    size_t n_open; /* files before this one have been opened */
    void *readers[KO_AHEAD_MAX];
};

/* *reader is the next file's, owned by the caller, or NULL behind the last one. */
enum ko_code ko_ahead_take(struct ko_ahead *ahead, void **reader, struct ko_error *err);

/* Closes what was not taken. */
void ko_ahead_clear(struct ko_ahead *ahead);

#endif
