/*
 * A DynamoDB that answers at once and counts the units that it gives: HTTP/1.1 with kept-alive
 * connections, one thread, one table "t" (stub_table.h).
 *
 * Usage: stub_server [--items=N] [--item-bytes=N] [--body-bytes=N] [--copy-percent=P] [--indexes=N]
 *                    [--limit-read=U] [--limit-write=U] [--limit-seconds=S]
 *                    [--hot-from=I] [--hot-to=I] [--hot-read=U] [--hot-write=U]
 *                    [--provisioned-read=U] [--provisioned-write=U] [--on-demand-read=U] ...
 *                    [--warm-read=U] [--warm-write=U]
 * Prints its port on a line of its own; on SIGTERM what it counted, as one JSON object, and ends.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keepone/base/buf.h"
#include "keepone/base/clock.h"
#include "keepone/base/mem.h"
#include "keepone/format/digest.h"
#include "stub_table.h"

enum { CONNECTIONS_MAX = 4096, EVENTS = 64, READ_BYTES = 65536 };

struct connection {
    struct ko_buf in;
    struct ko_buf out;
    size_t n_sent; /* of out */
    bool is_open;
};

struct server {
    int listener;
    int signals;
    int epoll;
    struct stub_table *table;
    struct ko_buf body;                             /* of the reply in hand */
    struct connection connections[CONNECTIONS_MAX]; /* by descriptor */
};

static void
watch(struct server *server, int fd, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    (void) epoll_ctl(server->epoll, how, fd, &event);
}

static void
drop(struct server *server, int fd)
{
    struct connection *connection = &server->connections[fd];

    ko_buf_clear(&connection->in);
    ko_buf_clear(&connection->out);
    *connection = (struct connection){0};
    (void) close(fd);
}

static void
accept_all(struct server *server)
{
    for (;;) {
        const int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        const int yes = 1;

        if (fd < 0)
            return;
        if (fd >= CONNECTIONS_MAX) {
            (void) close(fd);
            continue;
        }
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        server->connections[fd].is_open = true;
        watch(server, fd, EPOLLIN, EPOLL_CTL_ADD);
    }
}

/* The value of a header; absent if there is none. */
static struct ko_slice
find_header(struct ko_slice head, const char *name)
{
    const char *line = memmem(head.data, head.n, "\r\n", 2);
    const size_t n = strlen(name);
    struct ko_slice value = {NULL, 0};

    while (line != NULL) {
        const char *const start = line + 2;
        const size_t left = head.n - (size_t) (start - head.data);
        const char *const end = memmem(start, left, "\r\n", 2);

        if (end != NULL && (size_t) (end - start) > n && start[n] == ':' &&
            strncasecmp(start, name, n) == 0) {
            value.data = start + n + 1 + strspn(start + n + 1, " ");
            value.n = (size_t) (end - value.data);
            return value;
        }
        line = end;
    }
    return value;
}

static void
answer(struct server *server, struct connection *connection, struct ko_slice target,
       struct ko_slice body)
{
    const char *const dot = target.n == 0 ? NULL : memchr(target.data, '.', target.n);
    struct ko_slice operation = {"", 0};
    int status;

    if (dot != NULL)
        operation = (struct ko_slice){dot + 1, target.n - (size_t) (dot + 1 - target.data)};
    ko_buf_reset(&server->body);
    status = stub_table_answer(server->table, operation, body, ko_clock_us(), &server->body);
    ko_buf_add_format(&connection->out,
                      "HTTP/1.1 %d OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
                      "x-amzn-RequestId: 1\r\nx-amz-crc32: %u\r\nContent-Length: %zu\r\n\r\n",
                      status, ko_crc32(ko_buf_slice(&server->body)), server->body.n);
    ko_buf_add_slice(&connection->out, ko_buf_slice(&server->body));
}

/* One whole request at the start of what came in; its length, or 0 if it is not whole yet. */
static size_t
take_request(struct server *server, struct connection *connection)
{
    const struct ko_slice in = ko_buf_slice(&connection->in);
    const char *const end = in.n == 0 ? NULL : memmem(in.data, in.n, "\r\n\r\n", 4);
    struct ko_slice head;
    struct ko_slice length;
    size_t n_body;

    if (end == NULL)
        return 0;
    head = (struct ko_slice){in.data, (size_t) (end - in.data) + 2};
    length = find_header(head, "Content-Length");
    n_body = length.data == NULL ? 0 : strtoull(length.data, NULL, 10);
    if (in.n < head.n + 2 + n_body)
        return 0;
    answer(server, connection, find_header(head, "X-Amz-Target"),
           (struct ko_slice){in.data + head.n + 2, n_body});
    return head.n + 2 + n_body;
}

static void
send_some(struct server *server, int fd)
{
    struct connection *connection = &server->connections[fd];

    while (connection->n_sent < connection->out.n) {
        const ssize_t n = send(fd, connection->out.data + connection->n_sent,
                               connection->out.n - connection->n_sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            watch(server, fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (n <= 0) {
            drop(server, fd);
            return;
        }
        connection->n_sent += (size_t) n;
    }
    ko_buf_reset(&connection->out);
    connection->n_sent = 0;
}

static void
receive_some(struct server *server, int fd)
{
    struct connection *connection = &server->connections[fd];
    char *const room = ko_buf_reserve(&connection->in, READ_BYTES);
    const ssize_t n = room == NULL ? 0 : recv(fd, room, READ_BYTES, 0);
    size_t n_taken;

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        drop(server, fd);
        return;
    }
    ko_buf_commit(&connection->in, (size_t) n);
    while ((n_taken = take_request(server, connection)) > 0) {
        memmove(connection->in.data, connection->in.data + n_taken, connection->in.n - n_taken);
        connection->in.n -= n_taken;
    }
    send_some(server, fd);
}

static bool
listen_locally(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    sigset_t ends;

    (void) sigemptyset(&ends);
    (void) sigaddset(&ends, SIGTERM);
    (void) sigprocmask(SIG_BLOCK, &ends, NULL);
    server->signals = signalfd(-1, &ends, SFD_CLOEXEC);
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(server->listener, (struct sockaddr *) &address, sizeof address) != 0 ||
        listen(server->listener, SOMAXCONN) != 0 ||
        getsockname(server->listener, (struct sockaddr *) &address, &n) != 0)
        return false;
    watch(server, server->listener, EPOLLIN, EPOLL_CTL_ADD);
    watch(server, server->signals, EPOLLIN, EPOLL_CTL_ADD);
    (void) printf("%d\n", ntohs(address.sin_port));
    (void) fflush(stdout);
    return true;
}

static void
serve(struct server *server)
{
    for (;;) {
        struct epoll_event events[EVENTS];
        const int n = epoll_wait(server->epoll, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            const int fd = events[i].data.fd;

            if (fd == server->signals)
                return;
            if (fd == server->listener)
                accept_all(server);
            else if ((events[i].events & EPOLLOUT) != 0 && server->connections[fd].is_open) {
                watch(server, fd, EPOLLIN, EPOLL_CTL_MOD);
                send_some(server, fd);
            } else if (server->connections[fd].is_open) {
                receive_some(server, fd);
            }
        }
    }
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
    static struct server server;
    struct stub_options options = {
        .n_items = 10000, .item_bytes = 400, .body_bytes = 100, .copy_percent = 20};
    struct ko_error err = {0};
    struct ko_buf out = {0};

    for (int i = 1; i < argc; i++)
        if (!set_option(&options, argv[i]))
            return 2;
    server.table = stub_table_new(&options, &err);
    if (err.code != KO_OK || !listen_locally(&server)) {
        perror("stub_server");
        return 1;
    }
    serve(&server);
    stub_table_add_counts(server.table, &out);
    ko_buf_add_char(&out, '\n');
    (void) fwrite(out.data, 1, out.n, stdout);
    ko_buf_clear(&out);
    stub_table_free(server.table);
    return 0;
}
