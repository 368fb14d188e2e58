#include "keepone/job/messages.h"

#include "support/test.h"

static void
check_message(const char *text, const char *hint, bool has_colour, const char *expected)
{
    struct ko_error err = {0};
    char message[KO_MESSAGE_BYTES];

    (void) ko_fail(&err, KO_E_OPTION, "%s", text);
    if (hint != NULL)
        ko_hint(&err, "%s", hint);
    ko_message_error(message, &err, has_colour);
    CHECK_TEXT(message, expected);
}

static void
an_error_is_one_line_and_a_hint_another(void)
{
    check_message("no such thing", NULL, false, "keepone: error[option]: no such thing\n");
    check_message("no such thing", "look again.", false,
                  "keepone: error[option]: no such thing\nkeepone: hint: look again.\n");
}

static void
colours_are_only_on_the_labels(void)
{
    check_message("a", "b.", true,
                  "keepone: \033[1;31merror[option]:\033[0m a\n"
                  "keepone: \033[1;36mhint:\033[0m b.\n");
}

static void
control_characters_of_a_text_do_not_reach_the_terminal(void)
{
    check_message("file 'a\nb\033[2J\x7f'", NULL, false,
                  "keepone: error[option]: file 'a?b?[2J?'\n");
}

static void
the_longest_error_fits(void)
{
    struct ko_error err = {.code = KO_E_PARTIAL};
    char message[KO_MESSAGE_BYTES];

    memset(err.text, 't', sizeof err.text - 1);
    memset(err.hint, 'h', sizeof err.hint - 1);
    ko_message_error(message, &err, true);
    assert_true(strlen(message) < sizeof message - 1);
    CHECK_TEXT(message + strlen(message) - 3, "hh\n");
}

CASES = {
    CASE(an_error_is_one_line_and_a_hint_another),
    CASE(colours_are_only_on_the_labels),
    CASE(control_characters_of_a_text_do_not_reach_the_terminal),
    CASE(the_longest_error_fits),
};
RUN_CASES
