#include <stdio.h>
#include <stdlib.h>

#include "export_priv.h"
#include "keepone/base/mem.h"
#include "keepone/base/mount.h"

/* Data files are in one folder, or in two; a listing of many names is better not made twice. */
enum { LISTINGS = 4 };

/* A folder on a mount. */
struct listing {
    char folder[KO_PATH_BYTES]; /* "": none yet */
    struct ko_names names;
};

struct ko_export_places {
    char folder[KO_PATH_BYTES];
    char above[2][KO_PATH_BYTES]; /* the folder above it, and the one above that; "": none */
    char *bucket;                 /* as the manifest says; NULL: it does not */
    char *prefix;
    size_t n_listed;
    struct listing listings[LISTINGS];
};

/* The folder above; a mount knows no "..". */
static enum ko_code
write_above(char above[KO_PATH_BYTES], const char *folder, struct ko_error *err)
{
    const char *const slash = strrchr(folder, '/');

    above[0] = '\0';
    if (folder[0] == '\0')
        return KO_OK;
    if (!ko_path_is_remote(folder))
        return ko_path_join(above, err, folder, "..");
    if (slash > strstr(folder, "://") + 2)
        (void) snprintf(above, KO_PATH_BYTES, "%.*s", (int) (slash - folder), folder);
    return KO_OK;
}

struct ko_export_places *
ko_export_places_new(const char *folder, const char *bucket, const char *prefix,
                     struct ko_error *err)
{
    struct ko_export_places *places = ko_alloc(sizeof *places, err);

    if (places == NULL)
        return NULL;
    (void) snprintf(places->folder, sizeof places->folder, "%s", folder);
    KO_TRY(write_above(places->above[0], places->folder, err));
    KO_TRY(write_above(places->above[1], places->above[0], err));
    if (bucket != NULL)
        places->bucket = ko_copy_text(ko_slice_of(bucket), err);
    if (prefix != NULL)
        places->prefix = ko_copy_text(ko_slice_of(prefix), err);
    if (err->code == KO_OK)
        return places;

done:
    ko_export_places_free(places);
    return NULL;
}

void
ko_export_places_free(struct ko_export_places *places)
{
    if (places == NULL)
        return;
    for (size_t i = 0; i < LISTINGS; i++)
        ko_names_clear(&places->listings[i].names);
    ko_free(places->bucket);
    ko_free(places->prefix);
    ko_free(places);
}

/* ---- looking ---- */

/* One listing serves all files of a folder: asking for each would take a round trip per file. */
static enum ko_code
list_once(struct ko_export_places *places, const char *folder, const struct ko_names **names,
          struct ko_error *err)
{
    struct listing *listing = NULL;

    for (size_t i = 0; i < LISTINGS && listing == NULL; i++)
        if (strcmp(places->listings[i].folder, folder) == 0)
            listing = &places->listings[i];
    if (listing == NULL) {
        listing = &places->listings[places->n_listed++ % LISTINGS];
        ko_names_clear(&listing->names);
        listing->folder[0] = '\0';
        KO_TRY(ko_folder_list(folder, &listing->names, err));
        (void) snprintf(listing->folder, sizeof listing->folder, "%s", folder);
    }
    *names = &listing->names;

done:
    return err->code;
}

static int
compare_name(const void *text, const void *name)
{
    return strcmp(text, ((const struct ko_name *) name)->text);
}

/* Sets *size_bytes if path is a file. */
static enum ko_code
look_for_file(struct ko_export_places *places, const char *path, bool *is_file,
              uint64_t *size_bytes, struct ko_error *err)
{
    const char *const slash = strrchr(path, '/');
    const struct ko_names *names = NULL;
    const struct ko_name *name = NULL;
    char folder[KO_PATH_BYTES];

    if (!ko_path_is_remote(path))
        return ko_file_size(path, is_file, size_bytes, err);
    *is_file = false;
    (void) snprintf(folder, sizeof folder, "%.*s", (int) (slash - path), path);
    KO_TRY(list_once(places, folder, &names, err));
    if (names->n > 0)
        name = bsearch(slash + 1, names->names, names->n, sizeof *names->names, compare_name);
    *is_file = name != NULL && name->size_bytes != KO_SIZE_OF_FOLDER;
    if (*is_file)
        *size_bytes = name->size_bytes;

done:
    return err->code;
}

/* ---- where a file may be ---- */

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

/* In the order in which they are looked at: near the manifests first, wherever those were copied,
 * so that a right to list what is far from them is not needed.
 */
enum place {
    BEHIND_EXPORT_NAME,
    IN_DATA,
    IN_SHARED_DATA,
    BESIDE_ALL_EXPORTS,
    AS_SAID,
    AS_SAID_IN_PREFIX,
    PLACES
};

/* Writes the path of a place, or "" if there is no such place. */
static enum ko_code
write_path(const struct ko_export_places *places, enum place place, const char *key,
           char path[KO_PATH_BYTES], struct ko_error *err)
{
    const char *const behind = behind_export_name(places->folder, key);
    const char *const slash = strrchr(key, '/');
    const char *const name = slash == NULL ? key : slash + 1;
    const bool is_remote = ko_path_is_remote(places->folder);
    const bool has_prefix = places->prefix != NULL && places->prefix[0] != '\0';

    path[0] = '\0';
    if (place == BEHIND_EXPORT_NAME && behind != NULL)
        return ko_path_join(path, err, places->folder, "%s", behind);
    if (place == BESIDE_ALL_EXPORTS && places->above[1][0] != '\0')
        return ko_path_join(path, err, places->above[1], "%s", key);
    if (place == IN_SHARED_DATA && places->above[0][0] != '\0')
        return ko_path_join(path, err, places->above[0], "data/%s", name);
    if (place == IN_DATA)
        return ko_path_join(path, err, places->folder, "data/%s", name);
    if (place == AS_SAID && is_remote && places->bucket != NULL)
        return ko_path_join(path, err, "s3:/", "%s/%s", places->bucket, key);
    if (place == AS_SAID_IN_PREFIX && is_remote && places->bucket != NULL && has_prefix)
        return ko_path_join(path, err, "s3:/", "%s/%s/%s", places->bucket, places->prefix, key);
    return KO_OK;
}

enum ko_code
ko_export_locate(struct ko_export_places *places, const char *key, char path[KO_PATH_BYTES],
                 uint64_t *size_bytes, bool *is_found, struct ko_error *err)
{
    *is_found = false;
    for (int place = 0; place < PLACES && !*is_found; place++) {
        KO_TRY(write_path(places, (enum place) place, key, path, err));
        if (path[0] == '\0')
            continue;
        (void) look_for_file(places, path, is_found, size_bytes, err);
        /* Whoever has a copy of an export need not have a right to the original. */
        if (place >= AS_SAID && (err->code == KO_E_ACCESS || err->code == KO_E_IO))
            *err = (struct ko_error){0};
        KO_TRY(err->code);
    }
    if (!*is_found)
        KO_TRY(write_path(places, IN_DATA, key, path, err));

done:
    return err->code;
}
