#include "keepone/stage/counts.h"

#include "keepone/comm/world.h"

enum { N_COUNTS = 9 };

/* In the order of their names, as canonical JSON wants it. */
static const char *const names[N_COUNTS] = {"filtered", "folded",        "keepers",
                                            "missing",  "planned",       "read",
                                            "review",   "review_groups", "unique"};

static void
to_array(const struct ko_counts *counts, uint64_t values[N_COUNTS])
{
    values[0] = counts->filtered;
    values[1] = counts->folded;
    values[2] = counts->keepers;
    values[3] = counts->missing;
    values[4] = counts->planned;
    values[5] = counts->read;
    values[6] = counts->review;
    values[7] = counts->review_groups;
    values[8] = counts->unique;
}

enum ko_code
ko_counts_sum(struct ko_world *world, struct ko_counts *counts, struct ko_error *err)
{
    uint64_t values[N_COUNTS];

    to_array(counts, values);
    if (ko_world_sum(world, values, N_COUNTS, err) != KO_OK)
        return err->code;
    *counts = (struct ko_counts){.filtered = values[0],
                                 .folded = values[1],
                                 .keepers = values[2],
                                 .missing = values[3],
                                 .planned = values[4],
                                 .read = values[5],
                                 .review = values[6],
                                 .review_groups = values[7],
                                 .unique = values[8]};
    return KO_OK;
}

enum ko_code
ko_counts_check(const struct ko_counts *counts, struct ko_error *err)
{
    struct ko_buf text = {0};
    const uint64_t sum = counts->folded + counts->filtered + counts->missing + counts->unique +
                         counts->keepers + counts->planned + counts->review;

    if (sum == counts->read)
        return KO_OK;
    ko_counts_add_json(&text, counts);
    (void) ko_fail(err, KO_E_BUG, "the counts do not add up: %.*s",
                   KO_SLICE_ARG(ko_buf_slice(&text)));
    ko_hint(err, "nothing was deleted; please report this with the run's report.json.");
    ko_buf_clear(&text);
    return err->code;
}

void
ko_counts_add_json(struct ko_buf *out, const struct ko_counts *counts)
{
    uint64_t values[N_COUNTS];

    to_array(counts, values);
    for (int i = 0; i < N_COUNTS; i++)
        ko_buf_add_format(out, "%c\"%s\":%llu", i == 0 ? '{' : ',', names[i],
                          (unsigned long long) values[i]);
    ko_buf_add_char(out, '}');
}
