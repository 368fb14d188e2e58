/*
 * Estimate: what the verb has learnt, between asking and showing.
 *
 * Thread use: one thread per rank.  MPI: none here.
 */
#ifndef KEEPONE_COMMAND_ESTIMATE_H
#define KEEPONE_COMMAND_ESTIMATE_H

#include "keepone/stage/estimate.h"
#include "keepone/stage/sample.h"
#include "search.h"

enum ko_losers_source { KO_LOSERS_ASSUMED, KO_LOSERS_SAMPLED, KO_LOSERS_EXPORT };

/* On rank 0. */
struct ko_estimate {
    const struct ko_job *job;
    const struct ko_table *table;   /* name "" if the job names none */
    const struct ko_export *export; /* or NULL */
    char region[KO_REGION_BYTES];
    struct ko_prices prices;
    bool has_prices; /* of this region */
    struct ko_rates rates;
    bool has_caps; /* the user's rates, or one of them */
    struct ko_model model;
    bool has_sizes; /* item by item, else of the mean item */
    bool has_sample;
    struct ko_sample sample;
    double sampled_part; /* of the table */
    enum ko_losers_source losers_source;
    struct ko_sample_estimate losers;
};

/* Rank 0: prints it as text or, with --json, as one object. */
enum ko_code ko_estimate_show(const struct ko_session *session, const struct ko_estimate *estimate,
                              struct ko_error *err);

#endif
