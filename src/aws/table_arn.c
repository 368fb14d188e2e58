#include "keepone/aws/table_arn.h"

#include <stdio.h>

enum { PARTS = 6 };

bool
ko_table_is_arn(struct ko_slice name)
{
    return name.n >= 4 && memcmp(name.data, "arn:", 4) == 0;
}

struct ko_slice
ko_table_plain_name(struct ko_slice name)
{
    const char *slash;

    if (!ko_table_is_arn(name))
        return name;
    slash = memchr(name.data, '/', name.n);
    if (slash == NULL)
        return name;
    name.n -= (size_t) (slash + 1 - name.data);
    name.data = slash + 1;
    return name;
}

/* The parts between the colons; the last is what remains. */
static size_t
split(const char *arn, struct ko_slice parts[PARTS])
{
    size_t n = 0;

    while (n < PARTS - 1) {
        const size_t n_part = strcspn(arn, ":");

        parts[n++] = (struct ko_slice){arn, n_part};
        if (arn[n_part] == '\0')
            return n;
        arn += n_part + 1;
    }
    parts[n++] = ko_slice_of(arn);
    return n;
}

void
ko_table_region(const char *arn, char region[KO_TABLE_REGION_BYTES])
{
    struct ko_slice parts[PARTS];

    region[0] = '\0';
    if (split(arn, parts) > 3 && parts[3].n < KO_TABLE_REGION_BYTES)
        (void) snprintf(region, KO_TABLE_REGION_BYTES, "%.*s", KO_SLICE_ARG(parts[3]));
}

static bool
consists_of(struct ko_slice part, const char *characters)
{
    for (size_t i = 0; i < part.n; i++) {
        if (strchr(characters, part.data[i]) == NULL)
            return false;
    }
    return part.n > 0;
}

static bool
is_table(struct ko_slice resource)
{
    const struct ko_slice head = KO_SLICE("table/");
    struct ko_slice name;

    if (resource.n <= head.n || memcmp(resource.data, head.data, head.n) != 0)
        return false;
    name = (struct ko_slice){resource.data + head.n, resource.n - head.n};
    return name.n >= 3 && name.n <= 255 &&
           consists_of(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
}

enum ko_code
ko_table_arn_check(const char *arn, char region[KO_REGION_BYTES], struct ko_error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    struct ko_slice parts[PARTS];

    if (split(arn, parts) == PARTS && ko_slice_equal(parts[0], KO_SLICE("arn")) &&
        consists_of(parts[1], letters) && ko_slice_equal(parts[2], KO_SLICE("dynamodb")) &&
        consists_of(parts[3], letters) && parts[3].n < KO_REGION_BYTES && parts[4].n == 12 &&
        consists_of(parts[4], "0123456789") && is_table(parts[5])) {
        (void) snprintf(region, KO_REGION_BYTES, "%.*s", KO_SLICE_ARG(parts[3]));
        return KO_OK;
    }
    (void) ko_fail(err, KO_E_OPTION, "'%s' is not the ARN of a table", arn);
    ko_hint(err, "it is like arn:aws:dynamodb:eu-west-1:123456789012:table/Orders.");
    return err->code;
}
