#include "keepone/store/sorter.h"

#include "keepone/base/mem.h"
#include "keepone/store/scratch.h"
#include "sorter_priv.h"

enum {
    BUDGET_DEFAULT = 64 * 1024 * 1024,
    BUDGET_MIN = 64 * 1024,
    SPILL_BLOCK_MAX = 64 * 1024,
    SPILL_BLOCK_MIN = 4 * 1024,
    FAN_IN_MAX = 128,
    SLOW_DISK_BYTES_PER_S = 8 * 1024 * 1024
};

struct ko_sorter {
    struct ko_sorter_memory memory;
    const char *folder;
    ko_sorter_compare_fn *compare;
    size_t spill_block_bytes;
    size_t fan_in; /* runs merged at a time */
    struct ko_sorter_batch batch;
    struct ko_sorter_spill *spill; /* NULL while all records are in memory */
    struct ko_sorter_merge merge;
    uint64_t n_records;
    uint64_t spilled_bytes; /* of spills that are closed */
    bool is_finished;
};

static size_t
clamp(uint64_t value, size_t min, size_t max)
{
    return value < min ? min : value > max ? max : (size_t) value;
}

struct ko_sorter *
ko_sorter_new(const struct ko_sorter_options *options, struct ko_error *err)
{
    struct ko_sorter *sorter = ko_alloc(sizeof *sorter, err);
    uint64_t budget = options->memory_bytes == 0 ? BUDGET_DEFAULT : options->memory_bytes;

    if (sorter == NULL)
        return NULL;
    if (budget < BUDGET_MIN)
        budget = BUDGET_MIN;
    sorter->memory.budget_bytes = budget;
    sorter->folder = options->folder;
    sorter->compare = options->compare == NULL ? ko_slice_compare : options->compare;
    sorter->spill_block_bytes = clamp(budget / 64, SPILL_BLOCK_MIN, SPILL_BLOCK_MAX);
    sorter->fan_in = clamp(budget / 2 / sorter->spill_block_bytes, 2, FAN_IN_MAX);
    ko_sorter_batch_init(&sorter->batch, &sorter->memory, options);
    return sorter;
}

void
ko_sorter_free(struct ko_sorter *sorter)
{
    if (sorter == NULL)
        return;
    ko_sorter_merge_clear(&sorter->merge);
    ko_sorter_spill_close(sorter->spill);
    ko_sorter_batch_clear(&sorter->batch);
    ko_free(sorter);
}

static enum ko_code
open_spill(struct ko_sorter *sorter, struct ko_sorter_spill **spill, struct ko_error *err)
{
    return ko_sorter_spill_open(sorter->folder, sorter->spill_block_bytes, &sorter->memory, spill,
                                err);
}

/* Sorts the batch and writes it as a run. */
static enum ko_code
spill_batch(struct ko_sorter *sorter, struct ko_error *err)
{
    struct ko_slice record;
    uint64_t prefix;

    if (sorter->folder == NULL) {
        (void) ko_fail(err, KO_E_MEMORY,
                       "%llu records do not fit the %llu bytes there are to sort them",
                       (unsigned long long) sorter->n_records + 1,
                       (unsigned long long) sorter->memory.budget_bytes);
        ko_hint(err, "allow more memory.");
        return err->code;
    }
    if (sorter->spill == NULL)
        KO_TRY(open_spill(sorter, &sorter->spill, err));
    KO_TRY(ko_sorter_batch_sort(&sorter->batch, err));
    while (ko_sorter_batch_next(&sorter->batch, &prefix, &record))
        KO_TRY(ko_sorter_spill_add(sorter->spill, prefix, record, err));
    KO_TRY(ko_sorter_spill_end_run(sorter->spill, err));
    ko_sorter_batch_reset(&sorter->batch);

done:
    return err->code;
}

enum ko_code
ko_sorter_add(struct ko_sorter *sorter, uint64_t prefix, struct ko_slice record,
              struct ko_error *err)
{
    KO_ASSERT(!sorter->is_finished);
    if (sorter->batch.n_records > 0 && !ko_sorter_batch_has_room(&sorter->batch, prefix, record.n))
        KO_TRY(spill_batch(sorter, err));
    KO_TRY(ko_sorter_batch_add(&sorter->batch, prefix, record, err));
    sorter->n_records++;

done:
    return err->code;
}

unsigned
ko_sorter_slowest_add_s(const struct ko_sorter *sorter)
{
    return sorter == NULL ? 0 : (unsigned) (sorter->memory.budget_bytes / SLOW_DISK_BYTES_PER_S);
}

/* Merges a few runs of the spill into one run of `to`. */
static enum ko_code
merge_runs(struct ko_sorter *sorter, size_t first_run, size_t n_runs, struct ko_sorter_spill *to,
           struct ko_error *err)
{
    struct ko_sorter_merge *merge = &sorter->merge;
    struct ko_slice record;
    uint64_t prefix;

    KO_TRY(ko_sorter_merge_open(merge, sorter->spill, first_run, n_runs, sorter->compare, err));
    for (;;) {
        KO_TRY(ko_sorter_merge_next(merge, &prefix, &record, err));
        if (record.data == NULL)
            break;
        KO_TRY(ko_sorter_spill_add(to, prefix, record, err));
    }
    KO_TRY(ko_sorter_spill_end_run(to, err));

done:
    ko_sorter_merge_clear(merge);
    return err->code;
}

/* Merges neighbours into a new spill, so that there are fan_in times fewer runs. */
static enum ko_code
merge_level(struct ko_sorter *sorter, struct ko_error *err)
{
    struct ko_sorter_spill *to = NULL;
    const size_t n_runs = sorter->spill->n_runs;

    KO_TRY(open_spill(sorter, &to, err));
    for (size_t run = 0; run < n_runs; run += sorter->fan_in) {
        const size_t n = n_runs - run < sorter->fan_in ? n_runs - run : sorter->fan_in;

        KO_TRY(merge_runs(sorter, run, n, to, err));
    }
    sorter->spilled_bytes += ko_scratch_bytes(sorter->spill->file);
    ko_sorter_spill_close(sorter->spill);
    sorter->spill = to;
    to = NULL;

done:
    ko_sorter_spill_close(to);
    return err->code;
}

enum ko_code
ko_sorter_finish(struct ko_sorter *sorter, struct ko_error *err)
{
    KO_ASSERT(!sorter->is_finished);
    sorter->is_finished = true;
    if (sorter->spill == NULL)
        return ko_sorter_batch_sort(&sorter->batch, err);
    KO_TRY(spill_batch(sorter, err));
    ko_sorter_batch_clear(&sorter->batch);
    while (sorter->spill->n_runs > sorter->fan_in)
        KO_TRY(merge_level(sorter, err));
    KO_TRY(ko_sorter_rewind(sorter, err));

done:
    return err->code;
}

enum ko_code
ko_sorter_next(struct ko_sorter *sorter, uint64_t *prefix, struct ko_slice *record,
               struct ko_error *err)
{
    uint64_t ignored;

    KO_ASSERT(sorter->is_finished);
    if (prefix == NULL)
        prefix = &ignored;
    if (sorter->spill != NULL)
        return ko_sorter_merge_next(&sorter->merge, prefix, record, err);
    if (!ko_sorter_batch_next(&sorter->batch, prefix, record))
        *record = (struct ko_slice){NULL, 0};
    return KO_OK;
}

enum ko_code
ko_sorter_rewind(struct ko_sorter *sorter, struct ko_error *err)
{
    KO_ASSERT(sorter->is_finished);
    sorter->batch.next = 0;
    if (sorter->spill == NULL)
        return KO_OK;
    ko_sorter_merge_clear(&sorter->merge);
    return ko_sorter_merge_open(&sorter->merge, sorter->spill, 0, sorter->spill->n_runs,
                                sorter->compare, err);
}

uint64_t
ko_sorter_n_records(const struct ko_sorter *sorter)
{
    return sorter->n_records;
}

uint64_t
ko_sorter_peak_bytes(const struct ko_sorter *sorter)
{
    return sorter->memory.peak_bytes;
}

uint64_t
ko_sorter_spilled_bytes(const struct ko_sorter *sorter)
{
    return sorter->spilled_bytes +
           (sorter->spill == NULL ? 0 : ko_scratch_bytes(sorter->spill->file));
}
