/* Items of lines (lines.h) as claims of an intake. */
#ifndef KEEPONE_TESTS_SUPPORT_CLAIMS_H
#define KEEPONE_TESTS_SUPPORT_CLAIMS_H

#include "keepone/stage/intake.h"
#include "support/lines.h"

/* Gives the intake all items of the lines as one claim. */
static inline enum ko_code
claim_read(struct ko_intake *intake, const struct ko_rules *rules, uint64_t claim_index,
           const char *lines, struct ko_error *err)
{
    struct line_reader *reader;
    struct ko_source source = line_source(ko_slice_of(lines), rules, &reader, err);
    struct ko_slice values[KO_LOOKED_MAX];
    bool has_item;

    KO_TRY(err->code);
    KO_TRY(source.ops->begin(source.self, 0, err));
    ko_intake_begin(intake);
    for (;;) {
        KO_TRY(source.ops->next(source.self, values, &has_item, err));
        if (!has_item)
            break;
        KO_TRY(ko_intake_add(intake, values, err));
    }
    KO_TRY(ko_intake_end(intake, claim_index, err));

done:
    if (source.ops != NULL)
        source.ops->free(source.self);
    return err->code;
}

#endif
