/*
 * Exports, where things are: the export below a folder, the data files of its manifest.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_STORE_EXPORT_PRIV_H
#define KEEPONE_STORE_EXPORT_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/file.h"

#define KO_SUMMARY_NAME "manifest-summary.json"

/* Sets folder to the one export that `given` is or has below; KO_E_OPTION for none and for several.
 */
enum ko_code ko_export_find(const char *given, char folder[KO_PATH_BYTES], struct ko_error *err);

struct ko_export_places; /* opaque; where data files are looked for; owned by whoever called _new */

/* folder: of the manifests; bucket and prefix: as the summary says, each may be NULL.  NULL with
 * KO_E_MEMORY or KO_E_OPTION. */
struct ko_export_places *ko_export_places_new(const char *folder, const char *bucket,
                                              const char *prefix, struct ko_error *err);
void ko_export_places_free(struct ko_export_places *places);

/*
 * Finds a data file by its S3 key: below the export's folder, wherever that was copied to, in the
 * prefix above AWSDynamoDB, in the data folder that incremental exports share, or, from a mount,
 * where the manifest says.  On a mount each folder is listed once.  If it is not found, path is one
 * of these places.
 */
enum ko_code ko_export_locate(struct ko_export_places *places, const char *key,
                              char path[KO_PATH_BYTES], uint64_t *size_bytes, bool *is_found,
                              struct ko_error *err);

#endif
