/*
 * Search: the source and the rules of a job, ready for the find stage.  What find, verify and
 * dedup have in common.
 *
 * Thread use: one thread per rank.  MPI: collective over the world where said.
 */
#ifndef KEEPONE_COMMAND_SEARCH_H
#define KEEPONE_COMMAND_SEARCH_H

#include <stdint.h>

#include "keepone/base/file.h"
#include "keepone/record/where.h"
#include "keepone/stage/find.h"
#include "keepone/store/export.h"
#include "session.h"

struct ko_search {
    struct ko_export *export;   /* NULL for a table */
    struct ko_export **changes; /* --catch-up, as ko_export_chain() orders them */
    size_t n_changes;
    struct ko_catch_up *catch_up; /* NULL without changes, and before _run */
    struct ko_table table;        /* name "" if there is none */
    struct ko_rules *rules;
    struct ko_where where;
    struct ko_arena *arena; /* of where and texts */
    struct ko_scan_config scan;
    struct ko_find_config find;
    char spill_folder[KO_PATH_BYTES]; /* this rank's, or "" */
    char rows_folder[KO_PATH_BYTES];
    char rules_digest[KO_SHA256_HEX_BYTES];
    struct ko_buf options; /* the job's canonical text */
};

/* Local: are the texts of the rules good?  Opens nothing; KO_E_OPTION says where the text was
 * written. */
enum ko_code ko_search_check_texts(const struct ko_job *job, struct ko_error *err);

/* Collective: opens the source that the job names and builds the rules.  as_of_s: 0 = the time
 * of the export or of its last change, or now. */
enum ko_code ko_search_open(struct ko_session *session, int64_t as_of_s, struct ko_search *search,
                            struct ko_error *err);

/* The facts of a new run; slices borrow from search and session. */
struct ko_run_facts ko_search_facts(const struct ko_session *session,
                                    const struct ko_search *search);

/* Collective: runs the find stage.  folder: for the row files of a live scan, shared by all ranks;
 * run: NULL = no plan. */
enum ko_code ko_search_run(struct ko_session *session, struct ko_search *search, const char *folder,
                           struct ko_run *run, struct ko_find_stats *stats, struct ko_error *err);

/* Accepts {0}. */
void ko_search_clear(struct ko_search *search);

#endif
