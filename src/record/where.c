#include "keepone/record/where.h"

#include "literal_priv.h"
#include "text_priv.h"
#include "where_lexer_priv.h"

/* DynamoDB's limits; the nesting is ours, and keeps the recursion small. */
enum { EXPRESSION_BYTES_MAX = 4096, IN_MAX = 100, NESTING_MAX = 64 };

/* How tightly what was written binds: what must be put in parentheses within what. */
enum binding { BINDS_OR, BINDS_AND, BINDS_ALONE };

struct operand {
    bool is_path;
    bool is_literal;         /* neither: size(path) */
    enum ko_value_type type; /* of a literal */
};

struct parser {
    struct ko_lexer lexer;
    struct ko_token token;
    struct ko_buf expression;
    struct ko_buf names;
    struct ko_buf values;
    size_t n_values;
    size_t nesting;
    struct ko_where *where;
    struct ko_arena *arena;
    struct ko_error *err;
};

static enum ko_code parse_or(struct parser *parser, enum binding *binding);

static enum ko_code
fail_here(struct parser *parser, const char *what)
{
    return ko_lexer_fail(&parser->lexer, &parser->token, what, parser->err);
}

static enum ko_code
advance(struct parser *parser)
{
    return ko_lexer_next(&parser->lexer, &parser->token, parser->err);
}

static bool
is_keyword(const struct parser *parser, const char *word)
{
    return parser->token.kind == KO_TOKEN_WORD && ko_literal_same_word(parser->token.text, word);
}

static bool
is_any_keyword(const struct parser *parser)
{
    return is_keyword(parser, "AND") || is_keyword(parser, "OR") || is_keyword(parser, "NOT") ||
           is_keyword(parser, "BETWEEN") || is_keyword(parser, "IN");
}

/* Goes past a token of this kind. */
static enum ko_code
expect(struct parser *parser, enum ko_token_kind kind, const char *otherwise)
{
    if (parser->token.kind != kind)
        return fail_here(parser, otherwise);
    return advance(parser);
}

/* Writes what stands in the expression from `start` on in parentheses. */
static void
wrap(struct parser *parser, size_t start)
{
    struct ko_buf *out = &parser->expression;

    ko_buf_add_text(out, "()");
    if (out->failed)
        return;
    memmove(out->data + start + 1, out->data + start, out->n - 2 - start);
    out->data[start] = '(';
}

/* The placeholders of each different path are added once. */
static enum ko_code
find_path(struct parser *parser, const struct ko_path *path, size_t *path_index)
{
    struct ko_where *where = parser->where;

    for (*path_index = 0; *path_index < where->n_paths; (*path_index)++)
        if (ko_slice_equal(where->paths[*path_index].text, path->text))
            return parser->err->code;
    if (where->n_paths == KO_WHERE_PATHS_MAX)
        return fail_here(parser, "more than 32 different attributes");
    if (where->n_paths > 0)
        ko_buf_add_char(&parser->names, ',');
    ko_path_add_names(&parser->names, path, "w", where->n_paths);
    where->paths[where->n_paths++] = *path;
    return parser->err->code;
}

static enum ko_code
parse_path(struct parser *parser)
{
    struct ko_path path;
    size_t path_index;

    if (parser->token.kind != KO_TOKEN_WORD || is_any_keyword(parser)) {
        (void) fail_here(parser, "an attribute was expected");
        ko_hint(parser->err, "an attribute that is named like a keyword or a number is written "
                             "with a backslash: \\and, \\2nd.");
        return parser->err->code;
    }
    if (ko_path_parse(parser->token.text, parser->arena, &path, parser->err) != KO_OK) {
        ko_context(parser->err, "where");
        return parser->err->code;
    }
    KO_TRY(find_path(parser, &path, &path_index));
    ko_path_add_expression(&parser->expression, &path, "w", path_index);
    KO_TRY(advance(parser));

done:
    return parser->err->code;
}

static enum ko_code
parse_literal(struct parser *parser, enum ko_value_type *type)
{
    ko_buf_add_format(&parser->values, "%s\":w%zu\":", parser->n_values > 0 ? "," : "",
                      parser->n_values);
    ko_buf_add_format(&parser->expression, ":w%zu", parser->n_values);
    parser->n_values++;
    if (ko_literal_add(parser->token.text, &parser->values, type, parser->err) != KO_OK) {
        ko_context(parser->err, "where: at character %zu",
                   ko_text_character(parser->lexer.text,
                                     (size_t) (parser->token.text.data - parser->lexer.text.data)));
        return parser->err->code;
    }
    return advance(parser);
}

/* size(path), its word just met. */
static enum ko_code
parse_size(struct parser *parser)
{
    ko_buf_add_text(&parser->expression, "size(");
    KO_TRY(advance(parser));
    KO_TRY(expect(parser, KO_TOKEN_OPEN, "'(' was expected"));
    KO_TRY(parse_path(parser));
    KO_TRY(expect(parser, KO_TOKEN_CLOSE, "')' was expected"));
    ko_buf_add_char(&parser->expression, ')');

done:
    return parser->err->code;
}

static enum ko_code
parse_operand(struct parser *parser, struct operand *operand)
{
    *operand = (struct operand){0};
    if (parser->token.kind == KO_TOKEN_LITERAL) {
        operand->is_literal = true;
        return parse_literal(parser, &operand->type);
    }
    if (is_keyword(parser, "size") && parser->token.is_call)
        return parse_size(parser);
    operand->is_path = true;
    return parse_path(parser);
}

/* What DynamoDB can put in order. */
static bool
has_order(const struct operand *operand)
{
    return !operand->is_literal || operand->type == KO_VALUE_S || operand->type == KO_VALUE_N ||
           operand->type == KO_VALUE_B;
}

/* DynamoDB refuses these; better now than after the first request. */
static enum ko_code
check_pair(struct parser *parser, const struct operand *left, const struct operand *right,
           bool is_ordering)
{
    if (left->is_literal && right->is_literal)
        return fail_here(parser, "a comparison without an attribute ends");
    if (is_ordering && (!has_order(left) || !has_order(right)))
        return fail_here(parser, "an order of true, false or null was asked for");
    return parser->err->code;
}

static enum ko_code
parse_comparison(struct parser *parser, const struct operand *left)
{
    const struct ko_slice sign = parser->token.text;
    const bool is_ordering =
        !ko_slice_equal(sign, KO_SLICE("=")) && !ko_slice_equal(sign, KO_SLICE("<>"));
    struct operand right;

    ko_buf_add_format(&parser->expression, " %.*s ", KO_SLICE_ARG(sign));
    KO_TRY(advance(parser));
    KO_TRY(parse_operand(parser, &right));
    KO_TRY(check_pair(parser, left, &right, is_ordering));

done:
    return parser->err->code;
}

static enum ko_code
parse_between(struct parser *parser, const struct operand *value)
{
    struct operand low;
    struct operand high;

    ko_buf_add_text(&parser->expression, " BETWEEN ");
    KO_TRY(advance(parser));
    KO_TRY(parse_operand(parser, &low));
    KO_TRY(check_pair(parser, value, &low, true));
    if (!is_keyword(parser, "AND"))
        return fail_here(parser, "the AND of BETWEEN was expected");
    ko_buf_add_text(&parser->expression, " AND ");
    KO_TRY(advance(parser));
    KO_TRY(parse_operand(parser, &high));
    KO_TRY(check_pair(parser, value, &high, true));
    if (low.is_literal && high.is_literal && low.type != high.type)
        return fail_here(parser, "a BETWEEN with ends of different types");

done:
    return parser->err->code;
}

static enum ko_code
parse_in(struct parser *parser, const struct operand *value)
{
    struct operand member;
    size_t n = 0;

    ko_buf_add_text(&parser->expression, " IN (");
    KO_TRY(advance(parser));
    KO_TRY(expect(parser, KO_TOKEN_OPEN, "the '(' of IN was expected"));
    for (;;) {
        KO_TRY(parse_operand(parser, &member));
        KO_TRY(check_pair(parser, value, &member, false));
        if (++n > IN_MAX)
            return fail_here(parser, "more than 100 values in IN");
        if (parser->token.kind != KO_TOKEN_COMMA)
            break;
        ko_buf_add_text(&parser->expression, ", ");
        KO_TRY(advance(parser));
    }
    KO_TRY(expect(parser, KO_TOKEN_CLOSE, "',' or the ')' of IN was expected"));
    ko_buf_add_char(&parser->expression, ')');

done:
    return parser->err->code;
}

/* The second argument of a function, and what of it can be checked. */
struct function {
    const char *name;
    bool has_second;
    bool is_second_type;  /* one of the names of types */
    bool is_second_start; /* S or B */
};

static const struct function functions[] = {
    {.name = "attribute_exists"},
    {.name = "attribute_not_exists"},
    {.name = "attribute_type", .has_second = true, .is_second_type = true},
    {.name = "begins_with", .has_second = true, .is_second_start = true},
    {.name = "contains", .has_second = true},
};

static bool
is_type_name(struct ko_slice literal)
{
    for (enum ko_value_type type = KO_VALUE_S; type <= KO_VALUE_BS; type++) {
        const struct ko_slice name = ko_slice_of(ko_value_type_name(type));

        if (literal.n == name.n + 2 && memcmp(literal.data + 1, name.data, name.n) == 0)
            return true;
    }
    return false;
}

static enum ko_code
parse_second(struct parser *parser, const struct function *function)
{
    struct ko_token second;
    struct operand operand;

    KO_TRY(expect(parser, KO_TOKEN_COMMA, "',' and a second argument were expected"));
    second = parser->token;
    ko_buf_add_text(&parser->expression, ", ");
    if (function->is_second_type &&
        (parser->token.kind != KO_TOKEN_LITERAL || !is_type_name(parser->token.text)))
        return fail_here(parser, "a type (\"S\", \"N\", \"B\", \"BOOL\", \"NULL\", \"M\", \"L\", "
                                 "\"SS\", \"NS\" or \"BS\") was expected");
    KO_TRY(parse_operand(parser, &operand));
    if (function->is_second_start && operand.is_literal && operand.type != KO_VALUE_S &&
        operand.type != KO_VALUE_B)
        return ko_lexer_fail(&parser->lexer, &second,
                             "begins_with takes a text or a b64 text as its second argument",
                             parser->err);

done:
    return parser->err->code;
}

static enum ko_code
parse_function(struct parser *parser)
{
    const struct function *function = NULL;

    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (is_keyword(parser, functions[i].name))
            function = &functions[i];
    if (function == NULL) {
        (void) fail_here(parser, "an unknown function");
        ko_hint(parser->err, "the functions are attribute_exists, attribute_not_exists, "
                             "attribute_type, begins_with, contains and size.");
        return parser->err->code;
    }
    ko_buf_add_format(&parser->expression, "%s(", function->name);
    KO_TRY(advance(parser));
    KO_TRY(advance(parser)); /* the parenthesis that made it a function */
    KO_TRY(parse_path(parser));
    if (function->has_second)
        KO_TRY(parse_second(parser, function));
    KO_TRY(expect(parser, KO_TOKEN_CLOSE, "')' was expected"));
    ko_buf_add_char(&parser->expression, ')');

done:
    return parser->err->code;
}

static enum ko_code
parse_condition(struct parser *parser)
{
    struct operand left;

    if (parser->token.kind == KO_TOKEN_WORD && parser->token.is_call &&
        !is_keyword(parser, "size") && !is_any_keyword(parser))
        return parse_function(parser);
    KO_TRY(parse_operand(parser, &left));
    if (parser->token.kind == KO_TOKEN_COMPARE)
        return parse_comparison(parser, &left);
    if (is_keyword(parser, "BETWEEN"))
        return parse_between(parser, &left);
    if (is_keyword(parser, "IN"))
        return parse_in(parser, &left);
    (void) fail_here(parser, "a comparison was expected");
    ko_hint(parser->err, "compare with = <> < <= > >= BETWEEN or IN; texts stand in quotes.");

done:
    return parser->err->code;
}

static enum ko_code
parse_not(struct parser *parser, enum binding *binding)
{
    const bool is_not = is_keyword(parser, "NOT");
    size_t start;

    *binding = BINDS_ALONE;
    if (!is_not && parser->token.kind != KO_TOKEN_OPEN)
        return parse_condition(parser);
    if (++parser->nesting > NESTING_MAX)
        return fail_here(parser, "more than 64 levels of parentheses or NOT");
    KO_TRY(advance(parser));
    if (is_not) {
        ko_buf_add_text(&parser->expression, "NOT ");
        start = parser->expression.n;
        KO_TRY(parse_not(parser, binding));
        if (*binding != BINDS_ALONE)
            wrap(parser, start);
        *binding = BINDS_ALONE;
    } else {
        KO_TRY(parse_or(parser, binding));
        KO_TRY(expect(parser, KO_TOKEN_CLOSE, "AND, OR or ')' was expected"));
    }
    parser->nesting--;

done:
    return parser->err->code;
}

static enum ko_code
parse_and(struct parser *parser, enum binding *binding)
{
    size_t start = parser->expression.n;
    enum binding member;

    KO_TRY(parse_not(parser, binding));
    if (!is_keyword(parser, "AND"))
        return parser->err->code;
    if (*binding == BINDS_OR)
        wrap(parser, start);
    *binding = BINDS_AND;
    while (is_keyword(parser, "AND")) {
        KO_TRY(advance(parser));
        ko_buf_add_text(&parser->expression, " AND ");
        start = parser->expression.n;
        KO_TRY(parse_not(parser, &member));
        if (member == BINDS_OR)
            wrap(parser, start);
    }

done:
    return parser->err->code;
}

static enum ko_code
parse_or(struct parser *parser, enum binding *binding)
{
    enum binding member;

    KO_TRY(parse_and(parser, binding));
    while (is_keyword(parser, "OR")) {
        KO_TRY(advance(parser));
        ko_buf_add_text(&parser->expression, " OR ");
        KO_TRY(parse_and(parser, &member));
        *binding = BINDS_OR;
    }

done:
    return parser->err->code;
}

static enum ko_code
copy_out(struct parser *parser)
{
    struct ko_where *where = parser->where;
    struct ko_error *err = parser->err;

    KO_TRY(ko_buf_finish(&parser->expression, err));
    KO_TRY(ko_buf_finish(&parser->names, err));
    KO_TRY(ko_buf_finish(&parser->values, err));
    if (parser->expression.n > EXPRESSION_BYTES_MAX)
        return ko_fail(err, KO_E_OPTION, "where: the expression has %zu bytes, the most is %d",
                       parser->expression.n, EXPRESSION_BYTES_MAX);
    where->expression = ko_arena_copy(parser->arena, ko_buf_slice(&parser->expression), err);
    where->names = ko_arena_copy(parser->arena, ko_buf_slice(&parser->names), err);
    where->values = ko_arena_copy(parser->arena, ko_buf_slice(&parser->values), err);

done:
    return err->code;
}

enum ko_code
ko_where_parse(struct ko_slice text, struct ko_arena *arena, struct ko_where *where,
               struct ko_error *err)
{
    struct parser parser = {.lexer = {.text = text}, .where = where, .arena = arena, .err = err};
    enum binding binding;

    *where = (struct ko_where){0};
    KO_TRY(ko_text_check(text, "where", err));
    KO_TRY(advance(&parser));
    KO_TRY(parse_or(&parser, &binding));
    KO_TRY(expect(&parser, KO_TOKEN_END, "AND, OR or the end was expected"));
    KO_TRY(copy_out(&parser));

done:
    ko_buf_clear(&parser.expression);
    ko_buf_clear(&parser.names);
    ko_buf_clear(&parser.values);
    return err->code;
}
