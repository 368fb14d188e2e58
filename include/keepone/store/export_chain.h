/*
 * Chains: a full export and the exports of changes that lead on from it.
 *
 * Together they are the table at the end of the last window.  That needs every change: the windows
 * must cover the time from the full export on without a gap.  They may overlap one another, but not
 * begin before the full export's time (by more than a minute): an item that was made before it and
 * deleted after it is in the full export, and a window around both does not name it.
 *
 * Thread use: any.  MPI: none, every call is local.
 */
#ifndef KEEPONE_STORE_EXPORT_CHAIN_H
#define KEEPONE_STORE_EXPORT_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/store/export.h"

/*
 * Puts the n > 0 exports of changes in the order in which they count: by the end of their windows,
 * equal ends by their beginnings, then by name.  What a later one says of an item is newer.
 *
 * KO_E_REFUSED, naming the exports and both times: an export of another table, a gap, a window that
 * begins before the full export's time, or ends before it (it could only bring old states back).
 */
enum ko_code ko_export_chain(const struct ko_export *full, struct ko_export **changes, size_t n,
                             struct ko_error *err);

/*
 * Is an item that was written at this time, and about which the export of changes says nothing,
 * gone?  An item written within a window is in its export, unless it was made and deleted there.
 * The first and the last minute do not count: the service does not promise edges to the second.
 */
bool ko_export_must_have(const struct ko_export *changes, uint64_t written_us);

#endif
