#include "ahead_priv.h"
#include "keepone/base/mem.h"
#include "keepone/base/mount.h"
#include "keepone/store/plan.h"

struct ko_plan_parts {
    char *dir;
    char *plan_name;
    const struct ko_plan_part *parts;
    struct ko_ahead ahead;
};

static enum ko_code
open_part(void *self, size_t index, void **reader, struct ko_error *err)
{
    const struct ko_plan_parts *parts = self;
    struct ko_plan_reader *opened = NULL;

    (void) ko_plan_reader_open(parts->dir, parts->plan_name, &parts->parts[index], &opened, err);
    *reader = opened;
    return err->code;
}

static void
close_part(void *reader)
{
    ko_plan_reader_close(reader);
}

enum ko_code
ko_plan_parts_open(const char *dir, const char *plan_name, const struct ko_plan_part *parts,
                   size_t n_parts, struct ko_plan_parts **opened, struct ko_error *err)
{
    *opened = ko_alloc(sizeof **opened, err);
    if (*opened == NULL)
        return err->code;
    (*opened)->parts = parts;
    (*opened)->ahead = (struct ko_ahead){.open = open_part,
                                         .close = close_part,
                                         .self = *opened,
                                         .n = n_parts,
                                         .is_remote = ko_path_is_remote(dir)};
    (*opened)->dir = ko_copy_text(ko_slice_of(dir), err);
    KO_TRY(err->code);
    (*opened)->plan_name = ko_copy_text(ko_slice_of(plan_name), err);

done:
    if (err->code != KO_OK) {
        ko_plan_parts_close(*opened);
        *opened = NULL;
    }
    return err->code;
}

enum ko_code
ko_plan_parts_next(struct ko_plan_parts *parts, struct ko_plan_reader **reader,
                   struct ko_error *err)
{
    void *taken;

    (void) ko_ahead_take(&parts->ahead, &taken, err);
    *reader = taken;
    return err->code;
}

void
ko_plan_parts_close(struct ko_plan_parts *parts)
{
    if (parts == NULL)
        return;
    ko_ahead_clear(&parts->ahead);
    ko_free(parts->dir);
    ko_free(parts->plan_name);
    ko_free(parts);
}
