#include "keepone/store/export_chain.h"

#include <stdlib.h>
#include <string.h>

#include "keepone/base/clock.h"

enum { EDGE_US = 60 * 1000000 };

static int
compare_times(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* Exports of one window by their own names, which are the same wherever the folders are. */
static int
compare_names(const struct ko_export *a, const struct ko_export *b)
{
    const int order = strcmp(a->arn, b->arn);

    return order != 0 ? order : strcmp(a->folder, b->folder);
}

static int
compare_ends(const void *left, const void *right)
{
    const struct ko_export *const a = *(struct ko_export *const *) left;
    const struct ko_export *const b = *(struct ko_export *const *) right;
    int order = compare_times(a->until.us, b->until.us);

    if (order == 0)
        order = compare_times(a->from.us, b->from.us);
    return order != 0 ? order : compare_names(a, b);
}

static int
compare_beginnings(const void *left, const void *right)
{
    const struct ko_export *const a = *(struct ko_export *const *) left;
    const struct ko_export *const b = *(struct ko_export *const *) right;
    const int order = compare_times(a->from.us, b->from.us);

    return order != 0 ? order : compare_ends(left, right);
}

/* Exports are asked for in whole seconds: rounded away from the window that they are to fill. */
static void
write_seconds(const struct ko_export_time *moment, bool is_end, char text[KO_CLOCK_TEXT_BYTES])
{
    const int64_t second_us = 1000000;
    const int64_t whole = moment->us / second_us + (is_end && moment->us % second_us != 0);

    ko_wall_text(whole * second_us, text);
}

static enum ko_code
check_table(const struct ko_export *full, const struct ko_export *changes, struct ko_error *err)
{
    if (strcmp(full->table_id, changes->table_id) == 0 &&
        strcmp(full->table_arn, changes->table_arn) == 0)
        return KO_OK;
    (void) ko_fail(err, KO_E_REFUSED,
                   "'%s' is of the table %s with the id %s, the full export of %s with the id %s",
                   changes->folder, changes->table_arn, changes->table_id, full->table_arn,
                   full->table_id);
    ko_hint(err, "changes of one table say nothing of another; a table that was made anew is "
                 "another one.");
    return err->code;
}

static enum ko_code
check_end(const struct ko_export *full, const struct ko_export *changes, struct ko_error *err)
{
    if (changes->until.us > full->until.us)
        return KO_OK;
    (void) ko_fail(err, KO_E_REFUSED,
                   "the window of '%s' ends at %s, and the full export is of %s: it has nothing "
                   "that is newer",
                   changes->folder, changes->until.text, full->until.text);
    ko_hint(err, "leave it out.");
    return err->code;
}

/*
 * What was made before the full export's time and deleted after it is an item of the full export,
 * and a window that saw both says nothing of it: it would stay, and might be kept instead of an
 * item that is there.  The edge is there because services round times.
 */
static enum ko_code
check_beginning(const struct ko_export *full, const struct ko_export *changes, struct ko_error *err)
{
    char from[KO_CLOCK_TEXT_BYTES];
    char until[KO_CLOCK_TEXT_BYTES];

    if (changes->from.us >= full->until.us - EDGE_US)
        return KO_OK;
    (void) ko_fail(err, KO_E_REFUSED,
                   "the window of '%s' begins at %s, before the full export of %s: it does not "
                   "tell of items that were made before and deleted after that",
                   changes->folder, changes->from.text, full->until.text);
    write_seconds(&full->until, false, from);
    write_seconds(&changes->until, true, until);
    ko_hint(err, "export the changes again with keepone export --from %s --until %s.", from, until);
    return err->code;
}

/* exports: by their beginnings. */
static enum ko_code
check_gaps(const struct ko_export *full, struct ko_export *const *changes, size_t n,
           struct ko_error *err)
{
    const struct ko_export *last = full;
    char from[KO_CLOCK_TEXT_BYTES];
    char until[KO_CLOCK_TEXT_BYTES];

    for (size_t i = 0; i < n; i++) {
        if (changes[i]->from.us > last->until.us) {
            (void) ko_fail(err, KO_E_REFUSED,
                           "the changes between %s, where '%s' ends, and %s, where '%s' begins, "
                           "are missing",
                           last->until.text, last->folder, changes[i]->from.text,
                           changes[i]->folder);
            write_seconds(&last->until, false, from);
            write_seconds(&changes[i]->from, true, until);
            ko_hint(err,
                    "export them with keepone export --from %s --until %s, and add that to "
                    "--catch-up.",
                    from, until);
            return err->code;
        }
        if (changes[i]->until.us > last->until.us)
            last = changes[i];
    }
    return KO_OK;
}

enum ko_code
ko_export_chain(const struct ko_export *full, struct ko_export **changes, size_t n,
                struct ko_error *err)
{
    for (size_t i = 0; i < n; i++) {
        KO_TRY(check_table(full, changes[i], err));
        KO_TRY(check_end(full, changes[i], err));
        KO_TRY(check_beginning(full, changes[i], err));
    }
    qsort(changes, n, sizeof changes[0], compare_beginnings);
    KO_TRY(check_gaps(full, changes, n, err));
    qsort(changes, n, sizeof changes[0], compare_ends);

done:
    return err->code;
}

bool
ko_export_must_have(const struct ko_export *changes, uint64_t written_us)
{
    return written_us >= (uint64_t) changes->from.us + EDGE_US &&
           (uint64_t) changes->until.us > EDGE_US &&
           written_us < (uint64_t) changes->until.us - EDGE_US;
}
