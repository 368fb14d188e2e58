#include "keepone/aws/credentials.h"

#include <time.h>

#include "keepone/base/mem.h"

void
ko_credentials_clear(struct ko_credentials *credentials)
{
    ko_free_secret(credentials->key_id);
    ko_free_secret(credentials->secret);
    ko_free_secret(credentials->token);
    *credentials = (struct ko_credentials){0};
}

/* They become part of HTTP headers, where a line break would start another header. */
static enum ko_code
check_text(struct ko_slice text, const char *what, struct ko_error *err)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.data[i] > ' ' && text.data[i] < 0x7f)
            continue;
        (void) ko_fail(
            err, KO_E_ACCESS,
            "the %s has a blank, a control character or a non-ASCII byte at position %zu", what,
            i + 1);
        ko_hint(err, "copy it again without quotes, blanks and line breaks.");
        return err->code;
    }
    return KO_OK;
}

enum ko_code
ko_credentials_set(struct ko_credentials *credentials, struct ko_slice key_id,
                   struct ko_slice secret, struct ko_slice token, int64_t expiry_us,
                   struct ko_error *err)
{
    struct ko_credentials made = {.expiry_us = expiry_us};

    KO_TRY(check_text(key_id, "access key id", err));
    KO_TRY(check_text(secret, "secret access key", err));
    KO_TRY(check_text(token, "session token", err));
    made.key_id = ko_copy_text(key_id, err);
    made.secret = made.key_id == NULL ? NULL : ko_copy_text(secret, err);
    if (made.secret != NULL && token.n > 0)
        made.token = ko_copy_text(token, err);
    KO_TRY(err->code);
    ko_credentials_clear(credentials);
    *credentials = made;
    return KO_OK;

done:
    ko_credentials_clear(&made);
    return err->code;
}

bool
ko_credentials_read_expiry(struct ko_slice text, int64_t *expiry_us)
{
    char copy[40] = "";
    struct tm parts = {0};
    const char *rest;
    time_t seconds;

    if (text.n >= sizeof copy || text.n == 0)
        return false;
    memcpy(copy, text.data, text.n);
    rest = strptime(copy, "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == NULL)
        return false;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (strcmp(rest, "Z") != 0 && strcmp(rest, "+00:00") != 0 && strcmp(rest, "UTC") != 0)
        return false;
    seconds = timegm(&parts);
    *expiry_us = (int64_t) seconds * 1000000;
    return seconds > 0;
}
