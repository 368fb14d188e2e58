/*
 * Sample: how many losers there are, judged by a part of the table.
 *
 * A sample is m of M scan segments, drawn by lot.  Segments divide the hashed partition keys, so
 * every item is in the sample with probability p = m / M.  Two copies are both in it with
 *
 *   p    if they share their partition key (they share the segment, too), and
 *   p^2  if they do not: their places in the hash space have nothing to do with one another
 *        (p/M for the same segment, m(m-1)/M^2 for two of them, p^2 together).
 *
 * All items of one dedup key and one partition key are a *blob*: in the sample whole or not at all.
 * A dedup key with H blobs and n items has n - 1 = (n - H) + (H - 1) losers.
 *
 *   inside   sum of (n - H): counted in whole blobs, so (what was seen) / p has no bias.
 *   across   sum of (H - 1): from a sample alone it cannot be had without bias, as sizes of groups
 *            cannot; but C(H,2), pairs of blobs, seen / p^2, and C(H,3), triples, seen / p^3, can.
 *            With P pairs and T triples in the table
 *
 *                 2 P^2 / (2 P + 3 T)  <=  across  <=  P
 *
 *            The right side holds with equality if copies come in twos, the left side if all groups
 *            have one size (it is Jensen's inequality for 2/H, weighted by pairs).
 *
 * The estimate is inside + the left side.  The interval (95 %) takes the chance in what was seen
 * from stage/interval.h, where one group is one event however many pairs it has, and so are all
 * groups with the same partition keys (one tenant's items copied to another one: they come into the
 * sample together or not at all).  While fewer than ten events were seen, one more may be as large
 * as the largest partition key's items.  The interval is made of the
 * lower limits of inside and P and the upper limit of T on the left, and of the upper limit of
 * inside + P on the right.  So it holds for any sizes of groups; a small sample that has seen no
 * triple cannot exclude them and says so by a low left end.
 *
 * Thread use: one thread.  MPI: none.
 */
#ifndef KEEPONE_STAGE_SAMPLE_H
#define KEEPONE_STAGE_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/aws/dynamodb.h"
#include "keepone/base/error.h"
#include "keepone/record/rules.h"
#include "keepone/stage/interval.h"
#include "keepone/stage/progress.h"

/* An item that has a key. */
struct ko_sample_item {
    uint64_t key;       /* fingerprint of its dedup key */
    uint64_t partition; /* fingerprint of its partition key */
};

/* What a sample has seen; weights not yet divided by probabilities. */
struct ko_sample_counts {
    uint64_t n_items;           /* with a key */
    uint64_t n_keys;            /* different ones */
    uint64_t n_repeated_keys;   /* seen in two items or more */
    struct ko_events inside;    /* an event: a partition key; weight: its sum of n - 1 over blobs */
    struct ko_events pairs;     /* an event: a set of partition keys; weight: its sum of C(H,2) */
    struct ko_events triples;   /* the same, C(H,3) */
    uint64_t most_in_partition; /* items of one partition key */
};

/* Counts; sorts and overwrites the items. */
void ko_sample_count(struct ko_sample_item *items, size_t n, struct ko_sample_counts *counts);

struct ko_sample_estimate {
    double losers;
    double low; /* with 95 % confidence between low and high */
    double high;
    double groups;     /* keys with losers */
    bool is_exact;     /* p = 1 */
    bool is_too_small; /* fewer than ten repeats seen: the order of magnitude at best */
};

/* p: 0 < p <= 1; the part of the table that was read.  n_items_most: no more losers than that. */
struct ko_sample_estimate ko_sample_estimate(const struct ko_sample_counts *counts, double p,
                                             double n_items_most);

/* Sizes of the items that were met, with a key or without. */
struct ko_sample_sizes {
    uint64_t n;
    uint64_t n_missing;  /* of them without a key */
    uint64_t bytes;      /* as billed */
    uint64_t json_bytes; /* of the text {"Item":{...}} and its line end */
    uint64_t write_units;
    uint64_t read_units; /* of a strongly consistent read of each */
};

/* Adds an item; json is its text {...}.  KO_E_CORRUPT. */
enum ko_code ko_sample_add_size(struct ko_sample_sizes *sizes, struct ko_slice json,
                                struct ko_error *err);

struct ko_sample_config {
    struct ko_dynamodb *client;
    const char *table_name;
    const struct ko_rules *rules;
    double fraction; /* 0 < fraction <= 1: what part of the table to read */
    uint64_t size_bytes;
    struct ko_progress *progress;
    bool (*stop_wanted)(void *self); /* or NULL */
    void *stop_self;
};

struct ko_sample {
    uint64_t n_segments; /* read */
    uint64_t total_segments;
    double read_units; /* consumed, as the table said */
    struct ko_sample_sizes sizes;
    struct ko_sample_counts counts;
};

/*
 * Local: reads a sample of a live table, eventually consistent, as fast as the client's pace lets.
 * Errors: those of a scan, KO_E_STOPPED, KO_E_MEMORY (16 bytes per item are held).
 */
enum ko_code ko_sample_read(const struct ko_sample_config *config, struct ko_sample *sample,
                            struct ko_error *err);

/* How many of how many segments: a fraction of a table of this size. */
void ko_sample_choose(double fraction, uint64_t size_bytes, uint64_t *n_segments,
                      uint64_t *total_segments);

#endif
