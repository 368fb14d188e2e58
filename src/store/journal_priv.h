/*
 * The names of journal files and their order.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_STORE_JOURNAL_PRIV_H
#define KEEPONE_STORE_JOURNAL_PRIV_H

#include "keepone/base/file.h"
#include "keepone/store/journal.h"

struct ko_journal_file {
    struct ko_journal_options of;
    uint32_t piece; /* from 1; 0 = the journal is one file, as on a local disk */
};

struct ko_journal_files {
    struct ko_journal_file *files; /* in the order of their events; owned */
    size_t n;
};

/* Writes "<dir>/journal/<kind>-<attempt>-rank-<rank>[-<piece>].jsonl.zst". */
enum ko_code ko_journal_path(char path[KO_PATH_BYTES], const char *dir,
                             const struct ko_journal_file *file, struct ko_error *err);

/* All journal files of the run, in order; none if there is no journal yet.  KO_E_CORRUPT: see
 * journal.h. */
enum ko_code ko_journal_files_list(const char *dir, struct ko_journal_files *files,
                                   struct ko_error *err);
void ko_journal_files_clear(struct ko_journal_files *files);

#endif
