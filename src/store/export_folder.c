#include "export_priv.h"
#include "keepone/base/buf.h"
#include "keepone/base/mount.h"

enum { LISTED_EXPORTS_MAX = 8 };

static enum ko_code
holds_export(const char *folder, bool *is_export, struct ko_error *err)
{
    char path[KO_PATH_BYTES];

    *is_export = false;
    KO_TRY(ko_path_join(path, err, folder, KO_SUMMARY_NAME));
    KO_TRY(ko_file_exists(path, is_export, err));

done:
    return err->code;
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
    const bool is_remote = ko_path_is_remote(folder);
    struct ko_names names = {0};
    bool is_there = is_remote;

    if (!is_remote)
        KO_TRY(ko_folder_exists(folder, &is_there, err));
    if (!is_there)
        return KO_OK;
    KO_TRY(ko_folder_list(folder, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        char below[KO_PATH_BYTES];
        bool is_export;

        if (is_remote && names.names[i].size_bytes != KO_SIZE_OF_FOLDER)
            continue;
        KO_TRY(ko_path_join(below, err, folder, "%s", names.names[i].text));
        KO_TRY(holds_export(below, &is_export, err));
        if (is_export)
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
    bool is_export;

    while (n > 1 && given[n - 1] == '/')
        n--;
    if (n >= sizeof plain)
        return ko_fail(err, KO_E_OPTION, "the path '%.64s...' is too long", given);
    memcpy(plain, given, n);
    plain[n] = '\0';
    KO_TRY(ko_path_join(below, err, plain, "AWSDynamoDB"));
    KO_TRY(holds_export(plain, &is_export, err));
    if (is_export)
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
