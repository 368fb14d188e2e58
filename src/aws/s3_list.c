#include "s3_priv.h"

/* The page after `token`; the first one if that is empty. */
static void
set_query(struct ko_s3_call *call, bool by_folder, struct ko_slice token)
{
    struct ko_buf *const query = &call->query;

    ko_buf_reset(query);
    if (token.n > 0) {
        ko_buf_add_text(query, "continuation-token=");
        ko_s3_add_value(query, token);
        ko_buf_add_char(query, '&');
    }
    ko_buf_add_text(query, by_folder ? "delimiter=%2F&" : "");
    ko_buf_add_text(query, "encoding-type=url&list-type=2&prefix=");
    ko_s3_add_value(query, ko_slice_of(call->at->key));
}

enum ko_code
ko_s3_list(struct ko_s3 *client, const struct ko_s3_location *at, bool by_folder,
           ko_s3_entry_fn *entry, void *self, struct ko_error *err)
{
    struct ko_s3_call call = {.client = client, .method = "GET", .at = at, .is_of_bucket = true};
    struct ko_buf token = {0};

    do {
        set_query(&call, by_folder, ko_buf_slice(&token));
        if (!ko_s3_run(&call))
            KO_TRY(ko_s3_fail(&call, "listing", err));
        KO_TRY(ko_s3_read_page(ko_buf_slice(&call.reply), entry, self, &token, err));
    } while (token.n > 0);

done:
    if (err->code == KO_E_CORRUPT)
        ko_context(err, "listing 's3://%s/%s'", at->bucket, at->key);
    ko_buf_clear(&token);
    ko_s3_clear(&call);
    return err->code;
}
