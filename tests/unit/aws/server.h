/*
 * A server for tests: plays rows, one for each request that arrives, and keeps what it received.
 *
 * It runs in a thread of its own, on a port of the kernel's choice.  One at a time.
 * After server_stop() the test reads server.n_requests and server.requests.
 */
#ifndef KEEPONE_TESTS_UNIT_AWS_SERVER_H
#define KEEPONE_TESTS_UNIT_AWS_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keepone/format/digest.h"
#include "support/test.h"

enum server_act {
    REPLY,       /* and keep the connection */
    REPLY_CHUNK, /* the same without a length, in chunks */
    REPLY_CLOSE, /* and close the connection */
    CUT,         /* half of the body, then close */
    CLOSE,       /* read the request, close without a reply */
    RESET,       /* read the request, reset the connection */
    RESET_EARLY, /* reset the connection while the request arrives */
    SILENT       /* read the request, never reply */
};

enum server_crc { CRC_RIGHT, CRC_WRONG, CRC_NONE };

struct server_row {
    enum server_act act;
    int status; /* 0 = 200 */
    const char *body;
    enum server_crc crc;
    const char *headers; /* further ones, each with its line break; NULL = none */
    const char *unless;  /* a request with this text gets a plain reply instead; NULL = none */
};

enum { SERVER_REQUESTS = 128, SERVER_REQUEST_BYTES = 8192, SERVER_CONNECTIONS = 64 };

struct server_connection {
    int fd; /* -1 = none */
    size_t n;
    char received[SERVER_REQUEST_BYTES];
};

static struct {
    pthread_t thread;
    int listen_fd;
    int stop_fds[2];
    int port;
    char url[64];
    const struct server_row *rows;
    size_t n_rows;
    size_t n_requests;
    size_t n_connections;
    char requests[SERVER_REQUESTS][SERVER_REQUEST_BYTES];
    struct server_connection connections[SERVER_CONNECTIONS];
} server;

static inline void
server_close(struct server_connection *connection, bool reset)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};

    if (reset)
        (void) setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    (void) close(connection->fd);
    connection->fd = -1;
    connection->n = 0;
}

static inline void
server_write(int fd, const char *data, size_t n)
{
    while (n > 0) {
        const ssize_t n_written = send(fd, data, n, MSG_NOSIGNAL);

        if (n_written <= 0)
            return;
        data += n_written;
        n -= (size_t) n_written;
    }
}

static inline void
server_reply(struct server_connection *connection, const struct server_row *row)
{
    const char *const body = row->body == NULL ? "{}" : row->body;
    const size_t n = strlen(body);
    const uint32_t crc = ko_crc32(ko_slice_of(body)) ^ (row->crc == CRC_WRONG ? 1U : 0U);
    char head[1024];
    char line[64];

    (void) snprintf(head, sizeof head, "HTTP/1.1 %d Status\r\nx-amzn-RequestId: request-1\r\n%s",
                    row->status == 0 ? 200 : row->status, row->headers == NULL ? "" : row->headers);
    server_write(connection->fd, head, strlen(head));
    if (row->crc != CRC_NONE) {
        (void) snprintf(line, sizeof line, "x-amz-crc32: %u\r\n", crc);
        server_write(connection->fd, line, strlen(line));
    }
    if (row->act == REPLY_CHUNK)
        (void) snprintf(line, sizeof line, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", n);
    else
        (void) snprintf(line, sizeof line, "Content-Length: %zu\r\n\r\n", n);
    server_write(connection->fd, line, strlen(line));
    server_write(connection->fd, body, row->act == CUT ? n / 2 : n);
    if (row->act == REPLY_CHUNK)
        server_write(connection->fd, "\r\n0\r\n\r\n", 7);
    if (row->act == CUT || row->act == REPLY_CLOSE)
        server_close(connection, false);
}

/* The size of the whole request in the buffer, 0 while it is not there. */
static inline size_t
server_request_bytes(const struct server_connection *connection)
{
    const char *const end = strstr(connection->received, "\r\n\r\n");
    const char *const length = strcasestr(connection->received, "\r\ncontent-length:");
    size_t n;

    if (end == NULL)
        return 0;
    n = (size_t) (end + 4 - connection->received);
    if (length != NULL && length < end)
        n += strtoul(length + 17, NULL, 10);
    return n <= connection->n ? n : 0;
}

static inline void
server_receive(struct server_connection *connection)
{
    static const struct server_row beyond = {.act = REPLY};
    const struct server_row *row =
        server.n_requests < server.n_rows ? &server.rows[server.n_requests] : &beyond;
    const ssize_t n = recv(connection->fd, connection->received + connection->n,
                           sizeof connection->received - 1 - connection->n, 0);

    if (n <= 0) {
        server_close(connection, false);
        return;
    }
    connection->n += (size_t) n;
    connection->received[connection->n] = '\0';
    if (row->act != RESET_EARLY && server_request_bytes(connection) == 0)
        return;
    if (row->unless != NULL && strstr(connection->received, row->unless) != NULL)
        row = &beyond;
    if (server.n_requests < SERVER_REQUESTS)
        memcpy(server.requests[server.n_requests], connection->received, connection->n + 1);
    server.n_requests++;
    connection->n = 0;
    if (row->act == CLOSE)
        server_close(connection, false);
    else if (row->act == RESET || row->act == RESET_EARLY)
        server_close(connection, true);
    else if (row->act != SILENT)
        server_reply(connection, row);
}

static inline void
server_accept(void)
{
    const int fd = accept(server.listen_fd, NULL, NULL);
    const int on = 1;

    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++) {
        if (server.connections[i].fd >= 0)
            continue;
        server.connections[i].fd = fd;
        server.n_connections++;
        return;
    }
    (void) close(fd);
}

static inline void *
server_run(void *unused)
{
    for (;;) {
        struct pollfd watched[SERVER_CONNECTIONS + 2] = {
            {.fd = server.stop_fds[0], .events = POLLIN},
            {.fd = server.listen_fd, .events = POLLIN},
        };

        for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
            watched[i + 2] = (struct pollfd){.fd = server.connections[i].fd, .events = POLLIN};
        (void) poll(watched, SERVER_CONNECTIONS + 2, -1);
        if (watched[0].revents != 0)
            return unused;
        for (size_t i = 0; i < SERVER_CONNECTIONS; i++) {
            if (watched[i + 2].revents != 0)
                server_receive(&server.connections[i]);
        }
        if (watched[1].revents != 0)
            server_accept();
    }
}

static inline void
server_start(const struct server_row *rows, size_t n_rows)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof address;

    memset(&server, 0, sizeof server);
    server.rows = rows;
    server.n_rows = n_rows;
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
        server.connections[i].fd = -1;
    server.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.listen_fd, (struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal(listen(server.listen_fd, SERVER_CONNECTIONS), 0);
    assert_int_equal(getsockname(server.listen_fd, (struct sockaddr *) &address, &n), 0);
    server.port = ntohs(address.sin_port);
    (void) snprintf(server.url, sizeof server.url, "http://127.0.0.1:%d", server.port);
    assert_int_equal(pipe(server.stop_fds), 0);
    assert_int_equal(pthread_create(&server.thread, NULL, server_run, NULL), 0);
}

#define SERVER_PLAY(rows) server_start(rows, sizeof(rows) / sizeof(rows)[0])

/* The port is free afterwards: connecting to the same URL is refused. */
static inline void
server_stop(void)
{
    assert_int_equal(write(server.stop_fds[1], "", 1), 1);
    assert_int_equal(pthread_join(server.thread, NULL), 0);
    for (size_t i = 0; i < SERVER_CONNECTIONS; i++) {
        if (server.connections[i].fd >= 0)
            server_close(&server.connections[i], false);
    }
    (void) close(server.listen_fd);
    (void) close(server.stop_fds[0]);
    (void) close(server.stop_fds[1]);
}

#endif
