#include <inttypes.h>

#include "keepone/base/mem.h"
#include "keepone/stage/scan.h"
#include "keepone/stage/source.h"
#include "keepone/store/row_file.h"

struct rows_source {
    const char *folder;
    const struct ko_rules *rules;
    const char *identity;
    uint64_t total_segments;
    struct ko_row_reader *reader;
    uint64_t n_filtered;
    struct ko_buf text;
};

static enum ko_code
begin(void *self, uint64_t claim_index, struct ko_error *err)
{
    struct rows_source *source = self;
    char path[KO_PATH_BYTES];
    struct ko_row_kind kind = {.n_values = source->rules->n_looked};

    ko_row_reader_close(source->reader);
    source->reader = NULL;
    ko_buf_reset(&source->text);
    ko_scan_identity(&source->text, source->identity, claim_index, source->total_segments);
    KO_TRY(ko_buf_finish(&source->text, err));
    kind.identity = ko_buf_slice(&source->text);
    KO_TRY(ko_scan_path(path, source->folder, claim_index, err));
    KO_TRY(ko_row_reader_open(path, &kind, &source->reader, err));

done:
    return err->code;
}

static enum ko_code
next(void *self, struct ko_slice *values, bool *has_item, struct ko_error *err)
{
    struct rows_source *source = self;

    KO_TRY(ko_row_reader_next(source->reader, values, has_item, err));
    if (!*has_item)
        source->n_filtered = ko_row_reader_counters(source->reader)[KO_ROWS_FILTERED];

done:
    return err->code;
}

static enum ko_code
is_ready(void *self, bool *answer, struct ko_error *err)
{
    const struct rows_source *source = self;

    return ko_row_reader_is_ready(source->reader, answer, err);
}

static void
wait_for_more(void *self, unsigned max_us)
{
    const struct rows_source *source = self;

    ko_row_reader_wait(source->reader, max_us);
}

static void
context(void *self, struct ko_error *err)
{
    const struct rows_source *source = self;

    ko_row_reader_context(source->reader, err);
}

static uint64_t
n_filtered(void *self)
{
    const struct rows_source *source = self;

    return source->n_filtered;
}

static void
free_source(void *self)
{
    struct rows_source *source = self;

    ko_row_reader_close(source->reader);
    ko_buf_clear(&source->text);
    ko_free(source);
}

struct ko_source
ko_source_of_rows(const char *folder, const struct ko_rules *rules, const char *identity,
                  uint64_t total_segments, struct ko_error *err)
{
    static const struct ko_source_ops ops = {.begin = begin,
                                             .next = next,
                                             .is_ready = is_ready,
                                             .wait = wait_for_more,
                                             .n_filtered = n_filtered,
                                             .context = context,
                                             .free = free_source};
    struct rows_source *source = ko_alloc(sizeof *source, err);

    if (source == NULL)
        return (struct ko_source){NULL, NULL};
    source->folder = folder;
    source->rules = rules;
    source->identity = identity;
    source->total_segments = total_segments;
    return (struct ko_source){&ops, source};
}
