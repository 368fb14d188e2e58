/*
 * Lease: one writer per run directory.
 *
 * The file lease.json names its owner (host, process, a random id), the processes that work under
 * it and the time at which it expires.  It is taken with O_EXCL, renewed by replacement, and taken
 * over when it has expired or all its processes were of this host and are gone.  On a mount it is
 * lease-NNNNNN.json, with a number of its own for each taker, made with If-None-Match.  It keeps
 * people from starting the same run twice by mistake; correctness never depends on it (deletes are
 * conditional, journals have names of their own).
 *
 * Thread use: one thread.  MPI: none; rank 0 alone holds the lease for all.
 */
#ifndef KEEPONE_STORE_LEASE_H
#define KEEPONE_STORE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"

enum { KO_LEASE_SECONDS = 120, KO_LEASE_NOTICE_BYTES = 512 };

struct ko_lease; /* opaque; owned by whoever called _open, until _close */

/* Adds what tells this process from others of its host; never longer than 1 KiB. */
void ko_lease_add_process(struct ko_buf *out);

/*
 * Takes the lease of the directory (which must exist) for `seconds` (0 = KO_LEASE_SECONDS).
 * processes: what all ranks have added, as ko_world_gather() puts it together; absent = this
 * process alone.  While one of them may be alive the lease is only taken over when it has expired:
 * when the first rank dies the others go on for a moment.
 * notice: a sentence for the log if a lease was taken over, which names its owner; else "".
 * KO_E_REFUSED names the owner and the expiry while somebody else holds it.
 * On failure *lease is NULL.
 */
enum ko_code ko_lease_open(const char *dir, unsigned seconds, struct ko_slice processes,
                           struct ko_lease **lease, char notice[KO_LEASE_NOTICE_BYTES],
                           struct ko_error *err);

/*
 * Call it often: does nothing until a third of the time has gone, then puts the expiry off.
 * KO_E_REFUSED if the lease is no longer ours: stop writing.
 */
enum ko_code ko_lease_renew(struct ko_lease *lease, struct ko_error *err);

/* Looks at once whether the lease is still ours: KO_E_REFUSED if not. */
enum ko_code ko_lease_check(const struct ko_lease *lease, struct ko_error *err);

/*
 * Gives the lease back (if it is still ours: else KO_E_REFUSED) and frees it in any case.  May be
 * called with a failure in err, which then stays.  Accepts NULL.
 */
enum ko_code ko_lease_close(struct ko_lease *lease, struct ko_error *err);

/* True for the name that a lease has in its directory. */
bool ko_lease_is_name(const char *name);

#endif
