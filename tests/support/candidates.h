/*
 * Candidates: a rank's sorter of records, made from lines of text.
 */
#ifndef KEEPONE_TESTS_SUPPORT_CANDIDATES_H
#define KEEPONE_TESTS_SUPPORT_CANDIDATES_H

#include "keepone/comm/world.h"
#include "keepone/store/sorter.h"
#include "lines.h"

static inline int
compare_candidates(struct ko_slice a, struct ko_slice b)
{
    return ko_record_compare(a, b);
}

/* The records of this rank's partitions. */
static inline enum ko_code
add_candidates(struct ko_world *world, const struct ko_rules *rules, struct ko_source source,
               struct ko_sorter *sorter, struct ko_error *err)
{
    struct ko_slice values[KO_LOOKED_MAX];
    struct ko_buf bytes = {0};
    struct ko_record record;
    unsigned owner;
    bool has_item;

    KO_TRY(source.ops->begin(source.self, 0, err));
    for (;;) {
        KO_TRY(source.ops->next(source.self, values, &has_item, err));
        if (!has_item)
            break;
        ko_buf_reset(&bytes);
        KO_TRY(ko_record_add(rules, values, &bytes, err));
        KO_TRY(ko_record_decode(ko_buf_slice(&bytes), &record, err));
        owner = ko_partition_owner(ko_partition_of(record.fingerprint),
                                   (unsigned) ko_world_size(world));
        if (owner == (unsigned) ko_world_rank(world))
            KO_TRY(ko_sorter_add(sorter, record.fingerprint, record.bytes, err));
    }

done:
    ko_buf_clear(&bytes);
    return err->code;
}

/* A sorter with what this rank owns of the lines; NULL after a failure. */
static inline struct ko_sorter *
new_candidates(struct ko_world *world, const struct ko_rules *rules, const char *lines,
               struct ko_error *err)
{
    const struct ko_sorter_options options = {.compare = compare_candidates};
    struct ko_sorter *sorter = ko_sorter_new(&options, err);
    struct line_reader *reader;
    struct ko_source source = line_source(ko_slice_of(lines), rules, &reader, err);

    if (source.ops != NULL) {
        (void) add_candidates(world, rules, source, sorter, err);
        source.ops->free(source.self);
    }
    (void) ko_sorter_finish(sorter, err);
    return sorter;
}

#endif
