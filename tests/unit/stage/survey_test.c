#include "keepone/stage/survey.h"

#include <stdlib.h>

#include "support/test.h"

enum { TEXT_BYTES = 256 };

/* {"at":{"N":"5"},"c":{"S":"a"}}.  The time "-" is absent, "05" an S, "5" an N. */
static void
print_seen(char text[TEXT_BYTES], char key, const char *time)
{
    char value[64] = "null";

    if (time[0] >= '1' && time[0] <= '9')
        (void) snprintf(value, sizeof value, "{\"N\":\"%s\"}", time);
    else if (time[0] != '-')
        (void) snprintf(value, sizeof value, "{\"S\":\"%s\"}", time);
    (void) snprintf(text, TEXT_BYTES, "{\"at\":%s,\"c\":{\"S\":\"%c\"}}", value, key);
}

/* Adds a line "a5/3": key a, the loser's time 5, the keeper's 3. */
static enum ko_code
add_line(struct ko_survey *survey, uint64_t number, const char *line, struct ko_error *err)
{
    char key[TEXT_BYTES];
    char seen[2][TEXT_BYTES];
    char times[2][32] = {"", ""};

    assert_int_equal(sscanf(line + 1, "%31[^/]/%31s", times[0], times[1]), 2);
    (void) snprintf(key, sizeof key, "{\"c\":{\"S\":\"%c\"}}", line[0]);
    print_seen(seen[0], line[0], times[0]);
    print_seen(seen[1], line[0], times[1]);
    return ko_survey_add(survey, 7,
                         &(struct ko_plan_line){.line_number = number,
                                                .key = ko_slice_of(key),
                                                .delete_seen = ko_slice_of(seen[0]),
                                                .keep_seen = ko_slice_of(seen[1])},
                         err);
}

/* The survey of lines with a space between them; *n_samples groups are chosen. */
static struct ko_survey *
survey_of(const char *lines, size_t n_samples)
{
    const struct ko_slice time_path = KO_SLICE("at");
    const struct ko_survey_options options = {
        .time_paths = &time_path, .n_time_paths = 1, .n_samples = n_samples};
    struct ko_error err = {0};
    struct ko_survey *survey = ko_survey_new(&options, &err);
    uint64_t number = 0;

    CHECK_OK(err);
    while (*lines != '\0') {
        (void) add_line(survey, ++number, lines, &err);
        CHECK_OK(err);
        lines += strcspn(lines, " ");
        lines += *lines == ' ';
    }
    (void) ko_survey_finish(survey, &err);
    CHECK_OK(err);
    return survey;
}

/* The key's letter and the losers of the largest groups: "a4 c2 ". */
static const char *
print_largest(const struct ko_survey *survey)
{
    static char text[128];
    size_t n = 0;

    text[0] = '\0';
    for (size_t i = 0; i < survey->n_largest; i++)
        n += (size_t) snprintf(text + n, sizeof text - n, "%c%llu ",
                               survey->largest[i].key.data[strlen("{\"c\":{\"S\":\"")],
                               (unsigned long long) survey->largest[i].n_losers);
    return text;
}

/* "lines groups: groups of each size". */
static const char *
print_sizes(const struct ko_survey *survey)
{
    static char text[128];
    size_t n =
        (size_t) snprintf(text, sizeof text, "%llu %llu:", (unsigned long long) survey->n_lines,
                          (unsigned long long) survey->n_groups);

    for (size_t i = 0; i < KO_SURVEY_SIZES; i++)
        n += (size_t) snprintf(text + n, sizeof text - n, " %llu",
                               (unsigned long long) survey->sizes[i]);
    return text;
}

/* "name: lines that differ; gaps, median, lines without" of each attribute. */
static const char *
print_paths(const struct ko_survey *survey)
{
    static char text[256];
    size_t n = 0;

    text[0] = '\0';
    for (size_t i = 0; i < survey->n_paths; i++) {
        const struct ko_survey_path *path = &survey->paths[i];
        struct ko_gaps_summary gaps = {0};

        if (path->gaps != NULL)
            ko_gaps_summarize(path->gaps, &gaps);
        n += (size_t) snprintf(text + n, sizeof text - n, "%.*s: %llu%s", KO_SLICE_ARG(path->name),
                               (unsigned long long) path->n_differ, path->gaps == NULL ? "" : "; ");
        if (path->gaps != NULL)
            n += (size_t) snprintf(text + n, sizeof text - n, "%llu %llu %llu, ",
                                   (unsigned long long) gaps.n,
                                   (unsigned long long) gaps.median_us / 1000000,
                                   (unsigned long long) path->n_without);
    }
    return text;
}

static const char *
print_samples(const struct ko_survey *survey)
{
    static char text[256];
    size_t n = 0;

    text[0] = '\0';
    for (size_t i = 0; i < survey->n_samples; i++)
        n += (size_t) snprintf(text + n, sizeof text - n, "%llu@%u:%llu ",
                               (unsigned long long) survey->samples[i].group_index,
                               survey->samples[i].part,
                               (unsigned long long) survey->samples[i].line);
    return text;
}

static void
lines_of_one_key_are_a_group(void)
{
    struct ko_survey *survey = survey_of("a2/1 b2/1 b3/1 c2/1 c2/1 c2/1", 0);

    CHECK_TEXT(print_sizes(survey), "6 3: 1 1 1 0 0 0");
    ko_survey_free(survey);
}

static void
an_empty_plan_has_no_groups(void)
{
    struct ko_survey *survey = survey_of("", 3);

    CHECK_TEXT(print_sizes(survey), "0 0: 0 0 0 0 0 0");
    CHECK_TEXT(print_largest(survey), "");
    CHECK_TEXT(print_samples(survey), "");
    ko_survey_free(survey);
}

/* A survey of one group of each number of losers. */
static struct ko_survey *
survey_of_sizes(const uint64_t *n_losers, size_t n)
{
    struct ko_buf lines = {0};
    struct ko_survey *survey;

    for (size_t i = 0; i < n; i++) {
        for (uint64_t k = 0; k < n_losers[i]; k++)
            ko_buf_add_format(&lines, "%c2/1 ", (char) ('a' + i));
    }
    ko_buf_add_char(&lines, '\0');
    survey = survey_of(lines.data, 0);
    ko_buf_clear(&lines);
    return survey;
}

static void
sizes_count_the_keeper(void)
{
    static const uint64_t n_losers[] = {1, 2, 3, 4, 8, 9, 98, 99};
    struct ko_survey *survey = survey_of_sizes(n_losers, 8);

    CHECK_TEXT(print_sizes(survey), "224 8: 1 1 1 2 2 1");
    assert_string_equal(ko_survey_size_name(3), "5-9");
    ko_survey_free(survey);
}

static void
the_five_largest_are_ranked_and_the_first_of_equals_stays(void)
{
    static const uint64_t n_losers[] = {2, 1, 3, 2, 7, 3, 2, 1};
    struct ko_survey *survey = survey_of_sizes(n_losers, 8);

    CHECK_TEXT(print_largest(survey), "e7 c3 f3 a2 d2 ");
    ko_survey_free(survey);
}

static void
differences_are_counted_by_line(void)
{
    struct ko_survey *survey = survey_of("a9/1 a1/1 b05/5 b-/- c-/4", 0);

    /* 05 and 5 are other values, but the same time. */
    CHECK_TEXT(print_paths(survey), "at: 3; 3 0 2, c: 0");
    ko_survey_free(survey);
}

static void
what_is_no_time_is_counted_apart(void)
{
    struct ko_survey *survey = survey_of("a100/10 a500/10 b~/10 c10/~ d~/~ e-/10", 0);

    CHECK_TEXT(print_paths(survey), "at: 5; 2 90 4, c: 0");
    ko_survey_free(survey);
}

static void
names_are_compared_as_the_plan_writes_them(void)
{
    const struct ko_slice time_path = KO_SLICE("a\"\\\\b");
    const struct ko_survey_options options = {.time_paths = &time_path, .n_time_paths = 1};
    struct ko_error err = {0};
    struct ko_survey *survey = ko_survey_new(&options, &err);
    const struct ko_plan_line line = {
        .key = KO_SLICE("{}"),
        .delete_seen = KO_SLICE("{\"a\\\"\\\\\\\\b\":{\"S\":\"\\u0031970-01-01T00:00:07Z\"}}"),
        .keep_seen = KO_SLICE("{\"a\\\"\\\\\\\\b\":{\"N\":\"1\"}}")};

    (void) ko_survey_add(survey, 0, &line, &err);
    (void) ko_survey_finish(survey, &err);
    CHECK_OK(err);
    CHECK_TEXT(print_paths(survey), "a\\\"\\\\\\\\b: 1; 1 6 0, ");
    ko_survey_free(survey);
}

static void
few_groups_are_all_samples(void)
{
    struct ko_survey *survey = survey_of("a2/1 b2/1 b3/1 c2/1", 5);

    CHECK_TEXT(print_samples(survey), "0@7:1 1@7:2 2@7:4 ");
    ko_survey_free(survey);
}

static void
samples_are_spread_evenly_over_many_groups(void)
{
    for (uint64_t n_groups = 4; n_groups < 3000; n_groups += 37) {
        const struct ko_survey_options options = {.n_samples = 3};
        struct ko_error err = {0};
        struct ko_survey *survey = ko_survey_new(&options, &err);

        for (uint64_t i = 1; i <= n_groups; i++)
            (void) add_line(survey, i, i % 2 == 0 ? "a2/1" : "b2/1", &err);
        (void) ko_survey_finish(survey, &err);
        CHECK_OK(err);
        assert_int_equal(survey->n_samples, 3);
        for (uint64_t i = 0; i < 3; i++) {
            const uint64_t index = survey->samples[i].group_index;

            assert_int_equal(survey->samples[i].line, index + 1);
            assert_in_range(index, i * n_groups / 3, (i + 1) * n_groups / 3);
        }
        ko_survey_free(survey);
    }
}

static void
lines_with_other_attributes_are_corrupt(void)
{
    static const char *const others[] = {"{\"c\":null}", "{\"at\":null,\"b\":null}",
                                         "{\"at\":null,\"c\":null,\"d\":null}", "{}"};

    for (size_t i = 0; i < 2 * sizeof others / sizeof others[0]; i++) {
        const struct ko_slice good = KO_SLICE("{\"at\":null,\"c\":null}");
        const struct ko_slice other = ko_slice_of(others[i / 2]);
        const struct ko_plan_line line = {.line_number = 2,
                                          .key = KO_SLICE("{}"),
                                          .delete_seen = i % 2 == 0 ? good : other,
                                          .keep_seen = i % 2 == 0 ? other : good};
        struct ko_error err = {0};
        struct ko_survey *survey = survey_of("a2/1", 0);

        (void) ko_survey_add(survey, 7, &line, &err);
        CHECK_CODE(err, KO_E_CORRUPT);
        CHECK_ERROR_SAYS(err, "other attributes");
        ko_survey_free(survey);
    }
}

static enum ko_code
survey_two_lines(struct ko_error *err)
{
    const struct ko_slice time_path = KO_SLICE("at");
    const struct ko_survey_options options = {
        .time_paths = &time_path, .n_time_paths = 1, .n_samples = 1};
    struct ko_survey *survey = ko_survey_new(&options, err);

    if (survey != NULL && add_line(survey, 1, "a2/1", err) == KO_OK &&
        add_line(survey, 2, "b2/1", err) == KO_OK)
        (void) ko_survey_finish(survey, err);
    ko_survey_free(survey);
    return err->code;
}

static void
without_memory_it_fails_and_leaks_nothing(void)
{
    enum ko_code code = KO_E_MEMORY;

    for (uint64_t nth = 1; code == KO_E_MEMORY; nth++) {
        const uint64_t live = ko_mem_live();
        struct ko_error err = {0};

        ko_mem_fail_nth(nth);
        code = survey_two_lines(&err);
        ko_mem_fail_nth(0);
        assert_int_equal(ko_mem_live(), live);
        assert_true(code == KO_E_MEMORY || nth > 8);
    }
    assert_int_equal(code, KO_OK);
}

CASES = {
    CASE(lines_of_one_key_are_a_group),
    CASE(an_empty_plan_has_no_groups),
    CASE(sizes_count_the_keeper),
    CASE(the_five_largest_are_ranked_and_the_first_of_equals_stays),
    CASE(differences_are_counted_by_line),
    CASE(what_is_no_time_is_counted_apart),
    CASE(names_are_compared_as_the_plan_writes_them),
    CASE(few_groups_are_all_samples),
    CASE(samples_are_spread_evenly_over_many_groups),
    CASE(lines_with_other_attributes_are_corrupt),
    CASE(without_memory_it_fails_and_leaks_nothing),
};
RUN_CASES
