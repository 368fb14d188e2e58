#include "ahead_priv.h"
#include "journal_priv.h"
#include "keepone/base/mem.h"
#include "keepone/base/mount.h"

/*
 * Two bytes per plan line: bits 0-2 the outcome, bits 3-4 the undo, bit 5 open, the rest the
 * number of images in the journal, which tells the replay which of them is the last.
 */
enum {
    OUTCOME_MASK = 7,
    UNDO_SHIFT = 3,
    UNDO_MASK = 3,
    OPEN_BIT = 1 << 5,
    IMAGES_SHIFT = 6,
    IMAGES_MAX = (1 << 10) - 1
};

struct lines {
    uint64_t n;       /* of the plan's part */
    uint16_t *states; /* one per line; NULL if the part is not ours */
};

struct ko_journal_index {
    char *dir;
    struct ko_journal_files files;
    struct ko_journal_parts parts;
    uint64_t n_cut;
    struct lines lines[KO_PLAN_PARTS_MAX];
};

/* ---- the state of one line ---- */

static unsigned
images_of(uint16_t state)
{
    return (unsigned) state >> IMAGES_SHIFT;
}

/* Later events win; only an intent leaves a final outcome as it is. */
static uint16_t
state_after(uint16_t state, const struct ko_journal_event *event)
{
    unsigned outcome = state & OUTCOME_MASK;
    unsigned undo = state >> UNDO_SHIFT & UNDO_MASK;
    unsigned open = state & OPEN_BIT;
    const unsigned images = images_of(state) + (event->image.data != NULL ? 1 : 0);

    switch (event->kind) {
    case KO_EVENT_INTENT:
        if (outcome == KO_OUTCOME_NONE || outcome == KO_OUTCOME_FAILED) {
            outcome = KO_OUTCOME_NONE;
            open = OPEN_BIT;
        }
        break;
    case KO_EVENT_OUTCOME:
        /* What was deleted stays so, whatever another attempt at the same time found. */
        if (outcome != KO_OUTCOME_DELETED &&
            (outcome != KO_OUTCOME_UNCONFIRMED || event->outcome == KO_OUTCOME_DELETED))
            outcome = event->outcome;
        open = 0;
        break;
    case KO_EVENT_UNDO:
        undo = event->undo;
        break;
    }
    return (uint16_t) (outcome | undo << UNDO_SHIFT | open | images << IMAGES_SHIFT);
}

struct ko_line_state
ko_journal_index_line(const struct ko_journal_index *index, uint32_t part, uint64_t line)
{
    uint16_t state;

    KO_ASSERT(part >= index->parts.first && part < index->parts.last);
    KO_ASSERT(line >= 1 && line <= index->lines[part].n);
    state = index->lines[part].states[line - 1];
    return (struct ko_line_state){.has_image = images_of(state) > 0,
                                  .is_open = (state & OPEN_BIT) != 0,
                                  .outcome = (enum ko_outcome)(state & OUTCOME_MASK),
                                  .undo = (enum ko_undo)(state >> UNDO_SHIFT & UNDO_MASK)};
}

/* ---- walking over all events ---- */

/* Where a walk over all files of an index stands. */
struct walk {
    const struct ko_journal_index *index;
    struct lines *lines; /* KO_PLAN_PARTS_MAX, by part */
    struct ko_ahead files;
    struct ko_line_reader *reader; /* of the file in hand, or NULL */
    struct ko_buf scratch;         /* of the event in hand */
    uint64_t n_cut;
};

static void
end_walk(struct walk *walk)
{
    ko_line_reader_close(walk->reader);
    walk->reader = NULL;
    ko_ahead_clear(&walk->files);
    ko_buf_clear(&walk->scratch);
}

static enum ko_code
open_file(void *self, size_t index, void **reader, struct ko_error *err)
{
    const struct walk *walk = self;
    const struct ko_journal_file *file = &walk->index->files.files[index];
    /* A piece was never added to: no crash can have cut it. */
    const struct ko_line_reader_options options = {.tolerate_cut_tail = file->piece == 0};
    struct ko_line_reader *opened = NULL;
    char path[KO_PATH_BYTES];

    KO_TRY(ko_journal_path(path, walk->index->dir, file, err));
    KO_TRY(ko_line_reader_open(path, &options, &opened, err));

done:
    *reader = opened;
    return err->code;
}

static void
close_file(void *reader)
{
    ko_line_reader_close(reader);
}

/* After the index has its files. */
static void
begin_walk(struct walk *walk, const struct ko_journal_index *index)
{
    walk->index = index;
    walk->files = (struct ko_ahead){.open = open_file,
                                    .close = close_file,
                                    .self = walk,
                                    .n = index->files.n,
                                    .is_remote = ko_path_is_remote(index->dir)};
}

/* Sets *state to the state of the event's line, or to NULL if it is of a part that is not ours. */
static enum ko_code
read_event(struct walk *walk, struct ko_slice text, struct ko_journal_event *event,
           uint16_t **state, struct ko_error *err)
{
    const struct lines *lines;

    if (ko_journal_event_decode(text, event, &walk->scratch, err) != KO_OK)
        return err->code;
    lines = &walk->lines[event->part];
    if (event->line < 1 || event->line > lines->n)
        return ko_fail(err, KO_E_CORRUPT, "the plan has no line %llu in part %u",
                       (unsigned long long) event->line, event->part);
    *state = lines->states == NULL ? NULL : &lines->states[event->line - 1];
    return KO_OK;
}

static enum ko_code
take_file(struct walk *walk, struct ko_error *err)
{
    void *reader;

    (void) ko_ahead_take(&walk->files, &reader, err);
    walk->reader = reader;
    return err->code;
}

/* The next event of our parts, with the state of its line; *state = NULL at the end. */
static enum ko_code
next_event(struct walk *walk, struct ko_journal_event *event, uint16_t **state,
           struct ko_error *err)
{
    *state = NULL;
    while (*state == NULL) {
        struct ko_slice text;

        if (walk->reader == NULL)
            KO_TRY(take_file(walk, err));
        if (walk->reader == NULL)
            break;
        KO_TRY(ko_line_reader_next(walk->reader, &text, err));
        if (text.data == NULL) {
            walk->n_cut += ko_line_reader_was_cut(walk->reader) ? 1 : 0;
            ko_line_reader_close(walk->reader);
            walk->reader = NULL;
        } else if (read_event(walk, text, event, state, err) != KO_OK) {
            ko_line_reader_context(walk->reader, err);
        }
        KO_TRY(err->code);
    }

done:
    if (err->code == KO_E_CORRUPT)
        ko_hint(err, "the journal was edited or damaged: nothing more is done to the table until "
                     "that file is whole again.");
    return err->code;
}

/* ---- the index ---- */

static void
free_lines(struct lines *lines)
{
    for (size_t part = 0; part < KO_PLAN_PARTS_MAX; part++)
        ko_free(lines[part].states);
}

static enum ko_code
note_all(struct walk *walk, struct ko_error *err)
{
    struct ko_journal_event event;
    uint16_t *state;

    KO_TRY(next_event(walk, &event, &state, err));
    while (state != NULL) {
        if (event.image.data != NULL && images_of(*state) == IMAGES_MAX)
            KO_TRY(ko_fail(err, KO_E_CORRUPT, "a plan line has more than %d images", IMAGES_MAX));
        *state = state_after(*state, &event);
        KO_TRY(next_event(walk, &event, &state, err));
    }

done:
    return err->code;
}

static enum ko_code
make_lines(struct ko_journal_index *index, const struct ko_plan_manifest *manifest,
           struct ko_error *err)
{
    for (size_t i = 0; i < manifest->n_parts; i++) {
        const struct ko_plan_part *part = &manifest->parts[i];
        struct lines *lines = &index->lines[part->part];

        lines->n = part->n_lines;
        if (part->part < index->parts.first || part->part >= index->parts.last)
            continue;
        lines->states = ko_alloc_array(part->n_lines, sizeof *lines->states, err);
        if (lines->states == NULL)
            return err->code;
    }
    return KO_OK;
}

enum ko_code
ko_journal_index_read(const char *dir, const struct ko_plan_manifest *manifest,
                      struct ko_journal_parts parts, struct ko_journal_index **index,
                      struct ko_error *err)
{
    struct walk walk = {0};

    KO_ASSERT(parts.first <= parts.last && parts.last <= KO_PLAN_PARTS_MAX);
    *index = ko_alloc(sizeof **index, err);
    if (*index == NULL)
        return err->code;
    walk.lines = (*index)->lines;
    (*index)->parts = parts;
    (*index)->dir = ko_copy_text(ko_slice_of(dir), err);
    KO_TRY(err->code);
    KO_TRY(make_lines(*index, manifest, err));
    KO_TRY(ko_journal_files_list(dir, &(*index)->files, err));
    begin_walk(&walk, *index);
    KO_TRY(note_all(&walk, err));
    (*index)->n_cut = walk.n_cut;

done:
    end_walk(&walk);
    if (err->code != KO_OK) {
        ko_journal_index_free(*index);
        *index = NULL;
    }
    return err->code;
}

void
ko_journal_index_free(struct ko_journal_index *index)
{
    if (index == NULL)
        return;
    free_lines(index->lines);
    ko_journal_files_clear(&index->files);
    ko_free(index->dir);
    ko_free(index);
}

enum ko_code
ko_journal_fail_incomplete(const char *dir, uint64_t n_lines, struct ko_error *err)
{
    (void) ko_fail(err, KO_E_CORRUPT,
                   "the run is finished, but '%s/journal' does not account for %llu of its lines",
                   dir, (unsigned long long) n_lines);
    ko_hint(err, "nothing was written: bring back what is missing or cut in that folder.");
    return err->code;
}

uint64_t
ko_journal_index_n_cut(const struct ko_journal_index *index)
{
    return index->n_cut;
}

static void
count_line(struct ko_line_state line, struct ko_ledger *ledger)
{
    uint64_t *const outcomes[] = {
        [KO_OUTCOME_NONE] = line.is_open ? &ledger->open : &ledger->left,
        [KO_OUTCOME_DELETED] = &ledger->deleted,
        [KO_OUTCOME_UNCONFIRMED] = &ledger->deleted,
        [KO_OUTCOME_GONE] = &ledger->gone,
        [KO_OUTCOME_CHANGED] = &ledger->changed,
        [KO_OUTCOME_SPARED] = &ledger->spared,
        [KO_OUTCOME_FAILED] = &ledger->failed,
    };

    ledger->planned++;
    ++*outcomes[line.outcome];
    if (line.outcome == KO_OUTCOME_UNCONFIRMED)
        ledger->unconfirmed++;
    if (line.undo == KO_UNDO_RESTORED)
        ledger->restored++;
    else if (line.undo == KO_UNDO_PRESENT)
        ledger->present++;
    else if (line.undo == KO_UNDO_FAILED)
        ledger->undo_failed++;
}

void
ko_journal_index_ledger(const struct ko_journal_index *index, struct ko_ledger *ledger)
{
    *ledger = (struct ko_ledger){0};
    for (uint32_t part = index->parts.first; part < index->parts.last; part++) {
        for (uint64_t line = 1; line <= index->lines[part].n; line++)
            count_line(ko_journal_index_line(index, part, line), ledger);
    }
}

/* ---- replaying ---- */

struct ko_journal_replay {
    struct walk walk;
    struct lines lines[KO_PLAN_PARTS_MAX]; /* a copy, on which images are counted down */
};

static enum ko_code
copy_lines(const struct lines *from, struct lines *to, struct ko_error *err)
{
    for (size_t part = 0; part < KO_PLAN_PARTS_MAX; part++) {
        const uint64_t n = from[part].n;

        to[part].n = n;
        if (from[part].states == NULL)
            continue;
        to[part].states = ko_alloc_array(n, sizeof *to->states, err);
        if (to[part].states == NULL)
            return err->code;
        memcpy(to[part].states, from[part].states, n * sizeof *to->states);
    }
    return KO_OK;
}

enum ko_code
ko_journal_replay_open(const struct ko_journal_index *index, struct ko_journal_replay **replay,
                       struct ko_error *err)
{
    *replay = ko_alloc(sizeof **replay, err);
    if (*replay == NULL)
        return err->code;
    begin_walk(&(*replay)->walk, index);
    (*replay)->walk.lines = (*replay)->lines;
    if (copy_lines(index->lines, (*replay)->lines, err) != KO_OK) {
        ko_journal_replay_close(*replay);
        *replay = NULL;
    }
    return err->code;
}

enum ko_code
ko_journal_replay_next(struct ko_journal_replay *replay, struct ko_journal_event *event,
                       bool *has_event, struct ko_error *err)
{
    uint16_t *state;

    *has_event = false;
    KO_TRY(next_event(&replay->walk, event, &state, err));
    *has_event = state != NULL;
    if (state == NULL || event->image.data == NULL)
        return KO_OK;
    if (images_of(*state) == 0)
        KO_TRY(ko_fail(err, KO_E_CORRUPT, "the journal grew while it was read"));
    *state = (uint16_t) (*state - (1 << IMAGES_SHIFT));
    event->is_last_image = images_of(*state) == 0;

done:
    return err->code;
}

void
ko_journal_replay_close(struct ko_journal_replay *replay)
{
    if (replay == NULL)
        return;
    end_walk(&replay->walk);
    free_lines(replay->lines);
    ko_free(replay);
}
