#include "catch_up_priv.h"
#include "keepone/base/mem.h"

enum { LOOKS_MAX = 1024 };

struct caught_up_source {
    struct ko_source full;
    struct ko_catch_up *catch_up;
    uint64_t own_claim;
    bool is_own;                  /* the open claim is the own one */
    struct ko_row_reader *images; /* of the own claim */

    /* What is_ready() has looked at already: values are borrowed from full. */
    bool has_held;
    bool is_held_item; /* false: the end of the claim */
    bool is_busy;      /* it stopped looking although more is at hand */
    struct ko_slice held[KO_LOOKED_MAX];
    struct ko_buf scratch;
};

static enum ko_code
begin(void *self, uint64_t claim_index, struct ko_error *err)
{
    struct caught_up_source *source = self;
    const struct ko_row_kind kind = ko_catch_up_kind(source->catch_up->rules);

    ko_row_reader_close(source->images);
    source->images = NULL;
    source->has_held = false;
    source->is_own = claim_index == source->own_claim;
    if (source->is_own)
        return ko_row_reader_open(source->catch_up->path, &kind, &source->images, err);
    return source->full.ops->begin(source->full.self, claim_index, err);
}

/* Is there a newer state of the item than this one of the full export? */
static enum ko_code
is_superseded(struct caught_up_source *source, const struct ko_slice *values, bool *is_superseded,
              struct ko_error *err)
{
    struct ko_wide_fingerprint fingerprint;

    *is_superseded = false;
    KO_TRY(ko_touched_fingerprint(source->catch_up->rules, values, &source->scratch, &fingerprint,
                                  err));
    *is_superseded = ko_touched_has(source->catch_up->touched, fingerprint);
    source->catch_up->n_superseded += *is_superseded;

done:
    if (err->code != KO_OK)
        source->full.ops->context(source->full.self, err);
    return err->code;
}

/* Looks at one item of the full export and holds it, or the end, unless it is superseded. */
static enum ko_code
look_at_one(struct caught_up_source *source, struct ko_error *err)
{
    bool is_old = false;

    KO_TRY(source->full.ops->next(source->full.self, source->held, &source->is_held_item, err));
    if (source->is_held_item)
        KO_TRY(is_superseded(source, source->held, &is_old, err));
    source->has_held = !is_old;

done:
    return err->code;
}

static enum ko_code
next(void *self, struct ko_slice *values, bool *has_item, struct ko_error *err)
{
    struct caught_up_source *source = self;

    if (source->is_own)
        return ko_row_reader_next(source->images, values, has_item, err);
    while (!source->has_held)
        KO_TRY(look_at_one(source, err));
    source->has_held = false;
    *has_item = source->is_held_item;
    memcpy(values, source->held, source->catch_up->rules->n_looked * sizeof *values);

done:
    return err->code;
}

/* Many items in a row may be superseded: after some the caller gets its turn. */
static enum ko_code
is_ready(void *self, bool *answer, struct ko_error *err)
{
    struct caught_up_source *source = self;

    source->is_busy = false;
    *answer = true;
    for (int i = 0; !source->is_own && !source->has_held; i++) {
        source->is_busy = i == LOOKS_MAX;
        if (source->is_busy)
            *answer = false;
        else
            KO_TRY(ko_source_is_ready(&source->full, answer, err));
        if (!*answer)
            break;
        KO_TRY(look_at_one(source, err));
    }

done:
    return err->code;
}

static void
wait_for_more(void *self, unsigned max_us)
{
    const struct caught_up_source *source = self;

    if (!source->is_own && !source->is_busy)
        ko_source_wait(&source->full, max_us);
}

static void
context(void *self, struct ko_error *err)
{
    const struct caught_up_source *source = self;

    if (source->is_own)
        ko_row_reader_context(source->images, err);
    else
        source->full.ops->context(source->full.self, err);
}

static void
free_source(void *self)
{
    struct caught_up_source *source = self;

    ko_row_reader_close(source->images);
    ko_buf_clear(&source->scratch);
    source->full.ops->free(source->full.self);
    ko_free(source);
}

struct ko_source
ko_source_of_catch_up(struct ko_source full, struct ko_catch_up *catch_up, uint64_t own_claim,
                      struct ko_error *err)
{
    static const struct ko_source_ops ops = {.begin = begin,
                                             .next = next,
                                             .is_ready = is_ready,
                                             .wait = wait_for_more,
                                             .context = context,
                                             .free = free_source};
    struct caught_up_source *source = ko_alloc(sizeof *source, err);

    if (source == NULL) {
        full.ops->free(full.self);
        return (struct ko_source){NULL, NULL};
    }
    source->full = full;
    source->catch_up = catch_up;
    source->own_claim = own_claim;
    return (struct ko_source){&ops, source};
}
