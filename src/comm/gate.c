#include "keepone/comm/gate.h"

#include <stdio.h>
#include <string.h>

#include "world_priv.h"

enum { LETTER_BYTES = KO_ERROR_TEXT_BYTES + KO_ERROR_HINT_BYTES, SUFFIX_BYTES = 400 };

/* An earlier gate ends its texts with "failed)" behind the rank. */
static bool
is_complete(const char *text)
{
    static const char end[] = " failed)";
    const size_t n = strlen(text);

    return n >= sizeof end && strcmp(text + n - (sizeof end - 1), end) == 0 &&
           strstr(text, " (rank ") != NULL;
}

/* A long text is cut, at a whole character, so that the rank can be read in any case. */
static void
complete_text(const struct ko_world *world, uint64_t n_failed, struct ko_error *err)
{
    char suffix[SUFFIX_BYTES];
    size_t n = strlen(err->text);
    size_t room;

    /* Up to KO_E_STOPPED a code says something of the job, not of a rank. */
    if (world->size == 1 || err->code <= KO_E_STOPPED || is_complete(err->text))
        return;
    (void) snprintf(suffix, sizeof suffix, " (rank %d of %d on %s; %llu rank%s failed)",
                    world->rank, world->size, world->host, (unsigned long long) n_failed,
                    n_failed == 1 ? "" : "s");
    room = sizeof err->text - 1 - strlen(suffix);
    if (n > room) {
        n = room;
        while (n > 0 && ((unsigned char) err->text[n] & 0xC0U) == 0x80U)
            n--;
    }
    (void) snprintf(err->text + n, sizeof err->text - n, "%s", suffix);
}

static void
spread_error(struct ko_world *world, int from, struct ko_error *err)
{
    char letter[LETTER_BYTES];
    MPI_Request request = MPI_REQUEST_NULL;

    memcpy(letter, err->text, KO_ERROR_TEXT_BYTES);
    memcpy(letter + KO_ERROR_TEXT_BYTES, err->hint, KO_ERROR_HINT_BYTES);
    ko_world_require(world, MPI_Ibcast(letter, LETTER_BYTES, MPI_BYTE, from, world->comm, &request),
                     "MPI_Ibcast");
    ko_world_wait(world, &request, "MPI_Ibcast");
    memcpy(err->text, letter, KO_ERROR_TEXT_BYTES);
    memcpy(err->hint, letter + KO_ERROR_TEXT_BYTES, KO_ERROR_HINT_BYTES);
}

enum ko_code
ko_gate(struct ko_world *world, struct ko_error *err)
{
    /* The code above the inverted rank: the maximum is the worst code of the lowest rank. */
    const uint64_t mine =
        err->code == KO_OK ? 0 : (uint64_t) err->code << 32 | (UINT32_MAX - (uint32_t) world->rank);
    uint64_t worst = mine;
    uint64_t n_failed = err->code != KO_OK;

    ko_world_reduce(world, &worst, 1, MPI_MAX);
    if (worst == 0)
        return KO_OK;
    ko_world_reduce(world, &n_failed, 1, MPI_SUM);
    if (worst == mine)
        complete_text(world, n_failed, err);
    err->code = (enum ko_code)(worst >> 32);
    spread_error(world, (int) (UINT32_MAX - (uint32_t) worst), err);
    return err->code;
}
