#include "open_images_priv.h"

#include <stdlib.h>

#include "keepone/base/mem.h"

struct open_image {
    uint32_t part;
    uint64_t line;
    struct ko_slice image; /* in the arena */
};

struct open_images {
    struct ko_arena *arena;
    struct open_image *images; /* by part and line */
    size_t n;
};

static int
compare_places(const void *left, const void *right)
{
    const struct open_image *const a = left;
    const struct open_image *const b = right;

    if (a->part != b->part)
        return a->part < b->part ? -1 : 1;
    return a->line < b->line ? -1 : a->line > b->line;
}

static enum ko_code
read_all(const struct ko_journal_index *index, uint64_t n_most, struct open_images *images,
         struct ko_error *err)
{
    struct ko_journal_replay *replay = NULL;
    struct ko_journal_event event;
    struct ko_line_state state;
    bool has_event = true;

    KO_TRY(ko_journal_replay_open(index, &replay, err));
    while (has_event) {
        KO_TRY(ko_journal_replay_next(replay, &event, &has_event, err));
        if (!has_event || !event.is_last_image)
            continue;
        state = ko_journal_index_line(index, event.part, event.line);
        if (state.outcome != KO_OUTCOME_NONE && state.outcome != KO_OUTCOME_FAILED)
            continue;
        KO_ASSERT(images->n < n_most);
        images->images[images->n++] =
            (struct open_image){.part = event.part,
                                .line = event.line,
                                .image = ko_arena_copy(images->arena, event.image, err)};
        KO_TRY(err->code);
    }

done:
    ko_journal_replay_close(replay);
    return err->code;
}

enum ko_code
open_images_read(const struct ko_journal_index *index, uint64_t n, struct open_images **images_out,
                 struct ko_error *err)
{
    struct open_images *images = ko_alloc(sizeof *images, err);

    *images_out = NULL;
    if (images == NULL)
        return err->code;
    images->arena = ko_arena_new(0, err);
    images->images = ko_alloc_array(n, sizeof *images->images, err);
    KO_TRY(err->code);
    KO_TRY(read_all(index, n, images, err));
    qsort(images->images, images->n, sizeof *images->images, compare_places);
    *images_out = images;
    images = NULL;

done:
    open_images_free(images);
    return err->code;
}

struct ko_slice
open_images_find(const struct open_images *images, uint32_t part, uint64_t line)
{
    const struct open_image wanted = {.part = part, .line = line};
    const struct open_image *found = NULL;

    if (images != NULL)
        found = bsearch(&wanted, images->images, images->n, sizeof wanted, compare_places);
    return found == NULL ? (struct ko_slice){NULL, 0} : found->image;
}

void
open_images_free(struct open_images *images)
{
    if (images == NULL)
        return;
    ko_free(images->images);
    ko_arena_free(images->arena);
    ko_free(images);
}
