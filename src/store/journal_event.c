#include "keepone/format/json.h"
#include "keepone/store/journal.h"

static const char *const outcome_names[] = {"none",    "deleted", "unconfirmed", "gone",
                                            "changed", "spared",  "failed"};
static const char *const undo_names[] = {"none", "restored", "present", "failed"};

const char *
ko_outcome_name(enum ko_outcome outcome)
{
    return outcome_names[outcome];
}

const char *
ko_undo_name(enum ko_undo undo)
{
    return undo_names[undo];
}

/* ---- writing ---- */

static void
add_reason(const struct ko_journal_event *event, struct ko_buf *out)
{
    if (event->reason.data == NULL)
        return;
    ko_buf_add_text(out, ",\"reason\":");
    ko_json_add_string(out, event->reason);
}

void
ko_journal_event_encode(const struct ko_journal_event *event, struct ko_buf *out)
{
    ko_buf_add_format(out, "{\"part\":%u,\"line\":%llu,", event->part,
                      (unsigned long long) event->line);
    switch (event->kind) {
    case KO_EVENT_INTENT:
        ko_buf_add_text(out, "\"intent\":");
        ko_buf_add_slice(out, event->image);
        break;
    case KO_EVENT_OUTCOME:
        ko_buf_add_format(out, "\"outcome\":\"%s\"", outcome_names[event->outcome]);
        if (event->image.data != NULL) {
            ko_buf_add_text(out, ",\"old\":");
            ko_buf_add_slice(out, event->image);
        }
        add_reason(event, out);
        break;
    case KO_EVENT_UNDO:
        ko_buf_add_format(out, "\"undo\":\"%s\"", undo_names[event->undo]);
        add_reason(event, out);
        break;
    }
    ko_buf_add_char(out, '}');
}

/* ---- reading ---- */

/* The next member must be this number. */
static enum ko_code
next_number(struct ko_json_cursor *cursor, const char *expected, uint64_t *number,
            struct ko_error *err)
{
    struct ko_slice name;
    struct ko_slice value;

    if (ko_json_next(cursor, &name, &value, err) != KO_OK)
        return err->code;
    if (value.data == NULL || !ko_slice_equal(name, ko_slice_of(expected)))
        return ko_fail(err, KO_E_CORRUPT, "member '%s' is missing", expected);
    if (ko_json_decode_u64(value, number, err) != KO_OK)
        ko_context(err, "member '%s'", expected);
    return err->code;
}

/* "none" is no word of a file. */
static enum ko_code
decode_word(struct ko_slice value, const char *const *words, size_t n_words, size_t *index,
            struct ko_error *err)
{
    for (size_t i = 1; i < n_words; i++) {
        if (value.n == strlen(words[i]) + 2 && memcmp(value.data + 1, words[i], value.n - 2) == 0) {
            *index = i;
            return KO_OK;
        }
    }
    return ko_fail(err, KO_E_CORRUPT, "%.*s is no outcome", (int) (value.n > 64 ? 64 : value.n),
                   value.data);
}

static enum ko_code
decode_image(struct ko_slice value, struct ko_slice *image, struct ko_error *err)
{
    if (value.data[0] != '{')
        return ko_fail(err, KO_E_CORRUPT, "an image is not an object");
    *image = value;
    return KO_OK;
}

/* The third member says what kind of event it is. */
static enum ko_code
decode_kind(struct ko_slice name, struct ko_slice value, struct ko_journal_event *event,
            struct ko_error *err)
{
    size_t index = 0;

    if (ko_slice_equal(name, KO_SLICE("intent"))) {
        event->kind = KO_EVENT_INTENT;
        return decode_image(value, &event->image, err);
    }
    if (ko_slice_equal(name, KO_SLICE("outcome"))) {
        event->kind = KO_EVENT_OUTCOME;
        KO_TRY(decode_word(value, outcome_names, KO_OUTCOME_FAILED + 1, &index, err));
        event->outcome = (enum ko_outcome) index;
        return KO_OK;
    }
    if (ko_slice_equal(name, KO_SLICE("undo"))) {
        event->kind = KO_EVENT_UNDO;
        KO_TRY(decode_word(value, undo_names, KO_UNDO_FAILED + 1, &index, err));
        event->undo = (enum ko_undo) index;
        return KO_OK;
    }
    (void) ko_fail(err, KO_E_CORRUPT, "neither intent nor outcome nor undo");

done:
    return err->code;
}

/* What may follow: "old" of an outcome, then "reason". */
static enum ko_code
decode_rest(struct ko_json_cursor *cursor, struct ko_journal_event *event, struct ko_buf *scratch,
            struct ko_error *err)
{
    struct ko_slice name;
    struct ko_slice value;

    for (;;) {
        KO_TRY(ko_json_next(cursor, &name, &value, err));
        if (value.data == NULL)
            return KO_OK;
        if (ko_slice_equal(name, KO_SLICE("old")) && event->kind == KO_EVENT_OUTCOME &&
            event->image.data == NULL && event->reason.data == NULL) {
            KO_TRY(decode_image(value, &event->image, err));
        } else if (ko_slice_equal(name, KO_SLICE("reason")) && event->kind != KO_EVENT_INTENT &&
                   event->reason.data == NULL) {
            ko_buf_reset(scratch);
            KO_TRY(ko_json_decode_string(value, scratch, err));
            event->reason = ko_buf_slice(scratch);
        } else {
            return ko_fail(err, KO_E_CORRUPT, "member '%.*s' does not belong there",
                           (int) (name.n > 64 ? 64 : name.n), name.data);
        }
    }

done:
    return err->code;
}

enum ko_code
ko_journal_event_decode(struct ko_slice text, struct ko_journal_event *event,
                        struct ko_buf *scratch, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice value;
    uint64_t part = 0;

    *event = (struct ko_journal_event){0};
    KO_TRY(ko_json_enter(text, &cursor, err));
    KO_TRY(next_number(&cursor, "part", &part, err));
    if (part >= KO_PLAN_PARTS_MAX)
        return ko_fail(err, KO_E_CORRUPT, "there is no part %llu", (unsigned long long) part);
    event->part = (uint32_t) part;
    KO_TRY(next_number(&cursor, "line", &event->line, err));
    KO_TRY(ko_json_next(&cursor, &name, &value, err));
    if (value.data == NULL)
        return ko_fail(err, KO_E_CORRUPT, "neither intent nor outcome nor undo");
    KO_TRY(decode_kind(name, value, event, err));
    KO_TRY(decode_rest(&cursor, event, scratch, err));

done:
    return err->code;
}
