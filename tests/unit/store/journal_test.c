#include "keepone/store/journal.h"

#include "run_support.h"

/* ---- journals in one line of text ---- */

/*
 * Events of part 3 (or, in capitals, of part 1023): a letter for the line (a = 1), then
 *   i intent   d deleted   D deleted with an old image   u unconfirmed   g gone   c changed
 *   s spared, keeper_lost   f failed, throttled   r restored   p present   x undo failed
 */
static struct ko_journal_event
event_of(const char *word, char image[64])
{
    static const char letters[] = "idDugcsf";
    static const enum ko_outcome outcomes[] = {
        KO_OUTCOME_NONE, KO_OUTCOME_DELETED, KO_OUTCOME_DELETED, KO_OUTCOME_UNCONFIRMED,
        KO_OUTCOME_GONE, KO_OUTCOME_CHANGED, KO_OUTCOME_SPARED,  KO_OUTCOME_FAILED};
    const bool is_last_part = word[0] < 'a';
    struct ko_journal_event event = {.part = is_last_part ? 1023 : 3,
                                     .line = (uint64_t) (word[0] - (is_last_part ? 'A' : 'a') + 1)};
    const char *at = strchr(letters, word[1]);

    (void) snprintf(image, 64, "{\"pk\":{\"S\":\"%.2s\"}}", word);
    if (word[1] == 'i' || word[1] == 'D')
        event.image = ko_slice_of(image);
    if (word[1] == 's')
        event.reason = KO_SLICE("keeper_lost");
    if (word[1] == 'f')
        event.reason = KO_SLICE("throttled \"x\"");
    if (at == NULL) {
        event.kind = KO_EVENT_UNDO;
        event.undo = word[1] == 'r'   ? KO_UNDO_RESTORED
                     : word[1] == 'p' ? KO_UNDO_PRESENT
                                      : KO_UNDO_FAILED;
    } else if (word[1] != 'i') {
        event.kind = KO_EVENT_OUTCOME;
        event.outcome = outcomes[at - letters];
    }
    return event;
}

/* Writes the file of an attempt and a rank: words of two letters; "/" commits. */
static void
journal_write(struct ko_journal_options options, const char *words)
{
    struct ko_error err = {0};
    struct ko_journal *journal = NULL;
    char image[64];

    (void) ko_journal_open(temp_folder, &options, &journal, &err);
    CHECK_OK(err);
    for (; *words != '\0'; words += *words == '/' || *words == ' ' ? 1 : 2) {
        if (*words == '/') {
            (void) ko_journal_commit(journal, NULL, &err);
        } else if (*words != ' ') {
            const struct ko_journal_event event = event_of(words, image);

            (void) ko_journal_add(journal, &event, &err);
        }
        CHECK_OK(err);
    }
    (void) ko_journal_close(journal, &err);
    CHECK_OK(err);
}

#define APPLY(n, r) ((struct ko_journal_options){.attempt = (n), .rank = (r)})
#define UNDO(n, r) \
    ((struct ko_journal_options){.kind = KO_JOURNAL_UNDO, .attempt = (n), .rank = (r)})

static const struct ko_journal_parts all_parts = {0, 1024};

static struct ko_plan_manifest *
manifest_of_case(void)
{
    struct ko_run *run = run_begin();
    struct ko_plan_manifest *manifest = plan_write(run);

    ko_run_free(run);
    return manifest;
}

/* States of part 3's lines and part 1023's: "a:open b:deleted+restored c:- A:-", or "!" and the
 * error. */
static const char *
states_of(const char *dir, const struct ko_plan_manifest *manifest)
{
    static char text[1600];
    struct ko_journal_index *index = NULL;
    struct ko_error err = {0};
    size_t n = 0;

    if (ko_journal_index_read(dir, manifest, all_parts, &index, &err) != KO_OK) {
        (void) snprintf(text, sizeof text, "!%s: %s", ko_code_name(err.code), err.text);
        return text;
    }
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t part = i == 3 ? 1023 : 3;
        const struct ko_line_state state = ko_journal_index_line(index, part, i == 3 ? 1 : i + 1);

        n += (size_t) snprintf(text + n, sizeof text - n, "%s%c:%s", i == 0 ? "" : " ", "abcA"[i],
                               state.is_open                      ? "open"
                               : state.outcome != KO_OUTCOME_NONE ? ko_outcome_name(state.outcome)
                                                                  : "-");
        if (state.undo != KO_UNDO_NONE)
            n += (size_t) snprintf(text + n, sizeof text - n, "+%s", ko_undo_name(state.undo));
    }
    ko_journal_index_free(index);
    return text;
}

/* ---- events ---- */

static void
events_have_these_lines(void)
{
    static const char *const lines[][2] = {
        {"ai", "{\"part\":3,\"line\":1,\"intent\":{\"pk\":{\"S\":\"ai\"}}}"},
        {"ad", "{\"part\":3,\"line\":1,\"outcome\":\"deleted\"}"},
        {"bD", "{\"part\":3,\"line\":2,\"outcome\":\"deleted\",\"old\":{\"pk\":{\"S\":\"bD\"}}}"},
        {"au", "{\"part\":3,\"line\":1,\"outcome\":\"unconfirmed\"}"},
        {"Ag", "{\"part\":1023,\"line\":1,\"outcome\":\"gone\"}"},
        {"ac", "{\"part\":3,\"line\":1,\"outcome\":\"changed\"}"},
        {"as", "{\"part\":3,\"line\":1,\"outcome\":\"spared\",\"reason\":\"keeper_lost\"}"},
        {"af", "{\"part\":3,\"line\":1,\"outcome\":\"failed\",\"reason\":\"throttled \\\"x\\\"\"}"},
        {"ar", "{\"part\":3,\"line\":1,\"undo\":\"restored\"}"},
        {"ap", "{\"part\":3,\"line\":1,\"undo\":\"present\"}"},
        {"ax", "{\"part\":3,\"line\":1,\"undo\":\"failed\"}"},
    };
    struct ko_buf text = {0};
    struct ko_buf scratch = {0};
    char image[64];

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const struct ko_journal_event event = event_of(lines[i][0], image);
        struct ko_journal_event again;
        struct ko_error err = {0};

        ko_buf_reset(&text);
        ko_journal_event_encode(&event, &text);
        CHECK_SLICE(ko_buf_slice(&text), lines[i][1]);
        (void) ko_journal_event_decode(ko_buf_slice(&text), &again, &scratch, &err);
        CHECK_OK(err);
        assert_int_equal(again.kind, event.kind);
        assert_int_equal(again.part, event.part);
        assert_int_equal(again.line, event.line);
        assert_int_equal(again.outcome, event.outcome);
        assert_int_equal(again.undo, event.undo);
        assert_true(ko_slice_equal(again.image, event.image));
        assert_true(ko_slice_equal(again.reason, event.reason));
    }
    ko_buf_clear(&text);
    ko_buf_clear(&scratch);
}

static void
another_form_is_no_event(void)
{
    static const char *const broken[][2] = {
        {"", "byte 0"},
        {"7", "byte 0"},
        {"{}", "'part' is missing"},
        {"{\"part\":1024,\"line\":1}", "there is no part 1024"},
        {"{\"part\":-1}", "member 'part'"},
        {"{\"line\":1,\"part\":1}", "'part' is missing"},
        {"{\"part\":1,\"intent\":{}}", "'line' is missing"},
        {"{\"part\":1,\"line\":2}", "neither intent"},
        {"{\"part\":1,\"line\":2,\"x\":1}", "neither intent"},
        {"{\"part\":1,\"line\":2,\"intent\":7}", "not an object"},
        {"{\"part\":1,\"line\":2,\"intent\":{},\"old\":{}}", "'old' does not belong"},
        {"{\"part\":1,\"line\":2,\"intent\":{},\"reason\":\"x\"}", "'reason' does not belong"},
        {"{\"part\":1,\"line\":2,\"outcome\":\"none\"}", "is no outcome"},
        {"{\"part\":1,\"line\":2,\"outcome\":\"restored\"}", "is no outcome"},
        {"{\"part\":1,\"line\":2,\"undo\":\"deleted\"}", "is no outcome"},
        {"{\"part\":1,\"line\":2,\"outcome\":7}", "is no outcome"},
        {"{\"part\":1,\"line\":2,\"outcome\":\"gone\",\"old\":null}", "not an object"},
        {"{\"part\":1,\"line\":2,\"outcome\":\"gone\",\"reason\":7}", "byte"},
        {"{\"part\":1,\"line\":2,\"outcome\":\"gone\",\"x\":7}", "'x' does not belong"},
        {"{\"part\":1,\"line\":2,\"outcome\":\"gone\"", "byte"},
    };
    struct ko_buf scratch = {0};

    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct ko_journal_event event;
        struct ko_error err = {0};

        (void) ko_journal_event_decode(ko_slice_of(broken[i][0]), &event, &scratch, &err);
        CHECK_CODE(err, KO_E_CORRUPT);
        CHECK_ERROR_SAYS(err, broken[i][1]);
    }
    ko_buf_clear(&scratch);
}

/* ---- writing ---- */

static void
attempts_of_both_kinds_have_one_count(void)
{
    struct ko_error err = {0};
    uint32_t attempt = 0;

    folder_begin();
    (void) ko_journal_next_attempt(temp_folder, &attempt, &err);
    assert_int_equal(attempt, 1);
    journal_write(APPLY(1, 7), "");
    journal_write(UNDO(12, 0), "");
    journal_write(APPLY(3, 100000), "");
    (void) ko_journal_next_attempt(temp_folder, &attempt, &err);
    CHECK_OK(err);
    assert_int_equal(attempt, 13);
    assert_true(file_exists("journal/apply-0001-rank-00007.jsonl.zst"));
    assert_true(file_exists("journal/undo-0012-rank-00000.jsonl.zst"));
    folder_end();
}

static void
a_journal_is_never_written_twice(void)
{
    const struct ko_journal_options options = APPLY(1, 0);
    struct ko_error err = {0};
    struct ko_journal *journal = NULL;

    folder_begin();
    journal_write(options, "aiad");
    (void) ko_journal_open(temp_folder, &options, &journal, &err);
    CHECK_CODE(err, KO_E_IO);
    assert_null(journal);
    folder_end();
}

static void
bytes_wait_for_the_commit(void)
{
    const struct ko_journal_options options = APPLY(1, 0);
    struct ko_error err = {0};
    struct ko_plan_manifest *manifest;
    struct ko_journal *journal = NULL;
    struct ko_journal_event event;
    char image[64];
    uint64_t n_bytes = 0;

    folder_begin();
    manifest = manifest_of_case();
    (void) ko_journal_open(temp_folder, &options, &journal, &err);
    event = event_of("ai", image);
    (void) ko_journal_add(journal, &event, &err);
    CHECK_OK(err);
    assert_int_equal(ko_journal_uncommitted_bytes(journal), 47);
    CHECK_TEXT(states_of(temp_folder, manifest), "a:- b:- c:- A:-");

    (void) ko_journal_commit(journal, &n_bytes, &err);
    CHECK_OK(err);
    assert_int_equal(n_bytes, 47);
    assert_int_equal(ko_journal_uncommitted_bytes(journal), 0);
    CHECK_TEXT(states_of(temp_folder, manifest), "a:open b:- c:- A:-");

    (void) ko_journal_add(journal, &event, &err);
    ko_journal_abandon(journal);
    CHECK_TEXT(states_of(temp_folder, manifest), "a:open b:- c:- A:-");
    ko_plan_manifest_free(manifest);
    folder_end();
}

/* ---- the state of lines ---- */

/* What one rank's one journal leads to. */
static void
check_states(const char *words, const char *expected)
{
    struct ko_plan_manifest *manifest;

    folder_begin();
    manifest = manifest_of_case();
    journal_write(APPLY(1, 0), words);
    CHECK_TEXT(states_of(temp_folder, manifest), expected);
    ko_plan_manifest_free(manifest);
    folder_end();
}

static void
later_events_win(void)
{
    check_states("", "a:- b:- c:- A:-");
    check_states("ai bi ci Ai ad bu cg", "a:deleted b:unconfirmed c:gone A:open");
    check_states("ai ac as", "a:spared b:- c:- A:-");
    check_states("ac bs cf Ag", "a:changed b:spared c:failed A:gone");
    check_states("ai ad ar bi bd bx br ci cd cp",
                 "a:deleted+restored b:deleted+restored c:deleted+present A:-");
    check_states("ax", "a:-+failed b:- c:- A:-");
}

static void
what_was_deleted_stays_deleted(void)
{
    check_states("ai ad ag", "a:deleted b:- c:- A:-");
    check_states("ai ad as bi bu bg", "a:deleted b:unconfirmed c:- A:-");
    check_states("ai au ad", "a:deleted b:- c:- A:-");
}

static void
a_failed_line_that_is_tried_again_is_open(void)
{
    check_states("ai af", "a:failed b:- c:- A:-");
    check_states("ai af ai", "a:open b:- c:- A:-");
    check_states("ai af ai / ad", "a:deleted b:- c:- A:-");
}

static void
a_late_intent_does_not_open_a_final_outcome(void)
{
    check_states("ai ad ai", "a:deleted b:- c:- A:-");
    check_states("ag ai", "a:gone b:- c:- A:-");
}

static void
files_follow_each_other_by_attempt_then_rank(void)
{
    struct ko_plan_manifest *manifest;

    folder_begin();
    manifest = manifest_of_case();
    journal_write(UNDO(12, 0), "ar");
    journal_write(APPLY(10, 0), "ad bg");
    journal_write(APPLY(9, 2), "ai af bi Ai");
    journal_write(APPLY(9, 10), "Af");
    CHECK_TEXT(states_of(temp_folder, manifest), "a:deleted+restored b:gone c:- A:failed");
    ko_plan_manifest_free(manifest);
    folder_end();
}

static void
a_rank_holds_its_own_parts_only(void)
{
    struct ko_error err = {0};
    struct ko_journal_index *index = NULL;
    struct ko_plan_manifest *manifest;
    struct ko_ledger ledger;

    folder_begin();
    manifest = manifest_of_case();
    journal_write(APPLY(1, 0), "ai ad Ai Au");
    (void) ko_journal_index_read(temp_folder, manifest, (struct ko_journal_parts){4, 1024}, &index,
                                 &err);
    CHECK_OK(err);
    ko_journal_index_ledger(index, &ledger);
    assert_int_equal(ledger.planned, 1);
    assert_int_equal(ledger.deleted, 1);
    assert_int_equal(ledger.unconfirmed, 1);
    assert_true(ko_journal_index_line(index, 1023, 1).has_image);
    ko_journal_index_free(index);
    ko_plan_manifest_free(manifest);
    folder_end();
}

static void
the_ledger_counts_each_line_once(void)
{
    struct ko_error err = {0};
    struct ko_journal_index *index = NULL;
    struct ko_plan_manifest *manifest;
    struct ko_ledger ledger;

    folder_begin();
    manifest = manifest_of_case();
    journal_write(APPLY(1, 0), "ai ad bi bu ci");
    journal_write(UNDO(2, 0), "ar bp bx");
    (void) ko_journal_index_read(temp_folder, manifest, all_parts, &index, &err);
    CHECK_OK(err);
    ko_journal_index_ledger(index, &ledger);
    assert_memory_equal(&ledger,
                        (&(struct ko_ledger){.planned = 4,
                                             .deleted = 2,
                                             .unconfirmed = 1,
                                             .open = 1,
                                             .left = 1,
                                             .restored = 1,
                                             .undo_failed = 1}),
                        sizeof ledger);
    ko_journal_index_free(index);
    ko_plan_manifest_free(manifest);
    folder_end();
}

/* ---- replay ---- */

struct told {
    char text[512];
    size_t n;
};

/* "ai ad* ": letters as in event_of(), a star for the last image. */
static enum ko_code
tell_all(const struct ko_journal_index *index, struct told *told, struct ko_error *err)
{
    struct ko_journal_replay *replay = NULL;
    struct ko_journal_event event;
    bool has_event = true;

    told->n = 0;
    KO_TRY(ko_journal_replay_open(index, &replay, err));
    for (;;) {
        const char *kind;

        KO_TRY(ko_journal_replay_next(replay, &event, &has_event, err));
        if (!has_event)
            break;
        kind = event.kind == KO_EVENT_INTENT    ? "i"
               : event.kind == KO_EVENT_OUTCOME ? ko_outcome_name(event.outcome)
                                                : ko_undo_name(event.undo);
        told->n +=
            (size_t) snprintf(told->text + told->n, sizeof told->text - told->n, "%c%.1s%s ",
                              (char) ((event.part == 1023 ? 'A' : 'a') + (int) event.line - 1),
                              kind, event.is_last_image ? "*" : "");
        if (event.is_last_image)
            assert_non_null(event.image.data);
    }

done:
    ko_journal_replay_close(replay);
    return err->code;
}

static void
the_last_image_of_each_line_is_marked(void)
{
    struct ko_error err = {0};
    struct ko_journal_index *index = NULL;
    struct ko_plan_manifest *manifest;
    struct told told = {.n = 0};

    folder_begin();
    manifest = manifest_of_case();
    journal_write(APPLY(1, 0), "ai bi af bd");
    journal_write(APPLY(2, 0), "ci ai aD Ag");
    journal_write(UNDO(3, 0), "bp");
    (void) ko_journal_index_read(temp_folder, manifest, all_parts, &index, &err);
    journal_write(UNDO(4, 0), "ar");
    for (int i = 0; i < 2; i++) {
        (void) tell_all(index, &told, &err);
        CHECK_OK(err);
        CHECK_TEXT(told.text, "ai bi* af bd ci* ai ad* Ag bp ");
    }
    ko_journal_index_free(index);
    ko_plan_manifest_free(manifest);
    folder_end();
}

/* ---- damage ---- */

static void
a_cut_tail_leaves_a_prefix_of_the_commits(void)
{
    static const char *const prefixes[] = {"a:- b:- c:- A:-", "a:open b:open c:- A:-",
                                           "a:deleted b:open c:- A:-",
                                           "a:deleted b:unconfirmed c:open A:failed"};
    const char *name = "journal/apply-0001-rank-00000.jsonl.zst";
    struct ko_plan_manifest *manifest;
    struct ko_buf bytes = {0};
    size_t n_seen = 0;

    folder_begin();
    manifest = manifest_of_case();
    journal_write(APPLY(1, 0), "ai bi / ad / bu ci Ai Af");
    journal_write(APPLY(1, 1), "");
    file_read(name, &bytes);
    for (size_t n = 0; n <= bytes.n; n++) {
        const char *states;

        file_write(name, (struct ko_slice){bytes.data, n});
        states = states_of(temp_folder, manifest);
        if (n_seen + 1 < 4 && strcmp(states, prefixes[n_seen + 1]) == 0)
            n_seen++;
        CHECK_TEXT(states, prefixes[n_seen]);
    }
    assert_int_equal(n_seen, 3);
    ko_buf_clear(&bytes);
    ko_plan_manifest_free(manifest);
    folder_end();
}

static void
cut_files_are_counted(void)
{
    struct ko_error err = {0};
    struct ko_journal_index *index = NULL;
    struct ko_plan_manifest *manifest;
    struct ko_buf bytes = {0};

    folder_begin();
    manifest = manifest_of_case();
    journal_write(APPLY(1, 0), "ai / ad");
    file_read("journal/apply-0001-rank-00000.jsonl.zst", &bytes);
    file_write("journal/apply-0001-rank-00001.jsonl.zst",
               (struct ko_slice){bytes.data, bytes.n - 1});
    (void) ko_journal_index_read(temp_folder, manifest, all_parts, &index, &err);
    CHECK_OK(err);
    assert_int_equal(ko_journal_index_n_cut(index), 1);
    ko_journal_index_free(index);
    ko_buf_clear(&bytes);
    ko_plan_manifest_free(manifest);
    folder_end();
}

static void
a_file_that_is_no_journal_is_refused(void)
{
    static const char *const names[] = {
        "journal/apply-0001-rank-00000.jsonl", "journal/apply-1-rank-0.jsonl.zst",
        "journal/apply-0001-rank-00000.jsonl.zst.bak", "journal/notes.txt",
        "journal/undo-0001-rank--0001.jsonl.zst"};
    struct ko_plan_manifest *manifest;

    folder_begin();
    manifest = manifest_of_case();
    journal_write(APPLY(2, 0), "ai");
    file_write("journal/.nfs0001", KO_SLICE("x"));
    CHECK_TEXT(states_of(temp_folder, manifest), "a:open b:- c:- A:-");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        file_write(names[i], KO_SLICE("x"));
        assert_non_null(strstr(states_of(temp_folder, manifest), "is not a journal file"));
        assert_int_equal(unlink(file_at(names[i])), 0);
    }
    ko_plan_manifest_free(manifest);
    folder_end();
}

static void
a_line_that_the_plan_does_not_have_is_refused(void)
{
    static const char *const words[][2] = {{"ai di", "the plan has no line 4 in part 3"},
                                           {"Bi", "the plan has no line 2 in part 1023"}};

    for (int i = 0; i < 2; i++) {
        struct ko_plan_manifest *manifest;
        const char *states;

        folder_begin();
        manifest = manifest_of_case();
        journal_write(APPLY(1, 0), words[i][0]);
        states = states_of(temp_folder, manifest);
        assert_non_null(strstr(states, "!corrupt"));
        assert_non_null(strstr(states, words[i][1]));
        assert_non_null(strstr(states, "apply-0001-rank-00000.jsonl.zst' line"));
        ko_plan_manifest_free(manifest);
        folder_end();
    }
}

static void
a_damaged_frame_before_the_tail_is_refused(void)
{
    const char *name = "journal/apply-0001-rank-00000.jsonl.zst";
    struct ko_plan_manifest *manifest;
    struct ko_buf bytes = {0};

    folder_begin();
    manifest = manifest_of_case();
    journal_write(APPLY(1, 0), "ai bi / ad / bu");
    file_read(name, &bytes);
    bytes.data[12] ^= 1;
    file_write(name, ko_buf_slice(&bytes));
    assert_non_null(strstr(states_of(temp_folder, manifest), "!corrupt"));
    ko_buf_clear(&bytes);
    ko_plan_manifest_free(manifest);
    folder_end();
}

static enum ko_code
read_all(const struct ko_plan_manifest *manifest, struct ko_error *err)
{
    struct ko_journal_index *index = NULL;
    struct told told = {.n = 0};
    uint32_t attempt;

    KO_TRY(ko_journal_next_attempt(temp_folder, &attempt, err));
    KO_TRY(ko_journal_index_read(temp_folder, manifest, all_parts, &index, err));
    KO_TRY(tell_all(index, &told, err));

done:
    ko_journal_index_free(index);
    return err->code;
}

static enum ko_code
write_all(struct ko_error *err)
{
    const struct ko_journal_options options = APPLY(5, 0);
    struct ko_error cleaning = {0};
    struct ko_journal *journal = NULL;
    char image[64];
    const struct ko_journal_event event = event_of("ai", image);

    KO_TRY(ko_journal_open(temp_folder, &options, &journal, err));
    KO_TRY(ko_journal_add(journal, &event, err));
    KO_TRY(ko_journal_commit(journal, NULL, err));
    (void) ko_journal_close(journal, err);
    journal = NULL;

done:
    ko_journal_abandon(journal);
    (void) ko_file_remove(file_at("journal/apply-0005-rank-00000.jsonl.zst"), &cleaning);
    return err->code;
}

static void
running_out_of_memory_leaves_nothing_behind(void)
{
    struct ko_error err = {0};
    struct ko_plan_manifest *manifest;

    folder_begin();
    manifest = manifest_of_case();
    journal_write(APPLY(1, 0), "ai bi / as bf");
    TORTURE(err, read_all(manifest, &err));
    TORTURE(err, write_all(&err));
    ko_plan_manifest_free(manifest);
    folder_end();
}

static void
the_golden_journal_reads_forever(void)
{
    struct ko_error err = {0};
    struct ko_run *run = NULL;
    struct ko_plan_manifest *manifest = NULL;
    struct ko_journal_index *index = NULL;
    struct told told = {.n = 0};

    (void) ko_run_open(golden_run(), &run, &err);
    (void) ko_plan_open(run, &manifest, &err);
    CHECK_OK(err);
    CHECK_TEXT(states_of(golden_run(), manifest),
               "a:deleted+restored b:spared c:unconfirmed+present A:failed");
    (void) ko_journal_index_read(golden_run(), manifest, all_parts, &index, &err);
    (void) tell_all(index, &told, &err);
    CHECK_OK(err);
    CHECK_TEXT(told.text, "ai bi* ad* bs ci* Ai Af Ai* cu Af ar cp ");
    assert_int_equal(ko_journal_index_n_cut(index), 1);
    ko_journal_index_free(index);
    ko_plan_manifest_free(manifest);
    ko_run_free(run);
}

CASES = {
    CASE(events_have_these_lines),
    CASE(another_form_is_no_event),
    CASE(attempts_of_both_kinds_have_one_count),
    CASE(a_journal_is_never_written_twice),
    CASE(bytes_wait_for_the_commit),
    CASE(later_events_win),
    CASE(what_was_deleted_stays_deleted),
    CASE(a_failed_line_that_is_tried_again_is_open),
    CASE(a_late_intent_does_not_open_a_final_outcome),
    CASE(files_follow_each_other_by_attempt_then_rank),
    CASE(a_rank_holds_its_own_parts_only),
    CASE(the_ledger_counts_each_line_once),
    CASE(the_last_image_of_each_line_is_marked),
    CASE(a_cut_tail_leaves_a_prefix_of_the_commits),
    CASE(cut_files_are_counted),
    CASE(a_file_that_is_no_journal_is_refused),
    CASE(a_line_that_the_plan_does_not_have_is_refused),
    CASE(a_damaged_frame_before_the_tail_is_refused),
    CASE(running_out_of_memory_leaves_nothing_behind),
    CASE(the_golden_journal_reads_forever),
};
RUN_CASES
