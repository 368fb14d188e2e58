/* The plan as the survey saw it: groups, differences, times. */
#include "show_report.h"

enum { NAME_WIDTH_MIN = 12, NAME_WIDTH_MAX = 40 };

static void
add_plan(struct ko_show_report *report)
{
    const struct ko_show *show = report->show;

    ko_buf_add_char(&report->text, '\n');
    ko_show_add_label(report, "Plan");
    ko_show_add_count(&report->text, show->manifest->n_lines, 0);
    ko_buf_add_text(&report->text, " lines in ");
    ko_show_add_harmless(report, ko_slice_of(show->run->dir));
    ko_buf_add_format(&report->text, "/%.*s", KO_SLICE_ARG(show->run->plan_name));
    if (show->manifest->n_lines < show->run->totals.planned) {
        ko_buf_add_text(&report->text, ", chosen from ");
        ko_show_add_count(&report->text, show->run->totals.planned, 0);
    }
    ko_buf_add_char(&report->text, '\n');
    ko_show_add_label(report, "Digest");
    ko_buf_add_format(&report->text, "%s\n", show->manifest->digest);
}

static void
add_groups(struct ko_show_report *report)
{
    const struct ko_survey *survey = report->show->survey;
    struct ko_buf *out = &report->text;

    ko_show_add_heading(report, "Groups by size, the keeper counted");
    for (size_t i = 0; i < KO_SURVEY_SIZES; i++) {
        if (survey->sizes[i] == 0)
            continue;
        ko_buf_add_format(out, "  %-5s items ", ko_survey_size_name(i));
        ko_show_add_count(out, survey->sizes[i], 15);
        ko_show_add_percent(out, survey->sizes[i], survey->n_groups, 9);
        ko_buf_add_char(out, '\n');
    }
    ko_show_add_heading(report, "Largest groups");
    for (size_t i = 0; i < survey->n_largest; i++) {
        const struct ko_survey_group *group = &survey->largest[i];

        ko_show_add_count(out, group->n_losers, 9);
        ko_buf_add_format(out, " %-6s  ", group->n_losers == 1 ? "loser" : "losers");
        ko_show_add_short(out, ko_buf_slice(&group->key), KO_SHOW_COLUMNS - 18, 0);
        ko_buf_add_char(out, '\n');
    }
}

/* Of the column of attribute names, under the counts above and below it. */
static size_t
name_width(const struct ko_survey *survey)
{
    size_t width = NAME_WIDTH_MIN;

    for (size_t i = 0; i < survey->n_paths; i++) {
        const size_t n = ko_show_width(survey->paths[i].name);

        width = n > width ? n : width;
    }
    return width < NAME_WIDTH_MAX ? width : NAME_WIDTH_MAX;
}

static void
add_differences(struct ko_show_report *report)
{
    const struct ko_survey *survey = report->show->survey;
    struct ko_buf *out = &report->text;

    const size_t width = name_width(survey);

    ko_show_add_heading(report, "Lines in which loser and keeper differ");
    for (size_t i = 0; i < survey->n_paths; i++) {
        const struct ko_survey_path *path = &survey->paths[i];

        ko_buf_add_text(out, "  ");
        ko_show_add_padded(out, path->name, width);
        ko_show_add_count(out, path->n_differ, 15);
        ko_show_add_percent(out, path->n_differ, survey->n_lines, 9);
        ko_buf_add_char(out, '\n');
    }
}

static void
add_gaps_of(struct ko_show_report *report, const struct ko_survey_path *path)
{
    struct ko_buf *out = &report->text;
    struct ko_gaps_summary gaps = {0};

    ko_gaps_summarize(path->gaps, &gaps);
    ko_buf_add_text(out, "  ");
    ko_show_add_padded(out, path->name, name_width(report->show->survey));
    if (gaps.n > 0) {
        ko_buf_add_text(out, "  from ");
        ko_duration_add(out, gaps.min_us);
        ko_buf_add_text(out, " to ");
        ko_duration_add(out, gaps.max_us);
        ko_buf_add_text(out, ", median ");
        ko_duration_add(out, gaps.median_us);
    } else {
        ko_buf_add_text(out, "  no two times to compare");
    }
    if (gaps.n_equal > 0) {
        ko_buf_add_text(out, "; ");
        ko_show_add_count(out, gaps.n_equal, 0);
        ko_buf_add_text(out, " at the same instant");
    }
    if (path->n_without > 0) {
        ko_buf_add_text(out, "; ");
        ko_show_add_count(out, path->n_without, 0);
        ko_buf_add_text(out, " without two times");
    }
    ko_buf_add_char(out, '\n');
}

static void
add_gaps(struct ko_show_report *report)
{
    const struct ko_survey *survey = report->show->survey;
    bool has_heading = false;

    for (size_t i = 0; i < survey->n_paths; i++) {
        if (survey->paths[i].gaps == NULL)
            continue;
        if (!has_heading)
            ko_show_add_heading(report, "Time between loser and keeper");
        has_heading = true;
        add_gaps_of(report, &survey->paths[i]);
    }
}

enum ko_code
ko_show_add_survey(struct ko_show_report *report, struct ko_error *err)
{
    const struct ko_survey *survey = report->show->survey;

    add_plan(report);
    if (survey->n_lines == 0)
        return KO_OK;
    add_groups(report);
    add_differences(report);
    add_gaps(report);
    if (survey->n_samples == 0)
        return KO_OK;
    ko_show_add_heading(report, "Samples (* differs)");
    return ko_show_add_samples(report->show, &report->text, err);
}
