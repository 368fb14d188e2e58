#include "where_lexer_priv.h"

#include "literal_priv.h"
#include "text_priv.h"

enum ko_code
ko_lexer_fail(const struct ko_lexer *lexer, const struct ko_token *token, const char *what,
              struct ko_error *err)
{
    const size_t offset = (size_t) (token->text.data - lexer->text.data);
    const struct ko_slice found = token->kind == KO_TOKEN_END ? KO_SLICE("the end") : token->text;

    return ko_fail(err, KO_E_OPTION, "where: %s at character %zu, at '%.*s'", what,
                   ko_text_character(lexer->text, offset), KO_SLICE_ARG(found));
}

static bool
ends_word(char c)
{
    return ko_text_is_space(c) || (c != '\0' && strchr("()=<>,\"'!", c) != NULL);
}

/* A backslash takes the next character into the word, whatever it is. */
static size_t
word_bytes(struct ko_slice text)
{
    size_t n = 0;

    while (n < text.n && !ends_word(text.data[n]))
        n += text.data[n] == '\\' ? 2 : 1;
    return n < text.n ? n : text.n;
}

static bool
begins_with_call(struct ko_slice text)
{
    while (text.n > 0 && ko_text_is_space(text.data[0])) {
        text.data++;
        text.n--;
    }
    return text.n > 0 && text.data[0] == '(';
}

static size_t
compare_bytes(struct ko_slice text)
{
    const char second = text.n > 1 ? text.data[1] : '\0';

    if (text.data[0] == '=')
        return 1;
    return second == '=' || (text.data[0] == '<' && second == '>') ? 2 : 1;
}

/* rest begins with the token; sets all but the data of token->text. */
static enum ko_code
classify(const struct ko_lexer *lexer, struct ko_slice rest, struct ko_token *token,
         struct ko_error *err)
{
    token->kind = KO_TOKEN_WORD;
    token->text.n = 1;
    switch (rest.data[0]) {
    case '(':
        token->kind = KO_TOKEN_OPEN;
        return err->code;
    case ')':
        token->kind = KO_TOKEN_CLOSE;
        return err->code;
    case ',':
        token->kind = KO_TOKEN_COMMA;
        return err->code;
    case '=':
    case '<':
    case '>':
        token->kind = KO_TOKEN_COMPARE;
        token->text.n = compare_bytes(rest);
        return err->code;
    case '!':
        (void) ko_lexer_fail(lexer, token, "an unknown operator", err);
        ko_hint(err, "write <> for \"is not\".");
        return err->code;
    default:
        break;
    }
    if (ko_literal_is_quoted(rest)) {
        token->kind = KO_TOKEN_LITERAL;
        token->text.n = ko_literal_quoted_bytes(rest);
        if (token->text.n > 0)
            return err->code;
        token->text.n = rest.n;
        return ko_lexer_fail(lexer, token, "a text without its closing quote", err);
    }
    token->text.n = word_bytes(rest);
    token->is_call =
        begins_with_call((struct ko_slice){rest.data + token->text.n, rest.n - token->text.n});
    if (ko_literal_is_number(token->text) || ko_literal_is_word(token->text))
        token->kind = KO_TOKEN_LITERAL;
    return err->code;
}

enum ko_code
ko_lexer_next(struct ko_lexer *lexer, struct ko_token *token, struct ko_error *err)
{
    struct ko_slice rest;

    while (lexer->at < lexer->text.n && ko_text_is_space(lexer->text.data[lexer->at]))
        lexer->at++;
    rest = (struct ko_slice){lexer->text.data + lexer->at, lexer->text.n - lexer->at};
    *token = (struct ko_token){.kind = KO_TOKEN_END, .text = {rest.data, 0}};
    if (rest.n == 0)
        return err->code;
    KO_TRY(classify(lexer, rest, token, err));
    lexer->at += token->text.n;

done:
    return err->code;
}
