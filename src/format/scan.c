#include "scan_priv.h"

#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/format/json.h"
#include "stop_priv.h"

const char *
ko_scan_fault(struct ko_scan *scan, const char *at, const char *fault)
{
    if (scan->fault == NULL) {
        scan->fault = fault;
        scan->fault_at = at;
    }
    return NULL;
}

enum ko_code
ko_scan_fail(const struct ko_scan *scan, struct ko_error *err)
{
    KO_ASSERT(scan->fault != NULL);
    return ko_fail(err, KO_E_CORRUPT, "byte %zu: %s", (size_t) (scan->fault_at - scan->begin),
                   scan->fault);
}

/*
 * The value of four hexadecimal digits, or -1.  All four at once: `letters` and `numerals` have the
 * top bit of each byte that is one; a sum has it if the byte is as large as its bound, or larger.
 */
static inline int
hex4(const struct ko_scan *scan, const char *at)
{
    const uint32_t ones = UINT32_C(0x01010101);
    const uint32_t tops = ones * 0x80;
    uint32_t word;
    uint32_t lower;
    uint32_t letters;
    uint32_t numerals;

    if (scan->end - at < 4)
        return -1;
    word = ko_read_u32(at);
    if ((word & tops) != 0)
        return -1;
    lower = word | ones * 0x20;
    letters = (lower + ones * (0x80 - 'a')) & ~(lower + ones * (0x7f - 'f')) & tops;
    numerals = (word + ones * (0x80 - '0')) & ~(word + ones * (0x7f - '9')) & tops;
    if ((letters | numerals) != tops)
        return -1;
    word = (word & ones * 0x0f) + (letters >> 7) * 9;
    word = (word << 4 | word >> 8) & UINT32_C(0x00ff00ff);
    return (int) ((word << 8 | word >> 16) & 0xffff);
}

static bool
is_high_surrogate(int unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool
is_low_surrogate(int unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* From the backslash of a \u escape. */
static const char *
scan_unicode_escape(struct ko_scan *scan, const char *at)
{
    const int unit = hex4(scan, at + 2);

    if (unit < 0)
        return ko_scan_fault(scan, at, "\\u is not followed by four hexadecimal digits");
    if (is_low_surrogate(unit))
        return ko_scan_fault(scan, at, "a low surrogate stands alone");
    if (!is_high_surrogate(unit))
        return at + 6;
    if (scan->end - at < 12 || at[6] != '\\' || at[7] != 'u' ||
        !is_low_surrogate(hex4(scan, at + 8)))
        return ko_scan_fault(scan, at, "a high surrogate stands alone");
    return at + 12;
}

/* From the backslash. */
static const char *
scan_escape(struct ko_scan *scan, const char *at)
{
    if (scan->end - at < 2)
        return ko_scan_fault(scan, at, "the text ends inside a string");
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return at + 2;
    case 'u':
        return scan_unicode_escape(scan, at);
    default:
        return ko_scan_fault(scan, at, "an unknown escape");
    }
}

static bool
is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The length of the UTF-8 sequence of two to four bytes at `at`, or 0 if it is not valid. */
static size_t
utf8_sequence(const char *at, const char *end)
{
    const unsigned char *const b = (const unsigned char *) at;
    const size_t n = (size_t) (end - at);

    if (b[0] >= 0xc2 && b[0] <= 0xdf)
        return n >= 2 && is_continuation(b[1]) ? 2 : 0;
    if (b[0] >= 0xe0 && b[0] <= 0xef) {
        /* No overlong form below U+0800 and no surrogate. */
        const unsigned char low = b[0] == 0xe0 ? 0xa0 : 0x80;
        const unsigned char high = b[0] == 0xed ? 0x9f : 0xbf;

        return n >= 3 && b[1] >= low && b[1] <= high && is_continuation(b[2]) ? 3 : 0;
    }
    if (b[0] >= 0xf0 && b[0] <= 0xf4) {
        /* From U+10000 to U+10FFFF. */
        const unsigned char low = b[0] == 0xf0 ? 0x90 : 0x80;
        const unsigned char high = b[0] == 0xf4 ? 0x8f : 0xbf;

        return n >= 4 && b[1] >= low && b[1] <= high && is_continuation(b[2]) &&
                       is_continuation(b[3])
                   ? 4
                   : 0;
    }
    return 0;
}

bool
ko_utf8_check(struct ko_slice text, size_t *bad_offset)
{
    const struct ko_scan scan = ko_scan_of(text);
    const char *at = scan.begin;

    while ((at = ko_stop(at, scan.begin, scan.end)) < scan.end) {
        const size_t n = (signed char) *at >= 0 ? 1 : utf8_sequence(at, scan.end);

        if (n == 0) {
            *bad_offset = (size_t) (at - scan.begin);
            return false;
        }
        at += n;
    }
    return true;
}

const char *
ko_scan_special(struct ko_scan *scan, const char *at)
{
    while (at < scan->end) {
        if (*at == '\\') {
            scan->has_escape = true;
            at = scan_escape(scan, at);
            if (at == NULL)
                return NULL;
        } else if ((signed char) *at < 0) {
            const size_t n = utf8_sequence(at, scan->end);

            if (n == 0)
                return ko_scan_fault(scan, at, "not valid UTF-8");
            at += n;
        } else if (*at < 0x20) {
            return ko_scan_fault(scan, at, "a control character in a string is not escaped");
        } else {
            break;
        }
    }
    return at;
}

const char *
ko_scan_string(struct ko_scan *scan, const char *at)
{
    const char *stop;

    if (!ko_scan_sees(scan, at, '"'))
        return ko_scan_fault(scan, at, "expected a string");
    for (stop = at + 1;;) {
        stop = ko_stop(stop, scan->begin, scan->end);
        if (stop == scan->end)
            return ko_scan_fault(scan, stop, "the text ends inside a string");
        if (*stop == '"')
            return stop + 1;
        stop = ko_scan_special(scan, stop);
        if (stop == NULL)
            return NULL;
    }
}

const char *
ko_scan_name(struct ko_scan *scan, const char *at, struct ko_slice *name)
{
    const char *const start = ko_scan_space(scan, at);
    const char *end;

    if (!ko_scan_sees(scan, start, '"'))
        return ko_scan_fault(scan, start, "expected a name in quotes");
    end = ko_scan_string(scan, start);
    if (end == NULL)
        return NULL;
    *name = (struct ko_slice){start + 1, (size_t) (end - start) - 2};
    at = ko_scan_space(scan, end);
    if (!ko_scan_sees(scan, at, ':'))
        return ko_scan_fault(scan, at, "expected ':' behind a name");
    return at + 1;
}

const char *
ko_scan_separator(struct ko_scan *scan, const char *at, char closing, bool *is_last)
{
    at = ko_scan_space(scan, at);
    *is_last = ko_scan_sees(scan, at, closing);
    if (*is_last || ko_scan_sees(scan, at, ','))
        return at + 1;
    return ko_scan_fault(scan, at, closing == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
}

static const char *
scan_digits(struct ko_scan *scan, const char *at)
{
    const char *const start = at;

    while (at < scan->end && *at >= '0' && *at <= '9')
        at++;
    return at == start ? ko_scan_fault(scan, at, "expected a digit") : at;
}

static const char *
scan_number(struct ko_scan *scan, const char *at)
{
    if (ko_scan_sees(scan, at, '-'))
        at++;
    at = ko_scan_sees(scan, at, '0') ? at + 1 : scan_digits(scan, at);
    if (at != NULL && ko_scan_sees(scan, at, '.'))
        at = scan_digits(scan, at + 1);
    if (at != NULL && (ko_scan_sees(scan, at, 'e') || ko_scan_sees(scan, at, 'E'))) {
        at++;
        if (ko_scan_sees(scan, at, '+') || ko_scan_sees(scan, at, '-'))
            at++;
        at = scan_digits(scan, at);
    }
    return at;
}

static const char *
scan_scalar(struct ko_scan *scan, const char *at)
{
    static const struct ko_slice words[] = {{"true", 4}, {"false", 5}, {"null", 4}};

    if (at < scan->end && (*at == '-' || (*at >= '0' && *at <= '9')))
        return scan_number(scan, at);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if ((size_t) (scan->end - at) >= words[i].n && memcmp(at, words[i].data, words[i].n) == 0)
            return at + words[i].n;
    }
    return ko_scan_fault(scan, at, "expected a value");
}

/* From behind the opening bracket. */
static const char *
scan_container(struct ko_scan *scan, const char *at, unsigned depth, char closing)
{
    struct ko_slice name;
    bool is_last = false;

    if (depth > KO_JSON_DEPTH_MAX)
        return ko_scan_fault(scan, at - 1, "nested too deeply");
    at = ko_scan_space(scan, at);
    if (ko_scan_sees(scan, at, closing))
        return at + 1;
    while (at != NULL && !is_last) {
        if (closing == '}')
            at = ko_scan_name(scan, at, &name);
        if (at != NULL)
            at = ko_scan_value(scan, at, depth);
        if (at != NULL)
            at = ko_scan_separator(scan, at, closing, &is_last);
    }
    return at;
}

const char *
ko_scan_value(struct ko_scan *scan, const char *at, unsigned depth)
{
    at = ko_scan_space(scan, at);
    if (at == scan->end)
        return ko_scan_fault(scan, at, "the text ends where a value is expected");
    switch (*at) {
    case '{':
        return scan_container(scan, at + 1, depth + 1, '}');
    case '[':
        return scan_container(scan, at + 1, depth + 1, ']');
    case '"':
        return ko_scan_string(scan, at);
    default:
        return scan_scalar(scan, at);
    }
}

/* Writes a code point as UTF-8 and returns the length. */
static size_t
encode_utf8(uint32_t point, char to[4])
{
    if (point < 0x80) {
        to[0] = (char) point;
        return 1;
    }
    if (point < 0x800) {
        to[0] = (char) (0xc0 | point >> 6);
        to[1] = (char) (0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        to[0] = (char) (0xe0 | point >> 12);
        to[1] = (char) (0x80 | (point >> 6 & 0x3f));
        to[2] = (char) (0x80 | (point & 0x3f));
        return 3;
    }
    to[0] = (char) (0xf0 | point >> 18);
    to[1] = (char) (0x80 | (point >> 12 & 0x3f));
    to[2] = (char) (0x80 | (point >> 6 & 0x3f));
    to[3] = (char) (0x80 | (point & 0x3f));
    return 4;
}

/* Letters behind a backslash, and the bytes they stand for. */
static const char escape_letters[] = "bfnrt";
static const char escape_bytes[] = "\b\f\n\r\t";

size_t
ko_scan_escape(char c, char to[KO_SCAN_ESCAPE_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    const char *const meaning = strchr(escape_bytes, c);
    const unsigned byte = (unsigned char) c;

    to[0] = '\\';
    if (c == '\0' || (byte < 0x20 && meaning == NULL)) {
        memcpy(to + 1, "u00", 3);
        to[4] = digits[byte >> 4];
        to[5] = digits[byte & 15];
        return KO_SCAN_ESCAPE_BYTES;
    }
    to[1] = meaning == NULL ? c : escape_letters[meaning - escape_bytes];
    return 2;
}

/* Decodes the checked escape at *at, moves *at behind it and returns the length of the bytes. */
static size_t
decode_escape(const struct ko_scan *scan, const char **at, char to[4])
{
    const char *const escape = *at;
    const char *letter;
    int unit;

    if (escape[1] != 'u') {
        letter = strchr(escape_letters, escape[1]);
        to[0] = letter == NULL ? escape[1] : escape_bytes[letter - escape_letters];
        *at += 2;
        return 1;
    }
    unit = hex4(scan, escape + 2);
    *at += 6;
    if (!is_high_surrogate(unit))
        return encode_utf8((uint32_t) unit, to);
    *at += 6;
    return encode_utf8(0x10000 + ((uint32_t) (unit - 0xd800) << 10) +
                           (uint32_t) (hex4(scan, escape + 8) - 0xdc00),
                       to);
}

/* Decodes a string; with is_canonical bytes that must be escaped are. */
static inline size_t
decode(struct ko_slice raw, char *to, bool is_canonical)
{
    const struct ko_scan scan = ko_scan_of(raw);
    const char *at = scan.begin;
    char *const start = to;

    while (at < scan.end) {
        const char *const backslash = memchr(at, '\\', (size_t) (scan.end - at));
        const size_t n = (size_t) ((backslash == NULL ? scan.end : backslash) - at);
        size_t n_decoded = 0;

        memmove(to, at, n);
        to += n;
        at += n;
        if (backslash != NULL)
            n_decoded = decode_escape(&scan, &at, to);
        if (is_canonical && n_decoded == 1 && ko_stop_is(*to))
            n_decoded = ko_scan_escape(*to, to);
        to += n_decoded;
    }
    return (size_t) (to - start);
}

size_t
ko_scan_decode(struct ko_slice raw, char *to)
{
    return decode(raw, to, false);
}

size_t
ko_scan_canonical(struct ko_slice raw, char *to)
{
    return decode(raw, to, true);
}

bool
ko_scan_text_is(struct ko_slice raw, struct ko_slice decoded)
{
    const struct ko_scan scan = ko_scan_of(raw);
    const char *at = scan.begin;
    size_t n_same = 0;

    if (raw.n == 0 || memchr(raw.data, '\\', raw.n) == NULL)
        return raw.n == decoded.n && (raw.n == 0 || memcmp(raw.data, decoded.data, raw.n) == 0);
    while (at < scan.end) {
        char bytes[4];
        size_t n = 1;

        if (*at == '\\')
            n = decode_escape(&scan, &at, bytes);
        else
            bytes[0] = *at++;
        if (n > decoded.n - n_same || memcmp(bytes, decoded.data + n_same, n) != 0)
            return false;
        n_same += n;
    }
    return n_same == decoded.n;
}
