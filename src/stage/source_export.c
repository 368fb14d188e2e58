#include "keepone/base/mem.h"
#include "keepone/format/item.h"
#include "keepone/format/value.h"
#include "keepone/stage/source.h"
#include "keepone/store/export.h"

struct export_source {
    const struct ko_export *export;
    const struct ko_rules *rules;
    struct ko_export_reader *reader;
    struct ko_item_walker *walker;
    struct ko_buf resolved; /* strings of the item that have escapes */
    uint64_t claim_index;   /* of the open file */
    bool *is_read;          /* by claim: the file was read to its end, and all was right */
};

static enum ko_code
begin(void *self, uint64_t claim_index, struct ko_error *err)
{
    struct export_source *source = self;

    KO_ASSERT(claim_index < source->export->n_files);
    source->claim_index = claim_index;
    if (source->is_read[claim_index])
        return ko_export_reader_begin_again(source->reader, &source->export->files[claim_index],
                                            err);
    return ko_export_reader_begin(source->reader, &source->export->files[claim_index], err);
}

/* Every item of a table has the table's key: one without it means that the key was told wrong. */
static enum ko_code
check_primary_key(const struct ko_rules *rules, const struct ko_slice *values, struct ko_error *err)
{
    for (size_t i = 0; i < (rules->has_range ? 2U : 1U); i++) {
        if (values[i].data != NULL)
            continue;
        (void) ko_fail(err, KO_E_OPTION,
                       "the item has no attribute '%.*s', which is in the primary key",
                       KO_SLICE_ARG(rules->looked[i].path.text));
        ko_hint(err, "give the table's real key with --primary-key, or its name with --table.");
        return err->code;
    }
    return KO_OK;
}

/* Walks the next line: before its end is known if that can be done. */
static enum ko_code
walk_next(struct export_source *source, struct ko_slice *values, bool *has_item,
          struct ko_error *err)
{
    const struct ko_slice text = ko_export_reader_text(source->reader);
    const size_t n = ko_item_walk_front(source->walker, text, values);
    struct ko_slice line;

    *has_item = true;
    if (n > 0) {
        ko_export_reader_take(source->reader, n);
        return KO_OK;
    }
    KO_TRY(ko_export_reader_next(source->reader, &line, err));
    *has_item = line.data != NULL;
    source->is_read[source->claim_index] |= !*has_item;
    if (*has_item && ko_item_walk_line(source->walker, line, values, err) != KO_OK)
        ko_export_reader_context(source->reader, err);

done:
    return err->code;
}

/* Strings with escapes get their canonical text: what is compared and kept of them later is then
 * like that of their neighbours, and decoded once. */
static enum ko_code
resolve_escapes(struct export_source *source, struct ko_slice *values, struct ko_error *err)
{
    const uint64_t escaped = ko_item_escaped(source->walker);
    struct ko_buf *const out = &source->resolved;
    size_t n_bytes = 0;

    for (size_t i = 0; i < source->rules->n_names && escaped >> i != 0; i++)
        n_bytes += (escaped >> i & 1) != 0 ? values[i].n : 0;
    if (n_bytes == 0)
        return KO_OK;
    ko_buf_reset(out);
    (void) ko_buf_reserve(out, n_bytes); /* so that nothing moves */
    for (size_t i = 0; i < source->rules->n_names && escaped >> i != 0; i++) {
        const size_t start = out->n;

        if ((escaped >> i & 1) != 0 && ko_value_add_string(out, values[i]))
            values[i] = (struct ko_slice){out->data + start, out->n - start};
    }
    return ko_buf_finish(out, err);
}

static enum ko_code
next(void *self, struct ko_slice *values, bool *has_item, struct ko_error *err)
{
    struct export_source *source = self;
    const struct ko_rules *rules = source->rules;
    struct ko_slice name_values[KO_LOOKED_MAX];

    KO_TRY(walk_next(source, rules->is_flat ? values : name_values, has_item, err));
    if (!*has_item)
        return KO_OK;
    KO_TRY(resolve_escapes(source, rules->is_flat ? values : name_values, err));
    if (!rules->is_flat)
        (void) ko_rules_look(rules, name_values, values, err);
    if (err->code == KO_OK)
        (void) check_primary_key(rules, values, err);
    if (err->code != KO_OK)
        ko_export_reader_context(source->reader, err);

done:
    return err->code;
}

static enum ko_code
skip(void *self, bool *has_item, struct ko_error *err)
{
    struct export_source *source = self;
    struct ko_slice line;

    KO_TRY(ko_export_reader_next(source->reader, &line, err));
    *has_item = line.data != NULL;

done:
    return err->code;
}

static enum ko_code
is_ready(void *self, bool *answer, struct ko_error *err)
{
    const struct export_source *source = self;

    return ko_export_reader_is_ready(source->reader, answer, err);
}

static void
wait_for_more(void *self, unsigned max_us)
{
    const struct export_source *source = self;

    ko_export_reader_wait(source->reader, max_us);
}

static void
context(void *self, struct ko_error *err)
{
    const struct export_source *source = self;

    ko_export_reader_context(source->reader, err);
}

static void
free_source(void *self)
{
    struct export_source *source = self;

    ko_export_reader_free(source->reader);
    ko_item_walker_free(source->walker);
    ko_buf_clear(&source->resolved);
    ko_free(source->is_read);
    ko_free(source);
}

struct ko_source
ko_source_of_export(const struct ko_export *export, const struct ko_rules *rules, bool check_md5,
                    struct ko_error *err)
{
    static const struct ko_source_ops ops = {.begin = begin,
                                             .next = next,
                                             .skip = skip,
                                             .is_ready = is_ready,
                                             .wait = wait_for_more,
                                             .context = context,
                                             .free = free_source};
    const struct ko_export_reader_options options = {.no_md5 = !check_md5};
    struct export_source *source = ko_alloc(sizeof *source, err);

    if (source == NULL)
        return (struct ko_source){NULL, NULL};
    source->export = export;
    source->rules = rules;
    source->is_read = ko_alloc_array(export->n_files, sizeof *source->is_read, err);
    if (source->is_read != NULL)
        source->reader = ko_export_reader_new(&options, err);
    if (source->reader != NULL)
        source->walker = ko_item_walker_new(rules->names, rules->n_names, err);
    if (source->walker != NULL)
        return (struct ko_source){&ops, source};
    free_source(source);
    return (struct ko_source){NULL, NULL};
}
