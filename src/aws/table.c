#include "keepone/aws/table.h"

#include <stdio.h>

#include "keepone/aws/table_arn.h"
#include "keepone/base/buf.h"
#include "keepone/format/json.h"

#include "table_priv.h"

#define CREATED "created:"

static enum ko_code
read_schema(struct ko_slice table_text, struct ko_table *table, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice elements = {NULL, 0};
    struct ko_slice name;
    struct ko_slice element = {NULL, 0};

    KO_TRY(ko_table_member(table_text, "KeySchema", &elements, err));
    KO_TRY(ko_json_enter(elements, &cursor, err));
    for (;;) {
        char type[16];
        struct ko_table_key *key;

        KO_TRY(ko_json_next(&cursor, &name, &element, err));
        if (element.data == NULL)
            break;
        KO_TRY(ko_table_required(element, "KeyType", type, sizeof type, err));
        key = strcmp(type, "RANGE") == 0 ? &table->range : &table->hash;
        table->has_range = table->has_range || key == &table->range;
        KO_TRY(ko_table_required(element, "AttributeName", key->name, sizeof key->name, err));
    }
    if (table->hash.name[0] == '\0')
        (void) ko_fail(err, KO_E_CORRUPT, "the key schema has no HASH attribute");

done:
    return err->code;
}

static enum ko_code
read_key_type(struct ko_slice definition, struct ko_table_key *key, bool *found,
              struct ko_error *err)
{
    static const enum ko_value_type types[] = {KO_VALUE_S, KO_VALUE_N, KO_VALUE_B};
    char text[16];

    if (ko_table_required(definition, "AttributeType", text, sizeof text, err) != KO_OK)
        return err->code;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(text, ko_value_type_name(types[i])) != 0)
            continue;
        key->type = types[i];
        *found = true;
        return KO_OK;
    }
    return ko_fail(err, KO_E_CORRUPT, "the key attribute '%s' has the type '%s'", key->name, text);
}

static enum ko_code
read_definitions(struct ko_slice table_text, struct ko_table *table, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice elements = {NULL, 0};
    struct ko_slice member;
    struct ko_slice element = {NULL, 0};
    bool has_hash = false;
    bool has_range = !table->has_range;

    KO_TRY(ko_table_member(table_text, "AttributeDefinitions", &elements, err));
    KO_TRY(ko_json_enter(elements, &cursor, err));
    for (;;) {
        char name[KO_TABLE_ATTRIBUTE_BYTES];

        KO_TRY(ko_json_next(&cursor, &member, &element, err));
        if (element.data == NULL)
            break;
        KO_TRY(ko_table_required(element, "AttributeName", name, sizeof name, err));
        if (strcmp(name, table->hash.name) == 0)
            KO_TRY(read_key_type(element, &table->hash, &has_hash, err));
        if (table->has_range && strcmp(name, table->range.name) == 0)
            KO_TRY(read_key_type(element, &table->range, &has_range, err));
    }
    if (!has_hash || !has_range)
        (void) ko_fail(err, KO_E_CORRUPT, "a key attribute has no definition");

done:
    return err->code;
}

/* DynamoDB Local gives no TableId; there the time of creation tells a table from its successor. */
static enum ko_code
read_id(struct ko_slice table_text, struct ko_table *table, struct ko_error *err)
{
    struct ko_slice created = {NULL, 0};

    KO_TRY(ko_table_text(table_text, "TableId", table->id, sizeof table->id, err));
    if (table->id[0] != '\0')
        return KO_OK;
    KO_TRY(ko_json_member(table_text, "CreationDateTime", &created, err));
    if (created.data != NULL)
        (void) snprintf(table->id, sizeof table->id, CREATED "%.*s", KO_SLICE_ARG(created));

done:
    return err->code;
}

bool
ko_table_may_be(const struct ko_table *table, struct ko_slice id)
{
    const struct ko_slice own = ko_slice_of(table->id);
    const size_t n = sizeof CREATED - 1;

    if (id.n == 0 || own.n == 0)
        return true;
    if ((own.n > n && memcmp(own.data, CREATED, n) == 0) !=
        (id.n > n && memcmp(id.data, CREATED, n) == 0))
        return true;
    return ko_slice_equal(own, id);
}

enum ko_code
ko_table_read_description(struct ko_slice reply, struct ko_table *table, struct ko_error *err)
{
    struct ko_slice text = {NULL, 0};

    KO_TRY(ko_table_member(reply, "Table", &text, err));
    KO_TRY(ko_table_required(text, "TableName", table->name, sizeof table->name, err));
    KO_TRY(ko_table_text(text, "TableArn", table->arn, sizeof table->arn, err));
    KO_TRY(read_id(text, table, err));
    KO_TRY(ko_table_required(text, "TableStatus", table->status, sizeof table->status, err));
    KO_TRY(ko_table_count(text, "ItemCount", &table->n_items, err));
    KO_TRY(ko_table_count(text, "TableSizeBytes", &table->size_bytes, err));
    KO_TRY(read_schema(text, table, err));
    KO_TRY(read_definitions(text, table, err));
    KO_TRY(ko_table_read_traits(text, table, err));

done:
    ko_context(err, "the reply to DescribeTable");
    return err->code;
}

/*
 * Whatever is not DISABLED counts: while a table's time to live is being switched on or off, items
 * may still expire.
 */
enum ko_code
ko_table_read_ttl(struct ko_slice reply, struct ko_table *table, struct ko_error *err)
{
    struct ko_slice text = {NULL, 0};
    char status[32];

    KO_TRY(ko_table_member(reply, "TimeToLiveDescription", &text, err));
    KO_TRY(ko_table_required(text, "TimeToLiveStatus", status, sizeof status, err));
    table->ttl_is_known = true;
    table->ttl_attribute[0] = '\0';
    if (strcmp(status, "DISABLED") != 0)
        KO_TRY(ko_table_required(text, "AttributeName", table->ttl_attribute,
                                 sizeof table->ttl_attribute, err));

done:
    ko_context(err, "the reply to DescribeTimeToLive");
    return err->code;
}

enum ko_code
ko_table_read_pitr(struct ko_slice reply, struct ko_table *table, struct ko_error *err)
{
    struct ko_slice backups = {NULL, 0};
    struct ko_slice pitr = {NULL, 0};
    char status[32];

    table->pitr = KO_PITR_DISABLED;
    KO_TRY(ko_table_member(reply, "ContinuousBackupsDescription", &backups, err));
    KO_TRY(ko_json_member(backups, "PointInTimeRecoveryDescription", &pitr, err));
    if (pitr.data == NULL)
        goto done;
    KO_TRY(ko_table_text(pitr, "PointInTimeRecoveryStatus", status, sizeof status, err));
    if (strcmp(status, "ENABLED") == 0)
        table->pitr = KO_PITR_ENABLED;

done:
    ko_context(err, "the reply to DescribeContinuousBackups");
    return err->code;
}

/*
 * *fault other than NONE: the endpoint lacks the operation, or (of an ARN) does not answer other
 * accounts; reply is then not touched.
 */
static enum ko_code
ask(struct ko_dynamodb *client, const char *operation, bool is_arn, struct ko_slice request,
    struct ko_buf *reply, enum ko_fault *fault, struct ko_error *err)
{
    *fault = KO_FAULT_NONE;
    if (ko_dynamodb_call(client, operation, request, reply, fault, err) == KO_OK)
        return KO_OK;
    if (*fault == KO_FAULT_UNKNOWN_OPERATION || (is_arn && *fault == KO_FAULT_ACCESS))
        *err = (struct ko_error){0};
    return err->code;
}

/* Requests go on calling the table as it was called. */
static enum ko_code
take_name(struct ko_table *table, const char *name, struct ko_error *err)
{
    const struct ko_slice plain = ko_table_plain_name(ko_slice_of(name));

    if (!ko_table_is_arn(ko_slice_of(name)))
        return KO_OK;
    if (!ko_slice_equal(plain, ko_slice_of(table->name)) || strlen(name) >= sizeof table->name)
        return ko_fail(err, KO_E_CORRUPT, "the reply describes the table '%s'", table->name);
    (void) snprintf(table->name, sizeof table->name, "%s", name);
    return KO_OK;
}

enum ko_code
ko_table_describe(struct ko_dynamodb *client, const char *name, struct ko_table *table,
                  struct ko_error *err)
{
    struct ko_buf request = {0};
    struct ko_buf reply = {0};
    const bool is_arn = ko_table_is_arn(ko_slice_of(name));
    enum ko_fault fault;

    *table = (struct ko_table){0};
    ko_buf_add_text(&request, "{\"TableName\":");
    ko_json_add_string(&request, ko_slice_of(name));
    ko_buf_add_char(&request, '}');
    KO_TRY(ko_buf_finish(&request, err));

    KO_TRY(ko_dynamodb_call(client, "DescribeTable", ko_buf_slice(&request), &reply, NULL, err));
    KO_TRY(ko_table_read_description(ko_buf_slice(&reply), table, err));
    KO_TRY(take_name(table, name, err));
    KO_TRY(ask(client, "DescribeTimeToLive", is_arn, ko_buf_slice(&request), &reply, &fault, err));
    if (fault == KO_FAULT_NONE)
        KO_TRY(ko_table_read_ttl(ko_buf_slice(&reply), table, err));
    table->ttl_is_hidden = fault == KO_FAULT_ACCESS;
    KO_TRY(ask(client, "DescribeContinuousBackups", is_arn, ko_buf_slice(&request), &reply, &fault,
               err));
    if (fault == KO_FAULT_NONE)
        KO_TRY(ko_table_read_pitr(ko_buf_slice(&reply), table, err));
    else if (fault == KO_FAULT_ACCESS)
        table->pitr = KO_PITR_NOT_SHOWN;

done:
    ko_context(err, "table '%s'", name);
    ko_buf_clear(&request);
    ko_buf_clear(&reply);
    return err->code;
}
