/*
 * Where: what is accepted has valid names and values, and an expression of placeholders alone
 * within DynamoDB's limit.
 */
#include "keepone/record/where.h"

#include "keepone/format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_members(struct ko_slice members)
{
    struct ko_buf object = {0};
    struct ko_error err = {0};

    ko_buf_add_char(&object, '{');
    ko_buf_add_slice(&object, members);
    ko_buf_add_char(&object, '}');
    KO_ASSERT(ko_json_check(ko_buf_slice(&object), &err) == KO_OK);
    ko_buf_clear(&object);
}

/* Nothing that the user wrote stands in it: no quotes, no escapes; parentheses match. */
static void
check_expression(struct ko_slice expression)
{
    size_t depth = 0;

    KO_ASSERT(expression.n > 0 && expression.n <= 4096);
    for (size_t i = 0; i < expression.n; i++) {
        const char c = expression.data[i];

        KO_ASSERT(c > 0x1F && c != '"' && c != '\'' && c != '\\');
        KO_ASSERT(c != ')' || depth > 0);
        depth += c == '(';
        depth -= c == ')';
    }
    KO_ASSERT(depth == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct ko_where where;
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(0, &err);

    KO_TRY(err.code);
    KO_TRY(ko_where_parse((struct ko_slice){(const char *) data, n}, arena, &where, &err));
    KO_ASSERT(where.n_paths > 0 && where.n_paths <= KO_WHERE_PATHS_MAX);
    check_expression(where.expression);
    check_members(where.names);
    check_members(where.values);

done:
    KO_ASSERT(err.code == KO_OK || err.code == KO_E_OPTION);
    ko_arena_free(arena);
    return 0;
}
