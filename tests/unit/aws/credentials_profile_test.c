#include "chain.h"

static void
keys_stand_in_either_file(void)
{
    static const struct {
        struct chain_row row;
        const char *expected;
    } rows[] = {
        {{.credentials = "[default]\naws_access_key_id = K\naws_secret_access_key = S\n"},
         "K S - 0"},
        {{.credentials = "[default]\naws_access_key_id = K\naws_secret_access_key = S/+=\n"
                         "aws_session_token = T==\n"},
         "K S/+= T== 0"},
        {{.config = "[default]\naws_access_key_id = K\naws_secret_access_key = S\n"}, "K S - 0"},
        {{.config = "[default]\naws_access_key_id = C\naws_secret_access_key = D\n",
          .credentials = "[default]\naws_access_key_id = K\naws_secret_access_key = S\n"},
         "K S - 0"},
        {{.credentials = "[p]\naws_access_key_id = K\naws_secret_access_key = S\n"
                         "[default]\naws_access_key_id = D\naws_secret_access_key = E\n",
          .options = {.profile = "p"}},
         "K S - 0"},
        {{.config = "[profile p]\naws_access_key_id = K\naws_secret_access_key = S\n",
          .options = {.profile = "p"}},
         "K S - 0"},
    };

    clear_environment();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        chain_check(rows[i].row, rows[i].expected);
}

static void
half_of_a_pair_of_keys_ends_the_chain(void)
{
    const struct chain_row rows[] = {
        {.credentials = "[default]\naws_secret_access_key = hidden\n"},
        {.credentials = "[default]\naws_access_key_id = K\n"},
    };

    clear_environment();
    chain_check(rows[0], "access: keys of profile 'default' in the credentials file: it has "
                         "aws_secret_access_key without aws_access_key_id | write both, or "
                         "neither.");
    chain_check(rows[1], "access: keys of profile 'default' in the credentials file: it has "
                         "aws_access_key_id without aws_secret_access_key | write both, or "
                         "neither.");
}

static void
a_key_with_a_blank_is_refused_without_being_shown(void)
{
    const struct chain_row row = {
        .credentials = "[default]\naws_access_key_id = K\naws_secret_access_key = hid den\n"};

    clear_environment();
    chain_check_says(row, "keys of profile 'default' in the credentials file: the secret access "
                          "key has a blank");
}

CASES = {
    CASE(keys_stand_in_either_file),
    CASE(half_of_a_pair_of_keys_ends_the_chain),
    CASE(a_key_with_a_blank_is_refused_without_being_shown),
};
RUN_CASES
