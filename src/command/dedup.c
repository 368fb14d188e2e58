/* keepone dedup: find, then apply if --yes was given; otherwise the plan and how to apply it. */
#include "apply.h"
#include "keepone/comm/world.h"
#include "keepone/store/plan.h"

enum ko_code
ko_command_dedup(struct ko_session *session, struct ko_error *err)
{
    struct ko_buf text = {0};

    KO_TRY(ko_command_find(session, err));
    if (session->job.yes)
        return ko_apply_planned(session, err);
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
