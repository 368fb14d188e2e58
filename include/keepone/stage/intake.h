/*
 * Intake: what a rank keeps of the items it reads, whatever they are read from.
 *
 * For each item: is it keyed?  Then its fingerprint is added to the repeats, and, while
 * memory lasts, its looked-at values to the *row log* (row_log.h).  The log makes the second look
 * at the candidates cheap; a claim that did not fit whole is read again from its source instead (an
 * export file, or the row file of a finished segment).  Both ways give the same plan.
 *
 * Thread use: one thread per rank.  MPI: collective where said.
 */
#ifndef KEEPONE_STAGE_INTAKE_H
#define KEEPONE_STAGE_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/error.h"
#include "keepone/base/slice.h"
#include "keepone/record/rules.h"
#include "keepone/stage/counts.h"
#include "keepone/stage/repeats.h"

struct ko_world;
struct ko_intake; /* opaque; owned by the caller of _new */

/* A claim of this rank that was read to its end. */
struct ko_intake_claim {
    uint64_t index;
    uint64_t n_items; /* added: with a key or without */
    bool is_logged;
};

struct ko_intake_options {
    const struct ko_rules *rules; /* borrowed */
    bool may_lack_attributes;     /* no typo guard */
    uint64_t repeats_bytes;       /* for fingerprints */
    const char *folder;           /* for those that do not fit; borrowed; NULL: KO_E_MEMORY */
    uint64_t log_bytes;           /* for the row log; 0 = no log: every claim is read again */
};

struct ko_intake *ko_intake_new(const struct ko_intake_options *options, struct ko_error *err);
void ko_intake_free(struct ko_intake *intake);

/* Brackets the items of a claim; one is open at a time. */
void ko_intake_begin(struct ko_intake *intake);
enum ko_code ko_intake_end(struct ko_intake *intake, uint64_t claim_index, struct ko_error *err);

/* Takes one item: values[n_looked] as ko_rules_look() gives them; copied as needed. */
enum ko_code ko_intake_add(struct ko_intake *intake, const struct ko_slice *values,
                           struct ko_error *err);

/* Items that the source left out because they did not match --where. */
void ko_intake_add_filtered(struct ko_intake *intake, uint64_t n_items);

/*
 * Collective, after reading: sums counts (read, filtered, missing), refuses a key, keep or same
 * attribute that no item has (KO_E_OPTION) and, with KO_MISSING_ERROR, any item without a key
 * (KO_E_REFUSED); then finds the repeats.
 */
enum ko_code ko_intake_finish(struct ko_intake *intake, struct ko_world *world,
                              struct ko_repeats_stats *stats, struct ko_error *err);

/* This rank's counts so far: read, filtered, missing. Borrowed. */
const struct ko_counts *ko_intake_counts(const struct ko_intake *intake);

/* This rank's ended claims in order; those in the log come first.  Borrowed. */
const struct ko_intake_claim *ko_intake_claims(const struct ko_intake *intake, size_t *n_claims);

/*
 * After finish, the items once more in the order in which they were added.  First those of the log:
 * goes over `most` items at most, up to the next candidate.  *n_items: how many that were, the
 * candidate with them; 0 at the end of the log.  With *is_candidate _logged_values sets its
 * values[n_looked], borrowed until the next call.
 */
enum ko_code ko_intake_next_logged(struct ko_intake *intake, uint64_t most, uint64_t *n_items,
                                   bool *is_candidate, struct ko_error *err);
enum ko_code ko_intake_logged_values(struct ko_intake *intake, struct ko_slice *values,
                                     struct ko_error *err);

/* Then those of the other claims, which the caller reads again.  _pass goes over `most` of them at
 * most, up to the next candidate, which _next tells. */
enum ko_code ko_intake_pass(struct ko_intake *intake, uint64_t most, uint64_t *n_passed,
                            struct ko_error *err);
enum ko_code ko_intake_next(struct ko_intake *intake, struct ko_repeats_answer *answer,
                            struct ko_error *err);

/* How many items this rank added to the repeats: read - filtered - missing. */
uint64_t ko_intake_n_keyed(const struct ko_intake *intake);

#endif
