#include "keepone/aws/throttle.h"

#include "support/test.h"

static void
units_of_a_reply_are_added_up(void)
{
    static const struct {
        const char *body;
        double units;
    } replies[] = {
        {"{\"ConsumedCapacity\":{\"CapacityUnits\":12.5,\"TableName\":\"t\"}}", 12.5},
        {"{\"Items\":[],\"ConsumedCapacity\":{\"TableName\":\"t\",\"CapacityUnits\":3}}", 3},
        {"{\"ConsumedCapacity\":[{\"CapacityUnits\":1.5},{\"CapacityUnits\":2}]}", 3.5},
        {"{\"ConsumedCapacity\":[{\"TableName\":\"t\"},{\"CapacityUnits\":2}]}", 2},
        {"{\"ConsumedCapacity\":[{\"CapacityUnits\":0.0}]}", 0},
        {"{\"ConsumedCapacity\":{\"CapacityUnits\":0.0}}", 0},
    };

    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++)
        assert_true(ko_consumed_units(ko_slice_of(replies[i].body)) == replies[i].units);
}

/* Accounting must not fail a run. */
static void
a_reply_of_another_form_tells_nothing(void)
{
    static const char *const bodies[] = {
        "",
        "{}",
        "[]",
        "{\"ConsumedCapacity\":7}",
        "{\"ConsumedCapacity\":[]}",
        "{\"ConsumedCapacity\":{\"Table\":{}}}",
        "{\"ConsumedCapacity\":{\"CapacityUnits\":null}}",
        "{\"ConsumedCapacity\":{\"CapacityUnits\":-3}}",
        "{\"ConsumedCapacity\":{\"CapacityUnits\":1e300}}",
        "{\"ConsumedCapacity\":[7]}",
        "{\"ConsumedCapacity\":[{\"CapacityUnits\":1},",
        ("{\"ConsumedCapacity\":{\"CapacityUnits\":1111111111111111111111111111111111111111111111"
         "11111111111111111111111111111}}"),
    };

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        assert_true(ko_consumed_units(ko_slice_of(bodies[i])) < 0);
}

#define REASON(text) "{\"reason\":\"" text "\",\"resource\":\"arn:aws:dynamodb:x\"}"

static void
only_key_ranges_alone_are_a_hot_partition(void)
{
    static const struct {
        const char *code;
        const char *body;
        enum ko_throttle throttle;
    } rows[] = {
        {"ProvisionedThroughputExceededException", "{}", KO_THROTTLE_CAPACITY},
        {"ProvisionedThroughputExceededException", "<html>", KO_THROTTLE_CAPACITY},
        {"ProvisionedThroughputExceeded", "", KO_THROTTLE_CAPACITY},
        {"ThrottlingException", "{\"throttlingReasons\":[]}", KO_THROTTLE_CAPACITY},
        {"ThrottlingError", "{}", KO_THROTTLE_CAPACITY},
        {"RequestLimitExceeded",
         "{\"ThrottlingReasons\":[" REASON("TableReadAccountLimitExceeded") "]}",
         KO_THROTTLE_CAPACITY},
        {"ProvisionedThroughputExceededException",
         "{\"ThrottlingReasons\":[" REASON("TableWriteKeyRangeThroughputExceeded") "]}",
         KO_THROTTLE_KEY_RANGE},
        {"ThrottlingException",
         "{\"throttlingReasons\":[" REASON("IndexReadKeyRangeThroughputExceeded") "," REASON(
             "TableReadKeyRangeThroughputExceeded") "]}",
         KO_THROTTLE_KEY_RANGE},
        {"ThrottlingException",
         "{\"throttlingReasons\":[" REASON("TableReadKeyRangeThroughputExceeded") "," REASON(
             "TableReadMaxOnDemandThroughputExceeded") "]}",
         KO_THROTTLE_CAPACITY},
        {"ThrottlingException", "{\"throttlingReasons\":\"KeyRange\"}", KO_THROTTLE_CAPACITY},
        {"TransactionConflictException", "{}", KO_THROTTLE_NONE},
        {"ReplicatedWriteConflictException", "{}", KO_THROTTLE_NONE},
        {"InternalServerError", "{}", KO_THROTTLE_NONE},
        {"", "{}", KO_THROTTLE_NONE},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (ko_throttle_of(ko_slice_of(rows[i].code), ko_slice_of(rows[i].body)) !=
            rows[i].throttle)
            fail_msg("row %zu: %s %s", i, rows[i].code, rows[i].body);
}

static void
a_refused_call_has_consumed_nothing_a_failed_condition_has(void)
{
    assert_false(ko_throttle_may_consume(KO_FAULT_THROTTLED));
    assert_false(ko_throttle_may_consume(KO_FAULT_NOT_SENT));
    assert_false(ko_throttle_may_consume(KO_FAULT_CREDENTIALS));
    assert_true(ko_throttle_may_consume(KO_FAULT_CONDITION));
    assert_true(ko_throttle_may_consume(KO_FAULT_CANCELLED));
    assert_true(ko_throttle_may_consume(KO_FAULT_TRANSIENT));
}

CASES = {
    CASE(units_of_a_reply_are_added_up),
    CASE(a_reply_of_another_form_tells_nothing),
    CASE(only_key_ranges_alone_are_a_hot_partition),
    CASE(a_refused_call_has_consumed_nothing_a_failed_condition_has),
};
RUN_CASES
