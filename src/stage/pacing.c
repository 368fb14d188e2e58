#include "keepone/stage/pacing.h"

#include <math.h>
#include <stdio.h>

#include "keepone/aws/dynamodb.h"
#include "keepone/base/clock.h"
#include "keepone/comm/world.h"
#include "keepone/store/lease.h"

void
ko_pacing_begin(struct ko_pacing *pacing, struct ko_dynamodb *client, const struct ko_world *world)
{
    *pacing = (struct ko_pacing){
        .client = client, .pace = ko_dynamodb_pace(client), .pulse_us = ko_clock_us()};
    ko_pace_begin(pacing->pace, (unsigned) ko_world_rank(world), (unsigned) ko_world_size(world));
    for (int i = 0; i < KO_PACE_RESOURCES; i++)
        pacing->begun[i] = ko_pace_consumed(pacing->pace, (enum ko_pace_resource) i);
}

void
ko_pacing_before(struct ko_pacing *pacing, uint64_t n_done)
{
    pacing->counters[0] = n_done;
    ko_pace_give(pacing->pace, ko_dynamodb_n_in_flight(pacing->client) == 0, pacing->counters + 1);
}

void
ko_pacing_after(struct ko_pacing *pacing, const uint64_t *mine, const uint64_t *totals)
{
    pacing->pulse_us = ko_clock_us();
    ko_pace_take(pacing->pace, mine + 1, totals + 1);
}

bool
ko_pacing_may_write(const struct ko_pacing *pacing)
{
    return ko_clock_us() - pacing->pulse_us <= KO_LEASE_SECONDS / 3 * UINT64_C(1000000);
}

/* ", 4.9 k of 5.0 k write units/s": nothing where there is no limit. */
static void
add_note(const struct ko_pace *pace, enum ko_pace_resource resource, const char *name, char *note,
         size_t size)
{
    const size_t used = strlen(note);
    char measured[KO_QUANTITY_BYTES];
    char rate[KO_QUANTITY_BYTES];

    if (isinf(ko_pace_rate(pace, resource)))
        return;
    (void) snprintf(note + used, size - used, ", %s of %s %s units/s",
                    ko_quantity((uint64_t) (ko_pace_measured(pace, resource) + 0.5), measured),
                    ko_quantity((uint64_t) (ko_pace_rate(pace, resource) + 0.5), rate), name);
}

void
ko_pacing_show(struct ko_pacing *pacing, struct ko_progress *progress, const uint64_t *totals)
{
    progress->note[0] = '\0';
    add_note(pacing->pace, KO_PACE_READ, "read", progress->note, sizeof progress->note);
    add_note(pacing->pace, KO_PACE_WRITE, "write", progress->note, sizeof progress->note);
    ko_progress_show(progress, totals[0]);
}

void
ko_pacing_end(struct ko_pacing *pacing)
{
    if (pacing->pace != NULL)
        ko_pace_rest(pacing->pace);
}

double
ko_pacing_consumed(const struct ko_pacing *pacing, enum ko_pace_resource resource)
{
    return pacing->pace == NULL
               ? 0
               : ko_pace_consumed(pacing->pace, resource) - pacing->begun[resource];
}
