/*
 * Prices: what AWS asks, in US dollars, on one day.
 *
 * The one place where prices are written down, so that a look here and at AWS's pages shows what
 * has changed since.  Throughput on demand and storage of tables: from documents that repeat the
 * public list, for us-east-1 and ap-northeast-1 of 2026-09-11, for eu-west-1 of 2026-08-27;
 * us-east-2 and us-west-2 are taken as us-east-1.  Provisioned capacity and S3: the list prices
 * that have stood for years, not looked up on that day.  Exports and imports: us-east-1's;
 * elsewhere in the ratio of the regions' storage prices.  So an estimate of money is good to a
 * few per cent in these regions, and says so of any other.
 * Replicated writes cost what writes cost; transactions cost two units instead of one, not more per
 * unit.  Free tiers, reserved capacity, discounts, transfer between regions and taxes are left out.
 *
 * Thread use: any; constants.  MPI: none.
 */
#ifndef KEEPONE_STAGE_PRICES_H
#define KEEPONE_STAGE_PRICES_H

#include <stdbool.h>

#define KO_PRICES_DATE     "2026-09-11"
#define KO_PRICES_CURRENCY "USD"
#define KO_PRICES_SOURCE   "documents that repeat AWS's list"

struct ko_prices {
    const char *region;
    double write_million; /* on-demand write request units */
    double read_million;
    double write_unit_hour; /* provisioned */
    double read_unit_hour;
    double storage_gb_month; /* of a table of class STANDARD */
    double export_gb;        /* to S3, of the table's size */
    double import_gb;        /* from S3, uncompressed */
    double s3_gb_month;
};

/* A table of class STANDARD_INFREQUENT_ACCESS: its throughput and its storage, times these. */
#define KO_INFREQUENT_THROUGHPUT 1.25
#define KO_INFREQUENT_STORAGE    0.4

/* *is_known = false: nothing is written down for the region, and the prices are us-east-1's. */
struct ko_prices ko_prices_of(const char *region, bool *is_known);

#endif
