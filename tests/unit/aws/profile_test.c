#include "keepone/aws/profile.h"

#include <stdlib.h>
#include <unistd.h>

#include "keepone/base/buf.h"
#include "keepone/base/file.h"
#include "support/test.h"

static struct ko_profiles *
profiles_of(const char *config, const char *credentials)
{
    struct ko_error err = {0};
    struct ko_profiles *profiles = ko_profiles_new(&err);

    (void) ko_profiles_add_text(profiles, KO_PROFILE_CONFIG_FILE, "config", ko_slice_of(config),
                                &err);
    (void) ko_profiles_add_text(profiles, KO_PROFILE_CREDENTIALS_FILE, "credentials",
                                ko_slice_of(credentials), &err);
    CHECK_OK(err);
    return profiles;
}

/* The value of "key" in [profile p]. */
static void
check_config_value(const char *config, const char *expected)
{
    struct ko_profiles *profiles = profiles_of(config, "");
    const char *const value = ko_profiles_value(profiles, KO_PROFILE_CONFIG, "p", "key");

    if (expected == NULL)
        assert_null(value);
    else
        CHECK_TEXT(value == NULL ? "(none)" : value, expected);
    ko_profiles_free(profiles);
}

static void
lines_are_read_as_the_aws_tools_read_them(void)
{
    static const struct {
        const char *config, *expected;
    } rows[] = {
        {"[profile p]\nkey = value", "value"},
        {"[profile p]\nkey=value\n", "value"},
        {"\n\n[profile p]\n\n\nKey =   two words \t\n\n", "two words"},
        {"\xef\xbb\xbf[profile p]\r\nkey = value\r\n", "value"},
        {"[\tprofile \t p ]\nkey = value", "value"},
        {"[profile p] # comment\nkey = value # comment", "value"},
        {"[profile p] ; comment\nkey = value\t; comment", "value"},
        {"[profile p]\nkey = a#b;c", "a#b;c"},
        {"# x\n; x\n  # x\n[profile p]\n# key = 1\nkey = value\n  # x", "value"},
        {"[profile \"p\"]\nkey = value", "value"},
        {"[profile 'p']\nkey = value", "value"},
        {"[profile p]\nkey = a=b==", "a=b=="},
        {"[profile p]\nkey =\n", NULL},
        {"[profile p]\nkey = # nothing\n", NULL},
        {"[profile p]\nkey = one\nkey = two", "two"},
        {"[profile p]\nkey = one\nkey =", NULL},
        {"[profile p]\nkey = value\n more # of it\n\tlast", "value\nmore # of it\nlast"},
        {"[profile p]\n  key = value", "value"},
        {"[profile p]\nother =\n  key = nested\nkey = value", "value"},
        {"[profile p]\nother =\n  key = nested", NULL},
        {"[profile q]\nkey = other", NULL},
        {"[p]\nkey = not a profile's", NULL},
        {"[profilep]\nkey = not a profile's", NULL},
        {"[plugins]\nkey = 1\n more\n[profile p]\nkey = value", "value"},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_config_value(rows[i].config, rows[i].expected);
}

static void
sections_of_one_name_are_one(void)
{
    check_config_value("[profile p]\nkey = one\n[profile q]\n[profile p]\nother = 2", "one");
    check_config_value("[profile p]\nkey = one\n[profile q]\n[profile p]\nkey = 2", "2");
}

static void
profile_default_stands_instead_of_default(void)
{
    static const char *const configs[] = {
        "[default]\nkey = plain\nother = 1\n[profile default]\nkey = named",
        "[profile default]\nkey = named\n[default]\nkey = plain\nother = 1",
    };

    for (size_t i = 0; i < 2; i++) {
        struct ko_profiles *profiles = profiles_of(configs[i], "");

        CHECK_TEXT(ko_profiles_value(profiles, KO_PROFILE_CONFIG, "default", "key"), "named");
        assert_null(ko_profiles_value(profiles, KO_PROFILE_CONFIG, "default", "other"));
        ko_profiles_free(profiles);
    }
}

static void
a_plain_default_alone_counts(void)
{
    struct ko_profiles *profiles = profiles_of("[default]\nkey = plain", "");

    CHECK_TEXT(ko_profile_value(profiles, "default", "key"), "plain");
    ko_profiles_free(profiles);
}

static void
the_credentials_file_wins_over_the_config_file(void)
{
    struct ko_profiles *profiles =
        profiles_of("[profile p]\nregion = r\nkey = config\n[profile only]\n",
                    "[p]\nkey = credentials\n[profile p]\nkey = not p's\n");

    CHECK_TEXT(ko_profile_value(profiles, "p", "key"), "credentials");
    CHECK_TEXT(ko_profile_value(profiles, "p", "region"), "r");
    CHECK_TEXT(ko_profiles_value(profiles, KO_PROFILE_CONFIG, "p", "key"), "config");
    assert_null(ko_profile_value(profiles, "p", "none"));
    assert_true(ko_profile_exists(profiles, "p"));
    assert_true(ko_profile_exists(profiles, "only"));
    assert_false(ko_profile_exists(profiles, "nobody"));
    assert_false(ko_profiles_has(profiles, KO_PROFILE_CREDENTIALS, "only"));
    ko_profiles_free(profiles);
}

static void
sessions_and_services_are_sections_of_their_own(void)
{
    struct ko_profiles *profiles =
        profiles_of("[sso-session corp]\nsso_region = r\n"
                    "[services local]\ndynamodb =\n  endpoint_url = http://a\n  # x\n\n  x = 1\n"
                    "S3 =\n\tendpoint_url = http://b\n[profile corp]\nsso_region = none\n",
                    "");

    CHECK_TEXT(ko_profiles_value(profiles, KO_PROFILE_SSO_SESSION, "corp", "sso_region"), "r");
    CHECK_TEXT(ko_profiles_value(profiles, KO_PROFILE_SERVICES, "local", "dynamodb.endpoint_url"),
               "http://a");
    CHECK_TEXT(ko_profiles_value(profiles, KO_PROFILE_SERVICES, "local", "dynamodb.x"), "1");
    CHECK_TEXT(ko_profiles_value(profiles, KO_PROFILE_SERVICES, "local", "s3.endpoint_url"),
               "http://b");
    assert_null(ko_profiles_value(profiles, KO_PROFILE_SERVICES, "local", "dynamodb"));
    ko_profiles_free(profiles);
}

static void
a_line_that_cannot_be_read_is_named_but_not_shown(void)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"[p]\naws_secret_access_key hidden",
         "'f', line 2: neither a section nor a setting with '='"},
        {"key = hidden", "'f', line 1: stands before the first section"},
        {"hidden", "'f', line 1: stands before the first section"},
        {"\n# c\n[p\nkey = hidden", "'f', line 3: a section that does not end in ']'"},
        {"[p] hidden", "'f', line 1: a section that does not end in ']'"},
        {"[", "'f', line 1: a section that does not end in ']'"},
        {"[p]\n = hidden", "'f', line 2: nothing stands before the '='"},
        {"[p]\nkey =\n  hidden", "'f', line 3: neither a section nor a setting with '='"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_error err = {0};
        struct ko_profiles *profiles = ko_profiles_new(&err);

        (void) ko_profiles_add_text(profiles, KO_PROFILE_CREDENTIALS_FILE, "f",
                                    ko_slice_of(rows[i].text), &err);
        CHECK_CODE(err, KO_E_ACCESS);
        CHECK_TEXT(err.text, rows[i].expected);
        assert_null(strstr(err.hint, "hidden"));
        ko_profiles_free(profiles);
    }
}

static void
a_zero_byte_is_refused(void)
{
    struct ko_error err = {0};
    struct ko_profiles *profiles = ko_profiles_new(&err);

    (void) ko_profiles_add_text(profiles, KO_PROFILE_CREDENTIALS_FILE, "f",
                                KO_SLICE("[p]\na = \0b"), &err);
    CHECK_CODE(err, KO_E_ACCESS);
    CHECK_TEXT(err.text, "'f', line 2: a zero byte");
    ko_profiles_free(profiles);
}

static void
write_file(const char *folder, const char *name, const char *text)
{
    struct ko_error err = {0};
    char path[KO_PATH_BYTES];

    (void) ko_folder_make(folder, &err);
    (void) ko_path_join(path, &err, folder, "%s", name);
    (void) ko_file_replace(path, ko_slice_of(text), &err);
    CHECK_OK(err);
}

static void
files_are_where_variables_or_home_say(void)
{
    struct ko_error err = {0};
    struct ko_profiles *profiles = NULL;
    char home[] = "/tmp/keepone-profile-XXXXXX";
    char folder[KO_PATH_BYTES];

    assert_non_null(mkdtemp(home));
    (void) setenv("HOME", home, 1);
    (void) unsetenv("AWS_CONFIG_FILE");
    (void) unsetenv("AWS_SHARED_CREDENTIALS_FILE");
    (void) ko_profiles_read(&profiles, &err);
    CHECK_OK(err);
    assert_false(ko_profile_exists(profiles, "default"));
    ko_profiles_free(profiles);

    (void) ko_path_join(folder, &err, home, ".aws");
    write_file(folder, "config", "[default]\nregion = r\n");
    write_file(folder, "credentials", "[default]\naws_access_key_id = K\n");
    write_file(home, "other", "[default]\nregion = s\n");
    (void) ko_profiles_read(&profiles, &err);
    CHECK_OK(err);
    CHECK_TEXT(ko_profile_value(profiles, "default", "region"), "r");
    CHECK_TEXT(ko_profile_value(profiles, "default", "aws_access_key_id"), "K");
    ko_profiles_free(profiles);

    (void) setenv("AWS_CONFIG_FILE", "~/other", 1);
    (void) setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/at/all", 1);
    (void) ko_profiles_read(&profiles, &err);
    CHECK_OK(err);
    CHECK_TEXT(ko_profile_value(profiles, "default", "region"), "s");
    assert_null(ko_profile_value(profiles, "default", "aws_access_key_id"));
    ko_profiles_free(profiles);
    (void) ko_folder_remove(home, &err);
    CHECK_OK(err);
}

static void
a_file_that_cannot_be_read_is_an_error(void)
{
    struct ko_error err = {0};
    struct ko_profiles *profiles = NULL;

    (void) setenv("AWS_CONFIG_FILE", "/tmp", 1);
    (void) ko_profiles_read(&profiles, &err);
    CHECK_CODE(err, KO_E_ACCESS);
    CHECK_ERROR_SAYS(err, "'/tmp'");
    assert_null(profiles);
}

static void
reading_survives_failing_allocations(void)
{
    static const char text[] =
        "[profile p]\nkey = value\n more\nother =\n  a = b\n[default]\nx = 1";
    unsigned n_failures = 0;

    for (uint64_t n = 1; n <= 24; n++) {
        struct ko_error err = {0};
        struct ko_profiles *profiles;

        ko_mem_fail_nth(n);
        profiles = ko_profiles_new(&err);
        if (profiles != NULL)
            (void) ko_profiles_add_text(profiles, KO_PROFILE_CONFIG_FILE, "config",
                                        ko_slice_of(text), &err);
        ko_mem_fail_nth(0);
        n_failures += err.code == KO_E_MEMORY;
        assert_true(err.code == KO_E_MEMORY || err.code == KO_OK);
        ko_profiles_free(profiles);
    }
    assert_int_equal(n_failures, 17);
}

CASES = {
    CASE(lines_are_read_as_the_aws_tools_read_them),
    CASE(sections_of_one_name_are_one),
    CASE(profile_default_stands_instead_of_default),
    CASE(a_plain_default_alone_counts),
    CASE(the_credentials_file_wins_over_the_config_file),
    CASE(sessions_and_services_are_sections_of_their_own),
    CASE(a_line_that_cannot_be_read_is_named_but_not_shown),
    CASE(a_zero_byte_is_refused),
    CASE(files_are_where_variables_or_home_say),
    CASE(a_file_that_cannot_be_read_is_an_error),
    CASE(reading_survives_failing_allocations),
};
RUN_CASES
