#include "keepone/job/options.h"

#include "support/test.h"

static const char *const names[] = {"table", "export", "max-group", "max-delete", "key"};

static void
check_suggestion(const char *name, const char *expected)
{
    const char *const found = ko_suggest(ko_slice_of(name), names, sizeof names / sizeof names[0]);

    CHECK_TEXT(found == NULL ? "nothing" : found, expected);
}

static void
a_slip_of_the_hand_is_understood(void)
{
    check_suggestion("tabel", "table");  /* swapped */
    check_suggestion("tble", "table");   /* dropped */
    check_suggestion("tablee", "table"); /* added */
    check_suggestion("ky", "key");       /* short names may have one mistake */
    check_suggestion("max_group", "max-group");
    check_suggestion("maxgroup", "max-group");
    check_suggestion("max-dleete", "max-delete");
}

static void
what_is_far_from_every_name_brings_nothing(void)
{
    check_suggestion("colour", "nothing");
    check_suggestion("max", "nothing");
    check_suggestion("k", "nothing");
    check_suggestion("", "nothing");
    check_suggestion("tabletabletabletabletabletabletabletabletable", "nothing");
}

static void
of_equal_distances_the_first_wins(void)
{
    static const char *const near[] = {"cat", "bat"};

    CHECK_TEXT(ko_suggest(KO_SLICE("rat"), near, 2), "cat");
}

CASES = {
    CASE(a_slip_of_the_hand_is_understood),
    CASE(what_is_far_from_every_name_brings_nothing),
    CASE(of_equal_distances_the_first_wins),
};
RUN_CASES
