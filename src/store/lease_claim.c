#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "keepone/base/clock.h"
#include "keepone/base/random.h"
#include "keepone/format/json.h"
#include "lease_priv.h"

void
ko_claim_describe_self(struct ko_claim *claim)
{
    char host[256] = "";
    ssize_t n;

    (void) gethostname(host, sizeof host - 1);
    (void) snprintf(claim->owner, sizeof claim->owner, "%s:%ld", host, (long) getpid());
    n = readlink("/proc/self/ns/pid", claim->space, sizeof claim->space - 1);
    claim->space[n < 0 ? 0 : n] = '\0';
    ko_random_hex(claim->id, ID_BYTES - 1);
}

void
ko_claim_encode(const struct ko_claim *claim, struct ko_buf *out)
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

enum ko_code
ko_claim_decode(struct ko_slice text, struct ko_claim *claim, struct ko_error *err)
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
bool
ko_claim_is_owner_gone(const struct ko_claim *claim)
{
    struct ko_claim self = {0};
    const char *colon = strrchr(claim->owner, ':');
    const size_t host_bytes = colon == NULL ? 0 : (size_t) (colon - claim->owner) + 1;
    long pid;

    ko_claim_describe_self(&self);
    if (colon == NULL || self.space[0] == '\0' || strcmp(self.space, claim->space) != 0 ||
        strncmp(self.owner, claim->owner, host_bytes) != 0)
        return false;
    pid = strtol(colon + 1, NULL, 10);
    return pid > 0 && ((kill((pid_t) pid, 0) != 0 && errno == ESRCH) || is_zombie(pid));
}
