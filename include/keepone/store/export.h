/*
 * Exports: a DynamoDB full export in a folder, its manifests checked, its data files read.
 *
 * The layout is the service's: <prefix>/AWSDynamoDB/<export id>/ holds manifest-summary.json,
 * manifest-files.json (one JSON object per line), their .checksum files, and data/.  What a reader
 * gives are lines; what is in a line is not looked at here.
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

struct ko_export_memory; /* private: owns what the pointers lead to */

/* Made by ko_export_open(); read only for everybody else. */
struct ko_export {
    const char *folder; /* the one that holds the manifests */
    const char *table_arn;
    const char *table_name;
    const char *table_id;
    const char *export_time; /* as the manifest says it */
    int64_t export_time_s;   /* the same in seconds since 1970 */
    uint64_t n_items;        /* of all files together */
    uint64_t size_bytes;     /* of all files together, compressed */
    size_t n_files;
    const struct ko_export_file *files; /* largest first, then by key; duplicates stay */
    struct ko_export_memory *memory;
};

/*
 * Opens the export in `folder`: the export's own folder, or the AWSDynamoDB folder or the prefix
 * above it if exactly one export is below.
 *
 * Afterwards: both manifests fit their checksums (where there are any), each data file is there,
 * and the item counts of the files add up to the summary's (a key listed twice may count once or
 * twice there).
 *
 * Errors: KO_E_OPTION if there is no export or more than one, or one that is incremental or not in
 * DYNAMODB_JSON; KO_E_CORRUPT names the manifest and the line or byte; KO_E_REFUSED where MD5 is
 * forbidden; KO_E_IO, KO_E_MEMORY.  On failure *export is NULL.
 */
enum ko_code ko_export_open(const char *folder, struct ko_export **export, struct ko_error *err);
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

/* Number of the line last returned, from 1, empty ones counted; 0 before the first. */
uint64_t ko_export_reader_line_number(const struct ko_export_reader *reader);

/* Uncompressed bytes of this file so far. */
uint64_t ko_export_reader_bytes(const struct ko_export_reader *reader);

/* Puts "'<path>' line <n>: " in front of a failure that the caller found in the last line. */
void ko_export_reader_context(const struct ko_export_reader *reader, struct ko_error *err);

#endif
