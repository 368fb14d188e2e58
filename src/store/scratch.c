#include "keepone/store/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "keepone/base/file.h"
#include "keepone/base/mem.h"
#include "keepone/base/random.h"

struct ko_scratch {
    const char *folder; /* for error texts, too: the file has no name */
    int fd;
    uint64_t n_bytes;
};

enum ko_code
ko_scratch_open(const char *folder, struct ko_scratch **scratch_out, struct ko_error *err)
{
    struct ko_scratch *scratch = ko_alloc(sizeof *scratch, err);
    char path[KO_PATH_BYTES];
    char suffix[17];

    *scratch_out = NULL;
    if (scratch == NULL)
        return err->code;
    scratch->folder = folder;
    scratch->fd = -1;
    ko_random_hex(suffix, 16);
    KO_TRY(ko_path_join(path, err, folder, "spill-%s", suffix));
    scratch->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (scratch->fd < 0)
        KO_TRY(ko_fail_errno(err, KO_E_IO, errno, "cannot create '%s'", path));
    (void) unlink(path);
    *scratch_out = scratch;
    scratch = NULL;

done:
    ko_scratch_close(scratch);
    return err->code;
}

void
ko_scratch_close(struct ko_scratch *scratch)
{
    if (scratch == NULL)
        return;
    if (scratch->fd >= 0)
        (void) close(scratch->fd);
    ko_free(scratch);
}

static enum ko_code
write_at(struct ko_scratch *scratch, uint64_t offset, struct ko_slice bytes, struct ko_error *err)
{
    while (bytes.n > 0) {
        const ssize_t n = pwrite(scratch->fd, bytes.data, bytes.n, (off_t) offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            (void) ko_fail_errno(err, KO_E_IO, errno, "cannot write '%s'", scratch->folder);
            ko_context(err, "spilling what memory has no room for");
            return err->code;
        }
        bytes.data += n;
        bytes.n -= (size_t) n;
        offset += (uint64_t) n;
    }
    return KO_OK;
}

enum ko_code
ko_scratch_add(struct ko_scratch *scratch, struct ko_slice bytes, struct ko_error *err)
{
    KO_TRY(write_at(scratch, scratch->n_bytes, bytes, err));
    scratch->n_bytes += bytes.n;

done:
    return err->code;
}

enum ko_code
ko_scratch_rewrite(struct ko_scratch *scratch, uint64_t offset, struct ko_slice bytes,
                   struct ko_error *err)
{
    KO_ASSERT(offset + bytes.n <= scratch->n_bytes);
    return write_at(scratch, offset, bytes, err);
}

uint64_t
ko_scratch_bytes(const struct ko_scratch *scratch)
{
    return scratch->n_bytes;
}

enum ko_code
ko_scratch_fail_changed(const struct ko_scratch *scratch, struct ko_error *err)
{
    (void) ko_fail(err, KO_E_CORRUPT, "a spill file in '%s' does not read as it was written",
                   scratch->folder);
    ko_hint(err, "check that disk, then run the same command again.");
    return err->code;
}

enum ko_code
ko_scratch_read(const struct ko_scratch *scratch, uint64_t offset, void *to, size_t n,
                struct ko_error *err)
{
    char *place = to;

    while (n > 0) {
        const ssize_t n_read = pread(scratch->fd, place, n, (off_t) offset);

        if (n_read < 0 && errno == EINTR)
            continue;
        if (n_read < 0)
            return ko_fail_errno(err, KO_E_IO, errno, "cannot read a spill file in '%s'",
                                 scratch->folder);
        if (n_read == 0)
            return ko_scratch_fail_changed(scratch, err);
        place += n_read;
        n -= (size_t) n_read;
        offset += (uint64_t) n_read;
    }
    return KO_OK;
}
