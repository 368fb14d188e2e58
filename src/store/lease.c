#include "keepone/store/lease.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "keepone/base/clock.h"
#include "keepone/base/mem.h"
#include "keepone/base/mount.h"
#include "lease_priv.h"

enum { TAKE_TRIES = 8 };

/* ---- the file ---- */

/*
 * Sets *is_there.  A file that says nothing (its maker died, or has not written it yet) counts
 * as that of an unknown owner until a lease made at its time would have expired.
 */
static enum ko_code
read_claim(const struct ko_lease *lease, struct ko_claim *claim, bool *is_there,
           struct ko_error *err)
{
    struct ko_error reading = {0};
    struct ko_buf text = {0};
    struct stat status;

    *claim = (struct ko_claim){0};
    *is_there = stat(lease->path, &status) == 0;
    if (!*is_there)
        return errno == ENOENT
                   ? KO_OK
                   : ko_fail_errno(err, KO_E_IO, errno, "cannot look at '%s'", lease->path);
    if (ko_file_read(lease->path, LEASE_BYTES_MAX, &text, &reading) == KO_OK)
        (void) ko_claim_decode(ko_buf_slice(&text), claim, &reading);
    ko_buf_clear(&text);
    if (reading.code == KO_E_MEMORY)
        *err = reading;
    if (reading.code == KO_OK)
        return KO_OK;
    *claim = (struct ko_claim){.owner = "an unknown owner"};
    claim->expires_us = (int64_t) status.st_mtim.tv_sec * 1000000 + lease->length_us;
    return err->code;
}

/* ---- taking ---- */

enum ko_code
ko_lease_refuse(const struct ko_lease *lease, const struct ko_claim *holder, struct ko_error *err)
{
    char expires[KO_CLOCK_TEXT_BYTES];

    ko_wall_text(holder->expires_us, expires);
    (void) ko_fail(err, KO_E_REFUSED, "'%s' is in use by %s until %s", lease->dir, holder->owner,
                   expires);
    ko_hint(err, "wait for it to finish; if that process is gone, try again after %s.", expires);
    return err->code;
}

void
ko_lease_tell_taken_over(const struct ko_claim *holder, char notice[KO_LEASE_NOTICE_BYTES])
{
    (void) snprintf(notice, KO_LEASE_NOTICE_BYTES, "the lease of %s is taken over: it %s",
                    holder->owner, ko_claim_is_owner_gone(holder) ? "is gone" : "has expired");
}

/* One try: *is_taken, or the way was cleared for the next one, or KO_E_REFUSED. */
static enum ko_code
try_local(struct ko_lease *lease, struct ko_slice content, bool *is_taken,
          char notice[KO_LEASE_NOTICE_BYTES], struct ko_error *err)
{
    struct ko_claim holder;
    bool is_there = false;

    KO_TRY(ko_file_create(lease->path, content, is_taken, err));
    if (*is_taken)
        return KO_OK;
    KO_TRY(read_claim(lease, &holder, &is_there, err));
    if (!is_there)
        return KO_OK;
    if (!ko_claim_is_owner_gone(&holder) && holder.expires_us > ko_wall_us())
        return ko_lease_refuse(lease, &holder, err);
    KO_TRY(ko_file_remove(lease->path, err));
    ko_lease_tell_taken_over(&holder, notice);

done:
    return err->code;
}

static enum ko_code
take(struct ko_lease *lease, struct ko_slice processes, char notice[KO_LEASE_NOTICE_BYTES],
     struct ko_error *err)
{
    struct ko_buf content = {0};
    bool is_taken = false;

    ko_claim_describe_self(&lease->claim);
    if (processes.data != NULL)
        ko_claim_set_processes(&lease->claim, processes);
    lease->claim.expires_us = ko_wall_us() + lease->length_us;
    ko_claim_encode(&lease->claim, &content);
    KO_TRY(ko_buf_finish(&content, err));
    for (int i = 0; i < TAKE_TRIES && !is_taken; i++)
        KO_TRY(lease->is_on_mount
                   ? ko_lease_try_mount(lease, ko_buf_slice(&content), &is_taken, notice, err)
                   : try_local(lease, ko_buf_slice(&content), &is_taken, notice, err));
    if (!is_taken) {
        (void) ko_fail(err, KO_E_REFUSED, "others take the lease of '%s' at the same time",
                       lease->dir);
        ko_hint(err, "see that only one keepone works on a run directory.");
    }

done:
    ko_buf_clear(&content);
    return err->code;
}

enum ko_code
ko_lease_open(const char *dir, unsigned seconds, struct ko_slice processes, struct ko_lease **lease,
              char notice[KO_LEASE_NOTICE_BYTES], struct ko_error *err)
{
    notice[0] = '\0';
    *lease = ko_alloc(sizeof **lease, err);
    if (*lease == NULL)
        return err->code;
    (*lease)->length_us = (int64_t) (seconds == 0 ? KO_LEASE_SECONDS : seconds) * 1000000;
    (*lease)->is_on_mount = ko_path_is_remote(dir);
    (void) snprintf((*lease)->dir, sizeof(*lease)->dir, "%s", dir);
    KO_TRY(ko_path_join((*lease)->path, err, dir, "lease.json"));
    KO_TRY(take(*lease, processes, notice, err));

done:
    if (err->code != KO_OK) {
        ko_free(*lease);
        *lease = NULL;
    }
    return err->code;
}

/* ---- keeping and giving back ---- */

enum ko_code
ko_lease_fail_lost(const struct ko_lease *lease, const struct ko_claim *holder,
                   struct ko_error *err)
{
    (void) ko_fail(err, KO_E_REFUSED, "the lease of '%s' is lost: %s%s", lease->dir,
                   holder != NULL ? "it was taken by " : "it was removed",
                   holder != NULL ? holder->owner : "");
    ko_hint(err, "let the other process finish, then run the same command again.");
    return err->code;
}

enum ko_code
ko_lease_check(const struct ko_lease *lease, struct ko_error *err)
{
    struct ko_claim holder;
    bool is_there = false;

    if (lease->is_on_mount)
        return ko_lease_check_mount(lease, err);
    KO_TRY(read_claim(lease, &holder, &is_there, err));
    if (!is_there || strcmp(holder.id, lease->claim.id) != 0)
        (void) ko_lease_fail_lost(lease, is_there ? &holder : NULL, err);

done:
    return err->code;
}

enum ko_code
ko_lease_renew(struct ko_lease *lease, struct ko_error *err)
{
    const int64_t now_us = ko_wall_us();
    const int64_t before_us = lease->claim.expires_us;
    struct ko_buf content = {0};

    if (before_us - now_us > lease->length_us / 3 * 2)
        return KO_OK;
    KO_TRY(ko_lease_check(lease, err));
    lease->claim.expires_us = now_us + lease->length_us;
    ko_claim_encode(&lease->claim, &content);
    KO_TRY(ko_buf_finish(&content, err));
    KO_TRY(ko_file_replace(lease->path, ko_buf_slice(&content), err));

done:
    if (err->code != KO_OK)
        lease->claim.expires_us = before_us;
    ko_buf_clear(&content);
    return err->code;
}

enum ko_code
ko_lease_close(struct ko_lease *lease, struct ko_error *err)
{
    /* Also called after a failure, which must not keep the lease from being given back. */
    struct ko_error closing = {0};

    if (lease == NULL)
        return err->code;
    if (ko_lease_check(lease, &closing) == KO_OK)
        (void) ko_file_remove(lease->path, &closing);
    ko_free(lease);
    if (err->code == KO_OK)
        *err = closing;
    return err->code;
}

bool
ko_lease_is_name(const char *name)
{
    return strcmp(name, "lease.json") == 0 || ko_lease_number(name) > 0;
}
