/*
 * Changes: the lines of an incremental export in DynamoDB JSON.
 *
 *     {"Metadata":{"WriteTimestampMicros":{"N":"1680109764000000"}},"Keys":{"pk":{"S":"a"}},
 *      "OldImage":{...},"NewImage":{...}}
 *
 * A line is the last state of one item in the export's window: with NewImage the item is there,
 * without it was deleted.  Images are walked as strictly as the items of a full export
 * (format/item.h).
 *
 * Thread use: one walker, one thread.  MPI: none.
 */
#ifndef KEEPONE_FORMAT_CHANGE_H
#define KEEPONE_FORMAT_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"

enum { KO_CHANGE_KEYS_MAX = 2 };

struct ko_change {
    uint64_t written_us;                      /* since 1970, by DynamoDB's clock */
    bool is_deleted;                          /* no NewImage */
    struct ko_slice keys[KO_CHANGE_KEYS_MAX]; /* values of the key names; borrow from the line */
};

struct ko_change_walker; /* opaque; owned by the caller of _new */

/*
 * names: the attributes to find in NewImage, as in ko_item_walker_new(); key_names: the one or two
 * attributes of the primary key.  NULL on failure: KO_E_OPTION, KO_E_MEMORY.
 */
struct ko_change_walker *ko_change_walker_new(const struct ko_slice *names, size_t n_names,
                                              const struct ko_slice *key_names, size_t n_key_names,
                                              struct ko_error *err);
void ko_change_walker_free(struct ko_change_walker *walker);

/*
 * Walks a line, with or without its line end.  The members may stand in any order.  values[n_names]
 * are NewImage's, all absent for a deleted item.
 *
 * KO_E_CORRUPT: as ko_item_walk_line(); a member that is missing, unknown or there twice.
 * KO_E_OPTION: Keys are not exactly the key names, so the primary key was told wrong.
 */
enum ko_code ko_change_walk(struct ko_change_walker *walker, struct ko_slice line,
                            struct ko_change *change, struct ko_slice *values,
                            struct ko_error *err);

#endif
