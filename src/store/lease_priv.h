/*
 * Claims: what a lease says, and the two ways to hold one.
 *
 * Thread use: one lease, one thread.  MPI: none.
 */
#ifndef KEEPONE_STORE_LEASE_PRIV_H
#define KEEPONE_STORE_LEASE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/file.h"
#include "keepone/store/lease.h"

enum { OWNER_BYTES = 320, ID_BYTES = 17, PIDS_BYTES = 4096, LEASE_BYTES_MAX = 65536 };

struct ko_claim {
    char owner[OWNER_BYTES]; /* "host:pid" */
    char space[OWNER_BYTES]; /* of its process numbers: another container counts them anew */
    char pids[PIDS_BYTES];   /* "12 13": of all ranks; "" = not all are of this host and space */
    char id[ID_BYTES];
    int64_t expires_us;
};

/* Sets all but expires_us; the id is new; the only process is this one. */
void ko_claim_describe_self(struct ko_claim *claim);

/* Sets pids from what ko_lease_add_process() has added on every rank. */
void ko_claim_set_processes(struct ko_claim *claim, struct ko_slice processes);
void ko_claim_encode(const struct ko_claim *claim, struct ko_buf *out);
enum ko_code ko_claim_decode(struct ko_slice text, struct ko_claim *claim, struct ko_error *err);

/* Only processes of this host, with process numbers of the same space, can be known to be gone. */
bool ko_claim_is_owner_gone(const struct ko_claim *claim);

struct ko_lease {
    char path[KO_PATH_BYTES];
    char dir[KO_PATH_BYTES];
    struct ko_claim claim;
    int64_t length_us;
    bool is_on_mount;
};

/* KO_E_REFUSED: the holder has it. */
enum ko_code ko_lease_refuse(const struct ko_lease *lease, const struct ko_claim *holder,
                             struct ko_error *err);
void ko_lease_tell_taken_over(const struct ko_claim *holder, char notice[KO_LEASE_NOTICE_BYTES]);

/* KO_E_REFUSED: it was ours; now it is the holder's, or (NULL) nobody's. */
enum ko_code ko_lease_fail_lost(const struct ko_lease *lease, const struct ko_claim *holder,
                                struct ko_error *err);

/* The number of "lease-NNNNNN.json", 0 for any other name. */
unsigned ko_lease_number(const char *name);

/*
 * On a mount, where nothing is renamed and only creating is exclusive, each taker makes a file of
 * its own, lease-NNNNNN.json, with a number above all that are there.  Then it looks again: if
 * anybody else's lease is alive, by whatever number, it gives way.  So of two that start at once
 * one creates the number first and the other finds it.
 *
 * One try: *is_taken, with lease->path; or nothing has been taken yet; or KO_E_REFUSED.
 */
enum ko_code ko_lease_try_mount(struct ko_lease *lease, struct ko_slice content, bool *is_taken,
                                char notice[KO_LEASE_NOTICE_BYTES], struct ko_error *err);
enum ko_code ko_lease_check_mount(const struct ko_lease *lease, struct ko_error *err);

#endif
