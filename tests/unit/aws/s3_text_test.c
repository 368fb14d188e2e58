#include "keepone/aws/s3_text.h"

#include "support/test.h"

static void
check_location(const char *path, const char *bucket, const char *key)
{
    struct ko_s3_location location;
    struct ko_error err = {0};

    (void) ko_s3_locate(path, &location, &err);
    CHECK_OK(err);
    CHECK_TEXT(location.bucket, bucket);
    CHECK_TEXT(location.key, key);
}

static void
a_path_is_split_into_bucket_and_key(void)
{
    check_location("s3://bkt/a/b.json", "bkt", "a/b.json");
    check_location("s3://my.Old_bucket-1", "my.Old_bucket-1", "");
    check_location("s3://bkt/", "bkt", "");
    check_location("s3://bkt//a/../b ?#%", "bkt", "/a/../b ?#%");
}

static void
a_path_that_names_no_bucket_is_refused(void)
{
    static const char *const paths[] = {"s3://",  "s3:///key",  "s3://ab/key",
                                        "runs/1", "S3://bkt/k", "s3://b t/k"};
    struct ko_s3_location location;

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct ko_error err = {0};

        (void) ko_s3_locate(paths[i], &location, &err);
        CHECK_CODE(err, KO_E_OPTION);
        CHECK_ERROR_SAYS(err, paths[i]);
    }
}

static void
a_key_has_1024_bytes_at_most(void)
{
    char path[9 + 1025 + 1] = "s3://bkt/";
    struct ko_s3_location location;
    struct ko_error err = {0};

    memset(path + 9, 'k', 1024);
    (void) ko_s3_locate(path, &location, &err);
    CHECK_OK(err);
    path[9 + 1024] = 'k';
    (void) ko_s3_locate(path, &location, &err);
    CHECK_CODE(err, KO_E_OPTION);
    CHECK_ERROR_SAYS(err, "1,024 bytes");
}

static void
keys_are_encoded_byte_by_byte_and_keep_slashes(void)
{
    struct ko_buf out = {0};

    ko_s3_add_path(&out, KO_SLICE("a b/\xc3\xa9+=~/x%-_.\x01"));
    CHECK_SLICE(ko_buf_slice(&out), "a%20b/%C3%A9%2B%3D~/x%25-_.%01");
    ko_buf_reset(&out);
    ko_s3_add_value(&out, KO_SLICE("p/ 1+=="));
    CHECK_SLICE(ko_buf_slice(&out), "p%2F%201%2B%3D%3D");
    ko_buf_clear(&out);
}

static void
buckets_are_in_the_host_name_where_they_can_be(void)
{
    const struct ko_endpoint aws = {.is_tls = true};
    const struct ko_endpoint plain = {.is_tls = false};
    const struct ko_endpoint given = {.is_tls = true, .is_custom = true};

    assert_false(ko_s3_is_path_style(&aws, "my-bucket"));
    assert_true(ko_s3_is_path_style(&aws, "my.bucket")); /* no certificate has such a name */
    assert_false(ko_s3_is_path_style(&plain, "my.bucket"));
    assert_true(ko_s3_is_path_style(&aws, "MyBucket"));
    assert_true(ko_s3_is_path_style(&aws, "my_bucket"));
    assert_true(ko_s3_is_path_style(&plain, "10.1.2.3"));
    assert_true(ko_s3_is_path_style(&plain, "a..b"));
    assert_true(ko_s3_is_path_style(&aws, "-bkt"));
    assert_true(ko_s3_is_path_style(
        &aws, "a123456789b123456789c123456789d123456789e123456789f123456789g1234"));
    assert_true(ko_s3_is_path_style(&given, "my-bucket"));
}

static void
ranges_are_read(void)
{
    struct ko_s3_range range;

    assert_true(ko_s3_read_range(KO_SLICE("bytes 8-19/1000"), &range));
    assert_int_equal(range.first, 8);
    assert_int_equal(range.n, 12);
    assert_int_equal(range.total_bytes, 1000);
    assert_true(ko_s3_read_range(KO_SLICE("bytes 0-0/1"), &range));
    assert_int_equal(range.n, 1);
}

static void
ranges_that_cannot_be_are_refused(void)
{
    static const char *const texts[] = {
        "",          "bytes */10",    "bytes 0-9/*",  "bytes 9-8/20",
        "bytes 0-9", "bytes 0-10/10", "items 0-1/10", "bytes 0-1/99999999999999999999",
        "0-9/10",    "bytes -1-9/10", "bytes 0-9/",   "bytes 0-9/10 "};
    struct ko_s3_range range;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(ko_s3_read_range(ko_slice_of(texts[i]), &range));
    assert_false(ko_s3_read_range((struct ko_slice){NULL, 0}, &range));
}

static void
ranges_of_nothing_are_told_apart(void)
{
    assert_true(ko_s3_is_of_nothing(KO_SLICE("bytes */0")));
    assert_true(ko_s3_is_of_nothing(KO_SLICE("bytes 0-0/0")));
    assert_false(ko_s3_is_of_nothing(KO_SLICE("bytes 0-0/10")));
    assert_false(ko_s3_is_of_nothing(KO_SLICE("0")));
    assert_false(ko_s3_is_of_nothing((struct ko_slice){NULL, 0}));
}

static void
errors_are_read(void)
{
    struct ko_s3_fault fault;

    assert_true(ko_s3_read_fault(
        KO_SLICE("<?xml version=\"1.0\"?>\n<Error><Code>PermanentRedirect</Code><Message>use\nthe "
                 "right &quot;endpoint&quot;</Message><Region>eu-west-1</Region>"
                 "<RequestId>R1</RequestId><HostId>h</HostId></Error>"),
        &fault));
    CHECK_TEXT(fault.text.error_code, "PermanentRedirect");
    CHECK_TEXT(fault.text.message, "use the right \"endpoint\"");
    CHECK_TEXT(fault.request_id, "R1");
    CHECK_TEXT(fault.region, "eu-west-1");
}

static void
what_is_no_error_gives_empty_texts(void)
{
    static const char *const bodies[] = {"",
                                         "<html><body>503</body>",
                                         "{\"__type\":\"x\"}",
                                         "<Error><Message>m</Message></Error>",
                                         "<Error><Code>Cut</Code><Message>m</Mess",
                                         "<Other><Code>c</Code></Other>"};

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct ko_s3_fault fault;

        assert_false(ko_s3_read_fault(ko_slice_of(bodies[i]), &fault));
        CHECK_TEXT(fault.text.error_code, "");
        CHECK_TEXT(fault.text.message, "");
    }
}

/* "key:size;" or "key/;". */
static enum ko_code
note_entry(void *self, const struct ko_s3_entry *entry, struct ko_error *err)
{
    struct ko_buf *const notes = self;

    ko_buf_add_slice(notes, entry->key);
    if (!entry->is_folder)
        ko_buf_add_format(notes, ":%llu", (unsigned long long) entry->size_bytes);
    ko_buf_add_char(notes, ';');
    return ko_buf_finish(notes, err);
}

static void
check_page(const char *inner, const char *expected, const char *expected_next)
{
    struct ko_buf body = {0};
    struct ko_buf notes = {0};
    struct ko_buf next = {0};
    struct ko_error err = {0};

    ko_buf_add_format(&body,
                      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "
                      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">%s</ListBucketResult>",
                      inner);
    ko_buf_add_text(&next, "token of the last page");
    (void) ko_s3_read_page(ko_buf_slice(&body), note_entry, &notes, &next, &err);
    CHECK_OK(err);
    CHECK_SLICE(ko_buf_slice(&notes), expected);
    CHECK_SLICE(ko_buf_slice(&next), expected_next);
    ko_buf_clear(&body);
    ko_buf_clear(&notes);
    ko_buf_clear(&next);
}

static void
pages_of_a_listing_are_read(void)
{
    check_page("<Name>b</Name><Prefix>p</Prefix><KeyCount>3</KeyCount><MaxKeys>2</MaxKeys>"
               "<IsTruncated>true</IsTruncated><NextContinuationToken>1/a+=</NextContinuationToken>"
               "<Contents><Key>p/a</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
               "<ETag>&quot;e&quot;</ETag><Size>5000000000</Size><StorageClass>S</StorageClass>"
               "<Owner><ID>i</ID></Owner></Contents>"
               "<Contents><Size>0</Size><Key>p/b</Key></Contents>"
               "<CommonPrefixes><Prefix>p/c/</Prefix></CommonPrefixes>",
               "p/a:5000000000;p/b:0;p/c/;", "1/a+=");
    check_page("<IsTruncated>false</IsTruncated>", "", "");
}

static void
keys_are_decoded_only_if_the_page_says_so(void)
{
    check_page("<EncodingType>url</EncodingType>"
               "<Contents><Key>a%2Bb+c%C3%A9%</Key><Size>1</Size></Contents>",
               "a+b c\xc3\xa9%:1;", "");
    check_page("<CommonPrefixes><Prefix>a%20b/</Prefix></CommonPrefixes>"
               "<EncodingType>url</EncodingType>",
               "a b/;", "");
    check_page("<Contents><Key>a%2Bb+c&amp;</Key><Size>1</Size></Contents>", "a%2Bb+c&:1;", "");
}

static void
listings_that_cannot_be_are_refused(void)
{
    static const char *const bodies[] = {
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><CommonPrefixes/></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><Contents>",
        "<Error><Code>c</Code></Error>",
        "",
    };

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct ko_buf notes = {0};
        struct ko_buf next = {0};
        struct ko_error err = {0};

        (void) ko_s3_read_page(ko_slice_of(bodies[i]), note_entry, &notes, &next, &err);
        CHECK_CODE(err, KO_E_CORRUPT);
        ko_buf_clear(&notes);
        ko_buf_clear(&next);
    }
}

CASES = {
    CASE(a_path_is_split_into_bucket_and_key),
    CASE(a_path_that_names_no_bucket_is_refused),
    CASE(a_key_has_1024_bytes_at_most),
    CASE(keys_are_encoded_byte_by_byte_and_keep_slashes),
    CASE(buckets_are_in_the_host_name_where_they_can_be),
    CASE(ranges_are_read),
    CASE(ranges_that_cannot_be_are_refused),
    CASE(ranges_of_nothing_are_told_apart),
    CASE(errors_are_read),
    CASE(what_is_no_error_gives_empty_texts),
    CASE(pages_of_a_listing_are_read),
    CASE(keys_are_decoded_only_if_the_page_says_so),
    CASE(listings_that_cannot_be_are_refused),
};
RUN_CASES
