#include "order_priv.h"

#include "keepone/format/digest.h"
#include "keepone/format/number.h"
#include "keepone/format/value.h"
#include "keepone/record/time.h"
#include "text_priv.h"

/* An int64_t holds every number of so many digits. */
enum { SECONDS_DIGITS_MAX = 18 };

/* Adds bytes that end before any longer ones, and are no prefix of others. */
static void
add_escaped(struct ko_buf *out, struct ko_slice bytes)
{
    static const char end[] = {0, 0};
    const char *nul = bytes.n == 0 ? NULL : memchr(bytes.data, '\0', bytes.n);

    while (nul != NULL) {
        const size_t n = (size_t) (nul - bytes.data) + 1;

        ko_buf_add(out, bytes.data, n);
        ko_buf_add_char(out, (char) 0xFF);
        bytes.data += n;
        bytes.n -= n;
        nul = memchr(bytes.data, '\0', bytes.n);
    }
    ko_buf_add_slice(out, bytes);
    ko_buf_add(out, end, sizeof end);
}

/* Adds an S, N or B in order-preserving bytes; sets *kind to unusable, and adds nothing, for other
 * types. */
static enum ko_code
add_ordered(struct ko_slice value, struct ko_buf *out, enum ko_keep_value *kind,
            struct ko_error *err)
{
    struct ko_buf text_memory = {0};
    struct ko_buf bytes = {0};
    struct ko_slice content;
    struct ko_slice text;
    struct ko_number number;
    enum ko_value_type type;

    if (ko_value_is_plain_string(value, &text)) {
        *kind = KO_KEEP_S;
        ko_buf_add_char(out, KO_ORDERED_S);
        add_escaped(out, text);
        return err->code;
    }
    *kind = KO_KEEP_UNUSABLE;
    if (value.data == NULL)
        return err->code;
    KO_TRY(ko_value_open(value, &type, &content, err));
    if (type != KO_VALUE_S && type != KO_VALUE_N && type != KO_VALUE_B)
        return err->code;
    KO_TRY(ko_text_decode(content, &text_memory, &text, err));
    if (type == KO_VALUE_S) {
        *kind = KO_KEEP_S;
        ko_buf_add_char(out, KO_ORDERED_S);
        add_escaped(out, text);
    } else if (type == KO_VALUE_N) {
        *kind = KO_KEEP_N;
        KO_TRY(ko_number_parse(text, &number, err));
        ko_buf_add_char(out, KO_ORDERED_N);
        ko_number_add_ordered(out, &number);
    } else {
        *kind = KO_KEEP_B;
        KO_TRY(ko_base64_decode(text, &bytes, err));
        ko_buf_add_char(out, KO_ORDERED_B);
        add_escaped(out, ko_buf_slice(&bytes));
    }

done:
    ko_buf_clear(&text_memory);
    ko_buf_clear(&bytes);
    return err->code;
}

static void
add_time_text(struct ko_slice text, struct ko_buf *out, enum ko_keep_value *kind)
{
    struct ko_time time;
    unsigned char ordered[16];

    if (!ko_time_parse(text, &time))
        return;
    *kind = KO_KEEP_TIME;
    ko_time_ordered(&time, ordered);
    ko_buf_add(out, ordered, sizeof ordered);
}

/* Adds the time of an S or N; unusable if it is no time. */
static enum ko_code
add_time(struct ko_slice value, struct ko_buf *out, enum ko_keep_value *kind, struct ko_error *err)
{
    struct ko_buf text_memory = {0};
    struct ko_slice content;
    struct ko_slice text;
    enum ko_value_type type;

    *kind = KO_KEEP_UNUSABLE;
    if (value.data == NULL)
        return err->code;
    if (ko_value_is_plain_string(value, &text)) {
        add_time_text(text, out, kind);
        return err->code;
    }
    KO_TRY(ko_value_open(value, &type, &content, err));
    if (type != KO_VALUE_S && type != KO_VALUE_N)
        return err->code;
    KO_TRY(ko_text_decode(content, &text_memory, &text, err));
    add_time_text(text, out, kind);

done:
    ko_buf_clear(&text_memory);
    return err->code;
}

/* Adds 0 if the rule holds for the value, otherwise 1. */
static enum ko_code
add_boolean(const struct ko_keep_rule *rule, struct ko_slice value, struct ko_buf *out,
            struct ko_error *err)
{
    struct ko_slice content;
    enum ko_value_type type;
    bool holds = false;

    if (rule->kind == KO_KEEP_EQUALS)
        KO_TRY(ko_value_equal(value, rule->equals, &holds, err));
    else if (value.data != NULL) {
        KO_TRY(ko_value_open(value, &type, &content, err));
        holds = type != KO_VALUE_NULL;
    }
    ko_buf_add_char(out, holds ? 0 : 1);

done:
    return err->code;
}

static void
invert(struct ko_buf *out, size_t start)
{
    for (size_t i = start; i < out->n; i++)
        out->data[i] = (char) ~out->data[i];
}

static enum ko_code
add_rule(const struct ko_keep_rule *rule, struct ko_slice value, struct ko_buf *out, char *kind,
         struct ko_error *err)
{
    const size_t start = out->n;
    enum ko_keep_value usable = KO_KEEP_BOOLEAN;

    ko_buf_add_char(out, 0);
    if (rule->kind == KO_KEEP_OLDEST || rule->kind == KO_KEEP_NEWEST)
        KO_TRY(add_time(value, out, &usable, err));
    else if (rule->kind == KO_KEEP_MIN || rule->kind == KO_KEEP_MAX)
        KO_TRY(add_ordered(value, out, &usable, err));
    else
        KO_TRY(add_boolean(rule, value, out, err));
    KO_TRY(ko_buf_finish(out, err));
    if (rule->kind == KO_KEEP_NEWEST || rule->kind == KO_KEEP_MAX)
        invert(out, start + 1);
    if (usable == KO_KEEP_UNUSABLE)
        out->data[start] = 1;
    *kind = (char) usable;

done:
    return err->code;
}

enum ko_code
ko_order_add(const struct ko_rules *rules, const struct ko_slice *values, int64_t expires_s,
             struct ko_buf *out, char kinds[KO_KEEP_RULES_MAX], struct ko_error *err)
{
    ko_buf_add_char(out, expires_s < rules->as_of_s ? 1 : 0);
    for (size_t i = 0; i < rules->n_keep; i++) {
        const size_t path_index = rules->keep[i].path_index;

        if (add_rule(&rules->keep[i], values[path_index], out, &kinds[i], err) != KO_OK) {
            ko_context(err, "attribute '%.*s'", KO_SLICE_ARG(rules->looked[path_index].path.text));
            break;
        }
    }
    return err->code;
}

static enum ko_code
add_primary(const struct ko_rules *rules, size_t path_index, struct ko_slice value,
            struct ko_buf *out, struct ko_error *err)
{
    const struct ko_slice name = rules->looked[path_index].path.text;
    enum ko_keep_value kind;

    if (add_ordered(value, out, &kind, err) != KO_OK)
        ko_context(err, "primary key attribute '%.*s'", KO_SLICE_ARG(name));
    else if (value.data == NULL)
        (void) ko_fail(err, KO_E_CORRUPT, "item without primary key attribute '%.*s'",
                       KO_SLICE_ARG(name));
    else if (kind == KO_KEEP_UNUSABLE)
        (void) ko_fail(err, KO_E_CORRUPT,
                       "primary key attribute '%.*s' is neither a string, a number nor binary",
                       KO_SLICE_ARG(name));
    if (err->code == KO_E_CORRUPT)
        ko_hint(err, "check --primary-key.");
    return err->code;
}

enum ko_code
ko_primary_order_add(const struct ko_rules *rules, const struct ko_slice *values,
                     struct ko_buf *out, size_t starts[2], struct ko_error *err)
{
    for (size_t i = 0; i < (rules->has_range ? 2 : 1); i++) {
        starts[i] = out->n;
        KO_TRY(add_primary(rules, i, values[i], out, err));
    }

done:
    return err->code;
}

static int64_t
floor_seconds(const struct ko_number *number)
{
    const bool has_fraction = (int) number->n_digits > number->exponent;
    int64_t whole = 0;

    if (number->exponent > SECONDS_DIGITS_MAX)
        return number->is_negative ? INT64_MIN : KO_NEVER_EXPIRES;
    for (int i = 0; i < number->exponent; i++)
        whole = whole * 10 + (i < (int) number->n_digits ? number->digits[i] : 0);
    return number->is_negative ? -whole - has_fraction : whole;
}

enum ko_code
ko_expiry(const struct ko_rules *rules, const struct ko_slice *values, int64_t *expires_s,
          struct ko_error *err)
{
    struct ko_buf text_memory = {0};
    struct ko_slice content;
    struct ko_slice text;
    struct ko_number number;
    enum ko_value_type type;

    *expires_s = KO_NEVER_EXPIRES;
    if (!rules->has_ttl || values[rules->ttl].data == NULL)
        return err->code;
    KO_TRY(ko_value_open(values[rules->ttl], &type, &content, err));
    if (type != KO_VALUE_N)
        return err->code;
    KO_TRY(ko_text_decode(content, &text_memory, &text, err));
    KO_TRY(ko_number_parse(text, &number, err));
    *expires_s = floor_seconds(&number);
    if (*expires_s < rules->as_of_s - KO_NEVER_EXPIRES_AGE_S)
        *expires_s = KO_NEVER_EXPIRES;

done:
    if (err->code != KO_OK)
        ko_context(err, "TTL attribute '%.*s'", KO_SLICE_ARG(rules->looked[rules->ttl].path.text));
    ko_buf_clear(&text_memory);
    return err->code;
}
