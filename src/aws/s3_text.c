#include "keepone/aws/s3_text.h"

#include <stdio.h>

#include "keepone/aws/xml.h"

#include "percent_priv.h"

enum { BUCKET_BYTES_MIN = 3, HOST_LABEL_BYTES_MAX = 63 };

static const char scheme[] = "s3://";

static enum ko_code
fail_path(const char *path, const char *wrong, struct ko_error *err)
{
    (void) ko_fail(err, KO_E_OPTION, "'%s' %s", path, wrong);
    ko_hint(err, "give it as s3://bucket/folder.");
    return err->code;
}

enum ko_code
ko_s3_locate(const char *path, struct ko_s3_location *location, struct ko_error *err)
{
    const char *const bucket = path + sizeof scheme - 1;
    size_t bucket_n;
    const char *key;

    *location = (struct ko_s3_location){0};
    if (strncmp(path, scheme, sizeof scheme - 1) != 0)
        return fail_path(path, "does not start with s3://", err);
    bucket_n = strcspn(bucket, "/");
    if (bucket_n < BUCKET_BYTES_MIN || bucket_n >= sizeof location->bucket ||
        strspn(bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") !=
            bucket_n)
        return fail_path(path, "has no name of a bucket behind s3://", err);
    key = bucket[bucket_n] == '/' ? bucket + bucket_n + 1 : "";
    if (strlen(key) >= sizeof location->key)
        return ko_fail(err, KO_E_OPTION, "S3's keys have 1,024 bytes at most; too long is '%s'",
                       path);
    memcpy(location->bucket, bucket, bucket_n);
    memcpy(location->key, key, strlen(key) + 1);
    return KO_OK;
}

void
ko_s3_add_path(struct ko_buf *out, struct ko_slice text)
{
    ko_percent_encode(out, text, '/');
}

void
ko_s3_add_value(struct ko_buf *out, struct ko_slice text)
{
    ko_percent_encode(out, text, '\0');
}

static bool
is_host_label(const char *bucket)
{
    const size_t n = strlen(bucket);

    return n >= BUCKET_BYTES_MIN && n <= HOST_LABEL_BYTES_MAX &&
           strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n &&
           strchr(".-", bucket[0]) == NULL && strchr(".-", bucket[n - 1]) == NULL &&
           strstr(bucket, "..") == NULL &&
           strspn(bucket, "0123456789.") < n; /* or it may look like an address */
}

bool
ko_s3_is_path_style(const struct ko_endpoint *endpoint, const char *bucket)
{
    return endpoint->is_custom || !is_host_label(bucket) ||
           (endpoint->is_tls && strchr(bucket, '.') != NULL);
}

bool
ko_s3_read_number(struct ko_slice text, uint64_t *number)
{
    uint64_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t) (text.data[i] - '0'), &n))
            return false;
    }
    *number = n;
    return text.n > 0;
}

/* Takes the text up to the delimiter off; absent if there is none. */
static struct ko_slice
take_until(struct ko_slice *text, char delimiter)
{
    const char *const end = text->n == 0 ? NULL : memchr(text->data, delimiter, text->n);
    struct ko_slice taken = {NULL, 0};

    if (end == NULL)
        return taken;
    taken = (struct ko_slice){text->data, (size_t) (end - text->data)};
    text->data += taken.n + 1;
    text->n -= taken.n + 1;
    return taken;
}

bool
ko_s3_read_range(struct ko_slice content_range, struct ko_s3_range *range)
{
    const struct ko_slice unit = take_until(&content_range, ' ');
    const struct ko_slice first = take_until(&content_range, '-');
    const struct ko_slice last = take_until(&content_range, '/');
    uint64_t last_offset = 0;

    *range = (struct ko_s3_range){0};
    if (!ko_slice_equal(unit, KO_SLICE("bytes")) || !ko_s3_read_number(first, &range->first) ||
        !ko_s3_read_number(last, &last_offset) ||
        !ko_s3_read_number(content_range, &range->total_bytes) || last_offset < range->first ||
        last_offset >= range->total_bytes)
        return false;
    range->n = last_offset - range->first + 1;
    return true;
}

bool
ko_s3_is_of_nothing(struct ko_slice content_range)
{
    const struct ko_slice end = KO_SLICE("/0");

    return content_range.n >= end.n &&
           memcmp(content_range.data + content_range.n - end.n, end.data, end.n) == 0;
}

/* What others wrote goes to terminals and logs, so control characters do not. */
static void
copy_printable(struct ko_slice from, char *to, size_t size)
{
    size_t n = from.n < size - 1 ? from.n : size - 1;

    while (n > 0 && n < from.n && ((unsigned char) from.data[n] & 0xc0) == 0x80)
        n--; /* do not cut a character of several bytes in two */
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char) from.data[i] < ' ' || from.data[i] == 0x7f ? ' ' : from.data[i];
    to[n] = '\0';
}

static enum ko_code
take_fault(void *self, const char *path, struct ko_slice text, struct ko_error *err)
{
    struct ko_s3_fault *const fault = self;

    (void) err;
    if (strcmp(path, "Error/Code") == 0)
        copy_printable(text, fault->text.error_code, sizeof fault->text.error_code);
    else if (strcmp(path, "Error/Message") == 0)
        copy_printable(text, fault->text.message, sizeof fault->text.message);
    else if (strcmp(path, "Error/RequestId") == 0)
        copy_printable(text, fault->request_id, sizeof fault->request_id);
    else if (strcmp(path, "Error/Region") == 0)
        copy_printable(text, fault->region, sizeof fault->region);
    return KO_OK;
}

bool
ko_s3_read_fault(struct ko_slice body, struct ko_s3_fault *fault)
{
    struct ko_error not_xml = {0};

    *fault = (struct ko_s3_fault){0};
    if (body.n == 0 || ko_xml_read(body, take_fault, fault, &not_xml) != KO_OK ||
        fault->text.error_code[0] == '\0') {
        *fault = (struct ko_s3_fault){0};
        return false;
    }
    return true;
}
