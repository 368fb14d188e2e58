#include "job_priv.h"

/* Adds text for roff: nothing in it is a request, an escape or a hyphen. */
static void
add_escaped(struct ko_buf *out, const char *text)
{
    bool is_line_start = true;

    for (; *text != '\0'; text++) {
        if (is_line_start && (*text == '.' || *text == '\''))
            ko_buf_add_text(out, "\\&");
        if (*text == '\\')
            ko_buf_add_text(out, "\\e");
        else if (*text == '-')
            ko_buf_add_text(out, "\\-");
        else if (*text == '\'')
            ko_buf_add_text(out, "\\(aq");
        else if (*text == '`')
            ko_buf_add_text(out, "\\(ga");
        else
            ko_buf_add_char(out, *text);
        is_line_start = *text == '\n';
    }
}

static void
add_line(struct ko_buf *out, const char *request, const char *text)
{
    ko_buf_add_text(out, request);
    add_escaped(out, text);
    ko_buf_add_char(out, '\n');
}

static void
add_verb(struct ko_buf *out, enum ko_verb verb)
{
    const struct ko_verb_info *info = ko_verb_info_of(verb);

    add_line(out, ".SS keepone ", info->usage);
    add_line(out, "", info->about);
    for (size_t i = 0; i < KO_VERB_EXAMPLES && info->examples[i].command != NULL; i++) {
        ko_buf_add_text(out, ".PP\n");
        ko_buf_add_text(out, "For example, ");
        add_escaped(out, info->examples[i].says);
        ko_buf_add_text(out, ":\n.PP\n.nf\n.RS 4\n");
        add_escaped(out, info->examples[i].command);
        ko_buf_add_text(out, "\n.RE\n.fi\n");
    }
}

static void
add_option(struct ko_buf *out, const struct ko_option *option)
{
    struct ko_buf details = {0};
    const char *between = "(";

    ko_buf_add_text(out, ".TP\n\\fB\\-\\-");
    add_escaped(out, option->name);
    ko_buf_add_text(out, "\\fR");
    if (option->value != NULL)
        ko_buf_add_format(out, " \\fI%s\\fR", option->value);
    ko_buf_add_char(out, '\n');
    add_escaped(out, option->help);
    ko_buf_add_text(out, ".\n");

    ko_option_add_details(&details, option, false);
    ko_buf_add_char(&details, '\0');
    if (details.n > 1) {
        add_escaped(out, ko_buf_slice(&details).data);
        ko_buf_add_text(out, ".\n");
    }
    out->failed |= details.failed;
    ko_buf_clear(&details);

    for (unsigned verb = 0; verb < KO_VERB_COUNT; verb++) {
        if ((option->verbs & KO_VERB_BIT(verb)) == 0)
            continue;
        ko_buf_add_format(out, "%s%s%s", between, ko_verb_info_of((enum ko_verb) verb)->name,
                          (option->required_by & KO_VERB_BIT(verb)) != 0 ? ": required" : "");
        between = ", ";
    }
    ko_buf_add_text(out, ")\n");
}

static void
add_options(struct ko_buf *out)
{
    enum ko_option_group group = KO_GROUP_COUNT;

    for (unsigned id = 0; id < KO_OPTION_COUNT; id++) {
        const struct ko_option *option = ko_option_of((enum ko_option_id) id);

        if (option->group != group)
            add_line(out, ".SS ", ko_option_group_title(option->group));
        group = option->group;
        add_option(out, option);
    }
}

void
ko_options_add_man(struct ko_buf *out)
{
    ko_buf_add_text(out, ".TH KEEPONE 1 \"\" \"keepone " KEEPONE_VERSION "\"\n"
                         ".SH NAME\nkeepone \\- keep one item per key in a DynamoDB table\n"
                         ".SH SYNOPSIS\n.B keepone\n.I VERB\n[\\fIOPTION\\fR]...\n.br\n"
                         ".B mpirun \\-q \\-n\n.I N\n.B keepone\n.I VERB\n[\\fIOPTION\\fR]...\n"
                         ".SH DESCRIPTION\n");
    add_line(out, "",
             "Finds the items of a table that share a key they should not share, plans which one "
             "of each stays, and deletes the others when told to. Only apply, undo and dedup "
             "--yes write to a table. With mpirun the work is shared among N ranks; the result "
             "is the same.");
    ko_buf_add_text(out, ".PP\n");
    add_line(out, "",
             "An option is written --name VALUE or --name=VALUE, a flag --name or --name=false. "
             "The values of a list stand between commas, or the option is given again; a comma "
             "that belongs to a value has a backslash before it. A job file uses the same names.");
    ko_buf_add_text(out, ".SH VERBS\n");
    for (unsigned verb = 0; verb < KO_VERB_COUNT; verb++)
        add_verb(out, (enum ko_verb) verb);
    ko_buf_add_text(out, ".SH OPTIONS\n");
    add_options(out);
    ko_buf_add_text(out, ".SH EXIT STATUS\n");
    for (int code = 0; code <= KO_E_BUG; code++) {
        const char *const meaning = ko_exit_meaning((enum ko_code) code);

        if (meaning == NULL)
            continue;
        ko_buf_add_format(out, ".TP\n\\fB%d\\fR\n", code);
        add_line(out, "", meaning);
    }
}
