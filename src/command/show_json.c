#include "keepone/format/json.h"
#include "keepone/stage/apply.h"
#include "keepone/stage/counts.h"
#include "show.h"

/* A member whose value is a number. */
static void
add_number(struct ko_buf *out, const char *before, const char *name, uint64_t n)
{
    ko_buf_add_format(out, "%s\"%s\":%llu", before, name, (unsigned long long) n);
}

static void
add_counts(struct ko_buf *out, const struct ko_show *show)
{
    const struct ko_run_totals *totals = &show->run->totals;
    const struct ko_counts counts = {.read = totals->read,
                                     .folded = totals->folded,
                                     .filtered = totals->filtered,
                                     .missing = totals->missing,
                                     .unique = totals->unique,
                                     .keepers = totals->keepers,
                                     .planned = totals->planned,
                                     .review = totals->review,
                                     .review_groups = show->review.n_groups};

    ko_buf_add_text(out, "\"counts\":");
    ko_counts_add_json(out, &counts);
}

/* An object by attribute: lines in which loser and keeper differ. */
static void
add_differences(struct ko_buf *out, const struct ko_survey *survey)
{
    ko_buf_add_text(out, ",\"differences\":{");
    for (size_t i = 0; i < survey->n_paths; i++)
        ko_buf_add_format(out, "%s\"%.*s\":%llu", i == 0 ? "" : ",",
                          KO_SLICE_ARG(survey->paths[i].name),
                          (unsigned long long) survey->paths[i].n_differ);
    ko_buf_add_char(out, '}');
}

/* An object by attribute: microseconds between loser and keeper. */
static void
add_gaps(struct ko_buf *out, const struct ko_survey *survey)
{
    const char *before = "";

    ko_buf_add_text(out, ",\"gaps\":{");
    for (size_t i = 0; i < survey->n_paths; i++) {
        const struct ko_survey_path *path = &survey->paths[i];
        struct ko_gaps_summary gaps;

        if (path->gaps == NULL)
            continue;
        ko_gaps_summarize(path->gaps, &gaps);
        ko_buf_add_format(out, "%s\"%.*s\":", before, KO_SLICE_ARG(path->name));
        add_number(out, "{", "equal", gaps.n_equal);
        add_number(out, ",", "lines", gaps.n);
        add_number(out, ",", "max_us", gaps.max_us);
        add_number(out, ",", "median_us", gaps.median_us);
        add_number(out, ",", "min_us", gaps.min_us);
        add_number(out, ",", "without", path->n_without);
        ko_buf_add_char(out, '}');
        before = ",";
    }
    ko_buf_add_char(out, '}');
}

static void
add_groups(struct ko_buf *out, const struct ko_survey *survey)
{
    static const size_t by_name[KO_SURVEY_SIZES] = {4, 5, 0, 1, 2, 3}; /* "10-99" before "2" */

    ko_buf_add_text(out, ",\"groups\":{\"largest\":[");
    for (size_t i = 0; i < survey->n_largest; i++) {
        ko_buf_add_text(out, i == 0 ? "{\"key\":" : ",{\"key\":");
        ko_buf_add_slice(out, ko_buf_slice(&survey->largest[i].key));
        add_number(out, ",", "losers", survey->largest[i].n_losers);
        ko_buf_add_char(out, '}');
    }
    add_number(out, "],", "n", survey->n_groups);
    ko_buf_add_text(out, ",\"sizes\":");
    for (size_t i = 0; i < KO_SURVEY_SIZES; i++)
        add_number(out, i == 0 ? "{" : ",", ko_survey_size_name(by_name[i]),
                   survey->sizes[by_name[i]]);
    ko_buf_add_text(out, "}}");
}

static void
add_plan(struct ko_buf *out, const struct ko_show *show)
{
    ko_buf_add_format(out, ",\"plan\":{\"digest\":\"%s\",\"lines\":%llu,\"name\":\"%.*s\"}",
                      show->manifest->digest, (unsigned long long) show->manifest->n_lines,
                      KO_SLICE_ARG(show->run->plan_name));
}

static void
add_review(struct ko_buf *out, const struct ko_show_review *review)
{
    static const enum ko_doubt by_name[] = {
        KO_DOUBT_EXPIRED, KO_DOUBT_MAX_GROUP, KO_DOUBT_MIXED_TYPES, KO_DOUBT_PRIMARY_KEY,
        KO_DOUBT_SAME,    KO_DOUBT_TTL,       KO_DOUBT_UNUSABLE};

    add_number(out, ",\"review\":{", "groups", review->n_groups);
    ko_buf_add_text(out, ",\"reasons\":");
    for (size_t i = 0; i < sizeof by_name / sizeof by_name[0]; i++)
        add_number(out, i == 0 ? "{" : ",", ko_doubt_name(by_name[i]), review->n_of[by_name[i]]);
    ko_buf_add_text(out, "}}");
}

static void
add_text(struct ko_buf *out, const char *name, struct ko_slice text)
{
    ko_buf_add_format(out, ",\"%s\":", name);
    if (text.data == NULL)
        ko_buf_add_text(out, "null");
    else
        ko_json_add_string(out, text);
}

enum ko_code
ko_show_print_json(struct ko_show *show, struct ko_error *err)
{
    const struct ko_run *run = show->run;
    struct ko_buf out = {0};

    ko_buf_add_char(&out, '{');
    add_counts(&out, show);
    if (show->manifest != NULL) {
        add_differences(&out, show->survey);
        add_gaps(&out, show->survey);
        add_groups(&out, show->survey);
        ko_buf_add_text(&out, ",\"ledger\":");
        ko_ledger_add_json(&out, &show->ledger);
        add_plan(&out, show);
        add_review(&out, &show->review);
    }
    add_text(&out, "started", run->started);
    add_text(&out, "state", ko_slice_of(ko_run_state_name(run->state)));
    add_text(&out, "table", run->facts.table_name);
    add_text(&out, "table_id", run->facts.table_id);
    ko_buf_add_text(&out, "}\n");
    KO_TRY(ko_buf_finish(&out, err));
    KO_TRY(ko_show_output_add(&show->output, ko_buf_slice(&out), err));

done:
    ko_buf_clear(&out);
    return err->code;
}
