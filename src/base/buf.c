#include "keepone/base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "keepone/base/mem.h"

enum { FIRST_BYTES = 256 };

char *
ko_buf_grow(struct ko_buf *buf, size_t n)
{
    struct ko_error err = {0};
    size_t needed;
    size_t capacity;
    char *data;

    if (__builtin_add_overflow(buf->n, n, &needed)) {
        buf->failed = true;
        return NULL;
    }
    capacity = buf->capacity < FIRST_BYTES ? FIRST_BYTES : buf->capacity + buf->capacity / 2;
    if (capacity < needed)
        capacity = needed;
    data = ko_realloc(buf->data, capacity, &err);
    if (data == NULL) {
        buf->failed = true;
        return NULL;
    }
    buf->data = data;
    buf->capacity = capacity;
    return data + buf->n;
}

void
ko_buf_add_format(struct ko_buf *buf, const char *format, ...)
{
    va_list args;
    int n;
    char *room;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    KO_ASSERT(n >= 0);
    room = ko_buf_reserve(buf, (size_t) n + 1);
    if (room == NULL)
        return;
    va_start(args, format);
    (void) vsnprintf(room, (size_t) n + 1, format, args);
    va_end(args);
    buf->n += (size_t) n;
}

void
ko_buf_add_u32(struct ko_buf *buf, uint32_t value)
{
    char bytes[4];

    ko_write_u32(bytes, value);
    ko_buf_add(buf, bytes, sizeof bytes);
}

void
ko_buf_add_u64(struct ko_buf *buf, uint64_t value)
{
    char bytes[8];

    ko_write_u64(bytes, value);
    ko_buf_add(buf, bytes, sizeof bytes);
}

enum ko_code
ko_buf_finish(const struct ko_buf *buf, struct ko_error *err)
{
    if (buf->failed)
        return ko_fail(err, KO_E_MEMORY, "cannot grow a buffer of %zu bytes", buf->n);
    return err->code;
}

void
ko_buf_clear(struct ko_buf *buf)
{
    ko_free(buf->data);
    *buf = (struct ko_buf){0};
}

void
ko_buf_wipe(struct ko_buf *buf)
{
    if (buf->data != NULL)
        explicit_bzero(buf->data, buf->capacity);
    ko_buf_clear(buf);
}
