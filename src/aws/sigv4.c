#include "keepone/aws/sigv4.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "keepone/base/mem.h"

#include "percent_priv.h"

enum { DAY_BYTES = 8 };

void
ko_sigv4_time_text(int64_t wall_us, char text[KO_SIGV4_TIME_BYTES])
{
    const time_t seconds = (time_t) (wall_us / 1000000);
    struct tm parts;

    (void) gmtime_r(&seconds, &parts);
    (void) strftime(text, KO_SIGV4_TIME_BYTES, "%Y%m%dT%H%M%SZ", &parts);
}

/* Takes the last segment off; the path behind `from` is empty or "/a/b". */
static void
drop_segment(struct ko_buf *out, size_t from)
{
    while (out->n > from && out->data[out->n - 1] != '/')
        out->n--;
    if (out->n > from)
        out->n--;
}

static void
add_normalised_path(struct ko_buf *out, struct ko_slice path)
{
    const size_t from = out->n;

    for (size_t at = 0, end; at < path.n; at = end + 1) {
        struct ko_slice segment;

        for (end = at; end < path.n && path.data[end] != '/';)
            end++;
        segment = (struct ko_slice){path.data + at, end - at};
        if (segment.n == 0 || ko_slice_equal(segment, KO_SLICE(".")))
            continue;
        if (ko_slice_equal(segment, KO_SLICE(".."))) {
            drop_segment(out, from);
            continue;
        }
        ko_buf_add_char(out, '/');
        ko_percent_encode(out, segment, '\0');
    }
    if (out->n == from || (path.n > 0 && path.data[path.n - 1] == '/'))
        ko_buf_add_char(out, '/');
}

static void
add_path(struct ko_buf *out, enum ko_sigv4_path style, struct ko_slice path)
{
    if (style == KO_SIGV4_PATH_NORMALISED)
        add_normalised_path(out, path);
    else if (path.n == 0)
        ko_buf_add_char(out, '/');
    else
        ko_buf_add_slice(out, path);
}

/* Adds the text percent-encoded in the one canonical way, however it is encoded now. */
static void
add_recoded(struct ko_buf *out, struct ko_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.data[i];

        if (ko_percent_decode(text, i, &c))
            i += 2;
        ko_percent_encode(out, (struct ko_slice){&c, 1}, '\0');
    }
}

/* A parameter as offsets into the buffer of recoded texts, which moves while it grows. */
struct parameter {
    size_t name_offset;
    size_t name_n;
    size_t value_n; /* right behind the name */
};

static int
compare_parameters(const char *texts, const struct parameter *a, const struct parameter *b)
{
    const char *const name_a = texts + a->name_offset;
    const char *const name_b = texts + b->name_offset;
    const int order = ko_slice_compare((struct ko_slice){name_a, a->name_n},
                                       (struct ko_slice){name_b, b->name_n});

    if (order != 0)
        return order;
    return ko_slice_compare((struct ko_slice){name_a + a->name_n, a->value_n},
                            (struct ko_slice){name_b + b->name_n, b->value_n});
}

static enum ko_code
split_query(struct ko_slice query, struct ko_buf *texts, struct parameter *parameters, size_t *n,
            struct ko_error *err)
{
    for (size_t at = 0, end, equals; at < query.n; at = end + 1) {
        struct parameter *parameter = &parameters[*n];

        for (end = at; end < query.n && query.data[end] != '&';)
            end++;
        for (equals = at; equals < end && query.data[equals] != '=';)
            equals++;
        if (end == at)
            continue;
        if (*n == KO_SIGV4_PARAMETERS_MAX)
            return ko_fail(err, KO_E_BUG, "more than %d query parameters to sign",
                           KO_SIGV4_PARAMETERS_MAX);
        parameter->name_offset = texts->n;
        add_recoded(texts, (struct ko_slice){query.data + at, equals - at});
        parameter->name_n = texts->n - parameter->name_offset;
        if (equals < end)
            add_recoded(texts, (struct ko_slice){query.data + equals + 1, end - equals - 1});
        parameter->value_n = texts->n - parameter->name_offset - parameter->name_n;
        (*n)++;
    }
    return ko_buf_finish(texts, err);
}

static enum ko_code
add_query(struct ko_buf *out, struct ko_slice query, struct ko_error *err)
{
    struct parameter parameters[KO_SIGV4_PARAMETERS_MAX];
    struct ko_buf texts = {0};
    size_t n = 0;

    KO_TRY(split_query(query, &texts, parameters, &n, err));
    for (size_t i = 1; i < n; i++) {
        const struct parameter moved = parameters[i];
        size_t to = i;

        for (; to > 0 && compare_parameters(texts.data, &moved, &parameters[to - 1]) < 0; to--)
            parameters[to] = parameters[to - 1];
        parameters[to] = moved;
    }
    for (size_t i = 0; i < n; i++) {
        const char *const name = texts.data + parameters[i].name_offset;

        if (i > 0)
            ko_buf_add_char(out, '&');
        ko_buf_add(out, name, parameters[i].name_n);
        ko_buf_add_char(out, '=');
        ko_buf_add(out, name + parameters[i].name_n, parameters[i].value_n);
    }

done:
    ko_buf_clear(&texts);
    return err->code;
}

/* Proxies and HTTP libraries add, drop or change these on the way. */
static bool
is_never_signed(struct ko_slice name)
{
    static const char *const names[] = {
        "authorization",
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-amzn-trace-id",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (name.n == strlen(names[i]) && strncasecmp(name.data, names[i], name.n) == 0)
            return true;
    }
    return false;
}

static int
compare_names(struct ko_slice a, struct ko_slice b)
{
    const size_t n = a.n < b.n ? a.n : b.n;
    const int order = strncasecmp(a.data, b.data, n);

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static void
add_lower(struct ko_buf *out, struct ko_slice name)
{
    for (size_t i = 0; i < name.n; i++)
        ko_buf_add_char(out, (char) tolower((unsigned char) name.data[i]));
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Without white space around, and with single spaces inside. */
static void
add_trimmed(struct ko_buf *out, struct ko_slice value)
{
    while (value.n > 0 && is_blank(value.data[value.n - 1]))
        value.n--;
    for (; value.n > 0 && is_blank(value.data[0]); value.n--)
        value.data++;
    for (size_t i = 0; i < value.n; i++) {
        if (!is_blank(value.data[i]))
            ko_buf_add_char(out, value.data[i]);
        else if (!is_blank(value.data[i - 1]))
            ko_buf_add_char(out, ' ');
    }
}

/* The signed headers, by name; those of one name in the order in which they are sent. */
static enum ko_code
sort_headers(const struct ko_sigv4_request *request, const struct ko_header **sorted, size_t *n,
             struct ko_error *err)
{
    for (size_t i = 0; i < request->n_headers; i++) {
        const struct ko_header *header = &request->headers[i];
        size_t to = *n;

        if (is_never_signed(header->name))
            continue;
        if (*n == KO_SIGV4_HEADERS_MAX)
            return ko_fail(err, KO_E_BUG, "more than %d headers to sign", KO_SIGV4_HEADERS_MAX);
        for (; to > 0 && compare_names(header->name, sorted[to - 1]->name) < 0; to--)
            sorted[to] = sorted[to - 1];
        sorted[to] = header;
        (*n)++;
    }
    return KO_OK;
}

static void
add_headers(struct ko_buf *out, struct ko_buf *signed_headers, const struct ko_header **sorted,
            size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && compare_names(sorted[i]->name, sorted[i - 1]->name) == 0) {
            ko_buf_add_char(out, ',');
        } else {
            if (i > 0) {
                ko_buf_add_char(out, '\n');
                ko_buf_add_char(signed_headers, ';');
            }
            add_lower(out, sorted[i]->name);
            ko_buf_add_char(out, ':');
            add_lower(signed_headers, sorted[i]->name);
        }
        add_trimmed(out, sorted[i]->value);
    }
    ko_buf_add_text(out, "\n\n");
}

enum ko_code
ko_sigv4_add_canonical_request(struct ko_buf *out, struct ko_buf *signed_headers,
                               enum ko_sigv4_path path, const struct ko_sigv4_request *request,
                               struct ko_error *err)
{
    const struct ko_header *sorted[KO_SIGV4_HEADERS_MAX];
    const size_t names_from = signed_headers->n;
    size_t n = 0;

    KO_TRY(sort_headers(request, sorted, &n, err));
    ko_buf_add_slice(out, request->method);
    ko_buf_add_char(out, '\n');
    add_path(out, path, request->path);
    ko_buf_add_char(out, '\n');
    KO_TRY(add_query(out, request->query, err));
    ko_buf_add_char(out, '\n');
    add_headers(out, signed_headers, sorted, n);
    KO_TRY(ko_buf_finish(signed_headers, err));
    ko_buf_add(out, ko_buf_slice(signed_headers).data + names_from, signed_headers->n - names_from);
    ko_buf_add_char(out, '\n');
    ko_buf_add_slice(out, request->body_hash);
    (void) ko_buf_finish(out, err);

done:
    return err->code;
}

void
ko_sigv4_add_scope(struct ko_buf *out, const char *time_text, const char *region,
                   const char *service)
{
    ko_buf_add(out, time_text, DAY_BYTES);
    ko_buf_add_char(out, '/');
    ko_buf_add_text(out, region);
    ko_buf_add_char(out, '/');
    ko_buf_add_text(out, service);
    ko_buf_add_text(out, "/aws4_request");
}

void
ko_sigv4_add_string_to_sign(struct ko_buf *out, const char *time_text, struct ko_slice scope,
                            struct ko_slice canonical_request)
{
    char hash[KO_SHA256_HEX_BYTES];

    ko_sha256_hex(canonical_request, hash);
    ko_buf_add_text(out, "AWS4-HMAC-SHA256\n");
    ko_buf_add_text(out, time_text);
    ko_buf_add_char(out, '\n');
    ko_buf_add_slice(out, scope);
    ko_buf_add_char(out, '\n');
    ko_buf_add_text(out, hash);
}

static struct ko_slice
bytes_of(const unsigned char digest[KO_SHA256_BYTES])
{
    return (struct ko_slice){(const char *) digest, KO_SHA256_BYTES};
}

void
ko_sigv4_signing_key(struct ko_slice prefixed_secret, const char *time_text, struct ko_slice region,
                     struct ko_slice service, unsigned char key[KO_SHA256_BYTES])
{
    const struct ko_slice day = {time_text, DAY_BYTES};
    unsigned char steps[3][KO_SHA256_BYTES];

    ko_hmac_sha256(prefixed_secret, day, steps[0]);
    ko_hmac_sha256(bytes_of(steps[0]), region, steps[1]);
    ko_hmac_sha256(bytes_of(steps[1]), service, steps[2]);
    ko_hmac_sha256(bytes_of(steps[2]), KO_SLICE("aws4_request"), key);
    explicit_bzero(steps, sizeof steps);
}

/* Growing would leave a copy of the secret behind in freed memory, so room is made beforehand. */
static enum ko_code
keep_secret(struct ko_buf *kept, const char *secret, struct ko_error *err)
{
    const size_t n = strlen("AWS4") + strlen(secret);

    if (kept->data != NULL)
        explicit_bzero(kept->data, kept->capacity);
    ko_buf_reset(kept);
    (void) ko_buf_reserve(kept, n);
    ko_buf_add_text(kept, "AWS4");
    ko_buf_add_text(kept, secret);
    return ko_buf_finish(kept, err);
}

static bool
key_holds(const struct ko_sigv4_signer *signer, const char *secret, const char *time_text)
{
    const size_t n = strlen(secret);

    return signer->key_secret.n == n + strlen("AWS4") &&
           memcmp(signer->key_secret.data + strlen("AWS4"), secret, n) == 0 &&
           memcmp(signer->key_day, time_text, DAY_BYTES) == 0;
}

static enum ko_code
renew_key(struct ko_sigv4_signer *signer, const char *secret, const char *time_text,
          struct ko_error *err)
{
    if (key_holds(signer, secret, time_text))
        return KO_OK;
    if (keep_secret(&signer->key_secret, secret, err) != KO_OK)
        return err->code;
    ko_sigv4_signing_key(ko_buf_slice(&signer->key_secret), time_text, ko_slice_of(signer->region),
                         ko_slice_of(signer->service), signer->key);
    memcpy(signer->key_day, time_text, DAY_BYTES);
    return KO_OK;
}

static void
add_authorization(struct ko_sigv4_signer *signer, const char *key_id)
{
    unsigned char signature[KO_SHA256_BYTES];
    char hex[KO_SHA256_HEX_BYTES];

    ko_hmac_sha256(bytes_of(signer->key), ko_buf_slice(&signer->string_to_sign), signature);
    ko_hex(signature, sizeof signature, hex);
    ko_buf_add_text(&signer->authorization, "AWS4-HMAC-SHA256 Credential=");
    ko_buf_add_text(&signer->authorization, key_id);
    ko_buf_add_char(&signer->authorization, '/');
    ko_buf_add_slice(&signer->authorization, ko_buf_slice(&signer->scope));
    ko_buf_add_text(&signer->authorization, ", SignedHeaders=");
    ko_buf_add_slice(&signer->authorization, ko_buf_slice(&signer->signed_headers));
    ko_buf_add_text(&signer->authorization, ", Signature=");
    ko_buf_add_text(&signer->authorization, hex);
}

enum ko_code
ko_sigv4_sign(struct ko_sigv4_signer *signer, const struct ko_sigv4_request *request,
              const struct ko_credentials *credentials, const char *time_text, struct ko_error *err)
{
    ko_buf_reset(&signer->canonical_request);
    ko_buf_reset(&signer->signed_headers);
    ko_buf_reset(&signer->scope);
    ko_buf_reset(&signer->string_to_sign);
    ko_buf_reset(&signer->authorization);

    KO_TRY(ko_sigv4_add_canonical_request(&signer->canonical_request, &signer->signed_headers,
                                          signer->path, request, err));
    ko_sigv4_add_scope(&signer->scope, time_text, signer->region, signer->service);
    KO_TRY(ko_buf_finish(&signer->scope, err));
    ko_sigv4_add_string_to_sign(&signer->string_to_sign, time_text, ko_buf_slice(&signer->scope),
                                ko_buf_slice(&signer->canonical_request));
    KO_TRY(ko_buf_finish(&signer->string_to_sign, err));
    KO_TRY(renew_key(signer, credentials->secret, time_text, err));
    add_authorization(signer, credentials->key_id);
    (void) ko_buf_finish(&signer->authorization, err);

done:
    return err->code;
}

void
ko_sigv4_signer_clear(struct ko_sigv4_signer *signer)
{
    const struct ko_sigv4_signer kept = {
        .region = signer->region, .service = signer->service, .path = signer->path};

    explicit_bzero(signer->key, sizeof signer->key);
    ko_buf_wipe(&signer->key_secret);
    ko_buf_wipe(&signer->canonical_request); /* with the session token */
    ko_buf_clear(&signer->signed_headers);
    ko_buf_clear(&signer->scope);
    ko_buf_clear(&signer->string_to_sign);
    ko_buf_clear(&signer->authorization);
    *signer = kept;
}
