#include "keepone/store/scratch.h"

#include "support/test.h"

static struct ko_scratch *
open_scratch(void)
{
    struct ko_scratch *scratch;
    struct ko_error err = {0};

    (void) ko_scratch_open(".", &scratch, &err);
    CHECK_OK(err);
    return scratch;
}

static void
bytes_are_read_back_from_any_place(void)
{
    struct ko_scratch *scratch = open_scratch();
    struct ko_error err = {0};
    char text[6] = "";

    (void) ko_scratch_add(scratch, KO_SLICE("first,"), &err);
    (void) ko_scratch_add(scratch, KO_SLICE("second"), &err);
    (void) ko_scratch_read(scratch, 4, text, 5, &err);
    CHECK_OK(err);
    CHECK_TEXT(text, "t,sec");
    assert_int_equal(ko_scratch_bytes(scratch), 12);
    (void) ko_scratch_read(scratch, 8, text, 5, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    ko_scratch_close(scratch);
}

static void
what_is_written_again_leaves_the_rest(void)
{
    struct ko_scratch *scratch = open_scratch();
    struct ko_error err = {0};
    char text[13] = "";

    (void) ko_scratch_add(scratch, KO_SLICE("aaaabbbb"), &err);
    (void) ko_scratch_rewrite(scratch, 2, KO_SLICE("XYZ"), &err);
    (void) ko_scratch_add(scratch, KO_SLICE("cccc"), &err);
    (void) ko_scratch_rewrite(scratch, 11, KO_SLICE("!"), &err);
    (void) ko_scratch_rewrite(scratch, 12, KO_SLICE(""), &err);
    (void) ko_scratch_read(scratch, 0, text, 12, &err);
    CHECK_OK(err);
    CHECK_TEXT(text, "aaXYZbbbccc!");
    assert_int_equal(ko_scratch_bytes(scratch), 12);
    ko_scratch_close(scratch);
}

CASES = {
    CASE(bytes_are_read_back_from_any_place),
    CASE(what_is_written_again_leaves_the_rest),
};
RUN_CASES
