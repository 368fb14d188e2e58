/*
 * Source: where items are read from, claim by claim, as often as wanted.
 *
 * Two kinds: an export (claim = data file) and the row files of a live scan (claim = segment).
 * Both give the same bytes each time, so the source is its own spill.
 *
 * Thread use: one thread per rank.  MPI: none, every call is local.
 */
#ifndef KEEPONE_STAGE_SOURCE_H
#define KEEPONE_STAGE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"
#include "keepone/record/rules.h"

struct ko_export;

struct ko_source_ops {
    /* Opens a claim; one at a time. */
    enum ko_code (*begin)(void *self, uint64_t claim_index, struct ko_error *err);

    /* Sets values[n_looked] of the next item, borrowed until the next call; *has_item = false at
     * the end, when all checks have passed. */
    enum ko_code (*next)(void *self, struct ko_slice *values, bool *has_item, struct ko_error *err);

    /*
     * Goes behind the next item, which was read before, as next() would, but looks at nothing in
     * it.  NULL: a next() that nobody looks at.
     */
    enum ko_code (*skip)(void *self, bool *has_item, struct ko_error *err);

    /*
     * False while next() would wait for a network; takes in what has arrived.  Values become
     * invalid.  NULL: always ready.
     */
    enum ko_code (*is_ready)(void *self, bool *is_ready, struct ko_error *err);

    /* Waits until more has arrived, max_us at most.  There if is_ready is. */
    void (*wait)(void *self, unsigned max_us);

    /* Items of the open claim that were left out by --where; known at its end. */
    uint64_t (*n_filtered)(void *self); /* NULL = none ever */

    /* Says in front of a failure with which item, by file and line, it came. */
    void (*context)(void *self, struct ko_error *err);

    void (*free)(void *self);
};

struct ko_source {
    const struct ko_source_ops *ops;
    void *self;
};

/* Goes behind the next item of a claim that is read again; the count at its end is checked. */
static inline enum ko_code
ko_source_skip(const struct ko_source *source, bool *has_item, struct ko_error *err)
{
    struct ko_slice values[KO_LOOKED_MAX];

    if (source->ops->skip != NULL)
        return source->ops->skip(source->self, has_item, err);
    return source->ops->next(source->self, values, has_item, err);
}

/* Is an item, or the claim's end, at hand? */
static inline enum ko_code
ko_source_is_ready(const struct ko_source *source, bool *is_ready, struct ko_error *err)
{
    *is_ready = true;
    return source->ops->is_ready == NULL ? KO_OK
                                         : source->ops->is_ready(source->self, is_ready, err);
}

static inline void
ko_source_wait(const struct ko_source *source, unsigned max_us)
{
    if (source->ops->is_ready != NULL)
        source->ops->wait(source->self, max_us);
}

/*
 * Items of an export's data files; claim i is file i.  export and rules are borrowed.
 * Errors name file and line.  Freed by ops->free; on failure ops is NULL.
 */
struct ko_source ko_source_of_export(const struct ko_export *export, const struct ko_rules *rules,
                                     bool check_md5, struct ko_error *err);

/*
 * Rows of finished segments; claim i is segment i of total_segments of the table's scan, see
 * stage/scan.h. identity: text that row files of this scan carry. All are borrowed.
 */
struct ko_source ko_source_of_rows(const char *folder, const struct ko_rules *rules,
                                   const char *identity, uint64_t total_segments,
                                   struct ko_error *err);

#endif
