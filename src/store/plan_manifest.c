#include <stdlib.h>

#include "keepone/base/file.h"
#include "keepone/format/json.h"
#include "keepone/store/plan.h"
#include "run_priv.h"

enum { MANIFEST_BYTES_MAX = 4 * 1024 * 1024 };

#define HINT_EDITED "make the plan again with keepone find; subsets are made with keepone plan."

/* ---- in memory ---- */

static struct ko_plan_manifest *
new_manifest(struct ko_error *err)
{
    struct ko_plan_manifest *manifest = ko_alloc(sizeof *manifest, err);

    if (manifest == NULL)
        return NULL;
    manifest->parts = ko_alloc_array(KO_PLAN_PARTS_MAX, sizeof *manifest->parts, err);
    if (manifest->parts != NULL)
        return manifest;
    ko_free(manifest);
    return NULL;
}

struct ko_plan_manifest *
ko_plan_manifest_new(const struct ko_run_facts *facts, struct ko_error *err)
{
    struct ko_plan_manifest *manifest = new_manifest(err);

    if (manifest == NULL)
        return NULL;
    if (facts->table_name.data != NULL)
        manifest->table_name = ko_copy_text(facts->table_name, err);
    if (facts->table_id.data != NULL)
        manifest->table_id = ko_copy_text(facts->table_id, err);
    if (err->code == KO_OK)
        return manifest;
    ko_plan_manifest_free(manifest);
    return NULL;
}

void
ko_plan_manifest_free(struct ko_plan_manifest *manifest)
{
    if (manifest == NULL)
        return;
    ko_free(manifest->table_name);
    ko_free(manifest->table_id);
    ko_free(manifest->parts);
    ko_free(manifest);
}

const struct ko_plan_part *
ko_plan_manifest_find(const struct ko_plan_manifest *manifest, uint32_t part)
{
    for (size_t i = 0; i < manifest->n_parts; i++) {
        if (manifest->parts[i].part == part)
            return &manifest->parts[i];
    }
    return NULL;
}

enum ko_code
ko_plan_manifest_add(struct ko_plan_manifest *manifest, const struct ko_plan_part *part,
                     struct ko_error *err)
{
    size_t at = manifest->n_parts;

    if (part->n_lines == 0)
        return KO_OK;
    if (part->part >= KO_PLAN_PARTS_MAX || ko_plan_manifest_find(manifest, part->part) != NULL)
        return ko_fail(err, KO_E_BUG, "plan part %u was written twice", part->part);
    for (; at > 0 && manifest->parts[at - 1].part > part->part; at--)
        manifest->parts[at] = manifest->parts[at - 1];
    manifest->parts[at] = *part;
    manifest->n_parts++;
    return KO_OK;
}

static enum ko_code
sum_up(const struct ko_plan_manifest *manifest, uint64_t *n_lines, char digest[KO_SHA256_HEX_BYTES],
       struct ko_error *err)
{
    struct ko_buf text = {0};

    *n_lines = 0;
    for (size_t i = 0; i < manifest->n_parts; i++) {
        const struct ko_plan_part *part = &manifest->parts[i];

        if (__builtin_add_overflow(*n_lines, part->n_lines, n_lines))
            (void) ko_fail(err, KO_E_CORRUPT, "member 'parts': too many lines");
        ko_buf_add_format(&text, "part-%04u %s %llu\n", part->part, part->sha256,
                          (unsigned long long) part->n_lines);
    }
    if (ko_buf_finish(&text, err) == KO_OK)
        ko_sha256_hex(ko_buf_slice(&text), digest);
    ko_buf_clear(&text);
    return err->code;
}

/* ---- manifest.json ---- */

static void
add_text_member(struct ko_buf *out, const char *name, const char *text)
{
    if (text == NULL)
        return;
    ko_buf_add_format(out, "\"%s\":", name);
    ko_json_add_string(out, ko_slice_of(text));
    ko_buf_add_text(out, ",\n");
}

enum ko_code
ko_plan_manifest_encode(struct ko_plan_manifest *manifest, struct ko_buf *out, struct ko_error *err)
{
    KO_TRY(sum_up(manifest, &manifest->n_lines, manifest->digest, err));
    ko_buf_add_format(out, "{\n\"format\":%d,\n", KO_PLAN_FORMAT);
    add_text_member(out, "table", manifest->table_name);
    add_text_member(out, "table_id", manifest->table_id);
    ko_buf_add_text(out, "\"parts\":[");
    for (size_t i = 0; i < manifest->n_parts; i++) {
        const struct ko_plan_part *part = &manifest->parts[i];

        ko_buf_add_format(out, "%s\n{\"part\":%u,\"lines\":%llu,\"bytes\":%llu,\"sha256\":\"%s\"}",
                          i == 0 ? "" : ",", part->part, (unsigned long long) part->n_lines,
                          (unsigned long long) part->n_bytes, part->sha256);
    }
    ko_buf_add_format(out, "\n],\n\"lines\":%llu,\n\"digest\":\"%s\"\n}\n",
                      (unsigned long long) manifest->n_lines, manifest->digest);
    KO_TRY(ko_buf_finish(out, err));

done:
    return err->code;
}

enum ko_code
ko_plan_manifest_write(const char *dir, const char *plan_name, struct ko_plan_manifest *manifest,
                       struct ko_error *err)
{
    char path[KO_PATH_BYTES];
    struct ko_buf text = {0};

    KO_TRY(ko_path_join(path, err, dir, "%s/manifest.json", plan_name));
    KO_TRY(ko_plan_manifest_encode(manifest, &text, err));
    KO_TRY(ko_file_replace(path, ko_buf_slice(&text), err));

done:
    ko_buf_clear(&text);
    return err->code;
}

/* ---- reading ---- */

static enum ko_code
decode_optional_text(struct ko_slice object, const char *name, char **out, struct ko_error *err)
{
    struct ko_slice value;
    struct ko_buf text = {0};

    KO_TRY(ko_json_member(object, name, &value, err));
    if (value.data == NULL)
        goto done;
    KO_TRY(ko_json_member_text(object, name, &text, err));
    *out = ko_copy_text(ko_buf_slice(&text), err);

done:
    ko_buf_clear(&text);
    return err->code;
}

static enum ko_code
decode_digest(struct ko_slice object, const char *name, char hex[KO_SHA256_HEX_BYTES],
              struct ko_error *err)
{
    struct ko_buf text = {0};

    KO_TRY(ko_json_member_text(object, name, &text, err));
    if (ko_is_sha256_hex(ko_buf_slice(&text))) {
        memcpy(hex, text.data, KO_SHA256_HEX_BYTES - 1);
        hex[KO_SHA256_HEX_BYTES - 1] = '\0';
    } else {
        (void) ko_fail(err, KO_E_CORRUPT, "member '%s' is no SHA-256", name);
    }

done:
    ko_buf_clear(&text);
    return err->code;
}

static enum ko_code
decode_part(struct ko_slice object, struct ko_plan_part *part, struct ko_error *err)
{
    uint64_t number = 0;

    KO_TRY(ko_json_member_u64(object, "part", &number, err));
    if (number >= KO_PLAN_PARTS_MAX)
        return ko_fail(err, KO_E_CORRUPT, "there is no part %llu", (unsigned long long) number);
    part->part = (uint32_t) number;
    KO_TRY(ko_json_member_u64(object, "lines", &part->n_lines, err));
    KO_TRY(ko_json_member_u64(object, "bytes", &part->n_bytes, err));
    KO_TRY(decode_digest(object, "sha256", part->sha256, err));
    if (part->n_lines == 0)
        (void) ko_fail(err, KO_E_CORRUPT, "part %u has no lines", part->part);

done:
    return err->code;
}

static enum ko_code
decode_parts(struct ko_slice array, struct ko_plan_manifest *manifest, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice element;

    if (array.data == NULL || array.data[0] != '[')
        return ko_fail(err, KO_E_CORRUPT, "expected a list");
    KO_TRY(ko_json_enter(array, &cursor, err));
    for (;;) {
        struct ko_plan_part part = {0};

        KO_TRY(ko_json_next(&cursor, &name, &element, err));
        if (element.data == NULL)
            break;
        KO_TRY(decode_part(element, &part, err));
        if (manifest->n_parts > 0 && part.part <= manifest->parts[manifest->n_parts - 1].part)
            return ko_fail(err, KO_E_CORRUPT, "part %u is out of order", part.part);
        KO_TRY(ko_plan_manifest_add(manifest, &part, err));
    }

done:
    return err->code;
}

static enum ko_code
decode_manifest(struct ko_slice text, struct ko_plan_manifest *manifest, struct ko_error *err)
{
    struct ko_slice parts;
    char digest[KO_SHA256_HEX_BYTES];
    uint64_t format = 0;
    uint64_t n_lines = 0;

    KO_TRY(ko_json_member_u64(text, "format", &format, err));
    if (format != KO_PLAN_FORMAT) {
        (void) ko_fail(err, KO_E_REFUSED, "its format is %llu; this keepone knows format %d",
                       (unsigned long long) format, KO_PLAN_FORMAT);
        ko_hint(err, "use the keepone that made this plan, or a newer one.");
        goto done;
    }
    KO_TRY(decode_optional_text(text, "table", &manifest->table_name, err));
    KO_TRY(decode_optional_text(text, "table_id", &manifest->table_id, err));
    KO_TRY(ko_json_member(text, "parts", &parts, err));
    if (decode_parts(parts, manifest, err) != KO_OK) {
        ko_context(err, "member 'parts'");
        goto done;
    }
    KO_TRY(ko_json_member_u64(text, "lines", &n_lines, err));
    KO_TRY(decode_digest(text, "digest", manifest->digest, err));
    KO_TRY(sum_up(manifest, &manifest->n_lines, digest, err));
    if (n_lines != manifest->n_lines)
        (void) ko_fail(err, KO_E_CORRUPT, "member 'lines' is %llu, but the parts have %llu",
                       (unsigned long long) n_lines, (unsigned long long) manifest->n_lines);
    else if (strcmp(digest, manifest->digest) != 0)
        (void) ko_fail(err, KO_E_CORRUPT, "member 'digest' does not fit the parts");

done:
    return err->code;
}

enum ko_code
ko_plan_manifest_decode(struct ko_slice text, struct ko_plan_manifest **manifest,
                        struct ko_error *err)
{
    *manifest = new_manifest(err);
    if (*manifest == NULL || decode_manifest(text, *manifest, err) == KO_OK)
        return err->code;
    ko_plan_manifest_free(*manifest);
    *manifest = NULL;
    return err->code;
}

enum ko_code
ko_plan_manifest_read(const char *dir, const char *plan_name, struct ko_plan_manifest **manifest,
                      struct ko_error *err)
{
    char path[KO_PATH_BYTES];
    struct ko_buf text = {0};

    *manifest = NULL;
    KO_TRY(ko_path_join(path, err, dir, "%s/manifest.json", plan_name));
    KO_TRY(ko_file_read(path, MANIFEST_BYTES_MAX, &text, err));
    if (ko_plan_manifest_decode(ko_buf_slice(&text), manifest, err) != KO_OK)
        ko_context(err, "'%s'", path);

done:
    if (err->code == KO_E_CORRUPT)
        ko_hint(err, HINT_EDITED);
    ko_buf_clear(&text);
    return err->code;
}

/* Compares a text that may be unknown (NULL, absent). */
static bool
is_same(const char *of_manifest, struct ko_slice of_run)
{
    return ko_slice_equal(ko_slice_of(of_manifest), of_run);
}

enum ko_code
ko_plan_open(const struct ko_run *run, struct ko_plan_manifest **manifest, struct ko_error *err)
{
    *manifest = NULL;
    if (run->state == KO_RUN_READING) {
        (void) ko_fail(err, KO_E_REFUSED, "the run in '%s' has no plan yet", run->dir);
        ko_hint(err, "run the same keepone find again; it resumes.");
        return err->code;
    }
    KO_TRY(ko_plan_manifest_read(run->dir, run->plan_name.data, manifest, err));
    if (!is_same((*manifest)->table_name, run->facts.table_name) ||
        !is_same((*manifest)->table_id, run->facts.table_id))
        (void) ko_fail(err, KO_E_CORRUPT, "'%s/%s/manifest.json' is of another table than run.json",
                       run->dir, run->plan_name.data);
    else if (!is_same((*manifest)->digest, run->plan_digest))
        (void) ko_fail(err, KO_E_CORRUPT,
                       "'%s/%s/manifest.json' is not the plan of run.json: its digest is %s",
                       run->dir, run->plan_name.data, (*manifest)->digest);
    if (err->code != KO_OK) {
        ko_hint(err, HINT_EDITED);
        ko_plan_manifest_free(*manifest);
        *manifest = NULL;
    }

done:
    return err->code;
}
