#include "keepone/base/mem.h"
#include "sorter_priv.h"

/* True if the record of reader a comes before that of reader b; of equal ones the earlier run's. */
static bool
is_before(const struct ko_sorter_merge *merge, size_t a, size_t b)
{
    const struct ko_sorter_run_reader *left = &merge->readers[a];
    const struct ko_sorter_run_reader *right = &merge->readers[b];
    int order;

    if (left->prefix != right->prefix)
        return left->prefix < right->prefix;
    order = merge->compare(left->record, right->record);
    return order != 0 ? order < 0 : a < b;
}

/* Restores the heap below `at`, whose record may be too large for its place. */
static void
sift_down(struct ko_sorter_merge *merge, size_t at)
{
    const size_t moving = merge->heap[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= merge->n_heap)
            break;
        if (child + 1 < merge->n_heap &&
            is_before(merge, merge->heap[child + 1], merge->heap[child]))
            child++;
        if (is_before(merge, moving, merge->heap[child]))
            break;
        merge->heap[at] = merge->heap[child];
        at = child;
    }
    merge->heap[at] = moving;
}

enum ko_code
ko_sorter_merge_open(struct ko_sorter_merge *merge, struct ko_sorter_spill *spill, size_t first_run,
                     size_t n_runs, ko_sorter_compare_fn *compare, struct ko_error *err)
{
    *merge = (struct ko_sorter_merge){.spill = spill, .compare = compare};
    merge->readers = ko_alloc_array(n_runs, sizeof *merge->readers, err);
    if (merge->readers != NULL)
        merge->heap = ko_alloc_array(n_runs, sizeof *merge->heap, err);
    KO_TRY(err->code);
    for (; merge->n_readers < n_runs; merge->n_readers++) {
        struct ko_sorter_run_reader *reader = &merge->readers[merge->n_readers];

        reader->left = spill->runs[first_run + merge->n_readers];
        if (ko_sorter_spill_read(spill, reader, err) != KO_OK) {
            merge->n_readers++; /* its block is freed with the others */
            break;
        }
        if (reader->record.data != NULL)
            merge->heap[merge->n_heap++] = merge->n_readers;
    }
    KO_TRY(err->code);
    for (size_t at = merge->n_heap / 2; at-- > 0;)
        sift_down(merge, at);

done:
    return err->code;
}

/* Moves on from the smallest record, which was given out. */
static enum ko_code
drop_first(struct ko_sorter_merge *merge, struct ko_error *err)
{
    struct ko_sorter_run_reader *reader = &merge->readers[merge->heap[0]];

    KO_TRY(ko_sorter_spill_read(merge->spill, reader, err));
    if (reader->record.data == NULL)
        merge->heap[0] = merge->heap[--merge->n_heap];
    if (merge->n_heap > 0)
        sift_down(merge, 0);

done:
    return err->code;
}

enum ko_code
ko_sorter_merge_next(struct ko_sorter_merge *merge, uint64_t *prefix, struct ko_slice *record,
                     struct ko_error *err)
{
    *record = (struct ko_slice){NULL, 0};
    if (merge->is_started && merge->n_heap > 0)
        KO_TRY(drop_first(merge, err));
    merge->is_started = true;
    if (merge->n_heap > 0) {
        *prefix = merge->readers[merge->heap[0]].prefix;
        *record = merge->readers[merge->heap[0]].record;
    }

done:
    return err->code;
}

void
ko_sorter_merge_clear(struct ko_sorter_merge *merge)
{
    for (size_t i = 0; i < merge->n_readers; i++)
        ko_sorter_memory_free(merge->spill->memory, merge->readers[i].block,
                              merge->readers[i].capacity);
    ko_free(merge->readers);
    ko_free(merge->heap);
    *merge = (struct ko_sorter_merge){0};
}
