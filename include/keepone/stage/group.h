/*
 * Groups: records of equal key, met one after the other in the plan's order.
 *
 * The first record of a group is its keeper, every other distinct one a loser.  Records of
 * equal bytes are one item met twice and fold into one.  A group about which there is any doubt
 * goes to review as a whole, and nothing of it is deleted.
 *
 * Memory: two records, whatever the size of the group.
 *
 * Thread use: any.  MPI: none.
 */
#ifndef KEEPONE_STAGE_GROUP_H
#define KEEPONE_STAGE_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "keepone/base/buf.h"
#include "keepone/record/record.h"
#include "keepone/record/rules.h"

/* Why a group goes to review.  Where several hold, the smallest is told. */
enum ko_doubt {
    KO_DOUBT_PRIMARY_KEY = 1, /* a member's primary key was met with two contents */
    KO_DOUBT_MAX_GROUP,       /* more members than --max-group */
    KO_DOUBT_EXPIRED,         /* every member is expired by TTL */
    KO_DOUBT_UNUSABLE,        /* no member has a usable value for the first keep rule */
    KO_DOUBT_MIXED_TYPES,     /* min or max over values of different types */
    KO_DOUBT_SAME,            /* members disagree on a --same attribute */
    KO_DOUBT_TTL,             /* the keeper would expire before a loser */
    KO_DOUBT_NONE = 255
};

/* The word in review lines: "primary_key", "max_group", ... */
const char *ko_doubt_name(enum ko_doubt doubt);

/* {0} is ready; clear with ko_group_clear(). */
struct ko_group {
    struct ko_buf keeper; /* bytes of the first record */
    struct ko_buf latest; /* bytes of the member added last, from the second on */
    uint64_t n_members;   /* distinct records */
    uint64_t n_folded;
    enum ko_doubt doubt; /* over the members so far */
};

/* What ko_group_add() did with a record. */
enum ko_group_step {
    KO_GROUP_FOLDED, /* equal to the one before: nothing but n_folded changed */
    KO_GROUP_MEMBER, /* another member of the group */
    KO_GROUP_OTHER   /* the record is of another key: end this group and begin the next with it */
};

/* Starts a group with its first record, forgetting the one before. */
enum ko_code ko_group_begin(struct ko_group *group, const struct ko_rules *rules,
                            const struct ko_record *record, struct ko_error *err);

enum ko_code ko_group_add(struct ko_group *group, const struct ko_rules *rules,
                          const struct ko_record *record, enum ko_group_step *step,
                          struct ko_error *err);

/* Like _add, without looking for doubts: for a walk over groups that are decided already. */
enum ko_code ko_group_follow(struct ko_group *group, const struct ko_record *record,
                             enum ko_group_step *step, struct ko_error *err);

void ko_group_clear(struct ko_group *group);

#endif
