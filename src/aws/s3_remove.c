#include <stdio.h>

#include "keepone/base/file.h"
#include "keepone/base/mem.h"
#include "s3_priv.h"

enum { REMOVALS = 16 }; /* at a time */

struct removal {
    struct ko_s3_call call;
    struct ko_s3_location at;
};

static void
start(struct removal *removal, struct ko_s3 *client)
{
    removal->call.client = client;
    removal->call.method = "DELETE";
    removal->call.at = &removal->at;
    ko_s3_start(&removal->call);
}

/* An object that is not there any more is no error. */
static enum ko_code
settle(struct removal *removal, struct ko_error *err)
{
    struct ko_s3_call *const call = &removal->call;

    if (call->state == KO_S3_IDLE)
        return KO_OK;
    ko_s3_finish(call);
    if (call->fault != KO_FAULT_NONE && !ko_s3_is_missing(call))
        (void) ko_s3_fail(call, "removing", err);
    return err->code;
}

enum ko_code
ko_s3_remove(struct ko_s3 *client, const struct ko_s3_location *at, struct ko_error *err)
{
    struct removal removal = {.at = *at};

    start(&removal, client);
    (void) settle(&removal, err);
    ko_s3_clear(&removal.call);
    return err->code;
}

static enum ko_code
add_key(void *self, const struct ko_s3_entry *entry, struct ko_error *err)
{
    return ko_names_add(self, entry->key, entry->size_bytes, err);
}

/* Pages are listed before the first removal: a listing of what is being removed may skip some. */
enum ko_code
ko_s3_remove_below(struct ko_s3 *client, const struct ko_s3_location *at, struct ko_error *err)
{
    struct removal *const removals = ko_alloc_array(REMOVALS, sizeof *removals, err);
    struct ko_names keys = {0};

    if (removals == NULL)
        return err->code;
    KO_TRY(ko_s3_list(client, at, false, add_key, &keys, err));
    for (size_t i = 0; i < keys.n; i++) {
        struct removal *const removal = &removals[i % REMOVALS];

        KO_TRY(settle(removal, err));
        removal->at = *at;
        (void) snprintf(removal->at.key, sizeof removal->at.key, "%s", keys.names[i].text);
        start(removal, client);
    }
    for (unsigned i = 0; i < REMOVALS; i++)
        KO_TRY(settle(&removals[i], err));

done:
    for (unsigned i = 0; i < REMOVALS; i++)
        ko_s3_clear(&removals[i].call);
    ko_free(removals);
    ko_names_clear(&keys);
    return err->code;
}
