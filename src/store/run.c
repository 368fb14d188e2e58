#include "keepone/store/run.h"

#include <stdarg.h>
#include <stdio.h>

#include "run_priv.h"

enum { RUN_JSON_BYTES_MAX = 16 * 1024 * 1024 };

/* ---- run.json as a file ---- */

enum ko_code
ko_run_write(const struct ko_run *run, struct ko_error *err)
{
    char path[KO_PATH_BYTES];
    struct ko_buf text = {0};

    KO_TRY(ko_path_join(path, err, run->dir, "run.json"));
    KO_TRY(ko_run_encode(run, &text, err));
    KO_TRY(ko_file_replace(path, ko_buf_slice(&text), err));

done:
    ko_buf_clear(&text);
    return err->code;
}

struct ko_run *
ko_run_new(const char *dir, struct ko_error *err)
{
    struct ko_run *run = ko_alloc(sizeof *run, err);

    if (run == NULL)
        return NULL;
    run->dir = ko_copy_text(ko_slice_of(dir), err);
    run->arena = ko_arena_new(4096, err);
    if (err->code == KO_OK)
        return run;
    ko_run_free(run);
    return NULL;
}

void
ko_run_free(struct ko_run *run)
{
    if (run == NULL)
        return;
    ko_arena_free(run->arena);
    ko_free(run->dir);
    ko_free(run);
}

enum ko_code
ko_run_open(const char *dir, struct ko_run **run, struct ko_error *err)
{
    char path[KO_PATH_BYTES];
    struct ko_buf text = {0};
    bool is_there;

    *run = NULL;
    KO_TRY(ko_path_join(path, err, dir, "run.json"));
    KO_TRY(ko_file_exists(path, &is_there, err));
    if (!is_there) {
        (void) ko_fail(err, KO_E_REFUSED, "'%s' is not a run directory: it has no run.json", dir);
        ko_hint(err, "give the directory that keepone find was given with --run.");
        goto done;
    }
    KO_TRY(ko_file_read(path, RUN_JSON_BYTES_MAX, &text, err));
    *run = ko_run_new(dir, err);
    if (*run == NULL)
        goto done;
    if (ko_run_decode(ko_buf_slice(&text), *run, err) != KO_OK)
        ko_context(err, "'%s'", path);
    if (err->code == KO_E_CORRUPT)
        ko_hint(err, "the file was edited or damaged: start again in another directory.");

done:
    if (err->code != KO_OK) {
        ko_run_free(*run);
        *run = NULL;
    }
    ko_buf_clear(&text);
    return err->code;
}

/* ---- states ---- */

static const char *
hint_of(enum ko_run_state now, enum ko_run_state next)
{
    if (now == KO_RUN_READING)
        return "finish it first: run the same keepone find again, it resumes.";
    if (now == KO_RUN_PLANNED)
        return "apply the plan first: keepone apply.";
    if (next == KO_RUN_APPLYING && now == KO_RUN_APPLIED)
        return "the whole plan is applied: keepone verify reads the table again.";
    if (next == KO_RUN_APPLYING)
        return "an undone run accepts no apply: make a new plan with keepone find.";
    return "look at it with keepone show.";
}

enum ko_code
ko_run_check_state(const struct ko_run *run, enum ko_run_state next, struct ko_error *err)
{
    static const bool is_allowed[KO_RUN_UNDONE + 1][KO_RUN_UNDONE + 1] = {
        [KO_RUN_READING] = {[KO_RUN_PLANNED] = true},
        [KO_RUN_PLANNED] = {[KO_RUN_APPLYING] = true},
        [KO_RUN_APPLYING] = {[KO_RUN_APPLIED] = true, [KO_RUN_UNDOING] = true},
        [KO_RUN_APPLIED] = {[KO_RUN_UNDOING] = true},
        [KO_RUN_UNDOING] = {[KO_RUN_UNDONE] = true},
    };

    if (run->state == next || is_allowed[run->state][next])
        return KO_OK;
    (void) ko_fail(err, KO_E_REFUSED, "the run in '%s' is %s: it cannot become %s", run->dir,
                   ko_run_state_name(run->state), ko_run_state_name(next));
    ko_hint(err, "%s", hint_of(run->state, next));
    return err->code;
}

enum ko_code
ko_run_set_state(struct ko_run *run, enum ko_run_state next, struct ko_error *err)
{
    const enum ko_run_state before = run->state;

    if (ko_run_check_state(run, next, err) != KO_OK || next == before)
        return err->code;
    if (before == KO_RUN_READING)
        return ko_fail(err, KO_E_BUG, "a run was called planned without its plan");
    run->state = next;
    if (ko_run_write(run, err) != KO_OK)
        run->state = before;
    return err->code;
}

enum ko_code
ko_run_finish_reading(struct ko_run *run, const struct ko_run_totals *totals,
                      const char *plan_digest, struct ko_error *err)
{
    const struct ko_slice digest = ko_arena_copy(run->arena, ko_slice_of(plan_digest), err);

    if (digest.data == NULL)
        return err->code;
    if (run->state != KO_RUN_READING)
        return ko_fail(err, KO_E_BUG, "a run that is %s was to become planned",
                       ko_run_state_name(run->state));
    if (!ko_run_totals_add_up(totals) || !ko_is_sha256_hex(digest))
        return ko_fail(err, KO_E_BUG, "%llu items were read, and the counts do not add up to that",
                       (unsigned long long) totals->read);
    run->totals = *totals;
    run->plan_digest = digest;
    run->state = KO_RUN_PLANNED;
    if (ko_run_write(run, err) == KO_OK)
        return KO_OK;
    run->totals = (struct ko_run_totals){0};
    run->plan_digest = (struct ko_slice){NULL, 0};
    run->state = KO_RUN_READING;
    return err->code;
}

enum ko_code
ko_run_choose_plan(struct ko_run *run, const char *plan_name, const char *plan_digest,
                   struct ko_error *err)
{
    const struct ko_slice old_name = run->plan_name;
    const struct ko_slice old_digest = run->plan_digest;

    if (run->state != KO_RUN_PLANNED) {
        (void) ko_fail(err, KO_E_REFUSED, "the run in '%s' is %s: its plan cannot be changed",
                       run->dir, ko_run_state_name(run->state));
        ko_hint(err, "smaller plans are made after keepone find and before keepone apply.");
        return err->code;
    }
    KO_ASSERT(ko_run_is_plan_name(ko_slice_of(plan_name)) &&
              ko_is_sha256_hex(ko_slice_of(plan_digest)));
    run->plan_name = ko_arena_copy(run->arena, ko_slice_of(plan_name), err);
    if (err->code == KO_OK)
        run->plan_digest = ko_arena_copy(run->arena, ko_slice_of(plan_digest), err);
    if (err->code == KO_OK && ko_run_write(run, err) == KO_OK)
        return KO_OK;
    run->plan_name = old_name;
    run->plan_digest = old_digest;
    return err->code;
}

/* ---- other files of the directory ---- */

enum ko_code
ko_run_path(const struct ko_run *run, char path[KO_PATH_BYTES], struct ko_error *err,
            const char *name_format, ...)
{
    char name[KO_PATH_BYTES];
    va_list args;
    int n;

    va_start(args, name_format);
    n = vsnprintf(name, sizeof name, name_format, args);
    va_end(args);
    if (n < 0 || n >= KO_PATH_BYTES)
        return ko_fail(err, KO_E_OPTION, "a path in '%.64s...' is too long", run->dir);
    return ko_path_join(path, err, run->dir, "%s", name);
}

enum ko_code
ko_run_write_report(const struct ko_run *run, struct ko_slice json, struct ko_error *err)
{
    char path[KO_PATH_BYTES];
    struct ko_buf text = {0};

    KO_TRY(ko_path_join(path, err, run->dir, "report.json"));
    ko_buf_add_slice(&text, json);
    ko_buf_add_char(&text, '\n');
    KO_TRY(ko_buf_finish(&text, err));
    KO_TRY(ko_file_replace(path, ko_buf_slice(&text), err));

done:
    ko_buf_clear(&text);
    return err->code;
}

/* The nonce is in the name too: a network file system cannot have an older answer at hand. */
static enum ko_code
nonce_path(char path[KO_PATH_BYTES], const char *dir, const char *nonce, struct ko_error *err)
{
    return ko_path_join(path, err, dir, "nonce-%s.tmp", nonce);
}

enum ko_code
ko_run_nonce_write(const char *dir, const char *nonce, struct ko_error *err)
{
    char path[KO_PATH_BYTES];

    KO_TRY(ko_folder_make(dir, err));
    KO_TRY(nonce_path(path, dir, nonce, err));
    KO_TRY(ko_file_replace(path, ko_slice_of(nonce), err));

done:
    return err->code;
}

enum ko_code
ko_run_nonce_check(const char *dir, const char *nonce, struct ko_error *err)
{
    char path[KO_PATH_BYTES];
    struct ko_buf text = {0};
    bool is_there;

    KO_TRY(nonce_path(path, dir, nonce, err));
    KO_TRY(ko_file_exists(path, &is_there, err));
    if (is_there)
        KO_TRY(ko_file_read(path, KO_PATH_BYTES, &text, err));
    if (!is_there || !ko_slice_equal(ko_buf_slice(&text), ko_slice_of(nonce))) {
        (void) ko_fail(err, KO_E_REFUSED, "'%s' is not the directory that rank 0 sees", dir);
        ko_hint(err, "give --run a directory that all ranks share, such as a network file system.");
    }

done:
    ko_buf_clear(&text);
    return err->code;
}

enum ko_code
ko_run_nonce_remove(const char *dir, const char *nonce, struct ko_error *err)
{
    char path[KO_PATH_BYTES];

    if (nonce_path(path, dir, nonce, err) == KO_OK)
        (void) ko_file_remove(path, err);
    return err->code;
}
