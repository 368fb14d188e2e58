#include "keepone/stage/condition.h"

#include "keepone/format/json.h"
#include "support/test.h"

/* Single quotes stand for double ones, so that the texts can be read. */
static struct ko_slice
quoted(const char *text, char room[4096])
{
    size_t n = 0;

    if (text == NULL)
        return (struct ko_slice){NULL, 0};
    for (; text[n] != '\0'; n++)
        room[n] = (char) (text[n] == '\'' ? '"' : text[n]);
    room[n] = '\0';
    return (struct ko_slice){room, n};
}

/* Compares with a text in single quotes. */
static void
check_added(const struct ko_buf *out, const char *expected)
{
    char room[4096];

    (void) quoted(expected, room);
    CHECK_SLICE(ko_buf_slice(out), room);
}

/* ---- of an item in hand ---- */

struct holding {
    const char *seen;
    const char *image;
    bool holds;
};

static const struct holding holdings[] = {
    {"{}", "{}", true},
    {"{'a':{'S':'x'}}", "{'a':{'S':'x'},'b':{'S':'y'}}", true},
    {"{'a':{'S':'x'}}", "{ 'a' : { 'S' : '\\u0078' } }", true},
    {"{'a':{'S':'x'}}", "{'a':{'S':'y'}}", false},
    {"{'a':{'S':'x'}}", "{'b':{'S':'x'}}", false},
    {"{'a':{'S':'1'}}", "{'a':{'N':'1'}}", false},
    {"{'a':{'N':'1'}}", "{'a':{'N':'1.0'}}", true},
    {"{'a':{'N':'100'}}", "{'a':{'N':'1e2'}}", true},
    {"{'a':{'SS':['x','y']}}", "{'a':{'SS':['y','x']}}", true},
    {"{'a':{'L':[{'S':'x'},{'S':'y'}]}}", "{'a':{'L':[{'S':'y'},{'S':'x'}]}}", false},
    /* Nothing was there: NULL is something. */
    {"{'a':null}", "{'b':{'S':'x'}}", true},
    {"{'a':null}", "{'a':{'S':'x'}}", false},
    {"{'a':null}", "{'a':{'NULL':true}}", false},
    {"{'a':{'NULL':true}}", "{'a':{'NULL':true}}", true},
    {"{'a':{'NULL':true}}", "{}", false},
    {"{'a':{'S':''}}", "{'a':{'S':''}}", true},
    {"{'a':{'S':''}}", "{}", false},
    /* All of them, wherever they stand. */
    {"{'a':{'S':'x'},'b':{'S':'y'}}", "{'b':{'S':'y'},'a':{'S':'x'}}", true},
    {"{'a':{'S':'x'},'b':{'S':'y'}}", "{'b':{'S':'z'},'a':{'S':'x'}}", false},
    {"{'a':{'S':'x'},'b':null}", "{'a':{'S':'y'}}", false},
    /* Paths. */
    {"{'m.x':{'S':'1'}}", "{'m':{'M':{'x':{'S':'1'}}}}", true},
    {"{'m.x':{'S':'1'}}", "{'m.x':{'S':'1'}}", false},
    {"{'m\\\\.x':{'S':'1'}}", "{'m.x':{'S':'1'}}", true},
    {"{'m\\\\.x':{'S':'1'}}", "{'m':{'M':{'x':{'S':'1'}}}}", false},
    {"{'l[1]':{'S':'1'}}", "{'l':{'L':[{'S':'0'},{'S':'1'}]}}", true},
    {"{'l[1]':{'S':'1'}}", "{'l':{'L':[{'S':'1'}]}}", false},
    {"{'l[1]':null}", "{'l':{'L':[{'S':'1'}]}}", true},
    {"{'m.x.y':null}", "{'m':{'M':{'x':{'S':'1'}}}}", true},
    /* Names with what JSON escapes. */
    {"{'q\\'':{'S':'1'}}", "{'q\\'':{'S':'1'}}", true},
    {"{'q\\'':{'S':'1'}}", "{'q\\u0022':{'S':'1'}}", true},
    {"{'q\\'':{'S':'1'}}", "{'q':{'S':'1'}}", false},
    {"{'\xc3\xbc':{'S':'1'}}", "{'\\u00fc':{'S':'1'}}", true},
};

static void
an_item_is_as_seen_if_every_path_holds_an_equal_value(void)
{
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(0, &err);

    for (size_t i = 0; i < sizeof holdings / sizeof holdings[0]; i++) {
        char seen[4096];
        char image[4096];
        bool holds = !holdings[i].holds;

        (void) ko_condition_holds(quoted(holdings[i].seen, seen), quoted(holdings[i].image, image),
                                  arena, &holds, &err);
        CHECK_OK(err);
        if (holds != holdings[i].holds)
            fail_msg("seen %s, image %s: %d", holdings[i].seen, holdings[i].image, holds);
    }
    ko_arena_free(arena);
}

static void
broken_texts_are_no_answer(void)
{
    static const struct {
        const char *seen;
        const char *image;
        enum ko_code code;
    } broken[] = {
        {"['a']", "{}", KO_E_CORRUPT},
        {"{'a'", "{}", KO_E_CORRUPT},
        {"{'a':{'S':'x'}", "{'a':{'S':'x'}}", KO_E_CORRUPT},
        {"{'a':{'S':'x'}}", "{'a'", KO_E_CORRUPT},
        {"{'a':{'S':'x'}}", "{'a':{'S':'x'},'a':{'S':'x'}}", KO_E_CORRUPT},
        {"{'m.x':{'S':'x'}}", "{'m':7}", KO_E_CORRUPT},
        {"{'a':{'S':'x'}}", "{'a':{'Q':'x'}}", KO_E_CORRUPT},
        {"{'a[':{'S':'x'}}", "{}", KO_E_OPTION},
    };
    struct ko_arena *arena;
    struct ko_error none = {0};

    arena = ko_arena_new(0, &none);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        char seen[4096];
        char image[4096];
        struct ko_error err = {0};
        bool holds;

        (void) ko_condition_holds(quoted(broken[i].seen, seen), quoted(broken[i].image, image),
                                  arena, &holds, &err);
        CHECK_CODE(err, broken[i].code);
    }
    ko_arena_free(arena);
}

/* ---- PartiQL ---- */

struct statement {
    const char *primary_key;
    const char *seen;
    const char *all_of;
    const char *expected;
};

#define RETURNING "'ReturnValuesOnConditionCheckFailure':'ALL_OLD',"

static const struct statement statements[] = {
    {"{'pk':{'S':'a'}}", "{}", NULL,
     "{'Parameters':[{'S':'a'}]," RETURNING
     "'Statement':'DELETE FROM \\'t-1\\' WHERE \\'pk\\'=? RETURNING ALL OLD *'}"},
    {"{'pk':{'S':'a'},'sk':{'N':'7'}}", "{'cause':{'S':'x'},'old':null}", NULL,
     "{'Parameters':[{'S':'a'},{'N':'7'},{'S':'x'}]," RETURNING
     "'Statement':'DELETE FROM \\'t-1\\' WHERE \\'pk\\'=? AND \\'sk\\'=? AND \\'cause\\'=? AND "
     "\\'old\\' IS MISSING RETURNING ALL OLD *'}"},
    /* What is in the primary key is not said again, also with all attributes. */
    {"{'pk':{'S':'a'},'sk':{'N':'7'}}", "{'sk':{'N':'7'}}",
     "{'pk':{'S':'a'},'sk':{'N':'7'},'z':{'BOOL':true}}",
     "{'Parameters':[{'S':'a'},{'N':'7'},{'BOOL':true}]," RETURNING
     "'Statement':'DELETE FROM \\'t-1\\' WHERE \\'pk\\'=? AND \\'sk\\'=? AND \\'z\\'=? "
     "RETURNING ALL OLD *'}"},
    /* A path that starts like the primary key is none of it. */
    {"{'pk':{'S':'a'}}", "{'m.pk':{'S':'x'},'pk.m':null,'parts[2].sum':{'N':'1'}}", NULL,
     "{'Parameters':[{'S':'a'},{'S':'x'},{'N':'1'}]," RETURNING
     "'Statement':'DELETE FROM \\'t-1\\' WHERE \\'pk\\'=? AND \\'m\\'.\\'pk\\'=? AND "
     "\\'pk\\'.\\'m\\' IS MISSING AND \\'parts\\'[2].\\'sum\\'=? RETURNING ALL OLD *'}"},
    /* Dots and brackets that belong to a name; of an item every name is plain. */
    {"{'p.k':{'S':'a'}}", "{'p\\\\.k':{'S':'a'},'a\\\\.b':{'S':'x'}}",
     "{'p.k':{'S':'a'},'c.d[0]':{'S':'y'}}",
     "{'Parameters':[{'S':'a'},{'S':'x'},{'S':'y'}]," RETURNING
     "'Statement':'DELETE FROM \\'t-1\\' WHERE \\'p.k\\'=? AND \\'a.b\\'=? AND \\'c.d[0]\\'=? "
     "RETURNING ALL OLD *'}"},
    /* A quote in a name is doubled, a backslash is not; both are escaped for JSON. */
    {"{'p\\'k':{'S':'a'}}", "{'q\\'':{'S':'\\''},'b\\\\\\\\s':null}", NULL,
     "{'Parameters':[{'S':'a'},{'S':'\\''}]," RETURNING
     "'Statement':'DELETE FROM \\'t-1\\' WHERE \\'p\\'\\'k\\'=? AND \\'q\\'\\'\\'=? AND "
     "\\'b\\\\s\\' IS MISSING RETURNING ALL OLD *'}"},
};

static void
a_statement_names_the_item_and_all_that_was_seen(void)
{
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(0, &err);
    struct ko_buf out = {0};

    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        char rooms[3][4096];
        bool fits = false;

        ko_buf_reset(&out);
        (void) ko_condition_add_statement(
            &out, KO_SLICE("t-1"), quoted(statements[i].primary_key, rooms[0]),
            quoted(statements[i].seen, rooms[1]), quoted(statements[i].all_of, rooms[2]), arena,
            &fits, &err);
        CHECK_OK(err);
        assert_true(fits);
        check_added(&out, statements[i].expected);
        (void) ko_json_check(ko_buf_slice(&out), &err);
        CHECK_OK(err);
    }
    ko_buf_clear(&out);
    ko_arena_free(arena);
}

/* ---- expressions ---- */

static const struct statement expressions[] = {
    {"{'pk':{'S':'a'}}", "{}", NULL,
     "'ConditionExpression':'attribute_exists(#k0_0)','ExpressionAttributeNames':{'#k0_0':'pk'}"},
    {"{'pk':{'S':'a'},'sk':{'N':'7'}}", "{'cause':{'S':'x'},'old':null,'pk':{'S':'a'}}", NULL,
     "'ConditionExpression':'#s0_0=:s0 AND attribute_not_exists(#s1_0) AND "
     "attribute_exists(#k0_0)','ExpressionAttributeNames':{'#s0_0':'cause','#s1_0':'old',"
     "'#k0_0':'pk'},'ExpressionAttributeValues':{':s0':{'S':'x'}}"},
    {"{'pk':{'S':'a'}}", "{'old':null,'z':{'N':'1'}}", "{'pk':{'S':'a'},'y':{'N':'2'}}",
     "'ConditionExpression':'attribute_not_exists(#s0_0) AND #s1_0=:s1 AND #s2_0=:s2 AND "
     "attribute_exists(#k0_0)','ExpressionAttributeNames':{'#s0_0':'old','#s1_0':'z',"
     "'#s2_0':'y','#k0_0':'pk'},'ExpressionAttributeValues':{':s1':{'N':'1'},':s2':{'N':'2'}}"},
    {"{'pk':{'S':'a'}}", "{'old':null}", NULL,
     "'ConditionExpression':'attribute_not_exists(#s0_0) AND attribute_exists(#k0_0)',"
     "'ExpressionAttributeNames':{'#s0_0':'old','#k0_0':'pk'}"},
    {"{'p\\'k':{'S':'a'}}", "{'m.x\\\\.y':{'S':'1'},'l[2].q\\'':null}", NULL,
     "'ConditionExpression':'#s0_0.#s0_1=:s0 AND attribute_not_exists(#s1_0[2].#s1_2) AND "
     "attribute_exists(#k0_0)','ExpressionAttributeNames':{'#s0_0':'m','#s0_1':'x.y',"
     "'#s1_0':'l','#s1_2':'q\\'','#k0_0':'p\\'k'},'ExpressionAttributeValues':{':s0':{'S':'1'}}"},
};

static void
an_expression_says_the_same_and_that_the_item_is_there(void)
{
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(0, &err);
    struct ko_buf out = {0};

    for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++) {
        char rooms[3][4096];
        bool fits = false;

        ko_buf_reset(&out);
        (void) ko_condition_add_members(&out, quoted(expressions[i].primary_key, rooms[0]),
                                        quoted(expressions[i].seen, rooms[1]),
                                        quoted(expressions[i].all_of, rooms[2]), arena, &fits,
                                        &err);
        CHECK_OK(err);
        assert_true(fits);
        check_added(&out, expressions[i].expected);
    }
    ko_buf_clear(&out);
    ko_arena_free(arena);
}

static void
absence_is_a_condition_too(void)
{
    struct ko_error err = {0};
    struct ko_buf out = {0};
    char room[4096];

    (void) ko_condition_add_absence(&out, quoted("{'p\\'k':{'S':'a'},'sk':{'N':'1'}}", room), &err);
    CHECK_OK(err);
    check_added(&out, "'ConditionExpression':'attribute_not_exists(#k)',"
                      "'ExpressionAttributeNames':{'#k':'p\\'k'}");
    ko_buf_reset(&out);
    (void) ko_condition_add_absence(&out, KO_SLICE("7"), &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    ko_buf_clear(&out);
}

/* ---- limits and failures ---- */

/* {"aaa...":null} with a name of n letters. */
static struct ko_slice
seen_of_length(struct ko_buf *out, size_t n)
{
    ko_buf_reset(out);
    ko_buf_add_text(out, "{\"");
    for (size_t i = 0; i < n; i++)
        ko_buf_add_char(out, 'a');
    ko_buf_add_text(out, "\":null}");
    return ko_buf_slice(out);
}

static void
what_the_service_would_not_take_does_not_fit(void)
{
    /* DELETE FROM "t" WHERE "pk"=? AND "aaa" IS MISSING RETURNING ALL OLD * */
    const size_t rest = strlen("DELETE FROM \"t\" WHERE \"pk\"=? AND \"\" IS MISSING "
                               "RETURNING ALL OLD *");
    const struct ko_slice primary_key = KO_SLICE("{\"pk\":{\"S\":\"a\"}}");
    const struct ko_slice none = {NULL, 0};
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(0, &err);
    struct ko_buf out = {0};
    struct ko_buf seen = {0};
    bool fits = false;

    (void) ko_condition_add_statement(&out, KO_SLICE("t"), primary_key,
                                      seen_of_length(&seen, KO_STATEMENT_CHARACTERS_MAX - rest),
                                      none, arena, &fits, &err);
    CHECK_OK(err);
    assert_true(fits);
    ko_buf_reset(&out);
    (void) ko_condition_add_statement(&out, KO_SLICE("t"), primary_key,
                                      seen_of_length(&seen, KO_STATEMENT_CHARACTERS_MAX - rest + 1),
                                      none, arena, &fits, &err);
    CHECK_OK(err);
    assert_false(fits);
    assert_int_equal(out.n, 0);
    ko_buf_clear(&out);
    ko_buf_clear(&seen);
    ko_arena_free(arena);
}

/* Is a condition on n attributes, each of so many names, taken in both forms? */
static void
ask_whether_it_fits(size_t n, size_t n_names, bool *fits_statement, bool *fits_expression)
{
    const struct ko_slice primary_key = KO_SLICE("{\"pk\":{\"S\":\"a\"}}");
    const struct ko_slice none = {NULL, 0};
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(0, &err);
    struct ko_buf out = {0};
    struct ko_buf seen = {0};

    for (size_t i = 0; i < n; i++) {
        ko_buf_add_format(&seen, "%s\"a%zu", i == 0 ? "{" : ",", i);
        for (size_t k = 1; k < n_names; k++)
            ko_buf_add_text(&seen, ".m");
        ko_buf_add_text(&seen, "\":{\"S\":\"x\"}");
    }
    ko_buf_add_char(&seen, '}');
    (void) ko_condition_add_statement(&out, KO_SLICE("t"), primary_key, ko_buf_slice(&seen), none,
                                      arena, fits_statement, &err);
    CHECK_OK(err);
    assert_int_equal(*fits_statement, out.n > 0);
    ko_buf_reset(&out);
    (void) ko_condition_add_members(&out, primary_key, ko_buf_slice(&seen), none, arena,
                                    fits_expression, &err);
    CHECK_OK(err);
    assert_int_equal(*fits_expression, out.n > 0);
    ko_buf_clear(&out);
    ko_buf_clear(&seen);
    ko_arena_free(arena);
}

static void
too_many_attributes_do_not_fit(void)
{
    bool fits_statement;
    bool fits_expression;

    ask_whether_it_fits(KO_CONDITION_TERMS_MAX - 2, 1, &fits_statement, &fits_expression);
    assert_true(fits_statement && fits_expression);
    ask_whether_it_fits(KO_CONDITION_TERMS_MAX - 1, 1, &fits_statement, &fits_expression);
    assert_true(!fits_statement && fits_expression);
    ask_whether_it_fits(KO_CONDITION_TERMS_MAX, 1, &fits_statement, &fits_expression);
    assert_true(!fits_statement && !fits_expression);
}

/* attribute_exists(#k0_0), and of each attribute #s1_0.#s1_1.#s1_2.#s1_3.#s1_4.#s1_5=:s1 AND */
static void
an_expression_that_is_too_long_does_not_fit(void)
{
    const size_t n_fitting = 10 + (KO_EXPRESSION_BYTES_MAX - 23 - 10 * 44) / 51;
    bool fits_statement;
    bool fits_expression;

    ask_whether_it_fits(n_fitting, 6, &fits_statement, &fits_expression);
    assert_true(fits_statement && fits_expression);
    ask_whether_it_fits(n_fitting + 1, 6, &fits_statement, &fits_expression);
    assert_true(fits_statement && !fits_expression);
}

static enum ko_code
add_both(struct ko_error *err)
{
    const struct ko_slice primary_key = KO_SLICE("{\"pk\":{\"S\":\"a\"}}");
    const struct ko_slice seen = KO_SLICE("{\"m.x\":{\"S\":\"1\"},\"o\":null}");
    const struct ko_slice all_of = KO_SLICE("{\"m\":{\"M\":{\"x\":{\"S\":\"1\"}}}}");
    struct ko_arena *arena = ko_arena_new(16, err);
    struct ko_buf out = {0};
    bool fits;

    KO_TRY(err->code);
    KO_TRY(ko_condition_holds(seen, all_of, arena, &fits, err));
    KO_TRY(ko_condition_add_statement(&out, KO_SLICE("t"), primary_key, seen, all_of, arena, &fits,
                                      err));
    KO_TRY(ko_condition_add_members(&out, primary_key, seen, all_of, arena, &fits, err));
    KO_TRY(ko_condition_add_absence(&out, primary_key, err));

done:
    ko_buf_clear(&out);
    ko_arena_free(arena);
    return err->code;
}

static void
every_failed_allocation_is_told(void)
{
    uint64_t nth = 0;
    enum ko_code code = KO_E_MEMORY;

    while (code != KO_OK) {
        const uint64_t n_live = ko_mem_live();
        struct ko_error err = {0};

        ko_mem_fail_nth(++nth);
        code = add_both(&err);
        ko_mem_fail_nth(0);
        assert_int_equal(ko_mem_live(), n_live);
        if (code != KO_OK)
            CHECK_CODE(err, KO_E_MEMORY);
    }
    assert_true(nth > 10);
}

CASES = {
    CASE(an_item_is_as_seen_if_every_path_holds_an_equal_value),
    CASE(broken_texts_are_no_answer),
    CASE(a_statement_names_the_item_and_all_that_was_seen),
    CASE(an_expression_says_the_same_and_that_the_item_is_there),
    CASE(absence_is_a_condition_too),
    CASE(what_the_service_would_not_take_does_not_fit),
    CASE(too_many_attributes_do_not_fit),
    CASE(an_expression_that_is_too_long_does_not_fit),
    CASE(every_failed_allocation_is_told),
};
RUN_CASES
