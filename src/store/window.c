#include "keepone/base/mem.h"
#include "window_priv.h"

enum ko_code
ko_window_make_room(struct ko_window *window, size_t n_first, size_t limit, struct ko_error *err)
{
    const size_t n_kept = window->end - window->start;

    if (window->start > 0 && n_kept > 0)
        memmove(window->data, window->data + window->start, n_kept);
    window->scanned = window->scanned > window->start ? window->scanned - window->start : 0;
    window->start = 0;
    window->end = n_kept;
    if (n_kept == window->capacity) {
        size_t grown = window->capacity == 0 ? n_first : 2 * window->capacity;
        char *moved;

        if (n_kept > limit)
            return ko_fail(err, KO_E_CORRUPT, "longer than %zu bytes", limit);
        if (grown > limit + 1) /* the newline of the longest line */
            grown = limit + 1;
        moved = ko_realloc(window->data, grown, err);
        if (moved == NULL)
            return err->code;
        window->data = moved;
        window->capacity = grown;
    }
    return KO_OK;
}

void
ko_window_clear(struct ko_window *window)
{
    ko_free(window->data);
    *window = (struct ko_window){0};
}
