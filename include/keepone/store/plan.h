/*
 * Plan: what shall be deleted, line by line, and the proof that nobody edited it.
 *
 * A plan is a folder of the run directory: "plan", smaller ones beside it "plan-2", "plan-3", ...
 * It has one part per partition that has losers, part-NNNN.jsonl.zst, and manifest.json, which is
 * written last.  A line, all values canonical JSON:
 *
 *     {"key":{...},"delete":{"primary_key":{...},"seen":{...}},
 *      "keep":{"primary_key":{...},"seen":{...}}}               (on one line)
 *
 * Digests are over uncompressed lines.  The plan's digest is the SHA-256 of the texts
 * "part-NNNN <sha256 of the part> <lines>\n" in order, so it depends on the content alone.
 *
 * Thread use: one writer or reader, one thread.  MPI: none; each rank writes the parts it owns,
 * then rank 0 the manifest.
 */
#ifndef KEEPONE_STORE_PLAN_H
#define KEEPONE_STORE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"
#include "keepone/format/digest.h"
#include "keepone/store/line_file.h"
#include "keepone/store/run.h"

enum { KO_PLAN_FORMAT = 1, KO_PLAN_PARTS_MAX = 1024, KO_PLAN_NAME_BYTES = 16 };

/* The plan that find writes. */
#define KO_PLAN_NAME "plan"

/* A line, as slices of canonical JSON. */
struct ko_plan_line {
    uint64_t line_number; /* in its part, from 1; readers only */
    struct ko_slice key;
    struct ko_slice delete_primary_key;
    struct ko_slice delete_seen;
    struct ko_slice keep_primary_key;
    struct ko_slice keep_seen;
    struct ko_slice text; /* the whole line; readers only */
};

/* Adds the line's text, without newline. */
void ko_plan_line_encode(const struct ko_plan_line *line, struct ko_buf *out);

/* Sets all but line_number; slices borrow from text.  KO_E_CORRUPT unless it has exactly the form
 * above. */
enum ko_code ko_plan_line_decode(struct ko_slice text, struct ko_plan_line *line,
                                 struct ko_error *err);

/* What the manifest says of a part. */
struct ko_plan_part {
    uint32_t part;
    uint64_t n_lines; /* 0: there is no such part */
    uint64_t n_bytes; /* uncompressed */
    char sha256[KO_SHA256_HEX_BYTES];
};

/* For gathering parts from all ranks: adds one, or takes one off the front of *bytes
 * (KO_E_CORRUPT). */
void ko_plan_part_encode(const struct ko_plan_part *part, struct ko_buf *out);
enum ko_code ko_plan_part_decode(struct ko_slice *bytes, struct ko_plan_part *part,
                                 struct ko_error *err);

/* ---- writing ---- */

/*
 * Rank 0, before any part is written: makes the plan's folder and removes what an unfinished
 * attempt left in it.  KO_E_BUG if the plan is finished (has a manifest) and the run is past
 * reading.
 */
enum ko_code ko_plan_begin(const struct ko_run *run, const char *plan_name, struct ko_error *err);

struct ko_plan_writer; /* opaque; one part */

/* After ko_plan_begin().  A part without lines leaves no file.  On failure *writer is NULL. */
enum ko_code ko_plan_writer_open(const char *dir, const char *plan_name, uint32_t part,
                                 struct ko_plan_writer **writer, struct ko_error *err);

enum ko_code ko_plan_writer_add(struct ko_plan_writer *writer, const struct ko_plan_line *line,
                                struct ko_error *err);

/*
 * The part is complete; *part says what the manifest needs.  Frees the writer in any case.  Before
 * the manifest is written, each rank calls ko_disk_sync() once for all its parts.
 */
enum ko_code ko_plan_writer_close(struct ko_plan_writer *writer, struct ko_plan_part *part,
                                  struct ko_error *err);

/* Throws the part away.  Accepts NULL. */
void ko_plan_writer_abandon(struct ko_plan_writer *writer);

/* ---- the manifest ---- */

struct ko_plan_manifest {
    char *table_name;           /* NULL if not known */
    char *table_id;             /* the same */
    struct ko_plan_part *parts; /* n_parts in ascending order, none without lines */
    size_t n_parts;
    uint64_t n_lines;                 /* of all parts */
    char digest[KO_SHA256_HEX_BYTES]; /* of the plan */
};

/* An empty plan of the run's table; NULL with KO_E_MEMORY. */
struct ko_plan_manifest *ko_plan_manifest_new(const struct ko_run_facts *facts,
                                              struct ko_error *err);

/* Accepts NULL. */
void ko_plan_manifest_free(struct ko_plan_manifest *manifest);

/* Adds a part, in any order; one without lines is passed over; one that is there already is
 * KO_E_BUG. */
enum ko_code ko_plan_manifest_add(struct ko_plan_manifest *manifest,
                                  const struct ko_plan_part *part, struct ko_error *err);

/* Computes n_lines and digest and writes manifest.json durably: the plan is finished. */
enum ko_code ko_plan_manifest_write(const char *dir, const char *plan_name,
                                    struct ko_plan_manifest *manifest, struct ko_error *err);

/*
 * Reads a plan's manifest.  KO_E_CORRUPT, naming the file, on any inconsistency: totals or
 * digest that do not fit the parts.  On failure *manifest is NULL.
 */
enum ko_code ko_plan_manifest_read(const char *dir, const char *plan_name,
                                   struct ko_plan_manifest **manifest, struct ko_error *err);

/*
 * Reads the manifest of the run's own plan and checks that it is the one of run.json: table, id and
 * digest.  KO_E_REFUSED while the run is reading.  On failure *manifest is NULL.
 */
enum ko_code ko_plan_open(const struct ko_run *run, struct ko_plan_manifest **manifest,
                          struct ko_error *err);

/* The text of manifest.json: bytes <-> values, no files. */
enum ko_code ko_plan_manifest_encode(struct ko_plan_manifest *manifest, struct ko_buf *out,
                                     struct ko_error *err);
enum ko_code ko_plan_manifest_decode(struct ko_slice text, struct ko_plan_manifest **manifest,
                                     struct ko_error *err);

/* The entry of a part, or NULL if the plan has none. */
const struct ko_plan_part *ko_plan_manifest_find(const struct ko_plan_manifest *manifest,
                                                 uint32_t part);

/* ---- reading ---- */

/*
 * Reads a part to its end and compares lines, bytes and digest: KO_E_CORRUPT.
 * Before the first delete every part is checked, each by the rank that will work on it.
 */
enum ko_code ko_plan_check(const char *dir, const char *plan_name, const struct ko_plan_part *part,
                           struct ko_error *err);

struct ko_plan_reader; /* opaque; one part */

/* part is copied.  On failure *reader is NULL. */
enum ko_code ko_plan_reader_open(const char *dir, const char *plan_name,
                                 const struct ko_plan_part *part, struct ko_plan_reader **reader,
                                 struct ko_error *err);

/*
 * Sets *line to the next line; line->text is absent at the end.  Slices are borrowed until the next
 * call. At the end lines, bytes and digest are checked too.  KO_E_CORRUPT names the part and the
 * line.
 */
enum ko_code ko_plan_reader_next(struct ko_plan_reader *reader, struct ko_plan_line *line,
                                 struct ko_error *err);

/* Reads what is left, and checks as above. */
enum ko_code ko_plan_reader_check(struct ko_plan_reader *reader, struct ko_error *err);

/* Accepts NULL. */
void ko_plan_reader_close(struct ko_plan_reader *reader);

/*
 * Parts one after the other; on a mount some of those to come are fetched meanwhile.  parts is
 * borrowed until _close.  On failure *opened is NULL.
 */
struct ko_plan_parts; /* opaque; owned by whoever called _open */

enum ko_code ko_plan_parts_open(const char *dir, const char *plan_name,
                                const struct ko_plan_part *parts, size_t n_parts,
                                struct ko_plan_parts **opened, struct ko_error *err);

/* *reader is the next part's, to be closed by the caller, or NULL behind the last part. */
enum ko_code ko_plan_parts_next(struct ko_plan_parts *parts, struct ko_plan_reader **reader,
                                struct ko_error *err);

/* Accepts NULL. */
void ko_plan_parts_close(struct ko_plan_parts *parts);

/* Sets *wanted if the line shall be in the smaller plan. */
typedef enum ko_code ko_plan_filter_fn(void *self, const struct ko_plan_line *line, bool *wanted,
                                       struct ko_error *err);

struct ko_plan_filter {
    ko_plan_filter_fn *fn;
    void *self;
};

/*
 * Writes the wanted lines of the run's plan as a plan of the next free name, manifest included. The
 * run goes on with its own plan until ko_run_choose_plan().  Line numbers are those of the new
 * plan. On failure *manifest is NULL and the new plan has no manifest: it does not count.
 */
enum ko_code ko_plan_subset(const struct ko_run *run, const struct ko_plan_filter *filter,
                            char new_name[KO_PLAN_NAME_BYTES], struct ko_plan_manifest **manifest,
                            struct ko_error *err);

#endif
