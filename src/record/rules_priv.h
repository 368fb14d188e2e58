/*
 * Reading the texts of the options into rules under construction.
 */
#ifndef KEEPONE_RECORD_RULES_PRIV_H
#define KEEPONE_RECORD_RULES_PRIV_H

#include "keepone/record/rules.h"

/*
 * Finds the path among the looked ones or adds it behind them.  Until the rules are numbered,
 * path indexes are in the order of arrival.
 */
enum ko_code ko_rules_add_path(struct ko_rules *rules, const struct ko_path *path,
                               size_t *path_index, struct ko_error *err);

/* One option each: --key, --keep, --same; the text is given (not absent).  KO_E_OPTION. */
enum ko_code ko_rules_read_key(struct ko_rules *rules, struct ko_slice text, struct ko_error *err);
enum ko_code ko_rules_read_keep(struct ko_rules *rules, struct ko_slice text, struct ko_error *err);
enum ko_code ko_rules_read_same(struct ko_rules *rules, struct ko_slice text, struct ko_error *err);

#endif
