#include "literal_priv.h"

#include <strings.h>

#include "keepone/format/digest.h"
#include "keepone/format/json.h"
#include "keepone/format/number.h"

static const char binary_mark[] = "b64";
enum { BINARY_MARK_BYTES = sizeof binary_mark - 1 };

static bool
is_quote(char c)
{
    return c == '"' || c == '\'';
}

static bool
is_binary(struct ko_slice text)
{
    return text.n > BINARY_MARK_BYTES && memcmp(text.data, binary_mark, BINARY_MARK_BYTES) == 0 &&
           is_quote(text.data[BINARY_MARK_BYTES]);
}

bool
ko_literal_is_quoted(struct ko_slice text)
{
    return (text.n > 0 && is_quote(text.data[0])) || is_binary(text);
}

bool
ko_literal_is_number(struct ko_slice text)
{
    return text.n > 0 && text.data[0] != '\0' && strchr("0123456789+-.", text.data[0]) != NULL;
}

bool
ko_literal_same_word(struct ko_slice text, const char *word)
{
    return text.n == strlen(word) && strncasecmp(text.data, word, text.n) == 0;
}

bool
ko_literal_is_word(struct ko_slice text)
{
    return ko_literal_same_word(text, "true") || ko_literal_same_word(text, "false") ||
           ko_literal_same_word(text, "null");
}

size_t
ko_literal_quoted_bytes(struct ko_slice text)
{
    const size_t start = is_binary(text) ? BINARY_MARK_BYTES : 0;

    for (size_t i = start + 1; i < text.n; i++) {
        if (text.data[i] == text.data[start])
            return i + 1;
        i += text.data[i] == '\\';
    }
    return 0;
}

/* Adds what stands between the quotes, without its backslashes. */
static enum ko_code
add_unquoted(struct ko_slice text, struct ko_buf *out, struct ko_error *err)
{
    for (size_t i = 1; i + 1 < text.n; i++) {
        if (text.data[i] != '\\') {
            ko_buf_add_char(out, text.data[i]);
            continue;
        }
        i++;
        if (!is_quote(text.data[i]) && text.data[i] != '\\') {
            (void) ko_fail(err, KO_E_OPTION, "a lone backslash in the text %.*s",
                           KO_SLICE_ARG(text));
            ko_hint(err, "within quotes, write \\\\ for a backslash and \\\" for a quote.");
            return err->code;
        }
        ko_buf_add_char(out, text.data[i]);
    }
    return ko_buf_finish(out, err);
}

static enum ko_code
add_quoted(struct ko_slice text, struct ko_buf *out, struct ko_error *err)
{
    struct ko_buf content = {0};

    KO_TRY(add_unquoted(text, &content, err));
    ko_value_add_text(out, ko_buf_slice(&content));

done:
    ko_buf_clear(&content);
    return err->code;
}

static enum ko_code
add_binary(struct ko_slice text, struct ko_buf *out, struct ko_error *err)
{
    const struct ko_slice base64 = {text.data + BINARY_MARK_BYTES + 1,
                                    text.n - BINARY_MARK_BYTES - 2};
    struct ko_error why = {0};
    struct ko_buf bytes = {0};

    if (ko_base64_decode(base64, &bytes, &why) != KO_OK)
        (void) ko_fail(err, why.code == KO_E_CORRUPT ? KO_E_OPTION : why.code,
                       "%.*s is not base64: %s", KO_SLICE_ARG(text), why.text);
    ko_buf_clear(&bytes);
    ko_buf_add_format(out, "{\"B\":\"%.*s\"}", KO_SLICE_ARG(base64));
    return err->code;
}

static enum ko_code
add_number(struct ko_slice text, struct ko_buf *out, struct ko_error *err)
{
    struct ko_error why = {0};
    struct ko_number number;

    if (ko_number_parse(text, &number, &why) != KO_OK)
        return ko_fail(err, KO_E_OPTION, "%.*s is not a number DynamoDB knows: %s",
                       KO_SLICE_ARG(text), why.text);
    ko_buf_add_text(out, "{\"N\":\"");
    ko_number_add_canonical(out, &number);
    ko_buf_add_text(out, "\"}");
    return err->code;
}

enum ko_code
ko_literal_add(struct ko_slice text, struct ko_buf *out, enum ko_value_type *type,
               struct ko_error *err)
{
    if (is_binary(text)) {
        *type = KO_VALUE_B;
        KO_TRY(add_binary(text, out, err));
    } else if (ko_literal_is_quoted(text)) {
        *type = KO_VALUE_S;
        KO_TRY(add_quoted(text, out, err));
    } else if (ko_literal_same_word(text, "null")) {
        *type = KO_VALUE_NULL;
        ko_buf_add_text(out, "{\"NULL\":true}");
    } else if (ko_literal_is_word(text)) {
        *type = KO_VALUE_BOOL;
        ko_buf_add_text(out, text.n == strlen("true") ? "{\"BOOL\":true}" : "{\"BOOL\":false}");
    } else {
        *type = KO_VALUE_N;
        KO_TRY(add_number(text, out, err));
    }
    KO_TRY(ko_buf_finish(out, err));

done:
    return err->code;
}
