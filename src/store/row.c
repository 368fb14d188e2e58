#include "keepone/base/varint.h"
#include "row_priv.h"

static size_t
varint_bytes(uint64_t value)
{
    size_t n = 1;

    while ((value >>= 7) != 0)
        n++;
    return n;
}

size_t
ko_row_head(struct ko_slice in, uint64_t *n_rest)
{
    struct ko_slice rest = in;

    return ko_varint_read(&rest, n_rest) && in.n - rest.n <= KO_ROW_HEAD_BYTES_MAX ? in.n - rest.n
                                                                                   : 0;
}

void
ko_row_add(struct ko_buf *out, const struct ko_slice *values, size_t n)
{
    size_t n_rest = 0;
    size_t n_all;
    char *to;

    KO_ASSERT(n > 0);
    for (size_t i = 0; i < n; i++)
        n_rest += values[i].data == NULL ? 1 : varint_bytes(values[i].n + 1) + values[i].n;
    n_all = varint_bytes(n_rest) + n_rest;
    to = ko_buf_reserve(out, n_all);
    if (to == NULL)
        return;
    to += ko_varint_write(to, n_rest);
    for (size_t i = 0; i < n; i++) {
        if (values[i].data == NULL) {
            *to++ = 0;
            continue;
        }
        to += ko_varint_write(to, values[i].n + 1);
        memcpy(to, values[i].data, values[i].n);
        to += values[i].n;
    }
    ko_buf_commit(out, n_all);
}

enum ko_code
ko_row_next(struct ko_slice *in, struct ko_slice *values, size_t n, struct ko_error *err)
{
    struct ko_slice rest = *in;
    struct ko_slice row;
    uint64_t n_rest;

    if (!ko_varint_read(&rest, &n_rest) || n_rest > rest.n)
        return ko_fail(err, KO_E_CORRUPT, "the row is cut");
    row = (struct ko_slice){rest.data, (size_t) n_rest};
    for (size_t i = 0; i < n; i++) {
        uint64_t n_plus_1;

        if (!ko_varint_read(&row, &n_plus_1) || (n_plus_1 > 0 && n_plus_1 - 1 > row.n))
            return ko_fail(err, KO_E_CORRUPT, "value %zu of the row is cut", i);
        values[i] = (struct ko_slice){n_plus_1 == 0 ? NULL : row.data,
                                      n_plus_1 == 0 ? 0 : (size_t) n_plus_1 - 1};
        row.data += values[i].n;
        row.n -= values[i].n;
    }
    if (row.n > 0)
        return ko_fail(err, KO_E_CORRUPT, "the row has more than %zu values", n);
    *in = (struct ko_slice){row.data, rest.n - (size_t) n_rest};
    return KO_OK;
}
