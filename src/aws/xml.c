#include "keepone/aws/xml.h"

#include <expat.h>
#include <limits.h>

#include "keepone/base/mem.h"

struct reader {
    XML_Parser parser;
    ko_xml_element_fn *element;
    void *self;
    struct ko_error *err;

    char path[KO_XML_PATH_BYTES]; /* of the element that is open */
    size_t path_n;
    unsigned depth;
    bool has_children; /* of the element that ends next */
    struct ko_buf text;
};

static void *
take_memory(size_t n)
{
    struct ko_error ignored = {0}; /* the parser says so itself */

    return ko_alloc(n, &ignored);
}

static void *
take_more_memory(void *block, size_t n)
{
    struct ko_error ignored = {0};

    return ko_realloc(block, n, &ignored);
}

/* No handler is called after this. */
static void
stop(struct reader *reader)
{
    (void) XML_StopParser(reader->parser, XML_FALSE);
}

static void
refuse(struct reader *reader, const char *what)
{
    (void) ko_fail(reader->err, KO_E_CORRUPT, "%s in line %lu of the XML document", what,
                   (unsigned long) XML_GetCurrentLineNumber(reader->parser));
    stop(reader);
}

static const char *
without_prefix(const char *name)
{
    const char *const colon = strchr(name, ':');

    return colon == NULL ? name : colon + 1;
}

static void
start_element(void *self, const char *name, const char **attributes)
{
    struct reader *const reader = self;
    const char *const local = without_prefix(name);
    const size_t n = strlen(local);

    (void) attributes;
    if (reader->depth == KO_XML_DEPTH_MAX || n + 2 > sizeof reader->path - reader->path_n) {
        refuse(reader, "elements are nested too deep");
        return;
    }
    if (reader->depth++ > 0)
        reader->path[reader->path_n++] = '/';
    memcpy(reader->path + reader->path_n, local, n + 1);
    reader->path_n += n;
    reader->has_children = false;
    ko_buf_reset(&reader->text);
}

static void
end_element(void *self, const char *name)
{
    struct reader *const reader = self;

    if (reader->has_children)
        ko_buf_reset(&reader->text);
    if (ko_buf_finish(&reader->text, reader->err) != KO_OK ||
        reader->element(reader->self, reader->path, ko_buf_slice(&reader->text), reader->err) !=
            KO_OK) {
        stop(reader);
        return;
    }
    reader->path_n -= strlen(without_prefix(name));
    if (--reader->depth > 0)
        reader->path_n--;
    reader->path[reader->path_n] = '\0';
    reader->has_children = true;
}

static void
add_text(void *self, const char *text, int n)
{
    struct reader *const reader = self;

    if ((size_t) n > KO_XML_TEXT_MAX - reader->text.n)
        refuse(reader, "a text is too long");
    else if (!reader->has_children)
        ko_buf_add(&reader->text, text, (size_t) n);
}

/* Entities can only be declared behind this. */
static void
refuse_type(void *self, const char *name, const char *system_id, const char *public_id, int has_set)
{
    (void) name;
    (void) system_id;
    (void) public_id;
    (void) has_set;
    refuse(self, "there is a document type");
}

static enum ko_code
parse(struct reader *reader, struct ko_slice document)
{
    enum XML_Error rc;

    if (document.n > INT_MAX)
        return ko_fail(reader->err, KO_E_CORRUPT, "the XML document is too long");
    if (XML_Parse(reader->parser, document.data, (int) document.n, XML_TRUE) == XML_STATUS_OK)
        return KO_OK;
    rc = XML_GetErrorCode(reader->parser);
    if (rc == XML_ERROR_NO_MEMORY)
        return ko_fail(reader->err, KO_E_MEMORY, "no memory for reading an XML document");
    return ko_fail(reader->err, KO_E_CORRUPT, "the reply is not XML: %s in line %lu",
                   XML_ErrorString(rc), (unsigned long) XML_GetCurrentLineNumber(reader->parser));
}

enum ko_code
ko_xml_read(struct ko_slice document, ko_xml_element_fn *element, void *self, struct ko_error *err)
{
    static const XML_Memory_Handling_Suite memory = {take_memory, take_more_memory, ko_free};
    struct reader reader = {.element = element, .self = self, .err = err};

    reader.parser = XML_ParserCreate_MM("UTF-8", &memory, NULL);
    if (reader.parser == NULL)
        return ko_fail(err, KO_E_MEMORY, "no memory for reading an XML document");
    XML_SetUserData(reader.parser, &reader);
    XML_SetElementHandler(reader.parser, start_element, end_element);
    XML_SetCharacterDataHandler(reader.parser, add_text);
    XML_SetStartDoctypeDeclHandler(reader.parser, refuse_type);
    (void) parse(&reader, document);
    XML_ParserFree(reader.parser);
    ko_buf_wipe(&reader.text);
    return err->code;
}

struct search {
    const char *path;
    struct ko_buf *out;
    bool found;
};

static enum ko_code
take_found(void *self, const char *path, struct ko_slice text, struct ko_error *err)
{
    struct search *const search = self;

    if (search->found || strcmp(path, search->path) != 0)
        return KO_OK;
    search->found = true;
    ko_buf_add_slice(search->out, text);
    return ko_buf_finish(search->out, err);
}

enum ko_code
ko_xml_find(struct ko_slice document, const char *path, struct ko_buf *out, bool *found,
            struct ko_error *err)
{
    struct search search = {.path = path, .out = out};

    (void) ko_xml_read(document, take_found, &search, err);
    *found = search.found && err->code == KO_OK;
    return err->code;
}
