#include "keepone/format/number.h"

enum {
    /* Of 0.d1d2... * 10^exponent: 1E-130 and 9.99E+125. */
    EXPONENT_MIN = -129,
    EXPONENT_MAX = 126,
    /* Far outside, and far from overflowing when the position of the point is added. */
    EXPONENT_CLAMP = 1000000000
};

/* The text as it is read: a mantissa with a point somewhere, then an exponent. */
struct reader {
    const char *at;
    const char *end;
    struct ko_number *number;
    int64_t
        n_before_point; /* digits from the first that is not 0; negative: zeros behind the point */
    unsigned n_zeros;   /* zeros read that count only if another digit follows */
    bool is_too_long;
};

static bool
sees_digit(const struct reader *reader)
{
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

static bool
takes(struct reader *reader, char a, char b)
{
    if (reader->at == reader->end || (*reader->at != a && *reader->at != b))
        return false;
    reader->at++;
    return true;
}

static void
add_digit(struct reader *reader, char digit)
{
    struct ko_number *const number = reader->number;

    if (digit == 0) {
        if (reader->n_zeros <= KO_NUMBER_DIGITS)
            reader->n_zeros++;
        return;
    }
    if (number->n_digits + reader->n_zeros >= KO_NUMBER_DIGITS) {
        reader->is_too_long = true;
        return;
    }
    for (; reader->n_zeros > 0; reader->n_zeros--)
        number->digits[number->n_digits++] = 0;
    number->digits[number->n_digits++] = digit;
}

/* Reads digits before or behind the point; false if there is none. */
static bool
read_digits(struct reader *reader, bool is_fraction)
{
    const char *const start = reader->at;

    for (; sees_digit(reader); reader->at++) {
        const char digit = (char) (*reader->at - '0');
        const bool is_leading_zero = digit == 0 && reader->number->n_digits == 0;

        if (!is_leading_zero)
            add_digit(reader, digit);
        if (is_fraction && is_leading_zero)
            reader->n_before_point--;
        if (!is_fraction && !is_leading_zero)
            reader->n_before_point++;
    }
    return reader->at > start;
}

/* Reads e[+-]digits; false if the digits are missing. */
static bool
read_exponent(struct reader *reader, int64_t *exponent)
{
    const bool is_negative = takes(reader, '+', '-') && reader->at[-1] == '-';
    const char *const start = reader->at;
    int64_t value = 0;

    for (; sees_digit(reader); reader->at++) {
        if (value < EXPONENT_CLAMP)
            value = value * 10 + (*reader->at - '0');
    }
    *exponent = is_negative ? -value : value;
    return reader->at > start;
}

/* Reads the whole text; false if it is not a number. */
static bool
read_number(struct reader *reader, int64_t *exponent)
{
    reader->number->is_negative = takes(reader, '+', '-') && reader->at[-1] == '-';
    if (!read_digits(reader, false))
        return false;
    if (takes(reader, '.', '.') && !read_digits(reader, true))
        return false;
    if (takes(reader, 'e', 'E') && !read_exponent(reader, exponent))
        return false;
    return reader->at == reader->end;
}

/* At most the beginning of the text: it may be of any length. */
static struct ko_slice
shown(struct ko_slice text)
{
    return (struct ko_slice){text.n == 0 ? "" : text.data, text.n < 60 ? text.n : 60};
}

enum ko_code
ko_number_parse(struct ko_slice text, struct ko_number *number, struct ko_error *err)
{
    struct reader reader = {.at = text.data, .end = text.data, .number = number};
    int64_t exponent = 0;

    *number = (struct ko_number){0};
    if (text.n > 0)
        reader.end += text.n;
    if (!read_number(&reader, &exponent))
        return ko_fail(err, KO_E_CORRUPT, "'%.*s' is not a number", KO_SLICE_ARG(shown(text)));
    if (reader.is_too_long)
        return ko_fail(err, KO_E_CORRUPT, "the number '%.*s' has more than %d significant digits",
                       KO_SLICE_ARG(shown(text)), KO_NUMBER_DIGITS);
    if (number->n_digits == 0) {
        number->is_negative = false;
        return KO_OK;
    }
    exponent += reader.n_before_point;
    if (exponent < EXPONENT_MIN || exponent > EXPONENT_MAX)
        return ko_fail(err, KO_E_CORRUPT,
                       "the number '%.*s' is out of DynamoDB's range (1E-130 to 9.99E+125)",
                       KO_SLICE_ARG(shown(text)));
    number->exponent = (int) exponent;
    return KO_OK;
}

void
ko_number_add_canonical(struct ko_buf *out, const struct ko_number *number)
{
    const int n_digits = (int) number->n_digits;

    if (n_digits == 0) {
        ko_buf_add_char(out, '0');
        return;
    }
    if (number->is_negative)
        ko_buf_add_char(out, '-');
    if (number->exponent <= 0)
        ko_buf_add_char(out, '0');
    for (int i = 0; i < number->exponent; i++)
        ko_buf_add_char(out, (char) ('0' + (i < n_digits ? number->digits[i] : 0)));
    if (number->exponent >= n_digits)
        return;
    ko_buf_add_char(out, '.');
    for (int i = number->exponent; i < n_digits; i++)
        ko_buf_add_char(out, (char) ('0' + (i < 0 ? 0 : number->digits[i])));
}

/* The order of the absolute values of two numbers that are not zero. */
static int
compare_magnitude(const struct ko_number *a, const struct ko_number *b)
{
    const struct ko_slice a_digits = {a->digits, a->n_digits};
    const struct ko_slice b_digits = {b->digits, b->n_digits};

    if (a->exponent != b->exponent)
        return a->exponent < b->exponent ? -1 : 1;
    return ko_slice_compare(a_digits, b_digits);
}

/* -1, 0 or 1 */
static int
sign_of(const struct ko_number *number)
{
    if (number->n_digits == 0)
        return 0;
    return number->is_negative ? -1 : 1;
}

int
ko_number_compare(const struct ko_number *a, const struct ko_number *b)
{
    const int sign = sign_of(a);

    if (sign != sign_of(b))
        return sign < sign_of(b) ? -1 : 1;
    if (sign == 0)
        return 0;
    return sign < 0 ? compare_magnitude(b, a) : compare_magnitude(a, b);
}

/*
 * A byte for the sign (0, 1, 2), then for numbers that are not zero: the exponent from 0 to 255,
 * each two digits as a byte from 1 to 100, a 0 as the end.  For negative numbers all bytes but the
 * first are inverted, which turns the order round.
 */
void
ko_number_add_ordered(struct ko_buf *out, const struct ko_number *number)
{
    const int sign = sign_of(number);
    const int flip = sign < 0 ? 0xff : 0;

    ko_buf_add_char(out, (char) (sign + 1));
    if (sign == 0)
        return;
    ko_buf_add_char(out, (char) ((number->exponent - EXPONENT_MIN) ^ flip));
    for (unsigned i = 0; i < number->n_digits; i += 2) {
        const int second = i + 1 < number->n_digits ? number->digits[i + 1] : 0;

        ko_buf_add_char(out, (char) ((number->digits[i] * 10 + second + 1) ^ flip));
    }
    ko_buf_add_char(out, (char) (0 ^ flip));
}
