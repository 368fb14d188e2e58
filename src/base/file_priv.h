/*
 * What files, folders and streams of the local disk share.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_BASE_FILE_PRIV_H
#define KEEPONE_BASE_FILE_PRIV_H

#include <sys/stat.h>

#include "keepone/base/file.h"

/* Sets *status if the path exists; KO_E_IO if that cannot be told. */
enum ko_code ko_file_status(const char *path, bool *exists, struct stat *status,
                            struct ko_error *err);

/* Writes "<path>.<8 random hex digits>.tmp". */
enum ko_code ko_temp_path(char temp[KO_PATH_BYTES], const char *path, struct ko_error *err);

/* Makes the entry of this path in its folder durable. */
enum ko_code ko_folder_sync_parent(const char *path, struct ko_error *err);

#endif
