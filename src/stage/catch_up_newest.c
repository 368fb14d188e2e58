#include <inttypes.h>

#include "catch_up_priv.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/phase.h"
#include "keepone/comm/world.h"
#include "keepone/store/export.h"
#include "keepone/store/export_chain.h"
#include "keepone/store/sorter.h"

enum { CHANGES_PER_STEP = 1024, KEY_BYTES = 16, KEYS_PER_MESSAGE = 2048 };

/* ---- newest: the last state of each key ---- */

/* True if a window behind the newest change's saw its write, and no more of the item. */
static bool
is_gone_later(const struct ko_catching_up *all)
{
    const struct ko_slice head = ko_buf_slice(&all->newest);
    const uint64_t window = ko_change_number(head, KO_CHANGE_MOMENT_OFFSET, 4);
    const uint64_t written_us = ko_change_number(head, KO_CHANGE_MOMENT_OFFSET + 4, 8);

    for (size_t i = window + 1; i < all->config->n_changes; i++) {
        if (ko_export_must_have(all->config->changes[i], written_us))
            return true;
    }
    return false;
}

/* The set of all touched keys may take half of a rank's memory. */
static bool
has_room(const struct ko_catching_up *all, uint64_t n_touched)
{
    return ko_touched_bytes(n_touched) <= all->config->memory_bytes / 2;
}

/* The open key is complete: it is touched, and what there is of it at the end is written. */
static enum ko_code
close_key(struct ko_catching_up *all, struct ko_error *err)
{
    const size_t n_values = all->config->rules->n_looked;
    struct ko_slice rows = ko_buf_slice(&all->newest);
    struct ko_slice values[KO_LOOKED_MAX];

    if (rows.n == 0)
        return KO_OK;
    all->stats.n_touched++;
    if (has_room(all, all->stats.n_touched)) /* else the next phase fails, as soon as all know */
        ko_buf_add(&all->own_keys, rows.data, KEY_BYTES);
    KO_TRY(ko_buf_finish(&all->own_keys, err));
    rows.data += KO_CHANGE_HEAD_BYTES;
    rows.n -= KO_CHANGE_HEAD_BYTES;
    if (is_gone_later(all))
        rows.n = 0;
    while (rows.n > 0) {
        KO_TRY(ko_row_next(&rows, values, n_values, err));
        KO_TRY(ko_row_writer_add(all->writer, values, err));
        all->stats.n_images++;
    }
    ko_buf_reset(&all->newest);

done:
    return err->code;
}

/* A change of the open key, not older than those before it. */
static void
take_change(struct ko_catching_up *all, struct ko_slice change)
{
    struct ko_buf *newest = &all->newest;
    struct ko_slice row = change;

    row.data += KO_CHANGE_HEAD_BYTES;
    row.n -= KO_CHANGE_HEAD_BYTES;
    if (newest->n == 0 ||
        memcmp(newest->data, change.data, KO_CHANGE_STATE_OFFSET) != 0) { /* newer, or the first */
        ko_buf_reset(newest);
        ko_buf_add_slice(newest, change);
        all->last_row_offset = KO_CHANGE_HEAD_BYTES;
        return;
    }
    if (ko_slice_equal(row, (struct ko_slice){newest->data + all->last_row_offset,
                                              newest->n - all->last_row_offset}))
        return; /* the same export, or file, once more */
    all->last_row_offset = newest->n;
    ko_buf_add_slice(newest, row);
}

static enum ko_code
newest_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct ko_catching_up *all = self;

    (void) phase;
    *state = KO_PHASE_BUSY;
    for (int i = 0; i < CHANGES_PER_STEP; i++) {
        struct ko_slice change;

        KO_TRY(ko_sorter_next(all->sorter, NULL, &change, err));
        if (change.data == NULL ||
            (all->newest.n > 0 && memcmp(all->newest.data, change.data, KEY_BYTES) != 0))
            KO_TRY(close_key(all, err));
        if (change.data == NULL) {
            *state = KO_PHASE_DONE;
            break;
        }
        take_change(all, change);
        KO_TRY(ko_buf_finish(&all->newest, err));
    }

done:
    return err->code;
}

/* Closes the file of images, or throws it away after a failure. */
static enum ko_code
close_images(struct ko_catching_up *all, struct ko_error *err)
{
    const uint64_t no_counters[KO_ROW_COUNTERS] = {0};

    if (err->code == KO_OK && all->writer != NULL)
        (void) ko_row_writer_close(all->writer, no_counters, err);
    else
        ko_row_writer_abandon(all->writer);
    all->writer = NULL;
    return err->code;
}

enum ko_code
ko_catch_up_find_newest(struct ko_catching_up *all, struct ko_error *err)
{
    const struct ko_phase_ops ops = {.step = newest_step};
    const struct ko_phase_options options = {.name = "newest", .ops = &ops, .self = all};
    const struct ko_row_kind kind = ko_catch_up_kind(all->config->rules);

    (void) ko_row_writer_open(all->result->path, &kind, &all->writer, err);
    (void) ko_phase_run(all->world, &options, NULL, err);
    (void) close_images(all, err);
    KO_TRY(ko_gate(all->world, err));
    ko_sorter_free(all->sorter);
    all->sorter = NULL;

done:
    return err->code;
}

/* ---- touched: all keys to all ranks ---- */

static enum ko_code
send_step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct ko_catching_up *all = self;
    const struct ko_slice keys = ko_buf_slice(&all->own_keys);

    while (all->next_key_offset < keys.n && !ko_phase_is_full(phase)) {
        struct ko_slice part = {keys.data + all->next_key_offset, keys.n - all->next_key_offset};

        if (part.n > KEYS_PER_MESSAGE * KEY_BYTES)
            part.n = KEYS_PER_MESSAGE * KEY_BYTES;
        for (int rank = 0; rank < ko_world_size(all->world); rank++)
            KO_TRY(ko_phase_send(phase, rank, part, err));
        all->next_key_offset += part.n;
    }
    *state = all->next_key_offset == keys.n ? KO_PHASE_DONE : KO_PHASE_BUSY;

done:
    return err->code;
}

static enum ko_code
receive_keys(void *self, struct ko_phase *phase, int source, struct ko_slice content,
             struct ko_error *err)
{
    struct ko_catching_up *all = self;

    (void) phase;
    (void) source;
    for (size_t offset = 0; offset + KEY_BYTES <= content.n; offset += KEY_BYTES) {
        const struct ko_wide_fingerprint key = {ko_change_number(content, offset, 8),
                                                ko_change_number(content, offset + 8, 8)};

        KO_TRY(ko_touched_add(all->result->touched, key, err));
    }

done:
    return err->code;
}

static enum ko_code
check_room(const struct ko_catching_up *all, uint64_t n_touched, struct ko_error *err)
{
    const uint64_t needed = ko_touched_bytes(n_touched);

    if (has_room(all, n_touched))
        return KO_OK;
    (void) ko_fail(err, KO_E_MEMORY,
                   "%" PRIu64 " items have changed: their keys need %" PRIu64
                   " MiB on every rank, and half of its memory is %" PRIu64 " MiB",
                   n_touched, needed >> 20, all->config->memory_bytes >> 21);
    ko_hint(err, "give more --memory, run fewer ranks on each machine, or make a new full export.");
    return err->code;
}

enum ko_code
ko_catch_up_share_keys(struct ko_catching_up *all, uint64_t n_touched, struct ko_error *err)
{
    const struct ko_phase_ops ops = {.step = send_step, .receive = receive_keys};
    const struct ko_phase_options options = {.name = "touched", .ops = &ops, .self = all};
    struct ko_phase_stats phase_stats = {0};

    if (check_room(all, n_touched, err) == KO_OK)
        all->result->touched = ko_touched_new(n_touched, err);
    (void) ko_phase_run(all->world, &options, &phase_stats, err);
    all->stats.n_wire_bytes += phase_stats.n_wire_bytes;
    if (err->code == KO_OK && ko_touched_n(all->result->touched) != n_touched)
        (void) ko_fail(err, KO_E_BUG, "%" PRIu64 " keys were touched, %" PRIu64 " are known",
                       n_touched, ko_touched_n(all->result->touched));
    KO_TRY(ko_gate(all->world, err));

done:
    return err->code;
}
