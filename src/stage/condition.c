#include "keepone/stage/condition.h"

#include "keepone/format/json.h"
#include "keepone/format/value.h"
#include "keepone/record/path.h"

/* A condition on one path. */
struct term {
    struct ko_path path;
    struct ko_slice value; /* absent = the path must be missing */
};

/* The terms of `seen`, one after the other, then those of an item whose attributes all count. */
struct terms {
    struct ko_slice
        primary_key; /* its attributes are passed over: the request names them; or absent */
    struct ko_json_cursor seen;
    struct ko_json_cursor all_of;
    bool has_all_of;
    bool is_seen_done;
};

static enum ko_code
begin_terms(struct terms *terms, struct ko_slice primary_key, struct ko_slice seen,
            struct ko_slice all_of, struct ko_error *err)
{
    *terms = (struct terms){.primary_key = primary_key, .has_all_of = all_of.data != NULL};
    KO_TRY(ko_json_enter(seen, &terms->seen, err));
    if (terms->has_all_of)
        KO_TRY(ko_json_enter(all_of, &terms->all_of, err));

done:
    return err->code;
}

/* A name between quotes, decoded into the arena. */
static enum ko_code
decode_name(struct ko_slice raw, struct ko_arena *arena, struct ko_slice *name,
            struct ko_error *err)
{
    struct ko_slice quoted;
    struct ko_buf text = {0};

    if (raw.data == NULL)
        return ko_fail(err, KO_E_CORRUPT, "expected an object, not an array");
    quoted = (struct ko_slice){raw.data - 1, raw.n + 2};
    if (ko_json_decode_string(quoted, &text, err) == KO_OK)
        *name = ko_arena_copy(arena, ko_buf_slice(&text), err);
    ko_buf_clear(&text);
    return err->code;
}

/* A path of one step: an attribute's name, taken as it is. */
static enum ko_code
path_of_name(struct ko_slice name, struct ko_arena *arena, struct ko_path *path,
             struct ko_error *err)
{
    path->steps = ko_arena_alloc(arena, sizeof *path->steps, err);
    if (path->steps == NULL)
        return err->code;
    path->steps[0] = (struct ko_path_step){.name = name};
    path->n_steps = 1;
    path->text = name;
    return KO_OK;
}

/* Sets *term to the next of any attribute, or *has_term = false at the end. */
static enum ko_code
next_of_all(struct terms *terms, struct ko_arena *arena, struct term *term, bool *has_term,
            struct ko_error *err)
{
    struct ko_slice raw;
    struct ko_slice name;

    *has_term = true;
    if (!terms->is_seen_done) {
        KO_TRY(ko_json_next(&terms->seen, &raw, &term->value, err));
        if (term->value.data != NULL) {
            KO_TRY(decode_name(raw, arena, &name, err));
            if (ko_slice_equal(term->value, KO_SLICE("null")))
                term->value = (struct ko_slice){NULL, 0};
            return ko_path_parse(name, arena, &term->path, err);
        }
        terms->is_seen_done = true;
    }
    *has_term = false;
    if (!terms->has_all_of)
        return KO_OK;
    KO_TRY(ko_json_next(&terms->all_of, &raw, &term->value, err));
    *has_term = term->value.data != NULL;
    if (!*has_term)
        return KO_OK;
    KO_TRY(decode_name(raw, arena, &name, err));
    KO_TRY(path_of_name(name, arena, &term->path, err));

done:
    return err->code;
}

/* Sets *is_key for a path that is an attribute of the primary key. */
static enum ko_code
is_key_path(const struct ko_path *path, struct ko_slice primary_key, bool *is_key,
            struct ko_error *err)
{
    struct ko_slice value;

    *is_key = false;
    if (path->n_steps > 1)
        return KO_OK;
    if (ko_map_member(primary_key, path->steps[0].name, &value, err) == KO_OK)
        *is_key = value.data != NULL;
    return err->code;
}

/* Sets *term to the next that is not of the primary key, or *has_term = false at the end. */
static enum ko_code
next_term(struct terms *terms, struct ko_arena *arena, struct term *term, bool *has_term,
          struct ko_error *err)
{
    bool is_key;

    do {
        is_key = false;
        KO_TRY(next_of_all(terms, arena, term, has_term, err));
        if (*has_term && terms->primary_key.data != NULL)
            KO_TRY(is_key_path(&term->path, terms->primary_key, &is_key, err));
    } while (is_key);

done:
    return err->code;
}

enum ko_code
ko_condition_holds(struct ko_slice seen, struct ko_slice image, struct ko_arena *arena, bool *holds,
                   struct ko_error *err)
{
    struct terms terms;
    struct term term;
    bool has_term;

    *holds = true;
    KO_TRY(begin_terms(&terms, (struct ko_slice){NULL, 0}, seen, (struct ko_slice){NULL, 0}, err));
    KO_TRY(next_term(&terms, arena, &term, &has_term, err));
    while (has_term && *holds) {
        struct ko_slice top;
        struct ko_slice value;

        KO_TRY(ko_map_member(image, term.path.steps[0].name, &top, err));
        KO_TRY(ko_path_follow(&term.path, top, &value, err));
        KO_TRY(ko_value_equal(value, term.value, holds, err));
        KO_TRY(next_term(&terms, arena, &term, &has_term, err));
    }

done:
    return err->code;
}

static enum ko_code
add_key_conditions(struct ko_buf *where, struct ko_buf *parameters, struct ko_slice primary_key,
                   struct ko_arena *arena, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    bool is_first = true;

    KO_TRY(ko_json_enter(primary_key, &cursor, err));
    for (;;) {
        struct ko_slice raw;
        struct ko_slice value;
        struct ko_slice name;
        struct ko_path path;

        KO_TRY(ko_json_next(&cursor, &raw, &value, err));
        if (value.data == NULL)
            break;
        KO_TRY(decode_name(raw, arena, &name, err));
        KO_TRY(path_of_name(name, arena, &path, err));
        ko_buf_add_text(where, is_first ? "" : " AND ");
        ko_path_add_partiql(where, &path);
        ko_buf_add_text(where, "=?");
        ko_buf_add_text(parameters, is_first ? "" : ",");
        ko_buf_add_slice(parameters, value);
        is_first = false;
    }

done:
    return err->code;
}

static enum ko_code
build_statement(struct ko_buf *statement, struct ko_buf *parameters, struct ko_slice table_name,
                struct ko_slice primary_key, struct ko_slice seen, struct ko_slice all_of,
                struct ko_arena *arena, size_t *n_terms, struct ko_error *err)
{
    struct terms terms;
    struct term term;
    bool has_term;

    ko_buf_add_text(statement, "DELETE FROM \"");
    ko_buf_add_slice(statement, table_name);
    ko_buf_add_text(statement, "\" WHERE ");
    KO_TRY(add_key_conditions(statement, parameters, primary_key, arena, err));
    KO_TRY(begin_terms(&terms, primary_key, seen, all_of, err));
    for (;;) {
        KO_TRY(next_term(&terms, arena, &term, &has_term, err));
        if (!has_term)
            break;
        ++*n_terms;
        ko_buf_add_text(statement, " AND ");
        ko_path_add_partiql(statement, &term.path);
        ko_buf_add_text(statement, term.value.data == NULL ? " IS MISSING" : "=?");
        if (term.value.data == NULL)
            continue;
        ko_buf_add_char(parameters, ',');
        ko_buf_add_slice(parameters, term.value);
    }
    ko_buf_add_text(statement, " RETURNING ALL OLD *");
    KO_TRY(ko_buf_finish(statement, err));
    KO_TRY(ko_buf_finish(parameters, err));

done:
    return err->code;
}

enum ko_code
ko_condition_add_statement(struct ko_buf *out, struct ko_slice table_name,
                           struct ko_slice primary_key, struct ko_slice seen,
                           struct ko_slice all_of, struct ko_arena *arena, bool *fits,
                           struct ko_error *err)
{
    struct ko_buf statement = {0};
    struct ko_buf parameters = {0};
    size_t n_terms = 2; /* of the key, at most */

    KO_TRY(build_statement(&statement, &parameters, table_name, primary_key, seen, all_of, arena,
                           &n_terms, err));
    *fits = statement.n <= KO_STATEMENT_CHARACTERS_MAX && n_terms <= KO_CONDITION_TERMS_MAX;
    if (*fits) {
        ko_buf_add_text(out, "{\"Parameters\":[");
        ko_buf_add_slice(out, ko_buf_slice(&parameters));
        ko_buf_add_text(out,
                        "],\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\",\"Statement\":");
        ko_json_add_string(out, ko_buf_slice(&statement));
        ko_buf_add_char(out, '}');
    }
    KO_TRY(ko_buf_finish(out, err));

done:
    ko_buf_clear(&statement);
    ko_buf_clear(&parameters);
    return err->code;
}

/* The three members of a condition, while they are built. */
struct expression {
    struct ko_buf text;
    struct ko_buf names;
    struct ko_buf values;
    size_t n_terms;
};

static void
clear_expression(struct expression *expression)
{
    ko_buf_clear(&expression->text);
    ko_buf_clear(&expression->names);
    ko_buf_clear(&expression->values);
}

static enum ko_code
build_expression(struct expression *expression, struct ko_slice primary_key, struct ko_slice seen,
                 struct ko_slice all_of, struct ko_arena *arena, struct ko_error *err)
{
    struct terms terms;
    struct term term;
    bool has_term;
    size_t index = 0;

    KO_TRY(begin_terms(&terms, primary_key, seen, all_of, err));
    for (;;) {
        KO_TRY(next_term(&terms, arena, &term, &has_term, err));
        if (!has_term)
            break;
        ko_buf_add_text(&expression->text, index == 0 ? "" : " AND ");
        if (term.value.data == NULL)
            ko_buf_add_text(&expression->text, "attribute_not_exists(");
        ko_path_add_expression(&expression->text, &term.path, "s", index);
        ko_buf_add_text(&expression->names, index == 0 ? "" : ",");
        ko_path_add_names(&expression->names, &term.path, "s", index);
        if (term.value.data == NULL) {
            ko_buf_add_char(&expression->text, ')');
        } else {
            ko_buf_add_format(&expression->text, "=:s%zu", index);
            ko_buf_add_format(&expression->values,
                              "%s\":s%zu\":", expression->values.n == 0 ? "" : ",", index);
            ko_buf_add_slice(&expression->values, term.value);
        }
        index++;
    }
    expression->n_terms = index + 1; /* and the item's presence */

done:
    return err->code;
}

/* Deleting what is not there must fail too, also if nothing but the key was looked at. */
static enum ko_code
add_presence(struct expression *expression, struct ko_slice primary_key, struct ko_arena *arena,
             struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice raw;
    struct ko_slice value;
    struct ko_slice name;
    struct ko_path path;

    KO_TRY(ko_json_enter(primary_key, &cursor, err));
    KO_TRY(ko_json_next(&cursor, &raw, &value, err));
    KO_TRY(decode_name(raw, arena, &name, err));
    KO_TRY(path_of_name(name, arena, &path, err));
    ko_buf_add_text(&expression->text, expression->text.n == 0 ? "" : " AND ");
    ko_buf_add_text(&expression->text, "attribute_exists(");
    ko_path_add_expression(&expression->text, &path, "k", 0);
    ko_buf_add_char(&expression->text, ')');
    ko_buf_add_text(&expression->names, expression->names.n == 0 ? "" : ",");
    ko_path_add_names(&expression->names, &path, "k", 0);

done:
    return err->code;
}

enum ko_code
ko_condition_add_members(struct ko_buf *out, struct ko_slice primary_key, struct ko_slice seen,
                         struct ko_slice all_of, struct ko_arena *arena, bool *fits,
                         struct ko_error *err)
{
    struct expression expression = {0};

    KO_TRY(build_expression(&expression, primary_key, seen, all_of, arena, err));
    KO_TRY(add_presence(&expression, primary_key, arena, err));
    *fits = expression.text.n <= KO_EXPRESSION_BYTES_MAX &&
            expression.n_terms <= KO_CONDITION_TERMS_MAX;
    if (*fits) {
        ko_buf_add_text(out, "\"ConditionExpression\":");
        ko_json_add_string(out, ko_buf_slice(&expression.text));
        ko_buf_add_text(out, ",\"ExpressionAttributeNames\":{");
        ko_buf_add_slice(out, ko_buf_slice(&expression.names));
        ko_buf_add_char(out, '}');
    }
    if (*fits && expression.values.n > 0) {
        ko_buf_add_text(out, ",\"ExpressionAttributeValues\":{");
        ko_buf_add_slice(out, ko_buf_slice(&expression.values));
        ko_buf_add_char(out, '}');
    }
    KO_TRY(ko_buf_finish(&expression.text, err));
    KO_TRY(ko_buf_finish(&expression.names, err));
    KO_TRY(ko_buf_finish(&expression.values, err));
    KO_TRY(ko_buf_finish(out, err));

done:
    clear_expression(&expression);
    return err->code;
}

enum ko_code
ko_condition_add_absence(struct ko_buf *out, struct ko_slice primary_key, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice raw;
    struct ko_slice value;

    KO_TRY(ko_json_enter(primary_key, &cursor, err));
    KO_TRY(ko_json_next(&cursor, &raw, &value, err));
    ko_buf_add_text(out, "\"ConditionExpression\":\"attribute_not_exists(#k)\","
                         "\"ExpressionAttributeNames\":{\"#k\":\"");
    ko_buf_add_slice(out, raw);
    ko_buf_add_text(out, "\"}");
    KO_TRY(ko_buf_finish(out, err));

done:
    return err->code;
}
