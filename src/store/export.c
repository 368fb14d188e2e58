#include "keepone/store/export.h"

#include <stdlib.h>
#include <strings.h>

#include "export_priv.h"
#include "keepone/base/buf.h"
#include "keepone/base/mem.h"
#include "keepone/format/json.h"
#include "keepone/record/time.h"

enum {
    SUMMARY_BYTES_MAX = 1024 * 1024,
    FILES_BYTES_MAX = 1024 * 1024 * 1024,
    CHECKSUM_BYTES_MAX = 4096
};

struct ko_export_memory {
    struct ko_arena *texts;
    struct ko_export_places *places; /* while it is opened */
    struct ko_export_file *files;
    size_t capacity;
};

/* KO_E_CORRUPT unless text (without white space at its end) is the digest in hex or base64. */
static enum ko_code
compare_digest(struct ko_slice text, const unsigned char md5[KO_MD5_BYTES], struct ko_error *err)
{
    struct ko_buf base64 = {0};
    char hex[2 * KO_MD5_BYTES + 1];

    while (text.n > 0 && strchr(" \t\r\n", text.data[text.n - 1]) != NULL)
        text.n--;
    ko_hex(md5, KO_MD5_BYTES, hex);
    ko_base64_add(&base64, (struct ko_slice){(const char *) md5, KO_MD5_BYTES});
    if (ko_buf_finish(&base64, err) == KO_OK && !ko_slice_equal(text, ko_buf_slice(&base64)) &&
        (text.n != sizeof hex - 1 || strncasecmp(text.data, hex, text.n) != 0)) {
        (void) ko_fail(err, KO_E_CORRUPT, "its MD5 is %s, its checksum file says otherwise", hex);
        ko_hint(err, "fetch the manifests again.");
    }
    ko_buf_clear(&base64);
    return err->code;
}

/* Compares the content of manifest-<part>.json with manifest-<part>.checksum, if that is there. */
static enum ko_code
check_digest(const char *folder, const char *part, struct ko_slice content, struct ko_error *err)
{
    struct ko_digest *digest = NULL;
    struct ko_buf expected = {0};
    char path[KO_PATH_BYTES];
    unsigned char md5[KO_DIGEST_BYTES_MAX];
    bool is_there;

    KO_TRY(ko_path_join(path, err, folder, "manifest-%s.checksum", part));
    KO_TRY(ko_file_exists(path, &is_there, err));
    if (!is_there)
        return KO_OK;
    KO_TRY(ko_file_read(path, CHECKSUM_BYTES_MAX, &expected, err));
    digest = ko_digest_new(KO_MD5, err);
    if (err->code == KO_E_REFUSED)
        ko_hint(err, "remove the .checksum files of the export to go without them.");
    KO_TRY(err->code);
    ko_digest_add(digest, content);
    ko_digest_end(digest, md5);
    if (compare_digest(ko_buf_slice(&expected), md5, err) == KO_E_CORRUPT)
        ko_context(err, "'%s/manifest-%s.json'", folder, part);

done:
    ko_digest_free(digest);
    ko_buf_clear(&expected);
    return err->code;
}

/* Decodes a member into the arena as a NUL-terminated text. */
static enum ko_code
take_text(struct ko_export *export, struct ko_slice object, const char *name, const char **text,
          struct ko_error *err)
{
    struct ko_buf decoded = {0};

    KO_TRY(ko_json_member_text(object, name, &decoded, err));
    *text = ko_arena_copy(export->memory->texts, ko_buf_slice(&decoded), err).data;
    KO_TRY(err->code);
    if (strlen(*text) != decoded.n)
        (void) ko_fail(err, KO_E_CORRUPT, "\"%s\" has a NUL in it", name);

done:
    ko_buf_clear(&decoded);
    return err->code;
}

/* Old manifests of full exports have no type. */
static enum ko_code
check_type(struct ko_slice summary, enum ko_export_kind kind, struct ko_error *err)
{
    static const struct ko_slice types[] = {
        [KO_EXPORT_FULL] = {"FULL_EXPORT", 11}, [KO_EXPORT_CHANGES] = {"INCREMENTAL_EXPORT", 18}};
    struct ko_buf type = {0};
    struct ko_slice value;

    KO_TRY(ko_json_member(summary, "exportType", &value, err));
    if (value.data != NULL && value.data[0] == '"')
        KO_TRY(ko_json_decode_string(value, &type, err));
    else
        ko_buf_add_slice(&type, types[KO_EXPORT_FULL]);
    KO_TRY(ko_buf_finish(&type, err));
    if (ko_slice_equal(ko_buf_slice(&type), types[kind]))
        goto done;
    (void) ko_fail(err, KO_E_OPTION, "this is an export of type %.*s, not %s one",
                   KO_SLICE_ARG(ko_buf_slice(&type)),
                   kind == KO_EXPORT_FULL ? "a full" : "an incremental");
    ko_hint(err, kind == KO_EXPORT_FULL
                     ? "name a full export of the table; exports of changes go to --catch-up."
                     : "--catch-up takes incremental exports, made behind the full one.");

done:
    ko_buf_clear(&type);
    return err->code;
}

/* What we cannot read is refused before anything else is looked at. */
static enum ko_code
check_kind(struct ko_slice summary, enum ko_export_kind kind, struct ko_error *err)
{
    struct ko_buf format = {0};

    KO_TRY(check_type(summary, kind, err));
    KO_TRY(ko_json_member_text(summary, "outputFormat", &format, err));
    if (!ko_slice_equal(ko_buf_slice(&format), KO_SLICE("DYNAMODB_JSON"))) {
        (void) ko_fail(err, KO_E_OPTION, "this is an export in the format %.*s, not DYNAMODB_JSON",
                       KO_SLICE_ARG(ko_buf_slice(&format)));
        ko_hint(err, "export the table again with the format DynamoDB JSON.");
    }

done:
    ko_buf_clear(&format);
    return err->code;
}

/* Sets table_name from arn:aws:dynamodb:<region>:<account>:table/<name>. */
static enum ko_code
name_table(struct ko_export *export, struct ko_error *err)
{
    const char *const mark = strstr(export->table_arn, ":table/");
    const char *const name = mark == NULL ? "" : mark + strlen(":table/");

    export->table_name =
        ko_arena_copy(export->memory->texts, (struct ko_slice){name, strcspn(name, "/")}, err).data;
    if (err->code == KO_OK && export->table_name[0] == '\0')
        (void) ko_fail(err, KO_E_CORRUPT, "\"tableArn\" is '%s', which names no table",
                       export->table_arn);
    return err->code;
}

/* A member that is a time; what is below a microsecond is cut off. */
static enum ko_code
take_time(struct ko_export *export, struct ko_slice summary, const char *name,
          struct ko_export_time *moment, struct ko_error *err)
{
    const int64_t seconds_max = INT64_C(100000000000); /* the year 5138 */
    const uint64_t attoseconds_per_us = UINT64_C(1000000000000);
    struct ko_time time;

    KO_TRY(take_text(export, summary, name, &moment->text, err));
    if (!ko_time_parse(ko_slice_of(moment->text), &time) || time.seconds < 0 ||
        time.seconds > seconds_max)
        return ko_fail(err, KO_E_CORRUPT, "\"%s\" is '%s', which is no time", name, moment->text);
    moment->us = time.seconds * 1000000 + (int64_t) (time.attoseconds / attoseconds_per_us);

done:
    return err->code;
}

/* What only an incremental export has. */
static enum ko_code
take_window(struct ko_export *export, struct ko_slice summary, struct ko_error *err)
{
    const char *view;

    KO_TRY(take_time(export, summary, "exportFromTime", &export->from, err));
    KO_TRY(take_time(export, summary, "exportToTime", &export->until, err));
    if (export->from.us >= export->until.us)
        return ko_fail(err, KO_E_CORRUPT, "its window ends at %s, before it begins at %s",
                       export->until.text, export->from.text);
    KO_TRY(take_text(export, summary, "outputView", &view, err));
    if (strcmp(view, "NEW_IMAGE") != 0 && strcmp(view, "NEW_AND_OLD_IMAGES") != 0) {
        (void) ko_fail(err, KO_E_OPTION, "its view is %s: new images are wanted", view);
        ko_hint(err, "export the changes again with the view NEW_IMAGE.");
    }

done:
    return err->code;
}

/* Sets *text to a member that need not be there, or be a text; then it is NULL. */
static enum ko_code
take_text_if_any(struct ko_export *export, struct ko_slice object, const char *name,
                 const char **text, struct ko_error *err)
{
    struct ko_slice value;

    *text = NULL;
    KO_TRY(ko_json_member(object, name, &value, err));
    if (value.data != NULL && value.data[0] == '"')
        KO_TRY(take_text(export, object, name, text, err));

done:
    return err->code;
}

static enum ko_code
make_places(struct ko_export *export, struct ko_slice summary, struct ko_error *err)
{
    const char *bucket;
    const char *prefix;

    KO_TRY(take_text_if_any(export, summary, "s3Bucket", &bucket, err));
    KO_TRY(take_text_if_any(export, summary, "s3Prefix", &prefix, err));
    export->memory->places = ko_export_places_new(export->folder, bucket, prefix, err);

done:
    return err->code;
}

static enum ko_code
parse_summary(struct ko_export *export, struct ko_slice summary, uint64_t *n_items,
              struct ko_error *err)
{
    struct ko_slice arn;

    KO_TRY(ko_json_check(summary, err));
    KO_TRY(check_kind(summary, export->kind, err));
    KO_TRY(ko_json_member(summary, "exportArn", &arn, err));
    if (arn.data != NULL)
        KO_TRY(take_text(export, summary, "exportArn", &export->arn, err));
    else
        export->arn = "";
    KO_TRY(take_text(export, summary, "tableArn", &export->table_arn, err));
    KO_TRY(take_text(export, summary, "tableId", &export->table_id, err));
    if (export->kind == KO_EXPORT_CHANGES) {
        KO_TRY(take_window(export, summary, err));
    } else {
        KO_TRY(take_time(export, summary, "exportTime", &export->until, err));
        export->from = export->until;
    }
    KO_TRY(ko_json_member_u64(summary, "itemCount", n_items, err));
    KO_TRY(name_table(export, err));
    KO_TRY(make_places(export, summary, err));

done:
    return err->code;
}

/* Adds the manifest's text to content, checked against its checksum file, and sets path. */
static enum ko_code
read_manifest(const char *folder, const char *part, uint64_t max_bytes, struct ko_buf *content,
              char path[KO_PATH_BYTES], struct ko_error *err)
{
    KO_TRY(ko_path_join(path, err, folder, "manifest-%s.json", part));
    KO_TRY(ko_file_read(path, max_bytes, content, err));
    KO_TRY(check_digest(folder, part, ko_buf_slice(content), err));

done:
    return err->code;
}

static enum ko_code
read_summary(struct ko_export *export, uint64_t *n_items, struct ko_error *err)
{
    struct ko_buf content = {0};
    char path[KO_PATH_BYTES];

    KO_TRY(read_manifest(export->folder, "summary", SUMMARY_BYTES_MAX, &content, path, err));
    if (parse_summary(export, ko_buf_slice(&content), n_items, err) != KO_OK)
        ko_context(err, "'%s'", path);

done:
    ko_buf_clear(&content);
    return err->code;
}

/* "md5Checksum" is base64, in every manifest seen. */
static enum ko_code
take_md5(struct ko_slice entry, unsigned char md5[KO_MD5_BYTES], struct ko_error *err)
{
    struct ko_buf text = {0};
    struct ko_buf bytes = {0};

    KO_TRY(ko_json_member_text(entry, "md5Checksum", &text, err));
    KO_TRY(ko_base64_decode(ko_buf_slice(&text), &bytes, err));
    if (bytes.n == KO_MD5_BYTES)
        memcpy(md5, bytes.data, KO_MD5_BYTES);
    else
        (void) ko_fail(err, KO_E_CORRUPT, "%zu bytes, an MD5 has 16", bytes.n);

done:
    if (err->code == KO_E_CORRUPT && text.n > 0)
        ko_context(err, "\"md5Checksum\"");
    ko_buf_clear(&text);
    ko_buf_clear(&bytes);
    return err->code;
}

/* Sets path and size_bytes of the file with this key. */
static enum ko_code
locate(struct ko_export *export, struct ko_export_file *file, struct ko_error *err)
{
    char path[KO_PATH_BYTES];
    bool is_found;
    size_t n;

    KO_TRY(ko_export_locate(export->memory->places, file->key, path, &file->size_bytes, &is_found,
                            err));
    n = strlen(file->key);
    if (!is_found) {
        (void) ko_fail(err, KO_E_CORRUPT, "the data file '%s' is not there", path);
        ko_hint(err, "fetch the whole export again, the folder data with it.");
    } else if (file->size_bytes > 0 && (n < 3 || strcmp(file->key + n - 3, ".gz") != 0)) {
        (void) ko_fail(err, KO_E_CORRUPT, "the data file '%s' is not a .gz file", path);
    }
    KO_TRY(err->code);
    file->path = ko_arena_copy(export->memory->texts, ko_slice_of(path), err).data;

done:
    return err->code;
}

/* Room for one more file, zeroed. */
static struct ko_export_file *
add_file(struct ko_export *export, struct ko_error *err)
{
    struct ko_export_memory *memory = export->memory;

    if (export->n_files == memory->capacity) {
        const size_t grown = memory->capacity == 0 ? 64 : 2 * memory->capacity;
        void *moved = ko_realloc(memory->files, grown * sizeof *memory->files, err);

        if (moved == NULL)
            return NULL;
        memory->files = moved;
        memory->capacity = grown;
        export->files = memory->files;
    }
    memory->files[export->n_files] = (struct ko_export_file){0};
    return &memory->files[export->n_files++];
}

static enum ko_code
add_entry(struct ko_export *export, struct ko_slice entry, struct ko_error *err)
{
    struct ko_export_file *file = add_file(export, err);

    if (file == NULL)
        return err->code;
    KO_TRY(ko_json_check(entry, err));
    KO_TRY(take_text(export, entry, "dataFileS3Key", &file->key, err));
    KO_TRY(ko_json_member_u64(entry, "itemCount", &file->n_items, err));
    KO_TRY(take_md5(entry, file->md5, err));
    KO_TRY(locate(export, file, err));
    if (__builtin_add_overflow(export->n_items, file->n_items, &export->n_items))
        (void) ko_fail(err, KO_E_CORRUPT, "the item counts are too large to add up");
    export->size_bytes += file->size_bytes;

done:
    return err->code;
}

static enum ko_code
read_files(struct ko_export *export, struct ko_error *err)
{
    struct ko_buf content = {0};
    struct ko_slice rest;
    char path[KO_PATH_BYTES];

    KO_TRY(read_manifest(export->folder, "files", FILES_BYTES_MAX, &content, path, err));
    rest = ko_buf_slice(&content);
    for (unsigned long long number = 1; rest.n > 0; number++) {
        const char *const newline = memchr(rest.data, '\n', rest.n);
        const struct ko_slice line = {rest.data,
                                      newline == NULL ? rest.n : (size_t) (newline - rest.data)};

        rest.data += line.n + (newline != NULL);
        rest.n -= line.n + (newline != NULL);
        if (line.n > 0 && add_entry(export, line, err) != KO_OK) {
            ko_context(err, "'%s' line %llu", path, number);
            break;
        }
    }

done:
    ko_buf_clear(&content);
    return err->code;
}

static int
compare_files(const void *left, const void *right)
{
    const struct ko_export_file *a = left;
    const struct ko_export_file *b = right;

    if (a->size_bytes != b->size_bytes)
        return a->size_bytes > b->size_bytes ? -1 : 1;
    return strcmp(a->key, b->key);
}

/* The sum of the files is the summary's count; a key listed twice may have been counted once. */
static enum ko_code
check_count(const struct ko_export *export, uint64_t n_summary, struct ko_error *err)
{
    uint64_t n_distinct = 0;

    for (size_t i = 0; i < export->n_files; i++) {
        if (i == 0 || strcmp(export->files[i].key, export->files[i - 1].key) != 0)
            n_distinct += export->files[i].n_items;
    }
    if (n_summary == export->n_items || n_summary == n_distinct)
        return KO_OK;
    (void) ko_fail(
        err, KO_E_CORRUPT,
        "'%s/" KO_SUMMARY_NAME "' says %llu items, the files of manifest-files.json have %llu",
        export->folder, (unsigned long long) n_summary, (unsigned long long) export->n_items);
    ko_hint(err,
            "fetch the manifests again; if they stay as they are, the export is not complete.");
    return err->code;
}

static struct ko_export *
new_export(struct ko_error *err)
{
    struct ko_export *export = ko_alloc(sizeof *export, err);

    if (export == NULL)
        return NULL;
    export->memory = ko_alloc(sizeof *export->memory, err);
    if (export->memory != NULL)
        export->memory->texts = ko_arena_new(0, err);
    if (err->code == KO_OK)
        return export;
    ko_export_close(export);
    return NULL;
}

enum ko_code
ko_export_open(const char *folder, enum ko_export_kind kind, struct ko_export **export_out,
               struct ko_error *err)
{
    struct ko_export *export = NULL;
    char found[KO_PATH_BYTES];
    uint64_t n_summary;

    *export_out = NULL;
    KO_TRY(ko_export_find(folder, found, err));
    export = new_export(err);
    KO_TRY(err->code);
    export->kind = kind;
    export->folder = ko_arena_copy(export->memory->texts, ko_slice_of(found), err).data;
    KO_TRY(err->code);
    KO_TRY(read_summary(export, &n_summary, err));
    KO_TRY(read_files(export, err));
    if (export->n_files > 0)
        qsort(export->memory->files, export->n_files, sizeof *export->files, compare_files);
    KO_TRY(check_count(export, n_summary, err));
    ko_export_places_free(export->memory->places);
    export->memory->places = NULL;
    *export_out = export;
    export = NULL;

done:
    ko_export_close(export);
    return err->code;
}

void
ko_export_close(struct ko_export *export)
{
    if (export == NULL)
        return;
    if (export->memory != NULL) {
        ko_arena_free(export->memory->texts);
        ko_export_places_free(export->memory->places);
        ko_free(export->memory->files);
    }
    ko_free(export->memory);
    ko_free(export);
}
