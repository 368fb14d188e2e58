/*
 * Tables: what must be known of one before its items are read or deleted.
 *
 * Thread use: one client, one thread.  MPI: none; rank 0 describes and tells the others.
 */
#ifndef KEEPONE_AWS_TABLE_H
#define KEEPONE_AWS_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/aws/dynamodb.h"
#include "keepone/base/error.h"
#include "keepone/format/value.h"

enum {
    KO_TABLE_NAME_BYTES = 256,
    KO_TABLE_ARN_BYTES = 1025,
    KO_TABLE_ID_BYTES = 64,
    KO_TABLE_STATUS_BYTES = 64,
    KO_TABLE_ATTRIBUTE_BYTES = 256
};

/* An attribute of the primary key. */
struct ko_table_key {
    char name[KO_TABLE_ATTRIBUTE_BYTES];
    enum ko_value_type type; /* KO_VALUE_S, KO_VALUE_N or KO_VALUE_B */
};

enum ko_table_pitr {
    KO_PITR_UNKNOWN_OPERATION, /* the endpoint knows no point-in-time recovery (DynamoDB Local) */
    KO_PITR_DISABLED,
    KO_PITR_ENABLED
};

/* Fixed size, no pointers: may be copied and sent. */
struct ko_table {
    char name[KO_TABLE_NAME_BYTES];
    char arn[KO_TABLE_ARN_BYTES];       /* "" = the endpoint gives none */
    char id[KO_TABLE_ID_BYTES];         /* TableId, or "created:<time>" where there is none */
    char status[KO_TABLE_STATUS_BYTES]; /* "ACTIVE" */
    struct ko_table_key hash;
    struct ko_table_key range; /* only if has_range */
    bool has_range;
    bool ttl_is_known;   /* false: the endpoint has no DescribeTimeToLive */
    uint64_t n_items;    /* an estimate: refreshed about every six hours */
    uint64_t size_bytes; /* the same */
    char ttl_attribute[KO_TABLE_ATTRIBUTE_BYTES]; /* "" = no time to live, or it is switched off */
    enum ko_table_pitr pitr;
};

/*
 * Asks for the table, its time to live and its point-in-time recovery.
 * Errors: KO_E_ACCESS (not found, not allowed), KO_E_CORRUPT (a reply of an unknown form), and
 * those of ko_dynamodb_call().  A table that is not ACTIVE is no error: look at status.
 */
enum ko_code ko_table_describe(struct ko_dynamodb *client, const char *name, struct ko_table *table,
                               struct ko_error *err);

/*
 * Local: false if the table cannot be the one with this id.  Ids that cannot be compared (none, or
 * a TableId and a time of creation) may be the same.
 */
bool ko_table_may_be(const struct ko_table *table, struct ko_slice id);

/* Reads replies of DescribeTable, DescribeTimeToLive and DescribeContinuousBackups into table. */
enum ko_code ko_table_read_description(struct ko_slice reply, struct ko_table *table,
                                       struct ko_error *err);
enum ko_code ko_table_read_ttl(struct ko_slice reply, struct ko_table *table, struct ko_error *err);
enum ko_code ko_table_read_pitr(struct ko_slice reply, struct ko_table *table,
                                struct ko_error *err);

#endif
