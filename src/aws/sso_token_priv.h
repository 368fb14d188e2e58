/*
 * A cached SSO token: what `aws sso login` writes, and what the AWS tools renew in place.
 */
#ifndef KEEPONE_AWS_SSO_TOKEN_PRIV_H
#define KEEPONE_AWS_SSO_TOKEN_PRIV_H

#include "credentials_priv.h"

/* Members of the file that are texts. */
enum ko_sso_text {
    KO_SSO_ACCESS_TOKEN,
    KO_SSO_REFRESH_TOKEN,
    KO_SSO_CLIENT_ID,
    KO_SSO_CLIENT_SECRET,
    KO_SSO_TEXTS
};

/* {0} is empty. */
struct ko_sso_token {
    struct ko_buf texts[KO_SSO_TEXTS]; /* empty = not in the file */
    int64_t expiry_us;
    int64_t registration_expiry_us; /* of client id and secret; 0 = not in the file */
};

/* KO_E_ACCESS names the file, or the member that is missing or wrong. */
enum ko_code ko_sso_token_read(const char *path, struct ko_sso_token *token, struct ko_error *err);

/* Overwrites and frees. */
void ko_sso_token_clear(struct ko_sso_token *token);

/* Does it expire within five minutes, and is there all that renewing needs? */
bool ko_sso_token_should_renew(const struct ko_sso_token *token);

/*
 * Renews the token and its file: it holds a refresh token that may count once only.  Ranks of
 * one machine take turns, and those that come later find the file renewed.  On failure the token
 * is what it was.
 */
enum ko_code ko_sso_token_renew(const struct ko_chain *chain, const char *region, const char *path,
                                struct ko_sso_token *token, struct ko_error *err);

#endif
