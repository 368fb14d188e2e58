#include "text_priv.h"

#include "keepone/format/json.h"

size_t
ko_text_character(struct ko_slice text, size_t offset)
{
    size_t n = offset >= text.n;

    for (size_t i = 0; i <= offset && i < text.n; i++)
        n += ((unsigned char) text.data[i] & 0xC0) != 0x80;
    return n;
}

bool
ko_text_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

enum ko_code
ko_text_check(struct ko_slice text, const char *what, struct ko_error *err)
{
    size_t bad_offset = 0;

    if (ko_utf8_check(text, &bad_offset))
        return err->code;
    (void) ko_fail(err, KO_E_OPTION, "%s is not valid UTF-8 at byte %zu", what, bad_offset + 1);
    ko_hint(err, "write it in UTF-8.");
    return err->code;
}

enum ko_code
ko_text_decode(struct ko_slice string, struct ko_buf *temp, struct ko_slice *text,
               struct ko_error *err)
{
    KO_ASSERT(string.n >= 2 && string.data[0] == '"');
    if (memchr(string.data, '\\', string.n) == NULL) {
        *text = (struct ko_slice){string.data + 1, string.n - 2};
        return err->code;
    }
    ko_buf_reset(temp);
    KO_TRY(ko_json_decode_string(string, temp, err));
    KO_TRY(ko_buf_finish(temp, err));
    *text = ko_buf_slice(temp);

done:
    return err->code;
}
