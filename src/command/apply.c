/* keepone apply: deletes what the plan names, each delete conditional and accounted for. */
#include "apply.h"

#include <stdio.h>

#include "guard.h"
#include "keepone/base/log.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"
#include "keepone/stage/apply.h"
#include "keepone/store/plan.h"

/* How many deletes are too many, and of what. */
static enum ko_code
check_limits(const struct ko_session *session, uint64_t n_planned, struct ko_error *err)
{
    const struct ko_job *job = &session->job;
    const struct ko_run_totals *totals = &session->run->totals;
    const uint64_t n_passed = totals->read - totals->filtered;

    if (job->max_delete != 0 && n_planned > job->max_delete) {
        (void) ko_fail(err, KO_E_REFUSED, "the plan has %llu deletes, --max-delete allows %llu",
                       (unsigned long long) n_planned, (unsigned long long) job->max_delete);
        ko_hint(err, "look at the plan with keepone show; if it is right, give a higher limit.");
    } else if ((__extension__(unsigned __int128) n_planned * 1000000U) >
               (__extension__(unsigned __int128) n_passed * job->max_delete_ppm)) {
        (void) ko_fail(err, KO_E_REFUSED,
                       "the plan deletes %llu of %llu items, --max-delete-percent allows %g %%",
                       (unsigned long long) n_planned, (unsigned long long) n_passed,
                       (double) job->max_delete_ppm / 10000);
        ko_hint(err, "look at the plan with keepone show; if it is right, give a higher limit.");
    }
    return err->code;
}

static void
add_ledger(struct ko_buf *out, const struct ko_ledger *ledger)
{
    const struct {
        const char *name;
        uint64_t n;
        const char *meaning;
    } rows[] = {{"planned", ledger->planned, "lines of the plan"},
                {"deleted", ledger->deleted, "by this run"},
                {"gone", ledger->gone, "were not there any more"},
                {"changed", ledger->changed, "no longer as seen: left alone"},
                {"spared", ledger->spared, "the keeper is gone or changed: left alone"},
                {"failed", ledger->failed, "run again to try again"},
                {"left", ledger->left, "not worked on yet"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ko_buf_add_format(out, "  %-8s %14llu  %s\n", rows[i].name, (unsigned long long) rows[i].n,
                          rows[i].meaning);
    if (ledger->unconfirmed > 0)
        ko_buf_add_format(
            out, "  of the deleted %llu unconfirmed: the reply was lost, the item is absent\n",
            (unsigned long long) ledger->unconfirmed);
}

/* "  used 41.2 k read units (412/s), 20.6 k write units (206/s)" */
void
ko_add_units(struct ko_buf *out, const struct ko_apply_stats *stats)
{
    const struct {
        const char *name;
        double units;
    } rows[] = {{"read", stats->read_units}, {"write", stats->write_units}};
    bool is_first = true;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].units <= 0)
            continue;
        ko_buf_add_format(out, "%s %.1f %s units", is_first ? "  used" : ",", rows[i].units,
                          rows[i].name);
        if (stats->seconds > 0)
            ko_buf_add_format(out, " (%.1f/s)", rows[i].units / stats->seconds);
        is_first = false;
    }
    if (!is_first)
        ko_buf_add_char(out, '\n');
}

static enum ko_code
show_result(const struct ko_session *session, const struct ko_apply_stats *stats,
            const struct ko_buf *triggers, struct ko_error *err)
{
    struct ko_buf text = {0};

    ko_buf_add_text(&text, "{\"ledger\":");
    ko_ledger_add_json(&text, &stats->ledger);
    ko_buf_add_format(&text,
                      ",\"ranks\":%d,\"read_units\":%.1f,\"read_units_per_second\":%.1f,"
                      "\"seconds\":{\"apply\":%.3f},\"state\":"
                      "\"%s\"",
                      ko_world_size(session->world), stats->read_units,
                      ko_per_second(stats->read_units, stats->seconds), stats->seconds,
                      ko_run_state_name(session->run->state));
    if (triggers->n > 0)
        ko_buf_add_format(&text, ",\"triggers\":%.*s", KO_SLICE_ARG(ko_buf_slice(triggers)));
    ko_buf_add_format(&text, ",\"write_units\":%.1f,\"write_units_per_second\":%.1f}",
                      stats->write_units, ko_per_second(stats->write_units, stats->seconds));
    KO_TRY(ko_buf_finish(&text, err));
    KO_TRY(ko_run_write_report(session->run, ko_buf_slice(&text), err));
    if (session->job.json) {
        ko_buf_add_char(&text, '\n');
    } else {
        ko_buf_reset(&text);
        add_ledger(&text, &stats->ledger);
        ko_add_units(&text, stats);
    }
    ko_session_print(session, ko_buf_slice(&text));

done:
    ko_buf_clear(&text);
    return err->code;
}

/* What the exit code says of a ledger; the ledger must account for the whole plan. */
static enum ko_code
judge(const struct ko_ledger *ledger, uint64_t n_planned, struct ko_error *err)
{
    const uint64_t n_ended =
        ledger->deleted + ledger->gone + ledger->changed + ledger->spared + ledger->failed;

    if (ledger->planned != n_planned || n_ended != n_planned)
        return ko_fail(err, KO_E_BUG, "the plan has %llu lines, the ledger %llu outcomes",
                       (unsigned long long) n_planned, (unsigned long long) n_ended);
    if (ledger->failed > 0) {
        (void) ko_fail(err, KO_E_PARTIAL, "%llu of %llu deletes failed",
                       (unsigned long long) ledger->failed, (unsigned long long) n_planned);
        ko_hint(err, "run the same command again: only what failed is tried again.");
    } else if (ledger->changed + ledger->spared > 0) {
        (void) ko_fail(err, KO_E_UNCLEAN, "%llu items had changed and %llu were spared",
                       (unsigned long long) ledger->changed, (unsigned long long) ledger->spared);
        ko_hint(err, "they were left alone; keepone find makes a plan of what is there now.");
    }
    return err->code;
}

static enum ko_code
begin(void *self, struct ko_error *err)
{
    return ko_session_begin_writing(self, KO_RUN_APPLYING, err);
}

static enum ko_code
run_stage(struct ko_session *session, const struct ko_plan_manifest *manifest,
          struct ko_apply_stats *stats, struct ko_error *err)
{
    struct ko_progress progress = ko_session_progress(session);
    char plan_name[KO_PLAN_NAME_BYTES];
    struct ko_apply_config config = {.client = session->client,
                                     .dir = session->run->dir,
                                     .plan_name = plan_name,
                                     .manifest = manifest,
                                     .table_name = session->run->facts.table_name,
                                     .safety = session->job.safety == KO_JOB_SAFETY_TRANSACT
                                                   ? KO_SAFETY_TRANSACT
                                                   : KO_SAFETY_CHECKED,
                                     .unchanged = session->job.unchanged,
                                     .memory_bytes = ko_session_memory_bytes(session),
                                     .progress = &progress,
                                     .begin = begin,
                                     .pulse = ko_session_pulse,
                                     .self = session};

    (void) snprintf(plan_name, sizeof plan_name, "%.*s", KO_SLICE_ARG(session->run->plan_name));
    KO_TRY(ko_session_next_attempt(session, &config.attempt, err));
    KO_TRY(ko_apply_run(&config, session->world, stats, err));

done:
    return err->code;
}

/* A stop or failure in the middle: the ledger so far is shown, and the error stands. */
static enum ko_code
end_apply(struct ko_session *session, const struct ko_apply_stats *stats,
          const struct ko_buf *triggers, uint64_t n_planned, struct ko_error *err)
{
    struct ko_error second = {0};

    /* For a run that is applied this changes nothing. */
    if (err->code == KO_OK && stats->ledger.left == 0 && stats->ledger.failed == 0)
        (void) ko_session_set_state(session, KO_RUN_APPLIED, err);
    if (ko_session_is_first(session) && (stats->ledger.planned > 0 || err->code == KO_OK))
        (void) show_result(session, stats, triggers, err->code == KO_OK ? err : &second);
    KO_TRY(ko_gate(session->world, err));
    KO_TRY(judge(&stats->ledger, n_planned, err));

done:
    return err->code;
}

/* Collective: all that can forbid the first delete, what deletes will trigger, and the yes. */
static enum ko_code
get_ready(struct ko_session *session, const struct ko_plan_manifest *manifest,
          struct ko_buf *triggers, struct ko_error *err)
{
    const uint64_t n_keepers = session->run->totals.keepers;
    const struct ko_guard guard = {.n_items = manifest->n_lines,
                                   .n_groups = n_keepers < manifest->n_lines ? n_keepers
                                                                             : manifest->n_lines};
    struct ko_table table;
    char question[KO_TABLE_NAME_BYTES + 64];

    (void) ko_run_check_state(session->run, KO_RUN_APPLYING, err);
    if (err->code == KO_OK)
        (void) check_limits(session, manifest->n_lines, err);
    KO_TRY(ko_gate(session->world, err));
    KO_TRY(ko_session_bind_table(session, &table, err));
    KO_TRY(ko_guard_check_pitr(session, &table, err));
    ko_guard_show(session, &table, &guard, triggers);
    (void) snprintf(question, sizeof question, "Delete up to %llu items from table '%s'?",
                    (unsigned long long) manifest->n_lines, table.name);
    if (manifest->n_lines > 0)
        KO_TRY(ko_session_confirm(session, question, err));

done:
    return err->code;
}

enum ko_code
ko_apply_planned(struct ko_session *session, struct ko_error *err)
{
    struct ko_plan_manifest *manifest = NULL;
    struct ko_apply_stats stats = {0};
    struct ko_buf triggers = {0};

    if (err->code == KO_OK)
        (void) ko_plan_open(session->run, &manifest, err);
    KO_TRY(ko_gate(session->world, err));
    /* An applied run has nothing left to do: the same command says again how it ended. */
    if (session->run->state != KO_RUN_APPLIED)
        KO_TRY(get_ready(session, manifest, &triggers, err));
    (void) run_stage(session, manifest, &stats, err);
    (void) end_apply(session, &stats, &triggers, manifest->n_lines, err);

done:
    ko_plan_manifest_free(manifest);
    ko_buf_clear(&triggers);
    return err->code;
}

enum ko_code
ko_command_apply(struct ko_session *session, struct ko_error *err)
{
    KO_TRY(ko_session_check_shared_run(session, err));
    KO_TRY(ko_session_lock(session, session->job.run, err));
    KO_TRY(ko_session_open_run(session, err));
    KO_TRY(ko_apply_planned(session, err));

done:
    return err->code;
}
