#include "job_priv.h"

struct ko_setting *
ko_settings_add(struct ko_settings *settings, struct ko_arena *arena, struct ko_slice name,
                size_t n_values, struct ko_error *err)
{
    struct ko_setting *setting = ko_arena_alloc(arena, sizeof *setting, err);

    if (setting == NULL)
        return NULL;
    *setting = (struct ko_setting){.name = name, .n_values = n_values};
    setting->values = ko_arena_alloc(arena, n_values * sizeof *setting->values, err);
    if (setting->values == NULL)
        return NULL;
    if (settings->last == NULL)
        settings->first = setting;
    else
        settings->last->next = setting;
    settings->last = setting;
    return setting;
}

enum ko_code
ko_setting_apply(struct ko_job *job, enum ko_option_id id, const struct ko_setting *setting,
                 struct ko_error *err)
{
    struct ko_job_origin *origin = &job->origin[id];
    const bool is_list = ko_option_of(id)->type == KO_TYPE_LIST;
    const bool is_override = origin->file_line != 0 && setting->file_line == 0;
    const bool may_grow = is_list && setting->file_line == 0 && !setting->is_sequence;
    const struct ko_job_origin first = *origin;

    *origin = (struct ko_job_origin){.is_given = true, .file_line = setting->file_line};
    if (first.is_given && !is_override && !may_grow) {
        (void) ko_fail(err, KO_E_OPTION, "given twice");
        if (first.file_line != 0)
            ko_hint(err, "it is in line %u, too: leave one of them out.", first.file_line);
        else
            ko_hint(err, "leave one of them out.");
    } else {
        if (is_list && is_override)
            *(struct ko_text_list *) ko_job_field(job, id) = (struct ko_text_list){0};
        (void) ko_value_set(job, id, setting, err);
    }
    ko_job_context(job, id, err);
    return err->code;
}

enum ko_code
ko_settings_apply(struct ko_job *job, const struct ko_settings *settings, struct ko_error *err)
{
    for (const struct ko_setting *setting = settings->first; setting != NULL;
         setting = setting->next) {
        const bool is_in_file = setting->file_line != 0;
        const enum ko_option_id id = ko_option_find(setting->name);

        if (id != KO_OPTION_NONE && ko_option_belongs(id, job->verb)) {
            KO_TRY(ko_setting_apply(job, id, setting, err));
            continue;
        }
        (void) ko_option_fail_unknown(setting->name, is_in_file ? "" : "--", job->verb, err);
        if (is_in_file)
            ko_context(err, "%s:%u", job->job_file, setting->file_line);
        goto done;
    }

done:
    return err->code;
}
