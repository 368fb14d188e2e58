#include <inttypes.h>
#include <stdio.h>

#include "job_priv.h"
#include "keepone/format/json.h"

/* Enums are written through their index. */
_Static_assert(sizeof(enum ko_missing_key) == sizeof(unsigned) &&
                   sizeof(enum ko_job_safety) == sizeof(unsigned) &&
                   sizeof(enum ko_job_progress) == sizeof(unsigned) &&
                   sizeof(enum ko_log_level) == sizeof(unsigned),
               "enums are as large as unsigned");

enum { PPM_PER_PERCENT = 10000, PPM_DECIMALS = 4 };

/* Reads digits up to the first other byte; false if there is none or they do not fit. */
static bool
take_digits(struct ko_slice *text, uint64_t *value)
{
    size_t n = 0;

    *value = 0;
    for (; n < text->n && text->data[n] >= '0' && text->data[n] <= '9'; n++) {
        if (__builtin_mul_overflow(*value, 10U, value) ||
            __builtin_add_overflow(*value, (uint64_t) (text->data[n] - '0'), value))
            return false;
    }
    text->data += n;
    text->n -= n;
    return n > 0;
}

/* 4096, 512M, 2Gi: powers of 1024. */
static bool
take_bytes(struct ko_slice *text, uint64_t *value)
{
    static const char units[] = "KMGT";
    const char *unit;

    if (!take_digits(text, value))
        return false;
    if (text->n == 0)
        return true;
    unit = memchr(units, text->data[0], sizeof units - 1);
    if (unit == NULL || (text->n > 1 && text->data[1] != 'i'))
        return false;
    text->n -= text->n > 1 ? 2 : 1;
    return !__builtin_mul_overflow(*value, UINT64_C(1) << (10 * (unit - units + 1)), value);
}

/* 50, 0.25: up to four decimals, into millionths. */
static bool
take_percent(struct ko_slice *text, uint64_t *value)
{
    uint64_t decimals = 0;
    size_t n_decimals;

    if (!take_digits(text, value) || __builtin_mul_overflow(*value, PPM_PER_PERCENT, value))
        return false;
    if (text->n == 0 || text->data[0] != '.')
        return true;
    text->data++;
    text->n--;
    n_decimals = text->n;
    if (n_decimals > PPM_DECIMALS || !take_digits(text, &decimals))
        return false;
    for (; n_decimals < PPM_DECIMALS; n_decimals++)
        decimals *= 10;
    return !__builtin_add_overflow(*value, decimals, value);
}

static void
add_percent(struct ko_buf *out, uint64_t ppm)
{
    uint64_t decimals = ppm % PPM_PER_PERCENT;
    int digits = PPM_DECIMALS;

    ko_buf_add_format(out, "%" PRIu64, ppm / PPM_PER_PERCENT);
    if (decimals == 0)
        return;
    for (; decimals % 10 == 0; decimals /= 10)
        digits--;
    ko_buf_add_format(out, ".%0*" PRIu64, digits, decimals);
}

void
ko_option_add_rate(struct ko_buf *out, const struct ko_job_rate *rate)
{
    if (rate->ppm == 0) {
        ko_buf_add_format(out, "%" PRIu64, rate->n);
        return;
    }
    add_percent(out, rate->ppm);
    ko_buf_add_char(out, '%');
}

void
ko_option_add_number(struct ko_buf *out, const struct ko_option *option, uint64_t value)
{
    static const char units[] = "KMGT";
    int power = 0;

    if (option->type == KO_TYPE_PERCENT) {
        add_percent(out, value);
        return;
    }
    if (option->type == KO_TYPE_BYTES) {
        for (; power < 4 && value != 0 && value % 1024 == 0; value /= 1024)
            power++;
    }
    ko_buf_add_format(out, "%" PRIu64, value);
    if (power > 0)
        ko_buf_add_char(out, units[power - 1]);
}

static enum ko_code
fail_range(const struct ko_option *option, struct ko_slice text, struct ko_error *err)
{
    struct ko_buf buf = {0};

    ko_option_add_number(&buf, option, option->min);
    if (option->max == UINT64_MAX) {
        ko_buf_add_text(&buf, " or more");
    } else {
        ko_buf_add_text(&buf, " to ");
        ko_option_add_number(&buf, option, option->max);
    }
    if (ko_buf_finish(&buf, err) == KO_OK) {
        (void) ko_fail(err, KO_E_OPTION, "'%.*s' is out of range", KO_SLICE_ARG(text));
        ko_hint(err, "give %.*s %s.", KO_SLICE_ARG(ko_buf_slice(&buf)), option->unit);
    }
    ko_buf_clear(&buf);
    return err->code;
}

static enum ko_code
set_number(uint64_t *field, const struct ko_option *option, struct ko_slice text,
           struct ko_error *err)
{
    struct ko_slice rest = text;
    uint64_t value = 0;
    bool is_good;

    if (option->type == KO_TYPE_BYTES)
        is_good = take_bytes(&rest, &value);
    else if (option->type == KO_TYPE_PERCENT)
        is_good = take_percent(&rest, &value);
    else
        is_good = take_digits(&rest, &value);
    if (!is_good || rest.n != 0) {
        (void) ko_fail(err, KO_E_OPTION, "'%.*s' is not a number of %s", KO_SLICE_ARG(text),
                       option->unit);
        if (option->type == KO_TYPE_BYTES)
            ko_hint(err, "write a whole number with K, M, G or T (powers of 1024), such as 512M.");
        else if (option->type == KO_TYPE_PERCENT)
            ko_hint(err, "write a number with up to four decimals, such as 50 or 0.25.");
        else
            ko_hint(err, "write a whole number, such as 1000.");
        return err->code;
    }
    if (value < option->min || value > option->max)
        return fail_range(option, text, err);
    *field = value;
    return KO_OK;
}

/* 500, 50%, 0.5% */
static enum ko_code
set_rate(struct ko_job_rate *field, const struct ko_option *option, struct ko_slice text,
         struct ko_error *err)
{
    const bool is_percent = text.n > 0 && text.data[text.n - 1] == '%';
    struct ko_slice rest = {text.data, text.n - is_percent};
    struct ko_job_rate rate = {0};
    const bool is_good = is_percent ? take_percent(&rest, &rate.ppm) : take_digits(&rest, &rate.n);

    if (!is_good || rest.n != 0) {
        (void) ko_fail(err, KO_E_OPTION, "'%.*s' is neither a number of %s nor a percentage",
                       KO_SLICE_ARG(text), option->unit);
        ko_hint(err, "write a whole number per second, such as 500, or a part of what the table "
                     "has, such as 50%%.");
        return err->code;
    }
    if (is_percent && (rate.ppm == 0 || rate.ppm > 100 * PPM_PER_PERCENT)) {
        (void) ko_fail(err, KO_E_OPTION, "'%.*s' is out of range", KO_SLICE_ARG(text));
        ko_hint(err, "give more than 0%% and 100%% at most.");
        return err->code;
    }
    if (!is_percent && (rate.n < option->min || rate.n > option->max))
        return fail_range(option, text, err);
    *field = rate;
    return KO_OK;
}

static enum ko_code
set_choice(void *field, const struct ko_option *option, struct ko_slice text, struct ko_error *err)
{
    char all[160] = "";
    const char *closest;
    unsigned n = 0;

    for (; option->choices[n] != NULL; n++) {
        const size_t used = strlen(all);

        if (ko_slice_equal(ko_slice_of(option->choices[n]), text)) {
            memcpy(field, &n, sizeof n);
            return KO_OK;
        }
        (void) snprintf(all + used, sizeof all - used, "%s%s", n == 0 ? "" : ", ",
                        option->choices[n]);
    }
    closest = ko_suggest(text, option->choices, n);
    (void) ko_fail(err, KO_E_OPTION, "'%.*s' is none of %s", KO_SLICE_ARG(text), all);
    if (closest != NULL)
        ko_hint(err, "did you mean '%s'?", closest);
    else
        ko_hint(err, "give one of %s.", all);
    return err->code;
}

static enum ko_code
set_flag(bool *field, struct ko_slice text, struct ko_error *err)
{
    const bool is_true = ko_slice_equal(text, KO_SLICE("true"));

    if (!is_true && !ko_slice_equal(text, KO_SLICE("false"))) {
        (void) ko_fail(err, KO_E_OPTION, "'%.*s' is neither true nor false", KO_SLICE_ARG(text));
        ko_hint(err, "write true or false.");
        return err->code;
    }
    *field = is_true;
    return KO_OK;
}

/* A text is stored as a C string and sent as JSON: no NUL, valid UTF-8, and never empty. */
enum ko_code
ko_value_copy_text(struct ko_arena *arena, struct ko_slice text, const char **copy,
                   struct ko_error *err)
{
    size_t bad_offset = 0;

    if (text.n == 0) {
        (void) ko_fail(err, KO_E_OPTION, "the value is empty");
        ko_hint(err, "give a value, or leave the option out.");
        return err->code;
    }
    if (memchr(text.data, '\0', text.n) != NULL)
        return ko_fail(err, KO_E_OPTION, "the value has a NUL character in it");
    if (!ko_utf8_check(text, &bad_offset)) {
        (void) ko_fail(err, KO_E_OPTION, "the value is not valid UTF-8 (byte %zu)", bad_offset);
        ko_hint(err, "write names and texts in UTF-8.");
        return err->code;
    }
    *copy = ko_arena_copy(arena, text, err).data;
    return err->code;
}

static enum ko_code
set_url(struct ko_job *job, const char **field, struct ko_slice text, struct ko_error *err)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < 2; i++) {
        const size_t n = strlen(schemes[i]);

        if (text.n > n && memcmp(text.data, schemes[i], n) == 0 &&
            memchr(text.data, ' ', text.n) == NULL)
            return ko_value_copy_text(job->arena, text, field, err);
    }
    (void) ko_fail(err, KO_E_OPTION, "'%.*s' is no URL", KO_SLICE_ARG(text));
    ko_hint(err, "write it with http:// or https://, such as http://127.0.0.1:8000.");
    return err->code;
}

enum ko_code
ko_value_set(struct ko_job *job, enum ko_option_id id, const struct ko_setting *setting,
             struct ko_error *err)
{
    const struct ko_option *option = ko_option_of(id);
    void *field = ko_job_field(job, id);
    const struct ko_slice text = setting->values[0];

    if (option->type == KO_TYPE_LIST)
        return ko_list_extend(job, field, setting, err);
    if (setting->is_sequence) {
        (void) ko_fail(err, KO_E_OPTION, "a list, where one value is expected");
        ko_hint(err, "write the value without brackets or dashes.");
        return err->code;
    }
    switch (option->type) {
    case KO_TYPE_U64:
    case KO_TYPE_BYTES:
    case KO_TYPE_PERCENT:
        return set_number(field, option, text, err);
    case KO_TYPE_RATE:
        return set_rate(field, option, text, err);
    case KO_TYPE_CHOICE:
        return set_choice(field, option, text, err);
    case KO_TYPE_FLAG:
        return set_flag(field, text, err);
    case KO_TYPE_URL:
        return set_url(job, field, text, err);
    case KO_TYPE_TEXT:
    case KO_TYPE_PATH:
    case KO_TYPE_LIST:
        break;
    }
    return ko_value_copy_text(job->arena, text, field, err);
}
