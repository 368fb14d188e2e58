#include <stdio.h>

#include "keepone/base/clock.h"
#include "lease_priv.h"

enum { NAME_BYTES = 32 };

unsigned
ko_lease_number(const char *name)
{
    char back[NAME_BYTES];
    unsigned number;

    if (sscanf(name, "lease-%9u.json", &number) != 1)
        return 0;
    (void) snprintf(back, sizeof back, "lease-%06u.json", number);
    return strcmp(back, name) == 0 ? number : 0;
}

/* What a look at all leases of the directory found. */
struct view {
    unsigned last;          /* the highest number; 0 = none */
    bool has_own;           /* ours is there */
    bool is_held;           /* by somebody else, who is alive: holder */
    bool has_dead;          /* somebody else's, expired or of a process that is gone: dead */
    struct ko_claim holder; /* the last of its kind */
    struct ko_claim dead;
};

/* Sets *is_there: it may be removed between the listing and the look. */
static enum ko_code
read_claim(const char *path, struct ko_claim *claim, bool *is_there, struct ko_error *err)
{
    struct ko_error reading = {0};
    struct ko_buf text = {0};

    *claim = (struct ko_claim){0};
    *is_there = true;
    if (ko_file_read(path, LEASE_BYTES_MAX, &text, &reading) == KO_E_IO)
        KO_TRY(ko_file_exists(path, is_there, err));
    if (!*is_there)
        goto done;
    *err = reading;
    KO_TRY(err->code);
    if (ko_claim_decode(ko_buf_slice(&text), claim, err) == KO_E_CORRUPT) {
        ko_context(err, "'%s'", path);
        ko_hint(err, "it is no lease of keepone: remove it, if nobody works on this run.");
    }

done:
    ko_buf_clear(&text);
    return err->code;
}

/* With `remove` (the lease is ours) the dead ones go away. */
static enum ko_code
look(const struct ko_lease *lease, bool remove, struct view *view, struct ko_error *err)
{
    struct ko_names names = {0};

    *view = (struct view){0};
    KO_TRY(ko_folder_list(lease->dir, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        const unsigned number = ko_lease_number(names.names[i].text);
        struct ko_claim claim;
        char path[KO_PATH_BYTES];
        bool is_there;

        if (number == 0)
            continue;
        view->last = number;
        KO_TRY(ko_path_join(path, err, lease->dir, "%s", names.names[i].text));
        KO_TRY(read_claim(path, &claim, &is_there, err));
        if (!is_there)
            continue;
        if (strcmp(claim.id, lease->claim.id) == 0) {
            view->has_own = true;
        } else if (claim.expires_us > ko_wall_us() && !ko_claim_is_owner_gone(&claim)) {
            view->is_held = true;
            view->holder = claim;
        } else {
            view->has_dead = true;
            view->dead = claim;
            if (remove)
                KO_TRY(ko_file_remove(path, err));
        }
    }

done:
    ko_names_clear(&names);
    return err->code;
}

enum ko_code
ko_lease_try_mount(struct ko_lease *lease, struct ko_slice content, bool *is_taken,
                   char notice[KO_LEASE_NOTICE_BYTES], struct ko_error *err)
{
    struct view view;
    bool created;

    *is_taken = false;
    KO_TRY(look(lease, false, &view, err));
    if (view.is_held)
        return ko_lease_refuse(lease, &view.holder, err);
    if (view.has_dead)
        ko_lease_tell_taken_over(&view.dead, notice);
    KO_TRY(ko_path_join(lease->path, err, lease->dir, "lease-%06u.json", view.last + 1));
    KO_TRY(ko_file_create(lease->path, content, &created, err));
    if (!created)
        return KO_OK;
    (void) look(lease, false, &view, err);
    *is_taken = err->code == KO_OK && view.has_own && !view.is_held;
    if (*is_taken && view.has_dead)
        (void) look(lease, true, &view, err);
    if (err->code != KO_OK || !*is_taken) {
        struct ko_error second = {0};

        *is_taken = false;
        (void) ko_file_remove(lease->path, err->code == KO_OK ? err : &second);
    }

done:
    return err->code;
}

enum ko_code
ko_lease_check_mount(const struct ko_lease *lease, struct ko_error *err)
{
    struct view view;

    KO_TRY(look(lease, false, &view, err));
    if (view.is_held || !view.has_own)
        (void) ko_lease_fail_lost(lease, view.is_held ? &view.holder : NULL, err);

done:
    return err->code;
}
