/*
 * Attribute paths: the canonical text of a path parses to the same path, and any name that is
 * UTF-8 is a path of one step.
 */
#include "keepone/record/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_same(const struct ko_path *a, const struct ko_path *b)
{
    KO_ASSERT(ko_slice_equal(a->text, b->text));
    KO_ASSERT(a->n_steps == b->n_steps && a->steps[0].name.data != NULL);
    for (size_t i = 0; i < a->n_steps; i++) {
        KO_ASSERT(ko_slice_equal(a->steps[i].name, b->steps[i].name));
        KO_ASSERT(a->steps[i].list_index == b->steps[i].list_index);
    }
}

static void
check_path(struct ko_slice text, struct ko_arena *arena)
{
    struct ko_path path;
    struct ko_path again;
    struct ko_error err = {0};

    KO_TRY(ko_path_parse(text, arena, &path, &err));
    KO_ASSERT(ko_path_parse(path.text, arena, &again, &err) == KO_OK);
    check_same(&path, &again);

done:
    KO_ASSERT(err.code == KO_OK || err.code == KO_E_OPTION);
}

static void
check_name(struct ko_slice name, struct ko_arena *arena)
{
    struct ko_path path;
    struct ko_path again;
    struct ko_error err = {0};

    KO_TRY(ko_path_of_name(name, arena, &path, &err));
    KO_ASSERT(ko_path_parse(path.text, arena, &again, &err) == KO_OK);
    KO_ASSERT(ko_slice_equal(again.steps[0].name, name));
    check_same(&path, &again);

done:
    KO_ASSERT(err.code == KO_OK || err.code == KO_E_OPTION);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct ko_slice text = {(const char *) data, n};
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(0, &err);

    KO_ASSERT(arena != NULL);
    check_path(text, arena);
    check_name(text, arena);
    ko_arena_free(arena);
    return 0;
}
