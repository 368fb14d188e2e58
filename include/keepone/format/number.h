/*
 * DynamoDB numbers: decimal, up to 38 significant digits, magnitude 1E-130 to 9.99E+125.
 *
 * Never a double.  Equal numbers have equal digits and exponents: leading and trailing
 * zeros are gone, zero has no sign.  More than 38 digits or a magnitude out of range is
 * KO_E_CORRUPT, never rounding.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_FORMAT_NUMBER_H
#define KEEPONE_FORMAT_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

enum { KO_NUMBER_DIGITS = 38 };

/* value = (-1)^is_negative * 0.d1 d2 ... dn * 10^exponent, d1 and dn not 0; zero: n_digits = 0. */
struct ko_number {
    bool is_negative;
    int exponent;
    unsigned n_digits;
    char digits[KO_NUMBER_DIGITS]; /* values 0..9, not characters */
};

/*
 * Accepts [+-]digits[.digits][e[+-]digits], e or E.  KO_E_CORRUPT otherwise, and for more than
 * KO_NUMBER_DIGITS significant digits or a magnitude out of range; the error shows the text.
 */
enum ko_code ko_number_parse(struct ko_slice text, struct ko_number *number, struct ko_error *err);

/* Adds the canonical text: plain decimal without exponent, such as -0.0015 or 1200; zero is 0. */
void ko_number_add_canonical(struct ko_buf *out, const struct ko_number *number);

/* <0, 0, >0 in numeric order. */
int ko_number_compare(const struct ko_number *a, const struct ko_number *b);

/*
 * Adds at most 22 bytes whose unsigned byte order is the numeric order; no encoding is a prefix of
 * another.
 */
void ko_number_add_ordered(struct ko_buf *out, const struct ko_number *number);

#endif
