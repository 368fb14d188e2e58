#include <stddef.h>

#include "keepone/format/digest.h"
#include "keepone/format/json.h"
#include "keepone/record/record.h"
#include "keepone/record/time.h"
#include "keepone/store/run.h"
#include "run_priv.h"

/* One table says what run.json holds; writing and reading walk it. */
enum member_kind {
    MEMBER_TEXT,
    MEMBER_U32,
    MEMBER_TIME,
    MEMBER_STATE,
    MEMBER_SOURCE,
    MEMBER_PRIMARY_KEY,
    MEMBER_OBJECT,
    MEMBER_TOTALS
};

struct member {
    const char *name;
    enum member_kind kind;
    size_t offset; /* in struct ko_run */
    bool is_required;
};

#define FACT(field) offsetof(struct ko_run, facts.field)

static const struct member members[] = {
    {"state", MEMBER_STATE, offsetof(struct ko_run, state), true},
    {"source", MEMBER_SOURCE, FACT(source), true},
    {"table", MEMBER_TEXT, FACT(table_name), false},
    {"table_arn", MEMBER_TEXT, FACT(table_arn), false},
    {"table_id", MEMBER_TEXT, FACT(table_id), false},
    {"region", MEMBER_TEXT, FACT(region), false},
    {"endpoint", MEMBER_TEXT, FACT(endpoint), false},
    {"export", MEMBER_TEXT, FACT(export_path), false},
    {"export_arn", MEMBER_TEXT, FACT(export_arn), false},
    {"primary_key", MEMBER_PRIMARY_KEY, FACT(primary_key), true},
    {"partitions", MEMBER_U32, FACT(n_partitions), true},
    {"segments", MEMBER_U32, FACT(total_segments), true},
    {"as_of", MEMBER_TIME, FACT(as_of_s), true},
    {"started", MEMBER_TEXT, offsetof(struct ko_run, started), true},
    {"rules", MEMBER_TEXT, FACT(rules_digest), true},
    {"options", MEMBER_OBJECT, FACT(options), true},
    {"plan", MEMBER_TEXT, offsetof(struct ko_run, plan_name), true},
    {"plan_digest", MEMBER_TEXT, offsetof(struct ko_run, plan_digest), false},
    {"totals", MEMBER_TOTALS, offsetof(struct ko_run, totals), true},
};

enum { N_MEMBERS = sizeof members / sizeof members[0] };

static const struct {
    const char *name;
    size_t offset; /* in struct ko_run_totals */
} totals[] = {
    {"read", offsetof(struct ko_run_totals, read)},
    {"folded", offsetof(struct ko_run_totals, folded)},
    {"filtered", offsetof(struct ko_run_totals, filtered)},
    {"missing", offsetof(struct ko_run_totals, missing)},
    {"unique", offsetof(struct ko_run_totals, unique)},
    {"keepers", offsetof(struct ko_run_totals, keepers)},
    {"planned", offsetof(struct ko_run_totals, planned)},
    {"review", offsetof(struct ko_run_totals, review)},
};

enum { N_TOTALS = sizeof totals / sizeof totals[0] };

static const char *const state_names[] = {"reading", "planned", "applying",
                                          "applied", "undoing", "undone"};
static const char *const source_names[] = {"table", "export"};

const char *
ko_run_state_name(enum ko_run_state state)
{
    return state_names[state];
}

/* ---- writing ---- */

static void
add_primary_key(struct ko_buf *out, const struct ko_run_facts *facts)
{
    for (uint32_t i = 0; i < facts->n_primary_key; i++) {
        const struct ko_run_key *key = &facts->primary_key[i];

        ko_buf_add_text(out, i == 0 ? "[{\"name\":" : ",{\"name\":");
        ko_json_add_string(out, key->name);
        if (key->type.data != NULL) {
            ko_buf_add_text(out, ",\"type\":");
            ko_json_add_string(out, key->type);
        }
        ko_buf_add_char(out, '}');
    }
    ko_buf_add_char(out, ']');
}

static void
add_totals(struct ko_buf *out, const struct ko_run_totals *counts)
{
    for (size_t i = 0; i < N_TOTALS; i++) {
        const uint64_t *count = (const void *) ((const char *) counts + totals[i].offset);

        ko_buf_add_format(out, "%c\"%s\":%llu", i == 0 ? '{' : ',', totals[i].name,
                          (unsigned long long) *count);
    }
    ko_buf_add_char(out, '}');
}

static void
add_value(struct ko_buf *out, const struct ko_run *run, const struct member *member)
{
    const void *field = (const char *) run + member->offset;

    switch (member->kind) {
    case MEMBER_TEXT:
        ko_json_add_string(out, *(const struct ko_slice *) field);
        break;
    case MEMBER_U32:
        ko_buf_add_format(out, "%u", *(const uint32_t *) field);
        break;
    case MEMBER_TIME:
        ko_buf_add_format(out, "%lld", (long long) *(const int64_t *) field);
        break;
    case MEMBER_STATE:
        ko_buf_add_format(out, "\"%s\"", state_names[run->state]);
        break;
    case MEMBER_SOURCE:
        ko_buf_add_format(out, "\"%s\"", source_names[run->facts.source]);
        break;
    case MEMBER_PRIMARY_KEY:
        add_primary_key(out, &run->facts);
        break;
    case MEMBER_OBJECT:
        ko_buf_add_slice(out, *(const struct ko_slice *) field);
        break;
    case MEMBER_TOTALS:
        add_totals(out, &run->totals);
        break;
    }
}

enum ko_code
ko_run_encode(const struct ko_run *run, struct ko_buf *out, struct ko_error *err)
{
    const size_t start = out->n;
    char hex[KO_SHA256_HEX_BYTES];
    size_t bad;

    ko_buf_add_format(out, "{\n\"format\":%d,\n", KO_RUN_FORMAT);
    for (size_t i = 0; i < N_MEMBERS; i++) {
        const struct member *member = &members[i];
        const void *field = (const char *) run + member->offset;

        if (member->kind == MEMBER_TEXT && ((const struct ko_slice *) field)->data == NULL)
            continue;
        ko_buf_add_format(out, "\"%s\":", member->name);
        add_value(out, run, member);
        ko_buf_add_text(out, ",\n");
    }
    ko_buf_add_slice(out, run->unknown_members);
    KO_TRY(ko_buf_finish(out, err));
    /* A path may hold any bytes; JSON may not, and then the run could not be read again. */
    if (!ko_utf8_check((struct ko_slice){out->data + start, out->n - start}, &bad))
        return ko_fail(err, KO_E_OPTION, "an option or a path of the run is not valid UTF-8");
    ko_sha256_hex((struct ko_slice){out->data + start, out->n - start}, hex);
    ko_buf_add_format(out, "\"sha256\":\"%s\"\n}\n", hex);
    KO_TRY(ko_buf_finish(out, err));

done:
    return err->code;
}

/* ---- reading ---- */

static enum ko_code
read_text(struct ko_slice value, struct ko_arena *arena, struct ko_slice *out, struct ko_error *err)
{
    struct ko_buf text = {0};

    if (value.data[0] != '"')
        return ko_fail(err, KO_E_CORRUPT, "expected a text");
    KO_TRY(ko_json_decode_string(value, &text, err));
    *out = ko_arena_copy(arena, ko_buf_slice(&text), err);

done:
    ko_buf_clear(&text);
    return err->code;
}

static enum ko_code
read_word(struct ko_slice value, const char *const *words, size_t n_words, size_t *index,
          struct ko_error *err)
{
    for (size_t i = 0; i < n_words; i++) {
        if (value.n == strlen(words[i]) + 2 && memcmp(value.data + 1, words[i], value.n - 2) == 0) {
            *index = i;
            return KO_OK;
        }
    }
    return ko_fail(err, KO_E_CORRUPT, "%.*s is not one of its words",
                   (int) (value.n > 64 ? 64 : value.n), value.data);
}

static enum ko_code
read_key_attribute(struct ko_slice value, struct ko_arena *arena, struct ko_run_key *key,
                   struct ko_error *err)
{
    struct ko_slice name;
    struct ko_slice type;

    *key = (struct ko_run_key){0};
    KO_TRY(ko_json_member(value, "name", &name, err));
    KO_TRY(ko_json_member(value, "type", &type, err));
    if (name.data == NULL)
        return ko_fail(err, KO_E_CORRUPT, "an attribute has no name");
    KO_TRY(read_text(name, arena, &key->name, err));
    if (type.data == NULL)
        return KO_OK;
    KO_TRY(read_text(type, arena, &key->type, err));
    if (key->type.n != 1 || memchr("SNB", key->type.data[0], 3) == NULL)
        (void) ko_fail(err, KO_E_CORRUPT, "the type of an attribute is not S, N or B");

done:
    return err->code;
}

static enum ko_code
read_primary_key(struct ko_slice value, struct ko_run *run, struct ko_error *err)
{
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice element;
    uint32_t n = 0;

    KO_TRY(ko_json_enter(value, &cursor, err));
    for (;; n++) {
        KO_TRY(ko_json_next(&cursor, &name, &element, err));
        if (element.data == NULL)
            break;
        if (n == 2 || name.data != NULL)
            return ko_fail(err, KO_E_CORRUPT, "expected a list of one or two attributes");
        KO_TRY(read_key_attribute(element, run->arena, &run->facts.primary_key[n], err));
    }
    if (n == 0)
        (void) ko_fail(err, KO_E_CORRUPT, "expected a list of one or two attributes");
    run->facts.n_primary_key = n;

done:
    return err->code;
}

static enum ko_code
read_totals(struct ko_slice value, struct ko_run_totals *counts, struct ko_error *err)
{
    for (size_t i = 0; i < N_TOTALS; i++) {
        uint64_t *count = (void *) ((char *) counts + totals[i].offset);

        KO_TRY(ko_json_member_u64(value, totals[i].name, count, err));
    }
    if (!ko_run_totals_add_up(counts))
        (void) ko_fail(err, KO_E_CORRUPT, "'read' is not the sum of the others");

done:
    return err->code;
}

static enum ko_code
read_number(struct ko_slice value, uint64_t max, uint64_t *out, struct ko_error *err)
{
    if (ko_json_decode_u64(value, out, err) == KO_OK && *out > max)
        (void) ko_fail(err, KO_E_CORRUPT, "the number %llu is too large",
                       (unsigned long long) *out);
    return err->code;
}

static enum ko_code
read_value(struct ko_slice value, const struct member *member, struct ko_run *run,
           struct ko_error *err)
{
    void *field = (char *) run + member->offset;
    uint64_t number = 0;
    size_t index = 0;

    switch (member->kind) {
    case MEMBER_TEXT:
        return read_text(value, run->arena, field, err);
    case MEMBER_U32:
        KO_TRY(read_number(value, UINT32_MAX, &number, err));
        *(uint32_t *) field = (uint32_t) number;
        break;
    case MEMBER_TIME:
        KO_TRY(read_number(value, KO_TIME_LAST_S, &number, err));
        *(int64_t *) field = (int64_t) number;
        break;
    case MEMBER_STATE:
        KO_TRY(read_word(value, state_names, KO_RUN_UNDONE + 1, &index, err));
        run->state = (enum ko_run_state) index;
        break;
    case MEMBER_SOURCE:
        KO_TRY(read_word(value, source_names, KO_RUN_EXPORT + 1, &index, err));
        run->facts.source = (enum ko_run_source) index;
        break;
    case MEMBER_PRIMARY_KEY:
        return read_primary_key(value, run, err);
    case MEMBER_OBJECT:
        if (value.data[0] != '{')
            return ko_fail(err, KO_E_CORRUPT, "expected an object");
        *(struct ko_slice *) field = ko_arena_copy(run->arena, value, err);
        break;
    case MEMBER_TOTALS:
        return read_totals(value, &run->totals, err);
    }

done:
    return err->code;
}

/* Checks that go over more than one member, and values that the table does not know. */
static enum ko_code
check_members(const struct ko_run *run, struct ko_error *err)
{
    const struct ko_run_totals none = {0};

    if (run->facts.n_partitions != KO_PARTITIONS)
        return ko_fail(err, KO_E_CORRUPT, "member 'partitions': %u, not %d",
                       run->facts.n_partitions, KO_PARTITIONS);
    if (run->facts.rules_digest.n == 0)
        return ko_fail(err, KO_E_CORRUPT, "member 'rules': the text is empty");
    if (!ko_run_is_plan_name(run->plan_name))
        return ko_fail(err, KO_E_CORRUPT, "member 'plan': no name of a plan");
    if (run->state == KO_RUN_READING && run->plan_digest.data != NULL)
        return ko_fail(err, KO_E_CORRUPT, "member 'plan_digest': a run that is reading has none");
    if (run->state != KO_RUN_READING && !ko_is_sha256_hex(run->plan_digest))
        return ko_fail(err, KO_E_CORRUPT, "member 'plan_digest': no SHA-256");
    if (run->state == KO_RUN_READING && memcmp(&run->totals, &none, sizeof none) != 0)
        return ko_fail(err, KO_E_CORRUPT, "member 'totals': a run that is reading has none");
    return KO_OK;
}

struct decoding {
    struct ko_run *run;
    struct ko_slice text;
    struct ko_buf unknown_members;
    bool is_read[N_MEMBERS];
    bool is_at_digest;
};

static enum ko_code
check_digest(struct decoding *decoding, struct ko_slice name, struct ko_slice value,
             struct ko_error *err)
{
    const struct ko_slice before = {decoding->text.data,
                                    (size_t) (name.data - 1 - decoding->text.data)};
    char hex[KO_SHA256_HEX_BYTES];

    decoding->is_at_digest = true;
    ko_sha256_hex(before, hex);
    if (value.n != sizeof hex + 1 || memcmp(value.data + 1, hex, sizeof hex - 1) != 0)
        return ko_fail(err, KO_E_CORRUPT,
                       "member 'sha256' does not fit the members before it: they were edited");
    return KO_OK;
}

static enum ko_code
read_member(struct decoding *decoding, struct ko_slice name, struct ko_slice value,
            struct ko_error *err)
{
    if (decoding->is_at_digest)
        return ko_fail(err, KO_E_CORRUPT, "member '%.*s' stands behind 'sha256'",
                       KO_SLICE_ARG(name));
    if (ko_slice_equal(name, KO_SLICE("sha256")))
        return check_digest(decoding, name, value, err);
    if (ko_slice_equal(name, KO_SLICE("format")))
        return KO_OK;
    for (size_t i = 0; i < N_MEMBERS; i++) {
        if (!ko_slice_equal(name, ko_slice_of(members[i].name)))
            continue;
        if (decoding->is_read[i])
            return ko_fail(err, KO_E_CORRUPT, "member '%s' is there twice", members[i].name);
        decoding->is_read[i] = true;
        if (read_value(value, &members[i], decoding->run, err) != KO_OK)
            ko_context(err, "member '%s'", members[i].name);
        return err->code;
    }
    ko_buf_add_char(&decoding->unknown_members, '"');
    ko_buf_add_slice(&decoding->unknown_members, name);
    ko_buf_add_text(&decoding->unknown_members, "\":");
    ko_buf_add_slice(&decoding->unknown_members, value);
    ko_buf_add_text(&decoding->unknown_members, ",\n");
    return ko_buf_finish(&decoding->unknown_members, err);
}

static enum ko_code
check_format(struct ko_slice text, struct ko_error *err)
{
    uint64_t format = 0;

    if (ko_json_member_u64(text, "format", &format, err) == KO_OK && format != KO_RUN_FORMAT) {
        (void) ko_fail(err, KO_E_REFUSED, "its format is %llu; this keepone knows format %d",
                       (unsigned long long) format, KO_RUN_FORMAT);
        ko_hint(err, "use the keepone that made this run, or a newer one.");
    }
    return err->code;
}

enum ko_code
ko_run_decode(struct ko_slice text, struct ko_run *run, struct ko_error *err)
{
    struct decoding decoding = {.run = run, .text = text};
    struct ko_json_cursor cursor;
    struct ko_slice name;
    struct ko_slice value;

    KO_TRY(check_format(text, err));
    KO_TRY(ko_json_enter(text, &cursor, err));
    for (;;) {
        KO_TRY(ko_json_next(&cursor, &name, &value, err));
        if (value.data == NULL)
            break;
        KO_TRY(read_member(&decoding, name, value, err));
    }
    for (size_t i = 0; i < N_MEMBERS; i++) {
        if (members[i].is_required && !decoding.is_read[i]) {
            (void) ko_fail(err, KO_E_CORRUPT, "member '%s' is missing", members[i].name);
            goto done;
        }
    }
    if (!decoding.is_at_digest)
        (void) ko_fail(err, KO_E_CORRUPT, "member 'sha256' is missing");
    else if (check_members(run, err) == KO_OK && decoding.unknown_members.n > 0)
        run->unknown_members =
            ko_arena_copy(run->arena, ko_buf_slice(&decoding.unknown_members), err);

done:
    ko_buf_clear(&decoding.unknown_members);
    return err->code;
}
