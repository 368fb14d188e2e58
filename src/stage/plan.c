#include "keepone/stage/plan.h"

#include <string.h>

#include "keepone/base/buf.h"
#include "keepone/base/file.h"
#include "keepone/base/mem.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/phase.h"
#include "keepone/comm/world.h"
#include "keepone/format/json.h"
#include "keepone/store/line_file.h"
#include "keepone/store/plan.h"
#include "keepone/store/review.h"
#include "keepone/store/run.h"

enum {
    RECORDS_PER_STEP = 1024,
    REVIEW_ITEMS_MAX = 1000,
    REVIEW_BYTES_MAX = 8 * 1024 * 1024,
    NO_PART = KO_PARTITIONS
};

/* An item as plan and review show it. */
struct item_text {
    struct ko_buf json; /* primary key, then seen */
    size_t n_primary_key;
};

struct planner {
    struct ko_resolve *resolve;
    const struct ko_rules *rules;
    const struct ko_run *run;
    struct ko_plan_writer *part; /* of part_index, or NULL */
    uint32_t part_index;
    struct ko_line_writer *review;
    struct item_text keeper; /* of the open group */
    struct item_text loser;
    struct ko_buf review_line; /* of the open review group; empty = none */
    struct ko_buf review_tail;
    uint64_t n_review_items;
    struct ko_buf parts; /* encoded, for the manifest */
    uint64_t n_planned;
    uint64_t n_review_groups;
};

static enum ko_code
close_part(struct planner *planner, struct ko_error *err)
{
    struct ko_plan_writer *const writer = planner->part;
    struct ko_plan_part part;

    planner->part = NULL;
    planner->part_index = NO_PART;
    if (writer == NULL)
        return KO_OK;
    if (ko_plan_writer_close(writer, &part, err) != KO_OK)
        return err->code;
    ko_plan_part_encode(&part, &planner->parts);
    return ko_buf_finish(&planner->parts, err);
}

static enum ko_code
write_item(const struct planner *planner, const struct ko_record *record, struct item_text *text,
           struct ko_error *err)
{
    ko_buf_reset(&text->json);
    KO_TRY(ko_record_add_primary_key(planner->rules, record, &text->json, err));
    text->n_primary_key = text->json.n;
    KO_TRY(ko_record_add_seen(planner->rules, record, &text->json, err));

done:
    return err->code;
}

static struct ko_slice
primary_key_of(const struct item_text *text)
{
    return (struct ko_slice){text->json.data, text->n_primary_key};
}

static struct ko_slice
seen_of(const struct item_text *text)
{
    return (struct ko_slice){text->json.data + text->n_primary_key,
                             text->json.n - text->n_primary_key};
}

static enum ko_code
add_loser(struct planner *planner, const struct ko_record *loser, struct ko_error *err)
{
    const uint32_t part = ko_partition_of(loser->fingerprint);
    struct ko_plan_line line;

    if (part != planner->part_index) {
        KO_TRY(close_part(planner, err));
        KO_TRY(ko_plan_writer_open(planner->run->dir, KO_PLAN_NAME, part, &planner->part, err));
        planner->part_index = part;
    }
    KO_TRY(write_item(planner, loser, &planner->loser, err));
    line = (struct ko_plan_line){.key = loser->key,
                                 .delete_primary_key = primary_key_of(&planner->loser),
                                 .delete_seen = seen_of(&planner->loser),
                                 .keep_primary_key = primary_key_of(&planner->keeper),
                                 .keep_seen = seen_of(&planner->keeper)};
    KO_ASSERT(!ko_slice_equal(line.keep_primary_key, line.delete_primary_key));
    KO_TRY(ko_plan_writer_add(planner->part, &line, err));
    planner->n_planned++;

done:
    return err->code;
}

static enum ko_code
close_review_line(struct planner *planner, struct ko_error *err)
{
    if (planner->review_line.n == 0)
        return KO_OK;
    ko_buf_add_slice(&planner->review_line, ko_buf_slice(&planner->review_tail));
    KO_TRY(ko_buf_finish(&planner->review_line, err));
    KO_TRY(ko_line_writer_add(planner->review, ko_buf_slice(&planner->review_line), err));
    ko_buf_reset(&planner->review_line);
    planner->n_review_groups++;

done:
    return err->code;
}

static enum ko_code
add_review_item(struct planner *planner, const struct ko_record *record, struct ko_error *err)
{
    struct ko_buf *line = &planner->review_line;

    if (planner->n_review_items >= REVIEW_ITEMS_MAX || line->n >= REVIEW_BYTES_MAX)
        return KO_OK;
    ko_buf_add_text(line, planner->n_review_items++ == 0 ? "" : ",");
    ko_buf_add_text(line, "{\"primary_key\":");
    KO_TRY(ko_record_add_primary_key(planner->rules, record, line, err));
    ko_buf_add_text(line, ",\"seen\":");
    KO_TRY(ko_record_add_seen(planner->rules, record, line, err));
    ko_buf_add_char(line, '}');
    KO_TRY(ko_buf_finish(line, err));

done:
    return err->code;
}

static enum ko_code
open_review_line(struct planner *planner, const struct ko_resolved *resolved, struct ko_error *err)
{
    ko_buf_reset(&planner->review_tail);
    ko_buf_add_text(&planner->review_tail, "],\"key\":");
    ko_buf_add_slice(&planner->review_tail, resolved->record.key);
    ko_buf_add_format(&planner->review_tail, ",\"n_items\":%llu,\"reason\":\"%s\"}",
                      (unsigned long long) resolved->n_members, ko_doubt_name(resolved->doubt));
    ko_buf_add_text(&planner->review_line, "{\"items\":[");
    planner->n_review_items = 0;
    KO_TRY(ko_buf_finish(&planner->review_tail, err));
    KO_TRY(add_review_item(planner, &resolved->record, err));

done:
    return err->code;
}

static enum ko_code
write_one(struct planner *planner, const struct ko_resolved *resolved, struct ko_error *err)
{
    switch (resolved->kind) {
    case KO_RESOLVED_KEEPER:
        KO_TRY(close_review_line(planner, err));
        return write_item(planner, &resolved->record, &planner->keeper, err);
    case KO_RESOLVED_LOSER:
        return add_loser(planner, &resolved->record, err);
    case KO_RESOLVED_DOUBT:
        KO_TRY(close_review_line(planner, err));
        return open_review_line(planner, resolved, err);
    case KO_RESOLVED_DOUBT_MEMBER:
        return add_review_item(planner, &resolved->record, err);
    case KO_RESOLVED_END:
        KO_TRY(close_review_line(planner, err));
        return close_part(planner, err);
    }

done:
    return err->code;
}

static enum ko_code
step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct planner *planner = self;
    struct ko_resolved resolved = {.kind = KO_RESOLVED_END};

    (void) phase;
    *state = KO_PHASE_BUSY;
    for (int i = 0; i < RECORDS_PER_STEP; i++) {
        KO_TRY(ko_resolve_next(planner->resolve, &resolved, err));
        KO_TRY(write_one(planner, &resolved, err));
        if (resolved.kind != KO_RESOLVED_END)
            continue;
        *state = KO_PHASE_DONE;
        break;
    }

done:
    return err->code;
}

static void
show(void *self, const uint64_t *totals)
{
    const struct planner *planner = self;
    struct ko_progress *progress = ko_resolve_progress(planner->resolve);

    if (progress != NULL)
        ko_progress_show(progress, totals[0]);
}

/* Rank 0: everything is durable; the review first, the manifest last. */
static enum ko_code
write_manifest(struct ko_world *world, const struct ko_run *run, struct ko_slice all_parts,
               char digest[65], struct ko_error *err)
{
    struct ko_plan_manifest *manifest = NULL;

    KO_TRY(ko_review_merge(run->dir, (uint32_t) ko_world_size(world), err));
    manifest = ko_plan_manifest_new(&run->facts, err);
    if (manifest == NULL)
        return err->code;
    while (all_parts.n > 0) {
        const size_t n = ko_read_u32(all_parts.data);
        struct ko_slice parts = {all_parts.data + 4, n};

        all_parts.data += 4 + n;
        all_parts.n -= 4 + n;
        while (parts.n > 0) {
            struct ko_plan_part part;

            KO_TRY(ko_plan_part_decode(&parts, &part, err));
            KO_TRY(ko_plan_manifest_add(manifest, &part, err));
        }
    }
    KO_TRY(ko_plan_manifest_write(run->dir, KO_PLAN_NAME, manifest, err));
    memcpy(digest, manifest->digest, sizeof manifest->digest);

done:
    ko_plan_manifest_free(manifest);
    return err->code;
}

/* Collective: what was written is what was counted. */
static enum ko_code
check_written(const struct planner *planner, struct ko_world *world, const struct ko_counts *totals,
              struct ko_error *err)
{
    uint64_t sums[2] = {planner->n_planned, planner->n_review_groups};

    if (ko_world_sum(world, sums, 2, err) != KO_OK)
        return err->code;
    if (sums[0] == totals->planned && sums[1] == totals->review_groups)
        return KO_OK;
    return ko_fail(
        err, KO_E_BUG, "%llu losers and %llu review groups written, %llu and %llu counted",
        (unsigned long long) sums[0], (unsigned long long) sums[1],
        (unsigned long long) totals->planned, (unsigned long long) totals->review_groups);
}

static enum ko_code
open_files(struct planner *planner, struct ko_world *world, struct ko_error *err)
{
    if (ko_world_rank(world) == 0)
        (void) ko_plan_begin(planner->run, KO_PLAN_NAME, err);
    KO_TRY(ko_gate(world, err));
    KO_TRY(ko_review_writer_open(planner->run->dir, (uint32_t) ko_world_rank(world),
                                 &planner->review, err));

done:
    return err->code;
}

enum ko_code
ko_plan_run(struct ko_resolve *resolve, struct ko_world *world, const struct ko_run *run,
            const struct ko_counts *totals, char digest[65], struct ko_error *err)
{
    struct planner planner = {
        .resolve = resolve, .rules = ko_resolve_rules(resolve), .run = run, .part_index = NO_PART};
    const struct ko_phase_ops ops = {.step = step, .progress = show};
    const struct ko_phase_options options = {.name = "plan",
                                             .ops = &ops,
                                             .self = &planner,
                                             .counters = &planner.n_planned,
                                             .n_counters = 1};
    struct ko_line_writer *review = NULL;
    struct ko_buf all_parts = {0};

    (void) open_files(&planner, world, err);
    (void) ko_phase_run(world, &options, NULL, err);
    review = planner.review;
    planner.review = NULL;
    if (err->code != KO_OK)
        ko_line_writer_abandon(review);
    else if (ko_line_writer_close(review, NULL, err) == KO_OK)
        (void) ko_disk_sync(run->dir, err);
    KO_TRY(ko_world_gather(world, ko_buf_slice(&planner.parts), &all_parts, err));
    KO_TRY(check_written(&planner, world, totals, err));
    if (ko_world_rank(world) == 0)
        (void) write_manifest(world, run, ko_buf_slice(&all_parts), digest, err);
    KO_TRY(ko_gate(world, err));

done:
    ko_plan_writer_abandon(planner.part);
    ko_buf_clear(&planner.keeper.json);
    ko_buf_clear(&planner.loser.json);
    ko_buf_clear(&planner.review_line);
    ko_buf_clear(&planner.review_tail);
    ko_buf_clear(&planner.parts);
    ko_buf_clear(&all_parts);
    return err->code;
}
