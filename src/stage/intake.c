#include "keepone/stage/intake.h"

#include <string.h>

#include "keepone/base/buf.h"
#include "keepone/base/mem.h"
#include "keepone/comm/world.h"
#include "keepone/record/record.h"
#include "keepone/store/row_file.h"

enum {
    ROW_OVERHEAD_BYTES = 10 * (KO_LOOKED_MAX + 1), /* of a row beside its values, at most */
    FINGERPRINT_BYTES = 8
};

/* A piece of the log: entries of a fingerprint and a row. */
struct block {
    struct block *next;
    size_t n_pages_bytes;
    size_t capacity;
    size_t n;
    char bytes[];
};

struct ko_intake {
    const struct ko_rules *rules;
    struct ko_repeats *repeats;
    struct ko_counts counts;
    uint64_t n_keyed;
    uint64_t n_present[KO_LOOKED_MAX];
    struct ko_buf scratch;

    struct block *first;
    struct block *last;
    uint64_t log_bytes;
    uint64_t log_limit_bytes;
    bool is_logging;          /* the open claim fits so far */
    struct block *open_block; /* where the open claim starts, to take it back */
    size_t open_offset;

    struct ko_intake_claim *claims;
    size_t n_claims;
    size_t claims_capacity;
};

struct ko_intake *
ko_intake_new(const struct ko_intake_options *options, struct ko_error *err)
{
    const struct ko_repeats_options repeats = {.name = "fingerprint",
                                               .memory_bytes = options->repeats_bytes};
    struct ko_intake *intake = ko_alloc(sizeof *intake, err);

    if (intake == NULL)
        return NULL;
    intake->rules = options->rules;
    intake->log_limit_bytes = options->log_bytes;
    intake->repeats = ko_repeats_new(&repeats, err);
    if (intake->repeats == NULL) {
        ko_free(intake);
        return NULL;
    }
    return intake;
}

static void
free_blocks_after(struct ko_intake *intake, struct block *keep)
{
    struct block *block = keep == NULL ? intake->first : keep->next;

    while (block != NULL) {
        struct block *const next = block->next;

        intake->log_bytes -= block->n_pages_bytes;
        ko_pages_free(block, block->n_pages_bytes);
        block = next;
    }
    if (keep == NULL)
        intake->first = NULL;
    else
        keep->next = NULL;
    intake->last = keep;
}

void
ko_intake_free(struct ko_intake *intake)
{
    if (intake == NULL)
        return;
    free_blocks_after(intake, NULL);
    ko_repeats_free(intake->repeats);
    ko_buf_clear(&intake->scratch);
    ko_free(intake->claims);
    ko_free(intake);
}

void
ko_intake_begin(struct ko_intake *intake)
{
    intake->is_logging = intake->log_limit_bytes > 0;
    intake->open_block = intake->last;
    intake->open_offset = intake->last == NULL ? 0 : intake->last->n;
}

/* The open claim does not fit: it is read again later, so its rows so far go. */
static void
take_back_claim(struct ko_intake *intake)
{
    free_blocks_after(intake, intake->open_block);
    if (intake->last != NULL)
        intake->last->n = intake->open_offset;
    intake->is_logging = false;
    intake->log_limit_bytes = intake->log_bytes; /* whole blocks only: nothing more will fit */
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
    intake->claims[intake->n_claims++] =
        (struct ko_intake_claim){.index = claim_index, .is_logged = intake->is_logging};
    return KO_OK;
}

/* Adds a block with room for n bytes; NULL if the log is full or memory is short. */
static struct block *
add_block(struct ko_intake *intake, size_t n)
{
    struct ko_error ignored = {0};
    const size_t n_pages_bytes =
        (sizeof(struct block) + n + KO_PAGES_BYTES - 1) / KO_PAGES_BYTES * KO_PAGES_BYTES;
    struct block *block;

    if (intake->log_bytes + n_pages_bytes > intake->log_limit_bytes)
        return NULL;
    block = ko_pages_new(n_pages_bytes, &ignored);
    if (block == NULL)
        return NULL;
    block->n_pages_bytes = n_pages_bytes;
    block->capacity = n_pages_bytes - sizeof *block;
    if (intake->last == NULL)
        intake->first = block;
    else
        intake->last->next = block;
    intake->last = block;
    intake->log_bytes += n_pages_bytes;
    return block;
}

static void
log_row(struct ko_intake *intake, uint64_t fingerprint, const struct ko_slice *values)
{
    const size_t n_looked = intake->rules->n_looked;
    size_t n = FINGERPRINT_BYTES + ROW_OVERHEAD_BYTES;
    struct block *block;
    struct ko_buf room;

    for (size_t i = 0; i < n_looked; i++)
        n += values[i].n;
    block = intake->last;
    if (block == NULL || block->capacity - block->n < n)
        block = add_block(intake, n);
    if (block == NULL) {
        take_back_claim(intake);
        return;
    }
    /* A buffer over the block's free bytes; it holds n, so it never moves. */
    room = (struct ko_buf){.data = block->bytes + block->n, .capacity = n};
    ko_buf_add_u64(&room, fingerprint);
    ko_row_add(&room, values, n_looked);
    KO_ASSERT(!room.failed && room.data == block->bytes + block->n && room.n <= n);
    block->n += room.n;
}

enum ko_code
ko_intake_add(struct ko_intake *intake, const struct ko_slice *values, struct ko_error *err)
{
    uint64_t fingerprint;
    bool is_missing;

    intake->counts.read++;
    for (size_t i = 0; i < intake->rules->n_looked; i++)
        intake->n_present[i] += values[i].data != NULL;
    KO_TRY(ko_key_fingerprint(intake->rules, values, &intake->scratch, &fingerprint, &is_missing,
                              err));
    if (is_missing) {
        intake->counts.missing++;
        return KO_OK;
    }
    intake->n_keyed++;
    KO_TRY(ko_repeats_add(intake->repeats, fingerprint, err));
    if (intake->is_logging)
        log_row(intake, fingerprint, values);

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
        const struct ko_looked *looked = &intake->rules->looked[i];
        const char *const option = looked->is_key    ? "--key"
                                   : looked->is_keep ? "--keep"
                                   : looked->is_same ? "--same"
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

bool
ko_intake_is_candidate(const struct ko_intake *intake, uint64_t fingerprint)
{
    return ko_repeats_has(intake->repeats, fingerprint);
}

enum ko_code
ko_intake_next_logged(const struct ko_intake *intake, struct ko_intake_cursor *cursor,
                      uint64_t *fingerprint, struct ko_slice *values, bool *has_row,
                      struct ko_error *err)
{
    const struct block *block = cursor->block == NULL ? intake->first : cursor->block;
    struct ko_slice rest;

    while (block != NULL && cursor->offset >= block->n) {
        block = block->next;
        cursor->offset = 0;
    }
    cursor->block = block;
    *has_row = block != NULL;
    if (block == NULL)
        return KO_OK;
    rest = (struct ko_slice){block->bytes + cursor->offset, block->n - cursor->offset};
    *fingerprint = ko_read_u64(rest.data);
    rest.data += FINGERPRINT_BYTES;
    rest.n -= FINGERPRINT_BYTES;
    if (ko_row_next(&rest, values, intake->rules->n_looked, err) != KO_OK)
        return err->code;
    cursor->offset = block->n - rest.n;
    return KO_OK;
}

uint64_t
ko_intake_n_keyed(const struct ko_intake *intake)
{
    return intake->n_keyed;
}

uint64_t
ko_intake_peak_bytes(const struct ko_intake *intake)
{
    return intake->log_bytes;
}
