#include "keepone/format/json.h"
#include "keepone/store/review.h"
#include "plan_lines.h"
#include "show.h"

/* ---- review ---- */

static enum ko_code
find_doubt(struct ko_slice reason, enum ko_doubt *doubt, struct ko_error *err)
{
    for (unsigned i = KO_DOUBT_PRIMARY_KEY; i < KO_SHOW_DOUBTS; i++) {
        *doubt = (enum ko_doubt) i;
        if (ko_slice_equal(reason, ko_slice_of(ko_doubt_name(*doubt))))
            return KO_OK;
    }
    return ko_fail(err, KO_E_CORRUPT, "unknown reason '%.*s'",
                   (int) (reason.n > 64 ? 64 : reason.n), reason.data);
}

static enum ko_code
count_review_line(struct ko_show_review *review, struct ko_slice line, struct ko_buf *reason,
                  struct ko_error *err)
{
    enum ko_doubt doubt = KO_DOUBT_NONE;

    ko_buf_reset(reason);
    KO_TRY(ko_json_member_text(line, "reason", reason, err));
    KO_TRY(find_doubt(ko_buf_slice(reason), &doubt, err));
    review->n_of[doubt]++;
    review->n_groups++;

done:
    return err->code;
}

static enum ko_code
count_review(struct ko_show *show, struct ko_error *err)
{
    struct ko_line_reader *reader = NULL;
    struct ko_buf reason = {0};
    struct ko_slice line;

    KO_TRY(ko_review_reader_open(show->run->dir, &reader, err));
    for (;;) {
        KO_TRY(ko_line_reader_next(reader, &line, err));
        if (line.data == NULL)
            break;
        if (count_review_line(&show->review, line, &reason, err) != KO_OK) {
            ko_line_reader_context(reader, err);
            break;
        }
        if (ko_line_reader_line_number(reader) % 256 == 0)
            KO_TRY(ko_plan_lines_pause(show->session, err));
    }

done:
    if (err->code == KO_E_CORRUPT)
        ko_hint(err,
                "the file was edited or damaged; find again in a new directory writes another.");
    ko_buf_clear(&reason);
    ko_line_reader_close(reader);
    return err->code;
}

/* ---- the plan ---- */

/* The times that decide which item stays: the paths of oldest: and newest:. */
static size_t
list_time_paths(const struct ko_rules *rules, struct ko_slice paths[KO_KEEP_RULES_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < rules->n_keep; i++) {
        const struct ko_keep_rule *rule = &rules->keep[i];

        if (rule->kind == KO_KEEP_OLDEST || rule->kind == KO_KEEP_NEWEST)
            paths[n++] = rules->looked[rule->path_index].path.text;
    }
    return n;
}

static enum ko_code
add_line(void *self, uint32_t part, const struct ko_plan_line *line, bool *enough,
         struct ko_error *err)
{
    (void) enough;
    return ko_survey_add(self, part, line, err);
}

static enum ko_code
survey_plan(struct ko_show *show, struct ko_error *err)
{
    const struct ko_rules_options rules_options = {
        .hash_name = KO_SLICE("-"), /* the table's key does not matter here */
        .key = ko_slice_of(show->found_by.key.joined),
        .keep = ko_slice_of(show->found_by.keep.joined)};
    struct ko_survey_options options = {.n_samples = show->session->job.n_samples};
    struct ko_slice paths[KO_KEEP_RULES_MAX];
    struct ko_rules *rules = ko_rules_new(&rules_options, err);

    if (rules == NULL)
        return err->code;
    options.time_paths = paths;
    options.n_time_paths = list_time_paths(rules, paths);
    show->survey = ko_survey_new(&options, err);
    KO_TRY(err->code);
    KO_TRY(ko_plan_lines_walk(show->session, show->manifest, add_line, show->survey, err));
    KO_TRY(ko_survey_finish(show->survey, err));

done:
    ko_rules_free(rules);
    return err->code;
}

/* ---- the journal ---- */

static enum ko_code
read_ledger(struct ko_show *show, struct ko_error *err)
{
    const struct ko_journal_parts all = {0, KO_PLAN_PARTS_MAX};
    struct ko_journal_index *index = NULL;
    char path[KO_PATH_BYTES];

    KO_TRY(ko_run_path(show->run, path, err, "journal"));
    KO_TRY(ko_folder_exists(path, &show->has_journal, err));
    show->ledger =
        (struct ko_ledger){.planned = show->manifest->n_lines, .left = show->manifest->n_lines};
    if (!show->has_journal)
        return KO_OK;
    KO_TRY(ko_journal_index_read(show->run->dir, show->manifest, all, &index, err));
    ko_journal_index_ledger(index, &show->ledger);

done:
    ko_journal_index_free(index);
    return err->code;
}

/* ---- all of it ---- */

enum ko_code
ko_show_gather(struct ko_show *show, struct ko_error *err)
{
    KO_TRY(ko_job_init(&show->found_by, err));
    if (ko_job_decode(show->run->facts.options, &show->found_by, err) == KO_E_CORRUPT)
        ko_context(err, "'%s/run.json'", show->run->dir);
    KO_TRY(err->code);
    if (show->run->state == KO_RUN_READING)
        return KO_OK;
    KO_TRY(ko_plan_open(show->run, &show->manifest, err));
    KO_TRY(survey_plan(show, err));
    KO_TRY(count_review(show, err));
    KO_TRY(read_ledger(show, err));

done:
    return err->code;
}

void
ko_show_clear(struct ko_show *show)
{
    ko_plan_manifest_free(show->manifest);
    ko_survey_free(show->survey);
    ko_job_clear(&show->found_by);
}
