#include "keepone/aws/http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <curl/curl.h>

#include "keepone/aws/endpoint.h"
#include "keepone/base/buf.h"
#include "keepone/base/mem.h"

enum {
    DEFAULT_IN_FLIGHT = 32,
    DEFAULT_CONNECT_TIMEOUT_MS = 3000,
    DEFAULT_REQUEST_TIMEOUT_MS = 60000,
    DEFAULT_MAX_BODY_BYTES = 128 * 1024 * 1024,
    MAX_IDLE_S = 50, /* a connection idle for longer is not used again */
    RECEIVE_BYTES = 128 * 1024,
    HEADERS_MAX = 32,
    EVENTS_PER_STEP = 64,
    KEEP_BYTES = 4 * 1024 * 1024 /* a larger buffer is not kept after its response */
};

/* A request in flight, or the room for one.  Handle and buffers are kept from use to use. */
struct slot {
    struct ko_http *http;
    CURL *easy;
    char error_text[CURL_ERROR_SIZE];

    struct ko_buf header_lines; /* "Name: value\0" each */
    struct curl_slist header_list[HEADERS_MAX + 1];
    struct ko_buf headers;
    struct ko_buf body;

    uint64_t id;
    unsigned n_sendings; /* how often the request was about to go out */
    bool is_active;
    bool send_once;
    bool is_too_large;
    bool is_unwanted;
    ko_http_piece_fn *piece;
    ko_http_done_fn *done;
    void *self;
};

struct ko_http {
    CURLM *multi;
    int epoll_fd;
    int timer_fd;
    bool is_due; /* the library wants to be called, without an event */
    bool has_global;
    uint64_t max_body_bytes;
    long request_timeout_ms;
    bool without_proxy;
    uint64_t n_started;
    uint32_t n_slots;
    uint32_t n_active;
    struct slot *slots;
};

/* The library asks to be told when a socket can be read or written. */
static int
watch_socket(CURL *easy, curl_socket_t fd, int what, void *self, void *socket_data)
{
    struct ko_http *http = self;
    struct epoll_event event = {.data.fd = fd};

    (void) easy;
    (void) socket_data;
    if (what == CURL_POLL_REMOVE) {
        (void) epoll_ctl(http->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events = ((what & CURL_POLL_IN) != 0 ? (uint32_t) EPOLLIN : 0U) |
                   ((what & CURL_POLL_OUT) != 0 ? (uint32_t) EPOLLOUT : 0U);
    if (epoll_ctl(http->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
        return 0;
    return errno == ENOENT && epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -1;
}

/* The library asks to be called after timeout_ms, or no more (-1). */
static int
set_timer(CURLM *multi, long timeout_ms, void *self)
{
    struct ko_http *http = self;
    struct itimerspec timer = {0};

    (void) multi;
    http->is_due = timeout_ms == 0;
    if (timeout_ms > 0) {
        timer.it_value.tv_sec = timeout_ms / 1000;
        timer.it_value.tv_nsec = timeout_ms % 1000 * 1000000;
    }
    return timerfd_settime(http->timer_fd, 0, &timer, NULL) == 0 ? 0 : -1;
}

/*
 * Called each time the request is about to go out on a connection.  The library sends a
 * request again on its own where a kept-alive connection breaks before the response; for a
 * request that must go out once, this is where it is stopped.
 */
static int
before_sending(void *self, char *server_ip, char *local_ip, int server_port, int local_port)
{
    struct slot *slot = self;

    (void) server_ip;
    (void) local_ip;
    (void) server_port;
    (void) local_port;
    slot->n_sendings++;
    return slot->send_once && slot->n_sendings > 1 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static int
status_of(const struct slot *slot)
{
    long status = 0;

    (void) curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int) status;
}

static bool
wants_pieces(const struct slot *slot)
{
    return slot->piece != NULL && status_of(slot) / 100 == 2;
}

static bool
hand_over(struct slot *slot, struct ko_slice piece)
{
    const struct ko_http_response head = {.outcome = KO_HTTP_DONE,
                                          .status = status_of(slot),
                                          .headers = ko_buf_slice(&slot->headers),
                                          .body = KO_SLICE(""),
                                          .message = ""};

    slot->is_unwanted = !slot->piece(slot->self, &head, piece);
    return !slot->is_unwanted;
}

/* A status line starts the headers of another response (100 Continue comes before the one that
 * counts). */
static size_t
receive_header(char *data, size_t size, size_t n, void *self)
{
    struct slot *slot = self;
    const bool is_end = n * size > 0 && (data[0] == '\r' || data[0] == '\n');

    if (n * size >= 5 && memcmp(data, "HTTP/", 5) == 0)
        ko_buf_reset(&slot->headers);
    ko_buf_add(&slot->headers, data, n * size);
    if (is_end && wants_pieces(slot) && !hand_over(slot, KO_SLICE("")))
        return 0;
    return slot->headers.failed ? 0 : n * size;
}

static size_t
receive_body(char *data, size_t size, size_t n, void *self)
{
    struct slot *slot = self;

    if (wants_pieces(slot))
        return hand_over(slot, (struct ko_slice){data, n * size}) ? n * size : 0;
    slot->is_too_large = n * size > slot->http->max_body_bytes - slot->body.n;
    if (!slot->is_too_large)
        ko_buf_add(&slot->body, data, n * size);
    return slot->is_too_large || slot->body.failed ? 0 : n * size;
}

/* What is the same for all requests. */
static bool
configure(struct slot *slot, const struct ko_http_options *options)
{
    CURL *const easy = slot->easy;
    const long connect_ms = options->connect_timeout_ms != 0 ? (long) options->connect_timeout_ms
                                                             : DEFAULT_CONNECT_TIMEOUT_MS;
    bool ok = true;

#define SET(option, value) ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK
    SET(CURLOPT_PRIVATE, slot);
    SET(CURLOPT_ERRORBUFFER, slot->error_text);
    SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_DNS_SHUFFLE_ADDRESSES, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* else a time-out waits until the name's resolver gives up */
    SET(CURLOPT_MAXAGE_CONN, (long) MAX_IDLE_S);
    SET(CURLOPT_BUFFERSIZE, (long) RECEIVE_BYTES);
    SET(CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's reply is not the server's */
    SET(CURLOPT_HEADEROPT,
        (long) CURLHEADER_SEPARATE); /* signatures are none of a proxy's business */
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (options->ca_file != NULL)
        SET(CURLOPT_CAINFO, options->ca_file);
    SET(CURLOPT_PREREQFUNCTION, before_sending);
    SET(CURLOPT_PREREQDATA, slot);
    SET(CURLOPT_HEADERFUNCTION, receive_header);
    SET(CURLOPT_HEADERDATA, slot);
    SET(CURLOPT_WRITEFUNCTION, receive_body);
    SET(CURLOPT_WRITEDATA, slot);
#undef SET
    return ok;
}

static enum ko_code
make_slots(struct ko_http *http, const struct ko_http_options *options, struct ko_error *err)
{
    http->slots = ko_alloc_array(http->n_slots, sizeof *http->slots, err);
    if (http->slots == NULL)
        return err->code;
    for (uint32_t i = 0; i < http->n_slots; i++) {
        struct slot *slot = &http->slots[i];

        slot->http = http;
        slot->easy = curl_easy_init();
        if (slot->easy == NULL)
            return ko_fail(err, KO_E_MEMORY, "cannot allocate an HTTP handle");
        if (!configure(slot, options))
            return ko_fail(err, KO_E_AWS, "this libcurl (%s) lacks an option", curl_version());
    }
    return KO_OK;
}

static enum ko_code
make_multi(struct ko_http *http, struct ko_error *err)
{
    struct epoll_event event = {.events = EPOLLIN};
    bool ok;

    http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    http->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    event.data.fd = http->timer_fd;
    if (http->epoll_fd < 0 || http->timer_fd < 0 ||
        epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, http->timer_fd, &event) != 0)
        return ko_fail_errno(err, KO_E_AWS, errno, "cannot watch sockets");
    http->multi = curl_multi_init();
    if (http->multi == NULL)
        return ko_fail(err, KO_E_MEMORY, "cannot allocate the HTTP client");
    ok = curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long) http->n_slots) == CURLM_OK &&
         curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long) CURLPIPE_NOTHING) == CURLM_OK &&
         curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_socket) == CURLM_OK &&
         curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http) == CURLM_OK &&
         curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer) == CURLM_OK &&
         curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http) == CURLM_OK;
    return ok ? KO_OK : ko_fail(err, KO_E_AWS, "this libcurl (%s) lacks an option", curl_version());
}

enum ko_code
ko_http_open(const struct ko_http_options *options, struct ko_http **http, struct ko_error *err)
{
    struct ko_http *made = ko_alloc(sizeof *made, err);

    if (made == NULL)
        return err->code;
    made->epoll_fd = -1;
    made->timer_fd = -1;
    made->without_proxy = options->without_proxy;
    made->n_slots = options->max_in_flight != 0 ? options->max_in_flight : DEFAULT_IN_FLIGHT;
    made->request_timeout_ms = options->request_timeout_ms != 0 ? (long) options->request_timeout_ms
                                                                : DEFAULT_REQUEST_TIMEOUT_MS;
    made->max_body_bytes =
        options->max_body_bytes != 0 ? options->max_body_bytes : DEFAULT_MAX_BODY_BYTES;
    made->has_global = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    if (!made->has_global)
        (void) ko_fail(err, KO_E_AWS, "libcurl cannot start");
    KO_TRY(err->code);
    KO_TRY(make_multi(made, err));
    KO_TRY(make_slots(made, options, err));
    *http = made;
    return KO_OK;

done:
    ko_http_close(made);
    return err->code;
}

/* Signatures, session tokens and replies with credentials do not stay in freed memory. */
static void
clear_slot(struct slot *slot)
{
    if (slot->is_active)
        (void) curl_multi_remove_handle(slot->http->multi, slot->easy);
    curl_easy_cleanup(slot->easy);
    ko_buf_wipe(&slot->header_lines);
    ko_buf_wipe(&slot->body);
    ko_buf_clear(&slot->headers);
}

void
ko_http_close(struct ko_http *http)
{
    if (http == NULL)
        return;
    for (uint32_t i = 0; http->slots != NULL && i < http->n_slots; i++) {
        if (http->slots[i].http != NULL)
            clear_slot(&http->slots[i]);
    }
    ko_free(http->slots);
    if (http->multi != NULL)
        (void) curl_multi_cleanup(http->multi);
    if (http->timer_fd >= 0)
        (void) close(http->timer_fd);
    if (http->epoll_fd >= 0)
        (void) close(http->epoll_fd);
    if (http->has_global)
        curl_global_cleanup();
    ko_free(http);
}

uint32_t
ko_http_room(const struct ko_http *http)
{
    return http->n_slots - http->n_active;
}

static struct slot *
find_free(struct ko_http *http)
{
    for (uint32_t i = 0; i < http->n_slots; i++) {
        if (!http->slots[i].is_active)
            return &http->slots[i];
    }
    return NULL;
}

/* The list's elements are ours, and so need no allocation; the library only reads them. */
static enum ko_code
set_headers(struct slot *slot, const struct ko_http_request *request, struct ko_error *err)
{
    struct ko_buf *const lines = &slot->header_lines;
    size_t n_bytes = sizeof "Expect:";
    size_t n = 0;

    KO_ASSERT(request->n_headers <= HEADERS_MAX);
    ko_buf_reset(lines);
    for (size_t i = 0; i < request->n_headers; i++)
        n_bytes += request->headers[i].name.n + request->headers[i].value.n + sizeof ": ";
    (void) ko_buf_reserve(lines, n_bytes); /* a buffer that moves leaves secrets behind */
    for (size_t i = 0; i < request->n_headers; i++) {
        ko_buf_add_slice(lines, request->headers[i].name);
        ko_buf_add_text(lines, ": ");
        ko_buf_add_slice(lines, request->headers[i].value);
        ko_buf_add_char(lines, '\0');
    }
    ko_buf_add(lines, "Expect:", sizeof "Expect:");
    if (ko_buf_finish(lines, err) != KO_OK)
        return err->code;
    for (size_t at = 0; at < lines->n; at += strlen(lines->data + at) + 1) {
        if (n > 0)
            slot->header_list[n - 1].next = &slot->header_list[n];
        slot->header_list[n++] = (struct curl_slist){.data = lines->data + at};
    }
    return KO_OK;
}

/* Handles are used again for other requests, so both limits are set each time. */
static bool
set_timeouts(struct slot *slot, uint32_t stall_ms)
{
    const long stall_s = (long) (stall_ms / 1000U + (stall_ms % 1000U != 0));

    return curl_easy_setopt(slot->easy, CURLOPT_TIMEOUT_MS,
                            stall_s != 0 ? 0L : slot->http->request_timeout_ms) == CURLE_OK &&
           curl_easy_setopt(slot->easy, CURLOPT_LOW_SPEED_LIMIT, stall_s != 0 ? 1L : 0L) ==
               CURLE_OK &&
           curl_easy_setopt(slot->easy, CURLOPT_LOW_SPEED_TIME, stall_s) == CURLE_OK;
}

static bool
set_request(struct slot *slot, const struct ko_http_request *request)
{
    CURL *const easy = slot->easy;
    const bool has_body = request->body.data != NULL;
    const bool is_direct = slot->http->without_proxy || ko_endpoint_is_direct(request->url);
    bool ok;

    ok = curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_NOPROXY, is_direct ? "*" : NULL) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_HTTPHEADER, slot->header_list) == CURLE_OK;
    if (has_body)
        ok = ok && curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body.n) ==
                 CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.data) == CURLE_OK;
    else
        ok = ok && curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    return ok && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
}

enum ko_code
ko_http_start(struct ko_http *http, const struct ko_http_request *request, struct ko_error *err)
{
    struct slot *slot = find_free(http);

    if (slot == NULL)
        return ko_fail(err, KO_E_BUG, "more than %u HTTP requests at a time", http->n_slots);
    slot->n_sendings = 0;
    slot->send_once = request->send_once;
    slot->is_too_large = false;
    slot->is_unwanted = false;
    slot->piece = request->piece;
    slot->done = request->done;
    slot->self = request->self;
    slot->error_text[0] = '\0';
    ko_buf_reset(&slot->headers);
    ko_buf_reset(&slot->body);
    if (set_headers(slot, request, err) != KO_OK)
        return err->code;
    if (!set_request(slot, request) || !set_timeouts(slot, request->stall_timeout_ms))
        return ko_fail(err, KO_E_MEMORY, "cannot prepare an HTTP request");
    if (curl_multi_add_handle(http->multi, slot->easy) != CURLM_OK)
        return ko_fail(err, KO_E_AWS, "cannot start an HTTP request");
    slot->is_active = true;
    slot->id = ++http->n_started;
    http->n_active++;
    if (request->id != NULL)
        *request->id = slot->id;
    return KO_OK;
}

static enum ko_http_outcome
outcome_of(const struct slot *slot, CURLcode rc)
{
    if (rc == CURLE_OK)
        return KO_HTTP_DONE;
    if (rc == CURLE_OUT_OF_MEMORY || slot->headers.failed || slot->body.failed)
        return slot->n_sendings == 0 ? KO_HTTP_NOT_SENT : KO_HTTP_MEMORY;
    if (slot->is_unwanted)
        return KO_HTTP_UNWANTED;
    if (slot->is_too_large)
        return KO_HTTP_TOO_LARGE;
    if (slot->n_sendings > 0)
        return KO_HTTP_LOST;
    return rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE
               ? KO_HTTP_UNTRUSTED
               : KO_HTTP_NOT_SENT;
}

static void
deliver(struct slot *slot, CURLcode rc)
{
    const bool is_cut_once = rc == CURLE_ABORTED_BY_CALLBACK && slot->n_sendings > 1;
    const char *text = slot->error_text[0] != '\0' ? slot->error_text : curl_easy_strerror(rc);
    struct ko_http_response response = {.outcome = outcome_of(slot, rc), .message = ""};

    response.headers = ko_buf_slice(&slot->headers);
    response.body = KO_SLICE("");
    if (response.outcome == KO_HTTP_DONE) {
        response.status = status_of(slot);
        response.body = ko_buf_slice(&slot->body);
    } else {
        response.message = is_cut_once ? "the connection was closed without a reply" : text;
    }
    slot->done(slot->self, &response);
}

/* The slot is given back after `done`, which reads its buffers and may start other requests. */
static void
finish(struct ko_http *http, CURL *easy, CURLcode rc)
{
    struct slot *slot = NULL;

    (void) curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &slot);
    KO_ASSERT(slot != NULL && slot->is_active);
    (void) curl_multi_remove_handle(http->multi, easy);
    deliver(slot, rc);
    if (slot->body.capacity > KEEP_BYTES)
        ko_buf_clear(&slot->body);
    slot->is_active = false;
    http->n_active--;
}

void
ko_http_cancel(struct ko_http *http, uint64_t id)
{
    for (uint32_t i = 0; i < http->n_slots; i++) {
        struct slot *slot = &http->slots[i];

        if (!slot->is_active || slot->id != id)
            continue;
        (void) curl_multi_remove_handle(http->multi, slot->easy);
        slot->is_active = false;
        http->n_active--;
    }
}

static enum ko_code
act(struct ko_http *http, curl_socket_t fd, int events, struct ko_error *err)
{
    int n_running;
    const CURLMcode rc = curl_multi_socket_action(http->multi, fd, events, &n_running);

    if (rc == CURLM_OK)
        return KO_OK;
    return ko_fail(err, KO_E_AWS, "the HTTP library failed: %s", curl_multi_strerror(rc));
}

static enum ko_code
act_on_timer(struct ko_http *http, struct ko_error *err)
{
    uint64_t n_expired;

    http->is_due = false;
    (void) !read(http->timer_fd, &n_expired, sizeof n_expired);
    return act(http, CURL_SOCKET_TIMEOUT, 0, err);
}

static int
events_of(uint32_t ready)
{
    return ((ready & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
           ((ready & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
           ((ready & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
}

enum ko_code
ko_http_step(struct ko_http *http, struct ko_error *err)
{
    struct epoll_event ready[EVENTS_PER_STEP];
    CURLMsg *message;
    int n;

    if (http->n_active == 0)
        return KO_OK;
    if (http->is_due)
        KO_TRY(act_on_timer(http, err));
    n = epoll_wait(http->epoll_fd, ready, EVENTS_PER_STEP, 0);
    for (int i = 0; i < n; i++) {
        if (ready[i].data.fd == http->timer_fd)
            KO_TRY(act_on_timer(http, err));
        else
            KO_TRY(act(http, ready[i].data.fd, events_of(ready[i].events), err));
    }
    for (int n_left = 0; (message = curl_multi_info_read(http->multi, &n_left)) != NULL;) {
        if (message->msg == CURLMSG_DONE)
            finish(http, message->easy_handle, message->data.result);
    }

done:
    return err->code;
}

void
ko_http_wait(struct ko_http *http, uint64_t max_us)
{
    struct pollfd watched = {.fd = http->epoll_fd, .events = POLLIN};
    const struct timespec wait = {.tv_sec = (time_t) (max_us / 1000000U),
                                  .tv_nsec = (long) (max_us % 1000000U * 1000U)};

    /* With nothing in flight the library may still ask to be called, but step does not. */
    if (http->n_active == 0 || !http->is_due)
        (void) ppoll(&watched, http->n_active == 0 ? 0 : 1, &wait, NULL);
}
