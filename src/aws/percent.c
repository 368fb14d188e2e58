#include "percent_priv.h"

static bool
is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

void
ko_percent_encode(struct ko_buf *out, struct ko_slice text, char kept)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.n; i++) {
        const unsigned char byte = (unsigned char) text.data[i];
        const char encoded[3] = {'%', digits[byte >> 4], digits[byte & 15]};

        if (is_unreserved(text.data[i]) || (kept != '\0' && text.data[i] == kept))
            ko_buf_add_char(out, text.data[i]);
        else
            ko_buf_add(out, encoded, sizeof encoded);
    }
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
ko_percent_decode(struct ko_slice text, size_t at, char *c)
{
    const int high = at + 2 < text.n && text.data[at] == '%' ? hex_digit(text.data[at + 1]) : -1;
    const int low = high < 0 ? -1 : hex_digit(text.data[at + 2]);

    if (low < 0)
        return false;
    *c = (char) (high << 4 | low);
    return true;
}
