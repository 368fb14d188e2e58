#include "keepone/record/time.h"

#include "keepone/base/error.h"
#include "keepone/format/number.h"

enum { FRACTION_DIGITS = 18, SECONDS_PER_DAY = 86400 };

/* From 1e11 on (0.1 * 10^12) an epoch number is in milliseconds. */
enum { MILLISECOND_EXPONENT = 12 };

/* 10^18 is the largest power that an int64_t holds. */
enum { POWER_MAX = 18 };

static uint64_t
power_of_10(int exponent)
{
    uint64_t power = 1;

    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* Takes exactly n digits off the front. */
static bool
take_digits(struct ko_slice *text, size_t n, int64_t *value)
{
    if (text->n < n)
        return false;
    *value = 0;
    for (size_t i = 0; i < n; i++) {
        if (text->data[i] < '0' || text->data[i] > '9')
            return false;
        *value = *value * 10 + (text->data[i] - '0');
    }
    text->data += n;
    text->n -= n;
    return true;
}

/* Takes one character off the front if it is one of these. */
static bool
take_one_of(struct ko_slice *text, const char *characters)
{
    if (text->n == 0 || text->data[0] == '\0' || strchr(characters, text->data[0]) == NULL)
        return false;
    text->data++;
    text->n--;
    return true;
}

static bool
is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Takes YYYY-MM-DD; *days since 1970-01-01. */
static bool
take_date(struct ko_slice *text, int64_t *days)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year;
    int64_t month;
    int64_t day;
    int64_t before; /* years before this one, counted from year 1 */

    if (!take_digits(text, 4, &year) || !take_one_of(text, "-") || !take_digits(text, 2, &month) ||
        !take_one_of(text, "-") || !take_digits(text, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1)
        return false;
    if (day > month_days[month - 1] + (month == 2 && is_leap(year)))
        return false;

    /* 719,162 days lie between 0001-01-01 and 1970-01-01; year 0 is a leap year of 366 days. */
    before = year - 1;
    *days = year == 0 ? -366 : before * 365 + before / 4 - before / 100 + before / 400;
    for (int64_t i = 1; i < month; i++)
        *days += month_days[i - 1] + (i == 2 && is_leap(year));
    *days += day - 1 - 719162;
    return true;
}

/* Takes [.fraction] behind seconds. */
static bool
take_fraction(struct ko_slice *text, uint64_t *attoseconds)
{
    int n = 0;
    int64_t digit;

    *attoseconds = 0;
    if (!take_one_of(text, "."))
        return true;
    while (take_digits(text, 1, &digit)) {
        if (++n > FRACTION_DIGITS)
            return false;
        *attoseconds += (uint64_t) digit * power_of_10(FRACTION_DIGITS - n);
    }
    return n > 0;
}

/* Takes hh:mm[:ss[.fraction]]. */
static bool
take_clock(struct ko_slice *text, int64_t *seconds, uint64_t *attoseconds)
{
    int64_t hour;
    int64_t minute;
    int64_t second = 0;

    *attoseconds = 0;
    if (!take_digits(text, 2, &hour) || !take_one_of(text, ":") || !take_digits(text, 2, &minute))
        return false;
    if (take_one_of(text, ":") &&
        (!take_digits(text, 2, &second) || !take_fraction(text, attoseconds)))
        return false;
    *seconds = hour * 3600 + minute * 60 + second;
    return hour < 24 && minute < 60 && second < 60;
}

/* Takes nothing, Z, ±hh, ±hhmm or ±hh:mm. */
static bool
take_offset(struct ko_slice *text, int64_t *seconds)
{
    const bool is_behind = text->n > 0 && text->data[0] == '-';
    int64_t hours;
    int64_t minutes = 0;

    *seconds = 0;
    if (text->n == 0 || take_one_of(text, "Zz"))
        return true;
    if (!take_one_of(text, "+-") || !take_digits(text, 2, &hours))
        return false;
    if ((take_one_of(text, ":") || text->n > 0) && !take_digits(text, 2, &minutes))
        return false;
    *seconds = (hours * 3600 + minutes * 60) * (is_behind ? -1 : 1);
    return hours < 24 && minutes < 60;
}

static bool
parse_iso(struct ko_slice text, struct ko_time *time)
{
    int64_t days;
    int64_t clock_s;
    int64_t offset_s;

    if (!take_date(&text, &days))
        return false;
    *time = (struct ko_time){.seconds = days * SECONDS_PER_DAY};
    if (text.n == 0)
        return true;
    if (!take_one_of(&text, "Tt ") || !take_clock(&text, &clock_s, &time->attoseconds) ||
        !take_offset(&text, &offset_s))
        return false;
    time->seconds += clock_s - offset_s;
    return text.n == 0;
}

/* Is it YYYYMMDDhhmm of these two centuries?  As milliseconds that is late in 1976. */
static bool
is_date_to_the_minute(struct ko_slice text)
{
    int64_t parts[5]; /* year, month, day, hour, minute */

    for (size_t i = 0; i < 5; i++)
        if (!take_digits(&text, i == 0 ? 4 : 2, &parts[i]))
            return false;
    return text.n == 0 && parts[0] >= 1900 && parts[0] < 2100 && parts[1] >= 1 && parts[1] <= 12 &&
           parts[2] >= 1 && parts[2] <= 31 && parts[3] < 24 && parts[4] < 60;
}

/*
 * 20240506, 202405060708 and 20240506070809 may be meant as a date or as an epoch: they decide
 * nothing.
 */
static bool
is_ambiguous(struct ko_slice text)
{
    if (text.n != 8 && text.n != 14)
        return is_date_to_the_minute(text);
    for (size_t i = 0; i < text.n; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return true;
}

static bool
parse_epoch(struct ko_slice text, struct ko_time *time)
{
    struct ko_error ignored = {0};
    struct ko_number number;
    int64_t seconds = 0;
    uint64_t attoseconds = 0;

    if (ko_number_parse(text, &number, &ignored) != KO_OK)
        return false;
    if (number.exponent >= MILLISECOND_EXPONENT)
        number.exponent -= 3;
    if (number.exponent > POWER_MAX)
        return false;
    for (unsigned i = 0; i < number.n_digits; i++) {
        const int place = number.exponent - 1 - (int) i; /* the digit counts 10^place */
        const uint64_t digit = (uint64_t) number.digits[i];

        if (place >= 0)
            seconds += (int64_t) (digit * power_of_10(place));
        else if (place >= -FRACTION_DIGITS)
            attoseconds += digit * power_of_10(FRACTION_DIGITS + place);
        else
            return false;
    }
    if (number.is_negative) {
        seconds = -seconds - (attoseconds > 0);
        attoseconds = attoseconds > 0 ? power_of_10(FRACTION_DIGITS) - attoseconds : 0;
    }
    *time = (struct ko_time){seconds, attoseconds};
    return seconds >= KO_TIME_FIRST_S && seconds <= KO_TIME_LAST_S;
}

bool
ko_time_parse(struct ko_slice text, struct ko_time *time)
{
    return parse_iso(text, time) || (!is_ambiguous(text) && parse_epoch(text, time));
}

void
ko_time_ordered(const struct ko_time *time, unsigned char out[16])
{
    const uint64_t seconds = (uint64_t) time->seconds ^ (uint64_t) 1
                                                            << 63; /* negative below positive */

    for (int i = 0; i < 8; i++) {
        out[i] = (unsigned char) (seconds >> (56 - 8 * i));
        out[8 + i] = (unsigned char) (time->attoseconds >> (56 - 8 * i));
    }
}
