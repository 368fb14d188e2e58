#include "keepone/base/buf.h"
#include "keepone/format/json.h"

#include "table_priv.h"

enum ko_code
ko_table_open(struct ko_slice object, const char *name, struct ko_slice *value,
              struct ko_error *err)
{
    if (ko_json_member(object, name, value, err) == KO_OK &&
        ko_slice_equal(*value, KO_SLICE("null")))
        *value = (struct ko_slice){NULL, 0};
    return err->code;
}

enum ko_code
ko_table_text(struct ko_slice object, const char *name, char *to, size_t size, struct ko_error *err)
{
    struct ko_slice value = {NULL, 0};
    struct ko_buf text = {0};

    to[0] = '\0';
    KO_TRY(ko_table_open(object, name, &value, err));
    if (value.data == NULL)
        goto done;
    KO_TRY(ko_json_decode_string(value, &text, err));
    KO_TRY(ko_buf_finish(&text, err));
    if (text.n >= size || memchr(ko_buf_slice(&text).data, '\0', text.n) != NULL) {
        (void) ko_fail(err, KO_E_CORRUPT, "'%s' has %zu bytes, more than the %zu it may have", name,
                       text.n, size - 1);
        goto done;
    }
    memcpy(to, ko_buf_slice(&text).data, text.n);
    to[text.n] = '\0';

done:
    ko_buf_clear(&text);
    return err->code;
}

enum ko_code
ko_table_required(struct ko_slice object, const char *name, char *to, size_t size,
                  struct ko_error *err)
{
    if (ko_table_text(object, name, to, size, err) == KO_OK && to[0] == '\0')
        return ko_fail(err, KO_E_CORRUPT, "there is no '%s'", name);
    return err->code;
}

enum ko_code
ko_table_count(struct ko_slice object, const char *name, uint64_t *count, struct ko_error *err)
{
    struct ko_slice value = {NULL, 0};

    *count = 0;
    if (ko_table_open(object, name, &value, err) != KO_OK || value.data == NULL ||
        value.data[0] == '-')
        return err->code;
    return ko_json_decode_u64(value, count, err);
}

enum ko_code
ko_table_member(struct ko_slice object, const char *name, struct ko_slice *value,
                struct ko_error *err)
{
    if (ko_json_member(object, name, value, err) == KO_OK && value->data == NULL)
        return ko_fail(err, KO_E_CORRUPT, "there is no '%s'", name);
    return err->code;
}
