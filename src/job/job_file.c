#include <yaml.h>

#include "job_priv.h"

/* A job file is a flat mapping: what is deeper, tagged, anchored or repeated is refused. */
struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    struct ko_slice yaml;
    const char *file_name;
    struct ko_arena *arena;
};

static uint32_t
line_of(const yaml_mark_t *mark)
{
    return (uint32_t) mark->line + 1;
}

static enum ko_code
fail_at_line(const struct reader *reader, uint32_t line, struct ko_error *err, const char *text,
             const char *hint)
{
    (void) ko_fail(err, KO_E_OPTION, "%s:%u: %s", reader->file_name, line, text);
    ko_hint(err, "%s", hint);
    return err->code;
}

static enum ko_code
fail_at_event(const struct reader *reader, struct ko_error *err, const char *text, const char *hint)
{
    return fail_at_line(reader, line_of(&reader->event.start_mark), err, text, hint);
}

/* libyaml knows the line of what it understands, and only the byte of what it cannot decode. */
static enum ko_code
fail_yaml(const struct reader *reader, struct ko_error *err)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *const problem = parser->problem == NULL ? "cannot be read" : parser->problem;
    uint32_t line = line_of(&parser->problem_mark);

    if (parser->error == YAML_MEMORY_ERROR)
        return ko_fail(err, KO_E_MEMORY, "cannot allocate memory to read %s", reader->file_name);
    if (parser->error == YAML_READER_ERROR) {
        line = 1;
        for (size_t i = 0; i < parser->problem_offset && i < reader->yaml.n; i++)
            line += reader->yaml.data[i] == '\n';
    }
    (void) ko_fail(err, KO_E_OPTION, "%s:%u: not valid YAML: %s", reader->file_name, line, problem);
    ko_hint(err, "a job file has lines such as 'key: cause'; put a value with special characters "
                 "between quotes.");
    return err->code;
}

static enum ko_code
next_event(struct reader *reader, struct ko_error *err)
{
    if (reader->has_event)
        yaml_event_delete(&reader->event);
    reader->has_event = false;
    if (yaml_parser_parse(&reader->parser, &reader->event) == 0)
        return fail_yaml(reader, err);
    reader->has_event = true;
    return KO_OK;
}

/* Anchors and tags may hang on each of three kinds of event. */
static enum ko_code
check_decoration(const struct reader *reader, struct ko_error *err)
{
    const yaml_event_t *event = &reader->event;
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;

    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL || event->type == YAML_ALIAS_EVENT)
        return fail_at_event(reader, err, "anchors (&) and aliases (*) have no place in a job file",
                             "write the value out; put quotes round a text that begins with & "
                             "or *.");
    if (tag != NULL)
        return fail_at_event(reader, err, "tags (!) have no place in a job file",
                             "take the tag away; put quotes round a text that begins with !.");
    return KO_OK;
}

static enum ko_code
copy_scalar(const struct reader *reader, struct ko_slice *text, struct ko_error *err)
{
    const yaml_event_t *event = &reader->event;
    const struct ko_slice value = {(const char *) event->data.scalar.value,
                                   event->data.scalar.length};

    *text = ko_arena_copy(reader->arena, value, err);
    return err->code;
}

/* `key:` with nothing behind it, `~` and `null` are no values. */
static bool
is_null(const yaml_event_t *event)
{
    const struct ko_slice value = {(const char *) event->data.scalar.value,
                                   event->data.scalar.length};

    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (value.n == 0 || ko_slice_equal(value, KO_SLICE("~")) ||
            ko_slice_equal(value, KO_SLICE("null")));
}

/* Takes the value if it is a scalar; anything else has no place here. */
static enum ko_code
take_scalar(struct reader *reader, struct ko_setting *setting, struct ko_error *err)
{
    if (check_decoration(reader, err) != KO_OK)
        return err->code;
    if (reader->event.type != YAML_SCALAR_EVENT) {
        (void) fail_at_event(reader, err, "values do not nest",
                             "write one value, or a list of values.");
        return err->code;
    }
    if (is_null(&reader->event)) {
        (void) fail_at_event(reader, err, "the value is missing",
                             "write a value behind the colon, or take the line out.");
        return err->code;
    }
    return copy_scalar(reader, &setting->values[setting->n_values++], err);
}

/* The event is the start of the list.  Values move to twice the room when it is full. */
static enum ko_code
take_sequence(struct reader *reader, struct ko_setting *setting, struct ko_error *err)
{
    size_t room = 1;

    setting->is_sequence = true;
    for (;;) {
        KO_TRY(next_event(reader, err));
        if (reader->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        if (setting->n_values == room) {
            struct ko_slice *values = ko_arena_alloc(reader->arena, 2 * room * sizeof *values, err);

            if (values == NULL)
                goto done;
            memcpy(values, setting->values, room * sizeof *values);
            setting->values = values;
            room *= 2;
        }
        KO_TRY(take_scalar(reader, setting, err));
    }
    if (setting->n_values == 0)
        (void) fail_at_event(reader, err, "the list is empty",
                             "write at least one value, or take the line out.");

done:
    return err->code;
}

/* The event is the name. */
static enum ko_code
take_pair(struct reader *reader, struct ko_settings *settings, struct ko_error *err)
{
    struct ko_setting *setting = NULL;
    struct ko_slice name;

    KO_TRY(check_decoration(reader, err));
    if (reader->event.type != YAML_SCALAR_EVENT) {
        (void) fail_at_event(reader, err, "an option's name is expected",
                             "write lines such as 'key: cause'.");
        goto done;
    }
    KO_TRY(copy_scalar(reader, &name, err));
    setting = ko_settings_add(settings, reader->arena, name, 1, err);
    if (setting == NULL)
        goto done;
    setting->n_values = 0;
    setting->file_line = line_of(&reader->event.start_mark);
    KO_TRY(next_event(reader, err));
    KO_TRY(check_decoration(reader, err));
    if (reader->event.type == YAML_SEQUENCE_START_EVENT)
        KO_TRY(take_sequence(reader, setting, err));
    else
        KO_TRY(take_scalar(reader, setting, err));

done:
    return err->code;
}

static enum ko_code
take_document(struct reader *reader, struct ko_settings *settings, struct ko_error *err)
{
    KO_TRY(next_event(reader, err)); /* the start of the stream */
    KO_TRY(next_event(reader, err));
    if (reader->event.type == YAML_STREAM_END_EVENT)
        return fail_at_line(reader, 1, err, "the job file is empty",
                            "write the options of the job, such as 'table: space-diff'.");
    KO_TRY(next_event(reader, err));
    KO_TRY(check_decoration(reader, err));
    if (reader->event.type != YAML_MAPPING_START_EVENT)
        return fail_at_event(reader, err, "a job file is a mapping of option names to values",
                             "write lines such as 'key: cause'.");
    for (;;) {
        KO_TRY(next_event(reader, err));
        if (reader->event.type == YAML_MAPPING_END_EVENT)
            break;
        KO_TRY(take_pair(reader, settings, err));
    }
    KO_TRY(next_event(reader, err)); /* the end of the document */
    KO_TRY(next_event(reader, err));
    if (reader->event.type != YAML_STREAM_END_EVENT)
        (void) fail_at_event(reader, err, "a second document begins here",
                             "write one job per file.");

done:
    return err->code;
}

/* Takes `verb` out of the settings and into the job. */
static enum ko_code
take_verb(struct ko_job *job, struct ko_settings *settings, struct ko_error *err)
{
    struct ko_setting **link = &settings->first;
    uint32_t first_line = 0;

    job->verb = KO_VERB_FIND;
    settings->last = NULL;
    while (*link != NULL) {
        const struct ko_setting *setting = *link;

        if (!ko_slice_equal(setting->name, KO_SLICE("verb"))) {
            settings->last = *link;
            link = &(*link)->next;
            continue;
        }
        *link = setting->next;
        if (first_line != 0) {
            (void) ko_fail(err, KO_E_OPTION, "given twice");
            ko_hint(err, "it is in line %u, too: leave one of them out.", first_line);
        } else if (setting->is_sequence) {
            (void) ko_fail(err, KO_E_OPTION, "a list, where one value is expected");
            ko_hint(err, "write one job file per verb.");
        } else {
            job->verb = ko_verb_find(setting->values[0]);
        }
        if (job->verb == KO_VERB_RUN || job->verb == KO_VERB_POLICY) {
            (void) ko_fail(err, KO_E_OPTION, "a job file cannot run another");
            ko_hint(err, "name the verb that does the work, such as find.");
        } else if (job->verb == KO_VERB_COUNT) {
            (void) ko_verb_fail_unknown(setting->values[0], err);
        }
        if (err->code != KO_OK) {
            job->verb = KO_VERB_FIND;
            ko_context(err, "%s:%u: verb", job->job_file, setting->file_line);
            break;
        }
        first_line = setting->file_line;
    }
    return err->code;
}

enum ko_code
ko_job_file_read(struct ko_slice yaml, struct ko_job *job, struct ko_settings *settings,
                 struct ko_error *err)
{
    struct reader reader = {.yaml = yaml, .file_name = job->job_file, .arena = job->arena};

    if (yaml.n >= 3 && memcmp(yaml.data, "\xEF\xBB\xBF", 3) == 0) /* a byte order mark */
        reader.yaml = (struct ko_slice){yaml.data + 3, yaml.n - 3};
    if (yaml_parser_initialize(&reader.parser) == 0)
        return ko_fail(err, KO_E_MEMORY, "cannot allocate memory to read %s", job->job_file);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *) reader.yaml.data,
                                 reader.yaml.n);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    if (take_document(&reader, settings, err) == KO_OK)
        (void) take_verb(job, settings, err);
    if (reader.has_event)
        yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    return err->code;
}
