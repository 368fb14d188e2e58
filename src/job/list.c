#include "job_priv.h"

static struct ko_slice
trim(struct ko_slice text)
{
    while (text.n > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.n--;
    }
    while (text.n > 0 && (text.data[text.n - 1] == ' ' || text.data[text.n - 1] == '\t'))
        text.n--;
    return text;
}

/* Offset of the first comma that has no backslash before it; text.n if there is none. */
static size_t
find_comma(struct ko_slice text)
{
    size_t i = 0;

    for (; i < text.n && text.data[i] != ','; i++) {
        if (text.data[i] == '\\' && i + 1 < text.n)
            i++;
    }
    return i < text.n ? i : text.n;
}

/* A backslash at the end would escape the comma that follows the element. */
static bool
ends_in_escape(struct ko_slice text)
{
    bool is_escaped = false;

    for (size_t i = 0; i < text.n; i++)
        is_escaped = text.data[i] == '\\' && !is_escaped;
    return is_escaped;
}

static enum ko_code
add_element(struct ko_job *job, struct ko_text_list *list, struct ko_slice text,
            struct ko_error *err)
{
    if (text.n == 0) {
        (void) ko_fail(err, KO_E_OPTION, "element %zu of the list is empty", list->n + 1);
        ko_hint(err, "take out the comma that is too many.");
        return err->code;
    }
    if (ends_in_escape(text)) {
        (void) ko_fail(err, KO_E_OPTION, "'%.*s' ends in a backslash", KO_SLICE_ARG(text));
        ko_hint(err, "write a backslash that belongs to a name twice.");
        return err->code;
    }
    if (ko_value_copy_text(job->arena, text, &list->texts[list->n], err) == KO_OK)
        list->n++;
    return err->code;
}

/* A comma within an element is escaped: whoever splits the joined text gets the same elements. */
static void
add_joined(struct ko_buf *out, struct ko_slice element)
{
    while (element.n > 0) {
        const size_t comma = find_comma(element);

        ko_buf_add(out, element.data, comma);
        if (comma == element.n)
            return;
        ko_buf_add_text(out, "\\,");
        element.data += comma + 1;
        element.n -= comma + 1;
    }
}

static enum ko_code
join(struct ko_job *job, struct ko_text_list *list, struct ko_error *err)
{
    struct ko_buf joined = {0};

    for (size_t n = 0; n < list->n; n++) {
        if (n > 0)
            ko_buf_add_char(&joined, ',');
        add_joined(&joined, ko_slice_of(list->texts[n]));
    }
    if (ko_buf_finish(&joined, err) == KO_OK)
        list->joined = ko_arena_copy(job->arena, ko_buf_slice(&joined), err).data;
    ko_buf_clear(&joined);
    return err->code;
}

enum ko_code
ko_list_extend(struct ko_job *job, struct ko_text_list *list, const struct ko_setting *setting,
               struct ko_error *err)
{
    size_t n_at_most = list->n + setting->n_values;
    const char **texts;

    for (size_t i = 0; !setting->is_sequence && i < setting->values[0].n; i++)
        n_at_most += setting->values[0].data[i] == ',';
    texts = ko_arena_alloc(job->arena, n_at_most * sizeof *texts, err);
    if (texts == NULL)
        return err->code;
    if (list->n > 0)
        memcpy(texts, list->texts, list->n * sizeof *texts);
    list->texts = texts;

    for (size_t value = 0; value < setting->n_values; value++) {
        struct ko_slice rest = setting->values[value];
        size_t comma = setting->is_sequence ? rest.n : find_comma(rest);

        for (; comma < rest.n; comma = find_comma(rest)) {
            KO_TRY(add_element(job, list, trim((struct ko_slice){rest.data, comma}), err));
            rest.data += comma + 1;
            rest.n -= comma + 1;
        }
        KO_TRY(add_element(job, list, setting->is_sequence ? rest : trim(rest), err));
    }
    KO_TRY(join(job, list, err));

done:
    return err->code;
}
