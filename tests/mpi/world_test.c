#include "support/mpi_test.h"

#include "keepone/base/buf.h"

/* Byte i of a content that is not the same twice in a row. */
static char
pattern(size_t i)
{
    return (char) (i * 31 + i / 977);
}

static void
fill(struct ko_buf *buf, size_t n)
{
    char *const room = ko_buf_reserve(buf, n);

    for (size_t i = 0; room != NULL && i < n; i++)
        room[i] = pattern(i);
    ko_buf_commit(buf, n);
}

static bool
is_filled(struct ko_slice content, size_t n)
{
    if (content.n != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (content.data[i] != pattern(i))
            return false;
    }
    return true;
}

static void
sums_maxima_and_minima_are_over_all_ranks(struct ko_world *world, struct ko_error *err)
{
    const uint64_t rank = (uint64_t) ko_world_rank(world);
    const uint64_t n = (uint64_t) ko_world_size(world);
    uint64_t sums[] = {1, rank, UINT64_C(3000000000)};
    uint64_t maxima[] = {rank, 7};
    uint64_t minima[] = {rank + 5, n - rank};

    (void) ko_world_sum(world, sums, 3, err);
    (void) ko_world_max(world, maxima, 2, err);
    (void) ko_world_min(world, minima, 2, err);
    CHECK(sums[0] == n && sums[1] == n * (n - 1) / 2 && sums[2] == n * UINT64_C(3000000000));
    CHECK(maxima[0] == n - 1 && maxima[1] == 7);
    CHECK(minima[0] == 5 && minima[1] == 1);
}

static void
shared_content_is_rank_0s_on_every_rank(struct ko_world *world, struct ko_error *err)
{
    enum { N = 3 * 1024 * 1024 + 17 };
    struct ko_buf buf = {0};

    if (ko_world_rank(world) == 0)
        fill(&buf, N);
    else
        ko_buf_add_text(&buf, "forgotten");
    (void) ko_world_share(world, &buf, err);
    CHECK(is_filled(ko_buf_slice(&buf), N));
    ko_buf_clear(&buf);
}

static void
empty_content_is_shared_too(struct ko_world *world, struct ko_error *err)
{
    struct ko_buf buf = {0};

    if (ko_world_rank(world) != 0)
        ko_buf_add_text(&buf, "forgotten");
    (void) ko_world_share(world, &buf, err);
    CHECK_SLICE(ko_buf_slice(&buf), "");
    ko_buf_clear(&buf);
}

static void
a_rank_without_memory_fails_the_share_on_all(struct ko_world *world, struct ko_error *err)
{
    const bool is_last = ko_world_rank(world) == ko_world_size(world) - 1;
    struct ko_error error = {0};
    struct ko_buf buf = {0};

    if (ko_world_rank(world) == 0)
        fill(&buf, 100000);
    if (is_last && ko_world_rank(world) == 0)
        buf.failed = true; /* alone: what it wanted to share is not whole */
    else if (is_last)
        ko_mem_fail_nth(1);
    (void) ko_world_share(world, &buf, &error);
    ko_mem_fail_nth(0);
    CHECK_CODE(error, KO_E_MEMORY);
    ko_buf_clear(&buf);
}

static void
gathered_parts_stand_in_rank_order(struct ko_world *world, struct ko_error *err)
{
    struct ko_buf mine = {0};
    struct ko_buf all = {0};
    struct ko_buf expected = {0};

    /* Rank 1 has nothing to say. */
    if (ko_world_rank(world) != 1)
        ko_buf_add_format(&mine, "rank %d", ko_world_rank(world));
    (void) ko_world_gather(world, ko_buf_slice(&mine), &all, err);
    for (int rank = 0; ko_world_rank(world) == 0 && rank < ko_world_size(world); rank++) {
        ko_buf_add_u32(&expected, rank == 1 ? 0 : 6);
        if (rank != 1)
            ko_buf_add_format(&expected, "rank %d", rank);
    }
    CHECK(ko_slice_equal(ko_buf_slice(&all), ko_buf_slice(&expected)));
    ko_buf_clear(&mine);
    ko_buf_clear(&all);
    ko_buf_clear(&expected);
}

static void
long_parts_are_gathered_whole(struct ko_world *world, struct ko_error *err)
{
    enum { N = 1024 * 1024 + 3 };
    struct ko_buf mine = {0};
    struct ko_buf all = {0};
    const char *at;

    fill(&mine, N);
    (void) ko_world_gather(world, ko_buf_slice(&mine), &all, err);
    at = all.data;
    CHECK((ko_world_rank(world) == 0) == (at != NULL));
    for (int rank = 0; at != NULL && rank < ko_world_size(world); rank++) {
        CHECK(ko_read_u32(at) == N);
        CHECK(is_filled((struct ko_slice){at + 4, N}, N));
        at += 4 + N;
    }
    CHECK(at == NULL || at == all.data + all.n);
    ko_buf_clear(&mine);
    ko_buf_clear(&all);
}

static void
a_failed_rank_is_not_missing_in_a_collective(struct ko_world *world, struct ko_error *err)
{
    const bool is_last = ko_world_rank(world) == ko_world_size(world) - 1;
    struct ko_error error = {0};
    struct ko_buf buf = {0};
    uint64_t value = 1;

    if (is_last)
        ko_fail(&error, KO_E_IO, "no disk");
    (void) ko_world_sum(world, &value, 1, &error);
    CHECK_CODE(error, KO_E_IO);
    CHECK(value == 1);
    (void) ko_world_share(world, &buf, &error);
    (void) ko_world_gather(world, KO_SLICE("x"), &buf, &error);
    CHECK_CODE(error, KO_E_IO);
    CHECK(buf.n == 0);
    ko_buf_clear(&buf);
}

static void
ranks_know_their_place(struct ko_world *world, struct ko_error *err)
{
    uint64_t size = (uint64_t) ko_world_size(world);

    CHECK(ko_world_rank(world) >= 0 && ko_world_rank(world) < ko_world_size(world));
    CHECK(ko_world_host(world)[0] != '\0');
    CHECK(ko_world_is_under_mpirun(world) || size == 1);
    CHECK(!ko_world_stop_wanted(world));
    (void) ko_world_max(world, &size, 1, err);
    CHECK(size == (uint64_t) ko_world_size(world));
}

CASES = {
    CASE(sums_maxima_and_minima_are_over_all_ranks),
    CASE(shared_content_is_rank_0s_on_every_rank),
    CASE(empty_content_is_shared_too),
    CASE(a_rank_without_memory_fails_the_share_on_all),
    CASE(gathered_parts_stand_in_rank_order),
    CASE(long_parts_are_gathered_whole),
    CASE(a_failed_rank_is_not_missing_in_a_collective),
    CASE(ranks_know_their_place),
};
RUN_CASES
