#include "keepone/store/journal.h"

#include <stdio.h>
#include <stdlib.h>

#include "journal_priv.h"
#include "keepone/base/mem.h"
#include "packed_file_priv.h"

static const char *const kind_names[] = {"apply", "undo"};

/* ---- files ---- */

enum ko_code
ko_journal_path(char path[KO_PATH_BYTES], const char *dir, const struct ko_journal_file *file,
                struct ko_error *err)
{
    char whole[KO_PATH_BYTES];

    KO_TRY(ko_path_join(whole, err, dir, "journal/%s-%04u-rank-%05u.jsonl.zst",
                        kind_names[file->of.kind], file->of.attempt, file->of.rank));
    if (file->piece > 0)
        return ko_packed_piece_path(path, whole, file->piece, err);
    memcpy(path, whole, sizeof whole);

done:
    return err->code;
}

/* True if name is exactly what ko_journal_path() makes of what it says. */
static bool
parse_name(const char *name, struct ko_journal_file *file)
{
    struct ko_error ignored = {0};
    char path[KO_PATH_BYTES];

    for (int kind = KO_JOURNAL_APPLY; kind <= KO_JOURNAL_UNDO; kind++) {
        const size_t n = strlen(kind_names[kind]);
        unsigned attempt;
        unsigned rank;
        unsigned piece = 0;

        if (strncmp(name, kind_names[kind], n) != 0 ||
            sscanf(name + n, "-%9u-rank-%9u-%9u", &attempt, &rank, &piece) < 2)
            continue;
        *file = (struct ko_journal_file){
            .of = {.kind = (enum ko_journal_kind) kind, .attempt = attempt, .rank = rank},
            .piece = piece};
        return ko_journal_path(path, "", file, &ignored) == KO_OK &&
               strcmp(path + strlen("/journal/"), name) == 0;
    }
    return false;
}

static int
compare_files(const void *a, const void *b)
{
    const struct ko_journal_file *x = a;
    const struct ko_journal_file *y = b;

    if (x->of.attempt != y->of.attempt)
        return x->of.attempt < y->of.attempt ? -1 : 1;
    if (x->of.kind != y->of.kind)
        return x->of.kind < y->of.kind ? -1 : 1;
    if (x->of.rank != y->of.rank)
        return x->of.rank < y->of.rank ? -1 : 1;
    return (x->piece > y->piece) - (x->piece < y->piece);
}

static bool
is_same_journal(const struct ko_journal_options *a, const struct ko_journal_options *b)
{
    return a->attempt == b->attempt && a->kind == b->kind && a->rank == b->rank;
}

/* Pieces count from 1 without a gap: each was durable before the next was begun. */
static enum ko_code
check_pieces(const char *dir, const struct ko_journal_files *files, struct ko_error *err)
{
    for (size_t i = 0; i < files->n; i++) {
        const struct ko_journal_file *file = &files->files[i];
        const bool is_first = i == 0 || !is_same_journal(&file->of, &file[-1].of);
        struct ko_journal_file missing = {file->of, is_first ? 1 : file[-1].piece + 1};
        char path[KO_PATH_BYTES];

        if (file->piece == missing.piece || (is_first && file->piece == 0))
            continue;
        KO_TRY(ko_journal_path(path, dir, &missing, err));
        (void) ko_fail(err, KO_E_CORRUPT, "'%s' is missing, but there are later pieces", path);
        ko_hint(err, "bring it back: nothing is done to the table without the whole journal.");
        break;
    }

done:
    return err->code;
}

static enum ko_code
parse_names(const char *folder, const struct ko_names *names, struct ko_journal_files *files,
            struct ko_error *err)
{
    files->files = ko_alloc_array(names->n, sizeof *files->files, err);
    if (files->files == NULL)
        return err->code;
    for (size_t i = 0; i < names->n; i++) {
        if (names->names[i].text[0] == '.')
            continue;
        if (!parse_name(names->names[i].text, &files->files[files->n])) {
            (void) ko_fail(err, KO_E_CORRUPT, "'%s/%s' is not a journal file", folder,
                           names->names[i].text);
            ko_hint(err, "move it out of that folder, or give it its old name back.");
            return err->code;
        }
        files->n++;
    }
    if (files->n > 1)
        qsort(files->files, files->n, sizeof *files->files, compare_files);
    return KO_OK;
}

enum ko_code
ko_journal_files_list(const char *dir, struct ko_journal_files *files, struct ko_error *err)
{
    char folder[KO_PATH_BYTES];
    struct ko_names names = {0};
    bool is_there;

    *files = (struct ko_journal_files){0};
    KO_TRY(ko_path_join(folder, err, dir, "journal"));
    KO_TRY(ko_folder_exists(folder, &is_there, err));
    if (!is_there)
        return KO_OK;
    KO_TRY(ko_folder_list(folder, &names, err));
    KO_TRY(parse_names(folder, &names, files, err));
    KO_TRY(check_pieces(dir, files, err));

done:
    ko_names_clear(&names);
    if (err->code != KO_OK)
        ko_journal_files_clear(files);
    return err->code;
}

void
ko_journal_files_clear(struct ko_journal_files *files)
{
    ko_free(files->files);
    *files = (struct ko_journal_files){0};
}

enum ko_code
ko_journal_next_attempt(const char *dir, uint32_t *attempt, struct ko_error *err)
{
    struct ko_journal_files files;

    *attempt = 1;
    if (ko_journal_files_list(dir, &files, err) != KO_OK)
        return err->code;
    if (files.n > 0)
        *attempt = files.files[files.n - 1].of.attempt + 1;
    ko_journal_files_clear(&files);
    return KO_OK;
}

/* ---- writing ---- */

struct ko_journal {
    struct ko_line_writer *lines;
    struct ko_buf text;
};

static void
free_journal(struct ko_journal *journal)
{
    ko_buf_clear(&journal->text);
    ko_free(journal);
}

enum ko_code
ko_journal_open(const char *dir, const struct ko_journal_options *options,
                struct ko_journal **journal, struct ko_error *err)
{
    const struct ko_journal_file file = {.of = *options};
    char folder[KO_PATH_BYTES];
    char path[KO_PATH_BYTES];

    *journal = ko_alloc(sizeof **journal, err);
    if (*journal == NULL)
        return err->code;
    KO_TRY(ko_path_join(folder, err, dir, "journal"));
    KO_TRY(ko_journal_path(path, dir, &file, err));
    KO_TRY(ko_folder_make(folder, err));
    KO_TRY(ko_folder_sync(dir, err));
    KO_TRY(ko_line_writer_open_journal(path, &(*journal)->lines, err));

done:
    if (err->code != KO_OK) {
        free_journal(*journal);
        *journal = NULL;
    }
    return err->code;
}

enum ko_code
ko_journal_add(struct ko_journal *journal, const struct ko_journal_event *event,
               struct ko_error *err)
{
    ko_buf_reset(&journal->text);
    ko_journal_event_encode(event, &journal->text);
    KO_TRY(ko_buf_finish(&journal->text, err));
    KO_TRY(ko_line_writer_add(journal->lines, ko_buf_slice(&journal->text), err));

done:
    return err->code;
}

uint64_t
ko_journal_uncommitted_bytes(const struct ko_journal *journal)
{
    return ko_line_writer_pending_bytes(journal->lines);
}

enum ko_code
ko_journal_commit(struct ko_journal *journal, uint64_t *n_bytes, struct ko_error *err)
{
    if (n_bytes != NULL)
        *n_bytes = ko_journal_uncommitted_bytes(journal);
    return ko_line_writer_commit(journal->lines, err);
}

enum ko_code
ko_journal_close(struct ko_journal *journal, struct ko_error *err)
{
    (void) ko_line_writer_close(journal->lines, NULL, err);
    free_journal(journal);
    return err->code;
}

void
ko_journal_abandon(struct ko_journal *journal)
{
    if (journal == NULL)
        return;
    ko_line_writer_abandon(journal->lines);
    free_journal(journal);
}
