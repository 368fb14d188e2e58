/* manifest.json and plan lines: what decodes encodes to a text that decodes to the same text. */
#include "keepone/store/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_manifest(struct ko_slice text)
{
    struct ko_error err = {0};
    struct ko_plan_manifest *manifest = NULL;
    struct ko_plan_manifest *again = NULL;
    struct ko_buf first = {0};
    struct ko_buf second = {0};

    (void) ko_plan_manifest_decode(text, &manifest, &err);
    KO_ASSERT(err.code == KO_OK || err.code == KO_E_CORRUPT || err.code == KO_E_REFUSED);
    KO_ASSERT((manifest == NULL) == (err.code != KO_OK));
    if (manifest != NULL) {
        KO_ASSERT(ko_plan_manifest_encode(manifest, &first, &err) == KO_OK);
        KO_ASSERT(ko_plan_manifest_decode(ko_buf_slice(&first), &again, &err) == KO_OK);
        KO_ASSERT(ko_plan_manifest_encode(again, &second, &err) == KO_OK);
        KO_ASSERT(ko_slice_equal(ko_buf_slice(&first), ko_buf_slice(&second)));
    }
    ko_plan_manifest_free(manifest);
    ko_plan_manifest_free(again);
    ko_buf_clear(&first);
    ko_buf_clear(&second);
}

static void
check_line(struct ko_slice text)
{
    struct ko_error err = {0};
    struct ko_plan_line line = {0};
    struct ko_plan_line again = {0};
    struct ko_buf encoded = {0};

    (void) ko_plan_line_decode(text, &line, &err);
    KO_ASSERT(err.code == KO_OK || err.code == KO_E_CORRUPT);
    if (err.code == KO_OK) {
        ko_plan_line_encode(&line, &encoded);
        KO_ASSERT(ko_plan_line_decode(ko_buf_slice(&encoded), &again, &err) == KO_OK);
        KO_ASSERT(ko_slice_equal(line.key, again.key));
        KO_ASSERT(ko_slice_equal(line.delete_primary_key, again.delete_primary_key));
        KO_ASSERT(ko_slice_equal(line.delete_seen, again.delete_seen));
        KO_ASSERT(ko_slice_equal(line.keep_primary_key, again.keep_primary_key));
        KO_ASSERT(ko_slice_equal(line.keep_seen, again.keep_seen));
    }
    ko_buf_clear(&encoded);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct ko_slice text = {(const char *) data, n};

    check_manifest(text);
    check_line(text);
    KO_ASSERT(ko_mem_live() == 0);
    return 0;
}
