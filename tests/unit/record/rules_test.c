#include "keepone/record/rules.h"

#include "items.h"

/* The options of most cases: a table with pk and sk. */
static struct ko_rules_options
options_of(const char *key, const char *keep)
{
    return (struct ko_rules_options){.hash_name = KO_SLICE("pk"),
                                     .range_name = KO_SLICE("sk"),
                                     .key = ko_slice_of(key),
                                     .keep = ko_slice_of(keep)};
}

static struct ko_rules *
rules_from(const struct ko_rules_options *options)
{
    struct ko_error err = {0};
    struct ko_rules *rules = ko_rules_new(options, &err);

    CHECK_OK(err);
    return rules;
}

/* "pk sk cause:key,seen ..." */
static void
print_looked(const struct ko_rules *rules, struct ko_buf *out)
{
    for (size_t i = 0; i < rules->n_looked; i++) {
        const struct ko_looked *looked = &rules->looked[i];

        ko_buf_add_format(out, "%s%.*s", i > 0 ? " " : "", KO_SLICE_ARG(looked->path.text));
        ko_buf_add_text(out, looked->is_key ? ":key" : "");
        ko_buf_add_text(out, looked->is_keep ? ":keep" : "");
        ko_buf_add_text(out, looked->is_same ? ":same" : "");
        ko_buf_add_text(out, looked->is_where ? ":where" : "");
        ko_buf_add_text(out, looked->is_ttl ? ":ttl" : "");
        ko_buf_add_text(out, looked->is_seen ? ":seen" : "");
    }
}

static void
check_looked(const struct ko_rules_options *options, const char *expected)
{
    struct ko_rules *rules = rules_from(options);
    struct ko_buf out = {0};

    print_looked(rules, &out);
    CHECK_SLICE(ko_buf_slice(&out), expected);
    ko_buf_clear(&out);
    ko_rules_free(rules);
}

static void
paths_are_numbered_primary_key_first_then_by_text(void)
{
    struct ko_rules_options options = options_of("zeta,alpha", "oldest:mid");

    check_looked(&options, "pk sk alpha:key:seen mid:keep:seen zeta:key:seen");
    options.key = KO_SLICE("alpha,zeta");
    check_looked(&options, "pk sk alpha:key:seen mid:keep:seen zeta:key:seen");
    options.range_name = (struct ko_slice){0};
    check_looked(&options, "pk alpha:key:seen mid:keep:seen zeta:key:seen");
}

static void
a_path_used_by_several_options_is_looked_at_once(void)
{
    struct ko_rules_options options = options_of("pk,cause", "newest:cause,has:sk");

    options.same = KO_SLICE("cause,extra,cause");
    options.where = KO_SLICE("cause = 1 and expires > 2");
    options.ttl = KO_SLICE("expires");
    check_looked(&options, "pk:key:seen sk:keep:seen cause:key:keep:same:where:seen "
                           "expires:where:ttl:seen extra:same:seen");
}

static void
overlapping_paths_stay_apart_and_share_a_name(void)
{
    const struct ko_rules_options options = options_of("a,a.b,a[1]", "any");
    struct ko_rules *rules = rules_from(&options);
    struct ko_buf expression = {0};
    struct ko_buf names = {0};

    assert_int_equal(rules->n_looked, 5);
    assert_int_equal(rules->n_names, 3);
    assert_false(rules->is_flat);
    for (size_t i = 2; i < 5; i++)
        assert_int_equal(rules->looked[i].name_index, 2);
    ko_rules_add_projection(rules, &expression, &names);
    CHECK_SLICE(ko_buf_slice(&expression), "#p0,#p1,#p2");
    CHECK_SLICE(ko_buf_slice(&names), "\"#p0\":\"pk\",\"#p1\":\"sk\",\"#p2\":\"a\"");
    ko_buf_clear(&expression);
    ko_buf_clear(&names);
    ko_rules_free(rules);
}

static void
names_of_the_table_are_plain_and_others_are_paths(void)
{
    const struct ko_rules_options options = {.hash_name = KO_SLICE("p.k"),
                                             .ttl = KO_SLICE("t[0]"),
                                             .key = KO_SLICE("p\\.k,p.k"),
                                             .keep = KO_SLICE("any")};

    check_looked(&options, "p\\.k:key:seen p.k:key:seen t\\[0\\]:ttl:seen");
}

static void
key_parts_are_sorted_with_their_normalisers(void)
{
    const struct ko_rules_options options =
        options_of(" message , handle:lower:trim:lower,a\\:b : nfkc:space", "any");
    struct ko_rules *rules = rules_from(&options);

    assert_int_equal(rules->n_key, 3);
    CHECK_SLICE(rules->key[0].prefix, "{\"a\\\\:b\":");
    assert_int_equal(rules->key[0].normalisers, KO_NFKC | KO_SPACE);
    CHECK_SLICE(rules->key[1].prefix, ",\"handle\":");
    assert_int_equal(rules->key[1].normalisers, KO_LOWER | KO_TRIM);
    CHECK_SLICE(rules->key[2].prefix, ",\"message\":");
    assert_int_equal(rules->key[2].normalisers, 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(rules->key[i].path_index, 2 + i);
    ko_rules_free(rules);
}

static void
seen_is_by_path_text_even_with_primary_key_attributes(void)
{
    const struct ko_rules_options options = options_of("z,a,sk", "has:pk,any");
    struct ko_rules *rules = rules_from(&options);
    struct ko_buf out = {0};

    for (size_t i = 0; i < rules->n_seen; i++)
        ko_buf_add_format(&out, "%.*s ", KO_SLICE_ARG(rules->looked[rules->seen[i]].path.text));
    CHECK_SLICE(ko_buf_slice(&out), "a pk sk z ");
    ko_buf_clear(&out);
    ko_rules_free(rules);
}

static void
keep_rules_stand_in_the_order_given(void)
{
    static const char *const expected[] = {
        "0 z ", "1 a ", "2 b ", "3 c ", "4 d ", "4 d ", "5 e {\"S\":\"x\"}"};
    const struct ko_rules_options options =
        options_of("k", "oldest:z,newest:a,min:b,max:c, has:d ,has : d,equals:e=x");
    struct ko_rules *rules = rules_from(&options);
    struct ko_buf out = {0};

    assert_int_equal(rules->n_keep, 7);
    assert_false(rules->keep_any);
    for (size_t i = 0; i < rules->n_keep; i++) {
        const struct ko_keep_rule *rule = &rules->keep[i];

        ko_buf_reset(&out);
        ko_buf_add_format(&out, "%d %.*s ", (int) rule->kind,
                          KO_SLICE_ARG(rules->looked[rule->path_index].path.text));
        ko_buf_add_slice(&out, rule->equals);
        CHECK_SLICE(ko_buf_slice(&out), expected[i]);
    }
    ko_buf_clear(&out);
    ko_rules_free(rules);
}

static void
values_of_equals_are_typed_by_how_they_are_written(void)
{
    static const char *const rows[][2] = {
        {"equals:a=x,any", "{\"S\":\"x\"}"},
        {"equals:a=two words ,any", "{\"S\":\"two words\"}"},
        {"equals:a=\"x,y=\\\"z\\\"\",any", "{\"S\":\"x,y=\\\"z\\\"\"}"},
        {"equals:a= 'any' ,any", "{\"S\":\"any\"}"},
        {"equals:a=1.50,any", "{\"N\":\"1.5\"}"},
        {"equals:a='1.50',any", "{\"S\":\"1.50\"}"},
        {"equals:a=2024-05-06,any", "{\"S\":\"2024-05-06\"}"},
        {"equals:a=true,any", "{\"BOOL\":true}"},
        {"equals:a=FALSE,any", "{\"BOOL\":false}"},
        {"equals:a=null,any", "{\"NULL\":true}"},
        {"equals:a=b64\"AQ==\",any", "{\"B\":\"AQ==\"}"},
        {"equals:a\\=b.c=d=e,any", "{\"S\":\"d=e\"}"},
        {"equals:a=it's,any", "{\"S\":\"it's\"}"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_rules_options options = options_of("k", rows[i][0]);
        struct ko_rules *rules = rules_from(&options);

        assert_int_equal(rules->n_keep, 1);
        assert_true(rules->keep_any);
        CHECK_SLICE(rules->keep[0].equals, rows[i][1]);
        ko_rules_free(rules);
    }
}

static void
any_alone_is_a_list(void)
{
    const struct ko_rules_options options = options_of("k", "any");
    struct ko_rules *rules = rules_from(&options);

    assert_int_equal(rules->n_keep, 0);
    assert_true(rules->keep_any);
    ko_rules_free(rules);
}

static void
rules_without_a_key_look_at_the_primary_key(void)
{
    struct ko_rules_options options = options_of(NULL, NULL);

    options.where = KO_SLICE("a = 1");
    check_looked(&options, "pk sk a:where:seen");
    ko_rules_free(NULL);
}

static void
a_bad_key_or_keep_list_is_an_error_that_names_it(void)
{
    static const char *const rows[][3] = {
        {"", "any", "--key '': attribute path '': a name is empty"},
        {"a,", "any", "--key 'a,': attribute path '': a name is empty"},
        {"a,b,a:trim", "any", "--key 'a,b,a:trim': attribute 'a' is named twice"},
        {"a:trimm", "any", "--key 'a:trimm': unknown normaliser 'trimm'"},
        {"a:", "any", "--key 'a:': unknown normaliser ''"},
        {"a[", "any", "--key 'a[': attribute path 'a['"},
        {"a\xFF", "any", "--key 'a\xFF': the list is not valid UTF-8 at byte 2"},
        {"a", NULL, "--key needs --keep"},
        {"a", "", "--keep '': unknown rule ''"},
        {"a", "any,oldest:b", "--keep 'any,oldest:b': 'any' is not at the end"},
        {"a", "any,any", "--keep 'any,any': 'any' is not at the end"},
        {"a", "oldest:b,", "--keep 'oldest:b,': unknown rule ''"},
        {"a", "first:b", "--keep 'first:b': unknown rule 'first'"},
        {"a", "oldest", "--keep 'oldest': rule 'oldest' names no attribute"},
        {"a", "oldest:", "--keep 'oldest:': attribute path '': a name is empty"},
        {"a", "any:b", "--keep 'any:b': unknown rule 'any'"},
        {"a", "oldest:b:c", "--keep 'oldest:b:c': attribute path 'b:c'"},
        {"a", "equals:b", "--keep 'equals:b': equals: has no value"},
        {"a", "equals:b=", "--keep 'equals:b=': equals: has no value"},
        {"a", "equals:b=\"x", "--keep 'equals:b=\"x': the quotes of the value \"x do not match"},
        {"a", "equals:b=\"x\"y", "--keep 'equals:b=\"x\"y': the quotes of the value"},
        {"a", "equals:b=\"x\\y\"", "--keep 'equals:b=\"x\\y\"': a lone backslash"},
        {"a", "equals:b=b64\"!\"", "--keep 'equals:b=b64\"!\"': b64\"!\" is not base64"},
        {"a", "any\xFF", "--keep 'any\xFF': the list is not valid UTF-8 at byte 4"},
        {NULL, "any", "--keep and --same need a --key"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ko_rules_options options = options_of(rows[i][0], rows[i][1]);
        struct ko_error err = {0};

        assert_null(ko_rules_new(&options, &err));
        CHECK_CODE(err, KO_E_OPTION);
        CHECK_ERROR_SAYS(err, rows[i][2]);
        if (err.hint[0] == '\0' && strstr(err.text, "twice") == NULL)
            fail_msg("no hint for '%s'", err.text);
    }
}

static void
a_bad_other_option_is_an_error_that_names_it(void)
{
    const struct {
        struct ko_rules_options options;
        const char *says;
    } rows[] = {
        {{.key = KO_SLICE("a")}, "--primary-key: an attribute name is empty"},
        {{.hash_name = KO_SLICE("p"), .range_name = KO_SLICE("p")},
         "--primary-key: both key attributes are named 'p'"},
        {{.hash_name = KO_SLICE("p"), .same = KO_SLICE("a")}, "--keep and --same need a --key"},
        {{.hash_name = KO_SLICE("p"),
          .key = KO_SLICE("k"),
          .keep = KO_SLICE("any"),
          .same = KO_SLICE("a,b:c")},
         "--same 'a,b:c': attribute path 'b:c'"},
        {{.hash_name = KO_SLICE("p"), .where = KO_SLICE("a =")},
         "where: an attribute was expected"},
        {{.hash_name = KO_SLICE("p"), .ttl = KO_SLICE("")}, "--ttl: an attribute name is empty"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ko_error err = {0};

        assert_null(ko_rules_new(&rows[i].options, &err));
        CHECK_CODE(err, KO_E_OPTION);
        CHECK_ERROR_SAYS(err, rows[i].says);
    }
}

/* n elements: "<start>0,<start>1,..." */
static void
add_list(struct ko_buf *out, const char *start, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ko_buf_add_format(out, "%s%s%zu", i > 0 ? "," : "", start, i);
    ko_buf_add_char(out, '\0');
}

static void
too_many_rules_or_attributes_are_refused(void)
{
    struct ko_buf list = {0};
    struct ko_error err = {0};
    struct ko_rules_options options = options_of("k", "any");

    add_list(&list, "has:a", KO_KEEP_RULES_MAX + 1);
    options.keep = ko_slice_of(list.data);
    assert_null(ko_rules_new(&options, &err));
    CHECK_ERROR_SAYS(err, "more than 16 rules");

    err = (struct ko_error){0};
    ko_buf_reset(&list);
    add_list(&list, "a", KO_LOOKED_MAX - 1);
    options = options_of(list.data, "any");
    assert_null(ko_rules_new(&options, &err));
    CHECK_ERROR_SAYS(err, "more than 64 different attributes are looked at");

    ko_buf_reset(&list);
    add_list(&list, "a", KO_LOOKED_MAX - 2);
    options = options_of(list.data, "any");
    ko_rules_free(rules_from(&options));
    ko_buf_clear(&list);
}

static void
looking_at_an_item_follows_every_path(void)
{
    const struct ko_rules_options options = options_of("a.b,a.c[0]", "oldest:t");
    struct ko_rules *rules = rules_from(&options);
    struct ko_slice values[KO_LOOKED_MAX];
    struct ko_error err = {0};

    (void) look_at_item(rules,
                        "{\"a\":{\"M\":{\"c\":{\"L\":[{\"N\":\"1\"}]},\"b\":{\"S\":\"x\"}}},"
                        "\"pk\":{\"S\":\"p\"}}",
                        values, &err);
    CHECK_OK(err);
    CHECK_SLICE(values[0], "{\"S\":\"p\"}");
    assert_null(values[1].data);
    CHECK_SLICE(values[2], "{\"S\":\"x\"}");
    CHECK_SLICE(values[3], "{\"N\":\"1\"}");
    assert_null(values[4].data);
    ko_rules_free(rules);
}

static void
flat_rules_look_in_place(void)
{
    const struct ko_rules_options options = options_of("a", "any");
    struct ko_rules *rules = rules_from(&options);
    struct ko_slice given[3] = {KO_SLICE("1"), KO_SLICE("2"), KO_SLICE("3")};
    struct ko_slice values[3] = {{0}};
    struct ko_error err = {0};

    assert_true(rules->is_flat);
    CHECK_CODE(err, ko_rules_look(rules, given, values, &err));
    CHECK_SLICE(values[2], "3");
    CHECK_CODE(err, ko_rules_look(rules, given, given, &err));
    CHECK_SLICE(given[0], "1");
    ko_rules_free(rules);
}

static enum ko_code
make_rules(struct ko_error *err)
{
    struct ko_rules_options options = options_of("b:trim,a.x", "oldest:t,equals:e=1,equals:f=g");
    struct ko_rules *rules;

    options.same = KO_SLICE("s");
    options.where = KO_SLICE("w = 1");
    options.ttl = KO_SLICE("ttl");
    rules = ko_rules_new(&options, err);
    assert_true((rules == NULL) == (err->code != KO_OK));
    ko_rules_free(rules);
    return err->code;
}

static void
making_rules_without_memory_is_an_error(void)
{
    check_every_allocation(make_rules);
}

CASES = {
    CASE(paths_are_numbered_primary_key_first_then_by_text),
    CASE(a_path_used_by_several_options_is_looked_at_once),
    CASE(overlapping_paths_stay_apart_and_share_a_name),
    CASE(names_of_the_table_are_plain_and_others_are_paths),
    CASE(key_parts_are_sorted_with_their_normalisers),
    CASE(seen_is_by_path_text_even_with_primary_key_attributes),
    CASE(keep_rules_stand_in_the_order_given),
    CASE(values_of_equals_are_typed_by_how_they_are_written),
    CASE(any_alone_is_a_list),
    CASE(rules_without_a_key_look_at_the_primary_key),
    CASE(a_bad_key_or_keep_list_is_an_error_that_names_it),
    CASE(a_bad_other_option_is_an_error_that_names_it),
    CASE(too_many_rules_or_attributes_are_refused),
    CASE(looking_at_an_item_follows_every_path),
    CASE(flat_rules_look_in_place),
    CASE(making_rules_without_memory_is_an_error),
};
RUN_CASES
