#include <stdio.h>

#include "keepone/base/file.h"
#include "keepone/store/plan.h"

struct ko_plan_reader {
    struct ko_line_reader *lines;
    struct ko_line_totals expected;
    bool is_at_end;
};

/* An edited or damaged part is no reason to look for the cause elsewhere. */
static enum ko_code
hint_edited(struct ko_error *err)
{
    if (err->code == KO_E_CORRUPT)
        ko_hint(err, "make the plan again with keepone find; subsets are made with keepone plan.");
    return err->code;
}

static enum ko_code
open_lines(const char *dir, const char *plan_name, const struct ko_plan_part *part,
           struct ko_line_reader **lines, struct ko_error *err)
{
    const struct ko_line_reader_options options = {.with_digest = true};
    char path[KO_PATH_BYTES];

    KO_TRY(ko_path_join(path, err, dir, "%s/part-%04u.jsonl.zst", plan_name, part->part));
    if (!ko_file_exists(path))
        return ko_fail(err, KO_E_CORRUPT, "'%s' is missing: the plan has %llu lines in it", path,
                       (unsigned long long) part->n_lines);
    KO_TRY(ko_line_reader_open(path, &options, lines, err));

done:
    return err->code;
}

static struct ko_line_totals
totals_of(const struct ko_plan_part *part)
{
    struct ko_line_totals totals = {.n_lines = part->n_lines, .n_bytes = part->n_bytes};

    memcpy(totals.sha256, part->sha256, sizeof totals.sha256);
    return totals;
}

enum ko_code
ko_plan_check(const char *dir, const char *plan_name, const struct ko_plan_part *part,
              struct ko_error *err)
{
    const struct ko_line_totals expected = totals_of(part);
    struct ko_line_reader *lines = NULL;

    KO_TRY(open_lines(dir, plan_name, part, &lines, err));
    KO_TRY(ko_line_reader_check(lines, &expected, err));

done:
    ko_line_reader_close(lines);
    return hint_edited(err);
}

enum ko_code
ko_plan_reader_open(const char *dir, const char *plan_name, const struct ko_plan_part *part,
                    struct ko_plan_reader **reader, struct ko_error *err)
{
    *reader = ko_alloc(sizeof **reader, err);
    if (*reader == NULL)
        return err->code;
    (*reader)->expected = totals_of(part);
    if (open_lines(dir, plan_name, part, &(*reader)->lines, err) == KO_OK)
        return KO_OK;
    ko_plan_reader_close(*reader);
    *reader = NULL;
    return hint_edited(err);
}

enum ko_code
ko_plan_reader_next(struct ko_plan_reader *reader, struct ko_plan_line *line, struct ko_error *err)
{
    struct ko_slice text;

    *line = (struct ko_plan_line){0};
    if (reader->is_at_end)
        return KO_OK;
    KO_TRY(ko_line_reader_next(reader->lines, &text, err));
    if (text.data == NULL) {
        reader->is_at_end = true;
        KO_TRY(ko_line_reader_check(reader->lines, &reader->expected, err));
        return KO_OK;
    }
    line->line_number = ko_line_reader_line_number(reader->lines);
    if (ko_plan_line_decode(text, line, err) != KO_OK)
        ko_line_reader_context(reader->lines, err);

done:
    return hint_edited(err);
}

void
ko_plan_reader_close(struct ko_plan_reader *reader)
{
    if (reader == NULL)
        return;
    ko_line_reader_close(reader->lines);
    ko_free(reader);
}

/* ---- smaller plans ---- */

/* Copies the wanted lines of one part. */
static enum ko_code
copy_part(const struct ko_run *run, const struct ko_plan_part *from,
          const struct ko_plan_filter *filter, const char *new_name, struct ko_plan_part *to,
          struct ko_error *err)
{
    struct ko_plan_reader *reader = NULL;
    struct ko_plan_writer *writer = NULL;
    struct ko_plan_line line;

    KO_TRY(ko_plan_reader_open(run->dir, run->plan_name.data, from, &reader, err));
    KO_TRY(ko_plan_writer_open(run->dir, new_name, from->part, &writer, err));
    for (;;) {
        bool wanted = false;

        KO_TRY(ko_plan_reader_next(reader, &line, err));
        if (line.text.data == NULL)
            break;
        KO_TRY(filter->fn(filter->self, &line, &wanted, err));
        if (wanted)
            KO_TRY(ko_plan_writer_add(writer, &line, err));
    }
    (void) ko_plan_writer_close(writer, to, err);
    writer = NULL;

done:
    ko_plan_writer_abandon(writer);
    ko_plan_reader_close(reader);
    return err->code;
}

/* A name whose folder has no manifest is free: its maker did not finish. */
static enum ko_code
choose_name(const struct ko_run *run, char name[KO_PLAN_NAME_BYTES], struct ko_error *err)
{
    char path[KO_PATH_BYTES];

    for (unsigned n = 2; n < 100000; n++) {
        (void) snprintf(name, KO_PLAN_NAME_BYTES, "plan-%u", n);
        if (ko_path_join(path, err, run->dir, "%s/manifest.json", name) != KO_OK ||
            !ko_file_exists(path))
            return err->code;
    }
    return ko_fail(err, KO_E_REFUSED, "'%s' has too many plans", run->dir);
}

enum ko_code
ko_plan_subset(const struct ko_run *run, const struct ko_plan_filter *filter,
               char new_name[KO_PLAN_NAME_BYTES], struct ko_plan_manifest **manifest,
               struct ko_error *err)
{
    struct ko_plan_manifest *from = NULL;
    struct ko_plan_manifest *to = NULL;
    struct ko_plan_part part;

    *manifest = NULL;
    KO_TRY(ko_plan_open(run, &from, err));
    KO_TRY(choose_name(run, new_name, err));
    KO_TRY(ko_plan_begin(run, new_name, err));
    to = ko_plan_manifest_new(&run->facts, err);
    if (to == NULL)
        goto done;
    for (size_t i = 0; i < from->n_parts; i++) {
        KO_TRY(copy_part(run, &from->parts[i], filter, new_name, &part, err));
        KO_TRY(ko_plan_manifest_add(to, &part, err));
    }
    KO_TRY(ko_disk_sync(run->dir, err));
    KO_TRY(ko_plan_manifest_write(run->dir, new_name, to, err));
    *manifest = to;
    to = NULL;

done:
    ko_plan_manifest_free(to);
    ko_plan_manifest_free(from);
    return err->code;
}
