#include "keepone/aws/s3_text.h"
#include "keepone/aws/xml.h"

#include "percent_priv.h"

/* How the page's texts are written is said by one of its elements, which may come last. */
struct page {
    ko_s3_entry_fn *entry;
    void *self;
    struct ko_buf *next;
    bool is_encoded;

    /* Second reading. */
    bool is_page;
    bool is_truncated;
    struct ko_buf key;
    bool has_key;
    uint64_t size_bytes;
    bool has_size;
};

/* As in forms: "+" is a space. */
static void
add_decoded(struct ko_buf *out, struct ko_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.data[i] == '+' ? ' ' : text.data[i];

        if (ko_percent_decode(text, i, &c))
            i += 2;
        ko_buf_add_char(out, c);
    }
}

static void
set_key(struct page *page, struct ko_slice text)
{
    ko_buf_reset(&page->key);
    if (page->is_encoded)
        add_decoded(&page->key, text);
    else
        ko_buf_add_slice(&page->key, text);
    page->has_key = true;
}

static enum ko_code
end_entry(struct page *page, bool is_folder, struct ko_error *err)
{
    const struct ko_s3_entry entry = {.key = ko_buf_slice(&page->key),
                                      .size_bytes = is_folder ? 0 : page->size_bytes,
                                      .is_folder = is_folder};

    if (!page->has_key || (!is_folder && !page->has_size))
        return ko_fail(err, KO_E_CORRUPT, "an entry of the listing has no %s",
                       page->has_key ? "size" : "key");
    page->has_key = false;
    page->has_size = false;
    KO_TRY(ko_buf_finish(&page->key, err));
    KO_TRY(page->entry(page->self, &entry, err));

done:
    return err->code;
}

static enum ko_code
take_element(void *self, const char *path, struct ko_slice text, struct ko_error *err)
{
    static const char root[] = "ListBucketResult";
    struct page *const page = self;
    const char *name = path + sizeof root - 1;

    if (strncmp(path, root, sizeof root - 1) != 0)
        return KO_OK;
    if (*name == '\0')
        page->is_page = true;
    if (*name++ != '/')
        return KO_OK;
    if (strcmp(name, "Contents/Key") == 0 || strcmp(name, "CommonPrefixes/Prefix") == 0)
        set_key(page, text);
    else if (strcmp(name, "Contents/Size") == 0)
        page->has_size = ko_s3_read_number(text, &page->size_bytes);
    else if (strcmp(name, "Contents") == 0)
        return end_entry(page, false, err);
    else if (strcmp(name, "CommonPrefixes") == 0)
        return end_entry(page, true, err);
    else if (strcmp(name, "IsTruncated") == 0)
        page->is_truncated = ko_slice_equal(text, KO_SLICE("true"));
    else if (strcmp(name, "NextContinuationToken") == 0)
        ko_buf_add_slice(page->next, text);
    return KO_OK;
}

static enum ko_code
find_encoding(struct page *page, struct ko_slice body, struct ko_error *err)
{
    struct ko_buf encoding = {0};
    bool found = false;

    if (ko_xml_find(body, "ListBucketResult/EncodingType", &encoding, &found, err) == KO_OK)
        page->is_encoded = found && ko_slice_equal(ko_buf_slice(&encoding), KO_SLICE("url"));
    ko_buf_clear(&encoding);
    return err->code;
}

enum ko_code
ko_s3_read_page(struct ko_slice body, ko_s3_entry_fn *entry, void *self, struct ko_buf *next,
                struct ko_error *err)
{
    struct page page = {.entry = entry, .self = self, .next = next};

    ko_buf_reset(next);
    KO_TRY(find_encoding(&page, body, err));
    KO_TRY(ko_xml_read(body, take_element, &page, err));
    KO_TRY(ko_buf_finish(next, err));
    if (!page.is_page)
        (void) ko_fail(err, KO_E_CORRUPT, "the reply is no listing");
    else if (page.is_truncated && next->n == 0)
        (void) ko_fail(err, KO_E_CORRUPT, "the listing has more pages and does not say which");
    else if (!page.is_truncated)
        ko_buf_reset(next);

done:
    ko_buf_clear(&page.key);
    return err->code;
}
