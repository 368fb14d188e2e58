/*
 * make_export: writes a large DynamoDB export with a known number of duplicates, fast.
 *
 *     make_export FOLDER N_ITEMS [friendly|hard|hot50|hot100|even50|even100] [SEED]
 *
 * The items are shaped as those of a `space-diff` table: 620 bytes per line, 16 files, 5 % of the
 * causes 2 to 4 times, copies spread over all files.  hard: attributes in any order, escapes,
 * nested values.  hotN: N percent of the items under one cause; evenN: as many losers, in small
 * groups.  The same arguments give the same bytes.  Prints what was made as JSON; the manifests are
 * in FOLDER itself.
 *
 * Which item stands at a place is told by a permutation, so nothing is kept in memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <isa-l/igzip_lib.h>

#include "keepone/base/buf.h"
#include "keepone/base/file.h"
#include "keepone/base/mem.h"
#include "keepone/format/digest.h"

enum {
    N_FILES = 16,
    N_WORKERS = 2,
    GROUPS_MAX = 5,
    SPACE_ITEMS = 64, /* neighbours in a file share a space */
    BATCH_BYTES = 4 << 20,
    GZIP_BYTES = 1 << 20,
    LINE_BYTES_MAX = 4096,
    N_ATTRIBUTES = 9
};

#define EXPORT_ID "01716000000000-be9c4000"
#define TABLE_ARN "arn:aws:dynamodb:eu-west-1:123456789012:table/space-diff"

/* Items in a row: some that are alone, then groups of these sizes; and again. */
struct kind {
    const char *name;
    unsigned n_unique;
    unsigned sizes[GROUPS_MAX];
    unsigned hot_percent; /* of all items come before those, all under one cause */
    bool is_hard;
};

static const struct kind kinds[] = {
    {.name = "friendly", .n_unique = 57, .sizes = {2, 3, 4}},
    {.name = "hard", .n_unique = 57, .sizes = {2, 3, 4}, .is_hard = true},
    {.name = "hot50", .n_unique = 57, .sizes = {2, 3, 4}, .hot_percent = 50},
    {.name = "hot100", .n_unique = 57, .sizes = {2, 3, 4}, .hot_percent = 100},
    {.name = "even50", .sizes = {2, 2, 2, 2, 3}},
    {.name = "even100", .sizes = {1000}},
};

struct options {
    const char *folder;
    uint64_t n_items;
    uint64_t seed;
    const struct kind *kind;
};

/* What the manifest says of a file. */
struct entry {
    uint64_t n_items;
    uint64_t n_bytes; /* uncompressed */
    unsigned char md5[KO_DIGEST_BYTES_MAX];
};

struct writer {
    const struct options *options;
    struct ko_buf lines;
    struct ko_buf packed;
    struct isal_zstream stream;
    uint8_t *level_buf;
    struct ko_digest *md5;
    const char *path;
    int fd;
    struct entry entry;
};

/* ---- numbers ---- */

static uint64_t
mixed(uint64_t x)
{
    x += 0x9E3779B97F4A7C15;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
}

static uint64_t
next(uint64_t *state)
{
    *state += 0x9E3779B97F4A7C15;
    return mixed(*state);
}

/* A permutation of 0 .. n-1: a Feistel network over the next even power of two, walked until
 * inside. */
static uint64_t
permuted(uint64_t place, uint64_t n, uint64_t seed)
{
    unsigned half = 1;
    uint64_t mask;

    while ((UINT64_C(1) << (2 * half)) < n)
        half++;
    mask = (UINT64_C(1) << half) - 1;
    do {
        uint64_t left = place >> half;
        uint64_t right = place & mask;

        for (uint64_t round = 0; round < 4; round++) {
            const uint64_t swapped = left ^ (mixed(right ^ (seed << 8) ^ (round << 56)) & mask);

            left = right;
            right = swapped;
        }
        place = (left << half) | right;
    } while (place >= n);
    return place;
}

/* The group of item x, and which of its copies it is. */
static void
place_in_groups(const struct kind *kind, uint64_t x, uint64_t *group, unsigned *copy)
{
    unsigned n_block = kind->n_unique;
    unsigned rest;

    for (unsigned i = 0; i < GROUPS_MAX; i++)
        n_block += kind->sizes[i];
    rest = (unsigned) (x % n_block);
    *copy = 0;
    *group = x;
    if (rest < kind->n_unique)
        return;
    *group = x - rest + kind->n_unique;
    *copy = rest - kind->n_unique;
    for (unsigned i = 0; *copy >= kind->sizes[i]; i++) {
        *copy -= kind->sizes[i];
        *group += 1;
    }
}

static uint64_t
count_hot(const struct options *options)
{
    return options->n_items / 100 * options->kind->hot_percent;
}

static uint64_t
count_losers(const struct options *options)
{
    const uint64_t n_hot = count_hot(options);
    uint64_t n_losers = n_hot > 0 ? n_hot - 1 : 0;

    for (uint64_t x = 0; x < options->n_items - n_hot; x++) {
        uint64_t group;
        unsigned copy;

        place_in_groups(options->kind, x, &group, &copy);
        n_losers += copy > 0;
    }
    return n_losers;
}

/* ---- text ---- */

static char *
add_text(char *at, const char *text)
{
    const size_t n = strlen(text);

    memcpy(at, text, n);
    return at + n;
}

static char *
add_letters(char *at, uint64_t *state, unsigned n, const char *alphabet)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < n; i++) {
        if (i % 12 == 0)
            bits = next(state);
        *at++ = alphabet[bits & 31];
        bits >>= 5;
    }
    return at;
}

static char *
add_digits(char *at, uint64_t number, unsigned n)
{
    for (unsigned i = n; i-- > 0; number /= 10)
        at[i] = (char) ('0' + number % 10);
    return at + n;
}

/* Milliseconds of the years 2024 and later, as months of 28 days: sorts as text and is a real date.
 */
static char *
add_time(char *at, uint64_t ms)
{
    const uint64_t day = ms / 86400000;

    at = add_digits(at, 2024 + day / 336, 4);
    *at++ = '-';
    at = add_digits(at, day / 28 % 12 + 1, 2);
    *at++ = '-';
    at = add_digits(at, day % 28 + 1, 2);
    *at++ = 'T';
    at = add_digits(at, ms / 3600000 % 24, 2);
    *at++ = ':';
    at = add_digits(at, ms / 60000 % 60, 2);
    *at++ = ':';
    at = add_digits(at, ms / 1000 % 60, 2);
    *at++ = '.';
    at = add_digits(at, ms % 1000, 3);
    *at++ = 'Z';
    return at;
}

/* ---- items ---- */

struct item {
    char space[64], cause[64], provider[64], subscription[64], receipt[32], inserted[32], delta[24];
    uint64_t shard;
    uint64_t shape; /* random bits for order and escapes */
};

static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char base58[] = "ABCDEFGHJKLMNPQRSTUVWXYZ12345678";

static void
make_item(const struct options *options, uint64_t place, struct item *item)
{
    const uint64_t x = permuted(place, options->n_items, options->seed);
    const uint64_t n_hot = count_hot(options);
    const bool is_hot = x < n_hot;
    uint64_t group = 0;
    unsigned copy = 0;
    uint64_t state;
    uint64_t own = mixed(x ^ (options->seed << 40)); /* differs between copies */
    uint64_t ms;

    if (!is_hot)
        place_in_groups(options->kind, x - n_hot, &group, &copy);
    state = mixed((is_hot ? UINT64_MAX : group) ^ (options->seed << 40) ^ (UINT64_C(1) << 63));
    *add_letters(add_text(item->cause, "bafyrei"), &state, 52, base32) = '\0';
    *add_text(item->provider, next(&state) & 1 ? "did:web:eu-west.storage.example"
                                               : "did:web:us-east.storage.example") = '\0';
    ms = next(&state) % 50000000000;
    state = mixed(place / SPACE_ITEMS ^ (options->seed << 40) ^ (UINT64_C(1) << 62));
    *add_letters(add_text(item->space, "did:key:z6Mk"), &state, 44, base58) = '\0';
    *add_letters(add_text(item->subscription, "did:mailto:customers.example:"), &state, 23,
                 base32) = '\0';
    *add_digits(item->delta, next(&own) % 9000000 + 1000000, 7) = '\0';
    ms += is_hot ? next(&own) % 10000000000 : copy * 90000000 + next(&own) % 80000000;
    *add_time(item->receipt, ms) = '\0';
    *add_time(item->inserted, ms + next(&own) % 5000) = '\0';
    item->shard = next(&state) % 1000000;
    item->shape = next(&own);
}

/* "name":{"T":"text"}, with escapes in place of some characters if there are bits for it. */
static char *
add_attribute(char *at, const char *name, const char *tag, const char *text, uint64_t escapes)
{
    static const char hex[] = "0123456789abcdef";

    at = add_text(add_text(add_text(at, "\""), name), "\":{\"");
    at = add_text(add_text(at, tag), "\":\"");
    if (escapes == 0)
        at = add_text(at, text);
    for (const char *c = text; escapes != 0 && *c != '\0';
         c++, escapes = (escapes >> 1) | (escapes << 63)) {
        if ((escapes & 31) != 31) {
            *at++ = *c;
            continue;
        }
        at = add_text(at, "\\u00");
        *at++ = hex[(*c >> 4) & 15];
        *at++ = hex[*c & 15];
    }
    return add_text(at, "\"}");
}

/* In hard data this stands in place of the space. */
static const char nested[] =
    "\"meta\":{\"M\":{\"tags\":{\"SS\":[\"a\",\"b\\\"c\"]},\"list\":{\"L\":[{\"N\":\"1\"},"
    "{\"M\":{\"deep\":{\"L\":[{\"BOOL\":true},{\"NULL\":true},{\"S\":\"}]\"}]}}}]}}}";

/* Attribute i of an item. */
static char *
add_nth(char *at, const struct item *item, unsigned i, bool is_hard)
{
    /* In hard data one cause in four, and every other text, is written with escapes. */
    const uint64_t texts = is_hard ? item->shape | 1 : 0;
    const uint64_t cause = is_hard && item->shape % 4 == 0 ? texts : 0;
    char text[256];
    char *end;

    switch (i) {
    case 0:
        end = add_text(add_text(text, item->provider), ":shard-");
        end = add_digits(end, item->shard, 6);
        end = add_text(add_text(end, "/diff#"), item->space);
        *end = '\0';
        return add_attribute(at, "pk", "S", text, texts);
    case 1:
        end = add_text(add_text(add_text(text, item->receipt), "#"), item->cause);
        *end = '\0';
        return add_attribute(at, "sk", "S", text, 0);
    case 2:
        return is_hard ? add_text(at, nested) : add_attribute(at, "space", "S", item->space, 0);
    case 3:
        return add_attribute(at, "provider", "S", item->provider, texts);
    case 4:
        return add_attribute(at, "subscription", "S", item->subscription, texts);
    case 5:
        return add_attribute(at, "cause", "S", item->cause, cause);
    case 6:
        return add_attribute(at, "delta", "N", item->delta, 0);
    case 7:
        return add_attribute(at, "receiptAt", "S", item->receipt, 0);
    default:
        return add_attribute(at, "insertedAt", "S", item->inserted, 0);
    }
}

static char *
add_line(char *at, const struct options *options, uint64_t place)
{
    unsigned order[N_ATTRIBUTES] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    struct item item;

    make_item(options, place, &item);
    for (unsigned i = N_ATTRIBUTES - 1; options->kind->is_hard && i > 0; i--) {
        const unsigned j = (unsigned) (mixed(item.shape + i) % (i + 1));
        const unsigned swapped = order[i];

        order[i] = order[j];
        order[j] = swapped;
    }
    at = add_text(at, "{\"Item\":{");
    for (unsigned i = 0; i < N_ATTRIBUTES; i++) {
        if (i > 0)
            *at++ = ',';
        at = add_nth(at, &item, order[i], options->kind->is_hard);
    }
    return add_text(at, "}}\n");
}

/* ---- files ---- */

static enum ko_code
pack_lines(struct writer *writer, bool is_last, struct ko_error *err)
{
    writer->stream.next_in = (uint8_t *) writer->lines.data;
    writer->stream.avail_in = (uint32_t) writer->lines.n;
    writer->stream.end_of_stream = is_last;
    writer->entry.n_bytes += writer->lines.n;
    do {
        char *room = ko_buf_reserve(&writer->packed, GZIP_BYTES);
        struct ko_slice part = {room, 0};

        KO_TRY(ko_buf_finish(&writer->packed, err));
        writer->stream.next_out = (uint8_t *) room;
        writer->stream.avail_out = GZIP_BYTES;
        KO_ASSERT(isal_deflate(&writer->stream) == COMP_OK);
        part.n = GZIP_BYTES - writer->stream.avail_out;
        ko_digest_add(writer->md5, part);
        KO_TRY(ko_write_all(writer->fd, part, writer->path, err));
    } while (writer->stream.avail_out == 0);
    ko_buf_reset(&writer->lines);

done:
    return err->code;
}

static enum ko_code
write_items(struct writer *writer, uint64_t first, uint64_t last, struct ko_error *err)
{
    const struct options *options = writer->options;

    isal_deflate_init(&writer->stream);
    writer->stream.level = 1;
    writer->stream.level_buf = writer->level_buf;
    writer->stream.level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    writer->stream.gzip_flag = IGZIP_GZIP;
    writer->entry = (struct entry){.n_items = last - first};
    for (uint64_t place = first; place < last; place++) {
        char *room = ko_buf_reserve(&writer->lines, LINE_BYTES_MAX);

        KO_TRY(ko_buf_finish(&writer->lines, err));
        ko_buf_commit(&writer->lines, (size_t) (add_line(room, options, place) - room));
        if (writer->lines.n >= BATCH_BYTES)
            KO_TRY(pack_lines(writer, false, err));
    }
    KO_TRY(pack_lines(writer, true, err));
    ko_digest_end(writer->md5, writer->entry.md5);

done:
    return err->code;
}

static enum ko_code
write_file(struct writer *writer, unsigned file, struct ko_error *err)
{
    const uint64_t n_items = writer->options->n_items;
    char path[KO_PATH_BYTES];

    KO_TRY(ko_path_join(path, err, writer->options->folder, "data/file-%02u.json.gz", file));
    writer->path = path;
    writer->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (writer->fd < 0)
        return ko_fail_errno(err, KO_E_IO, errno, "creating '%s'", path);
    (void) write_items(writer, n_items * file / N_FILES, n_items * (file + 1) / N_FILES, err);
    if (close(writer->fd) != 0)
        (void) ko_fail_errno(err, KO_E_IO, errno, "closing '%s'", path);

done:
    return err->code;
}

/* A worker process: writes every N_WORKERS-th file and sends the entries through the pipe. */
static enum ko_code
work(const struct options *options, unsigned worker, int pipe_fd, struct ko_error *err)
{
    struct writer *writer = ko_alloc(sizeof *writer, err);

    if (writer == NULL)
        return err->code;
    writer->options = options;
    writer->level_buf = ko_alloc(ISAL_DEF_LVL1_DEFAULT, err);
    writer->md5 = ko_digest_new(KO_MD5, err);
    KO_TRY(err->code);
    for (unsigned file = worker; file < N_FILES; file += N_WORKERS) {
        KO_TRY(write_file(writer, file, err));
        KO_TRY(ko_write_all(pipe_fd,
                            (struct ko_slice){(const char *) &writer->entry, sizeof writer->entry},
                            "pipe", err));
    }

done:
    ko_digest_free(writer->md5);
    ko_free(writer->level_buf);
    ko_buf_clear(&writer->lines);
    ko_buf_clear(&writer->packed);
    ko_free(writer);
    return err->code;
}

static enum ko_code
start_worker(const struct options *options, unsigned worker, int *pipe_fd, struct ko_error *err)
{
    int fds[2];
    pid_t pid;

    if (pipe(fds) != 0)
        return ko_fail_errno(err, KO_E_IO, errno, "making a pipe");
    pid = fork();
    if (pid < 0)
        return ko_fail_errno(err, KO_E_IO, errno, "starting a worker");
    if (pid == 0) {
        (void) close(fds[0]);
        if (work(options, worker, fds[1], err) != KO_OK)
            (void) fprintf(stderr, "make_export: %s\n", err->text);
        _exit((int) err->code);
    }
    (void) close(fds[1]);
    *pipe_fd = fds[0];
    return err->code;
}

static enum ko_code
receive_entry(int pipe_fd, struct entry *entry, struct ko_error *err)
{
    size_t n = 0;
    size_t n_read = 1;

    while (n < sizeof *entry && n_read > 0) {
        KO_TRY(ko_read_some(pipe_fd, (char *) entry + n, sizeof *entry - n, &n_read, "pipe", err));
        n += n_read;
    }
    if (n < sizeof *entry)
        return ko_fail(err, KO_E_IO, "a worker has failed");

done:
    return err->code;
}

/* ---- manifests ---- */

static enum ko_code
write_manifest(const struct options *options, const char *name, struct ko_buf *content,
               struct ko_error *err)
{
    struct ko_digest *md5 = ko_digest_new(KO_MD5, err);
    struct ko_buf checksum = {0};
    unsigned char digest[KO_DIGEST_BYTES_MAX];
    char path[KO_PATH_BYTES];

    KO_TRY(ko_buf_finish(content, err));
    KO_TRY(err->code);
    ko_digest_add(md5, ko_buf_slice(content));
    ko_digest_end(md5, digest);
    ko_base64_add(&checksum, (struct ko_slice){(const char *) digest, KO_MD5_BYTES});
    KO_TRY(ko_buf_finish(&checksum, err));
    KO_TRY(ko_path_join(path, err, options->folder, "%s.json", name));
    KO_TRY(ko_file_replace(path, ko_buf_slice(content), err));
    KO_TRY(ko_path_join(path, err, options->folder, "%s.checksum", name));
    KO_TRY(ko_file_replace(path, ko_buf_slice(&checksum), err));

done:
    ko_digest_free(md5);
    ko_buf_clear(&checksum);
    return err->code;
}

static void
add_entry(struct ko_buf *out, unsigned file, const struct entry *entry)
{
    ko_buf_add_format(out, "{\"itemCount\":%" PRIu64 ",\"md5Checksum\":\"", entry->n_items);
    ko_base64_add(out, (struct ko_slice){(const char *) entry->md5, KO_MD5_BYTES});
    ko_buf_add_format(out,
                      "\",\"etag\":\"%032u-1\",\"dataFileS3Key\":\"AWSDynamoDB/" EXPORT_ID
                      "/data/file-%02u.json.gz\"}\n",
                      file, file);
}

static void
add_summary(struct ko_buf *out, const struct options *options)
{
    ko_buf_add_text(
        out,
        "{\"version\":\"2020-06-30\",\"exportArn\":\"" TABLE_ARN "/export/" EXPORT_ID
        "\",\"startTime\":\"2026-01-01T00:00:00.000Z\",\"endTime\":\"2026-01-01T01:00:00.000Z\","
        "\"tableArn\":\"" TABLE_ARN "\",\"tableId\":\"be9c4000-0000-4000-8000-000000000001\","
        "\"exportTime\":\"2026-01-01T00:00:00.000Z\",\"s3Bucket\":\"exports\",\"s3Prefix\":null,"
        "\"s3SseAlgorithm\":\"AES256\",\"s3SseKmsKeyId\":null,"
        "\"manifestFilesS3Key\":\"AWSDynamoDB/" EXPORT_ID "/manifest-files.json\","
        "\"outputFormat\":\"DYNAMODB_JSON\",");
    ko_buf_add_format(out, "\"billedSizeBytes\":%" PRIu64 ",\"itemCount\":%" PRIu64 "}",
                      options->n_items * 500, options->n_items);
}

static enum ko_code
make(const struct options *options, uint64_t *n_bytes, struct ko_error *err)
{
    struct ko_buf files = {0};
    struct ko_buf summary = {0};
    char path[KO_PATH_BYTES];
    int pipes[N_WORKERS];

    KO_TRY(ko_path_join(path, err, options->folder, "data"));
    KO_TRY(ko_folder_make(path, err));
    for (unsigned worker = 0; worker < N_WORKERS; worker++)
        KO_TRY(start_worker(options, worker, &pipes[worker], err));
    for (unsigned file = 0; file < N_FILES; file++) {
        struct entry entry;

        KO_TRY(receive_entry(pipes[file % N_WORKERS], &entry, err));
        add_entry(&files, file, &entry);
        *n_bytes += entry.n_bytes;
    }
    add_summary(&summary, options);
    KO_TRY(write_manifest(options, "manifest-files", &files, err));
    KO_TRY(write_manifest(options, "manifest-summary", &summary, err));

done:
    ko_buf_clear(&files);
    ko_buf_clear(&summary);
    return err->code;
}

static bool
read_options(int argc, char **argv, struct options *options)
{
    const char *const name = argc > 3 ? argv[3] : "friendly";

    if (argc < 3 || argc > 5)
        return false;
    options->folder = argv[1];
    options->n_items = strtoull(argv[2], NULL, 10);
    options->seed = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
    options->kind = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            options->kind = &kinds[i];
    return options->n_items >= 100 && options->seed < 1 << 20 && options->kind != NULL;
}

int
main(int argc, char **argv)
{
    struct options options;
    struct ko_error err = {0};
    uint64_t n_bytes = 0;

    if (!read_options(argc, argv, &options)) {
        (void) fprintf(stderr, "usage: make_export FOLDER N_ITEMS "
                               "[friendly|hard|hot50|hot100|even50|even100] [SEED]\n");
        return KO_E_OPTION;
    }
    if (make(&options, &n_bytes, &err) != KO_OK) {
        (void) fprintf(stderr, "make_export: %s\n", err.text);
        return (int) err.code;
    }
    (void) printf("{\"items\":%" PRIu64 ",\"losers\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
                  options.n_items, count_losers(&options), n_bytes);
    return 0;
}
