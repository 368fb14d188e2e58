#include "keepone/base/buf.h"

#include "support/test.h"

static void
additions_stand_in_order(void)
{
    struct ko_buf buf = {0};
    struct ko_error err = {0};

    ko_buf_add_text(&buf, "a");
    ko_buf_add_format(&buf, "%d-%s", 7, "b");
    ko_buf_add_char(&buf, '!');
    CHECK_CODE(err, ko_buf_finish(&buf, &err));
    CHECK_SLICE(ko_buf_slice(&buf), "a7-b!");
    ko_buf_clear(&buf);
}

static void
a_failed_addition_is_remembered(void)
{
    struct ko_buf buf = {0};
    struct ko_error err = {0};

    ko_mem_fail_nth(1);
    ko_buf_add_text(&buf, "lost");
    ko_buf_add_text(&buf, "ignored");
    ko_mem_fail_nth(0);
    (void) ko_buf_finish(&buf, &err);
    CHECK_CODE(err, KO_E_MEMORY);
    assert_int_equal(buf.n, 0);
    ko_buf_clear(&buf);
}

static void
numbers_are_little_endian(void)
{
    struct ko_buf buf = {0};

    ko_buf_add_u32(&buf, 0x64636261U);
    ko_buf_add_u64(&buf, 0x6c6b6a6968676665U);
    CHECK_SLICE(ko_buf_slice(&buf), "abcdefghijkl");
    assert_int_equal(ko_read_u32(buf.data), 0x64636261U);
    assert_true(ko_read_u64(buf.data + 4) == 0x6c6b6a6968676665U);
    ko_buf_clear(&buf);
}

CASES = {
    CASE(additions_stand_in_order),
    CASE(a_failed_addition_is_remembered),
    CASE(numbers_are_little_endian),
};
RUN_CASES
