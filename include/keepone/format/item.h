/*
 * The item walker: finds a few attributes of an item in one forward pass over its text.
 *
 * This is the hot loop of the program: an export is read at the speed of this walk.
 * The text {"a":{"S":"x"},...} is checked strictly on the way (grammar of JSON and of
 * DynamoDB values, UTF-8), every attribute, wanted or not, so a broken line is found
 * wherever it is broken.  Wanted attributes come back as slices of the text.
 *
 * Thread use: one walker, one thread (it learns the usual order of attributes).  MPI: none.
 */
#ifndef KEEPONE_FORMAT_ITEM_H
#define KEEPONE_FORMAT_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"

enum { KO_ITEM_NAMES_MAX = 64 };

struct ko_item_walker; /* opaque; owned by the caller of _new */

/*
 * names: decoded attribute names, all different, at most KO_ITEM_NAMES_MAX (else KO_E_OPTION);
 * copied. NULL on failure.  A walker takes about 35 KiB.
 */
struct ko_item_walker *ko_item_walker_new(const struct ko_slice *names, size_t n_names,
                                          struct ko_error *err);
void ko_item_walker_free(struct ko_item_walker *walker);

/*
 * Walks one item that starts at *at (white space before it is skipped) and sets values[i] to the
 * text of attribute i's value (with its type tag), absent if the item has none; the slices borrow
 * from the text.  *at then stands behind the item's closing brace.  Nothing outside [*at, end)
 * is read.
 *
 * KO_E_CORRUPT: broken JSON, invalid UTF-8, an unknown type tag, an empty set, maps and lists
 * deeper than KO_VALUE_DEPTH_MAX, a wanted attribute named twice; the text says what and at which
 * byte, counted from 0 at the *at that was given.  Not looked into: the digits of numbers, base64,
 * equal members of sets, other attributes named twice (format/value.h does that for the values that
 * matter).
 */
enum ko_code ko_item_walk(struct ko_item_walker *walker, const char **at, const char *end,
                          struct ko_slice *values, struct ko_error *err);

/*
 * Walks a line of a full export in DynamoDB JSON, {"Item":{...}}, with or without its line end;
 * white space between its parts is accepted.  values: as above.
 *
 * KO_E_CORRUPT: as above, counted from the start of the line; other members than Item (with a hint
 * if they are those of an incremental export); anything behind the closing brace.
 */
enum ko_code ko_item_walk_line(struct ko_item_walker *walker, struct ko_slice line,
                               struct ko_slice *values, struct ko_error *err);

/*
 * The same for the line at the front of a text that may hold more than one, before its end is
 * known: returns the bytes of the line with its newline.  Returns 0 if the line is cut, broken,
 * empty, or only written in another way than lines are (white space): then values are not to be
 * looked at, and ko_item_walk_line() has to find out.
 */
size_t ko_item_walk_front(struct ko_item_walker *walker, struct ko_slice text,
                          struct ko_slice *values);

/* Of the item that was walked last: bit i is set if values[i] has an escape in a string. */
uint64_t ko_item_escaped(const struct ko_item_walker *walker);

/*
 * How the ends of strings are found.  All give the same results; the last of them that the machine
 * can do is the best there, and chosen by ko_item_walker_new().
 */
enum ko_item_path { KO_ITEM_PLAIN, KO_ITEM_SSE2, KO_ITEM_AVX2, KO_ITEM_NEON, KO_ITEM_PATHS };

/* Tests and benches: uses this path from here on; false and no change if the machine lacks it. */
bool ko_item_walker_force(struct ko_item_walker *walker, enum ko_item_path path);

#endif
