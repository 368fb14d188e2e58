/*
 * DynamoDB values: the canonical text of a canonical text is itself, equals the value it was made
 * from, and exists for no value that does not open.
 */
#include "keepone/format/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_value(struct ko_slice value)
{
    struct ko_buf once = {0};
    struct ko_buf twice = {0};
    struct ko_slice content;
    enum ko_value_type type;
    bool is_equal = false;
    struct ko_error open_err = {0};
    struct ko_error err = {0};

    (void) ko_value_open(value, &type, &content, &open_err);
    KO_TRY(ko_value_add_canonical(&once, value, &err));
    KO_ASSERT(open_err.code == KO_OK);
    KO_ASSERT(ko_value_add_canonical(&twice, ko_buf_slice(&once), &err) == KO_OK);
    KO_ASSERT(ko_slice_equal(ko_buf_slice(&once), ko_buf_slice(&twice)));
    KO_ASSERT(ko_value_equal(value, ko_buf_slice(&once), &is_equal, &err) == KO_OK && is_equal);
    if (ko_value_is_plain_string(value, NULL))
        KO_ASSERT(ko_slice_equal(value, ko_buf_slice(&once)));
    ko_buf_reset(&twice);
    if (ko_value_add_string(&twice, value))
        KO_ASSERT(ko_slice_equal(ko_buf_slice(&once), ko_buf_slice(&twice)));

done:
    KO_ASSERT(err.code == KO_OK || err.code == KO_E_CORRUPT);
    ko_buf_clear(&once);
    ko_buf_clear(&twice);
}

static void
check_item(struct ko_slice item)
{
    struct ko_buf once = {0};
    struct ko_buf twice = {0};
    size_t billed_bytes = 0;
    size_t billed_again = 1;
    struct ko_error err = {0};

    KO_TRY(ko_item_add_canonical(&once, item, &err));
    KO_ASSERT(ko_item_add_canonical(&twice, ko_buf_slice(&once), &err) == KO_OK);
    KO_ASSERT(ko_slice_equal(ko_buf_slice(&once), ko_buf_slice(&twice)));
    KO_ASSERT(ko_item_billed_bytes(item, &billed_bytes, &err) == KO_OK);
    KO_ASSERT(ko_item_billed_bytes(ko_buf_slice(&once), &billed_again, &err) == KO_OK);
    KO_ASSERT(billed_bytes == billed_again);

done:
    KO_ASSERT(err.code == KO_OK || err.code == KO_E_CORRUPT);
    ko_buf_clear(&once);
    ko_buf_clear(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct ko_slice text = {(const char *) data, n};

    check_value(text);
    check_item(text);
    return 0;
}
