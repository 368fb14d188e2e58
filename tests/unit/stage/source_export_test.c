/* The items of data files, one after the other; those in between are skipped. */
#include "keepone/format/digest.h"
#include "keepone/format/gzip.h"
#include "keepone/store/export.h"
#include "support/lines.h"
#include "unit/store/temp_folder.h"

static struct ko_rules *
new_rules(void)
{
    const struct ko_rules_options options = {
        .hash_name = KO_SLICE("pk"), .key = KO_SLICE("k"), .keep = KO_SLICE("any")};
    struct ko_error err = {0};
    struct ko_rules *rules = ko_rules_new(&options, &err);

    CHECK_OK(err);
    return rules;
}

/* One letter per item: "n" reads it and tells its primary key, "s" skips it; "." is the end. */
static const char *
take(const struct ko_source *source, const char *letters)
{
    static char text[512];
    struct ko_error err = {0};
    size_t n = 0;

    text[0] = '\0';
    KO_TRY(source->ops->begin(source->self, 0, &err));
    for (; *letters != '\0'; letters++) {
        struct ko_slice values[KO_LOOKED_MAX];
        bool has_item = false;

        if (*letters == 's')
            KO_TRY(ko_source_skip(source, &has_item, &err));
        else
            KO_TRY(source->ops->next(source->self, values, &has_item, &err));
        if (!has_item || *letters == 's')
            n += (size_t) snprintf(text + n, sizeof text - n, has_item ? "-" : ".");
        else
            n += (size_t) snprintf(text + n, sizeof text - n, "%.*s", (int) values[0].n - 8,
                                   values[0].data + 6);
    }

done:
    if (err.code != KO_OK)
        (void) snprintf(text + n, sizeof text - n, "!%s", err.text);
    return text;
}

/* The same of an export with one data file of these lines. */
static const char *
take_of_file(const char *lines, uint64_t n_items, const char *letters)
{
    struct ko_error err = {0};
    struct ko_buf packed = {0};
    struct ko_rules *rules = new_rules();
    struct ko_export_file file = {.path = file_at("a.gz"), .key = "a.gz", .n_items = n_items};
    const struct ko_export export = {.n_files = 1, .files = &file};
    struct ko_source source;
    const char *text;

    (void) ko_gzip_add(&packed, ko_slice_of(lines), &err);
    CHECK_OK(err);
    file_write("a.gz", ko_buf_slice(&packed));
    source = ko_source_of_export(&export, rules, false, &err);
    CHECK_OK(err);
    text = take(&source, letters);
    source.ops->free(source.self);
    ko_rules_free(rules);
    ko_buf_clear(&packed);
    return text;
}

#define LINE(pk) "{\"Item\":{\"pk\":{\"S\":\"" pk "\"}}}\n"

static void
a_skipped_item_is_counted_and_not_looked_at(void)
{
    folder_begin();
    CHECK_TEXT(take_of_file(LINE("a") LINE("b") LINE("c"), 3, "nsnnn"), "a-c..");
    CHECK_TEXT(take_of_file(LINE("a") LINE("b") LINE("c"), 3, "ssss"), "---.");
    CHECK_TEXT(take_of_file(LINE("a") "{broken\n" LINE("c"), 3, "nsns"), "a-c.");
    folder_end();
}

static void
skipping_to_the_end_checks_the_number_of_items(void)
{
    char expected[512];

    folder_begin();
    (void) snprintf(expected, sizeof expected, "--!'%s' has 2 items, the manifest says 3",
                    file_at("a.gz"));
    CHECK_TEXT(take_of_file(LINE("a") LINE("b"), 3, "sss"), expected);
    folder_end();
}

/* Reading a file whose MD5 the manifest has wrong fails, but for one that was right before. */
static void
the_md5_is_checked_once(void)
{
    struct ko_error err = {0};
    struct ko_buf packed = {0};
    struct ko_rules *rules = new_rules();
    struct ko_export_file file = {.key = "a.gz", .n_items = 1};
    const struct ko_export export = {.n_files = 1, .files = &file};
    struct ko_source source;
    struct ko_digest *digest;
    unsigned char md5[KO_DIGEST_BYTES_MAX];

    folder_begin();
    file.path = file_at("a.gz");
    (void) ko_gzip_add(&packed, KO_SLICE(LINE("a")), &err);
    file_write("a.gz", ko_buf_slice(&packed));
    source = ko_source_of_export(&export, rules, true, &err);
    CHECK_OK(err);
    assert_non_null(strstr(take(&source, "nn"), "has the MD5"));
    assert_non_null(strstr(take(&source, "nn"), "has the MD5"));
    digest = ko_digest_new(KO_MD5, &err);
    ko_digest_add(digest, ko_buf_slice(&packed));
    ko_digest_end(digest, md5);
    ko_digest_free(digest);
    memcpy(file.md5, md5, sizeof file.md5);
    CHECK_TEXT(take(&source, "nn"), "a.");
    file.md5[0] ^= 1;
    CHECK_TEXT(take(&source, "nn"), "a.");
    source.ops->free(source.self);
    ko_rules_free(rules);
    ko_buf_clear(&packed);
    folder_end();
}

static void
a_source_that_cannot_skip_reads(void)
{
    struct ko_error err = {0};
    struct ko_rules *rules = new_rules();
    struct line_reader *reader;
    struct ko_source source = line_source(KO_SLICE("a\nb\nc\n"), rules, &reader, &err);

    CHECK_OK(err);
    CHECK_TEXT(take(&source, "snss"), "-b-.");
    source.ops->free(source.self);
    ko_rules_free(rules);
}

CASES = {
    CASE(a_skipped_item_is_counted_and_not_looked_at),
    CASE(skipping_to_the_end_checks_the_number_of_items),
    CASE(the_md5_is_checked_once),
    CASE(a_source_that_cannot_skip_reads),
};
RUN_CASES
