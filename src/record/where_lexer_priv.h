/*
 * The words of a --where text.
 */
#ifndef KEEPONE_RECORD_WHERE_LEXER_PRIV_H
#define KEEPONE_RECORD_WHERE_LEXER_PRIV_H

#include "keepone/base/error.h"
#include "keepone/base/slice.h"

enum ko_token_kind {
    KO_TOKEN_END,
    KO_TOKEN_OPEN,
    KO_TOKEN_CLOSE,
    KO_TOKEN_COMMA,
    KO_TOKEN_COMPARE, /* = <> < <= > >= */
    KO_TOKEN_LITERAL,
    KO_TOKEN_WORD, /* a keyword, a function, or an attribute path */
};

struct ko_token {
    enum ko_token_kind kind;
    struct ko_slice text;
    bool is_call; /* a word with an opening parenthesis behind it */
};

struct ko_lexer {
    struct ko_slice text;
    size_t at;
};

/* Sets *token to the next one; KO_E_OPTION says at which character it went wrong. */
enum ko_code ko_lexer_next(struct ko_lexer *lexer, struct ko_token *token, struct ko_error *err);

/* KO_E_OPTION: "where: <what> at character <of token>". */
enum ko_code ko_lexer_fail(const struct ko_lexer *lexer, const struct ko_token *token,
                           const char *what, struct ko_error *err);

#endif
