#include "keepone/format/value.h"
#include "literal_priv.h"
#include "rules_priv.h"
#include "text_priv.h"

static const struct {
    const char *name;
    enum ko_normaliser normaliser;
} normalisers[] = {
    {"trim", KO_TRIM},
    {"space", KO_SPACE},
    {"lower", KO_LOWER},
    {"nfkc", KO_NFKC},
};

static const struct {
    const char *name;
    enum ko_keep_kind kind;
} keep_kinds[] = {
    {"oldest", KO_KEEP_OLDEST}, {"newest", KO_KEEP_NEWEST}, {"min", KO_KEEP_MIN},
    {"max", KO_KEEP_MAX},       {"has", KO_KEEP_HAS},       {"equals", KO_KEEP_EQUALS},
};

static const char keep_hint[] =
    "the rules are oldest:ATTRIBUTE, newest:ATTRIBUTE, min:ATTRIBUTE, max:ATTRIBUTE, "
    "has:ATTRIBUTE, equals:ATTRIBUTE=VALUE and, at the end, any.";

/*
 * Cuts off and returns what stands before the first separator; *rest is what stands behind it,
 * absent if there is none.  A separator behind a backslash, or in a quoted value (which stands
 * behind an equals sign), separates nothing.
 */
static struct ko_slice
cut(struct ko_slice *rest, char separator)
{
    const struct ko_slice text = *rest;
    size_t at = 0;
    bool is_value = false; /* the last character was an equals sign */

    while (at < text.n && text.data[at] != separator) {
        const struct ko_slice tail = {text.data + at, text.n - at};
        size_t n = text.data[at] == '\\' ? 2 : 1;

        if (is_value && ko_literal_is_quoted(tail) && ko_literal_quoted_bytes(tail) > 0)
            n = ko_literal_quoted_bytes(tail);
        is_value = text.data[at] == '=';
        at += n;
    }
    if (at >= text.n) {
        *rest = (struct ko_slice){0};
        return text;
    }
    *rest = (struct ko_slice){text.data + at + 1, text.n - at - 1};
    return (struct ko_slice){text.data, at};
}

/* Without the spaces around it; one behind a backslash belongs to a name. */
static struct ko_slice
trimmed(struct ko_slice text)
{
    while (text.n > 0 && ko_text_is_space(text.data[0])) {
        text.data++;
        text.n--;
    }
    while (text.n > 0 && ko_text_is_space(text.data[text.n - 1]) &&
           !(text.n > 1 && text.data[text.n - 2] == '\\'))
        text.n--;
    return text;
}

static struct ko_slice
next_element(struct ko_slice *rest)
{
    return trimmed(cut(rest, ','));
}

/* Parses the path and finds its number. */
static enum ko_code
look_at(struct ko_rules *rules, struct ko_slice text, size_t *path_index, struct ko_error *err)
{
    struct ko_path path;

    KO_TRY(ko_path_parse(trimmed(text), rules->arena, &path, err));
    KO_TRY(ko_rules_add_path(rules, &path, path_index, err));

done:
    return err->code;
}

static enum ko_code
add_normaliser(struct ko_slice name, unsigned *set, struct ko_error *err)
{
    for (size_t i = 0; i < sizeof normalisers / sizeof normalisers[0]; i++) {
        if (ko_slice_equal(name, ko_slice_of(normalisers[i].name))) {
            *set |= normalisers[i].normaliser;
            return err->code;
        }
    }
    (void) ko_fail(err, KO_E_OPTION, "unknown normaliser '%.*s'", KO_SLICE_ARG(name));
    ko_hint(err, "the normalisers are trim, space, lower and nfkc; a colon that belongs to the "
                 "attribute's name needs a backslash before it.");
    return err->code;
}

static enum ko_code
read_key_part(struct ko_rules *rules, struct ko_slice element, struct ko_error *err)
{
    struct ko_slice rest = element;
    struct ko_key_part part = {0};

    KO_TRY(look_at(rules, cut(&rest, ':'), &part.path_index, err));
    while (rest.data != NULL)
        KO_TRY(add_normaliser(trimmed(cut(&rest, ':')), &part.normalisers, err));
    if (rules->looked[part.path_index].is_key)
        return ko_fail(err, KO_E_OPTION, "attribute '%.*s' is named twice",
                       KO_SLICE_ARG(rules->looked[part.path_index].path.text));
    rules->looked[part.path_index].is_key = true;
    rules->key[rules->n_key++] = part;

done:
    return err->code;
}

enum ko_code
ko_rules_read_key(struct ko_rules *rules, struct ko_slice text, struct ko_error *err)
{
    struct ko_slice rest = text;

    KO_TRY(ko_text_check(text, "the list", err));
    do
        KO_TRY(read_key_part(rules, next_element(&rest), err));
    while (rest.data != NULL);

done:
    ko_context(err, "--key '%.*s'", KO_SLICE_ARG(text));
    return err->code;
}

enum ko_code
ko_rules_read_same(struct ko_rules *rules, struct ko_slice text, struct ko_error *err)
{
    struct ko_slice rest = text;
    size_t path_index;

    KO_TRY(ko_text_check(text, "the list", err));
    do {
        KO_TRY(look_at(rules, next_element(&rest), &path_index, err));
        if (!rules->looked[path_index].is_same)
            rules->same[rules->n_same++] = path_index;
        rules->looked[path_index].is_same = true;
    } while (rest.data != NULL);

done:
    ko_context(err, "--same '%.*s'", KO_SLICE_ARG(text));
    return err->code;
}

/* A quoted text, a number, true, false or null; any other bare word is a text. */
static enum ko_code
add_equals_value(struct ko_slice text, struct ko_buf *out, struct ko_error *err)
{
    struct ko_error why = {0};
    enum ko_value_type type;

    if (text.n == 0)
        return ko_fail(err, KO_E_OPTION, "equals: has no value behind the equals sign");
    if (ko_literal_is_quoted(text)) {
        if (ko_literal_quoted_bytes(text) != text.n)
            return ko_fail(err, KO_E_OPTION, "the quotes of the value %.*s do not match",
                           KO_SLICE_ARG(text));
        return ko_literal_add(text, out, &type, err);
    }
    if (ko_literal_add(text, out, &type, &why) == KO_E_OPTION) {
        ko_buf_reset(out);
        ko_value_add_text(out, text);
    }
    return ko_buf_finish(out, err);
}

static enum ko_code
read_equals(struct ko_rules *rules, struct ko_slice text, struct ko_keep_rule *rule,
            struct ko_error *err)
{
    struct ko_slice rest = text;
    struct ko_buf value = {0};

    KO_TRY(look_at(rules, cut(&rest, '='), &rule->path_index, err));
    KO_TRY(add_equals_value(trimmed(rest), &value, err));
    rule->equals = ko_arena_copy(rules->arena, ko_buf_slice(&value), err);

done:
    ko_buf_clear(&value);
    return err->code;
}

static enum ko_code
find_keep_kind(struct ko_slice word, enum ko_keep_kind *kind, struct ko_error *err)
{
    for (size_t i = 0; i < sizeof keep_kinds / sizeof keep_kinds[0]; i++) {
        if (ko_slice_equal(word, ko_slice_of(keep_kinds[i].name))) {
            *kind = keep_kinds[i].kind;
            return err->code;
        }
    }
    return ko_fail(err, KO_E_OPTION, "unknown rule '%.*s'", KO_SLICE_ARG(word));
}

static enum ko_code
read_keep_rule(struct ko_rules *rules, struct ko_slice element, struct ko_error *err)
{
    struct ko_keep_rule rule = {0};
    struct ko_slice rest = element;
    const struct ko_slice word = trimmed(cut(&rest, ':'));

    if (rules->keep_any)
        return ko_fail(err, KO_E_OPTION, "'any' is not at the end");
    if (ko_slice_equal(word, KO_SLICE("any")) && rest.data == NULL) {
        rules->keep_any = true;
        return err->code;
    }
    if (rules->n_keep == KO_KEEP_RULES_MAX)
        return ko_fail(err, KO_E_OPTION, "more than %d rules", KO_KEEP_RULES_MAX);
    KO_TRY(find_keep_kind(word, &rule.kind, err));
    if (rest.data == NULL)
        return ko_fail(err, KO_E_OPTION, "rule '%.*s' names no attribute", KO_SLICE_ARG(word));
    if (rule.kind == KO_KEEP_EQUALS)
        KO_TRY(read_equals(rules, rest, &rule, err));
    else
        KO_TRY(look_at(rules, rest, &rule.path_index, err));
    rules->looked[rule.path_index].is_keep = true;
    rules->keep[rules->n_keep++] = rule;

done:
    return err->code;
}

enum ko_code
ko_rules_read_keep(struct ko_rules *rules, struct ko_slice text, struct ko_error *err)
{
    struct ko_slice rest = text;

    KO_TRY(ko_text_check(text, "the list", err));
    do
        KO_TRY(read_keep_rule(rules, next_element(&rest), err));
    while (rest.data != NULL);

done:
    if (err->code == KO_E_OPTION)
        ko_hint(err, "%s", keep_hint);
    ko_context(err, "--keep '%.*s'", KO_SLICE_ARG(text));
    return err->code;
}
