#include "show.h"

/* DOTS stand for what is left out; CONTEXT is shown before a difference. */
enum { DOTS = 3, CONTEXT = 4 };

void
ko_show_add_count(struct ko_buf *out, uint64_t n, int width)
{
    char digits[32];
    char text[48];
    size_t n_digits;
    size_t n_text = 0;

    n_digits = (size_t) snprintf(digits, sizeof digits, "%llu", (unsigned long long) n);
    for (size_t i = 0; i < n_digits; i++) {
        if (i > 0 && (n_digits - i) % 3 == 0)
            text[n_text++] = ',';
        text[n_text++] = digits[i];
    }
    text[n_text] = '\0';
    ko_buf_add_format(out, "%*s", width, text);
}

void
ko_show_add_percent(struct ko_buf *out, uint64_t n, uint64_t of, int width)
{
    char text[32];
    double percent = of == 0 ? 0 : (double) n / (double) of * 100;

    if (n == 0 || n >= of) {
        (void) snprintf(text, sizeof text, "%d %%", n == 0 ? 0 : 100);
    } else {
        percent = percent < 0.1 ? 0.1 : percent > 99.9 ? 99.9 : percent;
        (void) snprintf(text, sizeof text, "%.1f %%", percent);
    }
    ko_buf_add_format(out, "%*s", width, text);
}

static bool
is_continuation(char c)
{
    return ((unsigned char) c & 0xc0) == 0x80;
}

size_t
ko_show_width(struct ko_slice text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += !is_continuation(text.data[i]);
    return n;
}

/* How many characters both start with. */
size_t
ko_show_common_width(struct ko_slice a, struct ko_slice b)
{
    size_t n = 0;

    while (n < a.n && n < b.n && a.data[n] == b.data[n])
        n++;
    while (n > 0 && n < a.n && is_continuation(a.data[n]))
        n--;
    return ko_show_width((struct ko_slice){a.data, n});
}

/* The bytes of the first n characters. */
static size_t
bytes_of(struct ko_slice text, size_t n_characters)
{
    size_t i = 0;

    for (; i < text.n; i++) {
        if (!is_continuation(text.data[i]) && n_characters-- == 0)
            break;
    }
    return i;
}

/* Controls: below 0x20, DEL, and U+0080 to U+009F, which are C2 80 to C2 9F. */
static void
add_harmless(struct ko_buf *out, struct ko_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        const unsigned char c = (unsigned char) text.data[i];

        if (c < 0x20 || c == 0x7f) {
            ko_buf_add_char(out, '?');
        } else if (c == 0xc2 && i + 1 < text.n && (unsigned char) text.data[i + 1] < 0xa0) {
            ko_buf_add_char(out, '?');
            i++;
        } else {
            ko_buf_add_char(out, text.data[i]);
        }
    }
}

/* The characters [first, last). */
static void
add_part(struct ko_buf *out, struct ko_slice text, size_t first, size_t last)
{
    const size_t from = bytes_of(text, first);

    add_harmless(out, (struct ko_slice){text.data + from, bytes_of(text, last) - from});
}

void
ko_show_add_short(struct ko_buf *out, struct ko_slice text, size_t width, size_t n_common)
{
    const size_t n = ko_show_width(text);
    const size_t n_shown = width - DOTS; /* of width characters, beside the dots */
    const size_t head = (n_shown + 1) / 2;
    const size_t tail = n_shown / 2;

    if (width == 0 || n <= width) {
        add_harmless(out, text);
        return;
    }
    KO_ASSERT(width > 2 * DOTS + CONTEXT);
    if (n_common < head || n_common >= n - tail) {
        add_part(out, text, 0, head);
        ko_buf_add_text(out, "...");
        add_part(out, text, n - tail, n);
    } else if (n_common - CONTEXT + n_shown >= n) {
        ko_buf_add_text(out, "...");
        add_part(out, text, n - n_shown, n);
    } else {
        ko_buf_add_text(out, "...");
        add_part(out, text, n_common - CONTEXT, n_common - CONTEXT + n_shown - DOTS);
        ko_buf_add_text(out, "...");
    }
}

void
ko_show_add_padded(struct ko_buf *out, struct ko_slice text, size_t width)
{
    ko_show_add_short(out, text, width, 0);
    for (size_t n = ko_show_width(text); n < width; n++)
        ko_buf_add_char(out, ' ');
}
