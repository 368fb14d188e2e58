#include "keepone/stage/interval.h"

#include <float.h>
#include <math.h>

#include "keepone/base/error.h"

enum { TERMS_MAX = 100000, HALVINGS = 200 };

/* The regularised lower incomplete gamma function by its series, good for x < shape + 1. */
static double
gamma_below_by_series(double shape, double x)
{
    double term = 1 / shape;
    double sum = term;

    for (int i = 1; i < TERMS_MAX && term > sum * DBL_EPSILON; i++) {
        term *= x / (shape + i);
        sum += term;
    }
    return sum * exp(-x + shape * log(x) - lgamma(shape));
}

/* One minus it by its continued fraction (Lentz), good for x > shape + 1. */
static double
gamma_above_by_fraction(double shape, double x)
{
    double b = x + 1 - shape;
    double c = 1 / DBL_MIN;
    double d = 1 / b;
    double h = d;

    for (int i = 1; i < TERMS_MAX; i++) {
        const double a = -i * (i - shape);
        double step;

        b += 2;
        d = a * d + b;
        d = fabs(d) < DBL_MIN ? DBL_MIN : d;
        c = b + a / c;
        c = fabs(c) < DBL_MIN ? DBL_MIN : c;
        d = 1 / d;
        step = d * c;
        h *= step;
        if (fabs(step - 1) < 4 * DBL_EPSILON)
            break;
    }
    return h * exp(-x + shape * log(x) - lgamma(shape));
}

static double
gamma_below(double shape, double x)
{
    if (x <= 0)
        return 0;
    return x < shape + 1 ? gamma_below_by_series(shape, x) : 1 - gamma_above_by_fraction(shape, x);
}

double
ko_gamma_quantile(double shape, double p)
{
    double low = 0;
    double high = shape + 10;

    KO_ASSERT(shape > 0 && p > 0 && p < 1);
    while (gamma_below(shape, high) < p)
        high *= 2;
    for (int i = 0; i < HALVINGS && high - low > high * 1e-12; i++) {
        const double middle = low + (high - low) / 2;

        if (gamma_below(shape, middle) < p)
            low = middle;
        else
            high = middle;
    }
    return high;
}

void
ko_events_add(struct ko_events *events, double weight)
{
    events->n++;
    events->sum += weight;
    events->squares += weight * weight;
    events->largest = weight > events->largest ? weight : events->largest;
}

struct ko_events
ko_events_scaled(const struct ko_events *events, double factor)
{
    return (struct ko_events){.n = events->n,
                              .sum = events->sum * factor,
                              .squares = events->squares * factor * factor,
                              .largest = events->largest * factor};
}

double
ko_events_low(const struct ko_events *events, double tail)
{
    if (events->n == 0)
        return 0;
    return events->squares / events->sum *
           ko_gamma_quantile(events->sum * events->sum / events->squares, tail);
}

double
ko_events_high(const struct ko_events *events, double least_weight, double tail)
{
    const double one_more = events->largest > least_weight ? events->largest : least_weight;
    const double sum = events->sum + one_more;
    const double squares = events->squares + one_more * one_more;

    return squares / sum * ko_gamma_quantile(sum * sum / squares, 1 - tail);
}
