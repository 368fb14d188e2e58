/*
 * Catch-up: brings a full export up to date with exports of changes, without a look at the table.
 *
 * Each change goes to the rank that owns its primary key, in three phases:
 *
 *     changes   the lines of all exports of changes are read, claims handed out by rank 0; what is
 *               looked at travels to the owners, who sort it (in memory, then in spills)
 *     newest    owners find the last state of each primary key and keep the items that are there
 *               then, the *newest images*, in a row file of their own
 *     touched   the set of all primary keys that changed goes to every rank
 *
 * The caught-up source then gives the items of the full export whose keys are not touched, and each
 * rank's newest images as one claim more that only this rank can read.
 *
 * A key's last state is that of the last window (in the order of ko_export_chain()) which names it,
 * there of the latest write; unless a later window saw that write and names the key no more: then
 * the item was made and deleted within that window.  States that differ at the same moment all
 * count as items: finding one primary key with two contents leaves its groups to review.
 *
 * Thread use: one thread per rank.  MPI: collective over the world where said.
 */
#ifndef KEEPONE_STAGE_CATCH_UP_H
#define KEEPONE_STAGE_CATCH_UP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/record/rules.h"
#include "keepone/stage/progress.h"
#include "keepone/stage/source.h"

struct ko_export;
struct ko_world;

struct ko_catch_up; /* opaque; owned by whoever called _run */

/* Everything is borrowed until ko_catch_up_free(). */
struct ko_catch_up_config {
    const struct ko_rules *rules;
    struct ko_export *const *changes; /* as ko_export_chain() ordered them; n_changes > 0 */
    size_t n_changes;
    bool no_md5;
    uint64_t memory_bytes;    /* of this rank */
    const char *spill_folder; /* local scratch space of this rank; exists */
    struct ko_progress *progress;
};

struct ko_catch_up_stats {
    uint64_t n_windows;    /* exports of changes */
    uint64_t n_changes;    /* lines read, of all ranks */
    uint64_t n_touched;    /* different primary keys in them */
    uint64_t n_images;     /* newest images of all ranks: items that are there at the end */
    uint64_t n_wire_bytes; /* sent by all ranks */
};

/*
 * Collective: the three phases.  Errors, beside those of reading (which name file and line):
 * KO_E_MEMORY if the set of touched keys takes more than half of memory_bytes.  On failure
 * *catch_up is NULL.
 */
enum ko_code ko_catch_up_run(const struct ko_catch_up_config *config, struct ko_world *world,
                             struct ko_catch_up **catch_up, struct ko_catch_up_stats *stats,
                             struct ko_error *err);
void ko_catch_up_free(struct ko_catch_up *catch_up);

/* Memory that it keeps until it is freed. */
uint64_t ko_catch_up_bytes(const struct ko_catch_up *catch_up);

/*
 * The caught-up source: claims 0 .. own_claim - 1 are those of `full` without what is superseded,
 * claim own_claim are this rank's newest images.  Owns `full` from here on, in any case; borrows
 * catch_up.  On failure ops is NULL.
 */
struct ko_source ko_source_of_catch_up(struct ko_source full, struct ko_catch_up *catch_up,
                                       uint64_t own_claim, struct ko_error *err);

/* Items of the full export that this rank's source has dropped so far, every reading counted. */
uint64_t ko_catch_up_n_superseded(const struct ko_catch_up *catch_up);

#endif
