/*
 * Profiles: a file that can be read stays readable with a section behind it, whose settings are
 * then those of the last lines; one that cannot be read is refused in a fixed sentence with a line
 * number, which shows nothing of the file.
 */
#include <stdio.h>

#include "keepone/aws/profile.h"
#include "keepone/base/buf.h"
#include "keepone/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_refusal(const struct ko_error *err)
{
    static const char *const sentences[] = {
        "a section that does not end in ']'",
        "stands before the first section",
        "neither a section nor a setting with '='",
        "nothing stands before the '='",
        "a zero byte",
    };
    unsigned line = 0;
    int n = 0;
    bool is_known = false;

    KO_ASSERT(err->code == KO_E_ACCESS);
    KO_ASSERT(sscanf(err->text, "'f', line %u: %n", &line, &n) == 1 && line > 0 && n > 0);
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
        is_known = is_known || strcmp(err->text + n, sentences[i]) == 0;
    KO_ASSERT(is_known);
}

static bool
read_text(struct ko_profiles *profiles, enum ko_profile_file file, struct ko_slice text)
{
    struct ko_error err = {0};

    if (ko_profiles_add_text(profiles, file, "f", text, &err) == KO_OK)
        return true;
    check_refusal(&err);
    return false;
}

static void
check_file(enum ko_profile_file file, struct ko_slice text)
{
    const bool is_config = file == KO_PROFILE_CONFIG_FILE;
    const enum ko_profile_section section = is_config ? KO_PROFILE_CONFIG : KO_PROFILE_CREDENTIALS;
    struct ko_error err = {0};
    struct ko_profiles *alone = ko_profiles_new(&err);
    struct ko_profiles *longer = ko_profiles_new(&err);
    struct ko_buf more = {0};
    bool is_read;

    ko_buf_add_slice(&more, text);
    ko_buf_add_format(&more, "\n[%sprobe]\nKEY = a value # b\n c\n\n# x\nnest =\n  inner = d\n",
                      is_config ? "profile " : "");
    KO_ASSERT(alone != NULL && longer != NULL && ko_buf_finish(&more, &err) == KO_OK);
    is_read = read_text(alone, file, text);
    KO_ASSERT(read_text(longer, file, ko_buf_slice(&more)) == is_read);
    if (is_read) {
        KO_ASSERT(strcmp(ko_profiles_value(longer, section, "probe", "key"), "a value\nc") == 0);
        KO_ASSERT(strcmp(ko_profiles_value(longer, section, "probe", "nest.inner"), "d") == 0);
        KO_ASSERT(ko_profile_exists(longer, "probe"));
        KO_ASSERT(ko_profiles_has(alone, section, "default") ==
                  ko_profiles_has(longer, section, "default"));
    }
    ko_buf_clear(&more);
    ko_profiles_free(alone);
    ko_profiles_free(longer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct ko_slice text = {n == 0 ? "" : (const char *) data, n};
    const uint64_t live = ko_mem_live();

    check_file(KO_PROFILE_CONFIG_FILE, text);
    check_file(KO_PROFILE_CREDENTIALS_FILE, text);
    KO_ASSERT(ko_mem_live() == live);
    return 0;
}
