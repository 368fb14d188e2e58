/* keepone find: reads a table or an export and writes a plan.  Deletes nothing. */
#include "find.h"

#include "apply.h"
#include "keepone/base/log.h"
#include "keepone/base/mem.h"
#include "keepone/base/mount.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"
#include "search.h"

static void
add_count(struct ko_buf *out, const char *name, uint64_t n, const char *meaning)
{
    ko_buf_add_format(out, "  %-10s %13llu  %s\n", name, (unsigned long long) n, meaning);
}

void
ko_find_add_summary(struct ko_buf *out, const struct ko_counts *counts)
{
    add_count(out, "read", counts->read, "items");
    add_count(out, "unique", counts->unique, "alone with their key");
    add_count(out, "keepers", counts->keepers, "kept of their group");
    add_count(out, "planned", counts->planned, "losers, one plan line each");
    add_count(out, "review", counts->review, "in groups that a person has to look at");
    add_count(out, "missing", counts->missing, "without a key: left alone");
    add_count(out, "filtered", counts->filtered, "left out by --where");
    add_count(out, "folded", counts->folded, "met twice, counted once");
}

void
ko_find_add_catch_up(struct ko_buf *out, const struct ko_find_stats *stats)
{
    if (stats->catch_up.n_windows == 0)
        return;
    ko_buf_add_text(out, "beside what was read:\n");
    add_count(out, "changes", stats->catch_up.n_changes, "lines of --catch-up");
    add_count(out, "superseded", stats->n_superseded,
              "of the full export: changed or deleted since");
}

void
ko_find_add_units(struct ko_buf *out, const struct ko_find_stats *stats)
{
    const struct ko_apply_stats used = {.read_units = stats->read_units,
                                        .seconds = stats->read_seconds};

    ko_add_units(out, &used);
}

/* The report as canonical JSON, for report.json and --json. */
static enum ko_code
build_report(const struct ko_session *session, const struct ko_find_stats *stats,
             struct ko_buf *out, struct ko_error *err)
{
    ko_buf_add_char(out, '{');
    ko_find_stats_add_json(out, stats);
    ko_buf_add_format(out, ",\"plan_digest\":\"%s\",\"ranks\":%d,\"state\":\"planned\"}",
                      stats->plan_digest, ko_world_size(session->world));
    return ko_buf_finish(out, err);
}

static enum ko_code
show_result(const struct ko_session *session, const struct ko_find_stats *stats,
            struct ko_error *err)
{
    struct ko_buf report = {0};
    struct ko_buf text = {0};

    KO_TRY(build_report(session, stats, &report, err));
    KO_TRY(ko_run_write_report(session->run, ko_buf_slice(&report), err));
    if (session->job.json) {
        ko_buf_add_char(&report, '\n');
        ko_session_print(session, ko_buf_slice(&report));
    } else if (session->job.verb == KO_VERB_FIND) {
        ko_find_add_summary(&text, &stats->counts);
        ko_find_add_catch_up(&text, stats);
        ko_find_add_units(&text, stats);
        ko_buf_add_format(&text, "plan %.12s in %s\nlook at it:  keepone show %s\n",
                          stats->plan_digest, session->run->dir, session->run->dir);
        ko_session_print(session, ko_buf_slice(&text));
    }

done:
    ko_buf_clear(&report);
    ko_buf_clear(&text);
    return err->code;
}

enum ko_code
ko_find_look_for_plan(struct ko_session *session, bool *has_plan, struct ko_error *err)
{
    char path[KO_PATH_BYTES];
    struct ko_run *run = NULL;
    struct ko_job stored;
    uint64_t answer = 0;
    bool is_there = false;

    (void) ko_job_init(&stored, err);
    KO_TRY(ko_gate(session->world, err));
    if (ko_session_is_first(session) &&
        ko_path_join(path, err, session->job.run, "run.json") == KO_OK &&
        ko_file_exists(path, &is_there, err) == KO_OK && is_there &&
        ko_run_open(session->job.run, &run, err) == KO_OK && run->state != KO_RUN_READING) {
        answer = 1;
        if (ko_job_decode(run->facts.options, &stored, err) == KO_OK)
            (void) ko_job_check_same_plan(&stored, &session->job, err);
    }
    KO_TRY(ko_world_max(session->world, &answer, 1, err));
    *has_plan = answer != 0;

done:
    ko_run_free(run);
    ko_job_clear(&stored);
    return err->code;
}

/* Nothing is read anew: the same command says again what there is. */
static enum ko_code
show_again(struct ko_session *session, struct ko_error *err)
{
    struct ko_buf text = {0};
    const struct ko_run *run;

    KO_TRY(ko_session_open_run(session, err));
    run = session->run;
    if (session->job.json)
        ko_buf_add_format(&text, "{\"plan_digest\":\"%.*s\",\"state\":\"%s\"}\n",
                          KO_SLICE_ARG(run->plan_digest), ko_run_state_name(run->state));
    else
        ko_buf_add_format(&text,
                          "plan %.12s is in %s already, the run is %s\n"
                          "look at it:  keepone show %s\n",
                          run->plan_digest.data, run->dir, ko_run_state_name(run->state), run->dir);
    KO_TRY(ko_buf_finish(&text, err));
    ko_session_print(session, ko_buf_slice(&text));

done:
    ko_buf_clear(&text);
    return err->code;
}

/* What this start has made, and would have to take away again. */
struct made {
    bool folder;
    bool run; /* run.json: not resumed */
};

/* Collective: rank 0 makes or resumes the run, all open it. */
static enum ko_code
start_run(struct ko_session *session, const struct ko_search *search, struct made *made,
          struct ko_error *err)
{
    struct ko_run *run = NULL;
    bool resumed = false;
    bool is_there = false;

    (void) ko_folder_exists(session->job.run, &is_there, err);
    made->folder = err->code == KO_OK && !is_there;
    KO_TRY(ko_gate(session->world, err));
    KO_TRY(ko_session_check_shared(session, session->job.run, err));
    KO_TRY(ko_session_lock(session, session->job.run, err));
    if (ko_session_is_first(session)) {
        const struct ko_run_facts facts = ko_search_facts(session, search);

        made->run =
            ko_run_create(session->job.run, &facts, &run, &resumed, err) == KO_OK && !resumed;
        if (resumed)
            ko_log(KO_LOG_INFO, "find: going on with the unfinished run in %s", session->job.run);
    }
    KO_TRY(ko_gate(session->world, err));
    if (ko_session_is_first(session))
        session->run = run;
    else
        (void) ko_run_open(session->job.run, &session->run, err);
    KO_TRY(ko_gate(session->world, err));

done:
    return err->code;
}

/* The table of the export and the one named beside it must be the same. */
static enum ko_code
check_same_table(const struct ko_search *search, struct ko_error *err)
{
    const struct ko_export *export = search->export;

    if (export == NULL || ko_table_may_be(&search->table, ko_slice_of(export->table_id)))
        return KO_OK;
    (void) ko_fail(err, KO_E_REFUSED, "the export is of table id %s, but table '%s' has the id %s",
                   export->table_id, search->table.name, search->table.id);
    ko_hint(err, "a table that was made anew under an old name is another table; export it again.");
    return err->code;
}

/* Removes what a find writes into a run directory; failures are not worth a second message. */
static void
remove_run(const char *dir)
{
    static const char *const names[] = {"plan", "read", "review.jsonl.zst", "report.json",
                                        "run.json"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct ko_error ignored = {0};
        char path[KO_PATH_BYTES];

        if (ko_path_join(path, &ignored, dir, "%s", names[i]) == KO_OK)
            (void) ko_folder_remove(path, &ignored);
    }
}

/*
 * After a failure that another start cannot go on from, what this start has made goes away: nothing
 * is left half done.  A live scan that was cut short keeps its finished segments.  Without the
 * lease the directory is somebody else's.
 */
static void
clean_up(struct ko_session *session, const struct ko_search *search, const struct made *made,
         const struct ko_error *err)
{
    const bool can_resume =
        search->export == NULL && err->code != KO_E_OPTION && err->code != KO_E_REFUSED;
    struct ko_error ignored = {0};

    if (can_resume || !made->run || !ko_session_is_first(session) || session->lease == NULL)
        return;
    remove_run(session->job.run);
    /* On S3 there was no folder to make: what else has come below the prefix is somebody else's. */
    if (made->folder && !ko_path_is_remote(session->job.run))
        (void) ko_folder_remove(session->job.run, &ignored);
    (void) ko_lease_close(session->lease, &ignored);
    session->lease = NULL;
}

enum ko_code
ko_find_make_plan(struct ko_session *session, struct ko_error *err)
{
    struct ko_search search = {0};
    struct ko_find_stats stats = {0};
    struct made made = {0};

    KO_TRY(ko_search_open(session, 0, &search, err));
    (void) check_same_table(&search, err);
    KO_TRY(ko_gate(session->world, err));
    KO_TRY(start_run(session, &search, &made, err));
    if (search.rules->as_of_s != session->run->facts.as_of_s) {
        /* A resumed run judges expiry by the time of its first start. */
        const int64_t as_of_s = session->run->facts.as_of_s;

        ko_search_clear(&search);
        KO_TRY(ko_search_open(session, as_of_s, &search, err));
    }
    (void) ko_search_run(session, &search, session->job.run, session->run, &stats, err);
    if (err->code == KO_OK && ko_session_is_first(session))
        (void) show_result(session, &stats, err);
    KO_TRY(ko_gate(session->world, err));

done:
    if (err->code != KO_OK)
        clean_up(session, &search, &made, err);
    ko_search_clear(&search);
    return err->code;
}

enum ko_code
ko_command_find(struct ko_session *session, struct ko_error *err)
{
    bool has_plan;

    KO_TRY(ko_find_look_for_plan(session, &has_plan, err));
    return has_plan ? show_again(session, err) : ko_find_make_plan(session, err);

done:
    return err->code;
}
