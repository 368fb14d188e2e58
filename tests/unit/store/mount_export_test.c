#include "keepone/base/mount.h"
#include "keepone/format/gzip.h"
#include "keepone/store/export.h"
#include "support/trial_mount.h"

/* Exports on a mount: found below a prefix, data files found by one listing, read when ready. */

#define LINES_PER_FILE 400

static struct ko_buf list_of_files;

static void
add_md5(struct ko_buf *out, struct ko_slice content)
{
    unsigned char md5[KO_DIGEST_BYTES_MAX];
    struct ko_error err = {0};
    struct ko_digest *digest = ko_digest_new(KO_MD5, &err);

    CHECK_OK(err);
    ko_digest_add(digest, content);
    ko_digest_end(digest, md5);
    ko_digest_free(digest);
    ko_base64_add(out, (struct ko_slice){(const char *) md5, KO_MD5_BYTES});
}

/* Puts a data file of lines at `path` and lists it by `key`. */
static void
put_data(const char *path, const char *key)
{
    struct ko_buf packed = {0};
    struct ko_buf lines = {0};
    struct ko_error err = {0};

    for (unsigned i = 0; i < LINES_PER_FILE; i++)
        ko_buf_add_format(&lines, "{\"Item\":{\"pk\":{\"S\":\"%s %u\"},\"n\":{\"N\":\"%u\"}}}\n",
                          key, i, i * 2654435761U);
    (void) ko_gzip_add(&packed, ko_buf_slice(&lines), &err);
    CHECK_OK(err);
    mount_put(path, ko_buf_slice(&packed));
    ko_buf_add_format(&list_of_files, "{\"itemCount\":%u,\"md5Checksum\":\"", LINES_PER_FILE);
    add_md5(&list_of_files, ko_buf_slice(&packed));
    ko_buf_add_format(&list_of_files, "\",\"etag\":\"x-1\",\"dataFileS3Key\":\"%s\"}\n", key);
    ko_buf_clear(&packed);
    ko_buf_clear(&lines);
}

static void
put_at(const char *folder, const char *name, struct ko_slice content)
{
    char path[256];

    (void) snprintf(path, sizeof path, "%s/%s", folder, name);
    mount_put(path, content);
}

/* The manifests of an export of n files, in `folder`. */
static void
put_manifests(const char *folder, unsigned n_files)
{
    struct ko_buf summary = {0};
    struct ko_buf md5 = {0};

    ko_buf_add_format(&summary,
                      "{\"tableArn\":\"arn:aws:dynamodb:eu-west-1:1234:table/t\",\"tableId\":\"i\","
                      "\"exportTime\":\"2024-05-18T02:40:00.000Z\",\"itemCount\":%u,"
                      "\"outputFormat\":\"DYNAMODB_JSON\",\"s3Bucket\":\"b\",\"s3Prefix\":\"p/q\"}",
                      n_files * LINES_PER_FILE);
    put_at(folder, "manifest-summary.json", ko_buf_slice(&summary));
    put_at(folder, "manifest-files.json", ko_buf_slice(&list_of_files));
    add_md5(&md5, ko_buf_slice(&list_of_files));
    put_at(folder, "manifest-files.checksum", ko_buf_slice(&md5));
    ko_buf_clear(&summary);
    ko_buf_clear(&md5);
    ko_buf_clear(&list_of_files);
}

#define FOLDER "test://b/p/q/AWSDynamoDB/01-abc"

static void
put_export(void)
{
    put_data(FOLDER "/data/one.json.gz", "p/q/AWSDynamoDB/01-abc/data/one.json.gz");
    put_data(FOLDER "/data/two.json.gz", "p/q/AWSDynamoDB/01-abc/data/two.json.gz");
    put_manifests(FOLDER, 2);
}

/* Reads a file as an event loop does: only when it is ready. */
static enum ko_code
read_file(struct ko_export_reader *reader, const struct ko_export_file *file, uint64_t *n_lines,
          struct ko_error *err)
{
    struct ko_slice line = KO_SLICE("");

    KO_TRY(ko_export_reader_begin(reader, file, err));
    while (line.data != NULL) {
        bool is_ready;

        KO_TRY(ko_export_reader_is_ready(reader, &is_ready, err));
        if (!is_ready) {
            ko_export_reader_wait(reader, 1);
            continue;
        }
        KO_TRY(ko_export_reader_next(reader, &line, err));
        *n_lines += line.data != NULL;
    }

done:
    return err->code;
}

/* Opens and reads the export below `folder`. */
static enum ko_code
read_export(const char *folder, uint64_t *n_lines, struct ko_error *err)
{
    struct ko_export_reader *reader = NULL;
    struct ko_export *export = NULL;

    *n_lines = 0;
    KO_TRY(ko_export_open(folder, KO_EXPORT_FULL, &export, err));
    reader = ko_export_reader_new(NULL, err);
    KO_TRY(err->code);
    for (size_t i = 0; i < export->n_files; i++)
        KO_TRY(read_file(reader, &export->files[i], n_lines, err));

done:
    ko_export_reader_free(reader);
    ko_export_close(export);
    return err->code;
}

static void
check_reads(const char *folder)
{
    struct ko_error err = {0};
    uint64_t n_lines;

    (void) read_export(folder, &n_lines, &err);
    CHECK_OK(err);
    assert_int_equal(n_lines, 2 * LINES_PER_FILE);
}

static void
it_is_found_below_its_prefix(void)
{
    mount_begin();
    put_export();
    mount_put("test://b/p/q/other", KO_SLICE(""));
    check_reads(FOLDER);
    check_reads(FOLDER "/");
    check_reads("test://b/p/q/AWSDynamoDB");
    check_reads("test://b/p/q");
    mount_end();
}

static void
what_is_not_there_is_said(void)
{
    struct ko_error err = {0};
    uint64_t n_lines;

    mount_begin();
    (void) read_export("test://b/p", &n_lines, &err);
    CHECK_CODE(err, KO_E_OPTION);
    CHECK_ERROR_SAYS(err, "there is no export in 'test://b/p'");
    put_export();
    mount_remove(FOLDER "/data/two.json.gz");
    err = (struct ko_error){0};
    (void) read_export(FOLDER, &n_lines, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, "the data file '" FOLDER "/data/two.json.gz' is not there");
    mount_end();
}

static void
a_copy_elsewhere_is_read_there(void)
{
    mount_begin();
    put_data("test://c/copy/data/one.json.gz", "p/q/AWSDynamoDB/01-abc/data/one.json.gz");
    put_data("test://c/copy/data/two.json.gz", "p/q/AWSDynamoDB/01-abc/data/two.json.gz");
    put_manifests("test://c/copy", 2);
    check_reads("test://c/copy");
    mount_end();
}

static void
keys_may_lack_the_prefix_or_share_a_folder(void)
{
    mount_begin();
    put_data(FOLDER "/data/one.json.gz", "AWSDynamoDB/01-abc/data/one.json.gz");
    put_data("test://b/p/q/AWSDynamoDB/data/two.json.gz", "p/q/AWSDynamoDB/data/two.json.gz");
    put_manifests(FOLDER, 2);
    check_reads(FOLDER);
    mount_end();
}

static void
files_are_found_by_listings_not_one_by_one(void)
{
    struct ko_export *export = NULL;
    struct ko_error err = {0};

    mount_begin();
    for (unsigned i = 0; i < 200; i++) {
        char path[128];

        (void) snprintf(path, sizeof path, FOLDER "/data/%u.json.gz", i);
        put_data(path, path + strlen("test://b/"));
    }
    put_manifests(FOLDER, 200);
    mount.n_calls = 0;
    (void) ko_export_open(FOLDER, KO_EXPORT_FULL, &export, &err);
    CHECK_OK(err);
    assert_int_equal(export->n_files, 200);
    assert_true(export->files[199].size_bytes > 100);
    assert_in_range(mount.n_calls, 1, 8);
    ko_export_close(export);
    mount_end();
}

static void
the_reader_never_waits(void)
{
    static const size_t sizes[] = {1, 100, 5000, 0};

    mount_begin();
    put_export();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        mount.read_bytes = sizes[i];
        mount.n_unready = 0;
        check_reads(FOLDER);
        assert_true(mount.n_unready > (sizes[i] == 1 ? 1000 : 1));
    }
    mount_end();
}

static void
a_replaced_file_is_noticed(void)
{
    struct ko_error err = {0};
    uint64_t n_lines;

    mount_begin();
    put_export();
    mount_find(FOLDER "/data/one.json.gz")->content.data[40] ^= 1;
    (void) read_export(FOLDER, &n_lines, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    mount_end();
}

static void
every_failure_is_told(void)
{
    struct ko_error err = {0};
    uint64_t n_lines;

    mount_begin();
    put_export();
    mount.read_bytes = 2000;
    MOUNT_TORTURE(err, (void) 0, read_export("test://b/p/q", &n_lines, &err), (void) 0);
    assert_int_equal(n_lines, 2 * LINES_PER_FILE);
    mount_end();
}

CASES = {
    CASE(it_is_found_below_its_prefix),
    CASE(what_is_not_there_is_said),
    CASE(a_copy_elsewhere_is_read_there),
    CASE(keys_may_lack_the_prefix_or_share_a_folder),
    CASE(files_are_found_by_listings_not_one_by_one),
    CASE(the_reader_never_waits),
    CASE(a_replaced_file_is_noticed),
    CASE(every_failure_is_told),
};
RUN_CASES
