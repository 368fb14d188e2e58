#include "keepone/record/where.h"

#include "items.h"

/* Prints "expression | names | values", or the error. */
static void
print_where(struct ko_slice text, struct ko_buf *out)
{
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(0, &err);
    struct ko_where where;

    ko_buf_reset(out);
    if (ko_where_parse(text, arena, &where, &err) != KO_OK) {
        assert_int_equal(err.code, KO_E_OPTION);
        ko_buf_add_text(out, err.text);
    } else {
        ko_buf_add_format(out, "%.*s | %.*s | %.*s", KO_SLICE_ARG(where.expression),
                          KO_SLICE_ARG(where.names), KO_SLICE_ARG(where.values));
    }
    ko_arena_free(arena);
}

static void
check_rows(const char *const (*rows)[2], size_t n)
{
    struct ko_buf out = {0};

    for (size_t i = 0; i < n; i++) {
        print_where(ko_slice_of(rows[i][0]), &out);
        CHECK_SLICE(ko_buf_slice(&out), rows[i][1]);
    }
    ko_buf_clear(&out);
}

/* The expression alone. */
static void
check_expressions(const char *const (*rows)[2], size_t n)
{
    struct ko_buf out = {0};

    for (size_t i = 0; i < n; i++) {
        print_where(ko_slice_of(rows[i][0]), &out);
        for (size_t k = 0; k < out.n; k++)
            if (out.data[k] == '|')
                out.n = k - 1;
        CHECK_SLICE(ko_buf_slice(&out), rows[i][1]);
    }
    ko_buf_clear(&out);
}

static void
names_and_values_become_placeholders(void)
{
    static const char *const rows[][2] = {
        {"status = \"old\"", "#w0_0 = :w0 | \"#w0_0\":\"status\" | \":w0\":{\"S\":\"old\"}"},
        {"status = \"old\" AND attempts > 3",
         "#w0_0 = :w0 AND #w1_0 > :w1 | \"#w0_0\":\"status\",\"#w1_0\":\"attempts\" | "
         "\":w0\":{\"S\":\"old\"},\":w1\":{\"N\":\"3\"}"},
        {"a=1 or a=2", "#w0_0 = :w0 OR #w0_0 = :w1 | \"#w0_0\":\"a\" | "
                       "\":w0\":{\"N\":\"1\"},\":w1\":{\"N\":\"2\"}"},
        {"meta.tags[2].x <> a",
         "#w0_0.#w0_1[2].#w0_3 <> #w1_0 | "
         "\"#w0_0\":\"meta\",\"#w0_1\":\"tags\",\"#w0_3\":\"x\",\"#w1_0\":\"a\" | "},
        {"a\\.b = a.b",
         "#w0_0 = #w1_0.#w1_1 | \"#w0_0\":\"a.b\",\"#w1_0\":\"a\",\"#w1_1\":\"b\" | "},
        {"attribute_exists(x)", "attribute_exists(#w0_0) | \"#w0_0\":\"x\" | "},
    };

    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void
literals_are_typed_by_how_they_are_written(void)
{
    static const char *const rows[][2] = {
        {"a='x'", "#w0_0 = :w0 | \"#w0_0\":\"a\" | \":w0\":{\"S\":\"x\"}"},
        {"a='x\"y'", "#w0_0 = :w0 | \"#w0_0\":\"a\" | \":w0\":{\"S\":\"x\\\"y\"}"},
        {"a=\"x\\\"y\\\\\"", "#w0_0 = :w0 | \"#w0_0\":\"a\" | \":w0\":{\"S\":\"x\\\"y\\\\\"}"},
        {"a=\"\"", "#w0_0 = :w0 | \"#w0_0\":\"a\" | \":w0\":{\"S\":\"\"}"},
        {"a=\"1\"", "#w0_0 = :w0 | \"#w0_0\":\"a\" | \":w0\":{\"S\":\"1\"}"},
        {"a=-1.50e1", "#w0_0 = :w0 | \"#w0_0\":\"a\" | \":w0\":{\"N\":\"-15\"}"},
        {"a=+2", "#w0_0 = :w0 | \"#w0_0\":\"a\" | \":w0\":{\"N\":\"2\"}"},
        {"a=True", "#w0_0 = :w0 | \"#w0_0\":\"a\" | \":w0\":{\"BOOL\":true}"},
        {"a=false", "#w0_0 = :w0 | \"#w0_0\":\"a\" | \":w0\":{\"BOOL\":false}"},
        {"a<>NULL", "#w0_0 <> :w0 | \"#w0_0\":\"a\" | \":w0\":{\"NULL\":true}"},
        {"a=b64\"AQI=\"", "#w0_0 = :w0 | \"#w0_0\":\"a\" | \":w0\":{\"B\":\"AQI=\"}"},
        {"a=b64", "#w0_0 = #w1_0 | \"#w0_0\":\"a\",\"#w1_0\":\"b64\" | "},
    };

    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void
every_operator_and_function_is_known(void)
{
    static const char *const rows[][2] = {
        {"a<1 and a<=2 and a>3 and a>=4 and a<>5",
         "#w0_0 < :w0 AND #w0_0 <= :w1 AND #w0_0 > :w2 AND #w0_0 >= :w3 AND #w0_0 <> :w4"},
        {"a between 1 and 2 and b = 3", "#w0_0 BETWEEN :w0 AND :w1 AND #w1_0 = :w2"},
        {"a BETWEEN b AND c", "#w0_0 BETWEEN #w1_0 AND #w2_0"},
        {"1 BETWEEN b AND c", ":w0 BETWEEN #w0_0 AND #w1_0"},
        {"a in (1)", "#w0_0 IN (:w0)"},
        {"a IN(\"x\" , 'y',b)", "#w0_0 IN (:w0, :w1, #w1_0)"},
        {"attribute_not_exists(a.b)", "attribute_not_exists(#w0_0.#w0_1)"},
        {"Attribute_Type ( a , \"SS\" )", "attribute_type(#w0_0, :w0)"},
        {"begins_with(a,\"x\")", "begins_with(#w0_0, :w0)"},
        {"begins_with(a,b64\"AQ==\")", "begins_with(#w0_0, :w0)"},
        {"begins_with(a,b)", "begins_with(#w0_0, #w1_0)"},
        {"contains(a,3)", "contains(#w0_0, :w0)"},
        {"size(a) > 10", "size(#w0_0) > :w0"},
        {"10 < size(a)", ":w0 < size(#w0_0)"},
        {"size = 10", "#w0_0 = :w0"},
        {"contains(a, size(b))", "contains(#w0_0, size(#w1_0))"},
        {"\\and = \\2nd", "#w0_0 = #w1_0"},
        {" a\t=\n1\r", "#w0_0 = :w0"},
    };

    check_expressions(rows, sizeof rows / sizeof rows[0]);
}

static void
not_binds_before_and_and_before_or(void)
{
    static const char *const rows[][2] = {
        {"a=1 or b=2 and c=3", "#w0_0 = :w0 OR #w1_0 = :w1 AND #w2_0 = :w2"},
        {"(a=1 or b=2) and c=3", "(#w0_0 = :w0 OR #w1_0 = :w1) AND #w2_0 = :w2"},
        {"a=1 and (b=2 or c=3)", "#w0_0 = :w0 AND (#w1_0 = :w1 OR #w2_0 = :w2)"},
        {"not a=1 and b=2", "NOT #w0_0 = :w0 AND #w1_0 = :w1"},
        {"not (a=1 and b=2)", "NOT (#w0_0 = :w0 AND #w1_0 = :w1)"},
        {"not (a=1 or b=2) or c=3", "NOT (#w0_0 = :w0 OR #w1_0 = :w1) OR #w2_0 = :w2"},
        {"not not a=1", "NOT NOT #w0_0 = :w0"},
        {"not(attribute_exists(a))", "NOT attribute_exists(#w0_0)"},
        {"a=1 and not (b=2 or c=3)", "#w0_0 = :w0 AND NOT (#w1_0 = :w1 OR #w2_0 = :w2)"},
    };

    check_expressions(rows, sizeof rows / sizeof rows[0]);
}

static void
parentheses_that_change_nothing_are_left_out(void)
{
    static const char *const rows[][2] = {
        {"((a = 1))", "#w0_0 = :w0"},
        {"(a=1 and b=2) and c=3", "#w0_0 = :w0 AND #w1_0 = :w1 AND #w2_0 = :w2"},
        {"a=1 and ((b=2 and c=3))", "#w0_0 = :w0 AND #w1_0 = :w1 AND #w2_0 = :w2"},
        {"(a=1 or (b=2 or c=3))", "#w0_0 = :w0 OR #w1_0 = :w1 OR #w2_0 = :w2"},
        {"(a=1 and b=2) or c=3", "#w0_0 = :w0 AND #w1_0 = :w1 OR #w2_0 = :w2"},
        {"(((a=1 or b=2))) and c=3", "(#w0_0 = :w0 OR #w1_0 = :w1) AND #w2_0 = :w2"},
    };

    check_expressions(rows, sizeof rows / sizeof rows[0]);
}

static void
a_mistake_is_named_with_its_character(void)
{
    static const char *const rows[][2] = {
        {"", "where: an attribute was expected at character 1, at 'the end'"},
        {"a", "where: a comparison was expected at character 2, at 'the end'"},
        {"a b", "where: a comparison was expected at character 3, at 'b'"},
        {"a = ", "where: an attribute was expected at character 5, at 'the end'"},
        {"a == 1", "where: an attribute was expected at character 4, at '='"},
        {"a != 1", "where: an unknown operator at character 3, at '!'"},
        {"a = \"x", "where: a text without its closing quote at character 5, at '\"x'"},
        {"a = \"x\\", "where: a text without its closing quote at character 5, at '\"x\\'"},
        {"a = \"x\\n\"", "where: at character 5: a lone backslash in the text \"x\\n\""},
        {"a = b64\"A\"", "where: at character 5: b64\"A\" is not base64: "},
        {"a = 1x", "where: at character 5: 1x is not a number DynamoDB knows: "},
        {"\xC3\xA9 = 1x", "where: at character 5: 1x is not a number DynamoDB knows: "},
        {"a = 1 b = 2", "where: AND, OR or the end was expected at character 7, at 'b'"},
        {"(a = 1", "where: AND, OR or ')' was expected at character 7, at 'the end'"},
        {"a = 1)", "where: AND, OR or the end was expected at character 6, at ')'"},
        {"a = 1 and", "where: an attribute was expected at character 10, at 'the end'"},
        {"and = 1", "where: an attribute was expected at character 1, at 'and'"},
        {"a..b = 1", "where: attribute path 'a..b': a name is empty at character 3"},
        {"1 = 2", "where: a comparison without an attribute ends at character 6, at 'the end'"},
        {"1 in (a, 2)", "where: a comparison without an attribute ends at character 11, at ')'"},
        {"a < true",
         "where: an order of true, false or null was asked for at character 9, at 'the end'"},
        {"null >= a",
         "where: an order of true, false or null was asked for at character 10, at 'the end'"},
        {"a between 1 or 2", "where: the AND of BETWEEN was expected at character 13, at 'or'"},
        {"a between 1 and \"2\"",
         "where: a BETWEEN with ends of different types at character 20, at 'the end'"},
        {"a between true and 2",
         "where: an order of true, false or null was asked for at character 16, at 'and'"},
        {"a between 1 and null",
         "where: an order of true, false or null was asked for at character 21, at 'the end'"},
        {"a in 1", "where: the '(' of IN was expected at character 6, at '1'"},
        {"a in ()", "where: an attribute was expected at character 7, at ')'"},
        {"a in (1 2)", "where: ',' or the ')' of IN was expected at character 9, at '2'"},
        {"exists(a)", "where: an unknown function at character 1, at 'exists'"},
        {"attribute_exists(a", "where: ')' was expected at character 19, at 'the end'"},
        {"attribute_exists(\"a\")", "where: an attribute was expected at character 18, at '\"a\"'"},
        {"attribute_exists()", "where: an attribute was expected at character 18, at ')'"},
        {"attribute_type(a, \"X\")",
         "where: a type (\"S\", \"N\", \"B\", \"BOOL\", \"NULL\", \"M\", \"L\", \"SS\", \"NS\" or "
         "\"BS\") was expected at character 19, at '\"X\"'"},
        {"attribute_type(a, b)",
         "where: a type (\"S\", \"N\", \"B\", \"BOOL\", \"NULL\", \"M\", \"L\", \"SS\", \"NS\" or "
         "\"BS\") was expected at character 19, at 'b'"},
        {"begins_with(a)",
         "where: ',' and a second argument were expected at character 14, at ')'"},
        {"begins_with(a, 1)", "where: begins_with takes a text or a b64 text as its second "
                              "argument at character 16, at '1'"},
        {"size(a = 1", "where: ')' was expected at character 8, at '='"},
        {"size(1) = 1", "where: an attribute was expected at character 6, at '1'"},
        {"contains(a, )", "where: an attribute was expected at character 13, at ')'"},
        {"a = 1 and \x01", "where: a comparison was expected at character 12, at 'the end'"},
        {"a = \xFF", "where is not valid UTF-8 at byte 5"},
    };
    struct ko_buf out = {0};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const size_t n = strlen(rows[i][1]);

        print_where(ko_slice_of(rows[i][0]), &out);
        if (rows[i][1][n - 1] == ' ' && out.n > n) /* goes on with another module's words */
            out.n = n;
        CHECK_SLICE(ko_buf_slice(&out), rows[i][1]);
    }
    ko_buf_clear(&out);
}

/* n times the part, with %zu as its number, joined. */
static void
add_repeated(struct ko_buf *out, size_t n, const char *start, bool is_numbered, const char *joint)
{
    for (size_t i = 0; i < n; i++) {
        ko_buf_add_text(out, i > 0 ? joint : "");
        ko_buf_add_text(out, start);
        if (is_numbered)
            ko_buf_add_format(out, "%zu", i);
    }
}

static void
check_limit(const struct ko_buf *text, const char *error)
{
    struct ko_buf out = {0};

    print_where(ko_buf_slice(text), &out);
    out.n = out.n > strlen(error) ? strlen(error) : out.n;
    CHECK_SLICE(ko_buf_slice(&out), error);
    ko_buf_clear(&out);
}

static void
what_dynamodb_would_refuse_for_its_size_is_refused(void)
{
    struct ko_buf text = {0};

    ko_buf_add_text(&text, "a in (");
    add_repeated(&text, 101, "1", false, ",");
    ko_buf_add_char(&text, ')');
    check_limit(&text, "where: more than 100 values in IN");

    ko_buf_reset(&text);
    add_repeated(&text, 33, "1=a", true, " or ");
    check_limit(&text, "where: more than 32 different attributes");

    ko_buf_reset(&text);
    add_repeated(&text, 300, "a=1", false, " or ");
    check_limit(&text, "where: the expression has ");

    ko_buf_reset(&text);
    add_repeated(&text, 65, "(", false, "");
    check_limit(&text, "where: more than 64 levels");
    ko_buf_reset(&text);
    add_repeated(&text, 65, "not ", false, "");
    check_limit(&text, "where: more than 64 levels");

    ko_buf_reset(&text);
    add_repeated(&text, 64, "(", false, "");
    ko_buf_add_text(&text, "a=1");
    add_repeated(&text, 64, ")", false, "");
    add_repeated(&text, 3, " and (((a=1)))", false, "");
    check_limit(&text, "#w0_0 = :w0 AND #w0_0 = :w1 AND #w0_0 = :w2 AND #w0_0 = :w3 | ");
    ko_buf_clear(&text);
}

static enum ko_code
parse_all_forms(struct ko_error *err)
{
    struct ko_arena *arena = ko_arena_new(1, err);
    struct ko_where where;

    KO_TRY(err->code);
    KO_TRY(ko_where_parse(KO_SLICE("(a = \"x\" or b.c > 2) and d = b64\"AQ==\" and e = null "
                                   "and not (f = true or size(g) = 1)"),
                          arena, &where, err));

done:
    ko_arena_free(arena);
    return err->code;
}

static void
parsing_without_memory_is_an_error(void)
{
    check_every_allocation(parse_all_forms);
}

CASES = {
    CASE(names_and_values_become_placeholders),
    CASE(literals_are_typed_by_how_they_are_written),
    CASE(every_operator_and_function_is_known),
    CASE(not_binds_before_and_and_before_or),
    CASE(parentheses_that_change_nothing_are_left_out),
    CASE(a_mistake_is_named_with_its_character),
    CASE(what_dynamodb_would_refuse_for_its_size_is_refused),
    CASE(parsing_without_memory_is_an_error),
};
RUN_CASES
