/*
 * Memory: the only place that calls malloc, and arenas by lifetime.
 *
 * Allocation failure is an error like any other (KO_E_MEMORY).  Records are
 * never allocated one by one: they live in arenas, which are reset or freed
 * as a whole.  Live allocations are counted, so a test can prove that a case
 * leaked nothing, and a test can make the n-th allocation fail.
 *
 * Thread use: one thread per rank.  MPI: none, every call is local.
 */
#ifndef KEEPONE_BASE_MEM_H
#define KEEPONE_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"

/* Returns n zeroed bytes (n may be 0), or NULL with KO_E_MEMORY.  The caller frees with ko_free().
 */
void *ko_alloc(size_t n, struct ko_error *err);

/* Like ko_alloc() for count elements of size bytes; an overflowing product is KO_E_MEMORY. */
void *ko_alloc_array(size_t count, size_t size, struct ko_error *err);

/* Grows or shrinks; on failure returns NULL and the old block stays valid. New bytes are not
 * zeroed. */
void *ko_realloc(void *block, size_t n, struct ko_error *err);

/* Returns a NUL-terminated copy owned by the caller, or NULL with KO_E_MEMORY. */
char *ko_copy_text(struct ko_slice text, struct ko_error *err);

/* Accepts NULL. */
void ko_free(void *block);

/* The same for a text that is a secret: overwrites it first.  Accepts NULL. */
void ko_free_secret(char *text);

/*
 * Large memory that is filled from its start, not zeroed.  First touch of fresh pages is the
 * dearest thing that the reader does: freed pages of exactly KO_PAGES_BYTES stay with the process
 * and are given out again.  Fresh ones are touched together by the system, which takes a third less
 * than one fault after the other.  No huge pages: on a virtual machine their first touch took half
 * as long again.  n_bytes: a multiple of KO_PAGES_BYTES.  NULL with KO_E_MEMORY.  Freed with
 * ko_pages_free() and the same n_bytes.
 */
enum { KO_PAGES_BYTES = 2 * 1024 * 1024 };
void *ko_pages_new(size_t n_bytes, struct ko_error *err);
void ko_pages_free(void *pages, size_t n_bytes);

/* Allocations not yet freed. */
uint64_t ko_mem_live(void);

/* Tests: the n-th allocation from now fails, once (1 = the next one); 0 turns this off. */
void ko_mem_fail_nth(uint64_t n);

/* The process's peak resident set in bytes, from /proc/self/status; 0 if not known. */
uint64_t ko_mem_peak_bytes(void);

/* The memory this process may use: the machine's, or its control group's limit if that is smaller.
 */
uint64_t ko_mem_machine_bytes(void);

/* An arena hands out memory that lives until its reset.  Blocks are kept and used again. */
struct ko_arena;

/* block_bytes: size of the blocks taken from the system; 0 = 64 KiB.  NULL with KO_E_MEMORY. */
struct ko_arena *ko_arena_new(size_t block_bytes, struct ko_error *err);
void ko_arena_free(struct ko_arena *arena);

/* Returns n bytes aligned to 16, not zeroed, valid until reset or free; NULL with KO_E_MEMORY. */
void *ko_arena_alloc(struct ko_arena *arena, size_t n, struct ko_error *err);

/* Copies a slice into the arena, adding a NUL behind it.  data is NULL with KO_E_MEMORY. */
struct ko_slice ko_arena_copy(struct ko_arena *arena, struct ko_slice slice, struct ko_error *err);

/* Everything handed out before is invalid afterwards; memory is kept for reuse. */
void ko_arena_reset(struct ko_arena *arena);

/* Bytes taken from the system. */
uint64_t ko_arena_bytes(const struct ko_arena *arena);

#endif
