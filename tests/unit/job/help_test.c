#include <stdlib.h>

#include "keepone/base/file.h"
#include "keepone/job/options.h"

#include "support/test.h"

static bool
contains(const struct ko_buf *text, const char *part)
{
    return memmem(text->data, text->n, part, strlen(part)) != NULL;
}

static void
check_golden(const struct ko_buf *text, const char *name)
{
    char path[KO_PATH_BYTES];
    struct ko_buf golden = {0};
    struct ko_error err = {0};

    assert_non_null(getenv("KEEPONE_TESTS_DIR"));
    (void) ko_path_join(path, &err, getenv("KEEPONE_TESTS_DIR"), "golden/help/%s", name);
    (void) ko_file_read(path, 1 << 20, &golden, &err);
    CHECK_OK(err);
    if (!ko_slice_equal(ko_buf_slice(text), ko_buf_slice(&golden)))
        fail_msg("%s is not what is printed:\n%.*s", path, KO_SLICE_ARG(ko_buf_slice(text)));
    ko_buf_clear(&golden);
}

static void
the_program_is_told_on_one_screen(void)
{
    struct ko_buf text = {0};

    ko_options_add_help(&text);
    check_golden(&text, "keepone.txt");
    ko_buf_clear(&text);
}

static void
a_verb_is_told_with_options_examples_and_exit_codes(void)
{
    struct ko_buf text = {0};

    ko_options_add_verb_help(&text, KO_VERB_PLAN);
    check_golden(&text, "plan.txt");
    ko_buf_clear(&text);
}

static void
check_options(enum ko_verb verb)
{
    const char *const verb_name = ko_verb_info_of(verb)->name;
    struct ko_buf text = {0};
    char line[64];

    ko_options_add_verb_help(&text, verb);
    for (unsigned i = 0; i < KO_OPTION_COUNT; i++) {
        const struct ko_option *option = ko_option_of((enum ko_option_id) i);
        const bool is_expected = (option->verbs & KO_VERB_BIT(verb)) != 0;

        (void) snprintf(line, sizeof line, "\n  --%s ", option->name);
        if (contains(&text, line) != is_expected)
            fail_msg("'%s --help' and --%s do not belong together as the table says", verb_name,
                     option->name);
    }
    ko_buf_clear(&text);
}

static void
every_option_of_a_verb_is_in_its_help_and_no_other(void)
{
    for (unsigned verb = 0; verb < KO_VERB_COUNT; verb++)
        check_options((enum ko_verb) verb);
}

static void
no_line_of_help_is_wider_than_a_terminal(void)
{
    struct ko_buf text = {0};
    size_t width = 0;

    ko_options_add_help(&text);
    for (unsigned verb = 0; verb < KO_VERB_COUNT; verb++)
        ko_options_add_verb_help(&text, (enum ko_verb) verb);
    for (size_t i = 0; i < text.n; i++) {
        width = text.data[i] == '\n' ? 0 : width + 1;
        if (width > 79)
            fail_msg("'%.*s' is too wide", 60, text.data + i + 1 - width);
    }
    ko_buf_clear(&text);
}

static void
details_name_unit_range_choices_and_default(void)
{
    struct ko_buf text = {0};

    ko_options_add_verb_help(&text, KO_VERB_DEDUP);
    assert_true(contains(&text, "(1 to\n                           1000000 segments; default: "));
    assert_true(contains(&text, "(items;\n                           default: 1000)"));
    assert_true(contains(&text, "(1 or more items; default: no limit)"));
    assert_true(contains(&text, "(checked, transact; default: checked)"));
    assert_true(contains(&text, "nfkc (required)"));
    ko_buf_clear(&text);
}

static void
the_man_page_has_every_verb_option_and_exit_code(void)
{
    struct ko_buf text = {0};
    char part[64];

    ko_options_add_man(&text);
    for (unsigned verb = 0; verb < KO_VERB_COUNT; verb++) {
        (void) snprintf(part, sizeof part, "\n.SS keepone %s",
                        ko_verb_info_of((enum ko_verb) verb)->name);
        assert_true(contains(&text, part));
    }
    assert_true(contains(&text, "\n\\fB\\-\\-max\\-delete\\-percent\\fR \\fIP\\fR\n"));
    assert_true(contains(&text, "\n\\fB31\\fR\na file is corrupt\n"));
    assert_true(contains(&text, " \\e\n    \\-\\-keep oldest:insertedAt"));
    ko_buf_clear(&text);
}

static void
no_text_of_the_man_page_is_taken_for_a_request(void)
{
    static const char *const requests[] = {"TH", "SH", "SS", "TP", "PP", "nf",
                                           "fi", "RS", "RE", "B",  "I",  "br"};
    struct ko_buf text = {0};

    ko_options_add_man(&text);
    ko_buf_add_char(&text, '\0');
    for (const char *line = text.data; line != NULL; line = strchr(line, '\n')) {
        bool is_known = false;

        line += *line == '\n';
        if (*line == '\'')
            fail_msg("'%.40s' begins with a control character", line);
        if (*line != '.')
            continue;
        for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
            is_known |= strncmp(line + 1, requests[i], strlen(requests[i])) == 0 &&
                        strchr(" \n", line[1 + strlen(requests[i])]) != NULL;
        if (!is_known)
            fail_msg("'%.40s' is no request of ours", line);
    }
    ko_buf_clear(&text);
}

static void
the_schema_has_every_option_of_a_job_file_and_no_other(void)
{
    const unsigned only_run = KO_VERB_BIT(KO_VERB_RUN) | KO_VERB_BIT(KO_VERB_POLICY);
    struct ko_buf text = {0};
    char part[64];

    ko_options_add_schema(&text);
    for (unsigned i = 0; i < KO_OPTION_COUNT; i++) {
        const struct ko_option *option = ko_option_of((enum ko_option_id) i);

        (void) snprintf(part, sizeof part, "\n    \"%s\": {\n", option->name);
        if (contains(&text, part) != ((option->verbs & ~only_run) != 0))
            fail_msg("the schema and --%s do not belong together as the table says", option->name);
    }
    assert_true(contains(&text, "\"apply\""));
    assert_false(contains(&text, "\"policy\""));
    ko_buf_clear(&text);
}

static void
the_schema_writes_ranges_in_the_unit_of_the_option(void)
{
    struct ko_buf text = {0};

    ko_options_add_schema(&text);
    assert_true(contains(&text, "\"minimum\": 0.0001,\n      \"maximum\": 100,\n      "
                                "\"default\": 50\n"));
    assert_true(contains(&text, "\"minimum\": 1,\n      \"maximum\": 1024,\n"));
    assert_true(contains(&text, "\"enum\": [\"checked\", \"transact\"],\n"));
    ko_buf_clear(&text);
}

CASES = {
    CASE(the_program_is_told_on_one_screen),
    CASE(a_verb_is_told_with_options_examples_and_exit_codes),
    CASE(every_option_of_a_verb_is_in_its_help_and_no_other),
    CASE(no_line_of_help_is_wider_than_a_terminal),
    CASE(details_name_unit_range_choices_and_default),
    CASE(the_man_page_has_every_verb_option_and_exit_code),
    CASE(no_text_of_the_man_page_is_taken_for_a_request),
    CASE(the_schema_has_every_option_of_a_job_file_and_no_other),
    CASE(the_schema_writes_ranges_in_the_unit_of_the_option),
};
RUN_CASES
