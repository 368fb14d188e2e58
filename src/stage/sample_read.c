/* Reading a sample of a live table: some segments of many, drawn by lot. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "keepone/base/buf.h"
#include "keepone/base/mem.h"
#include "keepone/base/random.h"
#include "keepone/format/digest.h"
#include "keepone/format/item.h"
#include "keepone/format/json.h"
#include "keepone/record/record.h"
#include "keepone/stage/sample.h"

enum {
    LEAST_SEGMENTS = 1000,
    MOST_SEGMENTS = 1000000,
    SEGMENT_BYTES = 1024 * 1024,
    WAIT_US = 50000,
    IN_FLIGHT = 16
};

struct sampling {
    const struct ko_sample_config *config;
    struct ko_sample *sample;
    struct ko_item_walker *walker;
    uint32_t *segments; /* drawn */
    uint64_t n_begun;
    struct ko_buf items; /* of struct ko_sample_item */
    struct ko_buf request;
    struct ko_buf scratch;
    struct ko_buf waiting; /* the request of a next page that waits for its turn, one per line */
};

void
ko_sample_choose(double fraction, uint64_t size_bytes, uint64_t *n_segments,
                 uint64_t *total_segments)
{
    uint64_t total = size_bytes / SEGMENT_BYTES;

    total = total < LEAST_SEGMENTS ? LEAST_SEGMENTS : total;
    total = total > MOST_SEGMENTS ? MOST_SEGMENTS : total;
    *total_segments = total;
    *n_segments = (uint64_t) ceil(fraction * (double) total - 1e-9);
    *n_segments = *n_segments < 1 ? 1 : *n_segments > total ? total : *n_segments;
}

/* n of total segments, each set of n as likely as every other: the head of a shuffle. */
static enum ko_code
draw(struct sampling *sampling, struct ko_error *err)
{
    const uint64_t total = sampling->sample->total_segments;
    uint32_t *const segments = ko_alloc_array((size_t) total, sizeof *segments, err);

    sampling->segments = segments;
    if (segments == NULL)
        return err->code;
    for (uint32_t i = 0; i < total; i++)
        segments[i] = i;
    for (uint64_t i = 0; i < sampling->sample->n_segments; i++) {
        const uint64_t k = i + ko_random(total - i);
        const uint32_t drawn = segments[k];

        segments[k] = segments[i];
        segments[i] = drawn;
    }
    return KO_OK;
}

static ko_dynamodb_done_fn page_arrived;

/* start_key absent: the segment's first page. */
static enum ko_code
ask_page(struct sampling *sampling, uint64_t segment, struct ko_slice start_key,
         struct ko_error *err)
{
    struct ko_buf *const request = &sampling->request;
    const struct ko_dynamodb_call call = {
        .operation = "Scan", .done = page_arrived, .self = sampling, .tag = segment};
    struct ko_dynamodb_call ready = call;

    ko_buf_reset(request);
    ko_buf_add_text(request, "{\"TableName\":");
    ko_json_add_string(request, ko_slice_of(sampling->config->table_name));
    ko_buf_add_format(request,
                      ",\"ReturnConsumedCapacity\":\"TOTAL\",\"TotalSegments\":%" PRIu64
                      ",\"Segment\":%" PRIu64,
                      sampling->sample->total_segments, segment);
    if (start_key.data != NULL) {
        ko_buf_add_text(request, ",\"ExclusiveStartKey\":");
        ko_buf_add_slice(request, start_key);
    }
    ko_buf_add_char(request, '}');
    KO_TRY(ko_buf_finish(request, err));
    ready.body = ko_buf_slice(request);
    KO_TRY(ko_dynamodb_send(sampling->config->client, &ready, err));

done:
    return err->code;
}

static enum ko_code
take_item(struct sampling *sampling, struct ko_slice item, struct ko_error *err)
{
    const struct ko_rules *rules = sampling->config->rules;
    struct ko_slice name_values[KO_LOOKED_MAX];
    struct ko_slice values[KO_LOOKED_MAX];
    struct ko_sample_item taken;
    const char *at = item.data;
    bool is_missing;

    KO_TRY(ko_sample_add_size(&sampling->sample->sizes, item, err));
    KO_TRY(ko_item_walk(sampling->walker, &at, item.data + item.n, name_values, err));
    KO_TRY(ko_rules_look(rules, name_values, values, err));
    KO_TRY(ko_key_fingerprint(rules, values, &sampling->scratch, &taken.key, &is_missing, err));
    if (is_missing) {
        sampling->sample->sizes.n_missing++;
        goto done;
    }
    taken.partition = ko_fingerprint(values[0]);
    ko_buf_add(&sampling->items, &taken, sizeof taken);
    KO_TRY(ko_buf_finish(&sampling->items, err));

done:
    return err->code;
}

static enum ko_code
take_items(struct sampling *sampling, struct ko_slice items, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice item = {NULL, 0};

    KO_TRY(ko_json_enter(items, &cursor, err));
    for (;;) {
        KO_TRY(ko_json_next(&cursor, &name, &item, err));
        if (item.data == NULL)
            break;
        KO_TRY(take_item(sampling, item, err));
    }

done:
    return err->code;
}

static enum ko_code
page_arrived(void *self, const struct ko_dynamodb_reply *reply, struct ko_error *err)
{
    struct sampling *const sampling = self;
    struct ko_slice items = {NULL, 0};
    struct ko_slice last_key = {NULL, 0};
    char what[KO_ERROR_TEXT_BYTES / 2];

    (void) snprintf(what, sizeof what, "sampling table '%s'", sampling->config->table_name);
    if (reply->kind != KO_REPLY_OK)
        return ko_dynamodb_reply_error(reply, what, err);
    sampling->sample->read_units += reply->consumed_units;
    KO_TRY(ko_json_member(reply->body, "Items", &items, err));
    KO_TRY(ko_json_member(reply->body, "LastEvaluatedKey", &last_key, err));
    if (items.data == NULL)
        KO_TRY(ko_fail(err, KO_E_CORRUPT, "a Scan reply without Items"));
    KO_TRY(take_items(sampling, items, err));
    if (last_key.data != NULL) {
        ko_buf_add_u64(&sampling->waiting, reply->tag);
        ko_buf_add_u64(&sampling->waiting, last_key.n);
        ko_buf_add_slice(&sampling->waiting, last_key);
        KO_TRY(ko_buf_finish(&sampling->waiting, err));
    }

done:
    return err->code;
}

/* Next pages first: they are what the sample already is. */
static enum ko_code
ask_next(struct sampling *sampling, struct ko_error *err)
{
    struct ko_buf *const waiting = &sampling->waiting;
    uint64_t segment;
    size_t n;

    if (waiting->n == 0) {
        segment = sampling->segments[sampling->n_begun++];
        return ask_page(sampling, segment, (struct ko_slice){NULL, 0}, err);
    }
    segment = ko_read_u64(waiting->data);
    n = (size_t) ko_read_u64(waiting->data + 8);
    KO_TRY(ask_page(sampling, segment, (struct ko_slice){waiting->data + 16, n}, err));
    waiting->n -= 16 + n;
    memmove(waiting->data, waiting->data + 16 + n, waiting->n);

done:
    return err->code;
}

static enum ko_code
read_segments(struct sampling *sampling, struct ko_error *err)
{
    const struct ko_sample_config *config = sampling->config;

    for (;;) {
        const bool has_more =
            sampling->waiting.n > 0 || sampling->n_begun < sampling->sample->n_segments;

        if (!has_more && ko_dynamodb_n_in_flight(config->client) == 0)
            return KO_OK;
        if (config->stop_wanted != NULL && config->stop_wanted(config->stop_self)) {
            (void) ko_fail(err, KO_E_STOPPED, "stopped while sampling");
            return err->code;
        }
        if (has_more && ko_dynamodb_n_in_flight(config->client) < IN_FLIGHT &&
            ko_dynamodb_room(config->client) > 0) {
            KO_TRY(ask_next(sampling, err));
            continue;
        }
        ko_dynamodb_wait(config->client, WAIT_US);
        KO_TRY(ko_dynamodb_step(config->client, err));
        ko_progress_show(config->progress, sampling->sample->sizes.n);
    }

done:
    return err->code;
}

enum ko_code
ko_sample_read(const struct ko_sample_config *config, struct ko_sample *sample,
               struct ko_error *err)
{
    struct sampling sampling = {.config = config, .sample = sample};

    *sample = (struct ko_sample){0};
    ko_sample_choose(config->fraction, config->size_bytes, &sample->n_segments,
                     &sample->total_segments);
    KO_TRY(draw(&sampling, err));
    sampling.walker = ko_item_walker_new(config->rules->names, config->rules->n_names, err);
    KO_TRY(err->code);
    ko_progress_begin(config->progress, "sample", "items", 0);
    (void) read_segments(&sampling, err);
    ko_progress_end(config->progress);
    KO_TRY(err->code);
    ko_sample_count((struct ko_sample_item *) (void *) sampling.items.data,
                    sampling.items.n / sizeof(struct ko_sample_item), &sample->counts);

done:
    ko_free(sampling.segments);
    ko_item_walker_free(sampling.walker);
    ko_buf_clear(&sampling.items);
    ko_buf_clear(&sampling.request);
    ko_buf_clear(&sampling.scratch);
    ko_buf_clear(&sampling.waiting);
    return err->code;
}
