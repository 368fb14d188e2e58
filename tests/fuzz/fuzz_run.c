/* run.json: what decodes encodes to a text that decodes to the same text. */
#include "keepone/store/run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct ko_run *
decode(struct ko_slice text, struct ko_error *err)
{
    struct ko_run *run = ko_alloc(sizeof *run, err);

    KO_ASSERT(run != NULL);
    run->arena = ko_arena_new(0, err);
    KO_ASSERT(run->arena != NULL);
    (void) ko_run_decode(text, run, err);
    return run;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct ko_slice text = {(const char *) data, n};
    struct ko_error err = {0};
    struct ko_run *run = decode(text, &err);
    struct ko_run *again;
    struct ko_buf first = {0};
    struct ko_buf second = {0};

    KO_ASSERT(err.code == KO_OK || err.code == KO_E_CORRUPT || err.code == KO_E_REFUSED);
    if (err.code == KO_OK) {
        KO_ASSERT(ko_run_encode(run, &first, &err) == KO_OK);
        again = decode(ko_buf_slice(&first), &err);
        KO_ASSERT(err.code == KO_OK);
        KO_ASSERT(ko_run_encode(again, &second, &err) == KO_OK);
        KO_ASSERT(ko_slice_equal(ko_buf_slice(&first), ko_buf_slice(&second)));
        ko_run_free(again);
    }
    ko_run_free(run);
    ko_buf_clear(&first);
    ko_buf_clear(&second);
    KO_ASSERT(ko_mem_live() == 0);
    return 0;
}
