/*
 * Resolve: candidates in, decided groups out.
 *
 * Every rank holds, in a sorter, the candidates of the partitions it owns.  Resolve walks them in
 * the plan's order, forms groups by exact key, and decides each group: one keeper and the rest
 * losers, or review.  Then the check over all ranks: a primary key that is met in two distinct
 * records (in groups of two or more) sends all groups it is in to review, so in what remains no
 * primary key is loser twice, or loser and keeper.
 *
 * Thread use: one thread per rank.  MPI: collective where said.
 */
#ifndef KEEPONE_STAGE_RESOLVE_H
#define KEEPONE_STAGE_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/record/record.h"
#include "keepone/record/rules.h"
#include "keepone/stage/counts.h"
#include "keepone/stage/group.h"
#include "keepone/stage/progress.h"

struct ko_sorter;
struct ko_world;
struct ko_resolve; /* opaque; owned by the caller of _new */

/*
 * The sorter must be finished; it, rules and folder are borrowed until _free.  memory_bytes: five
 * sixths of it for the check by primary key, which spills to `folder` (NULL: it does not), and one
 * for groups that go to review, 24 bytes each.
 */
struct ko_resolve *ko_resolve_new(struct ko_sorter *sorter, const struct ko_rules *rules,
                                  uint64_t memory_bytes, const char *folder, struct ko_error *err);
void ko_resolve_free(struct ko_resolve *resolve);

/* Shows how far the walks, and the plan that is made from them, are.  Borrowed until _free. */
void ko_resolve_set_progress(struct ko_resolve *resolve, struct ko_progress *progress);

/* NULL if none was set. */
struct ko_progress *ko_resolve_progress(const struct ko_resolve *resolve);

/* The rules it was made with. */
const struct ko_rules *ko_resolve_rules(const struct ko_resolve *resolve);

/*
 * Collective: decides all groups.  Adds to counts: folded, unique, keepers, planned, review and
 * review_groups of this rank's candidates.
 */
enum ko_code ko_resolve_run(struct ko_resolve *resolve, struct ko_world *world,
                            struct ko_counts *counts, struct ko_error *err);

/* What ko_resolve_next() came upon. */
enum ko_resolved_kind {
    KO_RESOLVED_END,
    KO_RESOLVED_KEEPER, /* a decided group begins: record is its keeper */
    KO_RESOLVED_LOSER,  /* of that group */
    KO_RESOLVED_DOUBT,  /* a group for review begins with record */
    KO_RESOLVED_DOUBT_MEMBER
};

struct ko_resolved {
    enum ko_resolved_kind kind;
    struct ko_record record; /* borrowed until the next call */
    enum ko_doubt doubt;     /* KO_RESOLVED_DOUBT only */
    uint64_t n_members;      /* KO_RESOLVED_DOUBT only: of the group */
};

/* Local, after _run: the decided groups once more, in the plan's order, member by member. Unique
 * and folded records are passed over. */
enum ko_code ko_resolve_next(struct ko_resolve *resolve, struct ko_resolved *resolved,
                             struct ko_error *err);

#endif
