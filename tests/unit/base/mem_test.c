#include "keepone/base/mem.h"

#include "support/test.h"

static void
allocations_are_counted_and_zeroed(void)
{
    const uint64_t n_live = ko_mem_live();
    struct ko_error err = {0};
    unsigned char *block = ko_alloc(1000, &err);
    void *nothing = ko_alloc(0, &err);

    assert_non_null(block);
    assert_non_null(nothing);
    assert_int_equal(ko_mem_live(), n_live + 2);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(block[i], 0);
    ko_free(nothing);
    ko_free(block);
    ko_free(NULL);
    assert_int_equal(ko_mem_live(), n_live);
    CHECK_OK(err);
}

static void
a_block_grows_with_its_content(void)
{
    struct ko_error err = {0};
    char *block = ko_realloc(NULL, 4, &err);
    char *moved;

    assert_non_null(block);
    memcpy(block, "abc", 4);
    moved = ko_realloc(block, 100000, &err);
    assert_non_null(moved);
    CHECK_TEXT(moved, "abc");
    block = ko_realloc(moved, 0, &err);
    assert_non_null(block);
    ko_free(block);
    CHECK_OK(err);
}

static void
a_copy_of_a_text_is_ended(void)
{
    struct ko_error err = {0};
    char *copy = ko_copy_text((struct ko_slice){"abcdef", 3}, &err);
    char *empty = ko_copy_text((struct ko_slice){NULL, 0}, &err);

    CHECK_TEXT(copy, "abc");
    CHECK_TEXT(empty, "");
    ko_free(copy);
    ko_free(empty);
}

static void
an_array_too_large_to_count_is_refused(void)
{
    struct ko_error err = {0};
    uint32_t *array = ko_alloc_array(10, sizeof *array, &err);

    assert_non_null(array);
    array[9] = 1;
    ko_free(array);
    assert_null(ko_alloc_array(SIZE_MAX / 2, 3, &err));
    CHECK_CODE(err, KO_E_MEMORY);
    CHECK_ERROR_SAYS(err, "elements of 3 bytes");
}

static void
the_nth_allocation_fails_once(void)
{
    struct ko_error err = {0};
    void *blocks[4];

    ko_mem_fail_nth(3);
    blocks[0] = ko_alloc(1, &err);
    blocks[1] = ko_realloc(NULL, 1, &err);
    CHECK_OK(err);
    assert_null(ko_alloc(1, &err));
    CHECK_CODE(err, KO_E_MEMORY);
    blocks[2] = ko_alloc(1, &err);
    ko_mem_fail_nth(1);
    assert_null(ko_realloc(blocks[2], 10, &err));
    ko_mem_fail_nth(1);
    assert_null(ko_copy_text(KO_SLICE("x"), &err));
    ko_mem_fail_nth(1);
    ko_mem_fail_nth(0);
    blocks[3] = ko_alloc(1, &err);
    for (int i = 0; i < 4; i++) {
        assert_non_null(blocks[i]);
        ko_free(blocks[i]);
    }
}

static void
pages_are_counted_and_used_again(void)
{
    const uint64_t n_live = ko_mem_live();
    struct ko_error err = {0};
    char *one = ko_pages_new(KO_PAGES_BYTES, &err);
    char *three = ko_pages_new((size_t) 3 * KO_PAGES_BYTES, &err);
    char *again;

    CHECK_OK(err);
    assert_int_equal(ko_mem_live(), n_live + 2);
    memset(one, 'a', KO_PAGES_BYTES);
    memset(three, 'b', (size_t) 3 * KO_PAGES_BYTES);
    ko_pages_free(one, KO_PAGES_BYTES);
    again = ko_pages_new(KO_PAGES_BYTES, &err);
    assert_ptr_equal(again, one);
    ko_pages_free(again, KO_PAGES_BYTES);
    ko_pages_free(three, (size_t) 3 * KO_PAGES_BYTES);
    ko_pages_free(NULL, KO_PAGES_BYTES);
    assert_int_equal(ko_mem_live(), n_live);
    ko_mem_fail_nth(1);
    assert_null(ko_pages_new(KO_PAGES_BYTES, &err));
    CHECK_CODE(err, KO_E_MEMORY);
}

static void
pages_that_the_system_has_not_are_told(void)
{
    struct ko_error err = {0};

    assert_null(ko_pages_new((size_t) KO_PAGES_BYTES << 40, &err));
    CHECK_CODE(err, KO_E_MEMORY);
}

static void
the_peak_is_more_than_what_was_just_touched(void)
{
    enum { TOUCHED_BYTES = 8 * 1024 * 1024 };
    struct ko_error err = {0};
    char *block = ko_alloc(TOUCHED_BYTES, &err);

    assert_non_null(block);
    memset(block, 1, TOUCHED_BYTES);
    assert_true(block[TOUCHED_BYTES / 2] == 1);
    assert_true(ko_mem_peak_bytes() > TOUCHED_BYTES);
    assert_true(ko_mem_peak_bytes() < ko_mem_machine_bytes());
    ko_free(block);
}

/* ---- arenas ---- */

static void
an_arena_hands_out_aligned_memory(void)
{
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(1024, &err);

    for (size_t n = 0; n < 3000; n += 7) {
        char *bytes = ko_arena_alloc(arena, n, &err);

        assert_non_null(bytes);
        assert_int_equal((uintptr_t) bytes % 16, 0);
        memset(bytes, 'x', n);
    }
    CHECK_OK(err);
    ko_arena_free(arena);
    ko_arena_free(NULL);
}

/* What was handed out stays as it is while more is handed out. */
static void
memory_of_an_arena_does_not_overlap(void)
{
    enum { N = 500 };
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(256, &err);
    struct ko_slice copies[N];
    char text[32];

    for (int i = 0; i < N; i++) {
        (void) snprintf(text, sizeof text, "%0*d", 1 + i % 20, i);
        copies[i] = ko_arena_copy(arena, ko_slice_of(text), &err);
    }
    CHECK_OK(err);
    for (int i = 0; i < N; i++) {
        (void) snprintf(text, sizeof text, "%0*d", 1 + i % 20, i);
        CHECK_SLICE(copies[i], text);
        assert_int_equal(copies[i].data[copies[i].n], '\0');
    }
    ko_arena_free(arena);
}

static void
a_reset_arena_uses_its_blocks_again(void)
{
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(1000, &err);
    uint64_t n_bytes = 0;

    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 100; i++)
            assert_non_null(ko_arena_alloc(arena, 100, &err));
        assert_non_null(ko_arena_alloc(arena, 5000, &err));
        if (round == 0)
            n_bytes = ko_arena_bytes(arena);
        assert_int_equal(ko_arena_bytes(arena), n_bytes);
        ko_arena_reset(arena);
    }
    assert_true(n_bytes >= 15000);
    CHECK_OK(err);
    ko_arena_free(arena);
}

static void
a_fresh_arena_takes_64_kib_at_a_time(void)
{
    struct ko_error err = {0};
    struct ko_arena *arena = ko_arena_new(0, &err);

    assert_int_equal(ko_arena_bytes(arena), 0);
    assert_non_null(ko_arena_alloc(arena, 1, &err));
    assert_in_range(ko_arena_bytes(arena), 64 * 1024, 64 * 1024 + 64);
    ko_arena_reset(arena);
    assert_non_null(ko_arena_alloc(arena, 64 * 1024 - 64, &err));
    assert_in_range(ko_arena_bytes(arena), 64 * 1024, 64 * 1024 + 64);
    ko_arena_free(arena);
}

static void
an_arena_without_memory_says_so(void)
{
    struct ko_error errors[5] = {{0}};
    struct ko_arena *arena;

    ko_mem_fail_nth(1);
    assert_null(ko_arena_new(0, &errors[0]));
    CHECK_CODE(errors[0], KO_E_MEMORY);
    arena = ko_arena_new(0, &errors[1]);
    ko_mem_fail_nth(1);
    assert_null(ko_arena_alloc(arena, 1, &errors[1]));
    CHECK_CODE(errors[1], KO_E_MEMORY);
    ko_mem_fail_nth(1);
    assert_null(ko_arena_copy(arena, KO_SLICE("x"), &errors[2]).data);
    CHECK_CODE(errors[2], KO_E_MEMORY);
    assert_null(ko_arena_alloc(arena, SIZE_MAX - 3, &errors[3]));
    CHECK_CODE(errors[3], KO_E_MEMORY);
    assert_non_null(ko_arena_alloc(arena, 1, &errors[4]));
    CHECK_OK(errors[4]);
    ko_arena_free(arena);
}

CASES = {
    CASE(allocations_are_counted_and_zeroed),
    CASE(a_block_grows_with_its_content),
    CASE(a_copy_of_a_text_is_ended),
    CASE(an_array_too_large_to_count_is_refused),
    CASE(the_nth_allocation_fails_once),
    CASE(pages_are_counted_and_used_again),
    CASE(pages_that_the_system_has_not_are_told),
    CASE(the_peak_is_more_than_what_was_just_touched),
    CASE(an_arena_hands_out_aligned_memory),
    CASE(memory_of_an_arena_does_not_overlap),
    CASE(a_reset_arena_uses_its_blocks_again),
    CASE(a_fresh_arena_takes_64_kib_at_a_time),
    CASE(an_arena_without_memory_says_so),
};
RUN_CASES
