/*
 * XML: the texts of a short document's elements, for the replies of S3 and STS.
 *
 * An element is named by the path of names from the root ("ListBucketResult/Contents/Key"), without
 * namespace prefixes; attributes, comments and processing instructions are passed over.  A document
 * type is refused, so that there are no entities but the five of XML and those by number.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_AWS_XML_H
#define KEEPONE_AWS_XML_H

#include <stdbool.h>

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

enum { KO_XML_DEPTH_MAX = 16, KO_XML_PATH_BYTES = 512, KO_XML_TEXT_MAX = 64 * 1024 };

/*
 * Called for each element, when it ends: children come before their parent.  text is all of an
 * element's own text, unescaped, as UTF-8; empty for an element that has children.  Both are
 * borrowed for the call.  What it returns, other than KO_OK, ends the reading.
 */
typedef enum ko_code ko_xml_element_fn(void *self, const char *path, struct ko_slice text,
                                       struct ko_error *err);

/*
 * Reads the document.  KO_E_CORRUPT: not well-formed, with a document type, or over one of the
 * limits above; the error names the line and none of the text.  KO_E_MEMORY; what `element`
 * returned.
 */
enum ko_code ko_xml_read(struct ko_slice document, ko_xml_element_fn *element, void *self,
                         struct ko_error *err);

/*
 * Adds the text of the first element with this path to out; *found = false, and no error, if there
 * is none.  For secrets: the caller wipes document and out; no other copy is left.
 */
enum ko_code ko_xml_find(struct ko_slice document, const char *path, struct ko_buf *out,
                         bool *found, struct ko_error *err);

#endif
