/* keepone undo: puts back what the run deleted, where nothing took its place. */
#include <stdio.h>

#include "apply.h"
#include "guard.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"
#include "keepone/stage/undo.h"
#include "keepone/store/plan.h"

static enum ko_code
show_result(const struct ko_session *session, const struct ko_apply_stats *stats,
            const struct ko_buf *triggers, struct ko_error *err)
{
    const struct ko_ledger *ledger = &stats->ledger;
    struct ko_buf text = {0};

    ko_buf_add_text(&text, "{\"ledger\":");
    ko_ledger_add_json(&text, ledger);
    ko_buf_add_format(&text, ",\"ranks\":%d,\"seconds\":{\"undo\":%.3f},\"state\":\"%s\"",
                      ko_world_size(session->world), stats->seconds,
                      ko_run_state_name(session->run->state));
    if (triggers->n > 0)
        ko_buf_add_format(&text, ",\"triggers\":%.*s", KO_SLICE_ARG(ko_buf_slice(triggers)));
    ko_buf_add_format(&text, ",\"write_units\":%.1f,\"write_units_per_second\":%.1f}",
                      stats->write_units, ko_per_second(stats->write_units, stats->seconds));
    KO_TRY(ko_buf_finish(&text, err));
    KO_TRY(ko_run_write_report(session->run, ko_buf_slice(&text), err));
    ko_buf_add_char(&text, '\n');
    if (!session->job.json) {
        ko_buf_reset(&text);
        ko_buf_add_format(
            &text,
            "  deleted  %14llu  by this run\n"
            "  restored %14llu  put back\n"
            "  present  %14llu  something else stands there: left alone\n"
            "  failed   %14llu  refused by the table, to be tried again\n",
            (unsigned long long) ledger->deleted, (unsigned long long) ledger->restored,
            (unsigned long long) ledger->present, (unsigned long long) ledger->undo_failed);
        ko_add_units(&text, stats);
    }
    ko_session_print(session, ko_buf_slice(&text));

done:
    ko_buf_clear(&text);
    return err->code;
}

static enum ko_code
begin(void *self, struct ko_error *err)
{
    return ko_session_begin_writing(self, KO_RUN_UNDOING, err);
}

static enum ko_code
put_back(struct ko_session *session, const struct ko_plan_manifest *manifest,
         const struct ko_buf *triggers, struct ko_apply_stats *stats, struct ko_error *err)
{
    struct ko_progress progress = ko_session_progress(session);
    struct ko_undo_config config = {.client = session->client,
                                    .dir = session->run->dir,
                                    .manifest = manifest,
                                    .table_name = session->run->facts.table_name,
                                    .hash_name = session->run->facts.primary_key[0].name,
                                    .progress = &progress,
                                    .is_applied = session->run->state == KO_RUN_APPLIED,
                                    .begin = begin,
                                    .pulse = ko_session_pulse,
                                    .self = session};

    KO_TRY(ko_session_next_attempt(session, &config.attempt, err));
    KO_TRY(ko_undo_run(&config, session->world, stats, err));
    if (stats->ledger.undo_failed == 0)
        KO_TRY(ko_session_set_state(session, KO_RUN_UNDONE, err));
    if (ko_session_is_first(session))
        (void) show_result(session, stats, triggers, err);
    KO_TRY(ko_gate(session->world, err));

done:
    return err->code;
}

/* Collective: everything that can forbid the first write, and the yes. */
static enum ko_code
get_ready(struct ko_session *session, const struct ko_plan_manifest *manifest,
          struct ko_buf *triggers, struct ko_error *err)
{
    const struct ko_guard guard = {.is_undo = true, .n_items = manifest->n_lines};
    struct ko_table table;
    char question[KO_TABLE_NAME_BYTES + 64];

    (void) ko_run_check_state(session->run, KO_RUN_UNDOING, err);
    KO_TRY(ko_gate(session->world, err));
    KO_TRY(ko_session_bind_table(session, &table, err));
    ko_guard_show(session, &table, &guard, triggers);
    (void) snprintf(question, sizeof question,
                    "Put the items that this run deleted back into table '%s'?", table.name);
    KO_TRY(ko_session_confirm(session, question, err));

done:
    return err->code;
}

enum ko_code
ko_command_undo(struct ko_session *session, struct ko_error *err)
{
    struct ko_plan_manifest *manifest = NULL;
    struct ko_apply_stats stats = {0};
    struct ko_buf triggers = {0};

    KO_TRY(ko_session_check_shared_run(session, err));
    KO_TRY(ko_session_lock(session, session->job.run, err));
    KO_TRY(ko_session_open_run(session, err));
    if (err->code == KO_OK)
        (void) ko_plan_open(session->run, &manifest, err);
    KO_TRY(ko_gate(session->world, err));
    /* An undone run has nothing left to do: the same command says again how it ended. */
    if (session->run->state != KO_RUN_UNDONE)
        KO_TRY(get_ready(session, manifest, &triggers, err));
    KO_TRY(put_back(session, manifest, &triggers, &stats, err));
    if (stats.ledger.undo_failed > 0) {
        (void) ko_fail(err, KO_E_PARTIAL, "the table refused to take %llu items back",
                       (unsigned long long) stats.ledger.undo_failed);
        ko_hint(err, "the journal says why; the same command tries them again.");
    } else if (stats.ledger.present > 0) {
        (void) ko_fail(err, KO_E_UNCLEAN,
                       "%llu items were not put back: something took their place",
                       (unsigned long long) stats.ledger.present);
        ko_hint(err, "their images are in the run's journal.");
    }

done:
    ko_plan_manifest_free(manifest);
    ko_buf_clear(&triggers);
    return err->code;
}
