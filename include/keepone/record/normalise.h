/*
 * Normalisers: how texts that a person would call the same become equal bytes.
 *
 * Applied in a fixed order, whatever the order given: nfkc (NFKC with casefolding), lower (Unicode
 * lower case), space (each run of white space becomes one space), trim (white space at both ends
 * goes). White space is Unicode's White_Space.  Only S values are changed; others pass as they are.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_RECORD_NORMALISE_H
#define KEEPONE_RECORD_NORMALISE_H

#include "keepone/base/buf.h"
#include "keepone/base/error.h"
#include "keepone/base/slice.h"

/*
 * Adds the normalised form of UTF-8 text to out; normalising that again changes nothing.
 * normalisers: set of enum ko_normaliser (rules.h).  text must not lie in out.
 * KO_E_CORRUPT: not UTF-8.
 */
enum ko_code ko_normalise(struct ko_slice text, unsigned normalisers, struct ko_buf *out,
                          struct ko_error *err);

#endif
