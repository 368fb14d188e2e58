/* What find tells of itself; what it does is in tests/mpi/find_test.c. */
#include "keepone/stage/find.h"

#include "support/test.h"

static void
a_report_has_its_members_in_order(void)
{
    const struct ko_find_stats stats = {
        .counts = {.read = UINT64_C(5000000000), .unique = UINT64_C(5000000000)},
        .n_claims_read_again = 3,
        .n_candidates = 12,
        .fingerprint_wire_bytes = UINT64_C(15000000000),
        .candidate_wire_bytes = 700,
        .peak_bytes = 4096,
        .read_units = 12.5,
        .read_seconds = 1.5,
        .fingerprint_seconds = 0.25,
        .candidate_seconds = 0.125,
        .resolve_seconds = 2,
        .plan_seconds = 0.0004,
    };
    struct ko_buf text = {0};

    ko_find_stats_add_json(&text, &stats);
    CHECK_SLICE(ko_buf_slice(&text),
                "\"counts\":{\"filtered\":0,\"folded\":0,\"keepers\":0,\"missing\":0,"
                "\"planned\":0,\"read\":5000000000,\"review\":0,\"review_groups\":0,"
                "\"unique\":5000000000},\"candidates\":12,\"claims_read_again\":3,"
                "\"peak_bytes\":4096,\"read_units\":12.5,\"read_units_per_second\":8.3,\"seconds\":"
                "{\"candidate\":0.125,"
                "\"fingerprint\":0.250,\"plan\":0.000,\"read\":1.500,\"resolve\":2.000},"
                "\"wire_bytes\":{\"candidate\":700,\"fingerprint\":15000000000}");
    ko_buf_clear(&text);
}

CASES = {
    CASE(a_report_has_its_members_in_order),
};
RUN_CASES
