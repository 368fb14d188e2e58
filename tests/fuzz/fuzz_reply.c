/*
 * Replies of AWS: headers are found inside the text they were received in, error texts are short,
 * printable and end in NUL, and a table that is described has a key.
 */
#include "keepone/aws/fault.h"
#include "keepone/aws/http.h"
#include "keepone/aws/table.h"
#include "keepone/base/mem.h"
#include "keepone/format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_header(struct ko_slice text)
{
    static const char *const names[] = {"x-amz-crc32", "Date", ""};
    const struct ko_http_response response = {.headers = text};
    int64_t wall_us = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct ko_slice value = ko_http_header(&response, names[i]);

        KO_ASSERT(value.data == NULL ||
                  (value.data >= text.data && value.data + value.n <= text.data + text.n));
        KO_ASSERT(value.n == 0 || memchr(value.data, '\n', value.n) == NULL);
    }
    KO_ASSERT(!ko_http_date(&response, &wall_us) || wall_us > 0);
}

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
    struct ko_fault_text fault;
    enum ko_fault class_of_status;

    ko_fault_read(text, &fault);
    check_printable(fault.error_code, sizeof fault.error_code);
    check_printable(fault.message, sizeof fault.message);
    class_of_status = ko_fault_of(ko_slice_of(fault.error_code), 400);
    KO_ASSERT(class_of_status > KO_FAULT_NONE && class_of_status <= KO_FAULT_OTHER);
}

static void
check_table(struct ko_slice text)
{
    struct ko_table table = {0};
    struct ko_error errs[3] = {0};

    if (ko_table_read_description(text, &table, &errs[0]) == KO_OK)
        KO_ASSERT(table.name[0] != '\0' && table.hash.name[0] != '\0' &&
                  table.has_range == (table.range.name[0] != '\0'));
    (void) ko_table_read_ttl(text, &table, &errs[1]);
    (void) ko_table_read_pitr(text, &table, &errs[2]);
    for (size_t i = 0; i < 3; i++)
        KO_ASSERT(errs[i].code == KO_OK || errs[i].code == KO_E_CORRUPT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct ko_slice text = {(const char *) data, n};

    check_header(text);
    check_fault(text);
    check_table(text);
    KO_ASSERT(ko_mem_live() == 0);
    return 0;
}
