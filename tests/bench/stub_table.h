/*
 * The table of the stub server: items made on the fly, units counted, rates enforced.
 *
 * Item i has the key "i000000123"; items stand in the order of their numbers, and segments cut them
 * evenly.  Some pairs 2k, 2k+1 share their cause: the second, inserted later, is the copy.
 */
#ifndef KEEPONE_TESTS_BENCH_STUB_TABLE_H
#define KEEPONE_TESTS_BENCH_STUB_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"

enum { STUB_READ, STUB_WRITE, STUB_SIDES };

struct stub_options {
    uint64_t n_items;
    uint64_t item_bytes;   /* as stored: what units are counted from */
    uint64_t body_bytes;   /* of filler that replies carry */
    uint64_t copy_percent; /* of pairs that share a cause */
    uint64_t n_indexes;    /* each doubles, triples, ... what a write costs */

    /* A side refuses calls above this many units per second; 0 = none. */
    double limit[STUB_SIDES];
    double limit_seconds; /* from the first call on; 0 = always */

    /* Items from .. to - 1 are one partition, which refuses alone. */
    uint64_t hot_from;
    uint64_t hot_to;
    double hot_limit[STUB_SIDES];

    /* What DescribeTable says; 0 = nothing. */
    uint64_t provisioned[STUB_SIDES];
    uint64_t on_demand[STUB_SIDES];
    uint64_t warm[STUB_SIDES];
};

struct stub_table;

struct stub_table *stub_table_new(const struct stub_options *options, struct ko_error *err);
void stub_table_free(struct stub_table *table);

/* Answers a call: adds the reply's body and returns the HTTP status. */
int stub_table_answer(struct stub_table *table, struct ko_slice operation, struct ko_slice body,
                      uint64_t now_us, struct ko_buf *reply);

/* Adds what was counted, as a JSON object: see stub_count.c. */
void stub_table_add_counts(const struct stub_table *table, struct ko_buf *out);

/* ---- counting (stub_count.c) ---- */

enum { STUB_BIN_US = 10000, STUB_BINS = 60 * 100 * 10 };

/* Units per 10 ms since the first. */
struct stub_count {
    uint64_t start_us;
    size_t n_bins;
    double *bins;
    double total;
    uint64_t n_calls;
    uint64_t n_throttled;
};

void stub_count_add(struct stub_count *count, uint64_t now_us, double units);

/* {"calls":..,"max_10s":..,"max_1s":..,"per_100ms":[..],"throttled":..,"total":..} */
void stub_count_add_json(const struct stub_count *count, struct ko_buf *out);

#endif
