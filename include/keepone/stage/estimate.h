/*
 * Estimate: read and write units, money and time of what keepone does, and of other ways to the
 * same table.  Numbers in, numbers out: nothing is asked here.
 *
 * Units as DynamoDB counts them:
 *   scan              4 KB of data read = 1 unit, half of it if eventually consistent
 *   BatchGetItem      each item rounded up to 4 KB; strongly consistent
 *   delete, put       each item rounded up to 1 KB, and the same again for its entry in each index
 *                     that holds it
 *   transaction       twice that; the check of the keeper counts like a write of it
 *   replica           every write once more, charged in the replica's region
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_STAGE_ESTIMATE_H
#define KEEPONE_STAGE_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/aws/table.h"
#include "keepone/base/buf.h"
#include "keepone/stage/apply.h"
#include "keepone/stage/prices.h"

/* What is known or assumed of a table.  Means are over its items. */
struct ko_model {
    double n_items;
    double size_bytes;        /* of the items, as billed */
    double item_bytes;        /* mean */
    double write_units;       /* of one item: mean of the size in KB, rounded up each */
    double read_units;        /* the same in 4 KB: one strongly consistent read */
    double index_write_units; /* of one item, in all indexes together */
    double local_index_bytes; /* exported and billed with the table */
    double json_bytes;        /* of one item in DynamoDB JSON */
    unsigned n_replicas;
    enum ko_table_billing billing;
    enum ko_table_class class;
};

/* From the table's own description: every item counts as one of the mean size. */
struct ko_model ko_model_of(const struct ko_table *table);

/* A delete's write units in one index: its share of the items, times the mean entry in KB. */
double ko_model_index_units(const struct ko_table *table, const struct ko_table_index *index);

/* Units per second; 0 = not known. */
struct ko_rates {
    double read_units;
    double write_units;
};

struct ko_cost {
    double read_units;
    double write_units;
    double replicated_units; /* of write_units' kind, in other regions, all of them together */
    double money_read;
    double money_write; /* replicated ones included, at this region's price */
    double money_other; /* export, import, S3 */
    double money;       /* the three together */
    double seconds;     /* at the rates; reads and writes at the same time */
};

/* Each sets units and money_other; ko_cost_price() sets the rest. */
struct ko_cost ko_cost_scan(const struct ko_model *model, bool consistent);
struct ko_cost ko_cost_export(const struct ko_model *model, const struct ko_prices *prices);
struct ko_cost ko_cost_apply(const struct ko_model *model, double losers, double groups,
                             enum ko_safety safety);
struct ko_cost ko_cost_undo(const struct ko_model *model, double losers);

/* Other ways.  Scan the table and write the items that stay into a new one. */
struct ko_cost ko_cost_copy(const struct ko_model *model, double losers);

/* Export, leave the losers out, and import the rest from S3 into a new table. */
struct ko_cost ko_cost_import(const struct ko_model *model, double losers,
                              const struct ko_prices *prices);

/* Both, one after the other: units, money and seconds are added up. */
struct ko_cost ko_cost_sum(const struct ko_cost *a, const struct ko_cost *b);

void ko_cost_price(struct ko_cost *cost, const struct ko_model *model,
                   const struct ko_prices *prices, const struct ko_rates *rates);

/* Storage of this many bytes of items for a month. */
double ko_storage_money(const struct ko_model *model, double bytes, const struct ko_prices *prices);

/*
 * What the table serves: provisioned units; on demand the owner's maximum or the warm throughput,
 * else what a new table serves at once, 12,000 read and 4,000 write units.
 */
struct ko_rates ko_rates_of(const struct ko_table *table);

/* The caps where they are lower, or where nothing else is known; a cap of 0 is none. */
struct ko_rates ko_rates_within(struct ko_rates served, struct ko_rates caps);

/* For people: "1.2 M", "$3.41", "2 h 10 min". */
enum { KO_ESTIMATE_TEXT_BYTES = 48 };
const char *ko_money_text(double money, char text[KO_ESTIMATE_TEXT_BYTES]);
const char *ko_duration_text(double seconds, char text[KO_ESTIMATE_TEXT_BYTES]);

/* Adds {"money":...,"read_units":...,...}, names sorted. */
void ko_cost_add_json(struct ko_buf *out, const struct ko_cost *cost);

#endif
