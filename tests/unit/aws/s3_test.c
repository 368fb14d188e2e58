#include "keepone/aws/s3.h"

#include "client.h"

#define HEAD_OF(range)    "ETag: \"e1\"\r\nContent-Range: bytes " range "\r\n"
#define FAULT(code, text) "<Error><Code>" code "</Code><Message>" text "</Message></Error>"

static const struct ko_s3_location at = {.bucket = "bkt", .key = "dir/a b"};

/* The clock is the real one: what waits in these cases waits for milliseconds. */
static struct ko_s3 *
open_s3_with(struct ko_s3_options options)
{
    const struct ko_aws_options context = {0};
    struct ko_s3 *client = NULL;
    struct ko_error err = {0};

    options.endpoint = server.url;
    options.max_in_flight = 2;
    set_environment();
    (void) setenv("AWS_SESSION_TOKEN", "TOKEN", 1);
    (void) ko_aws_open(&context, &options.aws, &err);
    CHECK_OK(err);
    client_aws = options.aws;
    (void) ko_s3_open(&options, &client, &err);
    CHECK_OK(err);
    return client;
}

static struct ko_s3 *
open_s3(void)
{
    return open_s3_with((struct ko_s3_options){0});
}

/* Ends client and server: the test may read what was received. */
static void
end_s3(struct ko_s3 *client)
{
    ko_s3_close(client);
    ko_aws_close(client_aws);
    server_stop();
}

static bool
was_sent(size_t request, const char *part)
{
    return strcasestr(server.requests[request], part) != NULL;
}

static struct ko_error
read_all(struct ko_s3 *client, const char *expected)
{
    struct ko_buf out = {0};
    struct ko_error err = {0};

    (void) ko_s3_read(client, &at, 1000, &out, &err);
    if (expected != NULL && err.code == KO_OK)
        CHECK_SLICE(ko_buf_slice(&out), expected);
    ko_buf_clear(&out);
    return err;
}

static void
check_read(struct ko_s3 *client, const char *expected)
{
    const struct ko_error err = read_all(client, expected);

    CHECK_OK(err);
}

static void
an_object_is_read_and_its_request_is_signed(void)
{
    static const struct server_row rows[] = {
        {.status = 206, .body = "0123456789", .headers = HEAD_OF("0-9/10")}};
    struct ko_s3 *client;

    SERVER_PLAY(rows);
    client = open_s3();
    check_read(client, "0123456789");
    end_s3(client);
    assert_int_equal(server.n_requests, 1);
    assert_true(was_sent(0, "GET /bkt/dir/a%20b HTTP/1.1\r\n"));
    assert_true(was_sent(0, "\r\nRange: bytes=0-262143\r\n"));
    assert_true(was_sent(0, "\r\nX-Amz-Content-Sha256: "
                            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    assert_true(was_sent(0, "\r\nX-Amz-Security-Token: TOKEN\r\n"));
    assert_true(was_sent(0, "/eu-west-1/s3/aws4_request, SignedHeaders=host;range;"
                            "x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature="));
}

static void
a_cut_body_goes_on_where_it_broke_on_the_same_version(void)
{
    static const struct server_row rows[] = {
        {.act = CUT, .status = 206, .body = "0123456789", .headers = HEAD_OF("0-9/10")},
        {.act = CUT, .status = 206, .body = "56789", .headers = HEAD_OF("5-9/10")},
        {.status = 206, .body = "789", .headers = HEAD_OF("7-9/10")}};
    struct ko_s3 *client;

    SERVER_PLAY(rows);
    client = open_s3();
    check_read(client, "0123456789");
    end_s3(client);
    assert_int_equal(server.n_requests, 3);
    assert_false(was_sent(0, "If-Match"));
    assert_true(was_sent(1, "\r\nRange: bytes=5-9\r\n"));
    assert_true(was_sent(1, "\r\nIf-Match: \"e1\"\r\n"));
    assert_true(was_sent(2, "\r\nRange: bytes=7-9\r\n"));
}

static void
an_object_that_was_replaced_meanwhile_is_refused(void)
{
    static const struct server_row conforming[] = {
        {.act = CUT, .status = 206, .body = "0123456789", .headers = HEAD_OF("0-9/10")},
        {.status = 412, .body = FAULT("PreconditionFailed", "no")}};
    static const struct server_row careless[] = {
        {.act = CUT, .status = 206, .body = "0123456789", .headers = HEAD_OF("0-9/10")},
        {.status = 206,
         .body = "56789",
         .headers = "ETag: \"e2\"\r\nContent-Range: bytes 5-9/10\r\n"}};
    static const struct server_row *const both[] = {conforming, careless};

    for (size_t i = 0; i < 2; i++) {
        struct ko_s3 *client;
        struct ko_error err;

        server_start(both[i], 2);
        client = open_s3();
        err = read_all(client, NULL);
        CHECK_CODE(err, KO_E_IO);
        CHECK_ERROR_SAYS(err, "reading 's3://bkt/dir/a b': the object was replaced meanwhile");
        end_s3(client);
    }
}

static void
an_object_of_no_bytes_is_read(void)
{
    static const struct server_row refusing[] = {
        {.status = 416, .body = FAULT("InvalidRange", "the range is not satisfiable")}};
    static const struct server_row answering[] = {{.body = "", .headers = "ETag: \"e\"\r\n"}};
    static const struct server_row promising[] = {
        {.act = CUT, .status = 206, .body = "x", .headers = HEAD_OF("0-0/0")}};
    static const struct server_row *const kinds[] = {refusing, answering, promising};

    for (size_t i = 0; i < 3; i++) {
        struct ko_s3 *client;
        struct ko_error err = {0};
        bool exists = false;
        uint64_t size_bytes = 1;

        server_start(kinds[i], 1);
        client = open_s3();
        check_read(client, "");
        end_s3(client);
        server_start(kinds[i], 1);
        client = open_s3();
        (void) ko_s3_stat(client, &at, &exists, &size_bytes, &err);
        CHECK_OK(err);
        assert_true(exists);
        assert_int_equal(size_bytes, 0);
        end_s3(client);
    }
}

static void
a_server_that_answers_with_another_range_is_refused(void)
{
    static const struct server_row rows[] = {
        {.status = 206, .body = "0123456789", .headers = HEAD_OF("10-19/20")}};
    struct ko_s3 *client;
    struct ko_error err;

    SERVER_PLAY(rows);
    client = open_s3();
    err = read_all(client, NULL);
    CHECK_CODE(err, KO_E_AWS);
    CHECK_ERROR_SAYS(err, "does not answer with the range that was asked for");
    end_s3(client);
}

static void
a_reply_that_is_shorter_than_its_range_is_asked_for_again(void)
{
    static const struct server_row rows[] = {
        {.status = 206, .body = "01234", .headers = HEAD_OF("0-9/10")},
        {.status = 206, .body = "56789", .headers = HEAD_OF("5-9/10")}};
    struct ko_s3 *client;

    SERVER_PLAY(rows);
    client = open_s3();
    check_read(client, "0123456789");
    end_s3(client);
    assert_int_equal(server.n_requests, 2);
}

static void
an_object_over_the_limit_is_corrupt(void)
{
    static const struct server_row rows[] = {
        {.status = 206, .body = "0123456789", .headers = HEAD_OF("0-9/10")}};
    struct ko_buf out = {0};
    struct ko_error err = {0};
    struct ko_s3 *client;

    SERVER_PLAY(rows);
    client = open_s3();
    (void) ko_s3_read(client, &at, 9, &out, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, "larger than 9 bytes");
    ko_buf_clear(&out);
    end_s3(client);
}

static void
a_look_at_an_object_is_certain_or_fails(void)
{
    static const struct {
        struct server_row row;
        enum ko_code code;
        bool exists;
        uint64_t size_bytes;
        const char *hint;
    } cases[] = {
        {{.status = 206, .body = "0", .headers = HEAD_OF("0-0/7")}, KO_OK, true, 7, ""},
        {{.status = 404, .body = FAULT("NoSuchKey", "none")}, KO_OK, false, 0, ""},
        {{.status = 404, .body = FAULT("NoSuchBucket", "none")}, KO_E_ACCESS, false, 0, "bucket"},
        {{.status = 404, .body = "<html>no such page</html>"}, KO_E_AWS, false, 0, "--s3-endpoint"},
        {{.status = 403, .body = FAULT("AccessDenied", "no")},
         KO_E_ACCESS,
         false,
         0,
         "s3:GetObject on the object, and s3:ListBucket"},
        {{.status = 403, .body = FAULT("InvalidObjectState", "deep")},
         KO_E_IO,
         false,
         0,
         "restore"},
        {{.status = 403, .body = FAULT("SignatureDoesNotMatch", "no")},
         KO_E_ACCESS,
         false,
         0,
         "secret key"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ko_s3 *client;
        struct ko_error err = {0};
        bool exists = true;
        uint64_t size_bytes = 1;

        server_start(&cases[i].row, 1);
        client = open_s3();
        (void) ko_s3_stat(client, &at, &exists, &size_bytes, &err);
        CHECK_CODE(err, cases[i].code);
        assert_int_equal(exists, cases[i].exists);
        assert_int_equal(size_bytes, cases[i].size_bytes);
        assert_non_null(strstr(err.hint, cases[i].hint));
        end_s3(client);
        assert_int_equal(server.n_requests, 1);
    }
}

static void
an_error_names_object_code_status_and_request(void)
{
    static const struct server_row rows[] = {{.status = 403,
                                              .body = FAULT("AccessDenied", "Access Denied"),
                                              .headers = "x-amz-request-id: R77\r\n"}};
    struct ko_error err = {0};
    struct ko_s3 *client;

    SERVER_PLAY(rows);
    client = open_s3();
    (void) ko_s3_put(client, &at, KO_SLICE("x"), &err);
    CHECK_CODE(err, KO_E_ACCESS);
    CHECK_TEXT(err.text, "writing 's3://bkt/dir/a b': AccessDenied: Access Denied (HTTP 403, "
                         "request id R77)");
    assert_non_null(strstr(err.hint, "s3:PutObject"));
    end_s3(client);
}

static void
a_bucket_of_another_region_is_found_once(void)
{
    static const struct server_row rows[] = {
        {.status = 301,
         .body = FAULT("PermanentRedirect", "elsewhere"),
         .headers = "x-amz-bucket-region: eu-central-1\r\n"},
        {.status = 206, .body = "x", .headers = HEAD_OF("0-0/1")},
        {.status = 206, .body = "x", .headers = HEAD_OF("0-0/1")}};
    struct ko_s3 *client;

    SERVER_PLAY(rows);
    client = open_s3();
    check_read(client, "x");
    check_read(client, "x");
    end_s3(client);
    assert_int_equal(server.n_requests, 3);
    assert_true(was_sent(0, "/eu-west-1/s3/aws4_request"));
    assert_true(was_sent(1, "/eu-central-1/s3/aws4_request"));
    assert_true(was_sent(2, "/eu-central-1/s3/aws4_request"));
}

static void
the_region_may_be_in_the_body(void)
{
    static const struct server_row rows[] = {
        {.status = 400,
         .body = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message>"
                 "<Region>us-west-2</Region></Error>"},
        {.status = 206, .body = "x", .headers = HEAD_OF("0-0/1")}};
    struct ko_s3 *client;

    SERVER_PLAY(rows);
    client = open_s3();
    check_read(client, "x");
    end_s3(client);
    assert_true(was_sent(1, "/us-west-2/s3/aws4_request"));
}

static void
regions_that_send_us_round_and_round_end(void)
{
    static const struct server_row rows[] = {
        {.status = 301, .body = "", .headers = "x-amz-bucket-region: eu-central-1\r\n"},
        {.status = 301, .body = "", .headers = "x-amz-bucket-region: eu-west-1\r\n"},
        {.status = 301, .body = "", .headers = "x-amz-bucket-region: eu-central-1\r\n"},
        {.status = 301, .body = "", .headers = "x-amz-bucket-region: eu-west-1\r\n"}};
    struct ko_s3 *client;
    struct ko_error err;

    SERVER_PLAY(rows);
    client = open_s3();
    err = read_all(client, NULL);
    CHECK_CODE(err, KO_E_AWS);
    assert_non_null(strstr(err.hint, "--s3-endpoint"));
    end_s3(client);
    assert_int_equal(server.n_requests, 3);
}

static void
throttling_and_faults_are_tried_again(void)
{
    static const struct server_row rows[] = {
        {.status = 503, .body = FAULT("SlowDown", "reduce your request rate")},
        {.status = 500, .body = FAULT("InternalError", "once more")},
        {.status = 503, .body = "<html>busy</html>"},
        {.status = 400, .body = FAULT("RequestTimeout", "too slow")},
        {.act = CLOSE},
        {.status = 206, .body = "x", .headers = HEAD_OF("0-0/1")}};
    struct ko_s3 *client;

    SERVER_PLAY(rows);
    client = open_s3();
    check_read(client, "x");
    end_s3(client);
    assert_int_equal(server.n_requests, 6);
}

static void
faults_end_at_a_limit_with_the_last_one_told(void)
{
    static const struct server_row row = {.status = 500, .body = FAULT("InternalError", "again")};
    struct server_row rows[20];
    struct ko_s3 *client;
    struct ko_error err = {0};

    for (size_t i = 0; i < 20; i++)
        rows[i] = row;
    SERVER_PLAY(rows);
    (void) setenv("AWS_MAX_ATTEMPTS", "3", 1);
    client = open_s3();
    (void) unsetenv("AWS_MAX_ATTEMPTS");
    (void) ko_s3_remove(client, &at, &err);
    CHECK_CODE(err, KO_E_AWS);
    CHECK_ERROR_SAYS(err, "removing 's3://bkt/dir/a b': failed in 3 attempts: InternalError");
    end_s3(client);
    assert_int_equal(server.n_requests, 3);
}

static bool
is_stop_wanted(void *self)
{
    return self == &at;
}

static void
whoever_wants_to_stop_is_not_kept_waiting(void)
{
    static const struct server_row row = {.status = 500, .body = FAULT("InternalError", "again")};
    struct server_row rows[20];
    struct ko_s3 *client;
    struct ko_error err = {0};

    for (size_t i = 0; i < 20; i++)
        rows[i] = row;
    SERVER_PLAY(rows);
    client = open_s3_with((struct ko_s3_options){.is_stop_wanted = is_stop_wanted,
                                                 .stop_self = (void *) (uintptr_t) &at});
    (void) ko_s3_remove(client, &at, &err);
    CHECK_CODE(err, KO_E_AWS);
    CHECK_ERROR_SAYS(err, "failed in 3 attempts: InternalError");
    end_s3(client);
    assert_int_equal(server.n_requests, 3);
}

static void
an_expired_token_is_loaded_anew_once(void)
{
    static const struct server_row rows[] = {
        {.status = 400, .body = FAULT("ExpiredToken", "expired")},
        {.status = 206, .body = "x", .headers = HEAD_OF("0-0/1")},
        {.status = 400, .body = FAULT("ExpiredToken", "expired")},
        {.status = 400, .body = FAULT("ExpiredToken", "expired")}};
    struct ko_s3 *client;
    struct ko_error err;

    SERVER_PLAY(rows);
    client = open_s3();
    check_read(client, "x");
    err = read_all(client, NULL);
    CHECK_CODE(err, KO_E_ACCESS);
    end_s3(client);
    assert_int_equal(server.n_requests, 4);
}

static void
a_clock_that_is_off_is_corrected_once(void)
{
    static const struct server_row rows[] = {
        {.status = 403,
         .body = FAULT("RequestTimeTooSkewed", "the difference is too large"),
         .headers = "Date: Fri, 02 Jan 2026 03:24:05 GMT\r\n"},
        {.status = 206, .body = "x", .headers = HEAD_OF("0-0/1")}};
    struct ko_s3 *client;

    SERVER_PLAY(rows);
    client = open_s3();
    check_read(client, "x");
    end_s3(client);
    assert_true(was_sent(1, "\r\nX-Amz-Date: 20260102T0324"));
}

static void
an_object_is_created_unless_it_is_there(void)
{
    static const struct server_row rows[] = {
        {.status = 404, .body = FAULT("NoSuchKey", "none")},
        {.body = ""},
        {.status = 206, .body = "x", .headers = HEAD_OF("0-0/5")},
        {.status = 404, .body = FAULT("NoSuchKey", "none")},
        {.status = 412, .body = FAULT("PreconditionFailed", "there")}};
    struct ko_s3 *client;
    struct ko_error err = {0};
    bool created = false;

    SERVER_PLAY(rows);
    client = open_s3();
    (void) ko_s3_create(client, &at, KO_SLICE("mine"), &created, &err);
    CHECK_OK(err);
    assert_true(created);
    (void) ko_s3_create(client, &at, KO_SLICE("mine"), &created, &err);
    assert_false(created);
    created = true;
    (void) ko_s3_create(client, &at, KO_SLICE("mine"), &created, &err);
    CHECK_OK(err);
    assert_false(created);
    end_s3(client);
    assert_int_equal(server.n_requests, 5);
    assert_true(was_sent(1, "PUT /bkt/dir/a%20b"));
    assert_true(was_sent(1, "\r\nIf-None-Match: *\r\n"));
}

static void
what_a_lost_attempt_has_created_is_ours(void)
{
    static const struct {
        const char *content;
        bool created;
    } cases[] = {{"mine", true}, {"yours", false}, {"", false}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char range[128];
        const size_t n = strlen(cases[i].content);
        const struct server_row rows[] = {
            {.status = 404, .body = FAULT("NoSuchKey", "none")},
            {.act = CLOSE},
            {.status = 412, .body = FAULT("PreconditionFailed", "there")},
            {.status = n == 0 ? 200 : 206, .body = cases[i].content, .headers = range}};
        struct ko_s3 *client;
        struct ko_error err = {0};
        bool created = !cases[i].created;

        (void) snprintf(range, sizeof range, "ETag: \"e\"\r\nContent-Range: bytes 0-%zu/%zu\r\n",
                        n - 1, n);
        SERVER_PLAY(rows);
        client = open_s3();
        (void) ko_s3_create(client, &at, KO_SLICE("mine"), &created, &err);
        CHECK_OK(err);
        assert_int_equal(created, cases[i].created);
        end_s3(client);
    }
}

static enum ko_code
count_entry(void *self, const struct ko_s3_entry *entry, struct ko_error *err)
{
    struct ko_buf *const notes = self;

    ko_buf_add_slice(notes, entry->key);
    ko_buf_add_char(notes, ';');
    return ko_buf_finish(notes, err);
}

static void
listings_are_read_page_by_page(void)
{
    static const struct server_row rows[] = {
        {.body = "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>dir/1</Key>"
                 "<Size>1</Size></Contents><NextContinuationToken>t/1+</NextContinuationToken>"
                 "</ListBucketResult>"},
        {.body = "<ListBucketResult><IsTruncated>false</IsTruncated><CommonPrefixes>"
                 "<Prefix>dir/2/</Prefix></CommonPrefixes></ListBucketResult>"}};
    struct ko_buf notes = {0};
    struct ko_s3 *client;
    struct ko_error err = {0};

    SERVER_PLAY(rows);
    client = open_s3();
    (void) ko_s3_list(client, &at, true, count_entry, &notes, &err);
    CHECK_OK(err);
    CHECK_SLICE(ko_buf_slice(&notes), "dir/1;dir/2/;");
    ko_buf_clear(&notes);
    end_s3(client);
    assert_true(
        was_sent(0, "GET /bkt?delimiter=%2F&encoding-type=url&list-type=2&prefix=dir%2Fa%20b "));
    assert_true(was_sent(1, "GET /bkt?continuation-token=t%2F1%2B&delimiter=%2F&"));
}

static void
a_small_object_is_written_in_one_request(void)
{
    static const struct server_row rows[] = {{.body = ""}};
    struct ko_s3_upload *upload = NULL;
    struct ko_s3 *client;
    struct ko_error err = {0};

    SERVER_PLAY(rows);
    client = open_s3();
    (void) ko_s3_upload_open(client, &at, &upload, &err);
    (void) ko_s3_upload_add(upload, KO_SLICE("hel"), &err);
    (void) ko_s3_upload_add(upload, KO_SLICE("lo"), &err);
    CHECK_OK(err);
    (void) ko_s3_upload_finish(upload, &err);
    CHECK_OK(err);
    end_s3(client);
    assert_int_equal(server.n_requests, 1);
    assert_true(was_sent(0, "PUT /bkt/dir/a%20b"));
    assert_true(was_sent(0, "\r\n\r\nhello"));
    assert_true(was_sent(0, "X-Amz-Content-Sha256: "
                            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"));
    assert_true(was_sent(0, "X-Amz-Checksum-Sha256: LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="));
}

static void
uploads_that_finish_later_tell_their_failure_at_the_sync(void)
{
    static const struct server_row rows[] = {
        {.body = ""}, {.status = 403, .body = FAULT("AccessDenied", "no")}, {.body = ""}};
    struct ko_s3 *client;
    struct ko_error err = {0};

    SERVER_PLAY(rows);
    client = open_s3();
    for (unsigned i = 0; i < 3; i++) {
        struct ko_s3_upload *upload = NULL;

        (void) ko_s3_upload_open(client, &at, &upload, &err);
        (void) ko_s3_upload_finish_later(upload, &err);
        CHECK_OK(err);
    }
    (void) ko_s3_sync(client, &err);
    CHECK_CODE(err, KO_E_ACCESS);
    err = (struct ko_error){0};
    (void) ko_s3_sync(client, &err);
    CHECK_OK(err);
    end_s3(client);
    assert_int_equal(server.n_requests, 3);
}

static void
what_is_in_flight_is_dropped_with_its_owner(void)
{
    static const struct server_row rows[] = {{.act = SILENT}, {.act = SILENT}};
    struct ko_s3_download *download = NULL;
    struct ko_s3_upload *upload = NULL;
    struct ko_s3 *client;
    struct ko_error err = {0};

    SERVER_PLAY(rows);
    client = open_s3();
    (void) ko_s3_download_open(client, &at, &download, &err);
    (void) ko_s3_upload_open(client, &at, &upload, &err);
    (void) ko_s3_upload_finish_later(upload, &err);
    CHECK_OK(err);
    assert_false(ko_s3_download_is_ready(download));
    ko_s3_download_close(download);
    end_s3(client);
}

static void
an_endpoint_that_does_not_answer_is_named(void)
{
    static const struct server_row rows[] = {{.body = ""}};
    struct ko_s3 *client;
    struct ko_error err;

    SERVER_PLAY(rows);
    client = open_s3();
    server_stop();
    err = read_all(client, NULL);
    CHECK_CODE(err, KO_E_AWS);
    CHECK_ERROR_SAYS(err, server.url);
    assert_non_null(strstr(err.hint, "--s3-endpoint"));
    ko_s3_close(client);
    ko_aws_close(client_aws);
}

/* A read, a creation and an upload, of which the n-th allocation fails. */
static struct ko_error
work_without_memory(struct ko_s3 *client, unsigned n)
{
    struct ko_s3_upload *upload = NULL;
    struct ko_buf out = {0};
    struct ko_error err = {0};

    ko_mem_fail_nth(n);
    KO_TRY(ko_s3_read(client, &at, 1000, &out, &err));
    KO_TRY(ko_s3_upload_open(client, &at, &upload, &err));
    if (ko_s3_upload_add(upload, KO_SLICE("x"), &err) != KO_OK)
        ko_s3_upload_abandon(upload);
    else
        (void) ko_s3_upload_finish(upload, &err);

done:
    ko_mem_fail_nth(0);
    ko_buf_clear(&out);
    return err;
}

static void
every_failed_allocation_is_reported(void)
{
    enum { MORE_THAN_ARE_MADE = 50 };
    static struct server_row rows[2 * MORE_THAN_ARE_MADE];
    struct ko_error err = {0};
    unsigned n_failed = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        rows[i] = (struct server_row){.status = 206, .body = "x", .headers = HEAD_OF("0-0/1")};
    SERVER_PLAY(rows);
    for (unsigned n = 1; n <= MORE_THAN_ARE_MADE; n++) {
        struct ko_s3 *client = open_s3();

        err = work_without_memory(client, n);
        if (err.code != KO_OK)
            CHECK_CODE(err, KO_E_MEMORY);
        n_failed += err.code != KO_OK;
        ko_s3_close(client);
        ko_aws_close(client_aws);
    }
    server_stop();
    CHECK_OK(err);
    assert_true(n_failed > 15);
}

/* Through a proxy, which is told the host and refuses it. */
static void
check_host(const char *bucket, const char *host)
{
    static const struct server_row rows[] = {{.status = 403, .body = ""}};
    const struct ko_aws_options context = {0};
    struct ko_s3_options options = {0};
    struct ko_s3_location location = {.key = "k"};
    struct ko_s3 *client = NULL;
    struct ko_error err = {0};
    char line[256];

    SERVER_PLAY(rows);
    set_environment();
    (void) setenv("https_proxy", server.url, 1);
    (void) setenv("AWS_MAX_ATTEMPTS", "1", 1);
    (void) ko_aws_open(&context, &options.aws, &err);
    (void) ko_s3_open(&options, &client, &err);
    CHECK_OK(err);
    (void) snprintf(location.bucket, sizeof location.bucket, "%s", bucket);
    (void) ko_s3_remove(client, &location, &err);
    CHECK_CODE(err, KO_E_AWS);
    ko_s3_close(client);
    ko_aws_close(options.aws);
    (void) unsetenv("https_proxy");
    (void) unsetenv("AWS_MAX_ATTEMPTS");
    server_stop();
    (void) snprintf(line, sizeof line, "CONNECT %s:443 HTTP/1.1\r\n", host);
    assert_true(was_sent(0, line));
}

static void
a_bucket_of_aws_has_a_host_of_its_own_unless_its_name_has_dots(void)
{
    check_host("my-bucket", "my-bucket.s3.eu-west-1.amazonaws.com");
    check_host("my.bucket", "s3.eu-west-1.amazonaws.com");
}

CASES = {
    CASE(a_bucket_of_aws_has_a_host_of_its_own_unless_its_name_has_dots),
    CASE(every_failed_allocation_is_reported),
    CASE(an_object_is_read_and_its_request_is_signed),
    CASE(a_cut_body_goes_on_where_it_broke_on_the_same_version),
    CASE(an_object_that_was_replaced_meanwhile_is_refused),
    CASE(an_object_of_no_bytes_is_read),
    CASE(a_server_that_answers_with_another_range_is_refused),
    CASE(a_reply_that_is_shorter_than_its_range_is_asked_for_again),
    CASE(an_object_over_the_limit_is_corrupt),
    CASE(a_look_at_an_object_is_certain_or_fails),
    CASE(an_error_names_object_code_status_and_request),
    CASE(a_bucket_of_another_region_is_found_once),
    CASE(the_region_may_be_in_the_body),
    CASE(regions_that_send_us_round_and_round_end),
    CASE(throttling_and_faults_are_tried_again),
    CASE(faults_end_at_a_limit_with_the_last_one_told),
    CASE(whoever_wants_to_stop_is_not_kept_waiting),
    CASE(an_expired_token_is_loaded_anew_once),
    CASE(a_clock_that_is_off_is_corrected_once),
    CASE(an_object_is_created_unless_it_is_there),
    CASE(what_a_lost_attempt_has_created_is_ours),
    CASE(listings_are_read_page_by_page),
    CASE(a_small_object_is_written_in_one_request),
    CASE(uploads_that_finish_later_tell_their_failure_at_the_sync),
    CASE(what_is_in_flight_is_dropped_with_its_owner),
    CASE(an_endpoint_that_does_not_answer_is_named),
};
RUN_CASES
