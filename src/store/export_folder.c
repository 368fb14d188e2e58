#include <sys/stat.h>

#include "export_priv.h"
#include "keepone/base/buf.h"

enum { LISTED_EXPORTS_MAX = 8 };

static bool
holds_export(const char *folder)
{
    struct ko_error ignored = {0};
    char path[KO_PATH_BYTES];

    return ko_path_join(path, &ignored, folder, KO_SUMMARY_NAME) == KO_OK && ko_file_exists(path);
}

/* What was found: the first, and a text of the first few. */
struct search {
    size_t n;
    char first[KO_PATH_BYTES];
    struct ko_buf list;
};

static void
add_found(struct search *search, const char *path)
{
    if (search->n == 0)
        memcpy(search->first, path, strlen(path) + 1);
    if (search->n < LISTED_EXPORTS_MAX)
        ko_buf_add_format(&search->list, "%s'%s'", search->n == 0 ? "" : ", ", path);
    else if (search->n == LISTED_EXPORTS_MAX)
        ko_buf_add_text(&search->list, ", ...");
    search->n++;
}

/* Adds the exports that are directly in `folder`, which need not be there. */
static enum ko_code
find_exports_in(const char *folder, struct search *search, struct ko_error *err)
{
    struct ko_names names = {0};
    struct stat status;

    if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode))
        return KO_OK;
    KO_TRY(ko_folder_list(folder, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        char below[KO_PATH_BYTES];

        KO_TRY(ko_path_join(below, err, folder, "%s", names.names[i]));
        if (holds_export(below))
            add_found(search, below);
    }

done:
    ko_names_clear(&names);
    return err->code;
}

static enum ko_code
fail_none(const char *folder, struct ko_error *err)
{
    (void) ko_fail(err, KO_E_OPTION, "there is no export in '%s': no " KO_SUMMARY_NAME, folder);
    ko_hint(err, "name the folder of the export, the one with " KO_SUMMARY_NAME
                 " in it, or AWSDynamoDB above it.");
    return err->code;
}

static enum ko_code
fail_several(const char *folder, const struct search *search, struct ko_error *err)
{
    (void) ko_fail(err, KO_E_OPTION, "%zu exports are in '%s': %.*s", search->n, folder,
                   KO_SLICE_ARG(ko_buf_slice(&search->list)));
    ko_hint(err, "name the folder of one of them.");
    return err->code;
}

enum ko_code
ko_export_find(const char *given, char folder[KO_PATH_BYTES], struct ko_error *err)
{
    struct search search = {0};
    char plain[KO_PATH_BYTES];
    char below[KO_PATH_BYTES];
    size_t n = strlen(given);

    while (n > 1 && given[n - 1] == '/')
        n--;
    if (n >= sizeof plain)
        return ko_fail(err, KO_E_OPTION, "the path '%.64s...' is too long", given);
    memcpy(plain, given, n);
    plain[n] = '\0';
    KO_TRY(ko_path_join(below, err, plain, "AWSDynamoDB"));
    if (holds_export(plain))
        add_found(&search, plain);
    if (search.n == 0)
        KO_TRY(find_exports_in(plain, &search, err));
    if (search.n == 0)
        KO_TRY(find_exports_in(below, &search, err));
    KO_TRY(ko_buf_finish(&search.list, err));
    if (search.n == 0)
        KO_TRY(fail_none(given, err));
    if (search.n > 1)
        KO_TRY(fail_several(given, &search, err));
    memcpy(folder, search.first, sizeof search.first);

done:
    ko_buf_clear(&search.list);
    return err->code;
}

/* Sets *size_bytes if path is a regular file. */
static bool
is_file(const char *path, uint64_t *size_bytes)
{
    struct stat status;

    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    *size_bytes = (uint64_t) status.st_size;
    return true;
}

/* What stands in key behind "<name of the export's folder>/", or NULL. */
static const char *
behind_export_name(const char *folder, const char *key)
{
    const char *slash = strrchr(folder, '/');
    const char *const name = slash == NULL ? folder : slash + 1;
    const size_t n = strlen(name);

    for (const char *at = key; n > 0 && at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, name, n) == 0 && at[n] == '/')
            return at + n + 1;
    }
    return NULL;
}

enum ko_code
ko_export_locate(const char *folder, const char *key, char path[KO_PATH_BYTES],
                 uint64_t *size_bytes, bool *is_found, struct ko_error *err)
{
    const char *const behind = behind_export_name(folder, key);
    const char *const slash = strrchr(key, '/');

    *is_found = true;
    if (behind != NULL)
        KO_TRY(ko_path_join(path, err, folder, "%s", behind));
    if (behind != NULL && is_file(path, size_bytes))
        return KO_OK;
    KO_TRY(ko_path_join(path, err, folder, "../../%s", key));
    if (is_file(path, size_bytes))
        return KO_OK;
    KO_TRY(ko_path_join(path, err, folder, "data/%s", slash == NULL ? key : slash + 1));
    *is_found = is_file(path, size_bytes);

done:
    return err->code;
}
