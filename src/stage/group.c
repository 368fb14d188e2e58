#include "keepone/stage/group.h"

const char *
ko_doubt_name(enum ko_doubt doubt)
{
    switch (doubt) {
    case KO_DOUBT_PRIMARY_KEY:
        return "primary_key";
    case KO_DOUBT_MAX_GROUP:
        return "max_group";
    case KO_DOUBT_EXPIRED:
        return "expired";
    case KO_DOUBT_UNUSABLE:
        return "unusable";
    case KO_DOUBT_MIXED_TYPES:
        return "mixed_types";
    case KO_DOUBT_SAME:
        return "same";
    case KO_DOUBT_TTL:
        return "ttl";
    case KO_DOUBT_NONE:
        break;
    }
    return "none";
}

static void
raise_doubt(struct ko_group *group, enum ko_doubt doubt)
{
    if (doubt < group->doubt)
        group->doubt = doubt;
}

/* Expired records come last and unusable values lose, so the keeper shows whether there is a better
 * one. */
static void
judge_keeper(struct ko_group *group, const struct ko_rules *rules, const struct ko_record *keeper)
{
    if (rules->has_ttl && keeper->expires_s < rules->as_of_s)
        raise_doubt(group, KO_DOUBT_EXPIRED);
    if (rules->n_keep > 0 && !rules->keep_any && keeper->kinds.data[0] == KO_KEEP_UNUSABLE)
        raise_doubt(group, KO_DOUBT_UNUSABLE);
}

/* The latest time at which DynamoDB may expire the item. */
static int64_t
latest_expiry_s(const struct ko_rules *rules, const struct ko_record *record)
{
    return record->expires_s < rules->as_of_s - KO_EXPIRES_AGE_S ? KO_NEVER_EXPIRES
                                                                 : record->expires_s;
}

static enum ko_code
judge_loser(struct ko_group *group, const struct ko_rules *rules, const struct ko_record *keeper,
            const struct ko_record *loser, struct ko_error *err)
{
    bool agree;

    if (rules->max_group != 0 && group->n_members > rules->max_group)
        raise_doubt(group, KO_DOUBT_MAX_GROUP);
    for (size_t i = 0; i < rules->n_keep; i++) {
        const char a = keeper->kinds.data[i];
        const char b = loser->kinds.data[i];

        if (a != KO_KEEP_UNUSABLE && b != KO_KEEP_UNUSABLE && a != b)
            raise_doubt(group, KO_DOUBT_MIXED_TYPES);
    }
    if (rules->has_ttl && keeper->expires_s < latest_expiry_s(rules, loser))
        raise_doubt(group, KO_DOUBT_TTL);
    KO_TRY(ko_record_agree(rules, keeper, loser, &agree, err));
    if (!agree)
        raise_doubt(group, KO_DOUBT_SAME);

done:
    return err->code;
}

static enum ko_code
copy_bytes(struct ko_buf *to, const struct ko_record *record, struct ko_error *err)
{
    ko_buf_reset(to);
    ko_buf_add_slice(to, record->bytes);
    return ko_buf_finish(to, err);
}

enum ko_code
ko_group_begin(struct ko_group *group, const struct ko_rules *rules, const struct ko_record *record,
               struct ko_error *err)
{
    group->n_members = 1;
    group->n_folded = 0;
    group->doubt = KO_DOUBT_NONE;
    KO_TRY(copy_bytes(&group->keeper, record, err));
    judge_keeper(group, rules, record);

done:
    return err->code;
}

/* Places the record without judging it.  *keeper: the group's, decoded. */
static enum ko_code
place(struct ko_group *group, const struct ko_record *record, struct ko_record *keeper,
      enum ko_group_step *step, struct ko_error *err)
{
    struct ko_slice latest;

    KO_TRY(ko_record_decode(ko_buf_slice(&group->keeper), keeper, err));
    if (keeper->fingerprint != record->fingerprint || !ko_slice_equal(keeper->key, record->key)) {
        *step = KO_GROUP_OTHER;
        return KO_OK;
    }
    latest = ko_buf_slice(group->n_members == 1 ? &group->keeper : &group->latest);
    if (ko_slice_equal(latest, record->bytes)) {
        *step = KO_GROUP_FOLDED;
        group->n_folded++;
        return KO_OK;
    }
    *step = KO_GROUP_MEMBER;
    group->n_members++;
    KO_TRY(copy_bytes(&group->latest, record, err));

done:
    return err->code;
}

enum ko_code
ko_group_add(struct ko_group *group, const struct ko_rules *rules, const struct ko_record *record,
             enum ko_group_step *step, struct ko_error *err)
{
    struct ko_record keeper;

    KO_TRY(place(group, record, &keeper, step, err));
    if (*step == KO_GROUP_MEMBER)
        KO_TRY(judge_loser(group, rules, &keeper, record, err));

done:
    return err->code;
}

enum ko_code
ko_group_follow(struct ko_group *group, const struct ko_record *record, enum ko_group_step *step,
                struct ko_error *err)
{
    struct ko_record keeper;

    return place(group, record, &keeper, step, err);
}

void
ko_group_clear(struct ko_group *group)
{
    ko_buf_clear(&group->keeper);
    ko_buf_clear(&group->latest);
    *group = (struct ko_group){0};
}
