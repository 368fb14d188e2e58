/*
 * Intervals: how far a count may be from what was seen of it.
 *
 * Events of a rare kind are seen one by one; each stands for `weight` of the whole.  Their number
 * is taken for Poisson's.  With equal weights the interval is the exact one (Garwood 1936), with
 * different ones its extension by Fay and Feuer (1997), which errs to the wide side.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_STAGE_INTERVAL_H
#define KEEPONE_STAGE_INTERVAL_H

#include <stdint.h>

/* What was seen.  {0}: nothing. */
struct ko_events {
    uint64_t n;
    double sum;     /* of the weights */
    double squares; /* of the weights, summed */
    double largest; /* weight */
};

void ko_events_add(struct ko_events *events, double weight);

/* Every weight becomes `factor` times what it was. */
struct ko_events ko_events_scaled(const struct ko_events *events, double factor);

/* What the sum is above with probability 1 - tail; 0 if nothing was seen. */
double ko_events_low(const struct ko_events *events, double tail);

/*
 * What the sum is below with probability 1 - tail.  least_weight: of an event, were there one more;
 * the largest that was seen counts if it is larger.
 */
double ko_events_high(const struct ko_events *events, double least_weight, double tail);

/* The x below which a Gamma variable of this shape (> 0) and scale 1 is with probability p. */
double ko_gamma_quantile(double shape, double p);

#endif
