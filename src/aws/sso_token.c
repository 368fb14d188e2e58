#include "sso_token_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "keepone/aws/fault.h"
#include "keepone/base/clock.h"
#include "keepone/base/file.h"
#include "keepone/format/json.h"

enum { FILE_MAX_BYTES = 64 * 1024, TIMEOUT_MS = 5000 };

static const int64_t early_us = 300LL * 1000000;

static const char *const text_names[KO_SSO_TEXTS] = {
    [KO_SSO_ACCESS_TOKEN] = "accessToken",
    [KO_SSO_REFRESH_TOKEN] = "refreshToken",
    [KO_SSO_CLIENT_ID] = "clientId",
    [KO_SSO_CLIENT_SECRET] = "clientSecret",
};

void
ko_sso_token_clear(struct ko_sso_token *token)
{
    for (size_t i = 0; i < KO_SSO_TEXTS; i++)
        ko_buf_wipe(&token->texts[i]);
    *token = (struct ko_sso_token){0};
}

/* Leaves out empty if the member is missing or no text.  Fails for want of memory alone. */
static enum ko_code
read_text(struct ko_slice object, const char *name, struct ko_buf *out, struct ko_error *err)
{
    struct ko_error reading = {0};

    (void) ko_buf_reserve(out, object.n); /* it is not moved, so that it can be overwritten */
    if (ko_json_member_text(object, name, out, &reading) == KO_E_MEMORY)
        *err = reading;
    else if (ko_buf_finish(out, err) == KO_OK && reading.code != KO_OK)
        out->n = 0;
    return err->code;
}

/* Leaves *wall_us 0 if the member is missing or no time.  Fails for want of memory alone. */
static enum ko_code
read_time(struct ko_slice object, const char *name, int64_t *wall_us, struct ko_error *err)
{
    struct ko_buf text = {0};

    *wall_us = 0;
    if (read_text(object, name, &text, err) == KO_OK &&
        !ko_credentials_read_expiry(ko_buf_slice(&text), wall_us))
        *wall_us = 0;
    ko_buf_clear(&text);
    return err->code;
}

static enum ko_code
read_object(struct ko_slice object, const char *path, struct ko_sso_token *token,
            struct ko_error *err)
{
    struct ko_error reading = {0};

    if (ko_json_check(object, &reading) != KO_OK)
        return ko_fail(err, KO_E_ACCESS, "'%s' is not JSON", path);
    for (size_t i = 0; i < KO_SSO_TEXTS; i++)
        KO_TRY(read_text(object, text_names[i], &token->texts[i], err));
    KO_TRY(read_time(object, "expiresAt", &token->expiry_us, err));
    KO_TRY(read_time(object, "registrationExpiresAt", &token->registration_expiry_us, err));
    if (token->texts[KO_SSO_ACCESS_TOKEN].n == 0)
        (void) ko_fail(err, KO_E_ACCESS, "'%s' has no accessToken", path);
    else if (token->expiry_us == 0)
        (void) ko_fail(err, KO_E_ACCESS, "'%s' has no time in expiresAt", path);

done:
    return err->code;
}

enum ko_code
ko_sso_token_read(const char *path, struct ko_sso_token *token, struct ko_error *err)
{
    struct ko_error reading = {0};
    struct ko_buf text = {0};
    struct ko_sso_token made = {0};

    if (ko_file_read(path, FILE_MAX_BYTES, &text, &reading) != KO_OK)
        (void) ko_fail(err, reading.code == KO_E_MEMORY ? KO_E_MEMORY : KO_E_ACCESS, "%s",
                       reading.text);
    else
        (void) read_object(ko_buf_slice(&text), path, &made, err);
    ko_buf_wipe(&text);
    if (err->code != KO_OK) {
        ko_hint(err, "run 'aws sso login'.");
        ko_sso_token_clear(&made);
        return err->code;
    }
    ko_sso_token_clear(token);
    *token = made;
    return KO_OK;
}

bool
ko_sso_token_should_renew(const struct ko_sso_token *token)
{
    const int64_t now_us = ko_wall_us();

    return token->expiry_us - early_us <= now_us && token->texts[KO_SSO_REFRESH_TOKEN].n > 0 &&
           token->texts[KO_SSO_CLIENT_ID].n > 0 && token->texts[KO_SSO_CLIENT_SECRET].n > 0 &&
           (token->registration_expiry_us == 0 || token->registration_expiry_us > now_us);
}

static void
add_member(struct ko_buf *out, const char *name, struct ko_slice text)
{
    ko_buf_add_text(out, out->n == 0 ? "{" : ",");
    ko_json_add_string(out, ko_slice_of(name));
    ko_buf_add_char(out, ':');
    ko_json_add_string(out, text);
}

static enum ko_code
make_request(const struct ko_sso_token *token, struct ko_buf *body, struct ko_error *err)
{
    (void) ko_buf_reserve(body, 2 * FILE_MAX_BYTES);
    add_member(body, "clientId", ko_buf_slice(&token->texts[KO_SSO_CLIENT_ID]));
    add_member(body, "clientSecret", ko_buf_slice(&token->texts[KO_SSO_CLIENT_SECRET]));
    add_member(body, "grantType", KO_SLICE("refresh_token"));
    add_member(body, "refreshToken", ko_buf_slice(&token->texts[KO_SSO_REFRESH_TOKEN]));
    ko_buf_add_char(body, '}');
    return ko_buf_finish(body, err);
}

static enum ko_code
ask(const struct ko_chain *chain, const char *region, const struct ko_sso_token *token,
    struct ko_exchange_reply *reply, struct ko_error *err)
{
    static const struct ko_header headers[] = {
        {{"Content-Type", 12}, {"application/json", 16}},
    };
    char url[KO_ENDPOINT_URL_BYTES + 16];
    struct ko_endpoint endpoint;
    struct ko_exchange exchange = {.method = "POST",
                                   .url = url,
                                   .headers = headers,
                                   .n_headers = 1,
                                   .timeout_ms = TIMEOUT_MS,
                                   .ca_file = chain->ca_file};
    struct ko_fault_text said;
    struct ko_buf body = {0};

    KO_TRY(chain->endpoint(chain->endpoint_self, "oidc", region, &endpoint, err));
    (void) snprintf(url, sizeof url, "%s/token", endpoint.url);
    KO_TRY(make_request(token, &body, err));
    exchange.body = ko_buf_slice(&body);
    KO_TRY(ko_exchange_run(&exchange, reply, err));
    if (reply->status != 200) {
        ko_fault_read(ko_buf_slice(&reply->body), &said);
        (void) ko_fail(err, KO_E_ACCESS, "HTTP %d %s", reply->status, said.error_code);
    }

done:
    ko_buf_wipe(&body);
    return err->code;
}

static void
replace_text(struct ko_buf *old, struct ko_buf *renewed)
{
    if (renewed->n == 0)
        return;
    ko_buf_wipe(old);
    *old = *renewed;
    *renewed = (struct ko_buf){0};
}

/* Takes what the reply says into the token; a refresh token that it does not name stays. */
static enum ko_code
take_reply(struct ko_slice reply, struct ko_sso_token *token, struct ko_error *err)
{
    struct ko_error reading = {0};
    struct ko_buf refresh = {0};
    struct ko_buf access = {0};
    uint64_t seconds = 0;

    KO_TRY(read_text(reply, "accessToken", &access, err));
    KO_TRY(read_text(reply, "refreshToken", &refresh, err));
    if (access.n == 0 || ko_json_member_u64(reply, "expiresIn", &seconds, &reading) != KO_OK ||
        seconds > INT32_MAX)
        KO_TRY(ko_fail(err, reading.code == KO_E_MEMORY ? KO_E_MEMORY : KO_E_ACCESS,
                       "the answer has no accessToken with expiresIn"));
    replace_text(&token->texts[KO_SSO_ACCESS_TOKEN], &access);
    replace_text(&token->texts[KO_SSO_REFRESH_TOKEN], &refresh);
    token->expiry_us = ko_wall_us() + (int64_t) seconds * 1000000;

done:
    ko_buf_wipe(&access);
    ko_buf_wipe(&refresh);
    return err->code;
}

/* The file's object with the renewed members in place of the old ones; the others stay. */
static enum ko_code
make_content(struct ko_slice old, const struct ko_sso_token *token, struct ko_buf *out,
             struct ko_error *err)
{
    char time_text[KO_CLOCK_TEXT_BYTES];
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice value;

    (void) ko_buf_reserve(out, 2 * FILE_MAX_BYTES);
    ko_wall_text(token->expiry_us, time_text);
    (void) snprintf(time_text + strlen("2026-01-31T12:00:00"), 2, "Z"); /* no fraction */
    add_member(out, "accessToken", ko_buf_slice(&token->texts[KO_SSO_ACCESS_TOKEN]));
    add_member(out, "refreshToken", ko_buf_slice(&token->texts[KO_SSO_REFRESH_TOKEN]));
    add_member(out, "expiresAt", ko_slice_of(time_text));
    KO_TRY(ko_json_enter(old, &cursor, err));
    for (;;) {
        KO_TRY(ko_json_next(&cursor, &name, &value, err));
        if (value.data == NULL)
            break;
        if (ko_slice_equal(name, KO_SLICE("accessToken")) ||
            ko_slice_equal(name, KO_SLICE("refreshToken")) ||
            ko_slice_equal(name, KO_SLICE("expiresAt")))
            continue;
        ko_buf_add_format(out, ",\"%.*s\":", KO_SLICE_ARG(name));
        ko_buf_add_slice(out, value);
    }
    ko_buf_add_char(out, '}');
    KO_TRY(ko_buf_finish(out, err));

done:
    return err->code;
}

/* Replaces the file as a whole, readable by its owner alone. */
static enum ko_code
replace_file(const char *path, struct ko_slice content, struct ko_error *err)
{
    char temporary[KO_PATH_BYTES + 32];
    int fd;

    (void) snprintf(temporary, sizeof temporary, "%s.%ld", path, (long) getpid());
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return ko_fail_errno(err, KO_E_ACCESS, errno, "cannot write '%s'", temporary);
    (void) ko_write_all(fd, content, temporary, err);
    if (close(fd) != 0 && err->code == KO_OK)
        (void) ko_fail_errno(err, KO_E_ACCESS, errno, "cannot write '%s'", temporary);
    if (err->code == KO_OK && rename(temporary, path) != 0)
        (void) ko_fail_errno(err, KO_E_ACCESS, errno, "cannot replace '%s'", path);
    if (err->code != KO_OK)
        (void) unlink(temporary);
    return err->code;
}

static enum ko_code
write_token(const char *path, const struct ko_sso_token *token, struct ko_error *err)
{
    struct ko_buf old = {0};
    struct ko_buf content = {0};

    KO_TRY(ko_file_read(path, FILE_MAX_BYTES, &old, err));
    KO_TRY(make_content(ko_buf_slice(&old), token, &content, err));
    KO_TRY(replace_file(path, ko_buf_slice(&content), err));

done:
    ko_buf_wipe(&old);
    ko_buf_wipe(&content);
    return err->code;
}

/* With the file's lock held. */
static enum ko_code
renew(const struct ko_chain *chain, const char *region, const char *path,
      struct ko_sso_token *token, struct ko_error *err)
{
    struct ko_exchange_reply reply = {0};

    KO_TRY(ko_sso_token_read(path, token, err)); /* another rank may have been faster */
    if (!ko_sso_token_should_renew(token))
        goto done;
    KO_TRY(ask(chain, region, token, &reply, err));
    KO_TRY(take_reply(ko_buf_slice(&reply.body), token, err));
    KO_TRY(write_token(path, token, err));

done:
    ko_exchange_clear(&reply);
    return err->code;
}

/* The lock is the file's own: it is replaced, and whoever waited reads the new one. */
enum ko_code
ko_sso_token_renew(const struct ko_chain *chain, const char *region, const char *path,
                   struct ko_sso_token *token, struct ko_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return ko_fail_errno(err, KO_E_ACCESS, errno, "cannot open '%s'", path);
    while (flock(fd, LOCK_EX) != 0 && errno == EINTR)
        continue;
    (void) renew(chain, region, path, token, err);
    (void) close(fd);
    return err->code;
}
