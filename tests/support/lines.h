/*
 * Items as lines of text, and a source that reads them.
 *
 * A line is a primary key and attributes, separated by one space: `a cause=x t=#5 old=~`
 *
 *     name=text    {"S":"text"}; JSON's escapes may be used: \u0020 is a space
 *     name=#5      {"N":"5"}
 *     name=~       {"NULL":true}
 *     name={...}   the value as it stands
 *
 * `a/7` is the primary key pk = "a", sk = 7.
 */
#ifndef KEEPONE_TESTS_SUPPORT_LINES_H
#define KEEPONE_TESTS_SUPPORT_LINES_H

#include "keepone/base/mem.h"
#include "keepone/format/item.h"
#include "keepone/record/record.h"
#include "keepone/stage/source.h"

/* Takes the text up to the next separator off *rest; *rest is absent behind the last one. */
static inline struct ko_slice
line_field(struct ko_slice *rest, char separator)
{
    const struct ko_slice all = *rest;
    const char *end = all.n == 0 ? NULL : memchr(all.data, separator, all.n);

    if (end == NULL) {
        *rest = (struct ko_slice){NULL, 0};
        return all;
    }
    *rest = (struct ko_slice){end + 1, all.n - (size_t) (end + 1 - all.data)};
    return (struct ko_slice){all.data, (size_t) (end - all.data)};
}

static inline void
line_add_value(struct ko_buf *json, struct ko_slice text)
{
    const char first = text.n == 0 ? '\0' : text.data[0];

    if (first == '{')
        ko_buf_add_slice(json, text);
    else if (first == '~')
        ko_buf_add_text(json, "{\"NULL\":true}");
    else if (first == '#')
        ko_buf_add_format(json, "{\"N\":\"%.*s\"}", (int) text.n - 1, text.data + 1);
    else
        ko_buf_add_format(json, "{\"S\":\"%.*s\"}", KO_SLICE_ARG(text));
}

/* Adds the JSON of the item that the line describes. */
static inline void
line_add_item(struct ko_buf *json, struct ko_slice line)
{
    struct ko_slice rest = line;
    struct ko_slice sort_key = line_field(&rest, ' ');
    const struct ko_slice hash_key = line_field(&sort_key, '/');

    ko_buf_add_text(json, "{\"pk\":");
    line_add_value(json, hash_key);
    if (sort_key.data != NULL)
        ko_buf_add_format(json, ",\"sk\":{\"N\":\"%.*s\"}", KO_SLICE_ARG(sort_key));
    while (rest.data != NULL) {
        struct ko_slice value = line_field(&rest, ' ');
        const struct ko_slice name = line_field(&value, '=');

        ko_buf_add_format(json, ",\"%.*s\":", KO_SLICE_ARG(name));
        line_add_value(json, value);
    }
    ko_buf_add_char(json, '}');
}

/* Reads items of lines, each ended by a line feed: line i belongs to claim i % n_claims. */
struct line_reader {
    const struct ko_rules *rules;
    struct ko_slice lines;
    struct ko_slice lines_again; /* if not absent, what a claim has when it is begun once more */
    uint64_t n_claims;
    uint64_t begun_claims; /* bit by bit */
    bool is_reversed;      /* claim 0 is the last one */
    uint64_t n_filtered;   /* per claim, made up */
    uint64_t claim;
    uint64_t line_index;
    struct ko_slice rest;
    struct ko_item_walker *walker;
    struct ko_buf item;
};

static inline enum ko_code
line_reader_begin(void *self, uint64_t claim_index, struct ko_error *err)
{
    struct line_reader *reader = self;

    KO_ASSERT(claim_index < reader->n_claims && claim_index < 64);
    reader->claim = reader->is_reversed ? reader->n_claims - 1 - claim_index : claim_index;
    reader->rest = reader->lines;
    if (reader->lines_again.data != NULL && (reader->begun_claims >> claim_index & 1) != 0)
        reader->rest = reader->lines_again;
    reader->begun_claims |= UINT64_C(1) << claim_index;
    reader->line_index = 0;
    return err->code;
}

static inline enum ko_code
line_reader_look(struct line_reader *reader, struct ko_slice line, struct ko_slice *values,
                 struct ko_error *err)
{
    struct ko_slice name_values[KO_LOOKED_MAX];
    const char *at;

    ko_buf_reset(&reader->item);
    line_add_item(&reader->item, line);
    KO_TRY(ko_buf_finish(&reader->item, err));
    at = reader->item.data;
    KO_TRY(ko_item_walk(reader->walker, &at, at + reader->item.n, name_values, err));
    KO_TRY(ko_rules_look(reader->rules, name_values, values, err));

done:
    return err->code;
}

static inline enum ko_code
line_reader_next(void *self, struct ko_slice *values, bool *has_item, struct ko_error *err)
{
    struct line_reader *reader = self;

    *has_item = false;
    while (reader->rest.n > 0 && !*has_item) {
        const struct ko_slice line = line_field(&reader->rest, '\n');

        *has_item = reader->line_index++ % reader->n_claims == reader->claim;
        if (*has_item)
            (void) line_reader_look(reader, line, values, err);
    }
    return err->code;
}

static inline uint64_t
line_reader_n_filtered(void *self)
{
    const struct line_reader *reader = self;

    return reader->n_filtered;
}

static inline void
line_reader_context(void *self, struct ko_error *err)
{
    (void) self;
    ko_context(err, "a line");
}

static inline void
line_reader_free(void *self)
{
    struct line_reader *reader = self;

    ko_item_walker_free(reader->walker);
    ko_buf_clear(&reader->item);
    ko_free(reader);
}

/* A reader over the lines with one claim, and a source of it; both are freed by ops->free.
 * ops is NULL on failure. */
static inline struct ko_source
line_source(struct ko_slice lines, const struct ko_rules *rules, struct line_reader **reader,
            struct ko_error *err)
{
    static const struct ko_source_ops ops = {.begin = line_reader_begin,
                                             .next = line_reader_next,
                                             .n_filtered = line_reader_n_filtered,
                                             .context = line_reader_context,
                                             .free = line_reader_free};

    *reader = ko_alloc(sizeof **reader, err);
    if (*reader == NULL)
        return (struct ko_source){NULL, NULL};
    **reader = (struct line_reader){.rules = rules, .lines = lines, .n_claims = 1};
    (*reader)->walker = ko_item_walker_new(rules->names, rules->n_names, err);
    if ((*reader)->walker != NULL)
        return (struct ko_source){&ops, *reader};
    line_reader_free(*reader);
    *reader = NULL;
    return (struct ko_source){NULL, NULL};
}

#endif
