#include "keepone/stage/sample.h"

#include <math.h>
#include <stdlib.h>

#include "keepone/format/digest.h"
#include "keepone/format/value.h"

enum { FEW_REPEATS = 10 };

static int
compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int
by_key(const void *a, const void *b)
{
    const struct ko_sample_item *const x = a;
    const struct ko_sample_item *const y = b;
    const int order = compare_u64(x->key, y->key);

    return order != 0 ? order : compare_u64(x->partition, y->partition);
}

static int
by_partition(const void *a, const void *b)
{
    return compare_u64(((const struct ko_sample_item *) a)->partition,
                       ((const struct ko_sample_item *) b)->partition);
}

/*
 * What comes into a sample together is one event.  A part of one: blobs of a partition key with
 * what is too much in them, or, if ACROSS, the number of a key's blobs, and the fingerprint of
 * their partition keys in the place of one.
 */
#define ACROSS (UINT64_C(1) << 63)

static int
by_event(const void *a, const void *b)
{
    const struct ko_sample_item *const x = a;
    const struct ko_sample_item *const y = b;
    const int order = compare_u64(x->key & ACROSS, y->key & ACROSS);

    return order != 0 ? order : by_partition(a, b);
}

static uint64_t
add_to_set(uint64_t set, uint64_t partition)
{
    const uint64_t both[] = {set, partition};

    return ko_fingerprint((struct ko_slice){(const char *) both, sizeof both});
}

/* The items of one key, n of them; adds fewer parts than n, or none. */
static void
count_key(const struct ko_sample_item *items, size_t n, struct ko_sample_item *parts,
          size_t *n_parts, struct ko_sample_counts *counts)
{
    uint64_t n_blobs = 0;
    uint64_t set = 0;

    counts->n_keys++;
    counts->n_repeated_keys += n > 1;
    for (size_t i = 0; i < n;) {
        const uint64_t partition = items[i].partition;
        size_t end = i + 1;

        while (end < n && items[end].partition == partition)
            end++;
        n_blobs++;
        set = add_to_set(set, partition);
        if (end - i > 1)
            parts[(*n_parts)++] =
                (struct ko_sample_item){.key = end - i - 1, .partition = partition};
        i = end;
    }
    if (n_blobs >= 2)
        parts[(*n_parts)++] = (struct ko_sample_item){.key = ACROSS | n_blobs, .partition = set};
}

static void
count_event(const struct ko_sample_item *parts, size_t n, struct ko_sample_counts *counts)
{
    double inside = 0;
    double pairs = 0;
    double triples = 0;

    for (size_t i = 0; i < n; i++) {
        const double number = (double) (parts[i].key & ~ACROSS);

        if ((parts[i].key & ACROSS) == 0) {
            inside += number;
            continue;
        }
        pairs += number * (number - 1) / 2;
        triples += number * (number - 1) * (number - 2) / 6;
    }
    if (inside > 0)
        ko_events_add(&counts->inside, inside);
    if (pairs > 0)
        ko_events_add(&counts->pairs, pairs);
    if (triples > 0)
        ko_events_add(&counts->triples, triples);
}

static uint64_t
most_in_partition(struct ko_sample_item *items, size_t n)
{
    size_t most = 0;

    qsort(items, n, sizeof *items, by_partition);
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;

        while (end < n && items[end].partition == items[i].partition)
            end++;
        most = end - i > most ? end - i : most;
        i = end;
    }
    return most;
}

void
ko_sample_count(struct ko_sample_item *items, size_t n, struct ko_sample_counts *counts)
{
    size_t n_parts = 0;

    *counts = (struct ko_sample_counts){.n_items = n};
    if (n == 0)
        return;
    counts->most_in_partition = most_in_partition(items, n);
    qsort(items, n, sizeof *items, by_key);
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;

        while (end < n && items[end].key == items[i].key)
            end++;
        count_key(items + i, end - i, items, &n_parts, counts); /* writes behind what it reads */
        i = end;
    }
    qsort(items, n_parts, sizeof *items, by_event);
    for (size_t i = 0; i < n_parts;) {
        size_t end = i + 1;

        while (end < n_parts && by_event(&items[end], &items[i]) == 0)
            end++;
        count_event(items + i, end - i, counts);
        i = end;
    }
}

/* Losers across blobs, at the least, where there are that many pairs and triples of blobs. */
static double
least_across(double pairs, double triples)
{
    return pairs > 0 ? 2 * pairs * pairs / (2 * pairs + 3 * triples) : 0;
}

/* One interval of what stands for losers directly (inside) and by pairs. */
static struct ko_events
together(const struct ko_events *a, const struct ko_events *b)
{
    return (struct ko_events){.n = a->n + b->n,
                              .sum = a->sum + b->sum,
                              .squares = a->squares + b->squares,
                              .largest = a->largest > b->largest ? a->largest : b->largest};
}

struct ko_sample_estimate
ko_sample_estimate(const struct ko_sample_counts *counts, double p, double n_items_most)
{
    const double tail = 0.025;
    const struct ko_events inside = ko_events_scaled(&counts->inside, 1 / p);
    const struct ko_events pairs = ko_events_scaled(&counts->pairs, 1 / (p * p));
    const struct ko_events triples = ko_events_scaled(&counts->triples, 1 / (p * p * p));
    const struct ko_events all = together(&inside, &pairs);
    const double size_of_group = pairs.n == 0 ? 2 : 2 + 3 * triples.sum / pairs.sum;
    const double across = least_across(pairs.sum, triples.sum);
    struct ko_sample_estimate estimate = {0};
    double one_more = 1;

    if (p >= 1) {
        const double losers = (double) (counts->n_items - counts->n_keys);

        return (struct ko_sample_estimate){.losers = losers,
                                           .low = losers,
                                           .high = losers,
                                           .groups = (double) counts->n_repeated_keys,
                                           .is_exact = true};
    }
    estimate.losers = fmin(inside.sum + across, n_items_most);
    estimate.is_too_small = all.n < FEW_REPEATS;
    /* Few events do not tell how large others are: one may be all items of a partition key. */
    if (estimate.is_too_small)
        one_more = fmax((double) counts->most_in_partition, 1);
    estimate.high = fmin(ko_events_high(&all, one_more / (p * p), tail), n_items_most);
    /* Three limits must hold at once, so each gets a third of what may go wrong. */
    estimate.low = ko_events_low(&inside, tail / 3) +
                   least_across(ko_events_low(&pairs, tail / 3),
                                ko_events_high(&triples, 1 / (p * p * p), tail / 3));
    estimate.low =
        fmin(fmax(estimate.low, (double) (counts->n_items - counts->n_keys)), estimate.losers);
    estimate.groups = fmin(inside.sum + across / (size_of_group - 1), estimate.losers);
    return estimate;
}

enum ko_code
ko_sample_add_size(struct ko_sample_sizes *sizes, struct ko_slice json, struct ko_error *err)
{
    size_t bytes;

    if (ko_item_billed_bytes(json, &bytes, err) != KO_OK)
        return err->code;
    sizes->n++;
    sizes->bytes += bytes;
    sizes->json_bytes += json.n + sizeof "{\"Item\":}" - 1 + 1;
    sizes->write_units += (bytes + 1023) / 1024 + (bytes == 0);
    sizes->read_units += (bytes + 4095) / 4096 + (bytes == 0);
    return KO_OK;
}
