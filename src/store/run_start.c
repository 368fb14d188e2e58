#include <stdio.h>

#include "keepone/base/clock.h"
#include "keepone/format/json.h"
#include "keepone/store/lease.h"
#include "keepone/store/run.h"
#include "run_priv.h"

static enum ko_code
copy_facts(struct ko_run *run, const struct ko_run_facts *facts, struct ko_error *err)
{
    struct ko_run_facts *to = &run->facts;
    struct ko_slice *const texts[] = {&to->table_name,
                                      &to->table_arn,
                                      &to->table_id,
                                      &to->region,
                                      &to->endpoint,
                                      &to->export_path,
                                      &to->export_arn,
                                      &to->primary_key[0].name,
                                      &to->primary_key[0].type,
                                      &to->primary_key[1].name,
                                      &to->primary_key[1].type,
                                      &to->rules_digest,
                                      &to->options};

    *to = *facts;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i]->data == NULL)
            continue;
        *texts[i] = ko_arena_copy(run->arena, *texts[i], err);
        if (texts[i]->data == NULL)
            break;
    }
    return err->code;
}

static enum ko_code
start(const char *dir, const struct ko_run_facts *facts, struct ko_run **run, struct ko_error *err)
{
    char started[KO_CLOCK_TEXT_BYTES];

    KO_ASSERT(facts->n_primary_key == 1 || facts->n_primary_key == 2);
    *run = ko_run_new(dir, err);
    if (*run == NULL)
        return err->code;
    ko_wall_text(ko_wall_us(), started);
    (*run)->started = ko_arena_copy((*run)->arena, ko_slice_of(started), err);
    (*run)->plan_name = KO_SLICE("plan");
    KO_TRY(copy_facts(*run, facts, err));
    KO_TRY(ko_run_write(*run, err));

done:
    return err->code;
}

/* What may stand in a directory before its run.json: the lease, and what a crash left behind. */
static bool
counts_as_content(const char *name)
{
    const size_t n = strlen(name);

    if (name[0] == '.' || ko_lease_is_name(name))
        return false;
    return n < 4 || strcmp(name + n - 4, ".tmp") != 0;
}

static enum ko_code
check_empty(const char *dir, struct ko_error *err)
{
    struct ko_names names;

    if (ko_folder_list(dir, &names, err) != KO_OK)
        return err->code;
    for (size_t i = 0; i < names.n; i++) {
        if (!counts_as_content(names.names[i].text))
            continue;
        (void) ko_fail(err, KO_E_REFUSED,
                       "'%s' is not a run directory: it has no run.json, but '%s'", dir,
                       names.names[i].text);
        ko_hint(err, "give a new or empty directory with --run.");
        break;
    }
    ko_names_clear(&names);
    return err->code;
}

static enum ko_code
refuse_other(const struct ko_run *run, const char *what, struct ko_slice was, struct ko_slice is,
             struct ko_error *err)
{
    was = was.data == NULL ? KO_SLICE("nothing") : was;
    is = is.data == NULL ? KO_SLICE("nothing") : is;
    (void) ko_fail(err, KO_E_REFUSED, "'%s' holds another run: its %s is '%.*s', not '%.*s'",
                   run->dir, what, (int) (was.n > 200 ? 200 : was.n), was.data,
                   (int) (is.n > 200 ? 200 : is.n), is.data);
    ko_hint(err, "give another directory with --run, or the options this run was started with.");
    return err->code;
}

static enum ko_code
check_same_source(const struct ko_run *run, const struct ko_run_facts *now, struct ko_error *err)
{
    const struct ko_slice sources[] = {KO_SLICE("table"), KO_SLICE("export")};
    const struct ko_run_facts *was = &run->facts;
    /* One export may be reached by several paths: if it has a name of its own, that decides. */
    const bool has_arn = was->export_arn.data != NULL && now->export_arn.data != NULL;
    const struct {
        const char *name;
        struct ko_slice was, is;
    } facts[] = {
        {"source", sources[was->source], sources[now->source]},
        {"table", was->table_name, now->table_name},
        {"table id", was->table_id, now->table_id},
        {"region", was->region, now->region},
        {"endpoint", was->endpoint, now->endpoint},
        {"export", has_arn ? was->export_arn : was->export_path,
         has_arn ? now->export_arn : now->export_path},
        {"primary key", was->primary_key[0].name, now->primary_key[0].name},
        {"second attribute of the primary key", was->primary_key[1].name, now->primary_key[1].name},
    };

    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if (!ko_slice_equal(facts[i].was, facts[i].is))
            return refuse_other(run, facts[i].name, facts[i].was, facts[i].is, err);
    }
    return KO_OK;
}

/* Sets *name to the first option of `options` that has another value, or none, in `others`. */
static enum ko_code
find_difference(struct ko_slice options, struct ko_slice others, struct ko_slice *name,
                struct ko_slice *value, struct ko_slice *other, struct ko_error *err)
{
    struct ko_json_cursor cursor;

    KO_TRY(ko_json_enter(options, &cursor, err));
    do {
        *other = (struct ko_slice){NULL, 0};
        KO_TRY(ko_json_next(&cursor, name, value, err));
        if (value->data == NULL)
            break;
        KO_TRY(ko_json_find(others, *name, other, err));
    } while (ko_slice_equal(*value, *other));

done:
    return err->code;
}

/* Finds the first option that differs, to name it; the rules' digest has decided already. */
static enum ko_code
refuse_other_rules(const struct ko_run *run, const struct ko_run_facts *now, struct ko_error *err)
{
    struct ko_slice name;
    struct ko_slice is;
    struct ko_slice was;
    char what[80];

    KO_TRY(find_difference(now->options, run->facts.options, &name, &is, &was, err));
    if (is.data == NULL)
        KO_TRY(find_difference(run->facts.options, now->options, &name, &was, &is, err));
    if (is.data == NULL && was.data == NULL)
        return refuse_other(run, "digest of rules", run->facts.rules_digest, now->rules_digest,
                            err);
    (void) snprintf(what, sizeof what, "option %.*s", (int) (name.n > 64 ? 64 : name.n), name.data);
    (void) refuse_other(run, what, was, is, err);

done:
    return err->code;
}

/* A path may have come to hold a later export; a table is another at any time. */
static enum ko_code
check_same_time(const struct ko_run *run, const struct ko_run_facts *now, struct ko_error *err)
{
    char was_text[KO_CLOCK_TEXT_BYTES];
    char is_text[KO_CLOCK_TEXT_BYTES];

    if (run->facts.as_of_s == now->as_of_s)
        return KO_OK;
    ko_wall_text(run->facts.as_of_s * 1000000, was_text);
    ko_wall_text(now->as_of_s * 1000000, is_text);
    return refuse_other(run, "export time", ko_slice_of(was_text), ko_slice_of(is_text), err);
}

static enum ko_code
check_same(const struct ko_run *run, const struct ko_run_facts *facts, struct ko_error *err)
{
    KO_TRY(check_same_source(run, facts, err));
    if (!ko_slice_equal(run->facts.rules_digest, facts->rules_digest))
        return refuse_other_rules(run, facts, err);
    if (facts->source == KO_RUN_EXPORT)
        KO_TRY(check_same_time(run, facts, err));
    if (run->state == KO_RUN_READING)
        return KO_OK;
    (void) ko_fail(err, KO_E_REFUSED, "'%s' has a finished plan: its run is %s", run->dir,
                   ko_run_state_name(run->state));
    ko_hint(err, "look at it with keepone show, or give another directory with --run.");

done:
    return err->code;
}

enum ko_code
ko_run_create(const char *dir, const struct ko_run_facts *facts, struct ko_run **run, bool *resumed,
              struct ko_error *err)
{
    char path[KO_PATH_BYTES];
    bool is_there;

    *run = NULL;
    *resumed = false;
    KO_TRY(ko_folder_make(dir, err));
    KO_TRY(ko_path_join(path, err, dir, "run.json"));
    KO_TRY(ko_file_exists(path, &is_there, err));
    if (is_there) {
        KO_TRY(ko_run_open(dir, run, err));
        KO_TRY(check_same(*run, facts, err));
        *resumed = true;
    } else {
        KO_TRY(check_empty(dir, err));
        KO_TRY(start(dir, facts, run, err));
    }

done:
    if (err->code != KO_OK) {
        ko_run_free(*run);
        *run = NULL;
    }
    return err->code;
}
