#include "keepone/record/record.h"

#include "keepone/format/digest.h"
#include "order_priv.h"
#include "values_priv.h"

enum section {
    SECTION_KEY,
    SECTION_ORDER,
    SECTION_PRIMARY_ORDER,
    SECTION_KINDS,
    SECTION_VALUES,
    N_SECTIONS
};

enum { EXPIRES_OFFSET = 8, SIZES_OFFSET = 16, HEADER_BYTES = SIZES_OFFSET + 4 * N_SECTIONS };

static enum ko_code
add_key(const struct ko_rules *rules, const struct ko_slice *values, struct ko_buf *out,
        struct ko_error *err)
{
    bool is_missing;

    KO_TRY(ko_key_add(rules, values, out, &is_missing, err));
    if (is_missing)
        return ko_fail(err, KO_E_CORRUPT, "a record was asked for of an item without a key");

done:
    return err->code;
}

/* Adds all sections; ends[i] is the size of out behind section i. */
static enum ko_code
add_sections(const struct ko_rules *rules, const struct ko_slice *values, int64_t expires_s,
             struct ko_buf *out, size_t ends[N_SECTIONS], struct ko_error *err)
{
    const size_t start = out->n;
    size_t primary_starts[2] = {0};
    char kinds[KO_KEEP_RULES_MAX];

    KO_TRY(add_key(rules, values, out, err));
    ends[SECTION_KEY] = out->n;
    KO_TRY(ko_order_add(rules, values, expires_s, out, kinds, err));
    ends[SECTION_ORDER] = out->n;
    KO_TRY(ko_primary_order_add(rules, values, out, primary_starts, err));
    ends[SECTION_PRIMARY_ORDER] = out->n;
    ko_buf_add(out, kinds, rules->n_keep);
    ends[SECTION_KINDS] = out->n;
    KO_TRY(ko_primary_values_add(rules, values, ends[SECTION_ORDER], primary_starts, out, err));
    KO_TRY(ko_seen_values_add(rules, values, start, ends[SECTION_KEY], out, err));
    ends[SECTION_VALUES] = out->n;
    KO_TRY(ko_buf_finish(out, err));

done:
    return err->code;
}

enum ko_code
ko_record_add(const struct ko_rules *rules, const struct ko_slice *values, struct ko_buf *out,
              struct ko_error *err)
{
    const size_t start = out->n;
    const char no_header[HEADER_BYTES] = {0};
    size_t ends[N_SECTIONS];
    size_t section_start = start + HEADER_BYTES;
    int64_t expires_s;
    char *header;

    KO_TRY(ko_expiry(rules, values, &expires_s, err));
    ko_buf_add(out, no_header, HEADER_BYTES);
    KO_TRY(add_sections(rules, values, expires_s, out, ends, err));
    if (out->n - start > KO_RECORD_BYTES_MAX)
        KO_TRY(ko_fail(err, KO_E_CORRUPT, "an item needs a record of %zu bytes, the most is %d",
                       out->n - start, KO_RECORD_BYTES_MAX));

    header = out->data + start;
    ko_write_u64(header, ko_fingerprint((struct ko_slice){header + HEADER_BYTES,
                                                          ends[SECTION_KEY] - section_start}));
    ko_write_u64(header + EXPIRES_OFFSET, (uint64_t) expires_s);
    for (size_t i = 0; i < N_SECTIONS; i++) {
        ko_write_u32(header + SIZES_OFFSET + 4 * i, (uint32_t) (ends[i] - section_start));
        section_start = ends[i];
    }

done:
    if (err->code != KO_OK)
        out->n = start;
    return err->code;
}

/* The sections of a record whose header is known to be there; returns the bytes they should have.
 */
static uint64_t
find_sections(struct ko_slice bytes, struct ko_slice sections[N_SECTIONS])
{
    uint64_t offset = HEADER_BYTES;

    for (size_t i = 0; i < N_SECTIONS; i++) {
        const size_t n = ko_read_u32(bytes.data + SIZES_OFFSET + 4 * i);

        if (n > bytes.n - offset)
            return UINT64_MAX;
        sections[i] = (struct ko_slice){bytes.data + offset, n};
        offset += n;
    }
    return offset;
}

enum ko_code
ko_record_decode(struct ko_slice bytes, struct ko_record *record, struct ko_error *err)
{
    struct ko_slice sections[N_SECTIONS];

    if (bytes.n < HEADER_BYTES || find_sections(bytes, sections) != bytes.n)
        return ko_fail(err, KO_E_CORRUPT, "a record of %zu bytes has other sizes inside", bytes.n);
    *record = (struct ko_record){
        .fingerprint = ko_read_u64(bytes.data),
        .expires_s = (int64_t) ko_read_u64(bytes.data + EXPIRES_OFFSET),
        .key = sections[SECTION_KEY],
        .order = sections[SECTION_ORDER],
        .primary_order = sections[SECTION_PRIMARY_ORDER],
        .kinds = sections[SECTION_KINDS],
        .values = sections[SECTION_VALUES],
        .bytes = bytes,
    };
    return err->code;
}

struct ko_slice
ko_record_order_text(struct ko_slice bytes)
{
    struct ko_slice text = {bytes.data + HEADER_BYTES, 0};

    for (size_t i = SECTION_KEY; i <= SECTION_PRIMARY_ORDER; i++)
        text.n += ko_read_u32(bytes.data + SIZES_OFFSET + 4 * i);
    return text;
}

int
ko_record_compare(struct ko_slice a, struct ko_slice b)
{
    const uint64_t fingerprint_a = ko_record_fingerprint(a);
    const uint64_t fingerprint_b = ko_record_fingerprint(b);
    int order;

    if (fingerprint_a != fingerprint_b)
        return fingerprint_a < fingerprint_b ? -1 : 1;
    /* Sections end themselves: where two differ in length, they differ in a byte before. */
    order = ko_slice_compare(ko_record_order_text(a), ko_record_order_text(b));
    return order != 0 ? order : ko_slice_compare(a, b);
}

uint64_t
ko_record_primary_fingerprint(const struct ko_record *record)
{
    return ko_fingerprint(record->primary_order);
}
