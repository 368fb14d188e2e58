/*
 * Undo: puts back what the run deleted, where nothing took its place.
 *
 * The journal's last image of each deleted line is put under attribute_not_exists.  Each rank
 * works on the lines of its own partitions.  Finished ones are never repeated; a lost reply is sent
 * again, which the condition makes safe.  Intents without outcome are settled by keepone apply, not
 * here: what they say is put back too, if it is absent.  If it is there, it is looked at once more
 * when no delete can be on its way any more.  An item that the table refuses is counted, and tried
 * again by the next attempt.
 *
 * Thread use: one thread per rank.  MPI: collective over the world.
 */
#ifndef KEEPONE_STAGE_UNDO_H
#define KEEPONE_STAGE_UNDO_H

#include "keepone/base/error.h"
#include "keepone/stage/apply.h"
#include "keepone/stage/progress.h"
#include "keepone/store/journal.h"
#include "keepone/store/plan.h"

struct ko_undo_config {
    struct ko_dynamodb *client;
    const char *dir;
    const struct ko_plan_manifest *manifest;
    struct ko_slice table_name;
    struct ko_slice hash_name; /* of the table's key */
    uint32_t attempt;
    struct ko_progress *progress;
    bool is_applied; /* the journal must account for every line of the plan */
    enum ko_code (*begin)(void *self, struct ko_error *err); /* as in ko_apply_config */
    enum ko_code (*pulse)(void *self, struct ko_error *err);
    void *self;
};

/*
 * Collective.  stats as ko_apply_run() sets them.  Errors as ko_apply_run();
 * when nothing is left to put back it only gives the ledger and needs no client.
 */
enum ko_code ko_undo_run(const struct ko_undo_config *config, struct ko_world *world,
                         struct ko_apply_stats *stats, struct ko_error *err);

#endif
