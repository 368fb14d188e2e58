#include "keepone/record/normalise.h"

#include <utf8proc.h>

#include "keepone/base/mem.h"
#include "keepone/record/rules.h"

/* utf8proc's names for NFKC with casefolding. */
static const utf8proc_option_t fold_options =
    UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD;

static bool
is_ascii(struct ko_slice text)
{
    unsigned char all = 0;

    for (size_t i = 0; i < text.n; i++)
        all |= (unsigned char) text.data[i];
    return all < 0x80;
}

/* Unicode's White_Space. */
static bool
is_white(utf8proc_int32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

static enum ko_code
fail_utf8(struct ko_error *err)
{
    return ko_fail(err, KO_E_CORRUPT, "a text to normalise is not valid UTF-8");
}

/* Takes one character off the front; false if it is not UTF-8. */
static bool
take_character(struct ko_slice *text, utf8proc_int32_t *c)
{
    utf8proc_ssize_t n = 1;

    *c = (unsigned char) text->data[0];
    if (*c >= 0x80)
        n = utf8proc_iterate((const utf8proc_uint8_t *) text->data, (utf8proc_ssize_t) text->n, c);
    if (n <= 0)
        return false;
    text->data += n;
    text->n -= (size_t) n;
    return true;
}

static void
add_character(struct ko_buf *out, utf8proc_int32_t c)
{
    utf8proc_uint8_t bytes[4];

    ko_buf_add(out, bytes, (size_t) utf8proc_encode_char(c, bytes));
}

/* Takes ASCII without white space off the front and adds it at once: most texts are long runs of
 * it. */
static void
add_ascii_run(struct ko_slice *text, unsigned normalisers, struct ko_buf *out)
{
    size_t n = 0;
    char *added;

    while (n < text->n && (unsigned char) text->data[n] > 0x20 &&
           (unsigned char) text->data[n] < 0x80)
        n++;
    added = ko_buf_reserve(out, n);
    if (added != NULL) {
        memcpy(added, text->data, n);
        ko_buf_commit(out, n);
        for (size_t i = 0; i < n && (normalisers & KO_LOWER) != 0; i++)
            added[i] = (char) (added[i] + (added[i] >= 'A' && added[i] <= 'Z' ? 'a' - 'A' : 0));
    }
    text->data += n;
    text->n -= n;
}

/* lower, space and trim, in one pass. */
static enum ko_code
add_passed(struct ko_slice text, unsigned normalisers, struct ko_buf *out, struct ko_error *err)
{
    const size_t start = out->n;
    size_t solid_end = start; /* behind the last character that is not white space */
    bool was_white = false;
    utf8proc_int32_t c;

    while (text.n > 0) {
        if (!take_character(&text, &c))
            return fail_utf8(err);
        if (!is_white(c)) {
            add_character(out, (normalisers & KO_LOWER) != 0 ? utf8proc_tolower(c) : c);
            add_ascii_run(&text, normalisers, out);
            solid_end = out->n;
            was_white = false;
            continue;
        }
        if ((normalisers & KO_TRIM) != 0 && out->n == start)
            continue;
        if ((normalisers & KO_SPACE) == 0)
            add_character(out, c);
        else if (!was_white)
            ko_buf_add_char(out, ' ');
        was_white = true;
    }
    if ((normalisers & KO_TRIM) != 0)
        out->n = solid_end;
    return ko_buf_finish(out, err);
}

/*
 * Sets *folded to NFKC with casefolding of text, in *memory (ko_free() it).  utf8proc_map() would
 * do the same in memory of its own, which this program could neither count nor fail.
 */
static enum ko_code
fold(struct ko_slice text, utf8proc_int32_t **memory, struct ko_slice *folded, struct ko_error *err)
{
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *) text.data;
    utf8proc_ssize_t n =
        utf8proc_decompose(bytes, (utf8proc_ssize_t) text.n, NULL, 0, fold_options);

    if (n < 0)
        return fail_utf8(err);
    /* One more for the NUL that utf8proc_reencode() adds. */
    *memory = ko_alloc_array((size_t) n + 1, sizeof **memory, err);
    KO_TRY(err->code);
    n = utf8proc_decompose(bytes, (utf8proc_ssize_t) text.n, *memory, n, fold_options);
    n = utf8proc_reencode(*memory, n, fold_options);
    KO_ASSERT(n >= 0);
    *folded = (struct ko_slice){(const char *) *memory, (size_t) n};

done:
    return err->code;
}

enum ko_code
ko_normalise(struct ko_slice text, unsigned normalisers, struct ko_buf *out, struct ko_error *err)
{
    utf8proc_int32_t *memory = NULL;

    if ((normalisers & KO_NFKC) != 0 && is_ascii(text))
        normalisers |= KO_LOWER; /* all that folding does to ASCII */
    else if ((normalisers & KO_NFKC) != 0)
        KO_TRY(fold(text, &memory, &text, err));
    KO_TRY(add_passed(text, normalisers, out, err));

done:
    ko_free(memory);
    return err->code;
}
