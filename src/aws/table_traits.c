/* What a write to the table costs and triggers: throughput, indexes, stream, replicas. */
#include "keepone/format/json.h"

#include "table_priv.h"

/* A word that is not known yet must not keep anybody from working: it counts as the last one. */
static size_t
find_word(const char *word, const char *const *words, size_t n)
{
    size_t i = 0;

    while (i + 1 < n && strcmp(word, words[i]) != 0)
        i++;
    return i;
}

static const char *const projections[] = {
    [KO_PROJECT_KEYS_ONLY] = "KEYS_ONLY",
    [KO_PROJECT_INCLUDE] = "INCLUDE",
    [KO_PROJECT_ALL] = "ALL",
};

static const char *const views[] = {
    [KO_STREAM_NONE] = "none",
    [KO_STREAM_KEYS_ONLY] = "KEYS_ONLY",
    [KO_STREAM_NEW_IMAGE] = "NEW_IMAGE",
    [KO_STREAM_OLD_IMAGE] = "OLD_IMAGE",
    [KO_STREAM_NEW_AND_OLD_IMAGES] = "NEW_AND_OLD_IMAGES",
};

const char *
ko_index_projection_name(enum ko_index_projection projection)
{
    return projections[projection];
}

const char *
ko_stream_view_name(enum ko_stream_view view)
{
    return views[view];
}

/* object: the table, or a global index; both are described in the same words. */
static enum ko_code
read_throughput(struct ko_slice object, struct ko_table_throughput *throughput,
                struct ko_error *err)
{
    const struct {
        const char *member;
        const char *read_name;
        const char *write_name;
        uint64_t *read_units;
        uint64_t *write_units;
    } rows[] = {{"ProvisionedThroughput", "ReadCapacityUnits", "WriteCapacityUnits",
                 &throughput->provisioned_read_units, &throughput->provisioned_write_units},
                {"OnDemandThroughput", "MaxReadRequestUnits", "MaxWriteRequestUnits",
                 &throughput->on_demand_max_read_units, &throughput->on_demand_max_write_units},
                {"WarmThroughput", "ReadUnitsPerSecond", "WriteUnitsPerSecond",
                 &throughput->warm_read_units, &throughput->warm_write_units}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_slice text = {NULL, 0};

        KO_TRY(ko_table_open(object, rows[i].member, &text, err));
        if (text.data == NULL)
            continue;
        KO_TRY(ko_table_count(text, rows[i].read_name, rows[i].read_units, err));
        KO_TRY(ko_table_count(text, rows[i].write_name, rows[i].write_units, err));
    }

done:
    return err->code;
}

/* Tables that were always provisioned have no summary, nor has any table of DynamoDB Local. */
static enum ko_code
read_billing(struct ko_slice table_text, struct ko_table *table, struct ko_error *err)
{
    struct ko_slice summary = {NULL, 0};
    struct ko_slice provisioned = {NULL, 0};
    char mode[32] = "";

    KO_TRY(ko_table_open(table_text, "BillingModeSummary", &summary, err));
    if (summary.data != NULL)
        KO_TRY(ko_table_text(summary, "BillingMode", mode, sizeof mode, err));
    KO_TRY(ko_table_open(table_text, "ProvisionedThroughput", &provisioned, err));
    if (strcmp(mode, "PAY_PER_REQUEST") == 0)
        table->billing = KO_BILLING_ON_DEMAND;
    else if (mode[0] != '\0' || table->throughput.provisioned_write_units > 0)
        table->billing = KO_BILLING_PROVISIONED;
    else if (provisioned.data != NULL)
        table->billing = KO_BILLING_ON_DEMAND;

done:
    return err->code;
}

static enum ko_code
read_class(struct ko_slice table_text, struct ko_table *table, struct ko_error *err)
{
    struct ko_slice summary = {NULL, 0};
    char name[64] = "";

    KO_TRY(ko_table_open(table_text, "TableClassSummary", &summary, err));
    if (summary.data != NULL)
        KO_TRY(ko_table_text(summary, "TableClass", name, sizeof name, err));
    if (strcmp(name, "STANDARD_INFREQUENT_ACCESS") == 0)
        table->class = KO_TABLE_INFREQUENT_ACCESS;

done:
    return err->code;
}

static enum ko_code
read_index_keys(struct ko_slice text, struct ko_table_index *index, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice elements = {NULL, 0};
    struct ko_slice name;
    struct ko_slice element = {NULL, 0};

    KO_TRY(ko_table_member(text, "KeySchema", &elements, err));
    KO_TRY(ko_json_enter(elements, &cursor, err));
    for (;;) {
        KO_TRY(ko_json_next(&cursor, &name, &element, err));
        if (element.data == NULL || index->n_keys == KO_TABLE_INDEX_KEYS)
            break;
        KO_TRY(ko_table_required(element, "AttributeName", index->keys[index->n_keys],
                                 sizeof index->keys[0], err));
        index->n_keys++;
    }

done:
    return err->code;
}

static enum ko_code
read_included(struct ko_slice elements, struct ko_table *table, struct ko_table_index *index,
              struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice element = {NULL, 0};
    struct ko_buf text = {0};

    index->included_index = table->n_included;
    KO_TRY(ko_json_enter(elements, &cursor, err));
    for (;;) {
        KO_TRY(ko_json_next(&cursor, &name, &element, err));
        if (element.data == NULL || table->n_included == KO_TABLE_INCLUDED)
            break;
        ko_buf_reset(&text);
        KO_TRY(ko_json_decode_string(element, &text, err));
        KO_TRY(ko_buf_finish(&text, err));
        if (text.n >= KO_TABLE_ATTRIBUTE_BYTES) {
            (void) ko_fail(err, KO_E_CORRUPT, "an included attribute has a name of %zu bytes",
                           text.n);
            goto done;
        }
        memcpy(table->included[table->n_included], ko_buf_slice(&text).data, text.n);
        table->included[table->n_included++][text.n] = '\0';
        index->n_included++;
    }

done:
    ko_buf_clear(&text);
    return err->code;
}

static enum ko_code
read_projection(struct ko_slice text, struct ko_table *table, struct ko_table_index *index,
                struct ko_error *err)
{
    struct ko_slice projection = {NULL, 0};
    struct ko_slice included = {NULL, 0};
    char type[32];

    KO_TRY(ko_table_open(text, "Projection", &projection, err));
    if (projection.data == NULL)
        goto done;
    KO_TRY(ko_table_text(projection, "ProjectionType", type, sizeof type, err));
    index->projection = (enum ko_index_projection) find_word(
        type, projections, sizeof projections / sizeof projections[0]);
    KO_TRY(ko_table_open(projection, "NonKeyAttributes", &included, err));
    if (included.data != NULL)
        KO_TRY(read_included(included, table, index, err));

done:
    return err->code;
}

static enum ko_code
read_index(struct ko_slice text, enum ko_index_kind kind, struct ko_table *table,
           struct ko_error *err)
{
    struct ko_table_index *const index = &table->indexes[table->n_indexes];

    index->kind = kind;
    KO_TRY(ko_table_required(text, "IndexName", index->name, sizeof index->name, err));
    KO_TRY(read_index_keys(text, index, err));
    KO_TRY(read_projection(text, table, index, err));
    KO_TRY(ko_table_count(text, "ItemCount", &index->n_items, err));
    KO_TRY(ko_table_count(text, "IndexSizeBytes", &index->size_bytes, err));
    KO_TRY(read_throughput(text, &index->throughput, err));
    table->n_indexes++;

done:
    ko_context(err, "index '%s'", index->name);
    return err->code;
}

static enum ko_code
read_indexes(struct ko_slice table_text, const char *member, enum ko_index_kind kind,
             struct ko_table *table, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice elements = {NULL, 0};
    struct ko_slice name;
    struct ko_slice element = {NULL, 0};

    KO_TRY(ko_table_open(table_text, member, &elements, err));
    if (elements.data == NULL)
        goto done;
    KO_TRY(ko_json_enter(elements, &cursor, err));
    for (;;) {
        KO_TRY(ko_json_next(&cursor, &name, &element, err));
        if (element.data == NULL)
            break;
        if (table->n_indexes == KO_TABLE_INDEXES)
            table->n_more_indexes++;
        else
            KO_TRY(read_index(element, kind, table, err));
    }

done:
    return err->code;
}

static enum ko_code
read_stream(struct ko_slice table_text, struct ko_table *table, struct ko_error *err)
{
    struct ko_slice stream = {NULL, 0};
    struct ko_slice is_enabled = {NULL, 0};
    char view[32];

    KO_TRY(ko_table_open(table_text, "StreamSpecification", &stream, err));
    if (stream.data == NULL)
        goto done;
    KO_TRY(ko_table_open(stream, "StreamEnabled", &is_enabled, err));
    if (!ko_slice_equal(is_enabled, KO_SLICE("true")))
        goto done;
    KO_TRY(ko_table_text(stream, "StreamViewType", view, sizeof view, err));
    table->stream = (enum ko_stream_view) find_word(view, views, sizeof views / sizeof views[0]);

done:
    return err->code;
}

static enum ko_code
read_replicas(struct ko_slice table_text, struct ko_table *table, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice elements = {NULL, 0};
    struct ko_slice name;
    struct ko_slice element = {NULL, 0};
    char own[KO_TABLE_REGION_BYTES];

    ko_table_region(table->arn, own);
    KO_TRY(ko_table_open(table_text, "Replicas", &elements, err));
    if (elements.data == NULL)
        goto done;
    KO_TRY(ko_json_enter(elements, &cursor, err));
    for (;;) {
        char *const region = table->replicas[table->n_replicas];

        KO_TRY(ko_json_next(&cursor, &name, &element, err));
        if (element.data == NULL)
            break;
        if (table->n_replicas + 1 == KO_TABLE_REPLICAS) {
            (void) ko_fail(err, KO_E_CORRUPT, "there are more than %d replicas",
                           KO_TABLE_REPLICAS - 1);
            goto done;
        }
        KO_TRY(ko_table_required(element, "RegionName", region, KO_TABLE_REGION_BYTES, err));
        if (strcmp(region, own) != 0)
            table->n_replicas++;
    }

done:
    return err->code;
}

enum ko_code
ko_table_read_traits(struct ko_slice table_text, struct ko_table *table, struct ko_error *err)
{
    struct ko_slice is_protected = {NULL, 0};

    KO_TRY(read_throughput(table_text, &table->throughput, err));
    KO_TRY(read_billing(table_text, table, err));
    KO_TRY(read_class(table_text, table, err));
    KO_TRY(read_indexes(table_text, "GlobalSecondaryIndexes", KO_INDEX_GLOBAL, table, err));
    KO_TRY(read_indexes(table_text, "LocalSecondaryIndexes", KO_INDEX_LOCAL, table, err));
    KO_TRY(read_stream(table_text, table, err));
    KO_TRY(read_replicas(table_text, table, err));
    KO_TRY(ko_table_open(table_text, "DeletionProtectionEnabled", &is_protected, err));
    table->is_deletion_protected = ko_slice_equal(is_protected, KO_SLICE("true"));

done:
    return err->code;
}
