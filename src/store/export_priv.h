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

/*
 * Finds a data file by its S3 key: below the export's folder, wherever that was copied to, or in
 * the prefix above AWSDynamoDB.  If it is not found, path is the last place that was looked at.
 */
enum ko_code ko_export_locate(const char *folder, const char *key, char path[KO_PATH_BYTES],
                              uint64_t *size_bytes, bool *is_found, struct ko_error *err);

#endif
