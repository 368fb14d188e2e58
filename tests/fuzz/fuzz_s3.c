/*
 * Replies of S3: a listing or an error that is read is one, its texts are printable, an encoded key
 * comes back from its encoding, and a range that is read is inside its object.
 */
#include "keepone/aws/s3_text.h"
#include "keepone/base/mem.h"
#include "keepone/format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_printable(const char *text, size_t size)
{
    const size_t n = strnlen(text, size);

    KO_ASSERT(n < size);
    KO_ASSERT(ko_utf8_check((struct ko_slice){text, n}, &(size_t){0}));
    for (size_t i = 0; i < n; i++)
        KO_ASSERT((unsigned char) text[i] >= ' ' && text[i] != 0x7f);
}

static void
check_fault(struct ko_slice text)
{
    struct ko_s3_fault fault;
    const bool is_fault = ko_s3_read_fault(text, &fault);

    KO_ASSERT(is_fault == (fault.text.error_code[0] != '\0'));
    check_printable(fault.text.error_code, sizeof fault.text.error_code);
    check_printable(fault.text.message, sizeof fault.text.message);
    check_printable(fault.request_id, sizeof fault.request_id);
    check_printable(fault.region, sizeof fault.region);
}

static enum ko_code
check_entry(void *self, const struct ko_s3_entry *entry, struct ko_error *err)
{
    (void) self;
    KO_ASSERT(entry->key.data != NULL);
    KO_ASSERT(!entry->is_folder || entry->size_bytes == 0);
    return err->code;
}

static void
check_page(struct ko_slice text)
{
    struct ko_buf next = {0};
    struct ko_error err = {0};

    (void) ko_s3_read_page(text, check_entry, NULL, &next, &err);
    KO_ASSERT(err.code == KO_OK || err.code == KO_E_CORRUPT);
    ko_buf_clear(&next);
}

/* As an encoded key of a listing that is made of it. */
static enum ko_code
compare_key(void *self, const struct ko_s3_entry *entry, struct ko_error *err)
{
    const struct ko_slice *const key = self;

    KO_ASSERT(ko_slice_equal(entry->key, *key));
    return err->code;
}

static void
check_encoding(struct ko_slice key)
{
    struct ko_buf page = {0};
    struct ko_buf next = {0};
    struct ko_error err = {0};

    ko_buf_add_text(&page, "<ListBucketResult><Contents><Size>1</Size><Key>");
    ko_s3_add_path(&page, key);
    ko_buf_add_text(&page, "</Key></Contents><EncodingType>url</EncodingType></ListBucketResult>");
    (void) ko_s3_read_page(ko_buf_slice(&page), compare_key, &key, &next, &err);
    KO_ASSERT(err.code == KO_OK);
    ko_buf_clear(&page);
    ko_buf_clear(&next);
}

static void
check_range(struct ko_slice text)
{
    struct ko_s3_range range;

    if (ko_s3_read_range(text, &range))
        KO_ASSERT(range.n > 0 && range.n <= range.total_bytes - range.first);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct ko_slice text = {(const char *) data, n};

    check_fault(text);
    check_page(text);
    check_encoding((struct ko_slice){text.data, n < 4096 ? n : 4096});
    check_range(text);
    KO_ASSERT(ko_mem_live() == 0);
    return 0;
}
