/*
 * Lines of an incremental export: a walker with a past and one without agree; what is accepted is
 * JSON, has a key and a time, and values that open; NewImage decides alone whether the item is
 * there.
 */
#include "keepone/format/change.h"
#include "keepone/format/json.h"
#include "keepone/format/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { N_NAMES = 3 };

static const struct ko_slice names[N_NAMES] = {{"pk", 2}, {"sk", 2}, {"\xc3\xa9\"", 3}};

struct result {
    struct ko_change change;
    struct ko_slice values[N_NAMES];
    struct ko_error err;
};

static void
walk(bool has_past, struct ko_slice line, struct result *result)
{
    static struct ko_change_walker *used;
    struct ko_error err = {0};
    struct ko_change_walker *walker = has_past ? used : NULL;

    if (walker == NULL)
        walker = ko_change_walker_new(names, N_NAMES, names, 2, &err);
    KO_ASSERT(walker != NULL);
    *result = (struct result){.err = {0}};
    (void) ko_change_walk(walker, line, &result->change, result->values, &result->err);
    if (has_past)
        used = walker;
    else
        ko_change_walker_free(walker);
}

static void
check_opens(struct ko_slice value)
{
    enum ko_value_type type;
    struct ko_slice content;
    struct ko_error err = {0};

    KO_ASSERT(ko_value_open(value, &type, &content, &err) == KO_OK);
}

static void
check_accepted(struct ko_slice line, const struct result *result)
{
    struct ko_slice image;
    struct ko_error err = {0};

    KO_ASSERT(ko_json_check(line, &err) == KO_OK);
    check_opens(result->change.keys[0]);
    check_opens(result->change.keys[1]);
    KO_ASSERT(ko_json_member(line, "NewImage", &image, &err) == KO_OK);
    KO_ASSERT(result->change.is_deleted == (image.data == NULL));
    for (size_t i = 0; i < N_NAMES; i++) {
        KO_ASSERT(!result->change.is_deleted || result->values[i].data == NULL);
        if (result->values[i].data != NULL)
            check_opens(result->values[i]);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct ko_slice line = {(const char *) data, n};
    struct result fresh;
    struct result used;

    walk(false, line, &fresh);
    walk(true, line, &used);
    KO_ASSERT(fresh.err.code == used.err.code && strcmp(fresh.err.text, used.err.text) == 0);
    if (fresh.err.code == KO_OK) {
        KO_ASSERT(fresh.change.written_us == used.change.written_us);
        check_accepted(line, &fresh);
        check_accepted(line, &used);
    } else {
        KO_ASSERT(fresh.err.code == KO_E_CORRUPT || fresh.err.code == KO_E_OPTION);
    }
    return 0;
}
