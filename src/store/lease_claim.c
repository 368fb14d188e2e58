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
    (void) snprintf(claim->pids, sizeof claim->pids, "%ld", (long) getpid());
    n = readlink("/proc/self/ns/pid", claim->space, sizeof claim->space - 1);
    claim->space[n < 0 ? 0 : n] = '\0';
    ko_random_hex(claim->id, ID_BYTES - 1);
}

/* "owner space" */
void
ko_lease_add_process(struct ko_buf *out)
{
    struct ko_claim self = {0};

    ko_claim_describe_self(&self);
    ko_buf_add_format(out, "%s %s", self.owner, self.space);
}

/* The process number of an "owner space" of the claim's host and space, or NULL. */
static const char *
pid_in(const struct ko_claim *claim, const char *process)
{
    const char *const colon = strrchr(claim->owner, ':');
    const size_t n_host = colon == NULL ? 0 : (size_t) (colon - claim->owner) + 1;
    const char *const space = strchr(process, ' ');

    if (n_host == 0 || claim->space[0] == '\0' || space == NULL ||
        strcmp(space + 1, claim->space) != 0 || strncmp(process, claim->owner, n_host) != 0)
        return NULL;
    return process + n_host;
}

void
ko_claim_set_processes(struct ko_claim *claim, struct ko_slice processes)
{
    size_t n_pids = 0;

    while (processes.n >= 4) {
        const size_t n = ko_read_u32(processes.data);
        char process[2 * OWNER_BYTES];
        const char *pid;

        KO_ASSERT(n <= processes.n - 4);
        (void) snprintf(process, sizeof process, "%.*s", (int) n, processes.data + 4);
        processes = (struct ko_slice){processes.data + 4 + n, processes.n - 4 - n};
        pid = pid_in(claim, process);
        if (pid != NULL)
            n_pids += (size_t) snprintf(claim->pids + n_pids, sizeof claim->pids - n_pids, "%.*s ",
                                        (int) strcspn(pid, " "), pid);
        if (pid == NULL || n_pids >= sizeof claim->pids) {
            claim->pids[0] = '\0';
            return;
        }
    }
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
    ko_buf_add_format(out,
                      ",\n\"pids\":\"%s\",\n\"id\":\"%s\",\n\"expires\":\"%s\","
                      "\n\"expires_us\":%lld\n}\n",
                      claim->pids, claim->id, text, (long long) claim->expires_us);
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
    KO_TRY(decode_text(text, "pids", claim->pids, sizeof claim->pids, err));
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

bool
ko_claim_is_owner_gone(const struct ko_claim *claim)
{
    struct ko_buf self = {0};
    struct ko_error ignored = {0};
    const char *pids = claim->pids;
    bool is_gone;

    ko_lease_add_process(&self);
    ko_buf_add_char(&self, '\0');
    is_gone = ko_buf_finish(&self, &ignored) == KO_OK && pid_in(claim, self.data) != NULL &&
              pids[0] != '\0';
    ko_buf_clear(&self);
    while (is_gone && *pids != '\0') {
        char *end;
        const long pid = strtol(pids, &end, 10);

        is_gone = end != pids && pid > 0 &&
                  ((kill((pid_t) pid, 0) != 0 && errno == ESRCH) || is_zombie(pid));
        pids = end + strspn(end, " ");
    }
    return is_gone;
}
