#include "keepone/stage/row_log.h"

#include <string.h>

#include "keepone/base/buf.h"
#include "keepone/base/mem.h"
#include "keepone/record/rules.h"

enum {
    HEAD_BYTES = 12,      /* u64 fingerprint, u32 bytes of the values and IS_BASE */
    VALUE_HEAD_BYTES = 7, /* size of what is kept, shared at the start, shared at the end */
    SHARED_MAX = UINT8_MAX,
    IS_BASE = 1
};

struct block {
    struct block *next;
    size_t n_pages_bytes;
    size_t n;
    char bytes[];
};

/*
 * Rows lean on the last *base*, a row that leans on none: it is enough to look at two rows to know
 * the values of one, and a row that nobody wants is stepped over.
 */
struct ko_row_log {
    size_t n_values;
    uint64_t limit_bytes;
    uint64_t n_bytes;
    struct block *first;
    struct block *last;
    struct block *marked_block;
    size_t marked_n;

    struct ko_slice base[KO_LOOKED_MAX]; /* in base_bytes */
    struct ko_buf base_bytes;
    bool has_base; /* adding: the last block has one */

    const char *base_row;      /* taking: of the row that was taken last */
    const char *base_row_read; /* whose values base has */
    struct block *left;        /* all rows were taken, and may still be asked for */
    size_t offset;
    struct ko_buf row_bytes;
};

struct ko_row_log *
ko_row_log_new(size_t n_values, uint64_t limit_bytes, struct ko_error *err)
{
    struct ko_row_log *log = ko_alloc(sizeof *log, err);

    KO_ASSERT(n_values > 0 && n_values <= KO_LOOKED_MAX);
    if (log == NULL)
        return NULL;
    log->n_values = n_values;
    log->limit_bytes = limit_bytes;
    return log;
}

static void
free_blocks(struct ko_row_log *log, struct block *first)
{
    for (struct block *block = first, *next; block != NULL; block = next) {
        next = block->next;
        log->n_bytes -= block->n_pages_bytes;
        ko_pages_free(block, block->n_pages_bytes);
    }
}

void
ko_row_log_free(struct ko_row_log *log)
{
    if (log == NULL)
        return;
    free_blocks(log, log->first);
    free_blocks(log, log->left);
    ko_buf_clear(&log->base_bytes);
    ko_buf_clear(&log->row_bytes);
    ko_free(log);
}

void
ko_row_log_mark(struct ko_row_log *log)
{
    log->marked_block = log->last;
    log->marked_n = log->last == NULL ? 0 : log->last->n;
}

void
ko_row_log_take_back(struct ko_row_log *log)
{
    struct block **const link = log->marked_block == NULL ? &log->first : &log->marked_block->next;

    free_blocks(log, log->marked_block == NULL ? log->first : log->marked_block->next);
    *link = NULL;
    log->last = log->marked_block;
    if (log->last != NULL)
        log->last->n = log->marked_n;
    log->has_base = false;
}

/* ---- adding ---- */

static bool
add_block(struct ko_row_log *log, size_t n)
{
    struct ko_error ignored = {0};
    const size_t n_pages_bytes =
        (sizeof(struct block) + n + KO_PAGES_BYTES - 1) / KO_PAGES_BYTES * KO_PAGES_BYTES;
    struct block *block;

    if (log->n_bytes + n_pages_bytes > log->limit_bytes)
        return false;
    block = ko_pages_new(n_pages_bytes, &ignored);
    if (block == NULL)
        return false;
    block->next = NULL;
    block->n_pages_bytes = n_pages_bytes;
    block->n = 0;
    if (log->last == NULL)
        log->first = block;
    else
        log->last->next = block;
    log->last = block;
    log->n_bytes += n_pages_bytes;
    log->has_base = false;
    return true;
}

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Sizes of what is shared are written in one byte. */
static struct ko_slice
comparable(struct ko_slice slice)
{
    return (struct ko_slice){slice.data, smaller(slice.n, SHARED_MAX)};
}

static size_t
shared_start(struct ko_slice a, struct ko_slice b)
{
    return ko_slice_common(comparable(a), comparable(b));
}

static size_t
shared_end(struct ko_slice a, struct ko_slice b)
{
    const size_t n = smaller(smaller(a.n, b.n), SHARED_MAX);
    const char *start_a;
    const char *start_b;
    size_t left = n;

    if (n == 0)
        return 0; /* one may be absent */
    start_a = a.data + a.n - n;
    start_b = b.data + b.n - n;
    for (; left >= 8; left -= 8) {
        const uint64_t differing =
            ko_read_u64(start_a + left - 8) ^ ko_read_u64(start_b + left - 8);

        if (differing != 0)
            return n - left + (size_t) __builtin_clzll(differing) / 8;
    }
    while (left > 0 && start_a[left - 1] == start_b[left - 1])
        left--;
    return n - left;
}

static char *
write_size(char *to, size_t size)
{
    for (; size > 127; size >>= 7)
        *to++ = (char) (unsigned char) (size | 128);
    *to++ = (char) size;
    return to;
}

/* The start may be shared with the base's value, the end with `before`. */
static char *
write_value(char *to, struct ko_slice value, struct ko_slice base, struct ko_slice before)
{
    struct ko_slice rest = value;
    size_t n_start;
    size_t n_end;

    if (value.data == NULL) {
        *to++ = 0;
        return to;
    }
    n_start = shared_start(value, base);
    rest.data += n_start;
    rest.n -= n_start;
    n_end = shared_end(rest, before);
    rest.n -= n_end;
    to = write_size(to, rest.n + 1);
    *to++ = (char) (unsigned char) n_start;
    *to++ = (char) (unsigned char) n_end;
    memcpy(to, rest.data, rest.n);
    return to + rest.n;
}

/* Of a value that is the base's. */
static char *
write_same(char *to, size_t n)
{
    *to++ = 1;
    *to++ = (char) (unsigned char) n;
    *to++ = 0;
    return to;
}

/* A row of another partition key has little in common with the base. */
static bool
is_like_base(const struct ko_row_log *log, struct ko_slice first)
{
    return log->has_base &&
           shared_start(first, log->base[0]) + shared_end(first, log->base[0]) >= first.n / 2;
}

static bool
set_base(struct ko_row_log *log, const struct ko_slice *values, size_t n_all)
{
    char *to;

    ko_buf_reset(&log->base_bytes);
    to = ko_buf_reserve(&log->base_bytes, n_all + 1);
    if (to == NULL)
        return false;
    for (size_t i = 0; i < log->n_values; i++) {
        log->base[i] = (struct ko_slice){values[i].data == NULL ? NULL : to, values[i].n};
        if (values[i].n > 0)
            memcpy(to, values[i].data, values[i].n);
        to += values[i].n;
    }
    log->has_base = true;
    return true;
}

bool
ko_row_log_add(struct ko_row_log *log, uint64_t fingerprint, const struct ko_slice *values)
{
    static const struct ko_slice none;
    size_t n_all = 0;
    size_t n_room;
    bool is_same;
    bool is_base;
    char *row;
    char *to;

    for (size_t i = 0; i < log->n_values; i++)
        n_all += values[i].n;
    n_room = HEAD_BYTES + n_all + VALUE_HEAD_BYTES * log->n_values;
    if ((log->last == NULL ||
         log->last->n_pages_bytes - sizeof *log->last - log->last->n < n_room) &&
        !add_block(log, n_room))
        return false;
    /* Rows of one partition key stand together, so the first value is often the base's. */
    is_same = log->has_base && values[0].n > 0 && values[0].n <= SHARED_MAX &&
              ko_slice_equal(values[0], log->base[0]);
    is_base = !is_same && !is_like_base(log, values[0]);
    row = log->last->bytes + log->last->n;
    to = row + HEAD_BYTES;
    if (is_same)
        to = write_same(to, values[0].n);
    for (size_t i = is_same ? 1 : 0; i < log->n_values; i++)
        to = write_value(to, values[i], is_base ? none : log->base[i],
                         i > 0     ? values[i - 1]
                         : is_base ? none
                                   : log->base[0]);
    KO_ASSERT((size_t) (to - row) <= n_room && n_room <= UINT32_MAX / 2);
    if (is_base && !set_base(log, values, n_all))
        return false;
    ko_write_u64(row, fingerprint);
    ko_write_u32(row + 8, (uint32_t) (to - row - HEAD_BYTES) << 1 | (is_base ? IS_BASE : 0));
    log->last->n += (size_t) (to - row);
    return true;
}

/* ---- taking ---- */

static void
leave_block(struct ko_row_log *log)
{
    struct block *const block = log->first;

    log->first = block->next;
    log->offset = 0;
    block->next = log->left;
    log->left = block;
}

bool
ko_row_log_next(struct ko_row_log *log, struct ko_logged_row *row)
{
    uint32_t size;

    while (log->first != NULL && log->offset == log->first->n)
        leave_block(log);
    if (log->first == NULL)
        return false;
    row->bytes = log->first->bytes + log->offset;
    row->fingerprint = ko_read_u64(row->bytes);
    size = ko_read_u32(row->bytes + 8);
    if ((size & IS_BASE) != 0)
        log->base_row = row->bytes;
    row->base = log->base_row;
    log->offset += HEAD_BYTES + (size >> 1);
    return true;
}

static const char *
read_size(const char *from, size_t *size)
{
    *size = 0;
    for (unsigned shift = 0;; shift += 7) {
        const unsigned char byte = (unsigned char) *from++;

        *size |= (size_t) (byte & 127) << shift;
        if (byte < 128)
            return from;
    }
}

/* Rebuilds one value at `to`; the inverse of write_value(). */
static const char *
read_value(const char *from, struct ko_slice base, struct ko_slice before, char *to,
           struct ko_slice *value)
{
    size_t n_rest_plus_1;
    size_t n_rest;
    size_t n_start;
    size_t n_end;

    from = read_size(from, &n_rest_plus_1);
    *value = (struct ko_slice){NULL, 0};
    if (n_rest_plus_1 == 0)
        return from;
    n_rest = n_rest_plus_1 - 1;
    n_start = (unsigned char) *from++;
    n_end = (unsigned char) *from++;
    KO_ASSERT(n_start <= base.n && n_end <= before.n);
    *value = (struct ko_slice){to, n_start + n_rest + n_end};
    if (n_start > 0)
        memcpy(to, base.data, n_start);
    memcpy(to + n_start, from, n_rest);
    if (n_end > 0)
        memcpy(to + n_start + n_rest, before.data + before.n - n_end, n_end);
    return from + n_rest;
}

/* Rebuilds a row in `bytes`; base is NULL for a base. */
static enum ko_code
read_row(const struct ko_row_log *log, const char *row, const struct ko_slice *base,
         struct ko_buf *bytes, struct ko_slice *values, struct ko_error *err)
{
    static const struct ko_slice none;
    const size_t n_kept = ko_read_u32(row + 8) >> 1;
    const char *from = row + HEAD_BYTES;
    char *to;

    ko_buf_reset(bytes);
    to = ko_buf_reserve(bytes, n_kept + (size_t) 2 * SHARED_MAX * log->n_values);
    if (to == NULL)
        return ko_buf_finish(bytes, err);
    for (size_t i = 0; i < log->n_values; i++) {
        const struct ko_slice before = i > 0 ? values[i - 1] : base == NULL ? none : base[0];

        from = read_value(from, base == NULL ? none : base[i], before, to, &values[i]);
        to += values[i].n;
    }
    KO_ASSERT(from == row + HEAD_BYTES + n_kept);
    return KO_OK;
}

enum ko_code
ko_row_log_values(struct ko_row_log *log, const struct ko_logged_row *row, struct ko_slice *values,
                  struct ko_error *err)
{
    if (row->base != log->base_row_read)
        KO_TRY(read_row(log, row->base, NULL, &log->base_bytes, log->base, err));
    log->base_row_read = row->base;
    if (row->bytes == row->base)
        memcpy(values, log->base, log->n_values * sizeof *values);
    else
        KO_TRY(read_row(log, row->bytes, log->base, &log->row_bytes, values, err));

done:
    return err->code;
}

void
ko_row_log_release(struct ko_row_log *log)
{
    free_blocks(log, log->left);
    log->left = NULL;
}

uint64_t
ko_row_log_bytes(const struct ko_row_log *log)
{
    return log->n_bytes;
}
