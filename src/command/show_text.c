#include "show_report.h"

/* ---- headings ---- */

static void
add_bold(struct ko_show_report *report, const char *text)
{
    const bool has_style = report->show->output.has_style;

    ko_buf_add_format(&report->text, "%s%s%s", has_style ? "\033[1m" : "", text,
                      has_style ? "\033[0m" : "");
}

/* "Table      ", to be followed by the fact. */
void
ko_show_add_label(struct ko_show_report *report, const char *label)
{
    char padded[16];

    (void) snprintf(padded, sizeof padded, "%-11s", label);
    add_bold(report, padded);
}

void
ko_show_add_heading(struct ko_show_report *report, const char *heading)
{
    ko_buf_add_char(&report->text, '\n');
    add_bold(report, heading);
    ko_buf_add_char(&report->text, '\n');
}

void
ko_show_add_harmless(struct ko_show_report *report, struct ko_slice text)
{
    ko_show_add_short(&report->text, text, 0, 0);
}

/* "  planned          91,077  losers\n" */
void
ko_show_add_row(struct ko_show_report *report, const char *name, uint64_t n, const char *meaning)
{
    ko_buf_add_format(&report->text, "  %-12s", name);
    ko_show_add_count(&report->text, n, 15);
    if (meaning[0] != '\0')
        ko_buf_add_format(&report->text, "  %s", meaning);
    ko_buf_add_char(&report->text, '\n');
}

/* ---- the run ---- */

static const char *
meaning_of(enum ko_run_state state)
{
    switch (state) {
    case KO_RUN_READING:
        return "find is not finished";
    case KO_RUN_PLANNED:
        return "nothing is deleted";
    case KO_RUN_APPLYING:
        return "apply is not finished";
    case KO_RUN_APPLIED:
        return "every line of the plan has its outcome";
    case KO_RUN_UNDOING:
        return "undo is not finished";
    case KO_RUN_UNDONE:
        return "what was deleted is back";
    }
    return "";
}

static void
add_source(struct ko_show_report *report)
{
    const struct ko_run_facts *facts = &report->show->run->facts;

    ko_show_add_label(report, "Source");
    if (facts->source == KO_RUN_EXPORT) {
        ko_buf_add_text(&report->text, "export ");
        ko_show_add_harmless(report, facts->export_path);
    } else {
        ko_buf_add_format(&report->text, "live table, %u segments", facts->total_segments);
    }
    if (facts->endpoint.data != NULL) {
        ko_buf_add_text(&report->text, " at ");
        ko_show_add_harmless(report, facts->endpoint);
    } else if (facts->region.data != NULL) {
        ko_buf_add_text(&report->text, " in ");
        ko_show_add_harmless(report, facts->region);
    }
    ko_buf_add_char(&report->text, '\n');
}

static void
add_table(struct ko_show_report *report)
{
    const struct ko_run_facts *facts = &report->show->run->facts;

    ko_show_add_label(report, "Table");
    ko_show_add_harmless(report, facts->table_name.data != NULL ? facts->table_name
                                                                : KO_SLICE("name not known"));
    ko_buf_add_text(&report->text, ", id ");
    ko_show_add_harmless(report,
                         facts->table_id.data != NULL ? facts->table_id : KO_SLICE("not known"));
    ko_buf_add_char(&report->text, '\n');
}

static void
add_option(struct ko_show_report *report, const char *name, const char *value)
{
    if (value == NULL)
        return;
    ko_buf_add_format(&report->text, " --%s ", name);
    ko_show_add_harmless(report, ko_slice_of(value));
}

static void
add_options(struct ko_show_report *report)
{
    const struct ko_job *job = &report->show->found_by;

    ko_show_add_label(report, "Options");
    ko_buf_add_text(&report->text, "find");
    add_option(report, "key", job->key.joined);
    add_option(report, "keep", job->keep.joined);
    add_option(report, "same", job->same.joined);
    add_option(report, "where", job->where);
    add_option(report, "ttl", job->ttl_attribute);
    add_option(report, "catch-up", job->catch_up.joined);
    ko_buf_add_char(&report->text, '\n');
}

static void
add_run(struct ko_show_report *report)
{
    const struct ko_run *run = report->show->run;

    ko_show_add_label(report, "Run");
    ko_show_add_harmless(report, ko_slice_of(run->dir));
    ko_buf_add_format(&report->text, ", %s: %s\n", ko_run_state_name(run->state),
                      meaning_of(run->state));
    add_source(report);
    add_table(report);
    add_options(report);
    ko_show_add_label(report, "Started");
    ko_show_add_harmless(report, run->started);
    ko_buf_add_char(&report->text, '\n');
}

static void
add_counts(struct ko_show_report *report)
{
    const struct ko_run_totals *totals = &report->show->run->totals;

    ko_show_add_heading(report, "Items");
    ko_show_add_row(report, "read", totals->read, "the sum of all below");
    ko_show_add_row(report, "unique", totals->unique, "alone with their key");
    ko_show_add_row(report, "keepers", totals->keepers, "kept of their group");
    ko_show_add_row(report, "planned", totals->planned, "losers, one plan line each");
    ko_show_add_row(report, "review", totals->review, "in groups that a person has to look at");
    ko_show_add_row(report, "missing", totals->missing, "without a key: left alone");
    ko_show_add_row(report, "filtered", totals->filtered, "left out by --where");
    ko_show_add_row(report, "folded", totals->folded, "met twice, counted once");
}

/* ---- review, ledger, and what comes next ---- */

static void
add_review(struct ko_show_report *report)
{
    static const char *const meanings[KO_SHOW_DOUBTS] = {
        [KO_DOUBT_PRIMARY_KEY] = "a primary key was met with two contents",
        [KO_DOUBT_MAX_GROUP] = "more items than --max-group",
        [KO_DOUBT_EXPIRED] = "every item is expired",
        [KO_DOUBT_UNUSABLE] = "no item has a usable value for the first keep rule",
        [KO_DOUBT_MIXED_TYPES] = "min or max of values of different types",
        [KO_DOUBT_SAME] = "items disagree on a --same attribute",
        [KO_DOUBT_TTL] = "the keeper would expire before another item",
    };
    const struct ko_show_review *review = &report->show->review;

    if (review->n_groups == 0)
        return;
    ko_show_add_heading(report, "Groups left for review; nothing of them is deleted");
    for (unsigned i = KO_DOUBT_PRIMARY_KEY; i < KO_SHOW_DOUBTS; i++) {
        if (review->n_of[i] > 0)
            ko_show_add_row(report, ko_doubt_name((enum ko_doubt) i), review->n_of[i], meanings[i]);
    }
}

static void
add_row_if_any(struct ko_show_report *report, const char *name, uint64_t n, const char *meaning)
{
    if (n > 0)
        ko_show_add_row(report, name, n, meaning);
}

static void
add_ledger(struct ko_show_report *report)
{
    const struct ko_ledger *ledger = &report->show->ledger;

    if (!report->show->has_journal)
        return;
    ko_show_add_heading(report, "What became of the plan's lines");
    ko_show_add_row(report, "planned", ledger->planned, "the sum of deleted to left");
    ko_show_add_row(report, "deleted", ledger->deleted, "by this run");
    ko_show_add_row(report, "gone", ledger->gone, "were not there any more");
    ko_show_add_row(report, "changed", ledger->changed, "no longer as seen: left alone");
    ko_show_add_row(report, "spared", ledger->spared, "the keeper is gone or changed: left alone");
    ko_show_add_row(report, "failed", ledger->failed, "");
    add_row_if_any(report, "open", ledger->open, "a delete may have been sent; apply finds out");
    add_row_if_any(report, "left", ledger->left, "not worked on yet");
    add_row_if_any(report, "unconfirmed", ledger->unconfirmed,
                   "of the deleted: the reply was lost, the item is absent");
    add_row_if_any(report, "restored", ledger->restored, "of the deleted: put back");
    add_row_if_any(report, "present", ledger->present,
                   "of the deleted: something else took the place");
    add_row_if_any(report, "undo_failed", ledger->undo_failed, "of the deleted: not put back yet");
}

static void
add_command(struct ko_show_report *report, const char *verb, const char *purpose)
{
    char command[16];

    (void) snprintf(command, sizeof command, "keepone %s ", verb);
    ko_buf_add_text(&report->text, command);
    ko_show_add_harmless(report, ko_slice_of(report->show->run->dir));
    ko_buf_add_format(&report->text, "   %s\n", purpose);
}

static void
add_next(struct ko_show_report *report)
{
    const struct ko_show *show = report->show;

    ko_buf_add_char(&report->text, '\n');
    ko_show_add_label(report, "Next");
    switch (show->run->state) {
    case KO_RUN_READING:
        ko_buf_add_text(&report->text, "the same keepone find again: it goes on\n");
        break;
    case KO_RUN_PLANNED:
        if (show->manifest->n_lines == 0)
            ko_buf_add_text(&report->text, "nothing: the plan is empty\n");
        else
            add_command(report, "apply", "deletes what the plan names");
        break;
    case KO_RUN_APPLYING:
        add_command(report, "apply", "goes on");
        ko_show_add_label(report, "");
        add_command(report, "undo", "puts back what was deleted so far");
        break;
    case KO_RUN_APPLIED:
        add_command(report, "verify", "reads the table again");
        ko_show_add_label(report, "");
        add_command(report, "undo", "puts back what was deleted");
        break;
    case KO_RUN_UNDOING:
        add_command(report, "undo", "goes on");
        break;
    case KO_RUN_UNDONE:
        ko_buf_add_text(&report->text, "nothing: an undone run accepts no apply; keepone find "
                                       "makes a new plan\n");
        break;
    }
}

enum ko_code
ko_show_print_text(struct ko_show *show, struct ko_error *err)
{
    struct ko_show_report report = {.show = show};

    add_run(&report);
    if (show->manifest != NULL) {
        add_counts(&report);
        KO_TRY(ko_show_add_survey(&report, err));
        add_review(&report);
        add_ledger(&report);
    }
    add_next(&report);
    KO_TRY(ko_buf_finish(&report.text, err));
    KO_TRY(ko_show_output_add(&show->output, ko_buf_slice(&report.text), err));

done:
    ko_buf_clear(&report.text);
    return err->code;
}
