#include "keepone/aws/xml.h"

#include "support/test.h"

/* "path=text;" for each element. */
static enum ko_code
note_element(void *self, const char *path, struct ko_slice text, struct ko_error *err)
{
    struct ko_buf *const notes = self;

    ko_buf_add_format(notes, "%s=", path);
    ko_buf_add_slice(notes, text);
    ko_buf_add_char(notes, ';');
    return ko_buf_finish(notes, err);
}

static void
check_notes(const char *document, const char *expected)
{
    struct ko_buf notes = {0};
    struct ko_error err = {0};

    (void) ko_xml_read(ko_slice_of(document), note_element, &notes, &err);
    CHECK_OK(err);
    CHECK_SLICE(ko_buf_slice(&notes), expected);
    ko_buf_clear(&notes);
}

static void
check_refused(struct ko_slice document, const char *part)
{
    struct ko_buf notes = {0};
    struct ko_error err = {0};

    (void) ko_xml_read(document, note_element, &notes, &err);
    CHECK_CODE(err, KO_E_CORRUPT);
    CHECK_ERROR_SAYS(err, part);
    ko_buf_clear(&notes);
}

static void
elements_come_as_they_end_with_their_path_and_text(void)
{
    check_notes("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a><b>1</b>\n <c><b>2</b></c></a>\n",
                "a/b=1;a/c/b=2;a/c=;a=;");
}

static void
escaped_characters_are_put_back(void)
{
    check_notes("<a>&quot;x&quot; &amp; &lt;&#x20ac;&#65;&gt;<![CDATA[&lt;]]></a>",
                "a=\"x\" & <€A>&lt;;");
}

static void
white_space_of_a_text_is_kept(void)
{
    check_notes("<a><k> x\n</k><e/></a>", "a/k= x\n;a/e=;a=;");
}

static void
namespaces_attributes_and_comments_are_passed_over(void)
{
    check_notes("<s:a xmlns:s='urn:x' xmlns='urn:y' z='1'><!-- c --><s:b>t</s:b><?p i?></s:a>",
                "a/b=t;a=;");
}

static void
a_document_type_is_refused(void)
{
    check_refused(KO_SLICE("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>"), "document type");
    check_refused(KO_SLICE("<!DOCTYPE html><html/>"), "document type");
}

static void
what_is_not_whole_is_refused(void)
{
    check_refused(KO_SLICE(""), "not XML");
    check_refused(KO_SLICE("{\"a\":1}"), "not XML");
    check_refused(KO_SLICE("<a><b></a>"), "not XML");
    check_refused(KO_SLICE("<a><b>text</b>"), "not XML");
    check_refused(KO_SLICE("<a>\xff</a>"), "not XML");
    check_refused(KO_SLICE("<a>&e;</a>"), "not XML");
}

static void
depth_and_length_are_bounded(void)
{
    struct ko_buf document = {0};

    for (unsigned i = 0; i <= KO_XML_DEPTH_MAX; i++)
        ko_buf_add_text(&document, "<a>");
    check_refused(ko_buf_slice(&document), "nested too deep");
    ko_buf_reset(&document);
    ko_buf_add_char(&document, '<');
    for (unsigned i = 0; i < KO_XML_PATH_BYTES; i++)
        ko_buf_add_char(&document, 'x');
    ko_buf_add_text(&document, "/>");
    check_refused(ko_buf_slice(&document), "nested too deep");
    ko_buf_reset(&document);
    ko_buf_add_text(&document, "<a>");
    for (unsigned i = 0; i <= KO_XML_TEXT_MAX; i++)
        ko_buf_add_char(&document, 'x');
    check_refused(ko_buf_slice(&document), "too long");
    ko_buf_clear(&document);
}

static enum ko_code
stop_at_b(void *self, const char *path, struct ko_slice text, struct ko_error *err)
{
    unsigned *const n_calls = self;

    (void) text;
    (*n_calls)++;
    return strcmp(path, "a/b") == 0 ? ko_fail(err, KO_E_REFUSED, "enough") : KO_OK;
}

static void
a_failure_of_the_caller_ends_the_reading(void)
{
    struct ko_error err = {0};
    unsigned n_calls = 0;

    (void) ko_xml_read(KO_SLICE("<a><x/><b/><c/></a>"), stop_at_b, &n_calls, &err);
    CHECK_CODE(err, KO_E_REFUSED);
    CHECK_TEXT(err.text, "enough");
    assert_int_equal(n_calls, 2);
}

static void
one_text_is_found_by_its_path(void)
{
    const struct ko_slice document = KO_SLICE("<r><u><k>1</k></u><c><k>2</k><k>3</k></c></r>");
    struct ko_buf text = {0};
    struct ko_error err = {0};
    bool found = false;

    (void) ko_xml_find(document, "r/c/k", &text, &found, &err);
    CHECK_OK(err);
    assert_true(found);
    CHECK_SLICE(ko_buf_slice(&text), "2");
    (void) ko_xml_find(document, "r/k", &text, &found, &err);
    CHECK_OK(err);
    assert_false(found);
    ko_buf_clear(&text);
}

static void
every_failed_allocation_is_reported(void)
{
    const struct ko_slice document = KO_SLICE("<a><b>text</b><c x='1'>more</c></a>");
    unsigned n = 0;

    for (struct ko_error err = {.code = KO_E_MEMORY}; err.code != KO_OK; n++) {
        struct ko_buf notes = {0};

        err = (struct ko_error){0};
        ko_mem_fail_nth(n + 1);
        (void) ko_xml_read(document, note_element, &notes, &err);
        ko_mem_fail_nth(0);
        if (err.code != KO_OK)
            CHECK_CODE(err, KO_E_MEMORY);
        ko_buf_clear(&notes);
    }
    assert_true(n > 3);
}

CASES = {
    CASE(elements_come_as_they_end_with_their_path_and_text),
    CASE(escaped_characters_are_put_back),
    CASE(white_space_of_a_text_is_kept),
    CASE(namespaces_attributes_and_comments_are_passed_over),
    CASE(a_document_type_is_refused),
    CASE(what_is_not_whole_is_refused),
    CASE(depth_and_length_are_bounded),
    CASE(a_failure_of_the_caller_ends_the_reading),
    CASE(one_text_is_found_by_its_path),
    CASE(every_failed_allocation_is_reported),
};
RUN_CASES
