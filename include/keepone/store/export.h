/*
 * Exports: a DynamoDB export in a folder, its manifests checked, its data files read.
 *
 * The layout is the service's: <prefix>/AWSDynamoDB/<export id>/ holds manifest-summary.json,
 * manifest-files.json (one JSON object per line), their .checksum files, and data/; incremental
 * exports share <prefix>/AWSDynamoDB/data/ instead.  What a reader gives are lines; what is in a
 * line is not looked at here.
 *
 * Thread use: one export or reader, one thread.  MPI: none, every call is local.
 */
#ifndef KEEPONE_STORE_EXPORT_H
#define KEEPONE_STORE_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"
#include "keepone/format/digest.h"

/* One line of manifest-files.json. */
struct ko_export_file {
    const char *path; /* where the file was found */
    const char *key;  /* its S3 key, as the manifest says it */
    uint64_t n_items;
    uint64_t size_bytes;             /* on disk, compressed */
    unsigned char md5[KO_MD5_BYTES]; /* of the compressed file */
};

enum ko_export_kind { KO_EXPORT_FULL, KO_EXPORT_CHANGES };

struct ko_export_time {
    const char *text; /* as the manifest says it */
    int64_t us;       /* since 1970 */
};

struct ko_export_memory; /* private: owns what the pointers lead to */

/* Made by ko_export_open(); read only for everybody else. */
struct ko_export {
    enum ko_export_kind kind;
    const char *folder; /* the one that holds the manifests */
    const char *arn;    /* the export's own name; "" = the manifest says none */
    const char *table_arn;
    const char *table_name;
    const char *table_id;
    struct ko_export_time from;  /* changes from here on, this moment included; full: as until */
    struct ko_export_time until; /* the state of this moment: changes before it are in */
    uint64_t n_items;            /* of all files together */
    uint64_t size_bytes;         /* of all files together, compressed */
    size_t n_files;
    const struct ko_export_file *files; /* largest first, then by key; duplicates stay */
    struct ko_export_memory *memory;
};

/*
 * Opens the export in `folder`, which must be of this kind: the export's own folder, or the
 * AWSDynamoDB folder or the prefix above it if exactly one export is below.
 *
 * Data files are looked for near the manifests first, so that a copied export is read from where
 * the copy is; on a mount then where the manifest says.  There a listing finds them all.
 *
 * Afterwards: both manifests fit their checksums (where there are any), each data file is there,
 * and the item counts of the files add up to the summary's (a key listed twice may count once or
 * twice there).
 *
 * Errors: KO_E_OPTION if there is no export or more than one, or one of the other kind, not in
 * DYNAMODB_JSON or without new images; KO_E_CORRUPT names the manifest and the line or byte;
 * KO_E_REFUSED where MD5 is forbidden; KO_E_IO, KO_E_MEMORY.  On failure *export is NULL.
 */
enum ko_code ko_export_open(const char *folder, enum ko_export_kind kind, struct ko_export **export,
                            struct ko_error *err);
void ko_export_close(struct ko_export *export);

struct ko_export_reader; /* opaque; owned by the caller of _new.  Reads one file after the other. */

struct ko_export_reader_options {
    bool no_md5;       /* leave it to gzip's CRC and the item counts */
    size_t read_bytes; /* bytes of each read from disk; 0 = 256 KiB */
};

enum { KO_EXPORT_LINE_BYTES_MAX = 16 * 1024 * 1024 };

/* options may be NULL.  NULL with KO_E_MEMORY, or KO_E_REFUSED where MD5 is forbidden. */
struct ko_export_reader *ko_export_reader_new(const struct ko_export_reader_options *options,
                                              struct ko_error *err);
void ko_export_reader_free(struct ko_export_reader *reader);

/*
 * Starts on a file; one that was not read to its end is left.  The buffers are used again.
 * file is borrowed until the end of this file.  Errors: KO_E_IO.
 */
enum ko_code ko_export_reader_begin(struct ko_export_reader *reader,
                                    const struct ko_export_file *file, struct ko_error *err);

/* The same for a file that this process has read to its end: its MD5 is not computed again. */
enum ko_code ko_export_reader_begin_again(struct ko_export_reader *reader,
                                          const struct ko_export_file *file, struct ko_error *err);

/*
 * Sets *line to the next line without its newline, or to an absent slice at the end.  Empty lines
 * are skipped.  The line is borrowed: valid until the next call.  A call decompresses 256 KiB at
 * most, unless the line is longer.
 *
 * The end is only reached if the gzip stream is whole, the MD5 is the manifest's, and there were as
 * many lines as the manifest says items.  KO_E_CORRUPT names the file and the line; KO_E_IO,
 * KO_E_MEMORY.
 */
enum ko_code ko_export_reader_next(struct ko_export_reader *reader, struct ko_slice *line,
                                   struct ko_error *err);

/*
 * For those who find the end of a line themselves: the text at hand, which starts with the next
 * line and may end anywhere in it; and that this line, of n > 1 bytes with its newline, was taken.
 * The text is borrowed, as a line is.
 */
struct ko_slice ko_export_reader_text(const struct ko_export_reader *reader);
void ko_export_reader_take(struct ko_export_reader *reader, size_t n);

/*
 * Takes in what has arrived without waiting for a network.  *is_ready: _next would not wait, but
 * for what stands behind empty lines; a local file is always ready.  The line last returned becomes
 * invalid.  Errors as in _next.
 */
enum ko_code ko_export_reader_is_ready(struct ko_export_reader *reader, bool *is_ready,
                                       struct ko_error *err);

/* Waits until more has arrived, max_us at most. */
void ko_export_reader_wait(struct ko_export_reader *reader, unsigned max_us);

/* Number of the line last returned, from 1, empty ones counted; 0 before the first. */
uint64_t ko_export_reader_line_number(const struct ko_export_reader *reader);

/* Uncompressed bytes of this file so far. */
uint64_t ko_export_reader_bytes(const struct ko_export_reader *reader);

/* Puts "'<path>' line <n>: " in front of a failure that the caller found in the last line. */
void ko_export_reader_context(const struct ko_export_reader *reader, struct ko_error *err);

#endif
