#include "keepone/stage/resolve.h"

#include "keepone/base/mem.h"
#include "keepone/comm/phase.h"
#include "keepone/comm/world.h"
#include "keepone/stage/repeats.h"
#include "keepone/store/sorter.h"

enum { RECORDS_PER_STEP = 4096 };

/* A group that is not simply "one keeper, the rest losers"; group_index counts groups of two or
 * more. */
struct exception {
    uint64_t group_index;
    uint64_t n_members;
    enum ko_doubt doubt;
};

/* Where a walk over the sorter stands. */
struct walk {
    struct ko_group group;
    bool is_open; /* group holds one */
    uint64_t
        group_index;     /* of the open group once it has two members, and of the next one before */
    bool is_conflicting; /* second walk: a member's primary key is repeated */
};

struct ko_resolve {
    struct ko_sorter *sorter;
    const struct ko_rules *rules;
    struct ko_repeats *primaries;
    struct ko_counts *counts;
    struct ko_progress *progress; /* or NULL */
    uint64_t n_walked;            /* counter for progress: records */
    struct walk walk;
    struct exception *exceptions; /* ascending by group_index */
    size_t n_exceptions;
    size_t exceptions_capacity;
    uint64_t exceptions_bytes; /* the most they may take */
    size_t next_exception;     /* emission */
    bool has_pending;          /* emission: a record that was read ahead */
    struct ko_buf pending;
    enum ko_resolved_kind member_kind; /* emission: what members of the open group are */
};

struct ko_resolve *
ko_resolve_new(struct ko_sorter *sorter, const struct ko_rules *rules, uint64_t memory_bytes,
               const char *folder, struct ko_error *err)
{
    const struct ko_repeats_options primaries = {.name = "primary",
                                                 .folder = folder,
                                                 .memory_bytes = memory_bytes / 6 * 5,
                                                 .n_eighths = 5,
                                                 .is_exact = true};
    struct ko_resolve *resolve = ko_alloc(sizeof *resolve, err);

    if (resolve == NULL)
        return NULL;
    resolve->sorter = sorter;
    resolve->rules = rules;
    resolve->exceptions_bytes = memory_bytes / 6;
    resolve->primaries = ko_repeats_new(&primaries, err);
    if (resolve->primaries != NULL)
        return resolve;
    ko_free(resolve);
    return NULL;
}

void
ko_resolve_free(struct ko_resolve *resolve)
{
    if (resolve == NULL)
        return;
    ko_repeats_free(resolve->primaries);
    ko_group_clear(&resolve->walk.group);
    ko_buf_clear(&resolve->pending);
    ko_free(resolve->exceptions);
    ko_free(resolve);
}

void
ko_resolve_set_progress(struct ko_resolve *resolve, struct ko_progress *progress)
{
    resolve->progress = progress;
}

struct ko_progress *
ko_resolve_progress(const struct ko_resolve *resolve)
{
    return resolve->progress;
}

const struct ko_rules *
ko_resolve_rules(const struct ko_resolve *resolve)
{
    return resolve->rules;
}

static enum ko_code
add_exception(struct ko_resolve *resolve, struct ko_error *err)
{
    const struct walk *walk = &resolve->walk;

    if (resolve->n_exceptions == resolve->exceptions_capacity) {
        const size_t capacity = resolve->n_exceptions == 0 ? 64 : resolve->n_exceptions * 2;
        struct exception *moved;

        if (capacity * sizeof *moved > resolve->exceptions_bytes) {
            (void) ko_fail(err, KO_E_MEMORY,
                           "%zu groups for review need more than %llu MiB, their eighth of "
                           "--memory",
                           resolve->n_exceptions,
                           (unsigned long long) (resolve->exceptions_bytes >> 20));
            ko_hint(err, "give more with --memory, or look for the reason: so many groups to "
                         "review mean that key and rules do not fit the data.");
            return err->code;
        }
        moved = ko_realloc(resolve->exceptions, capacity * sizeof *moved, err);
        if (moved == NULL)
            return err->code;
        resolve->exceptions = moved;
        resolve->exceptions_capacity = capacity;
    }
    resolve->exceptions[resolve->n_exceptions++] =
        (struct exception){.group_index = walk->group_index,
                           .n_members = walk->group.n_members,
                           .doubt = walk->group.doubt};
    return KO_OK;
}

/* First walk, a group is complete. */
static enum ko_code
end_group(struct ko_resolve *resolve, struct ko_error *err)
{
    struct walk *walk = &resolve->walk;
    struct ko_counts *counts = resolve->counts;

    if (!walk->is_open)
        return KO_OK;
    walk->is_open = false;
    counts->folded += walk->group.n_folded;
    if (walk->group.n_members == 1) {
        counts->unique++;
        return KO_OK;
    }
    if (walk->group.doubt != KO_DOUBT_NONE) {
        counts->review += walk->group.n_members;
        counts->review_groups++;
        KO_TRY(add_exception(resolve, err));
    } else {
        counts->keepers++;
        counts->planned += walk->group.n_members - 1;
    }
    walk->group_index++;

done:
    return err->code;
}

static enum ko_code
add_primary(struct ko_resolve *resolve, struct ko_slice bytes, struct ko_error *err)
{
    struct ko_record record;

    if (ko_record_decode(bytes, &record, err) != KO_OK)
        return err->code;
    return ko_repeats_add(resolve->primaries, ko_record_primary_fingerprint(&record), err);
}

/* First walk, one record. */
static enum ko_code
decide(struct ko_resolve *resolve, const struct ko_record *record, struct ko_error *err)
{
    struct walk *walk = &resolve->walk;
    enum ko_group_step step = KO_GROUP_OTHER;

    if (walk->is_open)
        KO_TRY(ko_group_add(&walk->group, resolve->rules, record, &step, err));
    if (step == KO_GROUP_OTHER) {
        KO_TRY(end_group(resolve, err));
        KO_TRY(ko_group_begin(&walk->group, resolve->rules, record, err));
        walk->is_open = true;
    }
    if (step == KO_GROUP_MEMBER && walk->group.n_members == 2)
        KO_TRY(add_primary(resolve, ko_buf_slice(&walk->group.keeper), err));
    if (step == KO_GROUP_MEMBER)
        KO_TRY(add_primary(resolve, record->bytes, err));

done:
    return err->code;
}

typedef enum ko_code walk_fn(struct ko_resolve *resolve, const struct ko_record *record,
                             struct ko_error *err);

/* A slice of a walk: *state is DONE when the sorter is at its end and `end` has closed the last
 * group. */
static enum ko_code
walk_some(struct ko_resolve *resolve, walk_fn *visit,
          enum ko_code (*end)(struct ko_resolve *, struct ko_error *), enum ko_phase_state *state,
          struct ko_error *err)
{
    *state = KO_PHASE_BUSY;
    for (int i = 0; i < RECORDS_PER_STEP; i++) {
        struct ko_slice bytes;
        struct ko_record record;

        KO_TRY(ko_sorter_next(resolve->sorter, NULL, &bytes, err));
        if (bytes.data == NULL) {
            KO_TRY(end(resolve, err));
            *state = KO_PHASE_DONE;
            break;
        }
        KO_TRY(ko_record_decode(bytes, &record, err));
        KO_TRY(visit(resolve, &record, err));
        resolve->n_walked++;
    }

done:
    return err->code;
}

static enum ko_code
decide_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    (void) phase;
    return walk_some(self, decide, end_group, state, err);
}

/* Second walk: the counts of a group move to review. */
static enum ko_code
end_conflicting_group(struct ko_resolve *resolve, struct ko_error *err)
{
    struct walk *walk = &resolve->walk;
    const bool is_group = walk->is_open && walk->group.n_members > 1;

    walk->is_open = false;
    if (!is_group)
        return KO_OK;
    /* Every doubt is found again on this walk; this one comes before all of them. */
    if (walk->is_conflicting && walk->group.doubt == KO_DOUBT_NONE) {
        resolve->counts->keepers--;
        resolve->counts->planned -= walk->group.n_members - 1;
        resolve->counts->review += walk->group.n_members;
        resolve->counts->review_groups++;
    }
    if (walk->is_conflicting)
        walk->group.doubt = KO_DOUBT_PRIMARY_KEY;
    if (walk->group.doubt != KO_DOUBT_NONE)
        KO_TRY(add_exception(resolve, err));
    walk->group_index++;

done:
    return err->code;
}

/* Is the next primary key that was added repeated? */
static enum ko_code
ask_for_next(struct ko_resolve *resolve, struct ko_error *err)
{
    struct ko_repeats_answer answer;

    KO_TRY(ko_repeats_next(resolve->primaries, &answer, err));
    resolve->walk.is_conflicting |= answer.is_repeated;

done:
    return err->code;
}

static enum ko_code
find_conflict(struct ko_resolve *resolve, const struct ko_record *record, struct ko_error *err)
{
    struct walk *walk = &resolve->walk;
    enum ko_group_step step = KO_GROUP_OTHER;

    if (walk->is_open)
        KO_TRY(ko_group_add(&walk->group, resolve->rules, record, &step, err));
    if (step == KO_GROUP_OTHER) {
        KO_TRY(end_conflicting_group(resolve, err));
        KO_TRY(ko_group_begin(&walk->group, resolve->rules, record, err));
        walk->is_open = true;
        walk->is_conflicting = false;
    }
    /* As decide() added them: of a group of two or more, the first with the second. */
    if (step == KO_GROUP_MEMBER && walk->group.n_members == 2)
        KO_TRY(ask_for_next(resolve, err));
    if (step == KO_GROUP_MEMBER)
        KO_TRY(ask_for_next(resolve, err));

done:
    return err->code;
}

static enum ko_code
find_conflict_step(void *self, struct ko_phase *phase, enum ko_phase_state *state,
                   struct ko_error *err)
{
    (void) phase;
    return walk_some(self, find_conflict, end_conflicting_group, state, err);
}

static enum ko_code
start_walk(struct ko_resolve *resolve, struct ko_error *err)
{
    resolve->n_walked = 0;
    resolve->walk.is_open = false;
    resolve->walk.group_index = 0;
    resolve->next_exception = 0;
    return ko_sorter_rewind(resolve->sorter, err);
}

static void
show(void *self, const uint64_t *totals)
{
    const struct ko_resolve *resolve = self;

    if (resolve->progress != NULL)
        ko_progress_show(resolve->progress, totals[0]);
}

/* Collective: the groups of repeated primary keys go to review. */
static enum ko_code
review_conflicts(struct ko_resolve *resolve, struct ko_world *world, struct ko_error *err)
{
    const struct ko_phase_ops ops = {.step = find_conflict_step, .progress = show};
    const struct ko_phase_options options = {.name = "conflict",
                                             .ops = &ops,
                                             .self = resolve,
                                             .counters = &resolve->n_walked,
                                             .n_counters = 1};
    uint64_t n_repeated = ko_repeats_count(resolve->primaries);

    KO_TRY(ko_world_sum(world, &n_repeated, 1, err));
    if (n_repeated == 0)
        return KO_OK;
    resolve->n_exceptions = 0;
    (void) start_walk(resolve, err);
    KO_TRY(ko_phase_run(world, &options, NULL, err));

done:
    return err->code;
}

enum ko_code
ko_resolve_run(struct ko_resolve *resolve, struct ko_world *world, struct ko_counts *counts,
               struct ko_error *err)
{
    const struct ko_phase_ops ops = {.step = decide_step, .progress = show};
    const struct ko_phase_options options = {.name = "resolve",
                                             .ops = &ops,
                                             .self = resolve,
                                             .counters = &resolve->n_walked,
                                             .n_counters = 1};
    struct ko_repeats_stats stats;

    resolve->counts = counts;
    KO_TRY(ko_phase_run(world, &options, NULL, err));
    KO_TRY(ko_repeats_find(resolve->primaries, world, &stats, err));
    KO_TRY(review_conflicts(resolve, world, err));
    KO_TRY(start_walk(resolve, err));

done:
    return err->code;
}

/* ---- giving the groups out ---- */

static const struct exception *
current_exception(struct ko_resolve *resolve)
{
    const uint64_t group_index = resolve->walk.group_index;

    if (resolve->next_exception < resolve->n_exceptions &&
        resolve->exceptions[resolve->next_exception].group_index == group_index)
        return &resolve->exceptions[resolve->next_exception];
    return NULL;
}

/* The second member shows that the open record begins a group: give out the keeper first. */
static enum ko_code
give_first(struct ko_resolve *resolve, const struct ko_record *second, struct ko_resolved *resolved,
           struct ko_error *err)
{
    const struct exception *exception = current_exception(resolve);

    ko_buf_reset(&resolve->pending);
    ko_buf_add_slice(&resolve->pending, second->bytes);
    KO_TRY(ko_buf_finish(&resolve->pending, err));
    resolve->has_pending = true;
    KO_TRY(ko_record_decode(ko_buf_slice(&resolve->walk.group.keeper), &resolved->record, err));
    if (exception == NULL) {
        resolved->kind = KO_RESOLVED_KEEPER;
        resolve->member_kind = KO_RESOLVED_LOSER;
    } else {
        resolved->kind = KO_RESOLVED_DOUBT;
        resolved->doubt = exception->doubt;
        resolved->n_members = exception->n_members;
        resolve->member_kind = KO_RESOLVED_DOUBT_MEMBER;
        resolve->next_exception++;
    }
    resolve->walk.group_index++;

done:
    return err->code;
}

enum ko_code
ko_resolve_next(struct ko_resolve *resolve, struct ko_resolved *resolved, struct ko_error *err)
{
    struct walk *walk = &resolve->walk;

    if (resolve->has_pending) {
        resolve->has_pending = false;
        resolved->kind = resolve->member_kind;
        return ko_record_decode(ko_buf_slice(&resolve->pending), &resolved->record, err);
    }
    for (;;) {
        enum ko_group_step step = KO_GROUP_OTHER;
        struct ko_slice bytes;

        KO_TRY(ko_sorter_next(resolve->sorter, NULL, &bytes, err));
        if (bytes.data == NULL) {
            resolved->kind = KO_RESOLVED_END;
            break;
        }
        KO_TRY(ko_record_decode(bytes, &resolved->record, err));
        if (walk->is_open)
            KO_TRY(ko_group_follow(&walk->group, &resolved->record, &step, err));
        if (step == KO_GROUP_OTHER) {
            KO_TRY(ko_group_begin(&walk->group, resolve->rules, &resolved->record, err));
            walk->is_open = true;
        }
        if (step != KO_GROUP_MEMBER)
            continue;
        if (walk->group.n_members == 2)
            return give_first(resolve, &resolved->record, resolved, err);
        resolved->kind = resolve->member_kind;
        break;
    }

done:
    return err->code;
}
