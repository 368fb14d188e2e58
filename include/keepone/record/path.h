/*
 * Attribute paths: cause, meta.cause, parts[2].sum.
 *
 * A dot goes down into a map, [n] into a list.  A dot, bracket, colon, comma, equals sign or
 * backslash that belongs to a name is written with a backslash before it; a backslash before any
 * other character is allowed and changes nothing.  The canonical text has only the backslashes it
 * needs: equal paths have equal texts, and the text parses to the same path again.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_RECORD_PATH_H
#define KEEPONE_RECORD_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "keepone/base/buf.h"
#include "keepone/base/mem.h"

struct ko_path_step {
    struct ko_slice name; /* decoded; absent for a list index */
    size_t list_index;
};

/* All memory belongs to the arena given to ko_path_parse(). */
struct ko_path {
    struct ko_slice text; /* as it is written in plans and messages: canonical */
    struct ko_path_step *steps;
    size_t n_steps; /* at least 1; the first is always a name */
};

/* KO_E_OPTION, naming the text and the position. */
enum ko_code ko_path_parse(struct ko_slice text, struct ko_arena *arena, struct ko_path *path,
                           struct ko_error *err);

/* The path of one attribute by its plain name, as AWS tells it: dots and brackets belong to the
 * name. */
enum ko_code ko_path_of_name(struct ko_slice name, struct ko_arena *arena, struct ko_path *path,
                             struct ko_error *err);

/*
 * Sets *value to what the path leads to from the value of its first name; absent if there is
 * nothing, or if a step asks a map for an index or a list for a name.  KO_E_CORRUPT: not a DynamoDB
 * value.
 */
enum ko_code ko_path_follow(const struct ko_path *path, struct ko_slice top_value,
                            struct ko_slice *value, struct ko_error *err);

/* Adds the path for PartiQL: "a"."b"[2], every name quoted. */
void ko_path_add_partiql(struct ko_buf *out, const struct ko_path *path);

/*
 * Adds the path for an expression with placeholders of `prefix` ("n", without #), such as
 * #n0_0.#n0_1[2], where path_index makes them unique; ko_path_add_names() adds the members for
 * ExpressionAttributeNames
 * ("#n0_0":"a","#n0_1":"b") without braces.
 */
void ko_path_add_expression(struct ko_buf *out, const struct ko_path *path, const char *prefix,
                            size_t path_index);
void ko_path_add_names(struct ko_buf *out, const struct ko_path *path, const char *prefix,
                       size_t path_index);

#endif
