/* Percent-encoding of URLs and forms: each byte but letters, digits and "-_.~" as "%2F". */
#ifndef KEEPONE_AWS_PERCENT_PRIV_H
#define KEEPONE_AWS_PERCENT_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "keepone/base/buf.h"
#include "keepone/base/slice.h"

/* Adds the text, encoded; kept: one more character that stays as it is, '\0' = none. */
void ko_percent_encode(struct ko_buf *out, struct ko_slice text, char kept);

/* Sets *c to what the three bytes at this place stand for; false = not "%" and two digits. */
bool ko_percent_decode(struct ko_slice text, size_t at, char *c);

#endif
