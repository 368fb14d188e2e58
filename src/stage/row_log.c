#include "keepone/stage/row_log.h"

#include <string.h>

#include "keepone/base/buf.h"
#include "keepone/base/common.h"
#include "keepone/base/mem.h"
#include "keepone/base/varint.h"
#include "keepone/record/rules.h"

/*
 * A row: u32, the bytes behind it times two plus IS_BASE; in a base a byte per value, what values
 * share their start with (choose_starts()); then per value a varint
 *   0      absent
 *   1      the base's
 *   n + 2  then a byte each, how much it shares at its start and at its end; n bytes between
 */
enum { VALUE_ABSENT, VALUE_OF_BASE, VALUE_KEPT };
enum { USUAL_START = 8 }; /* as {"S":"ab: what most values share with each other */
enum { HEAD_BYTES = 4, VALUE_HEAD_BYTES = 7, SHARED_MAX = UINT8_MAX, IS_BASE = 1 };

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
    bool has_base;                         /* adding: the last block has one */
    unsigned char start_of[KO_LOOKED_MAX]; /* of base and the rows that lean on it */

    size_t offset;             /* taking: of the next row in the first block */
    struct ko_slice row;       /* that was taken last: its values */
    struct ko_slice base_row;  /* that it leans on; itself for a base */
    const char *base_row_read; /* whose values base has */
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
static size_t
shared_start(struct ko_slice a, struct ko_slice b)
{
    return smaller(ko_common_start(a, b), SHARED_MAX);
}

static size_t
shared_end(struct ko_slice a, struct ko_slice b)
{
    return ko_common_end(a, b, SHARED_MAX);
}

/*
 * What values[i] may share its start and its end with.  base is NULL in a base.  The end is that of
 * the value before: a sort key often ends in the attribute that follows it.
 */
static struct ko_slice
start_of(const struct ko_row_log *log, const struct ko_slice *base, const struct ko_slice *values,
         size_t i)
{
    if (log->start_of[i] != i)
        return values[log->start_of[i]];
    return base == NULL ? (struct ko_slice){NULL, 0} : base[i];
}

static struct ko_slice
end_of(const struct ko_slice *base, const struct ko_slice *values, size_t i)
{
    if (i > 0)
        return values[i - 1];
    return base == NULL ? (struct ko_slice){NULL, 0} : base[0];
}

static char *
write_value(const struct ko_row_log *log, char *to, const struct ko_slice *base,
            const struct ko_slice *values, size_t i)
{
    struct ko_slice rest = values[i];
    size_t n_start = 0;
    size_t n_end;

    if (rest.data == NULL) {
        *to++ = VALUE_ABSENT;
        return to;
    }
    if (base != NULL && base[i].data != NULL) {
        n_start = ko_common_start(rest, base[i]);
        if (n_start == rest.n && n_start == base[i].n) {
            *to++ = VALUE_OF_BASE;
            return to;
        }
    }
    n_start = log->start_of[i] == i ? smaller(n_start, SHARED_MAX)
                                    : shared_start(rest, values[log->start_of[i]]);
    rest.data += n_start;
    rest.n -= n_start;
    n_end = shared_end(rest, end_of(base, values, i));
    rest.n -= n_end;
    to += ko_varint_write(to, rest.n + VALUE_KEPT);
    *to++ = (char) (unsigned char) n_start;
    *to++ = (char) (unsigned char) n_end;
    memcpy(to, rest.data, rest.n);
    return to + rest.n;
}

/* A row of another partition key has little in common with the base. */
static bool
is_like_base(const struct ko_row_log *log, struct ko_slice first)
{
    const size_t n_start = log->has_base ? shared_start(first, log->base[0]) : 0;

    return log->has_base &&
           (n_start >= first.n / 2 || n_start + shared_end(first, log->base[0]) >= first.n / 2);
}

/*
 * With what values share more of their start: with those of the base before, as codes of one kind
 * do, or with an earlier value of their row, as two dates of one moment do.  A value that is the
 * base's is told in one byte anyway.
 */
static void
choose_starts(struct ko_row_log *log, const struct ko_slice *values)
{
    for (size_t i = 0; i < log->n_values; i++) {
        size_t most = log->base_bytes.n == 0 ? USUAL_START : shared_start(values[i], log->base[i]);

        log->start_of[i] = (unsigned char) i;
        for (size_t k = 0; k < i; k++) {
            const size_t n = shared_start(values[i], values[k]);

            if (n > most) {
                most = n;
                log->start_of[i] = (unsigned char) k;
            }
        }
    }
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
    ko_buf_commit(&log->base_bytes, n_all);
    log->has_base = true;
    return true;
}

bool
ko_row_log_add(struct ko_row_log *log, const struct ko_slice *values)
{
    size_t n_all = 0;
    size_t n_room;
    bool is_base;
    char *row;
    char *to;

    for (size_t i = 0; i < log->n_values; i++)
        n_all += values[i].n;
    n_room = HEAD_BYTES + n_all + (1 + VALUE_HEAD_BYTES) * log->n_values;
    if ((log->last == NULL ||
         log->last->n_pages_bytes - sizeof *log->last - log->last->n < n_room) &&
        !add_block(log, n_room))
        return false;
    /* Rows of one partition key stand together. */
    is_base = !is_like_base(log, values[0]);
    row = log->last->bytes + log->last->n;
    to = row + HEAD_BYTES;
    if (is_base) {
        choose_starts(log, values);
        memcpy(to, log->start_of, log->n_values);
        to += log->n_values;
    }
    for (size_t i = 0; i < log->n_values; i++)
        to = write_value(log, to, is_base ? NULL : log->base, values, i);
    KO_ASSERT((size_t) (to - row) <= n_room && n_room <= UINT32_MAX / 2);
    if (is_base && !set_base(log, values, n_all))
        return false;
    ko_write_u32(row, (uint32_t) (to - row - HEAD_BYTES) << 1 | (is_base ? IS_BASE : 0));
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
    log->n_bytes -= block->n_pages_bytes;
    ko_pages_free(block, block->n_pages_bytes);
}

bool
ko_row_log_next(struct ko_row_log *log)
{
    const char *head;
    uint32_t size;

    while (log->first != NULL && log->offset == log->first->n)
        leave_block(log);
    if (log->first == NULL)
        return false;
    head = log->first->bytes + log->offset;
    size = ko_read_u32(head);
    log->row = (struct ko_slice){head + HEAD_BYTES, size >> 1};
    if ((size & IS_BASE) != 0)
        log->base_row = log->row;
    log->offset += HEAD_BYTES + log->row.n;
    return true;
}

void
ko_row_log_skip(struct ko_row_log *log, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        KO_ASSERT(ko_row_log_next(log));
}

/* Rebuilds values[i] at `to`, or finds it in the base; the inverse of write_value(). */
static void
read_value(const struct ko_row_log *log, struct ko_slice *from, const struct ko_slice *base,
           struct ko_slice *values, size_t i, char *to)
{
    const struct ko_slice start = start_of(log, base, values, i);
    const struct ko_slice end = end_of(base, values, i);
    uint64_t code = VALUE_ABSENT;
    size_t n_rest;
    size_t n_start;
    size_t n_end;

    KO_ASSERT(ko_varint_read(from, &code));
    values[i] = (struct ko_slice){NULL, 0};
    if (code == VALUE_OF_BASE)
        values[i] = base[i];
    if (code < VALUE_KEPT)
        return;
    n_rest = code - VALUE_KEPT;
    KO_ASSERT(from->n >= 2 + n_rest);
    n_start = (unsigned char) from->data[0];
    n_end = (unsigned char) from->data[1];
    KO_ASSERT(n_start <= start.n && n_end <= end.n);
    if (n_start > 0)
        memcpy(to, start.data, n_start);
    memcpy(to + n_start, from->data + 2, n_rest);
    if (n_end > 0)
        memcpy(to + n_start + n_rest, end.data + end.n - n_end, n_end);
    from->data += 2 + n_rest;
    from->n -= 2 + n_rest;
    values[i] = (struct ko_slice){to, n_start + n_rest + n_end};
}

/* Rebuilds a row in `bytes`; base is NULL for a base. */
static enum ko_code
read_row(const struct ko_row_log *log, struct ko_slice row, const struct ko_slice *base,
         struct ko_buf *bytes, struct ko_slice *values, struct ko_error *err)
{
    char *to;

    ko_buf_reset(bytes);
    to = ko_buf_reserve(bytes, row.n + (size_t) 2 * SHARED_MAX * log->n_values);
    if (to == NULL)
        return ko_buf_finish(bytes, err);
    for (size_t i = 0; i < log->n_values; i++) {
        read_value(log, &row, base, values, i, to);
        to += values[i].data == to ? values[i].n : 0;
    }
    KO_ASSERT(row.n == 0);
    return KO_OK;
}

/* Rebuilds the base of the row, unless that was done for the row before. */
static enum ko_code
read_base(struct ko_row_log *log, struct ko_error *err)
{
    struct ko_slice row = log->base_row;

    if (log->base_row.data == log->base_row_read)
        return KO_OK;
    memcpy(log->start_of, row.data, log->n_values);
    row.data += log->n_values;
    row.n -= log->n_values;
    KO_TRY(read_row(log, row, NULL, &log->base_bytes, log->base, err));
    log->base_row_read = log->base_row.data;

done:
    return err->code;
}

enum ko_code
ko_row_log_values(struct ko_row_log *log, struct ko_slice *values, struct ko_error *err)
{
    KO_TRY(read_base(log, err));
    if (log->row.data == log->base_row.data)
        memcpy(values, log->base, log->n_values * sizeof *values);
    else
        KO_TRY(read_row(log, log->row, log->base, &log->row_bytes, values, err));

done:
    return err->code;
}

uint64_t
ko_row_log_bytes(const struct ko_row_log *log)
{
    return log->n_bytes;
}
