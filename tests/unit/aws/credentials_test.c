#include "keepone/aws/credentials.h"

#include "support/test.h"

static void
expiry_times_are_read_strictly(void)
{
    static const struct {
        const char *text;
        int64_t seconds; /* 0 = refused */
    } rows[] = {
        {"2026-01-02T03:04:05Z", 1767323045},
        {"2026-01-02T03:04:05.123Z", 1767323045},
        {"2026-01-02T03:04:05+00:00", 1767323045},
        {"2026-01-02T03:04:05UTC", 1767323045},
        {"2026-01-02T03:04:05", 0},
        {"2026-01-02T03:04:05+01:00", 0},
        {"2026-01-02T03:04:05Zx", 0},
        {"2026-13-02T03:04:05Z", 0},
        {"1767323045", 0},
        {"", 0},
        {"2026-01-02T03:04:05.00000000000000000000000000000000000000000000000000000000Z", 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t expiry_us = 0;
        const bool is_read = ko_credentials_read_expiry(ko_slice_of(rows[i].text), &expiry_us);

        assert_int_equal(is_read, rows[i].seconds != 0);
        if (is_read)
            assert_int_equal(expiry_us, rows[i].seconds * 1000000);
    }
}

CASES = {
    CASE(expiry_times_are_read_strictly),
};
RUN_CASES
