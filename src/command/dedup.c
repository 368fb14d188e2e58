/* keepone dedup: find, then apply if --yes was given; otherwise the plan and how to apply it. */
#include "apply.h"
#include "find.h"
#include "keepone/comm/gate.h"
#include "keepone/store/plan.h"

static enum ko_code
say_how_to_apply(const struct ko_session *session, struct ko_error *err)
{
    struct ko_buf text = {0};

    ko_buf_add_format(&text,
                      "plan of %llu deletes in %s, nothing is deleted yet\n"
                      "look at it:  keepone show %s\n"
                      "apply it:    keepone apply %s --yes\n",
                      (unsigned long long) session->run->totals.planned, session->run->dir,
                      session->run->dir, session->run->dir);
    KO_TRY(ko_buf_finish(&text, err));
    if (!session->job.json)
        ko_session_print(session, ko_buf_slice(&text));

done:
    ko_buf_clear(&text);
    return err->code;
}

enum ko_code
ko_command_dedup(struct ko_session *session, struct ko_error *err)
{
    bool has_plan;

    KO_TRY(ko_find_look_for_plan(session, &has_plan, err));
    if (has_plan)
        KO_TRY(ko_session_lock(session, session->job.run, err));
    else
        KO_TRY(ko_find_make_plan(session, err));
    /* Rank 0 knows the plan; now all do. */
    ko_run_free(session->run);
    session->run = NULL;
    KO_TRY(ko_session_open_run(session, err));
    if (session->job.yes)
        return ko_apply_planned(session, err);
    if (session->run->state == KO_RUN_PLANNED)
        return say_how_to_apply(session, err);
    (void) ko_fail(err, KO_E_REFUSED, "the run in '%s' is %s already", session->run->dir,
                   ko_run_state_name(session->run->state));
    ko_hint(err, "keepone show %s says how it went; --yes goes on with it.", session->run->dir);

done:
    return err->code;
}
