#include "keepone/stage/survey.h"

#include "keepone/base/mem.h"
#include "keepone/format/json.h"
#include "keepone/format/value.h"

/* The more places to choose from, the more even the choice. */
enum { PLACES_PER_SAMPLE = 8 };

/* What only the pass itself needs. */
struct ko_survey_state {
    struct ko_arena *arena;      /* of names */
    struct ko_slice *time_names; /* as they stand in `seen`, without quotes */
    size_t n_time_names;
    struct ko_buf key; /* of the open group */
    uint64_t n_losers; /* of the open group; 0 = none is open */
    size_t n_wanted;   /* samples */
    uint64_t stride;   /* every group whose index is a multiple of it has a place */
    struct ko_buf text;
};

const char *
ko_survey_size_name(size_t size_class)
{
    static const char *const names[KO_SURVEY_SIZES] = {"2", "3", "4", "5-9", "10-99", "100+"};

    KO_ASSERT(size_class < KO_SURVEY_SIZES);
    return names[size_class];
}

static size_t
size_class_of(uint64_t n_items)
{
    if (n_items < 5)
        return (size_t) n_items - 2;
    if (n_items < 10)
        return 3;
    return n_items < 100 ? 4 : 5;
}

/* ---- making and freeing ---- */

/* A path's text as a name in JSON, without its quotes. */
static enum ko_code
copy_name(struct ko_survey_state *state, struct ko_slice path, struct ko_slice *name,
          struct ko_error *err)
{
    ko_buf_reset(&state->text);
    ko_json_add_string(&state->text, path);
    KO_TRY(ko_buf_finish(&state->text, err));
    *name = ko_arena_copy(state->arena, (struct ko_slice){state->text.data + 1, state->text.n - 2},
                          err);

done:
    return err->code;
}

static enum ko_code
set_up(struct ko_survey *survey, const struct ko_survey_options *options, struct ko_error *err)
{
    struct ko_survey_state *state = ko_alloc(sizeof *state, err);

    if (state == NULL)
        return err->code;
    survey->state = state;
    state->stride = 1;
    state->n_wanted = options->n_samples;
    state->n_time_names = options->n_time_paths;
    state->arena = ko_arena_new(4096, err);
    KO_TRY(err->code);
    state->time_names = ko_alloc_array(options->n_time_paths, sizeof *state->time_names, err);
    KO_TRY(err->code);
    for (size_t i = 0; i < options->n_time_paths; i++)
        KO_TRY(copy_name(state, options->time_paths[i], &state->time_names[i], err));
    survey->samples =
        ko_alloc_array(PLACES_PER_SAMPLE * options->n_samples, sizeof *survey->samples, err);

done:
    return err->code;
}

struct ko_survey *
ko_survey_new(const struct ko_survey_options *options, struct ko_error *err)
{
    struct ko_survey *survey = ko_alloc(sizeof *survey, err);

    if (survey != NULL && set_up(survey, options, err) == KO_OK)
        return survey;
    ko_survey_free(survey);
    return NULL;
}

void
ko_survey_free(struct ko_survey *survey)
{
    if (survey == NULL)
        return;
    for (size_t i = 0; i < KO_SURVEY_LARGEST; i++)
        ko_buf_clear(&survey->largest[i].key);
    for (size_t i = 0; i < survey->n_paths; i++)
        ko_gaps_free(survey->paths[i].gaps);
    if (survey->state != NULL) {
        ko_arena_free(survey->state->arena);
        ko_free(survey->state->time_names);
        ko_buf_clear(&survey->state->key);
        ko_buf_clear(&survey->state->text);
        ko_free(survey->state);
    }
    ko_free(survey->samples);
    ko_free(survey);
}

/* ---- groups ---- */

/*
 * Places are kept for every stride-th group.  When there is room for no more, every other one goes
 * and the stride doubles: so they are spread evenly, however many groups follow.
 */
static void
note_place(struct ko_survey *survey, uint32_t part, uint64_t line)
{
    struct ko_survey_state *state = survey->state;
    size_t n_left = 0;

    if (state->n_wanted == 0 || survey->n_groups % state->stride != 0)
        return;
    if (survey->n_samples == PLACES_PER_SAMPLE * state->n_wanted) {
        for (size_t i = 0; i < survey->n_samples; i += 2)
            survey->samples[n_left++] = survey->samples[i];
        survey->n_samples = n_left;
        state->stride *= 2;
    }
    if (survey->n_groups % state->stride == 0)
        survey->samples[survey->n_samples++] =
            (struct ko_survey_place){.part = part, .line = line, .group_index = survey->n_groups};
}

/* Puts the open group among the largest, behind those of the same size. */
static enum ko_code
rank_group(struct ko_survey *survey, struct ko_error *err)
{
    const uint64_t n_losers = survey->state->n_losers;
    struct ko_survey_group *last = &survey->largest[KO_SURVEY_LARGEST - 1];
    struct ko_survey_group group;
    size_t at;

    if (n_losers <= last->n_losers)
        return KO_OK;
    group = *last;
    for (at = KO_SURVEY_LARGEST - 1; at > 0; at--) {
        if (survey->largest[at - 1].n_losers >= n_losers)
            break;
        survey->largest[at] = survey->largest[at - 1];
    }
    group.n_losers = n_losers;
    ko_buf_reset(&group.key);
    ko_buf_add_slice(&group.key, ko_buf_slice(&survey->state->key));
    survey->largest[at] = group;
    if (survey->n_largest < KO_SURVEY_LARGEST)
        survey->n_largest++;
    return ko_buf_finish(&survey->largest[at].key, err);
}

static enum ko_code
end_group(struct ko_survey *survey, struct ko_error *err)
{
    struct ko_survey_state *state = survey->state;

    if (state->n_losers == 0)
        return KO_OK;
    KO_TRY(rank_group(survey, err));
    survey->sizes[size_class_of(state->n_losers + 1)]++;
    survey->n_groups++;
    state->n_losers = 0;

done:
    return err->code;
}

static enum ko_code
begin_group(struct ko_survey *survey, uint32_t part, const struct ko_plan_line *line,
            struct ko_error *err)
{
    KO_TRY(end_group(survey, err));
    note_place(survey, part, line->line_number);
    ko_buf_reset(&survey->state->key);
    ko_buf_add_slice(&survey->state->key, line->key);
    KO_TRY(ko_buf_finish(&survey->state->key, err));

done:
    return err->code;
}

/* ---- attributes ---- */

static bool
is_time_name(const struct ko_survey_state *state, struct ko_slice name)
{
    for (size_t i = 0; i < state->n_time_names; i++) {
        if (ko_slice_equal(state->time_names[i], name))
            return true;
    }
    return false;
}

/* A name met for the first time, in the plan's first line. */
static enum ko_code
add_path(struct ko_survey *survey, struct ko_slice name, struct ko_error *err)
{
    struct ko_survey_path *path = &survey->paths[survey->n_paths];

    if (survey->n_paths == KO_LOOKED_MAX)
        return ko_fail(err, KO_E_CORRUPT, "'seen' has more than %d attributes", KO_LOOKED_MAX);
    *path = (struct ko_survey_path){.name = ko_arena_copy(survey->state->arena, name, err)};
    KO_TRY(err->code);
    if (is_time_name(survey->state, name))
        path->gaps = ko_gaps_new(err);
    KO_TRY(err->code);
    survey->n_paths++;

done:
    return err->code;
}

/* *is_time = false unless the value is an S or N that parses as a time. */
static enum ko_code
read_time(struct ko_slice value, struct ko_buf *text, struct ko_time *time, bool *is_time,
          struct ko_error *err)
{
    enum ko_value_type type;
    struct ko_slice content;

    *is_time = false;
    if (value.data[0] != '{')
        return KO_OK;
    KO_TRY(ko_value_open(value, &type, &content, err));
    if (type != KO_VALUE_S && type != KO_VALUE_N)
        return KO_OK;
    ko_buf_reset(text);
    KO_TRY(ko_json_decode_string(content, text, err));
    KO_TRY(ko_buf_finish(text, err));
    *is_time = ko_time_parse(ko_buf_slice(text), time);

done:
    return err->code;
}

static enum ko_code
compare_times(struct ko_survey *survey, struct ko_survey_path *path, struct ko_slice loser,
              struct ko_slice keeper, struct ko_error *err)
{
    struct ko_time times[2];
    bool is_time[2] = {false, false};

    KO_TRY(read_time(loser, &survey->state->text, &times[0], &is_time[0], err));
    KO_TRY(read_time(keeper, &survey->state->text, &times[1], &is_time[1], err));
    if (is_time[0] && is_time[1])
        ko_gaps_add(path->gaps, &times[0], &times[1]);
    else
        path->n_without++;

done:
    return err->code;
}

/* Values are canonical: equal values are equal bytes. */
static enum ko_code
compare_values(struct ko_survey *survey, size_t path_index, struct ko_slice loser,
               struct ko_slice keeper, struct ko_error *err)
{
    struct ko_survey_path *path = &survey->paths[path_index];

    if (!ko_slice_equal(loser, keeper))
        path->n_differ++;
    if (path->gaps == NULL)
        return KO_OK;
    return compare_times(survey, path, loser, keeper, err);
}

static enum ko_code
compare_seen(struct ko_survey *survey, const struct ko_plan_line *line, struct ko_error *err)
{
    struct ko_json_cursor cursors[2];
    struct ko_slice names[2];
    struct ko_slice values[2];

    KO_TRY(ko_json_enter(line->delete_seen, &cursors[0], err));
    KO_TRY(ko_json_enter(line->keep_seen, &cursors[1], err));
    for (size_t i = 0;; i++) {
        KO_TRY(ko_json_next(&cursors[0], &names[0], &values[0], err));
        KO_TRY(ko_json_next(&cursors[1], &names[1], &values[1], err));
        if (survey->n_lines == 0 && values[0].data != NULL)
            KO_TRY(add_path(survey, names[0], err));
        if (values[0].data == NULL && values[1].data == NULL && i == survey->n_paths)
            break;
        if (values[0].data == NULL || values[1].data == NULL || i >= survey->n_paths ||
            !ko_slice_equal(names[0], survey->paths[i].name) ||
            !ko_slice_equal(names[1], survey->paths[i].name))
            return ko_fail(err, KO_E_CORRUPT, "'seen' has other attributes than in other lines");
        KO_TRY(compare_values(survey, i, values[0], values[1], err));
    }

done:
    return err->code;
}

/* ---- the pass ---- */

enum ko_code
ko_survey_add(struct ko_survey *survey, uint32_t part, const struct ko_plan_line *line,
              struct ko_error *err)
{
    struct ko_survey_state *state = survey->state;

    if (state->n_losers == 0 || !ko_slice_equal(ko_buf_slice(&state->key), line->key))
        KO_TRY(begin_group(survey, part, line, err));
    state->n_losers++;
    KO_TRY(compare_seen(survey, line, err));
    survey->n_lines++;

done:
    return err->code;
}

enum ko_code
ko_survey_finish(struct ko_survey *survey, struct ko_error *err)
{
    const size_t n_places = survey->n_samples;
    const size_t n_wanted = survey->state->n_wanted;

    KO_TRY(end_group(survey, err));
    if (n_places <= n_wanted)
        return KO_OK;
    for (size_t i = 0; i < n_wanted; i++)
        survey->samples[i] = survey->samples[(2 * i + 1) * n_places / (2 * n_wanted)];
    survey->n_samples = n_wanted;

done:
    return err->code;
}
