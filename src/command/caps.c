/* How fast a job may read and write: its caps, a part of the table's capacity among them. */
#include <stdio.h>

#include "keepone/base/log.h"
#include "session.h"

/* What the table can do by its own description; 0 = it does not say. */
static uint64_t
find_capacity(const struct ko_table *table, enum ko_pace_resource resource, const char **what)
{
    const struct ko_table_throughput *has = &table->throughput;
    const bool is_read = resource == KO_PACE_READ;
    const struct {
        const char *what;
        uint64_t units;
    } rows[] = {
        {"provisioned", is_read ? has->provisioned_read_units : has->provisioned_write_units},
        {"on-demand maximum",
         is_read ? has->on_demand_max_read_units : has->on_demand_max_write_units},
        {"warm throughput", is_read ? has->warm_read_units : has->warm_write_units}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        *what = rows[i].what;
        if (rows[i].units > 0)
            return rows[i].units;
    }
    return 0;
}

static enum ko_code
set_cap(struct ko_session *session, const struct ko_table *table, enum ko_pace_resource resource,
        struct ko_error *err)
{
    const bool is_read = resource == KO_PACE_READ;
    const struct ko_job_rate *rate = is_read ? &session->job.read_units : &session->job.write_units;
    const char *const name = is_read ? "read" : "write";
    const char *what;
    const uint64_t capacity = find_capacity(table, resource, &what);
    double cap = (double) rate->n;

    if (rate->ppm > 0 && capacity == 0) {
        (void) ko_fail(err, KO_E_REFUSED,
                       "--%s-units %g%%: table '%s' does not say how many %s units it has", name,
                       (double) rate->ppm / 10000, table->name, name);
        ko_hint(err, "give a number of units per second, such as --%s-units 500.", name);
        return err->code;
    }
    if (rate->ppm > 0) {
        cap = (double) capacity * (double) rate->ppm / 1e6;
        if (ko_session_is_first(session))
            ko_log(KO_LOG_INFO, "%g %s units/s: %g%% of the table's %llu (%s)", cap, name,
                   (double) rate->ppm / 10000, (unsigned long long) capacity, what);
    }
    ko_pace_set_cap(ko_dynamodb_pace(session->client), resource, cap);
    return KO_OK;
}

enum ko_code
ko_session_set_caps(struct ko_session *session, const struct ko_table *table, struct ko_error *err)
{
    KO_TRY(set_cap(session, table, KO_PACE_READ, err));
    KO_TRY(set_cap(session, table, KO_PACE_WRITE, err));

done:
    return err->code;
}
