#include "plan_lines.h"

#include "apply.h"
#include "keepone/comm/world.h"

enum { LINES_PER_PAUSE = 4096 };

enum ko_code
ko_plan_lines_pause(struct ko_session *session, struct ko_error *err)
{
    if (ko_session_pulse(session, err) != KO_OK || !ko_world_stop_wanted(session->world))
        return err->code;
    (void) ko_fail(err, KO_E_STOPPED, "stopped while reading the plan of '%s'", session->run->dir);
    ko_hint(err, "nothing was changed; run the same command again.");
    return err->code;
}

static enum ko_code
walk_part(struct ko_session *session, const struct ko_plan_part *part,
          struct ko_plan_reader *reader, ko_plan_lines_fn *fn, void *self, bool *enough,
          struct ko_error *err)
{
    const struct ko_run *run = session->run;
    struct ko_plan_line line = {0};

    KO_TRY(ko_plan_lines_pause(session, err));
    while (!*enough) {
        KO_TRY(ko_plan_reader_next(reader, &line, err));
        if (line.text.data == NULL)
            break;
        if (fn(self, part->part, &line, enough, err) == KO_E_CORRUPT) {
            ko_hint(err, "make the plan again with keepone find in a new directory.");
            ko_context(err, "'%s/%s/part-%04u.jsonl.zst' line %llu", run->dir, run->plan_name.data,
                       part->part, (unsigned long long) line.line_number);
        }
        KO_TRY(err->code);
        if (line.line_number % LINES_PER_PAUSE == 0)
            KO_TRY(ko_plan_lines_pause(session, err));
    }

done:
    return err->code;
}

enum ko_code
ko_plan_lines_walk(struct ko_session *session, const struct ko_plan_manifest *manifest,
                   ko_plan_lines_fn *fn, void *self, struct ko_error *err)
{
    const struct ko_run *run = session->run;
    struct ko_plan_reader *reader = NULL;
    struct ko_plan_parts *parts = NULL;
    bool enough = false;

    KO_TRY(ko_plan_parts_open(run->dir, run->plan_name.data, manifest->parts, manifest->n_parts,
                              &parts, err));
    for (size_t i = 0; i < manifest->n_parts && !enough; i++) {
        KO_TRY(ko_plan_parts_next(parts, &reader, err));
        KO_TRY(walk_part(session, &manifest->parts[i], reader, fn, self, &enough, err));
        ko_plan_reader_close(reader);
        reader = NULL;
    }

done:
    ko_plan_reader_close(reader);
    ko_plan_parts_close(parts);
    return err->code;
}
