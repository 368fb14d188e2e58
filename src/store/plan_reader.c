#include <stdio.h>

#include "keepone/base/file.h"
#include "keepone/base/mem.h"
#include "keepone/store/plan.h"

struct ko_plan_reader {
    char path[KO_PATH_BYTES];
    struct ko_line_reader *lines;
    struct ko_line_totals expected;
    bool is_at_end;
};

/*
 * Says why reading failed.  A part that is not there may be found out by the first read only, and
 * is damage like any other; an edited or damaged part is no reason to look for the cause elsewhere.
 */
static enum ko_code
explain(const char *path, const struct ko_line_totals *expected, struct ko_error *err)
{
    struct ko_error looking = {0};
    bool is_there = true;

    if (err->code == KO_E_IO)
        (void) ko_file_exists(path, &is_there, &looking);
    if (looking.code == KO_OK && !is_there) {
        *err = (struct ko_error){0};
        (void) ko_fail(err, KO_E_CORRUPT, "'%s' is missing: the plan has %llu lines in it", path,
                       (unsigned long long) expected->n_lines);
    }
    if (err->code == KO_E_CORRUPT)
        ko_hint(err, "make the plan again with keepone find; subsets are made with keepone plan.");
    return err->code;
}

enum ko_code
ko_plan_reader_open(const char *dir, const char *plan_name, const struct ko_plan_part *part,
                    struct ko_plan_reader **reader_out, struct ko_error *err)
{
    const struct ko_line_reader_options options = {.with_digest = true};
    struct ko_plan_reader *reader = ko_alloc(sizeof *reader, err);

    *reader_out = NULL;
    if (reader == NULL)
        return err->code;
    reader->expected = (struct ko_line_totals){.n_lines = part->n_lines, .n_bytes = part->n_bytes};
    memcpy(reader->expected.sha256, part->sha256, sizeof part->sha256);
    KO_TRY(ko_path_join(reader->path, err, dir, "%s/part-%04u.jsonl.zst", plan_name, part->part));
    if (ko_line_reader_open(reader->path, &options, &reader->lines, err) != KO_OK)
        KO_TRY(explain(reader->path, &reader->expected, err));
    *reader_out = reader;
    reader = NULL;

done:
    ko_plan_reader_close(reader);
    return err->code;
}

enum ko_code
ko_plan_reader_check(struct ko_plan_reader *reader, struct ko_error *err)
{
    reader->is_at_end = true;
    if (ko_line_reader_check(reader->lines, &reader->expected, err) != KO_OK)
        (void) explain(reader->path, &reader->expected, err);
    return err->code;
}

enum ko_code
ko_plan_check(const char *dir, const char *plan_name, const struct ko_plan_part *part,
              struct ko_error *err)
{
    struct ko_plan_reader *reader = NULL;

    KO_TRY(ko_plan_reader_open(dir, plan_name, part, &reader, err));
    KO_TRY(ko_plan_reader_check(reader, err));

done:
    ko_plan_reader_close(reader);
    return err->code;
}

enum ko_code
ko_plan_reader_next(struct ko_plan_reader *reader, struct ko_plan_line *line, struct ko_error *err)
{
    struct ko_slice text;

    *line = (struct ko_plan_line){0};
    if (reader->is_at_end)
        return KO_OK;
    KO_TRY(ko_line_reader_next(reader->lines, &text, err));
    if (text.data == NULL)
        return ko_plan_reader_check(reader, err);
    line->line_number = ko_line_reader_line_number(reader->lines);
    if (ko_plan_line_decode(text, line, err) != KO_OK)
        ko_line_reader_context(reader->lines, err);

done:
    return explain(reader->path, &reader->expected, err);
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
copy_part(const struct ko_run *run, struct ko_plan_reader *reader, uint32_t number,
          const struct ko_plan_filter *filter, const char *new_name, struct ko_plan_part *to,
          struct ko_error *err)
{
    struct ko_plan_writer *writer = NULL;
    struct ko_plan_line line;

    KO_TRY(ko_plan_writer_open(run->dir, new_name, number, &writer, err));
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
    return err->code;
}

static enum ko_code
copy_parts(const struct ko_run *run, const struct ko_plan_manifest *from,
           const struct ko_plan_filter *filter, const char *new_name, struct ko_plan_manifest *to,
           struct ko_error *err)
{
    struct ko_plan_reader *reader = NULL;
    struct ko_plan_parts *parts = NULL;
    struct ko_plan_part part;

    KO_TRY(
        ko_plan_parts_open(run->dir, run->plan_name.data, from->parts, from->n_parts, &parts, err));
    for (size_t i = 0; i < from->n_parts; i++) {
        KO_TRY(ko_plan_parts_next(parts, &reader, err));
        KO_TRY(copy_part(run, reader, from->parts[i].part, filter, new_name, &part, err));
        KO_TRY(ko_plan_manifest_add(to, &part, err));
        ko_plan_reader_close(reader);
        reader = NULL;
    }

done:
    ko_plan_reader_close(reader);
    ko_plan_parts_close(parts);
    return err->code;
}

/* A name whose folder has no manifest is free: its maker did not finish. */
static enum ko_code
choose_name(const struct ko_run *run, char name[KO_PLAN_NAME_BYTES], struct ko_error *err)
{
    char path[KO_PATH_BYTES];
    bool is_taken;

    for (unsigned n = 2; n < 100000; n++) {
        (void) snprintf(name, KO_PLAN_NAME_BYTES, "plan-%u", n);
        KO_TRY(ko_path_join(path, err, run->dir, "%s/manifest.json", name));
        KO_TRY(ko_file_exists(path, &is_taken, err));
        if (!is_taken)
            return KO_OK;
    }
    (void) ko_fail(err, KO_E_REFUSED, "'%s' has too many plans", run->dir);

done:
    return err->code;
}

enum ko_code
ko_plan_subset(const struct ko_run *run, const struct ko_plan_filter *filter,
               char new_name[KO_PLAN_NAME_BYTES], struct ko_plan_manifest **manifest,
               struct ko_error *err)
{
    struct ko_plan_manifest *from = NULL;
    struct ko_plan_manifest *to = NULL;

    *manifest = NULL;
    KO_TRY(ko_plan_open(run, &from, err));
    KO_TRY(choose_name(run, new_name, err));
    KO_TRY(ko_plan_begin(run, new_name, err));
    to = ko_plan_manifest_new(&run->facts, err);
    if (to == NULL)
        goto done;
    KO_TRY(copy_parts(run, from, filter, new_name, to, err));
    KO_TRY(ko_disk_sync(run->dir, err));
    KO_TRY(ko_plan_manifest_write(run->dir, new_name, to, err));
    *manifest = to;
    to = NULL;

done:
    ko_plan_manifest_free(to);
    ko_plan_manifest_free(from);
    return err->code;
}
