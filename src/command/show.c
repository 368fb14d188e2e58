/* keepone show: what a run found, planned and did.  Changes nothing. */
#include "show.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"
#include "keepone/store/review.h"
#include "plan_lines.h"

/* ---- stdout ---- */

void
ko_show_output_open(struct ko_show_output *output, const struct ko_session *session)
{
    (void) signal(SIGPIPE, SIG_IGN);
    *output = (struct ko_show_output){.has_style = !ko_world_is_under_mpirun(session->world) &&
                                                   isatty(STDOUT_FILENO) == 1 &&
                                                   getenv("NO_COLOR") == NULL};
}

static enum ko_code
note_failure(struct ko_show_output *output, struct ko_error *err)
{
    output->is_closed = true;
    if (errno == EPIPE)
        return KO_OK;
    return ko_fail_errno(err, KO_E_IO, errno, "cannot write to stdout");
}

enum ko_code
ko_show_output_add(struct ko_show_output *output, struct ko_slice text, struct ko_error *err)
{
    if (output->is_closed || text.n == 0 || fwrite(text.data, 1, text.n, stdout) == text.n)
        return KO_OK;
    return note_failure(output, err);
}

enum ko_code
ko_show_output_end(struct ko_show_output *output, struct ko_error *err)
{
    if (output->is_closed || fflush(stdout) == 0)
        return KO_OK;
    return note_failure(output, err);
}

/* ---- streams ---- */

static enum ko_code
print_line(struct ko_show_output *output, struct ko_slice line, bool *enough, struct ko_error *err)
{
    KO_TRY(ko_show_output_add(output, line, err));
    KO_TRY(ko_show_output_add(output, KO_SLICE("\n"), err));
    *enough = output->is_closed;

done:
    return err->code;
}

static enum ko_code
print_plan_line(void *self, uint32_t part, const struct ko_plan_line *line, bool *enough,
                struct ko_error *err)
{
    (void) part;
    return print_line(self, line->text, enough, err);
}

static enum ko_code
stream_plan(struct ko_show *show, struct ko_error *err)
{
    KO_TRY(ko_plan_open(show->run, &show->manifest, err));
    KO_TRY(ko_plan_lines_walk(show->session, show->manifest, print_plan_line, &show->output, err));

done:
    return err->code;
}

static enum ko_code
stream_review(struct ko_show *show, struct ko_error *err)
{
    struct ko_line_reader *reader = NULL;
    struct ko_slice line;
    bool enough = false;

    KO_TRY(ko_plan_open(show->run, &show->manifest, err));
    KO_TRY(ko_review_reader_open(show->run->dir, &reader, err));
    while (!enough) {
        KO_TRY(ko_line_reader_next(reader, &line, err));
        if (line.data == NULL)
            break;
        KO_TRY(print_line(&show->output, line, &enough, err));
        if (ko_line_reader_line_number(reader) % 256 == 0)
            KO_TRY(ko_plan_lines_pause(show->session, err));
    }

done:
    ko_line_reader_close(reader);
    return err->code;
}

/* ---- the verb ---- */

static enum ko_code
show_run(struct ko_session *session, struct ko_error *err)
{
    const struct ko_job *job = &session->job;
    struct ko_show show = {.session = session, .run = session->run};

    ko_show_output_open(&show.output, session);
    if (job->show_plan) {
        KO_TRY(stream_plan(&show, err));
    } else if (job->show_review) {
        KO_TRY(stream_review(&show, err));
    } else {
        KO_TRY(ko_show_gather(&show, err));
        KO_TRY(job->json ? ko_show_print_json(&show, err) : ko_show_print_text(&show, err));
    }
    KO_TRY(ko_show_output_end(&show.output, err));

done:
    ko_show_clear(&show);
    return err->code;
}

enum ko_code
ko_command_show(struct ko_session *session, struct ko_error *err)
{
    KO_TRY(ko_session_open_run(session, err));
    if (ko_session_is_first(session))
        (void) show_run(session, err);
    KO_TRY(ko_gate(session->world, err));

done:
    return err->code;
}
