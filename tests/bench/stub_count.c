#include "stub_table.h"

void
stub_count_add(struct stub_count *count, uint64_t now_us, double units)
{
    size_t bin;

    if (count->start_us == 0)
        count->start_us = now_us;
    bin = (size_t) ((now_us - count->start_us) / STUB_BIN_US);
    if (bin >= STUB_BINS)
        return;
    count->bins[bin] += units;
    count->total += units;
    if (count->n_bins <= bin)
        count->n_bins = bin + 1;
}

/* The most units in any window of so many bins; windows slide by one bin. */
static double
find_most(const struct stub_count *count, size_t window)
{
    double sum = 0;
    double most = 0;

    for (size_t i = 0; i < count->n_bins; i++) {
        sum += count->bins[i];
        if (i >= window)
            sum -= count->bins[i - window];
        if (sum > most)
            most = sum;
    }
    return most;
}

void
stub_count_add_json(const struct stub_count *count, struct ko_buf *out)
{
    const size_t per_second = 1000000 / STUB_BIN_US;
    const size_t per_tenth = per_second / 10;

    ko_buf_add_format(out,
                      "{\"calls\":%llu,\"max_10s\":%.1f,\"max_2s\":%.1f,\"max_1s\":%.1f,"
                      "\"throttled\":%llu,\"total\":%.1f,\"per_100ms\":[",
                      (unsigned long long) count->n_calls, find_most(count, 10 * per_second),
                      find_most(count, 2 * per_second), find_most(count, per_second),
                      (unsigned long long) count->n_throttled, count->total);
    for (size_t i = 0; i < count->n_bins; i += per_tenth) {
        double sum = 0;

        for (size_t k = i; k < i + per_tenth && k < count->n_bins; k++)
            sum += count->bins[k];
        ko_buf_add_format(out, "%s%.1f", i == 0 ? "" : ",", sum);
    }
    ko_buf_add_text(out, "]}");
}
