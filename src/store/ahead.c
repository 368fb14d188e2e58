#include "ahead_priv.h"

enum ko_code
ko_ahead_take(struct ko_ahead *ahead, void **reader, struct ko_error *err)
{
    const size_t depth = ahead->is_remote ? KO_AHEAD_MAX : 1;

    *reader = NULL;
    while (ahead->n_open < ahead->n && ahead->n_open < ahead->n_taken + depth) {
        const bool is_its_turn = ahead->n_open == ahead->n_taken;
        struct ko_error failure = {0};

        if (ahead->open(ahead->self, ahead->n_open, &ahead->readers[ahead->n_open % KO_AHEAD_MAX],
                        &failure) != KO_OK) {
            /* Before its turn a failure is none: it is tried again. */
            if (is_its_turn)
                *err = failure;
            break;
        }
        ahead->n_open++;
    }
    if (err->code != KO_OK || ahead->n_taken == ahead->n)
        return err->code;
    *reader = ahead->readers[ahead->n_taken++ % KO_AHEAD_MAX];
    return KO_OK;
}

void
ko_ahead_clear(struct ko_ahead *ahead)
{
    for (; ahead->n_taken < ahead->n_open; ahead->n_taken++)
        ahead->close(ahead->readers[ahead->n_taken % KO_AHEAD_MAX]);
}
