#include "keepone/stage/scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "keepone/aws/dynamodb.h"
#include "keepone/base/buf.h"
#include "keepone/base/log.h"
#include "keepone/base/mem.h"
#include "keepone/comm/gate.h"
#include "keepone/comm/phase.h"
#include "keepone/comm/world.h"
#include "keepone/format/item.h"
#include "keepone/format/json.h"
#include "keepone/stage/units.h"
#include "keepone/store/row_file.h"

enum { ROWS_PER_STEP = 1024 };

/* A segment that this rank is reading. */
struct segment {
    uint64_t index;
    struct ko_row_writer *writer; /* NULL: this place is free */
    uint64_t n_scanned;
    uint64_t n_filtered;
};

struct scanning {
    const struct ko_scan_config *config;
    struct ko_scan_stats *stats;
    struct ko_item_walker *walker;
    struct segment *segments; /* n_places of them */
    uint32_t n_places;
    uint32_t n_open;
    uint32_t n_asked;
    bool is_done;     /* there are no more claims */
    bool is_resuming; /* a finished segment's rows are being taken in */
    uint64_t resumed_index;
    struct ko_buf waiting; /* u64 each: finished segments to be taken in */
    uint64_t n_items;      /* counter for progress */
    uint64_t n_claims_ended;
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

static ko_dynamodb_done_fn page_arrived;

/* Asks for a segment's next page; start_key absent for the first. */
static enum ko_code
ask_page(struct scanning *scanning, size_t place, struct ko_slice start_key, struct ko_error *err)
{
    const struct segment *segment = &scanning->segments[place];
    struct ko_buf *request = &scanning->request;
    struct ko_dynamodb_call call = {
        .operation = "Scan", .done = page_arrived, .self = scanning, .tag = place};

    ko_buf_reset(request);
    ko_buf_add_slice(request, ko_buf_slice(&scanning->request_head));
    ko_buf_add_format(request, ",\"Segment\":%" PRIu64, segment->index);
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
read_page(struct ko_slice body, struct page *page, double *units, struct ko_error *err)
{
    *page = (struct page){0};
    KO_TRY(ko_json_member(body, "Items", &page->items, err));
    KO_TRY(ko_json_member(body, "LastEvaluatedKey", &page->last_key, err));
    KO_TRY(ko_json_member_u64(body, "Count", &page->n_returned, err));
    KO_TRY(ko_json_member_u64(body, "ScannedCount", &page->n_scanned, err));
    *units += ko_consumed_units(body);
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
        KO_TRY(ko_intake_add(scanning->config->intake, values, err));
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
    ko_intake_add_filtered(scanning->config->intake, segment->n_filtered);
    KO_TRY(ko_intake_end(scanning->config->intake, segment->index, err));
    scanning->n_claims_ended++;

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
    KO_TRY(read_page(reply->body, &page, &scanning->stats->read_units, err));
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

/* A slice of the rows of a finished segment. */
static enum ko_code
take_resumed_rows(struct scanning *scanning, struct ko_error *err)
{
    const struct ko_source *source = &scanning->config->source;
    struct ko_intake *intake = scanning->config->intake;

    if (!scanning->is_resuming) {
        scanning->waiting.n -= sizeof(uint64_t);
        scanning->resumed_index = ko_read_u64(scanning->waiting.data + scanning->waiting.n);
        KO_TRY(source->ops->begin(source->self, scanning->resumed_index, err));
        scanning->is_resuming = true;
    }
    for (int i = 0; i < ROWS_PER_STEP; i++) {
        struct ko_slice values[KO_LOOKED_MAX];
        bool has_item;

        KO_TRY(source->ops->next(source->self, values, &has_item, err));
        if (has_item) {
            KO_TRY(ko_intake_add(intake, values, err));
            continue;
        }
        scanning->is_resuming = false;
        scanning->stats->n_segments_resumed++;
        ko_intake_add_filtered(intake, source->ops->n_filtered(source->self));
        KO_TRY(ko_intake_end(intake, scanning->resumed_index, err));
        scanning->n_claims_ended++;
        break;
    }

done:
    return err->code;
}

static enum ko_code
step(void *self, struct ko_phase *phase, enum ko_phase_state *state, struct ko_error *err)
{
    struct scanning *scanning = self;
    const bool has_resumed = scanning->is_resuming || scanning->waiting.n > 0;

    if (has_resumed)
        KO_TRY(take_resumed_rows(scanning, err));
    KO_TRY(ko_dynamodb_step(scanning->config->client, err));
    while (!scanning->is_done && !has_resumed &&
           scanning->n_asked + scanning->n_open < scanning->n_places) {
        KO_TRY(ko_phase_ask(phase, err));
        scanning->n_asked++;
    }
    if (has_resumed)
        *state = KO_PHASE_BUSY;
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

static enum ko_code
take_claim(void *self, struct ko_phase *phase, bool is_none, uint64_t claim_index,
           struct ko_error *err)
{
    struct scanning *scanning = self;
    char path[KO_PATH_BYTES];

    (void) phase;
    scanning->n_asked--;
    scanning->is_done |= is_none;
    if (is_none)
        return KO_OK;
    KO_TRY(ko_scan_path(path, scanning->config->folder, claim_index, err));
    if (ko_file_exists(path)) {
        ko_buf_add_u64(&scanning->waiting, claim_index);
        return ko_buf_finish(&scanning->waiting, err);
    }
    return open_segment(scanning, claim_index, path, err);

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
    const struct scanning *scanning = self;

    ko_progress_show(scanning->config->progress, totals[0]);
}

static enum ko_code
begin_scan(struct scanning *scanning, struct ko_error *err)
{
    const struct ko_scan_config *config = scanning->config;

    scanning->n_places = ko_dynamodb_room(config->client);
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
    ko_buf_clear(&scanning->waiting);
    ko_buf_clear(&scanning->request_head);
    ko_buf_clear(&scanning->request);
}

enum ko_code
ko_scan_run(const struct ko_scan_config *config, struct ko_world *world,
            struct ko_scan_stats *stats, struct ko_error *err)
{
    struct scanning scanning = {.config = config, .stats = stats};
    const struct ko_phase_ops ops = {
        .step = step, .claim = take_claim, .wait = wait_for_replies, .progress = show};
    const struct ko_phase_options options = {.name = "read",
                                             .ops = &ops,
                                             .self = &scanning,
                                             .n_claims = config->total_segments,
                                             .counters = &scanning.n_items,
                                             .n_counters = 1};
    uint64_t n_ended;

    (void) begin_scan(&scanning, err);
    ko_progress_begin(config->progress, "read", "items", config->expected_items);
    (void) ko_phase_run(world, &options, NULL, err);
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
