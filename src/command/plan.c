/* keepone plan: writes a part of the run's plan as a smaller plan beside it, and chooses that. */
#include "keepone/store/plan.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"
#include "keepone/stage/selection.h"
#include "plan_lines.h"
#include "show.h"

enum { LINES_PER_PAUSE = 4096 };

struct choice {
    struct ko_session *session;
    struct ko_selection *selection;
    bool keeps_named; /* --only; else --exclude */
};

/* ---- the primary key that entries must look like ---- */

static enum ko_code
take_primary_key(void *self, uint32_t part, const struct ko_plan_line *line, bool *enough,
                 struct ko_error *err)
{
    struct ko_buf *primary_key = self;

    (void) part;
    *enough = true;
    ko_buf_add_slice(primary_key, line->delete_primary_key);
    return ko_buf_finish(primary_key, err);
}

static enum ko_code
read_selection(struct choice *choice, const struct ko_plan_manifest *manifest, struct ko_error *err)
{
    const struct ko_job *job = &choice->session->job;
    struct ko_buf primary_key = {0};

    KO_TRY(ko_plan_lines_walk(choice->session, manifest, take_primary_key, &primary_key, err));
    KO_TRY(ko_selection_read(choice->keeps_named ? job->only : job->exclude,
                             primary_key.n == 0 ? (struct ko_slice){NULL, 0}
                                                : ko_buf_slice(&primary_key),
                             &choice->selection, err));

done:
    if (err->code == KO_E_OPTION)
        ko_job_context(job, choice->keeps_named ? KO_OPTION_ONLY : KO_OPTION_EXCLUDE, err);
    ko_buf_clear(&primary_key);
    return err->code;
}

/* ---- the two passes ---- */

static enum ko_code
meet_line(void *self, uint32_t part, const struct ko_plan_line *line, bool *enough,
          struct ko_error *err)
{
    struct choice *choice = self;

    (void) part;
    (void) enough;
    (void) ko_selection_meet(choice->selection, line);
    return err->code;
}

static enum ko_code
filter_line(void *self, const struct ko_plan_line *line, bool *wanted, struct ko_error *err)
{
    struct choice *choice = self;

    if (line->line_number % LINES_PER_PAUSE == 1)
        KO_TRY(ko_plan_lines_pause(choice->session, err));
    *wanted = ko_selection_meet(choice->selection, line) == choice->keeps_named;

done:
    return err->code;
}

static enum ko_code
print_result(const struct ko_session *session, const struct ko_plan_manifest *manifest,
             uint64_t n_before, struct ko_error *err)
{
    const struct ko_run *run = session->run;
    struct ko_buf text = {0};

    ko_show_add_count(&text, manifest->n_lines, 0);
    ko_buf_add_text(&text, " of ");
    ko_show_add_count(&text, n_before, 0);
    ko_buf_add_format(&text,
                      " lines stay in the plan\n"
                      "plan %s\n"
                      "in %s/%.*s, chosen for this run\n"
                      "look at it:  keepone show %s\n",
                      manifest->digest, run->dir, KO_SLICE_ARG(run->plan_name), run->dir);
    KO_TRY(ko_buf_finish(&text, err));
    ko_session_print(session, ko_buf_slice(&text));

done:
    ko_buf_clear(&text);
    return err->code;
}

/*
 * A file that names something else than it should must not silently change what is deleted: a first
 * pass looks whether the plan has everything it names, and only then something is written.
 */
static enum ko_code
make_smaller_plan(struct ko_session *session, struct ko_error *err)
{
    struct choice choice = {.session = session, .keeps_named = session->job.only != NULL};
    const struct ko_plan_filter filter = {.fn = filter_line, .self = &choice};
    struct ko_plan_manifest *before = NULL;
    struct ko_plan_manifest *after = NULL;
    char name[KO_PLAN_NAME_BYTES];

    /* Refused, before anything is read or written, by the one who would refuse in the end. */
    if (session->run->state != KO_RUN_PLANNED)
        return ko_run_choose_plan(session->run, KO_PLAN_NAME, "", err);
    KO_TRY(ko_plan_open(session->run, &before, err));
    KO_TRY(read_selection(&choice, before, err));
    KO_TRY(ko_plan_lines_walk(session, before, meet_line, &choice, err));
    KO_TRY(ko_selection_check_met(choice.selection, err));
    KO_TRY(ko_plan_subset(session->run, &filter, name, &after, err));
    KO_TRY(ko_run_choose_plan(session->run, name, after->digest, err));
    KO_TRY(print_result(session, after, before->n_lines, err));

done:
    ko_selection_free(choice.selection);
    ko_plan_manifest_free(before);
    ko_plan_manifest_free(after);
    return err->code;
}

enum ko_code
ko_command_plan(struct ko_session *session, struct ko_error *err)
{
    KO_TRY(ko_session_check_shared_run(session, err));
    KO_TRY(ko_session_lock(session, session->job.run, err));
    KO_TRY(ko_session_open_run(session, err));
    if (ko_session_is_first(session))
        (void) make_smaller_plan(session, err);
    KO_TRY(ko_gate(session->world, err));

done:
    return err->code;
}
