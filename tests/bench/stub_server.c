/*
 * A DynamoDB that answers at once and counts the units that it gives: one table "t" (stub_table.h).
 *
 * Usage: stub_server [--items=N] [--item-bytes=N] [--body-bytes=N] [--copy-percent=P] [--indexes=N]
 *                    [--limit-read=U] [--limit-write=U] [--limit-seconds=S]
 *                    [--hot-from=I] [--hot-to=I] [--hot-read=U] [--hot-write=U]
 *                    [--provisioned-read=U] [--provisioned-write=U] [--on-demand-read=U] ...
 *                    [--warm-read=U] [--warm-write=U]
 * Prints its port on a line of its own; on SIGTERM what it counted, as one JSON object, and ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keepone/base/clock.h"
#include "keepone/format/digest.h"
#include "stub_http.h"
#include "stub_table.h"

struct server {
    struct stub_table *table;
    struct ko_buf body; /* of the reply in hand */
};

static void
answer(void *self, const struct stub_request *request, struct ko_buf *out)
{
    struct server *server = self;
    const struct ko_slice target = stub_header(request, "X-Amz-Target");
    const char *const dot = target.n == 0 ? NULL : memchr(target.data, '.', target.n);
    struct ko_slice operation = {"", 0};
    int status;

    if (dot != NULL)
        operation = (struct ko_slice){dot + 1, target.n - (size_t) (dot + 1 - target.data)};
    ko_buf_reset(&server->body);
    status =
        stub_table_answer(server->table, operation, request->body, ko_clock_us(), &server->body);
    ko_buf_add_format(out,
                      "HTTP/1.1 %d OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
                      "x-amzn-RequestId: 1\r\nx-amz-crc32: %u\r\nContent-Length: %zu\r\n\r\n",
                      status, ko_crc32(ko_buf_slice(&server->body)), server->body.n);
    ko_buf_add_slice(out, ko_buf_slice(&server->body));
}

static bool
set_option(struct stub_options *options, const char *word)
{
    const struct {
        const char *name;
        uint64_t *number;
        double *rate;
    } rows[] = {
        {"--items=", &options->n_items, NULL},
        {"--item-bytes=", &options->item_bytes, NULL},
        {"--body-bytes=", &options->body_bytes, NULL},
        {"--copy-percent=", &options->copy_percent, NULL},
        {"--indexes=", &options->n_indexes, NULL},
        {"--limit-read=", NULL, &options->limit[STUB_READ]},
        {"--limit-write=", NULL, &options->limit[STUB_WRITE]},
        {"--limit-seconds=", NULL, &options->limit_seconds},
        {"--hot-from=", &options->hot_from, NULL},
        {"--hot-to=", &options->hot_to, NULL},
        {"--hot-read=", NULL, &options->hot_limit[STUB_READ]},
        {"--hot-write=", NULL, &options->hot_limit[STUB_WRITE]},
        {"--provisioned-read=", &options->provisioned[STUB_READ], NULL},
        {"--provisioned-write=", &options->provisioned[STUB_WRITE], NULL},
        {"--on-demand-read=", &options->on_demand[STUB_READ], NULL},
        {"--on-demand-write=", &options->on_demand[STUB_WRITE], NULL},
        {"--warm-read=", &options->warm[STUB_READ], NULL},
        {"--warm-write=", &options->warm[STUB_WRITE], NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const size_t n = strlen(rows[i].name);

        if (strncmp(word, rows[i].name, n) != 0)
            continue;
        if (rows[i].number != NULL)
            *rows[i].number = strtoull(word + n, NULL, 10);
        else
            *rows[i].rate = strtod(word + n, NULL);
        return true;
    }
    (void) fprintf(stderr, "stub_server: what is %s?\n", word);
    return false;
}

int
main(int argc, char **argv)
{
    struct server server = {0};
    struct stub_options options = {
        .n_items = 10000, .item_bytes = 400, .body_bytes = 100, .copy_percent = 20};
    struct ko_error err = {0};
    struct ko_buf out = {0};

    for (int i = 1; i < argc; i++)
        if (!set_option(&options, argv[i]))
            return 2;
    server.table = stub_table_new(&options, &err);
    if (err.code != KO_OK || !stub_serve(answer, &server)) {
        perror("stub_server");
        return 1;
    }
    stub_table_add_counts(server.table, &out);
    ko_buf_add_char(&out, '\n');
    (void) fwrite(out.data, 1, out.n, stdout);
    ko_buf_clear(&out);
    ko_buf_clear(&server.body);
    stub_table_free(server.table);
    return 0;
}
