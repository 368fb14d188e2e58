#include <inttypes.h>

#include "job_priv.h"
#include "keepone/format/json.h"

#define INDENT "\n      "

/* Verbs that a job file may name. */
static bool
is_of_a_job_file(enum ko_verb verb)
{
    return verb != KO_VERB_RUN && verb != KO_VERB_POLICY;
}

static bool
can_stand_in_a_job_file(const struct ko_option *option)
{
    return (option->verbs & ~(KO_VERB_BIT(KO_VERB_RUN) | KO_VERB_BIT(KO_VERB_POLICY))) != 0;
}

static void
add_names(struct ko_buf *out, const char *const *names)
{
    ko_buf_add_text(out, "," INDENT "\"enum\": [");
    for (size_t i = 0; names[i] != NULL; i++)
        ko_buf_add_format(out, "%s\"%s\"", i == 0 ? "" : ", ", names[i]);
    ko_buf_add_char(out, ']');
}

/* A number is written as in the option's unit: 50 for 500000 millionths. */
static void
add_number(struct ko_buf *out, const char *name, const struct ko_option *option, uint64_t value)
{
    ko_buf_add_format(out, "," INDENT "\"%s\": ", name);
    ko_option_add_number(out, option, value);
}

static void
add_range(struct ko_buf *out, const struct ko_option *option)
{
    add_number(out, "minimum", option, option->min);
    if (option->max != UINT64_MAX)
        add_number(out, "maximum", option, option->max);
}

static void
add_type(struct ko_buf *out, const struct ko_option *option)
{
    static const char *const types[] = {
        [KO_TYPE_TEXT] = "\"string\"",    [KO_TYPE_PATH] = "\"string\"",
        [KO_TYPE_URL] = "\"string\"",     [KO_TYPE_LIST] = "[\"string\", \"array\"]",
        [KO_TYPE_U64] = "\"integer\"",    [KO_TYPE_BYTES] = "[\"string\", \"integer\"]",
        [KO_TYPE_PERCENT] = "\"number\"", [KO_TYPE_RATE] = "[\"string\", \"integer\"]",
        [KO_TYPE_CHOICE] = "\"string\"",  [KO_TYPE_FLAG] = "\"boolean\"",
    };

    ko_buf_add_format(out, "," INDENT "\"type\": %s", types[option->type]);
    switch (option->type) {
    case KO_TYPE_TEXT:
    case KO_TYPE_PATH:
        ko_buf_add_text(out, "," INDENT "\"minLength\": 1");
        break;
    case KO_TYPE_URL:
        ko_buf_add_text(out, "," INDENT "\"pattern\": \"^https?://[^ ]+$\"");
        break;
    case KO_TYPE_LIST:
        ko_buf_add_text(out, "," INDENT "\"minLength\": 1," INDENT "\"minItems\": 1," INDENT
                             "\"items\": {\"type\": \"string\", \"minLength\": 1}");
        break;
    case KO_TYPE_BYTES:
        ko_buf_add_text(out, "," INDENT "\"pattern\": \"^[0-9]+([KMGT]i?)?$\"");
        ko_buf_add_format(out, "," INDENT "\"minimum\": %" PRIu64, option->min);
        break;
    case KO_TYPE_RATE:
        ko_buf_add_text(out, "," INDENT "\"pattern\": \"^[0-9]+([.][0-9]{1,4})?%?$\"");
        add_range(out, option);
        break;
    case KO_TYPE_U64:
    case KO_TYPE_PERCENT:
        add_range(out, option);
        break;
    case KO_TYPE_CHOICE:
        add_names(out, option->choices);
        break;
    case KO_TYPE_FLAG:
        break;
    }
}

static void
add_description(struct ko_buf *out, const struct ko_option *option)
{
    struct ko_buf text = {0};
    const char *before = " [";

    ko_buf_add_text(&text, option->help);
    if (option->unit != NULL)
        ko_buf_add_format(&text, " (%s)", option->unit);
    if (option->fallback_help != NULL)
        ko_buf_add_format(&text, "; default: %s", option->fallback_help);
    for (unsigned verb = 0; verb < KO_VERB_COUNT; verb++) {
        if ((option->verbs & KO_VERB_BIT(verb)) == 0 || !is_of_a_job_file((enum ko_verb) verb))
            continue;
        ko_buf_add_format(&text, "%s%s", before, ko_verb_info_of((enum ko_verb) verb)->name);
        before = ", ";
    }
    ko_buf_add_char(&text, ']');
    ko_buf_add_text(out, "\"description\": ");
    ko_json_add_string(out, ko_buf_slice(&text));
    out->failed |= text.failed;
    ko_buf_clear(&text);
}

static void
add_option(struct ko_buf *out, const struct ko_option *option)
{
    ko_buf_add_format(out, ",\n    \"%s\": {" INDENT, option->name);
    add_description(out, option);
    add_type(out, option);
    if (option->fallback != NULL) {
        const bool is_text = option->type == KO_TYPE_CHOICE;

        ko_buf_add_format(out, "," INDENT "\"default\": %s%s%s", is_text ? "\"" : "",
                          option->fallback, is_text ? "\"" : "");
    }
    ko_buf_add_text(out, "\n    }");
}

static void
add_verb(struct ko_buf *out)
{
    const char *names[KO_VERB_COUNT + 1] = {NULL};
    size_t n = 0;

    for (unsigned verb = 0; verb < KO_VERB_COUNT; verb++) {
        if (is_of_a_job_file((enum ko_verb) verb))
            names[n++] = ko_verb_info_of((enum ko_verb) verb)->name;
    }
    ko_buf_add_text(out, "    \"verb\": {" INDENT "\"description\": \"what to do\"," INDENT
                         "\"type\": \"string\"");
    add_names(out, names);
    ko_buf_add_text(out, "," INDENT "\"default\": \"find\"\n    }");
}

void
ko_options_add_schema(struct ko_buf *out)
{
    ko_buf_add_text(out, "{\n  \"$schema\": \"http://json-schema.org/draft-07/schema#\",\n"
                         "  \"type\": \"object\",\n  \"additionalProperties\": false,\n"
                         "  \"properties\": {\n");
    add_verb(out);
    for (unsigned id = 0; id < KO_OPTION_COUNT; id++) {
        const struct ko_option *option = ko_option_of((enum ko_option_id) id);

        if (can_stand_in_a_job_file(option))
            add_option(out, option);
    }
    ko_buf_add_text(out, "\n  }\n}\n");
}
