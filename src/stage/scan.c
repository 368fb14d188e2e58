#include "keepone/stage/scan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "keepone/aws/dynamodb.h"
#include "keepone/base/buf.h"
#include "keepone/base/log.h"
#include "keepone/base/mem.h"
#include "keepone/base/mount.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/phase.h"
#include "keepone/comm/world.h"
#include "keepone/format/item.h"
#include "keepone/format/json.h"
#include "keepone/stage/pacing.h"
#include "keepone/store/row_file.h"

enum { ROWS_PER_STEP = 1024, LIMIT_MAX = 1000000 };

/* What a page of 1 MB costs, eventually consistent, and what the smallest one does. */
#define PAGE_UNITS_MAX 128.0
#define PAGE_UNITS_MIN 0.5

enum { ITEM_BYTES_MAX = 400 * 1024, BYTES_PER_UNIT = 8192 };
enum { UPLOAD_BYTES = 16 * 1024 * 1024 };

/* Of a mean, from one page to the next. */
#define KEEP 0.9

/* A segment that this rank is reading. */
struct segment {
    uint64_t index;
    struct ko_row_writer *writer; /* NULL: this place is free */
    uint64_t n_scanned;
    uint64_t n_filtered;
    bool has_limit;           /* the page in flight */
    struct ko_pace_lane lane; /* a hot segment is slowed alone */
};

struct scanning {
    const struct ko_scan_config *config;
    struct ko_scan_stats *stats;
    struct ko_item_walker *walker;
    struct segment *segments; /* n_places of them */
    uint32_t n_places;
    uint32_t n_open;
    uint32_t n_asked;
    bool is_done;      /* there are no more claims */
    bool is_taking_in; /* the rows of a finished segment */
    uint64_t taken_index;
    struct ko_buf finished; /* u64 each: segments whose rows are to be taken in */
    uint64_t n_items;       /* for progress */
    uint64_t n_claims_ended;
    uint64_t stride; /* claim i is segment i * stride, modulo their number */
    struct ko_pacing pacing;
    double recent_units; /* of pages, with the weight of old ones fading */
    double recent_items;
    double page_units;          /* mean of pages without Limit; 0 = not known */
    struct ko_buf request_head; /* everything of a request before its segment */
    struct ko_buf request;
};

enum ko_code
ko_scan_path(char path[KO_PATH_BYTES], const char *folder, uint64_t segment, struct ko_error *err)
{
    return ko_path_join(path, err, folder, "segment-%07" PRIu64 ".rows.zst", segment);
}

void
ko_scan_identity(struct ko_buf *out, const char *identity, uint64_t segment,
                 uint64_t total_segments)
{
    ko_buf_add_format(out, "%s segment %" PRIu64 " of %" PRIu64, identity, segment, total_segments);
}

/* The part of a Scan request that is the same for every page. */
static enum ko_code
build_request_head(struct scanning *scanning, struct ko_error *err)
{
    const struct ko_scan_config *config = scanning->config;
    struct ko_buf *head = &scanning->request_head;
    struct ko_buf projection = {0};
    struct ko_buf names = {0};

    ko_rules_add_projection(config->rules, &projection, &names);
    ko_buf_add_text(head, "{\"TableName\":");
    ko_json_add_string(head, ko_slice_of(config->table_name));
    ko_buf_add_format(head, ",\"TotalSegments\":%" PRIu64 ",\"ReturnConsumedCapacity\":\"TOTAL\"",
                      config->total_segments);
    if (config->consistent)
        ko_buf_add_text(head, ",\"ConsistentRead\":true");
    ko_buf_add_text(head, ",\"ProjectionExpression\":");
    ko_json_add_string(head, ko_buf_slice(&projection));
    if (config->where != NULL) {
        ko_buf_add_text(head, ",\"FilterExpression\":");
        ko_json_add_string(head, config->where->expression);
        ko_buf_add_char(&names, ',');
        ko_buf_add_slice(&names, config->where->names);
    }
    if (config->where != NULL && config->where->values.n > 0) {
        ko_buf_add_text(head, ",\"ExpressionAttributeValues\":{");
        ko_buf_add_slice(head, config->where->values);
        ko_buf_add_char(head, '}');
    }
    ko_buf_add_text(head, ",\"ExpressionAttributeNames\":{");
    ko_buf_add_slice(head, ko_buf_slice(&names));
    ko_buf_add_char(head, '}');
    KO_TRY(ko_buf_finish(&names, err));
    KO_TRY(ko_buf_finish(&projection, err));
    KO_TRY(ko_buf_finish(head, err));

done:
    ko_buf_clear(&projection);
    ko_buf_clear(&names);
    return err->code;
}

static void
learn_cost(struct scanning *scanning, bool has_limit, uint64_t n_scanned, double units)
{
    const double least = PAGE_UNITS_MIN * (scanning->config->consistent ? 2 : 1);
    /* The smallest page might have had more items: how many is found out by asking for more. */
    const double likely = units <= least ? units / 2 : units;

    if (units <= 0)
        return;
    scanning->recent_units = scanning->recent_units * KEEP + likely;
    scanning->recent_items = scanning->recent_items * KEEP + (double) n_scanned;
    if (!has_limit)
        scanning->page_units =
            scanning->page_units > 0 ? scanning->page_units * KEEP + units * (1 - KEEP) : units;
}

/* What an item costs, eventually consistent: as it was lately, or as the table is described. */
static double
guess_item_units(const struct scanning *scanning)
{
    const uint64_t described = scanning->config->item_bytes;
    const double factor = scanning->config->consistent ? 2 : 1;

    if (scanning->recent_items > 0)
        return scanning->recent_units / scanning->recent_items / factor;
    return (double) (described > 0 ? described : ITEM_BYTES_MAX) / BYTES_PER_UNIT + 0.5;
}

/*
 * How many items the next page may have so that it costs no more than a call should, and what it
 * will cost; 0 = no Limit.
 */
static uint64_t
choose_limit(const struct scanning *scanning, double *expected_units)
{
    const double factor = scanning->config->consistent ? 2 : 1;
    const double target =
        fmax(ko_pace_call_units(scanning->pacing.pace, KO_PACE_READ), PAGE_UNITS_MIN * factor);
    const double item_units = guess_item_units(scanning) * factor;
    const double n_items = scanning->recent_items > 0 ? target / item_units : 1;

    *expected_units = scanning->page_units > 0 ? scanning->page_units : PAGE_UNITS_MAX * factor;
    if (target >= PAGE_UNITS_MAX * factor)
        return 0;
    *expected_units = n_items <= 1 ? item_units : target;
    return n_items < 1 ? 1 : n_items > LIMIT_MAX ? LIMIT_MAX : (uint64_t) n_items;
}

static ko_dynamodb_done_fn page_arrived;

/* Asks for a segment's next page; start_key absent for the first. */
static enum ko_code
ask_page(struct scanning *scanning, size_t place, struct ko_slice start_key, struct ko_error *err)
{
    struct segment *segment = &scanning->segments[place];
    struct ko_buf *request = &scanning->request;
    struct ko_dynamodb_call call = {.operation = "Scan",
                                    .lane = &segment->lane,
                                    .done = page_arrived,
                                    .self = scanning,
                                    .tag = place};
    const uint64_t limit = choose_limit(scanning, &call.expected_units);

    segment->has_limit = limit > 0;
    ko_buf_reset(request);
    ko_buf_add_slice(request, ko_buf_slice(&scanning->request_head));
    ko_buf_add_format(request, ",\"Segment\":%" PRIu64, segment->index);
    if (limit > 0)
        ko_buf_add_format(request, ",\"Limit\":%" PRIu64, limit);
    if (start_key.data != NULL) {
        ko_buf_add_text(request, ",\"ExclusiveStartKey\":");
        ko_buf_add_slice(request, start_key);
    }
    ko_buf_add_char(request, '}');
    KO_TRY(ko_buf_finish(request, err));
    call.body = ko_buf_slice(request);
    KO_TRY(ko_dynamodb_send(scanning->config->client, &call, err));
    scanning->stats->n_pages++;

done:
    return err->code;
}

/* The members of a Scan reply, in whatever order they came. */
struct page {
    struct ko_slice items;
    struct ko_slice last_key;
    uint64_t n_returned;
    uint64_t n_scanned;
};

static enum ko_code
read_page(struct ko_slice body, struct page *page, struct ko_error *err)
{
    *page = (struct page){0};
    KO_TRY(ko_json_member(body, "Items", &page->items, err));
    KO_TRY(ko_json_member(body, "LastEvaluatedKey", &page->last_key, err));
    KO_TRY(ko_json_member_u64(body, "Count", &page->n_returned, err));
    KO_TRY(ko_json_member_u64(body, "ScannedCount", &page->n_scanned, err));
    if (page->items.data == NULL || page->n_scanned < page->n_returned)
        (void) ko_fail(err, KO_E_CORRUPT, "a Scan reply without Items, or with wrong counts");

done:
    return err->code;
}

static enum ko_code
take_items(struct scanning *scanning, struct segment *segment, const struct page *page,
           struct ko_error *err)
{
    const struct ko_rules *rules = scanning->config->rules;
    struct ko_json_cursor cursor;
    uint64_t n_items = 0;

    KO_TRY(ko_json_enter(page->items, &cursor, err));
    for (;;) {
        struct ko_slice name_values[KO_LOOKED_MAX];
        struct ko_slice values[KO_LOOKED_MAX];
        struct ko_slice name;
        struct ko_slice item;
        const char *at;

        KO_TRY(ko_json_next(&cursor, &name, &item, err));
        if (item.data == NULL)
            break;
        at = item.data;
        KO_TRY(ko_item_walk(scanning->walker, &at, item.data + item.n, name_values, err));
        KO_TRY(ko_rules_look(rules, name_values, values, err));
        KO_TRY(ko_row_writer_add(segment->writer, values, err));
        n_items++;
    }
    if (n_items != page->n_returned)
        (void) ko_fail(err, KO_E_CORRUPT, "a Scan reply says %" PRIu64 " items and has %" PRIu64,
                       page->n_returned, n_items);

done:
    return err->code;
}

static enum ko_code
end_segment(struct scanning *scanning, struct segment *segment, struct ko_error *err)
{
    const uint64_t counters[KO_ROW_COUNTERS] = {
        [KO_ROWS_SCANNED] = segment->n_scanned, [KO_ROWS_FILTERED] = segment->n_filtered};
    struct ko_row_writer *const writer = segment->writer;

    segment->writer = NULL;
    scanning->n_open--;
    KO_TRY(ko_row_writer_close(writer, counters, err));
    ko_buf_add_u64(&scanning->finished, segment->index);
    KO_TRY(ko_buf_finish(&scanning->finished, err));

done:
    return err->code;
}

static enum ko_code
page_arrived(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    struct scanning *scanning = self;
    struct segment *segment = &scanning->segments[reply->tag];
    char what[KO_PATH_BYTES];
    struct page page;

    (void) snprintf(what, sizeof what, "scanning table '%s'", scanning->config->table_name);
    if (reply->kind != KO_REPLY_OK)
        return ko_dynamodb_reply_error(reply, what, err);
    KO_TRY(read_page(reply->body, &page, err));
    scanning->stats->read_units += reply->consumed_units;
    learn_cost(scanning, segment->has_limit, page.n_scanned, reply->consumed_units);
    KO_TRY(take_items(scanning, segment, &page, err));
    segment->n_scanned += page.n_scanned;
    segment->n_filtered += page.n_scanned - page.n_returned;
    scanning->n_items += page.n_scanned;
    if (page.last_key.data != NULL)
        KO_TRY(ask_page(scanning, (size_t) reply->tag, page.last_key, err));
    else
        KO_TRY(end_segment(scanning, segment, err));

done:
    if (err->code != KO_OK)
        ko_context(err, "segment %" PRIu64, segment->index);
    return err->code;
}

static enum ko_code
begin_rows(struct scanning *scanning, struct ko_error *err)
{
    const struct ko_source *source = &scanning->config->source;

    scanning->finished.n -= sizeof(uint64_t);
    scanning->taken_index = ko_read_u64(scanning->finished.data + scanning->finished.n);
    KO_TRY(source->ops->begin(source->self, scanning->taken_index, err));
    ko_intake_begin(scanning->config->intake);
    scanning->is_taking_in = true;

done:
    return err->code;
}

static enum ko_code
end_rows(struct scanning *scanning, struct ko_error *err)
{
    const struct ko_source *source = &scanning->config->source;

    scanning->is_taking_in = false;
    scanning->n_claims_ended++;
    ko_intake_add_filtered(scanning->config->intake, source->ops->n_filtered(source->self));
    return ko_intake_end(scanning->config->intake, scanning->taken_index, err);
}

/*
 * A slice of the rows of a finished segment, of this scan or of an earlier one: a claim's items
 * come to the intake together and in the order in which its source gives them again.
 * *is_ready = false if the network has no more yet.
 */
static enum ko_code
take_rows(struct scanning *scanning, bool *is_ready, struct ko_error *err)
{
    const struct ko_source *source = &scanning->config->source;

    if (!scanning->is_taking_in)
        KO_TRY(begin_rows(scanning, err));
    for (int i = 0; i < ROWS_PER_STEP && scanning->is_taking_in; i++) {
        struct ko_slice values[KO_LOOKED_MAX];
        bool has_item;

        KO_TRY(ko_source_is_ready(source, is_ready, err));
        if (!*is_ready)
            break;
        KO_TRY(source->ops->next(source->self, values, &has_item, err));
        if (has_item)
            KO_TRY(ko_intake_add(scanning->config->intake, values, err));
        else
            KO_TRY(end_rows(scanning, err));
    }

done:
    return err->code;
}

static bool
has_rows(const struct scanning *scanning)
{
    return scanning->is_taking_in || scanning->finished.n > 0;
}

static enum ko_code
step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct scanning *scanning = self;
    bool is_ready = true;

    if (has_rows(scanning))
        KO_TRY(take_rows(scanning, &is_ready, err));
    KO_TRY(ko_dynamodb_step(scanning->config->client, err));
    while (!scanning->is_done &&
           scanning->n_asked + scanning->n_open + scanning->finished.n / sizeof(uint64_t) <
               scanning->n_places) {
        KO_TRY(ko_phase_ask(phase, err));
        scanning->n_asked++;
    }
    if (has_rows(scanning))
        *state = is_ready ? KO_PHASE_BUSY : KO_PHASE_WAITING;
    else if (scanning->is_done && scanning->n_asked == 0 && scanning->n_open == 0)
        *state = KO_PHASE_DONE;
    else
        *state = KO_PHASE_WAITING;

done:
    return err->code;
}

static enum ko_code
open_segment(struct scanning *scanning, uint64_t index, const char *path, struct ko_error *err)
{
    const struct ko_scan_config *config = scanning->config;
    struct ko_row_kind kind = {.n_values = config->rules->n_looked};
    struct ko_buf identity = {0};
    struct segment *segment;
    size_t place = 0;

    while (scanning->segments[place].writer != NULL)
        place++;
    KO_ASSERT(place < scanning->n_places);
    segment = &scanning->segments[place];
    *segment = (struct segment){.index = index};
    ko_scan_identity(&identity, config->identity, index, config->total_segments);
    KO_TRY(ko_buf_finish(&identity, err));
    kind.identity = ko_buf_slice(&identity);
    KO_TRY(ko_row_writer_open(path, &kind, &segment->writer, err));
    scanning->n_open++;
    KO_TRY(ask_page(scanning, place, (struct ko_slice){NULL, 0}, err));

done:
    ko_buf_clear(&identity);
    return err->code;
}

/* A step near the golden section that has no divisor in common with n: it visits all, spread out.
 */
static uint64_t
choose_stride(uint64_t n)
{
    uint64_t stride = n / 1000 * 618 + n % 1000 * 618 / 1000;

    for (;; stride++) {
        uint64_t a = n;
        uint64_t b = stride;

        while (b != 0) {
            const uint64_t rest = a % b;

            a = b;
            b = rest;
        }
        if (a == 1)
            return stride;
    }
}

/* Neighbours among segments share partitions, neighbours among claims must not. */
static uint64_t
segment_of(const struct scanning *scanning, uint64_t claim_index)
{
    return claim_index * scanning->stride % scanning->config->total_segments;
}

static enum ko_code
take_claim(void *self, struct ko_phase *phase, bool is_none, uint64_t claim_index,
           struct ko_error *err)
{
    struct scanning *scanning = self;
    char path[KO_PATH_BYTES];
    uint64_t index;
    bool is_there;

    (void) phase;
    scanning->n_asked--;
    scanning->is_done |= is_none;
    if (is_none)
        return KO_OK;
    index = segment_of(scanning, claim_index);
    KO_TRY(ko_scan_path(path, scanning->config->folder, index, err));
    KO_TRY(ko_file_exists(path, &is_there, err));
    if (is_there) {
        scanning->stats->n_segments_resumed++;
        ko_buf_add_u64(&scanning->finished, index);
        return ko_buf_finish(&scanning->finished, err);
    }
    return open_segment(scanning, index, path, err);

done:
    return err->code;
}

static void
wait_for_replies(void *self, unsigned max_us)
{
    const struct scanning *scanning = self;

    ko_dynamodb_wait(scanning->config->client, max_us);
}

static void
show(void *self, const uint64_t *totals)
{
    struct scanning *scanning = self;

    ko_pacing_show(&scanning->pacing, scanning->config->progress, totals);
}

static void
before_pulse(void *self)
{
    struct scanning *scanning = self;

    ko_pacing_before(&scanning->pacing, scanning->n_items);
}

static void
after_pulse(void *self, const uint64_t *mine, const uint64_t *totals)
{
    struct scanning *scanning = self;

    ko_pacing_after(&scanning->pacing, mine, totals);
}

static enum ko_code
begin_scan(struct scanning *scanning, int n_ranks, struct ko_error *err)
{
    const struct ko_scan_config *config = scanning->config;
    /* Of few segments no rank takes more than its part at once. */
    const uint64_t n_fair = (config->total_segments - 1) / (uint64_t) n_ranks + 1;
    /* On a mount each open segment is an upload with buffers of its own. */
    const uint64_t n_uploads = config->memory_bytes / 4 / UPLOAD_BYTES + 1;

    scanning->stride = choose_stride(config->total_segments);
    scanning->n_places = ko_dynamodb_room(config->client);
    if (scanning->n_places > n_fair)
        scanning->n_places = (uint32_t) n_fair;
    if (ko_path_is_remote(config->folder) && scanning->n_places > n_uploads)
        scanning->n_places = (uint32_t) n_uploads;
    scanning->segments = ko_alloc_array(scanning->n_places, sizeof *scanning->segments, err);
    scanning->walker = ko_item_walker_new(config->rules->names, config->rules->n_names, err);
    if (err->code == KO_OK)
        (void) build_request_head(scanning, err);
    return err->code;
}

static void
end_scan(struct scanning *scanning)
{
    for (uint32_t i = 0; scanning->segments != NULL && i < scanning->n_places; i++)
        ko_row_writer_abandon(scanning->segments[i].writer);
    ko_free(scanning->segments);
    ko_item_walker_free(scanning->walker);
    ko_buf_clear(&scanning->finished);
    ko_buf_clear(&scanning->request_head);
    ko_buf_clear(&scanning->request);
}

enum ko_code
ko_scan_run(const struct ko_scan_config *config, struct ko_world *world,
            struct ko_scan_stats *stats, struct ko_error *err)
{
    struct scanning scanning = {.config = config, .stats = stats};
    const struct ko_phase_ops ops = {.step = step,
                                     .claim = take_claim,
                                     .wait = wait_for_replies,
                                     .progress = show,
                                     .before_pulse = before_pulse,
                                     .after_pulse = after_pulse};
    const struct ko_phase_options options = {.name = "read",
                                             .ops = &ops,
                                             .self = &scanning,
                                             .n_claims = config->total_segments,
                                             .counters = scanning.pacing.counters,
                                             .n_counters = KO_PACING_COUNTERS};
    uint64_t n_ended;

    (void) begin_scan(&scanning, ko_world_size(world), err);
    ko_pacing_begin(&scanning.pacing, config->client, world);
    ko_progress_begin(config->progress, "read", "items", config->expected_items);
    (void) ko_phase_run(world, &options, NULL, err);
    ko_pacing_end(&scanning.pacing);
    ko_progress_end(config->progress);
    n_ended = scanning.n_claims_ended;
    KO_TRY(ko_world_sum(world, &n_ended, 1, err));
    if (n_ended != config->total_segments)
        (void) ko_fail(err, KO_E_BUG, "%" PRIu64 " of %" PRIu64 " segments were read", n_ended,
                       config->total_segments);
    KO_TRY(ko_gate(world, err));

done:
    end_scan(&scanning);
    return err->code;
}
