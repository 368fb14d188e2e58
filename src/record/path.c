#include "keepone/record/path.h"

#include "keepone/format/json.h"
#include "keepone/format/value.h"
#include "text_priv.h"

/* Nine digits: more elements than any list can have, and no overflow to think about. */
enum { INDEX_DIGITS_MAX = 9 };

struct parser {
    struct ko_slice text;
    size_t at;
    char *names; /* room for all decoded names: no more bytes than the text */
    size_t names_n;
    struct ko_path *path;
    struct ko_error *err;
};

static bool
is_special(char c)
{
    return c != '\0' && strchr(".[]:,=\\", c) != NULL;
}

static enum ko_code
fail_at(struct parser *parser, size_t offset, const char *what)
{
    (void) ko_fail(parser->err, KO_E_OPTION, "attribute path '%.*s': %s at character %zu",
                   KO_SLICE_ARG(parser->text), what, ko_text_character(parser->text, offset));
    ko_hint(parser->err,
            "a path is written like cause, meta.cause or parts[2].sum; a dot, bracket, "
            "colon, comma, equals sign or backslash of a name needs a backslash "
            "before it.");
    return parser->err->code;
}

static bool
is_at(const struct parser *parser, char c)
{
    return parser->at < parser->text.n && parser->text.data[parser->at] == c;
}

static enum ko_code
parse_name(struct parser *parser)
{
    const struct ko_slice text = parser->text;
    char *name = parser->names + parser->names_n;
    size_t n = 0;

    while (parser->at < text.n) {
        if (text.data[parser->at] != '\\' && is_special(text.data[parser->at]))
            break;
        parser->at += text.data[parser->at] == '\\';
        if (parser->at == text.n)
            return fail_at(parser, parser->at - 1, "nothing behind the backslash");
        name[n++] = text.data[parser->at++];
    }
    if (n == 0)
        return fail_at(parser, parser->at, "a name is empty");
    parser->names_n += n;
    parser->path->steps[parser->path->n_steps++].name = (struct ko_slice){name, n};
    return parser->err->code;
}

/* Behind the opening bracket. */
static enum ko_code
parse_index(struct parser *parser)
{
    const size_t start = parser->at;
    size_t index = 0;
    char c;

    while (parser->at < parser->text.n) {
        c = parser->text.data[parser->at];
        if (c < '0' || c > '9')
            break;
        index = index * 10 + (size_t) (c - '0');
        parser->at++;
        if (parser->at - start > INDEX_DIGITS_MAX)
            return fail_at(parser, start, "the list index is too large");
    }
    if (parser->at == start || !is_at(parser, ']'))
        return fail_at(parser, parser->at, "a list index is not a whole number in brackets");
    parser->at++;
    parser->path->steps[parser->path->n_steps++].list_index = index;
    return parser->err->code;
}

static enum ko_code
parse_steps(struct parser *parser)
{
    KO_TRY(parse_name(parser));
    while (parser->at < parser->text.n) {
        const char c = parser->text.data[parser->at];

        if (c != '.' && c != '[')
            return fail_at(parser, parser->at, "a character that needs a backslash");
        parser->at++;
        if (c == '.')
            KO_TRY(parse_name(parser));
        else
            KO_TRY(parse_index(parser));
    }

done:
    return parser->err->code;
}

static size_t
most_steps(struct ko_slice text)
{
    size_t n = 1;

    for (size_t i = 0; i < text.n; i++)
        n += text.data[i] == '.' || text.data[i] == '[';
    return n;
}

/* path->text from path->steps. */
static enum ko_code
set_canonical_text(struct ko_path *path, struct ko_arena *arena, struct ko_error *err)
{
    struct ko_buf text = {0};

    for (size_t i = 0; i < path->n_steps; i++) {
        const struct ko_slice name = path->steps[i].name;

        if (name.data == NULL)
            ko_buf_add_format(&text, "[%zu]", path->steps[i].list_index);
        else if (i > 0)
            ko_buf_add_char(&text, '.');
        for (size_t k = 0; k < name.n; k++) {
            if (is_special(name.data[k]))
                ko_buf_add_char(&text, '\\');
            ko_buf_add_char(&text, name.data[k]);
        }
    }
    KO_TRY(ko_buf_finish(&text, err));
    path->text = ko_arena_copy(arena, ko_buf_slice(&text), err);

done:
    ko_buf_clear(&text);
    return err->code;
}

/* Room for n steps, all {0}. */
static enum ko_code
make_steps(struct ko_path *path, size_t n, struct ko_arena *arena, struct ko_error *err)
{
    *path = (struct ko_path){.steps = ko_arena_alloc(arena, n * sizeof path->steps[0], err)};
    if (path->steps != NULL)
        memset(path->steps, 0, n * sizeof path->steps[0]);
    return err->code;
}

enum ko_code
ko_path_parse(struct ko_slice text, struct ko_arena *arena, struct ko_path *path,
              struct ko_error *err)
{
    struct parser parser = {.text = text, .path = path, .err = err};

    KO_TRY(ko_text_check(text, "attribute path", err));
    KO_TRY(make_steps(path, most_steps(text), arena, err));
    parser.names = ko_arena_alloc(arena, text.n, err);
    KO_TRY(err->code);
    KO_TRY(parse_steps(&parser));
    KO_TRY(set_canonical_text(path, arena, err));

done:
    return err->code;
}

enum ko_code
ko_path_of_name(struct ko_slice name, struct ko_arena *arena, struct ko_path *path,
                struct ko_error *err)
{
    KO_TRY(ko_text_check(name, "attribute name", err));
    if (name.n == 0)
        return ko_fail(err, KO_E_OPTION, "an attribute name is empty");
    KO_TRY(make_steps(path, 1, arena, err));
    path->steps[0].name = ko_arena_copy(arena, name, err);
    KO_TRY(err->code);
    path->n_steps = 1;
    KO_TRY(set_canonical_text(path, arena, err));

done:
    return err->code;
}

enum ko_code
ko_path_follow(const struct ko_path *path, struct ko_slice top_value, struct ko_slice *value,
               struct ko_error *err)
{
    const struct ko_slice absent = {0};
    struct ko_slice at = top_value;

    for (size_t i = 1; i < path->n_steps && at.data != NULL; i++) {
        const struct ko_path_step *step = &path->steps[i];
        struct ko_slice content;
        enum ko_value_type type;

        KO_TRY(ko_value_open(at, &type, &content, err));
        at = absent;
        if (step->name.data != NULL && type == KO_VALUE_M)
            KO_TRY(ko_map_member(content, step->name, &at, err));
        else if (step->name.data == NULL && type == KO_VALUE_L)
            KO_TRY(ko_list_element(content, step->list_index, &at, err));
    }
    *value = at;

done:
    if (err->code != KO_OK)
        ko_context(err, "attribute '%.*s'", KO_SLICE_ARG(path->text));
    return err->code;
}

void
ko_path_add_partiql(struct ko_buf *out, const struct ko_path *path)
{
    for (size_t i = 0; i < path->n_steps; i++) {
        const struct ko_slice name = path->steps[i].name;

        if (name.data == NULL) {
            ko_buf_add_format(out, "[%zu]", path->steps[i].list_index);
            continue;
        }
        ko_buf_add_text(out, i == 0 ? "\"" : ".\"");
        for (size_t k = 0; k < name.n; k++) {
            if (name.data[k] == '"')
                ko_buf_add_char(out, '"');
            ko_buf_add_char(out, name.data[k]);
        }
        ko_buf_add_char(out, '"');
    }
}

void
ko_path_add_expression(struct ko_buf *out, const struct ko_path *path, const char *prefix,
                       size_t path_index)
{
    for (size_t i = 0; i < path->n_steps; i++) {
        if (path->steps[i].name.data == NULL)
            ko_buf_add_format(out, "[%zu]", path->steps[i].list_index);
        else
            ko_buf_add_format(out, "%s#%s%zu_%zu", i == 0 ? "" : ".", prefix, path_index, i);
    }
}

void
ko_path_add_names(struct ko_buf *out, const struct ko_path *path, const char *prefix,
                  size_t path_index)
{
    for (size_t i = 0; i < path->n_steps; i++) {
        if (path->steps[i].name.data == NULL)
            continue;
        ko_buf_add_format(out, "%s\"#%s%zu_%zu\":", i == 0 ? "" : ",", prefix, path_index, i);
        ko_json_add_string(out, path->steps[i].name);
    }
}
