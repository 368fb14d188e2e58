#include "keepone/stage/units.h"

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
        {"{\"ConsumedCapacity\":[]}", 0},
    };

    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++)
        assert_true(ko_consumed_units(ko_slice_of(replies[i].body)) == replies[i].units);
}

/* Accounting must not fail a run. */
static void
a_reply_of_another_form_has_no_units(void)
{
    static const char *const bodies[] = {
        "",
        "{}",
        "[]",
        "{\"ConsumedCapacity\":7}",
        "{\"ConsumedCapacity\":{\"Table\":{}}}",
        "{\"ConsumedCapacity\":{\"CapacityUnits\":null}}",
        "{\"ConsumedCapacity\":[7]}",
        "{\"ConsumedCapacity\":[{\"CapacityUnits\":1},",
        ("{\"ConsumedCapacity\":{\"CapacityUnits\":1111111111111111111111111111111111111111111111"
         "11111111111111111111111111111}}"),
    };

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        assert_true(ko_consumed_units(ko_slice_of(bodies[i])) == 0);
}

CASES = {
    CASE(units_of_a_reply_are_added_up),
    CASE(a_reply_of_another_form_has_no_units),
};
RUN_CASES
