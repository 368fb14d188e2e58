/*
 * Rules: what makes two items the same, which of them is kept, and what makes us doubt.
 *
 * Built once from the texts of the options and never changed.  They name every
 * attribute path that is looked at; those paths are numbered, and the value of path i of an item
 * is values[i] everywhere in the program.  The first one or two paths are the primary key.
 *
 * Thread use: any, read only.  MPI: none.
 */
#ifndef KEEPONE_RECORD_RULES_H
#define KEEPONE_RECORD_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/mem.h"
#include "keepone/record/path.h"

enum { KO_LOOKED_MAX = 64, KO_KEEP_RULES_MAX = 16 };

enum ko_normaliser { KO_TRIM = 1, KO_SPACE = 2, KO_LOWER = 4, KO_NFKC = 8 };

enum ko_missing_key { KO_MISSING_SKIP, KO_MISSING_ERROR, KO_MISSING_GROUP };

enum ko_keep_kind {
    KO_KEEP_OLDEST,
    KO_KEEP_NEWEST,
    KO_KEEP_MIN,
    KO_KEEP_MAX,
    KO_KEEP_HAS,
    KO_KEEP_EQUALS
};

struct ko_key_part {
    size_t path_index;
    unsigned normalisers;   /* set of enum ko_normaliser */
    struct ko_slice prefix; /* of its value in the key text: {"cause": or ,"cause": */
};

struct ko_keep_rule {
    enum ko_keep_kind kind;
    size_t path_index;
    struct ko_slice equals; /* canonical value, for KO_KEEP_EQUALS */
};

struct ko_looked {
    struct ko_path path;
    size_t name_index; /* of its first name in names[] */
    bool is_key;       /* by --key */
    bool is_keep;      /* by --keep */
    bool is_same;      /* by --same */
    bool is_where;     /* by --where */
    bool is_ttl;
    bool is_seen; /* any of these five: goes into `seen` of the plan */
};

/* Everything belongs to the rules; free with ko_rules_free(). */
struct ko_rules {
    struct ko_looked looked[KO_LOOKED_MAX]; /* hash, range if any, then the rest by path text */
    size_t n_looked;
    struct ko_slice names[KO_LOOKED_MAX]; /* the attributes to read: first names, each once */
    size_t n_names;
    bool is_flat;   /* every looked path is its own name: names[i] is looked[i] */
    bool has_range; /* the table has a sort key: looked[1] */
    struct ko_key_part key[KO_LOOKED_MAX]; /* by path text: the order given does not matter */
    size_t n_key;
    struct ko_keep_rule keep[KO_KEEP_RULES_MAX];
    size_t n_keep;
    bool keep_any;              /* the list ends in `any` */
    size_t same[KO_LOOKED_MAX]; /* path indexes, by path text */
    size_t n_same;
    size_t seen[KO_LOOKED_MAX]; /* path indexes of what goes into `seen`, by path text */
    size_t n_seen;
    struct ko_slice seen_prefix[KO_LOOKED_MAX]; /* of each value in the JSON of `seen`, as above */
    size_t primary[2]; /* path indexes in the order of the primary key's JSON: by name */
    struct ko_slice primary_prefix[2]; /* of each there */
    bool ttl_is_given; /* by the user, and not by the table, of which no item may have it yet */
    bool has_ttl;
    size_t ttl;         /* path index */
    int64_t as_of_s;    /* an item whose TTL is before this is expired (epoch seconds) */
    uint64_t max_group; /* 0 = no limit */
    enum ko_missing_key missing_key;
    struct ko_arena *arena;
};

/*
 * The texts as options give them; absent slices where an option is not given.  Lists are separated
 * by commas; spaces around an element are ignored.
 */
struct ko_rules_options {
    struct ko_slice hash_name;  /* the table's key attributes, plain names */
    struct ko_slice range_name; /* absent if the table has none */
    struct ko_slice key;   /* "handle:lower:trim,message"; absent only for rules without a key */
    struct ko_slice keep;  /* "oldest:insertedAt,has:owner,equals:kind=\"a\",any"; goes with key */
    struct ko_slice same;  /* "provider,space" */
    struct ko_slice where; /* its paths are looked at */
    struct ko_slice ttl;   /* attribute name, plain */
    bool ttl_is_given;     /* by the user: an item must have it */
    int64_t as_of_s;
    uint64_t max_group;
    enum ko_missing_key missing_key;
};

/* Returns the rules, or NULL: KO_E_OPTION names the option, its text and what is expected. */
struct ko_rules *ko_rules_new(const struct ko_rules_options *options, struct ko_error *err);
void ko_rules_free(struct ko_rules *rules);

/*
 * values[n_looked] of an item from name_values[n_names] (what an item walker for names[] gave).
 * Both may be the same array only if is_flat.  Borrowed from the item's text.
 */
enum ko_code ko_rules_look(const struct ko_rules *rules, const struct ko_slice *name_values,
                           struct ko_slice *values, struct ko_error *err);

/*
 * For Scan and BatchGetItem: adds the ProjectionExpression that asks for names[] (#p0,#p1) and the
 * members for ExpressionAttributeNames ("#p0":"pk","#p1":"cause") without braces.
 */
void ko_rules_add_projection(const struct ko_rules *rules, struct ko_buf *expression,
                             struct ko_buf *names);

#endif
