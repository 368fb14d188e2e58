#include "keepone/store/sorter.h"

#include "temp_folder.h"

/* A record of the cases: its prefix, and text whose first word is what is compared. */
struct item {
    uint64_t prefix;
    char text[40];
};

static int
compare_first_words(struct ko_slice a, struct ko_slice b)
{
    a.n = strcspn(a.data, " ");
    b.n = strcspn(b.data, " ");
    return ko_slice_compare(a, b);
}

/* With its space, so that none is the start of another. */
static struct ko_slice
first_word_of(struct ko_slice record)
{
    return (struct ko_slice){record.data, strcspn(record.data, " ") + 1};
}

/* The same order for qsort(), ties by position: items are made with ascending positions. */
static int
compare_items(const void *left, const void *right)
{
    const struct item *a = left;
    const struct item *b = right;
    int order;

    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    order = compare_first_words(ko_slice_of(a->text), ko_slice_of(b->text));
    return order != 0 ? order : strcmp(strchr(a->text, ' '), strchr(b->text, ' '));
}

/* n items; prefixes are below n_prefixes, first words below n_words. */
static struct item *
make_items(size_t n, uint64_t n_prefixes, uint64_t n_words)
{
    struct ko_error err = {0};
    struct item *items = ko_alloc_array(n, sizeof *items, &err);
    uint64_t seed = 88172645463325252U;

    CHECK_OK(err);
    for (size_t i = 0; i < n; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        items[i].prefix = n_prefixes == 0 ? seed : (seed >> 8) % n_prefixes;
        (void) snprintf(items[i].text, sizeof items[i].text, "%llx p%08zu",
                        (unsigned long long) ((seed >> 20) % n_words), i);
    }
    return items;
}

/* The record of an item is its text with the NUL. */
static struct ko_slice
record_of(const struct item *item)
{
    return (struct ko_slice){item->text, strlen(item->text) + 1};
}

/* All records must come in the order of the sorted items. */
static void
check_order(struct ko_sorter *sorter, const struct item *sorted, size_t n)
{
    struct ko_error err = {0};
    struct ko_slice record;
    uint64_t prefix;

    for (size_t i = 0; i < n; i++) {
        (void) ko_sorter_next(sorter, &prefix, &record, &err);
        CHECK_OK(err);
        assert_non_null(record.data);
        if (prefix != sorted[i].prefix || strcmp(record.data, sorted[i].text) != 0)
            fail_msg("record %zu is %llu '%s', not %llu '%s'", i, (unsigned long long) prefix,
                     record.data, (unsigned long long) sorted[i].prefix, sorted[i].text);
    }
    for (int twice = 0; twice < 2; twice++) {
        (void) ko_sorter_next(sorter, NULL, &record, &err);
        CHECK_OK(err);
        assert_null(record.data);
    }
}

static enum ko_code
add_items(struct ko_sorter *sorter, const struct item *items, size_t n, struct ko_error *err)
{
    for (size_t i = 0; i < n; i++)
        KO_TRY(ko_sorter_add(sorter, items[i].prefix, record_of(&items[i]), err));
    KO_TRY(ko_sorter_finish(sorter, err));

done:
    return err->code;
}

/* Sorts these items with this budget, compares with qsort() in two passes; true if it had to spill.
 */
static bool
sorts_with(bool with_text, size_t n, uint64_t n_prefixes, uint64_t n_words, uint64_t memory_bytes)
{
    struct item *items = make_items(n, n_prefixes, n_words);
    struct ko_error err = {0};
    struct ko_sorter_options options = {
        .memory_bytes = memory_bytes, .folder = temp_folder, .compare = compare_first_words};
    struct ko_sorter *sorter;
    bool is_spilled;

    if (with_text) {
        options.text = first_word_of;
        options.prefix_first = n_prefixes / 3;
        options.prefix_last = n_prefixes / 3 * 2;
    }
    sorter = ko_sorter_new(&options, &err);

    CHECK_OK(err);
    (void) add_items(sorter, items, n, &err);
    CHECK_OK(err);
    qsort(items, n, sizeof *items, compare_items);
    check_order(sorter, items, n);
    (void) ko_sorter_rewind(sorter, &err);
    CHECK_OK(err);
    check_order(sorter, items, n);
    assert_int_equal(ko_sorter_n_records(sorter), n);
    if (memory_bytes != 0)
        assert_in_range(ko_sorter_peak_bytes(sorter), 1, memory_bytes + memory_bytes / 4);
    is_spilled = ko_sorter_spilled_bytes(sorter) > 0;
    ko_sorter_free(sorter);
    ko_free(items);
    return is_spilled;
}

/* The same with and without what the sorter may be told beside the order. */
static bool
sorts_like_qsort(size_t n, uint64_t n_prefixes, uint64_t n_words, uint64_t memory_bytes)
{
    const bool is_spilled = sorts_with(false, n, n_prefixes, n_words, memory_bytes);

    assert_int_equal(sorts_with(true, n, n_prefixes, n_words, memory_bytes), is_spilled);
    return is_spilled;
}

static void
records_in_memory_come_in_order(void)
{
    folder_begin();
    for (size_t n = 1; n < 40; n++)
        assert_false(sorts_like_qsort(n, 3, 4, 0));
    assert_false(sorts_like_qsort(20000, 0, 1000, 0));
    assert_false(sorts_like_qsort(20000, 500, 1000, 0));
    folder_end();
}

static void
spilled_records_come_in_order(void)
{
    folder_begin();
    assert_true(sorts_like_qsort(30000, 0, 1000, 256 * 1024));
    assert_true(sorts_like_qsort(30000, 500, 1000, 256 * 1024));
    folder_end();
}

static void
many_runs_are_merged_in_levels(void)
{
    folder_begin();
    /* 64 KiB hold about 900 records and merge 8 runs: 40000 records need two levels. */
    assert_true(sorts_like_qsort(40000, 0, 1000, 64 * 1024));
    assert_true(sorts_like_qsort(40000, 3, 5, 64 * 1024));
    folder_end();
}

static void
one_hot_key_is_sorted_by_its_records(void)
{
    folder_begin();
    assert_false(sorts_like_qsort(50000, 1, 100000, 0));
    assert_true(sorts_like_qsort(50000, 1, 100000, 256 * 1024));
    folder_end();
}

/* A few words of 8 bytes, then much that all have in common, then what tells them apart. */
static void
records_that_differ_late_are_told_apart(void)
{
    enum { N_ITEMS = 20000 };
    struct item *items = make_items(N_ITEMS, 1, 3000);
    struct ko_error err = {0};
    struct ko_sorter *sorter = ko_sorter_new(
        &(struct ko_sorter_options){.compare = compare_first_words, .text = first_word_of}, &err);

    CHECK_OK(err);
    for (size_t i = 0; i < N_ITEMS; i++)
        (void) snprintf(items[i].text, sizeof items[i].text, "%zu1234567-89abcdef-%04zu p%08zu",
                        i % 3, i * 7919 % 3001, i);
    (void) add_items(sorter, items, N_ITEMS, &err);
    CHECK_OK(err);
    qsort(items, N_ITEMS, sizeof *items, compare_items);
    check_order(sorter, items, N_ITEMS);
    ko_sorter_free(sorter);
    ko_free(items);
}

static void
equal_records_keep_the_order_of_addition(void)
{
    folder_begin();
    assert_false(sorts_like_qsort(10000, 1, 1, 0));
    assert_true(sorts_like_qsort(30000, 1, 1, 64 * 1024));
    folder_end();
}

static void
no_records_are_no_records(void)
{
    struct ko_error err = {0};
    struct ko_sorter *sorter = ko_sorter_new(&(struct ko_sorter_options){0}, &err);

    (void) ko_sorter_finish(sorter, &err);
    CHECK_OK(err);
    check_order(sorter, NULL, 0);
    (void) ko_sorter_rewind(sorter, &err);
    check_order(sorter, NULL, 0);
    ko_sorter_free(sorter);
}

static void
records_of_any_size_come_back(void)
{
    static const size_t sizes[] = {0, 1, 300000, 3, 4096, 0, 200000, 70000, 12, 65536};
    enum { N = sizeof sizes / sizeof sizes[0] };
    struct ko_error err = {0};
    struct ko_buf bytes = {0};
    struct ko_sorter *sorter;
    struct ko_slice record;
    uint64_t prefix;

    folder_begin();
    for (uint32_t i = 0; bytes.n < 300000; i++)
        ko_buf_add_u32(&bytes, i * i * 2654435761U);
    sorter = ko_sorter_new(
        &(struct ko_sorter_options){.memory_bytes = 64 * 1024, .folder = temp_folder}, &err);
    for (size_t i = 0; i < N; i++)
        (void) ko_sorter_add(sorter, N - i, (struct ko_slice){bytes.data + i, sizes[i]}, &err);
    (void) ko_sorter_finish(sorter, &err);
    CHECK_OK(err);
    for (size_t i = N; i-- > 0;) {
        (void) ko_sorter_next(sorter, &prefix, &record, &err);
        CHECK_OK(err);
        assert_int_equal(prefix, N - i);
        assert_true(ko_slice_equal(record, (struct ko_slice){bytes.data + i, sizes[i]}));
    }
    ko_sorter_free(sorter);
    ko_buf_clear(&bytes);
    folder_end();
}

static void
one_large_record_does_not_make_the_next_runs_small(void)
{
    struct ko_error err = {0};
    struct ko_sorter *sorter;
    char *large = ko_alloc(200000, &err);
    char record[200] = {0};

    folder_begin();
    sorter = ko_sorter_new(
        &(struct ko_sorter_options){.memory_bytes = 64 * 1024, .folder = temp_folder}, &err);
    (void) ko_sorter_add(sorter, 1, (struct ko_slice){large, 200000}, &err);
    for (uint64_t i = 0; i < 2000; i++)
        (void) ko_sorter_add(sorter, i, (struct ko_slice){record, sizeof record}, &err);
    (void) ko_sorter_finish(sorter, &err);
    CHECK_OK(err);
    /* 624 KB once, and once more for a merge: small runs would be merged more often. */
    assert_in_range(ko_sorter_spilled_bytes(sorter), 1, 1300 * 1000);
    ko_sorter_free(sorter);
    ko_free(large);
    folder_end();
}

static void
spill_files_have_no_name(void)
{
    struct item *items = make_items(5000, 0, 1000);
    struct ko_error err = {0};
    struct ko_sorter *sorter;

    folder_begin();
    sorter = ko_sorter_new(
        &(struct ko_sorter_options){.memory_bytes = 64 * 1024, .folder = temp_folder}, &err);
    (void) add_items(sorter, items, 5000, &err);
    CHECK_OK(err);
    assert_true(ko_sorter_spilled_bytes(sorter) > 0);
    CHECK_TEXT(folder_names(), "");
    ko_sorter_free(sorter);
    ko_free(items);
    folder_end();
}

static void
without_a_folder_the_budget_is_the_limit(void)
{
    struct item *items = make_items(5000, 0, 1000);
    struct ko_error err = {0};
    struct ko_sorter *sorter =
        ko_sorter_new(&(struct ko_sorter_options){.memory_bytes = 64 * 1024}, &err);

    (void) add_items(sorter, items, 5000, &err);
    CHECK_CODE(err, KO_E_MEMORY);
    CHECK_ERROR_SAYS(err, "do not fit the 65536 bytes");
    ko_sorter_free(sorter);
    ko_free(items);
}

static void
a_full_disk_is_an_error(void)
{
    struct item *items = make_items(40000, 0, 1000000);
    struct ko_error err = {0};
    struct ko_sorter *sorter;

    folder_begin();
    sorter = ko_sorter_new(
        &(struct ko_sorter_options){.memory_bytes = 64 * 1024, .folder = temp_folder}, &err);
    disk_limit(100000);
    (void) add_items(sorter, items, 40000, &err);
    disk_limit(0);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, temp_folder);
    ko_sorter_free(sorter);
    ko_free(items);
    folder_end();
}

/* The open file that has no name any more; -1 if there is none. */
static int
spill_fd(void)
{
    for (int fd = 3; fd < 100; fd++) {
        char link[64];
        char path[KO_PATH_BYTES];
        ssize_t n;

        (void) snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof path - 1);
        path[n < 0 ? 0 : n] = '\0';
        if (strstr(path, "/spill-") != NULL)
            return fd;
    }
    return -1;
}

/* Sorts, lets the disk change the spill (cut to n_kept bytes, or a byte flipped), reads again. */
static void
check_damage(const struct item *items, size_t n, off_t flipped_offset, off_t n_kept)
{
    struct ko_error err = {0};
    struct ko_sorter *sorter = ko_sorter_new(
        &(struct ko_sorter_options){.memory_bytes = 64 * 1024, .folder = temp_folder}, &err);
    struct ko_slice record = KO_SLICE("");
    char byte;

    (void) add_items(sorter, items, n, &err);
    CHECK_OK(err);
    assert_int_equal(pread(spill_fd(), &byte, 1, flipped_offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(spill_fd(), &byte, 1, flipped_offset), 1);
    assert_int_equal(ftruncate(spill_fd(), n_kept), 0);
    (void) ko_sorter_rewind(sorter, &err);
    while (record.data != NULL && err.code == KO_OK)
        (void) ko_sorter_next(sorter, NULL, &record, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, "a spill file in '");
    ko_sorter_free(sorter);
}

static void
a_spill_that_changed_is_corrupt(void)
{
    struct item *items = make_items(5000, 0, 1000);

    folder_begin();
    check_damage(items, 5000, 100, 1 << 20); /* in a block */
    check_damage(items, 5000, 2, 1 << 20);   /* its length */
    check_damage(items, 5000, 100, 50);      /* nothing behind byte 50 */
    ko_free(items);
    folder_end();
}

static void
a_folder_that_is_not_there_is_named(void)
{
    struct item *items = make_items(5000, 0, 1000);
    struct ko_error err = {0};
    struct ko_sorter *sorter = ko_sorter_new(
        &(struct ko_sorter_options){.memory_bytes = 64 * 1024, .folder = "/nonexistent"}, &err);

    (void) add_items(sorter, items, 5000, &err);
    CHECK_CODE(err, KO_E_IO);
    CHECK_ERROR_SAYS(err, "cannot create '/nonexistent/");
    ko_sorter_free(sorter);
    ko_free(items);
}

/* Sorts with spills, reads everything twice; any step may fail. */
static enum ko_code
sort_all(const struct item *items, size_t n, struct ko_error *err)
{
    struct ko_sorter *sorter = ko_sorter_new(
        &(struct ko_sorter_options){.memory_bytes = 64 * 1024, .folder = temp_folder}, err);
    struct ko_slice record = KO_SLICE("");

    KO_TRY(err->code);
    KO_TRY(add_items(sorter, items, n, err));
    while (record.data != NULL)
        KO_TRY(ko_sorter_next(sorter, NULL, &record, err));
    KO_TRY(ko_sorter_rewind(sorter, err));
    KO_TRY(ko_sorter_next(sorter, NULL, &record, err));
    assert_non_null(record.data);

done:
    ko_sorter_free(sorter);
    return err->code;
}

static void
every_failed_allocation_is_an_error(void)
{
    enum { N = 12000 }; /* more runs than are merged at a time */
    struct item *items = make_items(N, 0, 1000);
    struct ko_error err = {.code = KO_E_MEMORY};
    uint64_t nth = 0;

    folder_begin();
    while (err.code != KO_OK) {
        err = (struct ko_error){0};
        ko_mem_fail_nth(++nth);
        (void) sort_all(items, N, &err);
        ko_mem_fail_nth(0);
        if (err.code != KO_OK)
            CHECK_CODE(err, KO_E_MEMORY);
        CHECK_TEXT(folder_names(), "");
    }
    assert_true(nth > 50);
    ko_free(items);
    folder_end();
}

CASES = {
    CASE(records_in_memory_come_in_order),
    CASE(spilled_records_come_in_order),
    CASE(many_runs_are_merged_in_levels),
    CASE(one_hot_key_is_sorted_by_its_records),
    CASE(records_that_differ_late_are_told_apart),
    CASE(equal_records_keep_the_order_of_addition),
    CASE(no_records_are_no_records),
    CASE(records_of_any_size_come_back),
    CASE(one_large_record_does_not_make_the_next_runs_small),
    CASE(spill_files_have_no_name),
    CASE(without_a_folder_the_budget_is_the_limit),
    CASE(a_full_disk_is_an_error),
    CASE(a_spill_that_changed_is_corrupt),
    CASE(a_folder_that_is_not_there_is_named),
    CASE(every_failed_allocation_is_an_error),
};
RUN_CASES
