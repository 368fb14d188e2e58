#include "stub_http.h"

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
    stub_answer *answer;
    void *self;
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

struct ko_slice
stub_header(const struct stub_request *request, const char *name)
{
    const struct ko_slice head = request->head;
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

/* One whole request at the start of what came in; its length, or 0 if it is not whole yet. */
static size_t
take_request(struct server *server, struct connection *connection)
{
    const struct ko_slice in = ko_buf_slice(&connection->in);
    const char *const end = in.n == 0 ? NULL : memmem(in.data, in.n, "\r\n\r\n", 4);
    struct stub_request request;
    struct ko_slice length;
    size_t n_head;

    if (end == NULL)
        return 0;
    request.head = (struct ko_slice){in.data, (size_t) (end - in.data) + 2};
    n_head = request.head.n + 2;
    length = stub_header(&request, "Content-Length");
    request.body.n = length.data == NULL ? 0 : strtoull(length.data, NULL, 10);
    request.body.data = in.data + n_head;
    if (in.n < n_head + request.body.n)
        return 0;
    server->answer(server->self, &request, &connection->out);
    return n_head + request.body.n;
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

bool
stub_serve(stub_answer *answer, void *self)
{
    static struct server server;

    server.answer = answer;
    server.self = self;
    if (!listen_locally(&server))
        return false;
    serve(&server);
    return true;
}
