/*
 * Conditions: "is still as seen", in the three forms that apply needs.
 *
 * `seen` is a plan line's object {"path":raw value or null,...}.  An item is as seen if every path
 * holds an equal value, or nothing where seen says null.  The forms:
 *
 *     of an item in hand     ko_condition_holds()
 *     PartiQL                WHERE "pk"=? AND "cause"=? AND "x" IS MISSING, with parameters
 *     ConditionExpression    #s0_0=:s0 AND attribute_not_exists(#s1_0), with names and values
 *
 * Values are compared by the service as they were read, never normalised.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_STAGE_CONDITION_H
#define KEEPONE_STAGE_CONDITION_H

#include <stdbool.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/mem.h"
#include "keepone/base/slice.h"

/* The service takes 300 operators: n terms have n of their own and n - 1 between them. */
enum {
    KO_STATEMENT_CHARACTERS_MAX = 8192,
    KO_EXPRESSION_BYTES_MAX = 4096,
    KO_CONDITION_TERMS_MAX = 150
};

/* Sets *holds.  image: the whole item as read.  KO_E_CORRUPT if a text is broken. */
enum ko_code ko_condition_holds(struct ko_slice seen, struct ko_slice image, struct ko_arena *arena,
                                bool *holds, struct ko_error *err);

/*
 * Adds one element of BatchExecuteStatement's Statements: the delete of an item if it is as seen,
 * returning the old image.  all_of (an item, or absent): every attribute of it is a condition too.
 * *fits = false, and nothing added, if the statement would be longer than the service takes.
 */
enum ko_code ko_condition_add_statement(struct ko_buf *out, struct ko_slice table_name,
                                        struct ko_slice primary_key, struct ko_slice seen,
                                        struct ko_slice all_of, struct ko_arena *arena, bool *fits,
                                        struct ko_error *err);

/*
 * Adds
 * "ConditionExpression":"...","ExpressionAttributeNames":{...}[,"ExpressionAttributeValues":{...}]
 * for a request on the item of this primary key.  *fits as above.
 */
enum ko_code ko_condition_add_members(struct ko_buf *out, struct ko_slice primary_key,
                                      struct ko_slice seen, struct ko_slice all_of,
                                      struct ko_arena *arena, bool *fits, struct ko_error *err);

/* The same members for "there is no such item": attribute_not_exists of a key attribute. */
enum ko_code ko_condition_add_absence(struct ko_buf *out, struct ko_slice primary_key,
                                      struct ko_error *err);

#endif
