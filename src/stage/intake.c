#include "keepone/stage/intake.h"

#include <string.h>

#include "keepone/base/buf.h"
#include "keepone/base/mem.h"
#include "keepone/comm/world.h"
#include "keepone/record/record.h"
#include "keepone/stage/row_log.h"

struct ko_intake {
    const struct ko_rules *rules;
    bool may_lack_attributes;
    struct ko_repeats *repeats;
    struct ko_counts counts;
    uint64_t n_keyed;
    uint64_t n_present[KO_LOOKED_MAX];
    struct ko_buf scratch;

    struct ko_row_log *log; /* NULL without one */
    bool is_logging;        /* the open claim fits so far */
    bool is_log_full;       /* a claim did not fit: none is tried after it */
    uint64_t n_logged;      /* items of the claims in the log that were not asked for again yet */

    uint64_t n_open_items; /* of the open claim */
    struct ko_intake_claim *claims;
    size_t n_claims;
    size_t claims_capacity;
};

struct ko_intake *
ko_intake_new(const struct ko_intake_options *options, struct ko_error *err)
{
    const struct ko_repeats_options repeats = {.name = "fingerprint",
                                               .folder = options->folder,
                                               .memory_bytes = options->repeats_bytes,
                                               .n_eighths = 5};
    struct ko_intake *intake = ko_alloc(sizeof *intake, err);

    if (intake == NULL)
        return NULL;
    intake->rules = options->rules;
    intake->may_lack_attributes = options->may_lack_attributes;
    intake->repeats = ko_repeats_new(&repeats, err);
    if (intake->repeats != NULL && options->log_bytes > 0)
        intake->log = ko_row_log_new(options->rules->n_looked, options->log_bytes, err);
    if (err->code == KO_OK)
        return intake;
    ko_intake_free(intake);
    return NULL;
}

void
ko_intake_free(struct ko_intake *intake)
{
    if (intake == NULL)
        return;
    ko_row_log_free(intake->log);
    ko_repeats_free(intake->repeats);
    ko_buf_clear(&intake->scratch);
    ko_free(intake->claims);
    ko_free(intake);
}

void
ko_intake_begin(struct ko_intake *intake)
{
    intake->n_open_items = 0;
    intake->is_logging = intake->log != NULL && !intake->is_log_full;
    if (intake->is_logging)
        ko_row_log_mark(intake->log);
}

enum ko_code
ko_intake_end(struct ko_intake *intake, uint64_t claim_index, struct ko_error *err)
{
    if (intake->n_claims == intake->claims_capacity) {
        const size_t capacity = intake->claims_capacity == 0 ? 64 : intake->claims_capacity * 2;
        struct ko_intake_claim *moved = ko_realloc(intake->claims, capacity * sizeof *moved, err);

        if (moved == NULL)
            return err->code;
        intake->claims = moved;
        intake->claims_capacity = capacity;
    }
    intake->claims[intake->n_claims++] = (struct ko_intake_claim){
        .index = claim_index, .n_items = intake->n_open_items, .is_logged = intake->is_logging};
    if (intake->is_logging)
        intake->n_logged += intake->n_open_items;
    return KO_OK;
}

/* A claim that does not fit is read again later, so its rows so far go. */
static void
log_row(struct ko_intake *intake, const struct ko_slice *values)
{
    if (ko_row_log_add(intake->log, values))
        return;
    ko_row_log_take_back(intake->log);
    intake->is_logging = false;
    intake->is_log_full = true;
}

enum ko_code
ko_intake_add(struct ko_intake *intake, const struct ko_slice *values, struct ko_error *err)
{
    uint64_t fingerprint;
    bool is_missing;

    intake->counts.read++;
    intake->n_open_items++;
    for (size_t i = 0; i < intake->rules->n_looked; i++)
        intake->n_present[i] += values[i].data != NULL;
    KO_TRY(ko_key_fingerprint(intake->rules, values, &intake->scratch, &fingerprint, &is_missing,
                              err));
    if (is_missing) {
        intake->counts.missing++;
        return ko_repeats_add_none(intake->repeats, err);
    }
    intake->n_keyed++;
    KO_TRY(ko_repeats_add(intake->repeats, fingerprint, err));
    if (intake->is_logging)
        log_row(intake, values);

done:
    return err->code;
}

void
ko_intake_add_filtered(struct ko_intake *intake, uint64_t n_items)
{
    intake->counts.read += n_items;
    intake->counts.filtered += n_items;
}

/* A typo in an attribute's name must not decide what is deleted. */
static enum ko_code
check_presence(const struct ko_intake *intake, const uint64_t *n_present, uint64_t n_items,
               struct ko_error *err)
{
    for (size_t i = 0; i < intake->rules->n_looked && n_items > 0; i++) {
        const struct ko_rules *rules = intake->rules;
        const struct ko_looked *looked = &rules->looked[i];
        const char *const option = looked->is_key                          ? "--key"
                                   : looked->is_keep                       ? "--keep"
                                   : looked->is_same                       ? "--same"
                                   : looked->is_ttl && rules->ttl_is_given ? "--ttl"
                                                                           : NULL;

        if (option == NULL || n_present[i] > 0)
            continue;
        (void) ko_fail(err, KO_E_OPTION, "%s: no item of %llu has the attribute '%.*s'", option,
                       (unsigned long long) n_items, KO_SLICE_ARG(looked->path.text));
        ko_hint(err, "check the spelling of the attribute; nothing was written.");
        return err->code;
    }
    return KO_OK;
}

static enum ko_code
check_missing(const struct ko_intake *intake, const struct ko_counts *totals, struct ko_error *err)
{
    if (intake->rules->missing_key != KO_MISSING_ERROR || totals->missing == 0)
        return KO_OK;
    (void) ko_fail(err, KO_E_REFUSED, "%llu of %llu items have no key",
                   (unsigned long long) totals->missing, (unsigned long long) totals->read);
    ko_hint(err, "with --missing-key skip such items are counted and left alone.");
    return err->code;
}

enum ko_code
ko_intake_finish(struct ko_intake *intake, struct ko_world *world, struct ko_repeats_stats *stats,
                 struct ko_error *err)
{
    struct ko_counts totals = intake->counts;
    uint64_t n_present[KO_LOOKED_MAX];

    memcpy(n_present, intake->n_present, sizeof n_present);
    KO_TRY(ko_world_sum(world, n_present, KO_LOOKED_MAX, err));
    KO_TRY(ko_counts_sum(world, &totals, err));
    if (!intake->may_lack_attributes)
        KO_TRY(check_presence(intake, n_present, totals.read - totals.filtered, err));
    KO_TRY(check_missing(intake, &totals, err));
    KO_TRY(ko_repeats_find(intake->repeats, world, stats, err));

done:
    return err->code;
}

const struct ko_counts *
ko_intake_counts(const struct ko_intake *intake)
{
    return &intake->counts;
}

const struct ko_intake_claim *
ko_intake_claims(const struct ko_intake *intake, size_t *n_claims)
{
    *n_claims = intake->n_claims;
    return intake->claims;
}

enum ko_code
ko_intake_next(struct ko_intake *intake, struct ko_repeats_answer *answer, struct ko_error *err)
{
    return ko_repeats_next(intake->repeats, answer, err);
}

enum ko_code
ko_intake_pass(struct ko_intake *intake, uint64_t most, uint64_t *n_passed, struct ko_error *err)
{
    uint64_t n_none;

    return ko_repeats_pass(intake->repeats, most, n_passed, &n_none, err);
}

enum ko_code
ko_intake_next_logged(struct ko_intake *intake, uint64_t most, uint64_t *n_items,
                      bool *is_candidate, struct ko_error *err)
{
    const uint64_t n = intake->n_logged < most ? intake->n_logged : most;
    struct ko_repeats_answer answer;
    uint64_t n_none;

    KO_TRY(ko_repeats_pass(intake->repeats, n, n_items, &n_none, err));
    ko_row_log_skip(intake->log, *n_items - n_none);
    *is_candidate = *n_items < n;
    if (*is_candidate) {
        KO_TRY(ko_repeats_next(intake->repeats, &answer, err));
        ko_row_log_skip(intake->log, 1);
        (*n_items)++;
    }
    intake->n_logged -= *n_items;

done:
    return err->code;
}

enum ko_code
ko_intake_logged_values(struct ko_intake *intake, struct ko_slice *values, struct ko_error *err)
{
    return ko_row_log_values(intake->log, values, err);
}

uint64_t
ko_intake_n_keyed(const struct ko_intake *intake)
{
    return intake->n_keyed;
}
