#include "keepone/store/lease.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keepone/base/buf.h"
#include "keepone/base/clock.h"
#include "keepone/base/file.h"
#include "keepone/base/mem.h"
#include "keepone/base/random.h"
#include "keepone/format/json.h"

enum { OWNER_BYTES = 320, ID_BYTES = 17, LEASE_BYTES_MAX = 65536, TAKE_TRIES = 8 };

/* What lease.json says. */
struct claim {
    char owner[OWNER_BYTES]; /* "host:pid" */
    char space[OWNER_BYTES]; /* of its process numbers: another container counts them anew */
    char id[ID_BYTES];
    int64_t expires_us;
};

struct ko_lease {
    char path[KO_PATH_BYTES];
    char dir[KO_PATH_BYTES];
    struct claim claim;
    int64_t length_us;
};

/* ---- the file ---- */

static void
describe_self(struct claim *claim)
{
    char host[256] = "";
    ssize_t n;

    (void) gethostname(host, sizeof host - 1);
    (void) snprintf(claim->owner, sizeof claim->owner, "%s:%ld", host, (long) getpid());
    n = readlink("/proc/self/ns/pid", claim->space, sizeof claim->space - 1);
    claim->space[n < 0 ? 0 : n] = '\0';
    ko_random_hex(claim->id, ID_BYTES - 1);
}

static void
encode_claim(const struct claim *claim, struct ko_buf *out)
{
    char text[KO_CLOCK_TEXT_BYTES];

    ko_wall_text(claim->expires_us, text);
    ko_buf_add_text(out, "{\n\"owner\":");
    ko_json_add_string(out, ko_slice_of(claim->owner));
    ko_buf_add_text(out, ",\n\"space\":");
    ko_json_add_string(out, ko_slice_of(claim->space));
    ko_buf_add_format(out, ",\n\"id\":\"%s\",\n\"expires\":\"%s\",\n\"expires_us\":%lld\n}\n",
                      claim->id, text, (long long) claim->expires_us);
}

static enum ko_code
decode_text(struct ko_slice object, const char *name, char *out, size_t capacity,
            struct ko_error *err)
{
    struct ko_buf text = {0};

    if (ko_json_member_text(object, name, &text, err) == KO_OK)
        (void) snprintf(out, capacity, "%.*s", KO_SLICE_ARG(ko_buf_slice(&text)));
    ko_buf_clear(&text);
    return err->code;
}

static enum ko_code
decode_claim(struct ko_slice text, struct claim *claim, struct ko_error *err)
{
    uint64_t expires_us = 0;

    KO_TRY(decode_text(text, "owner", claim->owner, sizeof claim->owner, err));
    KO_TRY(decode_text(text, "space", claim->space, sizeof claim->space, err));
    KO_TRY(decode_text(text, "id", claim->id, sizeof claim->id, err));
    KO_TRY(ko_json_member_u64(text, "expires_us", &expires_us, err));
    claim->expires_us = expires_us > INT64_MAX ? INT64_MAX : (int64_t) expires_us;

done:
    return err->code;
}

/*
 * Sets *is_there.  A file that says nothing (its maker died, or has not written it yet) counts
 * as that of an unknown owner until a lease made at its time would have expired.
 */
static enum ko_code
read_claim(const struct ko_lease *lease, struct claim *claim, bool *is_there, struct ko_error *err)
{
    struct ko_error reading = {0};
    struct ko_buf text = {0};
    struct stat status;

    *claim = (struct claim){0};
    *is_there = stat(lease->path, &status) == 0;
    if (!*is_there)
        return errno == ENOENT
                   ? KO_OK
                   : ko_fail_errno(err, KO_E_IO, errno, "cannot look at '%s'", lease->path);
    if (ko_file_read(lease->path, LEASE_BYTES_MAX, &text, &reading) == KO_OK)
        (void) decode_claim(ko_buf_slice(&text), claim, &reading);
    ko_buf_clear(&text);
    if (reading.code == KO_E_MEMORY)
        *err = reading;
    if (reading.code == KO_OK)
        return KO_OK;
    *claim = (struct claim){.owner = "an unknown owner"};
    claim->expires_us = (int64_t) status.st_mtim.tv_sec * 1000000 + lease->length_us;
    return err->code;
}

/* ---- taking ---- */

/* Killed, but not waited for yet: state Z behind the name in parentheses. */
static bool
is_zombie(long pid)
{
    char path[64];
    char text[512];
    const char *name_end;
    FILE *file;
    size_t n;

    (void) snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    n = fread(text, 1, sizeof text - 1, file);
    (void) fclose(file);
    text[n] = '\0';
    name_end = strrchr(text, ')');
    return name_end != NULL && strncmp(name_end, ") Z", 3) == 0;
}

/* Only a process of this host, with process numbers of the same space, can be known to be gone. */
static bool
is_owner_gone(const struct claim *claim)
{
    struct claim self = {0};
    const char *colon = strrchr(claim->owner, ':');
    const size_t host_bytes = colon == NULL ? 0 : (size_t) (colon - claim->owner) + 1;
    long pid;

    describe_self(&self);
    if (colon == NULL || self.space[0] == '\0' || strcmp(self.space, claim->space) != 0 ||
        strncmp(self.owner, claim->owner, host_bytes) != 0)
        return false;
    pid = strtol(colon + 1, NULL, 10);
    return pid > 0 && ((kill((pid_t) pid, 0) != 0 && errno == ESRCH) || is_zombie(pid));
}

static enum ko_code
refuse(const struct ko_lease *lease, const struct claim *holder, struct ko_error *err)
{
    char expires[KO_CLOCK_TEXT_BYTES];

    ko_wall_text(holder->expires_us, expires);
    (void) ko_fail(err, KO_E_REFUSED, "'%s' is in use by %s until %s", lease->dir, holder->owner,
                   expires);
    ko_hint(err, "wait for it to finish; if that process is gone, try again after %s.", expires);
    return err->code;
}

/* One try: *is_taken, or the way was cleared for the next one, or KO_E_REFUSED. */
static enum ko_code
try_take(struct ko_lease *lease, struct ko_slice content, bool *is_taken,
         char notice[KO_LEASE_NOTICE_BYTES], struct ko_error *err)
{
    struct claim holder;
    bool is_there = false;
    bool is_gone;

    KO_TRY(ko_file_create(lease->path, content, is_taken, err));
    if (*is_taken)
        return KO_OK;
    KO_TRY(read_claim(lease, &holder, &is_there, err));
    if (!is_there)
        return KO_OK;
    is_gone = is_owner_gone(&holder);
    if (!is_gone && holder.expires_us > ko_wall_us())
        return refuse(lease, &holder, err);
    KO_TRY(ko_file_remove(lease->path, err));
    (void) snprintf(notice, KO_LEASE_NOTICE_BYTES, "the lease of %s is taken over: it %s",
                    holder.owner, is_gone ? "is gone" : "has expired");

done:
    return err->code;
}

static enum ko_code
take(struct ko_lease *lease, char notice[KO_LEASE_NOTICE_BYTES], struct ko_error *err)
{
    struct ko_buf content = {0};
    bool is_taken = false;

    describe_self(&lease->claim);
    lease->claim.expires_us = ko_wall_us() + lease->length_us;
    encode_claim(&lease->claim, &content);
    KO_TRY(ko_buf_finish(&content, err));
    for (int i = 0; i < TAKE_TRIES && !is_taken; i++)
        KO_TRY(try_take(lease, ko_buf_slice(&content), &is_taken, notice, err));
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
ko_lease_open(const char *dir, unsigned seconds, struct ko_lease **lease,
              char notice[KO_LEASE_NOTICE_BYTES], struct ko_error *err)
{
    notice[0] = '\0';
    *lease = ko_alloc(sizeof **lease, err);
    if (*lease == NULL)
        return err->code;
    (*lease)->length_us = (int64_t) (seconds == 0 ? KO_LEASE_SECONDS : seconds) * 1000000;
    (void) snprintf((*lease)->dir, sizeof(*lease)->dir, "%s", dir);
    KO_TRY(ko_path_join((*lease)->path, err, dir, "lease.json"));
    KO_TRY(take(*lease, notice, err));

done:
    if (err->code != KO_OK) {
        ko_free(*lease);
        *lease = NULL;
    }
    return err->code;
}

/* ---- keeping and giving back ---- */

static enum ko_code
check_ours(const struct ko_lease *lease, struct ko_error *err)
{
    struct claim holder;
    bool is_there = false;

    if (read_claim(lease, &holder, &is_there, err) != KO_OK)
        return err->code;
    if (is_there && strcmp(holder.id, lease->claim.id) == 0)
        return KO_OK;
    (void) ko_fail(err, KO_E_REFUSED, "the lease of '%s' is lost: %s%s", lease->dir,
                   is_there ? "it was taken by " : "it was removed", is_there ? holder.owner : "");
    ko_hint(err, "let the other process finish, then run the same command again.");
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
    KO_TRY(check_ours(lease, err));
    lease->claim.expires_us = now_us + lease->length_us;
    encode_claim(&lease->claim, &content);
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
    if (check_ours(lease, &closing) == KO_OK)
        (void) ko_file_remove(lease->path, &closing);
    ko_free(lease);
    if (err->code == KO_OK)
        *err = closing;
    return err->code;
}
