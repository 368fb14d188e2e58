/*
 * Scan: every item of a live table, segment by segment, many pages in flight.
 *
 * Claims are spread over the segments, so that the ranks never work on one end of the key space,
 * which would be one hot partition.  Under a small cap of read units pages are made small by Limit.
 *
 * Each segment becomes a row file in the run's read/ folder, visible once the segment is
 * finished.  A resumed scan takes finished segments from there and reads only the others; the
 * second look at the candidates reads the row files, never the table.
 *
 * Thread use: one thread per rank.  MPI: collective over the world.
 */
#ifndef KEEPONE_STAGE_SCAN_H
#define KEEPONE_STAGE_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/file.h"
#include "keepone/record/rules.h"
#include "keepone/record/where.h"
#include "keepone/stage/intake.h"
#include "keepone/stage/progress.h"
#include "keepone/stage/source.h"

struct ko_dynamodb;
struct ko_world;

struct ko_scan_config {
    struct ko_dynamodb *client;
    const char *table_name;
    const struct ko_rules *rules;
    const struct ko_where *where; /* or NULL */
    bool consistent;
    uint64_t total_segments;
    const char *folder;      /* of row files; exists, shared by all ranks */
    const char *identity;    /* text that tells row files of this scan from others: of its rules */
    struct ko_source source; /* of the rows in that folder */
    struct ko_intake *intake;
    uint64_t expected_items; /* for progress; 0 = not known */
    uint64_t memory_bytes;   /* of this rank; on a mount a quarter of it is for open row files */
    uint64_t item_bytes;     /* mean, by the table's description; 0 = not known */
    struct ko_progress *progress;
};

struct ko_scan_stats {
    uint64_t n_pages;            /* asked from the table by this rank */
    uint64_t n_segments_resumed; /* taken from row files */
    double read_units;           /* consumed, as the table said */
};

/* Collective: afterwards every segment has its row file and is in exactly one rank's intake. */
enum ko_code ko_scan_run(const struct ko_scan_config *config, struct ko_world *world,
                         struct ko_scan_stats *stats, struct ko_error *err);

/* The row file of a segment, and the text that its header carries. */
enum ko_code ko_scan_path(char path[KO_PATH_BYTES], const char *folder, uint64_t segment,
                          struct ko_error *err);
void ko_scan_identity(struct ko_buf *out, const char *identity, uint64_t segment,
                      uint64_t total_segments);

/* Counters in a row file's footer. */
enum { KO_ROWS_SCANNED = 0, KO_ROWS_FILTERED = 1 };

#endif
