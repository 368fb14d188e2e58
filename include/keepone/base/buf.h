/*
 * Buffers: bytes that grow.  The builder of texts, frames and messages.
 *
 * Adding is sticky: a failed allocation is remembered, later additions do
 * nothing, and ko_buf_finish() reports it once.  So seven additions are seven
 * lines.  {0} is an empty buffer.  Numbers are written little-endian.
 *
 * Thread use: one buffer, one thread.  MPI: none.
 */
#ifndef KEEPONE_BASE_BUF_H
#define KEEPONE_BASE_BUF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"

struct ko_buf {
    char *data; /* owned by the buffer; not NUL-terminated */
    size_t n;
    size_t capacity;
    bool failed;
};

/* For ko_buf_reserve() alone: there is no room yet. */
char *ko_buf_grow(struct ko_buf *buf, size_t n);

/* Returns room for n more bytes behind the content, or NULL (sticky).  ko_buf_commit() counts them.
 */
static inline char *
ko_buf_reserve(struct ko_buf *buf, size_t n)
{
    if (buf->failed)
        return NULL;
    if (n <= buf->capacity - buf->n && buf->data != NULL)
        return buf->data + buf->n;
    return ko_buf_grow(buf, n);
}

/* n bytes of the last reservation are content now. */
static inline void
ko_buf_commit(struct ko_buf *buf, size_t n)
{
    buf->n += n;
}

/* Inline, as texts are made of many short pieces: the compiler knows the sizes of most. */
static inline void
ko_buf_add(struct ko_buf *buf, const void *data, size_t n)
{
    char *room = n == 0 ? NULL : ko_buf_reserve(buf, n);

    if (room == NULL)
        return;
    memcpy(room, data, n);
    buf->n += n;
}

void ko_buf_add_format(struct ko_buf *buf, const char *format, ...) KO_FORMAT(2, 3);
void ko_buf_add_u32(struct ko_buf *buf, uint32_t value);
void ko_buf_add_u64(struct ko_buf *buf, uint64_t value);

static inline void
ko_buf_add_char(struct ko_buf *buf, char c)
{
    ko_buf_add(buf, &c, 1);
}

static inline void
ko_buf_add_slice(struct ko_buf *buf, struct ko_slice slice)
{
    ko_buf_add(buf, slice.data, slice.n);
}

static inline void
ko_buf_add_text(struct ko_buf *buf, const char *text)
{
    ko_buf_add(buf, text, strlen(text));
}

/* The content, borrowed until the next addition; never absent. */
static inline struct ko_slice
ko_buf_slice(const struct ko_buf *buf)
{
    return (struct ko_slice){buf->data == NULL ? "" : buf->data, buf->n};
}

/* KO_E_MEMORY if any addition failed. */
enum ko_code ko_buf_finish(const struct ko_buf *buf, struct ko_error *err);

/* Forgets content and failure, keeps the memory. */
static inline void
ko_buf_reset(struct ko_buf *buf)
{
    buf->n = 0;
    buf->failed = false;
}

/* Frees the memory; the buffer is {0} afterwards. */
void ko_buf_clear(struct ko_buf *buf);

/* The same for secrets: overwrites the memory first.  One that grew left a part behind: reserve. */
void ko_buf_wipe(struct ko_buf *buf);

/* Reading side of ko_buf_add_u32/u64: no alignment needed. */
static inline uint32_t
ko_read_u32(const void *data)
{
    const unsigned char *b = data;

    return (uint32_t) b[0] | (uint32_t) b[1] << 8 | (uint32_t) b[2] << 16 | (uint32_t) b[3] << 24;
}

static inline uint64_t
ko_read_u64(const void *data)
{
    return (uint64_t) ko_read_u32(data) | (uint64_t) ko_read_u32((const char *) data + 4) << 32;
}

static inline void
ko_write_u32(void *to, uint32_t value)
{
    unsigned char *b = to;

    for (int i = 0; i < 4; i++)
        b[i] = (unsigned char) (value >> (8 * i));
}

static inline void
ko_write_u64(void *to, uint64_t value)
{
    ko_write_u32(to, (uint32_t) value);
    ko_write_u32((char *) to + 4, (uint32_t) (value >> 32));
}

#endif
