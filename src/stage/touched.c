#include "keepone/stage/touched.h"

#include "keepone/base/mem.h"
#include "keepone/format/value.h"

/* Open addressing, three places of four taken at most; a place of zeros is free. */
struct ko_touched {
    uint64_t n;
    uint64_t n_max;
    uint64_t n_places;
    struct ko_wide_fingerprint *places;
};

static uint64_t
places_for(uint64_t n)
{
    return n + n / 3 + 1;
}

uint64_t
ko_touched_bytes(uint64_t n)
{
    return places_for(n) * sizeof(struct ko_wide_fingerprint);
}

struct ko_touched *
ko_touched_new(uint64_t n, struct ko_error *err)
{
    struct ko_touched *touched = ko_alloc(sizeof *touched, err);

    if (touched == NULL)
        return NULL;
    touched->n_max = n;
    touched->n_places = places_for(n);
    touched->places = ko_alloc_array(touched->n_places, sizeof *touched->places, err);
    if (touched->places != NULL)
        return touched;
    ko_touched_free(touched);
    return NULL;
}

void
ko_touched_free(struct ko_touched *touched)
{
    if (touched == NULL)
        return;
    ko_free(touched->places);
    ko_free(touched);
}

/* The place where the fingerprint is, or would be. */
static uint64_t
find_place(const struct ko_touched *touched, struct ko_wide_fingerprint fingerprint)
{
    uint64_t place = fingerprint.low % touched->n_places;

    for (;;) {
        const struct ko_wide_fingerprint *at = &touched->places[place];

        if ((at->high == fingerprint.high && at->low == fingerprint.low) ||
            (at->high == 0 && at->low == 0))
            return place;
        place = place + 1 == touched->n_places ? 0 : place + 1;
    }
}

/* Zeros mean a free place. */
static struct ko_wide_fingerprint
never_zero(struct ko_wide_fingerprint fingerprint)
{
    if (fingerprint.high == 0 && fingerprint.low == 0)
        fingerprint.low = 1;
    return fingerprint;
}

enum ko_code
ko_touched_add(struct ko_touched *touched, struct ko_wide_fingerprint fingerprint,
               struct ko_error *err)
{
    struct ko_wide_fingerprint *at;

    fingerprint = never_zero(fingerprint);
    at = &touched->places[find_place(touched, fingerprint)];
    if (at->high != 0 || at->low != 0)
        return KO_OK;
    if (touched->n == touched->n_max)
        return ko_fail(err, KO_E_BUG, "more than %llu primary keys were touched",
                       (unsigned long long) touched->n_max);
    *at = fingerprint;
    touched->n++;
    return KO_OK;
}

bool
ko_touched_has(const struct ko_touched *touched, struct ko_wide_fingerprint fingerprint)
{
    const struct ko_wide_fingerprint *at;

    fingerprint = never_zero(fingerprint);
    at = &touched->places[find_place(touched, fingerprint)];
    return at->high != 0 || at->low != 0;
}

uint64_t
ko_touched_n(const struct ko_touched *touched)
{
    return touched->n;
}

enum ko_code
ko_touched_fingerprint(const struct ko_rules *rules, const struct ko_slice *values,
                       struct ko_buf *scratch, struct ko_wide_fingerprint *fingerprint,
                       struct ko_error *err)
{
    ko_buf_reset(scratch);
    for (size_t i = 0; i < (rules->has_range ? 2U : 1U); i++) {
        if (ko_value_is_plain_string(values[i], NULL))
            ko_buf_add_slice(scratch, values[i]);
        else if (ko_value_add_canonical(scratch, values[i], err) != KO_OK)
            ko_context(err, "attribute '%.*s'", KO_SLICE_ARG(rules->looked[i].path.text));
        KO_TRY(err->code);
    }
    KO_TRY(ko_buf_finish(scratch, err));
    *fingerprint = ko_wide_fingerprint(ko_buf_slice(scratch));

done:
    return err->code;
}
