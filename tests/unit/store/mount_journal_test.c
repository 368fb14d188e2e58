#include "keepone/base/clock.h"
#include "keepone/base/mount.h"
#include "keepone/store/journal.h"
#include "keepone/store/lease.h"
#include "run_support.h"
#include "support/trial_mount.h"

/* Journals and leases where files are made as a whole, never added to, never renamed. */

static struct ko_plan_manifest *manifest;

static void
case_begin(void)
{
    struct ko_run *run;

    mount_begin();
    (void) snprintf(temp_folder, sizeof temp_folder, "test://b/run");
    run = run_begin();
    manifest = plan_write(run);
    ko_run_free(run);
}

static void
case_end(void)
{
    ko_plan_manifest_free(manifest);
    mount_end();
}

static const char *
journal_names(void)
{
    return mount_names("test://b/run/journal");
}

/* ---- journals ---- */

/* Line `letter` of part 3: an intent in lower case, in upper case its outcome, deleted. */
static enum ko_code
add(struct ko_journal *journal, char letter, struct ko_error *err)
{
    const bool is_intent = letter >= 'a';
    const struct ko_journal_event event = {
        .kind = is_intent ? KO_EVENT_INTENT : KO_EVENT_OUTCOME,
        .part = 3,
        .line = (uint64_t) (letter - (is_intent ? 'a' : 'A') + 1),
        .image = is_intent ? KO_SLICE("{\"pk\":{\"S\":\"x\"}}") : (struct ko_slice){NULL, 0},
        .outcome = is_intent ? KO_OUTCOME_NONE : KO_OUTCOME_DELETED};

    return ko_journal_add(journal, &event, err);
}

/* Writes events; "/" commits, "!" at the end leaves the journal as a crash does. */
static enum ko_code
write_journal(uint32_t attempt, uint32_t rank, const char *events, struct ko_error *err)
{
    const struct ko_journal_options options = {.attempt = attempt, .rank = rank};
    struct ko_journal *journal = NULL;

    KO_TRY(ko_journal_open(temp_folder, &options, &journal, err));
    for (; *events != '\0' && *events != '!'; events++) {
        if (*events == '/')
            KO_TRY(ko_journal_commit(journal, NULL, err));
        else
            KO_TRY(add(journal, *events, err));
    }
    if (*events == '\0')
        return ko_journal_close(journal, err);

done:
    ko_journal_abandon(journal);
    return err->code;
}

static void
write_well(uint32_t attempt, uint32_t rank, const char *events)
{
    struct ko_error err = {0};

    (void) write_journal(attempt, rank, events, &err);
    CHECK_OK(err);
}

/* Lines a, b and c of part 3: "-" nothing, "i" an open intent, "D" deleted; or an error. */
static const char *
states(void)
{
    static const struct ko_journal_parts all = {0, 1024};
    static char text[2 * KO_ERROR_TEXT_BYTES];
    struct ko_journal_index *index = NULL;
    struct ko_error err = {0};

    if (ko_journal_index_read(temp_folder, manifest, all, &index, &err) != KO_OK) {
        (void) snprintf(text, sizeof text, "%s: %s", ko_code_name(err.code), err.text);
        return text;
    }
    for (uint64_t line = 1; line <= 3; line++) {
        const struct ko_line_state state = ko_journal_index_line(index, 3, line);

        text[line - 1] = state.is_open ? 'i' : state.outcome == KO_OUTCOME_DELETED ? 'D' : '-';
    }
    text[3] = '\0';
    ko_journal_index_free(index);
    return text;
}

static void
each_commit_is_a_piece(void)
{
    case_begin();
    write_well(1, 7, "a/Ab/Bc");
    CHECK_TEXT(journal_names(), "apply-0001-rank-00007-000001.jsonl.zst "
                                "apply-0001-rank-00007-000002.jsonl.zst "
                                "apply-0001-rank-00007-000003.jsonl.zst ");
    CHECK_TEXT(states(), "DDi");
    case_end();
}

static void
a_commit_of_nothing_is_no_piece(void)
{
    case_begin();
    write_well(1, 0, "//");
    CHECK_TEXT(journal_names(), "");
    CHECK_TEXT(states(), "---");
    case_end();
}

static void
a_crash_loses_only_what_was_not_committed(void)
{
    case_begin();
    write_well(1, 0, "ab/A!");
    CHECK_TEXT(states(), "ii-");
    write_well(2, 0, "AB");
    CHECK_TEXT(states(), "DD-");
    case_end();
}

static void
pieces_follow_each_other_by_number(void)
{
    char events[2 * 40 + 2] = "a/"; /* more than are opened ahead */

    case_begin();
    for (size_t i = 0; i < 39; i++)
        memcpy(events + 2 + 2 * i, "b/", 3);
    write_well(1, 0, events);
    write_well(1, 1, "c");
    write_well(2, 0, "A/B");
    CHECK_TEXT(states(), "DDi");
    case_end();
}

static void
a_missing_piece_is_noticed(void)
{
    case_begin();
    write_well(1, 0, "a/b/c");
    write_well(1, 1, "A");
    mount_remove("test://b/run/journal/apply-0001-rank-00000-000002.jsonl.zst");
    CHECK_TEXT(states(), "corrupt: 'test://b/run/journal/apply-0001-rank-00000-000002.jsonl.zst' "
                         "is missing, but there are later pieces");
    mount_remove("test://b/run/journal/apply-0001-rank-00000-000001.jsonl.zst");
    CHECK_TEXT(states(), "corrupt: 'test://b/run/journal/apply-0001-rank-00000-000001.jsonl.zst' "
                         "is missing, but there are later pieces");
    case_end();
}

static void
a_damaged_piece_is_no_crash(void)
{
    static const char path[] = "test://b/run/journal/apply-0001-rank-00000-000001.jsonl.zst";
    struct mount_object *object;

    case_begin();
    write_well(1, 0, "a/b");
    object = mount_find(path);
    object->content.n--;
    assert_non_null(strstr(states(), "corrupt: 'test://b/run/journal/apply-0001"));
    object->content.n = 0;
    assert_non_null(strstr(states(), "no bytes at all"));
    case_end();
}

static void
names_of_another_form_are_no_pieces(void)
{
    static const char *const names[] = {
        "apply-0001-rank-00000-00001.jsonl.zst", "apply-0001-rank-00000-000000.jsonl.zst",
        "apply-0001-rank-00000-000001.jsonl", "apply-0001-rank-00000-.jsonl.zst"};

    case_begin();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];

        (void) snprintf(path, sizeof path, "test://b/run/journal/%s", names[i]);
        mount_put(path, KO_SLICE("x"));
        assert_non_null(strstr(states(), "is not a journal file"));
        mount_remove(path);
    }
    case_end();
}

static void
the_next_attempt_is_above_all_pieces(void)
{
    struct ko_error err = {0};
    uint32_t attempt = 0;

    case_begin();
    write_well(4, 2, "a/b");
    (void) ko_journal_next_attempt(temp_folder, &attempt, &err);
    CHECK_OK(err);
    assert_int_equal(attempt, 5);
    mount_fail_nth(1);
    (void) ko_journal_next_attempt(temp_folder, &attempt, &err);
    CHECK_CODE(err, KO_E_AWS);
    case_end();
}

/* Two starts that chose the same number. */
static void
a_piece_of_somebody_else_is_never_replaced(void)
{
    struct ko_error err = {0};

    case_begin();
    write_well(1, 0, "a/");
    (void) write_journal(1, 0, "b/", &err);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, "is there already");
    CHECK_TEXT(states(), "i--");
    case_end();
}

static void
clear_journal(void)
{
    while (journal_names()[0] != '\0') {
        char path[256];

        (void) snprintf(path, sizeof path, "test://b/run/journal/%.*s",
                        (int) strcspn(journal_names(), " "), journal_names());
        mount_remove(path);
    }
}

/* What is committed is there, with or without the reply. */
static void
a_commit_that_fails_is_told(void)
{
    struct ko_error err = {0};

    case_begin();
    MOUNT_TORTURE(err, clear_journal(), write_journal(1, 0, "a/Ab/B", &err),
                  assert_true(strcmp(states(), "DD-") != 0));
    CHECK_TEXT(states(), "DD-");
    clear_journal();
    mount.is_reply_lost = true;
    mount_fail_nth(1);
    err = (struct ko_error){0};
    (void) write_journal(1, 0, "a/", &err);
    CHECK_CODE(err, KO_E_AWS);
    CHECK_TEXT(states(), "i--");
    case_end();
}

static enum ko_code
read_index(struct ko_error *err)
{
    static const struct ko_journal_parts all = {0, 1024};
    struct ko_journal_index *index = NULL;

    (void) ko_journal_index_read(temp_folder, manifest, all, &index, err);
    ko_journal_index_free(index);
    return err->code;
}

static void
a_journal_that_cannot_be_read_is_not_taken_for_an_empty_one(void)
{
    struct ko_error err = {0};

    case_begin();
    write_well(1, 0, "a/b/c");
    MOUNT_TORTURE(err, (void) 0, read_index(&err), (void) 0);
    case_end();
}

/* ---- leases ---- */

static char notice[KO_LEASE_NOTICE_BYTES];

static enum ko_code
take(struct ko_lease **lease, struct ko_error *err)
{
    return ko_lease_open(temp_folder, 60, (struct ko_slice){NULL, 0}, lease, notice, err);
}

static void
lease_begin(void)
{
    mount_begin();
    (void) snprintf(temp_folder, sizeof temp_folder, "test://b/run");
    ko_clock_set_us(1000000000000000U);
}

static void
lease_end(void)
{
    ko_clock_set_us(0);
    mount_end();
}

static void
a_lease_is_held_and_given_back(void)
{
    struct ko_lease *first = NULL;
    struct ko_lease *second = NULL;
    struct ko_error err = {0};

    lease_begin();
    (void) take(&first, &err);
    CHECK_OK(err);
    CHECK_TEXT(mount_names(temp_folder), "lease-000001.json ");
    (void) take(&second, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    CHECK_ERROR_SAYS(err, "'test://b/run' is in use by ");
    assert_null(second);
    err = (struct ko_error){0};
    (void) ko_lease_close(first, &err);
    CHECK_OK(err);
    CHECK_TEXT(mount_names(temp_folder), "");
    lease_end();
}

static void
an_expired_lease_is_taken_over_and_its_owner_learns_it(void)
{
    struct ko_lease *old = NULL;
    struct ko_lease *now = NULL;
    struct ko_error err = {0};

    lease_begin();
    (void) take(&old, &err);
    ko_clock_set_us(1000000000000000U + 61000000U);
    (void) take(&now, &err);
    CHECK_OK(err);
    assert_non_null(strstr(notice, "has expired"));
    CHECK_TEXT(mount_names(temp_folder), "lease-000002.json ");
    (void) ko_lease_renew(old, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    CHECK_ERROR_SAYS(err, "it was taken by ");
    err = (struct ko_error){0};
    (void) ko_lease_close(old, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    CHECK_TEXT(mount_names(temp_folder), "lease-000002.json ");
    err = (struct ko_error){0};
    (void) ko_lease_close(now, &err);
    CHECK_OK(err);
    lease_end();
}

static void
renewing_puts_the_expiry_off(void)
{
    struct ko_lease *lease = NULL;
    struct ko_lease *second = NULL;
    struct ko_error err = {0};

    lease_begin();
    (void) take(&lease, &err);
    for (uint64_t s = 30; s <= 120; s += 30) {
        ko_clock_set_us(1000000000000000U + s * 1000000U);
        (void) ko_lease_renew(lease, &err);
        CHECK_OK(err);
    }
    (void) take(&second, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    mount_remove("test://b/run/lease-000001.json");
    ko_clock_set_us(1000000000000000U + 150000000U);
    err = (struct ko_error){0};
    (void) ko_lease_renew(lease, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    CHECK_ERROR_SAYS(err, "it was removed");
    err = (struct ko_error){0};
    (void) ko_lease_close(lease, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    lease_end();
}

static struct ko_lease *other;

static void
somebody_else_takes_it(void)
{
    struct ko_error err = {0};

    (void) take(&other, &err);
    CHECK_OK(err);
}

static void
of_two_at_the_same_time_one_is_refused(void)
{
    struct ko_lease *lease = NULL;
    struct ko_error err = {0};

    lease_begin();
    mount.before_create = somebody_else_takes_it;
    (void) take(&lease, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    err = (struct ko_error){0};
    (void) ko_lease_renew(other, &err);
    (void) ko_lease_close(other, &err);
    CHECK_OK(err);
    lease_end();
}

/* Takes over the dead lease 1 and gives back; then a third one begins anew with number 1. */
static void
two_others_come_and_one_stays(void)
{
    struct ko_error err = {0};

    (void) take(&other, &err);
    (void) ko_lease_close(other, &err);
    (void) take(&other, &err);
    CHECK_OK(err);
    CHECK_TEXT(mount_names(temp_folder), "lease-000001.json ");
}

static void
whoever_looked_too_early_gives_way(void)
{
    struct ko_lease *dead = NULL;
    struct ko_lease *lease = NULL;
    struct ko_error err = {0};

    lease_begin();
    (void) take(&dead, &err);
    ko_clock_set_us(1000000000000000U + 61000000U);
    mount.before_create = two_others_come_and_one_stays;
    (void) take(&lease, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    CHECK_TEXT(mount_names(temp_folder), "lease-000001.json ");
    err = (struct ko_error){0};
    (void) ko_lease_close(other, &err);
    CHECK_OK(err);
    (void) ko_lease_close(dead, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    lease_end();
}

static void
remove_the_second(const char *path)
{
    if (strstr(path, "lease-000002.json") != NULL)
        mount_remove(path);
}

static void
a_lease_that_goes_away_while_it_is_looked_at_is_none(void)
{
    struct ko_lease *lease = NULL;
    struct ko_error err = {0};

    lease_begin();
    (void) take(&lease, &err);
    CHECK_OK(err);
    mount_put("test://b/run/lease-000002.json", KO_SLICE("of somebody who gives way"));
    mount.before_read = remove_the_second;
    ko_clock_set_us(1000000000000000U + 40000000U);
    (void) ko_lease_renew(lease, &err);
    CHECK_OK(err);
    CHECK_TEXT(mount_names(temp_folder), "lease-000001.json ");
    (void) ko_lease_close(lease, &err);
    CHECK_OK(err);
    lease_end();
}

static enum ko_code
take_and_give_back(struct ko_error *err)
{
    struct ko_lease *lease = NULL;
    struct ko_error closing = {0};

    if (take(&lease, err) != KO_OK)
        return err->code;
    (void) ko_lease_renew(lease, err);
    (void) ko_lease_close(lease, &closing);
    if (err->code == KO_OK)
        *err = closing;
    return err->code;
}

static void
a_failure_leaves_a_lease_that_expires(void)
{
    struct ko_error err = {0};
    uint64_t now_us = 1000000000000000U;

    lease_begin();
    MOUNT_TORTURE(err, ko_clock_set_us(now_us += 61000000U), take_and_give_back(&err), (void) 0);
    CHECK_TEXT(mount_names(temp_folder), "");
    lease_end();
}

static void
what_is_no_lease_is_not_taken_over(void)
{
    struct ko_lease *lease = NULL;
    struct ko_error err = {0};

    lease_begin();
    mount_put("test://b/run/lease-000003.json", KO_SLICE("{}"));
    (void) take(&lease, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, "lease-000003.json");
    lease_end();
}

CASES = {
    CASE(each_commit_is_a_piece),
    CASE(a_commit_of_nothing_is_no_piece),
    CASE(a_crash_loses_only_what_was_not_committed),
    CASE(pieces_follow_each_other_by_number),
    CASE(a_missing_piece_is_noticed),
    CASE(a_damaged_piece_is_no_crash),
    CASE(names_of_another_form_are_no_pieces),
    CASE(the_next_attempt_is_above_all_pieces),
    CASE(a_piece_of_somebody_else_is_never_replaced),
    CASE(a_commit_that_fails_is_told),
    CASE(a_journal_that_cannot_be_read_is_not_taken_for_an_empty_one),
    CASE(a_lease_is_held_and_given_back),
    CASE(an_expired_lease_is_taken_over_and_its_owner_learns_it),
    CASE(renewing_puts_the_expiry_off),
    CASE(of_two_at_the_same_time_one_is_refused),
    CASE(whoever_looked_too_early_gives_way),
    CASE(a_lease_that_goes_away_while_it_is_looked_at_is_none),
    CASE(a_failure_leaves_a_lease_that_expires),
    CASE(what_is_no_lease_is_not_taken_over),
};
RUN_CASES
