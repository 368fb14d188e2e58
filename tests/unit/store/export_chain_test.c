#include "keepone/store/export_chain.h"

#include "keepone/base/buf.h"
#include "support/test.h"

enum { EXPORTS_MAX = 8 };

#define HOUR_US INT64_C(3600000000)

/* An export of the hours "<name><from>-<until>", one digit each, such as "a3-6". */
static struct ko_export
changes_of(const char *text, char folder[2], char times[2][2])
{
    struct ko_export export = {.kind = KO_EXPORT_CHANGES,
                               .arn = "",
                               .table_arn = "arn:t",
                               .table_id = "id",
                               .from.us = (text[1] - '0') * HOUR_US,
                               .until.us = (text[3] - '0') * HOUR_US};

    (void) snprintf(folder, 2, "%c", text[0]);
    (void) snprintf(times[0], 2, "%c", text[1]);
    (void) snprintf(times[1], 2, "%c", text[3]);
    export.folder = folder;
    export.from.text = times[0];
    export.until.text = times[1];
    return export;
}

/* Chains the exports named, such as "a3-6 b6-9", to a full one of hour 3: their order or the error.
 */
static const char *
chained(const char *names)
{
    static char shown[KO_ERROR_TEXT_BYTES + 32];
    struct ko_export full = {.folder = "full",
                             .table_arn = "arn:t",
                             .table_id = "id",
                             .from = {"3", 3 * HOUR_US},
                             .until = {"3", 3 * HOUR_US}};
    struct ko_export exports[EXPORTS_MAX];
    struct ko_export *pointers[EXPORTS_MAX];
    char folders[EXPORTS_MAX][2];
    char times[EXPORTS_MAX][2][2];
    struct ko_error err = {0};
    size_t n = 0;

    for (const char *at = names; *at != '\0'; at += at[4] == '\0' ? 4 : 5, n++) {
        exports[n] = changes_of(at, folders[n], times[n]);
        pointers[n] = &exports[n];
    }
    shown[0] = '\0';
    if (ko_export_chain(&full, pointers, n, &err) != KO_OK)
        (void) snprintf(shown, sizeof shown, "%s: %s", ko_code_name(err.code), err.text);
    for (size_t i = 0; i < n && err.code == KO_OK; i++)
        (void) strncat(shown, pointers[i]->folder, 1);
    return shown;
}

static void
windows_are_ordered_by_their_ends(void)
{
    static const struct {
        const char *names;
        const char *order;
    } cases[] = {
        {"a3-6", "a"},
        {"a3-6 b6-9", "ab"},
        {"b6-9 a3-6", "ab"},
        {"a3-9 b4-5", "ba"},
        {"a3-6 b4-6", "ab"},
        {"b4-6 a3-6", "ab"},
        {"a3-6 b3-6", "ab"},
        {"b3-6 a3-6", "ab"},
        {"c5-9 b3-5 a3-4", "abc"},
        {"a3-4 b3-9 c4-5", "acb"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_TEXT(chained(cases[i].names), cases[i].order);
}

static void
gaps_are_refused_with_both_times(void)
{
    CHECK_TEXT(chained("a4-6"), "refused: the changes between 3, where 'full' ends, and 4, where "
                                "'a' begins, are missing");
    CHECK_TEXT(chained("a3-5 b6-9"), "refused: the changes between 5, where 'a' ends, and 6, where "
                                     "'b' begins, are missing");
    CHECK_TEXT(chained("b7-9 a3-6 c4-5"), "refused: the changes between 6, where 'a' ends, and 7, "
                                          "where 'b' begins, are missing");
}

/* The command in a hint can be given as it stands. */
static void
hints_are_in_whole_seconds(void)
{
    const struct ko_export full = {
        .folder = "full", .table_arn = "arn:t", .table_id = "id", .until = {"1.028", 1028000}};
    struct ko_export changes = {.folder = "a",
                                .table_arn = "arn:t",
                                .table_id = "id",
                                .from = {"7200.5", 2 * HOUR_US + 500000},
                                .until = {"3", 3 * HOUR_US}};
    struct ko_export *pointer = &changes;
    struct ko_error err = {0};

    (void) ko_export_chain(&full, &pointer, 1, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    assert_non_null(strstr(err.hint, "--from 1970-01-01T00:00:01.000Z"));
    assert_non_null(strstr(err.hint, "--until 1970-01-01T02:00:01.000Z"));
}

static void
windows_that_end_before_the_export_are_refused(void)
{
    CHECK_TEXT(chained("a1-3 b3-5"),
               "refused: the window of 'a' ends at 3, and the full export is of 3: it has nothing "
               "that is newer");
}

/* Of an item of hour 2 that was deleted in hour 4 they say nothing, and the full export has it. */
static void
windows_that_begin_before_the_export_are_refused(void)
{
    CHECK_TEXT(chained("a2-6"),
               "refused: the window of 'a' begins at 2, before the full export of 3: it does not "
               "tell of items that were made before and deleted after that");
    CHECK_TEXT(chained("b3-9 a2-6"),
               "refused: the window of 'a' begins at 2, before the full export of 3: it does not "
               "tell of items that were made before and deleted after that");
}

static void
times_that_were_rounded_by_less_than_a_minute_are_taken(void)
{
    const int64_t minute_us = 60000000;
    const struct ko_export full = {.folder = "full",
                                   .table_arn = "arn:t",
                                   .table_id = "id",
                                   .until = {"3", 3 * HOUR_US + 999999}};

    for (int64_t more_us = 0; more_us < 2; more_us++) {
        struct ko_export changes = {.folder = "a",
                                    .table_arn = "arn:t",
                                    .table_id = "id",
                                    .from = {"2", full.until.us - minute_us - more_us},
                                    .until = {"5", 5 * HOUR_US}};
        struct ko_export *pointer = &changes;
        struct ko_error err = {0};

        assert_int_equal(ko_export_chain(&full, &pointer, 1, &err),
                         more_us == 0 ? KO_OK : KO_E_REFUSED);
    }
}

static void
other_tables_are_refused(void)
{
    static const struct {
        const char *arn;
        const char *id;
    } others[] = {{"arn:u", "id"}, {"arn:t", "other"}};

    for (size_t i = 0; i < 2; i++) {
        struct ko_export full = {.folder = "full", .table_arn = "arn:t", .table_id = "id"};
        struct ko_export changes = {
            .folder = "a", .table_arn = others[i].arn, .table_id = others[i].id, .until.us = 1};
        struct ko_export *pointer = &changes;
        struct ko_error err = {0};

        (void) ko_export_chain(&full, &pointer, 1, &err);
        CHECK_CODE(err, KO_E_REFUSED);
        CHECK_ERROR_SAYS(err, others[i].arn);
        CHECK_ERROR_SAYS(err, others[i].id);
    }
}

static void
what_a_window_saw_written_must_be_in_it(void)
{
    const uint64_t minute_us = 60000000;
    struct ko_export changes = {.from.us = HOUR_US, .until.us = 2 * HOUR_US};

    assert_true(ko_export_must_have(&changes, HOUR_US + minute_us));
    assert_true(ko_export_must_have(&changes, 2 * HOUR_US - minute_us - 1));
    assert_false(ko_export_must_have(&changes, HOUR_US + minute_us - 1));
    assert_false(ko_export_must_have(&changes, 2 * HOUR_US - minute_us));
    assert_false(ko_export_must_have(&changes, 0));
    assert_false(ko_export_must_have(&changes, UINT64_MAX));
    changes.from.us = 0;
    changes.until.us = 1;
    assert_false(ko_export_must_have(&changes, UINT64_MAX));
}

CASES = {
    CASE(windows_are_ordered_by_their_ends),
    CASE(gaps_are_refused_with_both_times),
    CASE(hints_are_in_whole_seconds),
    CASE(windows_that_end_before_the_export_are_refused),
    CASE(windows_that_begin_before_the_export_are_refused),
    CASE(times_that_were_rounded_by_less_than_a_minute_are_taken),
    CASE(other_tables_are_refused),
    CASE(what_a_window_saw_written_must_be_in_it),
};
RUN_CASES
