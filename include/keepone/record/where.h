/*
 * Where: a filter in the user's words, `status = "old" AND attempts > 3`, made into a
 * FilterExpression.
 *
 * Operators = <> < <= > >= BETWEEN IN AND OR NOT and parentheses; functions attribute_exists,
 * attribute_not_exists, attribute_type, begins_with, contains, size.  Literals are typed by how
 * they are written: "text" or 'text' is S, a number is N, true/false BOOL, null NULL, b64"..." is
 * B; within quotes a backslash stands before a quote or a backslash that belongs to the text.
 * Everything else is an attribute path; one that looks like a keyword or a number gets a backslash
 * in front (\and, \2nd).  NOT binds tighter than AND, AND tighter than OR; keywords in any case.
 * Names and values become placeholders of ours (#w0_0, :w0), and only needed parentheses are
 * written, because DynamoDB refuses redundant ones.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_RECORD_WHERE_H
#define KEEPONE_RECORD_WHERE_H

#include "keepone/base/buf.h"
#include "keepone/base/mem.h"
#include "keepone/record/path.h"

enum { KO_WHERE_PATHS_MAX = 32 };

/* All memory belongs to the arena. */
struct ko_where {
    struct ko_slice expression; /* FilterExpression */
    struct ko_slice names;      /* members for ExpressionAttributeNames, no braces */
    struct ko_slice values;     /* members for ExpressionAttributeValues, no braces; may be empty */
    struct ko_path paths[KO_WHERE_PATHS_MAX]; /* each path once */
    size_t n_paths;
};

/* KO_E_OPTION: says what is wrong at which character.  An expression over 4 KB or too many paths
 * likewise. */
enum ko_code ko_where_parse(struct ko_slice text, struct ko_arena *arena, struct ko_where *where,
                            struct ko_error *err);

#endif
