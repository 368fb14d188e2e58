/* What services and processes say when they are asked for credentials. */
#include <stdio.h>

#include "keepone/aws/fault.h"
#include "keepone/base/file.h"
#include "keepone/format/json.h"

#include "credentials_priv.h"

enum { TOKEN_MAX_BYTES = 64 * 1024, TEXT_BYTES = 16 * 1024, MESSAGE_MAX = 240 };

enum ko_code
ko_token_read(const char *path, struct ko_buf *token, struct ko_error *err)
{
    struct ko_error reading = {0};

    if (ko_file_read(path, TOKEN_MAX_BYTES, token, &reading) != KO_OK) {
        (void) ko_fail(err, reading.code == KO_E_MEMORY ? KO_E_MEMORY : KO_E_ACCESS, "%s",
                       reading.text);
        ko_hint(err, "the platform puts this file there; check the pod's service account and its "
                     "volumes.");
        return err->code;
    }
    while (token->n > 0 && (token->data[token->n - 1] == '\n' || token->data[token->n - 1] == '\r'))
        token->n--;
    for (size_t i = 0; i < token->n; i++) {
        if (token->data[i] < ' ' || token->data[i] > '~')
            return ko_fail(err, KO_E_ACCESS,
                           "'%s' holds a control character or a non-ASCII byte, which no token has",
                           path);
    }
    if (token->n == 0)
        return ko_fail(err, KO_E_ACCESS, "'%s' is empty", path);
    return KO_OK;
}

/* Sets out to the member's text; empty if it is missing or null. */
static enum ko_code
read_text(struct ko_slice object, const char *name, struct ko_buf *out, struct ko_error *err)
{
    struct ko_error reading = {0};
    struct ko_slice value = {NULL, 0};

    (void) ko_buf_reserve(out, TEXT_BYTES); /* it is not moved, so that it can be overwritten */
    if (ko_json_member(object, name, &value, &reading) == KO_E_CORRUPT)
        return ko_fail(err, KO_E_ACCESS, "the answer is not a JSON object");
    if (reading.code == KO_OK && value.data != NULL && !ko_slice_equal(value, KO_SLICE("null")) &&
        ko_json_decode_string(value, out, &reading) == KO_E_CORRUPT)
        return ko_fail(err, KO_E_ACCESS, "%s is not a text", name);
    if (reading.code != KO_OK)
        *err = reading; /* no memory */
    return err->code == KO_OK ? ko_buf_finish(out, err) : err->code;
}

static enum ko_code
read_expiry(struct ko_slice object, const struct ko_credentials_names *names, int64_t *expiry_us,
            struct ko_error *err)
{
    struct ko_error reading = {0};
    struct ko_buf text = {0};
    uint64_t ms = 0;

    if (names->expiry_is_ms) {
        if (ko_json_member_u64(object, names->expiry, &ms, &reading) == KO_E_MEMORY)
            *err = reading;
        else if (reading.code != KO_OK || ms > INT64_MAX / 1000)
            (void) ko_fail(err, KO_E_ACCESS, "%s is not a number of milliseconds", names->expiry);
        *expiry_us = (int64_t) ms * 1000;
        return err->code;
    }
    if (read_text(object, names->expiry, &text, err) == KO_OK && text.n > 0 &&
        !ko_credentials_read_expiry(ko_buf_slice(&text), expiry_us))
        (void) ko_fail(err, KO_E_ACCESS, "%s is not a time such as 2026-01-31T12:00:00Z",
                       names->expiry);
    ko_buf_clear(&text);
    return err->code;
}

enum ko_code
ko_credentials_read_json(struct ko_slice object, const struct ko_credentials_names *names,
                         struct ko_credentials *credentials, struct ko_error *err)
{
    const char *const members[] = {names->key_id, names->secret, names->token};
    struct ko_buf texts[3] = {{0}, {0}, {0}};
    int64_t expiry_us = 0;

    for (size_t i = 0; i < 3; i++) {
        KO_TRY(read_text(object, members[i], &texts[i], err));
        if (texts[i].n == 0 && i < 2)
            KO_TRY(ko_fail(err, KO_E_ACCESS, "the answer has no %s", members[i]));
    }
    KO_TRY(read_expiry(object, names, &expiry_us, err));
    KO_TRY(ko_credentials_set(credentials, ko_buf_slice(&texts[0]), ko_buf_slice(&texts[1]),
                              ko_buf_slice(&texts[2]), expiry_us, err));

done:
    for (size_t i = 0; i < 3; i++)
        ko_buf_wipe(&texts[i]);
    return err->code;
}

static bool
holds(struct ko_slice text, struct ko_slice part)
{
    return part.n > 0 && memmem(text.data, text.n, part.data, part.n) != NULL;
}

void
ko_reply_describe(struct ko_buf *out, int status, const char *error_code, struct ko_slice message,
                  struct ko_slice secret)
{
    const size_t n_shown = ko_fault_shown(message).n;
    const size_t n = holds(message, secret) ? 0 : n_shown < MESSAGE_MAX ? n_shown : MESSAGE_MAX;

    ko_buf_add_format(out, "HTTP %d", status);
    if (error_code[0] != '\0' && !holds(ko_slice_of(error_code), secret))
        ko_buf_add_format(out, ", %.64s", error_code);
    if (n > 0)
        ko_buf_add_text(out, ": ");
    for (size_t i = 0; i < n; i++)
        ko_buf_add_char(out,
                        message.data[i] < ' ' || message.data[i] > '~' ? ' ' : message.data[i]);
}
