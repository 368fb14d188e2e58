/* Journal lines: what decodes encodes to a line that decodes to the same event. */
#include "keepone/store/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct ko_slice text = {(const char *) data, n};
    struct ko_error err = {0};
    struct ko_journal_event event;
    struct ko_journal_event again;
    struct ko_buf scratch = {0};
    struct ko_buf scratch_again = {0};
    struct ko_buf encoded = {0};

    (void) ko_journal_event_decode(text, &event, &scratch, &err);
    KO_ASSERT(err.code == KO_OK || err.code == KO_E_CORRUPT);
    if (err.code == KO_OK) {
        ko_journal_event_encode(&event, &encoded);
        KO_ASSERT(ko_journal_event_decode(ko_buf_slice(&encoded), &again, &scratch_again, &err) ==
                  KO_OK);
        KO_ASSERT(event.kind == again.kind && event.part == again.part &&
                  event.line == again.line && event.outcome == again.outcome &&
                  event.undo == again.undo);
        KO_ASSERT(ko_slice_equal(event.image, again.image));
        KO_ASSERT(ko_slice_equal(event.reason, again.reason));
    }
    ko_buf_clear(&scratch);
    ko_buf_clear(&scratch_again);
    ko_buf_clear(&encoded);
    KO_ASSERT(ko_mem_live() == 0);
    return 0;
}
