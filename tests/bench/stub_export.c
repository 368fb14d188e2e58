/*
 * An S3 with one export in it that is made while it is read: nothing is stored, so it can have
 * 100 million items and more.
 *
 * Usage: stub_export N_ITEMS
 * Prints its port on a line of its own and serves s3://exports/AWSDynamoDB/made until SIGTERM.
 *
 * All lines are of one length, and files are gzip members of stored, not compressed, blocks, each
 * with as many lines: so any range of a file can be made without what is before it.  Of each 20
 * items one is a copy of another; copies are spread over all files.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keepone/format/digest.h"
#include "stub_http.h"

enum {
    N_FILES = 64,
    GROUP_ITEMS = 20, /* the last of so many has the cause of the one before */
    DIGITS = 10,
    MEMBER_LINES = 512,
    HEAD_BYTES = 15, /* of a member: gzip's, and that of its one block */
    TAIL_BYTES = 8
};

/* Prime and large, so that items in a row are spread evenly. */
#define STRIDE UINT64_C(2654435761)

#define FOLDER "AWSDynamoDB/made/"
#define ETAG   "\"0123456789abcdef0123456789abcdef\""

static const char line_form[] =
    "{\"Item\":{\"pk\":{\"S\":\"i..........\"},\"cause\":{\"S\":\"c..........\"},"
    "\"insertedAt\":{\"N\":\"1..........\"}}}\n";

enum { LINE_BYTES = sizeof line_form - 1, BLOCK_BYTES = MEMBER_LINES * LINE_BYTES };

_Static_assert(BLOCK_BYTES <= UINT16_MAX, "a stored block has no room for the lines of a member");

struct export
{
    uint64_t n_items;
    struct ko_buf object; /* what is answered */
};

/* ---- files ---- */

static void
write_digits(char *to, uint64_t number)
{
    for (unsigned i = DIGITS; i-- > 0; number /= 10)
        to[i] = (char) ('0' + number % 10);
}

static void
write_line(const struct export *export, char *to, uint64_t place)
{
    const uint64_t x = place * STRIDE % export->n_items;
    const bool is_copy = x % GROUP_ITEMS == GROUP_ITEMS - 1;
    char *const cause = to + (strstr(line_form, "c....") - line_form);
    char *const inserted = to + (strstr(line_form, "1....") - line_form);

    memcpy(to, line_form, LINE_BYTES);
    write_digits(to + (strstr(line_form, "i....") - line_form) + 1, x);
    write_digits(cause + 1, is_copy ? x - 1 : x);
    write_digits(inserted + 1, x);
}

static uint64_t
first_place(const struct export *export, unsigned file)
{
    return export->n_items * file / N_FILES;
}

static uint64_t
file_bytes(const struct export *export, unsigned file)
{
    const uint64_t n = first_place(export, file + 1) - first_place(export, file);
    const uint64_t n_members = (n + MEMBER_LINES - 1) / MEMBER_LINES;

    return n * LINE_BYTES + n_members * (HEAD_BYTES + TAIL_BYTES);
}

/* Adds one member of a file: lines from place on. */
static void
add_member(struct export *export, uint64_t place, uint64_t n_lines)
{
    static const char gzip_head[] =
        "\x1f\x8b\x08\0\0\0\0\0\0\xff\x01"; /* and a last, stored block */
    const uint16_t n_bytes = (uint16_t) (n_lines * LINE_BYTES);
    char *const room = ko_buf_reserve(&export->object, HEAD_BYTES + BLOCK_BYTES + TAIL_BYTES);
    char *const lines = room + HEAD_BYTES;

    memcpy(room, gzip_head, sizeof gzip_head - 1);
    memcpy(room + 11, &n_bytes, 2);
    memcpy(room + 13, &(uint16_t){(uint16_t) ~n_bytes}, 2);
    for (uint64_t i = 0; i < n_lines; i++)
        write_line(export, lines + i * LINE_BYTES, place + i);
    memcpy(lines + n_bytes, &(uint32_t){ko_crc32((struct ko_slice){lines, n_bytes})}, 4);
    memcpy(lines + n_bytes + 4, &(uint32_t){n_bytes}, 4);
    ko_buf_commit(&export->object, (size_t) HEAD_BYTES + n_bytes + TAIL_BYTES);
}

/* Makes the members that bytes from .. to - 1 of a file lie in; where in them the first byte is. */
static size_t
make_members(struct export *export, unsigned file, uint64_t from, uint64_t to)
{
    const uint64_t member_bytes = HEAD_BYTES + BLOCK_BYTES + TAIL_BYTES;
    const uint64_t end = first_place(export, file + 1);
    uint64_t place = first_place(export, file) + from / member_bytes * MEMBER_LINES;

    for (uint64_t at = from / member_bytes * member_bytes; at < to; at += member_bytes) {
        add_member(export, place, end - place < MEMBER_LINES ? end - place : MEMBER_LINES);
        place += MEMBER_LINES;
    }
    return (size_t) (from % member_bytes);
}

/* ---- manifests and listings ---- */

static void
add_summary(struct export *export)
{
    ko_buf_add_format(
        &export->object,
        "{\"tableArn\":\"arn:aws:dynamodb:eu-west-1:123456789012:table/made\",\"tableId\":\"made\","
        "\"exportTime\":\"2026-01-01T00:00:00.000Z\",\"s3Bucket\":\"exports\",\"s3Prefix\":null,"
        "\"outputFormat\":\"DYNAMODB_JSON\",\"itemCount\":%" PRIu64 "}",
        export->n_items);
}

static void
add_manifest(struct export *export)
{
    for (unsigned file = 0; file < N_FILES; file++)
        ko_buf_add_format(&export->object,
                          "{\"itemCount\":%" PRIu64 ",\"md5Checksum\":\"1B2M2Y8AsgTpgAmY7PhCfg==\","
                          "\"etag\":\"made\",\"dataFileS3Key\":\"" FOLDER "data/%02u.json.gz\"}\n",
                          first_place(export, file + 1) - first_place(export, file), file);
}

static void
add_listing(struct export *export)
{
    ko_buf_add_text(&export->object, "<ListBucketResult><IsTruncated>false</IsTruncated>");
    for (unsigned file = 0; file < N_FILES; file++)
        ko_buf_add_format(&export->object,
                          "<Contents><Key>" FOLDER "data/%02u.json.gz</Key><Size>%" PRIu64
                          "</Size></Contents>",
                          file, file_bytes(export, file));
    ko_buf_add_text(&export->object, "</ListBucketResult>");
}

/* ---- answers ---- */

/* The bytes from .. to - 1 that a request asks for of an object. */
static void
find_range(const struct stub_request *request, uint64_t n_bytes, uint64_t *from, uint64_t *to)
{
    const struct ko_slice range = stub_header(request, "Range");
    char *end;

    *from = 0;
    *to = n_bytes;
    if (range.data == NULL || strncmp(range.data, "bytes=", 6) != 0)
        return;
    *from = strtoull(range.data + 6, &end, 10);
    *to = strtoull(end + 1, NULL, 10) + 1;
    if (*to > n_bytes)
        *to = n_bytes;
}

static void
add_part(struct ko_buf *out, struct ko_slice part, uint64_t from, uint64_t n_bytes)
{
    ko_buf_add_format(out,
                      "HTTP/1.1 206 Partial Content\r\nETag: " ETAG "\r\nContent-Range: bytes "
                      "%" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\nContent-Length: %zu\r\n\r\n",
                      from, from + part.n - 1, n_bytes, part.n);
    ko_buf_add_slice(out, part);
}

static void
add_whole(struct ko_buf *out, const char *status, struct ko_slice content)
{
    ko_buf_add_format(out, "HTTP/1.1 %s\r\nETag: " ETAG "\r\nContent-Length: %zu\r\n\r\n", status,
                      content.n);
    ko_buf_add_slice(out, content);
}

static bool
asks_for(const struct stub_request *request, const char *text)
{
    const char *const end = memchr(request->head.data, '\r', request->head.n);

    return memmem(request->head.data, (size_t) (end - request->head.data), text, strlen(text)) !=
           NULL;
}

static void
answer_file(struct export *export, const struct stub_request *request, struct ko_buf *out)
{
    static const char mark[] = "/data/";
    const char *const name = memmem(request->head.data, request->head.n, mark, sizeof mark - 1);
    const unsigned file = (unsigned) strtoul(name + sizeof mark - 1, NULL, 10) % N_FILES;
    const uint64_t n_bytes = file_bytes(export, file);
    uint64_t from;
    uint64_t to;
    size_t at;

    find_range(request, n_bytes, &from, &to);
    at = make_members(export, file, from, to);
    add_part(out, (struct ko_slice){export->object.data + at, (size_t) (to - from)}, from, n_bytes);
}

static void
answer(void *self, const struct stub_request *request, struct ko_buf *out)
{
    struct export *export = self;
    uint64_t from;
    uint64_t to;

    ko_buf_reset(&export->object);
    if (asks_for(request, "list-type=2")) {
        add_listing(export);
        add_whole(out, "200 OK", ko_buf_slice(&export->object));
        return;
    }
    if (asks_for(request, FOLDER "data/")) {
        answer_file(export, request, out);
        return;
    }
    if (asks_for(request, FOLDER "manifest-summary.json"))
        add_summary(export);
    else if (asks_for(request, FOLDER "manifest-files.json"))
        add_manifest(export);
    if (export->object.n == 0) {
        add_whole(out, "404 Not Found", KO_SLICE("<Error><Code>NoSuchKey</Code></Error>"));
        return;
    }
    find_range(request, export->object.n, &from, &to);
    add_part(out, (struct ko_slice){export->object.data + from, (size_t) (to - from)}, from,
             export->object.n);
}

int
main(int argc, char **argv)
{
    struct export export = {.n_items = argc == 2 ? strtoull(argv[1], NULL, 10) : 0};

    if (export.n_items < N_FILES || export.n_items > UINT32_MAX) {
        (void) fprintf(stderr, "usage: stub_export N_ITEMS\n");
        return 2;
    }
    if (!stub_serve(answer, &export)) {
        perror("stub_export");
        return 1;
    }
    ko_buf_clear(&export.object);
    return 0;
}
