#include <inttypes.h>

#include "job_priv.h"
#include "keepone/format/json.h"

/* A member of the canonical text: an option, or KO_OPTION_NONE for the verb. */
static const char *
member_name(enum ko_option_id id)
{
    return id == KO_OPTION_NONE ? "verb" : ko_option_of(id)->name;
}

/* Members are few: the next one in byte order is looked for each time. */
static bool
next_member(enum ko_option_id *id, const char *after)
{
    const char *best = NULL;

    for (unsigned other = 0; other <= KO_OPTION_NONE; other++) {
        const char *const name = member_name((enum ko_option_id) other);

        if (strcmp(name, after) > 0 && (best == NULL || strcmp(name, best) < 0)) {
            best = name;
            *id = (enum ko_option_id) other;
        }
    }
    return best != NULL;
}

static void
add_list(struct ko_buf *out, const struct ko_text_list *list)
{
    ko_buf_add_char(out, '[');
    for (size_t n = 0; n < list->n; n++) {
        if (n > 0)
            ko_buf_add_char(out, ',');
        ko_json_add_string(out, ko_slice_of(list->texts[n]));
    }
    ko_buf_add_char(out, ']');
}

static enum ko_code
add_value(struct ko_buf *out, const struct ko_job *job, enum ko_option_id id, struct ko_error *err)
{
    const struct ko_option *option = ko_option_of(id);
    struct ko_buf text = {0};

    switch (option->type) {
    case KO_TYPE_LIST:
        add_list(out, ko_job_field_const(job, id));
        return KO_OK;
    case KO_TYPE_BYTES:
        ko_buf_add_format(out, "%" PRIu64, *(const uint64_t *) ko_job_field_const(job, id));
        return KO_OK;
    case KO_TYPE_U64:
    case KO_TYPE_PERCENT:
    case KO_TYPE_FLAG:
        ko_option_add_value(out, job, id);
        return KO_OK;
    case KO_TYPE_TEXT:
    case KO_TYPE_PATH:
    case KO_TYPE_URL:
    case KO_TYPE_CHOICE:
    case KO_TYPE_RATE:
        break;
    }
    ko_option_add_value(&text, job, id);
    if (ko_buf_finish(&text, err) == KO_OK)
        ko_json_add_string(out, ko_buf_slice(&text));
    ko_buf_clear(&text);
    return err->code;
}

enum ko_code
ko_job_encode(const struct ko_job *job, struct ko_buf *out, struct ko_error *err)
{
    const char *name = "";
    char before = '{';

    for (enum ko_option_id id; next_member(&id, name);) {
        name = member_name(id);
        if (id != KO_OPTION_NONE &&
            (!ko_option_belongs(id, job->verb) || !ko_option_has_value(job, id)))
            continue;
        ko_buf_add_format(out, "%c\"%s\":", before, name);
        before = ',';
        if (id == KO_OPTION_NONE)
            ko_json_add_string(out, ko_slice_of(ko_verb_info_of(job->verb)->name));
        else
            KO_TRY(add_value(out, job, id, err));
    }
    ko_buf_add_char(out, '}');
    KO_TRY(ko_buf_finish(out, err));

done:
    return err->code;
}

static enum ko_code
decode_string(struct ko_arena *arena, struct ko_slice value, struct ko_slice *text,
              struct ko_error *err)
{
    struct ko_buf decoded = {0};

    if (ko_json_decode_string(value, &decoded, err) == KO_OK &&
        ko_buf_finish(&decoded, err) == KO_OK)
        *text = ko_arena_copy(arena, ko_buf_slice(&decoded), err);
    ko_buf_clear(&decoded);
    return err->code;
}

static enum ko_code
count_elements(struct ko_slice array, size_t *n, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice value;

    *n = 0;
    KO_TRY(ko_json_enter(array, &cursor, err));
    for (;;) {
        KO_TRY(ko_json_next(&cursor, &name, &value, err));
        if (value.data == NULL)
            break;
        (*n)++;
    }

done:
    return err->code;
}

static enum ko_code
decode_list(struct ko_job *job, struct ko_slice name, struct ko_slice array,
            struct ko_settings *settings, struct ko_error *err)
{
    struct ko_setting *setting;
    struct ko_json_cursor cursor;
    struct ko_slice unused;
    struct ko_slice value;
    size_t n;

    KO_TRY(count_elements(array, &n, err));
    if (n == 0)
        return ko_fail(err, KO_E_CORRUPT, "an empty list");
    setting = ko_settings_add(settings, job->arena, name, n, err);
    if (setting == NULL)
        return err->code;
    setting->is_sequence = true;
    KO_TRY(ko_json_enter(array, &cursor, err));
    for (size_t i = 0; i < n; i++) {
        KO_TRY(ko_json_next(&cursor, &unused, &value, err));
        KO_TRY(decode_string(job->arena, value, &setting->values[i], err));
    }

done:
    return err->code;
}

/* One member as a setting; numbers and flags are written alike in JSON and on a command line. */
static enum ko_code
decode_member(struct ko_job *job, struct ko_slice name, struct ko_slice value,
              struct ko_settings *settings, struct ko_error *err)
{
    const enum ko_option_id id = ko_option_find(name);
    struct ko_setting *setting;

    if (id == KO_OPTION_NONE || !ko_option_belongs(id, job->verb))
        return ko_fail(err, KO_E_CORRUPT, "no option of '%s'", ko_verb_info_of(job->verb)->name);
    if (ko_option_of(id)->type == KO_TYPE_LIST)
        return decode_list(job, name, value, settings, err);
    setting = ko_settings_add(settings, job->arena, name, 1, err);
    if (setting == NULL)
        return err->code;
    switch (ko_option_of(id)->type) {
    case KO_TYPE_U64:
    case KO_TYPE_BYTES:
    case KO_TYPE_PERCENT:
    case KO_TYPE_FLAG:
        setting->values[0] = value;
        return KO_OK;
    case KO_TYPE_TEXT:
    case KO_TYPE_PATH:
    case KO_TYPE_URL:
    case KO_TYPE_CHOICE:
    case KO_TYPE_RATE:
    case KO_TYPE_LIST:
        break;
    }
    return decode_string(job->arena, value, &setting->values[0], err);
}

static enum ko_code
decode_verb(struct ko_slice text, struct ko_job *job, struct ko_error *err)
{
    struct ko_buf name = {0};

    KO_TRY(ko_json_check(text, err));
    KO_TRY(ko_json_member_text(text, "verb", &name, err));
    KO_TRY(ko_buf_finish(&name, err));
    job->verb = ko_verb_find(ko_buf_slice(&name));
    if (job->verb == KO_VERB_COUNT || job->verb == KO_VERB_RUN || job->verb == KO_VERB_POLICY) {
        job->verb = KO_VERB_FIND;
        (void) ko_fail(err, KO_E_CORRUPT, "no verb '%.*s'", KO_SLICE_ARG(ko_buf_slice(&name)));
    }

done:
    ko_buf_clear(&name);
    return err->code;
}

enum ko_code
ko_job_decode(struct ko_slice text, struct ko_job *job, struct ko_error *err)
{
    struct ko_settings settings = {0};
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice value;

    KO_TRY(decode_verb(text, job, err));
    KO_TRY(ko_json_enter(text, &cursor, err));
    for (;;) {
        KO_TRY(ko_json_next(&cursor, &name, &value, err));
        if (value.data == NULL)
            break;
        if (ko_slice_equal(name, KO_SLICE("verb")))
            continue;
        if (decode_member(job, name, value, &settings, err) != KO_OK) {
            ko_context(err, "%.*s", KO_SLICE_ARG(name));
            goto done;
        }
    }
    KO_TRY(ko_settings_apply(job, &settings, err));

done:
    /* what a user may write wrongly is corrupt here: nobody writes this text by hand */
    if (err->code == KO_E_OPTION) {
        err->code = KO_E_CORRUPT;
        err->hint[0] = '\0';
    }
    ko_context(err, "the stored job");
    return err->code;
}
