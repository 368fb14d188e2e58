/* keepone verify: reads again with the run's own rules; clean only if no key has two items. */
#include <unistd.h>

#include "find.h"
#include "keepone/base/mem.h"
#include "keepone/base/random.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/world.h"
#include "search.h"

/*
 * The job to search with: the one that the run was found with, on the live table unless an export
 * is given, with what this command line says about access and output.
 */
static enum ko_code
take_rules_of_run(struct ko_session *session, struct ko_job *stored, struct ko_error *err)
{
    struct ko_job *job = &session->job;
    struct ko_arena *arena = stored->arena;
    const struct ko_run_facts *facts = &session->run->facts;

    KO_TRY(ko_job_decode(facts->options, stored, err));
    job->key = stored->key;
    job->keep = stored->keep;
    job->same = stored->same;
    job->where = stored->where;
    job->missing_key = stored->missing_key;
    job->max_group = stored->max_group;
    job->ttl_attribute = stored->ttl_attribute;
    if (job->endpoint == NULL && facts->endpoint.data != NULL)
        job->endpoint = ko_arena_copy(arena, facts->endpoint, err).data;
    if (job->region == NULL && facts->region.data != NULL)
        job->region = ko_arena_copy(arena, facts->region, err).data;
    if (facts->table_name.data != NULL)
        job->table = ko_arena_copy(arena, facts->table_name, err).data;

done:
    return err->code;
}

static enum ko_code
check_table_id(const struct ko_session *session, const struct ko_search *search,
               struct ko_error *err)
{
    const struct ko_slice planned = session->run->facts.table_id;

    if (ko_table_may_be(&search->table, planned))
        return KO_OK;
    (void) ko_fail(err, KO_E_REFUSED,
                   "the run is of the table with id %.*s, this one has the id %s",
                   KO_SLICE_ARG(planned), search->table.id);
    ko_hint(err, "verify the table that the run was made from.");
    return err->code;
}

/* Collective: a folder for row files that all ranks see, to be removed afterwards. */
static enum ko_code
make_scratch(struct ko_session *session, char folder[KO_PATH_BYTES], struct ko_error *err)
{
    const char *const parent =
        session->job.run != NULL ? session->job.run : ko_session_scratch(session);
    struct ko_buf path = {0};
    char suffix[17];

    /* A name that no other verify had: what is in the folder is ours. */
    ko_random_hex(suffix, 16);
    if (ko_session_is_first(session) &&
        ko_path_join(folder, err, parent, "verify-%s", suffix) == KO_OK)
        ko_buf_add(&path, folder, KO_PATH_BYTES);
    KO_TRY(ko_world_share(session->world, &path, err));
    memcpy(folder, path.data, KO_PATH_BYTES);
    KO_TRY(ko_session_check_shared(session, folder, err));

done:
    if (path.n == 0)
        folder[0] = '\0';
    ko_buf_clear(&path);
    return err->code;
}

static enum ko_code
show_result(const struct ko_session *session, const struct ko_find_stats *stats,
            struct ko_error *err)
{
    const struct ko_counts *counts = &stats->counts;
    const uint64_t n_copies = counts->planned + counts->review;
    struct ko_buf text = {0};

    if (session->job.json) {
        ko_buf_add_text(&text, "{\"clean\":");
        ko_buf_add_text(&text, n_copies == 0 ? "true," : "false,");
        ko_find_stats_add_json(&text, stats);
        ko_buf_add_text(&text, "}\n");
    } else {
        ko_find_add_summary(&text, counts);
        ko_find_add_catch_up(&text, stats);
        ko_find_add_units(&text, stats);
        ko_buf_add_text(&text, n_copies == 0 ? "clean: no key has two items\n"
                                             : "not clean: keys with two items or more remain\n");
    }
    KO_TRY(ko_buf_finish(&text, err));
    ko_session_print(session, ko_buf_slice(&text));

done:
    ko_buf_clear(&text);
    return err->code;
}

static enum ko_code
judge(const struct ko_session *session, const struct ko_counts *counts, struct ko_error *err)
{
    if (counts->planned + counts->review == 0)
        return KO_OK;
    (void) ko_fail(err, KO_E_UNCLEAN, "%llu items too many, and %llu in groups for review",
                   (unsigned long long) counts->planned, (unsigned long long) counts->review);
    if (counts->planned == 0)
        ko_hint(err, "groups for review are never deleted; keepone find in a new run directory "
                     "lists what is there now, keepone show --review shows them.");
    else
        ko_hint(err, "make a plan with keepone find%s and apply it.",
                session->run != NULL ? " in a new run directory" : "");
    return err->code;
}

enum ko_code
ko_command_verify(struct ko_session *session, struct ko_error *err)
{
    struct ko_search search = {0};
    struct ko_find_stats stats = {0};
    struct ko_job stored = {0};
    char folder[KO_PATH_BYTES] = "";

    (void) ko_job_init(&stored, err);
    if (session->job.run != NULL) {
        KO_TRY(ko_session_open_run(session, err));
        (void) take_rules_of_run(session, &stored, err);
    }
    KO_TRY(ko_gate(session->world, err));
    KO_TRY(ko_search_open(session, 0, &search, err));
    if (session->run != NULL)
        KO_TRY(check_table_id(session, &search, err));
    if (search.export == NULL)
        KO_TRY(make_scratch(session, folder, err));
    KO_TRY(ko_search_run(session, &search, folder, NULL, &stats, err));
    if (ko_session_is_first(session))
        (void) show_result(session, &stats, err);
    KO_TRY(ko_gate(session->world, err));
    KO_TRY(judge(session, &stats.counts, err));

done:
    ko_search_clear(&search);
    if (folder[0] != '\0' && ko_session_is_first(session)) {
        struct ko_error second = {0};

        (void) ko_folder_remove(folder, err->code == KO_OK ? err : &second);
    }
    ko_job_clear(&stored);
    return err->code;
}
