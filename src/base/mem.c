#include "keepone/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define KO_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KO_ASAN 1
#endif
#endif
#ifdef KO_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
enum { PAD_BYTES = 16 };
#else
#define POISON(p, n)   ((void) (p), (void) (n))
#define UNPOISON(p, n) ((void) (p), (void) (n))
enum { PAD_BYTES = 0 };
#endif

enum { ALIGN_BYTES = 16, DEFAULT_BLOCK_BYTES = 64 * 1024 };

/* Freed pages are given out again: the first touch of fresh ones costs more than all that is done
 * with them. */
struct spare_pages {
    struct spare_pages *next;
};

static struct spare_pages *spare_pages;
static uint64_t n_live;
static uint64_t fail_countdown;

static bool
is_told_to_fail(void)
{
    return fail_countdown != 0 && --fail_countdown == 0;
}

void *
ko_alloc(size_t n, struct ko_error *err)
{
    void *block = is_told_to_fail() ? NULL : calloc(1, n == 0 ? 1 : n);

    if (block == NULL) {
        (void) ko_fail(err, KO_E_MEMORY, "cannot allocate %zu bytes", n);
        return NULL;
    }
    n_live++;
    return block;
}

void *
ko_alloc_array(size_t count, size_t size, struct ko_error *err)
{
    size_t n;

    if (__builtin_mul_overflow(count, size, &n)) {
        (void) ko_fail(err, KO_E_MEMORY, "cannot allocate %zu elements of %zu bytes", count, size);
        return NULL;
    }
    return ko_alloc(n, err);
}

void *
ko_realloc(void *block, size_t n, struct ko_error *err)
{
    void *moved = is_told_to_fail() ? NULL : realloc(block, n == 0 ? 1 : n);

    if (moved == NULL) {
        (void) ko_fail(err, KO_E_MEMORY, "cannot allocate %zu bytes", n);
        return NULL;
    }
    if (block == NULL)
        n_live++;
    return moved;
}

char *
ko_copy_text(struct ko_slice text, struct ko_error *err)
{
    char *copy = ko_alloc(text.n + 1, err);

    if (copy != NULL && text.n > 0)
        memcpy(copy, text.data, text.n);
    return copy;
}

void
ko_free(void *block)
{
    if (block == NULL)
        return;
    n_live--;
    free(block);
}

void
ko_free_secret(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    ko_free(text);
}

void *
ko_pages_new(size_t n_bytes, struct ko_error *err)
{
    const bool is_told = is_told_to_fail();
    void *pages = NULL;

    KO_ASSERT(n_bytes > 0 && n_bytes % KO_PAGES_BYTES == 0);
    if (!is_told && n_bytes == KO_PAGES_BYTES && spare_pages != NULL) {
        pages = spare_pages;
        spare_pages = spare_pages->next;
    } else if (!is_told) {
        pages = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    }
    if (pages == NULL || pages == MAP_FAILED) {
        (void) ko_fail(err, KO_E_MEMORY, "cannot map %zu bytes", n_bytes);
        return NULL;
    }
    n_live++;
    return pages;
}

void
ko_pages_free(void *pages, size_t n_bytes)
{
    struct spare_pages *const spare = pages;

    if (pages == NULL)
        return;
    n_live--;
    if (n_bytes != KO_PAGES_BYTES) {
        (void) munmap(pages, n_bytes);
        return;
    }
    spare->next = spare_pages;
    spare_pages = spare;
}

uint64_t
ko_mem_live(void)
{
    return n_live;
}

void
ko_mem_fail_nth(uint64_t n)
{
    fail_countdown = n;
}

uint64_t
ko_mem_peak_bytes(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    uint64_t kib = 0;

    if (status == NULL)
        return 0;
    while (fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kib = strtoull(line + 6, NULL, 10);
            break;
        }
    }
    (void) fclose(status);
    return kib * 1024;
}

/* A control group's limit, or UINT64_MAX if there is none ("max"). */
static uint64_t
read_limit_bytes(const char *path)
{
    FILE *file = fopen(path, "re");
    unsigned long long limit_bytes = UINT64_MAX;

    if (file == NULL)
        return UINT64_MAX;
    if (fscanf(file, "%llu", &limit_bytes) != 1)
        limit_bytes = UINT64_MAX;
    (void) fclose(file);
    return limit_bytes;
}

uint64_t
ko_mem_machine_bytes(void)
{
    static const char *const limits[] = {"/sys/fs/cgroup/memory.max",
                                         "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    uint64_t bytes = (uint64_t) sysconf(_SC_PHYS_PAGES) * (uint64_t) sysconf(_SC_PAGE_SIZE);

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const uint64_t limit_bytes = read_limit_bytes(limits[i]);

        if (limit_bytes < bytes)
            bytes = limit_bytes;
    }
    return bytes;
}

struct arena_block {
    struct arena_block *next;
    size_t capacity;
    size_t used;
    _Alignas(ALIGN_BYTES) char bytes[];
};

struct ko_arena {
    struct arena_block *first;
    struct arena_block *current;
    size_t block_bytes;
    uint64_t total_bytes;
};

struct ko_arena *
ko_arena_new(size_t block_bytes, struct ko_error *err)
{
    struct ko_arena *arena = ko_alloc(sizeof *arena, err);

    if (arena != NULL)
        arena->block_bytes = block_bytes == 0 ? DEFAULT_BLOCK_BYTES : block_bytes;
    return arena;
}

void
ko_arena_free(struct ko_arena *arena)
{
    if (arena == NULL)
        return;
    for (struct arena_block *block = arena->first, *next; block != NULL; block = next) {
        next = block->next;
        UNPOISON(block->bytes, block->capacity);
        ko_free(block);
    }
    ko_free(arena);
}

static struct arena_block *
add_block(struct ko_arena *arena, size_t n, struct ko_error *err)
{
    const size_t capacity = n > arena->block_bytes ? n : arena->block_bytes;
    struct arena_block *block = ko_alloc(sizeof *block + capacity, err);

    if (block == NULL)
        return NULL;
    block->capacity = capacity;
    arena->total_bytes += sizeof *block + capacity;
    POISON(block->bytes, capacity);
    if (arena->current == NULL) {
        block->next = arena->first;
        arena->first = block;
    } else {
        block->next = arena->current->next;
        arena->current->next = block;
    }
    return block;
}

void *
ko_arena_alloc(struct ko_arena *arena, size_t n, struct ko_error *err)
{
    const size_t rounded = (n + PAD_BYTES + ALIGN_BYTES - 1) & ~(size_t) (ALIGN_BYTES - 1);
    struct arena_block *block = arena->current;
    char *bytes;

    if (rounded < n) {
        (void) ko_fail(err, KO_E_MEMORY, "cannot allocate %zu bytes", n);
        return NULL;
    }
    while (block != NULL && block->capacity - block->used < rounded)
        block = block->next;
    if (block == NULL)
        block = add_block(arena, rounded, err);
    if (block == NULL)
        return NULL;
    arena->current = block;
    bytes = block->bytes + block->used;
    block->used += rounded;
    UNPOISON(bytes, n);
    return bytes;
}

struct ko_slice
ko_arena_copy(struct ko_arena *arena, struct ko_slice slice, struct ko_error *err)
{
    char *copy = ko_arena_alloc(arena, slice.n + 1, err);

    if (copy == NULL)
        return (struct ko_slice){NULL, 0};
    if (slice.n > 0)
        memcpy(copy, slice.data, slice.n);
    copy[slice.n] = '\0';
    return (struct ko_slice){copy, slice.n};
}

void
ko_arena_reset(struct ko_arena *arena)
{
    for (struct arena_block *block = arena->first; block != NULL; block = block->next) {
        block->used = 0;
        POISON(block->bytes, block->capacity);
    }
    arena->current = arena->first;
}

uint64_t
ko_arena_bytes(const struct ko_arena *arena)
{
    return arena->total_bytes;
}
