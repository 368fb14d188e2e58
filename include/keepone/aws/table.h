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
#include "keepone/aws/table_arn.h"
#include "keepone/base/error.h"
#include "keepone/format/value.h"

enum {
    KO_TABLE_NAME_BYTES = 512, /* of an ARN, too */
    KO_TABLE_ARN_BYTES = 1025,
    KO_TABLE_ID_BYTES = 64,
    KO_TABLE_STATUS_BYTES = 64,
    KO_TABLE_ATTRIBUTE_BYTES = 256,
    KO_TABLE_INDEXES = 32,   /* the service's limit is 25 by default */
    KO_TABLE_INDEX_KEYS = 8, /* 4 partition and 4 sort key attributes */
    KO_TABLE_INCLUDED = 100, /* attributes that all indexes together may include */
    KO_TABLE_REPLICAS = 64
};

/* An attribute of the primary key. */
struct ko_table_key {
    char name[KO_TABLE_ATTRIBUTE_BYTES];
    enum ko_value_type type; /* KO_VALUE_S, KO_VALUE_N or KO_VALUE_B */
};

enum ko_table_pitr {
    KO_PITR_UNKNOWN_OPERATION, /* the endpoint knows no point-in-time recovery (DynamoDB Local) */
    KO_PITR_DISABLED,
    KO_PITR_ENABLED,
    KO_PITR_NOT_SHOWN /* to another account than the table's (aws/table_arn.h) */
};

enum ko_table_billing {
    KO_BILLING_UNKNOWN,
    KO_BILLING_PROVISIONED,
    KO_BILLING_ON_DEMAND /* PAY_PER_REQUEST */
};

enum ko_table_class { KO_TABLE_STANDARD, KO_TABLE_INFREQUENT_ACCESS };

/* Units per second; 0 = none, or the endpoint does not say. */
struct ko_table_throughput {
    uint64_t provisioned_read_units; /* 0 on demand */
    uint64_t provisioned_write_units;
    uint64_t on_demand_max_read_units; /* the owner's own limit; 0 = no limit */
    uint64_t on_demand_max_write_units;
    uint64_t warm_read_units; /* what is there at once */
    uint64_t warm_write_units;
};

enum ko_index_kind { KO_INDEX_GLOBAL, KO_INDEX_LOCAL };

enum ko_index_projection { KO_PROJECT_KEYS_ONLY, KO_PROJECT_INCLUDE, KO_PROJECT_ALL };

/* A secondary index.  It holds the items that have all of its key attributes. */
struct ko_table_index {
    char name[KO_TABLE_NAME_BYTES];
    enum ko_index_kind kind;
    enum ko_index_projection projection;
    char keys[KO_TABLE_INDEX_KEYS][KO_TABLE_ATTRIBUTE_BYTES]; /* partition key first */
    size_t n_keys;
    size_t included_index; /* with INCLUDE: the first of its names in the table's included */
    size_t n_included;
    uint64_t n_items;                      /* estimates, as the table's */
    uint64_t size_bytes;                   /* of the index entries */
    struct ko_table_throughput throughput; /* of a global index */
};

enum ko_stream_view {
    KO_STREAM_NONE, /* no stream */
    KO_STREAM_KEYS_ONLY,
    KO_STREAM_NEW_IMAGE,
    KO_STREAM_OLD_IMAGE,
    KO_STREAM_NEW_AND_OLD_IMAGES
};

/* Fixed size, no pointers: may be copied and sent.  {0} is a table nobody has described. */
struct ko_table {
    char name[KO_TABLE_NAME_BYTES];     /* as requests call it: an ARN if described by that */
    char arn[KO_TABLE_ARN_BYTES];       /* "" = the endpoint gives none */
    char id[KO_TABLE_ID_BYTES];         /* TableId, or "created:<time>" where there is none */
    char status[KO_TABLE_STATUS_BYTES]; /* "ACTIVE" */
    struct ko_table_key hash;
    struct ko_table_key range; /* only if has_range */
    bool has_range;
    bool ttl_is_known;   /* false: the endpoint has no DescribeTimeToLive, or does not let us */
    bool ttl_is_hidden;  /* does not let us: a table of another account */
    uint64_t n_items;    /* an estimate: refreshed about every six hours */
    uint64_t size_bytes; /* the same */
    char ttl_attribute[KO_TABLE_ATTRIBUTE_BYTES]; /* "" = no time to live, or it is switched off */
    enum ko_table_pitr pitr;

    enum ko_table_billing billing;
    enum ko_table_class class;
    struct ko_table_throughput throughput; /* of the table itself */
    struct ko_table_index indexes[KO_TABLE_INDEXES];
    size_t n_indexes;
    size_t n_more_indexes; /* for which there was no room */
    char included[KO_TABLE_INCLUDED][KO_TABLE_ATTRIBUTE_BYTES];
    size_t n_included;
    enum ko_stream_view stream;
    char replicas[KO_TABLE_REPLICAS][KO_TABLE_REGION_BYTES]; /* regions, without its own */
    size_t n_replicas;
    bool is_deletion_protected; /* DeleteTable is refused; deletes of items are not */
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

/* The service's own words: "ALL", "NEW_AND_OLD_IMAGES"; "none" without a stream. */
const char *ko_index_projection_name(enum ko_index_projection projection);
const char *ko_stream_view_name(enum ko_stream_view view);

/* Reads replies of DescribeTable, DescribeTimeToLive and DescribeContinuousBackups into table. */
enum ko_code ko_table_read_description(struct ko_slice reply, struct ko_table *table,
                                       struct ko_error *err);
enum ko_code ko_table_read_ttl(struct ko_slice reply, struct ko_table *table, struct ko_error *err);
enum ko_code ko_table_read_pitr(struct ko_slice reply, struct ko_table *table,
                                struct ko_error *err);

#endif
