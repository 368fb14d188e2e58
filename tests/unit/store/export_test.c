#include "keepone/store/export.h"

#include "keepone/format/gzip.h"
#include "temp_folder.h"

/*
 * Cases write an export into the temporary folder: data files first, which add their lines to the
 * list of files, then the manifests.
 */
static struct ko_buf list_of_files;

#define FOLDER "p/AWSDynamoDB/0171-abc"

static void
export_begin(void)
{
    struct ko_error err = {0};

    folder_begin();
    (void) ko_folder_make(file_at(FOLDER "/data"), &err);
    CHECK_OK(err);
    ko_buf_reset(&list_of_files);
}

static void
export_end(void)
{
    ko_buf_clear(&list_of_files);
    folder_end();
}

static void
add_digest(struct ko_buf *out, struct ko_slice content, bool in_hex)
{
    unsigned char md5[KO_DIGEST_BYTES_MAX];
    char hex[2 * KO_MD5_BYTES + 1];
    struct ko_error err = {0};
    struct ko_digest *digest = ko_digest_new(KO_MD5, &err);

    CHECK_OK(err);
    ko_digest_add(digest, content);
    ko_digest_end(digest, md5);
    ko_digest_free(digest);
    ko_hex(md5, KO_MD5_BYTES, hex);
    if (in_hex)
        ko_buf_add_text(out, hex);
    else
        ko_base64_add(out, (struct ko_slice){(const char *) md5, KO_MD5_BYTES});
}

/* A line of manifest-files.json. */
static void
list_file(const char *key, struct ko_slice packed, unsigned n_items)
{
    ko_buf_add_format(&list_of_files, "{\"itemCount\":%u,\"md5Checksum\":\"", n_items);
    add_digest(&list_of_files, packed, false);
    ko_buf_add_format(&list_of_files, "\",\"etag\":\"x-1\",\"dataFileS3Key\":\"%s\"}\n", key);
}

/* Writes data/<name> as one gzip member, and lists it. */
static void
add_data(const char *name, const char *lines, unsigned n_items)
{
    struct ko_buf packed = {0};
    struct ko_error err = {0};
    char path[256];

    (void) ko_gzip_add(&packed, ko_slice_of(lines), &err);
    CHECK_OK(err);
    (void) snprintf(path, sizeof path, FOLDER "/data/%s", name);
    file_write(path, ko_buf_slice(&packed));
    (void) snprintf(path, sizeof path, "p/AWSDynamoDB/0171-abc/data/%s", name);
    list_file(path, ko_buf_slice(&packed), n_items);
    ko_buf_clear(&packed);
}

static void
write_manifest(const char *part, struct ko_slice content, bool in_hex)
{
    struct ko_buf digest = {0};
    char path[256];

    (void) snprintf(path, sizeof path, FOLDER "/manifest-%s.json", part);
    file_write(path, content);
    add_digest(&digest, content, in_hex);
    (void) snprintf(path, sizeof path, FOLDER "/manifest-%s.checksum", part);
    file_write(path, ko_buf_slice(&digest));
    ko_buf_clear(&digest);
}

/* Writes both manifests; `more` are members behind the usual ones. */
static void
write_manifests(unsigned n_items, const char *more)
{
    struct ko_buf summary = {0};

    ko_buf_add_format(&summary,
                      "{\"version\":\"2020-06-30\","
                      "\"tableArn\":\"arn:aws:dynamodb:eu-west-1:1234:table/space-diff\","
                      "\"tableId\":\"6f1b7c1e\",\"exportTime\":\"2024-05-18T02:40:00.000Z\","
                      "\"itemCount\":%u%s}",
                      n_items, more);
    write_manifest("summary", ko_buf_slice(&summary), false);
    write_manifest("files", ko_buf_slice(&list_of_files), true);
    ko_buf_clear(&summary);
}

#define JSON_FORMAT ",\"outputFormat\":\"DYNAMODB_JSON\""

/* Opens `name` and checks that it fails with this code and text. */
static void
check_open_fails(const char *name, enum ko_code code, const char *text)
{
    struct ko_error err = {0};
    struct ko_export *export = NULL;

    (void) ko_export_open(file_at(name), KO_EXPORT_FULL, &export, &err);
    CHECK_CODE(err, code);
    CHECK_ERROR_SAYS(err, text);
    assert_null(export);
}

static void
check_opens(const char *name)
{
    struct ko_error err = {0};
    struct ko_export *export = NULL;

    (void) ko_export_open(file_at(name), KO_EXPORT_FULL, &export, &err);
    CHECK_OK(err);
    ko_export_close(export);
}

#define WINDOW                                                                        \
    ",\"exportType\":\"INCREMENTAL_EXPORT\",\"exportArn\":\"arn:x/export/0171-abc\"," \
    "\"exportFromTime\":\"2024-05-18T01:40:00.000Z\","                                \
    "\"exportToTime\":\"2024-05-18T02:40:00.5Z\""

static void
check_changes_fail(enum ko_code code, const char *text)
{
    struct ko_error err = {0};
    struct ko_export *export = NULL;

    (void) ko_export_open(file_at("p"), KO_EXPORT_CHANGES, &export, &err);
    CHECK_CODE(err, code);
    CHECK_ERROR_SAYS(err, text);
    assert_null(export);
}

static void
an_incremental_export_has_a_window_and_a_shared_data_folder(void)
{
    struct ko_error err = {0};
    struct ko_export *export = NULL;
    struct ko_buf packed = {0};

    export_begin();
    (void) ko_folder_make(file_at("p/AWSDynamoDB/data"), &err);
    (void) ko_gzip_add(&packed, KO_SLICE("{}\n"), &err);
    file_write("p/AWSDynamoDB/data/x.json.gz", ko_buf_slice(&packed));
    list_file("pre/fix/AWSDynamoDB/data/x.json.gz", ko_buf_slice(&packed), 1);
    ko_buf_clear(&packed);
    write_manifests(1, JSON_FORMAT WINDOW ",\"outputView\":\"NEW_AND_OLD_IMAGES\"");
    (void) ko_export_open(file_at("p"), KO_EXPORT_CHANGES, &export, &err);
    CHECK_OK(err);
    CHECK_TEXT(export->arn, "arn:x/export/0171-abc");
    CHECK_TEXT(export->from.text, "2024-05-18T01:40:00.000Z");
    assert_true(export->from.us == INT64_C(1715996400000000));
    assert_true(export->until.us == INT64_C(1716000000500000));
    assert_int_equal(export->n_files, 1);
    ko_export_close(export);
    check_open_fails("p", KO_E_OPTION, "of type INCREMENTAL_EXPORT, not a full one");
    export_end();
}

static void
windows_and_views_that_cannot_be_used_are_refused(void)
{
    export_begin();
    add_data("x.json.gz", "", 0);
    write_manifests(0, JSON_FORMAT WINDOW ",\"outputView\":\"OLD_IMAGE\"");
    check_changes_fail(KO_E_OPTION, "its view is OLD_IMAGE");
    write_manifests(0, JSON_FORMAT WINDOW);
    check_changes_fail(KO_E_CORRUPT, "outputView");
    write_manifests(0, JSON_FORMAT ",\"exportType\":\"INCREMENTAL_EXPORT\"");
    check_changes_fail(KO_E_CORRUPT, "exportFromTime");
    write_manifests(0, JSON_FORMAT ",\"exportType\":\"INCREMENTAL_EXPORT\","
                                   "\"outputView\":\"NEW_IMAGE\","
                                   "\"exportFromTime\":\"2024-05-18\","
                                   "\"exportToTime\":\"2024-05-18T00:00:00Z\"");
    check_changes_fail(KO_E_CORRUPT, "ends at 2024-05-18T00:00:00Z, before it begins");
    write_manifests(0, JSON_FORMAT ",\"exportType\":\"INCREMENTAL_EXPORT\","
                                   "\"exportFromTime\":\"1900-05-18\"");
    check_changes_fail(KO_E_CORRUPT, "\"exportFromTime\" is '1900-05-18', which is no time");
    write_manifests(0, JSON_FORMAT);
    check_changes_fail(KO_E_OPTION, "of type FULL_EXPORT, not an incremental one");
    write_manifests(0, ",\"outputFormat\":\"ION\"" WINDOW);
    check_changes_fail(KO_E_OPTION, "ION");
    export_end();
}

static void
what_the_manifests_say_is_known(void)
{
    struct ko_error err = {0};
    struct ko_export *export = NULL;

    export_begin();
    add_data("small.json.gz", "1\n", 1);
    add_data("large.json.gz", "hello world, this is longer\nx\n", 2);
    add_data("b.json.gz", "1\n", 1);
    write_manifests(4, JSON_FORMAT);
    (void) ko_export_open(file_at(FOLDER), KO_EXPORT_FULL, &export, &err);
    CHECK_OK(err);
    CHECK_TEXT(export->table_arn, "arn:aws:dynamodb:eu-west-1:1234:table/space-diff");
    CHECK_TEXT(export->table_name, "space-diff");
    CHECK_TEXT(export->table_id, "6f1b7c1e");
    CHECK_TEXT(export->until.text, "2024-05-18T02:40:00.000Z");
    assert_true(export->until.us == INT64_C(1716000000000000));
    assert_true(export->from.us == export->until.us);
    assert_int_equal(export->n_items, 4);
    assert_int_equal(export->n_files, 3);
    CHECK_TEXT(export->files[0].key, "p/AWSDynamoDB/0171-abc/data/large.json.gz");
    CHECK_TEXT(export->files[1].key, "p/AWSDynamoDB/0171-abc/data/b.json.gz");
    CHECK_TEXT(export->files[2].key, "p/AWSDynamoDB/0171-abc/data/small.json.gz");
    assert_int_equal(export->files[0].n_items, 2);
    assert_int_equal(export->size_bytes,
                     export->files[0].size_bytes + 2 * export->files[1].size_bytes);
    ko_export_close(export);
    export_end();
}

static void
an_export_is_found_from_the_folders_above_it(void)
{
    export_begin();
    add_data("a.json.gz", "1\n", 1);
    write_manifests(1, JSON_FORMAT);
    check_opens("p/AWSDynamoDB");
    check_opens("p/AWSDynamoDB/");
    check_opens("p");
    check_open_fails("", KO_E_OPTION, "there is no export in '");
    check_open_fails("missing", KO_E_OPTION, "there is no export in '");
    export_end();
}

static void
several_exports_are_listed(void)
{
    struct ko_error err = {0};

    export_begin();
    write_manifests(0, JSON_FORMAT);
    (void) ko_folder_make(file_at("p/AWSDynamoDB/0172-def"), &err);
    CHECK_OK(err);
    file_write("p/AWSDynamoDB/0172-def/manifest-summary.json", KO_SLICE("{}"));
    check_open_fails("p", KO_E_OPTION, "2 exports are in '");
    check_open_fails("p/AWSDynamoDB", KO_E_OPTION, "/p/AWSDynamoDB/0171-abc', '");
    check_open_fails("p/AWSDynamoDB", KO_E_OPTION, "/p/AWSDynamoDB/0172-def'");
    for (int i = 0; i < 7; i++) {
        char name[100];

        (void) snprintf(name, sizeof name, "p/AWSDynamoDB/more-%d", i);
        (void) ko_folder_make(file_at(name), &err);
        CHECK_OK(err);
        (void) snprintf(name, sizeof name, "p/AWSDynamoDB/more-%d/manifest-summary.json", i);
        file_write(name, KO_SLICE("{}"));
    }
    check_open_fails("p", KO_E_OPTION, "9 exports are in '");
    check_open_fails("p", KO_E_OPTION, "/more-5', ...");
    check_opens(FOLDER);
    export_end();
}

static void
files_are_found_wherever_the_folder_was_copied_to(void)
{
    struct ko_error err = {0};

    export_begin();
    add_data("a.json.gz", "1\n", 1);
    list_file("other/prefix/AWSDynamoDB/0171-abc/data/a.json.gz", KO_SLICE(""), 1);
    list_file("AWSDynamoDB/9999-zzz/data/a.json.gz", KO_SLICE(""), 1);
    list_file("a.json.gz", KO_SLICE(""), 1);
    write_manifests(4, JSON_FORMAT);
    check_opens(FOLDER);
    (void) ko_file_rename(file_at(FOLDER), file_at("moved"), &err);
    CHECK_OK(err);
    check_opens("moved");
    check_opens("");
    export_end();
}

static void
files_are_found_in_the_prefix_as_their_keys_say(void)
{
    struct ko_error err = {0};
    struct ko_export *export = NULL;

    export_begin();
    file_write("p/elsewhere.gz", KO_SLICE(""));
    list_file("elsewhere.gz", KO_SLICE(""), 0);
    write_manifests(0, JSON_FORMAT);
    (void) ko_export_open(file_at("p"), KO_EXPORT_FULL, &export, &err);
    CHECK_OK(err);
    assert_non_null(strstr(export->files[0].path, "0171-abc/../../elsewhere.gz"));
    ko_export_close(export);
    export_end();
}

static void
a_missing_data_file_is_named_with_its_line(void)
{
    export_begin();
    add_data("a.json.gz", "1\n", 1);
    list_file("p/AWSDynamoDB/0171-abc/data/gone.json.gz", KO_SLICE(""), 1);
    write_manifests(2, JSON_FORMAT);
    check_open_fails("p", KO_E_CORRUPT, "manifest-files.json' line 2: the data file '");
    check_open_fails("p", KO_E_CORRUPT, "data/gone.json.gz' is not there");
    export_end();
}

static void
counts_must_add_up(void)
{
    export_begin();
    add_data("a.json.gz", "1\n2\n", 2);
    add_data("b.json.gz", "3\n", 1);
    write_manifests(4, JSON_FORMAT);
    check_open_fails("p", KO_E_CORRUPT, "says 4 items, the files of manifest-files.json have 3");
    export_end();
}

static void
a_file_listed_twice_is_kept_twice(void)
{
    struct ko_error err = {0};
    struct ko_export *export = NULL;

    export_begin();
    add_data("a.json.gz", "1\n2\n", 2);
    add_data("a.json.gz", "1\n2\n", 2);
    write_manifests(4, JSON_FORMAT);
    check_opens("p");
    write_manifests(2, JSON_FORMAT);
    (void) ko_export_open(file_at("p"), KO_EXPORT_FULL, &export, &err);
    CHECK_OK(err);
    assert_int_equal(export->n_files, 2);
    assert_int_equal(export->n_items, 4);
    ko_export_close(export);
    write_manifests(3, JSON_FORMAT);
    check_open_fails("p", KO_E_CORRUPT, "says 3 items");
    export_end();
}

static void
other_kinds_of_export_are_refused(void)
{
    export_begin();
    write_manifests(0, ",\"outputFormat\":\"ION\"");
    check_open_fails("p", KO_E_OPTION, "in the format ION, not DYNAMODB_JSON");
    write_manifests(0, JSON_FORMAT ",\"exportType\":\"INCREMENTAL_EXPORT\"");
    check_open_fails("p", KO_E_OPTION, "of type INCREMENTAL_EXPORT, not a full one");
    write_manifests(0, JSON_FORMAT ",\"exportType\":\"FULL_EXPORT\"");
    check_opens("p");
    write_manifests(0, JSON_FORMAT ",\"exportType\":null");
    check_opens("p");
    write_manifests(0, "");
    check_open_fails("p", KO_E_CORRUPT, "manifest-summary.json'");
    export_end();
}

static void
manifests_must_fit_their_checksums(void)
{
    export_begin();
    add_data("a.json.gz", "1\n", 1);
    write_manifests(1, JSON_FORMAT);
    check_opens("p");
    file_write(FOLDER "/manifest-files.checksum", KO_SLICE("D41D8CD98F00B204E9800998ECF8427E\n"));
    check_open_fails("p", KO_E_CORRUPT, "manifest-files.json': its MD5 is ");
    (void) unlink(file_at(FOLDER "/manifest-files.checksum"));
    check_opens("p");
    file_write(FOLDER "/manifest-summary.checksum", KO_SLICE("1B2M2Y8AsgTpgAmY7PhCfg=="));
    check_open_fails("p", KO_E_CORRUPT, "manifest-summary.json': its MD5 is ");
    (void) unlink(file_at(FOLDER "/manifest-summary.checksum"));
    check_opens("p");
    export_end();
}

static void
broken_manifests_are_named_with_line_or_byte(void)
{
    export_begin();
    add_data("a.json.gz", "1\n", 1);
    ko_buf_add_text(&list_of_files, "\n{\"itemCount\":1\n");
    write_manifests(2, JSON_FORMAT);
    check_open_fails("p", KO_E_CORRUPT, "manifest-files.json' line 3: ");
    ko_buf_reset(&list_of_files);
    ko_buf_add_text(&list_of_files,
                    "{\"itemCount\":1,\"md5Checksum\":\"AAAA\",\"dataFileS3Key\":\"x\"}");
    write_manifests(2, JSON_FORMAT);
    check_open_fails("p", KO_E_CORRUPT, "line 1: \"md5Checksum\": 3 bytes, an MD5 has 16");
    write_manifest("summary", KO_SLICE("{\"version\":"), false);
    check_open_fails("p", KO_E_CORRUPT, "manifest-summary.json': ");
    export_end();
}

static void
members_that_say_nothing_are_corrupt(void)
{
    export_begin();
    write_manifest("files", KO_SLICE(""), false);
    write_manifest("summary",
                   KO_SLICE("{\"outputFormat\":\"DYNAMODB_JSON\",\"tableArn\":\"arn:aws:s3\","
                            "\"tableId\":\"6f1b7c1e\",\"exportTime\":\"2024-05-18T02:40:00Z\","
                            "\"itemCount\":0}"),
                   false);
    check_open_fails("p", KO_E_CORRUPT, "\"tableArn\" is 'arn:aws:s3', which names no table");
    write_manifest("summary",
                   KO_SLICE("{\"outputFormat\":\"DYNAMODB_JSON\",\"tableArn\":\":table/t\","
                            "\"tableId\":\"6f1b7c1e\",\"exportTime\":\"yesterday\","
                            "\"itemCount\":0}"),
                   false);
    check_open_fails("p", KO_E_CORRUPT, "\"exportTime\" is 'yesterday', which is no time");
    write_manifest(
        "summary",
        KO_SLICE("{\"outputFormat\":\"DYNAMODB_JSON\",\"tableArn\":\":table/t\\u0000\"}"), false);
    check_open_fails("p", KO_E_CORRUPT, "\"tableArn\" has a NUL in it");
    export_end();
}

static void
a_data_file_that_is_not_gz_is_refused_unless_empty(void)
{
    export_begin();
    file_write(FOLDER "/data/empty.json", KO_SLICE(""));
    list_file("data/empty.json", KO_SLICE(""), 0);
    write_manifests(0, JSON_FORMAT);
    check_opens("p");
    file_write(FOLDER "/data/full.json", KO_SLICE("{}\n"));
    list_file("data/full.json", KO_SLICE("{}\n"), 1);
    write_manifests(1, JSON_FORMAT);
    check_open_fails("p", KO_E_CORRUPT, "data/full.json' is not a .gz file");
    export_end();
}

static void
no_memory_is_an_error(void)
{
    struct ko_error err = {.code = KO_E_MEMORY};
    struct ko_export *export = NULL;
    uint64_t nth = 0;

    export_begin();
    add_data("a.json.gz", "1\n", 1);
    write_manifests(1, JSON_FORMAT);
    while (err.code != KO_OK) {
        err = (struct ko_error){0};
        ko_mem_fail_nth(++nth);
        (void) ko_export_open(file_at("p"), KO_EXPORT_FULL, &export, &err);
        ko_mem_fail_nth(0);
        if (err.code != KO_OK)
            CHECK_CODE(err, KO_E_MEMORY);
    }
    ko_export_close(export);
    assert_true(nth > 10);
    export_end();
}

CASES = {
    CASE(what_the_manifests_say_is_known),
    CASE(an_incremental_export_has_a_window_and_a_shared_data_folder),
    CASE(windows_and_views_that_cannot_be_used_are_refused),
    CASE(an_export_is_found_from_the_folders_above_it),
    CASE(several_exports_are_listed),
    CASE(files_are_found_wherever_the_folder_was_copied_to),
    CASE(files_are_found_in_the_prefix_as_their_keys_say),
    CASE(a_missing_data_file_is_named_with_its_line),
    CASE(counts_must_add_up),
    CASE(a_file_listed_twice_is_kept_twice),
    CASE(other_kinds_of_export_are_refused),
    CASE(manifests_must_fit_their_checksums),
    CASE(broken_manifests_are_named_with_line_or_byte),
    CASE(members_that_say_nothing_are_corrupt),
    CASE(a_data_file_that_is_not_gz_is_refused_unless_empty),
    CASE(no_memory_is_an_error),
};
RUN_CASES
