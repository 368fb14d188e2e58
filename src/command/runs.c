/* keepone runs: the runs in a folder, and how far each has come.  Changes nothing. */
#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"
#include "keepone/format/json.h"
#include "show.h"

/* A plan is the end of find, and the middle of dedup --yes. */
static enum ko_code
check_finished(const struct ko_run *run, bool *is_finished, struct ko_error *err)
{
    struct ko_job job;

    *is_finished = run->state == KO_RUN_APPLIED || run->state == KO_RUN_UNDONE;
    if (run->state != KO_RUN_PLANNED)
        return KO_OK;
    (void) ko_job_init(&job, err);
    if (err->code == KO_OK && ko_job_decode(run->facts.options, &job, err) == KO_OK)
        *is_finished = job.verb != KO_VERB_DEDUP || !job.yes;
    ko_job_clear(&job);
    return err->code;
}

static void
add_json(struct ko_buf *out, const struct ko_run *run)
{
    ko_buf_add_format(out, "%s{\"planned\":%llu,\"run\":", out->n == 0 ? "" : ",",
                      (unsigned long long) run->totals.planned);
    ko_json_add_string(out, ko_slice_of(run->dir));
    ko_buf_add_text(out, ",\"started\":");
    ko_json_add_string(out, run->started);
    ko_buf_add_format(out, ",\"state\":\"%s\",\"table\":", ko_run_state_name(run->state));
    ko_json_add_string(out, run->facts.table_name);
    ko_buf_add_char(out, '}');
}

static void
add_text(struct ko_buf *out, const struct ko_run *run)
{
    if (out->n == 0)
        ko_buf_add_text(out, "STATE     STARTED                      PLANNED  RUN\n");
    ko_buf_add_format(out, "%-8s  %.24s  %10llu  ", ko_run_state_name(run->state),
                      run->started.data, (unsigned long long) run->totals.planned);
    ko_show_add_short(out, ko_slice_of(run->dir), 0, 0);
    ko_buf_add_char(out, '\n');
}

/* What is no run is passed over; a run that cannot be read is told, and hides no other. */
static enum ko_code
add_run(const struct ko_session *session, const char *name, struct ko_buf *out,
        struct ko_error *err)
{
    char dir[KO_PATH_BYTES];
    char path[KO_PATH_BYTES];
    struct ko_run *run = NULL;
    bool is_there = false;
    bool is_finished = false;

    KO_TRY(ko_path_join(dir, err, session->job.base, "%s", name));
    KO_TRY(ko_path_join(path, err, dir, "run.json"));
    KO_TRY(ko_file_exists(path, &is_there, err));
    if (!is_there)
        return KO_OK;
    if (ko_run_open(dir, &run, err) == KO_E_CORRUPT) {
        ko_session_warn(session, err->text);
        *err = (struct ko_error){0};
    }
    if (err->code != KO_OK || run == NULL)
        return err->code;
    if (session->job.unfinished)
        KO_TRY(check_finished(run, &is_finished, err));
    if (!is_finished)
        session->job.json ? add_json(out, run) : add_text(out, run);

done:
    ko_run_free(run);
    return err->code;
}

static enum ko_code
list_runs(const struct ko_session *session, struct ko_error *err)
{
    struct ko_names names = {0};
    struct ko_buf text = {0};

    KO_TRY(ko_folder_list(session->job.base, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        if (ko_world_stop_wanted(session->world)) {
            (void) ko_fail(err, KO_E_STOPPED, "stopped while looking into '%s'", session->job.base);
            goto done;
        }
        KO_TRY(add_run(session, names.names[i].text, &text, err));
    }
    KO_TRY(ko_buf_finish(&text, err));
    if (session->job.json)
        ko_session_print(session, KO_SLICE("{\"runs\":["));
    ko_session_print(session, ko_buf_slice(&text));
    if (session->job.json)
        ko_session_print(session, KO_SLICE("]}\n"));

done:
    ko_buf_clear(&text);
    ko_names_clear(&names);
    return err->code;
}

enum ko_code
ko_command_runs(struct ko_session *session, struct ko_error *err)
{
    if (ko_session_is_first(session))
        (void) list_runs(session, err);
    return ko_gate(session->world, err);
}
