/* Starts MPI, reads the job on rank 0, tells it to all, and lets the verb do its work. */
#include <stdio.h>
#include <string.h>

#include "keepone/base/log.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"
#include "keepone/job/messages.h"
#include "policy.h"
#include "search.h"
#include "session.h"

static void
end_on_assert(const char *sentence)
{
    ko_world_abort(NULL, KO_E_BUG, sentence);
}

/* Collective: every rank has the job; *is_over if rank 0 has printed all there is to say. */
static enum ko_code
read_job(struct ko_session *session, int argc, char **argv, bool *is_over, struct ko_error *err)
{
    struct ko_buf text = {0};

    (void) ko_job_init(&session->job, err);
    if (ko_session_is_first(session) && err->code == KO_OK &&
        ko_job_parse(argc, argv, &session->job, &text, err) == KO_OK &&
        ko_search_check_texts(&session->job, err) == KO_OK) {
        const bool is_work = text.n == 0 && !session->job.check_only && !session->job.prints_policy;

        if (text.n == 0 && session->job.check_only)
            (void) fprintf(stderr, "keepone: '%s' is a good job file\n", session->job.job_file);
        else if (text.n == 0 && session->job.prints_policy)
            (void) ko_policy_add(&session->job, &text, err);
        if (err->code == KO_OK)
            ko_session_print(session, ko_buf_slice(&text));
        ko_buf_reset(&text);
        if (is_work)
            (void) ko_job_encode(&session->job, &text, err);
    }
    KO_TRY(ko_world_share(session->world, &text, err));
    *is_over = text.n == 0;
    if (!*is_over && !ko_session_is_first(session))
        (void) ko_job_decode(ko_buf_slice(&text), &session->job, err);
    KO_TRY(ko_gate(session->world, err));

done:
    ko_buf_clear(&text);
    return err->code;
}

static enum ko_code
run_command(struct ko_session *session, struct ko_error *err)
{
    static ko_command_fn *const commands[KO_VERB_COUNT] = {
        [KO_VERB_FIND] = ko_command_find,     [KO_VERB_SHOW] = ko_command_show,
        [KO_VERB_PLAN] = ko_command_plan,     [KO_VERB_APPLY] = ko_command_apply,
        [KO_VERB_VERIFY] = ko_command_verify, [KO_VERB_UNDO] = ko_command_undo,
        [KO_VERB_RUNS] = ko_command_runs,     [KO_VERB_DEDUP] = ko_command_dedup,
        [KO_VERB_EXPORT] = ko_command_export, [KO_VERB_ESTIMATE] = ko_command_estimate};

    KO_ASSERT(session->job.verb < KO_VERB_COUNT && commands[session->job.verb] != NULL);
    ko_log_init(ko_world_rank(session->world), session->job.log_level);
    ko_world_catch_signals(session->world);
    if (ko_session_mount_job(session, err) != KO_OK)
        return err->code;
    return commands[session->job.verb](session, err);
}

/* Results that nobody can read are not done.  show has looked itself, as its reader may go away. */
static void
flush_results(const struct ko_session *session, struct ko_error *err)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && session->job.verb != KO_VERB_SHOW &&
        err->code == KO_OK)
        (void) ko_fail(err, KO_E_IO, "cannot write the result to stdout");
}

int
main(int argc, char **argv)
{
    struct ko_error err = {0};
    struct ko_session session = {0};
    bool is_over = false;

    if (ko_world_open(&argc, &argv, &session.world, &err) != KO_OK) {
        ko_message_print_error(&err, false);
        return (int) err.code;
    }
    ko_assert_install(end_on_assert);
    if (read_job(&session, argc, argv, &is_over, &err) == KO_OK && !is_over)
        (void) run_command(&session, &err);
    flush_results(&session, &err);
    ko_session_clear(&session, &err);
    (void) ko_gate(session.world, &err);
    if (ko_session_is_first(&session))
        ko_message_print_error(&err, false);
    ko_world_close(session.world);
    return (int) err.code;
}
