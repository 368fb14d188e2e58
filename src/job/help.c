#include "job_priv.h"

enum { LINE_WIDTH = 80, TEXT_COLUMN = 27 };

/* Adds text broken at blanks; continued lines begin at `column`, where the first already stands. */
static void
add_wrapped(struct ko_buf *out, struct ko_slice text, size_t column)
{
    size_t at = column;

    while (text.n > 0) {
        const char *const blank = memchr(text.data, ' ', text.n);
        const size_t n = blank == NULL ? text.n : (size_t) (blank - text.data);

        if (at > column && at + 1 + n >= LINE_WIDTH) {
            ko_buf_add_format(out, "\n%*s", (int) column, "");
            at = column;
        } else if (at > column) {
            ko_buf_add_char(out, ' ');
            at++;
        }
        ko_buf_add(out, text.data, n);
        at += n;
        text.data += blank == NULL ? n : n + 1;
        text.n -= blank == NULL ? n : n + 1;
    }
    ko_buf_add_char(out, '\n');
}

static void
add_range(struct ko_buf *out, const struct ko_option *option)
{
    const bool is_open = option->max == UINT64_MAX;

    if (is_open && option->min == 0) {
        ko_buf_add_text(out, option->unit);
        return;
    }
    ko_option_add_number(out, option, option->min);
    if (!is_open) {
        ko_buf_add_text(out, " to ");
        ko_option_add_number(out, option, option->max);
    }
    ko_buf_add_format(out, is_open ? " or more %s" : " %s", option->unit);
}

void
ko_option_add_details(struct ko_buf *out, const struct ko_option *option, bool is_required)
{
    const char *const fallback =
        option->fallback != NULL ? option->fallback : option->fallback_help;
    const char *between = "";

    if (option->unit != NULL) {
        add_range(out, option);
        between = "; ";
    }
    for (size_t i = 0; option->choices != NULL && option->choices[i] != NULL; i++) {
        ko_buf_add_format(out, "%s%s", between, option->choices[i]);
        between = ", ";
    }
    if (option->choices != NULL)
        between = "; ";
    if (is_required)
        ko_buf_add_format(out, "%srequired", between);
    else if (fallback != NULL)
        ko_buf_add_format(out, "%sdefault: %s", between, fallback);
}

static void
add_option(struct ko_buf *out, enum ko_option_id id, enum ko_verb verb)
{
    const struct ko_option *option = ko_option_of(id);
    const bool is_word = ko_verb_info_of(verb)->positional == id;
    const size_t start = out->n;
    struct ko_buf text = {0};
    struct ko_buf details = {0};

    ko_buf_add_format(out, "  --%s", option->name);
    if (option->value != NULL)
        ko_buf_add_format(out, " %s", option->value);
    if (out->n - start > TEXT_COLUMN - 2)
        ko_buf_add_format(out, "\n%*s", TEXT_COLUMN, "");
    else
        ko_buf_add_format(out, "%*s", (int) (TEXT_COLUMN - (out->n - start)), "");

    ko_buf_add_text(&text, option->help);
    if (is_word)
        ko_buf_add_format(&text, ", the same as the word %s", ko_verb_info_of(verb)->word);
    ko_option_add_details(&details, option, (option->required_by & KO_VERB_BIT(verb)) != 0);
    if (details.n > 0)
        ko_buf_add_format(&text, " (%.*s)", KO_SLICE_ARG(ko_buf_slice(&details)));
    add_wrapped(out, ko_buf_slice(&text), TEXT_COLUMN);
    out->failed |= text.failed | details.failed;
    ko_buf_clear(&text);
    ko_buf_clear(&details);
}

static void
add_options(struct ko_buf *out, enum ko_verb verb)
{
    enum ko_option_group group = KO_GROUP_COUNT;

    for (unsigned id = 0; id < KO_OPTION_COUNT; id++) {
        const struct ko_option *option = ko_option_of((enum ko_option_id) id);

        if (!ko_option_belongs((enum ko_option_id) id, verb))
            continue;
        if (option->group != group)
            ko_buf_add_format(out, "\n%s:\n", ko_option_group_title(option->group));
        group = option->group;
        add_option(out, (enum ko_option_id) id, verb);
    }
}

static void
add_exit(struct ko_buf *out, enum ko_code code)
{
    ko_buf_add_format(out, "  %-4d", (int) code);
    add_wrapped(out, ko_slice_of(ko_exit_meaning(code)), 6);
}

/* A command of several lines keeps its own line ends; each is indented. */
static void
add_command(struct ko_buf *out, const char *command)
{
    while (command != NULL) {
        const char *const end = strchr(command, '\n');
        const size_t n = end == NULL ? strlen(command) : (size_t) (end - command);

        ko_buf_add_text(out, "    ");
        ko_buf_add(out, command, n);
        ko_buf_add_char(out, '\n');
        command = end == NULL ? NULL : end + 1;
    }
}

void
ko_options_add_verb_help(struct ko_buf *out, enum ko_verb verb)
{
    const struct ko_verb_info *info = ko_verb_info_of(verb);

    ko_buf_add_format(out, "keepone %s: %s\n\nUsage: keepone ", info->name, info->purpose);
    add_wrapped(out, ko_slice_of(info->usage), 15);
    ko_buf_add_char(out, '\n');
    add_wrapped(out, ko_slice_of(info->about), 0);
    add_options(out, verb);

    ko_buf_add_text(out, "\nExamples:\n");
    for (size_t i = 0; i < KO_VERB_EXAMPLES && info->examples[i].command != NULL; i++) {
        ko_buf_add_format(out, "  %s:\n", info->examples[i].says);
        add_command(out, info->examples[i].command);
    }
    ko_buf_add_text(out, "\nExit codes:\n");
    add_exit(out, KO_OK);
    for (size_t i = 0; i < KO_VERB_EXITS && info->exits[i] != KO_OK; i++)
        add_exit(out, info->exits[i]);
}

/* Two blanks behind the longest name. */
static void
add_verbs(struct ko_buf *out)
{
    size_t width = 0;

    for (unsigned verb = 0; verb < KO_VERB_COUNT; verb++) {
        const size_t n = strlen(ko_verb_info_of((enum ko_verb) verb)->name);

        width = n > width ? n : width;
    }
    for (unsigned verb = 0; verb < KO_VERB_COUNT; verb++) {
        const struct ko_verb_info *info = ko_verb_info_of((enum ko_verb) verb);

        ko_buf_add_format(out, "  %-*s  ", (int) width, info->name);
        add_wrapped(out, ko_slice_of(info->purpose), width + 4);
    }
}

void
ko_options_add_help(struct ko_buf *out)
{
    ko_buf_add_text(out, "keepone: keep one item per key in a DynamoDB table\n\n"
                         "Usage: keepone VERB [OPTION]...\n"
                         "       mpirun -q -n N keepone VERB [OPTION]...\n\n");
    add_wrapped(out,
                KO_SLICE("Finds the items of a table that share a key they should not share, plans "
                         "which one of each stays, and deletes the others when told to. Only "
                         "apply, undo and dedup --yes write to a table. With mpirun the work is "
                         "shared among N ranks; the result is the same."),
                0);
    ko_buf_add_text(out, "\nVerbs:\n");
    add_verbs(out);
    ko_buf_add_text(out, "\nOptions:\n"
                         "  --help         this text; keepone VERB --help says what a verb takes\n"
                         "  --help=man     the manual as a man page: "
                         "keepone --help=man | man -l -\n"
                         "  --help=schema  the JSON schema of a job file\n"
                         "  --version      the version\n"
                         "\nExamples:\n");
    add_command(out, "keepone find --table space-diff --key cause --same provider \\\n"
                     "    --keep oldest:insertedAt --run runs/1\n"
                     "keepone show runs/1\n"
                     "keepone apply runs/1\n"
                     "keepone verify runs/1");
    ko_buf_add_char(out, '\n');
    add_wrapped(out,
                KO_SLICE("Exit codes: 0 is done, 2 a bad option or job file, 3 refused by a limit, "
                         "4 done but not clean, 5 some items failed, 10 stopped; each verb's help "
                         "lists them all."),
                0);
}
