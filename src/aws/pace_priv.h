/*
 * What pace.c (buckets and charges) and pace_share.c (ranks and throttles) share.
 *
 * Thread use: one pace, one thread.  MPI: none.
 */
#ifndef KEEPONE_AWS_PACE_PRIV_H
#define KEEPONE_AWS_PACE_PRIV_H

#include "keepone/aws/pace.h"

enum { KO_PACE_OPERATIONS = 13 };

/* Fills at `rate`; one of a rate without limit is not asked. */
struct ko_bucket {
    double rate; /* units per second of this rank; INFINITY = no limit */
    double balance;
    uint64_t at_us; /* of the balance; 0 = never filled */
};

/* The rate of the whole job: the same on all ranks, because it follows from sums alone. */
struct ko_job_rate {
    double cap;       /* INFINITY = none */
    double rate;      /* INFINITY = no limit */
    bool is_cut;      /* below the cap because of throttles */
    double cut_from;  /* units per second that were served when it was cut */
    double cut_s;     /* when */
    double measured;  /* units per second served, of late */
    double attempted; /* refused calls, too */
    double offered;   /* the rate over the same time */
    double observed_s;
    double best; /* of measured, fading */
};

struct ko_pace_side {
    struct ko_bucket bucket;
    struct ko_job_rate job;
    uint64_t share; /* of the last pulse, in millionths of units per second */

    bool is_fresh;  /* no call of this phase has started or waited yet */
    double stagger; /* of the phase's first call, as a part of its cost */
    bool was_held;  /* a call had to wait since the last pulse */
    double charged; /* net, since ever */
    double charged_before;
    double use[2];    /* units per second charged, of late */
    double consumed;  /* as told */
    double served;    /* with what was not told */
    double attempted; /* with what was refused */
    uint64_t n_throttles;

    uint64_t last_throttles; /* sums of the last pulse */
    uint64_t last_consumed;
    uint64_t last_attempted;
};

struct ko_pace {
    struct ko_pace_side sides[KO_PACE_RESOURCES];
    double averages[KO_PACE_OPERATIONS]; /* units per weight; 0 = not known */
    unsigned n_ranks;
    bool is_begun;       /* a pulse of this phase was taken */
    uint64_t given_us;   /* when the last contribution was made */
    double last_clock_s; /* mean clock of the ranks at the last pulse */
};

/* Everything up to now at the old rate, from now on at the new one. */
void ko_bucket_set_rate(struct ko_bucket *bucket, double rate, uint64_t now_us);

/* What happened to the whole job since the last pulse. */
struct ko_job_news {
    double dt_s;
    double consumed;
    uint64_t n_throttled;
    double attempted; /* with what was refused */
};

/* The rate of the job after that. */
void ko_job_rate_adapt(struct ko_job_rate *job, double now_s, const struct ko_job_news *news);

#endif
