#include "keepone/aws/sigv4.h"

#include "support/test.h"

enum { TEST_HEADERS = 6, TEST_TEXT_BYTES = 1024 };

static const char empty_hash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char form_hash[] = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";
static const char scan_hash[] = "f28af92fc15f446717e10364e12f5128ef4611dfaeb8469b0ca93776dd9d3f5a";
static const char hello_hash[] = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/* A request, and each text on the way to its signature. NULL = not checked. */
struct row {
    const char *name;
    const char *service;
    const char *region;
    const char *time;
    enum ko_sigv4_path path_style;
    const char *method;
    const char *path;
    const char *query;
    const char *headers[TEST_HEADERS]; /* "Name: value", as sent */
    const char *body_hash;
    const char *canonical_path_and_query; /* the second and third line */
    const char *signed_headers;
    const char *canonical_hash;
    const char *signature;
};

#define OURS(service_name) \
    .service = (service_name), .region = "eu-west-1", .time = "20260102T030405Z"
#define SUITE                                                                \
    .service = "service", .region = "us-east-1", .time = "20150830T123600Z", \
    .path_style = KO_SIGV4_PATH_AS_SENT
#define NORMALISED_SUITE .service = "service", .region = "us-east-1", .time = "20150830T123600Z"
#define OUR_DATE         "X-Amz-Date: 20260102T030405Z"
#define SUITE_DATE       "X-Amz-Date: 20150830T123600Z"
#define EXAMPLE_HOST     "Host:example.amazonaws.com"
#define EMPTY_HASH       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct row rows[] = {
    {.name = "dynamodb",
     OURS("dynamodb"),
     .method = "POST",
     .path = "/",
     .query = "",
     .headers = {"Host: dynamodb.eu-west-1.amazonaws.com",
                 "Content-Type: application/x-amz-json-1.0", OUR_DATE,
                 "X-Amz-Target: DynamoDB_20120810.Scan", "User-Agent: never signed"},
     .body_hash = scan_hash,
     .canonical_path_and_query = "/\n\n",
     .signed_headers = "content-type;host;x-amz-date;x-amz-target",
     .canonical_hash = "ffe60790c84c80ade04958fe9c2da9d78c30c8b09b01fbf3a628b2e4fce95cb6",
     .signature = "6840d69ae2714a8e6bcf5600ebf7645a39271fe49d519d71d77a034909b6d3c8"},
    {.name = "dynamodb with a token",
     OURS("dynamodb"),
     .method = "POST",
     .path = "/",
     .query = "",
     .headers = {"X-Amz-Target: DynamoDB_20120810.Scan",
                 "X-Amz-Security-Token: FQoGZXIvYXdzEXAMPLE/+=TOKEN",
                 "Host: dynamodb.eu-west-1.amazonaws.com", OUR_DATE,
                 "Content-Type: application/x-amz-json-1.0"},
     .body_hash = scan_hash,
     .signed_headers = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
     .canonical_hash = "5163c8a99020fac402cb2f1aa48c6cc1884f9ed3ad8880374e3cd3bc2c0a6cce",
     .signature = "394500c4562bf3cd7f84a996d94494dcaa32cb379b4f889ce063ada774432092"},
    {.name = "s3 path as sent",
     OURS("s3"),
     .path_style = KO_SIGV4_PATH_AS_SENT,
     .method = "GET",
     .path = "/a%20b/%C3%A9%2B%3D~/x%2Fy.json.gz",
     .query = "",
     .headers = {"Host: bkt.s3.eu-west-1.amazonaws.com", "Range: bytes=0-9",
                 "X-Amz-Content-Sha256: " EMPTY_HASH, OUR_DATE},
     .body_hash = empty_hash,
     .canonical_path_and_query = "/a%20b/%C3%A9%2B%3D~/x%2Fy.json.gz\n\n",
     .signed_headers = "host;range;x-amz-content-sha256;x-amz-date",
     .canonical_hash = "3d6cf36e221517d3ee1173c3bcdf918b00f90e956762ea4c7d02c9df7d66e1f1",
     .signature = "3dec59fb99963d6fd58e3fdab1a4e617eaaf9616e81007a1d055085f08a82b53"},
    {.name = "s3 listing",
     OURS("s3"),
     .path_style = KO_SIGV4_PATH_AS_SENT,
     .method = "GET",
     .path = "/",
     .query =
         "list-type=2&prefix=p%2FAWSDynamoDB%2F&continuation-token=1%2Fab%2B%3D%3D&max-keys=1000",
     .headers = {"Host: bkt.s3.eu-west-1.amazonaws.com", "X-Amz-Content-Sha256: " EMPTY_HASH,
                 OUR_DATE},
     .body_hash = empty_hash,
     .canonical_path_and_query = "/\ncontinuation-token=1%2Fab%2B%3D%3D&list-type=2&max-keys=1000&"
                                 "prefix=p%2FAWSDynamoDB%2F\n",
     .signed_headers = "host;x-amz-content-sha256;x-amz-date",
     .canonical_hash = "9807db9adc2fd8c3f046c51fa67dd3b63c24a8cc3ea43c597e46f19aa5480814",
     .signature = "2adad75e045d13b5623efaf84c7d8e04ae4bfcca1c5ffb0e715ce4ee9174ec86"},
    {.name = "s3 put with a port",
     OURS("s3"),
     .path_style = KO_SIGV4_PATH_AS_SENT,
     .method = "PUT",
     .path = "/bkt/dir/key",
     .query = "",
     .headers = {"Host: 127.0.0.1:9000", "Content-Type: application/octet-stream",
                 "X-Amz-Content-Sha256: "
                 "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                 OUR_DATE},
     .body_hash = hello_hash,
     .signed_headers = "content-type;host;x-amz-content-sha256;x-amz-date",
     .canonical_hash = "2dad0c8c7266b73151f9e3e044c16a24aa7cf6cc8a8d680374976a4483ef3dff",
     .signature = "f3f72dd6a095e84d86d2528959d012bd991070caa52093cfc1cdaeb5dc0a40f5"},
    {.name = "path encoded once more",
     OURS("execute-api"),
     .method = "GET",
     .path = "/a%20b/c",
     .query = "",
     .headers = {"Host: x.example.com", OUR_DATE},
     .body_hash = empty_hash,
     .canonical_path_and_query = "/a%2520b/c\n\n",
     .signed_headers = "host;x-amz-date",
     .canonical_hash = "94f2c93b855c0b1d5a754d37ea8c964e76c7cb02066cc16ec447d88db500b582",
     .signature = "22e0e190c2ab97228a67d2ba2bc3e2b9a2880f818b8b610456f04dfcca92fdaa"},
    {.name = "get-vanilla",
     SUITE,
     .method = "GET",
     .path = "/",
     .query = "",
     .headers = {EXAMPLE_HOST, SUITE_DATE},
     .body_hash = empty_hash,
     .canonical_hash = "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
     .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-vanilla, empty path",
     SUITE,
     .method = "GET",
     .path = "",
     .query = "",
     .headers = {EXAMPLE_HOST, SUITE_DATE},
     .body_hash = empty_hash,
     .canonical_hash = "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
     .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-vanilla-query-order-encoded",
     SUITE,
     .method = "GET",
     .path = "/",
     .query = "Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
     .headers = {EXAMPLE_HOST, SUITE_DATE},
     .body_hash = empty_hash,
     .canonical_path_and_query = "/\n%E1%88%B4=Value1&Param=Value2&Param-3=Value3\n",
     .canonical_hash = "868294f5c38bd141c4972a373a76654f1418a8e4fc18b2e7903ae45e8ae0ec71",
     .signature = "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
    {.name = "get-utf8",
     NORMALISED_SUITE,
     .method = "GET",
     .path = "/\xe1\x88\xb4",
     .query = "",
     .headers = {EXAMPLE_HOST, SUITE_DATE},
     .body_hash = empty_hash,
     .canonical_path_and_query = "/%E1%88%B4\n\n",
     .canonical_hash = "2a0a97d02205e45ce2e994789806b19270cfbbb0921b278ccf58f5249ac42102",
     .signature = "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {.name = "get-space",
     NORMALISED_SUITE,
     .method = "GET",
     .path = "/example space/",
     .query = "",
     .headers = {EXAMPLE_HOST, SUITE_DATE},
     .body_hash = empty_hash,
     .canonical_path_and_query = "/example%20space/\n\n",
     .canonical_hash = "63ee75631ed7234ae61b5f736dfc7754cdccfedbff4b5128a915706ee9390d86",
     .signature = "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
    {.name = "get-header-value-trim",
     SUITE,
     .method = "GET",
     .path = "/",
     .query = "",
     .headers = {EXAMPLE_HOST, "My-Header1: value1 ", "My-Header2: \"a   b   c\"", SUITE_DATE},
     .body_hash = empty_hash,
     .signed_headers = "host;my-header1;my-header2;x-amz-date",
     .canonical_hash = "a726db9b0df21c14f559d0a978e563112acb1b9e05476f0a6a1c7d68f28605c7",
     .signature = "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {.name = "get-slashes-unnormalized",
     SUITE,
     .method = "GET",
     .path = "//example//",
     .query = "",
     .headers = {EXAMPLE_HOST, SUITE_DATE},
     .body_hash = empty_hash,
     .canonical_hash = "528ec3105ee1f34ab014bb0a1a45da0ed2742a4fea3555149e5b4d5d201eb240",
     .signature = "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5"},
    {.name = "post-sts-header-after",
     SUITE,
     .method = "POST",
     .path = "/",
     .query = "",
     .headers = {EXAMPLE_HOST, SUITE_DATE},
     .body_hash = empty_hash,
     .canonical_hash = "553f88c9e4d10fc9e109e2aeb65f030801b70c2f6468faca261d401ae622fc87",
     .signature = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {.name = "post-x-www-form-urlencoded",
     SUITE,
     .method = "POST",
     .path = "/",
     .query = "",
     .headers = {EXAMPLE_HOST, SUITE_DATE, "Content-Type: application/x-www-form-urlencoded",
                 "Content-Length: 13",
                 "x-amz-content-sha256: "
                 "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"},
     .body_hash = form_hash,
     .signed_headers = "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
     .canonical_hash = "b1edd1d03544c25390e32085d55b57acc9a3961bb59415ff86c45c3d89d16cfb",
     .signature = "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"},
};

static const struct ko_credentials credentials = {
    .key_id = "AKIDEXAMPLE", .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};

/* "Name: value" -> header; the value keeps its blanks. */
static size_t
split_headers(const char *const lines[TEST_HEADERS], struct ko_header headers[TEST_HEADERS])
{
    size_t n = 0;

    for (; n < TEST_HEADERS && lines[n] != NULL; n++) {
        const size_t name_n = strcspn(lines[n], ":");

        headers[n].name = (struct ko_slice){lines[n], name_n};
        headers[n].value = ko_slice_of(lines[n] + name_n + 1);
    }
    return n;
}

static void
sign_row(struct ko_sigv4_signer *signer, const struct row *row)
{
    struct ko_header headers[TEST_HEADERS];
    struct ko_error err = {0};
    const struct ko_sigv4_request request = {.method = ko_slice_of(row->method),
                                             .path = ko_slice_of(row->path),
                                             .query = ko_slice_of(row->query),
                                             .headers = headers,
                                             .n_headers = split_headers(row->headers, headers),
                                             .body_hash = ko_slice_of(row->body_hash)};

    signer->region = row->region;
    signer->service = row->service;
    signer->path = row->path_style;
    (void) ko_sigv4_sign(signer, &request, &credentials, row->time, &err);
    CHECK_OK(err);
}

static void
check_part(const char *name, const char *what, struct ko_slice whole, const char *part)
{
    if (part == NULL || memmem(whole.data, whole.n, part, strlen(part)) != NULL)
        return;
    fail_msg("%s: %s is '%.*s', without '%s'", name, what, KO_SLICE_ARG(whole), part);
}

static void
vectors_are_met_with_every_text_on_the_way(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct ko_sigv4_signer signer = {0};
        char hash[KO_SHA256_HEX_BYTES];
        char text[TEST_TEXT_BYTES];

        sign_row(&signer, row);
        ko_sha256_hex(ko_buf_slice(&signer.canonical_request), hash);
        check_part(row->name, "canonical request", ko_buf_slice(&signer.canonical_request),
                   row->canonical_path_and_query);
        check_part(row->name, "signed headers", ko_buf_slice(&signer.signed_headers),
                   row->signed_headers);
        check_part(row->name, "hash", ko_slice_of(hash), row->canonical_hash);
        (void) snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%.8s/%s/%s/aws4_request\n%s",
                        row->time, row->time, row->region, row->service, hash);
        CHECK_SLICE(ko_buf_slice(&signer.string_to_sign), text);
        (void) snprintf(text, sizeof text, "Signature=%s", row->signature);
        check_part(row->name, "authorization", ko_buf_slice(&signer.authorization), text);
        ko_sigv4_signer_clear(&signer);
    }
}

static void
the_canonical_request_is_as_described(void)
{
    struct ko_sigv4_signer signer = {0};

    sign_row(&signer, &rows[0]);
    CHECK_SLICE(ko_buf_slice(&signer.canonical_request),
                "POST\n/\n\ncontent-type:application/x-amz-json-1.0\n"
                "host:dynamodb.eu-west-1.amazonaws.com\nx-amz-date:20260102T030405Z\n"
                "x-amz-target:DynamoDB_20120810.Scan\n\n"
                "content-type;host;x-amz-date;x-amz-target\n"
                "f28af92fc15f446717e10364e12f5128ef4611dfaeb8469b0ca93776dd9d3f5a");
    CHECK_SLICE(ko_buf_slice(&signer.authorization),
                "AWS4-HMAC-SHA256 "
                "Credential=AKIDEXAMPLE/20260102/eu-west-1/dynamodb/aws4_request, "
                "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
                "Signature=6840d69ae2714a8e6bcf5600ebf7645a39271fe49d519d71d77a034909b6d3c8");
    ko_sigv4_signer_clear(&signer);
}

/* The example of AWS's documentation. */
static void
the_signing_key_is_as_published(void)
{
    static const unsigned char expected[KO_SHA256_BYTES] = {
        0xc4, 0xaf, 0xb1, 0xcc, 0x57, 0x71, 0xd8, 0x71, 0x76, 0x3a, 0x39,
        0x3e, 0x44, 0xb7, 0x03, 0x57, 0x1b, 0x55, 0xcc, 0x28, 0x42, 0x4d,
        0x1a, 0x5e, 0x86, 0xda, 0x6e, 0xd3, 0xc1, 0x54, 0xa4, 0xb9};
    unsigned char key[KO_SHA256_BYTES];

    ko_sigv4_signing_key(KO_SLICE("AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                         "20150830T123600Z", KO_SLICE("us-east-1"), KO_SLICE("iam"), key);
    assert_memory_equal(key, expected, sizeof key);
}

/* The parts of the canonical request that the vectors leave open. */
static void
paths_queries_and_headers_have_one_form(void)
{
    static const struct {
        const char *path;
        const char *query;
        const char *header;
        const char *expected; /* from the path to the header's line */
    } forms[] = {
        {"/", "", "A:b", "/\n\na:b\n"},
        {"/a/./b/../c", "", "A:b", "/a/c\n\na:b\n"},
        {"//a//b/", "", "A:b", "/a/b/\n\na:b\n"},
        {"/..", "", "A:b", "/\n\na:b\n"},
        {"/a/..", "", "A:b", "/\n\na:b\n"},
        {"/a/.", "", "A:b", "/a\n\na:b\n"},
        {"/%zz", "", "A:b", "/%25zz\n\na:b\n"},
        {"/", "b=2&a=2&a=1&a", "A:b", "/\na=&a=1&a=2&b=2\na:b\n"},
        {"/", "a=%7e%2f+&&A=%zz%4", "A:b", "/\nA=%25zz%254&a=~%2F%2B\na:b\n"},
        {"/", "a=b=c", "A:b", "/\na=b%3Dc\na:b\n"},
        {"/", "", "A: \t x \t y  ", "/\n\na:x y\n"},
        {"/", "", "A:", "/\n\na:\n"},
        {"/", "", "A:   ", "/\n\na:\n"},
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct ko_header headers[TEST_HEADERS];
        const char *const lines[TEST_HEADERS] = {forms[i].header};
        const struct ko_sigv4_request request = {.method = KO_SLICE("GET"),
                                                 .path = ko_slice_of(forms[i].path),
                                                 .query = ko_slice_of(forms[i].query),
                                                 .headers = headers,
                                                 .n_headers = split_headers(lines, headers),
                                                 .body_hash = KO_SLICE("hash")};
        struct ko_buf out = {0};
        struct ko_buf names = {0};
        struct ko_error err = {0};
        char expected[TEST_TEXT_BYTES];

        (void) snprintf(expected, sizeof expected, "GET\n%s\na\nhash", forms[i].expected);
        (void) ko_sigv4_add_canonical_request(&out, &names, KO_SIGV4_PATH_NORMALISED, &request,
                                              &err);
        CHECK_OK(err);
        CHECK_SLICE(ko_buf_slice(&out), expected);
        ko_buf_clear(&out);
        ko_buf_clear(&names);
    }
}

static void
headers_of_one_name_are_joined_in_their_order(void)
{
    struct ko_header headers[TEST_HEADERS];
    const char *const lines[TEST_HEADERS] = {"X-B:2", "x-a: 3", "X-A:1", "x-ab:4", "Expect:x"};
    const struct ko_sigv4_request request = {.method = KO_SLICE("GET"),
                                             .path = KO_SLICE("/"),
                                             .headers = headers,
                                             .n_headers = split_headers(lines, headers),
                                             .body_hash = KO_SLICE("hash")};
    struct ko_buf out = {0};
    struct ko_buf names = {0};
    struct ko_error err = {0};

    (void) ko_sigv4_add_canonical_request(&out, &names, KO_SIGV4_PATH_AS_SENT, &request, &err);
    CHECK_OK(err);
    CHECK_SLICE(ko_buf_slice(&out), "GET\n/\n\nx-a:3,1\nx-ab:4\nx-b:2\n\nx-a;x-ab;x-b\nhash");
    ko_buf_clear(&out);
    ko_buf_clear(&names);
}

static void
a_kept_key_is_renewed_with_day_and_secret(void)
{
    struct ko_sigv4_signer signer = {0};
    struct row tomorrow = rows[0];
    struct ko_error err = {0};
    const struct ko_sigv4_request request = {
        .method = KO_SLICE("GET"), .path = KO_SLICE("/"), .body_hash = KO_SLICE("hash")};
    const struct ko_credentials others = {.key_id = "AKIDEXAMPLE", .secret = "other"};
    unsigned char first[KO_SHA256_BYTES];

    sign_row(&signer, &rows[0]);
    memcpy(first, signer.key, sizeof first);
    sign_row(&signer, &rows[0]);
    assert_memory_equal(signer.key, first, sizeof first);
    tomorrow.time = "20260103T030405Z";
    sign_row(&signer, &tomorrow);
    assert_memory_not_equal(signer.key, first, sizeof first);
    memcpy(first, signer.key, sizeof first);
    (void) ko_sigv4_sign(&signer, &request, &others, tomorrow.time, &err);
    CHECK_OK(err);
    assert_memory_not_equal(signer.key, first, sizeof first);
    ko_sigv4_signer_clear(&signer);
}

static void
more_headers_than_can_be_signed_are_refused(void)
{
    struct ko_header headers[KO_SIGV4_HEADERS_MAX + 1];
    const struct ko_sigv4_request request = {.method = KO_SLICE("GET"),
                                             .path = KO_SLICE("/"),
                                             .headers = headers,
                                             .n_headers = KO_SIGV4_HEADERS_MAX + 1,
                                             .body_hash = KO_SLICE("hash")};
    struct ko_buf out = {0};
    struct ko_buf names = {0};
    struct ko_error err = {0};

    for (size_t i = 0; i <= KO_SIGV4_HEADERS_MAX; i++)
        headers[i] = (struct ko_header){KO_SLICE("a"), KO_SLICE("b")};
    (void) ko_sigv4_add_canonical_request(&out, &names, KO_SIGV4_PATH_AS_SENT, &request, &err);
    CHECK_CODE(err, KO_E_BUG);
    ko_buf_clear(&out);
    ko_buf_clear(&names);
}

static void
the_time_is_written_for_the_header(void)
{
    char text[KO_SIGV4_TIME_BYTES];

    ko_sigv4_time_text(1767323045999999, text);
    CHECK_TEXT(text, "20260102T030405Z");
}

/* Memory running out at any point gives an error and leaves nothing behind. */
static void
signing_survives_failing_allocations(void)
{
    const struct ko_header headers[] = {{KO_SLICE("Host"), KO_SLICE("h")}};
    const struct ko_sigv4_request request = {.method = KO_SLICE("GET"),
                                             .path = KO_SLICE("/"),
                                             .query = KO_SLICE("a=1&b=2"),
                                             .headers = headers,
                                             .n_headers = 1,
                                             .body_hash = KO_SLICE("hash")};
    uint64_t n_failing = 0;
    enum ko_code code = KO_E_MEMORY;

    while (code != KO_OK) {
        struct ko_sigv4_signer signer = {.region = "r", .service = "s"};
        struct ko_error err = {0};

        ko_mem_fail_nth(++n_failing);
        code = ko_sigv4_sign(&signer, &request, &credentials, "20260102T030405Z", &err);
        ko_mem_fail_nth(0);
        assert_true(code == KO_OK || code == KO_E_MEMORY);
        ko_sigv4_signer_clear(&signer);
    }
    assert_in_range(n_failing, 5, 20);
}

CASES = {
    CASE(vectors_are_met_with_every_text_on_the_way),
    CASE(the_canonical_request_is_as_described),
    CASE(the_signing_key_is_as_published),
    CASE(paths_queries_and_headers_have_one_form),
    CASE(headers_of_one_name_are_joined_in_their_order),
    CASE(a_kept_key_is_renewed_with_day_and_secret),
    CASE(more_headers_than_can_be_signed_are_refused),
    CASE(the_time_is_written_for_the_header),
    CASE(signing_survives_failing_allocations),
};
RUN_CASES
