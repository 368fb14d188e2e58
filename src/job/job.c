#include "job_priv.h"

static enum ko_code
set_fallbacks(struct ko_job *job, struct ko_error *err)
{
    for (unsigned id = 0; id < KO_OPTION_COUNT; id++) {
        struct ko_slice text = ko_slice_of(ko_option_of((enum ko_option_id) id)->fallback);
        const struct ko_setting setting = {.values = &text, .n_values = 1};

        if (text.data == NULL)
            continue;
        KO_TRY(ko_setting_apply(job, (enum ko_option_id) id, &setting, err));
        job->origin[id] = (struct ko_job_origin){.is_given = false};
    }

done:
    return err->code;
}

enum ko_code
ko_job_init(struct ko_job *job, struct ko_error *err)
{
    *job = (struct ko_job){.verb = KO_VERB_FIND};
    job->arena = ko_arena_new(0, err);
    if (job->arena != NULL)
        (void) set_fallbacks(job, err);
    return err->code;
}

void
ko_job_clear(struct ko_job *job)
{
    ko_arena_free(job->arena);
    *job = (struct ko_job){0};
}

void
ko_job_context(const struct ko_job *job, enum ko_option_id id, struct ko_error *err)
{
    const char *const name = ko_option_of(id)->name;
    const uint32_t line = job->origin[id].file_line;

    if (line != 0)
        ko_context(err, "%s:%u: %s", job->job_file, line, name);
    else
        ko_context(err, "--%s", name);
}

bool
ko_option_has_value(const struct ko_job *job, enum ko_option_id id)
{
    const struct ko_option *option = ko_option_of(id);
    const void *field = ko_job_field_const(job, id);

    switch (option->type) {
    case KO_TYPE_TEXT:
    case KO_TYPE_PATH:
    case KO_TYPE_URL:
        return *(const char *const *) field != NULL;
    case KO_TYPE_LIST:
        return ((const struct ko_text_list *) field)->n > 0;
    case KO_TYPE_FLAG:
        return *(const bool *) field;
    case KO_TYPE_U64:
    case KO_TYPE_BYTES:
    case KO_TYPE_PERCENT:
        return option->fallback != NULL || *(const uint64_t *) field != 0;
    case KO_TYPE_RATE:
        return ((const struct ko_job_rate *) field)->n + ((const struct ko_job_rate *) field)->ppm >
               0;
    case KO_TYPE_CHOICE:
        break;
    }
    return true;
}

void
ko_option_add_value(struct ko_buf *out, const struct ko_job *job, enum ko_option_id id)
{
    const struct ko_option *option = ko_option_of(id);
    const void *field = ko_job_field_const(job, id);
    unsigned choice;

    if (!ko_option_has_value(job, id))
        return;
    switch (option->type) {
    case KO_TYPE_TEXT:
    case KO_TYPE_PATH:
    case KO_TYPE_URL:
        ko_buf_add_text(out, *(const char *const *) field);
        return;
    case KO_TYPE_LIST:
        ko_buf_add_text(out, ((const struct ko_text_list *) field)->joined);
        return;
    case KO_TYPE_FLAG:
        ko_buf_add_text(out, "true");
        return;
    case KO_TYPE_U64:
    case KO_TYPE_BYTES:
    case KO_TYPE_PERCENT:
        ko_option_add_number(out, option, *(const uint64_t *) field);
        return;
    case KO_TYPE_RATE:
        ko_option_add_rate(out, field);
        return;
    case KO_TYPE_CHOICE:
        memcpy(&choice, field, sizeof choice);
        ko_buf_add_text(out, option->choices[choice]);
        return;
    }
}

/* The value of an option that decides the plan, as text; "none" is no option's value. */
static enum ko_code
add_either(struct ko_buf *out, const struct ko_job *job, enum ko_option_id id, struct ko_error *err)
{
    const char *const name = ko_option_of(id)->name;

    if (!ko_option_has_value(job, id)) {
        ko_buf_add_format(out, "without --%s", name);
    } else {
        ko_buf_add_format(out, "with --%s '", name);
        ko_option_add_value(out, job, id);
        ko_buf_add_char(out, '\'');
    }
    return ko_buf_finish(out, err);
}

enum ko_code
ko_job_check_same_plan(const struct ko_job *stored, const struct ko_job *now, struct ko_error *err)
{
    struct ko_buf texts[2] = {{0}, {0}};

    for (unsigned i = 0; i < KO_OPTION_COUNT; i++) {
        const enum ko_option_id id = (enum ko_option_id) i;

        if (!ko_option_of(id)->decides_plan)
            continue;
        ko_buf_reset(&texts[0]);
        ko_buf_reset(&texts[1]);
        KO_TRY(add_either(&texts[0], stored, id, err));
        KO_TRY(add_either(&texts[1], now, id, err));
        if (ko_slice_equal(ko_buf_slice(&texts[0]), ko_buf_slice(&texts[1])))
            continue;
        (void) ko_fail(err, KO_E_REFUSED, "the run was started %.*s, not %.*s",
                       KO_SLICE_ARG(ko_buf_slice(&texts[0])),
                       KO_SLICE_ARG(ko_buf_slice(&texts[1])));
        ko_hint(err, "give the same options again, or another --run folder.");
        goto done;
    }

done:
    ko_buf_clear(&texts[0]);
    ko_buf_clear(&texts[1]);
    return err->code;
}
