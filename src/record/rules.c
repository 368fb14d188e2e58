#include "keepone/record/rules.h"

#include "keepone/format/json.h"
#include "keepone/record/where.h"
#include "rules_priv.h"

enum ko_code
ko_rules_add_path(struct ko_rules *rules, const struct ko_path *path, size_t *path_index,
                  struct ko_error *err)
{
    for (*path_index = 0; *path_index < rules->n_looked; (*path_index)++)
        if (ko_slice_equal(rules->looked[*path_index].path.text, path->text))
            return err->code;
    if (rules->n_looked == KO_LOOKED_MAX)
        return ko_fail(err, KO_E_OPTION, "more than %d different attributes are looked at",
                       KO_LOOKED_MAX);
    rules->looked[rules->n_looked++].path = *path;
    return err->code;
}

static enum ko_code
add_name(struct ko_rules *rules, struct ko_slice name, size_t *path_index, struct ko_error *err)
{
    struct ko_path path;

    KO_TRY(ko_path_of_name(name, rules->arena, &path, err));
    KO_TRY(ko_rules_add_path(rules, &path, path_index, err));

done:
    return err->code;
}

static enum ko_code
read_primary_key(struct ko_rules *rules, const struct ko_rules_options *options,
                 struct ko_error *err)
{
    size_t path_index = 0;

    KO_TRY(add_name(rules, options->hash_name, &path_index, err));
    if (options->range_name.data == NULL)
        return err->code;
    KO_TRY(add_name(rules, options->range_name, &path_index, err));
    if (path_index == 0)
        KO_TRY(ko_fail(err, KO_E_OPTION, "both key attributes are named '%.*s'",
                       KO_SLICE_ARG(options->range_name)));
    rules->has_range = true;

done:
    if (err->code == KO_E_OPTION)
        ko_hint(err, "give the table's own key attributes: --primary-key HASH or HASH,RANGE.");
    ko_context(err, "--primary-key");
    return err->code;
}

static enum ko_code
read_where(struct ko_rules *rules, struct ko_slice text, struct ko_error *err)
{
    struct ko_where where;
    size_t path_index;

    KO_TRY(ko_where_parse(text, rules->arena, &where, err));
    for (size_t i = 0; i < where.n_paths; i++) {
        KO_TRY(ko_rules_add_path(rules, &where.paths[i], &path_index, err));
        rules->looked[path_index].is_where = true;
    }

done:
    return err->code;
}

static enum ko_code
read_ttl(struct ko_rules *rules, struct ko_slice name, bool is_given, struct ko_error *err)
{
    KO_TRY(add_name(rules, name, &rules->ttl, err));
    rules->looked[rules->ttl].is_ttl = true;
    rules->has_ttl = true;
    rules->ttl_is_given = is_given;

done:
    ko_context(err, "--ttl");
    return err->code;
}

static enum ko_code
read_options(struct ko_rules *rules, const struct ko_rules_options *options, struct ko_error *err)
{
    KO_TRY(read_primary_key(rules, options, err));
    if (options->key.data != NULL)
        KO_TRY(ko_rules_read_key(rules, options->key, err));
    if (options->keep.data != NULL)
        KO_TRY(ko_rules_read_keep(rules, options->keep, err));
    if (options->same.data != NULL)
        KO_TRY(ko_rules_read_same(rules, options->same, err));
    if (options->where.data != NULL)
        KO_TRY(read_where(rules, options->where, err));
    if (options->ttl.data != NULL)
        KO_TRY(read_ttl(rules, options->ttl, options->ttl_is_given, err));
    if (rules->n_key == 0 && (options->keep.data != NULL || options->same.data != NULL)) {
        (void) ko_fail(err, KO_E_OPTION, "--keep and --same need a --key");
        ko_hint(err, "name the attributes that make two items the same with --key.");
    }
    if (rules->n_key > 0 && options->keep.data == NULL) {
        (void) ko_fail(err, KO_E_OPTION, "--key needs --keep");
        ko_hint(err, "say which item stays, such as --keep oldest:insertedAt; "
                     "--keep any takes the lowest primary key.");
    }

done:
    return err->code;
}

static bool
is_before(const struct ko_rules *rules, size_t a, size_t b)
{
    return ko_slice_compare(rules->looked[a].path.text, rules->looked[b].path.text) < 0;
}

/* Sorts path indexes by path text.  At most 64: insertion is enough. */
static void
sort_by_path(const struct ko_rules *rules, size_t *indexes, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const size_t moving = indexes[i];
        size_t to = i;

        for (; to > 0 && is_before(rules, moving, indexes[to - 1]); to--)
            indexes[to] = indexes[to - 1];
        indexes[to] = moving;
    }
}

/* Numbers the paths: the primary key first, the rest by text, so that the order of options has no
 * effect. */
static void
number_paths(struct ko_rules *rules)
{
    const size_t n_primary = rules->has_range ? 2 : 1;
    struct ko_looked sorted[KO_LOOKED_MAX];
    size_t old_of[KO_LOOKED_MAX];
    size_t new_of[KO_LOOKED_MAX];

    for (size_t i = 0; i < rules->n_looked; i++)
        old_of[i] = i;
    sort_by_path(rules, old_of + n_primary, rules->n_looked - n_primary);
    for (size_t i = 0; i < rules->n_looked; i++) {
        new_of[old_of[i]] = i;
        sorted[i] = rules->looked[old_of[i]];
    }
    memcpy(rules->looked, sorted, rules->n_looked * sizeof sorted[0]);

    for (size_t i = 0; i < rules->n_key; i++)
        rules->key[i].path_index = new_of[rules->key[i].path_index];
    for (size_t i = 0; i < rules->n_keep; i++)
        rules->keep[i].path_index = new_of[rules->keep[i].path_index];
    for (size_t i = 0; i < rules->n_same; i++)
        rules->same[i] = new_of[rules->same[i]];
    sort_by_path(rules, rules->same, rules->n_same);
    if (rules->has_ttl)
        rules->ttl = new_of[rules->ttl];
}

/* What stands before a member's value in the JSON of an object, such as {"cause": or ,"cause": */
static enum ko_code
make_prefix(const struct ko_rules *rules, bool is_first, struct ko_slice name,
            struct ko_slice *prefix, struct ko_error *err)
{
    struct ko_buf text = {0};

    ko_buf_add_char(&text, is_first ? '{' : ',');
    ko_json_add_string(&text, name);
    ko_buf_add_char(&text, ':');
    if (ko_buf_finish(&text, err) == KO_OK)
        *prefix = ko_arena_copy(rules->arena, ko_buf_slice(&text), err);
    ko_buf_clear(&text);
    return err->code;
}

/* Sorts the key's parts by path text. */
static enum ko_code
prepare_key(struct ko_rules *rules, struct ko_error *err)
{
    size_t order[KO_LOOKED_MAX];
    unsigned normalisers[KO_LOOKED_MAX] = {0}; /* by path index */

    for (size_t i = 0; i < rules->n_key; i++) {
        order[i] = rules->key[i].path_index;
        normalisers[order[i]] = rules->key[i].normalisers;
    }
    sort_by_path(rules, order, rules->n_key);
    for (size_t i = 0; i < rules->n_key; i++) {
        rules->key[i] =
            (struct ko_key_part){.path_index = order[i], .normalisers = normalisers[order[i]]};
        KO_TRY(make_prefix(rules, i == 0, rules->looked[order[i]].path.text, &rules->key[i].prefix,
                           err));
    }

done:
    return err->code;
}

static struct ko_slice
primary_name(const struct ko_rules *rules, size_t path_index)
{
    return rules->looked[path_index].path.steps[0].name;
}

/* Canonical objects are sorted by name, whatever the table calls its attributes. */
static enum ko_code
prepare_primary(struct ko_rules *rules, struct ko_error *err)
{
    const size_t n_primary = rules->has_range ? 2 : 1;
    const size_t first =
        n_primary == 2 && ko_slice_compare(primary_name(rules, 1), primary_name(rules, 0)) < 0;

    for (size_t i = 0; i < n_primary; i++) {
        rules->primary[i] = i == 0 ? first : 1 - first;
        KO_TRY(make_prefix(rules, i == 0, primary_name(rules, rules->primary[i]),
                           &rules->primary_prefix[i], err));
    }

done:
    return err->code;
}

static enum ko_code
collect_seen(struct ko_rules *rules, struct ko_error *err)
{
    for (size_t i = 0; i < rules->n_looked; i++) {
        struct ko_looked *looked = &rules->looked[i];

        looked->is_seen = looked->is_key || looked->is_keep || looked->is_same ||
                          looked->is_where || looked->is_ttl;
        if (looked->is_seen)
            rules->seen[rules->n_seen++] = i;
    }
    sort_by_path(rules, rules->seen, rules->n_seen);
    for (size_t i = 0; i < rules->n_seen; i++)
        KO_TRY(make_prefix(rules, i == 0, rules->looked[rules->seen[i]].path.text,
                           &rules->seen_prefix[i], err));

done:
    return err->code;
}

static void
collect_names(struct ko_rules *rules)
{
    rules->is_flat = true;
    for (size_t i = 0; i < rules->n_looked; i++) {
        struct ko_looked *looked = &rules->looked[i];
        const struct ko_slice name = looked->path.steps[0].name;

        while (looked->name_index < rules->n_names &&
               !ko_slice_equal(rules->names[looked->name_index], name))
            looked->name_index++;
        if (looked->name_index == rules->n_names)
            rules->names[rules->n_names++] = name;
        rules->is_flat = rules->is_flat && looked->path.n_steps == 1;
    }
}

struct ko_rules *
ko_rules_new(const struct ko_rules_options *options, struct ko_error *err)
{
    struct ko_rules *rules = ko_alloc(sizeof *rules, err);

    KO_TRY(err->code);
    rules->arena = ko_arena_new(0, err);
    KO_TRY(err->code);
    rules->as_of_s = options->as_of_s;
    rules->max_group = options->max_group;
    rules->missing_key = options->missing_key;
    KO_TRY(read_options(rules, options, err));
    number_paths(rules);
    KO_TRY(prepare_key(rules, err));
    KO_TRY(prepare_primary(rules, err));
    KO_TRY(collect_seen(rules, err));
    collect_names(rules);

done:
    if (err->code == KO_OK)
        return rules;
    ko_rules_free(rules);
    return NULL;
}

void
ko_rules_free(struct ko_rules *rules)
{
    if (rules == NULL)
        return;
    ko_arena_free(rules->arena);
    ko_free(rules);
}

enum ko_code
ko_rules_look(const struct ko_rules *rules, const struct ko_slice *name_values,
              struct ko_slice *values, struct ko_error *err)
{
    if (rules->is_flat) {
        if (values != name_values)
            memcpy(values, name_values, rules->n_looked * sizeof values[0]);
        return err->code;
    }
    for (size_t i = 0; i < rules->n_looked; i++) {
        const struct ko_looked *looked = &rules->looked[i];

        KO_TRY(ko_path_follow(&looked->path, name_values[looked->name_index], &values[i], err));
    }

done:
    return err->code;
}

void
ko_rules_add_projection(const struct ko_rules *rules, struct ko_buf *expression,
                        struct ko_buf *names)
{
    for (size_t i = 0; i < rules->n_names; i++) {
        const char *comma = i == 0 ? "" : ",";

        ko_buf_add_format(expression, "%s#p%zu", comma, i);
        ko_buf_add_format(names, "%s\"#p%zu\":", comma, i);
        ko_json_add_string(names, rules->names[i]);
    }
}
