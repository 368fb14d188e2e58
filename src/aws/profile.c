#include "keepone/aws/profile.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "keepone/base/buf.h"
#include "keepone/base/file.h"
#include "keepone/base/mem.h"

enum { FILE_MAX_BYTES = 1024 * 1024 };

/* A line of a file, or a section's own (key NULL).  The last of equal ones counts. */
struct entry {
    enum ko_profile_section section;
    bool is_plain_default; /* [default] of the config file; [profile default] stands instead */
    char *name;
    char *key;
    char *value;
};

struct ko_profiles {
    struct entry *entries;
    size_t n;
    size_t capacity;
};

/* Where in a file we are. */
struct reader {
    struct ko_profiles *profiles;
    enum ko_profile_file file;
    const char *path;
    unsigned line_number;

    bool has_section;
    bool is_passed_over; /* a section of no use to us */
    bool is_plain_default;
    enum ko_profile_section section;
    struct ko_slice name;

    struct ko_slice key; /* of the last line that was not indented; absent = none */
    bool has_value;
};

struct ko_profiles *
ko_profiles_new(struct ko_error *err)
{
    return ko_alloc(sizeof(struct ko_profiles), err);
}

static void
clear_entry(struct entry *entry)
{
    ko_free(entry->name);
    ko_free(entry->key);
    ko_free_secret(entry->value);
    *entry = (struct entry){0};
}

void
ko_profiles_free(struct ko_profiles *profiles)
{
    if (profiles == NULL)
        return;
    for (size_t i = 0; i < profiles->n; i++)
        clear_entry(&profiles->entries[i]);
    ko_free(profiles->entries);
    ko_free(profiles);
}

static enum ko_code
fail(const struct reader *reader, struct ko_error *err, const char *sentence)
{
    (void) ko_fail(err, KO_E_ACCESS, "'%s', line %u: %s", reader->path, reader->line_number,
                   sentence);
    ko_hint(err, "a section is a line '[NAME]', a setting a line 'KEY = VALUE', a comment a line "
                 "that starts with '#'.");
    return err->code;
}

static struct ko_slice
trim(struct ko_slice text)
{
    while (text.n > 0 && isspace((unsigned char) text.data[0]))
        text = (struct ko_slice){text.data + 1, text.n - 1};
    while (text.n > 0 && isspace((unsigned char) text.data[text.n - 1]))
        text.n--;
    return text;
}

/* Without a comment, which starts behind white space only: "a#b" has none. */
static struct ko_slice
without_comment(struct ko_slice text)
{
    for (size_t i = 1; i < text.n; i++) {
        const bool is_blank = text.data[i - 1] == ' ' || text.data[i - 1] == '\t';

        if (is_blank && (text.data[i] == '#' || text.data[i] == ';'))
            return (struct ko_slice){text.data, i};
    }
    return text;
}

static enum ko_code
grow(struct ko_profiles *profiles, struct ko_error *err)
{
    const size_t capacity = profiles->capacity == 0 ? 32 : profiles->capacity * 2;
    struct entry *grown;

    if (profiles->n < profiles->capacity)
        return KO_OK;
    grown = ko_realloc(profiles->entries, capacity * sizeof *grown, err);
    if (grown == NULL)
        return err->code;
    profiles->entries = grown;
    profiles->capacity = capacity;
    return KO_OK;
}

/* "parent.key", or "key" without a parent; lower case. */
static char *
make_key(struct ko_slice parent, struct ko_slice key, struct ko_error *err)
{
    const size_t n = parent.n + (parent.n > 0) + key.n;
    char *made = ko_alloc(n + 1, err);

    if (made == NULL)
        return NULL;
    if (parent.n > 0) {
        memcpy(made, parent.data, parent.n);
        made[parent.n] = '.';
    }
    memcpy(made + n - key.n, key.data, key.n);
    for (size_t i = 0; i < n; i++)
        made[i] = (char) tolower((unsigned char) made[i]);
    return made;
}

/* key absent: the section itself. */
static enum ko_code
add_entry(struct reader *reader, struct ko_slice parent, struct ko_slice key, struct ko_slice value,
          struct ko_error *err)
{
    struct ko_profiles *profiles = reader->profiles;
    struct entry made = {.section = reader->section, .is_plain_default = reader->is_plain_default};

    if (reader->is_passed_over)
        return KO_OK;
    KO_TRY(grow(profiles, err));
    made.name = ko_copy_text(reader->name, err);
    if (made.name != NULL && key.data != NULL)
        made.key = make_key(parent, key, err);
    if (made.key != NULL)
        made.value = ko_copy_text(value, err);
    KO_TRY(err->code);
    profiles->entries[profiles->n++] = made;
    return KO_OK;

done:
    clear_entry(&made);
    return err->code;
}

/* [profile "a name"]: quotes around a name are not part of it. */
static struct ko_slice
unquote(struct ko_slice name)
{
    if (name.n < 2 || (name.data[0] != '"' && name.data[0] != '\'') ||
        name.data[name.n - 1] != name.data[0])
        return name;
    return (struct ko_slice){name.data + 1, name.n - 2};
}

/* True if text is `word` and white space; *rest is what stands behind. */
static bool
starts_with_word(struct ko_slice text, const char *word, struct ko_slice *rest)
{
    const size_t n = strlen(word);

    if (text.n <= n || memcmp(text.data, word, n) != 0 || !isspace((unsigned char) text.data[n]))
        return false;
    *rest = unquote(trim((struct ko_slice){text.data + n, text.n - n}));
    return true;
}

/* What kind of section `title` names in this file. */
static void
enter_section(struct reader *reader, struct ko_slice title)
{
    struct ko_slice name = {NULL, 0};

    reader->has_section = true;
    reader->is_passed_over = false;
    reader->is_plain_default = false;
    reader->key = (struct ko_slice){NULL, 0};
    if (reader->file == KO_PROFILE_CREDENTIALS_FILE) {
        reader->section = KO_PROFILE_CREDENTIALS;
        name = unquote(title);
    } else if (starts_with_word(title, "profile", &name)) {
        reader->section = KO_PROFILE_CONFIG;
    } else if (starts_with_word(title, "sso-session", &name)) {
        reader->section = KO_PROFILE_SSO_SESSION;
    } else if (starts_with_word(title, "services", &name)) {
        reader->section = KO_PROFILE_SERVICES;
    } else if (ko_slice_equal(title, KO_SLICE("default"))) {
        reader->section = KO_PROFILE_CONFIG;
        reader->is_plain_default = true;
        name = title;
    }
    reader->name = name;
    reader->is_passed_over = name.n == 0;
}

static enum ko_code
read_section(struct reader *reader, struct ko_slice line, struct ko_error *err)
{
    static const struct ko_slice none = {NULL, 0};

    line = trim(without_comment(line));
    if (line.n < 2 || line.data[line.n - 1] != ']')
        return fail(reader, err, "a section that does not end in ']'");
    enter_section(reader, trim((struct ko_slice){line.data + 1, line.n - 2}));
    return add_entry(reader, none, none, none, err);
}

/* KEY = VALUE; line has no white space around it. */
static enum ko_code
read_setting(struct reader *reader, struct ko_slice parent, struct ko_slice line,
             struct ko_error *err)
{
    const char *const equals = memchr(line.data, '=', line.n);
    struct ko_slice key = line;
    struct ko_slice value = line;

    if (!reader->has_section)
        return fail(reader, err, "stands before the first section");
    if (equals == NULL)
        return fail(reader, err, "neither a section nor a setting with '='");
    key.n = (size_t) (equals - line.data);
    key = trim(key);
    if (key.n == 0)
        return fail(reader, err, "nothing stands before the '='");
    value = (struct ko_slice){equals + 1, (size_t) (line.data + line.n - equals - 1)};
    value = trim(without_comment(value));
    if (parent.n == 0) {
        reader->key = key;
        reader->has_value = value.n > 0;
    }
    return add_entry(reader, parent, key, value, err);
}

/* Adds a line to the value of the last entry. */
static enum ko_code
continue_value(struct reader *reader, struct ko_slice line, struct ko_error *err)
{
    struct entry *last;
    size_t n;
    char *grown;

    if (reader->is_passed_over)
        return KO_OK;
    last = &reader->profiles->entries[reader->profiles->n - 1];
    n = strlen(last->value);
    grown = ko_alloc(n + 1 + line.n + 1, err); /* not ko_realloc(): that leaves a copy behind */
    if (grown == NULL)
        return err->code;
    memcpy(grown, last->value, n);
    grown[n] = '\n';
    memcpy(grown + n + 1, line.data, line.n);
    ko_free_secret(last->value);
    last->value = grown;
    return KO_OK;
}

static enum ko_code
read_line(struct reader *reader, struct ko_slice line, struct ko_error *err)
{
    const bool is_indented = line.n > 0 && (line.data[0] == ' ' || line.data[0] == '\t');
    const struct ko_slice content = trim(line);

    reader->line_number++;
    if (content.n == 0 || content.data[0] == '#' || content.data[0] == ';')
        return KO_OK;
    if (memchr(content.data, '\0', content.n) != NULL)
        return fail(reader, err, "a zero byte");
    if (is_indented && reader->key.data != NULL && reader->has_value)
        return continue_value(reader, content, err);
    if (is_indented && reader->key.data != NULL)
        return read_setting(reader, reader->key, content, err);
    if (content.data[0] == '[')
        return read_section(reader, content, err);
    return read_setting(reader, (struct ko_slice){NULL, 0}, content, err);
}

/* Where there is a [profile default], a [default] of the config file counts for nothing. */
static void
drop_plain_default(struct ko_profiles *profiles)
{
    bool is_named = false;
    size_t n = 0;

    for (size_t i = 0; i < profiles->n; i++) {
        const struct entry *entry = &profiles->entries[i];

        is_named = is_named || (entry->section == KO_PROFILE_CONFIG && !entry->is_plain_default &&
                                strcmp(entry->name, "default") == 0);
    }
    for (size_t i = 0; i < profiles->n; i++) {
        if (is_named && profiles->entries[i].is_plain_default)
            clear_entry(&profiles->entries[i]);
        else
            profiles->entries[n++] = profiles->entries[i];
    }
    profiles->n = n;
}

enum ko_code
ko_profiles_add_text(struct ko_profiles *profiles, enum ko_profile_file file, const char *path,
                     struct ko_slice text, struct ko_error *err)
{
    struct reader reader = {.profiles = profiles, .file = file, .path = path};

    if (text.n >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
        text = (struct ko_slice){text.data + 3, text.n - 3};
    while (text.n > 0) {
        const char *const end = memchr(text.data, '\n', text.n);
        const size_t n = end == NULL ? text.n : (size_t) (end - text.data);

        if (read_line(&reader, (struct ko_slice){text.data, n}, err) != KO_OK)
            return err->code;
        text.data += n == text.n ? n : n + 1;
        text.n -= n == text.n ? n : n + 1;
    }
    drop_plain_default(profiles);
    return KO_OK;
}

/* The variable's path, or ~/.aws/<name>; "" without a home. */
static enum ko_code
find_path(const char *variable, const char *name, char path[KO_PATH_BYTES], struct ko_error *err)
{
    const char *given = getenv(variable);
    const char *const home = getenv("HOME");

    path[0] = '\0';
    if (given != NULL && given[0] != '\0' && strncmp(given, "~/", 2) != 0) {
        if (strlen(given) >= KO_PATH_BYTES)
            return ko_fail(err, KO_E_ACCESS, "%s is a path that is too long", variable);
        memcpy(path, given, strlen(given) + 1);
        return KO_OK;
    }
    if (home == NULL || home[0] == '\0')
        return KO_OK;
    if (given != NULL && given[0] != '\0')
        return ko_path_join(path, err, home, "%s", given + 2);
    return ko_path_join(path, err, home, ".aws/%s", name);
}

static enum ko_code
read_file(struct ko_profiles *profiles, enum ko_profile_file file, const char *path,
          struct ko_error *err)
{
    struct ko_buf text = {0};
    struct ko_error reading = {0};
    bool is_there = false;

    if (path[0] == '\0' || (ko_file_exists(path, &is_there, &reading) == KO_OK && !is_there))
        return KO_OK;
    if (reading.code == KO_OK && ko_file_read(path, FILE_MAX_BYTES, &text, &reading) == KO_OK)
        (void) ko_profiles_add_text(profiles, file, path, ko_buf_slice(&text), err);
    else if (reading.code == KO_E_MEMORY)
        *err = reading;
    else
        (void) ko_fail(err, KO_E_ACCESS, "%s", reading.text);
    ko_buf_wipe(&text);
    return err->code;
}

enum ko_code
ko_profiles_read(struct ko_profiles **profiles, struct ko_error *err)
{
    char path[KO_PATH_BYTES];
    struct ko_profiles *made = NULL;

    *profiles = NULL;
    made = ko_profiles_new(err);
    KO_TRY(err->code);
    KO_TRY(find_path("AWS_CONFIG_FILE", "config", path, err));
    KO_TRY(read_file(made, KO_PROFILE_CONFIG_FILE, path, err));
    KO_TRY(find_path("AWS_SHARED_CREDENTIALS_FILE", "credentials", path, err));
    KO_TRY(read_file(made, KO_PROFILE_CREDENTIALS_FILE, path, err));
    *profiles = made;
    return KO_OK;

done:
    ko_profiles_free(made);
    return err->code;
}

bool
ko_profiles_has(const struct ko_profiles *profiles, enum ko_profile_section section,
                const char *name)
{
    for (size_t i = 0; i < profiles->n; i++) {
        if (profiles->entries[i].section == section && strcmp(profiles->entries[i].name, name) == 0)
            return true;
    }
    return false;
}

const char *
ko_profiles_value(const struct ko_profiles *profiles, enum ko_profile_section section,
                  const char *name, const char *key)
{
    for (size_t i = profiles->n; i > 0; i--) {
        const struct entry *entry = &profiles->entries[i - 1];

        if (entry->section == section && entry->key != NULL && strcmp(entry->name, name) == 0 &&
            strcmp(entry->key, key) == 0)
            return entry->value[0] == '\0' ? NULL : entry->value;
    }
    return NULL;
}

const char *
ko_profile_value(const struct ko_profiles *profiles, const char *profile, const char *key)
{
    const char *value = ko_profiles_value(profiles, KO_PROFILE_CREDENTIALS, profile, key);

    return value != NULL ? value : ko_profiles_value(profiles, KO_PROFILE_CONFIG, profile, key);
}

bool
ko_profile_exists(const struct ko_profiles *profiles, const char *profile)
{
    return ko_profiles_has(profiles, KO_PROFILE_CREDENTIALS, profile) ||
           ko_profiles_has(profiles, KO_PROFILE_CONFIG, profile);
}
