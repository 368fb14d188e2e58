#include "keepone/base/file.h"
#include "keepone/store/plan.h"
#include "run_priv.h"

/* A third more bytes than level 1 in two thirds of the time. */
enum { PLAN_LEVEL = -2 };

struct ko_plan_writer {
    char path[KO_PATH_BYTES];
    struct ko_line_writer *lines; /* NULL before the first line: an empty part has no file */
    struct ko_buf text;
    uint32_t part;
};

enum ko_code
ko_plan_begin(const struct ko_run *run, const char *plan_name, struct ko_error *err)
{
    char folder[KO_PATH_BYTES];
    char manifest[KO_PATH_BYTES];
    bool is_finished;

    KO_ASSERT(ko_run_is_plan_name(ko_slice_of(plan_name)));
    KO_TRY(ko_path_join(folder, err, run->dir, "%s", plan_name));
    KO_TRY(ko_path_join(manifest, err, folder, "manifest.json"));
    KO_TRY(ko_file_exists(manifest, &is_finished, err));
    if (run->state != KO_RUN_READING && is_finished)
        return ko_fail(err, KO_E_BUG, "the finished plan '%s' was to be written again", folder);
    KO_TRY(ko_folder_remove(folder, err));
    KO_TRY(ko_folder_make(folder, err));
    KO_TRY(ko_folder_sync(run->dir, err));

done:
    return err->code;
}

enum ko_code
ko_plan_writer_open(const char *dir, const char *plan_name, uint32_t part,
                    struct ko_plan_writer **writer, struct ko_error *err)
{
    KO_ASSERT(part < KO_PLAN_PARTS_MAX);
    *writer = ko_alloc(sizeof **writer, err);
    if (*writer == NULL)
        return err->code;
    (*writer)->part = part;
    if (ko_path_join((*writer)->path, err, dir, "%s/part-%04u.jsonl.zst", plan_name, part) == KO_OK)
        return KO_OK;
    ko_free(*writer);
    *writer = NULL;
    return err->code;
}

enum ko_code
ko_plan_writer_add(struct ko_plan_writer *writer, const struct ko_plan_line *line,
                   struct ko_error *err)
{
    if (writer->lines == NULL)
        KO_TRY(ko_line_writer_open_one_of_many(writer->path, PLAN_LEVEL, &writer->lines, err));
    ko_buf_reset(&writer->text);
    ko_plan_line_encode(line, &writer->text);
    KO_TRY(ko_buf_finish(&writer->text, err));
    KO_TRY(ko_line_writer_add(writer->lines, ko_buf_slice(&writer->text), err));

done:
    return err->code;
}

static void
free_writer(struct ko_plan_writer *writer)
{
    ko_buf_clear(&writer->text);
    ko_free(writer);
}

enum ko_code
ko_plan_writer_close(struct ko_plan_writer *writer, struct ko_plan_part *part, struct ko_error *err)
{
    struct ko_line_totals totals = {0};

    *part = (struct ko_plan_part){.part = writer->part};
    if (writer->lines != NULL && ko_line_writer_close(writer->lines, &totals, err) == KO_OK) {
        part->n_lines = totals.n_lines;
        part->n_bytes = totals.n_bytes;
        memcpy(part->sha256, totals.sha256, sizeof part->sha256);
    }
    /* The digest of nothing, so that each part that travels to rank 0 has a valid one. */
    if (part->n_lines == 0)
        ko_sha256_hex(KO_SLICE(""), part->sha256);
    free_writer(writer);
    return err->code;
}

void
ko_plan_writer_abandon(struct ko_plan_writer *writer)
{
    if (writer == NULL)
        return;
    ko_line_writer_abandon(writer->lines);
    free_writer(writer);
}
